"""Numbers of elements, or their weights, in bins: constant in the elements, linear in the weights."""

from __future__ import annotations

from typing import Any

import numpy as np

import redraft.runtime as rt


def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    """`numpy.bincount`: the weights at each number."""
    x = np.asarray(x)
    size = max(int(np.max(x)) + 1 if np.size(x) else 0, minlength)
    if weights is None:
        return _sums(x, np.ones(np.shape(x)), size).astype(int)
    return _sums(x, np.asarray(weights).astype(float), size)


def _sums(places: Any, weights: Any, size: int) -> Any:
    """The sum of the weights at each place."""
    sums = np.zeros(size, weights.dtype)
    rt.add_at(sums, places, weights)
    return sums


def histogram(
    a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    """`numpy.histogram`."""
    a = np.ravel(np.asarray(a))
    edges = _edges(a, bins, range)
    sums = _filled([_bin_of(a, edges)], [len(edges) - 1], weights)
    if density:
        sums = _dense(sums, [edges])
    elif weights is None:
        sums = sums.astype(int)
    return sums, edges


def histogramdd(
    sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    """`numpy.histogramdd`."""
    columns = np.asarray(sample).T if isinstance(sample, (list, tuple)) else np.atleast_2d(sample)
    columns = columns.T if np.ndim(sample) == 1 else columns
    return _grid(columns, bins, range, density, weights)


def _grid(columns: Any, bins: Any, limits: Any, density: Any, weights: Any) -> Any:
    """Sums in the bins of a grid, and the edges of its bins."""
    rank, many = np.shape(columns)[1], np.ndim(bins) == 0
    edges, places = [], []
    for i in range(rank):
        own = _edges(
            columns[:, i], bins if many else bins[i], None if limits is None else limits[i]
        )
        edges.append(own)
        places.append(_bin_of(columns[:, i], own))
    sums = _filled(places, [len(e) - 1 for e in edges], weights)
    return _dense(sums, edges) if density else sums, edges


def histogram2d(
    x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    """`numpy.histogram2d`."""
    if np.ndim(bins) == 1 and len(bins) != 2:
        bins = [bins, bins]
    sample = np.stack([np.asarray(x), np.asarray(y)], axis=1)
    sums, edges = np.histogramdd(sample, bins, range, density, weights)
    return sums, edges[0], edges[1]


def _edges(a: Any, bins: Any, limits: Any) -> Any:
    """The edges of the bins: as they are given, or at equal distances between two limits."""
    if isinstance(bins, str):
        raise ValueError("the number of bins must be known: pass `bins` as a number or as edges")
    if np.ndim(bins) == 1:
        return np.asarray(bins)
    if limits is not None:
        low, high = limits
    elif np.size(a) == 0:
        low, high = 0.0, 1.0
    else:
        low, high = np.min(a), np.max(a)
    single = np.equal(low, high)
    low, high = np.where(single, low - 0.5, low), np.where(single, high + 0.5, high)
    return np.linspace(low, high, bins + 1).astype(a.dtype if a.dtype.kind == "f" else float)


def _bin_of(a: Any, edges: Any) -> Any:
    """The bin of each element; the last one holds its right edge. 0 and n + 1 are outside."""
    found = np.searchsorted(edges, a, side="right")
    return np.where(a == np.take(edges, -1), len(edges) - 1, found)


def _filled(places: Any, sizes: Any, weights: Any) -> Any:
    """The weights in each bin of a grid."""
    whole = tuple([n + 2 for n in sizes])
    flat = places[0]
    for i in range(1, len(places)):
        flat = flat * whole[i] + places[i]
    count = int(np.prod(whole))
    if weights is None:
        sums = _sums(flat, np.ones(np.shape(flat)), count)
    else:
        shares = np.ravel(np.asarray(weights))
        sums = _sums(flat, shares if len(sizes) == 1 else shares.astype(float), count)
    inside = tuple([slice(1, -1)] * len(sizes))
    return np.reshape(sums, whole)[inside]


def _dense(sums: Any, edges: Any) -> Any:
    """Sums divided by the sizes of the bins, so that the integral is one."""
    dense = sums
    for i in range(len(edges)):
        shape = tuple([-1 if j == i else 1 for j in range(len(edges))])
        dense = dense / np.reshape(np.diff(edges[i]).astype(float), shape)
    return dense / np.sum(sums)
