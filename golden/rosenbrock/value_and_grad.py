# redraft: value of rosenbrock (original.py:8), and its gradient with respect to x.
# Generated, do not edit. Regenerate: redraft golden update rosenbrock

import numpy as np
from redraft import runtime as rt


def rosenbrock_value_and_grad(x):
    """Value of rosenbrock (original.py:8), and its gradient with respect to x."""
    # forward
    left, right = x[:-1], x[1:]
    valley = right - left ** 2
    slope = 1.0 - left
    t0 = 100.0 * valley ** 2 + slope ** 2
    # backward
    t0_bar = np.ones_like(t0)                 # 12  return np.sum(100.0 * valley**2 + slope**2)
    valley_bar = rt.unbroadcast(200.0 * t0_bar * valley, valley)
    left_bar = -rt.unbroadcast(2 * t0_bar * slope, slope)  # 11  slope = 1.0 - left
    left_bar = left_bar + rt.unbroadcast(-2 * valley_bar * left, left)  # 10  valley = right - le...
    x_bar = rt.zeros_like(x)                  # 9  left, right = x[:-1], x[1:]
    rt.add_at(x_bar, slice(1, None), rt.unbroadcast(valley_bar, right))
    rt.add_at(x_bar, slice(-1), left_bar)
    return np.sum(t0), rt.like(x_bar, x)      # 12  return np.sum(100.0 * valley**2 + slope**2)
