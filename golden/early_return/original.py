"""A return in the middle: both ends have a derivative of their own."""

import numpy as np


def early_return(x):
    r = np.sqrt(np.sum(x * x))
    if r < 1.0:
        return 0.5 * r**2
    return r - 0.5


def arguments():
    return (np.array([0.3, -0.7, 1.2]),)


TRANSFORMS = ("grad", "jit")
