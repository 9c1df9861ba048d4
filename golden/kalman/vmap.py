# redraft: kalman (original.py:8) for a batch of ys.
# Generated, do not edit. Regenerate: redraft golden update kalman

import numpy as np
from redraft import runtime as rt


def kalman_vmap(log_q, log_r, ys):
    """kalman (original.py:8) for a batch of ys."""
    batch = len(ys)
    q, r = np.exp(log_q), np.exp(log_r)
    mean, var, nll = 0.0, 1.0, 0.0
    mean = rt.per_example(mean, batch)
    nll = rt.per_example(nll, batch)
    for y in np.moveaxis(ys, 1, 0):
        var = var + q
        s = var + r
        nll = nll + 0.5 * (np.log(s) + (y - mean) ** 2 / s)
        gain = var / s
        mean = mean + gain * (y - mean)
        var = (1.0 - gain) * var
    return nll
