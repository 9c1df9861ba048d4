"""Helpers of batched code: axes that are known only when the arrays are there."""

from __future__ import annotations

from typing import Any

import numpy as np


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


def inner_axis(axis: int, ndim: int, lead: int = 1) -> int:
    """One axis of one example as an axis of the batch."""
    if not lead - ndim <= axis < ndim - lead:
        raise np.exceptions.AxisError(axis, ndim - lead)
    return axis + lead if axis >= 0 else axis + ndim
