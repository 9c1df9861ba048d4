"""Eigenvalues, singular values, QR and what is made of them.

Sources of the formulas, all of them with JAX's choice of signs and phases:
M. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation", 2008 (eigenvalues); J. Townsend, "Differentiating the singular value
decomposition", 2016, and Z.-Q. Wan and S.-X. Zhang, "Automatic differentiation for complex valued
SVD", arXiv:1909.02659 (singular values); S. Walter and L. Lehmann, "Algorithmic differentiation of
linear algebra functions", 2010 (QR); G. Golub and V. Pereyra, "The differentiation of
pseudo-inverses", 1973.

A cotangent pairs without conjugation, as everywhere: that of ``L x`` is ``L.T y_bar``.
"""

from __future__ import annotations

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


def adjoint(x: str) -> str:
    """Conjugate transpose."""
    return f"rt.conj({x}).mT"


def skew(x: str) -> str:
    """Twice the skew-Hermitian part."""
    return f"({x} - {adjoint(f'({x})')})"


def beside(x: str) -> str:
    """Factors of columns."""
    return f"np.expand_dims({x}, -2)"


def real_diagonal(m: str) -> str:
    """Real part of a diagonal."""
    return f"np.real(np.diagonal({m}, 0, -2, -1))"


def literal_option(call: Call, name: str) -> object:
    """The value of an option on which the formula depends."""
    value = call.constant(name)
    if value is UNKNOWN:
        raise BindError(f"{call.row.name}: `{name}` must be written as a literal")
    return value


# Hermitian matrices. With v the vectors and F[i, j] = 1 / (w[j] - w[i]):
# w_dot = diag(v^H a_dot v), v_dot = v (F * (v^H a_dot v)).

INNER = f"{adjoint('ans[1]')} @ rt.symmetric(a_dot) @ ans[1]"
primitive(
    "np.linalg.eigh(a, UPLO='L')", gives="tuple", batch=lambda b: b.again(),
    tf="tf_host.arrays('numpy.linalg.eigh', (a,), UPLO=UPLO)",
    vjp={
        "a": "rt.symmetric(rt.conj(ans[1]) @ (rt.over_gaps(ans[1].mT @ ans_bar[1], ans[0])"
        " + rt.diagonal_matrix(ans_bar[0])) @ ans[1].mT)"
    },
    jvp={"a": f"({real_diagonal(INNER)}, ans[1] @ rt.over_gaps({INNER}, ans[0]))"},
    samples=s.calls(((3, 3), {}), ((2, 3, 3), {"UPLO": "U"}), ((1, 1), {}), make=s.symmetric),
)  # fmt: skip


def eigh_of(call: Call) -> str:
    """Eigenvectors of the matrix of ``eigvalsh``."""
    return f"np.linalg.eigh(a{', UPLO' if call.given('UPLO') else ''})[1]"


primitive(
    "np.linalg.eigvalsh(a, UPLO='L')", batch=lambda b: b.again(),
    tf="tf_host.arrays('numpy.linalg.eigvalsh', (a,), UPLO=UPLO)",
    vjp={
        "a": lambda c: f"rt.symmetric((rt.conj({eigh_of(c)}) * {beside('ans_bar')})"
        f" @ {eigh_of(c)}.mT)"
    },
    jvp={
        "a": lambda c: real_diagonal(
            f"{adjoint(eigh_of(c))} @ rt.symmetric(a_dot) @ {eigh_of(c)}"
        )
    },
    samples=s.calls(((3, 3), {}), ((2, 3, 3), {"UPLO": "U"}), make=s.symmetric),
)  # fmt: skip

# Singular values. With p = u^H a_dot v, split in its Hermitian and its skew part h and k:
# u^H u_dot and v^H v_dot are h / (s[j] - s[i]) plus and minus k / (s[j] + s[i]) beside the
# diagonal. On it, the phases may be chosen: JAX turns u alone, by k / s.


def svd_parts(call: Call) -> tuple[str, str, str]:
    """The thin ``u``, ``s`` and ``v`` of the decomposition that the call made."""
    hermitian = literal_option(call, "hermitian")
    if not literal_option(call, "compute_uv"):
        parts = f"np.linalg.svd(a, False{', hermitian=True' if hermitian else ''})"
        return f"{parts}[0]", f"{parts}[1]", adjoint(f"{parts}[2]")
    if call.constant("full_matrices") is False or hermitian:
        return "ans[0]", "ans[1]", adjoint("ans[2]")
    return "rt.thin(ans[0], ans[1])", "ans[1]", f"rt.thin({adjoint('ans[2]')}, ans[1])"


def svd_bar(call: Call) -> str:
    """Cotangent of the matrix."""
    u, s, v = svd_parts(call)
    v_transposed = f"{v}.mT"
    if not literal_option(call, "compute_uv"):
        return of_hermitian(call, f"(rt.conj({u}) * {beside('ans_bar')}) @ {v_transposed}")
    u_bar, v_bar = "ans_bar[0]", adjoint("ans_bar[2]")
    of_u, of_v = skew(f"{u}.mT @ {u_bar}"), skew(f"{v}.mT @ {v_bar}")
    half = (
        f"rt.over_gaps({of_u} + {of_v}, {s})"
        f" + rt.quotient({of_u} - {of_v} + rt.on_diagonal({of_u} + {of_v}), {sums(s)})"
    )
    inside = f"(0.5 * ({half}) + rt.diagonal_matrix(ans_bar[1]))"
    return of_hermitian(
        call,
        f"rt.conj({u}) @ {inside} @ {v_transposed}"
        f" + {outside_bar(u, u_bar, s)} @ {v_transposed}"
        f" + rt.conj({u}) @ {adjoint(outside_bar(v, v_bar, s))}",
    )


def svd_dot(call: Call) -> str:
    """Tangents of the three parts."""
    u, s, v = svd_parts(call)
    a_dot = of_hermitian(call, "a_dot")
    inner = f"({adjoint(u)} @ {a_dot} @ {v})"
    if not literal_option(call, "compute_uv"):
        return real_diagonal(inner)
    h = f"0.5 * rt.over_gaps({inner} + {adjoint(inner)}, {s})"
    k = f"0.5 * rt.quotient({skew(inner)}, {sums(s)})"
    u_dot = f"{u} @ ({h} + {k} + rt.on_diagonal({k})) + {outside_dot(u, f'{a_dot} @ {v}', s)}"
    v_dot = (
        f"{v} @ ({h} - {k} + rt.on_diagonal({k})) + {outside_dot(v, f'{adjoint(a_dot)} @ {u}', s)}"
    )
    return f"({u_dot}, {real_diagonal(inner)}, {adjoint(f'({v_dot})')})"


def of_hermitian(call: Call, text: str) -> str:
    """Of a matrix that is said to be Hermitian only such changes are meant."""
    return f"rt.symmetric({text})" if literal_option(call, "hermitian") else text


def sums(s: str) -> str:
    """``s[i] + s[j]``."""
    return f"(np.expand_dims({s}, -2) + np.expand_dims({s}, -1))"


def outside_dot(q: str, x: str, s: str) -> str:
    """What turns the columns of `q` out of their span."""
    across = f"rt.unless_square({x} - {q} @ ({adjoint(q)} @ ({x})), {q})"
    return f"rt.quotient({across}, {beside(s)})"


def outside_bar(q: str, q_bar: str, s: str) -> str:
    """The transpose of that."""
    across = f"rt.unless_square({q_bar} - rt.conj({q}) @ ({q}.mT @ {q_bar}), {q})"
    return f"rt.quotient({across}, {beside(s)})"


def svd_gives(call: Call) -> str | None:
    """Three arrays, or the singular values."""
    return "tuple" if call.constant("compute_uv") in (True, UNKNOWN) else None


primitive(
    "np.linalg.svd(a, full_matrices=True, compute_uv=True, hermitian=False)", gives=svd_gives,
    batch=lambda b: b.again(), tf="tf_host.arrays('numpy.linalg.svd', (a,), full_matrices=full_matrices,"
    " compute_uv=compute_uv, hermitian=hermitian)",
    vjp={"a": svd_bar}, jvp={"a": svd_dot},
    samples=s.calls(
        ((3, 3), {}), ((4, 2), {"full_matrices": False}), ((2, 2, 4), {"full_matrices": False}),
        ((2, 3), {"compute_uv": False}), ((2, 3, 2), {"compute_uv": False}),
        ((1, 1), {"full_matrices": False}), make=s.spread_values,
    ),
)  # fmt: skip
PARTS = "np.linalg.svd(x, False)"
primitive(
    "np.linalg.svdvals(x)", batch="np.linalg.svdvals(x)",
    tf="tf_host.arrays('numpy.linalg.svdvals', (x,))",
    vjp={"x": f"(rt.conj({PARTS}[0]) * {beside('ans_bar')}) @ rt.conj({PARTS}[2])"},
    jvp={"x": real_diagonal(f"{adjoint(f'{PARTS}[0]')} @ x_dot @ {adjoint(f'{PARTS}[2]')}")},
    samples=s.calls(((3, 3), {}), ((2, 4, 2), {}), make=s.spread_values),
)  # fmt: skip

# QR. With x = q r and z = q^H x_dot r^-1: r_dot = w r and q_dot = x_dot r^-1 - q w, where w is the
# upper half of z + z^H. Of a wide matrix the first columns give q, and the others follow.


def qr_parts(call: Call) -> tuple[str, str]:
    """``q`` and ``r`` of the decomposition that the call made."""
    mode = literal_option(call, "mode")
    if mode == "r":
        return "np.linalg.qr(x)[0]", "ans"
    if mode not in ("reduced", "complete"):
        raise BindError(f"np.linalg.qr: mode={mode!r} has no rule")
    return ("ans[0]" if mode == "reduced" else "rt.reduced(ans[0], ans[1])"), "ans[1]"


def qr_bar(call: Call) -> str:
    """Cotangent of the matrix."""
    q, r = qr_parts(call)
    q_bar, r_bar = ("ans_bar[0]", "ans_bar[1]") if call.constant("mode") != "r" else ("", "ans_bar")
    k = f"np.shape({q})[-1]"
    of_rest = f"{r_bar}[..., {k}:]"
    q_bar = " + ".join(filter(None, (q_bar, f"rt.conj(x[..., {k}:]) @ {adjoint(of_rest)}")))
    w_bar = f"{r_bar}[..., :{k}] @ {r}[..., :{k}].mT - {q}.mT @ ({q_bar})"
    turned = f"{q_bar} + 2.0 * (rt.conj({q}) @ rt.symmetric(rt.upper_half({w_bar})))"
    first = f"np.linalg.solve({r}[..., :{k}], ({turned}).mT).mT"
    return f"np.concatenate([{first}, rt.conj({q}) @ {of_rest}], -1)"


def qr_dot(call: Call) -> str:
    """Tangents of the parts."""
    q, r = qr_parts(call)
    k = f"np.shape({q})[-1]"
    moved = f"np.linalg.solve({r}[..., :{k}].mT, x_dot[..., :{k}].mT).mT"
    w = f"2.0 * rt.upper_half(rt.symmetric({adjoint(q)} @ {moved}))"
    q_dot = f"{moved} - {q} @ ({w})"
    rest = f"{adjoint(f'({q_dot})')} @ x[..., {k}:] + {adjoint(q)} @ x_dot[..., {k}:]"
    r_dot = f"np.concatenate([{w} @ {r}[..., :{k}], {rest}], -1)"
    return r_dot if call.constant("mode") == "r" else f"({q_dot}, {r_dot})"


primitive(
    "np.linalg.qr(x, mode='reduced')", tf="tf_decompositions.qr(x, mode)",
    gives=lambda c: None if c.constant("mode") == "r" else "tuple", batch=lambda b: b.again(),
    vjp={"x": qr_bar}, jvp={"x": qr_dot},
    samples=s.calls(
        ((3, 3), {}), ((4, 2), {}), ((2, 4), {}), ((2, 3, 2), {}), ((4, 2), {"mode": "r"}),
        ((2, 2, 4), {"mode": "r"}), ((2, 3), {"mode": "complete"}), make=s.spread_values,
    ),
)  # fmt: skip

# General matrices. With p = v^-1 a_dot v: w_dot = diag(p), and v_dot is u = v (F * p) brought back
# to columns of length 1 whose largest element is real.


def vectors_dot(w: str, v: str) -> str:
    """Tangent of the eigenvectors `v`."""
    u = f"({v} @ rt.over_gaps({eigen_inner(v)}, {w}))"
    largest = f"rt.pivots({v})"
    turn = f"np.sum({largest} * np.imag({u}), axis=-2, keepdims=True)"
    size = f"np.sum({largest} * np.real({v}), axis=-2, keepdims=True)"
    shorter = f"np.sum(np.real(rt.conj({v}) * {u}), axis=-2, keepdims=True)"
    return f"{u} - {v} * ({shorter} - rt.unimag({turn} / {size}, {v}))"


def eigen_inner(v: str) -> str:
    """``v^-1 a_dot v``."""
    return f"(np.linalg.solve({v}, a_dot @ {v}))"


def vectors_bar(w: str, v: str, v_bar: str) -> str:
    """What the cotangent of the eigenvectors becomes between ``v^-T`` and ``v^T``."""
    along = f"np.sum({v_bar} * {v}, axis=-2, keepdims=True)"
    size = f"np.sum(rt.pivots({v}) * np.real({v}), axis=-2, keepdims=True)"
    u_bar = (
        f"{v_bar} - rt.conj({v}) * np.real({along})"
        f" + rt.unimag(rt.pivots({v}) * np.imag({along}) / {size}, {v})"
    )
    return f"rt.over_gaps({v}.mT @ ({u_bar}), {w})"


def between_vectors(inner: str, v: str) -> str:
    """Cotangent of the matrix."""
    return f"rt.cast_like(np.linalg.solve({v}.mT, ({inner}) @ {v}.mT), a)"


primitive(
    "np.linalg.eig(a)", gives="tuple", batch="np.linalg.eig(a)",
    tf="tf_host.arrays('redraft.runtime.spectral.complex_eig', (a,))",
    vjp={
        "a": between_vectors(
            f"{vectors_bar('ans[0]', 'ans[1]', 'ans_bar[1]')} + rt.diagonal_matrix(ans_bar[0])",
            "ans[1]",
        )
    },
    jvp={
        "a": f"(rt.cast_like(np.diagonal({eigen_inner('ans[1]')}, 0, -2, -1), ans[0]),"
        f" {vectors_dot('ans[0]', 'ans[1]')})"
    },
    samples=lambda rng: [(s.symmetric(rng, (3, 3)) + 0.1 * s.inside(rng, (3, 3)),),
                         (s.symmetric(rng, (2, 2, 2)) + 0.1 * s.inside(rng, (2, 2, 2)),)],
)  # fmt: skip
OF_VALUES = "rt.eigenvectors(a, ans)"
primitive(
    "np.linalg.eigvals(a)", batch="np.linalg.eigvals(a)",
    tf="tf_host.arrays('redraft.runtime.spectral.complex_eigvals', (a,))",
    vjp={"a": between_vectors("rt.diagonal_matrix(ans_bar)", OF_VALUES)},
    jvp={"a": f"rt.cast_like(np.diagonal({eigen_inner(OF_VALUES)}, 0, -2, -1), ans)"},
    samples=lambda rng: [(s.symmetric(rng, (3, 3)) + 0.1 * s.inside(rng, (3, 3)),),
                         (s.symmetric(rng, (2, 2, 2)) + 0.1 * s.inside(rng, (2, 2, 2)),)],
)  # fmt: skip
primitive(
    "rt.eigenvectors(a, w)", batch=batching.along("a", "w", axes=()),
    tf="tf_host.arrays('redraft.runtime.spectral.eigenvectors', (a, w))",
    **choosing(
        "w",
        vjp={"a": between_vectors(vectors_bar("w", "ans", "ans_bar"), "ans")},
        jvp={"a": vectors_dot("w", "ans")},
    ),
    samples=lambda rng: [(m, np_eigvals(m)) for m in (s.symmetric(rng, (3, 3)),)],
)  # fmt: skip


def np_eigvals(m: object) -> object:
    """Eigenvalues of a sample, in another order."""
    import numpy as np

    return np.linalg.eigvals(m)[::-1].copy()


# Pseudo-inverses

OF_GIVEN = "np.conj(ans_bar).mT"
LEFT = f"({OF_GIVEN} @ rt.conj(ans @ {adjoint('ans')}))"
RIGHT = f"(rt.conj({adjoint('ans')} @ ans) @ {OF_GIVEN})"
PINV_BAR = (
    f"-ans.mT @ ans_bar @ ans.mT + {LEFT} - rt.conj(x @ ans) @ {LEFT}"
    f" + {RIGHT} - {RIGHT} @ rt.conj(ans @ x)"
)


def pinv_dot(x_dot: str) -> str:
    """Tangent of the pseudo-inverse."""
    left = f"(ans @ {adjoint('ans')} @ {adjoint(x_dot)})"
    right = f"({adjoint(x_dot)} @ {adjoint('ans')} @ ans)"
    return f"-ans @ {x_dot} @ ans + {left} - {left} @ (x @ ans) + {right} - (ans @ x) @ {right}"


def batch_pinv(b: Batching) -> str:
    """The same function, unless each example is to have a limit of its own."""
    if b.batched - {"x"}:
        raise b.refuse("a limit for each example has no rule")
    return b.again()


def pinv_rule(bar: str, dot: str) -> dict[str, dict]:
    """Both modes; a Hermitian matrix changes into Hermitian ones."""

    def hermitian(call: Call) -> bool:
        return bool(literal_option(call, "hermitian"))

    return {
        "vjp": {"x": lambda c: f"rt.symmetric({bar})" if hermitian(c) else bar},
        "jvp": {"x": lambda c: pinv_dot("rt.symmetric(x_dot)") if hermitian(c) else dot},
    }


primitive(
    "np.linalg.pinv(x, rcond=None, hermitian=False, *, rtol=None)", batch=batch_pinv,
    tf="tf_host.arrays('numpy.linalg.pinv', (x,), hermitian=hermitian, rcond=rcond)"
    " if rtol is None else"
    " tf_host.arrays('numpy.linalg.pinv', (x,), hermitian=hermitian, rtol=rtol)",
    **pinv_rule(PINV_BAR, pinv_dot("x_dot")),
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
for text, kept, of in (
    ("unless_square(m, q)", "m", "q"), ("thin(u, s)", "u", "s"), ("reduced(q, r)", "q", "r"),
):  # fmt: skip
    name = text.partition("(")[0]
    primitive(
        f"rt.{text}", batch=batching.along(of, kept, axes=()), linear_in=kept, shape_only=of,
        like=kept, view_of=kept, tf=f"tf_decompositions.{text}",
        vjp={kept: f"rt.{name}(ans_bar, {of})" if name == "unless_square" else "ans_bar"},
        samples=s.arrays(((3, 2), (3, 2)), ((2, 2), (2, 2))) if name != "thin"
        else s.arrays(((3, 2), (2,))),
    )  # fmt: skip
no_derivative("rt.pivots(v)", batch="rt.pivots(v)", tf="tf_decompositions.pivots(v)")
