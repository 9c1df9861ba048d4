"""Eigenvalues, singular values, QR and pseudo-inverses.

The formulas stand in redraft.runtime.definitions.decompositions, with their sources. The values come
from the host, since XLA's are wrong, inexact or slow: docs/decisions/0034-decompositions.md.
"""

from __future__ import annotations

import numpy as np

from redraft.transpile.primitives import batching
from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.batching import Batching
from redraft.transpile.primitives.forms import choosing, forms
from redraft.transpile.primitives.table import (
    UNKNOWN,
    BindError,
    Call,
    elementwise,
    no_derivative,
    primitive,
)

ONE = np.eye(1)


def literal_option(call: Call, name: str) -> object:
    """The value of an option on which the formula depends."""
    value = call.constant(name)
    if value is UNKNOWN:
        raise BindError(f"{call.row.name}: `{name}` must be written as a literal")
    return value


def matrix_parts(parameter: str, result: tuple, *lower: int) -> object:
    """The class of a result, and the ranks of its parts: each has so many axes less than the matrix."""

    def parts(call: Call) -> tuple[type, list[int | None]]:
        rank = call.rank(parameter)
        return type(result), [None if rank is None else rank - less for less in lower]

    return parts


def one_less(parameter: str) -> object:
    """The rank of numbers along one axis of the matrix."""
    return lambda call: None if call.rank(parameter) is None else call.rank(parameter) - 1


# Hermitian matrices

primitive(
    "np.linalg.eigh(a, UPLO='L')", gives="tuple", batch=lambda b: b.again(),
    parts=matrix_parts("a", np.linalg.eigh(ONE), 1, 0),
    tf="tf_host.arrays('numpy.linalg.eigh', (a,), UPLO=UPLO)",
    vjp={"a": "rt.eigh_bar(ans[0], ans[1], ans_bar[0], ans_bar[1])"},
    jvp={"a": "rt.eigh_dot(ans[0], ans[1], a_dot)"},
    samples=s.calls(((3, 3), {}), ((2, 3, 3), {"UPLO": "U"}), ((1, 1), {}), make=s.symmetric),
)  # fmt: skip


def vectors(call: Call) -> str:
    """Eigenvectors of the matrix of ``eigvalsh``."""
    return f"np.linalg.eigh(a{', UPLO' if call.given('UPLO') else ''})[1]"


primitive(
    "np.linalg.eigvalsh(a, UPLO='L')", batch=lambda b: b.again(), rank=one_less("a"),
    tf="tf_host.arrays('numpy.linalg.eigvalsh', (a,), UPLO=UPLO)",
    vjp={"a": lambda c: f"rt.eigvalsh_bar({vectors(c)}, ans_bar)"},
    jvp={"a": lambda c: f"rt.eigvalsh_dot({vectors(c)}, a_dot)"},
    samples=s.calls(((3, 3), {}), ((2, 3, 3), {"UPLO": "U"}), make=s.symmetric),
)  # fmt: skip

# Singular values


def svd_bar(call: Call) -> str:
    """Cotangent of the matrix."""
    hermitian = literal_option(call, "hermitian")
    if not literal_option(call, "compute_uv"):
        text = f"rt.svdvals_bar({values_only(call)}, ans_bar)"
    else:
        text = f"rt.svd_bar({three_parts(call)}, ans_bar[0], ans_bar[1], ans_bar[2])"
    return f"rt.symmetric({text})" if hermitian else text


def svd_dot(call: Call) -> str:
    """Tangents of the parts; of a matrix that is said to be Hermitian, only such changes count."""
    a_dot = "rt.symmetric(a_dot)" if literal_option(call, "hermitian") else "a_dot"
    if not literal_option(call, "compute_uv"):
        return f"rt.svdvals_dot({values_only(call)}, {a_dot})"
    return f"rt.svd_dot({three_parts(call)}, {a_dot})"


def values_only(call: Call) -> str:
    """The vectors that a call did not compute."""
    hermitian = ", hermitian=True" if call.constant("hermitian") else ""
    return "{0}[0], {0}[2]".format(f"np.linalg.svd(a, full_matrices=False{hermitian})")


def three_parts(call: Call) -> str:
    """The parts that a call computed, if they are as many as there are singular values."""
    if call.constant("full_matrices") is False or call.constant("hermitian"):
        return "ans[0], ans[1], ans[2]"
    return "rt.thin(ans[0], ans[1]), ans[1], rt.thin(ans[2].mT, ans[1]).mT"


primitive(
    "np.linalg.svd(a, full_matrices=True, compute_uv=True, hermitian=False)",
    gives=lambda c: "tuple" if c.constant("compute_uv") in (True, UNKNOWN) else None,
    rank=one_less("a"), parts=matrix_parts("a", np.linalg.svd(ONE), 0, 1, 0), batch=lambda b: b.again(),
    tf="tf_host.arrays('numpy.linalg.svd', (a,), full_matrices=full_matrices,"
    " compute_uv=compute_uv, hermitian=hermitian)",
    vjp={"a": svd_bar}, jvp={"a": svd_dot},
    samples=s.calls(
        ((3, 3), {}), ((4, 2), {"full_matrices": False}), ((2, 2, 4), {"full_matrices": False}),
        ((2, 3), {"compute_uv": False}), ((2, 3, 2), {"compute_uv": False}),
        ((1, 1), {"full_matrices": False}), make=s.spread_values,
    ),
)  # fmt: skip
PARTS = "np.linalg.svd(x, full_matrices=False)"
primitive(
    "np.linalg.svdvals(x)", batch="np.linalg.svdvals(x)", rank=one_less("x"),
    tf="tf_host.arrays('numpy.linalg.svdvals', (x,))",
    vjp={"x": f"rt.svdvals_bar({PARTS}[0], {PARTS}[2], ans_bar)"},
    jvp={"x": f"rt.svdvals_dot({PARTS}[0], {PARTS}[2], x_dot)"},
    samples=s.calls(((3, 3), {}), ((2, 4, 2), {}), make=s.spread_values),
)  # fmt: skip

# QR


def qr_rule(template: str, of_r_alone: str) -> object:
    """A rule of a mode that has one."""

    def rule(call: Call) -> str:
        mode = literal_option(call, "mode")
        if mode == "r":
            return of_r_alone
        if mode not in ("reduced", "complete"):
            raise BindError(f"np.linalg.qr: mode={mode!r} has no rule")
        q = "ans[0]" if mode == "reduced" else "rt.reduced(ans[0], ans[1])"
        return template.format(q)

    return rule


Q = "np.linalg.qr(x)[0]"
primitive(
    "np.linalg.qr(x, mode='reduced')", tf="tf_decompositions.qr(x, mode)",
    gives=lambda c: None if c.constant("mode") == "r" else "tuple", batch=lambda b: b.again(),
    parts=matrix_parts("x", np.linalg.qr(ONE), 0, 0), rank=lambda c: c.rank("x"),
    vjp={
        "x": qr_rule(
            "rt.qr_bar(x, {}, ans[1], ans_bar[0], ans_bar[1])",
            f"rt.qr_bar(x, {Q}, ans, np.zeros_like({Q}), ans_bar)",
        )
    },
    jvp={
        "x": qr_rule("rt.qr_dot(x, {}, ans[1], x_dot)", f"rt.qr_dot(x, {Q}, ans, x_dot)[1]")
    },
    samples=s.calls(
        ((3, 3), {}), ((4, 2), {}), ((2, 4), {}), ((2, 3, 2), {}), ((4, 2), {"mode": "r"}),
        ((2, 2, 4), {"mode": "r"}), ((2, 3), {"mode": "complete"}), make=s.spread_values,
    ),
)  # fmt: skip

# General matrices


def general(rng: s.Rng) -> list:
    """Matrices that are not symmetric, with real eigenvalues."""
    return [
        (s.symmetric(rng, shape) + 0.1 * s.inside(rng, shape),) for shape in ((3, 3), (2, 2, 2))
    ]


primitive(
    "np.linalg.eig(a)", gives="tuple", batch="np.linalg.eig(a)",
    parts=matrix_parts("a", np.linalg.eig(ONE), 1, 0),
    tf="tf_host.arrays('redraft.runtime.spectral.complex_eig', (a,))",
    vjp={"a": "rt.eig_bar(a, ans[0], ans[1], ans_bar[0], ans_bar[1])"},
    jvp={"a": "rt.eig_dot(ans[0], ans[1], a_dot)"}, samples=general,
)  # fmt: skip
primitive(
    "np.linalg.eigvals(a)", batch="np.linalg.eigvals(a)", rank=one_less("a"),
    tf="tf_host.arrays('redraft.runtime.spectral.complex_eigvals', (a,))",
    vjp={"a": "rt.eigvals_bar(a, ans, ans_bar)"}, jvp={"a": "rt.eigvals_dot(a, ans, a_dot)"},
    samples=general,
)  # fmt: skip
primitive(
    "rt.eigenvectors(a, w)", batch=batching.along("a", "w", axes=()), like="a",
    tf="tf_host.arrays('redraft.runtime.spectral.eigenvectors', (a, w))",
    **choosing(
        "w",
        vjp={"a": "rt.eigenvectors_bar(a, w, ans, ans_bar)"},
        jvp={"a": "rt.eigenvectors_dot(w, ans, a_dot)"},
    ),
    samples=lambda rng: [(a, s.eigenvalues(a)) for (a,) in general(rng)],
)  # fmt: skip

# Pseudo-inverses


def batch_pinv(b: Batching) -> str:
    """The same function, unless each example is to have a limit of its own."""
    if b.batched - {"x"}:
        raise b.refuse("a limit for each example has no rule")
    return b.again()


def pinv_rule(template: str, hermitian: str) -> object:
    """A rule, and that of a matrix which is said to be Hermitian."""
    return lambda call: hermitian if literal_option(call, "hermitian") else template


primitive(
    "np.linalg.pinv(x, rcond=None, hermitian=False, *, rtol=None)", batch=batch_pinv,
    tf="tf_host.arrays('numpy.linalg.pinv', (x,), hermitian=hermitian, rcond=rcond)"
    " if rtol is None else"
    " tf_host.arrays('numpy.linalg.pinv', (x,), hermitian=hermitian, rtol=rtol)",
    rank=lambda c: c.rank("x"),
    vjp={
        "x": pinv_rule(
            "rt.pinv_bar(x, ans, ans_bar)", "rt.symmetric(rt.pinv_bar(x, ans, ans_bar))"
        )
    },
    jvp={
        "x": pinv_rule("rt.pinv_dot(x, ans, x_dot)", "rt.pinv_dot(x, ans, rt.symmetric(x_dot))")
    },
    samples=s.calls(
        ((3, 3), {}), ((3, 2), {}), ((2, 3), {"rcond": 1e-10}), ((2, 3, 2), {"rtol": 1e-10}),
        make=s.spread_values,
    ),
)  # fmt: skip

# Helpers

primitive(
    "rt.over_gaps(m, w)", batch=batching.along("w", "m", axes=()), like="m",
    tf="tf_decompositions.over_gaps(m, w)",
    jvp={
        "m": "rt.over_gaps(m_dot, w)",
        "w": "-rt.over_gaps(ans * (np.expand_dims(w_dot, -2) - np.expand_dims(w_dot, -1)), w)",
    },
    vjp={
        "m": "rt.over_gaps(ans_bar, w)",
        "w": "rt.cast_like(np.sum(rt.over_gaps(ans * ans_bar, w), axis=-1)"
        " - np.sum(rt.over_gaps(ans * ans_bar, w), axis=-2), w)",
    },
    samples=s.arrays(((3, 3), (3,)), ((2, 3, 3), (2, 3)), make=s.distinct),
)  # fmt: skip
elementwise(
    "rt.quotient(m, d)", d={}, tf="tf_decompositions.quotient(m, d)",
    **forms(m="rt.quotient({}, d)", d="-rt.quotient(ans * {}, d)"),
    samples=lambda rng: [
        (s.anything(rng, (2, 3)), s.positive(rng, (3,))), (s.anything(rng, (3,)), s.positive(rng, (3,))),
    ],
)  # fmt: skip
primitive(
    "rt.diagonal_matrix(x)", batch="rt.diagonal_matrix(x)", linear_in="x",
    tf="tf.linalg.diag(x)", vjp={"x": "np.diagonal(ans_bar, 0, -2, -1)"},
    rank=lambda c: None if c.rank("x") is None else c.rank("x") + 1,
    samples=s.calls(((3,), {}), ((2, 3), {})),
)  # fmt: skip
for name, options in {
    "on_diagonal(m)": {"tf": "tf_decompositions.on_diagonal(m)"},
    "upper_half(m)": {"tf": "tf_decompositions.upper_half(m)"},
}.items():
    primitive(
        f"rt.{name}", batch=f"rt.{name}", linear_in="m", like="m",
        vjp={"m": f"rt.{name}".replace("(m)", "(ans_bar)")}, **options,
        samples=s.calls(((3, 3), {}), ((2, 3, 3), {})),
    )  # fmt: skip
for text, kept, of, shapes in (
    ("thin(u, s)", "u", "s", ((3, 2), (2,))), ("reduced(q, r)", "q", "r", ((3, 2), (2, 2))),
):  # fmt: skip
    primitive(
        f"rt.{text}", batch=batching.along(of, kept, axes=()), linear_in=kept, shape_only=of,
        like=kept, view_of=kept, tf=f"tf_decompositions.{text}", vjp={kept: "ans_bar"},
        samples=s.arrays(shapes),
    )  # fmt: skip
no_derivative("rt.pivots(v)", batch="rt.pivots(v)", tf="tf_decompositions.pivots(v)")
