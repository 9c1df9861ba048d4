# redraft: gradient of cross_entropy (original.py:6) with respect to logits.
# Generated, do not edit. Regenerate: redraft golden update cross_entropy

import numpy as np
from redraft import runtime as rt


def cross_entropy_grad(logits, labels):
    """Gradient of cross_entropy (original.py:6) with respect to logits."""
    # forward
    top = np.max(logits, axis=1, keepdims=True)
    shifted = logits - top
    t0 = np.exp(shifted)
    t1 = np.sum(t0, axis=1)
    log_z = np.log(t1)
    rows = np.arange(len(labels))
    picked = shifted[rows, labels]
    t2 = log_z - picked
    # backward
    t0_bar = np.full_like(t2, 1.0 / np.size(t2))  # 12  return np.mean(log_z - picked)
    shifted_bar = np.zeros_like(shifted)      # 11  picked = shifted[rows, labels]
    rt.add_at(shifted_bar, (rows, labels), rt.unbroadcast(-t0_bar, picked))
    shifted_bar += (rt.unbroadcast(t0_bar, log_z) / t1)[:, None] * t0  # 9  log_z = np.log(np.sum...
    logits_bar = rt.unbroadcast(shifted_bar, logits)  # 8  shifted = logits - top
    return logits_bar + rt.to_extremes(rt.unbroadcast(-shifted_bar, top), top, logits, 1, True)
