"""Convolutions of one-dimensional tensors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf

from redraft.runtime.definitions import convolutions
from redraft.runtime.tf_arrays import cast, dtype_of, is_complex, shape, tensor


def convolve(a: Any, v: Any, mode: str) -> Any:
    """``np.convolve``: XLA's convolution for floats; of other numbers the windows times the kernel."""
    dtype = np.result_type(dtype_of(a), dtype_of(v))
    a, v = tf.reshape(tensor(a, dtype), [-1]), tf.reshape(tensor(v, dtype), [-1])
    n, m = shape(a)[0], shape(v)[0]
    if n == 0 or m == 0:
        raise ValueError("a cannot be empty" if n == 0 else "v cannot be empty")
    if n < m:
        a, v, n, m = v, a, m, n
    first, last = convolutions.margins(n, m, mode)
    wide = tf.pad(a, [[m - 1 - first, m - 1 - last]])
    if is_complex(wide):
        return tf.complex(
            _products(tf.math.real(wide), tf.math.real(v)) - _products(tf.math.imag(wide), tf.math.imag(v)),
            _products(tf.math.real(wide), tf.math.imag(v)) + _products(tf.math.imag(wide), tf.math.real(v)),
        )  # fmt: skip
    if dtype.kind == "f":
        return cast(_products(wide, v), dtype)
    count = shape(wide)[0] - m + 1
    windows = tf.gather(wide, np.arange(count)[:, None] + np.arange(m))
    return cast(tf.linalg.matvec(windows, tf.reverse(v, [0])), dtype)


def _products(wide: Any, v: Any) -> Any:
    """Sums of products of a kernel, in reverse, with each window of an array."""
    kernel = tf.reshape(tf.reverse(v, [0]), [-1, 1, 1])
    return tf.nn.conv1d(wide[None, :, None], kernel, stride=1, padding="VALID")[0, :, 0]


def margins(a: Any, v: Any, mode: str) -> tuple[int, int]:
    """``rt.margins``."""
    return convolutions.margins(_length(a), _length(v), mode)


def _length(x: Any) -> int:
    return math.prod(shape(x))
