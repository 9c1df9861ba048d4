# redraft: value of mlp (original.py:8), and its gradient with respect to params.
# Generated, do not edit. Regenerate: redraft golden update mlp

import numpy as np
from redraft import runtime as rt


def mlp_value_and_grad(params, x, y):
    """Value of mlp (original.py:8), and its gradient with respect to params."""
    # forward
    h = x
    tape = []
    for W, b in params:
        h_saved = h
        h = np.tanh(h @ W + b)
        tape.append((h, b, h_saved, W))
    t0 = h - y
    # backward
    h_bar = rt.unbroadcast(2.0 / np.size(t0) * t0, h)  # 12  return np.mean((h - y) ** 2)
    params_bars = []                          # 10  for W, b in params:
    for h, b, h_saved, W in reversed(tape):
        t0_bar = h_bar * (1 - h * h)          # 11  h = np.tanh(h @ W + b)
        h_bar = rt.matmul_bar_x(t0_bar, h_saved, W)
        params_bars.append((rt.matmul_bar_y(t0_bar, h_saved, W), rt.unbroadcast(t0_bar, b)))
    return np.mean(t0 ** 2), rt.like(rt.stack_items(params, params_bars[::-1]), params)
