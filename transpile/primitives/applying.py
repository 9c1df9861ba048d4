"""Functions of arrays that call a function of the user's."""

from __future__ import annotations

from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.table import definition


def pieces(rng: s.Rng) -> list:
    """Conditions, functions and constants."""
    import numpy as np

    x = np.array([-1.5, 0.0, 0.7, 2.3])
    return [
        (x, [x < 0, x > 0], [np.square, np.reciprocal]), (x, [x > 0], [np.log, 2.5]), (x, x > 0, [np.sin]),
    ]  # fmt: skip


def lines(rng: s.Rng) -> list:
    """Functions that give a number or a line."""
    import numpy as np

    m = s.anything(rng, (2, 3))
    return [
        (np.sum, 0, m), (np.cumsum, 1, m), (np.cumsum, 0, m), (np.prod, -1, s.anything(rng, (2, 2, 3))),
        (np.multiply, 1, m, 1.5),
    ]  # fmt: skip


def over_axes(rng: s.Rng) -> list:
    """Reductions."""
    import numpy as np

    return [(np.sum, s.anything(rng, (2, 3, 2)), (0, 2)), (np.mean, s.anything(rng, (2, 3)), 1)]


definition(
    "np.apply_along_axis(func1d, axis, arr, *args)", "applying.apply_along_axis", wrt=("arr", "args"),
    samples=lines,
)  # fmt: skip
definition(
    "np.apply_over_axes(func, a, axes)", "applying.apply_over_axes", wrt="a", samples=over_axes
)
definition(
    "np.piecewise(x, condlist, funclist, *args)", "applying.piecewise", wrt=("x", "args"),
    samples=pieces,
)  # fmt: skip
definition(
    "np.fromfunction(function, shape, *, dtype=float)", "ranges.fromfunction",
    samples=lambda rng: [(abs, (3,))],
)  # fmt: skip
