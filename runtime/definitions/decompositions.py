"""Derivatives of eigenvalues, singular values, QR and pseudo-inverses: of the matrix, or along one.

A name ends in ``_dot`` where a tangent goes through, and in ``_bar`` where a cotangent comes back.
A cotangent pairs without conjugation, as everywhere: that of ``L @ x`` is ``L.T @ y_bar``.

Sources, all of them with JAX's choice of signs and phases:
M. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation", 2008 (eigenvalues); J. Townsend, "Differentiating the singular value
decomposition", 2016, and Z.-Q. Wan and S.-X. Zhang, "Automatic differentiation for complex valued
SVD", arXiv:1909.02659 (singular values); S. Walter and L. Lehmann, "Algorithmic differentiation of
linear algebra functions", 2010 (QR); G. Golub and V. Pereyra, "The differentiation of
pseudo-inverses", 1973.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from redraft.runtime.elementwise import conj, unimag
from redraft.runtime.linalg import symmetric
from redraft.runtime.shapes import cast_like
from redraft.runtime.spectral import (
    diagonal_matrix,
    eigenvectors,
    on_diagonal,
    over_gaps,
    pivots,
    quotient,
    upper_half,
)


def adjoint(m: Any) -> Any:
    """Conjugate transpose."""
    return conj(m).mT


def real_diagonal(m: Any) -> Any:
    """Real part of the diagonal."""
    return np.real(np.diagonal(m, 0, -2, -1))


# Hermitian matrices: w_dot is the diagonal of v^H a_dot v; beside it, that over the gaps is v^H v_dot


def eigh_dot(w: Any, v: Any, a_dot: Any) -> Any:
    """Tangents of eigenvalues and vectors."""
    inner = adjoint(v) @ symmetric(a_dot) @ v
    return real_diagonal(inner), v @ over_gaps(inner, w)


def eigh_bar(w: Any, v: Any, w_bar: Any, v_bar: Any) -> Any:
    """Cotangent of the matrix."""
    inner = over_gaps(v.mT @ v_bar, w) + diagonal_matrix(np.real(w_bar))
    return symmetric(conj(v) @ inner @ v.mT)


def eigvalsh_dot(v: Any, a_dot: Any) -> Any:
    """Tangent of the eigenvalues alone."""
    return real_diagonal(adjoint(v) @ symmetric(a_dot) @ v)


def eigvalsh_bar(v: Any, w_bar: Any) -> Any:
    """Cotangent of the matrix from that of the eigenvalues alone."""
    return symmetric((conj(v) * np.expand_dims(np.real(w_bar), -2)) @ v.mT)


# Singular values. With p = u^H a_dot v, split in its Hermitian and its skew part h and k:
# u^H u_dot and v^H v_dot are h / (s[j] - s[i]) plus and minus k / (s[j] + s[i]) beside the
# diagonal. On it, the phases may be chosen: JAX turns u alone, by k / s.


def svd_dot(u: Any, s: Any, vh: Any, a_dot: Any) -> Any:
    """Tangents of the three parts of a thin decomposition."""
    v = adjoint(vh)
    inner = adjoint(u) @ a_dot @ v
    h = 0.5 * over_gaps(inner + adjoint(inner), s)
    k = 0.5 * quotient(inner - adjoint(inner), sums(s))
    turn = on_diagonal(k)
    u_dot, v_dot = u @ (h + k + turn), v @ (h - k + turn)
    if np.shape(u)[-2] > np.shape(u)[-1]:
        u_dot = u_dot + outside_dot(u, a_dot @ v, s)
    if np.shape(v)[-2] > np.shape(v)[-1]:
        v_dot = v_dot + outside_dot(v, adjoint(a_dot) @ u, s)
    return u_dot, real_diagonal(inner), adjoint(v_dot)


def svd_bar(u: Any, s: Any, vh: Any, u_bar: Any, s_bar: Any, vh_bar: Any) -> Any:
    """Cotangent of the matrix from those of the three parts of a thin decomposition."""
    v, v_bar = adjoint(vh), adjoint(vh_bar)
    of_u, of_v = u.mT @ u_bar, v.mT @ v_bar
    of_u, of_v = of_u - adjoint(of_u), of_v - adjoint(of_v)
    turned = of_u + of_v
    inner = over_gaps(turned, s) + quotient(of_u - of_v + on_diagonal(turned), sums(s))
    a_bar = conj(u) @ (0.5 * inner + diagonal_matrix(np.real(s_bar))) @ v.mT
    if np.shape(u)[-2] > np.shape(u)[-1]:
        a_bar = a_bar + outside_bar(u, u_bar, s) @ v.mT
    if np.shape(v)[-2] > np.shape(v)[-1]:
        a_bar = a_bar + conj(u) @ adjoint(outside_bar(v, v_bar, s))
    return a_bar


def sums(s: Any) -> Any:
    """``s[i] + s[j]``."""
    return np.expand_dims(s, -2) + np.expand_dims(s, -1)


def outside_dot(q: Any, x: Any, s: Any) -> Any:
    """What turns the columns of `q` out of their span."""
    return quotient(x - q @ (adjoint(q) @ x), np.expand_dims(s, -2))


def outside_bar(q: Any, q_bar: Any, s: Any) -> Any:
    """The transpose of that."""
    return quotient(q_bar - conj(q) @ (q.mT @ q_bar), np.expand_dims(s, -2))


def svdvals_dot(u: Any, vh: Any, a_dot: Any) -> Any:
    """Tangent of the singular values alone."""
    return real_diagonal(adjoint(u) @ a_dot @ adjoint(vh))


def svdvals_bar(u: Any, vh: Any, s_bar: Any) -> Any:
    """Cotangent of the matrix from that of the singular values alone."""
    return (conj(u) * np.expand_dims(np.real(s_bar), -2)) @ conj(vh)


# QR. With x = q r and z = q^H x_dot r^-1: r_dot = w r and q_dot = x_dot r^-1 - q w, where w is the
# upper half of z + z^H. Of a wide matrix the first columns give q, and the others follow.


def qr_dot(x: Any, q: Any, r: Any, x_dot: Any) -> Any:
    """Tangents of both factors."""
    k = np.shape(q)[-1]
    moved = np.linalg.solve(r[..., :k].mT, x_dot[..., :k].mT).mT
    w = 2.0 * upper_half(symmetric(adjoint(q) @ moved))
    q_dot, r_dot = moved - q @ w, w @ r[..., :k]
    if np.shape(x)[-1] > k:
        rest = adjoint(q_dot) @ x[..., k:] + adjoint(q) @ x_dot[..., k:]
        r_dot = np.concatenate([r_dot, rest], -1)
    return q_dot, r_dot


def qr_bar(x: Any, q: Any, r: Any, q_bar: Any, r_bar: Any) -> Any:
    """Cotangent of the matrix."""
    k = np.shape(q)[-1]
    first, rest_bar = r_bar[..., :k], r_bar[..., k:]
    if np.shape(x)[-1] > k:
        q_bar = q_bar + conj(x[..., k:]) @ adjoint(rest_bar)
    w_bar = first @ r[..., :k].mT - q.mT @ q_bar
    moved_bar = q_bar + 2.0 * (conj(q) @ symmetric(upper_half(w_bar)))
    x_bar = np.linalg.solve(r[..., :k], moved_bar.mT).mT
    if np.shape(x)[-1] > k:
        x_bar = np.concatenate([x_bar, conj(q) @ rest_bar], -1)
    return x_bar


# General matrices. With p = v^-1 a_dot v: w_dot is the diagonal of p, and v_dot is v (p / gaps)
# brought back to columns of length 1 whose largest element is real.


def eig_dot(w: Any, v: Any, a_dot: Any) -> Any:
    """Tangents of eigenvalues and vectors."""
    inner = np.linalg.solve(v, a_dot @ v)
    return cast_like(np.diagonal(inner, 0, -2, -1), w), eigenvectors_dot(w, v, a_dot)


def eigenvectors_dot(w: Any, v: Any, a_dot: Any) -> Any:
    """Tangent of the eigenvectors."""
    u = v @ over_gaps(np.linalg.solve(v, a_dot @ v), w)
    largest = pivots(v)
    size = np.sum(largest * np.real(v), axis=-2, keepdims=True)
    turn = np.sum(largest * np.imag(u), axis=-2, keepdims=True) / size
    shorter = np.sum(np.real(conj(v) * u), axis=-2, keepdims=True)
    return u - v * (shorter - unimag(turn, v))


def eig_bar(a: Any, w: Any, v: Any, w_bar: Any, v_bar: Any) -> Any:
    """Cotangent of the matrix."""
    return between(a, v, diagonal_matrix(w_bar) + inner_bar(w, v, v_bar))


def eigvals_dot(a: Any, w: Any, a_dot: Any) -> Any:
    """Tangent of the eigenvalues alone."""
    v = eigenvectors(a, w)
    return cast_like(np.diagonal(np.linalg.solve(v, a_dot @ v), 0, -2, -1), w)


def eigvals_bar(a: Any, w: Any, w_bar: Any) -> Any:
    """Cotangent of the matrix from that of the eigenvalues alone."""
    return between(a, eigenvectors(a, w), diagonal_matrix(w_bar))


def eigenvectors_bar(a: Any, w: Any, v: Any, v_bar: Any) -> Any:
    """Cotangent of the matrix from that of the eigenvectors alone."""
    return between(a, v, inner_bar(w, v, v_bar))


def inner_bar(w: Any, v: Any, v_bar: Any) -> Any:
    """What the cotangent of the eigenvectors becomes between ``v^-T`` and ``v^T``."""
    largest = pivots(v)
    along = np.sum(v_bar * v, axis=-2, keepdims=True)
    size = np.sum(largest * np.real(v), axis=-2, keepdims=True)
    u_bar = v_bar - conj(v) * np.real(along) + unimag(largest * np.imag(along) / size, v)
    return over_gaps(v.mT @ u_bar, w)


def between(a: Any, v: Any, inner: Any) -> Any:
    """``v^-T inner v^T``, in the dtype of the matrix."""
    return cast_like(np.linalg.solve(v.mT, inner @ v.mT), a)


# Pseudo-inverses


def pinv_dot(x: Any, p: Any, x_dot: Any) -> Any:
    """Tangent of the pseudo-inverse `p` of `x`."""
    left = p @ adjoint(p) @ adjoint(x_dot)
    right = adjoint(x_dot) @ adjoint(p) @ p
    return -p @ x_dot @ p + left - left @ x @ p + right - p @ (x @ right)


def pinv_bar(x: Any, p: Any, p_bar: Any) -> Any:
    """Cotangent of `x`."""
    left = adjoint(p_bar) @ conj(p @ adjoint(p))
    right = conj(adjoint(p) @ p) @ adjoint(p_bar)
    return -p.mT @ p_bar @ p.mT + left - conj(x) @ (conj(p) @ left) + right - right @ conj(p @ x)
