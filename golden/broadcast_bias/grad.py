# redraft: gradient of broadcast_bias (original.py:8) with respect to x, b and c.
# Generated, do not edit. Regenerate: redraft golden update broadcast_bias

import numpy as np
from redraft import runtime as rt


def broadcast_bias_grad(x, b, c):
    """Gradient of broadcast_bias (original.py:8) with respect to x, b and c."""
    # forward
    shifted = x + b
    scaled = shifted * c
    y = np.exp(scaled)
    # backward
    shifted_bar = rt.unbroadcast(y * c, shifted)  # 10  scaled = shifted * c
    return rt.unbroadcast(shifted_bar, x), rt.unbroadcast(shifted_bar, b), rt.unbroadcast(y * shifted, c)
