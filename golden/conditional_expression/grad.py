# redraft: gradient of conditional_expression (original.py:8) with respect to x and y.
# Generated, do not edit. Regenerate: redraft golden update conditional_expression

import numpy as np
from redraft import runtime as rt


def conditional_expression_grad(x, y):
    """Gradient of conditional_expression (original.py:8) with respect to x and y."""
    # forward
    scale = np.exp(y) if y < 1.0 else y * np.e
    wave = np.cos(x)
    # backward
    t0_bar = np.ones_like(wave * scale)       # 11  return np.sum(wave * scale)
    scale_bar = rt.unbroadcast(t0_bar * wave, scale)
    x_bar = -rt.unbroadcast(t0_bar * scale, wave) * np.sin(x)  # 10  wave = np.cos(x)
    return x_bar, scale_bar * scale if y < 1.0 else rt.unbroadcast(scale_bar * np.e, y)
