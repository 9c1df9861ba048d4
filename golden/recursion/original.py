"""A function that calls itself: so do its forward and its backward part."""

import numpy as np


def recursion(x, depth):
    if depth == 0:
        return np.sum(x * x)
    return recursion(np.sin(x), depth - 1) + np.sum(x)


def arguments():
    return np.array([0.3, -0.7, 1.2]), 3
