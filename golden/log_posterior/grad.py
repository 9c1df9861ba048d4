# redraft: gradient of log_posterior (original.py:9) with respect to weights and log_scale.
# Generated, do not edit. Regenerate: redraft golden update log_posterior

import numpy as np
from redraft import runtime as rt
from redraft.runtime.definitions.support import positive
from scipy import special

LOG_ROOT_2PI = 0.9189385332046727


def standard_fwd_x(x, loc, scale):
    """Value of standard (support.py:45), and what standard_bwd_x needs of it."""
    t0 = np.float64(1.0)
    t1 = positive(scale)
    return t0 * np.subtract(x, loc) / t1, (t1, t0, x)


def standard_bwd_x(saved, t_bar):
    """Cotangents of x from that of the result of standard (support.py:45)."""
    t1, t0, x = saved
    return rt.unbroadcast(t_bar / t1 * t0, x)  # 47  return np.float64(1.0) * np.subtract(x, loc)...


def norm_logpdf_fwd_x(x, loc=0, scale=1):
    """Value of norm_logpdf (densities_line.py:21), and what norm_logpdf_bwd_x needs of it."""
    z, z_saved = standard_fwd_x(x, loc, scale)
    return -0.5 * z ** 2 - LOG_ROOT_2PI - np.log(scale), (z, z_saved, x)


def norm_logpdf_bwd_x(saved, t_bar):
    """Cotangents of x from that of the result of norm_logpdf (densities_line.py:21)."""
    z, z_saved, x = saved
    return rt.like(standard_bwd_x(z_saved, rt.unbroadcast(-1.0 * t_bar * z, z)), x)


def standard_fwd_x_scale(x, loc, scale):
    """Value of standard (support.py:45), and what standard_bwd_x_scale needs of it."""
    t0 = np.float64(1.0)
    t1 = np.greater(scale, 0)
    t2 = np.where(t1, scale, np.nan)
    t3 = t0 * np.subtract(x, loc) / t2
    return t3, (t2, t3, t1, scale, t0, x)


def standard_bwd_x_scale(saved, t_bar):
    """Cotangents of x and scale from that of the result of standard (support.py:45)."""
    t2, t3, t1, scale, t0, x = saved
    return rt.unbroadcast(t_bar / t2 * t0, x), rt.unbroadcast(np.where(t1, -t_bar * t3 / t2, 0.0), scale)


def t_logpdf_fwd_x_scale(x, df, loc=0, scale=1):
    """Value of t_logpdf (densities_line.py:296), and what t_logpdf_bwd_x_scale needs of it."""
    z, z_saved = standard_fwd_x_scale(x, loc, scale)
    df = positive(df)
    height = 0.5 * np.log(df) + special.betaln(0.5, 0.5 * df) + np.log(scale)
    t0 = z * z / df
    return -0.5 * (df + 1) * np.log1p(t0) - height, (height, df, t0, z, scale, z_saved, x)


def t_logpdf_bwd_x_scale(saved, t_bar):
    """Cotangents of x and scale from that of the result of t_logpdf (densities_line.py:296)."""
    height, df, t0, z, scale, z_saved, x = saved
    z_bar = 2 * rt.unbroadcast(-0.5 * t_bar * (df + 1) / (1 + t0) / df * z, z)  # 301  return -0....
    scale_bar = rt.unbroadcast(rt.unbroadcast(-t_bar, height) / scale, scale)  # 300  height = 0....
    x_bar, scale_1_bar = standard_bwd_x_scale(z_saved, z_bar)  # 298  z = standard(x, loc, scale)
    return rt.like(x_bar, x), scale_bar + scale_1_bar


def log_posterior_grad(weights, log_scale, x, y):
    """Gradient of log_posterior (original.py:9) with respect to weights and log_scale."""
    # forward
    prior_0 = 0.0
    prior_1 = 10.0
    residuals = y - x @ weights
    t0 = np.exp(log_scale)
    likelihood, likelihood_saved = t_logpdf_fwd_x_scale(residuals, 4.0, scale=t0)
    t1, t_saved = norm_logpdf_fwd_x(weights, prior_0, prior_1)
    t2, t_saved_1 = norm_logpdf_fwd_x(log_scale, prior_0, prior_1)
    # backward
    t0_bar = rt.seed(np.sum(likelihood) + np.sum(t1) + t2)  # 13  return np.sum(likelihood) + np....
    log_scale_bar = norm_logpdf_bwd_x(t_saved_1, t0_bar)
    weights_bar = norm_logpdf_bwd_x(t_saved, np.full_like(t1, t0_bar))
    residuals_bar, t0_bar = t_logpdf_bwd_x_scale(likelihood_saved, np.full_like(likelihood, t0_bar))
    log_scale_bar = log_scale_bar + t0_bar * t0
    return weights_bar + rt.matmul_bar_y(-residuals_bar, x, weights), log_scale_bar
