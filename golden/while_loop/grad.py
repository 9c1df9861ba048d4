# redraft: gradient of while_loop (original.py:6) with respect to x.
# Generated, do not edit. Regenerate: redraft golden update while_loop

import numpy as np


def while_loop_grad(x, limit):
    """Gradient of while_loop (original.py:6) with respect to x."""
    # forward
    tape = []
    while np.sum(x * x) > limit:
        tape.append(x)
        x = 0.5 * np.sin(x)
    # backward
    x_bar = np.exp(x)                         # 9  return np.sum(np.exp(x))
    for x in reversed(tape):
        x_bar = 0.5 * x_bar * np.cos(x)       # 8  x = 0.5 * np.sin(x)
    return x_bar
