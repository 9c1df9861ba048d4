# redraft: value of mlp (original.py:8), and its tangent along the tangents of params.
# Generated, do not edit. Regenerate: redraft golden update mlp

import numpy as np
from redraft import runtime as rt


def mlp_jvp(params, x, y, params_dot):
    """Value of mlp (original.py:8), and its tangent along the tangents of params."""
    h = x
    h_dot = rt.zeros_like(h)
    for (W, b), (W_dot, b_dot) in zip(params, params_dot):
        t0_dot = h_dot @ W + h @ W_dot + b_dot
        h = np.tanh(h @ W + b)
        h_dot = t0_dot * (1 - h * h)
    t0 = h - y
    return np.mean(t0 ** 2), np.mean(2 * rt.broadcast_like(h_dot, t0) * t0)
