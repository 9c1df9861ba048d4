# redraft: gradient of loop_overwrites (original.py:8) with respect to x.
# Generated, do not edit. Regenerate: redraft golden update loop_overwrites

import numpy as np


def loop_overwrites_grad(x, n):
    """Gradient of loop_overwrites (original.py:8) with respect to x."""
    # forward
    y = x
    tape = []
    for i in range(n):
        tape.append(y)
        y = np.sin(y) * 1.01
    # backward
    y_bar = np.ones_like(y)                   # 10  for i in range(n):
    for y in reversed(tape):
        y_bar = 1.01 * y_bar * np.cos(y)      # 11  y = np.sin(y) * 1.01
    return y_bar                              # 9  y = x
