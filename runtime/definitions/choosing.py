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
    shape = np.broadcast_shapes(np.shape(a), *[np.shape(choices[i]) for i in range(n)])
    stack = np.stack([np.broadcast_to(choices[i], shape) for i in range(n)])
    return np.take_along_axis(stack, np.broadcast_to(a, shape)[None], axis=0)[0]


def compress(condition: Any, a: Any, axis: Any = None) -> Any:
    """`numpy.compress`: the slices for which a condition holds."""
    if np.ndim(condition) != 1:
        raise ValueError("condition must be a 1-d array")
    return np.take(np.asarray(a), np.flatnonzero(condition), axis=axis)


def extract(condition: Any, arr: Any) -> Any:
    """`numpy.extract`: the elements for which a condition holds."""
    return np.take(np.ravel(np.asarray(arr)), np.flatnonzero(condition))


def nan_to_num(
    x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    """`numpy.nan_to_num`."""
    x = np.asarray(x)
    if np.iscomplexobj(x):
        return np.nan_to_num(np.real(x), copy, nan, posinf, neginf) + 1j * np.nan_to_num(
            np.imag(x), copy, nan, posinf, neginf
        )
    if x.dtype.kind != "f":
        return np.copy(x)
    limits = np.finfo(x.dtype)
    above = limits.max if posinf is None else posinf
    below = limits.min if neginf is None else neginf
    found = np.where(np.isnan(x), nan, x)
    found = np.where(np.isposinf(x), above, found)
    return np.where(np.isneginf(x), below, found).astype(x.dtype)


def clip(
    a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None,
    dtype: Any = None,
) -> Any:  # fmt: skip
    """`numpy.clip`, with the names of the array API."""
    low, high = a_min if min is None else min, a_max if max is None else max
    a = np.asarray(a)
    found = a if low is None and high is None else np.clip(a, low, high)
    return found if dtype is None else found.astype(dtype)


def angle(z: Any, deg: bool = False) -> Any:
    """`numpy.angle`, in degrees."""
    return np.rad2deg(np.angle(z)) if deg else np.angle(z)
