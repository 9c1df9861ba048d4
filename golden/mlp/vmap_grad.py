# redraft: gradient of mlp (original.py:8) with respect to params, for a batch of x and y.
# Generated, do not edit. Regenerate: redraft golden update mlp

import numpy as np
from redraft import runtime as rt


def mlp_grad_vmap(params, x, y):
    """Gradient of mlp (original.py:8) with respect to params, for a batch of x and y."""
    h = x
    tape = []
    for W, b in params:
        h_saved = h
        h = np.tanh(h @ W + b)
        tape.append((h, b, h_saved, W))
    t0 = h - y
    h_bar = rt.unbroadcast(2.0 / (t0.shape[1] * t0.shape[2]) * t0, h)
    params_bars = []
    for h, b, h_saved, W in reversed(tape):
        t0_bar = h_bar * (1 - h * h)
        h_bar = rt.matmul_bar_x(t0_bar, h_saved, W)
        params_bars.append((rt.matmul_bar_y(t0_bar, h_saved, rt.spread(W, h_saved)), rt.each_unbroadcast(t0_bar, b, of_x=0)))
    return rt.like(rt.stack_items(params, params_bars[::-1]), params)
