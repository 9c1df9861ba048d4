"""Elements chosen from several arrays, and values that replace others."""

from __future__ import annotations

from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.table import definition


def cases(rng: s.Rng) -> list:
    """Conditions, choices and what holds otherwise."""
    import numpy as np

    x, y, m = s.anything(rng, (3,)), s.anything(rng, (3,)), s.anything(rng, (2, 3))
    first, second = np.array([True, False, False]), np.array([True, True, False])
    return [
        ([first, second], [x, y]), ([first], [m], s.anything(rng, ())), ([second, first], [x, 2.0], y),
    ]  # fmt: skip


definition(
    "np.select(condlist, choicelist, default=0)", "choosing.select", wrt=("choicelist", "default"),
    samples=cases,
)  # fmt: skip


def choices(rng: s.Rng) -> list:
    """Indices and what they choose from."""
    import numpy as np

    x, y, m = s.anything(rng, (3,)), s.anything(rng, (3,)), s.anything(rng, (2, 3))
    index = np.array([0, 1, 1])
    return [
        (index, [x, y]), (index, m), (np.array(1), [x, y]), (index, [m, y]),
        ((np.array([-1, 2, 4]), [x, y]), {"mode": "wrap"}),
        ((np.array([-1, 2, 0]), [x, y]), {"mode": "clip"}),
    ]  # fmt: skip


definition(
    'np.choose(a, choices, *, mode="raise")', "choosing.choose", wrt="choices", samples=choices
)


def conditions(rng: s.Rng) -> list:
    """A condition and an array."""
    import numpy as np

    return [
        (np.array([True, False, True]), s.anything(rng, (3,))),
        (np.array([0, 1]), s.anything(rng, (3,))), (np.array([False]), s.anything(rng, (2,))),
    ]  # fmt: skip


definition(
    "np.compress(condition, a, axis=None)", "choosing.compress", wrt="a",
    samples=lambda rng: [
        *conditions(rng), (([False, True], s.anything(rng, (2, 3))), {"axis": 0}),
        (([True, False, True], s.anything(rng, (2, 3)), 1), {}),
    ],
)  # fmt: skip
definition("np.extract(condition, arr)", "choosing.extract", wrt="arr", samples=conditions)


def odd_values(rng: s.Rng) -> list:
    """Numbers beside what is none."""
    import numpy as np

    x = np.array([1.5, np.nan, np.inf, -np.inf])
    return [
        ((x,), {"nan": 0.5}), ((x,), {"posinf": 3.0}), ((x, True, 0.25), {"neginf": -1.0}),
        ((s.anything(rng, (2, 3)),), {"nan": 2.0}), ((x[:1],), {"copy": True}),
    ]  # fmt: skip


definition(
    "np.nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None)", "choosing.nan_to_num",
    wrt=("x", "nan", "posinf", "neginf"), samples=odd_values,
)  # fmt: skip
definition(
    "np.angle(z, deg=False)", "choosing.angle", wrt="z",
    samples=s.calls(((3,), {"deg": False}), make=s.apart()),
)  # fmt: skip
definition(
    "np.real_if_close(a, tol=100)", "choosing.real_if_close", wrt="a",
    samples=s.calls(((), {}), ((2, 3), {})),
)  # fmt: skip
