# redraft: gradient of gaussian_mixture (original.py:8) with respect to log_weights, means and log_scales.
# Generated, do not edit. Regenerate: redraft golden update gaussian_mixture

import numpy as np
from redraft import runtime as rt


def gaussian_mixture_grad(log_weights, means, log_scales, x):
    """Gradient of gaussian_mixture (original.py:8) with respect to log_weights, means and log_scales."""
    # forward
    t0 = x[:, None, :] - means
    t1 = np.exp(-log_scales)
    z = t0 * t1
    t2 = np.sum(z ** 2, axis=2)
    t3 = np.sum(log_scales, axis=1)
    log_density = -0.5 * t2 - t3
    log_p = log_density + log_weights
    top = np.max(log_p, axis=1, keepdims=True)
    t4 = np.exp(log_p - top)
    total = np.sum(t4, axis=1)
    # backward
    t0_bar = np.ones_like(np.log(total) + top[:, 0])  # 14  return np.sum(np.log(total) + top[:, 0])
    top_bar = np.zeros_like(top)
    top_bar[:, 0] += rt.unbroadcast(t0_bar, top_bar[:, 0])
    t0_bar = rt.unbroadcast(t0_bar / total, total)[:, None] * t4  # 13  total = np.sum(np.exp(log...
    log_p_bar = rt.unbroadcast(t0_bar, log_p)
    top_bar += rt.unbroadcast(-t0_bar, top)
    log_p_bar = log_p_bar + rt.to_extremes(top_bar, top, log_p, 1, True)  # 12  top = np.max(log_...
    log_density_bar = rt.unbroadcast(log_p_bar, log_density)  # 11  log_p = log_density + log_wei...
    log_scales_bar = rt.unbroadcast(-log_density_bar, t3)[:, None]  # 10  log_density = -0.5 * np...
    z_bar = 2 * rt.unbroadcast(-0.5 * log_density_bar, t2)[:, :, None] * z
    log_scales_bar = log_scales_bar + rt.unbroadcast(-(z_bar * t0 * t1), log_scales)
    return rt.unbroadcast(log_p_bar, log_weights), rt.unbroadcast(-(z_bar * t1), means), log_scales_bar
