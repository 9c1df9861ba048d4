"""`scipy.linalg` by functions that have rules."""

from __future__ import annotations

from typing import Any

import numpy as np

from redraft.runtime.elementwise import conj
from redraft.runtime.matrix_functions import expm, logm, sqrtm
from redraft.runtime.spectral import on_diagonal


def adjoint(m: Any) -> Any:
    """Conjugate transpose."""
    return conj(m).mT


# Solves


def triangle(a: Any, lower: bool, unit_diagonal: bool = False) -> Any:
    """The half of a matrix that a solver reads."""
    half = np.tril(a) if lower else np.triu(a)
    if unit_diagonal:
        return half - on_diagonal(half) + on_diagonal(np.ones_like(half))
    return half


def solve_triangular(
    a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False
) -> Any:
    """`scipy.linalg.solve_triangular`."""
    half = triangle(a, lower, unit_diagonal)
    if trans == 1 or trans == "T":
        half = half.mT
    elif trans == 2 or trans == "C":
        half = adjoint(half)
    return np.linalg.solve(half, b)


def solve(
    a: Any, b: Any, lower: bool = False, *, assume_a: Any = None, transposed: bool = False
) -> Any:
    """`scipy.linalg.solve`: a matrix that is said to be symmetric is read in one half."""
    if assume_a == "sym":
        half = triangle(a, lower)
        a = half + half.mT - on_diagonal(half)
    elif assume_a == "pos" or assume_a == "her":
        half = triangle(a, lower)
        a = half + adjoint(half) - on_diagonal(np.real(half))
    elif assume_a is not None and assume_a != "gen":
        raise ValueError("scipy.linalg.solve: assume_a may be None, 'gen', 'sym', 'her' or 'pos'")
    return np.linalg.solve(a.mT if transposed else a, b)


def cholesky(a: Any, lower: bool = False) -> Any:
    """`scipy.linalg.cholesky`: the upper factor, unless the lower one is asked for."""
    return np.linalg.cholesky(a) if lower else adjoint(np.linalg.cholesky(adjoint(a)))


def cho_factor(a: Any, lower: bool = False) -> Any:
    """`scipy.linalg.cho_factor`: the other half of the array stays what it was."""
    if lower:
        return np.linalg.cholesky(a) + np.triu(a, 1), lower
    return adjoint(np.linalg.cholesky(adjoint(a))) + np.tril(a, -1), lower


def cho_solve(c_and_lower: Any, b: Any) -> Any:
    """`scipy.linalg.cho_solve`."""
    c, lower = c_and_lower
    if lower:
        half = np.tril(c)
        return np.linalg.solve(adjoint(half), np.linalg.solve(half, b))
    half = np.triu(c)
    return np.linalg.solve(half, np.linalg.solve(adjoint(half), b))


def inv(a: Any) -> Any:
    """`scipy.linalg.inv`."""
    return np.linalg.inv(a)


def det(a: Any) -> Any:
    """`scipy.linalg.det`: in double precision."""
    return np.linalg.det(a * np.float64(1.0))


def norm(a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """`scipy.linalg.norm`: the length of a vector in double precision."""
    ans = np.linalg.norm(a, ord, axis, keepdims)
    if axis is None and not keepdims and np.ndim(a) == 1 and (ord is None or ord == 2):
        ans = ans * np.float64(1.0)
    return ans


def svdvals(a: Any) -> Any:
    """`scipy.linalg.svdvals`."""
    return np.linalg.svd(a, compute_uv=False)


# Structure


def block_diag(*arrs: Any) -> Any:
    """`scipy.linalg.block_diag`: vectors count as rows."""
    blocks = [np.atleast_2d(a) for a in arrs]
    columns = sum([np.shape(block)[1] for block in blocks])
    rows, before = [], 0
    for block in blocks:
        after = columns - before - np.shape(block)[1]
        rows.append(np.pad(block, ((0, 0), (before, after))))
        before = before + np.shape(block)[1]
    return np.concatenate(rows, 0)


def toeplitz(c: Any, r: Any = None) -> Any:
    """`scipy.linalg.toeplitz`: each diagonal is constant."""
    r = conj(c) if r is None else r
    rows, columns = np.shape(c)[0], np.shape(r)[0]
    values = np.concatenate([c[::-1], r[1:]])
    places = np.arange(rows)[::-1][:, None] + np.arange(columns)[None, :]
    return values[places]


# LU: with p^T a = l u and x = l^-1 p^T a_dot u^-1: l_dot = l tril(x, -1), u_dot = triu(x) u


def whole(l_part: Any, u_part: Any) -> tuple:
    """Both factors continued to square matrices by ones on the diagonal."""
    m, n = np.shape(l_part)[-2], np.shape(u_part)[-1]
    k = np.shape(l_part)[-1]
    l_square, u_square = l_part, u_part
    if m > k:
        l_square = np.concatenate([l_part, np.zeros_like(l_part)[..., :1] + ones_below(m, k)], -1)
    if n > k:
        u_square = np.concatenate(
            [u_part, np.zeros_like(u_part)[..., :1, :] + ones_below(n, k).T], -2
        )
    return l_square, u_square


def ones_below(n: int, k: int) -> Any:
    """The last columns of an identity matrix; integers, which change no dtype."""
    return np.eye(n, dtype=np.int8)[:, k:]


def lu_dot(p: Any, l_part: Any, u_part: Any, a_dot: Any) -> tuple:
    """Tangents of the three factors; the order of the rows does not change."""
    k = np.shape(l_part)[-1]
    l_square, u_square = whole(l_part, u_part)
    x = np.linalg.solve(u_square.mT, np.linalg.solve(l_square, p.mT @ a_dot).mT).mT
    l_dot, u_dot = l_square @ np.tril(x, -1)[..., :, :k], np.triu(x)[..., :k, :] @ u_square
    return np.zeros_like(p), l_dot, u_dot


def lu_bar(p: Any, l_part: Any, u_part: Any, l_bar: Any, u_bar: Any) -> Any:
    """Cotangent of the matrix."""
    m, n, k = np.shape(l_part)[-2], np.shape(u_part)[-1], np.shape(l_part)[-1]
    l_square, u_square = whole(l_part, u_part)
    lower = np.tril(l_square.mT @ l_bar, -1)
    upper = np.triu(u_bar @ u_square.mT)
    if n > k:
        lower = np.concatenate([lower, np.zeros_like(u_part)[..., :, k:]], -1)
    if m > k:
        upper = np.concatenate([upper, np.zeros_like(l_part)[..., k:, :]], -2)
    x_bar = lower + upper
    return p @ np.linalg.solve(l_square.mT, np.linalg.solve(u_square, x_bar.mT).mT)


# Functions of matrices. Of [[a, e], [0, a]] they have the derivative along e in the corner.


def block(a: Any, e: Any) -> Any:
    """The matrix with `a` on its diagonal and `e` beside it."""
    right = np.concatenate([e, a], -2)
    left = np.concatenate([a, np.zeros_like(a)], -2)
    return np.concatenate([left, right], -1)


def corner(m: Any) -> Any:
    """The upper right quarter."""
    n = np.shape(m)[-1] // 2
    return m[..., :n, n:]


def expm_along(a: Any, e: Any) -> Any:
    """Derivative of the exponential along `e`."""
    return corner(expm(block(a, e)))


def logm_along(a: Any, e: Any) -> Any:
    """Derivative of the logarithm along `e`."""
    return corner(logm(block(a, e)))


def sqrtm_along(a: Any, e: Any) -> Any:
    """Derivative of the square root along `e`."""
    return corner(sqrtm(block(a, e)))


def expm_frechet(A: Any, E: Any) -> Any:
    """`scipy.linalg.expm_frechet`: in double precision."""
    a, e = A * np.float64(1.0), E * np.float64(1.0)
    return expm(a), expm_along(a, e)


def solve_banded(l_and_u: Any, ab: Any, b: Any) -> Any:
    """`scipy.linalg.solve_banded`: the bands are laid out as a matrix, and that is solved."""
    _, above = l_and_u
    ab = np.asarray(ab)
    size = np.shape(ab)[-1]
    column = np.arange(size)
    row = above + column[:, None] - column  # where element (i, j) stands in `ab`
    inside = (row >= 0) & (row < np.shape(ab)[0])
    banded = np.where(inside, ab[np.where(inside, row, 0), column], 0.0)
    return np.linalg.solve(banded, b)
