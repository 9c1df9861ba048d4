# redraft: gradient of logistic_regression (original.py:9) with respect to w and b.
# Generated, do not edit. Regenerate: redraft golden update logistic_regression

import numpy as np
from redraft import runtime as rt


def logistic_regression_grad(w, b, x, y):
    """Gradient of logistic_regression (original.py:9) with respect to w and b."""
    # forward
    logits = x @ w + b
    t0 = np.logaddexp(0.0, logits)
    losses = t0 - y * logits
    # backward
    losses_bar = 1.0 / np.size(losses)        # 13  return np.mean(losses) + penalty
    w_bar = 0.02 * w                          # 12  penalty = 0.01 * np.sum(w * w)
    losses_bar = np.full_like(losses, losses_bar)  # 11  losses = np.logaddexp(0.0, logits) - y *...
    logits_bar = rt.unbroadcast(-losses_bar * y, logits) + rt.unbroadcast(losses_bar * np.exp(logits - t0), logits)
    return w_bar + rt.matmul_bar_y(logits_bar, x, w), rt.unbroadcast(logits_bar, b)
