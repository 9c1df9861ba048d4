"""`break` becomes a guard: the backward loop has the turns that were really taken."""

import numpy as np

TRANSFORMS = ("grad", "linearize")


def break_out(x, limit):
    y = x
    for i in range(10):
        y = y * 1.5 + x
        if np.sum(np.abs(y)) > limit:
            break
    return np.sum(y * y)


def arguments():
    return np.array([0.3, -0.7, 1.2]), 20.0
