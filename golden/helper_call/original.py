"""A call of another function: it is generated too, and keeps its own residuals."""

import numpy as np

TRANSFORMS = ("grad", "linearize")


def softplus(x):
    small = np.exp(-np.abs(x))
    return np.log1p(small) + np.maximum(x, 0)


def helper_call(w, x):
    scores = x @ w
    y = softplus(scores)
    return np.mean(y)


def arguments():
    rng = np.random.default_rng(0)
    return rng.normal(size=3), rng.normal(size=(5, 3))
