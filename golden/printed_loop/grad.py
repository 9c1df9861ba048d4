# redraft: gradient of printed_loop (original.py:11) with respect to x.
# Generated, do not edit. Regenerate: redraft golden update printed_loop

import numpy as np
import redraft as rd
import redraft.debug


def printed_loop_grad(x):
    """Gradient of printed_loop (original.py:11) with respect to x."""
    # forward
    y = x
    tape = []
    for i in range(2):
        tape.append(y)
        y = np.sin(y) * 1.5
        rd.debug.print('round {}: {y}', i, y=y)
    cond = np.sum(y) > 1.0
    if cond:
        rd.debug.print('large: {}', np.sum(y))
        t0 = np.sum(y)
        y = y / t0
    # backward
    y_bar = 2.0 * y                           # 19  return np.sum(y**2)
    if cond:
        t0_bar = np.sum(-y_bar * y / t0)      # 18  y = y / np.sum(y)
        y_bar = y_bar / t0
        y_bar = y_bar + t0_bar
    for y in reversed(tape):
        y_bar = 1.5 * y_bar * np.cos(y)       # 14  y = np.sin(y) * 1.5
    return y_bar                              # 12  y = x
