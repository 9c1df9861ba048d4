"""Numbers between two ends, and grids."""

from __future__ import annotations

from typing import Any

import numpy as np


def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False,
    dtype: Any = None, axis: int = 0,
) -> Any:  # fmt: skip
    """`numpy.linspace`, with the step, a dtype or another axis."""
    y = np.linspace(start, stop, num, endpoint)
    count = num - 1 if endpoint else num
    step = (stop - start) / count if count else np.nan
    if dtype is not None:
        y = (np.floor(y) if np.dtype(dtype).kind in "iu" else y).astype(dtype)
    y = y if axis == 0 else np.moveaxis(y, 0, axis)
    return (y, step) if retstep else y


def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0,
    dtype: Any = None, axis: int = 0,
) -> Any:  # fmt: skip
    """`numpy.logspace`: powers of the base."""
    start, stop = np.asarray(start), np.asarray(stop)
    if np.ndim(base) > 0:
        shape = np.broadcast_shapes(np.shape(start), np.shape(stop), np.shape(base))
        start, stop = np.broadcast_to(start, shape), np.broadcast_to(stop, shape)
    y = np.power(base, np.linspace(start, stop, num, endpoint))
    y = y if dtype is None else y.astype(dtype)
    return y if axis == 0 else np.moveaxis(y, 0, axis)


def geomspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Any:
    """`numpy.geomspace`: numbers of which each is the same multiple of the one before."""
    start, stop = np.asarray(start), np.asarray(stop)
    if np.iscomplexobj(start) or np.iscomplexobj(stop):
        raise TypeError("np.geomspace of complex numbers has no derivative here")
    kind = np.result_type(start, stop, np.zeros(()))
    start, stop = start.astype(kind), stop.astype(kind)
    sign = np.sign(start)
    y = np.linspace(np.log10(sign * start), np.log10(sign * stop), num, endpoint)
    y = sign * np.power(10.0, y)
    y = y if dtype is None else y.astype(dtype)
    return y if axis == 0 else np.moveaxis(y, 0, axis)


def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    """`numpy.meshgrid`: coordinates of the points of a grid."""
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    order = [1, 0, *range(2, len(xi))] if indexing == "xy" and len(xi) > 1 else list(range(len(xi)))
    sizes = [np.size(x) for x in xi]
    grids = [np.reshape(np.asarray(x), _along(order[i], len(xi))) for i, x in enumerate(xi)]
    if not sparse:
        shape = tuple([sizes[i] for i in order])
        grids = [np.broadcast_to(g, shape) for g in grids]
    return tuple(grids)


def _along(axis: int, rank: int) -> tuple[int, ...]:
    """The shape of an array that lies along one of several axes."""
    return tuple([-1 if i == axis else 1 for i in range(rank)])


def fromfunction(function: Any, shape: Any, *, dtype: Any = float) -> Any:
    """`numpy.fromfunction`: a function of the positions."""
    return function(*np.indices(shape, dtype=dtype))
