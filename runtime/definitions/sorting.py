"""Order, where NumPy has no function for several arrays at once."""

from __future__ import annotations

from typing import Any

import numpy as np


def searchsorted_rows(x: Any, v: Any, side: str = "left") -> Any:
    """`numpy.searchsorted` of each row of `v` in the row of `x`: both are put in order together."""
    n, m = np.shape(x)[-1], np.shape(v)[-1]
    both = np.concatenate([x, v] if side == "right" else [v, x], axis=-1)
    order = np.argsort(both, axis=-1, kind="stable")
    of_x = order < n if side == "right" else order >= m
    before = np.cumsum(of_x, axis=-1)  # how many of `x` stand up to here
    place = np.argsort(order, axis=-1, kind="stable")
    place = place[..., n:] if side == "right" else place[..., :m]
    return np.take_along_axis(before, place, axis=-1)
