"""Named scopes become comments: one before each run of lines, forward and backward."""

import numpy as np

import redraft as rd

TRANSFORMS = ("grad", "jit")


@rd.named_scope("embed")
def embed(words, table):
    return table[words] * np.sqrt(2.0)


def named_scopes(table, w, words):
    h = embed(words, table)
    with rd.named_scope("encoder"):
        for i in range(2):
            with rd.named_scope(f"layer{i}"):
                h = np.tanh(h @ w)
        with rd.named_scope("pool"):
            h = h.mean(axis=0)
    scale = np.sum(h * h)
    with rd.named_scope("loss"):
        return np.log(scale) + scale


def arguments():
    rng = np.random.default_rng(0)
    return rng.normal(size=(4, 3)), rng.normal(size=(3, 3)), np.array([2, 0, 3, 2])
