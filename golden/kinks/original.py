"""maximum, where, clip and abs: one convention at ties, and no NaN from the side not taken."""

import numpy as np

ARGNUMS = (0, 1)


def kinks(x, y):
    root = np.where(x > 0, np.sqrt(np.maximum(x, 0.0)), 0.0)
    larger = np.maximum(x, y)
    inside = np.clip(x, -0.5, 0.5)
    size = np.abs(y)
    return np.sum(larger + inside * size + root)


def arguments():
    return np.array([0.3, -0.7, 1.2, -0.1]), np.array([0.4, -0.9, 0.1, 0.2])
