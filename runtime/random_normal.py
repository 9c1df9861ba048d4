"""Normal numbers: the inverse of the error function, of uniform numbers."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from redraft.runtime.random_checks import (
    as_dtype,
    as_shape,
    check_choice,
    check_fits,
    check_matrices,
    common_shape,
    floats_of,
    quiet,
)
from redraft.runtime.random_draws import draw
from redraft.runtime.random_places import split_keys
from redraft.runtime.random_uniform import between, to_unit, unit
from redraft.runtime.stop_gradient import stop_gradient

# Polynomials of w = -log(1 - x * x), or of its root, by M. Giles, "Approximating the erfinv function",
# 2010, from the highest power on, and what is taken from w: the same as XLA's.
SINGLE = (
    (2.5, (
        2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
        -0.00125372503, -0.00417768164, 0.246640727, 1.50140941,
    )),
    (3.0, (
        -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
        -0.0076224613, 0.00943887047, 1.00167406, 2.83297682,
    )),
)  # fmt: skip
DOUBLE = (
    (3.125, (
        -3.6444120640178196996e-21, -1.685059138182016589e-19, 1.2858480715256400167e-18,
        1.115787767802518096e-17, -1.333171662854620906e-16, 2.0972767875968561637e-17,
        6.6376381343583238325e-15, -4.0545662729752068639e-14, -8.1519341976054721522e-14,
        2.6335093153082322977e-12, -1.2975133253453532498e-11, -5.4154120542946279317e-11,
        1.051212273321532285e-09, -4.1126339803469836976e-09, -2.9070369957882005086e-08,
        4.2347877827932403518e-07, -1.3654692000834678645e-06, -1.3882523362786468719e-05,
        0.0001867342080340571352, -0.00074070253416626697512, -0.0060336708714301490533,
        0.24015818242558961693, 1.6536545626831027356,
    )),
    (3.25, (
        2.2137376921775787049e-09, 9.0756561938885390979e-08, -2.7517406297064545428e-07,
        1.8239629214389227755e-08, 1.5027403968909827627e-06, -4.013867526981545969e-06,
        2.9234449089955446044e-06, 1.2475304481671778723e-05, -4.7318229009055733981e-05,
        6.8284851459573175448e-05, 2.4031110387097893999e-05, -0.0003550375203628474796,
        0.00095328937973738049703, -0.0016882755560235047313, 0.0024914420961078508066,
        -0.0037512085075692412107, 0.005370914553590063617, 1.0052589676941592334,
        3.0838856104922207635,
    )),
    (5.0, (
        -2.7109920616438573243e-11, -2.5556418169965252055e-10, 1.5076572693500548083e-09,
        -3.7894654401267369937e-09, 7.6157012080783393804e-09, -1.4960026627149240478e-08,
        2.9147953450901080826e-08, -6.7711997758452339498e-08, 2.2900482228026654717e-07,
        -9.9298272942317002539e-07, 4.5260625972231537039e-06, -1.9681778105531670567e-05,
        7.5995277030017761139e-05, -0.00021503011930044477347, -0.00013871931833623122026,
        1.0103004648645343977, 4.8499064014085844221,
    )),
)  # fmt: skip


def polynomial(coefficients: tuple[float, ...], w: Any) -> Any:
    """Horner's rule."""
    value = w.dtype.type(coefficients[0])
    for c in coefficients[1:]:
        value = value * w + w.dtype.type(c)
    return value


@quiet
def erf_inv(x: Any) -> Any:
    """The inverse of the error function, of an array of floats."""
    if x.dtype == np.float16:
        return erf_inv(x.astype(np.float32)).astype(np.float16)
    w = -np.log1p(-x * x)
    root = np.sqrt(w)
    if x.dtype == np.float32:
        (near, p), (far, q) = SINGLE
        factor = np.where(
            w < 5, polynomial(p, w - np.float32(near)), polynomial(q, root - np.float32(far))
        )
    else:
        (near, p), (far, q), (end, r) = DOUBLE
        factor = np.where(w < 16, polynomial(q, root - far), polynomial(r, root - end))
        factor = np.where(w < 6.25, polynomial(p, w - near), factor)
    return np.where(np.abs(x) == 1, x * x.dtype.type(np.inf), factor * x)


@quiet
def erf(x: Any) -> Any:
    """The error function, element by element."""
    return np.asarray(_erf(x)).astype(x.dtype)


_erf = np.frompyfunc(math.erf, 1, 1)


# Normal numbers


def to_normal(words: Any, dtype: Any) -> Any:
    """Words as normal numbers."""
    low = np.nextafter(dtype.type(-1), dtype.type(0))
    u = between(to_unit(words, dtype), low, dtype.type(1))
    return dtype.type(np.sqrt(2)) * erf_inv(u)


@quiet
def normal(key: Any, shape: Any = (), dtype: Any = None) -> Any:
    """Normal numbers of mean zero and variance one.

    Args:
        key: a key.
        shape: of the result.
        dtype: a float or complex dtype; float32 if None.

    Raises:
        ValueError: another dtype, or a negative length.
    """
    shape, dtype = as_shape("normal", shape), as_dtype("normal", dtype, "float32", "fc")
    if dtype.kind == "c":
        real = np.dtype(np.float32 if dtype.itemsize == 8 else np.float64)
        keys = split_keys(key, 2)
        parts = [normal(keys[..., i, :], shape, real).astype(dtype) for i in (0, 1)]
        return (parts[0] + dtype.type(1j) * parts[1]) / dtype.type(np.sqrt(2))
    return draw(key, shape, np.finfo(dtype).bits, functools.partial(to_normal, dtype=dtype))


@quiet
def truncated_normal(key: Any, lower: Any, upper: Any, shape: Any = None, dtype: Any = None) -> Any:
    """Normal numbers between two bounds.

    Args:
        key: a key.
        lower, upper: numbers or arrays that broadcast to `shape`; the result can be differentiated
            with respect to them.
        shape: of the result; that to which the bounds broadcast if None.
        dtype: float16, float32 or float64; float32 if None.

    Raises:
        ValueError: another dtype, or shapes that do not broadcast.
    """
    dtype = as_dtype("truncated_normal", dtype, "float32")
    if shape is None:
        shape = common_shape("truncated_normal", lower=np.shape(lower), upper=np.shape(upper))
    shape = as_shape("truncated_normal", shape)
    whole = np.shape(key)[:-1] + shape
    check_fits("truncated_normal", whole, lower=np.shape(lower), upper=np.shape(upper))
    root = dtype.type(np.sqrt(2))
    low, high = np.asarray(lower).astype(dtype), np.asarray(upper).astype(dtype)
    u = between(unit(key, shape, dtype), erf(low / root), erf(high / root))
    return inside(root * erf_inv(u), stop_gradient(low), stop_gradient(high))


def inside(x: Any, low: Any, high: Any) -> Any:
    """Numbers cut to an open interval, which rounding may have moved out of it."""
    first = np.nextafter(low, x.dtype.type(np.inf))
    last = np.nextafter(high, x.dtype.type(-np.inf))
    return np.minimum(np.maximum(x, first), last)


@quiet
def multivariate_normal(
    key: Any, mean: Any, cov: Any, shape: Any = None, dtype: Any = None, method: str = "cholesky"
) -> Any:
    """Normal vectors.

    Args:
        key: a key.
        mean: an array of shape ``(..., n)``.
        cov: an array of covariances, ``(..., n, n)``. The result can be differentiated with respect
            to both.
        shape: of the result without its last axis; that to which the leading axes of `mean` and
            `cov` broadcast if None.
        dtype: float16, float32 or float64; that of `mean` and `cov` if None.
        method: how `cov` is factored: ``"cholesky"``, ``"eigh"`` or ``"svd"``.

    Raises:
        ValueError: another dtype or method, or shapes that do not agree.
    """
    check_choice("multivariate_normal", "method", method, ("svd", "eigh", "cholesky"))
    mean, cov = np.asarray(mean), np.asarray(cov)
    dtype = as_dtype("multivariate_normal", dtype, floats_of(mean.dtype, cov.dtype))
    n = check_matrices("multivariate_normal", np.shape(mean), np.shape(cov))
    if shape is None:
        shape = common_shape(
            "multivariate_normal", mean=np.shape(mean)[:-1], cov=np.shape(cov)[:-2]
        )
    shape = as_shape("multivariate_normal", shape)
    whole = np.shape(key)[:-1] + shape
    check_fits("multivariate_normal", whole, mean=np.shape(mean)[:-1], cov=np.shape(cov)[:-2])
    mean, cov = mean.astype(dtype), cov.astype(dtype)
    z = normal(key, (*shape, n), dtype)
    return mean + np.einsum("...ij,...j->...i", factor_of(cov, method), z)


def factor_of(cov: Any, method: str) -> Any:
    """A matrix whose product with its transpose is `cov`."""
    if method == "cholesky":
        return np.linalg.cholesky(cov)
    return spectral_factor(cov, method)


def spectral_factor(cov: Any, method: str) -> Any:
    """The same, of eigenvectors or of singular vectors."""
    if method == "eigh":
        values, vectors = np.linalg.eigh(cov)
    else:
        vectors, values, _ = np.linalg.svd(cov)
    return vectors * np.sqrt(values)[..., None, :]


def refuse_spectral(bar: Any, cov: Any) -> Any:
    """Where the derivative of `spectral_factor` would be.

    Raises:
        ValueError: always.
    """
    raise ValueError(
        "multivariate_normal: the methods 'eigh' and 'svd' have no derivative with respect to `cov`; use "
        "'cholesky'"
    )
