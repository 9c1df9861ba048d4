"""A function that returns its gradient: what the gradient captures is kept between both parts."""

import numpy as np

import redraft as rd


@rd.custom_gradient
def norm(x):
    size = np.sqrt(np.sum(x * x))
    return size, lambda z_bar: z_bar * x / np.maximum(size, 1e-12)


def custom_gradient(w, x):
    return norm(w * x) ** 2


def arguments():
    return np.array([0.3, -0.7, 1.2]), np.array([1.0, 2.0, 0.5])
