"""Products with constant sparse matrices of SciPy's: their cotangents, and those of batches.

A sparse matrix is an operand of ``@`` like any other in the program's text; helpers look when the code runs.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def is_sparse(x: Any) -> bool:
    """Is it a sparse matrix or array of SciPy's?"""
    return x.__class__.__module__.startswith("scipy.sparse")


def matmul_bar_x(z_bar: Any, x: Any, y: Any, xp: Any = np) -> Any:
    """Cotangent of `x` in ``x @ y`` with a sparse `y`."""
    return each_bar(z_bar, x, y, True, 0, 0, xp)


def matmul_bar_y(z_bar: Any, x: Any, y: Any, xp: Any = np) -> Any:
    """Cotangent of `y` in ``x @ y`` with a sparse `x`."""
    return each_bar(z_bar, y, x, False, 0, 0, xp)


def each_product(x: Any, y: Any, of_x: int, of_y: int, xp: Any = np) -> Any:
    """``x @ y`` of each example, of which one is sparse and the same for all."""
    if is_sparse(x):
        return product(x, y, of_y, xp)
    return product_from_left(x, y, xp)


def each_bar(
    z_bar: Any, x: Any, matrix: Any, left: bool, of_z: int, of_x: int, xp: Any = np
) -> Any:
    """Cotangent of the dense operand `x`, which stands left or right of a sparse one.

    Raises:
        TypeError: it is the sparse one that is differentiated.
    """
    if is_sparse(x):
        raise TypeError(
            "a sparse matrix is constant in derivatives; differentiate with respect to its numbers in a "
            "dense form, or keep it out of what is differentiated"
        )
    batch, one = tuple(xp.shape(z_bar))[:of_z], tuple(xp.shape(x))[of_x:]
    rows, columns = matrix.shape
    whole = (*one[:-1], columns) if left else (rows, *one[1:])
    inner = tuple(xp.shape(z_bar))[of_z:]
    z_bar = xp.reshape(z_bar, (*batch, *((1,) * (len(whole) - len(inner))), *inner))
    z_bar = xp.broadcast_to(z_bar, (*batch, *whole))
    x_bar = product_from_left(z_bar, matrix.T, xp) if left else product(matrix.T, z_bar, of_z, xp)
    if of_z > of_x:
        x_bar = xp.sum(x_bar, axis=tuple(range(of_z - of_x)))
    return x_bar.astype(np.asarray(x).dtype, copy=False) if xp is np else x_bar


def product(matrix: Any, y: Any, lead: int, xp: Any) -> Any:
    """``matrix @ y`` for each of the `y`, vectors or matrices, that lie along the first `lead` axes."""
    shape = tuple(xp.shape(y))
    if len(shape) not in (lead + 1, lead + 2):
        raise ValueError(f"matmul: a sparse matrix and an array of shape {shape[lead:]}")
    y = xp.moveaxis(y, lead, 0)
    flat = xp.reshape(y, (shape[lead], math.prod(shape[:lead]) * math.prod(shape[lead + 1 :])))
    ans = of_matrices(matrix, flat, xp)
    ans = xp.reshape(ans, (matrix.shape[0], *shape[:lead], *shape[lead + 1 :]))
    return xp.moveaxis(ans, 0, lead)


def product_from_left(x: Any, matrix: Any, xp: Any) -> Any:
    """``x @ matrix`` for vectors or matrices `x`: it is the last axis that is summed."""
    shape = tuple(xp.shape(x))
    flat = xp.reshape(x, (math.prod(shape[:-1]), shape[-1]))
    ans = of_matrices(matrix.T, flat.T if xp is np else xp.transpose(flat), xp)
    return xp.reshape(xp.transpose(ans), (*shape[:-1], matrix.shape[1]))


def of_matrices(matrix: Any, y: Any, xp: Any) -> Any:
    """``matrix @ y`` with a dense matrix `y`."""
    return matrix @ y if xp is np else xp.sparse_product(matrix, y)  # (runtime/tf_sparse.py)
