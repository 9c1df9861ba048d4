"""Distributions on the whole line."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from redraft.runtime.definitions.support import (
    LOG_ROOT_2PI,
    log_rest,
    placed,
    positive,
    probability,
    standard,
)


def norm_logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.norm.logpdf`."""
    z = standard(x, loc, scale)
    return -0.5 * z**2 - LOG_ROOT_2PI - np.log(scale)


def norm_pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.norm.pdf`."""
    return np.exp(norm_logpdf(x, loc, scale))


def norm_cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.norm.cdf`."""
    return special.ndtr(standard(x, loc, scale))


def norm_logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.norm.logcdf`."""
    return special.log_ndtr(standard(x, loc, scale))


def norm_sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.norm.sf`."""
    return special.ndtr(-standard(x, loc, scale))


def norm_logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.norm.logsf`."""
    return special.log_ndtr(-standard(x, loc, scale))


def norm_ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.norm.ppf`."""
    return placed(special.ndtri(q), loc, scale)


def norm_isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.norm.isf`."""
    return placed(-special.ndtri(q), loc, scale)


def skewnorm_logpdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.skewnorm.logpdf`."""
    z = standard(x, loc, scale)
    return math.log(2) - 0.5 * z**2 - LOG_ROOT_2PI + special.log_ndtr(a * z) - np.log(scale)


def skewnorm_pdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.skewnorm.pdf`."""
    return np.exp(skewnorm_logpdf(x, a, loc, scale))


def cauchy_logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.cauchy.logpdf`."""
    z = standard(x, loc, scale)
    return -math.log(math.pi) - np.log1p(z * z) - np.log(scale)


def cauchy_pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.cauchy.pdf`."""
    return np.exp(cauchy_logpdf(x, loc, scale))


def cauchy_cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.cauchy.cdf`."""
    return np.arctan2(1.0, -standard(x, loc, scale)) / math.pi


def cauchy_logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.cauchy.logcdf`."""
    return np.log(cauchy_cdf(x, loc, scale))


def cauchy_sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.cauchy.sf`."""
    return np.arctan2(1.0, standard(x, loc, scale)) / math.pi


def cauchy_logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.cauchy.logsf`."""
    return np.log(cauchy_sf(x, loc, scale))


def cauchy_ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.cauchy.ppf`."""
    return placed(cauchy_quantile(probability(q)), loc, scale)


def cauchy_isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.cauchy.isf`."""
    return placed(-cauchy_quantile(probability(q)), loc, scale)


def cauchy_quantile(p: Any) -> Any:
    """Inverse of the standard distribution function, whose tails have all digits."""
    low, high = p < 0.25, p > 0.75
    end = np.where(low, p, np.where(high, 1 - p, 0.25))
    far = 1 / np.tan(math.pi * end)
    middle = np.tan(math.pi * (np.where(low | high, 0.5, p) - 0.5))
    return np.where(low, -far, np.where(high, far, middle))


def laplace_logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.laplace.logpdf`."""
    return -np.abs(standard(x, loc, scale)) - math.log(2) - np.log(scale)


def laplace_pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.laplace.pdf`."""
    return np.exp(laplace_logpdf(x, loc, scale))


def laplace_cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.laplace.cdf`."""
    z = standard(x, loc, scale)
    tail = 0.5 * np.exp(-np.abs(z))
    return np.where(z > 0, 1 - tail, tail)


def laplace_logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.laplace.logcdf`."""
    z = standard(x, loc, scale)
    size = np.abs(z)
    return np.where(z > 0, np.log1p(-0.5 * np.exp(-size)), -math.log(2) - size)


def laplace_sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.laplace.sf`."""
    return laplace_cdf(-np.asarray(x), -np.asarray(loc), scale)


def laplace_logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.laplace.logsf`."""
    return laplace_logcdf(-np.asarray(x), -np.asarray(loc), scale)


def laplace_ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.laplace.ppf`."""
    p = probability(q)
    high = p > 0.5
    tail = np.log(2 * np.where(high, 1 - p, p))
    return placed(np.where(high, -tail, tail), loc, scale)


def laplace_isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.laplace.isf`."""
    p = probability(q)
    high = p > 0.5
    tail = np.log(2 * np.where(high, 1 - p, p))
    return placed(np.where(high, tail, -tail), loc, scale)


def logistic_logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.logistic.logpdf`."""
    z = standard(x, loc, scale)
    return special.log_expit(z) + special.log_expit(-z) - np.log(scale)


def logistic_pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.logistic.pdf`."""
    return np.exp(logistic_logpdf(x, loc, scale))


def logistic_cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.logistic.cdf`."""
    return special.expit(standard(x, loc, scale))


def logistic_logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.logistic.logcdf`."""
    return special.log_expit(standard(x, loc, scale))


def logistic_sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.logistic.sf`."""
    return special.expit(-standard(x, loc, scale))


def logistic_logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.logistic.logsf`."""
    return special.log_expit(-standard(x, loc, scale))


def logistic_ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.logistic.ppf`."""
    return placed(special.logit(q), loc, scale)


def logistic_isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.logistic.isf`."""
    return placed(-special.logit(q), loc, scale)


def gumbel_r_logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.gumbel_r.logpdf`."""
    z = standard(x, loc, scale)
    return -z - np.exp(-z) - np.log(scale)


def gumbel_r_pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.gumbel_r.pdf`."""
    return np.exp(gumbel_r_logpdf(x, loc, scale))


def gumbel_r_cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.gumbel_r.cdf`."""
    return np.exp(gumbel_r_logcdf(x, loc, scale))


def gumbel_r_logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.gumbel_r.logcdf`."""
    return -np.exp(-standard(x, loc, scale))


def gumbel_r_sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.gumbel_r.sf`."""
    return -np.expm1(gumbel_r_logcdf(x, loc, scale))


def gumbel_r_logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.gumbel_r.logsf`."""
    return log_rest(gumbel_r_logcdf(x, loc, scale))


def gumbel_r_ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.gumbel_r.ppf`."""
    return placed(-np.log(-np.log(probability(q))), loc, scale)


def gumbel_r_isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.gumbel_r.isf`."""
    return placed(-np.log(-np.log1p(-probability(q))), loc, scale)


def gumbel_l_logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.gumbel_l.logpdf`."""
    z = standard(x, loc, scale)
    return z - np.exp(z) - np.log(scale)


def gumbel_l_pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.gumbel_l.pdf`."""
    return np.exp(gumbel_l_logpdf(x, loc, scale))


def gumbel_l_cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.gumbel_l.cdf`."""
    return -np.expm1(gumbel_l_logsf(x, loc, scale))


def gumbel_l_logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.gumbel_l.logcdf`."""
    return log_rest(gumbel_l_logsf(x, loc, scale))


def gumbel_l_sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.gumbel_l.sf`."""
    return np.exp(gumbel_l_logsf(x, loc, scale))


def gumbel_l_logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.gumbel_l.logsf`."""
    return -np.exp(standard(x, loc, scale))


def gumbel_l_ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.gumbel_l.ppf`."""
    return placed(np.log(-np.log1p(-probability(q))), loc, scale)


def gumbel_l_isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.gumbel_l.isf`."""
    return placed(np.log(-np.log(probability(q))), loc, scale)


def t_logpdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.t.logpdf`."""
    z = standard(x, loc, scale)
    df = positive(df)
    height = 0.5 * np.log(df) + special.betaln(0.5, 0.5 * df) + np.log(scale)
    return -0.5 * (df + 1) * np.log1p(z * z / df) - height


def t_pdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.t.pdf`."""
    return np.exp(t_logpdf(x, df, loc, scale))


def t_cdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.t.cdf`."""
    return special.stdtr(positive(df), standard(x, loc, scale))


def t_logcdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.t.logcdf`."""
    return np.log(t_cdf(x, df, loc, scale))


def t_sf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.t.sf`."""
    return special.stdtr(positive(df), -standard(x, loc, scale))


def t_logsf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.t.logsf`."""
    return np.log(t_sf(x, df, loc, scale))


def gennorm_logpdf(x: Any, beta: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.gennorm.logpdf`."""
    beta, size = positive(beta), np.abs(standard(x, loc, scale))
    return np.log(0.5 * beta) - special.gammaln(1 / beta) - size**beta - np.log(scale)


def gennorm_pdf(x: Any, beta: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.gennorm.pdf`."""
    return np.exp(gennorm_logpdf(x, beta, loc, scale))


def gennorm_cdf(x: Any, beta: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.gennorm.cdf`."""
    z = standard(x, loc, scale)
    beta = positive(beta)
    tail = 0.5 * special.gammaincc(1 / beta, np.abs(z) ** beta)
    return np.where(z > 0, 1 - tail, tail)


def gennorm_sf(x: Any, beta: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.gennorm.sf`."""
    return gennorm_cdf(-np.asarray(x), beta, -np.asarray(loc), scale)


def vonmises_logpdf(x: Any, kappa: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.vonmises.logpdf`."""
    z = standard(x, loc, scale)
    kappa = np.where(np.greater_equal(kappa, 0), kappa, np.nan)
    return (
        kappa * special.cosm1(z)
        - math.log(2 * math.pi)
        - np.log(special.i0e(kappa))
        - np.log(scale)
    )


def vonmises_pdf(x: Any, kappa: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.vonmises.pdf`."""
    return np.exp(vonmises_logpdf(x, kappa, loc, scale))
