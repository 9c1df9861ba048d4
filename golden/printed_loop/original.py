"""Values that are printed: once in a derivative, and for each example that comes by in a batch."""

import numpy as np

import redraft as rd

TRANSFORMS = ("grad", "vmap", "vmap,grad")
IN_AXES = 0


def printed_loop(x):
    y = x
    for i in range(2):
        y = np.sin(y) * 1.5
        rd.debug.print("round {}: {y}", i, y=y)
    if np.sum(y) > 1.0:
        rd.debug.print("large: {}", np.sum(y))
        y = y / np.sum(y)
    return np.sum(y**2)


def arguments():
    return (np.array([0.4, 1.2]),)


def batch():
    return (np.array([[0.4, 1.2], [-0.3, 0.1]]),)
