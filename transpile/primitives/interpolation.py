"""Values between points."""

from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.table import definition


def between_points(rng: s.Rng) -> list:
    """Places inside, outside and in no place, points in order, values."""
    import numpy as np

    points, values = np.sort(s.distinct(rng, (5,))), s.anything(rng, (5,))
    x = np.array([-2.03, -0.31, 0.11, 0.52, 3.07])
    angles = np.array([0.3, 1.9, 3.1, 5.2])
    return [
        (x, points, values), (0.13, points, values), (x.reshape(5, 1)[:2], points, values),
        ((x, points, values), {"left": -1.5, "right": 2.5}), (x[:0], points, values),
        ((x, angles, values[:4]), {"period": 6.28}), (x, points[:1], values[:1]),
        ((x, angles[::-1], values[:4]), {"period": -4.1}),
    ]  # fmt: skip


definition(
    "np.interp(x, xp, fp, left=None, right=None, period=None)", "interpolation.interp",
    wrt=("x", "xp", "fp", "left", "right"), samples=between_points,
)  # fmt: skip
