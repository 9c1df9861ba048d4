# redraft: gradient of mean_over_batch (original.py:22) with respect to w.
# Generated, do not edit. Regenerate: redraft golden update mean_over_batch

import numpy as np
from redraft import runtime as rt


def example_loss_vmap_fwd_w(w, x, y):
    """Value of example_loss_vmap (original.py:18), and what example_loss_vmap_bwd_w needs of it."""
    rt.check_shapes('w: d; x: batch d; y: batch', w, x, y)
    t0 = np.tanh(x @ w)
    t1 = t0 - y
    return t1 ** 2, (t1, t0, x)


def example_loss_vmap_bwd_w(saved, t_bar):
    """Cotangents of w from that of the result of example_loss_vmap (original.py:18)."""
    t1, t0, x = saved
    return x.T @ (2 * t_bar * t1 * (1 - t0 * t0))  # 4  return (np.tanh(x @ w) - y) ** 2


def mean_over_batch_grad(w, xs, ys):
    """Gradient of mean_over_batch (original.py:22) with respect to w."""
    # forward
    losses, losses_saved = example_loss_vmap_fwd_w(w, xs, ys)
    losses_saved_1 = rt.snapshot(losses)
    # backward
    losses_bar = 1.0 / np.size(losses)        # 24  return np.mean(losses)
    losses_bar = np.full_like(losses_saved_1, losses_bar)  # 23  losses = rd.vmap(example_loss, i...
    return rt.like(example_loss_vmap_bwd_w(losses_saved, losses_bar), w)
