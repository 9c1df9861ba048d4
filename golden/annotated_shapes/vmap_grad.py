# redraft: gradient of annotated_shapes (original.py:15) with respect to w and b, for a batch of x.
# Generated, do not edit. Regenerate: redraft golden update annotated_shapes

import numpy as np
from redraft import runtime as rt


def annotated_shapes_grad_vmap(w, b, x):
    """Gradient of annotated_shapes (original.py:15) with respect to w and b, for a batch of x."""
    rt.check_shapes('w: d k; b: k; x: batch n d', w, b, x)
    scores = x @ w + b
    scores_1 = scores - np.mean(scores, axis=2, keepdims=True)
    t0 = np.exp(scores_1)
    scores_bar = (1.0 / np.sum(t0, axis=2))[:, :, None] * t0
    scores_bar = scores_bar + np.sum(-scores_bar, axis=2, keepdims=True) / scores.shape[2]
    return x.mT @ scores_bar, np.sum(scores_bar, axis=1)
