# redraft: gradient of kinks (original.py:8) with respect to x and y.
# Generated, do not edit. Regenerate: redraft golden update kinks

import numpy as np
from redraft import runtime as rt


def kinks_grad(x, y):
    """Gradient of kinks (original.py:8) with respect to x and y."""
    # forward
    t0 = np.sqrt(np.maximum(x, 0.0))
    root = np.where(x > 0, t0, 0.0)
    larger = np.maximum(x, y)
    inside = np.clip(x, -0.5, 0.5)
    size = np.abs(y)
    # backward
    t0_bar = np.ones_like(larger + inside * size + root)  # 13  return np.sum(larger + inside * s...
    larger_bar = rt.unbroadcast(t0_bar, larger)
    y_bar = np.real(rt.unbroadcast(t0_bar * inside, size)) * rt.sign(y)  # 12  size = np.abs(y)
    x_bar = rt.where_between(rt.unbroadcast(t0_bar * size, inside), x, -0.5, 0.5)
    x_bar = x_bar + rt.unbroadcast(rt.where_greater(larger_bar, x, y), x)  # 10  larger = np.maxi...
    y_bar = y_bar + rt.unbroadcast(rt.where_greater(larger_bar, y, x), y)
    t0_bar = np.where(x > 0, rt.unbroadcast(t0_bar, root), 0.0)  # 9  root = np.where(x > 0, np.s...
    x_bar = x_bar + rt.unbroadcast(rt.where_greater(t0_bar * rt.finite(0.5 / t0, t0_bar), x, 0.0), x)
    return x_bar, y_bar
