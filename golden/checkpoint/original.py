"""A function that derivatives run again: the forward part keeps its arguments alone."""

import numpy as np

import redraft as rd


@rd.checkpoint
def layer(w, x):
    return np.tanh(np.sin(x @ w) ** 2)


def checkpoint(ws, x):
    for w in ws:
        x = layer(w, x)
    return np.mean(x)


def arguments():
    rng = np.random.default_rng(0)
    return [rng.normal(size=(3, 3)) for _ in range(4)], rng.normal(size=(5, 3))


TRANSFORMS = ("grad", "jvp")
