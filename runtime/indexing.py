"""Helpers of generated code that undo indexing."""

from __future__ import annotations

from typing import Any

import numpy as np

_SIMPLE = (int, slice, np.integer, type(None), type(Ellipsis))


def is_basic(index: Any) -> bool:
    """Does the index read every element at most once by position (no index arrays)?"""
    if index.__class__ is tuple:
        return all(isinstance(i, _SIMPLE) and i.__class__ is not bool for i in index)
    return isinstance(index, _SIMPLE) and index.__class__ is not bool


def add_at(x_bar: Any, index: Any, t_bar: Any) -> Any:
    """Add the cotangent of ``x[index]`` into `x_bar`, in place, and return it.

    The cost is that of the part which was read, never that of `x`. Elements that an index array
    names twice get both contributions.
    """
    if not isinstance(x_bar, np.ndarray):  # the cotangent of a list or a dict
        from redraft.runtime.cotangents import add

        x_bar[index] = add(x_bar[index], t_bar)
    elif (
        index.__class__ is int
        or is_basic(index)
        or (isinstance(index, (np.ndarray, list)) and np.asarray(index).dtype == bool)
    ):
        x_bar[index] += t_bar
    else:
        np.add.at(x_bar, _plain(index), t_bar)
    return x_bar


def set_at(x: Any, index: Any, value: Any) -> Any:
    """Write ``x[index] = value`` in place, and return the array: what staged code does functionally."""
    x[index] = value
    return x


def _plain(index: Any) -> Any:
    """An index for ``np.add.at``, which wants lists as arrays."""
    if not isinstance(index, list):
        return index
    return np.asarray(index) if index else np.zeros(0, int)


def scatter(ans_bar: Any, x: Any, index: Any) -> Any:
    """Cotangent of `x` where ``x[index]`` was read once: zeros, and `ans_bar` at `index`."""
    return add_at(np.zeros(np.shape(x), _float_type(x, ans_bar)), index, ans_bar)


def _float_type(x: Any, ans_bar: Any) -> Any:
    """Type of a cotangent of `x`: its own if it is floating, else that of `ans_bar`."""
    own = getattr(x, "dtype", None)
    if own is not None and own.kind in "fc":
        return own
    return np.result_type(ans_bar, 1.0)


def untake(ans_bar: Any, x: Any, indices: Any, axis: int | None = None) -> Any:
    """Cotangent of `x` in ``np.take(x, indices, axis)``."""
    result = np.zeros(np.shape(x), _float_type(x, ans_bar))
    if axis is None:
        np.add.at(result.reshape(-1), np.asarray(indices), ans_bar)
        return result
    axis %= result.ndim
    np.add.at(result, (slice(None),) * axis + (np.asarray(indices),), ans_bar)
    return result


def untake_along_axis(ans_bar: Any, x: Any, indices: Any, axis: int | None = -1) -> Any:
    """Cotangent of `x` in ``np.take_along_axis(x, indices, axis)``."""
    result = np.zeros(np.shape(x), _float_type(x, ans_bar))
    indices = np.asarray(indices)
    if axis is None:
        np.add.at(result.reshape(-1), indices, ans_bar)
        return result
    shape = list(np.shape(ans_bar))  # other axes of the indices may be broadcast
    where = list(np.ix_(*(np.arange(n) for n in shape)))
    where[axis] = indices
    np.add.at(result, tuple(where), ans_bar)
    return result


def undiagonal(ans_bar: Any, x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Cotangent of `x` in ``np.diagonal(x, offset, axis1, axis2)``."""
    result = np.zeros(np.shape(x), _float_type(x, ans_bar))
    matrices = np.moveaxis(result, (axis1, axis2), (-2, -1))
    i = np.arange(np.shape(ans_bar)[-1])
    matrices[..., i + max(-offset, 0), i + max(offset, 0)] = ans_bar
    return result


def undiag(ans_bar: Any, x: Any, k: int = 0) -> Any:
    """Cotangent of `x` in ``np.diag(x, k)``, a vector or a matrix."""
    return np.diagonal(ans_bar, k) if np.ndim(x) == 1 else undiagonal(ans_bar, x, k)


def untrace(ans_bar: Any, x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Cotangent of `x` in ``np.trace(x, offset, axis1, axis2)``."""
    length = np.diagonal(x, offset, axis1, axis2).shape[-1]
    column = np.expand_dims(ans_bar, -1)
    wide = np.broadcast_to(column, (*np.shape(ans_bar), length))
    return undiagonal(wide, x, offset, axis1, axis2)


def item(x: Any, index: Any) -> Any:
    """The element that ``x.item(index)`` reads."""
    x = np.asarray(x)
    return x[index] if isinstance(index, tuple) else x.reshape(-1)[index]


def unitem(ans_bar: Any, x: Any, index: Any) -> Any:
    """Cotangent of `x` in ``x.item(index)``."""
    if not isinstance(index, tuple):
        index = np.unravel_index(index % np.size(x), np.shape(x))
    return scatter(ans_bar, x, tuple(map(int, index)))
