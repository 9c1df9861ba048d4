# redraft: gradient of partial_call (original.py:14) with respect to scale and x.
# Generated, do not edit. Regenerate: redraft golden update partial_call

from functools import partial

import numpy as np
from redraft import runtime as rt


def power_sum(exponent, scale, x):
    return np.sum(scale * x**exponent)


def power_sum_fwd_scale_x(exponent, scale, x):
    """Value of power_sum (original.py:10), and what power_sum_bwd_scale_x needs of it."""
    t0 = x ** exponent
    t1 = scale * t0
    return np.sum(t1), (t1, t0, scale, x, exponent)


def power_sum_bwd_scale_x(saved, t_bar):
    """Cotangents of scale and x from that of the result of power_sum (original.py:10)."""
    t0, t1, scale, x, exponent = saved
    t0_bar = np.full_like(t0, t_bar)          # 11  return np.sum(scale * x**exponent)
    return rt.unbroadcast(t0_bar * t1, scale), rt.unbroadcast(t0_bar * scale * rt.power_dx(x, exponent), x)


def partial_call_grad(scale, x):
    """Gradient of partial_call (original.py:14) with respect to scale and x."""
    # forward
    cubes = partial(power_sum, 3, scale)
    t0, t_saved = power_sum_fwd_scale_x(3, scale, x)
    t1, t_saved_1 = power_sum_fwd_scale_x(3, scale, 0.5 * x)
    # backward
    t0_bar = rt.seed(t0 - t1)                 # 16  return cubes(x) - cubes(0.5 * x)
    scale_bar, t1_bar = power_sum_bwd_scale_x(t_saved_1, -t0_bar)
    x_bar = 0.5 * t1_bar
    scale_1_bar, x_1_bar = power_sum_bwd_scale_x(t_saved, t0_bar)
    scale_bar = rt.add(scale_bar, scale_1_bar)
    x_bar = x_bar + x_1_bar
    return rt.like(scale_bar, scale), x_bar
