# redraft: gradient of attention (original.py:8) with respect to q, k and v.
# Generated, do not edit. Regenerate: redraft golden update attention

import numpy as np
from redraft import runtime as rt


def attention_grad(q, k, v):
    """Gradient of attention (original.py:8) with respect to q, k and v."""
    # forward
    t0 = np.sqrt(q.shape[1])
    scores = np.einsum('qd,kd->qk', q, k) / t0
    t1 = np.max(scores, axis=1, keepdims=True)
    shifted = scores - t1
    weights = np.exp(shifted)
    t2 = np.sum(weights, axis=1, keepdims=True)
    weights_1 = weights / t2
    out = np.einsum('qk,kd->qd', weights_1, v)
    # backward
    out_bar = 2.0 * out                       # 14  return np.sum(out**2)
    weights_bar = rt.unbroadcast(np.einsum('qd,kd->qk', out_bar, v), weights_1)  # 13  out = np.e...
    v_bar = rt.unbroadcast(np.einsum('qd,qk->kd', out_bar, weights_1), v)
    weights_bar = rt.unbroadcast(weights_bar / t2, weights) + rt.unbroadcast(-weights_bar * weights_1 / t2, t2)
    shifted_bar = weights_bar * weights       # 11  weights = np.exp(shifted)
    scores_bar = rt.unbroadcast(shifted_bar, scores) + rt.to_extremes(rt.unbroadcast(-shifted_bar, t1), t1, scores, 1, True)
    t0_bar = scores_bar / t0  # 9  scores = np.einsum("qd,kd->qk", q, k) / np.sqrt(q.shape[1])
    return rt.unbroadcast(np.einsum('qk,kd->qd', t0_bar, k), q), rt.unbroadcast(np.einsum('qk,qd->kd', t0_bar, q), k), v_bar
