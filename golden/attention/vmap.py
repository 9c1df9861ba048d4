# redraft: attention (original.py:8) for a batch of q.
# Generated, do not edit. Regenerate: redraft golden update attention

import numpy as np
from redraft import runtime as rt


def attention_vmap(q, k, v):
    """attention (original.py:8) for a batch of q."""
    scores = np.einsum('nqd,kd->nqk', q, k) / np.sqrt(q.shape[2])
    t = np.max(scores, axis=2, keepdims=True)
    shifted = rt.align(scores, np.ndim(t)) - rt.align(t, np.ndim(scores))
    weights = np.exp(shifted)
    t_2 = np.sum(weights, axis=2, keepdims=True)
    weights = rt.align(weights, np.ndim(t_2)) / rt.align(t_2, np.ndim(weights))
    out = np.einsum('nqk,kd->nqd', weights, v)
    t_3 = out ** 2
    return np.sum(t_3, axis=rt.inner_axes(None, np.ndim(t_3)))
