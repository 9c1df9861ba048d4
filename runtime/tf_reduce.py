"""Reductions, running totals and order on tensors, with NumPy's dtypes and its handling of NaN."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from redraft.runtime import numpy as rnp
from redraft.runtime.tensors import TensorError, is_tensor
from redraft.runtime.tf_arrays import (
    WIDER,
    assume_equal,
    axis_number,
    axis_numbers,
    cast,
    dtype_of,
    float_type,
    is_complex,
    is_floating,
    ndim,
    number,
    reshape,
    rows_of,
    shape,
    tensor,
)
from redraft.runtime.tf_elementwise import isnan_of, truth


def total_type(x: Any) -> np.dtype:
    """The type in which NumPy sums: small integers become 64 bits wide."""
    return np.add.reduce(np.zeros(0, dtype_of(x))).dtype


def working(x: Any, dtype: Any) -> Any:
    """A tensor in a type in which TensorFlow computes what NumPy computes in `dtype`."""
    return cast(tensor(x, dtype), WIDER.get(np.dtype(dtype), dtype))


def total(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """``np.sum``."""
    dtype = total_type(x)
    return cast(tf.reduce_sum(working(x, dtype), axis_numbers(axis, ndim(x)), keepdims), dtype)


def product(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """``np.prod``."""
    dtype = total_type(x)
    return cast(tf.reduce_prod(working(x, dtype), axis_numbers(axis, ndim(x)), keepdims), dtype)


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """``np.mean``: of integers in float64."""
    dtype = float_type(x)
    x = working(x, dtype)
    return cast(tf.reduce_sum(x, axis_numbers(axis, ndim(x)), keepdims) / size_of(x, axis), dtype)


def size_of(x: Any, axis: Any) -> Any:
    """How many elements are reduced to one, in the dtype of `x`."""
    lengths = [shape(x)[a] for a in axis_numbers(axis, ndim(x))]
    if all(isinstance(n, int) for n in lengths):
        return tf.constant(math.prod(lengths), x.dtype)
    return tf.cast(functools.reduce(tf.multiply, [tf.cast(n, tf.int64) for n in lengths]), x.dtype)


def variance(x: Any, axis: Any = None, ddof: Any = 0, keepdims: bool = False) -> Any:
    """``np.var``."""
    dtype = float_type(x)
    x = working(x, dtype)
    axes = axis_numbers(axis, ndim(x))
    off = x - tf.reduce_sum(x, axes, keepdims=True) / size_of(x, axis)
    square = (
        off * off
        if not is_complex(x)
        else tf.square(tf.math.real(off)) + tf.square(tf.math.imag(off))
    )
    freedom = tf.cast(size_of(x, axis), square.dtype) - tf.cast(ddof, square.dtype)
    freedom = tf.maximum(freedom, tf.zeros_like(freedom))
    spread = tf.reduce_sum(square, axes, keepdims) / freedom
    return cast(spread, np.float16) if dtype == np.float16 else spread


def deviation(x: Any, axis: Any = None, ddof: Any = 0, keepdims: bool = False) -> Any:
    """``np.std``."""
    return rnp.sqrt(variance(x, axis, ddof, keepdims))


def average(x: Any, axis: Any, weights: Any, keepdims: bool) -> Any:
    """``np.average``."""
    if weights is None:
        return mean(x, axis, keepdims)
    weights = rnp.rt.weights_like(weights, x, axis)
    dtype = np.result_type(dtype_of(x), dtype_of(weights))
    dtype = dtype if dtype.kind in "fc" else np.dtype(float)
    x, weights = tensor(x, dtype), tensor(weights, dtype)
    return total(x * weights, axis, keepdims) / total(weights, axis, keepdims)


# Extremes. NumPy gives NaN if there is one, which XLA's maximum does not.


def extreme(x: Any, axis: Any, keepdims: bool, largest: bool) -> Any:
    """``np.max`` or ``np.min``."""
    dtype = dtype_of(x)
    axes = axis_numbers(axis, ndim(x))
    refuse_empty(x, axes, "maximum" if largest else "minimum")
    if dtype.kind == "c":
        raise TensorError(f"np.{'max' if largest else 'min'}: complex tensors have no order")
    x = working(x, dtype)
    reduce = tf.reduce_max if largest else tf.reduce_min
    best = reduce(x, axes, keepdims)
    if is_floating(x):
        missing = tf.reduce_any(isnan_of(x), axes, keepdims)
        best = tf.where(missing, tf.constant(np.nan, x.dtype), best)
    return cast(best, dtype)


def refuse_empty(x: Any, axes: list[int], what: str) -> None:
    """An empty reduction has no extreme.

    Raises:
        ValueError: as NumPy does.
    """
    if any(shape(x)[a] == 0 for a in axes if isinstance(shape(x)[a], int)):
        raise ValueError(f"zero-size array to reduction operation {what} which has no identity")


def extreme_of_numbers(x: Any, axis: Any, keepdims: bool, largest: bool) -> Any:
    """``np.nanmax`` or ``np.nanmin``: NaN only if there is nothing else."""
    x = tensor(x)
    if not is_floating(x):
        return extreme(x, axis, keepdims, largest)
    axes = axis_numbers(axis, ndim(x))
    missing = isnan_of(x)
    filled = tf.where(missing, tf.constant(-np.inf if largest else np.inf, x.dtype), x)
    best = extreme(filled, axis, keepdims, largest)
    return tf.where(tf.reduce_all(missing, axes, keepdims), tf.constant(np.nan, x.dtype), best)


def peak_to_peak(x: Any, axis: Any, keepdims: bool) -> Any:
    """``np.ptp``."""
    largest = extreme(x, axis, keepdims, True)
    return rnp.subtract(largest, extreme(x, axis, keepdims, False))


def position(x: Any, axis: Any, keepdims: bool, largest: bool) -> Any:
    """``np.argmax`` or ``np.argmin``: the first NaN, else the first extreme."""
    x = working(x, dtype_of(x))
    if axis is None:
        flat = position(tf.reshape(x, [-1]), 0, False, largest)
        return tf.reshape(flat, [1] * ndim(x)) if keepdims else flat
    axis = axis_number(axis, max(ndim(x), 1))
    x = x if ndim(x) else tf.reshape(x, [1])
    refuse_empty(x, [axis], "argmax" if largest else "argmin")
    best = extreme(x, axis, True, largest)
    here = tf.logical_or(tf.equal(x, best), isnan_of(x))
    found = tf.argmax(tf.cast(here, tf.int32), axis, tf.int64)
    return tf.expand_dims(found, axis) if keepdims else found


def position_of_number(x: Any, axis: Any, largest: bool) -> Any:
    """``np.nanargmax`` or ``np.nanargmin``."""
    x = tensor(x)
    if is_floating(x):
        x = tf.where(isnan_of(x), tf.constant(-np.inf if largest else np.inf, x.dtype), x)
    return position(x, axis, False, largest)


def any_true(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """``np.any``."""
    return tf.reduce_any(truth(tensor(x)), axis_numbers(axis, ndim(x)), keepdims)


def all_true(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """``np.all``."""
    return tf.reduce_all(truth(tensor(x)), axis_numbers(axis, ndim(x)), keepdims)


def count_nonzero(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """``np.count_nonzero``."""
    return total(truth(tensor(x)), axis, keepdims)


def total_of_numbers(x: Any, axis: Any, keepdims: bool) -> Any:
    """``np.nansum``."""
    return total(without_nan(x, 0), axis, keepdims)


def without_nan(x: Any, fill: Any) -> Any:
    """A tensor with a number in place of NaN."""
    x = tensor(x)
    return tf.where(isnan_of(x), tf.constant(fill, x.dtype), x) if is_floating(x) else x


def mean_of_numbers(x: Any, axis: Any, keepdims: bool) -> Any:
    """``np.nanmean``."""
    if not is_floating(x):
        return mean(x, axis, keepdims)
    counted = total(tf.cast(tf.logical_not(isnan_of(tensor(x))), tensor(x).dtype), axis, keepdims)
    return total_of_numbers(x, axis, keepdims) / counted


# Running totals


def running(x: Any, axis: Any, multiply: bool) -> Any:
    """``np.cumsum`` or ``np.cumprod``; without an axis of the flat array."""
    dtype = total_type(x)
    x = working(x, dtype)
    if axis is None:
        x, axis = tf.reshape(x, [-1]), 0
    x = x if ndim(x) else tf.reshape(x, [1])
    accumulate = tf.math.cumprod if multiply else tf.math.cumsum
    return cast(accumulate(x, axis_number(axis, ndim(x))), dtype)


def difference(x: Any, n: int, axis: int) -> Any:
    """``np.diff``."""
    x = tensor(x)
    axis = axis_number(axis, ndim(x))
    for _ in range(n):
        front, back = [slice(None)] * ndim(x), [slice(None)] * ndim(x)
        front[axis], back[axis] = slice(1, None), slice(None, -1)
        of = rnp.not_equal if x.dtype == tf.bool else rnp.subtract
        x = of(x[tuple(front)], x[tuple(back)])
    return x


# Order


def order_keys(x: Any) -> Any:
    """Integers in the order of the elements: NaN after everything, -0.0 equal to 0.0."""
    if x.dtype.is_complex:
        raise TensorError("np.sort: complex tensors have no order here")
    if x.dtype == tf.uint64:
        return tf.bitcast(x, tf.int64) ^ tf.constant(-(2**63), tf.int64)
    if not x.dtype.is_floating:
        return tf.cast(x, tf.int64)
    if x.dtype != tf.float64:
        x = tf.cast(x, tf.float64)
    x = tf.where(
        isnan_of(x), tf.constant(np.nan, x.dtype), tf.where(tf.equal(x, 0), tf.zeros_like(x), x)
    )
    bits = tf.bitcast(x, tf.int64)
    return tf.where(bits < 0, tf.bitwise.bitwise_xor(bits, tf.int64.max), bits)


def order_of_last(x: Any) -> Any:
    """A stable order of the elements along the last axis."""
    n = shape(x)[-1]
    keys = tf.bitwise.invert(order_keys(x))  # top_k wants the largest first, the first of equals
    return tf.math.top_k(keys, n).indices


def along_last(function: Callable, x: Any, axis: Any) -> Any:
    """Apply a function to the last axis, to which another one is moved; None flattens."""
    x = tensor(x)
    if axis is None or ndim(x) == 0:
        return function(tf.reshape(x, [-1]))
    axis = axis_number(axis, ndim(x))
    order = [a for a in range(ndim(x)) if a != axis] + [axis]
    if axis == ndim(x) - 1:
        return function(x)
    return tf.transpose(function(tf.transpose(x, order)), np.argsort(order))


def sort(x: Any, axis: Any) -> Any:
    """``np.sort``."""

    def of_last(x: Any) -> Any:
        return tf.gather(x, order_of_last(x), axis=-1, batch_dims=x.shape.rank - 1)

    if ndim(x) == 0 and axis is not None:
        raise np.exceptions.AxisError(number(axis, "an axis"), 0)
    return along_last(of_last, x, axis)


def argsort(x: Any, axis: Any) -> Any:
    """``np.argsort``, always stable."""
    return along_last(lambda x: tf.cast(order_of_last(x), tf.int64), x, axis)


def median(x: Any, axis: Any, keepdims: bool) -> Any:
    """``np.median``: the mean of the two in the middle; NaN if there is one."""
    dtype = float_type(x)
    x = working(x, dtype)
    axes = axis_numbers(axis, ndim(x))
    rest = [a for a in range(ndim(x)) if a not in axes]
    lengths = [shape(x)[a] for a in rest]
    lines = sort(reshape(tf.transpose(x, rest + axes), [*lengths, -1]), -1)
    n = number(shape(lines)[-1], "np.median")
    if n == 0:
        middle = tf.fill(tf.shape(lines)[:-1], tf.constant(np.nan, x.dtype))
    else:
        middle = lines[..., n // 2]
        if n % 2 == 0:
            middle = (lines[..., n // 2 - 1] + middle) / 2
        middle = tf.where(isnan_of(lines[..., -1]), tf.constant(np.nan, x.dtype), middle)
    if keepdims:
        middle = reshape(middle, [1 if a in axes else shape(x)[a] for a in range(ndim(x))])
    return cast(middle, dtype)


def lexsort(keys: Any, axis: int) -> Any:
    """``np.lexsort``: the last key decides first."""
    keys = [
        tensor(key) for key in (keys if isinstance(keys, (list, tuple)) else rows_of(tensor(keys)))
    ]
    order = argsort(keys[0], axis)
    for key in keys[1:]:
        again = argsort(rnp.take_along_axis(key, order, axis), axis)
        order = rnp.take_along_axis(order, again, axis)
    return order


def searchsorted(x: Any, v: Any, side: str) -> Any:
    """``np.searchsorted``."""
    dtype = np.result_type(dtype_of(x), dtype_of(v))
    x, v = working(x, dtype), working(v, dtype)
    return tf.reshape(
        tf.searchsorted(order_keys(x), tf.reshape(order_keys(v), [-1]), side, tf.int64), tf.shape(v)
    )


def digitize(x: Any, bins: Any, right: bool) -> Any:
    """``np.digitize`` for bins that rise or fall."""
    bins, side = tensor(bins), "left" if right else "right"
    n = shape(bins)[0]
    rising = searchsorted(bins, x, side)
    if n == 0:
        return rising
    falling = n - searchsorted(bins[::-1], x, side)
    return tf.where(bins[0] > bins[-1], falling, rising)


def bincount(x: Any) -> Any:
    """``np.bincount`` of tensors whose values are known."""
    return tensor(np.bincount(number(x, "np.bincount: the length of the result")))


def logsumexp(x: Any, axis: Any, keepdims: bool, b: Any = None) -> Any:
    """``scipy.special.logsumexp``, with factors in front of the exponentials; NaN of a negative sum."""
    dtype = float_type(x) if b is None else float_type(x, b)
    x = tensor(x, dtype)
    if b is not None:
        b = tensor(b, dtype)
        x = x + tf.zeros_like(b)
        x = tf.where(tf.equal(b, 0), tf.constant(-np.inf, x.dtype), x)  # as SciPy
    axes = axis_numbers(axis, ndim(x))
    largest = tf.stop_gradient(extreme(x, axis, True, True))
    finite = tf.where(tf.math.is_finite(largest), largest, tf.zeros_like(largest))
    powers = tf.exp(x - finite) if b is None else b * tf.exp(x - finite)
    summed = tf.math.log(tf.reduce_sum(powers, axes, keepdims))
    return summed + (finite if keepdims else tf.reshape(finite, tf.shape(summed)))


def softmax(x: Any, axis: Any, log: bool) -> Any:
    """``scipy.special.softmax`` or its logarithm."""
    x = tensor(x, float_type(x))
    axes = axis_numbers(axis, ndim(x))
    shifted = x - extreme(x, axis, True, True)
    if log:
        return shifted - tf.math.log(tf.reduce_sum(tf.exp(shifted), axes, keepdims=True))
    powers = tf.exp(shifted)
    return powers / tf.reduce_sum(powers, axes, keepdims=True)


def quantile(x: Any, q: Any) -> Any:
    """``np.quantile`` of all elements, between neighbours along a line; NaN if there is one."""
    dtype = float_type(x) if np.ndim(q) == 0 and not is_tensor(q) else float_type(x, q)
    x, q = sort(working(x, dtype), None), tensor(q, dtype)
    n = shape(x)[0]
    place = q * tensor(n - 1, dtype)
    low = tf.math.floor(place)
    first = tf.gather(x, tf.cast(low, tf.int64))
    second = tf.gather(x, tf.cast(tf.math.ceil(place), tf.int64))
    value = first + (second - first) * (place - low)
    return tf.where(isnan_of(x[-1]), tf.fill(tf.shape(value), x[-1]), value)


def interpolated(x: Any, xp: Any, fp: Any) -> Any:
    """``np.interp``: the line between neighbours, the ends beyond them."""
    x, xp, fp = (tensor(v, float) for v in (x, xp, fp))
    fp = assume_equal(fp, [(shape(xp)[0], shape(fp)[0])])
    i = tf.clip_by_value(searchsorted(xp, x, "right"), 1, shape(xp)[0] - 1)
    left, right = tf.gather(xp, i - 1), tf.gather(xp, i)
    below, above = tf.gather(fp, i - 1), tf.gather(fp, i)
    line = below + (above - below) / (right - left) * (x - left)
    ends = tf.where(x < xp[0], fp[0], tf.where(x >= xp[-1], fp[-1], line))
    return tf.where(isnan_of(x), x, ends)


def trapezoid(y: Any) -> Any:
    """``np.trapezoid`` along the last axis, in steps of one."""
    y = tensor(y)
    return mean_of_neighbours(y if is_floating(y) else cast(y, float))


def mean_of_neighbours(y: Any) -> Any:
    """The sum of the means of neighbours along the last axis."""
    return tf.reduce_sum((y[..., 1:] + y[..., :-1]) / 2, -1)


def polynomial(p: Any, x: Any) -> Any:
    """``np.polyval``: Horner's scheme."""
    value: Any = rnp.zeros_like(x)
    for coefficient in rows_of(tensor(p)):
        value = rnp.add(rnp.multiply(value, x), coefficient)
    return value
