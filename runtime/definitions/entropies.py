"""Relative entropies: constant where they are infinite, and flat at 0, as JAX has them."""

from __future__ import annotations

from typing import Any

import numpy as np


def rel_entr(x: Any, y: Any) -> Any:
    """`scipy.special.rel_entr`: ``x log(x / y)``, 0 where `x` is 0."""
    inside = (x > 0) & (y > 0)
    a, b = np.where(inside, x, 1.0), np.where(inside, y, 1.0)
    edge = np.where((x == 0) & (y >= 0), 0.0 * a, np.inf)
    return np.where(np.isnan(x) | np.isnan(y), x + y, np.where(inside, a * np.log(a / b), edge))


def kl_div(x: Any, y: Any) -> Any:
    """`scipy.special.kl_div`: ``x log(x / y) - x + y``."""
    inside = (x > 0) & (y > 0)
    a, b = np.where(inside, x, 1.0), np.where(inside, y, 1.0)
    edge = np.where((x == 0) & (y >= 0), y - x, np.inf)
    value = np.where(inside, a * np.log(a / b) - a + b, edge)
    return np.where(np.isnan(x) | np.isnan(y), x + y, value)
