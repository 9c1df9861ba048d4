"""Bessel functions on tensors. Bodies of ufuncs; those that are not here run on the host."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf

from redraft.runtime.tf_normal import in_double

ANGLES = (np.arange(40) + 0.5) * (math.pi / 80)  # of a quarter of a turn


@in_double
def j0(x: Any) -> Any:
    """The mean of ``cos(x sin(angle))`` over a turn, which 160 points give exactly up to 25."""
    x = tf.abs(x)
    near = tf.minimum(x, 25.0)
    value = tf.reduce_mean(tf.cos(near[..., None] * np.sin(ANGLES)), -1)
    return tf.where(x > 25, far(0, x), value)


@in_double
def j1(x: Any) -> Any:
    """The mean of ``sin(angle) sin(x sin(angle))``."""
    size = tf.abs(x)
    near = tf.minimum(size, 25.0)
    value = tf.reduce_mean(np.sin(ANGLES) * tf.sin(near[..., None] * np.sin(ANGLES)), -1)
    return tf.sign(x) * tf.where(size > 25, far(1, size), value)


def far(order: int, x: Any) -> Any:
    """The asymptotic expansion of Hankel (Abramowitz and Stegun, 9.2.5)."""
    u = 1 / (8 * tf.maximum(x, 25.0))
    term, sums = tf.ones_like(u), [tf.ones_like(u), tf.zeros_like(u)]
    for k in range(1, 20):
        term = term * ((4 * order**2 - (2 * k - 1) ** 2) / k) * u
        sums[k % 2] = sums[k % 2] + (term if k % 4 < 2 else -term)
    even, odd = sums
    # cos(x - (order / 2 + 1/4) pi) without rounding the sum
    sine, cosine = tf.sin(x), tf.cos(x)
    turned_cos, turned_sin = (
        (cosine + sine, sine - cosine) if order == 0 else (sine - cosine, -sine - cosine)
    )
    value = (even * turned_cos - odd * turned_sin) / tf.sqrt(math.pi * x)
    return tf.where(tf.math.is_inf(x), math.nan * x, value)  # as SciPy


def i0(x: Any) -> Any:
    """The scaled function times two halves of the scale, which overflows only where the product does."""
    half = tf.exp(0.5 * tf.abs(x))
    return half * tf.math.bessel_i0e(x) * half


def i1(x: Any) -> Any:
    """As `i0`."""
    half = tf.exp(0.5 * tf.abs(x))
    return half * tf.math.bessel_i1e(x) * half


def kv(order: int, x: Any) -> Any:
    """The function of the second kind, of order 0 or 1."""
    return tf.exp(-x) * kve(order, x)


POINTS = 96


def kve(order: int, x: Any) -> Any:
    """The integral of ``exp(-x (cosh(t) - 1)) cosh(order t)``: the trapezoid rule is exponentially close."""
    dtype, x = x.dtype, tf.cast(x, tf.float64)
    tiny = tf.logical_and(x > 0, x < 1e-3)
    rise = 40 / tf.where(tiny, tf.ones_like(x), x)
    end = tf.math.log1p(rise + tf.sqrt(rise * (rise + 2)))  # where the exponential has fallen
    if order:
        rise = (40 + order * end) * (rise / 40)
        end = tf.math.log1p(rise + tf.sqrt(rise * (rise + 2)))
    t = (end / POINTS)[..., None] * np.arange(POINTS + 1.0)
    weights = np.ones(POINTS + 1)
    weights[0] = 0.5
    values = tf.exp(-2 * x[..., None] * tf.square(tf.sinh(t / 2)))
    values = values * tf.cosh(order * t) if order else values
    value = tf.reduce_sum(values * weights, -1) * end / POINTS
    value = tf.where(tiny, near_zero(order, tf.where(tiny, x, tf.ones_like(x))), value)
    edge = tf.where(tf.equal(x, 0), math.inf * tf.ones_like(x), math.nan * tf.ones_like(x))
    value = tf.where(x > 0, tf.where(tf.math.is_inf(x), tf.zeros_like(x), value), edge)
    return tf.cast(value, dtype)


def near_zero(order: int, x: Any) -> Any:
    """The first terms of the ascending series (Abramowitz and Stegun, 9.6.11), scaled."""
    log, square = tf.math.log(x / 2) + np.euler_gamma, x * x / 4
    if order:
        return tf.exp(x) * (1 / x + x / 2 * (log - 0.5 + square / 2 * (log - 1.25)))
    return tf.exp(x) * (-log + square * (1 - log + square / 4 * (1.5 - log)))
