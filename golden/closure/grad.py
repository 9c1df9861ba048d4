# redraft: gradient of closure (original.py:8) with respect to w and x.
# Generated, do not edit. Regenerate: redraft golden update closure

import numpy as np
from redraft import runtime as rt


def scaled_fwd(w, v):
    """Value of scaled (original.py:9), and what scaled_bwd needs of it."""
    t0 = w * v
    return np.sin(t0), (t0, v, w)


def scaled_bwd(saved, t_bar):
    """Cotangents of w and v from that of the result of scaled (original.py:9)."""
    t0, v, w = saved
    t0_bar = t_bar * np.cos(t0)               # 9  np.sin(w * v)
    return rt.unbroadcast(t0_bar * v, w), rt.unbroadcast(t0_bar * w, v)


def closure_grad(w, x):
    """Gradient of closure (original.py:8) with respect to w and x."""
    # forward
    once, once_saved = scaled_fwd(w, x)
    twice, twice_saved = scaled_fwd(w, 2 * x)
    # backward
    t0_bar = np.ones_like(once + twice)       # 12  return np.sum(once + twice)
    w_bar, t1_bar = scaled_bwd(twice_saved, rt.unbroadcast(t0_bar, twice))  # 11  twice = scaled(...
    x_bar = 2 * t1_bar
    w_1_bar, x_1_bar = scaled_bwd(once_saved, rt.unbroadcast(t0_bar, once))  # 10  once = scaled(x)
    w_bar = rt.add(w_bar, w_1_bar)
    x_bar = x_bar + x_1_bar
    return rt.like(w_bar, w), x_bar
