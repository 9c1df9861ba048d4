# redraft: attention (original.py:8) for a batch of q.
# Generated, do not edit. Regenerate: redraft golden update attention

import numpy as np


def attention_vmap(q, k, v):
    """attention (original.py:8) for a batch of q."""
    scores = np.einsum('nqd,kd->nqk', q, k) / np.sqrt(q.shape[2])
    shifted = scores - np.max(scores, axis=2, keepdims=True)
    weights = np.exp(shifted)
    weights = weights / np.sum(weights, axis=2, keepdims=True)
    out = np.einsum('nqk,kd->nqd', weights, v)
    return np.sum(out ** 2, axis=(1, 2))
