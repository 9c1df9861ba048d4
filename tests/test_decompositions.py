"""Eigenvalues, singular values, QR, pseudo-inverses: what the table-driven tests do not reach.

Complex matrices against JAX, whose choice of phases the derivatives make; degenerate values;
compiled functions, whose values come from the host; fields of results; refusals.
"""

from __future__ import annotations

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracle import in_jax

import redraft as rd

jax.config.update("jax_enable_x64", True)


def matrix(*shape, seed=0, is_complex=False):
    rng = np.random.default_rng(seed)
    m = rng.normal(size=shape)
    return m + 1j * rng.normal(size=shape) if is_complex else m


def hermitian(*shape, **options):
    m = matrix(*shape, **options)
    return 0.5 * (m + np.conj(m).mT) + np.diag(2.0 * np.arange(shape[-1]))


# Functions of the parts that do and that do not depend on phases


def of_eigh(a):
    w, v = np.linalg.eigh(a)
    return np.sum(np.sin(w)) + np.sum(np.real(v * np.conj(v)) * np.arange(1.0, 10.0).reshape(3, 3))


def phases_of_eigh(a):
    w, v = np.linalg.eigh(a)
    return np.sum(np.cos(w) * np.real(v)) + np.sum(np.imag(v[0]) * w)


def of_eigvalsh(a):
    return np.sum(np.linalg.eigvalsh(a) ** 3)


def phases_of_svd(a):
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return np.sum(np.real(u) * s) + np.sum(np.imag(vh) * s[:, None]) + np.sum(np.real(vh[0]) ** 2)


def of_singular_values(a):
    return np.sum(np.sin(np.linalg.svd(a, compute_uv=False)))


def of_svdvals(a):
    return np.sum(np.linalg.svdvals(a) ** 2 * np.array([1.0, 2.0, 3.0]))


def truncated(a):
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return np.sum(np.abs((u[:, :2] * s[:2]) @ vh[:2] - 1.0) ** 2)


def of_qr(a):
    q, r = np.linalg.qr(a)
    return np.sum(np.real(q) ** 3) + np.sum(np.imag(q)) + np.sum(np.abs(r) ** 2 * np.real(r))


def of_r(a):
    return np.sum(np.real(np.linalg.qr(a, mode="r")) ** 2)


def of_pinv(a):
    return np.sum(np.real(np.linalg.pinv(a)) ** 2) + np.sum(np.imag(np.linalg.pinv(a)))


def of_slogdet(a):
    sign, size = np.linalg.slogdet(a)
    return size**2 + np.real(sign) + 2.0 * np.imag(sign)


def of_cholesky(a):
    return np.sum(np.abs(np.linalg.cholesky(a)) ** 3)


def of_eigvals(a):
    w = np.linalg.eigvals(a)
    return np.sum(np.abs(w) ** 3 + np.real(w))


SQUARE, TALL, WIDE = matrix(3, 3), matrix(4, 3), matrix(3, 4)
Z, TALL_Z, WIDE_Z = (matrix(*s, is_complex=True) for s in ((3, 3), (4, 3), (3, 4)))
H, HZ = hermitian(3, 3), hermitian(3, 3, is_complex=True)
CASES = [
    (of_eigh, H), (of_eigh, HZ), (phases_of_eigh, H), (phases_of_eigh, HZ),
    (of_eigvalsh, H), (of_eigvalsh, HZ), (phases_of_svd, SQUARE), (phases_of_svd, Z),
    (phases_of_svd, TALL), (phases_of_svd, TALL_Z), (phases_of_svd, WIDE), (phases_of_svd, WIDE_Z),
    (of_singular_values, TALL_Z), (of_svdvals, WIDE_Z), (truncated, SQUARE), (truncated, TALL_Z),
    (of_qr, SQUARE), (of_qr, Z), (of_qr, TALL_Z), (of_qr, WIDE), (of_qr, WIDE_Z), (of_r, TALL_Z),
    (of_pinv, TALL), (of_pinv, TALL_Z), (of_pinv, WIDE_Z), (of_slogdet, Z), (of_slogdet, SQUARE),
    (of_cholesky, HZ @ HZ + np.eye(3)), (of_eigvals, Z), (of_eigvals, SQUARE),
]  # fmt: skip
QUICK = [(phases_of_svd, TALL_Z), (of_slogdet, Z)]
each_case = pytest.mark.parametrize(
    ("function", "a"),
    [
        pytest.param(
            *c, marks=() if any(c[0] is q[0] and c[1] is q[1] for q in QUICK) else pytest.mark.slow
        )
        for c in CASES
    ],
    ids=lambda v: getattr(v, "__name__", None) or f"{v.dtype}{v.shape}",
)


@each_case
def test_both_modes_agree_with_jax(function, a):
    twin = in_jax(function)
    np.testing.assert_allclose(rd.grad(function)(a), jax.grad(twin)(a), rtol=1e-8, atol=1e-9)
    a_dot = matrix(*a.shape, seed=1, is_complex=np.iscomplexobj(a))
    _, got = rd.jvp(function, (a,), (a_dot,))
    _, want = jax.jvp(twin, (jnp.asarray(a),), (jnp.asarray(a_dot),))
    np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-9)


@each_case
@pytest.mark.slow
def test_second_order_agrees_with_differences(function, a):
    a_dot = matrix(*a.shape, seed=2, is_complex=np.iscomplexobj(a))
    if function in (of_eigh, phases_of_eigh, of_eigvalsh, of_cholesky):  # they read one triangle
        a_dot = hermitian_part(a_dot)
    gradient = rd.grad(function)
    want = (gradient(a + 1e-6 * a_dot) - gradient(a - 1e-6 * a_dot)) / 2e-6
    got = rd.jvp(gradient, (a,), (a_dot,))[1]
    a_bar = matrix(*a.shape, seed=3, is_complex=np.iscomplexobj(a))
    turned = rd.vjp(gradient, a)[1](a_bar)[0]
    if function.__name__.startswith("phases") and np.iscomplexobj(a):
        want = jax_curvature(function, a, a_dot)  # the library turns phases from call to call
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
    assert np.isclose(np.real(np.sum(turned * a_dot)), np.real(np.sum(a_bar * got)))


def jax_curvature(function, a, a_dot):
    gradient = jax.grad(in_jax(function))
    return jax.jvp(gradient, (jnp.asarray(a),), (jnp.asarray(a_dot),))[1]


@each_case
@pytest.mark.slow
def test_a_batch_is_a_stack(function, a):
    batch = np.stack([a, a + 0.1 * a @ np.ones((a.shape[-1], a.shape[-1])) * (a.shape[0] != a.shape[1]),
                      1.5 * a])  # fmt: skip
    got = rd.vmap(rd.grad(function))(batch)
    np.testing.assert_allclose(got, [rd.grad(function)(m) for m in batch], rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(
    ("function", "a"),
    [(phases_of_eigh, HZ), (of_qr, WIDE_Z),
     *(pytest.param(*c, marks=pytest.mark.slow) for c in ((phases_of_svd, TALL_Z), (of_slogdet, Z)))],
)  # fmt: skip
def test_compiled(function, a):
    """The same numbers, signs and phases: what XLA cannot compute comes from the host."""
    pytest.importorskip("tensorflow")
    got = rd.jit(rd.value_and_grad(function))(a)
    for one, other in zip(got, rd.value_and_grad(function)(a), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-10)


# Eigenvectors of general matrices: JAX wants to be asked twice


def of_eig(a):
    w, v = np.linalg.eig(a)
    return np.sum(np.abs(w) ** 2) + np.sum(np.real(v) * np.arange(9.0).reshape(3, 3))


@pytest.mark.parametrize(
    "a", [SQUARE, *(pytest.param(m, marks=pytest.mark.slow) for m in (Z, matrix(3, 3, seed=5)))],
    ids=["real", "complex", "other"],
)  # fmt: skip
def test_eigenvectors_are_normalised_as_in_jax(a):
    def twin(a):
        w, v = jax.lax.linalg.eig(a, compute_left_eigenvectors=False, enable_eigvec_derivs=True)
        return jnp.sum(jnp.abs(w) ** 2) + jnp.sum(jnp.real(v) * jnp.arange(9.0).reshape(3, 3))

    np.testing.assert_allclose(of_eig(a), twin(a))
    np.testing.assert_allclose(rd.grad(of_eig)(a), jax.grad(twin)(a), rtol=1e-8, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("a", [SQUARE, Z], ids=["real", "complex"])
def test_second_derivatives_of_eigenvectors(a):
    gradient = rd.grad(of_eig)
    a_dot = matrix(3, 3, seed=3, is_complex=np.iscomplexobj(a))
    got = rd.jvp(gradient, (a,), (a_dot,))[1]
    want = (gradient(a + 1e-6 * a_dot) - gradient(a - 1e-6 * a_dot)) / 2e-6
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


# Equal eigenvalues, singular values of zero


def test_equal_eigenvalues_have_no_nan_where_vectors_are_not_used():
    a = np.diag([1.0, 1.0, 2.0])
    np.testing.assert_allclose(rd.grad(of_eigvalsh)(a), jax.grad(in_jax(of_eigvalsh))(a))

    def total(a):
        w, _ = np.linalg.eigh(a)
        return np.sum(w**3)

    np.testing.assert_allclose(rd.grad(total)(a), np.diag([3.0, 3.0, 12.0]))


def test_singular_values_of_zero():
    a = np.outer([1.0, 2.0, 0.5], [1.0, -1.0])
    for function in (of_singular_values, lambda a: np.sum(np.linalg.svd(a, False)[1])):
        assert np.all(np.isfinite(rd.grad(function)(a)))

    def power(a):
        u, s, vh = np.linalg.svd(a, full_matrices=False)
        return s[0] ** 2 + u[0, 0] * vh[0, 0]  # of the singular value that is not zero

    def power_in_jax(a):
        u, s, vh = jnp.linalg.svd(a, full_matrices=False)
        return s[0] ** 2 + u[0, 0] * vh[0, 0]

    ours, jax_own = rd.grad(power)(a), np.asarray(jax.grad(power_in_jax)(a))
    assert np.all(np.isfinite(ours) | ~np.isfinite(jax_own))


# Results are the library's own tuples


def test_fields_of_results():
    def by_fields(a):
        return np.sum(np.linalg.svd(a, full_matrices=False).S) + np.sum(
            np.linalg.eigh(a).eigenvalues
        )

    def by_places(a):
        return np.sum(np.linalg.svd(a, full_matrices=False)[1]) + np.sum(np.linalg.eigh(a)[0])

    np.testing.assert_allclose(rd.grad(by_fields)(H), rd.grad(by_places)(H))
    batch = np.stack([H, 2.0 * H])
    np.testing.assert_allclose(rd.vmap(by_fields)(batch), [by_fields(m) for m in batch])


def test_hermitian_option():
    def values(a):
        return np.sum(np.linalg.svd(a, compute_uv=False, hermitian=True) ** 3)

    def inverse(a):
        return np.sum(np.linalg.pinv(a, hermitian=True) ** 2)

    for function in (values, inverse):
        a = H - 2.5 * np.eye(3)
        got, want = rd.grad(function)(a), jax.grad(in_jax(function))(a)
        np.testing.assert_allclose(got, hermitian_part(want), rtol=1e-9)


def hermitian_part(m):
    return 0.5 * (m + np.conj(m).mT)


# Refusals


def test_what_is_not_determined_is_refused():
    with pytest.raises(
        rd.TransformError, match="full_matrices=True of a matrix that is not square"
    ):
        rd.grad(lambda a: np.sum(np.linalg.svd(a)[0]))(TALL)
    with pytest.raises(rd.TransformError, match='mode="complete" of a tall matrix'):
        rd.grad(lambda a: np.sum(np.linalg.qr(a, mode="complete")[0]))(TALL)
    with pytest.raises(rd.TransformError, match="mode='raw' has no rule"):
        rd.grad(lambda a: np.sum(np.linalg.qr(a, mode="raw")[0]))(TALL)
    with pytest.raises(rd.TransformError, match="`compute_uv` must be written as a literal"):
        rd.grad(lambda a, flag: np.sum(np.linalg.svd(a, compute_uv=flag)[1]))(TALL, True)


@pytest.mark.parametrize("part", [0, 1])
def test_a_part_of_a_named_result_is_compiled(part):
    """Its cotangent is a structure of which one part is written to."""
    pytest.importorskip("tensorflow")

    def f(a):
        return np.linalg.slogdet(a.T @ a + np.eye(3))[part] * np.sum(a)

    a = np.linspace(-1.0, 2.0, 12).reshape(4, 3)
    np.testing.assert_allclose(rd.jit(rd.grad(f))(a), rd.grad(f)(a))
