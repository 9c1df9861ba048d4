"""Quantiles, covariances and statistics without what is not a number."""

from __future__ import annotations

from typing import Any

import numpy as np


def quantile(
    a: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False
) -> Any:
    """`numpy.quantile`: of sorted elements, the one at a place, or between two of them."""
    a = _numbers(a)
    lines = np.sort(_last(a, axis), axis=-1)
    n, lead = np.shape(lines)[-1], np.shape(lines)[:-1]
    if n == 0:
        raise ValueError("a quantile of no elements")
    low, high, weight = _places(np.broadcast_to(q, lead + np.shape(q)), n, method)
    below, above = _at(lines, low, np.ndim(q)), _at(lines, high, np.ndim(q))
    last = _at(lines, np.full_like(low, n - 1), np.ndim(q))  # NaN, if there is one
    found = np.where(np.isnan(last), np.nan, below + (above - below) * weight)
    return _arranged(found, a, q, axis, keepdims).astype(np.result_type(a, q))


def percentile(
    a: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False
) -> Any:
    """`numpy.percentile`."""
    return np.quantile(a, q / 100, axis=axis, method=method, keepdims=keepdims)


def nanquantile(
    a: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False
) -> Any:
    """`numpy.nanquantile`: of each line, of the elements that are numbers."""
    a = _numbers(a)
    lines = np.sort(_last(a, axis), axis=-1)
    if np.shape(lines)[-1] == 0:
        raise ValueError("a quantile of no elements")
    count = np.maximum(np.sum(~np.isnan(lines), axis=-1), 1)
    low, high, weight = _places(q, np.reshape(count, np.shape(count) + (1,) * np.ndim(q)), method)
    below, above = _at(lines, low, np.ndim(q)), _at(lines, high, np.ndim(q))
    found = below + (above - below) * weight
    return _arranged(found, a, q, axis, keepdims).astype(np.result_type(a, q))


def nanpercentile(
    a: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False
) -> Any:
    """`numpy.nanpercentile`."""
    return np.nanquantile(a, q / 100, axis=axis, method=method, keepdims=keepdims)


def nanmedian(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """`numpy.nanmedian`."""
    return np.nanquantile(a, 0.5, axis=axis, keepdims=keepdims)


def _numbers(a: Any) -> Any:
    """An array of floating-point numbers."""
    a = np.asarray(a)
    return a.astype(float) if a.dtype.kind in "iub" else a


def _last(a: Any, axis: Any) -> Any:
    """The array with the axes that are reduced as one, behind the others."""
    if axis is None:
        lines = np.ravel(a)
    else:
        axes = axis if isinstance(axis, tuple) else (axis,)
        count = 1
        for i in axes:
            count = count * np.shape(a)[i]
        moved = np.moveaxis(a, axes, tuple(range(-len(axes), 0)))
        lines = np.reshape(moved, np.shape(moved)[: np.ndim(a) - len(axes)] + (count,))
    return lines


def _places(q: Any, n: Any, method: str) -> Any:
    """Two places in a sorted line of `n` elements, and how far between them the quantile lies."""
    place = np.asarray(q) * (n - 1)
    low, high = np.floor(place), np.ceil(place)
    if method == "linear":
        weight = place - low
    elif method == "midpoint":
        weight = 0.5 * np.ones_like(low)
    elif method in ("lower", "higher", "nearest"):
        chosen = low if method == "lower" else high if method == "higher" else np.rint(place)
        low, high, weight = chosen, chosen, np.zeros_like(low)
    else:
        raise ValueError(
            f"quantile: method={method!r} has no derivative here; it may be 'linear', 'lower', "
            "'higher', 'midpoint' or 'nearest'"
        )
    return low.astype(int), high.astype(int), weight


def _at(lines: Any, places: Any, rank: int) -> Any:
    """The elements of each line at its own places, of so many axes."""
    shape = np.shape(places)
    count = int(np.prod(shape[len(shape) - rank :]))
    flat = np.reshape(places, shape[: len(shape) - rank] + (count,))
    return np.reshape(np.take_along_axis(lines, flat, axis=-1), shape)


def _arranged(found: Any, a: Any, q: Any, axis: Any, keepdims: bool) -> Any:
    """The axes of the fractions in front, and those that were reduced where they are kept."""
    rank = np.ndim(q)
    kept = np.ndim(found) - rank
    found = np.moveaxis(found, tuple(range(kept, kept + rank)), tuple(range(rank)))
    if keepdims:
        axes = range(np.ndim(a)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        reduced = [i % np.ndim(a) for i in axes]
        shape = tuple(1 if i in reduced else n for i, n in enumerate(np.shape(a)))
        found = np.reshape(found, np.shape(q) + shape)
    return found


def nanvar(
    a: Any, axis: Any = None, dtype: Any = None, *, ddof: Any = 0, keepdims: bool = False
) -> Any:
    """`numpy.nanvar`: the spread of what is a number."""
    a = _numbers(a) if dtype is None else np.asarray(a).astype(dtype)
    missing = np.isnan(a)
    count = np.sum(~missing, axis=axis, keepdims=True)
    mean = np.sum(np.where(missing, 0, a), axis=axis, keepdims=True) / np.maximum(count, 1)
    off = np.where(missing, 0, a - mean.astype(a.dtype))
    square = np.real(off * np.conj(off))
    total = np.sum(square, axis=axis, keepdims=keepdims)
    freedom = np.sum(~missing, axis=axis, keepdims=keepdims) - ddof
    spread = total / np.maximum(freedom, 1).astype(total.dtype)
    return np.where(freedom > 0, spread, np.nan).astype(total.dtype)


def nanstd(
    a: Any, axis: Any = None, dtype: Any = None, *, ddof: Any = 0, keepdims: bool = False
) -> Any:
    """`numpy.nanstd`."""
    return np.sqrt(np.nanvar(a, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims))


def nanprod(a: Any, axis: Any = None, dtype: Any = None, *, keepdims: bool = False) -> Any:
    """`numpy.nanprod`."""
    a = np.where(np.isnan(a), 1, a)
    return np.prod(a, axis=axis, dtype=dtype, keepdims=keepdims)


def nancumsum(a: Any, axis: Any = None, dtype: Any = None) -> Any:
    """`numpy.nancumsum`."""
    return np.cumsum(np.where(np.isnan(a), 0, a), axis=axis, dtype=dtype)


def nancumprod(a: Any, axis: Any = None, dtype: Any = None) -> Any:
    """`numpy.nancumprod`."""
    return np.cumprod(np.where(np.isnan(a), 1, a), axis=axis, dtype=dtype)


def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None,
    fweights: Any = None, aweights: Any = None, *, dtype: Any = None,
) -> Any:  # fmt: skip
    """`numpy.cov`: products of what is left of the variables without their means."""
    x = _variables(m, rowvar)
    if y is not None:
        x = np.concatenate([x, _variables(y, rowvar)], axis=0)
    x = np.float64(1.0) * x if dtype is None else x.astype(dtype)
    ddof = (0 if bias else 1) if ddof is None else ddof
    weights = None if fweights is None else np.asarray(fweights, float)
    if aweights is not None:
        shares = np.asarray(aweights, float)
        weights = shares if weights is None else weights * shares
    if weights is None:
        freedom = np.shape(x)[1] - ddof
        off = x - np.mean(x, axis=1, keepdims=True)
        times = off
    else:
        total = np.sum(weights)
        off = x - np.sum(x * weights, axis=1, keepdims=True) / total
        times = off * weights
        if aweights is None or ddof == 0:
            freedom = total - ddof
        else:
            freedom = total - ddof * np.sum(weights * shares) / total
    return np.squeeze(times @ np.conj(off.T) / freedom)


def _variables(m: Any, rowvar: bool) -> Any:
    """Variables in rows."""
    m = np.asarray(m)
    if np.ndim(m) > 2:
        raise ValueError("m has more than 2 dimensions")
    rows = np.atleast_2d(m)
    return rows if rowvar or np.shape(rows)[0] == 1 else rows.T


def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    """`numpy.corrcoef`: covariances divided by deviations, clipped to one."""
    c = np.cov(x, y, rowvar, dtype=dtype)
    if np.iscomplexobj(c):
        raise TypeError("np.corrcoef of complex numbers has no derivative here")
    if np.ndim(c) == 0:
        c = c / c
    else:
        deviation = np.sqrt(np.real(np.diag(c)))
        c = c / deviation[:, None] / deviation[None, :]
    return np.clip(c, -1, 1)
