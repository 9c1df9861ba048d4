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


def cutoff(a: Any, rcond: Any = None) -> Any:
    """The part of the largest singular value below which `np.linalg.lstsq` takes others for zero."""
    if rcond is not None:
        return rcond
    return float(np.finfo(np.result_type(a, np.float32)).eps) * max(np.shape(a)[-2:])


def inverse_for_lstsq(a: Any, rcond: Any = None) -> Any:
    """The pseudo-inverse of a matrix with the limit of `np.linalg.lstsq`."""
    return np.linalg.pinv(a, rcond=cutoff(a, rcond))


def count_above(values: Any, a: Any, rcond: Any = None) -> Any:
    """How many of the singular values of `a` count."""
    limit = cutoff(a, rcond) * values[..., :1]
    return np.sum(values > limit, axis=-1, dtype=np.int32)


def best_cuts(shapes: Any) -> list:
    """Where to cut each run of neighbours in a product: Cormen et al., Introduction to Algorithms."""
    sizes = [1 if len(shapes[0]) == 1 else shapes[0][0]] + [s[0] for s in shapes[1:]]
    sizes.append(1 if len(shapes[-1]) == 1 else shapes[-1][1])
    count = len(shapes)
    costs, cuts = [[0] * count for _ in shapes], [[0] * count for _ in shapes]
    for length in range(1, count):
        for first in range(count - length):
            last = first + length
            ways = [
                costs[first][k] + costs[k + 1][last] + sizes[first] * sizes[k + 1] * sizes[last + 1]
                for k in range(first, last)
            ]
            costs[first][last] = min(ways)
            cuts[first][last] = first + ways.index(min(ways))
    return cuts
