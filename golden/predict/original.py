"""A network for one example, and for a batch of them: one product per layer."""

import numpy as np

TRANSFORMS = ("vmap",)
IN_AXES = (None, 0)


def predict(params, input_vec):
    activations = input_vec
    for w, b in params:
        outputs = np.dot(w, activations) + b
        activations = np.maximum(outputs, 0)
    return outputs


def arguments():
    rng = np.random.default_rng(0)
    params = [(rng.normal(size=(4, 3)), rng.normal(size=4)), (rng.normal(size=(2, 4)), np.ones(2))]
    return params, rng.normal(size=3)


def batch():
    params, input_vec = arguments()
    return params, np.stack([input_vec, -input_vec, input_vec + 1.0])
