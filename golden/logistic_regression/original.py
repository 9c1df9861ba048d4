"""Logistic regression: the derivative that everybody has written by hand once."""

import numpy as np

TRANSFORMS = ("grad", "value_and_grad")
ARGNUMS = (0, 1)


def logistic_regression(w, b, x, y):
    logits = x @ w + b
    losses = np.logaddexp(0.0, logits) - y * logits
    penalty = 0.01 * np.sum(w * w)
    return np.mean(losses) + penalty


def arguments():
    rng = np.random.default_rng(0)
    return rng.normal(size=3), 0.2, rng.normal(size=(6, 3)), np.array([0, 1, 1, 0, 1, 0.0])
