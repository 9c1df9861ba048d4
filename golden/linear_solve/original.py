"""A solve reversed is a solve with the transposed matrix."""

import numpy as np

ARGNUMS = (0, 1)


def linear_solve(a, b):
    x = np.linalg.solve(a, b)
    residual = a.T @ x - b
    return x @ x + residual @ residual


def arguments():
    rng = np.random.default_rng(0)
    return rng.normal(size=(3, 3)) + 3.0 * np.eye(3), rng.normal(size=3)


def batch():
    a, b = arguments()
    return np.stack([a, a.T]), np.stack([b, -2.0 * b])


TRANSFORMS = ("grad", "vmap")
