# redraft: gradient of sum_of_generator (original.py:11) with respect to x.
# Generated, do not edit. Regenerate: redraft golden update sum_of_generator

import numpy as np
from redraft import runtime as rt


def kernel_fwd_x(x, y):
    """Value of kernel (original.py:6), and what kernel_bwd_x needs of it."""
    r = x - y
    t0 = np.exp(-np.sum(r * r))
    return t0, (t0, r, x)


def kernel_bwd_x(saved, t_bar):
    """Cotangents of x from that of the result of kernel (original.py:6)."""
    t0, r, x = saved
    return rt.unbroadcast(-2 * t_bar * t0 * r, x)  # 7  r = x - y


def sum_of_generator_grad(x, ys):
    """Gradient of sum_of_generator (original.py:11) with respect to x."""
    # forward
    items = []
    tape = []
    for y in ys:
        t0, t_saved = kernel_fwd_x(x, y)
        items.append(t0)
        tape.append(t_saved)
    density = sum(items)
    # backward
    items_bar = rt.unsum(rt.seed(np.log(density)) / density, items)  # 12  density = sum(kernel(x...
    items_bar = rt.own(items_bar)
    x_bar = rt.zeros_like(x)
    for t_saved in reversed(tape):
        t0_bar = items_bar.pop()
        x_bar = rt.add(x_bar, kernel_bwd_x(t_saved, t0_bar))
    return rt.like(x_bar, x)
