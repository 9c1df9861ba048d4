# redraft: gradient of kalman (original.py:8) with respect to log_q and log_r.
# Generated, do not edit. Regenerate: redraft golden update kalman

import numpy as np
from redraft import runtime as rt


def kalman_grad(log_q, log_r, ys):
    """Gradient of kalman (original.py:8) with respect to log_q and log_r."""
    # forward
    q, r = np.exp(log_q), np.exp(log_r)
    mean, var, nll = 0.0, 1.0, 0.0
    tape = []
    for y in ys:
        var_1 = var + q
        s = var_1 + r
        t0 = y - mean
        t1 = t0 ** 2 / s
        nll = nll + 0.5 * (np.log(s) + t1)
        gain = var_1 / s
        t2 = y - mean
        mean = mean + gain * t2
        t3 = 1.0 - gain
        var = t3 * var_1
        tape.append((var_1, t3, t2, gain, s, t1, t0))
    # backward
    nll_bar = rt.seed(nll)                    # 18  return nll
    mean_bar = q_bar = r_bar = var_bar = 0.0  # 11  for y in ys:
    for var_1, t3, t2, gain, s, t1, t0 in reversed(tape):
        var_1_bar = var_bar * t3              # 17  var = (1.0 - gain) * var
        gain_bar = -(var_bar * var_1)
        gain_bar = gain_bar + mean_bar * t2   # 16  mean = mean + gain * (y - mean)
        mean_bar = mean_bar - mean_bar * gain
        var_1_bar = var_1_bar + gain_bar / s  # 15  gain = var / s
        s_bar = -gain_bar * gain / s
        t0_bar = 0.5 * nll_bar                # 14  nll += 0.5 * (np.log(s) + (y - mean) ** 2 / s)
        s_bar = s_bar - t0_bar * t1 / s
        mean_bar = mean_bar - 2 * t0_bar / s * t0
        s_bar = s_bar + t0_bar / s
        var_1_bar = var_1_bar + s_bar         # 13  s = var + r
        r_bar += s_bar
        var_bar = var_1_bar                   # 12  var = var + q
        q_bar += var_1_bar
    return q_bar * q, r_bar * r               # 9  q, r = np.exp(log_q), np.exp(log_r)
