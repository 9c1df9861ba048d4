# redraft: hessian of rosenbrock (original.py:8) with respect to x.
# Generated, do not edit. Regenerate: redraft golden update rosenbrock

import numpy as np
from redraft import runtime as rt


def rosenbrock_grad_tangent_vmap(x, x_dot):
    """Tangent of the result of rosenbrock_grad (original.py:8) along the tangents of x, for a batch of x_dot."""
    batch = len(x_dot)
    left, t0_dot, right = x[:-1], x_dot[:, :-1], x[1:]
    valley = right - left ** 2
    slope = 1.0 - left
    t0_bar = np.ones_like(100.0 * valley ** 2 + slope ** 2)
    t0 = 200.0 * t0_bar * valley
    t = 200.0 * (x_dot[:, 1:] - 2 * t0_dot * left) * t0_bar
    t1_dot = rt.broadcast_like(t, rt.spread(t0, t))
    valley_bar = rt.unbroadcast(t0, valley)
    valley_bar_dot = rt.each_unbroadcast(t1_dot, valley, of_x=0)
    t_2 = 2 * -t0_dot * t0_bar
    t1_dot = rt.broadcast_like(t_2, rt.spread(2 * t0_bar * slope, t_2))
    t0_dot = -2 * valley_bar_dot * left + t0_dot * (-2 * valley_bar)
    left_bar_dot = -rt.each_unbroadcast(t1_dot, slope, of_x=0) + rt.each_unbroadcast(t0_dot, left, of_x=0)
    x_bar = np.zeros_like(x)
    x_bar_dot = rt.per_example(rt.zeros_like(x_bar), batch)
    x_bar_dot[:, 1:] += rt.each_unbroadcast(valley_bar_dot, right, of_x=0)
    x_bar_dot[:, :-1] += left_bar_dot
    return x_bar_dot


def rosenbrock_hessian(x):
    """Hessian of rosenbrock (original.py:8) with respect to x."""
    return rosenbrock_grad_tangent_vmap(x, x_dot=rt.basis(x)).T
