"""functools.partial: the fixed arguments are data, or get a cotangent of their own."""

from functools import partial

import numpy as np

ARGNUMS = (0, 1)


def power_sum(exponent, scale, x):
    return np.sum(scale * x**exponent)


def partial_call(scale, x):
    cubes = partial(power_sum, 3, scale)
    return cubes(x) - cubes(0.5 * x)


def arguments():
    return 1.3, np.array([0.3, -0.7, 1.2])
