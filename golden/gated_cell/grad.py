# redraft: gradient of gated_cell (original.py:10) with respect to params.
# Generated, do not edit. Regenerate: redraft golden update gated_cell

import numpy as np
from redraft import runtime as rt


def gated_cell_grad(params, xs, h):
    """Gradient of gated_cell (original.py:10) with respect to params."""
    # forward
    Wz, Wc, b = params
    tape = []
    for x in xs:
        t0 = [x, h]
        joined = np.concatenate(t0)
        t1 = np.exp(-(Wz @ joined + b))
        t2 = 1.0 + t1
        z = 1.0 / t2
        t3 = 1.0 - z
        t4 = np.tanh(Wc @ joined)
        tape.append((t4, z, joined, h, t3, t2, t1, t0))
        h = t3 * h + z * t4
    # backward
    h_bar = 2 * h                             # 16  return np.sum(h * h)
    Wc_bar, Wz_bar, b_bar = np.zeros_like(Wc), np.zeros_like(Wz), rt.zeros_like(b)
    for t4, z, joined, h, t3, t2, t1, t0 in reversed(tape):
        t0_bar = h_bar                        # 15  h = (1.0 - z) * h + z * np.tanh(Wc @ joined)
        z_bar = rt.unbroadcast(h_bar * t4, z)
        t1_bar = h_bar * z * (1 - t4 * t4)
        Wc_bar += rt.matmul_bar_x(t1_bar, Wc, joined)
        joined_bar = rt.matmul_bar_y(t1_bar, Wc, joined)
        h_bar = rt.unbroadcast(t0_bar * t3, h)
        z_bar = z_bar + rt.unbroadcast(-(t0_bar * h), z)
        t0_bar = z_bar * z / t2 * t1          # 14  z = sigmoid(Wz @ joined + b)
        b_bar += rt.unbroadcast(t0_bar, b)
        Wz_bar += rt.matmul_bar_x(t0_bar, Wz, joined)
        joined_bar = joined_bar + rt.matmul_bar_y(t0_bar, Wz, joined)
        h_bar = h_bar + rt.unconcatenate(joined_bar, t0)[1]  # 13  joined = np.concatenate([x, h])
    return rt.like((Wz_bar, Wc_bar, b_bar), params)  # 11  Wz, Wc, b = params
