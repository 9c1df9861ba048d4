"""Differences of neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np


def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """`numpy.gradient`: central differences inside, one-sided ones at the ends."""
    f = np.asarray(f)
    f = f.astype(float) if f.dtype.kind in "iub" else f
    one = np.ndim(f) == 1
    whole = axis is None
    axes = tuple(range(np.ndim(f))) if whole else axis if isinstance(axis, tuple) else (axis,)
    if len(varargs) not in (0, 1, len(axes)):
        raise TypeError("invalid number of arguments")
    if len(varargs) == 1 and len(axes) > 1 and np.ndim(varargs[0]) > 0:
        raise TypeError("invalid number of arguments")
    if edge_order not in (1, 2):
        raise ValueError("'edge_order' greater than 2 not supported")
    if not varargs:
        slopes = [_slope(f, a, 1.0, edge_order) for a in axes]
    elif len(varargs) == 1:
        slopes = [_slope(f, a, varargs[0], edge_order) for a in axes]
    else:
        slopes = [_slope(f, a, h, edge_order) for a, h in zip(axes, varargs, strict=True)]
    if one:
        found = slopes[0]
    elif whole:
        found = tuple(slopes)
    elif isinstance(axis, tuple):
        found = tuple(slopes) if len(axes) > 1 else slopes[0]
    else:
        found = slopes[0]
    return found


def _slope(f: Any, axis: int, step: Any, edge_order: int) -> Any:
    """Slopes along an axis."""
    if np.shape(f)[axis] < edge_order + 1:
        raise ValueError(
            "Shape of array too small to calculate a numerical gradient, "
            "at least (edge_order + 1) elements are required."
        )
    f = np.moveaxis(f, axis, -1)
    if np.ndim(step) == 0:
        slope = _even(f, step, edge_order)
    else:
        slope = _uneven(f, np.asarray(step), edge_order)
    return np.moveaxis(slope, -1, axis)


def _even(f: Any, step: Any, edge_order: int) -> Any:
    """Slopes along the last axis, at equal distances."""
    inside = (f[..., 2:] - f[..., :-2]) / (2.0 * step)
    first, last = (f[..., 1:2] - f[..., :1]) / step, (f[..., -1:] - f[..., -2:-1]) / step
    if edge_order == 2:
        first = (-1.5 * f[..., :1] + 2.0 * f[..., 1:2] - 0.5 * f[..., 2:3]) / step
        last = (0.5 * f[..., -3:-2] - 2.0 * f[..., -2:-1] + 1.5 * f[..., -1:]) / step
    return np.concatenate([first, inside, last], axis=-1)


def _uneven(f: Any, points: Any, edge_order: int) -> Any:
    """Slopes along the last axis, at given points."""
    if np.ndim(points) != 1:
        raise ValueError("distances must be either scalars or 1d")
    if len(points) != np.shape(f)[-1]:
        raise ValueError("when 1d, distances must match the length of the corresponding dimension")
    step = np.diff(points)
    a, b = step[:-1], step[1:]
    inside = (
        -b / (a * (a + b)) * f[..., :-2]
        + (b - a) / (a * b) * f[..., 1:-1]
        + a / (b * (a + b)) * f[..., 2:]
    )
    first = (f[..., 1:2] - f[..., :1]) / step[0]
    last = (f[..., -1:] - f[..., -2:-1]) / step[-1]
    if edge_order == 2:
        a, b = step[0], step[1]
        first = (
            -(2.0 * a + b) / (a * (a + b)) * f[..., :1]
            + (a + b) / (a * b) * f[..., 1:2]
            - a / (b * (a + b)) * f[..., 2:3]
        )
        a, b = step[-2], step[-1]
        last = (
            b / (a * (a + b)) * f[..., -3:-2]
            - (b + a) / (a * b) * f[..., -2:-1]
            + (2.0 * b + a) / (b * (a + b)) * f[..., -1:]
        )
    return np.concatenate([first, inside, last], axis=-1)


def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """`numpy.ediff1d`: differences of the flattened array, between what is given."""
    steps = np.diff(np.ravel(np.asarray(ary)))
    begin = np.ravel(np.zeros(0) if to_begin is None else np.asarray(to_begin)).astype(steps.dtype)
    end = np.ravel(np.zeros(0) if to_end is None else np.asarray(to_end)).astype(steps.dtype)
    return np.concatenate([begin, steps, end])


def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi) -> Any:
    """`numpy.unwrap`: jumps of more than half a period become smaller by whole periods."""
    p = np.moveaxis(np.asarray(p), axis, -1)
    jump = np.diff(p)
    discont = period / 2 if discont is None else discont
    if np.result_type(jump, period).kind in "iu":
        high, rest = period // 2, period % 2
        ambiguous = rest == 0
    else:
        high, ambiguous = period / 2, True
    smaller = np.mod(jump + high, period) - high
    if ambiguous:
        smaller = np.where((smaller == -high) & (jump > 0), high, smaller)
    change = np.where(np.abs(jump) < discont, 0, smaller - jump)
    rest = p[..., 1:] + np.cumsum(change, axis=-1)
    return np.moveaxis(np.concatenate([p[..., :1], rest], axis=-1), -1, axis)
