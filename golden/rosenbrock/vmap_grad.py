# redraft: gradient of rosenbrock (original.py:8) with respect to x, for a batch of x.
# Generated, do not edit. Regenerate: redraft golden update rosenbrock

import numpy as np
from redraft import runtime as rt


def rosenbrock_grad_vmap(x):
    """Gradient of rosenbrock (original.py:8) with respect to x, for a batch of x."""
    left, right = x[:, :-1], x[:, 1:]
    valley = right - left ** 2
    slope = 1.0 - left
    t0_bar = np.ones_like(100.0 * valley ** 2 + slope ** 2)
    valley_bar = rt.unbroadcast(200.0 * t0_bar * valley, valley)
    left_bar = -rt.unbroadcast(2 * t0_bar * slope, slope)
    left_bar = left_bar + rt.unbroadcast(-2 * valley_bar * left, left)
    x_bar = np.zeros_like(x)
    x_bar[:, 1:] += rt.unbroadcast(valley_bar, right)
    x_bar[:, :-1] += left_bar
    return x_bar
