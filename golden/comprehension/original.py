"""A list comprehension is a loop that appends."""

import numpy as np

ARGNUMS = (0, 1)


def comprehension(xs, w):
    hidden = [np.tanh(w * x) for x in xs]
    first = hidden[0]
    last = hidden[-1]
    return np.sum(first * last)


def arguments():
    return [np.array([0.3, -0.7]), np.array([1.2, 0.4]), np.array([0.1, 2.0])], 1.5
