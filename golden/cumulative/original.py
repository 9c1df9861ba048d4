"""A cumulative sum backward is a cumulative sum from the other end."""

import numpy as np


def cumulative(x, w):
    path = np.cumsum(x)
    growth = np.exp(path)
    return np.sum(w * growth)


def arguments():
    return np.array([0.3, -0.7, 1.2, 0.5]), np.array([1.0, 0.5, -0.3, 0.2])
