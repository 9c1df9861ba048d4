"""Rosenbrock's function: slices of one array that overlap."""

import numpy as np

TRANSFORMS = ("grad", "value_and_grad", "vjp", "jvp")


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def arguments():
    return (np.array([0.3, -0.7, 1.2, 0.5]),)
