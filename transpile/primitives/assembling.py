"""Arrays made of parts of others."""

from __future__ import annotations

from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.table import definition

definition(
    "np.append(arr, values, axis=None)", "assembling.append", wrt=("arr", "values"),
    samples=s.arrays(((3,), (2,)), ((2, 2), ()), (((2, 3), (1, 3)), {"axis": 0}), ((0,), (2,))),
)  # fmt: skip


def insertions(rng: s.Rng) -> list:
    """Places by number, slice, list and mask."""
    import numpy as np

    v, m = s.anything(rng, (4,)), s.anything(rng, (2, 3))
    one, two = s.anything(rng, ()), s.anything(rng, (2,))
    return [
        (v, 1, one), (v, -1, two), (v, [0, 3], two), (v, [2, 2], two), (v, [2], one),
        (v, slice(1, 3), two), (v, 4, one), (m, 5, one), ((m, 1, two), {"axis": 1}),
        ((m, 0, s.anything(rng, (3,))), {"axis": 0}), ((m, [0, 2], two), {"axis": 1}),
        ((m, [1], s.anything(rng, (2, 1))), {"axis": 1}), (v, [3, 0, 1], s.anything(rng, (3,))),
        (v, np.array([True, False, True, False]), two), (v, [], v[:0]),
        ((m, 1, s.anything(rng, (2, 3))), {"axis": 0}),
    ]  # fmt: skip


definition(
    "np.insert(arr, obj, values, axis=None)", "assembling.insert", wrt=("arr", "values"),
    samples=insertions,
)  # fmt: skip


def deletions(rng: s.Rng) -> list:
    """The same without values."""
    import numpy as np

    v, m = s.anything(rng, (4,)), s.anything(rng, (2, 3))
    return [
        (v, 1), (v, -1), (v, [0, 3]), (v, slice(None, None, 2)), (m, 4), ((m, 1), {"axis": 1}),
        (v, np.array([True, False, True, False])), ((m, [0, 0]), {"axis": 0}), (v, []),
    ]  # fmt: skip


definition("np.delete(arr, obj, axis=None)", "assembling.delete", wrt="arr", samples=deletions)
definition(
    "np.resize(a, new_shape)", "assembling.resize", wrt="a",
    samples=lambda rng: [
        (s.anything(rng, (3,)), 5), (s.anything(rng, (2, 3)), (2, 2)), (s.anything(rng, (2,)), (0,)),
        (s.anything(rng, ()), (2, 2)),
    ],
)  # fmt: skip
definition(
    "np.dsplit(ary, indices_or_sections)", "assembling.dsplit", wrt="ary",
    samples=lambda rng: [(s.anything(rng, (2, 2, 4)), 2), (s.anything(rng, (1, 2, 3)), [1])],
)  # fmt: skip


def blocks(rng: s.Rng) -> list:
    """Nested lists."""
    a, b = s.anything(rng, (2, 2)), s.anything(rng, (2, 1))
    v = s.anything(rng, (3,))
    return [([[a, b], [b, a]],), ([v, v],), ([[v], [v]],), ([1.5, v],)]


definition("np.block(arrays)", "assembling.block", wrt="arrays", samples=blocks)
definition(
    "np.broadcast_arrays(*args)", "assembling.broadcast_arrays", wrt="args",
    samples=s.arrays(((3,), (2, 1)), ((), (2,)), ((2,),), ((2, 1), (3,), ())),
)  # fmt: skip
definition(
    "np.rollaxis(a, axis, start=0)", "assembling.rollaxis", wrt="a",
    samples=lambda rng: [
        (s.anything(rng, (2, 3, 4)), 2), (s.anything(rng, (2, 3, 4)), 0, 2),
        (s.anything(rng, (2, 3, 4)), -1, 1), (s.anything(rng, (2, 3, 4)), 1, -1),
    ],
)  # fmt: skip
definition(
    "np.unstack(x, *, axis=0)", "assembling.unstack", wrt="x",
    samples=s.calls(((2, 3), {}), ((2, 3), {"axis": 1}), ((3,), {})),
)  # fmt: skip
definition(
    "np.sort(a, axis=-1, kind=None, order=None, *, stable=None)", "assembling.sort", wrt="a",
    samples=s.calls(
        ((4,), {"kind": "stable"}), ((2, 3), {"axis": None, "stable": True}), make=s.distinct
    ),
)  # fmt: skip
definition(
    "np.cross(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None)", "assembling.cross", wrt=("a", "b"),
    samples=s.arrays(
        (((3, 2), (2, 3)), {"axisa": 0}), (((3, 2), (3, 2)), {"axisa": 0, "axisb": 0, "axisc": 0}),
    ),
)  # fmt: skip
