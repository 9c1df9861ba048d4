"""Constant sparse matrices under `jit`: rows are gathered, multiplied and added up, which XLA compiles."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from redraft.runtime import numpy as rnp
from redraft.runtime import sparse
from redraft.runtime.tf_arrays import cast, ndim


def product(matrix: Any, y: Any) -> Any:
    """``matrix @ y`` for a matrix `y`."""
    entries = matrix.tocoo()
    y = tf.convert_to_tensor(y)
    dtype = np.result_type(entries.dtype, y.dtype.as_numpy_dtype)
    rows, columns = entries.coords if hasattr(entries, "coords") else (entries.row, entries.col)
    parts = tf.gather(cast(y, dtype), np.asarray(columns, np.int64))
    parts = parts * entries.data.astype(dtype)[:, None]
    return tf.math.unsorted_segment_sum(parts, np.asarray(rows, np.int64), matrix.shape[0])


def with_sparse(matmul: Callable) -> Callable:
    """``x @ y``, where one may be sparse."""

    @functools.wraps(matmul)
    def product(x: Any, y: Any) -> Any:
        if not sparse.is_sparse(x) and not sparse.is_sparse(y):
            return matmul(x, y)
        if ndim(y if sparse.is_sparse(x) else x) > 2:
            raise ValueError("matmul: a sparse matrix and an array of more than two axes")
        return sparse.each_product(x, y, 0, 0, rnp)

    return product


def matmul_bar(z_bar: Any, x: Any, y: Any, of_x: bool) -> Any:
    """Cotangent of the dense operand of ``x @ y``."""
    bar = sparse.matmul_bar_x if of_x else sparse.matmul_bar_y
    return bar(z_bar, x, y, rnp)


# for runtime/sparse.py, whose text stands in modules that need NumPy alone
rnp.sparse_product = product  # type: ignore[attr-defined]
