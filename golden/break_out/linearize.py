# redraft: value of break_out (original.py:8), and what break_out_lin needs of it.
# Generated, do not edit. Regenerate: redraft golden update break_out

import numpy as np


def break_out_lin_fwd(x, limit):
    """Value of break_out (original.py:8), and what break_out_lin needs of it."""
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
    return np.sum(y * y), (tape, y)


def break_out_lin(saved, x_dot):
    """Tangent of the result of break_out (original.py:8) along those of x: the linear part."""
    tape, y = saved
    y_dot = x_dot                             # 9  y = x
    for _ in tape:
        y_dot = 1.5 * y_dot + x_dot           # 11  y = y * 1.5 + x
    return np.sum(y_dot * y + y_dot * y)      # 14  return np.sum(y * y)
