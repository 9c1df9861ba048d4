# redraft: gradient of kalman (original.py:8) with respect to log_q and log_r, for a batch of ys.
# Generated, do not edit. Regenerate: redraft golden update kalman

import numpy as np


def kalman_grad_vmap(log_q, log_r, ys):
    """Gradient of kalman (original.py:8) with respect to log_q and log_r, for a batch of ys."""
    batch = len(ys)
    q, r = np.exp(log_q), np.exp(log_r)
    mean, var = np.full(batch, 0.0), 1.0
    tape = []
    for y in np.moveaxis(ys, 1, 0):
        var_1 = var + q
        s = var_1 + r
        t0 = y - mean
        gain = var_1 / s
        t1 = y - mean
        mean = mean + gain * t1
        t2 = 1.0 - gain
        var = t2 * var_1
        tape.append((var_1, t2, t1, gain, s, t0 ** 2 / s, t0))
    mean_bar = np.full(batch, 0.0)
    q_bar = np.full(batch, 0.0)
    r_bar = np.full(batch, 0.0)
    var_bar = np.full(batch, 0.0)
    for var_1, t2, t1, gain, s, t0, t3 in reversed(tape):
        var_1_bar = var_bar * t2
        gain_bar = -(var_bar * var_1)
        gain_bar = gain_bar + mean_bar * t1
        mean_bar = mean_bar - mean_bar * gain
        var_1_bar = var_1_bar + gain_bar / s
        s_bar = -gain_bar * gain / s
        t0_bar = 0.5
        s_bar = s_bar - t0_bar * t0 / s
        mean_bar = mean_bar - 2 * t0_bar / s * t3
        s_bar = s_bar + t0_bar / s
        var_1_bar = var_1_bar + s_bar
        r_bar = r_bar + s_bar
        var_bar = var_1_bar
        q_bar = q_bar + var_1_bar
    return q_bar * q, r_bar * r
