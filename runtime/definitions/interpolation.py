"""Values between points."""

from __future__ import annotations

from typing import Any

import numpy as np


def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    """`numpy.interp`: straight lines between points; at a point, the line on its right."""
    x, xp, fp = np.asarray(x, float), np.asarray(xp, float), np.asarray(fp)
    fp = fp if np.iscomplexobj(fp) else fp.astype(float)
    if np.ndim(xp) != 1 or np.ndim(fp) != 1:
        raise ValueError("fp and xp must have one axis")
    fp = np.broadcast_to(fp, np.shape(xp))  # an error where their lengths differ, also under `jit`
    if period is not None:
        period = abs(period)
        x, xp = x % period, xp % period
        order = np.argsort(xp)
        xp, fp = np.take(xp, order), np.take(fp, order)
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
    above = np.clip(np.searchsorted(xp, x, side="right"), min(1, len(xp) - 1), len(xp) - 1)
    below = np.maximum(above - 1, 0)
    step, rise = np.take(xp, above) - np.take(xp, below), np.take(fp, above) - np.take(fp, below)
    is_point = np.abs(step) <= np.spacing(np.finfo(float).eps)
    part = (x - np.take(xp, below)) / np.where(is_point, 1.0, step)
    y = np.where(is_point, np.take(fp, below), np.take(fp, below) + part * rise)
    if period is None:
        y = np.where(x < np.take(xp, 0), np.take(fp, 0) if left is None else left, y)
        y = np.where(x > np.take(xp, -1), np.take(fp, -1) if right is None else right, y)
    return y
