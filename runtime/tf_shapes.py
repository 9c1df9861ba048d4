"""Making, moving, joining and cutting tensors."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import tensorflow as tf

from redraft.runtime import numpy as rnp
from redraft.runtime.growing import Growing
from redraft.runtime.tensors import TensorError, holds_tensor, is_tensor
from redraft.runtime.tf_arrays import (
    axis_number,
    axis_numbers,
    broadcast,
    broadcast_to,
    cast,
    dtype_of,
    is_measured,
    lengths_of,
    ndim,
    number,
    reshape,
    result_type,
    rows_of,
    shape,
    tensor,
    weak,
)

# Made


def full(lengths: Any, value: Any, dtype: Any = None) -> Any:
    """``np.full``; `value` may be an array that is broadcast."""
    return broadcast_to(tensor(value, dtype_of(value) if dtype is None else dtype), lengths)


def full_like(x: Any, value: Any, dtype: Any = None) -> Any:
    """``np.full_like``, ``np.zeros_like``, ``np.ones_like``."""
    return full(shape(x), value, dtype_of(x) if dtype is None else dtype)


def filled(lengths: Any, value: int, dtype: Any = None) -> Any:
    """``np.zeros`` or ``np.ones``."""
    return full(lengths, value, float if dtype is None else dtype)


def linspace(start: Any, stop: Any, num: Any, endpoint: bool) -> Any:
    """``np.linspace``: in float64 unless the ends are complex or arrays of float32."""
    num = int(number(num, "np.linspace: the number of elements"))
    dtype = result_type(start, stop, float(num))
    start, stop = broadcast(tensor(start, dtype), tensor(stop, dtype))
    steps = np.linspace(0.0, 1.0, num, endpoint).reshape(-1, *[1] * ndim(start))
    steps = tensor(steps, dtype)
    values = start + (stop - start) * steps
    if endpoint and num > 1:  # exactly
        values = tf.concat([values[:-1], stop[None]], 0)
    return values


def arange(start: Any, stop: Any, step: Any) -> Any:
    """``np.arange``: the number of elements must be known."""
    dtype = result_type(*(v for v in (start, stop, step) if v is not None))
    start, stop = (0, start) if stop is None else (start, stop)
    if is_tensor(stop) and dtype == np.int64 and type(start) is int and type(step) is int:
        if tf.get_static_value(stop) is None and is_measured(stop):
            stop = tf.cast(stop, tf.int64)  # one that lies behind the start makes an empty range
            stop = tf.maximum(stop, start) if step > 0 else tf.minimum(stop, start)
            return tf.range(start, stop, step, tf.int64)
    first, last, by = number((start, stop, step), "np.arange: the number of elements")
    return tensor(np.arange(first, last, by), dtype)


def array(x: Any, dtype: Any = None) -> Any:
    """``np.array``: lists of tensors become one."""
    return tensor(x, dtype)


def contiguous(x: Any, dtype: Any = None) -> Any:
    """``np.ascontiguousarray``: at least one axis."""
    x = tensor(x, dtype)
    return x if ndim(x) else tf.reshape(x, [1])


# In another shape


def reshaped(x: Any, lengths: Any) -> Any:
    """``np.reshape``."""
    return reshape(tensor(x), lengths_of(lengths))


def reshaped_by_method(x: Any, lengths: tuple) -> Any:
    """``x.reshape(2, 3)`` or ``x.reshape((2, 3))``."""
    return reshaped(x, lengths[0] if len(lengths) == 1 else lengths)


def squeeze(x: Any, axis: Any) -> Any:
    """``np.squeeze``."""
    x = tensor(x)
    axes = [a for a, n in enumerate(shape(x)) if isinstance(n, int) and n == 1]
    if axis is not None:
        axes = axis_numbers(axis, ndim(x))
        if any(shape(x)[a] != 1 for a in axes):
            raise ValueError("cannot select an axis to squeeze out which has size not equal to one")
    return tf.squeeze(x, axes) if axes else x


def expand_dims(x: Any, axis: Any) -> Any:
    """``np.expand_dims``, of several axes too."""
    x = tensor(x)
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    rank = ndim(x) + len(axes)
    at = sorted(axis_number(a, rank) for a in axes)
    if len(set(at)) < len(at):
        raise ValueError("repeated axis")
    rest = iter(shape(x))
    return reshape(x, [1 if a in at else next(rest) for a in range(rank)])


def at_least(x: Any, rank: int) -> Any:
    """``np.atleast_1d``, ``_2d`` and ``_3d``."""
    x = tensor(x)
    if ndim(x) >= rank:
        return x
    lengths = {0: (1,) * rank, 1: (1, *shape(x), 1)[:rank] if rank == 3 else (1, *shape(x))}
    return reshape(x, lengths.get(ndim(x), (*shape(x), 1)))


def transpose(x: Any, axes: Any = None) -> Any:
    """``np.transpose``."""
    x = tensor(x)
    if axes is None:
        return tf.transpose(x)
    axes = (axes,) if isinstance(axes, int) else axes
    return tf.transpose(x, [axis_number(a, ndim(x)) for a in axes])


def transpose_by_method(x: Any, axes: tuple) -> Any:
    """``x.transpose()``, ``x.transpose(1, 0)`` or ``x.transpose((1, 0))``."""
    if len(axes) == 1 and not isinstance(axes[0], int):
        axes = axes[0]
    return transpose(x, axes if axes else None)


def matrix_transpose(x: Any) -> Any:
    """``x.mT``."""
    if ndim(x) < 2:
        raise ValueError("matrix transpose with ndim < 2 is undefined")
    return tf.linalg.matrix_transpose(tensor(x))


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """``np.swapaxes``."""
    order = list(range(ndim(x)))
    a, b = axis_number(axis1, ndim(x)), axis_number(axis2, ndim(x))
    order[a], order[b] = b, a
    return tf.transpose(tensor(x), order)


def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """``np.moveaxis``."""
    x = tensor(x)
    source, destination = (
        [axis_number(a, ndim(x)) for a in (axes if isinstance(axes, (tuple, list)) else (axes,))]
        for axes in (source, destination)
    )
    order = [a for a in range(ndim(x)) if a not in source]
    for to, a in sorted(zip(destination, source, strict=True)):
        order.insert(to, a)
    return tf.transpose(x, order) if order != list(range(ndim(x))) else x


def flip(x: Any, axis: Any = None) -> Any:
    """``np.flip``."""
    x = tensor(x)
    axes = axis_numbers(axis, ndim(x))
    return tf.reverse(x, axes) if axes else x


def rot90(x: Any, k: int, axes: Any) -> Any:
    """``np.rot90``."""
    first, second = axes
    if k % 4 == 0:
        return tensor(x)
    if k % 4 == 2:
        return flip(x, (first, second))
    return (
        swapaxes(flip(x, second), first, second)
        if k % 4 == 1
        else flip(swapaxes(x, first, second), second)
    )


def roll(x: Any, shift: Any, axis: Any) -> Any:
    """``np.roll``."""
    x = tensor(x)
    if axis is None:
        return reshape(roll(tf.reshape(x, [-1]), shift, 0), shape(x))
    shifts, axes = np.broadcast_arrays(np.atleast_1d(number(shift, "np.roll")), np.atleast_1d(axis))
    for by, a in zip(shifts.tolist(), axes.tolist(), strict=True):
        a = axis_number(a, ndim(x))
        n = number(shape(x)[a], "np.roll")
        by = by % n if n else 0
        if by:
            x = tf.concat([cut(x, a, n - by, n), cut(x, a, 0, n - by)], a)
    return x


def cut(x: Any, axis: int, start: int, stop: int) -> Any:
    """A piece along an axis."""
    return x[(slice(None),) * axis + (slice(start, stop),)]


# Joined and cut


def parts_of(arrays: Any) -> list:
    """The arrays of a sequence as tensors of their common type."""
    parts = rows_of(tensor(arrays)) if is_tensor(arrays) else list(arrays)
    dtype = np.result_type(*map(dtype_of, parts))
    return [tensor(part, dtype) for part in parts]


def stacked(arrays: Any) -> Any:
    """The elements of a list as the rows of one array, if a loop has made them so; else None."""
    return arrays.stacked() if isinstance(arrays, Growing) else None


def concatenate(arrays: Any, axis: Any = 0) -> Any:
    """``np.concatenate``."""
    whole = stacked(arrays)
    if whole is not None and ndim(whole) > 1 and axis in (0, None):
        return reshape(whole, [-1] if axis is None else [-1, *shape(whole)[2:]])
    parts = parts_of(arrays)
    if axis is None:
        return tf.concat([tf.reshape(part, [-1]) for part in parts], 0)
    return tf.concat(parts, axis_number(axis, ndim(parts[0])))


def stack(arrays: Any, axis: Any = 0) -> Any:
    """``np.stack``."""
    whole = stacked(arrays)
    if whole is not None:
        return moveaxis(whole, 0, axis_number(axis, ndim(whole)))
    parts = parts_of(arrays)
    return tf.stack(parts, axis_number(axis, ndim(parts[0]) + 1))


def vstack(arrays: Any) -> Any:
    """``np.vstack``."""
    whole = stacked(arrays)
    if whole is not None:
        return whole if ndim(whole) == 2 else reshape(whole, [-1, *(shape(whole)[2:] or [1])])
    return tf.concat([at_least(part, 2) for part in parts_of(arrays)], 0)


def hstack(arrays: Any) -> Any:
    """``np.hstack``."""
    parts = [at_least(part, 1) for part in parts_of(arrays)]
    return tf.concat(parts, 0 if ndim(parts[0]) == 1 else 1)


def dstack(arrays: Any) -> Any:
    """``np.dstack``."""
    return tf.concat([at_least(part, 3) for part in parts_of(arrays)], 2)


def column_stack(arrays: Any) -> Any:
    """``np.column_stack``."""
    parts = parts_of(arrays)
    return tf.concat([reshape(p, [-1, 1]) if ndim(p) < 2 else p for p in parts], 1)


def split(x: Any, parts: Any, axis: int, even: bool = True) -> list:
    """``np.split`` and ``np.array_split``: into equal parts, or at positions."""
    x = tensor(x)
    axis = axis_number(axis, ndim(x))
    n = number(shape(x)[axis], "np.split")
    parts = number(parts, "np.split: the positions")
    if np.ndim(parts) == 0:
        if even and n % parts:
            raise ValueError("array split does not result in an equal division")
        sizes = [n // parts + (i < n % parts) for i in range(parts)]
        ends = np.cumsum([0, *sizes]).tolist()
    else:
        ends = [0, *(int(i) for i in parts), n]
    return [cut(x, axis, a, b) for a, b in itertools.pairwise(ends)]


def hsplit(x: Any, parts: Any) -> list:
    """``np.hsplit``: along the second axis, if there is one."""
    return split(x, parts, min(1, ndim(x) - 1))


def tile(x: Any, reps: Any) -> Any:
    """``np.tile``."""
    reps = number(reps, "np.tile: the shape of the result")
    reps = [int(n) for n in np.atleast_1d(np.asarray(reps))]
    x = tensor(x)
    rank = max(ndim(x), len(reps))
    x = reshape(x, [*[1] * (rank - ndim(x)), *shape(x)])
    return tf.tile(x, [1] * (rank - len(reps)) + reps)


def repeat(x: Any, repeats: Any, axis: Any = None) -> Any:
    """``np.repeat``: the numbers of copies must be known."""
    x = tensor(x)
    if axis is None:
        x, axis = tf.reshape(x, [-1]), 0
    axis = axis_number(axis, ndim(x))
    repeats = number(repeats, "np.repeat: the shape of the result")
    rows = np.repeat(np.arange(number(shape(x)[axis], "np.repeat")), repeats)
    return tf.gather(x, rows, axis=axis)


def pad(x: Any, widths: Any, mode: str, value: Any = 0) -> Any:
    """``np.pad``: constant, edge, reflect, symmetric or wrap."""
    x = tensor(x)
    widths = number(widths, "np.pad: the shape of the result")
    if isinstance(widths, dict):
        raise TensorError("np.pad: no lowering for widths in a dict")
    widths = np.broadcast_to(widths, (ndim(x), 2)).astype(int)
    if mode == "constant":
        if np.ndim(value) > 0:
            raise TensorError("np.pad: no lowering for several constant_values")
        return tf.pad(x, widths, constant_values=tensor(value, dtype_of(x)))
    for axis, width in enumerate(widths):
        n = number(shape(x)[axis], "np.pad")
        x = tf.gather(x, np.pad(np.arange(n), tuple(width), mode), axis=axis)
    return x


# Diagonals and triangles


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """``np.diagonal``: the diagonal becomes the last axis."""
    x = moveaxis(x, (axis1, axis2), (-2, -1))
    rows, columns = number(shape(x)[-2:], "np.diagonal: the shape of the result")
    length = max(min(rows + min(offset, 0), columns - max(offset, 0)), 0)
    i = np.arange(length)
    flat = reshape(x, [*shape(x)[:-2], rows * columns])
    return tf.gather(flat, (i + max(-offset, 0)) * columns + i + max(offset, 0), axis=-1)


def diag(x: Any, k: int = 0) -> Any:
    """``np.diag``: a matrix of a vector, or the diagonal of a matrix."""
    x = tensor(x)
    if ndim(x) == 1:
        n = shape(x)[0] + abs(k)
        return laid_on_diagonal(x, (n, n), k)
    if ndim(x) != 2:
        raise ValueError("Input must be 1- or 2-d.")
    return diagonal(x, k)


def laid_on_diagonal(x: Any, matrix: tuple, k: int = 0) -> Any:
    """Matrices with the last axis of `x` on a diagonal, and zeros elsewhere."""
    rows, columns = matrix
    where = np.full(rows * columns, shape(x)[-1])  # beyond the elements: the zero behind them
    i = np.arange(shape(x)[-1])
    where[(i + max(-k, 0)) * columns + i + max(k, 0)] = i
    zero = tf.zeros_like(x[..., :1]) if shape(x)[-1] else tf.zeros((*shape(x)[:-1], 1), x.dtype)
    flat = tf.gather(tf.concat([x, zero], -1), where, axis=-1)
    return reshape(flat, [*shape(x)[:-1], rows, columns])


def trace(x: Any, offset: int, axis1: int, axis2: int) -> Any:
    """``np.trace``."""
    return rnp.sum(diagonal(x, offset, axis1, axis2), axis=-1)


def triangle(x: Any, k: int, upper: bool) -> Any:
    """``np.triu`` or ``np.tril``."""
    x = tensor(x)
    if ndim(x) == 1:
        x = broadcast_to(x, (*shape(x), *shape(x)))
    rows, columns = shape(x)[-2:]
    offset = tf.range(columns) - tf.range(rows)[:, None]
    return tf.where(offset >= k if upper else offset <= k, x, tf.zeros_like(x))


# Positions


def indices(x: Any, function: Any) -> Any:
    """A function of NumPy's whose arguments must be known."""
    return function(number(x, "the positions"))


def ravel_multi_index(multi_index: Any, dims: Any) -> Any:
    """``np.ravel_multi_index``."""
    flat = 0
    for i, n in zip(multi_index, dims, strict=True):
        flat = rnp.add(rnp.multiply(flat, n), i)
    return flat


def unravel_index(flat: Any, lengths: Any) -> tuple:
    """``np.unravel_index``."""
    parts = []
    for n in reversed(lengths_of(lengths)):
        parts.append(rnp.remainder(flat, n))
        flat = rnp.floor_divide(flat, n)
    return tuple(parts[::-1])


def open_mesh(positions: tuple) -> tuple:
    """``np.ix_``."""
    rank = len(positions)
    return tuple(
        reshape(tensor(p), [1] * i + [-1] + [1] * (rank - i - 1)) for i, p in enumerate(positions)
    )


# Types


def astype(x: Any, dtype: Any) -> Any:
    """``x.astype(dtype)``."""
    return cast(tensor(x), np.dtype(dtype))


def item(x: Any, index: tuple) -> Any:
    """``x.item(...)``: an element, as a number of Python's."""
    from redraft.runtime.tf_python import as_python_number

    x = tensor(x)
    if not index:
        return as_python_number(tf.reshape(x, []))
    index = index[0] if len(index) == 1 else index
    return as_python_number(rnp.rt.item(x, index))


def tolist(x: Any) -> Any:
    """``x.tolist()``: nested lists of numbers of Python's."""
    from redraft.runtime.tf_python import as_python_number

    return [tolist(row) for row in rows_of(x)] if ndim(x) else as_python_number(x)


def size(x: Any, axis: Any = None) -> Any:
    """``np.size``."""
    lengths = shape(x)
    if axis is not None:
        lengths = [lengths[a] for a in axis_numbers(axis, len(lengths))]
    if not holds_tensor(lengths):
        return math.prod(lengths)
    return weak(tf.reduce_prod(tf.stack([tf.cast(n, tf.int64) for n in lengths])), int)


def meshgrid(arrays: tuple) -> tuple:
    """``np.meshgrid``: the first two axes change places."""
    parts = [tf.reshape(tensor(a), [-1]) for a in arrays]
    return tuple(tf.meshgrid(*parts)) if len({p.dtype for p in parts}) == 1 else mixed_mesh(parts)


def mixed_mesh(parts: list) -> tuple:
    """A mesh of arrays of several types."""
    numbers = tf.meshgrid(*(tf.range(tf.size(p)) for p in parts))
    return tuple(tf.gather(p, i) for p, i in zip(parts, numbers, strict=True))
