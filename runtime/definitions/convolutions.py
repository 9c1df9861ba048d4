"""Discrete convolutions of one-dimensional arrays."""

from __future__ import annotations

from typing import Any

import numpy as np


def convolve_rows(a: Any, v: Any, mode: str = "full") -> Any:
    """`numpy.convolve` as a product of the windows of one array and the other array."""
    a, v = np.atleast_1d(a), np.atleast_1d(v)
    n, m = len(a), len(v)
    if n == 0 or m == 0:
        raise ValueError("a cannot be empty" if n == 0 else "v cannot be empty")
    if n < m:
        a, v, n, m = v, a, m, n
    first, last = {"full": (0, 0), "same": ((m - 1) // 2, m // 2), "valid": (m - 1, m - 1)}[mode]
    around = np.zeros(m - 1, a.dtype)
    wide = np.concatenate([around, a, around])
    starts = np.arange(first, n + m - 1 - last)
    return wide[starts[:, None] + np.arange(m)] @ v[::-1]


def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """`numpy.correlate`: the convolution with the conjugate in reverse."""
    a, v = np.atleast_1d(a), np.atleast_1d(v)
    backward = np.conj(v)[::-1]
    n, m = len(a), len(v)
    if mode == "same" and n < m:  # NumPy exchanges the arrays, and reverses the result
        start = n - 1 - (n - 1) // 2
        return np.convolve(a, backward, "full")[start : start + m]
    return np.convolve(a, backward, mode)
