# redraft: annotated_shapes (original.py:15) for a batch of x.
# Generated, do not edit. Regenerate: redraft golden update annotated_shapes

import numpy as np
from redraft import runtime as rt


def annotated_shapes_vmap(w, b, x):
    """annotated_shapes (original.py:15) for a batch of x."""
    rt.check_shapes('w: d k; b: k; x: batch n d', w, b, x)
    scores = x @ w + b
    scores = scores - np.mean(scores, axis=2, keepdims=True)
    return np.sum(np.log(np.sum(np.exp(scores), axis=2)), axis=1)
