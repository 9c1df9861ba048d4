"""`+=` on the function's own array changes it in place; the argument stays as it was."""

import numpy as np


def augmented_assignment(x):
    y = np.cos(x)
    y *= x
    y += 2.0
    y -= y * y
    return np.sum(y)


def arguments():
    return (np.array([0.3, -0.7, 1.2]),)
