# redraft: kalman (original.py:8) for a batch of ys.
# Generated, do not edit. Regenerate: redraft golden update kalman

import numpy as np


def kalman_vmap(log_q, log_r, ys):
    """kalman (original.py:8) for a batch of ys."""
    batch = len(ys)
    q, r = np.exp(log_q), np.exp(log_r)
    mean, var, nll = np.full(batch, 0.0), 1.0, np.full(batch, 0.0)
    for y in np.moveaxis(ys, 1, 0):
        var = var + q
        s = var + r
        nll = nll + 0.5 * (np.log(s) + (y - mean) ** 2 / s)
        gain = var / s
        mean = mean + gain * (y - mean)
        var = (1.0 - gain) * var
    return nll
