# redraft: gradient of custom_gradient (original.py:14) with respect to w.
# Generated, do not edit. Regenerate: redraft golden update custom_gradient

import numpy as np
from redraft import runtime as rt


def norm_forward(x):
    """Of norm (original.py:9)."""
    size = np.sqrt(np.sum(x * x))
    return size, (size, x)


def norm_gradient(saved, z_bar):
    """Of norm (original.py:9)."""
    size, x = saved
    return z_bar * x / np.maximum(size, 1e-12),


def norm_fwd(x):
    """Value of norm (original.py:9), and what norm_bwd needs of it, by its rule."""
    value, saved = rt.rule_pair(norm_forward(x), 'norm_forward')
    specs = rt.rule_specs((x,), value)
    return value, (saved, specs)


def norm_bwd(saved, ans_bar):
    """Cotangents of x from that of the result of norm (original.py:9), by its rule."""
    saved, specs = saved
    ans_bar = rt.rule_seed(ans_bar, specs)
    x_bar, = rt.rule_bars(norm_gradient(saved, ans_bar), specs, 'norm_gradient', ('x',))
    return x_bar


def custom_gradient_grad(w, x):
    """Gradient of custom_gradient (original.py:14) with respect to w."""
    # forward
    t0, t_saved = norm_fwd(w * x)
    # backward
    return rt.unbroadcast(norm_bwd(t_saved, 2 * rt.seed(t0 ** 2) * t0) * x, w)  # 15  return norm...
