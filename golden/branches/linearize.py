# redraft: value of branches (original.py:6), and what branches_lin needs of it.
# Generated, do not edit. Regenerate: redraft golden update branches

import numpy as np


def branches_lin_fwd(x, mode):
    """Value of branches (original.py:6), and what branches_lin needs of it."""
    t0 = None
    t1 = None
    s = np.sum(x)
    if mode == 'tanh':
        t0 = np.tanh(x)
        y = t0 * s
    elif mode == 'exp':
        t1 = np.exp(-x)
        y = t1 + s
    else:
        y = x
    return np.sum(y * y), (mode, t0, s, t1, y)


def branches_lin(saved, x_dot):
    """Tangent of the result of branches (original.py:6) along those of x: the linear part."""
    mode, t0, s, t1, y = saved
    s_dot = np.sum(x_dot)                     # 7  s = np.sum(x)
    if mode == 'tanh':
        y_dot = x_dot * (1 - t0 * t0) * s + s_dot * t0  # 9  y = np.tanh(x) * s
    else:
        y_dot = -x_dot * t1 + s_dot if mode == 'exp' else x_dot  # 11  y = np.exp(-x) + s
    return np.sum(y_dot * y + y_dot * y)      # 14  return np.sum(y * y)
