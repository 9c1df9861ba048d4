"""Quantiles, covariances and statistics without what is not a number."""

from __future__ import annotations

from typing import Any

from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.table import definition


def quantiles(scale: float) -> s.Callable:
    """Samples of quantiles, away from the places where the neighbours change."""

    def samples(rng: s.Rng) -> list:
        import numpy as np

        v, m = s.distinct(rng, (5,)), s.distinct(rng, (3, 4))
        several = np.array([0.21, 0.63]) * scale
        few = [
            (v, 0.3 * scale),
            ((m, several), {"axis": 0}),
            ((m, 0.3 * scale, -1), {"keepdims": True}),
        ]
        if scale != 1.0:
            return few
        return [
            *few, (v, several), ((m, several), {"keepdims": True}),
            ((s.distinct(rng, (2, 3, 2)), several), {"axis": (0, -1)}),
            *(((v, 0.3), {"method": name}) for name in ("lower", "higher", "midpoint", "nearest")),
        ]  # fmt: skip

    return samples


for name in ("quantile", "nanquantile", "percentile", "nanpercentile"):
    definition(
        f"np.{name}(a, q, axis=None, *, method='linear', keepdims=False)", f"statistics.{name}",
        wrt=("a", "q"), samples=quantiles(1.0 if "quantile" in name else 100.0),
    )  # fmt: skip

AXES = (
    ((), {}), ((3,), {}), ((2, 3), {"axis": 0}), ((2, 3), {"axis": 1, "keepdims": True}),
    ((2, 3, 4), {"axis": (0, 2)}),
)  # fmt: skip


def with_gaps(*calls: Any) -> s.Callable:
    """Samples with NaN among the numbers."""

    def samples(rng: s.Rng) -> list:
        import numpy as np

        made = s.calls(*calls, make=s.distinct)(rng)
        for (x,), options in list(made):
            if np.size(x) > 3:
                x = x.copy()
                x.flat[1] = np.nan
                made.append(((x,), options))
        return made

    return samples


definition(
    "np.nanmedian(a, axis=None, *, keepdims=False)", "statistics.nanmedian", wrt="a",
    samples=with_gaps(*AXES[1:]),
)  # fmt: skip
definition(
    "np.nanprod(a, axis=None, dtype=None, *, keepdims=False)", "statistics.nanprod", wrt="a",
    samples=with_gaps(*AXES),
)  # fmt: skip
SPREADS = (*AXES[1:2], ((4, 3), {"axis": 0}), ((4, 5), {"axis": 1, "ddof": 1, "keepdims": True}))
for name in ("nanvar", "nanstd"):
    definition(
        f"np.{name}(a, axis=None, dtype=None, *, ddof=0, keepdims=False)", f"statistics.{name}",
        wrt="a", samples=with_gaps(*SPREADS),
    )  # fmt: skip
for name in ("nancumsum", "nancumprod"):
    definition(
        f"np.{name}(a, axis=None, dtype=None)", f"statistics.{name}", wrt="a",
        samples=with_gaps(((), {}), ((4,), {}), ((2, 3), {}), ((2, 3), {"axis": 0})),
    )  # fmt: skip


def observations(rng: s.Rng) -> list:
    """Variables in rows, with every option."""
    import numpy as np

    m, v = s.anything(rng, (2, 5)), s.anything(rng, (5,))
    return [
        (m,), (v,), (m, v), (v, v[::-1].copy()), ((m,), {"rowvar": False}),
        ((m, m * m), {"bias": True}), ((m,), {"ddof": 0}),
        ((m,), {"fweights": np.array([1, 2, 1, 3, 1])}),
        ((m,), {"aweights": s.positive(rng, (5,))}),
        ((m,), {"aweights": s.positive(rng, (5,)), "ddof": 0, "fweights": np.array([1, 2, 1, 3, 1])}),
    ]  # fmt: skip


definition(
    "np.cov(m, y=None, rowvar=True, bias=False, ddof=None, fweights=None, aweights=None, *, dtype=None)",
    "statistics.cov", wrt=("m", "y", "aweights"), samples=observations,
)  # fmt: skip
definition(
    "np.corrcoef(x, y=None, rowvar=True, *, dtype=None)", "statistics.corrcoef", wrt=("x", "y"),
    samples=lambda rng: [
        (s.anything(rng, (3, 5)),), (s.anything(rng, (5,)), s.anything(rng, (5,))),
        ((s.anything(rng, (5, 2)),), {"rowvar": False}),
    ],
)  # fmt: skip
