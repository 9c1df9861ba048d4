"""Discrete convolutions of one-dimensional arrays."""

from __future__ import annotations

from typing import Any

import numpy as np


def convolve_rows(a: Any, v: Any, mode: str = "full") -> Any:
    """`numpy.convolve` of each row of `a` with the row of `v`: windows times the other array."""
    a, v = np.reshape(a, (np.shape(a)[0], -1)), np.reshape(v, (np.shape(v)[0], -1))
    if np.shape(a)[1] < np.shape(v)[1]:
        a, v = v, a
    m = np.shape(v)[1]
    skipped, lost = margins(np.shape(a)[1], m, mode)
    around = np.zeros((np.shape(a)[0], m - 1), a.dtype)
    wide = np.concatenate([around, a, around], axis=1)
    starts = np.arange(skipped, np.shape(a)[1] + m - 1 - lost)
    windows = np.take(wide, starts[:, None] + np.arange(m), axis=1)
    return np.squeeze(np.matmul(windows, np.flip(v, axis=1)[:, :, None]), axis=2)


def margins(n: int, m: int, mode: str) -> tuple[int, int]:
    """How many elements of the full convolution a mode leaves out at either end."""
    k = min(n, m)
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"mode must be 'full', 'same' or 'valid', got {mode!r}")
    return {"full": (0, 0), "same": ((k - 1) // 2, k // 2), "valid": (k - 1, k - 1)}[mode]


def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """`numpy.correlate`: the convolution with the conjugate in reverse."""
    a, v = np.atleast_1d(a), np.atleast_1d(v)
    backward = np.conj(v)[::-1]
    n, m = len(a), len(v)
    if mode == "same" and n < m:  # NumPy exchanges the arrays, and reverses the result
        start = n - 1 - (n - 1) // 2
        return np.convolve(a, backward, "full")[start : start + m]
    return np.convolve(a, backward, mode)
