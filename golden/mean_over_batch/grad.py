# redraft: gradient of mean_over_batch (original.py:14) with respect to w.
# Generated, do not edit. Regenerate: redraft golden update mean_over_batch

import numpy as np
from redraft import runtime as rt


def example_loss_vmap(w, x, y):
    """example_loss (original.py:10) for a batch of x and y."""
    rt.only_arrays(x, y)
    t = np.tanh(rt.each_product('matmul', x, w, 1, 0))
    return (rt.align(t, np.ndim(y)) - rt.align(y, np.ndim(t))) ** 2


def example_loss_vmap_fwd_w(w, x, y):
    """Value of example_loss_vmap (<redraft example_loss_vmap), and what example_loss_vmap_bwd_w needs of it."""
    rt.only_arrays(x, y)
    t = np.tanh(rt.each_product('matmul', x, w, 1, 0))
    t0 = rt.align(t, np.ndim(y))
    t1 = t0 - rt.align(y, np.ndim(t))
    return t1 ** 2, (t1, t0, t, x, w)


def example_loss_vmap_bwd_w(saved, t_bar):
    """Cotangents of w from that of the result of example_loss_vmap (<redraft example_loss_vmap)."""
    t1, t0, t, x, w = saved
    t_bar = np.reshape(rt.unbroadcast(2 * t_bar * t1, t0), np.shape(t))  # 5  return (rt.align(t,...
    return rt.each_product_bar_y('matmul', t_bar * (1 - t * t), x, w, 1, 1, 0)  # 4  t = np.tanh(...


def mean_over_batch_grad(w, xs, ys):
    """Gradient of mean_over_batch (original.py:14) with respect to w."""
    # forward
    t0, t_saved = example_loss_vmap_fwd_w(w, xs, ys)
    t_saved_1 = rt.snapshot(t0)
    # backward
    return rt.like(example_loss_vmap_bwd_w(t_saved, np.full_like(t_saved_1, 1.0 / np.size(t0))), w)
