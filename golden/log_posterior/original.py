"""The log posterior of a regression with heavy tails: densities of scipy.stats, one of them frozen."""

import numpy as np
from scipy import stats

ARGNUMS = (0, 1)


def log_posterior(weights, log_scale, x, y):
    prior = stats.norm(0.0, 10.0)
    residuals = y - x @ weights
    likelihood = stats.t.logpdf(residuals, 4.0, scale=np.exp(log_scale))
    return np.sum(likelihood) + np.sum(prior.logpdf(weights)) + prior.logpdf(log_scale)


def arguments():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 2))
    return np.array([0.5, -1.0]), 0.3, x, x @ np.array([1.0, -0.5]) + rng.normal(size=6)
