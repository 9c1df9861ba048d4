"""Parts and remainders of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np


def divmod_of(x1: Any, x2: Any) -> Any:
    """`numpy.divmod`, and `divmod` of numbers: how often it fits, and what remains."""
    return np.floor_divide(x1, x2), np.remainder(x1, x2)


def dist(p: Any, q: Any) -> Any:
    """`math.dist`: the Euclidean distance of two points."""
    return np.linalg.norm(np.asarray(p, float) - np.asarray(q, float))


def sumprod(p: Any, q: Any) -> Any:
    """`math.sumprod`."""
    return np.sum(np.asarray(p) * np.asarray(q))
