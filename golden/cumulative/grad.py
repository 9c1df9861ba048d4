# redraft: gradient of cumulative (original.py:6) with respect to x.
# Generated, do not edit. Regenerate: redraft golden update cumulative

import numpy as np
from redraft import runtime as rt


def cumulative_grad(x, w):
    """Gradient of cumulative (original.py:6) with respect to x."""
    # forward
    path = np.cumsum(x)
    growth = np.exp(path)
    # backward
    growth_bar = rt.unbroadcast(np.ones_like(w * growth) * w, growth)  # 9  return np.sum(w * gro...
    return np.reshape(np.flip(np.cumsum(np.flip(growth_bar * growth))), np.shape(x))
