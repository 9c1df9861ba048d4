# redraft: jacobian of logistic_hessian_jacrev (original.py:9) with respect to w, for a batch of w.
# Generated, do not edit. Regenerate: redraft golden update logistic_hessian

import numpy as np
from redraft import runtime as rt


def logistic_hessian_fwd_w_jvp_vmap_vmap(w, x, y, *, w_dot):
    """Value of logistic_hessian_fwd_w (original.py:9), and its tangent along the tangents of w, for a batch of w_dot, for a batch of w."""
    logits = w @ x.T
    logits_dot = w_dot @ x.T
    t0 = np.logaddexp(0.0, logits)
    t0_dot = logits_dot * np.exp(logits - t0)[:, None]
    t1 = y * logits
    t1_1 = t0 - t1
    t = logits_dot * y
    t_2 = rt.broadcast_like(t, np.swapaxes(rt.spread(t1, t), 0, 1))
    t1_dot = rt.align(t0_dot, np.ndim(t_2)) - rt.align(t_2, 3)
    return (np.mean(t1_1, axis=1), (t1_1, y, logits, t0, x, w)), (np.mean(t1_dot, axis=2), (t1_dot, rt.zeros_like(y), logits_dot, t0_dot, rt.zeros_like(x), w_dot))


def logistic_hessian_bwd_w_vmap_jvp_vmap_vmap(saved, t_bar, *, saved_dot):
    """Value of logistic_hessian_bwd_w_vmap (original.py:9), and its tangent along the tangents of saved, for a batch of saved_dot, for a batch of saved and saved_dot."""
    t1, y, logits, t0, x, w = saved
    t1_dot, y_dot, logits_dot, t0_dot, x_dot, w_dot = saved_dot
    t = t_bar / t1.shape[1]
    t0_bar = np.full_like(rt.align(np.swapaxes(rt.spread(t1, t), 0, 1), 3), t[:, None])
    t1 = -t0_bar
    t2 = rt.align(t1, 2) * y
    t_5 = y_dot * rt.align(t1, 2)
    t1_dot = rt.each_unbroadcast(rt.broadcast_like(rt.align(t_5, np.ndim(t2)), rt.align(t2, np.ndim(t_5))), logits, lead=2, of_x=1)
    t0 = np.exp(logits - t0)
    t1 = rt.align(t0_bar, 2) * rt.align(t0, np.ndim(t0_bar))
    t_6 = rt.align((logits_dot - t0_dot) * t0[:, None], t0_bar.ndim - 1 + 1 + 1, lead=2)
    t_2 = rt.align(t_6, np.ndim(t0_bar)) * rt.align(t0_bar, np.ndim(t_6))
    t_7 = rt.align(t_2, rt.spread_inside(t1, np.shape(t_2)[1]).ndim - 1 + 1, lead=2)
    t_8 = rt.align(rt.spread_inside(t1, np.shape(t_2)[1]), t_2.ndim - 1 + 1, lead=2)
    t0_dot = rt.broadcast_like(rt.align(t_7, np.ndim(t_8)), rt.align(t_8, np.ndim(t_7)))
    t_9 = rt.each_unbroadcast(t2, logits, lead=2, of_x=1)
    t_10 = rt.each_unbroadcast(t1, logits, lead=2, of_x=1)
    logits_bar = rt.align(t_9, np.ndim(t_10)) + rt.align(t_10, np.ndim(t_9))
    t0 = rt.spread_inside(w, np.shape(logits_bar)[1])
    t_11 = rt.align(rt.each_unbroadcast(t0_dot, logits, lead=2 + 1, of_x=1), t1_dot.ndim - 1 + 1 + 1, lead=2)
    t_3 = rt.align(t1_dot, np.ndim(t_11)) + rt.align(t_11, np.ndim(t1_dot))
    t_4 = rt.each_product_bar_y('matmul', logits_bar, x_dot, t0, 2, 0, 2)
    t_12 = rt.align(rt.each_product_bar_y('matmul', t_3, x, rt.spread_inside(t0, np.shape(t_3)[1]), 3, 0, 3), t_4.ndim - 1 + 1 + 1, lead=2)
    t0_dot = rt.align(t_12, np.ndim(t_4)) + rt.align(t_4, np.ndim(t_12))
    return rt.each_product_bar_y('matmul', logits_bar, x, t0, 2, 0, 2), t0_dot


def logistic_hessian_jacrev_jvp_vmap_vmap(w, x, y, w_dot):
    """Value of logistic_hessian_jacrev (original.py:9), and its tangent along the tangents of w, for a batch of w_dot, for a batch of w."""
    batch = len(w_dot)
    t0, t0_dot = logistic_hessian_fwd_w_jvp_vmap_vmap(w, x, y, w_dot=w_dot)
    w_ans, w_saved = t0
    w_ans_dot, w_saved_dot = t0_dot
    w_rows, w_rows_dot = logistic_hessian_bwd_w_vmap_jvp_vmap_vmap(w_saved, rt.basis(w_ans[0]), saved_dot=w_saved_dot)
    return rt.jacobian_of_rows(w_rows, w_ans, w[0]), rt.jacobian_of_rows(w_rows_dot, np.array(rt.spread_inside(w_ans, batch)), w[0])


def logistic_hessian_jacrev_jacfwd_vmap(w, x, y):
    """Jacobian of logistic_hessian_jacrev (original.py:9) with respect to w, for a batch of w."""
    w_columns = logistic_hessian_jacrev_jvp_vmap_vmap(w, x, y, w_dot=rt.basis(w[0]))[1]
    return rt.jacobian_of_columns(w_columns, w[0], 1)
