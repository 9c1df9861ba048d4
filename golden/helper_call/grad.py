# redraft: gradient of helper_call (original.py:13) with respect to w.
# Generated, do not edit. Regenerate: redraft golden update helper_call

import numpy as np
from redraft import runtime as rt


def softplus_fwd(x):
    """Value of softplus (original.py:8), and what softplus_bwd needs of it."""
    small = np.exp(-np.abs(x))
    return np.log1p(small) + np.maximum(x, 0), (x, small)


def softplus_bwd(saved, t_bar):
    """Cotangents of x from that of the result of softplus (original.py:8)."""
    x, small = saved
    x_bar = rt.where_greater(t_bar, x, 0)     # 10  return np.log1p(small) + np.maximum(x, 0)
    return x_bar + np.real(-(t_bar / (1 + small) * small)) * rt.sign(x)  # 9  small = np.exp(-np....


def helper_call_grad(w, x):
    """Gradient of helper_call (original.py:13) with respect to w."""
    # forward
    scores = x @ w
    y, y_saved = softplus_fwd(scores)
    # backward
    y_bar = 1.0 / np.size(y)                  # 16  return np.mean(y)
    y_bar = np.full_like(y, y_bar)            # 15  y = softplus(scores)
    return rt.matmul_bar_y(softplus_bwd(y_saved, y_bar), x, w)  # 14  scores = x @ w
