"""Helpers of generated code for reductions that are not linear, and for running products."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from redraft.runtime.refusals import refusal
from redraft.runtime.shapes import cast_like, expand, normal_axes, unbroadcast


def extremes(ans: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Where `x` has its extreme value along the axis."""
    if axis is not None and not keepdims and np.ndim(x):
        ans = expand(ans, axis)
    return np.equal(x, ans)


def to_extremes(ans_bar: Any, ans: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Cotangent of a maximum or minimum; equal elements share it.

    It selects and never multiplies by zero, so an infinite cotangent leaves no NaN elsewhere.
    """
    here = extremes(ans, x, axis, keepdims)
    ties = np.add.reduce(here, axis, keepdims=True)
    if axis is not None and not keepdims and np.ndim(x):
        ans_bar = expand(ans_bar, axis)
    return cast_like(np.where(here, ans_bar / np.maximum(ties, 1), 0.0), x)


def at_extremes(x_dot: Any, ans: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Tangent of a maximum or minimum: the mean over the elements that attain it."""
    here = extremes(ans, x, axis, keepdims)
    total = np.sum(np.where(here, x_dot, 0.0), axis=axis, keepdims=keepdims)
    ties = np.sum(here, axis=axis, keepdims=keepdims)
    return cast_like(total / np.maximum(ties, 1), x)


def count_numbers(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """How many elements are not NaN, in the type of `x`, so that float32 stays float32."""
    return cast_like(np.sum(~np.isnan(x), axis=axis, keepdims=keepdims, dtype=float), x)


def median_weights(x: Any, axis: Any = None) -> Any:
    """Weights of the elements in the median: 1, or 1/2 for each of the middle two."""
    lines, restore = _lines(x, axis)
    n = len(lines)
    order = np.argsort(lines, axis=0, kind="stable")
    weights = np.zeros(lines.shape)
    for middle in ((n - 1) // 2, n // 2):
        here = order[middle : middle + 1]
        old = np.take_along_axis(weights, here, 0)
        np.put_along_axis(weights, here, old + 0.5, 0)
    return cast_like(restore(weights), x)


def weights_like(weights: Any, x: Any, axis: Any = None) -> Any:
    """Weights of ``np.average`` with the shape of `x`: a vector lies along the axis."""
    if np.iscomplexobj(weights):
        raise refusal("np.average: complex weights have no rule", "use real weights")
    if np.ndim(weights) != np.ndim(x):
        others = [a for a in range(np.ndim(x)) if a not in normal_axes(axis, np.ndim(x))]
        weights = np.expand_dims(weights, others)
    return np.broadcast_to(weights, np.shape(x))


def unweights(z_bar: Any, weights: Any, x: Any, axis: Any = None) -> Any:
    """Cotangent of `weights` in `weights_like`."""
    if np.ndim(weights) != np.ndim(x):
        of_axis = normal_axes(axis, np.ndim(x))
        z_bar = np.sum(z_bar, axis=tuple(a for a in range(np.ndim(x)) if a not in of_axis))
    return unbroadcast(z_bar, weights)


def undiff(ans_bar: Any, x: Any, n: int = 1, axis: int = -1) -> Any:
    """Cotangent of ``np.diff(x, n, axis)``: each adds at its end, and not at its start."""
    x_bar = np.moveaxis(ans_bar, axis, -1)
    for _ in range(n):
        ends = [(0, 0)] * (x_bar.ndim - 1)
        x_bar = np.pad(x_bar, [*ends, (1, 0)]) - np.pad(x_bar, [*ends, (0, 1)])
    return np.moveaxis(x_bar, -1, axis)


def _lines(x: Any, axis: Any) -> tuple[Any, Any]:
    """Bring the axes into one first axis; return the array and the way back."""
    x = np.asarray(x)
    axes = normal_axes(axis, x.ndim) if x.ndim else ()
    front = tuple(range(len(axes)))
    moved = np.moveaxis(x, axes, front)
    lines = np.reshape(moved, (math.prod(moved.shape[: len(axes)]), *moved.shape[len(axes) :]))

    def restore(result: Any) -> Any:
        return np.moveaxis(np.reshape(result, moved.shape), front, axes)

    return lines, restore


def shift(x: Any, axis: Any = None, by: int = 1) -> Any:
    """Move all elements on by one place (back, if `by` is -1); a zero enters."""
    lines, restore = _lines(x, axis)
    result = np.zeros_like(lines)
    if by > 0:
        result[1:] = lines[:-1]
    else:
        result[:-1] = lines[1:]
    return restore(result)


def products_before(x: Any, axis: Any = None) -> Any:
    """For each element the product of those before it along the axes, 1 for the first."""
    lines, restore = _lines(x, axis)
    result = np.ones_like(lines)
    np.multiply.accumulate(lines[:-1], axis=0, out=result[1:])
    return restore(result)


def products_after(x: Any, axis: Any = None) -> Any:
    """For each element the product of those after it along the axes, 1 for the last."""
    lines, restore = _lines(x, axis)
    result = np.ones_like(lines)
    np.multiply.accumulate(lines[:0:-1], axis=0, out=result[-2::-1])
    return restore(result)


def recurrence(a: Any, b: Any, axis: Any = None) -> Any:
    """Solve y[i] = a[i] y[i-1] + b[i] along the axes, from y[-1] = 0."""
    factors, _ = _lines(a, axis)
    terms, restore = _lines(b, axis)
    result = np.array(terms, np.result_type(factors, terms))
    for i in range(1, len(result)):
        result[i] += factors[i] * result[i - 1]
    return restore(result)


def reverse_recurrence(a: Any, b: Any, axis: Any = None) -> Any:
    """Solve y[i] = b[i] + a[i+1] y[i+1] along the axes, from beyond the last element."""
    factors, _ = _lines(a, axis)
    terms, restore = _lines(b, axis)
    result = np.array(terms, np.result_type(factors, terms))
    for i in range(len(result) - 2, -1, -1):
        result[i] += factors[i + 1] * result[i + 1]
    return restore(result)
