# redraft: gradient of custom_jvp (original.py:19) with respect to w.
# Generated, do not edit. Regenerate: redraft golden update custom_jvp

import numpy as np
from redraft import runtime as rt


def softplus(x):
    return np.logaddexp(x, 0.0)


def softplus_jvp_fwd_tangents(primals, tangents):
    """Value of softplus_jvp (original.py:14), and what softplus_jvp_bwd_tangents needs of it."""
    x, = primals
    x_dot, = tangents
    t0 = 1.0 + np.exp(-x)
    return (softplus(x), x_dot / t0), (t0, x_dot, tangents)


def softplus_jvp_bwd_tangents(saved, t_bar):
    """Cotangents of tangents from that of the result of softplus_jvp (original.py:14)."""
    t0, x_dot, tangents = saved
    return rt.like((rt.unbroadcast(t_bar[1] / t0, x_dot),), tangents)  # 15  (x,), (x_dot,) = pri...


def softplus_fwd(x):
    """Value of softplus (original.py:9), and what softplus_bwd needs of it, by its rule."""
    both, saved = softplus_jvp_fwd_tangents((x,), (rt.zeros_like(x),))
    value, tangent = both
    rt.check_tangent(value, tangent, 'softplus_jvp')
    return value, saved


def softplus_bwd(saved, ans_bar):
    """Cotangents of x from that of the result of softplus (original.py:9), by the transpose of its rule."""
    x_bar, = softplus_jvp_bwd_tangents(saved, (None, ans_bar))
    return x_bar


def custom_jvp_grad(w, x):
    """Gradient of custom_jvp (original.py:19) with respect to w."""
    # forward
    t0, t_saved = softplus_fwd(w * x)
    # backward
    return rt.unbroadcast(softplus_bwd(t_saved, 2.0 * t0) * x, w)  # 20  return np.sum(softplus(w...
