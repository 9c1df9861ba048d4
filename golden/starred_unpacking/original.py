"""`first, *middle, last = ...` gives each name its part of the cotangent."""

import numpy as np


def starred_unpacking(layers, x):
    first, *middle, last = layers
    h = np.tanh(first * x)
    for w in middle:
        h = np.tanh(w * h)
    return np.sum(last * h)


def arguments():
    return [0.8, 1.2, -0.7, 1.9], np.array([0.3, -0.7, 1.2])
