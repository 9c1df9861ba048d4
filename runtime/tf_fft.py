"""Fourier transforms on tensors, with NumPy's lengths, axes, norms and dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from redraft.runtime import numpy as rnp
from redraft.runtime.fft import half_weights
from redraft.runtime.tf_arrays import cast, dtype_of, is_complex, ndim, shape, tensor
from redraft.runtime.tf_shapes import moveaxis

SINGLE = (np.float16, np.float32, np.complex64)


def fft(x: Any, n: Any, axis: int, norm: Any) -> Any:
    """``np.fft.fft``."""
    return complex_transform(x, n, axis, scale_of(norm, False), tf.signal.fft)


def ifft(x: Any, n: Any, axis: int, norm: Any) -> Any:
    """``np.fft.ifft``."""
    scale = scale_of(norm, True)
    return complex_transform(x, n, axis, lambda n: scale(n) * n, tf.signal.ifft)


def complex_transform(x: Any, n: Any, axis: int, scale: Any, transform: Any) -> Any:
    """A transform along one axis, of TensorFlow's along the last."""
    x, n = prepared(x, n, axis)
    x = tf.cast(x, complex_type(x))
    factor = tf.constant(scale(n), x.dtype)
    return moveaxis(transform(x) * factor, -1, axis)


def rfft(x: Any, n: Any, axis: int, norm: Any) -> Any:
    """``np.fft.rfft``."""
    if is_complex(x):
        raise TypeError("np.fft.rfft takes real arrays; use np.fft.fft")
    x, n = prepared(x, n, axis)
    x = tf.cast(x, complex_type(x).real_dtype)
    ans = tf.signal.rfft(x)
    return moveaxis(ans * tf.constant(scale_of(norm, False)(n), ans.dtype), -1, axis)


def irfft(x: Any, n: Any, axis: int, norm: Any) -> Any:
    """``np.fft.irfft``."""
    length = 2 * (shape(x)[axis] - 1) if n is None else int(n)
    x, _ = prepared(x, length // 2 + 1, axis)
    ans = tf.signal.irfft(tf.cast(x, complex_type(x)), [length])
    return moveaxis(ans * tf.constant(scale_of(norm, True)(length) * length, ans.dtype), -1, axis)


def scale_of(norm: Any, inverse: bool) -> Any:
    """The factor that a norm puts in front of the plain sum of `n` terms."""
    if norm not in (None, "backward", "forward", "ortho"):
        raise ValueError(f'norm should be "backward", "ortho" or "forward", not {norm!r}')
    if norm == "ortho":
        return lambda n: 1 / np.sqrt(n)
    return (lambda n: 1 / n) if (norm == "forward") != inverse else (lambda n: 1.0)


def complex_type(x: Any) -> Any:
    """The dtype of a spectrum."""
    return tf.complex64 if dtype_of(x) in SINGLE else tf.complex128


def prepared(x: Any, n: Any, axis: int) -> tuple[Any, int]:
    """The array with its axis in the last place and of length `n`; and the length."""
    x = moveaxis(tensor(x), axis, -1)
    count = shape(x)[-1]
    wanted = count if n is None else int(n)
    if wanted < 1:
        raise ValueError(f"Invalid number of FFT data points ({wanted}) specified.")
    if wanted < count:
        x = x[..., :wanted]
    elif wanted > count:
        x = tf.pad(x, [(0, 0)] * (ndim(x) - 1) + [(0, wanted - count)])
    return x, wanted


# Helpers of derivatives, as in redraft.runtime.fft


def fit_like(z_bar: Any, x: Any, axis: int) -> Any:
    """Cut along an axis, or continued with zeros, to the length of `x`; and in its dtype."""
    if shape(x)[axis] == 0:
        return rnp.zeros_like(x)
    fitted, _ = prepared(z_bar, shape(x)[axis], axis)
    return rnp.rt.cast_like(moveaxis(fitted, -1, axis), x)


def twice_inside(z: Any, y: Any, axis: int) -> Any:
    """Half a spectrum, with those frequencies doubled that the real signal `y` has twice."""
    z = moveaxis(tensor(z), axis, -1)
    weights = half_weights(shape(y)[axis], dtype_of(rnp.real(z)))
    return moveaxis(z * cast(tf.constant(weights), dtype_of(z)), -1, axis)
