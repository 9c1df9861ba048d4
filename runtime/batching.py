"""Helpers of batched code: axes that are known only when the arrays are there."""

from __future__ import annotations

from typing import Any

import numpy as np

from redraft.runtime.indexing import undiagonal
from redraft.runtime.refusals import refusal
from redraft.runtime.shapes import cast_like


def align(x: Any, *ndims: int, lead: int = 1) -> Any:
    """Put axes of length one behind the batch axis of `x`, so that it broadcasts example by example.

    Args:
        x: a batch of arrays.
        ndims: the numbers of axes that the other operands have, or would have as batches.
        lead: number of batch axes.
    """
    missing = max(ndims) - np.ndim(x)
    if missing <= 0:
        return x
    shape = np.shape(x)
    return np.reshape(x, shape[:lead] + (1,) * missing + shape[lead:])


def spread(x: Any, batch: Any) -> Any:
    """Repeat `x` for each example of `batch`, without a copy."""
    return np.broadcast_to(x, (len(batch), *np.shape(x)))


def spread_inside(x: Any, count: int) -> Any:
    """Repeat each example of `x`, without a copy: a new axis of length `count` behind the first."""
    shape = np.shape(x)
    return np.broadcast_to(np.expand_dims(x, 1), (shape[0], count, *shape[1:]))


def rows(x: Any, lead: int = 1) -> Any:
    """A batch of arrays as one of vectors, each array flattened."""
    shape = np.shape(x)
    return np.reshape(x, (*shape[:lead], int(np.prod(shape[lead:]))))


NONE_IN_A_VARIABLE = "an axis that is None, in a variable, of a batched value"


def inner_axes(axis: Any, ndim: int, lead: int = 1) -> Any:
    """Axes of one example as axes of the batch; all of them for None.

    Args:
        axis: None, a number or a sequence of numbers.
        ndim: number of axes of the batch.
        lead: number of batch axes.
    """
    if axis is None:
        return tuple(range(lead, ndim))
    if isinstance(axis, (tuple, list)):
        return tuple(inner_axis(a, ndim, lead) for a in axis)
    if ndim == lead and axis in (0, -1):  # NumPy lets numbers be reduced along an axis
        return ()
    return inner_axis(axis, ndim, lead)


def given_axis(axis: Any, ndim: int, lead: int = 1) -> Any:
    """As `inner_axes`, of a function that flattens an array without an axis.

    Raises:
        TransformError: the axis is None, which the text that was written for an axis cannot mean.
    """
    if axis is None:
        raise refusal(NONE_IN_A_VARIABLE, "write `axis=None` in the call")
    return inner_axes(axis, ndim, lead)


def inner_axis(axis: int, ndim: int, lead: int = 1) -> int:
    """One axis of one example as an axis of the batch."""
    if not lead - ndim <= axis < ndim - lead:
        raise np.exceptions.AxisError(axis, ndim - lead)
    return axis + lead if axis >= 0 else axis + ndim


def inner_shape(count: int, shape: Any) -> tuple[int, ...]:
    """The shape of a batch of so many arrays of this shape."""
    return (count, *shape) if isinstance(shape, (tuple, list)) else (count, shape)


def single_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of length one in a batch of this shape, without the batch axis."""
    return tuple(i for i, n in enumerate(shape) if i and n == 1)


def new_axes(axis: Any) -> Any:
    """Axes that are counted in the result: those from the end stay, the others move by one."""
    if axis is None:
        raise refusal(NONE_IN_A_VARIABLE, "write `axis=None` in the call")
    if isinstance(axis, (tuple, list)):
        return tuple(map(new_axes, axis))
    return axis + 1 if axis >= 0 else axis


def inner_order(axes: Any, ndim: int) -> tuple[int, ...]:
    """The order of a batch's axes that brings those of the examples into an order."""
    axes = range(ndim - 2, -1, -1) if axes is None else axes
    axes = axes if np.iterable(axes) else (axes,)
    return (0, *(a % (ndim - 1) + 1 for a in axes))


def inner_widths(pad_width: Any, ndim: int) -> tuple[tuple[int, int], ...]:
    """Widths of a padding for the axes of a batch."""
    widths = np.broadcast_to(pad_width, (ndim - 1, 2)).tolist()
    return ((0, 0), *map(tuple, widths))


def matrix_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a batch of matrices; a vector stands for a square one."""
    return (*shape, shape[-1]) if len(shape) == 2 else shape


def lanes(count: int, *ndims: int) -> Any:
    """The numbers of the examples, along the first of as many axes as batches of indices have."""
    return np.reshape(np.arange(count), (count,) + (1,) * (max(ndims) - 1))


def positions(index: Any) -> Any:
    """A batch of index arrays, as they are.

    Raises:
        TransformError: they are masks, which choose another number of elements in each example.
    """
    if np.result_type(index).kind == "b":
        raise refusal(
            "a batched mask as an index would give results of different lengths",
            "select with np.where, which keeps the shape",
        )
    return index


def inner_index(index: Any) -> tuple:
    """An index for each example, behind a full slice."""
    return (slice(None), *(index if isinstance(index, tuple) else (index,)))


def flat_place(index: Any, shape: tuple[int, ...]) -> tuple:
    """The place of ``x.item(index)`` in the rows of a batch of this shape."""
    if isinstance(index, tuple):
        index = int(np.ravel_multi_index(index, shape[1:]))
    return (slice(None), index)


def each_diag(x: Any, k: int = 0, lead: int = 1) -> Any:
    """``np.diag(x, k)`` of each example, a vector or a matrix."""
    if np.ndim(x) > lead + 1:
        return np.diagonal(x, k, lead, lead + 1)
    shape = np.shape(x)
    size = shape[-1] + abs(k)
    result = np.zeros((*shape[:-1], size, size), np.result_type(x))
    i = np.arange(shape[-1])
    result[..., i + max(-k, 0), i + max(k, 0)] = x
    return result


def each_undiag(z_bar: Any, x: Any, k: int = 0, lead: int = 1) -> Any:
    """Cotangent of `x` in `each_diag`."""
    if np.ndim(x) == lead + 1:
        return np.diagonal(z_bar, k, lead, lead + 1)
    return undiagonal(z_bar, x, k, lead, lead + 1)


def each_unbroadcast(z_bar: Any, x: Any, lead: int = 1, of_x: int = 1) -> Any:
    """Sum the cotangents of a batch over the axes along which each `x` was broadcast.

    Args:
        z_bar: the cotangents.
        x: the primals, or a single one.
        lead: number of batch axes of `z_bar`.
        of_x: number of batch axes of `x`.
    """
    shape = np.shape(x)[of_x:]
    extra = np.ndim(z_bar) - lead - len(shape)
    if extra > 0:
        z_bar = np.add.reduce(z_bar, tuple(range(lead, lead + extra)))
    inner = np.shape(z_bar)[lead:]
    stretched = [lead + i for i, n in enumerate(shape) if n == 1 != inner[i]]
    if stretched:
        z_bar = np.add.reduce(z_bar, tuple(stretched), keepdims=True)
    return cast_like(z_bar, x)


def as_columns(v: Any, rank: int) -> Any:
    """Vectors as matrices of one column, where the right-hand side of an example has that rank."""
    return np.reshape(v, (*np.shape(v), 1)) if rank == 1 else v


def from_columns(v: Any, rank: int) -> Any:
    """The way back from `as_columns`."""
    return np.reshape(v, np.shape(v)[:-1]) if rank == 1 else v


def larger(x: Any, y: Any) -> Any:
    """Python's ``max(x, y)`` of numbers, element by element."""
    return np.where(np.greater(y, x), y, x)


def smaller(x: Any, y: Any) -> Any:
    """Python's ``min(x, y)`` of numbers, element by element."""
    return np.where(np.less(y, x), y, x)
