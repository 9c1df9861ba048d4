"""How norms change with the elements of an array."""

from __future__ import annotations

from typing import Any

import numpy as np

from redraft.runtime.elementwise import conj, sign


def norm_slopes(x: Any, ord: Any = None, axis: Any = None) -> Any:
    """Derivative of ``np.linalg.norm(x, ord, axis)`` by each element; those that tie share."""
    axes = axes_of(x, ord, axis)
    if ord is None or (len(axes) == 1 and ord == 2) or (len(axes) == 2 and ord == "fro"):
        return conj(x) / np.linalg.norm(x, None, axis, True)
    if len(axes) == 1:
        return vector_slopes(x, ord, axes[0])
    if ord in ("nuc", 2, -2):
        return singular_slopes(x, ord, axes)
    across, along = axes if ord in (1, -1) else (axes[1], axes[0])
    sums = np.sum(np.abs(x), axis=across, keepdims=True)
    return sign(x) * shares(sums, along, ord > 0)


def axes_of(x: Any, ord: Any, axis: Any) -> tuple:
    """The axes of the vectors or matrices of which a norm is taken."""
    if axis is None:
        return tuple(range(np.ndim(x)))
    return axis if isinstance(axis, tuple) else (axis,)


def vector_slopes(x: Any, ord: Any, axis: int) -> Any:
    """The same of vectors along one axis."""
    if ord == 0:
        return np.zeros_like(x)
    if ord == 1:
        return sign(x)
    if ord == np.inf or ord == -np.inf:
        return sign(x) * shares(np.abs(x), axis, ord > 0)
    return sign(x) * (np.abs(x) / np.linalg.norm(x, ord, axis, True)) ** (ord - 1)


def singular_slopes(x: Any, ord: Any, axes: tuple) -> Any:
    """The same of norms that are made of singular values."""
    u, values, vh = np.linalg.svd(np.moveaxis(x, axes, (-2, -1)), full_matrices=False)
    parts = np.ones_like(values) if ord == "nuc" else shares(values, -1, ord == 2)
    slopes = (conj(u) * np.expand_dims(parts, -2)) @ conj(vh)
    return np.moveaxis(slopes, (-2, -1), axes)


def shares(x: Any, axis: int, largest: bool) -> Any:
    """1 at the extreme of each line, divided among those that are equal."""
    extreme = (
        np.max(x, axis=axis, keepdims=True) if largest else np.min(x, axis=axis, keepdims=True)
    )
    chosen = np.where(x == extreme, np.ones_like(x), np.zeros_like(x))
    return chosen / np.sum(chosen, axis=axis, keepdims=True)
