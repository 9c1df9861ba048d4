# redraft: jacobian of logistic_hessian_jacrev (original.py:8) with respect to w.
# Generated, do not edit. Regenerate: redraft golden update logistic_hessian

import numpy as np
from redraft import runtime as rt


def logistic_hessian_fwd_w_jvp_vmap(w, x, y, *, w_dot):
    """Value of logistic_hessian_fwd_w (original.py:8), and its tangent along the tangents of w, for a batch of w_dot."""
    logits = x @ w
    logits_dot = w_dot @ x.T
    t0 = np.logaddexp(0.0, logits)
    t0_dot = logits_dot * np.exp(logits - t0)
    t1 = y * logits
    t1_1 = t0 - t1
    t = logits_dot * y
    t1_dot = t0_dot - rt.broadcast_like(t, rt.spread(t1, t))
    return (np.mean(t1_1), (t1_1, y, logits, t0, x, w)), (np.mean(t1_dot, axis=1), (t1_dot, rt.zeros_like(y), logits_dot, t0_dot, rt.zeros_like(x), w_dot))


def logistic_hessian_bwd_w_vmap_jvp_vmap(saved, t_bar, *, saved_dot):
    """Value of logistic_hessian_bwd_w_vmap (original.py:8), and its tangent along the tangents of saved, for a batch of saved_dot."""
    t1, y, logits, t0, x, w = saved
    t1_dot, y_dot, logits_dot, t0_dot, x_dot, w_dot = saved_dot
    t = t_bar / np.size(t1)
    t0_bar = np.full_like(rt.spread(t1, t), t[:, None])
    t1 = -t0_bar
    t2 = t1 * y
    t1_dot = rt.each_unbroadcast(rt.broadcast_like(y_dot * t1, t2), logits, of_x=0)
    t0 = np.exp(logits - t0)
    t1 = t0_bar * t0
    t_2 = rt.align((logits_dot - t0_dot) * t0, np.ndim(t0_bar) + 1) * t0_bar
    t0_dot = rt.broadcast_like(rt.align(t_2, np.ndim(rt.spread(t1, t_2))), rt.align(rt.spread(t1, t_2), np.ndim(t_2)))
    logits_bar = rt.each_unbroadcast(t2, logits, of_x=0) + rt.each_unbroadcast(t1, logits, of_x=0)
    t0 = rt.spread(w, logits_bar)
    t_3 = t1_dot + rt.align(rt.each_unbroadcast(t0_dot, logits, lead=2, of_x=0), np.ndim(t1_dot) + 1)
    t_4 = rt.each_product_bar_y('matmul', logits_bar, x_dot, t0, 1, 0, 1)
    t0_dot = rt.align(rt.each_product_bar_y('matmul', t_3, x, rt.spread(t0, t_3), 2, 0, 2), np.ndim(t_4) + 1) + t_4
    return rt.each_product_bar_y('matmul', logits_bar, x, t0, 1, 0, 1), t0_dot


def logistic_hessian_jacrev_jvp_vmap(w, x, y, w_dot):
    """Value of logistic_hessian_jacrev (original.py:8), and its tangent along the tangents of w, for a batch of w_dot."""
    batch = len(w_dot)
    t0, t0_dot = logistic_hessian_fwd_w_jvp_vmap(w, x, y, w_dot=w_dot)
    w_ans, w_saved = t0
    w_ans_dot, w_saved_dot = t0_dot
    w_rows, w_rows_dot = logistic_hessian_bwd_w_vmap_jvp_vmap(w_saved, rt.basis(w_ans), saved_dot=w_saved_dot)
    return rt.jacobian_of_rows(w_rows, w_ans, w), rt.jacobian_of_rows(w_rows_dot, rt.per_example(w_ans, batch), w)


def logistic_hessian_jacrev_jacfwd(w, x, y):
    """Jacobian of logistic_hessian_jacrev (original.py:8) with respect to w."""
    w_columns = logistic_hessian_jacrev_jvp_vmap(w, x, y, w_dot=rt.basis(w))[1]
    return rt.jacobian_of_columns(w_columns, w)
