"""Distributions of whole numbers; a number that is not whole has no probability."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from redraft.runtime.definitions.support import known, log_rest, positive, probability, whole


def choices(n: Any, k: Any) -> Any:
    """Logarithm of how many choices of `k` among `n` there are."""
    return -np.log(n + 1) - special.betaln(n - k + 1, k + 1)


def bernoulli_logpmf(k: Any, p: Any, loc: Any = 0) -> Any:
    """`scipy.stats.bernoulli.logpmf`."""
    k = np.float64(1.0) * np.subtract(k, loc)
    p = probability(p)
    k = known(k, p)
    out = (k < 0) | (k > 1) | (np.floor(k) < k)
    k = np.where(out, 0.0, k)
    return np.where(out, -np.inf, special.xlogy(k, p) + special.xlog1py(1 - k, -p))


def bernoulli_pmf(k: Any, p: Any, loc: Any = 0) -> Any:
    """`scipy.stats.bernoulli.pmf`."""
    return np.exp(bernoulli_logpmf(k, p, loc))


def binom_logpmf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """`scipy.stats.binom.logpmf`."""
    k = np.float64(1.0) * np.subtract(k, loc)
    n = whole(n)
    p = probability(p)
    k = known(k, n, p)
    out = (k < 0) | (k > n) | (np.floor(k) < k)
    k = np.where(out, 0.0, k)
    return np.where(out, -np.inf, choices(n, k) + special.xlogy(k, p) + special.xlog1py(n - k, -p))


def binom_pmf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """`scipy.stats.binom.pmf`."""
    return np.exp(binom_logpmf(k, n, p, loc))


def binom_cdf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """`scipy.stats.binom.cdf`."""
    k = np.float64(1.0) * np.subtract(k, loc)
    n = whole(n)
    p = probability(p)
    k = known(k, n, p)
    k = np.floor(k)
    out = (k < 0) | (k >= n)
    inner = np.where(out, 0.0, k)
    value = special.betainc(np.where(out, 1.0, n - inner), inner + 1, 1 - p)
    return np.where(out, np.where(k < 0, 0.0, 1.0), value)


def binom_logcdf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """`scipy.stats.binom.logcdf`."""
    return np.log(binom_cdf(k, n, p, loc))


def poisson_logpmf(k: Any, mu: Any, loc: Any = 0) -> Any:
    """`scipy.stats.poisson.logpmf`."""
    k = np.float64(1.0) * np.subtract(k, loc)
    mu = np.where(np.greater_equal(mu, 0), mu, np.nan)
    k = known(k, mu)
    out = (k < 0) | (np.floor(k) < k)
    k = np.where(out, 0.0, k)
    return np.where(out, -np.inf, special.xlogy(k, mu) - special.gammaln(k + 1) - mu)


def poisson_pmf(k: Any, mu: Any, loc: Any = 0) -> Any:
    """`scipy.stats.poisson.pmf`."""
    return np.exp(poisson_logpmf(k, mu, loc))


def poisson_cdf(k: Any, mu: Any, loc: Any = 0) -> Any:
    """`scipy.stats.poisson.cdf`."""
    k = np.float64(1.0) * np.subtract(k, loc)
    mu = np.where(np.greater_equal(mu, 0), mu, np.nan)
    k = known(k, mu)
    return np.where(k < 0, 0.0, special.gammaincc(np.where(k < 0, 0.0, np.floor(k)) + 1, mu))


def poisson_logcdf(k: Any, mu: Any, loc: Any = 0) -> Any:
    """`scipy.stats.poisson.logcdf`."""
    return np.log(poisson_cdf(k, mu, loc))


def poisson_sf(k: Any, mu: Any, loc: Any = 0) -> Any:
    """`scipy.stats.poisson.sf`."""
    k = np.float64(1.0) * np.subtract(k, loc)
    mu = np.where(np.greater_equal(mu, 0), mu, np.nan)
    k = known(k, mu)
    return np.where(k < 0, 1.0, special.gammainc(np.where(k < 0, 0.0, np.floor(k)) + 1, mu))


def poisson_logsf(k: Any, mu: Any, loc: Any = 0) -> Any:
    """`scipy.stats.poisson.logsf`."""
    return np.log(poisson_sf(k, mu, loc))


def nbinom_logpmf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """`scipy.stats.nbinom.logpmf`."""
    k = np.float64(1.0) * np.subtract(k, loc)
    n, p = positive(n), probability(p)
    k = known(k, n, p)
    out = (k < 0) | (np.floor(k) < k)
    k = np.where(out, 0.0, k)
    return np.where(
        out,
        -np.inf,
        special.gammaln(n + k)
        - special.gammaln(k + 1)
        - special.gammaln(n)
        + n * np.log(p)
        + special.xlog1py(k, -p),
    )


def nbinom_pmf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """`scipy.stats.nbinom.pmf`."""
    return np.exp(nbinom_logpmf(k, n, p, loc))


def nbinom_cdf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """`scipy.stats.nbinom.cdf`."""
    k = np.float64(1.0) * np.subtract(k, loc)
    n, p = positive(n), probability(p)
    k = known(k, n, p)
    return np.where(k < 0, 0.0, special.betainc(n, np.where(k < 0, 0.0, np.floor(k)) + 1, p))


def nbinom_logcdf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """`scipy.stats.nbinom.logcdf`."""
    return np.log(nbinom_cdf(k, n, p, loc))


def geom_logpmf(k: Any, p: Any, loc: Any = 0) -> Any:
    """`scipy.stats.geom.logpmf`."""
    k = np.float64(1.0) * np.subtract(k, loc)
    p = probability(p)
    k = known(k, p)
    out = (k < 1) | (np.floor(k) < k)
    k = np.where(out, 1.0, k)
    return np.where(out, -np.inf, special.xlog1py(k - 1, -p) + np.log(p))


def geom_pmf(k: Any, p: Any, loc: Any = 0) -> Any:
    """`scipy.stats.geom.pmf`."""
    return np.exp(geom_logpmf(k, p, loc))


def geom_cdf(k: Any, p: Any, loc: Any = 0) -> Any:
    """`scipy.stats.geom.cdf`."""
    return -np.expm1(geom_logsf(k, p, loc))


def geom_logcdf(k: Any, p: Any, loc: Any = 0) -> Any:
    """`scipy.stats.geom.logcdf`."""
    return log_rest(geom_logsf(k, p, loc))


def geom_sf(k: Any, p: Any, loc: Any = 0) -> Any:
    """`scipy.stats.geom.sf`."""
    return np.exp(geom_logsf(k, p, loc))


def geom_logsf(k: Any, p: Any, loc: Any = 0) -> Any:
    """`scipy.stats.geom.logsf`."""
    k = np.float64(1.0) * np.subtract(k, loc)
    p = probability(p)
    k = known(k, p)
    return np.where(k < 1, 0.0, special.xlog1py(np.where(k < 1, 1.0, np.floor(k)), -p))


def betabinom_logpmf(k: Any, n: Any, a: Any, b: Any, loc: Any = 0) -> Any:
    """`scipy.stats.betabinom.logpmf`."""
    k = np.float64(1.0) * np.subtract(k, loc)
    n, a, b = whole(n), positive(a), positive(b)
    k = known(k, n, a, b)
    out = (k < 0) | (k > n) | (np.floor(k) < k)
    k = np.where(out, 0.0, k)
    return np.where(
        out, -np.inf, choices(n, k) + special.betaln(k + a, n - k + b) - special.betaln(a, b)
    )


def betabinom_pmf(k: Any, n: Any, a: Any, b: Any, loc: Any = 0) -> Any:
    """`scipy.stats.betabinom.pmf`."""
    return np.exp(betabinom_logpmf(k, n, a, b, loc))
