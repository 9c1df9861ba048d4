"""Functions of matrices that are made of products, solves and decompositions."""

from __future__ import annotations

from typing import Any

import numpy as np

from redraft.runtime.elementwise import conj
from redraft.runtime.spectral import best_cuts, count_above, inverse_for_lstsq, on_diagonal


def matrix_power(a: Any, n: int) -> Any:
    """`numpy.linalg.matrix_power`: by squaring; a negative power is one of the inverse."""
    if n < 0:
        a, n = np.linalg.inv(a), -n
    if n == 0:
        return on_diagonal(np.ones_like(a))
    ans = None
    while n > 0:
        if n % 2 == 1:
            ans = a if ans is None else ans @ a
        n = n // 2
        if n > 0:
            a = a @ a
    return ans


def multi_dot(arrays: Any) -> Any:
    """`numpy.linalg.multi_dot`, in the order that takes the fewest multiplications."""
    if len(arrays) == 1:
        return arrays[0]
    cuts = best_cuts([np.shape(a) for a in arrays])
    return product_of(arrays, cuts, 0, len(arrays) - 1)


def product_of(arrays: Any, cuts: Any, first: int, last: int) -> Any:
    """The product of some neighbours."""
    if first == last:
        return arrays[first]
    cut = cuts[first][last]
    left, right = product_of(arrays, cuts, first, cut), product_of(arrays, cuts, cut + 1, last)
    return np.dot(left, right)


def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """`numpy.linalg.lstsq`: by the pseudo-inverse. The rank is that of the matrix, a constant."""
    m, n = np.shape(a)
    x = inverse_for_lstsq(a, rcond) @ b
    values = np.linalg.svd(a, full_matrices=False)[1]
    rank = count_above(values, a, rcond)
    rest = b - a @ x
    squares = np.sum(np.real(conj(rest) * rest), axis=0)
    if m > n:
        return x, np.reshape(squares, (-1,)), rank, values
    return x, np.zeros_like(np.reshape(squares, (-1,))[:0]), rank, values


def cond(x: Any, p: Any = None) -> Any:
    """`numpy.linalg.cond`: a norm times that of the inverse; of singular values, their ratio."""
    if p is None or p == 2 or p == -2:
        values = np.linalg.svd(x, compute_uv=False)
        largest, smallest = values[..., 0], values[..., -1]
        return smallest / largest if p == -2 else largest / smallest
    return np.linalg.norm(x, p, (-2, -1)) * np.linalg.norm(np.linalg.inv(x), p, (-2, -1))


def tensorinv(a: Any, ind: int = 2) -> Any:
    """`numpy.linalg.tensorinv`."""
    shape = np.shape(a)
    rows = 1
    for n in shape[:ind]:
        rows = rows * n
    return np.reshape(np.linalg.inv(np.reshape(a, (rows, -1))), shape[ind:] + shape[:ind])


def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """`numpy.linalg.tensorsolve`."""
    if axes is not None:
        kept = [k for k in range(np.ndim(a)) if k not in axes]
        a = np.transpose(a, kept + list(axes))
    shape = np.shape(a)[np.ndim(b) :]
    return np.reshape(np.linalg.solve(np.reshape(a, (np.size(b), -1)), np.ravel(b)), shape)


# Products of stacks


def vecdot(x1: Any, x2: Any, *, axis: int = -1) -> Any:
    """`numpy.vecdot`: the first factor conjugated."""
    if axis != -1:
        x1, x2 = np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1)
    return np.einsum("...i,...i->...", conj(x1), x2)


def matvec(x1: Any, x2: Any) -> Any:
    """`numpy.matvec`."""
    return (x1 @ np.expand_dims(x2, -1))[..., 0]


def vecmat(x1: Any, x2: Any) -> Any:
    """`numpy.vecmat`: the vector conjugated."""
    return (np.expand_dims(conj(x1), -2) @ x2)[..., 0, :]


# The array API's forms, which work on the last axes


def trace(x: Any, *, offset: int = 0) -> Any:
    """`numpy.linalg.trace`."""
    return np.trace(x, offset, -2, -1)


def diagonal(x: Any, *, offset: int = 0) -> Any:
    """`numpy.linalg.diagonal`."""
    return np.diagonal(x, offset, -2, -1)


def vector_norm(x: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """`numpy.linalg.vector_norm`: of all elements, or along axes."""
    count = np.ndim(x)
    axes = tuple(range(count)) if axis is None else axis
    places = tuple(a % count for a in (axes if isinstance(axes, tuple) else (axes,)))
    moved = np.moveaxis(x, places, tuple(range(-len(places), 0)))
    flat = np.reshape(moved, np.shape(moved)[: count - len(places)] + (-1,))
    ans = np.linalg.norm(flat, ord, -1)
    return np.expand_dims(ans, places) if keepdims else ans


def matrix_norm(x: Any, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """`numpy.linalg.matrix_norm`: of the last two axes."""
    return np.linalg.norm(x, ord, (-2, -1), keepdims)
