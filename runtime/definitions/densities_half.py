"""Distributions on one side of a point."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from redraft.runtime.definitions.support import (
    LOG_ROOT_2PI,
    known,
    log_rest,
    placed,
    positive,
    probability,
    standard,
)


def expon_logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.expon.logpdf`."""
    z = standard(x, loc, scale)
    out = z < 0
    z = np.where(out, 1.0, z)
    return np.where(out, -np.inf, -z - np.log(scale))


def expon_pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.expon.pdf`."""
    return np.exp(expon_logpdf(x, loc, scale))


def expon_cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.expon.cdf`."""
    return -np.expm1(expon_logsf(x, loc, scale))


def expon_logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.expon.logcdf`."""
    return log_rest(expon_logsf(x, loc, scale))


def expon_sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.expon.sf`."""
    return np.exp(expon_logsf(x, loc, scale))


def expon_logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.expon.logsf`."""
    return -np.maximum(standard(x, loc, scale), 0.0)


def expon_ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.expon.ppf`."""
    return placed(-np.log1p(-probability(q)), loc, scale)


def expon_isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.expon.isf`."""
    return placed(-np.log(probability(q)), loc, scale)


def lognorm_logpdf(x: Any, s: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.lognorm.logpdf`."""
    z = standard(x, loc, scale)
    s = positive(s)
    z = known(z, s)
    out = z <= 0
    z = np.where(out, 1.0, z)
    return np.where(
        out, -np.inf, -0.5 * (np.log(z) / s) ** 2 - LOG_ROOT_2PI - np.log(s * z) - np.log(scale)
    )


def lognorm_pdf(x: Any, s: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.lognorm.pdf`."""
    return np.exp(lognorm_logpdf(x, s, loc, scale))


def lognorm_cdf(x: Any, s: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.lognorm.cdf`."""
    z = standard(x, loc, scale)
    s = positive(s)
    z = known(z, s)
    out = z <= 0
    z = np.where(out, 1.0, z)
    return np.where(out, 0.0, special.ndtr(np.log(z) / s))


def lognorm_logcdf(x: Any, s: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.lognorm.logcdf`."""
    z = standard(x, loc, scale)
    s = positive(s)
    z = known(z, s)
    out = z <= 0
    z = np.where(out, 1.0, z)
    return np.where(out, -np.inf, special.log_ndtr(np.log(z) / s))


def lognorm_sf(x: Any, s: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.lognorm.sf`."""
    z = standard(x, loc, scale)
    s = positive(s)
    z = known(z, s)
    out = z <= 0
    z = np.where(out, 1.0, z)
    return np.where(out, 1.0, special.ndtr(-np.log(z) / s))


def lognorm_logsf(x: Any, s: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.lognorm.logsf`."""
    z = standard(x, loc, scale)
    s = positive(s)
    z = known(z, s)
    out = z <= 0
    z = np.where(out, 1.0, z)
    return np.where(out, 0.0, special.log_ndtr(-np.log(z) / s))


def lognorm_ppf(q: Any, s: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.lognorm.ppf`."""
    return placed(np.exp(positive(s) * special.ndtri(q)), loc, scale)


def lognorm_isf(q: Any, s: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.lognorm.isf`."""
    return placed(np.exp(-positive(s) * special.ndtri(q)), loc, scale)


def pareto_logpdf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.pareto.logpdf`."""
    z = standard(x, loc, scale)
    b = positive(b)
    z = known(z, b)
    out = z < 1
    z = np.where(out, 1.0, z)
    return np.where(out, -np.inf, np.log(b) - (b + 1) * np.log(z) - np.log(scale))


def pareto_pdf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.pareto.pdf`."""
    return np.exp(pareto_logpdf(x, b, loc, scale))


def pareto_cdf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.pareto.cdf`."""
    return -np.expm1(pareto_logsf(x, b, loc, scale))


def pareto_logcdf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.pareto.logcdf`."""
    return log_rest(pareto_logsf(x, b, loc, scale))


def pareto_sf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.pareto.sf`."""
    return np.exp(pareto_logsf(x, b, loc, scale))


def pareto_logsf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.pareto.logsf`."""
    z = standard(x, loc, scale)
    b = positive(b)
    z = known(z, b)
    out = z < 1
    z = np.where(out, 1.0, z)
    return np.where(out, 0.0, -b * np.log(z))


def pareto_ppf(q: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.pareto.ppf`."""
    return placed(np.exp(-np.log1p(-probability(q)) / positive(b)), loc, scale)


def pareto_isf(q: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.pareto.isf`."""
    return placed(np.exp(-np.log(probability(q)) / positive(b)), loc, scale)


def weibull_min_logpdf(x: Any, c: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.weibull_min.logpdf`."""
    z = standard(x, loc, scale)
    c = positive(c)
    z = known(z, c)
    out = z < 0
    z = np.where(out, 1.0, z)
    return np.where(out, -np.inf, np.log(c) + special.xlogy(c - 1, z) - z**c - np.log(scale))


def weibull_min_pdf(x: Any, c: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.weibull_min.pdf`."""
    return np.exp(weibull_min_logpdf(x, c, loc, scale))


def weibull_min_cdf(x: Any, c: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.weibull_min.cdf`."""
    return -np.expm1(weibull_min_logsf(x, c, loc, scale))


def weibull_min_logcdf(x: Any, c: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.weibull_min.logcdf`."""
    return log_rest(weibull_min_logsf(x, c, loc, scale))


def weibull_min_sf(x: Any, c: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.weibull_min.sf`."""
    return np.exp(weibull_min_logsf(x, c, loc, scale))


def weibull_min_logsf(x: Any, c: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.weibull_min.logsf`."""
    z = standard(x, loc, scale)
    c = positive(c)
    z = known(z, c)
    out = z < 0
    z = np.where(out, 1.0, z)
    return np.where(out, 0.0, -(z**c))


def weibull_min_ppf(q: Any, c: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.weibull_min.ppf`."""
    return placed((-np.log1p(-probability(q))) ** (1 / positive(c)), loc, scale)


def weibull_min_isf(q: Any, c: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.weibull_min.isf`."""
    return placed((-np.log(probability(q))) ** (1 / positive(c)), loc, scale)


def halfnorm_logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.halfnorm.logpdf`."""
    z = standard(x, loc, scale)
    out = z < 0
    z = np.where(out, 1.0, z)
    return np.where(out, -np.inf, 0.5 * math.log(2 / math.pi) - 0.5 * z**2 - np.log(scale))


def halfnorm_pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.halfnorm.pdf`."""
    return np.exp(halfnorm_logpdf(x, loc, scale))


def halfnorm_cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.halfnorm.cdf`."""
    z = standard(x, loc, scale)
    out = z < 0
    z = np.where(out, 1.0, z)
    return np.where(out, 0.0, special.erf(z * math.sqrt(0.5)))


def halfnorm_logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.halfnorm.logcdf`."""
    return np.log(halfnorm_cdf(x, loc, scale))


def halfnorm_sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.halfnorm.sf`."""
    z = standard(x, loc, scale)
    out = z < 0
    z = np.where(out, 1.0, z)
    return np.where(out, 1.0, special.erfc(z * math.sqrt(0.5)))


def halfnorm_logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.halfnorm.logsf`."""
    z = standard(x, loc, scale)
    out = z < 0
    z = np.where(out, 1.0, z)
    return np.where(out, 0.0, math.log(2) + special.log_ndtr(-z))


def halfnorm_ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.halfnorm.ppf`."""
    return placed(math.sqrt(2) * special.erfinv(probability(q)), loc, scale)


def halfnorm_isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.halfnorm.isf`."""
    return placed(math.sqrt(2) * special.erfcinv(probability(q)), loc, scale)


def halfcauchy_logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.halfcauchy.logpdf`."""
    z = standard(x, loc, scale)
    out = z < 0
    z = np.where(out, 1.0, z)
    return np.where(out, -np.inf, math.log(2 / math.pi) - np.log1p(z * z) - np.log(scale))


def halfcauchy_pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.halfcauchy.pdf`."""
    return np.exp(halfcauchy_logpdf(x, loc, scale))


def halfcauchy_cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.halfcauchy.cdf`."""
    z = standard(x, loc, scale)
    out = z < 0
    z = np.where(out, 1.0, z)
    return np.where(out, 0.0, 2 / math.pi * np.arctan(z))


def halfcauchy_sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.halfcauchy.sf`."""
    z = standard(x, loc, scale)
    out = z < 0
    z = np.where(out, 1.0, z)
    return np.where(out, 1.0, 2 / math.pi * np.arctan2(1.0, z))


def rayleigh_logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.rayleigh.logpdf`."""
    z = standard(x, loc, scale)
    z = np.minimum(z, 1e300)
    out = z <= 0
    z = np.where(out, 1.0, z)
    return np.where(out, -np.inf, np.log(z) - 0.5 * z**2 - np.log(scale))


def rayleigh_pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.rayleigh.pdf`."""
    return np.exp(rayleigh_logpdf(x, loc, scale))


def rayleigh_cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.rayleigh.cdf`."""
    return -np.expm1(rayleigh_logsf(x, loc, scale))


def rayleigh_logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.rayleigh.logcdf`."""
    return log_rest(rayleigh_logsf(x, loc, scale))


def rayleigh_sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.rayleigh.sf`."""
    return np.exp(rayleigh_logsf(x, loc, scale))


def rayleigh_logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.rayleigh.logsf`."""
    z = np.maximum(standard(x, loc, scale), 0.0)
    return -0.5 * z**2


def rayleigh_ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.rayleigh.ppf`."""
    return placed(np.sqrt(-2 * np.log1p(-probability(q))), loc, scale)


def rayleigh_isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.rayleigh.isf`."""
    return placed(np.sqrt(-2 * np.log(probability(q))), loc, scale)
