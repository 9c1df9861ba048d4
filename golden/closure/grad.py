# redraft: gradient of closure (original.py:8) with respect to w and x.
# Generated, do not edit. Regenerate: redraft golden update closure

import numpy as np
from redraft import runtime as rt


def closure_grad(w, x):
    """Gradient of closure (original.py:8) with respect to w and x."""
    # forward
    t0 = w * x
    once = np.sin(t0)
    t1 = 2 * x
    t2 = w * t1
    twice = np.sin(t2)
    # backward
    t0_bar = np.ones_like(once + twice)       # 12  return np.sum(once + twice)
    t1_bar = rt.unbroadcast(t0_bar, twice) * np.cos(t2)  # 11  twice = scaled(2 * x)
    w_bar = rt.unbroadcast(t1_bar * t1, w)
    x_bar = rt.unbroadcast(2 * t1_bar * w, x)
    t0_bar = rt.unbroadcast(t0_bar, once) * np.cos(t0)  # 10  once = scaled(x)
    return w_bar + rt.unbroadcast(t0_bar * x, w), x_bar + rt.unbroadcast(t0_bar * w, x)
