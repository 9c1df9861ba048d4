"""Arrays made of parts of others."""

from __future__ import annotations

from typing import Any

import numpy as np


def append(arr: Any, values: Any, axis: Any = None) -> Any:
    """`numpy.append`."""
    if axis is None:
        return np.concatenate([np.ravel(np.asarray(arr)), np.ravel(np.asarray(values))])
    return np.concatenate([np.asarray(arr), np.asarray(values)], axis=axis)


def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    """`numpy.insert`: new elements before those at the given places."""
    arr = np.ravel(np.asarray(arr)) if axis is None else np.asarray(arr)
    along = 0 if axis is None else axis
    new = np.asarray(values).astype(arr.dtype)
    new = np.reshape(new, (1,) * (np.ndim(arr) - np.ndim(new)) + np.shape(new))
    places = _places(obj, np.shape(arr)[along])
    new = np.moveaxis(new, along if np.ndim(places) else 0, 0)
    if np.size(places) == 1:
        places = np.repeat(np.ravel(places), np.shape(new)[0])
    rest = np.moveaxis(arr, along, 0)
    new = np.broadcast_to(new, (len(places),) + np.shape(rest)[1:])
    both = np.concatenate([rest, new], axis=0)
    order = _order_with(places, np.shape(arr)[along])
    return np.moveaxis(np.take(both, order, axis=0), 0, along)


def _places(obj: Any, n: int) -> Any:
    """Places before which something is inserted, as numbers from the front."""
    places = np.arange(n)[obj] if isinstance(obj, slice) else np.asarray(obj)
    places = np.flatnonzero(places) if places.dtype.kind == "b" else places.astype(int)
    places = np.where(places < 0, places + n, places)
    if np.any(places < 0) or np.any(places > n):
        raise IndexError(f"index {obj} is out of bounds for an axis of size {n}")
    return places


def _order_with(places: Any, n: int) -> Any:
    """Where the elements of the result stand among `n` old ones and then the new ones."""
    keys = np.concatenate([np.arange(n) + 0.5, places])  # a new one stands before the old one
    return np.argsort(keys, kind="stable")


def delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    """`numpy.delete`: what is left without the given places."""
    arr = np.ravel(np.asarray(arr)) if axis is None else np.asarray(arr)
    along = 0 if axis is None else axis
    places = np.arange(np.shape(arr)[along])
    gone = places[obj if isinstance(obj, slice) else np.asarray(obj, _kind(obj))]
    return np.take(arr, np.setdiff1d(places, gone), axis=along)


def _kind(obj: Any) -> Any:
    """The dtype of places; an empty list is one of integers."""
    return int if np.size(obj) == 0 else None


def resize(a: Any, new_shape: Any) -> Any:
    """`numpy.resize`: the elements again and again, until the shape is full."""
    a = np.ravel(np.asarray(a))
    shape = (new_shape,) if np.ndim(new_shape) == 0 else tuple(new_shape)
    count = int(np.prod(shape))
    if np.size(a) == 0 or count == 0:
        return np.zeros(shape, a.dtype)
    return np.reshape(a[np.arange(count) % np.size(a)], shape)


def dsplit(ary: Any, indices_or_sections: Any) -> Any:
    """`numpy.dsplit`."""
    if np.ndim(ary) < 3:
        raise ValueError("dsplit only works on arrays of 3 or more dimensions")
    return np.split(ary, indices_or_sections, axis=2)


def block(arrays: Any) -> Any:
    """`numpy.block`: the innermost lists side by side, the next below each other, and so on."""
    depth = _depth(arrays)
    return _joined(arrays, depth, max(depth, _rank(arrays)))


def _depth(arrays: Any) -> int:
    """How deep lists are nested."""
    return 1 + _depth(arrays[0]) if isinstance(arrays, list) else 0


def _rank(arrays: Any) -> int:
    """The largest rank of an array in nested lists."""
    if isinstance(arrays, list):
        return max([_rank(a) for a in arrays])
    return np.ndim(arrays)


def _joined(arrays: Any, depth: int, rank: int) -> Any:
    """Nested lists as one array of a rank."""
    if depth == 0:
        a = np.asarray(arrays)
        return np.reshape(a, (1,) * (rank - np.ndim(a)) + np.shape(a))
    return np.concatenate([_joined(a, depth - 1, rank) for a in arrays], axis=-depth)


def broadcast_arrays(*args: Any) -> Any:
    """`numpy.broadcast_arrays`."""
    shape: Any = ()
    for a in args:
        shape = np.broadcast_shapes(shape, np.shape(a))
    return tuple([np.broadcast_to(a, shape) for a in args])


def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """`numpy.rollaxis`."""
    rank = np.ndim(a)
    axis, start = axis % rank, start + rank if start < 0 else start
    return np.moveaxis(a, axis, start - 1 if axis < start else start)


def unstack(x: Any, *, axis: int = 0) -> Any:
    """`numpy.unstack`."""
    x = np.moveaxis(np.asarray(x), axis, 0)
    return tuple([x[i] for i in range(np.shape(x)[0])])


def sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    """`numpy.sort`: the kind of sorting changes no value."""
    if order is not None:
        raise ValueError("np.sort: `order` is for arrays of records")
    return np.sort(np.ravel(np.asarray(a))) if axis is None else np.sort(a, axis=axis)


def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None
) -> Any:
    """`numpy.cross` of vectors along different axes."""
    if axis is not None:
        axisa, axisb, axisc = axis, axis, axis
    found = np.cross(np.moveaxis(np.asarray(a), axisa, -1), np.moveaxis(np.asarray(b), axisb, -1))
    return np.moveaxis(found, -1, axisc)
