# redraft: gradient of continue_over (original.py:6) with respect to x.
# Generated, do not edit. Regenerate: redraft golden update continue_over

import numpy as np
from redraft import runtime as rt


def continue_over_grad(x):
    """Gradient of continue_over (original.py:6) with respect to x."""
    # forward
    total = 0.0
    tape = []
    for i in range(len(x)):
        cond = x[i] < 0
        if not cond:
            total = total + np.log(x[i])
        tape.append((cond, i))
    # backward
    total_bar = rt.seed(total)                # 12  return total
    x_bar = rt.zeros_like(x)                  # 8  for i in range(len(x)):
    for cond, i in reversed(tape):
        if not cond:
            x_bar[i] += total_bar / x[i]      # 11  total += np.log(x[i])
    return rt.like(x_bar, x)
