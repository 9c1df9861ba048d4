# redraft: jacobian of rosenbrock_jacrev (original.py:8) with respect to x.
# Generated, do not edit. Regenerate: redraft golden update rosenbrock

import numpy as np
from redraft import runtime as rt


def rosenbrock_fwd_jvp_vmap(x, *, x_dot):
    """Value of rosenbrock_fwd (original.py:8), and its tangent along the tangents of x, for a batch of x_dot."""
    left, t0_dot, right, t1_dot = x[:-1], x_dot[:, :-1], x[1:], x_dot[:, 1:]
    valley = right - left ** 2
    valley_dot = t1_dot - 2 * t0_dot * left
    slope = 1.0 - left
    slope_dot = -t0_dot
    t0 = 100.0 * valley ** 2 + slope ** 2
    t0_1_dot = 100.0 * (2 * valley_dot * valley) + 2 * slope_dot * slope
    return (np.sum(t0), (t0, slope, valley, right, left, x)), (np.sum(t0_1_dot, axis=1), (t0_1_dot, slope_dot, valley_dot, t1_dot, t0_dot, x_dot))


def rosenbrock_bwd_vmap_jvp_vmap(saved, t_bar, *, saved_dot):
    """Value of rosenbrock_bwd_vmap (original.py:8), and its tangent along the tangents of saved, for a batch of saved_dot."""
    batch_2 = len(saved_dot[0])
    batch = len(t_bar)
    t0, slope, valley, right, left, x = saved
    t0_dot, slope_dot, valley_dot, right_dot, left_dot, x_dot = saved_dot
    t0_bar = np.full_like(rt.spread(t0, t_bar), t_bar[:, None])
    t0 = 200.0 * t0_bar
    t1 = t0 * valley
    valley_bar = rt.each_unbroadcast(t1, valley, of_x=0)
    t = rt.align(valley_dot, np.ndim(t0) + 1) * t0
    valley_bar_dot = rt.each_unbroadcast(rt.broadcast_like(rt.align(t, np.ndim(rt.spread(t1, t))), rt.align(rt.spread(t1, t), np.ndim(t))), valley, lead=2, of_x=0)
    t0 = 2 * t0_bar
    t1 = t0 * slope
    t_2 = rt.align(slope_dot, np.ndim(t0) + 1) * t0
    t0_dot = rt.each_unbroadcast(rt.broadcast_like(rt.align(t_2, np.ndim(rt.spread(t1, t_2))), rt.align(rt.spread(t1, t_2), np.ndim(t_2))), slope, lead=2, of_x=0)
    left_bar = -rt.each_unbroadcast(t1, slope, of_x=0)
    t0 = -2 * valley_bar
    t_3 = rt.align(-2 * valley_bar_dot, 2) * left
    t_4 = rt.align(left_dot, np.ndim(t0) + 1) * t0
    t1_dot = rt.align(t_3, np.ndim(t_4)) + rt.align(t_4, np.ndim(t_3))
    left_bar = left_bar + rt.each_unbroadcast(t0 * left, left, of_x=0)
    t_5 = -t0_dot
    t_6 = rt.each_unbroadcast(t1_dot, left, lead=2, of_x=0)
    left_bar_dot = rt.align(t_5, np.ndim(t_6)) + rt.align(t_6, np.ndim(t_5))
    x_bar = rt.per_example(rt.zeros_like(x), batch)
    t0 = slice(None)
    t1 = slice(1, None)
    t2 = rt.align(rt.each_unbroadcast(valley_bar, right, of_x=0), np.ndim(x_bar[slice(None), slice(1, None)]))
    t_7 = rt.each_unbroadcast(valley_bar_dot, right, lead=2, of_x=0)
    t0_dot = np.reshape(t_7, rt.inner_shape(len(t_7), np.shape(t2)))
    x_bar_dot = rt.zeros_like(x_bar)
    rt.add_at(x_bar, (t0, t1), t2)
    x_bar_dot = rt.per_example(x_bar_dot, batch_2)
    rt.add_at(x_bar_dot, (slice(None), t0, t1), rt.align(t0_dot, np.ndim(x_bar_dot[slice(None), t0, t1])))
    t0 = slice(None)
    t1 = slice(-1)
    t2 = rt.align(left_bar, np.ndim(x_bar[slice(None), slice(-1)]))
    t0_dot = np.reshape(left_bar_dot, rt.inner_shape(len(left_bar_dot), np.shape(t2)))
    rt.add_at(x_bar, (t0, t1), t2)
    rt.add_at(x_bar_dot, (slice(None), t0, t1), rt.align(t0_dot, np.ndim(x_bar_dot[slice(None), t0, t1])))
    return x_bar, x_bar_dot


def rosenbrock_jacrev_jvp_vmap(x, x_dot):
    """Value of rosenbrock_jacrev (original.py:8), and its tangent along the tangents of x, for a batch of x_dot."""
    batch = len(x_dot)
    t0, t0_dot = rosenbrock_fwd_jvp_vmap(x, x_dot=x_dot)
    x_ans, x_saved = t0
    x_ans_dot, x_saved_dot = t0_dot
    x_rows, t0_dot = rosenbrock_bwd_vmap_jvp_vmap(x_saved, rt.basis(x_ans), saved_dot=x_saved_dot)
    return rt.jacobian_of_rows(x_rows, x_ans, x), rt.jacobian_of_rows(t0_dot, rt.per_example(x_ans, batch), x)


def rosenbrock_jacrev_jacfwd(x):
    """Jacobian of rosenbrock_jacrev (original.py:8) with respect to x."""
    x_columns = rosenbrock_jacrev_jvp_vmap(x, x_dot=rt.basis(x))[1]
    return rt.jacobian_of_columns(x_columns, x)
