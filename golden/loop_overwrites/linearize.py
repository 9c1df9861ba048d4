# redraft: value of loop_overwrites (original.py:8), and what loop_overwrites_lin needs of it.
# Generated, do not edit. Regenerate: redraft golden update loop_overwrites

import numpy as np


def loop_overwrites_lin_fwd(x, n):
    """Value of loop_overwrites (original.py:8), and what loop_overwrites_lin needs of it."""
    y = x
    tape = []
    for i in range(n):
        tape.append(y)
        y = np.sin(y) * 1.01
    return np.sum(y), tape


def loop_overwrites_lin(tape, x_dot):
    """Tangent of the result of loop_overwrites (original.py:8) along those of x: the linear part."""
    y_dot = x_dot                             # 9  y = x
    for y in tape:
        y_dot = 1.01 * y_dot * np.cos(y)      # 11  y = np.sin(y) * 1.01
    return np.sum(y_dot)                      # 12  return np.sum(y)
