# redraft: value of helper_call (original.py:13), and what helper_call_lin needs of it.
# Generated, do not edit. Regenerate: redraft golden update helper_call

import numpy as np
from redraft import runtime as rt


def softplus_lin_fwd(x):
    """Value of softplus (original.py:8), and what softplus_lin needs of it."""
    small = np.exp(-np.abs(x))
    return np.log1p(small) + np.maximum(x, 0), (x, small)


def softplus_lin(saved, x_dot):
    """Tangent of the result of softplus (original.py:8) along those of x: the linear part."""
    x, small = saved
    return -np.real(x_dot * rt.sign(x)) * small / (1 + small) + rt.where_greater(x_dot, x, 0)


def helper_call_lin_fwd(w, x):
    """Value of helper_call (original.py:13), and what helper_call_lin needs of it."""
    scores = x @ w
    y, y_saved = softplus_lin_fwd(scores)
    return np.mean(y), (x, y_saved)


def helper_call_lin(saved, w_dot):
    """Tangent of the result of helper_call (original.py:13) along those of w: the linear part."""
    x, y_saved = saved
    return np.mean(softplus_lin(y_saved, x @ w_dot))  # 16  return np.mean(y)
