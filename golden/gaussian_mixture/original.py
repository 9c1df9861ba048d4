"""Log-likelihood of a Gaussian mixture: reductions along several axes."""

import numpy as np

ARGNUMS = (0, 1, 2)


def gaussian_mixture(log_weights, means, log_scales, x):
    z = (x[:, None, :] - means) * np.exp(-log_scales)
    log_density = -0.5 * np.sum(z**2, axis=2) - np.sum(log_scales, axis=1)
    log_p = log_density + log_weights
    top = np.max(log_p, axis=1, keepdims=True)
    total = np.sum(np.exp(log_p - top), axis=1)
    return np.sum(np.log(total) + top[:, 0])


def arguments():
    rng = np.random.default_rng(0)
    shapes = [(3,), (3, 2), (3, 2), (6, 2)]
    return tuple(rng.normal(size=shape) for shape in shapes)
