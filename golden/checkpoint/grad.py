# redraft: gradient of checkpoint (original.py:13) with respect to ws.
# Generated, do not edit. Regenerate: redraft golden update checkpoint

import numpy as np
from redraft import runtime as rt


def layer(w, x):
    return np.tanh(np.sin(x @ w) ** 2)


def layer_inner_fwd(w, x):
    """Value of layer_inner (original.py:9), and what layer_inner_bwd needs of it."""
    t0 = x @ w
    t1 = np.sin(t0)
    t2 = np.tanh(t1 ** 2)
    return t2, (t2, t1, t0, x, w)


def layer_inner_bwd(saved, t_bar):
    """Cotangents of w and x from that of the result of layer_inner (original.py:9)."""
    t2, t1, t0, x, w = saved
    t0_bar = 2 * t_bar * (1 - t2 * t2) * t1 * np.cos(t0)  # 10  return np.tanh(np.sin(x @ w) ** 2)
    return rt.matmul_bar_y(t0_bar, x, w), rt.matmul_bar_x(t0_bar, x, w)


def layer_fwd(w, x):
    """Value of layer (original.py:9), and what layer_bwd needs of it."""
    return layer(w, x), (w, x)


def layer_bwd(saved, ans_bar):
    """Cotangents of w and x from that of the result of layer (original.py:9), run again."""
    saved, ans_bar = rt.barrier((saved, ans_bar))
    w, x = saved
    _, saved = layer_inner_fwd(w, x)
    return layer_inner_bwd(saved, ans_bar)


def checkpoint_grad(ws, x):
    """Gradient of checkpoint (original.py:13) with respect to ws."""
    # forward
    tape = []
    for w in ws:
        x, x_saved = layer_fwd(w, x)
        tape.append(x_saved)
    # backward
    x_bar = 1.0 / np.size(x)                  # 16  return np.mean(x)
    x_bar = np.full_like(x, x_bar)            # 14  for w in ws:
    ws_bars = []
    for x_saved in reversed(tape):
        w_bar, x_bar = layer_bwd(x_saved, x_bar)  # 15  x = layer(w, x)
        ws_bars.append(w_bar)                 # 14  for w in ws:
    return rt.like(rt.stack_items(ws, ws_bars[::-1]), ws)
