"""Distributions of vectors: the last axis is the vector's, except for Dirichlet's, where SciPy has it first."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from redraft.runtime.definitions.support import LOG_ROOT_2PI, positive


def multivariate_normal_logpdf(x: Any, mean: Any = None, cov: Any = 1) -> Any:
    """`scipy.stats.multivariate_normal.logpdf`, of a positive definite covariance.

    As SciPy, a covariance may be a number or a vector (a diagonal), and axes of length one vanish.
    """
    x, mean, cov = of_vectors(x, mean, cov)
    root = np.linalg.cholesky(cov)
    distances = whitened(root, x - mean)
    height = root.shape[-1] * LOG_ROOT_2PI + np.sum(np.log(np.diagonal(root)))
    return np.squeeze(-0.5 * np.sum(distances * distances, axis=-1) - height)


def multivariate_normal_pdf(x: Any, mean: Any = None, cov: Any = 1) -> Any:
    """`scipy.stats.multivariate_normal.pdf`."""
    return np.exp(multivariate_normal_logpdf(x, mean, cov))


def multivariate_normal_entropy(mean: Any = None, cov: Any = 1) -> Any:
    """`scipy.stats.multivariate_normal.entropy`, of a positive definite covariance."""
    _, _, cov = of_vectors(0.0 if mean is None else mean, mean, cov)
    root = np.linalg.cholesky(cov)
    return root.shape[-1] * (LOG_ROOT_2PI + 0.5) + np.sum(np.log(np.diagonal(root)))


def multivariate_t_logpdf(x: Any, loc: Any = None, shape: Any = 1, df: Any = 1) -> Any:
    """`scipy.stats.multivariate_t.logpdf`, of a positive definite shape."""
    x, loc, shape = of_vectors(x, loc, shape)
    root, df = np.linalg.cholesky(shape), positive(df)
    distances = whitened(root, x - loc)
    dimension = root.shape[-1]
    height = special.gammaln(0.5 * df) - special.gammaln(0.5 * (df + dimension))
    height = height + 0.5 * dimension * (np.log(df) + math.log(math.pi))
    height = height + np.sum(np.log(np.diagonal(root)))
    stretched = np.log1p(np.sum(distances * distances, axis=-1) / df)
    return np.squeeze(-0.5 * (df + dimension) * stretched - height)


def multivariate_t_pdf(x: Any, loc: Any = None, shape: Any = 1, df: Any = 1) -> Any:
    """`scipy.stats.multivariate_t.pdf`."""
    return np.exp(multivariate_t_logpdf(x, loc, shape, df))


def of_vectors(x: Any, mean: Any, cov: Any) -> tuple:
    """Points, mean and covariance with the shapes that SciPy gives them: (..., d), (d,), (d, d)."""
    x, cov = np.float64(1.0) * np.asarray(x), np.float64(1.0) * np.asarray(cov)
    if mean is None:
        dimension = cov.shape[-1] if cov.ndim > 0 else 1
        mean = np.zeros(dimension)
    mean = np.atleast_1d(np.float64(1.0) * np.asarray(mean))
    dimension = mean.shape[0]
    if cov.ndim == 0:
        cov = cov * np.eye(dimension)
    elif cov.ndim == 1:
        cov = np.diag(cov)
    if x.ndim == 1 and dimension == 1:
        x = x[:, None]
    return np.atleast_1d(x), mean, cov


def whitened(root: Any, points: Any) -> Any:
    """Points in the coordinates in which the covariance is the identity."""
    flat = np.reshape(points, (-1, points.shape[-1]))
    return np.reshape(np.linalg.solve(root, flat.T).T, points.shape)


def dirichlet_logpdf(x: Any, alpha: Any) -> Any:
    """`scipy.stats.dirichlet.logpdf`; the components are along the first axis, the last may be left out."""
    x, alpha = np.asarray(x), positive(alpha)
    if x.shape[0] == alpha.shape[0] - 1:
        x = np.concatenate([x, 1 - np.sum(x, axis=0, keepdims=True)])
    height = np.sum(special.gammaln(alpha)) - special.gammaln(np.sum(alpha))
    return np.squeeze(np.sum(special.xlogy((alpha - 1).T, x.T).T, axis=0) - height)


def dirichlet_pdf(x: Any, alpha: Any) -> Any:
    """`scipy.stats.dirichlet.pdf`."""
    return np.exp(dirichlet_logpdf(x, alpha))


def multinomial_logpmf(x: Any, n: Any, p: Any) -> Any:
    """`scipy.stats.multinomial.logpmf`; as there, the last probability is what the others leave."""
    x, p = np.float64(1.0) * np.asarray(x), np.float64(1.0) * np.asarray(p)
    last = 1 - np.sum(p[..., :-1], axis=-1, keepdims=True)
    last = np.where(last > 2**-52, last, p[..., -1:])
    p = np.concatenate([p[..., :-1], last], axis=-1)
    p = np.where((p >= 0) & (p <= 1), p, np.nan)
    wrong = np.any((x < 0) | (x != np.floor(x)), axis=-1) | (np.sum(x, axis=-1) != n)
    inner = np.where(wrong[..., None], 0.0, x)
    terms = special.xlogy(inner, p) - special.gammaln(inner + 1)
    value = special.gammaln(np.multiply(1.0, n) + 1) + np.sum(terms, axis=-1)
    return np.where(wrong, -np.inf, value)


def multinomial_pmf(x: Any, n: Any, p: Any) -> Any:
    """`scipy.stats.multinomial.pmf`."""
    return np.exp(multinomial_logpmf(x, n, p))
