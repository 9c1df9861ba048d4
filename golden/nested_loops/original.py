"""Nested loops: the inner tape is one more value in the record of the outer loop."""

import numpy as np


def nested_loops(x):
    total = 0.0
    h = x
    for i in range(3):
        for j in range(i + 1):
            h = np.tanh(h) + 0.1 * x
        total = total + np.sum(h * h)
    return total


def arguments():
    return (np.array([0.3, -0.7, 1.2]),)
