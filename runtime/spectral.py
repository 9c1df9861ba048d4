"""Helpers of generated code for eigenvalues, singular values and QR.

Each of them is small, and has derivatives itself (transpile/primitives/decompositions.py), so that
the formulas that are built of them have derivatives too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from redraft.runtime.refusals import refusal


def quotient(m: Any, d: Any) -> Any:
    """``m / d``, but 0 wherever `m` is 0: a cotangent that is not there meets no singular value."""
    skip = np.equal(m, 0)
    if not skip.any():
        return m / d
    ratio = m / np.where(skip, np.ones_like(d), d)
    return np.where(skip, np.zeros_like(ratio), ratio)


def over_gaps(m: Any, w: Any) -> Any:
    """``m[i, j] / (w[j] - w[i])``; 0 on the diagonal, and wherever `m` is 0."""
    gaps = np.expand_dims(w, -2) - np.expand_dims(w, -1)
    off = ~np.eye(np.shape(w)[-1], dtype=bool)
    return quotient(np.where(off, m, np.zeros_like(m)), np.where(off, gaps, np.ones_like(gaps)))


def diagonal_matrix(x: Any) -> Any:
    """Matrices with the last axis of `x` on the diagonal."""
    spread = np.expand_dims(x, -2)
    return np.where(np.eye(np.shape(x)[-1], dtype=bool), spread, np.zeros_like(spread))


def on_diagonal(m: Any) -> Any:
    """The matrix without what stands beside its diagonal."""
    return np.where(np.eye(np.shape(m)[-1], dtype=bool), m, np.zeros_like(m))


def upper_half(m: Any) -> Any:
    """Upper triangle with half of the diagonal."""
    return np.triu(m) - 0.5 * np.tril(np.triu(m))


def thin(u: Any, s: Any) -> Any:
    """Return the singular vectors `u` if there are as many of them as singular values.

    Raises:
        TransformError: there are more, which the matrix does not determine.
    """
    if np.shape(u)[-1] != np.shape(s)[-1]:
        raise refusal(MORE_VECTORS, "write full_matrices=False, or compute_uv=False")
    return u


MORE_VECTORS = "np.linalg.svd: full_matrices=True of a matrix that is not square has no derivative"


def reduced(q: Any, r: Any) -> Any:
    """Return `q` if it has no more columns than the triangle has, else refuse."""
    if np.shape(q)[-1] > np.shape(r)[-1]:
        raise refusal(MORE_COLUMNS, 'write mode="reduced"')
    return q


MORE_COLUMNS = 'np.linalg.qr: mode="complete" of a tall matrix has no derivative'


def pivots(v: Any) -> Any:
    """1 at the largest element of each column, and 0 elsewhere."""
    first = np.argmax(np.abs(v), axis=-2)
    rows = np.arange(np.shape(v)[-2])
    return (rows[:, None] == np.expand_dims(first, -2)).astype(np.real(v).dtype)


def eigenvectors(a: Any, w: Any) -> Any:
    """Eigenvectors of `a` in the order of the eigenvalues `w`."""
    values, vectors = np.linalg.eig(a)
    if np.iscomplexobj(w):  # in a compiled program, of real numbers too
        vectors = vectors.astype(np.result_type(vectors, w))
    distance = np.abs(np.expand_dims(values, -1) - np.expand_dims(w, -2))
    order = np.argmin(distance, axis=-2)
    return np.take_along_axis(vectors, np.expand_dims(order, -2), axis=-1)


def complex_eig(a: Any) -> Any:
    """``np.linalg.eig``, complex whatever the values are: a compiled program must know its dtypes."""
    values, vectors = np.linalg.eig(a)
    dtype = np.result_type(values, np.complex64)
    return type(np.linalg.eig(np.eye(1)))(values.astype(dtype), vectors.astype(dtype))


def complex_eigvals(a: Any) -> Any:
    """``np.linalg.eigvals``, complex whatever the values are."""
    values = np.linalg.eigvals(a)
    return values.astype(np.result_type(values, np.complex64))
