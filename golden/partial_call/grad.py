# redraft: gradient of partial_call (original.py:14) with respect to scale and x.
# Generated, do not edit. Regenerate: redraft golden update partial_call

import numpy as np
from redraft import runtime as rt


def partial_call_grad(scale, x):
    """Gradient of partial_call (original.py:14) with respect to scale and x."""
    # forward
    t0 = x ** 3
    t1 = 0.5 * x
    t2 = t1 ** 3
    # backward
    t0_bar = np.full_like(scale * t2, -1.0)   # 16  return cubes(x) - cubes(0.5 * x)
    t1_bar = np.full_like(scale * t0, 1.0)
    scale_bar = rt.unbroadcast(t0_bar * t2, scale) + rt.unbroadcast(t1_bar * t0, scale)
    x_bar = rt.unbroadcast(1.5 * t0_bar * scale * t1 ** 2, x) + rt.unbroadcast(3 * t1_bar * scale * x ** 2, x)
    return scale_bar, x_bar
