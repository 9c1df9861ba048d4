"""Uniform numbers, and what is a formula of them: one function of the words of each element."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from redraft.runtime.random_checks import (
    as_dtype,
    as_shape,
    check_choice,
    check_fits,
    check_floating,
    float_dtype_of,
    quiet,
)
from redraft.runtime.random_draws import draw


def to_unit(words: Any, dtype: Any) -> Any:
    """Words as numbers in [0, 1): their upper bits are the mantissa."""
    info = np.finfo(dtype)
    kept = words >> words.dtype.type(info.bits - info.nmant)
    signed = np.int64 if info.bits == 64 else np.int32  # processors convert these at once
    return kept.astype(signed).astype(dtype) * dtype.type(2.0**-info.nmant)


def between(unit: Any, low: Any, high: Any) -> Any:
    """Numbers in [0, 1) moved to [low, high), of which rounding leaves out what is below."""
    return np.maximum(low, unit * (high - low) + low)


@quiet
def unit(key: Any, shape: Any, dtype: Any) -> Any:
    """Numbers in [0, 1) for each key."""
    return draw(key, shape, np.finfo(dtype).bits, functools.partial(to_unit, dtype=dtype))


def formula_of(words: Any, dtype: Any, formula: Any, low: Any = None) -> Any:
    """A formula of uniform numbers in [low, 1)."""
    u = to_unit(words, dtype)
    return formula(u if low is None else between(u, dtype.type(low), dtype.type(1)))


def each(name: str, key: Any, shape: Any, dtype: Any, formula: Any, low: Any = None) -> Any:
    """A sample of a distribution without parameters; `low` names a limit of the dtype's."""
    shape, dtype = as_shape(name, shape), as_dtype(name, dtype, "float32")
    start = None if low is None else low(np.finfo(dtype))
    finish = functools.partial(formula_of, dtype=dtype, formula=formula, low=start)
    return draw(key, shape, np.finfo(dtype).bits, finish)


def smallest(info: Any) -> Any:
    """The smallest normal number."""
    return info.tiny


def spacing(info: Any) -> Any:
    """The distance of the next number above one."""
    return info.eps


def above_minus_one(info: Any) -> Any:
    """The next number above minus one."""
    return info.dtype.type(-1) + info.epsneg


@quiet
def uniform(
    key: Any, shape: Any = (), dtype: Any = None, minval: Any = 0.0, maxval: Any = 1.0
) -> Any:
    """Uniform numbers in [minval, maxval).

    Args:
        key: a key.
        shape: of the result.
        dtype: float16, float32 or float64; float32 if None.
        minval, maxval: numbers or arrays that broadcast to `shape`. The result can be differentiated
            with respect to them.

    Raises:
        ValueError: another dtype, a negative length, or bounds that do not broadcast.
    """
    shape, dtype = as_shape("uniform", shape), as_dtype("uniform", dtype, "float32")
    lead = np.shape(key)[:-1]
    check_fits("uniform", lead + shape, minval=np.shape(minval), maxval=np.shape(maxval))
    low, high = np.asarray(minval).astype(dtype), np.asarray(maxval).astype(dtype)
    return between(unit(key, shape, dtype), low, high)


@quiet
def exponential(key: Any, shape: Any = (), dtype: Any = None) -> Any:
    """Exponentially distributed numbers, of density ``exp(-x)``.

    Args:
        key: a key.
        shape: of the result.
        dtype: float16, float32 or float64; float32 if None.

    Raises:
        ValueError: another dtype, or a negative length.
    """
    return each("exponential", key, shape, dtype, of_exponential)


def of_exponential(u: Any) -> Any:
    """The inverse of the distribution function."""
    return -np.log1p(-u)


@quiet
def laplace(key: Any, shape: Any = (), dtype: Any = None) -> Any:
    """Laplace distributed numbers, of density ``exp(-abs(x)) / 2``.

    Args:
        key: a key.
        shape: of the result.
        dtype: float16, float32 or float64; float32 if None.

    Raises:
        ValueError: another dtype, or a negative length.
    """
    return each("laplace", key, shape, dtype, of_laplace, above_minus_one)


def of_laplace(u: Any) -> Any:
    """The inverse of the distribution function, of numbers in (-1, 1)."""
    return np.sign(u) * np.log1p(-np.abs(u))


@quiet
def logistic(key: Any, shape: Any = (), dtype: Any = None) -> Any:
    """Logistically distributed numbers, of density ``exp(-x) / (1 + exp(-x))**2``.

    Args:
        key: a key.
        shape: of the result.
        dtype: float16, float32 or float64; float32 if None.

    Raises:
        ValueError: another dtype, or a negative length.
    """
    return each("logistic", key, shape, dtype, of_logistic, smallest)


def of_logistic(u: Any) -> Any:
    """The inverse of the distribution function."""
    return np.log(u) - np.log1p(-u)


@quiet
def cauchy(key: Any, shape: Any = (), dtype: Any = None) -> Any:
    """Cauchy distributed numbers, of density ``1 / (pi * (1 + x**2))``.

    Args:
        key: a key.
        shape: of the result.
        dtype: float16, float32 or float64; float32 if None.

    Raises:
        ValueError: another dtype, or a negative length.
    """
    return each("cauchy", key, shape, dtype, of_cauchy, spacing)


def of_cauchy(u: Any) -> Any:
    """The inverse of the distribution function."""
    return np.tan(u.dtype.type(np.pi) * (u - u.dtype.type(0.5)))


@quiet
def gumbel(key: Any, shape: Any = (), dtype: Any = None, mode: Any = None) -> Any:
    """Gumbel distributed numbers, of density ``exp(-(x + exp(-x)))``.

    Args:
        key: a key.
        shape: of the result.
        dtype: float16, float32 or float64; float32 if None.
        mode: ``"low"``, as None, or ``"high"``: twice as many bits, for large values.

    Raises:
        ValueError: another dtype or mode, or a negative length.
    """
    check_choice("gumbel", "mode", mode, (None, "low", "high"))
    if mode != "high":
        return each("gumbel", key, shape, dtype, of_gumbel, smallest)
    shape, dtype = as_shape("gumbel", shape), as_dtype("gumbel", dtype, "float32")
    info = np.finfo(dtype)
    pairs = np.reshape(unit(key, (2, *shape), dtype), np.shape(key)[:-1] + (2, -1))
    high, low = pairs[..., 0, :], pairs[..., 1, :]
    fine = high + dtype.type(2.0**-info.nmant) * low + info.tiny
    u = np.where(high >= dtype.type(0.5), high, fine)
    return np.reshape(-np.log(-np.log1p(-u)), np.shape(key)[:-1] + shape)


def of_gumbel(u: Any) -> Any:
    """The inverse of the distribution function."""
    return -np.log(-np.log(u))


@quiet
def bernoulli(key: Any, p: Any = 0.5, shape: Any = None, mode: str = "low") -> Any:
    """Booleans that are true with probability `p`.

    Args:
        key: a key.
        p: a float or an array of floats, whose dtype decides how many bits are drawn; a Python number
            counts as float32.
        shape: of the result, to which `p` broadcasts; the shape of `p` if None.
        mode: ``"low"``, or ``"high"`` for twice as many bits.

    Raises:
        TypeError: `p` is not of a float dtype.
        ValueError: another mode, or shapes that do not broadcast.
    """
    check_choice("bernoulli", "mode", mode, ("low", "high"))
    check_floating("bernoulli", "p", p)
    dtype = float_dtype_of(p)
    lead = np.shape(key)[:-1]
    shape = np.shape(p) if shape is None else as_shape("bernoulli", shape)
    check_fits("bernoulli", lead + shape, p=np.shape(p))
    p = np.asarray(p).astype(dtype)
    if mode == "low":
        return unit(key, shape, dtype) < p
    pairs = np.reshape(unit(key, (2, *shape), dtype), lead + (2, -1))
    first = np.reshape(pairs[..., 0, :], lead + shape)
    second = np.reshape(pairs[..., 1, :], lead + shape)
    return second * dtype.type(2.0 ** -np.finfo(dtype).nmant) < p - first


@quiet
def rademacher(key: Any, shape: Any = (), dtype: Any = None) -> Any:
    """Numbers that are 1 or -1, each with probability one half.

    Args:
        key: a key.
        shape: of the result.
        dtype: any dtype of numbers; int32 if None.

    Raises:
        ValueError: another dtype, or a negative length.
    """
    shape, dtype = as_shape("rademacher", shape), as_dtype("rademacher", dtype, "int32", "iufc")
    heads = unit(key, shape, np.dtype(np.float32)) < np.float32(0.5)
    return np.where(heads, np.ones((), dtype), -np.ones((), dtype))


@quiet
def pareto(key: Any, b: Any, shape: Any = None, dtype: Any = None) -> Any:
    """Pareto distributed numbers, of density ``b / x**(b + 1)`` for x > 1.

    Args:
        key: a key.
        b: a number or an array that broadcasts to `shape`; the result can be differentiated with
            respect to it.
        shape: of the result; the shape of `b` if None.
        dtype: float16, float32 or float64; float32 if None.

    Raises:
        ValueError: another dtype, or shapes that do not broadcast.
    """
    dtype = as_dtype("pareto", dtype, "float32")
    shape = np.shape(b) if shape is None else as_shape("pareto", shape)
    check_fits("pareto", np.shape(key)[:-1] + shape, b=np.shape(b))
    return np.exp(exponential(key, shape, dtype) / np.asarray(b).astype(dtype))


@quiet
def rayleigh(key: Any, scale: Any, shape: Any = None, dtype: Any = None) -> Any:
    """Rayleigh distributed numbers: the lengths of normal vectors in two dimensions.

    Args:
        key: a key.
        scale: a number or an array that broadcasts to `shape`; the result can be differentiated with
            respect to it.
        shape: of the result; the shape of `scale` if None.
        dtype: float16, float32 or float64; float32 if None.

    Raises:
        ValueError: another dtype, or shapes that do not broadcast.
    """
    dtype = as_dtype("rayleigh", dtype, "float32")
    shape = np.shape(scale) if shape is None else as_shape("rayleigh", shape)
    check_fits("rayleigh", np.shape(key)[:-1] + shape, scale=np.shape(scale))
    root = np.sqrt(np.log(unit(key, shape, dtype)) * dtype.type(-2))
    return np.asarray(scale).astype(dtype) * root


@quiet
def weibull_min(
    key: Any, scale: Any, concentration: Any, shape: Any = (), dtype: Any = None
) -> Any:
    """Weibull distributed numbers.

    Args:
        key: a key.
        scale, concentration: numbers or arrays that broadcast to `shape`; the result can be
            differentiated with respect to them.
        shape: of the result.
        dtype: float16, float32 or float64; float32 if None.

    Raises:
        ValueError: another dtype, or shapes that do not broadcast.
    """
    shape, dtype = as_shape("weibull_min", shape), as_dtype("weibull_min", dtype, "float32")
    whole = np.shape(key)[:-1] + shape
    check_fits("weibull_min", whole, scale=np.shape(scale), concentration=np.shape(concentration))
    power = dtype.type(1) / np.asarray(concentration).astype(dtype)
    return exponential(key, shape, dtype) ** power * np.asarray(scale).astype(dtype)


@quiet
def geometric(key: Any, p: Any, shape: Any = None, dtype: Any = None) -> Any:
    """How many trials of probability `p` it takes until the first success.

    Args:
        key: a key.
        p: a float or an array of floats in (0, 1]; a Python number counts as float32.
        shape: of the result, to which `p` broadcasts; the shape of `p` if None.
        dtype: an integer dtype; int32 if None.

    Raises:
        ValueError: another dtype, or shapes that do not broadcast.
    """
    dtype, floats = as_dtype("geometric", dtype, "int32", "iu"), float_dtype_of(p)
    shape = np.shape(p) if shape is None else as_shape("geometric", shape)
    check_fits("geometric", np.shape(key)[:-1] + shape, p=np.shape(p))
    u = unit(key, shape, floats)
    log_u = np.log(np.where(u == 0, floats.type(1), u))
    return (np.floor(log_u / np.log1p(-np.asarray(p).astype(floats))) + 1).astype(dtype)
