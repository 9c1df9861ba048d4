"""Numbers of elements, or their weights, in bins."""

from __future__ import annotations

from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.table import definition


def counted(rng: s.Rng) -> list:
    """Numbers, with weights and without."""
    import numpy as np

    x = np.array([0, 3, 1, 3])
    return [(x,), (x, s.anything(rng, (4,))), ((x, s.anything(rng, (4,))), {"minlength": 6})]


definition(
    "np.bincount(x, weights=None, minlength=0)",
    "histograms.bincount",
    wrt="weights",
    samples=counted,
)


def binned(rng: s.Rng) -> list:
    """Bins by number and by edges, outliers, weights."""
    import numpy as np

    x, w = s.distinct(rng, (8,)), s.positive(rng, (8,))
    edges = np.array([-1.0, -0.2, 0.3, 1.03])
    return [
        ((x, edges), {"weights": w}), ((x, 4), {"weights": w}), (x, edges),
        ((x, edges), {"weights": w, "density": True}), ((x, 3), {}),
    ]  # fmt: skip


definition(
    "np.histogram(a, bins=10, range=None, density=None, weights=None)", "histograms.histogram",
    wrt=("a", "weights"), samples=binned,
)  # fmt: skip
definition(
    "np.histogram2d(x, y, bins=10, range=None, density=None, weights=None)",
    "histograms.histogram2d", wrt=("x", "y", "weights"),
    samples=lambda rng: [
        ((s.distinct(rng, (6,)), s.distinct(rng, (6,)), [2, 3]), {"weights": s.positive(rng, (6,))}),
        ((s.distinct(rng, (6,)), s.distinct(rng, (6,)), 2), {"density": True}),
    ],
)  # fmt: skip
definition(
    "np.histogramdd(sample, bins=10, range=None, density=None, weights=None)",
    "histograms.histogramdd", wrt=("sample", "weights"),
    samples=lambda rng: [
        ((s.distinct(rng, (6, 2)), 3), {"weights": s.positive(rng, (6,))}),
        ((s.distinct(rng, (6, 2)), 2), {"density": True}),
    ],
)  # fmt: skip
