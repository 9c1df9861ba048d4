# redraft: gradient of gated_cell (original.py:10) with respect to params.
# Generated, do not edit. Regenerate: redraft golden update gated_cell

import numpy as np
from redraft import runtime as rt


def sigmoid_fwd(x):
    """Value of sigmoid (original.py:6), and what sigmoid_bwd needs of it."""
    t0 = np.exp(-x)
    t1 = 1.0 + t0
    t2 = 1.0 / t1
    return t2, (t2, t1, t0)


def sigmoid_bwd(saved, t_bar):
    """Cotangents of x from that of the result of sigmoid (original.py:6)."""
    t0, t1, t2 = saved
    return t_bar * t0 / t1 * t2               # 7  return 1.0 / (1.0 + np.exp(-x))


def gated_cell_grad(params, xs, h):
    """Gradient of gated_cell (original.py:10) with respect to params."""
    # forward
    Wz, Wc, b = params
    tape = []
    for x in xs:
        t0 = [x, h]
        joined = np.concatenate(t0)
        z, z_saved = sigmoid_fwd(Wz @ joined + b)
        t1 = 1.0 - z
        t2 = np.tanh(Wc @ joined)
        tape.append((t2, z, joined, h, t1, z_saved, t0))
        h = t1 * h + z * t2
    # backward
    h_bar = 2 * h                             # 16  return np.sum(h * h)
    Wc_bar = np.zeros_like(Wc)                # 12  for x in xs:
    Wz_bar = np.zeros_like(Wz)
    b_bar = rt.zeros_like(b)
    for t0, z, joined, h, t1, z_1, t2 in reversed(tape):
        t0_bar = h_bar                        # 15  h = (1.0 - z) * h + z * np.tanh(Wc @ joined)
        z_bar = rt.unbroadcast(h_bar * t0, z)
        t1_bar = h_bar * z * (1 - t0 * t0)
        Wc_bar += rt.matmul_bar_x(t1_bar, Wc, joined)
        joined_bar = rt.matmul_bar_y(t1_bar, Wc, joined)
        h_bar = rt.unbroadcast(t0_bar * t1, h)
        z_bar = z_bar + rt.unbroadcast(-(t0_bar * h), z)
        t0_bar = sigmoid_bwd(z_1, z_bar)      # 14  z = sigmoid(Wz @ joined + b)
        b_bar += rt.unbroadcast(t0_bar, b)
        Wz_bar += rt.matmul_bar_x(t0_bar, Wz, joined)
        joined_bar = joined_bar + rt.matmul_bar_y(t0_bar, Wz, joined)
        h_bar = h_bar + rt.unconcatenate(joined_bar, t2)[1]  # 13  joined = np.concatenate([x, h])
    return rt.like((Wz_bar, Wc_bar, b_bar), params)  # 11  Wz, Wc, b = params
