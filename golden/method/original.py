"""A method: `self` is data, and what it holds may be used freely."""

import numpy as np


class Model:
    scale = 2.0

    def loss(self, w, x):
        scores = self.scale * x @ w
        h = np.tanh(scores)
        return np.sum(h)


method = Model().loss


def arguments():
    rng = np.random.default_rng(0)
    return rng.normal(size=3), rng.normal(size=(4, 3))
