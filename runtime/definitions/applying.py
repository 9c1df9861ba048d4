"""Functions of arrays that call a function of the user's."""

from __future__ import annotations

from typing import Any

import numpy as np

import redraft.runtime as rt


def apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any) -> Any:
    """`numpy.apply_along_axis`: a function of each line of an array."""
    lines = np.moveaxis(np.asarray(arr), axis, -1)
    rest = np.shape(lines)[:-1]
    rows = np.reshape(lines, (int(np.prod(rest)), np.shape(lines)[-1]))
    if args:
        results = [np.asarray(func1d(rows[i], *args)) for i in range(np.shape(rows)[0])]
    else:
        results = [np.asarray(func1d(rows[i])) for i in range(np.shape(rows)[0])]
    found = np.stack(results)
    inner = np.shape(found)[1:]
    found = np.reshape(found, rest + inner)
    axis = axis % np.ndim(arr)
    places = tuple(range(axis, axis + len(inner)))
    return np.moveaxis(found, tuple(range(len(rest), len(rest) + len(inner))), places)


def vectorized(results: Any, shape: tuple[int, ...], kind: Any) -> Any:
    """Results for single elements as the array that `numpy.vectorize` gives.

    Args:
        results: a number for each element.
        shape: of the array.
        kind: its type, or None for that of the first result.

    Raises:
        ValueError: a result is no single number, or there is none to tell the type.
    """
    if len(results) == 0:
        if kind is None:
            raise ValueError("cannot call `vectorize` on size 0 inputs unless `otypes` is set")
        return np.zeros(shape, kind)
    found = np.stack(results)
    if np.ndim(found) != 1:
        raise ValueError("np.vectorize: the function must give one number, not an array or a tuple")
    if kind is None:
        return np.reshape(found, shape).astype(np.asarray(results[0]).dtype)
    return np.reshape(found, shape).astype(kind)


def apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    """`numpy.apply_over_axes`: a reduction along one axis after the other."""
    a = np.asarray(a)
    for axis in (axes,) if np.ndim(axes) == 0 else tuple(axes):
        found = np.asarray(func(a, axis))
        if np.ndim(found) != np.ndim(a):
            found = np.expand_dims(found, axis)
        if np.ndim(found) != np.ndim(a):
            raise ValueError("function is not returning an array of the correct shape")
        a = found
    return a


def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any) -> Any:
    """`numpy.piecewise`: each function of the elements for which its condition holds.

    A function is called with an array of the whole size, in which an element that it is for stands in
    the place of those that it is not for: what it does outside of its domain has no say.
    """
    x = np.asarray(x)
    if isinstance(condlist, (bool, np.bool_)) or np.ndim(condlist) == np.ndim(x):
        condlist = [condlist]
    conditions = [np.asarray(c, bool) for c in condlist]
    if len(funclist) == len(conditions) + 1:
        conditions.append(~np.any(np.stack(conditions), axis=0))
    if len(funclist) != len(conditions):
        raise ValueError(
            f"with {len(conditions)} condition(s), either {len(conditions)} or "
            f"{len(conditions) + 1} functions are expected"
        )
    y = np.zeros_like(x)
    for i in range(len(conditions)):
        value = funclist[i]
        if callable(value):
            example = rt.stop_gradient(np.ravel(x)[np.argmax(np.ravel(conditions[i]))])
            value = value(np.where(conditions[i], x, example), *args)
        y = np.where(conditions[i], value, y).astype(x.dtype)
    return y
