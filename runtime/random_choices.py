"""Orders, selections and categories: integers, and arrays taken by them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from redraft.runtime.indexing import untake, untake_along_axis
from redraft.runtime.random_checks import (
    as_axis,
    as_dtype,
    as_shape,
    check_choice,
    check_count,
    check_fits,
    check_floating,
    check_weights,
    float_dtype_of,
    number_of,
    quiet,
)
from redraft.runtime.random_draws import draw
from redraft.runtime.random_keys import as_they_are
from redraft.runtime.random_places import split_keys
from redraft.runtime.random_uniform import gumbel, unit

ROUNDS_EXPONENT = 3  # of the number of elements: how unlikely equal keys in all rounds are


@quiet
def randint(key: Any, shape: Any, minval: Any, maxval: Any, dtype: Any = None) -> Any:
    """Random integers in [minval, maxval).

    Args:
        key: a key.
        shape: of the result.
        minval, maxval: integers or arrays of integers that broadcast to `shape`. Where `maxval` is not
            above `minval`, the result is `minval`. Bounds that the dtype does not hold are cut.
        dtype: an integer dtype; int32 if None.

    Raises:
        ValueError: another dtype, a negative length, or bounds that do not broadcast.
    """
    shape, dtype = as_shape("randint", shape), as_dtype("randint", dtype, "int32", "iu")
    whole = np.shape(key)[:-1] + shape
    check_fits("randint", whole, minval=np.shape(minval), maxval=np.shape(maxval))
    drawn = dtype if dtype.itemsize >= 4 else np.dtype(np.int32)  # few bits would show their bias
    own, info = np.iinfo(dtype), np.iinfo(drawn)
    low, high = as_bounds(minval, dtype), as_bounds(maxval, dtype)
    above = high > info.max
    low = clipped(low, own.min, own.max).astype(drawn)
    high = clipped(high, own.min, own.max if drawn == dtype else own.max + 1).astype(drawn)
    word = np.dtype(f"uint{info.bits}").type
    span = np.where(high <= low, word(1), (high - low).astype(word))
    span = np.where(above & (high > low), span + word(1), span)
    keys = split_keys(key, 2)
    upper = draw(keys[..., 0, :], shape, info.bits, as_they_are)
    lower = draw(keys[..., 1, :], shape, info.bits, as_they_are)
    factor = remainder(word(2 ** (info.bits // 2)), span)
    factor = remainder(factor * factor, span)
    offset = remainder(remainder(upper, span) * factor + remainder(lower, span), span)
    return (low + offset.astype(drawn)).astype(dtype)


def as_bounds(bound: Any, dtype: Any) -> Any:
    """Bounds as integers that hold their values; Python's and those of floats are cut to int64."""
    bound = np.asarray(bound)
    return bound if bound.dtype.kind in "iu" else bound.astype(np.int64)


def clipped(x: Any, least: int, most: int) -> Any:
    """Integers cut to limits, which the dtype of `x` may not hold."""
    info = np.iinfo(x.dtype)
    return np.minimum(np.maximum(x, max(least, info.min)), min(most, info.max))


def remainder(x: Any, span: Any) -> Any:
    """``x % span``, where a span of zero stands for all numbers that there are."""
    return np.where(span == 0, x, x % np.maximum(span, span.dtype.type(1)))


# Permutations: sorting by random words, as often as it takes for no two to have the same ones


@quiet
def order(key: Any, shape: Any, axis: int) -> Any:
    """Indices along an axis in random order, each vector along it on its own.

    Args:
        key: a key.
        shape: of the result.
        axis: that is ordered.

    Returns:
        Integers (int32) of that shape.
    """
    shape, size = tuple(shape), math.prod(shape)
    lead = np.shape(key)[:-1]
    along = axis % len(shape) + len(lead)
    ones = (shape[axis],) + (1,) * (len(shape) - 1 - axis % len(shape))
    places = np.broadcast_to(np.reshape(np.arange(shape[axis]), ones), lead + shape)
    for _ in range(math.ceil(ROUNDS_EXPONENT * math.log(max(1, size)) / math.log(2**32 - 1))):
        keys = split_keys(key, 2)
        key = keys[..., 0, :]
        words = draw(keys[..., 1, :], shape, 32, as_they_are)
        sorted_places = np.argsort(words, axis=along, kind="stable")
        places = np.take_along_axis(places, sorted_places, axis=along)
    return places.astype(np.int32)


@quiet
def permutation(key: Any, x: Any, axis: int = 0, independent: bool = False) -> Any:
    """An array, or the numbers below `x`, in random order.

    Args:
        key: a key.
        x: an integer, or an array of at least one axis; the result can be differentiated with respect
            to it.
        axis: along which the array is ordered.
        independent: should every vector along the axis have an order of its own?

    Raises:
        TypeError: `x` is a number, but no integer.
        ValueError: there is no such axis.
    """
    count, lead = number_of(x, "permutation", "x"), len(np.shape(key)) - 1
    inner = np.shape(x)[lead:] if count is None else (count,)
    axis = as_axis("permutation", axis, len(inner))
    each = independent or len(inner) == 1
    places = order(key, inner if each else (inner[axis],), axis if each else 0)
    return places if count is not None else taken(x, places, lead, axis, each)


def taken(x: Any, places: Any, lead: int, axis: int, each: bool = False) -> Any:
    """Elements along an axis, behind `lead` batch axes.

    Args:
        x: an array.
        places: a vector of places for each example, or if `each` an array like that of an example.
        lead: number of batch axes.
        axis: of an example.
        each: has each vector along the axis places of its own?
    """
    if lead == 0 and not each:
        return np.take(x, places, axis=axis)
    own = places if each else along(places, np.ndim(x), lead, axis)
    return np.take_along_axis(x, own, axis=lead + axis)


def untaken(z_bar: Any, x: Any, places: Any, lead: int, axis: int, each: bool = False) -> Any:
    """Cotangent of `x` in ``taken(x, places, lead, axis, each)``."""
    if lead == 0 and not each:
        return untake(z_bar, x, places, axis)
    own = places if each else along(places, np.ndim(x), lead, axis)
    return untake_along_axis(z_bar, x, own, lead + axis)


def along(places: Any, rank: int, lead: int, axis: int) -> Any:
    """Vectors of places with axes of length one for the other axes of the array."""
    shape = np.shape(places)
    return np.reshape(
        places, shape[:lead] + (1,) * axis + shape[lead:] + (1,) * (rank - lead - axis - 1)
    )


# Choices


@quiet
def chosen(key: Any, count: int, shape: Any, replace: bool, p: Any, mode: Any) -> Any:
    """Indices of what `choice` takes.

    Args:
        key: a key.
        count: how many there are to choose from.
        shape: of a sample.
        replace: may an index occur twice?
        p: None, or a vector of probabilities.
        mode: of `gumbel`.

    Returns:
        Integers (int32) of shape `shape`.
    """
    draws, lead = math.prod(shape), np.shape(key)[:-1]
    if p is None and replace:
        return randint(key, shape, 0, count)
    if p is None:
        return np.reshape(order(key, (count,), 0)[..., :draws], lead + shape)
    dtype = float_dtype_of(p)
    p = np.asarray(p).astype(dtype)
    if replace:
        upper = np.cumsum(p, axis=-1)
        total = np.reshape(upper[..., -1], upper.shape[:-1] + (1,) * len(shape))
        r = total * (dtype.type(1) - unit(key, shape, dtype))
        return np.reshape(place_of(upper, np.reshape(r, lead + (draws,))), lead + shape)
    g = gumbel(key, (count,), dtype, mode) + np.log(p)
    best = np.argsort(-g, axis=-1, kind="stable")[..., :draws]
    return np.reshape(best, lead + shape).astype(np.int32)


def place_of(upper: Any, r: Any) -> Any:
    """Where the limits of intervals, sorted along the last axis, reach `r`."""
    if np.ndim(upper) == 1:
        return np.searchsorted(upper, r).astype(np.int32)
    below = upper[..., None, :] < r[..., :, None]
    return np.sum(below, axis=-1).astype(np.int32)


@quiet
def choice(
    key: Any, a: Any, shape: Any = (), replace: bool = True, p: Any = None, axis: int = 0,
    mode: Any = None,
) -> Any:  # fmt: skip
    """Random elements of an array, or random numbers below `a`.

    Args:
        key: a key.
        a: an integer, or an array; the result can be differentiated with respect to it.
        shape: of the result, in place of the axis.
        replace: may an element be chosen twice?
        p: None, or a vector with a probability for each element; what counts is their ratio.
        axis: of the array, along which is chosen.
        mode: of `gumbel`, by which is chosen without replacement.

    Raises:
        TypeError: `a` is a number, but no integer.
        ValueError: there are too few elements, or `p` has another length.
    """
    shape = as_shape("choice", shape)
    count = number_of(a, "choice", "a")
    if count is not None:
        check_count("choice", count, shape, replace)
        check_weights("choice", (count,) if p is None else np.shape(p), count)
        return chosen(key, count, shape, replace, p, mode)
    lead = len(np.shape(key)) - 1
    inner = np.shape(a)[lead:]
    axis = as_axis("choice", axis, len(inner))
    check_count("choice", inner[axis], shape, replace)
    check_weights("choice", (inner[axis],) if p is None else np.shape(p), inner[axis])
    places = chosen(key, inner[axis], shape, replace, p, mode)
    rows = np.reshape(places, np.shape(key)[:-1] + (math.prod(shape),))
    found = taken(a, rows, lead, axis)
    return np.reshape(found, np.shape(key)[:-1] + inner[:axis] + shape + inner[axis + 1 :])


@quiet
def categorical(
    key: Any, logits: Any, axis: int = -1, shape: Any = None, replace: bool = True, mode: Any = None
) -> Any:
    """Categories of unnormalized log-probabilities.

    Args:
        key: a key.
        logits: an array of floats, whose dtype decides how many bits are drawn.
        axis: of the categories.
        shape: of the result, which ends in the shape of `logits` without that axis, or broadcasts with
            it; that shape if None.
        replace: may a category be drawn twice, for the leading axes of `shape`?
        mode: of `gumbel`, by which is drawn.

    Returns:
        Integers (int32).

    Raises:
        TypeError: `logits` are not of a float dtype.
        ValueError: another mode, there is no such axis, or shapes that do not agree.
    """
    check_choice("categorical", "mode", mode, (None, "low", "high"))
    check_floating("categorical", "logits", logits)
    lead = np.shape(key)[:-1]
    inner = np.shape(logits)[len(lead) :] if len(lead) else np.shape(logits)
    axis = as_axis("categorical", axis, len(inner)) - len(inner)
    batch = inner[: len(inner) + axis] + inner[len(inner) + axis + 1 :]
    shape = batch if shape is None else as_shape("categorical", shape)
    check_fits("categorical", shape, logits=batch)
    front = shape[: len(shape) - len(batch)]
    if not replace:
        return without_replacement(key, logits, axis, front, batch, mode)
    rest = shape[len(front) :]
    whole = front + rest[: len(rest) + 1 + axis] + (inner[axis],) + rest[len(rest) + 1 + axis :]
    g = gumbel(key, whole, float_dtype_of(logits), mode)
    wide = np.reshape(logits, np.shape(logits)[: len(lead)] + (1,) * len(front) + inner)
    return np.argmax(g + wide, axis=axis).astype(np.int32)


def without_replacement(
    key: Any, logits: Any, axis: int, front: tuple, batch: tuple, mode: Any
) -> Any:
    """The categories of the largest perturbed logits, the largest first."""
    lead, count = np.shape(key)[:-1], math.prod(front)
    inner = np.shape(logits)[len(lead) :] if len(lead) else np.shape(logits)
    check_count("categorical", inner[axis], (count,), False)
    g = logits + gumbel(key, inner, float_dtype_of(logits), mode)
    best = np.argsort(-np.moveaxis(g, axis, -1), axis=-1, kind="stable")[..., :count]
    moved = np.moveaxis(best, -1, len(lead))
    return np.reshape(moved, lead + front + batch).astype(np.int32)


def shared(x: Any, key: Any, own: int = 0) -> Any:
    """What all keys of a batch choose from: an array repeated for each, without a copy.

    Args:
        x: an array that has `own` of the axes of the keys in front, or a number.
        key: a batch of keys.
        own: how many of their axes it has.
    """
    if len(np.shape(x)) == own:
        return x
    lead = np.shape(key)[:-1]
    shape = np.shape(x)
    wide = np.reshape(x, shape[:own] + (1,) * (len(lead) - own) + shape[own:])
    return np.broadcast_to(wide, lead + shape[own:])


def shared_like(x: Any, z: Any, own: int = 0) -> Any:
    """The same, for keys of which nothing but a result like `z` is there."""
    shape = np.shape(x)
    more = (1,) * (np.ndim(z) - len(shape))
    return np.broadcast_to(np.reshape(x, shape[:own] + more + shape[own:]), np.shape(z))


def unshared(z_bar: Any, x: Any, own: int = 0) -> Any:
    """Cotangent of `x` in ``shared(x, key, own)``."""
    more = np.ndim(z_bar) - np.ndim(x)
    return np.sum(z_bar, axis=tuple(range(own, own + more)))
