"""Elementwise functions on tensors where TensorFlow has no function that does what NumPy's does.

The functions in the first part are bodies of ufuncs: they get tensors of one dtype. Those in the
second part take any values.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf

from redraft.runtime import numpy as rnp
from redraft.runtime.tensors import TensorError, is_tensor
from redraft.runtime.tf_arrays import (
    broadcast,
    cast,
    dtype_of,
    float_type,
    is_complex,
    is_floating,
    kind_of,
    result_type,
    shape,
    static,
    tensor,
)

BITS = {2: tf.int16, 4: tf.int32, 8: tf.int64}
LN2, LN10 = math.log(2), math.log(10)


def constant(value: Any, like: Any) -> Any:
    """A number in the dtype of a tensor."""
    return tf.constant(value, like.dtype)


def isnan_of(x: Any) -> Any:
    """Where a tensor is not a number."""
    return tf.not_equal(x, x)


def one_where(condition: Any, x: Any) -> Any:
    """A tensor with 1 where a condition holds."""
    return tf.where(condition, tf.ones_like(x), x)


# Arithmetic


def negative(x: Any) -> Any:
    """``-x``; unsigned integers wrap."""
    return tf.zeros_like(x) - x if x.dtype.is_unsigned else tf.negative(x)


def power(x: Any, y: Any) -> Any:
    """``x ** y``; integers to negative powers are refused where the exponent is known."""
    known = static(y)
    if x.dtype.is_integer:
        if known is not None and np.any(known < 0):
            raise ValueError("Integers to negative integer powers are not allowed.")
        if x.dtype == tf.uint64:
            return tf.bitcast(tf.pow(tf.bitcast(x, tf.int64), tf.bitcast(y, tf.int64)), tf.uint64)
        return tf.pow(x, y)
    if x.dtype.is_complex:
        return complex_power(x, y)
    if known is not None and known.ndim == 0 and known in (0, 1, 2, 3):
        return [tf.ones_like(x), x, x * x, x * x * x][int(known)]
    return tf.pow(x, y)


def complex_power(x: Any, y: Any) -> Any:
    """``x ** y``: zero to a power with a positive real part is 0, to others not a number."""
    x, y = broadcast(x, y)
    zero, nan = tf.equal(x, 0), tf.fill(tf.shape(x), constant(complex(np.nan, np.nan), x))
    of_zero = tf.where(tf.math.real(y) > 0, tf.zeros_like(x), nan)
    of_zero = one_where(tf.equal(y, 0), of_zero)
    return tf.where(zero, of_zero, tf.pow(one_where(zero, x), y))


def nonzero_divisor(y: Any) -> Any:
    """The divisor with 1 in place of 0."""
    return one_where(tf.equal(y, 0), y)


def floor_divide(x: Any, y: Any) -> Any:
    """``x // y`` as NumPy computes it: integers by zero give 0, floats round the exact quotient."""
    if x.dtype.is_integer:
        return tf.where(tf.equal(y, 0), tf.zeros_like(x), tf.math.floordiv(x, nonzero_divisor(y)))
    rest = tf.raw_ops.TruncateMod(x=x, y=y)
    quotient = (x - rest) / y
    whole = tf.math.rint(tf.where(signs_differ(rest, y), quotient - 1, quotient))
    whole = tf.where(tf.equal(whole, 0), copysign(tf.zeros_like(whole), x / y), whole)
    return tf.where(tf.equal(y, 0), x / y, whole)


def signs_differ(rest: Any, y: Any) -> Any:
    """Is a remainder on the wrong side of zero?"""
    return tf.logical_and(tf.not_equal(rest, 0), tf.not_equal(rest < 0, y < 0))


def remainder(x: Any, y: Any) -> Any:
    """``x % y`` with the sign of `y`; integers by zero give 0."""
    if x.dtype.is_integer:
        return tf.where(tf.equal(y, 0), tf.zeros_like(x), tf.math.floormod(x, nonzero_divisor(y)))
    rest = tf.raw_ops.TruncateMod(x=x, y=y)
    inside = tf.where(signs_differ(rest, y), rest + y, rest)
    return tf.where(tf.equal(rest, 0), copysign(rest, y), inside)


def fmod(x: Any, y: Any) -> Any:
    """The remainder with the sign of `x`; integers by zero give 0."""
    if x.dtype.is_integer:
        rest = tf.raw_ops.TruncateMod(x=x, y=nonzero_divisor(y))
        return tf.where(tf.equal(y, 0), tf.zeros_like(rest), rest)
    return tf.raw_ops.TruncateMod(x=x, y=y)


def reciprocal(x: Any) -> Any:
    """``1 / x``, in integers too."""
    if not x.dtype.is_integer:
        return 1 / x
    least = constant(x.dtype.min, x)
    quotient = tf.raw_ops.TruncateDiv(x=tf.ones_like(x), y=nonzero_divisor(x))
    return tf.where(tf.equal(x, 0), least, quotient)


def cbrt(x: Any) -> Any:
    """The real cube root, one step of Newton's after the power."""
    size = tf.abs(x)
    root = tf.pow(size, constant(1 / 3, x))
    better = root - (root - size / tf.square(root)) / 3
    usable = tf.logical_and(tf.greater(size, 0), tf.math.is_finite(size))
    return copysign(tf.where(usable, better, size), x)


# Exponentials and logarithms


def exp2(x: Any) -> Any:
    """``2 ** x``."""
    return tf.pow(constant(2, x), x)


def log2(x: Any) -> Any:
    """The logarithm to the base 2."""
    return tf.math.log(x) / constant(LN2, x)


def log10(x: Any) -> Any:
    """The logarithm to the base 10."""
    return tf.math.log(x) / constant(LN10, x)


def logaddexp(x: Any, y: Any) -> Any:
    """``log(exp(x) + exp(y))`` without overflow."""
    distance = -tf.abs(x - y)
    larger = maximum(x, y)
    # equal infinities have no distance
    return tf.where(tf.equal(x, y), x + constant(LN2, x), larger + tf.math.log1p(tf.exp(distance)))


def logaddexp2(x: Any, y: Any) -> Any:
    """``log2(2 ** x + 2 ** y)`` without overflow."""
    tail = tf.math.log1p(exp2(-tf.abs(x - y))) / constant(LN2, x)
    return tf.where(tf.equal(x, y), x + 1, maximum(x, y) + tail)


def hypot(x: Any, y: Any) -> Any:
    """``sqrt(x * x + y * y)`` without overflow."""
    x, y = tf.abs(x), tf.abs(y)
    large, small = maximum(x, y), minimum(x, y)
    scaled = large * tf.sqrt(1 + tf.square(small / one_where(tf.equal(large, 0), large)))
    infinite = tf.logical_or(tf.math.is_inf(x), tf.math.is_inf(y))
    return tf.where(infinite, constant(np.inf, x), scaled)


# Selection and signs. XLA's maximum loses a NaN, so NumPy's propagation is spelled out.


def refuse_complex(x: Any) -> None:
    """Complex numbers have no order here."""
    if x.dtype.is_complex:
        raise TensorError("complex tensors have no order; compare real parts")


def maximum(x: Any, y: Any) -> Any:
    """The larger; NaN if one is NaN."""
    refuse_complex(x)
    if x.dtype.is_integer:
        return tf.maximum(x, y)
    return tf.where(tf.logical_or(x >= y, isnan_of(x)), x, y)


def minimum(x: Any, y: Any) -> Any:
    """The smaller; NaN if one is NaN."""
    refuse_complex(x)
    if x.dtype.is_integer:
        return tf.minimum(x, y)
    return tf.where(tf.logical_or(x <= y, isnan_of(x)), x, y)


def fmax(x: Any, y: Any) -> Any:
    """The larger; NaN only if both are NaN."""
    refuse_complex(x)
    if x.dtype.is_integer:
        return tf.maximum(x, y)
    return tf.where(tf.logical_or(x >= y, isnan_of(y)), x, y)


def fmin(x: Any, y: Any) -> Any:
    """The smaller; NaN only if both are NaN."""
    refuse_complex(x)
    if x.dtype.is_integer:
        return tf.minimum(x, y)
    return tf.where(tf.logical_or(x <= y, isnan_of(y)), x, y)


def signbit(x: Any) -> Any:
    """Is the sign bit set? It is for -0.0."""
    if x.dtype.is_integer:
        return x < 0
    return tf.bitcast(x, BITS[x.dtype.size]) < 0


def copysign(x: Any, y: Any) -> Any:
    """The size of `x` with the sign of `y`."""
    return tf.where(signbit(y), -tf.abs(x), tf.abs(x))


def heaviside(x: Any, y: Any) -> Any:
    """0 below zero, `y` at zero, 1 above."""
    step = tf.where(tf.equal(x, 0), y, tf.cast(x > 0, x.dtype))
    return tf.where(isnan_of(x), x, step)


def sign(x: Any) -> Any:
    """The sign; of a complex number the direction."""
    if x.dtype.is_complex:
        size = tf.cast(tf.abs(x), x.dtype)
        return tf.where(tf.equal(x, 0), tf.zeros_like(x), x / one_where(tf.equal(x, 0), size))
    if x.dtype.is_unsigned or x.dtype.is_integer:
        return tf.cast(x > 0, x.dtype) - tf.cast(x < 0, x.dtype)
    return tf.where(isnan_of(x), x, tf.sign(x))


def absolute(x: Any) -> Any:
    """The size."""
    return x if x.dtype.is_unsigned else tf.abs(x)


def rounded(x: Any, how: str) -> Any:
    """``floor``, ``ceil`` or ``trunc``; integers are whole."""
    if x.dtype.is_integer:
        return x
    if how == "trunc":
        return tf.where(x < 0, tf.math.ceil(x), tf.math.floor(x))
    return getattr(tf.math, how)(x)


def spacing(x: Any) -> Any:
    """The distance to the next number further from zero."""
    size = tf.abs(x)
    step = tf.math.nextafter(tf.cast(size, tf.float64), tf.constant(np.inf, tf.float64)) - tf.cast(
        size, tf.float64
    )
    if x.dtype == tf.float32:
        bits = tf.bitcast(tf.bitcast(size, tf.int32) + 1, tf.float32)
        step = bits - size
    step = tf.cast(step, x.dtype)
    return tf.where(tf.math.is_finite(x), copysign(step, x), constant(np.nan, x))


# Comparison


def compared(x: Any, y: Any, how: str) -> Any:
    """``less``, ``equal`` … of tensors; complex numbers have no order here."""
    if x.dtype != y.dtype:
        raise TensorError(
            f"np.{how}: no comparison of {x.dtype.name} with {y.dtype.name}; use astype"
        )
    if x.dtype.is_complex and how not in ("equal", "not_equal"):
        raise TensorError(f"np.{how}: complex tensors have no order; compare real parts")
    return getattr(tf.math, how)(x, y)


def truth(x: Any) -> Any:
    """Is each element true?"""
    return x if x.dtype == tf.bool else tf.not_equal(x, tf.zeros_like(x))


def invert(x: Any) -> Any:
    """``~x``."""
    return tf.logical_not(x) if x.dtype == tf.bool else tf.bitwise.invert(x)


def shifted(x: Any, y: Any, left: bool, bits: int = 64) -> Any:
    """``x << y`` or ``x >> y``; beyond the width NumPy gives 0, or -1 for negative numbers."""
    bits = min(bits, x.dtype.size * 8)
    inside = tf.logical_and(y >= 0, y < bits)
    by = tf.where(inside, y, tf.zeros_like(y))
    if left or x.dtype.is_unsigned:
        shift = tf.bitwise.left_shift if left else tf.bitwise.right_shift
        return tf.where(inside, shift(x, by), tf.zeros_like(x))
    beyond = tf.where(x < 0, -tf.ones_like(x), tf.zeros_like(x))
    return tf.where(inside, tf.bitwise.right_shift(x, by), beyond)


def isnan(x: Any) -> Any:
    """Where an element is not a number; never, of integers."""
    return isnan_of(x)


def isinf(x: Any) -> Any:
    """Where an element is infinite."""
    if x.dtype.is_complex:
        return tf.logical_or(tf.math.is_inf(tf.math.real(x)), tf.math.is_inf(tf.math.imag(x)))
    return tf.math.is_inf(x) if x.dtype.is_floating else tf.zeros_like(x, tf.bool)


def isfinite(x: Any) -> Any:
    """Where an element is finite."""
    return tf.logical_not(tf.logical_or(isinf(x), isnan_of(x)))


# Functions that are no ufuncs: any arguments


def where(condition: Any, x: Any, y: Any) -> Any:
    """``np.where(condition, x, y)``."""
    dtype = result_type(x, y)
    return tf.where(truth(tensor(condition)), tensor(x, dtype), tensor(y, dtype))


def clip(x: Any, low: Any, high: Any) -> Any:
    """``np.clip``: the upper bound wins; a bound may be None."""
    if low is not None:
        x = rnp.maximum(x, low)
    return x if high is None else rnp.minimum(x, high)


def nan_to_num(x: Any) -> Any:
    """0 for NaN, the largest number for infinity."""
    x = tensor(x)
    if not is_floating(x):
        return x
    if is_complex(x):
        return tf.complex(nan_to_num(tf.math.real(x)), nan_to_num(tf.math.imag(x)))
    x = tf.where(isnan_of(x), tf.zeros_like(x), x)
    return tf.minimum(tf.maximum(x, constant(x.dtype.min, x)), constant(x.dtype.max, x))


def sinc(x: Any) -> Any:
    """``sin(pi x) / (pi x)``."""
    x = tensor(x, float_type(x))
    angle = x * constant(np.pi, x)
    at_zero = tf.equal(x, 0)
    return tf.where(at_zero, tf.ones_like(x), tf.sin(angle) / one_where(at_zero, angle))


def real(x: Any) -> Any:
    """The real part."""
    return tf.math.real(tensor(x)) if is_complex(x) else tensor(x)


def imag(x: Any) -> Any:
    """The imaginary part."""
    return tf.math.imag(tensor(x)) if is_complex(x) else tf.zeros_like(tensor(x))


def conjugate(x: Any) -> Any:
    """The complex conjugate."""
    return tf.math.conj(tensor(x)) if is_complex(x) else tensor(x)


def angle(z: Any) -> Any:
    """The angle of a complex number."""
    z = tensor(z, float_type(z))
    return tf.math.atan2(imag(z), real(z))


def round_(x: Any, decimals: int = 0) -> Any:
    """``np.round``: to even; NumPy scales, rounds and scales back."""
    x = tensor(x)
    if dtype_of(x).kind in "iub":
        if decimals < 0:
            return cast(round_(cast(x, float), decimals), dtype_of(x))
        return tf.cast(x, tf.float16) if x.dtype == tf.bool else x
    if is_complex(x):
        parts = round_(tf.math.real(x), decimals), round_(tf.math.imag(x), decimals)
        return tf.complex(*parts)
    if decimals == 0:
        return tf.math.rint(x)
    scale = constant(10.0 ** abs(decimals), x)
    return tf.math.rint(x * scale) / scale if decimals > 0 else tf.math.rint(x / scale) * scale


def fix(x: Any) -> Any:
    """Round towards zero."""
    return rnp.trunc(x)


def is_infinite(x: Any, positive: bool) -> Any:
    """``np.isposinf`` or ``np.isneginf``."""
    x = tensor(x)
    if not is_floating(x):
        return tf.zeros_like(x, tf.bool)
    return tf.equal(x, constant(np.inf if positive else -np.inf, x))


def isreal(x: Any) -> Any:
    """Where the imaginary part is zero."""
    return rnp.equal(imag(x), 0)


def isclose(a: Any, b: Any, rtol: Any, atol: Any, equal_nan: bool) -> Any:
    """``|a - b| <= atol + rtol |b|``; equal infinities are close."""
    dtype = result_type(kind_value(a), kind_value(b), 1.0)
    a, b = tensor(a, dtype), tensor(b, dtype)
    near = rnp.less_equal(rnp.abs(a - b), rnp.add(atol, rnp.multiply(rtol, rnp.abs(b))))
    finite = tf.math.is_finite(tf.abs(b))
    close = tf.where(finite, near, tf.equal(a, b))
    both = tf.logical_and(isnan_of(a), isnan_of(b))
    return tf.logical_or(close, both) if equal_nan else close


def isclose_of_math(a: Any, b: Any, rel_tol: Any, abs_tol: Any) -> Any:
    """``math.isclose``: the tolerance is relative to the larger."""
    a, b = rnp.types.float64(a), rnp.types.float64(b)
    tolerance = rnp.maximum(rnp.multiply(rel_tol, rnp.maximum(rnp.abs(a), rnp.abs(b))), abs_tol)
    near = rnp.logical_and(rnp.less_equal(rnp.abs(rnp.subtract(a, b)), tolerance), rnp.isfinite(b))
    return rnp.logical_or(rnp.equal(a, b), near)


def kind_value(x: Any) -> Any:
    """A value that promotes like `x` if that is an integer, in which isclose computes floats."""
    kind = kind_of(x)
    return np.zeros((), kind) if isinstance(kind, np.dtype) else kind(0)


def array_equal(a: Any, b: Any, equal_nan: bool) -> Any:
    """Are two arrays equal in shape and in all elements?"""
    if shape(a) != shape(b):
        return False
    same = rnp.equal(a, b)
    if equal_nan:
        same = tf.logical_or(same, tf.logical_and(rnp.isnan(a), rnp.isnan(b)))
    return tf.reduce_all(same)


def isin(element: Any, among: Any) -> Any:
    """Which elements are among others?"""
    element = tensor(element)
    column = rnp.expand_dims(element, -1)
    return tf.reduce_any(rnp.equal(column, rnp.ravel(among)), axis=-1)


def log_to_base(x: Any, base: Any) -> Any:
    """``math.log(x, base)``."""
    x = rnp.log(rnp.types.float64(x))
    return x if not is_tensor(base) and base == math.e else x / rnp.log(rnp.types.float64(base))


def ldexp(x: Any, i: Any) -> Any:
    """``x * 2 ** i``."""
    return rnp.multiply(rnp.types.float64(x), rnp.exp2(rnp.types.float64(i)))


def select(conditions: Any, choices: Any) -> Any:
    """``np.select``: the first choice whose condition holds, 0 if there is none."""
    dtype = result_type(*choices, 0)
    chosen: Any = tf.zeros((), dtype)
    for condition, choice in reversed(list(zip(conditions, choices, strict=True))):
        chosen = where(condition, tensor(choice, dtype), chosen)
    return chosen
