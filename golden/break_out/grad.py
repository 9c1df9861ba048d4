# redraft: gradient of break_out (original.py:8) with respect to x.
# Generated, do not edit. Regenerate: redraft golden update break_out

import numpy as np
from redraft import runtime as rt


def break_out_grad(x, limit):
    """Gradient of break_out (original.py:8) with respect to x."""
    # forward
    y = x
    stop = False
    tape = []
    for i in range(10):
        y = y * 1.5 + x
        if np.sum(np.abs(y)) > limit:
            stop = True
        tape.append(None)
        if stop:
            break
    # backward
    y_bar = 2 * y                             # 14  return np.sum(y * y)
    x_bar = rt.zeros_like(x)                  # 10  for i in range(10):
    for _ in reversed(tape):
        x_bar += y_bar                        # 11  y = y * 1.5 + x
        y_bar = 1.5 * y_bar
    x_bar += y_bar                            # 9  y = x
    return x_bar
