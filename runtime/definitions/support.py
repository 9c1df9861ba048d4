"""What the definitions of distributions share: their parameters, NaN where these make no sense."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

LOG_ROOT_2PI = 0.5 * math.log(2 * math.pi)


def positive(x: Any) -> Any:
    """A parameter that must be positive."""
    return np.where(np.greater(x, 0), x, np.nan)


def whole(n: Any) -> Any:
    """A parameter that must be a whole number, or 0."""
    n = np.multiply(1.0, n)
    return np.where((n >= 0) & (n == np.floor(n)), n, np.nan)


def probability(p: Any) -> Any:
    """A number between 0 and 1."""
    p = np.multiply(1.0, p)
    return np.where((p >= 0) & (p <= 1), p, np.nan)


def known(z: Any, *parameters: Any) -> Any:
    """A number; NaN where a parameter is."""
    for p in parameters:
        z = np.where(np.isnan(p), np.nan, z)
    return z


def log_rest(log_p: Any) -> Any:
    """The logarithm of the probability of the contrary."""
    certain, small = log_p >= 0, log_p < -0.7
    powers = np.exp(np.where(small, log_p, -1.0))
    rest = np.log(-np.expm1(np.where(small | certain, -1.0, log_p)))
    return np.where(certain, -np.inf, np.where(small, np.log1p(-powers), rest))


def standard(x: Any, loc: Any, scale: Any) -> Any:
    """The distance to `loc`, measured with `scale`, in float64 as all that SciPy's distributions give."""
    return np.float64(1.0) * np.subtract(x, loc) / positive(scale)


def placed(z: Any, loc: Any, scale: Any) -> Any:
    """The number of which `z` is the standardised form."""
    return np.float64(1.0) * loc + z * positive(scale)
