"""Differences of neighbours."""

from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.table import definition


def slopes(rng: s.Rng) -> list:
    """Sampled functions with one distance, several, or coordinates."""
    import numpy as np

    a, m = s.anything(rng, (5,)), s.anything(rng, (3, 4))
    points, others = np.array([0.0, 0.7, 1.1, 2.3, 2.9]), np.array([0.1, 0.5, 1.4])
    return [
        (a,), (a, 0.5), (a, points), ((a,), {"edge_order": 2}), ((a, points), {"edge_order": 2}),
        (m,), ((m,), {"axis": 1}), ((m, 0.5, 2.0), {}), ((m, others), {"axis": 0}),
        ((m, others, 0.5), {"edge_order": 2}), ((m, 0.5), {"axis": (1, 0)}), (a[:2],),
    ]  # fmt: skip


definition(
    "np.gradient(f, *varargs, axis=None, edge_order=1)", "differences.gradient",
    wrt=("f", "varargs"), samples=slopes,
)  # fmt: skip
definition(
    "np.ediff1d(ary, to_end=None, to_begin=None)", "differences.ediff1d",
    wrt=("ary", "to_end", "to_begin"),
    samples=lambda rng: [
        (s.anything(rng, (4,)),), (s.anything(rng, (2, 3)),), (s.anything(rng, (1,)),),
        ((s.anything(rng, (3,)),), {"to_begin": s.anything(rng, (2,)), "to_end": 0.5}),
    ],
)  # fmt: skip
definition(
    "np.unwrap(p, discont=None, axis=-1, *, period=6.283185307179586)", "differences.unwrap",
    wrt="p",
    samples=s.calls(
        ((4,), {}), ((2, 3), {"axis": 0}), ((4,), {"period": 1.5}), ((4,), {"discont": 4.0}),
        ((1,), {}), make=s.between(-6.0, 6.0),
    ),
)  # fmt: skip
