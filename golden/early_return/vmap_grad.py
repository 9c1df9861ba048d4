# redraft: gradient of early_return (original.py:6) with respect to x, for a batch of x.
# Generated, do not edit. Regenerate: redraft golden update early_return

import numpy as np


def early_return_grad_vmap(x):
    """Gradient of early_return (original.py:6) with respect to x, for a batch of x."""
    r = np.sqrt(np.sum(x * x, axis=1))
    ans = np.where(r < 1.0, 0.5 * r ** 2, r - 0.5)
    ans_bar = np.ones_like(ans)
    r_bar = np.where(r < 1.0, 1.0 * ans_bar * r, ans_bar)
    return (1.0 * r_bar / r)[:, None] * x
