"""scipy.special on tensors, where TensorFlow has no function of the name. Bodies of ufuncs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf

from redraft.runtime import incomplete
from redraft.runtime import numpy as rnp
from redraft.runtime.tf_arrays import float_type, number, tensor
from redraft.runtime.tf_elementwise import isnan_of
from redraft.runtime.tf_normal import ndtr


def logit(x: Any) -> Any:
    """``log(x / (1 - x))``, near one half without subtracting equals."""
    central = tf.abs(x - 0.5) < 0.25
    s = tf.where(central, 2 * x - 1, tf.zeros_like(x))
    outer = tf.math.log(x) - tf.math.log1p(-x)
    return tf.where(central, tf.math.log1p(s) - tf.math.log1p(-s), outer)


def log_expit(x: Any) -> Any:
    """The logarithm of the logistic function."""
    return tf.minimum(x, tf.zeros_like(x)) - tf.math.log1p(tf.exp(-tf.abs(x)))


def gammaln(x: Any) -> Any:
    """The logarithm of the gamma function's absolute value."""
    return tf.where(tf.equal(x, -math.inf), x, tf.math.lgamma(x))


def loggamma(x: Any) -> Any:
    """The same for positive numbers; NaN for others, whose logarithm is complex."""
    return tf.where(x < 0, tf.constant(math.nan, x.dtype), tf.math.lgamma(x))


def sine_of_turns(x: Any) -> Any:
    """``sin(pi x)``, which is 0 at whole numbers."""
    whole = tf.math.rint(x)
    wave = tf.sin(math.pi * (x - whole))
    return tf.where(tf.equal(tf.math.floormod(whole, 2), 0), wave, -wave)


def gamma(x: Any) -> Any:
    """The gamma function; of negative numbers by reflection, NaN at its poles."""
    pi = tf.constant(math.pi, x.dtype)
    positive = tf.where(x < 0.5, 1 - x, x)
    value = tf.exp(tf.math.lgamma(positive))
    whole = tf.equal(x, tf.math.floor(x))
    value = tf.where(tf.logical_and(whole, positive < 24), tf.math.rint(value), value)
    wave = sine_of_turns(x)
    reflected = pi / (tf.where(tf.equal(wave, 0), tf.ones_like(x), wave) * value)
    pole = tf.logical_and(whole, x <= 0)
    nan, infinity = tf.constant(math.nan, x.dtype), tf.constant(math.inf, x.dtype)
    at_pole = tf.where(tf.equal(x, 0), tf.where(1 / x < 0, -infinity, infinity), nan)
    return tf.where(pole, at_pole, tf.where(x < 0.5, reflected, value))


def gammasgn(x: Any) -> Any:
    """The sign of the gamma function; NaN at its poles."""
    one, whole = tf.ones_like(x), tf.math.floor(x)
    sign = tf.where(tf.equal(tf.math.floormod(whole, 2), 0), one, -one)
    sign = tf.where(tf.equal(x, whole), math.nan * one, sign)
    sign = tf.where(tf.logical_or(x > 0, isnan_of(x)), tf.sign(x), sign)
    return tf.where(tf.equal(x, 0), tf.sign(1 / x), sign)


def rgamma(x: Any) -> Any:
    """One over the gamma function: 0 at its poles."""
    pole = tf.logical_and(x <= 0, tf.equal(x, tf.math.floor(x)))
    return tf.where(pole, tf.zeros_like(x), 1 / gamma(tf.where(pole, tf.ones_like(x), x)))


def digamma(x: Any) -> Any:
    """The derivative of the logarithm of the gamma function."""
    return tf.where(tf.equal(x, 0), -1 / x, tf.math.digamma(x))


def polygamma(n: Any, x: Any, dtype: Any = None) -> Any:
    """The derivative of order `n` of digamma, of negative numbers by reflection; SciPy's is of float64."""
    n = int(number(n, "polygamma: the order"))
    x = tensor(x, dtype or float_type(x))
    if n == 0:
        return digamma(x)
    low = x < 0
    value = tf.math.polygamma(tf.constant(n, x.dtype), tf.where(low, 1 - x, x))
    cotangent = 1 / tf.tan(math.pi * (x - tf.math.rint(x)))
    reflected = (-1) ** n * value - math.pi ** (n + 1) * cotangent_slope(n, cotangent)
    value = tf.where(low, reflected, value)
    value = tf.where(tf.equal(x, math.inf), tf.zeros_like(x), value)
    return tf.where(tf.equal(x, 0), (-1) ** (n + 1) * math.inf * tf.ones_like(x), value)


def cotangent_slope(n: int, c: Any) -> Any:
    """The derivative of order `n` of the cotangent, a polynomial of the cotangent."""
    polynomial = np.polynomial.Polynomial([0.0, 1.0])
    for _ in range(n):
        polynomial = polynomial.deriv() * np.polynomial.Polynomial([-1.0, 0.0, -1.0])
    total = polynomial.coef[-1] * tf.ones_like(c)
    for coefficient in polynomial.coef[-2::-1]:
        total = total * c + coefficient
    return total


STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)


def stirling_rest(x: Any) -> Any:
    """What Stirling's formula for the logarithm of gamma leaves out, from 8 on."""
    u, total = 1 / (x * x), tf.zeros_like(x)
    for c in reversed(STIRLING):
        total = total * u + c
    return total / x


def betaln(x: Any, y: Any) -> Any:
    """The logarithm of the beta function's absolute value; large logarithms of gamma are not subtracted."""
    low, high = tf.minimum(x, y), tf.maximum(x, y)
    plain = tf.math.lgamma(low) + tf.math.lgamma(high) - tf.math.lgamma(low + high)
    eight = 8 * tf.ones_like(low)
    a, b = tf.maximum(low, eight), tf.maximum(high, eight)
    rest = stirling_rest(b) - stirling_rest(a + b)
    both = (a - 0.5) * tf.math.log(a / (a + b)) - b * tf.math.log1p(a / b) + stirling_rest(a) + rest
    both = both + 0.5 * (math.log(2 * math.pi) - tf.math.log(b))
    c = tf.where(low > 0, low, tf.ones_like(low))
    rest = stirling_rest(b) - stirling_rest(b + c)
    one = tf.math.lgamma(c) - (c + b - 0.5) * tf.math.log1p(c / b) - c * tf.math.log(b) + c + rest
    value = tf.where(low >= 8, both, tf.where(tf.logical_and(low > 0, high >= 8), one, plain))
    value = tf.where(tf.math.is_inf(high), tf.where(low > 0, -high, low * math.nan), value)
    pole = tf.where(high > 0, math.inf * tf.ones_like(low), math.nan * low)
    value = tf.where(tf.equal(low, 0), pole, value)
    of_poles = tf.logical_and(low < 0, tf.equal(low, tf.math.floor(low)))
    return tf.where(tf.logical_or(of_poles, isnan_of(x + y)), math.nan * low, value)


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


def huber(delta: Any, r: Any) -> Any:
    """A parabola up to `delta`, then straight lines; infinite for negative `delta`."""
    size = tf.abs(r)
    value = tf.where(size <= delta, 0.5 * r * r, delta * (size - 0.5 * delta))
    return tf.where(delta < 0, tf.constant(math.inf, r.dtype), value)


def pseudo_huber(delta: Any, r: Any) -> Any:
    """``delta**2 (sqrt(1 + (r / delta)**2) - 1)`` without cancellation; infinite for negative `delta`."""
    usable = tf.logical_and(delta > 0, tf.not_equal(r, 0))
    a, b = tf.where(usable, delta, tf.ones_like(delta)), tf.where(usable, r, tf.ones_like(r))
    value = a * b * (b / (tf.sqrt(a * a + b * b) + a))
    value = tf.where(tf.math.is_inf(b), tf.abs(b), value)
    nothing = tf.logical_or(tf.equal(delta, 0), tf.equal(r, 0))
    value = tf.where(nothing, tf.zeros_like(r), tf.where(usable, value, delta + r))
    return tf.where(delta < 0, tf.constant(math.inf, r.dtype), value)


def beta(a: Any, b: Any) -> Any:
    """The beta function."""
    value = gammasgn(a) * gammasgn(b) * gammasgn(a + b) * tf.exp(betaln(a, b))
    pole = ((a == 0) & (b >= 0)) | ((b == 0) & (a >= 0))
    return tf.where(pole, math.inf * tf.ones_like(value), value)


def gammainc(a: Any, x: Any) -> Any:
    """The regularised lower incomplete gamma function."""
    return of_domain(a, x, tf.math.igamma(a, x), 1.0)


def gammaincc(a: Any, x: Any) -> Any:
    """The regularised upper incomplete gamma function."""
    small = tf.logical_and(tf.logical_and(a > 0, a < 0.05), tf.logical_and(x > 0, x < 1))
    c, y = tf.where(small, a, 0.01 * tf.ones_like(a)), tf.where(small, x, 0.5 * tf.ones_like(x))
    value = tf.where(small, small_complement(c, y), tf.math.igammac(a, x))
    return of_domain(a, x, value, 0.0)


ZETA_OF_WHOLE = (
    math.pi**2 / 6, 1.2020569031595942, math.pi**4 / 90, 1.0369277551433699, math.pi**6 / 945,
    1.0083492773819228, math.pi**8 / 9450, 1.0020083928260822, math.pi**10 / 93555,
)  # fmt: skip


def small_complement(a: Any, x: Any) -> Any:
    """`gammaincc` of small arguments, where it is a small difference to 1 (as in Cephes)."""
    factor, total = tf.ones_like(x), tf.zeros_like(x)
    for n in range(1, 20):
        factor = factor * (-x / n)
        total = total + factor / (a + n)
    log_gamma = tf.zeros_like(a)  # of 1 + a, by its Taylor series
    for n, value in reversed(list(enumerate(ZETA_OF_WHOLE, 2))):
        log_gamma = log_gamma * -a + value / n
    height = a * tf.math.log(x)
    log_gamma = a * (a * log_gamma - np.euler_gamma)
    return -tf.math.expm1(height - log_gamma) - tf.exp(height - log_gamma) * a * total


def of_domain(a: Any, x: Any, value: Any, at_zero: float) -> Any:
    """The incomplete gamma functions where a parameter is 0 or infinite, or outside of the domain."""
    one = tf.ones_like(value)
    infinite = tf.where(tf.math.is_inf(x), math.nan * one, (1 - at_zero) * one)
    value = tf.where(tf.math.is_inf(a), infinite, value)
    value = tf.where(tf.equal(a, 0), tf.where(x > 0, at_zero * one, math.nan * one), value)
    known = tf.logical_and(a >= 0, x >= 0)
    return tf.where(known, value, math.nan * one)


def betainc(a: Any, b: Any, x: Any) -> Any:
    """The regularised incomplete beta function; a step where one parameter is zero."""
    a, b, x = broadcast(a, b, x)
    zero, one = tf.zeros_like(x), tf.ones_like(x)
    value = tf.math.betainc(a, b, x)
    value = tf.where((a == 0) & (b > 0), tf.where(x > 0, one, zero), value)
    return tf.where((b == 0) & (a > 0), tf.where(x < 1, zero, one), value)


def betaincc(a: Any, b: Any, x: Any) -> Any:
    """Its complement, by reflection where it is small."""
    value = betainc(a, b, x)
    return tf.where(value < 0.99, 1 - value, betainc(b, a, 1 - x))


def broadcast(*values: Any) -> list[Any]:
    """Values of one floating-point dtype and one shape."""
    dtype = float_type(*values)
    parts = [tensor(v, dtype) for v in values]
    whole = sum(tf.zeros_like(p) for p in parts)
    return [p + whole for p in parts]


def softplus(x: Any) -> Any:
    """``log(1 + exp(x))``."""
    return tf.math.softplus(tensor(x, float_type(x)))


def gamma_density(a: Any, x: Any) -> Any:
    """``x**(a - 1) exp(-x) / gamma(a)``."""
    dtype = float_type(a, x)
    a, x = same_shape_in_double((a, x))
    return tf.cast(tf.exp(xlogy(a - 1, x) - x - tf.math.lgamma(a)), dtype)


def beta_density(a: Any, b: Any, x: Any) -> Any:
    """``x**(a - 1) (1 - x)**(b - 1) / beta(a, b)``."""
    dtype = float_type(a, b, x)
    a, b, x = same_shape_in_double((a, b, x))
    return tf.cast(tf.exp(xlogy(a - 1, x) + xlog1py(b - 1, -x) - betaln(a, b)), dtype)


def t_density(df: Any, t: Any) -> Any:
    """The density of Student's distribution."""
    dtype = float_type(df, t)
    df, t = same_shape_in_double((df, t))
    height = betaln(df / 2, 0.5 * tf.ones_like(df)) + 0.5 * tf.math.log(df)
    return tf.cast(tf.exp(-(df + 1) / 2 * tf.math.log1p(t * t / df) - height), dtype)


def stdtr(df: Any, t: Any) -> Any:
    """Student's distribution function."""
    df, t = broadcast(df, t)
    square, half = t * t, 0.5 * tf.ones_like(t)
    near = square < df  # where the other tail's argument would be rounded to 1
    tail = 0.5 * tf.math.betainc(df / 2, half, df / (df + square))
    tail = tf.where(near, 0.5 - 0.5 * tf.math.betainc(half, df / 2, square / (df + square)), tail)
    value = tf.where(t > 0, 1 - tail, tail)
    return tf.where(tf.math.is_inf(df), ndtr(t), tf.where(df > 0, value, math.nan * t))


def gammainc_da(a: Any, x: Any) -> Any:
    """A derivative of `gammainc` by its parameter."""
    return slope_of_gamma(1, a, x)


def gammainc_daa(a: Any, x: Any) -> Any:
    """A derivative of `gammainc` by its parameter."""
    return slope_of_gamma(2, a, x)


def betainc_da(a: Any, b: Any, x: Any) -> Any:
    """A derivative of `betainc` by its parameters."""
    return slope_of_beta(1, 0, a, b, x)


def betainc_db(a: Any, b: Any, x: Any) -> Any:
    """A derivative of `betainc` by its parameters."""
    return slope_of_beta(0, 1, a, b, x)


def betainc_daa(a: Any, b: Any, x: Any) -> Any:
    """A derivative of `betainc` by its parameters."""
    return slope_of_beta(2, 0, a, b, x)


def betainc_dab(a: Any, b: Any, x: Any) -> Any:
    """A derivative of `betainc` by its parameters."""
    return slope_of_beta(1, 1, a, b, x)


def betainc_dbb(a: Any, b: Any, x: Any) -> Any:
    """A derivative of `betainc` by its parameters."""
    return slope_of_beta(0, 2, a, b, x)


def slope_of_gamma(order: int, *values: Any) -> Any:
    """Derivatives of `gammainc` by its parameter."""
    dtype, values = float_type(*values), same_shape_in_double(values)
    return tf.cast(incomplete.gamma_slope(rnp, rnp.scipy.special, order, *values), dtype)


def slope_of_beta(by_a: int, by_b: int, *values: Any) -> Any:
    """Derivatives of `betainc` by its parameters."""
    dtype, values = float_type(*values), same_shape_in_double(values)
    return tf.cast(incomplete.beta_slope(rnp, rnp.scipy.special, by_a, by_b, *values), dtype)


def same_shape_in_double(values: Any) -> list:
    """Values in float64, broadcast together."""
    parts = [tensor(v, np.float64) for v in values]
    whole = sum(tf.zeros_like(p) for p in parts)
    return [p + whole for p in parts]


def _alternating(count: int) -> list[float]:
    """Coefficients of the alternating zeta function (P. Borwein, 2000)."""
    terms = [math.factorial(count + i - 1) * 4**i / (math.factorial(count - i) * math.factorial(2 * i))
             for i in range(count + 1)]  # fmt: skip
    sums = [math.fsum(terms[: k + 1]) for k in range(count + 1)]
    return [(-1) ** k * (1 - sums[k] / sums[-1]) for k in range(count)]


ALTERNATING = _alternating(24)


def zeta(x: Any, q: Any = None) -> Any:
    """The zeta function of Hurwitz; without `q` that of Riemann, also below 1."""
    dtype = float_type(x) if q is None else float_type(x, q)
    x = tensor(x, dtype)
    if q is not None:
        q = tensor(q, dtype)
        pole = (x > 1) & (q <= 0) & (tf.floor(q) == q)
        return tf.where(pole, tf.constant(math.inf, dtype), tf.math.zeta(x, q))
    return tf.cast(riemann(tf.cast(x, tf.float64)), dtype)


def riemann(x: Any) -> Any:
    """Riemann's zeta function; below 0 by reflection."""
    low = x < -0.5
    s = tf.where(low, 1 - x, x)
    inner = tf.where(tf.logical_and(s < 1.5, tf.not_equal(s, 1)), s, 0.5 * tf.ones_like(s))
    powers = [c * (k + 1) ** -inner for k, c in enumerate(ALTERNATING)]
    near = tf.add_n(powers) / -tf.math.expm1((1 - inner) * math.log(2))
    value = tf.where(s < 1.5, near, tf.math.zeta(tf.maximum(s, 1.5), tf.ones_like(s)))
    value = tf.where(tf.equal(s, 1), math.inf * tf.ones_like(s), value)
    wave = tf.sin(math.pi / 2 * (x - 4 * tf.math.floor(x / 4)))
    wave = tf.where(tf.equal(x, 2 * tf.math.floor(x / 2)), tf.zeros_like(x), wave)
    scale = tf.exp(x * math.log(2 * math.pi) + tf.math.lgamma(s)) / math.pi
    reflected = tf.where(tf.equal(wave, 0), wave, scale * wave * value)
    return tf.where(tf.equal(x, -math.inf), math.nan * x, tf.where(low, reflected, value))
