"""The gamma distribution and its relatives."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from redraft.runtime.definitions.support import known, placed, positive, standard


def gamma_logpdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.gamma.logpdf`."""
    z = standard(x, loc, scale)
    a = positive(a)
    z = known(z, a)
    out = z < 0
    z = np.where(out, 1.0, z)
    return np.where(out, -np.inf, special.xlogy(a - 1, z) - z - special.gammaln(a) - np.log(scale))


def gamma_pdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.gamma.pdf`."""
    return np.exp(gamma_logpdf(x, a, loc, scale))


def gamma_cdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.gamma.cdf`."""
    z = standard(x, loc, scale)
    a = positive(a)
    z = known(z, a)
    out = z < 0
    z = np.where(out, 1.0, z)
    return np.where(out, 0.0, special.gammainc(a, z))


def gamma_logcdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.gamma.logcdf`."""
    return np.log(gamma_cdf(x, a, loc, scale))


def gamma_sf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.gamma.sf`."""
    z = standard(x, loc, scale)
    a = positive(a)
    z = known(z, a)
    out = z < 0
    z = np.where(out, 1.0, z)
    return np.where(out, 1.0, special.gammaincc(a, z))


def gamma_logsf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.gamma.logsf`."""
    return np.log(gamma_sf(x, a, loc, scale))


def gamma_ppf(q: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.gamma.ppf`."""
    return placed(special.gammaincinv(positive(a), q), loc, scale)


def gamma_isf(q: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.gamma.isf`."""
    return placed(special.gammainccinv(positive(a), q), loc, scale)


def chi2_logpdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.chi2.logpdf`."""
    z = standard(x, loc, scale)
    df, z = 0.5 * positive(df), 0.5 * z
    z = known(z, df)
    out = z < 0
    z = np.where(out, 1.0, z)
    return np.where(
        out,
        -np.inf,
        special.xlogy(df - 1, z) - z - special.gammaln(df) + np.log(0.5 / np.asarray(scale)),
    )


def chi2_pdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.chi2.pdf`."""
    return np.exp(chi2_logpdf(x, df, loc, scale))


def chi2_cdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.chi2.cdf`."""
    z = standard(x, loc, scale)
    df = positive(df)
    z = known(z, df)
    out = z < 0
    z = np.where(out, 1.0, z)
    return np.where(out, 0.0, special.gammainc(0.5 * df, 0.5 * z))


def chi2_logcdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.chi2.logcdf`."""
    return np.log(chi2_cdf(x, df, loc, scale))


def chi2_sf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.chi2.sf`."""
    z = standard(x, loc, scale)
    df = positive(df)
    z = known(z, df)
    out = z < 0
    z = np.where(out, 1.0, z)
    return np.where(out, 1.0, special.gammaincc(0.5 * df, 0.5 * z))


def chi2_logsf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.chi2.logsf`."""
    return np.log(chi2_sf(x, df, loc, scale))


def chi2_ppf(q: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.chi2.ppf`."""
    return placed(2 * special.gammaincinv(0.5 * positive(df), q), loc, scale)


def chi2_isf(q: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.chi2.isf`."""
    return placed(2 * special.gammainccinv(0.5 * positive(df), q), loc, scale)


def invgamma_logpdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.invgamma.logpdf`."""
    z = standard(x, loc, scale)
    a = positive(a)
    z = known(z, a)
    out = z <= 0
    z = np.where(out, 1.0, z)
    return np.where(out, -np.inf, -(a + 1) * np.log(z) - special.gammaln(a) - 1 / z - np.log(scale))


def invgamma_pdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.invgamma.pdf`."""
    return np.exp(invgamma_logpdf(x, a, loc, scale))


def invgamma_cdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.invgamma.cdf`."""
    z = standard(x, loc, scale)
    a = positive(a)
    z = known(z, a)
    out = z <= 0
    z = np.where(out, 1.0, z)
    return np.where(out, 0.0, special.gammaincc(a, 1 / z))


def invgamma_logcdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.invgamma.logcdf`."""
    return np.log(invgamma_cdf(x, a, loc, scale))


def invgamma_sf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.invgamma.sf`."""
    z = standard(x, loc, scale)
    a = positive(a)
    z = known(z, a)
    out = z <= 0
    z = np.where(out, 1.0, z)
    return np.where(out, 1.0, special.gammainc(a, 1 / z))


def invgamma_logsf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.invgamma.logsf`."""
    return np.log(invgamma_sf(x, a, loc, scale))


def f_logpdf(x: Any, dfn: Any, dfd: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.f.logpdf`."""
    z = standard(x, loc, scale)
    n, m = positive(dfn), positive(dfd)
    height = (
        0.5 * (m * np.log(m) + n * np.log(n)) - special.betaln(0.5 * n, 0.5 * m) - np.log(scale)
    )
    z = known(z, n, m)
    out = (z < 0) | (z == np.inf)
    z = np.where(out, 1.0, z)
    return np.where(
        out, -np.inf, height + special.xlogy(0.5 * n - 1, z) - 0.5 * (n + m) * np.log(m + n * z)
    )


def f_pdf(x: Any, dfn: Any, dfd: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.f.pdf`."""
    return np.exp(f_logpdf(x, dfn, dfd, loc, scale))


def f_cdf(x: Any, dfn: Any, dfd: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.f.cdf`."""
    z = standard(x, loc, scale)
    n, m = positive(dfn), positive(dfd)
    z = np.minimum(z, 1e300)
    z = known(z, n, m)
    out = z < 0
    z = np.where(out, 1.0, z)
    return np.where(out, 0.0, special.betainc(0.5 * n, 0.5 * m, n * z / (m + n * z)))


def f_logcdf(x: Any, dfn: Any, dfd: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.f.logcdf`."""
    return np.log(f_cdf(x, dfn, dfd, loc, scale))


def f_sf(x: Any, dfn: Any, dfd: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.f.sf`."""
    z = standard(x, loc, scale)
    n, m = positive(dfn), positive(dfd)
    z = known(z, n, m)
    out = z < 0
    z = np.where(out, 1.0, z)
    return np.where(out, 1.0, special.betainc(0.5 * m, 0.5 * n, m / (m + n * z)))


def f_logsf(x: Any, dfn: Any, dfd: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """`scipy.stats.f.logsf`."""
    return np.log(f_sf(x, dfn, dfd, loc, scale))
