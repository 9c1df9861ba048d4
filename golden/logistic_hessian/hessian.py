# redraft: hessian of logistic_hessian (original.py:8) with respect to w.
# Generated, do not edit. Regenerate: redraft golden update logistic_hessian

import numpy as np
from redraft import runtime as rt


def logistic_hessian_grad_tangent_vmap(w, x, y, w_dot):
    """Tangent of the result of logistic_hessian_grad (original.py:8) along the tangents of w, for a batch of w_dot."""
    logits = x @ w
    logits_dot = x.T
    t0 = np.logaddexp(0.0, logits)
    t1 = t0 - y * logits
    t0_bar = np.full_like(t1, 1.0 / np.size(t1))
    t0_dot = logits_dot - logits_dot * np.exp(logits - t0)
    t0 = np.exp(logits - t0)
    t = t0_dot * t0 * t0_bar
    return rt.each_unbroadcast(rt.broadcast_like(t, rt.spread(t0_bar * t0, t)), logits, of_x=0) @ x


def logistic_hessian_hessian(w, x, y):
    """Hessian of logistic_hessian (original.py:8) with respect to w."""
    return logistic_hessian_grad_tangent_vmap(w, x, y, w_dot=rt.basis(w)).T
