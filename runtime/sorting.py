"""Where the elements of a rearranged array stood."""

from __future__ import annotations

from typing import Any

import numpy as np


def matching(x: Any, ans_of: Any, axis: int | None = -1) -> np.ndarray:
    """Places of the elements of `ans_of` in `x`, which holds the same ones in another order."""
    order = np.argsort(x, axis=axis, kind="stable")
    rank = np.argsort(np.argsort(ans_of, axis=axis, kind="stable"), axis=axis)
    return np.take_along_axis(order, rank, axis=axis)
