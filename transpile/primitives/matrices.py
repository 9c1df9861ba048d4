"""Functions of matrices that are defined by others (redraft.runtime.definitions.matrices)."""

from __future__ import annotations

from redraft.transpile.primitives import batching
from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.table import definition, no_derivative, primitive


def well(*shapes: tuple, **options: object) -> s.Callable:
    """Samples of one matrix far from singular."""
    return lambda rng: [((s.well(rng, shape),), dict(options)) for shape in shapes]


definition(
    "np.linalg.matrix_power(a, n)", "matrices.matrix_power", wrt="a",
    samples=lambda rng: [
        (s.well(rng, (2, 2)), n) for n in (3, 0, -2, 1)
    ] + [(s.well(rng, (2, 2, 2)), 2)],
)  # fmt: skip
definition(
    "np.linalg.multi_dot(arrays)", "matrices.multi_dot", wrt="arrays", sequences="arrays",
    samples=lambda rng: [
        ([s.anything(rng, (2, 3)), s.anything(rng, (3, 4)), s.anything(rng, (4, 2))],),
        ([s.anything(rng, (3,)), s.anything(rng, (3, 4)), s.anything(rng, (4,))],),
    ],
)  # fmt: skip
definition(
    "np.linalg.lstsq(a, b, rcond=None)", "matrices.lstsq", wrt=("a", "b"), gives="tuple",
    samples=lambda rng: [
        (s.spread_values(rng, (4, 2)), s.anything(rng, (4,))),
        (s.spread_values(rng, (2, 3)), s.anything(rng, (2, 2))),
    ],
)  # fmt: skip
definition(
    "np.linalg.cond(x, p=None)", "matrices.cond", wrt="x",
    samples=lambda rng: [
        (s.spread_values(rng, (3, 2)),), (s.spread_values(rng, (2, 2)), 1),
        (s.spread_values(rng, (2, 2)), "fro"), (s.spread_values(rng, (2, 2)), -2),
    ],
)  # fmt: skip
definition(
    "np.linalg.tensorinv(a, ind=2)", "matrices.tensorinv", wrt="a",
    samples=lambda rng: [(s.well(rng, (4, 4)).reshape(2, 2, 4),), (s.well(rng, (2, 2)), 1)],
)  # fmt: skip
definition(
    "np.linalg.tensorsolve(a, b, axes=None)", "matrices.tensorsolve", wrt=("a", "b"),
    samples=lambda rng: [
        (s.well(rng, (4, 4)).reshape(2, 2, 4), s.anything(rng, (2, 2))),
        ((s.well(rng, (4, 4)).reshape(4, 2, 2), s.anything(rng, (2, 2))), {"axes": (0,)}),
    ],
)  # fmt: skip
no_derivative("np.linalg.matrix_rank(A, tol=None, hermitian=False)", no_tf="it is a count")

# The array API's forms, which work on the last axes

for name in ("trace", "diagonal"):
    definition(
        f"np.linalg.{name}(x, *, offset=0)", f"matrices.{name}", wrt="x",
        samples=s.calls(((2, 3, 3), {}), ((3, 2), {"offset": 1})),
    )  # fmt: skip
definition(
    "np.linalg.vector_norm(x, *, axis=None, keepdims=False, ord=2)", "matrices.vector_norm", wrt="x",
    samples=s.calls(
        ((3,), {}), ((2, 3), {"axis": 0, "ord": 3}), ((2, 3, 2), {"axis": (0, 2), "ord": 1}),
        ((2, 3), {"keepdims": True}), make=s.distinct,
    ),
)  # fmt: skip
definition(
    "np.linalg.matrix_norm(x, *, keepdims=False, ord='fro')", "matrices.matrix_norm", wrt="x",
    samples=s.calls(
        ((2, 3), {}), ((2, 3), {"ord": "nuc"}), ((2, 3, 2), {"ord": 2}), ((3, 2), {"ord": -2}),
        ((2, 3), {"ord": 1, "keepdims": True}), make=s.spread_values,
    ),
)  # fmt: skip

# Products of stacks

definition(
    "np.vecdot(x1, x2, *, axis=-1)", "matrices.vecdot", wrt=("x1", "x2"), aliases="np.linalg.vecdot",
    samples=s.arrays(((3,), (3,)), ((2, 3), (3,)), (((3, 2), (3, 2)), {"axis": 0})),
)  # fmt: skip
definition(
    "np.matvec(x1, x2)", "matrices.matvec", wrt=("x1", "x2"),
    samples=s.arrays(((2, 3), (3,)), ((2, 3), (4, 3)), ((4, 2, 3), (4, 3))),
)  # fmt: skip
definition(
    "np.vecmat(x1, x2)", "matrices.vecmat", wrt=("x1", "x2"),
    samples=s.arrays(((3,), (3, 2)), ((4, 3), (3, 2)), ((4, 3), (4, 3, 2))),
)  # fmt: skip

# Helpers

primitive(
    "rt.inverse_for_lstsq(a, rcond=None)", batch="rt.inverse_for_lstsq(a, rcond)",
    tf="tf_host.arrays('redraft.runtime.spectral.inverse_for_lstsq', (a,), rcond=rcond)",
    rank=2, vjp={"a": "rt.pinv_bar(a, ans, ans_bar)"}, jvp={"a": "rt.pinv_dot(a, ans, a_dot)"},
    samples=s.calls(((3, 2), {}), make=s.spread_values),
)  # fmt: skip
no_derivative(
    "rt.count_above(values, a, rcond=None)", batch=batching.along("values", "a", axes=()), rank=0,
    shape_only="a", tf="tf_decompositions.count_above(values, a, rcond)",
)  # fmt: skip
no_derivative("rt.best_cuts(shapes)", no_tf="its arguments are shapes")
