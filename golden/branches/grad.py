# redraft: gradient of branches (original.py:6) with respect to x.
# Generated, do not edit. Regenerate: redraft golden update branches

import numpy as np


def branches_grad(x, mode):
    """Gradient of branches (original.py:6) with respect to x."""
    # forward
    s = np.sum(x)
    if mode == 'tanh':
        t0 = np.tanh(x)
        y = t0 * s
    elif mode == 'exp':
        t1 = np.exp(-x)
        y = t1 + s
    else:
        y = x
    # backward
    y_bar = 2 * y                             # 14  return np.sum(y * y)
    if mode == 'tanh':
        s_bar = np.sum(y_bar * t0)            # 9  y = np.tanh(x) * s
        x_bar = y_bar * s * (1 - t0 * t0)
    elif mode == 'exp':
        s_bar = np.sum(y_bar)                 # 11  y = np.exp(-x) + s
        x_bar = -(y_bar * t1)
    else:
        x_bar = y_bar                         # 13  y = x
        s_bar = 0.0                           # 10  elif mode == "exp":
    return x_bar + s_bar                      # 7  s = np.sum(x)
