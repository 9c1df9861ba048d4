"""Elements chosen from several arrays, and values that replace others."""

from __future__ import annotations

from typing import Any

import numpy as np


def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """`numpy.select`: the choice of the first condition that holds."""
    if len(condlist) != len(choicelist):
        raise ValueError("list of cases must be same length as list of conditions")
    if len(condlist) == 0:
        raise ValueError("select with an empty condition list is not possible")
    found = default
    for i in range(len(condlist) - 1, -1, -1):
        found = np.where(condlist[i], choicelist[i], found)
    return found


def choose(a: Any, choices: Any, *, mode: str = "raise") -> Any:
    """`numpy.choose`: from each array of choices what the index says."""
    a = np.asarray(a)
    n = len(choices)
    if mode == "wrap":
        a = np.remainder(a, n)
    elif mode == "clip":
        a = np.clip(a, 0, n - 1)
    else:
        a = np.where(a < 0, n, a)  # no index from the end: it is out of range
    shape = np.shape(a)
    for i in range(n):
        shape = np.broadcast_shapes(shape, np.shape(choices[i]))
    stack = np.stack([np.broadcast_to(choices[i], shape) for i in range(n)])
    return np.take_along_axis(stack, np.broadcast_to(a, shape)[None], axis=0)[0]


def compress(condition: Any, a: Any, axis: Any = None) -> Any:
    """`numpy.compress`: the slices for which a condition holds."""
    if np.ndim(condition) != 1:
        raise ValueError("condition must be a 1-d array")
    places = np.flatnonzero(condition)
    if axis is None:
        found = np.take(np.ravel(np.asarray(a)), places)
    else:
        found = np.take(np.asarray(a), places, axis=axis)
    return found


def extract(condition: Any, arr: Any) -> Any:
    """`numpy.extract`: the elements for which a condition holds."""
    return np.take(np.ravel(np.asarray(arr)), np.flatnonzero(condition))


def nan_to_num(
    x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    """`numpy.nan_to_num`."""
    x = np.asarray(x)
    if np.iscomplexobj(x):
        found = _only_numbers(np.real(x), nan, posinf, neginf)
        found = found + 1j * _only_numbers(np.imag(x), nan, posinf, neginf)
    elif x.dtype.kind == "f":
        found = _only_numbers(x, nan, posinf, neginf)
    else:
        found = np.copy(x)
    return found


def _only_numbers(x: Any, nan: Any, posinf: Any, neginf: Any) -> Any:
    """Real numbers with others in the place of what is none."""
    limits = np.finfo(x.dtype)
    found = np.where(np.isnan(x), nan, x)
    found = np.where(np.isposinf(x), limits.max if posinf is None else posinf, found)
    found = np.where(np.isneginf(x), limits.min if neginf is None else neginf, found)
    return found.astype(x.dtype)


def angle(z: Any, deg: bool = False) -> Any:
    """`numpy.angle`, in degrees."""
    return np.rad2deg(np.angle(z)) if deg else np.angle(z)


def real_if_close(a: Any, tol: float = 100) -> Any:
    """`numpy.real_if_close` of real numbers; of complex ones the dtype depends on the values."""
    a = np.asarray(a)
    if np.iscomplexobj(a):
        raise TypeError("the dtype of np.real_if_close depends on the values: use np.real")
    return np.copy(a)
