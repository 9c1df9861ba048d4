"""scipy.special on tensors, where TensorFlow has no function of the name. Bodies of ufuncs."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from redraft.runtime.tf_arrays import float_type, number, tensor
from redraft.runtime.tf_elementwise import isnan_of


def logit(x: Any) -> Any:
    """``log(x / (1 - x))``."""
    return tf.math.log(x) - tf.math.log1p(-x)


def log_expit(x: Any) -> Any:
    """The logarithm of the logistic function."""
    return tf.minimum(x, tf.zeros_like(x)) - tf.math.log1p(tf.exp(-tf.abs(x)))


def ndtr(x: Any) -> Any:
    """The normal distribution function."""
    return 0.5 * tf.math.erfc(-x * tf.constant(math.sqrt(0.5), x.dtype))


def gamma(x: Any) -> Any:
    """The gamma function; of negative numbers by reflection, NaN at its poles."""
    pi = tf.constant(math.pi, x.dtype)
    positive = tf.where(x < 0.5, 1 - x, x)
    value = tf.exp(tf.math.lgamma(positive))
    whole = tf.equal(x, tf.math.floor(x))
    value = tf.where(tf.logical_and(whole, positive < 24), tf.math.rint(value), value)
    wave = tf.sin(pi * (x - 2 * tf.math.floor(x / 2)))
    reflected = pi / (tf.where(tf.equal(wave, 0), tf.ones_like(x), wave) * value)
    pole = tf.logical_and(whole, x <= 0)
    nan, infinity = tf.constant(math.nan, x.dtype), tf.constant(math.inf, x.dtype)
    at_pole = tf.where(tf.equal(x, 0), tf.where(1 / x < 0, -infinity, infinity), nan)
    return tf.where(pole, at_pole, tf.where(x < 0.5, reflected, value))


def polygamma(n: Any, x: Any) -> Any:
    """The derivative of order `n` of digamma."""
    n = number(n, "polygamma: the order")
    x = tensor(x, float_type(x))
    if n == 0:
        return tf.math.digamma(x)
    return tf.math.polygamma(tf.constant(n, x.dtype), x)


def betaln(x: Any, y: Any) -> Any:
    """The logarithm of the beta function."""
    return tf.math.lgamma(x) + tf.math.lgamma(y) - tf.math.lgamma(x + y)


def xlogy(x: Any, y: Any) -> Any:
    """``x log(y)``, 0 where `x` is 0 and `y` is a number."""
    zero = tf.logical_and(tf.equal(x, 0), tf.logical_not(isnan_of(y)))
    return tf.where(zero, tf.zeros_like(x), x * tf.math.log(tf.where(zero, tf.ones_like(y), y)))


def xlog1py(x: Any, y: Any) -> Any:
    """``x log(1 + y)``, 0 where `x` is 0 and `y` is a number."""
    zero = tf.logical_and(tf.equal(x, 0), tf.logical_not(isnan_of(y)))
    return tf.where(zero, tf.zeros_like(x), x * tf.math.log1p(tf.where(zero, tf.ones_like(y), y)))


def entr(x: Any) -> Any:
    """``-x log(x)``: 0 at 0, minus infinity below."""
    inside = tf.where(x > 0, x, tf.ones_like(x))
    value = -x * tf.math.log(inside)
    beyond = tf.constant(-math.inf, x.dtype)
    return tf.where(x < 0, beyond, tf.where(isnan_of(x), x, value))


def beta(x: Any, y: Any) -> Any:
    """The beta function, of positive numbers with digits to spare."""
    return gamma(x) * gamma(y) / gamma(x + y)


def zeta(x: Any, q: Any = 1.0) -> Any:
    """The zeta function of Riemann and Hurwitz."""
    dtype = float_type(x, q)
    return tf.math.zeta(tensor(x, dtype), tensor(q, dtype))
