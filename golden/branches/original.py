"""if/elif/else: the backward part takes the branch that the forward part took."""

import numpy as np


def branches(x, mode):
    s = np.sum(x)
    if mode == "tanh":
        y = np.tanh(x) * s
    elif mode == "exp":
        y = np.exp(-x) + s
    else:
        y = x
    return np.sum(y * y)


def arguments():
    return np.array([0.3, -0.7, 1.2]), "exp"


TRANSFORMS = ("grad", "jit", "linearize")
STATIC = 1  # decides what is computed
