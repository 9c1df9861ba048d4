"""Numbers that describe a sample, along one axis or of all elements."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special


def zscore(a: Any, axis: Any = 0, ddof: int = 0) -> Any:
    """`scipy.stats.zscore`: distances to the mean in standard deviations."""
    a = np.asarray(a)
    deviation = np.std(a, axis=axis, ddof=ddof, keepdims=True)
    return (a - np.mean(a, axis=axis, keepdims=True)) / deviation


def gmean(a: Any, axis: Any = 0) -> Any:
    """`scipy.stats.gmean`: the geometric mean."""
    return np.exp(np.mean(np.log(a), axis=axis))


def hmean(a: Any, axis: Any = 0) -> Any:
    """`scipy.stats.hmean`: the harmonic mean."""
    return 1 / np.mean(1 / np.asarray(a), axis=axis)


def moment_ratio(a: Any, axis: Any, order: int) -> Any:
    """A central moment in units of the standard deviation."""
    a = np.asarray(a)
    away = a - np.mean(a, axis=axis, keepdims=True)
    return np.mean(away**order, axis=axis) / np.mean(away * away, axis=axis) ** (order / 2)


def skew(a: Any, axis: Any = 0) -> Any:
    """`scipy.stats.skew`: how unlike both sides are."""
    return moment_ratio(a, axis, 3)


def kurtosis(a: Any, axis: Any = 0, fisher: bool = True) -> Any:
    """`scipy.stats.kurtosis`: how heavy the tails are; 0 for the normal distribution, or 3."""
    return moment_ratio(a, axis, 4) - (3 if fisher else 0)


def sem(a: Any, axis: Any = 0, ddof: int = 1) -> Any:
    """`scipy.stats.sem`: the standard error of the mean."""
    a = np.asarray(a)
    count = a.size if axis is None else a.shape[axis]
    return np.std(a, axis=axis, ddof=ddof) / count**0.5


def entropy(pk: Any, qk: Any = None, base: Any = None, axis: Any = 0) -> Any:
    """`scipy.stats.entropy`: of a distribution, or relative to another one."""
    pk = np.asarray(pk)
    pk = pk / np.sum(pk, axis=axis, keepdims=True)
    if qk is None:
        terms = special.entr(pk)
    else:
        qk = np.asarray(qk)
        terms = special.rel_entr(pk, qk / np.sum(qk, axis=axis, keepdims=True))
    total = np.sum(terms, axis=axis)
    return total if base is None else total / math.log(base)
