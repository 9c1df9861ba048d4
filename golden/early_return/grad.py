# redraft: gradient of early_return (original.py:6) with respect to x.
# Generated, do not edit. Regenerate: redraft golden update early_return

import numpy as np


def early_return_grad(x):
    """Gradient of early_return (original.py:6) with respect to x."""
    # forward
    r = np.sqrt(np.sum(x * x))
    ans = 0.5 * r ** 2 if r < 1.0 else r - 0.5
    # backward
    ans_bar = np.ones_like(ans)               # 8  if r < 1.0:
    r_bar = 1.0 * ans_bar * r if r < 1.0 else ans_bar  # 9  return 0.5 * r**2
    return 1.0 * r_bar / r * x                # 7  r = np.sqrt(np.sum(x * x))
