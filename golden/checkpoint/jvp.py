# redraft: value of checkpoint (original.py:13), and its tangent along the tangents of ws.
# Generated, do not edit. Regenerate: redraft golden update checkpoint

import numpy as np
from redraft import runtime as rt


def layer_jvp(w, x, *, w_dot, x_dot):
    """Value of layer (original.py:9), and its tangent along the tangents of w and x."""
    t0 = x @ w
    t1 = np.sin(t0)
    t0_dot = (x_dot @ w + x @ w_dot) * np.cos(t0)
    t0 = np.tanh(t1 ** 2)
    return t0, 2 * t0_dot * t1 * (1 - t0 * t0)


def checkpoint_jvp(ws, x, ws_dot):
    """Value of checkpoint (original.py:13), and its tangent along the tangents of ws."""
    x_dot = rt.zeros_like(x)
    for w, w_dot in zip(ws, ws_dot):
        x, x_dot = layer_jvp(w, x, w_dot=w_dot, x_dot=x_dot)
    return np.mean(x), np.mean(x_dot)
