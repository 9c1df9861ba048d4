"""Functions that write into an array, as functions that return what it holds afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np

import redraft.runtime as rt


def with_put_along_axis(x: Any, indices: Any, values: Any, axis: int) -> Any:
    """What `x` holds after `numpy.put_along_axis`: of repeated indices, the last one counts.

    Raises:
        ValueError: `indices` has another rank than `x`, or there is no such axis.
    """
    indices = np.asarray(indices)
    if np.ndim(indices) != np.ndim(x):
        raise ValueError("np.put_along_axis: `indices` must have as many axes as the array")
    if not -np.ndim(x) <= axis < np.ndim(x):
        raise ValueError("np.put_along_axis: the array has no such axis")
    axis = axis % np.ndim(x)
    along = np.shape(indices)[axis : axis + 1]
    shape = np.shape(x)[:axis] + along + np.shape(x)[axis + 1 :]
    indices = np.broadcast_to(np.where(indices < 0, indices + np.shape(x)[axis], indices), shape)
    last = is_last(indices, axis)
    values = np.broadcast_to(values, shape).astype(x.dtype)
    new = rt.untake_along_axis(np.where(last, values, np.zeros_like(values)), x, indices, axis)
    hit = rt.untake_along_axis(np.where(last, 1.0, 0.0), x, indices, axis)
    return np.where(hit > 0, new, x)


def is_last(indices: Any, axis: int) -> Any:
    """Is an index the last of its value along an axis?"""
    order = np.argsort(indices, axis=axis, kind="stable")
    runs = np.moveaxis(np.take_along_axis(indices, order, axis), axis, -1)
    ends = np.concatenate([runs[..., 1:] != runs[..., :-1], np.ones_like(runs[..., :1], bool)], -1)
    return np.take_along_axis(np.moveaxis(ends, -1, axis), np.argsort(order, axis=axis), axis)


def with_put_flat(x: Any, indices: Any, values: Any) -> Any:
    """The same without an axis: the places count the elements of the flattened array."""
    if np.ndim(indices) != 1:
        raise ValueError("np.put_along_axis: when axis=None, `indices` must have one axis")
    return np.reshape(with_put_along_axis(np.ravel(x), indices, values, 0), np.shape(x))


def with_put(x: Any, ind: Any, v: Any) -> Any:
    """What `x` holds after `numpy.put`, which repeats the values until they suffice."""
    if np.size(v) == 0 and np.size(ind):
        raise ValueError("np.put: no values are given")
    places = np.ravel(ind)
    return with_put_flat(x, places, np.resize(v, np.shape(places)))


def with_putmask(x: Any, mask: Any, values: Any) -> Any:
    """What `x` holds after `numpy.putmask`, which repeats the values over the whole array."""
    if np.size(values) == 0:
        raise ValueError("np.putmask: no values are given")
    if np.size(mask) != np.size(x) or np.ndim(mask) != np.ndim(x):
        raise ValueError("np.putmask: the mask must have the shape of the array")
    return np.where(mask, np.resize(values, np.shape(x)).astype(x.dtype), x)


def with_diagonal(x: Any, val: Any) -> Any:
    """What `x` holds after `numpy.fill_diagonal`.

    Raises:
        ValueError: `x` has one axis, or more than two of different lengths, or there are no values.
    """
    shape = np.shape(x)
    if len(shape) < 2:
        raise ValueError("np.fill_diagonal: array must be at least 2-d")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise ValueError("np.fill_diagonal: all dimensions of input must be of equal length")
    count = min(shape)
    if np.size(val) == 0:
        raise ValueError("np.fill_diagonal: no values are given")
    val = np.resize(val, (count,))
    row = np.concatenate([val, np.zeros((shape[-1] - count,), val.dtype)])
    return np.where(on_diagonal(shape), row.astype(x.dtype), x)


def on_diagonal(shape: tuple[int, ...]) -> Any:
    """Does an element stand on the diagonal: has it the same place along all axes?"""
    places = np.indices(shape)
    return np.all(places == places[0], axis=0)
