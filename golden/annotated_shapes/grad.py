# redraft: gradient of annotated_shapes (original.py:15) with respect to w and b.
# Generated, do not edit. Regenerate: redraft golden update annotated_shapes

import numpy as np
from redraft import runtime as rt


def annotated_shapes_grad(w, b, x):
    """Gradient of annotated_shapes (original.py:15) with respect to w and b."""
    # forward
    rt.check_shapes('w: d k; b: k; x: n d', w, b, x)
    scores = x @ w + b
    scores_1 = scores - np.mean(scores, axis=1, keepdims=True)
    t0 = np.exp(scores_1)
    # backward
    scores_bar = (1.0 / np.sum(t0, axis=1))[:, None] * t0  # 18  return np.sum(np.log(np.sum(np.e...
    scores_bar = scores_bar + np.sum(-scores_bar, axis=1, keepdims=True) / np.size(scores, 1)
    return x.T @ scores_bar, np.sum(scores_bar, axis=0)  # 16  scores = x @ w + b
