"""A shift that cancels in the derivative: the backward part does not go through the maximum."""

import numpy as np

import redraft as rd


def stop_gradient(w, x):
    y = w * x
    shift = rd.stop_gradient(np.max(y))
    return shift + np.log(np.sum(np.exp(y - shift)))


def arguments():
    return np.array([0.3, -0.7, 1.2]), np.array([1.0, 2.0, 0.5])
