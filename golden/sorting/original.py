"""A sort sends each cotangent back to where its element came from."""

import numpy as np


def sorting(x, w):
    ordered = np.sort(x, axis=-1)
    squares = ordered**2
    return np.sum(w * squares)


def arguments():
    rng = np.random.default_rng(0)
    return rng.normal(size=(2, 4)), rng.normal(size=4)
