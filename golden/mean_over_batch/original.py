"""The gradient of a mean over a batch, which `vmap` makes of a loss for one example."""

import numpy as np

import redraft as rd

TRANSFORMS = ("grad",)


def example_loss(w, x, y):
    return (np.tanh(x @ w) - y) ** 2


def mean_over_batch(w, xs, ys):
    return np.mean(rd.vmap(example_loss, in_axes=(None, 0, 0))(w, xs, ys))


def arguments():
    rng = np.random.default_rng(0)
    return rng.normal(size=3), rng.normal(size=(5, 3)), rng.normal(size=5)
