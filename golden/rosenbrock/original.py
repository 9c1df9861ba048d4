"""Rosenbrock's function: slices of one array that overlap."""

import numpy as np

TRANSFORMS = ("grad", "value_and_grad", "vjp", "jvp", "vmap", "vmap,grad", "hessian")


def rosenbrock(x):
    left, right = x[:-1], x[1:]
    valley = right - left**2
    slope = 1.0 - left
    return np.sum(100.0 * valley**2 + slope**2)


def arguments():
    return (np.array([0.3, -0.7, 1.2, 0.5]),)


def batch():
    (x,) = arguments()
    return (np.stack([x, -x, x + 1.0]),)
