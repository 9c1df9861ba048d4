"""`numpy.pad` in the modes that compute what they put around an array."""

from __future__ import annotations

from typing import Any

import numpy as np

COPYING = ("edge", "reflect", "symmetric", "wrap")
STATISTICS = ("maximum", "mean", "median", "minimum")


def pad(
    array: Any, pad_width: Any, mode: str = "constant", *, constant_values: Any = 0,
    end_values: Any = 0, stat_length: Any = None, reflect_type: str = "even",
) -> Any:  # fmt: skip
    """`numpy.pad`: one axis after the other."""
    x = np.asarray(array)
    if mode in COPYING and reflect_type == "even":
        return np.pad(x, pad_width, mode)
    rank = np.ndim(x)
    widths = _pairs(pad_width, rank)
    if mode == "constant":
        outside = _pairs(constant_values, rank)
    elif mode == "linear_ramp":
        outside = _pairs(end_values, rank)
    elif mode in STATISTICS:
        outside = [(None, None)] * rank if stat_length is None else _pairs(stat_length, rank)
    elif mode in ("reflect", "symmetric"):
        outside = [(None, None)] * rank
    else:
        raise ValueError(f"np.pad: mode {mode!r} has no derivative")
    for axis in range(rank):
        before, after = widths[axis]
        x = np.moveaxis(x, axis, -1)
        x = _padded(x, int(before), int(after), mode, outside[axis])
        x = np.moveaxis(x, -1, axis)
    return x


def _pairs(values: Any, rank: int) -> Any:
    """What stands before and after each axis, of NumPy's short forms."""
    pairs = np.broadcast_to(np.asarray(values), (rank, 2))
    return [(pairs[i, 0], pairs[i, 1]) for i in range(rank)]


def _padded(x: Any, before: int, after: int, mode: str, outside: Any) -> Any:
    """An array that is longer along its last axis."""
    n = np.shape(x)[-1]
    if mode == "constant":
        left = np.broadcast_to(outside[0], np.shape(x)[:-1] + (before,)).astype(x.dtype)
        right = np.broadcast_to(outside[1], np.shape(x)[:-1] + (after,)).astype(x.dtype)
    elif mode == "linear_ramp":
        up = np.arange(before) / max(before, 1)
        down = np.arange(after - 1, -1, -1) / max(after, 1)
        left = (outside[0] + (x[..., :1] - outside[0]) * up).astype(x.dtype)
        right = (outside[1] + (x[..., -1:] - outside[1]) * down).astype(x.dtype)
    elif mode in STATISTICS:
        first, last = outside
        start, end = x if first is None else x[..., :first], x if last is None else x[..., -last:]
        left = np.repeat(_statistic(start, mode).astype(x.dtype), before, axis=-1)
        right = np.repeat(_statistic(end, mode).astype(x.dtype), after, axis=-1)
    else:
        skip = 1 if mode == "reflect" else 0
        if max(before, after) > n - skip:
            raise ValueError("np.pad: reflect_type='odd' is for widths of at most one reflection")
        left = 2 * x[..., :1] - np.flip(x[..., skip : skip + before], axis=-1)
        right = 2 * x[..., -1:] - np.flip(x[..., n - skip - after : n - skip], axis=-1)
    return np.concatenate([left, x, right], axis=-1)


def _statistic(x: Any, mode: str) -> Any:
    """The number of each line that stands beside it."""
    if mode == "maximum":
        return np.max(x, axis=-1, keepdims=True)
    if mode == "minimum":
        return np.min(x, axis=-1, keepdims=True)
    if mode == "mean":
        return np.mean(x, axis=-1, keepdims=True)
    return np.median(x, axis=-1, keepdims=True)
