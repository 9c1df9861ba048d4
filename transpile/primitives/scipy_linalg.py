"""`scipy.linalg`, known once it is imported.

What NumPy has by another name is defined by that (redraft.runtime.definitions.scipy_linalg).
Decompositions whose signs are SciPy's own have the rules of NumPy's.
"""

from __future__ import annotations

import numpy as np

from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.decompositions import literal_option
from redraft.transpile.primitives.table import BindError, Call, definition, primitive

HERE = "scipy_linalg"


def systems(rng: s.Rng) -> list:
    """A matrix with a vector and with several columns."""
    return [
        (s.well(rng, (3, 3)), s.anything(rng, (3,))), (s.well(rng, (3, 3)), s.anything(rng, (3, 2))),
    ]  # fmt: skip


def symmetric_systems(rng: s.Rng) -> list:
    """The same with options for a symmetric matrix."""
    return [
        *systems(rng),
        ((s.definite(rng, (3, 3)), s.anything(rng, (3,))), {"assume_a": "pos"}),
        ((s.well(rng, (3, 3)), s.anything(rng, (3,))), {"transposed": True}),
    ]


def triangular_systems(rng: s.Rng) -> list:
    """Systems of triangles, with their options."""
    forms = (
        {},
        {"lower": True},
        {"trans": 1},
        {"lower": True, "trans": "C", "unit_diagonal": True},
    )
    return [(systems(rng)[i % 2], dict(form)) for i, form in enumerate(forms)]


definition(
    "scipy.linalg.solve_triangular(a, b, trans=0, lower=False, unit_diagonal=False)",
    f"{HERE}.solve_triangular", wrt=("a", "b"), samples=triangular_systems,
)  # fmt: skip
definition(
    "scipy.linalg.solve(a, b, lower=False, *, assume_a=None, transposed=False)", f"{HERE}.solve",
    wrt=("a", "b"), samples=symmetric_systems,
)  # fmt: skip
for name in ("cholesky", "cho_factor"):
    definition(
        f"scipy.linalg.{name}(a, lower=False)", f"{HERE}.{name}", wrt="a",
        gives="tuple" if name == "cho_factor" else None,
        samples=lambda rng: [
            (s.definite(rng, (3, 3)),), ((s.definite(rng, (2, 2)),), {"lower": True}),
        ],
    )  # fmt: skip
definition(
    "scipy.linalg.cho_solve(c_and_lower, b)", f"{HERE}.cho_solve", wrt=("c_and_lower", "b"),
    samples=lambda rng: [
        ((s.definite(rng, (3, 3)), False), s.anything(rng, (3,))),
        ((s.definite(rng, (3, 3)), True), s.anything(rng, (3, 2))),
    ],
)  # fmt: skip
for name in ("inv", "det", "svdvals"):
    definition(
        f"scipy.linalg.{name}(a)", f"{HERE}.{name}", wrt="a",
        samples=lambda rng: [(s.spread_values(rng, (3, 3)),)],
    )  # fmt: skip
definition(
    "scipy.linalg.norm(a, ord=None, axis=None, keepdims=False)", f"{HERE}.norm", wrt="a",
    samples=s.calls(((3,), {}), ((2, 3), {"ord": "nuc"}), ((2, 3), {"axis": 0}), make=s.distinct),
)  # fmt: skip
definition(
    "scipy.linalg.block_diag(*arrs)", f"{HERE}.block_diag", wrt="arrs",
    samples=s.arrays(((2, 2), (1, 3)), ((3,), (2, 2), (1, 1))),
)  # fmt: skip
definition(
    "scipy.linalg.toeplitz(c, r=None)", f"{HERE}.toeplitz", wrt=("c", "r"),
    samples=s.arrays(((3,),), ((3,), (4,))),
)  # fmt: skip
definition(
    "scipy.linalg.expm_frechet(A, E)", f"{HERE}.expm_frechet", wrt=("A", "E"), gives="tuple",
    samples=s.arrays(((2, 2), (2, 2)), make=s.inside),
)  # fmt: skip

# Decompositions


def eigh_rule(whole: str, values: str) -> object:
    """A rule of both parts, and one of the values alone."""

    def rule(call: Call) -> str:
        if call.given("b") and call.constant("b") is not None:
            raise BindError("scipy.linalg.eigh: the generalised problem has no rule")
        only = literal_option(call, "eigvals_only")
        lower = ", 'U'" if call.constant("lower") is False else ""
        return values.format(f"np.linalg.eigh(a{lower})[1]") if only else whole

    return rule


primitive(
    "scipy.linalg.eigh(a, b=None, *, lower=True, eigvals_only=False)",
    gives=lambda c: None if c.constant("eigvals_only") is True else "tuple",
    batch=lambda b: b.again(),
    tf="tf_host.arrays('scipy.linalg.eigh', (a,), lower=lower, eigvals_only=eigvals_only)",
    vjp={
        "a": eigh_rule(
            "rt.eigh_bar(ans[0], ans[1], ans_bar[0], ans_bar[1])", "rt.eigvalsh_bar({}, ans_bar)"
        )
    },
    jvp={"a": eigh_rule("rt.eigh_dot(ans[0], ans[1], a_dot)", "rt.eigvalsh_dot({}, a_dot)")},
    samples=s.calls(((3, 3), {"eigvals_only": True}), make=s.symmetric),  # vectors change their sign
)  # fmt: skip


def svd_rule(whole: str, values: str) -> object:
    """A rule of the three parts, and one of the values alone."""
    parts = "{0}[0], {0}[2]".format("np.linalg.svd(a, full_matrices=False)")
    thin = "rt.thin(ans[0], ans[1]), ans[1], rt.thin(ans[2].mT, ans[1]).mT"

    def rule(call: Call) -> str:
        if not literal_option(call, "compute_uv"):
            return values.format(parts)
        three = "ans[0], ans[1], ans[2]" if call.constant("full_matrices") is False else thin
        return whole.format(three)

    return rule


primitive(
    "scipy.linalg.svd(a, full_matrices=True, compute_uv=True)",
    gives=lambda c: None if c.constant("compute_uv") is False else "tuple",
    batch=lambda b: b.again(),
    tf="tf_host.arrays('scipy.linalg.svd', (a,), full_matrices=full_matrices, compute_uv=compute_uv)",
    vjp={
        "a": svd_rule(
            "rt.svd_bar({}, ans_bar[0], ans_bar[1], ans_bar[2])", "rt.svdvals_bar({}, ans_bar)"
        )
    },
    jvp={"a": svd_rule("rt.svd_dot({}, a_dot)", "rt.svdvals_dot({}, a_dot)")},
    samples=s.calls(
        ((3, 3), {}), ((4, 2), {"full_matrices": False}), ((2, 3), {"compute_uv": False}),
        make=s.spread_values,
    ),
)  # fmt: skip


def qr_rule(template: str) -> object:
    """A rule of both factors."""

    def rule(call: Call) -> str:
        mode = literal_option(call, "mode")
        if mode not in ("full", "economic"):
            raise BindError(f"scipy.linalg.qr: mode={mode!r} has no rule; use np.linalg.qr")
        return template.format("ans[0]" if mode == "economic" else "rt.reduced(ans[0], ans[1])")

    return rule


primitive(
    "scipy.linalg.qr(a, *, mode='full')", gives="tuple", batch=lambda b: b.again(),
    tf="tf_host.arrays('scipy.linalg.qr', (a,), mode=mode)",
    vjp={"a": qr_rule("rt.qr_bar(a, {}, ans[1], ans_bar[0], ans_bar[1])")},
    jvp={"a": qr_rule("rt.qr_dot(a, {}, ans[1], a_dot)")},
    samples=s.calls(
        ((3, 3), {}), ((4, 2), {"mode": "economic"}), ((2, 4), {}), make=s.spread_values
    ),
)  # fmt: skip
primitive(
    "scipy.linalg.lu(a)", gives="tuple", batch="scipy.linalg.lu(a)",
    tf="tf_host.arrays('scipy.linalg.lu', (a,))",
    vjp={"a": "rt.lu_bar(ans[0], ans[1], ans[2], ans_bar[1], ans_bar[2])"},
    jvp={"a": "rt.lu_dot(ans[0], ans[1], ans[2], a_dot)"},
    samples=s.calls(((3, 3), {}), ((4, 2), {}), ((2, 3), {}), make=s.spread_values),
)  # fmt: skip


def sylvester_systems(rng: s.Rng) -> list:
    """Matrices whose spectra are apart from each other's negatives."""
    sizes = ((3, 3), (3, 2), (1, 4))
    return [(s.well(rng, (m, m)), s.well(rng, (n, n)), s.anything(rng, (m, n))) for m, n in sizes]


# a x + x b = q: the tangent of x solves the same equation, and its cotangent the transposed one
primitive(
    "scipy.linalg.solve_sylvester(a, b, q)", aliases="rt.solve_sylvester", like="q",
    batch="rt.solve_sylvester(a, b, q)",
    tf="tf_host.arrays('redraft.runtime.matrix_functions.solve_sylvester', (a, b, q))",
    vjp={
        "a": "-rt.solve_sylvester(a.mT, b.mT, ans_bar) @ ans.mT",
        "b": "-ans.mT @ rt.solve_sylvester(a.mT, b.mT, ans_bar)",
        "q": "rt.solve_sylvester(a.mT, b.mT, ans_bar)",
    },
    jvp={
        "a": "-rt.solve_sylvester(a, b, a_dot @ ans)",
        "b": "-rt.solve_sylvester(a, b, ans @ b_dot)",
        "q": "rt.solve_sylvester(a, b, q_dot)",
    },
    samples=sylvester_systems,
)  # fmt: skip
definition(
    "scipy.linalg.solve_banded(l_and_u, ab, b)", f"{HERE}.solve_banded", wrt=("ab", "b"),
    samples=lambda rng: [
        ((1, 1), s.inside(rng, (3, 5)) + np.array([[0.0], [4.0], [0.0]]), s.anything(rng, (5,))),
        ((2, 0), s.inside(rng, (3, 4)) + np.array([[4.0], [0.0], [0.0]]), s.anything(rng, (4, 2))),
        ((0, 1), s.inside(rng, (2, 4)) + np.array([[0.0], [4.0]]), s.anything(rng, (4,))),
    ],
)  # fmt: skip

# Functions of matrices

for name, lowered in {
    "expm": "scipy.linalg.expm",
    "logm": "redraft.runtime.matrix_functions.declared_logm",
    "sqrtm": "redraft.runtime.matrix_functions.declared_sqrtm",
}.items():
    parameter = "a" if name == "expm" else "A"
    primitive(
        f"scipy.linalg.{name}({parameter})", aliases=f"rt.{name}", batch=f"rt.{name}({parameter})",
        like=parameter, tf=f"tf_host.arrays('{lowered}', ({parameter},))",
        vjp={parameter: f"rt.{name}_along({parameter}.mT, ans_bar)"},
        jvp={parameter: f"rt.{name}_along({parameter}, {parameter}_dot)"},
        samples=(lambda rng: [(s.inside(rng, (3, 3)),), (s.inside(rng, (2, 2)),)]) if name == "expm"
        else (lambda rng: [(s.definite(rng, (3, 3)) + 0.1 * s.inside(rng, (3, 3)),)]),
    )  # fmt: skip
