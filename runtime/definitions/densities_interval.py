"""Distributions on an interval."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from redraft.runtime.definitions.support import (
    LOG_ROOT_2PI,
    known,
    placed,
    positive,
    probability,
    standard,
)


def uniform_logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.uniform.logpdf`."""
    z = standard(x, loc, scale)
    return np.where((z < 0) | (z > 1), -np.inf, 0 * z - np.log(scale))


def uniform_pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.uniform.pdf`."""
    return np.exp(uniform_logpdf(x, loc, scale))


def uniform_cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.uniform.cdf`."""
    return np.clip(standard(x, loc, scale), 0.0, 1.0)


def uniform_logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.uniform.logcdf`."""
    return np.log(uniform_cdf(x, loc, scale))


def uniform_sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.uniform.sf`."""
    return 1 - uniform_cdf(x, loc, scale)


def uniform_logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.uniform.logsf`."""
    return np.log(uniform_sf(x, loc, scale))


def uniform_ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.uniform.ppf`."""
    return placed(probability(q), loc, scale)


def uniform_isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.uniform.isf`."""
    return placed(1 - probability(q), loc, scale)


def beta_logpdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.beta.logpdf`."""
    z = standard(x, loc, scale)
    a, b = positive(a), positive(b)
    z = known(z, a, b)
    out = (z < 0) | (z > 1)
    y = np.where(out, 0.5, z)
    return np.where(
        out,
        -np.inf,
        special.xlogy(a - 1, y) + special.xlog1py(b - 1, -y) - special.betaln(a, b) - np.log(scale),
    )


def beta_pdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.beta.pdf`."""
    return np.exp(beta_logpdf(x, a, b, loc, scale))


def beta_cdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.beta.cdf`."""
    z = standard(x, loc, scale)
    a, b = positive(a), positive(b)
    z = known(z, a, b)
    out = (z < 0) | (z > 1)
    y = np.where(out, 0.5, z)
    return np.where(out, np.where(z > 1, 1.0, 0.0), special.betainc(a, b, y))


def beta_logcdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.beta.logcdf`."""
    return np.log(beta_cdf(x, a, b, loc, scale))


def beta_sf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.beta.sf`."""
    z = standard(x, loc, scale)
    a, b = positive(a), positive(b)
    z = known(z, a, b)
    out = (z < 0) | (z > 1)
    y = np.where(out, 0.5, z)
    return np.where(out, np.where(z > 1, 0.0, 1.0), special.betainc(b, a, 1 - y))


def beta_logsf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.beta.logsf`."""
    return np.log(beta_sf(x, a, b, loc, scale))


def beta_ppf(q: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.beta.ppf`."""
    return placed(special.betaincinv(positive(a), positive(b), q), loc, scale)


def beta_isf(q: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.beta.isf`."""
    return placed(1 - special.betaincinv(positive(b), positive(a), q), loc, scale)


def powerlaw_logpdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.powerlaw.logpdf`."""
    z = standard(x, loc, scale)
    a = positive(a)
    z = known(z, a)
    out = (z < 0) | (z > 1) | ((z == 0) & (a < 1))
    y = np.where(out, 0.5, z)
    return np.where(out, -np.inf, np.log(a) + special.xlogy(a - 1, y) - np.log(scale))


def powerlaw_pdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.powerlaw.pdf`."""
    return np.exp(powerlaw_logpdf(x, a, loc, scale))


def powerlaw_cdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.powerlaw.cdf`."""
    z = standard(x, loc, scale)
    a = positive(a)
    z = known(z, a)
    out = (z < 0) | (z > 1)
    y = np.where(out, 0.5, z)
    return np.where(out, np.where(z > 1, 1.0, 0.0), y**a)


def powerlaw_logcdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.powerlaw.logcdf`."""
    z = standard(x, loc, scale)
    a = positive(a)
    z = known(z, a)
    out = (z < 0) | (z > 1)
    y = np.where(out, 0.5, z)
    return np.where(out, np.where(z > 1, 0.0, -np.inf), a * np.log(y))


def powerlaw_ppf(q: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.powerlaw.ppf`."""
    return placed(probability(q) ** (1 / positive(a)), loc, scale)


def loguniform_logpdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.loguniform.logpdf`."""
    z = standard(x, loc, scale)
    a, b = positive(a), np.where(np.less(a, b), b, np.nan)
    z = known(z, a, b)
    out = (z < a) | (z > b)
    y = np.where(out, a, z)
    return np.where(out, -np.inf, -np.log(y) - np.log(np.log(b / a)) - np.log(scale))


def loguniform_pdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.loguniform.pdf`."""
    return np.exp(loguniform_logpdf(x, a, b, loc, scale))


def loguniform_cdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.loguniform.cdf`."""
    z = standard(x, loc, scale)
    a, b = positive(a), np.where(np.less(a, b), b, np.nan)
    z = known(z, a, b)
    out = (z < a) | (z > b)
    y = np.where(out, a, z)
    return np.where(out, np.where(z > b, 1.0, 0.0), np.log(y / a) / np.log(b / a))


def loguniform_sf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.loguniform.sf`."""
    return 1 - loguniform_cdf(x, a, b, loc, scale)


def loguniform_ppf(q: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.loguniform.ppf`."""
    a, b = positive(a), np.where(np.less(a, b), b, np.nan)
    return placed(a * (b / a) ** probability(q), loc, scale)


def log_mass(a: Any, b: Any) -> Any:
    """Logarithm of the normal probability between two points, both mirrored where they are above 0."""
    mirror = a > 0
    low, high = np.where(mirror, -b, a), np.where(mirror, -a, b)
    across = high > 0
    middle = np.log1p(-special.ndtr(low) - special.ndtr(-np.where(across, high, 1.0)))
    end = special.log_ndtr(np.where(across, 0.0, high))
    tail = end + np.log1p(-np.exp(special.log_ndtr(np.where(across, -1.0, low)) - end))
    return np.where(across, middle, tail)


def truncnorm_logpdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.truncnorm.logpdf`."""
    z = standard(x, loc, scale)
    a, b = np.multiply(1.0, a), np.where(np.less(a, b), b, np.nan)
    z = known(z, a, b)
    out = (z < a) | (z > b)
    y = np.where(out, 0.0, z)
    return np.where(out, -np.inf, -0.5 * y**2 - LOG_ROOT_2PI - log_mass(a, b) - np.log(scale))


def truncnorm_pdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.truncnorm.pdf`."""
    return np.exp(truncnorm_logpdf(x, a, b, loc, scale))


def truncnorm_cdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.truncnorm.cdf`."""
    return np.exp(truncnorm_logcdf(x, a, b, loc, scale))


def truncnorm_logcdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.truncnorm.logcdf`."""
    z = standard(x, loc, scale)
    a, b = np.multiply(1.0, a), np.where(np.less(a, b), b, np.nan)
    z = known(z, a, b)
    out = (z < a) | (z > b)
    inner = np.isnan(z) | (~out & (z > a))
    y = np.where(inner, z, b)
    edge = np.where(z > a, 0.0, -np.inf)
    return np.where(inner, log_mass(a, y) - log_mass(a, b), edge)


def truncnorm_sf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.truncnorm.sf`."""
    return np.exp(truncnorm_logsf(x, a, b, loc, scale))


def truncnorm_logsf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.truncnorm.logsf`."""
    z = standard(x, loc, scale)
    a, b = np.multiply(1.0, a), np.where(np.less(a, b), b, np.nan)
    z = known(z, a, b)
    out = (z < a) | (z > b)
    inner = np.isnan(z) | (~out & (z < b))
    y = np.where(inner, z, a)
    edge = np.where(z < b, 0.0, -np.inf)
    return np.where(inner, log_mass(y, b) - log_mass(a, b), edge)


def wrapcauchy_logpdf(x: Any, c: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.wrapcauchy.logpdf`."""
    z = standard(x, loc, scale)
    c = np.where((np.asarray(c) > 0) & (np.asarray(c) < 1), c, np.nan)
    z = known(z, c)
    value = (
        np.log((1 - c * c) / (2 * math.pi)) - np.log(1 + c * c - 2 * c * np.cos(z)) - np.log(scale)
    )
    return np.where((z < 0) | (z > 2 * math.pi), -np.inf, value)


def wrapcauchy_pdf(x: Any, c: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.wrapcauchy.pdf`."""
    return np.exp(wrapcauchy_logpdf(x, c, loc, scale))
