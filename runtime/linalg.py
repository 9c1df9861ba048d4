"""Helpers of generated code for products and solves whose ranks are not known beforehand.

The cotangents of a bilinear function are bilinear themselves, which is why each helper's own
derivative is the product or the sibling helper (see transpile/primitives/helpers.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from redraft.runtime import sparse
from redraft.runtime.shapes import cast_like, unbroadcast
from redraft.runtime.sparse import is_sparse


def as_product(z_bar: Any, x_shape: tuple[int, ...], y_shape: tuple[int, ...]) -> Any:
    """A cotangent in the shape of the product of matrices of these shapes."""
    shape = x_shape[-2:-1] + (y_shape[-1:] if len(y_shape) > 1 else ())
    if len(x_shape) > 2 or len(y_shape) > 2:
        shape = np.broadcast_shapes(x_shape[:-2], y_shape[:-2]) + shape
    if np.shape(z_bar) == shape:
        return z_bar
    return unbroadcast(z_bar, np.broadcast_to(0.0, shape))


def matmul_bar_x(z_bar: Any, x: Any, y: Any) -> Any:
    """Cotangent of `x` in ``x @ y``; broadcasting of the product need not be undone yet."""
    if y.__class__ is np.ndarray and y.ndim == 2 and x.__class__ is np.ndarray:
        if z_bar.__class__ is np.ndarray and z_bar.shape == x.shape[:-1] + y.shape[1:]:
            x_bar = z_bar @ y.T
            return x_bar if x_bar.dtype is x.dtype else cast_like(x_bar, x)
    if is_sparse(x) or is_sparse(y):
        return sparse.matmul_bar_x(z_bar, x, y)
    y = np.asarray(y)
    z_bar = as_product(z_bar, np.shape(x), y.shape)
    if y.ndim == 2:
        return unbroadcast(np.matmul(z_bar, y.T), x)
    if y.ndim == 1:
        return unbroadcast(np.multiply.outer(z_bar, y), x)
    if np.ndim(x) == 1:
        return unbroadcast(np.matmul(y, np.expand_dims(z_bar, -1))[..., 0], x)
    return unbroadcast(np.matmul(z_bar, y.mT), x)


def matmul_bar_y(z_bar: Any, x: Any, y: Any) -> Any:
    """Cotangent of `y` in ``x @ y``; broadcasting of the product need not be undone yet."""
    if x.__class__ is np.ndarray and x.ndim == 2 and y.__class__ is np.ndarray and y.ndim < 3:
        if z_bar.__class__ is np.ndarray and z_bar.shape == x.shape[:1] + y.shape[1:]:
            y_bar = x.T @ z_bar
            return y_bar if y_bar.dtype is y.dtype else cast_like(y_bar, y)
    if is_sparse(x) or is_sparse(y):
        return sparse.matmul_bar_y(z_bar, x, y)
    x = np.asarray(x)
    z_bar = as_product(z_bar, x.shape, np.shape(y))
    if x.ndim == 2:
        return unbroadcast(np.matmul(x.T, z_bar), y)
    if x.ndim == 1 and np.ndim(y) <= 2:
        return unbroadcast(np.multiply.outer(x, z_bar), y)
    if x.ndim == 1:
        return unbroadcast(np.expand_dims(z_bar, -2) * np.expand_dims(x, -1), y)
    if np.ndim(y) == 1:
        return unbroadcast(np.matmul(x.mT, np.expand_dims(z_bar, -1))[..., 0], y)
    return unbroadcast(np.matmul(x.mT, z_bar), y)


def dot_bar_x(z_bar: Any, x: Any, y: Any) -> Any:
    """Cotangent of `x` in ``np.dot(x, y)``."""
    if is_sparse(x) or is_sparse(y):
        return sparse.matmul_bar_x(z_bar, x, y)
    if np.ndim(x) == 0 or np.ndim(y) == 0:
        return unbroadcast(np.multiply(z_bar, y), x)
    if np.ndim(y) <= 2:
        return matmul_bar_x(z_bar, x, y)
    return tensordot_bar_x(z_bar, x, y, ((-1,), (-2,)))


def dot_bar_y(z_bar: Any, x: Any, y: Any) -> Any:
    """Cotangent of `y` in ``np.dot(x, y)``."""
    if is_sparse(x) or is_sparse(y):
        return sparse.matmul_bar_y(z_bar, x, y)
    if np.ndim(x) == 0 or np.ndim(y) == 0:
        return unbroadcast(np.multiply(z_bar, x), y)
    if np.ndim(y) <= 2:
        return matmul_bar_y(z_bar, x, y)
    return tensordot_bar_y(z_bar, x, y, ((-1,), (-2,)))


def inner_bar_x(z_bar: Any, x: Any, y: Any) -> Any:
    """Cotangent of `x` in ``np.inner(x, y)``."""
    if np.ndim(x) == 0 or np.ndim(y) == 0:
        return unbroadcast(np.multiply(z_bar, y), x)
    return tensordot_bar_x(z_bar, x, y, ((-1,), (-1,)))


def inner_bar_y(z_bar: Any, x: Any, y: Any) -> Any:
    """Cotangent of `y` in ``np.inner(x, y)``."""
    if np.ndim(x) == 0 or np.ndim(y) == 0:
        return unbroadcast(np.multiply(z_bar, x), y)
    return tensordot_bar_y(z_bar, x, y, ((-1,), (-1,)))


def contracted(x: Any, y: Any, axes: Any) -> tuple[list[int], list[int]]:
    """Axes of `x` and `y` that ``np.tensordot(x, y, axes)`` sums over."""
    if np.iterable(axes):
        of_x, of_y = (list(a) if np.iterable(a) else [a] for a in axes)
    else:
        of_x, of_y = list(range(-int(axes), 0)), list(range(int(axes)))
    return [a % np.ndim(x) for a in of_x], [a % np.ndim(y) for a in of_y]


def tensordot_bar_x(z_bar: Any, x: Any, y: Any, axes: Any = 2) -> Any:
    """Cotangent of `x` in ``np.tensordot(x, y, axes)``."""
    of_x, of_y = contracted(x, y, axes)
    free_x = [a for a in range(np.ndim(x)) if a not in of_x]
    free_y = [a for a in range(np.ndim(y)) if a not in of_y]
    last = list(range(len(free_x), len(free_x) + len(free_y)))
    product = np.tensordot(z_bar, y, (last, free_y))
    summed = [of_x[i] for i in np.argsort(of_y)]  # their order in what is left of y
    return unbroadcast(np.transpose(product, np.argsort(free_x + summed)), x)


def tensordot_bar_y(z_bar: Any, x: Any, y: Any, axes: Any = 2) -> Any:
    """Cotangent of `y` in ``np.tensordot(x, y, axes)``."""
    of_x, of_y = contracted(x, y, axes)
    free_x = [a for a in range(np.ndim(x)) if a not in of_x]
    free_y = [a for a in range(np.ndim(y)) if a not in of_y]
    product = np.tensordot(x, z_bar, (free_x, list(range(len(free_x)))))
    summed = [of_y[i] for i in np.argsort(of_x)]
    return unbroadcast(np.transpose(product, np.argsort(summed + free_y)), y)


def einsum_spread(subscripts: str, z_bar: Any, x: Any) -> Any:
    """Transpose of ``np.einsum("own->reached", x)``, with ``subscripts`` = ``"reached->own"``.

    Labels of `x` that are missing in `z_bar` were summed: the cotangent is spread along them.
    Labels that `x` repeats read a diagonal: the cotangent lies on it, and zeros around.
    """
    reached, _, own = subscripts.partition("->")
    if reached == own:
        return unbroadcast(z_bar, x)
    if "..." in reached and not reached.startswith("..."):
        z_bar = np.einsum(f"{reached}->...{reached.replace('...', '')}", z_bar)
    letters = own.replace("...", "")
    unique = "".join(dict.fromkeys(letters))
    ellipsis = "..." if "..." in own else ""
    result = np.zeros(np.shape(x), np.result_type(z_bar))
    view = np.einsum(f"{own}->{ellipsis}{unique}", result)  # of the diagonal; it can be written
    summed = tuple(i - len(unique) for i, c in enumerate(unique) if c not in reached)
    view[...] = unbroadcast(np.expand_dims(z_bar, summed), view)
    return cast_like(result, x)


def kron_bar_x(z_bar: Any, x: Any, y: Any) -> Any:
    """Cotangent of `x` in ``np.kron(x, y)``."""
    blocks, _, of_y = _blocks(z_bar, x, y)
    odd = range(1, blocks.ndim, 2)
    product = np.tensordot(blocks, np.reshape(y, of_y), (odd, range(len(of_y))))
    return unbroadcast(np.reshape(product, np.shape(x)), x)


def kron_bar_y(z_bar: Any, x: Any, y: Any) -> Any:
    """Cotangent of `y` in ``np.kron(x, y)``."""
    blocks, of_x, _ = _blocks(z_bar, x, y)
    even = range(0, blocks.ndim, 2)
    product = np.tensordot(np.reshape(x, of_x), blocks, (range(len(of_x)), even))
    return unbroadcast(np.reshape(product, np.shape(y)), y)


def _blocks(z_bar: Any, x: Any, y: Any) -> tuple[Any, tuple, tuple]:
    """Split each axis of a Kronecker product into the axis of `x` and that of `y`."""
    ndim = max(np.ndim(x), np.ndim(y))
    of_x = (1,) * (ndim - np.ndim(x)) + np.shape(x)
    of_y = (1,) * (ndim - np.ndim(y)) + np.shape(y)
    split = [n for pair in zip(of_x, of_y, strict=True) for n in pair]
    return np.reshape(z_bar, split), of_x, of_y


def _columns(v: Any, b: Any) -> Any:
    """Right-hand sides of a solve as matrices: a vector `b` stands for one column."""
    return np.expand_dims(v, -1) if np.ndim(b) == 1 else v


def solve_columns(a: Any, v: Any, b: Any) -> Any:
    """Solve for `v`, which is a vector (or several) if `b` is one."""
    solution = np.linalg.solve(a, _columns(v, b))
    return solution[..., 0] if np.ndim(b) == 1 else solution


def solve_transposed(a: Any, z_bar: Any, b: Any) -> Any:
    """Solve with the transpose of `a`: what the cotangent of a solution becomes."""
    return solve_columns(np.asarray(a).mT, z_bar, b)


def outer_of_columns(u: Any, v: Any, a: Any, b: Any) -> Any:
    """Sum of outer products of the columns of `u` and `v`, in the shape of `a`."""
    return unbroadcast(_columns(u, b) @ _columns(v, b).mT, a)


def times_columns(a: Any, v: Any, b: Any) -> Any:
    """Product of `a` with `v`, which is a vector (or several) if `b` is one."""
    product = a @ _columns(v, b)
    return product[..., 0] if np.ndim(b) == 1 else product


def cofactors(x: Any) -> Any:
    """Derivative of the determinant; of singular matrices too, by the singular values."""
    u, values, vh = np.linalg.svd(x)
    others = np.stack(
        [np.prod(np.delete(values, i, -1), axis=-1) for i in range(values.shape[-1])], axis=-1
    )
    turn = np.linalg.det(u) * np.linalg.det(vh)
    product = np.conj(u) * np.expand_dims(others, -2) @ np.conj(vh)
    return np.expand_dims(turn, (-2, -1)) * product


def with_turn(z_bar: Any, turn_bar: Any, s: Any) -> Any:
    """Cotangent of the logarithm of a determinant ``s * exp(l)``: of l, and of s if that can turn."""
    return np.real(z_bar) + 1j * np.imag(turn_bar * s) if np.iscomplexobj(s) else z_bar


def lower_half(m: Any) -> Any:
    """Lower triangle with half of the diagonal."""
    return np.tril(m) - 0.5 * np.tril(np.triu(m))


def symmetric(m: Any) -> Any:
    """Hermitian part of a matrix, or of each in a stack."""
    return 0.5 * (m + np.swapaxes(np.conj(m) if np.iscomplexobj(m) else m, -1, -2))
