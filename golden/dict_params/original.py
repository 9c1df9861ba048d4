"""Parameters in a dict: the gradient is a dict with the same keys."""

import numpy as np


def dict_params(params, x, y):
    h = np.tanh(x @ params["W"] + params["b"])
    predicted = h @ params["v"]
    error = predicted - y
    return np.mean(error**2)


def arguments():
    rng = np.random.default_rng(0)
    params = {"W": rng.normal(size=(3, 4)), "b": rng.normal(size=4), "v": rng.normal(size=4)}
    return params, rng.normal(size=(5, 3)), rng.normal(size=5)


def batch():
    params, x, y = arguments()
    return params, np.stack([x, -x]), np.stack([y, y + 1.0])


TRANSFORMS = ("grad", "vmap")
IN_AXES = (None, 0, 0)
