"""Helpers of generated code that work element by element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from redraft.runtime.shapes import SCALARS


def where_greater(z_bar: Any, x: Any, y: Any) -> Any:
    """Return `z_bar` where `x` is greater than `y`, half of it where they are equal, else zero.

    It selects and never multiplies by zero, so an infinite cotangent on the side that was not
    chosen leaves no NaN.
    """
    if x.__class__ in SCALARS and y.__class__ in SCALARS and not np.ndim(z_bar):
        return z_bar if x > y else 0.5 * z_bar if x == y else 0.0
    chosen = np.where(np.greater(x, y), z_bar, 0.0)
    tie = np.equal(x, y)
    return np.where(tie, 0.5 * z_bar, chosen) if tie.any() else chosen


def where_between(z_bar: Any, x: Any, low: Any, high: Any) -> Any:
    """Return `z_bar` where `x` is between the bounds, half of it on a bound, else zero."""
    if low is None:
        return where_greater(z_bar, high, x)
    if high is None:
        return where_greater(z_bar, x, low)
    edge = np.equal(x, low) | np.equal(x, high)
    if edge.any():  # as clip(x) is minimum(maximum(x, low), high)
        return where_greater(where_greater(z_bar, high, np.maximum(x, low)), x, low)
    return np.where(np.greater(x, low) & np.less(x, high), z_bar, 0.0)


def finite(factor: Any, z_bar: Any) -> Any:
    """Return `factor`, but 0 where it is infinite or NaN and the cotangent that it meets is zero.

    A value that `np.where` or a branch did not take has a cotangent of zero, and may be anything:
    zero times infinity must not become a NaN.
    """
    if factor.__class__ in SCALARS and z_bar.__class__ in SCALARS:
        return factor if z_bar != 0 or math.isfinite(factor) else 0.0
    bad = ~np.isfinite(factor)
    return np.where(bad & np.equal(z_bar, 0), 0.0, factor) if bad.any() else factor


def sign(x: Any) -> Any:
    """Factor of the derivative of ``abs(x)``: the sign; of a complex number its conjugate."""
    if x.__class__ is float:
        return 1.0 if x > 0 else -1.0 if x < 0 else 0.0 * x  # NaN stays NaN
    direction = np.sign(x)
    return np.conj(direction) if np.iscomplexobj(direction) else direction


def conj(x: Any) -> Any:
    """The conjugate of complex numbers; real ones as they are."""
    return np.conj(x) if np.iscomplexobj(x) else x


def unimag(z_bar: Any, x: Any) -> Any:
    """Cotangent of `x` in ``np.imag(x)``, JAX's convention; zero for a real number."""
    if not np.iscomplexobj(x):
        return np.zeros_like(x, np.result_type(z_bar))
    x_bar = np.real(z_bar) * -1j
    return x_bar if np.shape(x_bar) == np.shape(x) else np.broadcast_to(x_bar, np.shape(x))


def power_dx(x: Any, y: Any) -> Any:
    """Partial derivative of ``x ** y`` with respect to `x`; 0 where `y` is 0, even at x = 0."""
    if y.__class__ in SCALARS:
        return np.zeros_like(x, np.result_type(x, 1.0)) if y == 0 else y * x ** (y - 1)
    zero = np.equal(y, 0)
    if not np.any(zero):
        return y * np.power(x, y - 1)
    return np.where(zero, 0.0, y * np.power(x, np.where(zero, 1, y - 1).astype(np.result_type(y))))


def unless_empty(total: Any) -> Any:
    """A logarithm of a sum, and 0 for that of nothing, so that ``exp(x - total)`` is 0 and not NaN."""
    if total.__class__ in SCALARS:
        return total if total != -math.inf else 0.0
    empty = np.equal(total, -np.inf)
    return np.where(empty, np.zeros_like(total), total) if empty.any() else total


def safe_log(x: Any) -> Any:
    """Logarithm, and 0 at 0: the limit that ``x ** y`` needs for its derivative in `y`."""
    if x.__class__ is float and x > 0.0:
        return math.log(x)  # a Python number: float32 stays float32
    zero = np.equal(x, 0)
    if not zero.any():
        return np.log(x)
    return np.where(zero, 0.0, np.log(np.where(zero, 1.0, x)))


def safe_inverse(x: Any) -> Any:
    """Return 1 / x, and 0 at 0."""
    zero = np.equal(x, 0)
    return np.where(zero, 0.0, 1 / np.where(zero, 1.0, x)) if np.any(zero) else 1 / x


def sinc_derivative(x: Any, order: int = 1) -> Any:
    """Derivative of ``np.sinc`` of any order, by its power series near zero.

    Away from zero: x f_n + n f_(n-1) = pi^(n-1) sin(pi x + n pi / 2), where f_n is the n-th
    derivative (Leibniz's rule for x sinc(x) = sin(pi x) / pi).
    """
    x = np.asarray(x)
    near = np.abs(x) < 0.5 + 0.25 * order
    far_x = np.where(near, 1.0, x)
    far = np.sinc(far_x)
    for n in range(1, order + 1):
        wave = np.pi ** (n - 1) * np.sin(np.pi * far_x + n * np.pi / 2)
        far = (wave - n * far) / far_x
    near_x = np.where(near, x, 0.0)
    series = np.zeros_like(near_x)
    for k in range((order + 1) // 2, order + 16):  # terms (-1)^k (pi x)^(2k) / (2k + 1)!
        factor = (-1) ** k * np.pi ** (2 * k) / math.factorial(2 * k + 1)
        factor *= math.perm(2 * k, order)
        series = series + factor * near_x ** (2 * k - order)
    return np.where(near, series, far)[()]
