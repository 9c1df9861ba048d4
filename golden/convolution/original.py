"""A convolution written as a loop over the taps of its kernel."""

import numpy as np

ARGNUMS = (0, 1)


def convolution(kernel, signal, target):
    n = len(signal) - len(kernel) + 1
    out = np.zeros(n)
    for k in range(len(kernel)):
        out = out + kernel[k] * signal[k : k + n]
    return np.mean((out - target) ** 2)


def arguments():
    rng = np.random.default_rng(0)
    return rng.normal(size=3), rng.normal(size=8), rng.normal(size=6)
