"""Methods of NumPy's ufuncs: `reduce`, `accumulate`, `outer`, `reduceat`."""

from __future__ import annotations

import types
from typing import Any

import numpy as np

BINARY = (
    "add", "subtract", "multiply", "divide", "power", "float_power", "remainder", "fmod",
    "floor_divide", "maximum", "minimum", "fmax", "fmin", "logaddexp", "logaddexp2", "hypot",
    "arctan2", "copysign", "heaviside",
)  # fmt: skip


def outer_of(ufunc: Any) -> Any:
    """The `outer` of a ufunc: each element of one array with each of the other."""

    def outer(x: Any, y: Any) -> Any:
        x = np.asarray(x)
        return ufunc(np.reshape(x, np.shape(x) + (1,) * np.ndim(y)), y)

    return outer


def reduce_of(ufunc: Any) -> Any:
    """The `reduce` of a ufunc: from the first element along an axis to the last."""

    def reduce(
        array: Any, axis: Any = 0, dtype: Any = None, *, keepdims: bool = False,
        initial: Any = None,
    ) -> Any:  # fmt: skip
        lines = _along(array, axis, dtype)
        count = np.shape(lines)[0]
        if count == 0:
            raise ValueError("zero-size array to reduction operation which has no identity")
        found = lines[0] if initial is None else ufunc(initial, lines[0])
        for i in range(1, count):
            found = ufunc(found, lines[i])
        return np.expand_dims(found, axis) if keepdims else found

    return reduce


def accumulate_of(ufunc: Any) -> Any:
    """The `accumulate` of a ufunc: all results on the way."""

    def accumulate(array: Any, axis: int = 0, dtype: Any = None) -> Any:
        lines = _along(array, axis, dtype)
        if np.shape(lines)[0] == 0:
            return np.copy(array)
        last = lines[0]
        found = [last]
        for i in range(1, np.shape(lines)[0]):
            last = ufunc(last, lines[i])
            found.append(last)
        return np.moveaxis(np.stack(found), 0, axis)

    return accumulate


def reduceat_of(ufunc: Any) -> Any:
    """The `reduceat` of a ufunc: reductions of slices between the given places."""

    def reduceat(array: Any, indices: Any, axis: int = 0, dtype: Any = None) -> Any:
        lines = _along(array, axis, dtype)
        ends = [*indices[1:], np.shape(lines)[0]]
        found = []
        for i in range(len(indices)):
            first = int(indices[i])
            last = lines[first]
            for j in range(first + 1, int(ends[i])):
                last = ufunc(last, lines[j])
            found.append(last)
        return np.moveaxis(np.stack(found), 0, axis)

    return reduceat


def _along(array: Any, axis: Any, dtype: Any) -> Any:
    """The array with an axis in front."""
    if not isinstance(axis, int):
        raise ValueError("`reduce` of this ufunc has a derivative along one axis: pass a number")
    array = np.asarray(array) if dtype is None else np.asarray(array).astype(dtype)
    return np.moveaxis(array, axis, 0)


def add_reduce(
    array: Any, axis: Any = 0, dtype: Any = None, *, keepdims: bool = False, initial: Any = 0,
    where: Any = True,
) -> Any:  # fmt: skip
    """`numpy.add.reduce`: the sum along the first axis, if none is given."""
    return np.sum(array, axis=axis, dtype=dtype, keepdims=keepdims, initial=initial, where=where)


def multiply_reduce(
    array: Any, axis: Any = 0, dtype: Any = None, *, keepdims: bool = False, initial: Any = 1,
    where: Any = True,
) -> Any:  # fmt: skip
    """`numpy.multiply.reduce`."""
    return np.prod(array, axis=axis, dtype=dtype, keepdims=keepdims, initial=initial, where=where)


def maximum_reduce(
    array: Any, axis: Any = 0, *, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    """`numpy.maximum.reduce`."""
    return np.max(array, axis=axis, keepdims=keepdims, initial=initial, where=where)


def minimum_reduce(
    array: Any, axis: Any = 0, *, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    """`numpy.minimum.reduce`."""
    return np.min(array, axis=axis, keepdims=keepdims, initial=initial, where=where)


def add_accumulate(array: Any, axis: int = 0, dtype: Any = None) -> Any:
    """`numpy.add.accumulate`."""
    array = np.asarray(array) if dtype is None else np.asarray(array).astype(dtype)
    return np.cumsum(array, axis=axis)


def multiply_accumulate(array: Any, axis: int = 0, dtype: Any = None) -> Any:
    """`numpy.multiply.accumulate`."""
    array = np.asarray(array) if dtype is None else np.asarray(array).astype(dtype)
    return np.cumprod(array, axis=axis)


def logaddexp_reduce(
    array: Any, axis: Any = 0, dtype: Any = None, *, keepdims: bool = False, initial: Any = None
) -> Any:
    """`numpy.logaddexp.reduce`: the logarithm of a sum of exponentials."""
    array = np.asarray(array) if dtype is None else np.asarray(array).astype(dtype)
    if np.size(array) == 0:
        found = np.sum(array, axis=axis, keepdims=keepdims) - np.inf
    else:
        peak = np.max(array, axis=axis, keepdims=True)
        shift = np.where(np.isfinite(peak), peak, 0)
        total = np.sum(np.exp(array - shift), axis=axis, keepdims=keepdims)
        empty = total == 0
        found = np.where(empty, -np.inf, np.log(np.where(empty, 1, total)))
        found = found + (shift if keepdims else np.squeeze(shift, axis=axis))
    return found if initial is None else np.logaddexp(found, initial)


def _named(function: types.FunctionType, name: str) -> types.FunctionType:
    """A function under a name of its own, by which generated code calls it."""
    function.__name__ = function.__qualname__ = name
    return function


MAKERS = {
    "outer": outer_of, "reduce": reduce_of, "accumulate": accumulate_of, "reduceat": reduceat_of,
}  # fmt: skip
for _ufunc in BINARY:
    for _method, _maker in MAKERS.items():
        _name = f"{_ufunc}_{_method}"
        if _name not in globals():
            globals()[_name] = _named(_maker(getattr(np, _ufunc)), _name)
