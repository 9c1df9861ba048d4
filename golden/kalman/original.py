"""A Kalman filter in one dimension: several values carried through a loop."""

import numpy as np

ARGNUMS = (0, 1)


def kalman(log_q, log_r, ys):
    q, r = np.exp(log_q), np.exp(log_r)
    mean, var, nll = 0.0, 1.0, 0.0
    for y in ys:
        var = var + q
        s = var + r
        nll += 0.5 * (np.log(s) + (y - mean) ** 2 / s)
        gain = var / s
        mean = mean + gain * (y - mean)
        var = (1.0 - gain) * var
    return nll


def arguments():
    return -1.0, 0.3, np.array([0.3, -0.7, 1.2, 0.5])


def batch():
    log_q, log_r, ys = arguments()
    return log_q, log_r, np.stack([ys, -ys, 2.0 * ys])


TRANSFORMS = ("grad", "vmap", "vmap,grad")
IN_AXES = (None, None, 0)
