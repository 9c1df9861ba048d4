"""Gamma numbers by rejection, and what is made of them.

G. Marsaglia and W. W. Tsang, "A simple method for generating gamma variables", 2000. Every element has
a key of its own, so how often one is tried again changes no other.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from redraft.runtime.random_checks import (
    as_dtype,
    as_shape,
    check_fits,
    check_vector,
    common_shape,
    quiet,
)
from redraft.runtime.random_draws import accepted
from redraft.runtime.random_keys import split
from redraft.runtime.random_normal import normal
from redraft.runtime.random_places import split_keys
from redraft.runtime.random_uniform import exponential, unit

SQUEEZE = 0.0331


def log_gamma_of_one(keys: Any, a: Any) -> Any:
    """The logarithms of gamma numbers, each by its own key: ``keys[n, 2]`` and ``a[n]``."""
    d, cube, last_keys = cubes(keys, a)
    sample = -exponential(last_keys, (), a.dtype)
    boost = np.where((a >= 1) | (sample == 0), a.dtype.type(0), sample * (a.dtype.type(1) / a))
    return np.log(d) + np.log(cube) + boost


def gamma_of_one(keys: Any, a: Any) -> Any:
    """Gamma numbers, each by its own key: ``keys[n, 2]`` and ``a[n]``."""
    d, cube, last_keys = cubes(keys, a)
    sample = a.dtype.type(1) - unit(last_keys, (), a.dtype)
    boost = np.where(a >= 1, a.dtype.type(1), sample ** (a.dtype.type(1) / a))
    return d * cube * boost


def cubes(keys: Any, a: Any) -> tuple[Any, Any, Any]:
    """What a gamma number of ``max(a, a + 1)`` is the product of, and keys for what is below one."""
    number = a.dtype.type
    d = np.where(a >= 1, a, a + number(1)) - number(1 / 3)
    c = number(1 / 3) / np.sqrt(d)
    keys = split_keys(keys, 2)
    return d, accepted(propose_cube, keys[:, 0], d, c), keys[:, 1]


def propose_cube(keys: Any, d: Any, c: Any) -> tuple[Any, Any, Any]:
    """A cube of a normal number, and whether it is accepted."""
    number = d.dtype.type
    keys = split_keys(keys, 3)
    x = accepted(propose_positive, keys[:, 1], c)
    root = number(1) + x * c
    square, cube = x * x, root * root * root
    u = unit(keys[:, 2], (), d.dtype)
    limit = square * number(0.5) + d * (number(1) - cube + np.log(cube))
    rejected = (u >= number(1) - number(SQUEEZE) * (square * square)) & (np.log(u) >= limit)
    return keys[:, 0], cube, ~rejected


def propose_positive(keys: Any, c: Any) -> tuple[Any, Any, Any]:
    """A normal number, accepted where ``1 + c x`` is positive."""
    keys = split_keys(keys, 2)
    x = normal(keys[:, 1], (), c.dtype)
    return keys[:, 0], x, ~(c.dtype.type(1) + x * c <= 0)


def of_each(name: str, one: Any, key: Any, a: Any, shape: Any, dtype: Any) -> Any:
    """A sample whose elements have keys of their own."""
    dtype = as_dtype(name, dtype, "float32")
    shape = np.shape(a) if shape is None else as_shape(name, shape)
    whole = np.shape(key)[:-1] + shape
    check_fits(name, whole, a=np.shape(a))
    a = np.broadcast_to(np.asarray(a).astype(dtype), whole)
    keys = np.reshape(split_keys(key, math.prod(shape)), (-1, 2))
    return np.reshape(one(keys, np.reshape(a, (-1,))), whole)


@quiet
def gamma(key: Any, a: Any, shape: Any = None, dtype: Any = None) -> Any:
    """Gamma distributed numbers, of density ``x**(a - 1) * exp(-x) / gamma(a)``.

    Args:
        key: a key.
        a: a number or an array that broadcasts to `shape`; the result can be differentiated with
            respect to it, once.
        shape: of the result; the shape of `a` if None.
        dtype: float16, float32 or float64; float32 if None.

    Raises:
        ValueError: another dtype, or shapes that do not broadcast.
    """
    return of_each("gamma", gamma_of_one, key, a, shape, dtype)


@quiet
def loggamma(key: Any, a: Any, shape: Any = None, dtype: Any = None) -> Any:
    """Logarithms of gamma distributed numbers, also where these are too small for the dtype.

    Args:
        key: a key.
        a: a number or an array that broadcasts to `shape`; the result can be differentiated with
            respect to it, once.
        shape: of the result; the shape of `a` if None.
        dtype: float16, float32 or float64; float32 if None.

    Raises:
        ValueError: another dtype, or shapes that do not broadcast.
    """
    return of_each("loggamma", log_gamma_of_one, key, a, shape, dtype)


@quiet
def beta(key: Any, a: Any, b: Any, shape: Any = None, dtype: Any = None) -> Any:
    """Beta distributed numbers, of density proportional to ``x**(a - 1) * (1 - x)**(b - 1)``.

    Args:
        key: a key.
        a, b: numbers or arrays that broadcast to `shape`; the result can be differentiated with
            respect to them, once.
        shape: of the result; that to which `a` and `b` broadcast if None.
        dtype: float16, float32 or float64; float32 if None.

    Raises:
        ValueError: another dtype, or shapes that do not broadcast.
    """
    dtype = as_dtype("beta", dtype, "float32")
    if shape is None:
        shape = common_shape("beta", a=np.shape(a), b=np.shape(b))
    shape = as_shape("beta", shape)
    keys = split(key, 2)
    log_a = loggamma(keys[..., 0, :], a, shape, dtype)
    log_b = loggamma(keys[..., 1, :], b, shape, dtype)
    largest = np.maximum(log_a, log_b)
    part_a, part_b = np.exp(log_a - largest), np.exp(log_b - largest)
    return part_a / (part_a + part_b)


@quiet
def dirichlet(key: Any, alpha: Any, shape: Any = None, dtype: Any = None) -> Any:
    """Dirichlet distributed vectors: positive numbers whose sum is one.

    Args:
        key: a key.
        alpha: an array of shape ``(..., n)``; the result can be differentiated with respect to it,
            once.
        shape: of the result without its last axis; that of `alpha` without it if None.
        dtype: float16, float32 or float64; float32 if None.

    Raises:
        ValueError: another dtype, or shapes that do not broadcast.
    """
    dtype = as_dtype("dirichlet", dtype, "float32")
    check_vector("dirichlet", "alpha", np.shape(alpha))
    shape = np.shape(alpha)[:-1] if shape is None else as_shape("dirichlet", shape)
    logs = loggamma(key, alpha, shape + np.shape(alpha)[-1:], dtype)
    parts = np.exp(logs - np.max(logs, axis=-1, keepdims=True))
    return parts / np.sum(parts, axis=-1, keepdims=True)


@quiet
def chisquare(key: Any, df: Any, shape: Any = None, dtype: Any = None) -> Any:
    """Chi-square distributed numbers: sums of `df` squares of normal ones.

    Args:
        key: a key.
        df: a number or an array that broadcasts to `shape`; the result can be differentiated with
            respect to it, once.
        shape: of the result; the shape of `df` if None.
        dtype: float16, float32 or float64; float32 if None.

    Raises:
        ValueError: another dtype, or shapes that do not broadcast.
    """
    dtype = as_dtype("chisquare", dtype, "float32")
    half = np.asarray(df).astype(dtype) / dtype.type(2)
    return np.exp(loggamma(key, half, shape, dtype)) * dtype.type(2)


@quiet
def t(key: Any, df: Any, shape: Any = None, dtype: Any = None) -> Any:
    """Numbers of Student's distribution with `df` degrees of freedom.

    Args:
        key: a key.
        df: a number or an array that broadcasts to `shape`; the result can be differentiated with
            respect to it, once.
        shape: of the result; the shape of `df` if None.
        dtype: float16, float32 or float64; float32 if None.

    Raises:
        ValueError: another dtype, or shapes that do not broadcast.
    """
    dtype = as_dtype("t", dtype, "float32")
    shape = np.shape(df) if shape is None else as_shape("t", shape)
    half = np.asarray(df).astype(dtype) / dtype.type(2)
    keys = split(key, 2)
    n = normal(keys[..., 0, :], shape, dtype)
    return n * np.sqrt(half / gamma(keys[..., 1, :], half, shape, dtype))
