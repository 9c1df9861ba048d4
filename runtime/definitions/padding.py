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
    if mode not in ("constant", "linear_ramp", *COPYING, *STATISTICS):
        raise ValueError(f"np.pad: mode {mode!r} has no derivative")
    rank = np.ndim(x)
    widths = np.broadcast_to(np.asarray(pad_width), (rank, 2))
    fill = np.broadcast_to(np.asarray(constant_values), (rank, 2))
    ends = np.broadcast_to(np.asarray(end_values), (rank, 2))
    for axis in range(rank):
        before, after = int(widths[axis, 0]), int(widths[axis, 1])
        x = np.moveaxis(x, axis, -1)
        if mode == "constant":
            left, right = np.take(fill, 2 * axis), np.take(fill, 2 * axis + 1)
        elif mode == "linear_ramp":
            left, right = _ramps(
                x, before, after, np.take(ends, 2 * axis), np.take(ends, 2 * axis + 1)
            )
        elif mode in STATISTICS:
            n = np.shape(x)[-1]
            lengths = np.broadcast_to(
                np.asarray(n if stat_length is None else stat_length), (rank, 2)
            )
            first, last = int(lengths[axis, 0]), int(lengths[axis, 1])
            left, right = (
                _statistic(x[..., :first], mode),
                _statistic(x[..., max(n - last, 0) :], mode),
            )
        elif reflect_type == "even":
            places = np.pad(np.arange(np.shape(x)[-1]), (before, after), mode)
            left = np.take(x, places[:before], axis=-1)
            right = np.take(x, places[len(places) - after :], axis=-1)
        else:
            left, right = _reflections(x, before, after, 1 if mode == "reflect" else 0)
        left = np.broadcast_to(left, np.shape(x)[:-1] + (before,)).astype(x.dtype)
        right = np.broadcast_to(right, np.shape(x)[:-1] + (after,)).astype(x.dtype)
        x = np.moveaxis(np.concatenate([left, x, right], axis=-1), -1, axis)
    return x


def _ramps(x: Any, before: int, after: int, start: Any, end: Any) -> Any:
    """Straight lines from the ends of an array to two numbers."""
    up = np.arange(before) / max(before, 1)
    down = np.arange(after - 1, -1, -1) / max(after, 1)
    return start + (x[..., :1] - start) * up, end + (x[..., -1:] - end) * down


def _reflections(x: Any, before: int, after: int, skip: int) -> Any:
    """What stands behind a mirror at each end, upside down."""
    n = np.shape(x)[-1]
    if max(before, after) > n - skip:
        raise ValueError("np.pad: reflect_type='odd' is for widths of at most one reflection")
    left = 2 * x[..., :1] - np.flip(x[..., skip : skip + before], axis=-1)
    right = 2 * x[..., -1:] - np.flip(x[..., n - skip - after : n - skip], axis=-1)
    return left, right


def _statistic(x: Any, mode: str) -> Any:
    """The number of each line that stands beside it."""
    if mode == "maximum":
        return np.max(x, axis=-1, keepdims=True)
    if mode == "minimum":
        return np.min(x, axis=-1, keepdims=True)
    if mode == "mean":
        return np.mean(x, axis=-1, keepdims=True)
    return np.median(x, axis=-1, keepdims=True)
