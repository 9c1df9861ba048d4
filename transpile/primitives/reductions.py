"""Reductions in the forms for which they have no template: see reduce.py for the others."""

from __future__ import annotations

from typing import Any

from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.table import definition


def masked(make: s.Make = s.anything, **more: Any) -> s.Callable:
    """Samples in which a mask leaves out elements, and others with the other options."""

    def samples(rng: s.Rng) -> list:
        import numpy as np

        m = make(rng, (3, 3))
        mask = np.array([[True, False, True], [False, True, True], [True, True, False]])
        row = np.array([True, False, True])
        extra = [((m, *a), k) for a, k in more.get("extra", ())]
        always = more.get("always", {})
        return [
            ((m,), {"where": mask, **always}), ((m,), {"where": row, "axis": 1, **always}),
            ((m,), {"where": mask, "axis": 0, "keepdims": True, **always}), *extra,
        ]  # fmt: skip

    return samples


SUMS = (
    ((), {"initial": 2.5}),
    ((0,), {"initial": -0.5, "keepdims": True}),
    ((None, "float64"), {}),
)
for name, by in {"sum": "total", "prod": "product", "nansum": "total_of_numbers"}.items():
    definition(
        f"np.{name}(a, axis=None, dtype=None, *, keepdims=False, initial={1 if name == 'prod' else 0}, where=True)",
        f"reductions.{by}", wrt=("a", "initial"), samples=masked(extra=SUMS),
    )  # fmt: skip
for name, by in {"mean": "mean", "nanmean": "mean_of_numbers"}.items():
    definition(
        f"np.{name}(a, axis=None, dtype=None, *, keepdims=False, where=True)",
        f"reductions.{by}", wrt="a", samples=masked(extra=[((), {"dtype": "float64", "axis": 1})]),
    )  # fmt: skip
for name, by in {"var": "variance", "std": "deviation"}.items():
    definition(
        f"np.{name}(a, axis=None, dtype=None, *, ddof=0, keepdims=False, where=True, mean=None, correction=None)",
        f"reductions.{by}", wrt=("a", "mean"),
        samples=masked(extra=[((), {"correction": 1})]),
    )  # fmt: skip
LEAST = (((), {"initial": 0.1}), ((1,), {"initial": -9.0, "keepdims": True}))
for name, by in {
    "max": "largest", "min": "smallest", "nanmax": "largest_number", "nanmin": "smallest_number",
}.items():  # fmt: skip
    definition(
        f"np.{name}(a, axis=None, *, keepdims=False, initial=None, where=True)", f"reductions.{by}",
        wrt=("a", "initial"), samples=masked(s.distinct, always={"initial": 0.05}, extra=LEAST),
    )  # fmt: skip
for name in ("any", "all"):
    definition(
        f"np.{name}(a, axis=None, *, keepdims=False, where=True)", f"reductions.{name}_true",
        samples=masked(),
    )  # fmt: skip
for name, by in {"cumsum": "running_total", "cumprod": "running_product"}.items():
    definition(
        f"np.{name}(a, axis=None, dtype=None)", f"reductions.{by}", wrt="a",
        samples=s.calls(((2, 3), {"dtype": "float64"}), ((2, 3), {"axis": 1, "dtype": float})),
    )  # fmt: skip
for name in ("cumulative_sum", "cumulative_prod"):
    definition(
        f"np.{name}(x, *, axis=None, dtype=None, include_initial=False)", f"reductions.{name}",
        wrt="x",
        samples=s.calls(
            ((4,), {}), ((2, 3), {"axis": 0}), ((2, 3), {"axis": -1, "include_initial": True}),
            ((0,), {"include_initial": True}),
        ),
    )  # fmt: skip
definition(
    "np.average(a, axis=None, weights=None, returned=False, *, keepdims=False)",
    "reductions.average", wrt=("a", "weights"),
    samples=lambda rng: [
        ((s.anything(rng, (2, 3)),), {"returned": True}),
        ((s.anything(rng, (2, 3)), 1, s.positive(rng, (3,))), {"returned": True}),
        ((s.anything(rng, (2, 3)), 0, s.positive(rng, (2, 3)), True), {"keepdims": True}),
    ],
)  # fmt: skip
