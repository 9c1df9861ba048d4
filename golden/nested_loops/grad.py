# redraft: gradient of nested_loops (original.py:6) with respect to x.
# Generated, do not edit. Regenerate: redraft golden update nested_loops

import numpy as np
from redraft import runtime as rt


def nested_loops_grad(x):
    """Gradient of nested_loops (original.py:6) with respect to x."""
    # forward
    h = x
    tape = []
    for i in range(3):
        tape_1 = []
        for j in range(i + 1):
            t0 = np.tanh(h)
            h = t0 + 0.1 * x
            tape_1.append(t0)
        tape.append((h, tape_1))
    # backward
    h_bar, x_bar = np.zeros_like(h), rt.zeros_like(x)  # 9  for i in range(3):
    for h, tape_1 in reversed(tape):
        h_bar = h_bar + 2 * h                 # 12  total = total + np.sum(h * h)
        for t0 in reversed(tape_1):
            x_bar += 0.1 * h_bar              # 11  h = np.tanh(h) + 0.1 * x
            h_bar = h_bar * (1 - t0 * t0)
    x_bar += h_bar                            # 8  h = x
    return x_bar
