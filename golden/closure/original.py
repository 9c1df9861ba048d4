"""A lambda over a local variable: what it captured gets its cotangent."""

import numpy as np

ARGNUMS = (0, 1)


def closure(w, x):
    scaled = lambda v: np.sin(w * v)
    once = scaled(x)
    twice = scaled(2 * x)
    return np.sum(once + twice)


def arguments():
    return 1.3, np.array([0.3, -0.7, 1.2])
