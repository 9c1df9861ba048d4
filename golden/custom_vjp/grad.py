# redraft: gradient of custom_vjp (original.py:24) with respect to w.
# Generated, do not edit. Regenerate: redraft golden update custom_vjp

import numpy as np
from redraft import runtime as rt


def softplus(x):
    return np.logaddexp(x, 0.0)


def softplus_fwd(x):
    return softplus(x), 1.0 / (1.0 + np.exp(-x))


def softplus_bwd(sigmoid, z_bar):
    return (z_bar * sigmoid,)


def softplus_fwd_2(x):
    """Value of softplus (original.py:9), and what softplus_bwd_2 needs of it, by its rule."""
    value, saved = rt.rule_pair(softplus_fwd(x), 'softplus_fwd')
    specs = rt.rule_specs((x,), value)
    return value, (saved, specs)


def softplus_bwd_2(saved, ans_bar):
    """Cotangents of x from that of the result of softplus (original.py:9), by its rule."""
    saved, specs = saved
    ans_bar = rt.rule_seed(ans_bar, specs)
    x_bar, = rt.rule_bars(softplus_bwd(saved, ans_bar), specs, 'softplus_bwd', ('x',))
    return x_bar


def custom_vjp_grad(w, x):
    """Gradient of custom_vjp (original.py:24) with respect to w."""
    # forward
    t0, t_saved = softplus_fwd_2(w * x)
    # backward
    return rt.unbroadcast(softplus_bwd_2(t_saved, 2.0 * t0) * x, w)  # 25  return np.sum(softplus...
