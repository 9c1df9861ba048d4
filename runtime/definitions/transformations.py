"""Transformations of Box and Cox, exact where their parameter is 0, with all derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np


def exprel(x: Any) -> Any:
    """`scipy.special.exprel`: ``(exp(x) - 1) / x``."""
    is_small = np.abs(x) < 0.5
    u = np.where(is_small, x, 0.0)
    series = 1 + u / 2 * (1 + u / 3 * (1 + u / 4 * (1 + u / 5 * (1 + u / 6 * (1 + u / 7 * (
        1 + u / 8 * (1 + u / 9 * (1 + u / 10 * (1 + u / 11 * (1 + u / 12 * (1 + u / 13)))))))))))  # fmt: skip
    v = np.where(is_small, 1.0, x)
    return np.where(is_small, series, np.expm1(v) / v)


def log1prel(x: Any) -> Any:
    """``log(1 + x) / x``."""
    is_small = np.abs(x) < 0.05
    u = np.where(is_small, -x, 0.0)
    series = 1 + u * (1 / 2 + u * (1 / 3 + u * (1 / 4 + u * (1 / 5 + u * (1 / 6 + u * (
        1 / 7 + u * (1 / 8 + u * (1 / 9 + u * (1 / 10 + u * (1 / 11 + u * (1 / 12 + u / 13)))))))))))  # fmt: skip
    v = np.where(is_small, 1.0, x)
    return np.where(is_small, series, np.log1p(v) / v)


def boxcox(x: Any, lmbda: Any) -> Any:
    """`scipy.special.boxcox`: ``(x**lmbda - 1) / lmbda``."""
    log_x = np.log(np.where(x == 0, 1.0, x))
    at_zero = np.where(lmbda > 0, -1 / np.where(lmbda > 0, lmbda, 1.0), -np.inf)
    return np.where(x == 0, at_zero, log_x * exprel(lmbda * log_x))


def boxcox1p(x: Any, lmbda: Any) -> Any:
    """`scipy.special.boxcox1p`: ``((1 + x)**lmbda - 1) / lmbda``."""
    log_x = np.log1p(np.where(x == -1, 0.0, x))
    at_zero = np.where(lmbda > 0, -1 / np.where(lmbda > 0, lmbda, 1.0), -np.inf)
    return np.where(x == -1, at_zero, log_x * exprel(lmbda * log_x))


def inv_boxcox(y: Any, lmbda: Any) -> Any:
    """`scipy.special.inv_boxcox`: ``(1 + lmbda y)**(1 / lmbda)``."""
    return np.exp(y * log1prel(lmbda * y))


def inv_boxcox1p(x: Any, lmbda: Any) -> Any:
    """`scipy.special.inv_boxcox1p`: ``(1 + lmbda x)**(1 / lmbda) - 1``."""
    return np.expm1(x * log1prel(lmbda * x))
