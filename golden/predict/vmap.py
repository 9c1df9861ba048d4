# redraft: predict (original.py:9) for a batch of input_vec.
# Generated, do not edit. Regenerate: redraft golden update predict

import numpy as np


def predict_vmap(params, input_vec):
    """predict (original.py:9) for a batch of input_vec."""
    activations = input_vec
    for w, b in params:
        outputs = activations @ w.T + b
        activations = np.maximum(outputs, 0)
    return outputs
