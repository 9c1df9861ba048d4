"""Factorials and binomial coefficients of real numbers, and the gamma function of matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special


def multigammaln(a: Any, d: int) -> Any:
    """`scipy.special.multigammaln`; NaN where SciPy raises."""
    a = np.asarray(a)
    halves = 0.5 * np.arange(d)
    parts = special.gammaln(a[..., None] - halves)
    return np.where(
        2 * a > d - 1, np.sum(parts, axis=-1) + d * (d - 1) / 4 * math.log(math.pi), np.nan
    )


def comb(N: Any, k: Any) -> Any:
    """`scipy.special.comb`: how many choices of `k` among `N`, none where that makes no sense."""
    is_choice = (k <= N) & (N >= 0) & (k >= 0)
    return np.where(is_choice, special.binom(N, k), 0.0)


def factorial(n: Any) -> Any:
    """`scipy.special.factorial`; 0 of negative numbers. Arrays become float64, numbers do not."""
    if np.ndim(n) > 0 and np.size(n) > 0:
        n = np.float64(1.0) * np.asarray(n)
    return np.where(n < 0, 0.0, special.gamma(np.where(n < 0, 1.0, n) + 1))
