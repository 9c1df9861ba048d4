# redraft: gradient of logistic_hessian (original.py:8) with respect to w.
# Generated, do not edit. Regenerate: redraft golden update logistic_hessian

import numpy as np
from redraft import runtime as rt


def logistic_hessian_grad(w, x, y):
    """Gradient of logistic_hessian (original.py:8) with respect to w."""
    # forward
    logits = x @ w
    t0 = np.logaddexp(0.0, logits)
    t1 = t0 - y * logits
    # backward
    t0_bar = np.full_like(t1, 1.0 / np.size(t1))  # 10  return np.mean(np.logaddexp(0.0, logits)...
    logits_bar = rt.unbroadcast(-t0_bar * y, logits) + rt.unbroadcast(t0_bar * np.exp(logits - t0), logits)
    return rt.matmul_bar_y(logits_bar, x, w)  # 9  logits = x @ w
