"""A bias that NumPy stretches over a batch: its cotangent is summed back to its shape."""

import numpy as np

ARGNUMS = (0, 1, 2)


def broadcast_bias(x, b, c):
    shifted = x + b
    scaled = shifted * c
    y = np.exp(scaled)
    return np.sum(y)


def arguments():
    rng = np.random.default_rng(0)
    return rng.normal(size=(4, 3)), rng.normal(size=3), rng.normal(size=(4, 1))
