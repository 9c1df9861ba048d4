# redraft: gradient of recursion (original.py:6) with respect to x.
# Generated, do not edit. Regenerate: redraft golden update recursion

import numpy as np
from redraft import runtime as rt


def recursion_fwd_x(x, depth):
    """Value of recursion (original.py:6), and what recursion_bwd_x needs of it."""
    t_saved = None
    if depth == 0:
        ans = np.sum(x * x)
    else:
        t0, t_saved = recursion_fwd_x(np.sin(x), depth - 1)
        ans = t0 + np.sum(x)
    return ans, (depth, x, t_saved)


def recursion_bwd_x(saved, ans_bar):
    """Cotangents of x from that of the result of recursion (original.py:6)."""
    depth, x, t_saved = saved
    return 2 * ans_bar * x if depth == 0 else np.sum(ans_bar) + recursion_bwd_x(t_saved, ans_bar) * np.cos(x)


def recursion_grad(x, depth):
    """Gradient of recursion (original.py:6) with respect to x."""
    # forward
    if depth == 0:
        ans = np.sum(x * x)
    else:
        t0, t_saved = recursion_fwd_x(np.sin(x), depth - 1)
        ans = t0 + np.sum(x)
    # backward
    ans_bar = rt.seed(ans)  # 9  return recursion(np.sin(x), depth - 1) + np.sum(x)
    return 2 * ans_bar * x if depth == 0 else ans_bar + recursion_bwd_x(t_saved, ans_bar) * np.cos(x)
