"""Polynomials as arrays of coefficients, the highest power first."""

from __future__ import annotations

from typing import Any

import numpy as np


def polyval(p: Any, x: Any) -> Any:
    """`numpy.polyval`: Horner's scheme."""
    p, x = np.asarray(p), np.asarray(x)
    y = np.zeros_like(x)
    for i in range(len(p)):
        y = y * x + p[i]
    return y


def polyadd(a1: Any, a2: Any) -> Any:
    """`numpy.polyadd`: the shorter one gets zeros in front."""
    a1, a2 = np.atleast_1d(a1), np.atleast_1d(a2)
    size = max(len(a1), len(a2))
    return _longer(a1, size) + _longer(a2, size)


def polysub(a1: Any, a2: Any) -> Any:
    """`numpy.polysub`."""
    a1, a2 = np.atleast_1d(a1), np.atleast_1d(a2)
    size = max(len(a1), len(a2))
    return _longer(a1, size) - _longer(a2, size)


def _longer(a: Any, size: int) -> Any:
    return np.concatenate([np.zeros(size - len(a), a.dtype), a])


def polyder(p: Any, m: int = 1) -> Any:
    """`numpy.polyder`: the `m`-th derivative."""
    if m < 0:
        raise ValueError("Order of derivative must be positive (see polyint)")
    p = np.asarray(p)
    for _ in range(m):
        p = p[:-1] * np.arange(len(p) - 1, 0, -1)
    return p


def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """`numpy.polyint`: the `m`-th antiderivative with the constants `k`."""
    if m < 0:
        raise ValueError("Order of integral must be positive (see polyder)")
    p = np.asarray(p)
    constants = np.atleast_1d(0.0 if k is None else k)
    if len(constants) not in (1, m):
        raise ValueError("k must be a scalar or a rank-1 array of length 1 or m.")
    constants = np.broadcast_to(constants, (m,))
    for i in range(m):
        p = np.concatenate([p / np.arange(len(p), 0, -1), constants[i : i + 1]])
    return p


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """`numpy.vander`: powers in columns."""
    x = np.asarray(x)
    if np.ndim(x) != 1:
        raise ValueError("x must be a one-dimensional array or sequence.")
    x = x.astype(np.promote_types(x.dtype, int))
    n, count = len(x), len(x) if N is None else N
    factors = np.repeat(x[:, None], max(count - 1, 0), axis=1)
    factors = np.concatenate([np.ones((n, min(count, 1)), x.dtype), factors], axis=1)
    powers = np.cumprod(factors, axis=1)
    return powers if increasing else powers[:, ::-1]


def polyfit(x: Any, y: Any, deg: int, rcond: Any = None, full: bool = False, w: Any = None) -> Any:
    """`numpy.polyfit`: least squares with columns of the same length."""
    if full:
        raise ValueError(
            "np.polyfit: `full=True` gives ranks and singular values, which have no derivative"
        )
    x, y = np.asarray(x) + 0.0, np.asarray(y) + 0.0
    if np.ndim(deg) != 0:
        raise ValueError("np.polyfit: `deg` must be a number here")
    columns = np.vander(x, deg + 1)
    weights = np.ones(len(x), y.dtype) if w is None else np.asarray(w) + 0.0
    columns = columns * weights[:, None]
    y = y * (weights[:, None] if np.ndim(y) == 2 else weights)
    length = np.sqrt(np.sum(columns * columns, axis=0))
    limit = len(x) * np.finfo(x.dtype).eps if rcond is None else rcond
    c = np.linalg.lstsq(columns / length, y, rcond=limit)[0]
    return c / (length[:, None] if np.ndim(y) == 2 else length)
