"""The error function and its relatives on tensors, where XLA has none of the name. Bodies of ufuncs."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from redraft.runtime.tf_elementwise import isnan_of

ROOT_HALF, ROOT_PI = math.sqrt(0.5), math.sqrt(math.pi)


def in_double(function: Callable) -> Callable:
    """Compute in float64, as SciPy does, and round to the dtype of the argument."""

    @functools.wraps(function)
    def wrapped(x: Any) -> Any:
        return tf.cast(function(tf.cast(x, tf.float64)), x.dtype)

    return wrapped


def ndtr(x: Any) -> Any:
    """The normal distribution function."""
    return 0.5 * tf.math.erfc(-x * tf.constant(ROOT_HALF, x.dtype))


@in_double
def erfinv(x: Any) -> Any:
    """The inverse of erf; NaN outside of [-1, 1]."""
    tail = tf.abs(x) > 0.5
    far = -ROOT_HALF * quantile(0.5 * (1 - tf.abs(x)))
    near = tf.math.erfinv(tf.where(tail, tf.zeros_like(x), x))
    return tf.where(tail, tf.sign(x) * far, near)


@in_double
def erfcinv(x: Any) -> Any:
    """The inverse of erfc."""
    return -ROOT_HALF * quantile(0.5 * x)


@in_double
def ndtri(x: Any) -> Any:
    """The inverse of the normal distribution function."""
    return quantile(x)


def quantile(p: Any) -> Any:
    """`ndtri` in float64: XLA's in the middle, and three steps of Newton's in the tails."""
    half = tf.minimum(p, 1 - p)  # exact in the upper tail
    tail = half < 0.3
    inner = tf.logical_and(tail, half > 0)
    log_p = tf.math.log(tf.where(inner, half, 0.1 * tf.ones_like(p)))
    start = tf.math.ndtri(tf.where(inner, tf.maximum(half, 1e-3), 0.1 * tf.ones_like(p)))
    bound = tf.maximum(-2 * log_p, 1.0)
    far = -tf.sqrt(tf.maximum(bound - tf.math.log(2 * math.pi * bound), 0.1))
    z = tf.where(half < 1e-3, far, start)
    for _ in range(3):  # the logarithm of the distribution function is nearly a parabola there
        z = z - (log_ndtr(z) - log_p) * erfcx(-ROOT_HALF * z) * math.sqrt(math.pi / 2)
    z = tf.where(tf.equal(half, 0), -math.inf * tf.ones_like(p), z)
    middle = tf.math.ndtri(tf.where(tail, 0.5 * tf.ones_like(p), p))
    value = tf.where(tail, tf.where(p < 0.5, z, -z), middle)
    return tf.where(half < 0, math.nan * tf.ones_like(p), value)


@in_double
def erfcx(x: Any) -> Any:
    """``exp(x**2) erfc(x)``, for large numbers by its asymptotic series."""
    large = x > 10
    u = 0.5 / tf.square(tf.where(large, x, 10 * tf.ones_like(x)))
    series = tf.ones_like(x)
    for k in range(12, 0, -1):
        series = 1 - (2 * k - 1) * u * series
    near = tf.where(large, tf.zeros_like(x), x)
    value = tf.exp(near * near) * tf.math.erfc(near)
    return tf.where(large, series / (ROOT_PI * x), value)


@in_double
def log_ndtr(x: Any) -> Any:
    """The logarithm of the normal distribution function."""
    low = x < -1
    tail = tf.math.log(0.5 * erfcx(-ROOT_HALF * tf.minimum(x, -1.0))) - 0.5 * x * x
    return tf.where(low, tail, tf.math.log1p(-0.5 * tf.math.erfc(ROOT_HALF * tf.maximum(x, -1.0))))


STEP = 0.25
ODD = np.arange(-27.0, 28.0, 2.0)


@in_double
def dawsn(x: Any) -> Any:
    """Dawson's integral by the sum of G. Rybicki (1989): exponentially close for a step of 1/4."""
    square = x * x
    series = tf.ones_like(x)
    for k in range(14, 0, -1):
        series = 1 - 2 * square / (2 * k + 1) * series
    far = tf.abs(x) > 1e7
    u = tf.where(far, tf.ones_like(x), x)
    even = 2 * tf.math.rint(u / (2 * STEP))
    terms = tf.exp(-tf.square((u - even * STEP)[..., None] - ODD * STEP)) / (ODD + even[..., None])
    value = tf.where(far, 0.5 / x, tf.reduce_sum(terms, -1) / ROOT_PI)
    return tf.where(isnan_of(x), x, tf.where(tf.abs(x) < 0.5, x * series, value))


@in_double
def erfi(x: Any) -> Any:
    """``-i erf(i x)``."""
    growth = tf.exp(0.5 * x * x)  # squared below, since it may overflow before the product does
    value = growth * dawsn(x) * growth * (2 / ROOT_PI)
    return tf.where(tf.abs(x) > 27, tf.sign(x) * math.inf, value)
