"""Reductions in the forms that have no template: `where=`, `initial=`, `dtype=` and the like.

What `where` leaves out takes part as what changes nothing: 0 in a sum, 1 in a product.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def total(
    a: Any, axis: Any = None, dtype: Any = None, *, keepdims: bool = False, initial: Any = 0,
    where: Any = True,
) -> Any:  # fmt: skip
    """`numpy.sum`."""
    found = np.sum(_some(a, dtype, where, 0), axis=axis, keepdims=keepdims)
    return found + np.asarray(initial).astype(found.dtype)


def product(
    a: Any, axis: Any = None, dtype: Any = None, *, keepdims: bool = False, initial: Any = 1,
    where: Any = True,
) -> Any:  # fmt: skip
    """`numpy.prod`."""
    found = np.prod(_some(a, dtype, where, 1), axis=axis, keepdims=keepdims)
    return found * np.asarray(initial).astype(found.dtype)


def _some(a: Any, dtype: Any, where: Any, otherwise: Any) -> Any:
    """An array of a dtype, with something else where it does not take part."""
    a = np.asarray(a) if dtype is None else np.asarray(a).astype(dtype)
    return a if where is True else np.where(where, a, otherwise)


def _count(a: Any, axis: Any, keepdims: bool, where: Any) -> Any:
    """How many elements take part in each result."""
    takes_part = np.broadcast_to(np.asarray(where), np.shape(a))
    return np.sum(takes_part, axis=axis, keepdims=keepdims)


def mean(
    a: Any, axis: Any = None, dtype: Any = None, *, keepdims: bool = False, where: Any = True
) -> Any:
    """`numpy.mean`."""
    a = np.asarray(a) if dtype is None else np.asarray(a).astype(dtype)
    a = a.astype(float) if a.dtype.kind in "iub" else a
    if where is True:
        return np.mean(a, axis=axis, keepdims=keepdims)
    found = np.sum(np.where(where, a, 0), axis=axis, keepdims=keepdims)
    return (found / _count(a, axis, keepdims, where)).astype(a.dtype)


def variance(
    a: Any, axis: Any = None, dtype: Any = None, *, ddof: Any = 0, keepdims: bool = False,
    where: Any = True, mean: Any = None, correction: Any = None,
) -> Any:  # fmt: skip
    """`numpy.var`; `mean` is what was computed before, and has a derivative of its own."""
    a = np.asarray(a) if dtype is None else np.asarray(a).astype(dtype)
    a = a.astype(float) if a.dtype.kind in "iub" else a
    ddof = ddof if correction is None else correction
    if mean is None:
        mean = np.mean(a, axis=axis, keepdims=True, where=where)
    off = a - mean
    if where is not True:
        off = np.where(where, off, 0)
    square = np.sum(np.real(off * np.conj(off)), axis=axis, keepdims=keepdims)
    freedom = np.maximum(_count(a, axis, keepdims, where) - ddof, 0)
    return (square / freedom).astype(square.dtype)


def deviation(
    a: Any, axis: Any = None, dtype: Any = None, *, ddof: Any = 0, keepdims: bool = False,
    where: Any = True, mean: Any = None, correction: Any = None,
) -> Any:  # fmt: skip
    """`numpy.std`."""
    return np.sqrt(variance(a, axis, dtype, ddof=ddof, keepdims=keepdims, where=where, mean=mean,
                            correction=correction))  # fmt: skip


def largest(
    a: Any, axis: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    """`numpy.max`."""
    a = _candidates(a, where, initial, True)
    if initial is None:
        return np.max(a, axis=axis, keepdims=keepdims)
    none = np.sum(a, axis=axis, keepdims=keepdims) if np.size(a) == 0 else None
    if none is not None:
        return (none + initial).astype(a.dtype)
    return np.maximum(np.max(a, axis=axis, keepdims=keepdims), np.asarray(initial).astype(a.dtype))


def smallest(
    a: Any, axis: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    """`numpy.min`."""
    a = _candidates(a, where, initial, False)
    if initial is None:
        return np.min(a, axis=axis, keepdims=keepdims)
    none = np.sum(a, axis=axis, keepdims=keepdims) if np.size(a) == 0 else None
    if none is not None:
        return (none + initial).astype(a.dtype)
    return np.minimum(np.min(a, axis=axis, keepdims=keepdims), np.asarray(initial).astype(a.dtype))


def _candidates(a: Any, where: Any, initial: Any, largest: bool) -> Any:
    """What an extreme is looked for among: the worst of all stands for what takes no part."""
    a = np.asarray(a)
    if where is True:
        return a
    if initial is None:
        raise ValueError(
            "reduction operation with `where` has no identity, "
            "so to use a where mask one has to specify 'initial'"
        )
    if a.dtype.kind == "b":
        return np.where(where, a, not largest)
    if a.dtype.kind in "iu":
        limits = np.iinfo(a.dtype)
        return np.where(where, a, a.dtype.type(limits.min if largest else limits.max))
    return np.where(where, a, -np.inf if largest else np.inf)


def largest_number(
    a: Any, axis: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    """`numpy.nanmax`."""
    a = np.asarray(a)
    if initial is None:
        return np.nanmax(_candidates(a, where, initial, True), axis=axis, keepdims=keepdims)
    a = np.where(np.isnan(a), -np.inf, a)
    return np.max(a, axis=axis, keepdims=keepdims, initial=initial, where=where)


def smallest_number(
    a: Any, axis: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    """`numpy.nanmin`."""
    a = np.asarray(a)
    if initial is None:
        return np.nanmin(_candidates(a, where, initial, False), axis=axis, keepdims=keepdims)
    a = np.where(np.isnan(a), np.inf, a)
    return np.min(a, axis=axis, keepdims=keepdims, initial=initial, where=where)


def total_of_numbers(
    a: Any, axis: Any = None, dtype: Any = None, *, keepdims: bool = False, initial: Any = 0,
    where: Any = True,
) -> Any:  # fmt: skip
    """`numpy.nansum`."""
    a = np.asarray(a)
    a = np.where(np.isnan(a), 0, a)
    return np.sum(a, axis=axis, dtype=dtype, keepdims=keepdims, initial=initial, where=where)


def mean_of_numbers(
    a: Any, axis: Any = None, dtype: Any = None, *, keepdims: bool = False, where: Any = True
) -> Any:
    """`numpy.nanmean`."""
    a = np.asarray(a)
    where = ~np.isnan(a) & where
    return np.mean(a, axis=axis, dtype=dtype, keepdims=keepdims, where=where)


def any_true(a: Any, axis: Any = None, *, keepdims: bool = False, where: Any = True) -> Any:
    """`numpy.any`."""
    return np.any(np.where(where, a, False), axis=axis, keepdims=keepdims)


def all_true(a: Any, axis: Any = None, *, keepdims: bool = False, where: Any = True) -> Any:
    """`numpy.all`."""
    return np.all(np.where(where, a, True), axis=axis, keepdims=keepdims)


def running_total(a: Any, axis: Any = None, dtype: Any = None) -> Any:
    """`numpy.cumsum`."""
    a = np.asarray(a) if dtype is None else np.asarray(a).astype(dtype)
    return np.cumsum(np.ravel(a), axis=0) if axis is None else np.cumsum(a, axis=axis)


def running_product(a: Any, axis: Any = None, dtype: Any = None) -> Any:
    """`numpy.cumprod`."""
    a = np.asarray(a) if dtype is None else np.asarray(a).astype(dtype)
    return np.cumprod(np.ravel(a), axis=0) if axis is None else np.cumprod(a, axis=axis)


def cumulative_sum(
    x: Any, *, axis: Any = None, dtype: Any = None, include_initial: bool = False
) -> Any:
    """`numpy.cumulative_sum`."""
    x = np.atleast_1d(x)
    if axis is None and np.ndim(x) > 1:
        raise ValueError("For arrays which have more than one dimension ``axis`` is required.")
    axis = 0 if axis is None else axis
    found = np.cumsum(x if dtype is None else x.astype(dtype), axis=axis)
    return _after(found, axis, 0) if include_initial else found


def cumulative_prod(
    x: Any, *, axis: Any = None, dtype: Any = None, include_initial: bool = False
) -> Any:
    """`numpy.cumulative_prod`."""
    x = np.atleast_1d(x)
    if axis is None and np.ndim(x) > 1:
        raise ValueError("For arrays which have more than one dimension ``axis`` is required.")
    axis = 0 if axis is None else axis
    found = np.cumprod(x if dtype is None else x.astype(dtype), axis=axis)
    return _after(found, axis, 1) if include_initial else found


def _after(found: Any, axis: int, first: int) -> Any:
    """Running totals behind what they begin with."""
    shape = [1 if i == axis % np.ndim(found) else n for i, n in enumerate(np.shape(found))]
    return np.concatenate([np.full(shape, first, found.dtype), found], axis=axis)


def average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *,
    keepdims: bool = False,
) -> Any:  # fmt: skip
    """`numpy.average`, with the sum of the weights."""
    if weights is None:
        found = np.mean(a, axis=axis, keepdims=keepdims)
        shares = np.ones_like(np.asarray(a), dtype=found.dtype)
    else:
        shares = np.broadcast_to(_beside(weights, a, axis), np.shape(a))
        shares = shares.astype(np.result_type(shares, a, 0.0))
        products = np.sum(a * shares, axis=axis, keepdims=keepdims)
        found = products / np.sum(shares, axis=axis, keepdims=keepdims)
    total = np.sum(shares, axis=axis, keepdims=keepdims)
    return (found, total) if returned else found


def _beside(weights: Any, a: Any, axis: Any) -> Any:
    """Weights that broadcast against the array."""
    weights = np.asarray(weights)
    if np.ndim(weights) == np.ndim(a) or axis is None:
        return weights
    return np.reshape(weights, [-1 if i == axis % np.ndim(a) else 1 for i in range(np.ndim(a))])
