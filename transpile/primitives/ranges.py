"""Numbers between two ends, and grids, in the forms for which they have no template."""

from __future__ import annotations

from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.table import definition

definition(
    "np.linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0)",
    "ranges.linspace", wrt=("start", "stop"),
    samples=lambda rng: [
        ((s.anything(rng, ()), s.anything(rng, ()), 4), {"retstep": True}),
        ((s.anything(rng, (2,)), s.anything(rng, ()), 3), {"axis": -1}),
        ((s.anything(rng, ()), 2.5, 3), {"dtype": "float64", "endpoint": False}),
    ],
)  # fmt: skip
definition(
    "np.logspace(start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0)",
    "ranges.logspace", wrt=("start", "stop", "base"),
    samples=lambda rng: [
        (s.anything(rng, ()), s.anything(rng, ()), 4), (s.inside(rng, (2,)), s.inside(rng, ()), 3),
        ((s.inside(rng, ()), s.inside(rng, ()), 4), {"endpoint": False, "base": 2.5}),
        ((s.inside(rng, ()), s.inside(rng, (2,)), 4), {"axis": 1, "base": s.positive(rng, (2,))}),
    ],
)  # fmt: skip
definition(
    "np.geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0)", "ranges.geomspace",
    wrt=("start", "stop"),
    samples=lambda rng: [
        (s.positive(rng, ()), s.positive(rng, ()), 4), (-1.5, -20.5, 3),
        ((s.positive(rng, (2,)), s.positive(rng, ()), 3), {"endpoint": False, "axis": 1}),
    ],
)  # fmt: skip
definition(
    'np.meshgrid(*xi, copy=True, sparse=False, indexing="xy")', "ranges.meshgrid", wrt="xi",
    samples=s.arrays(
        ((3,), (2,)), ((3,),), (((3,), (2,)), {"indexing": "ij"}), ((2,), (3,), (4,)),
        (((3,), (2,)), {"sparse": True}), ((0,), (2,)), ((), (2,)),
    ),
)  # fmt: skip
