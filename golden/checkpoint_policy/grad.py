# redraft: gradient of checkpoint_policy (original.py:18) with respect to w.
# Generated, do not edit. Regenerate: redraft golden update checkpoint_policy

import numpy as np
from redraft import runtime as rt


def block_inner_bwd_w(saved, x_bar):
    """Cotangents of w from that of the result of block_inner (original.py:9)."""
    w, tape = saved
    w_bar = np.zeros_like(w)                  # 10  for _ in range(3):
    for cond, x, x_saved, x_saved_1 in reversed(tape):
        if cond:
            t0_bar = x_bar * (1 - x * x)      # 12  x = np.tanh(x @ w)
            x_bar = rt.matmul_bar_x(t0_bar, x_saved, w)
            w_bar += rt.matmul_bar_y(t0_bar, x_saved, w)
        else:
            x_bar = x_bar * np.cos(x_saved_1)  # 14  x = np.sin(x)
    return w_bar


def block_keep(w, x):
    """Value of block (original.py:9), and what is kept of it."""
    rounds_kept = []
    for _ in range(3):
        t_kept = None
        if np.sum(x) > 0.0:
            t0 = x @ w
            t_kept = t0
            x = np.tanh(t0)
        else:
            x = np.sin(x)
        rounds_kept.append(t_kept)
    return x, rounds_kept


def block_again(rounds_kept, w, x):
    """Value of block (original.py:9), and what block_inner_bwd_w needs of it, from what was kept."""
    tape = []
    for _, t_kept in zip(range(3), rounds_kept):
        x_saved = None
        x_saved_1 = None
        cond = np.sum(x) > 0.0
        if cond:
            x_saved = x
            x = np.tanh(t_kept)
        else:
            x_saved_1 = x
            x = np.sin(x)
        tape.append((cond, x, x_saved, x_saved_1))
    return x, (w, tape)


def block_fwd_w(w, x):
    """Value of block (original.py:9), and what block_bwd_w needs of it."""
    ans, kept = block_keep(w, x)
    return ans, (w, x, kept)


def block_bwd_w(saved, ans_bar):
    """Cotangents of w from that of the result of block (original.py:9), run again."""
    saved, ans_bar = rt.barrier((saved, ans_bar))
    w, x, kept = saved
    _, saved = block_again(kept, w, x)
    return block_inner_bwd_w(saved, ans_bar)


def checkpoint_policy_grad(w, x):
    """Gradient of checkpoint_policy (original.py:18) with respect to w."""
    # forward
    t0, t_saved = block_fwd_w(w, x)
    # backward
    return rt.like(block_bwd_w(t_saved, np.full_like(t0, 1.0 / np.size(t0))), w)
