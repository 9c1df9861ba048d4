# redraft: value of loop_overwrites (original.py:8), and what loop_overwrites_bwd_x needs of it.
# Generated, do not edit. Regenerate: redraft golden update loop_overwrites

import numpy as np


def loop_overwrites_fwd_x(x, n):
    """Value of loop_overwrites (original.py:8), and what loop_overwrites_bwd_x needs of it."""
    y = x
    tape = []
    for i in range(n):
        tape.append(y)
        y = np.sin(y) * 1.01
    return np.sum(y), (y, tape)


def loop_overwrites_bwd_x(saved, t_bar):
    """Cotangents of x from that of the result of loop_overwrites (original.py:8)."""
    y, tape = saved
    y_bar = np.full_like(y, t_bar)            # 10  for i in range(n):
    for y in reversed(tape):
        y_bar = 1.01 * y_bar * np.cos(y)      # 11  y = np.sin(y) * 1.01
    return y_bar                              # 9  y = x
