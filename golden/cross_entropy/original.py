"""Softmax cross-entropy, with the maximum subtracted as one does."""

import numpy as np


def cross_entropy(logits, labels):
    top = np.max(logits, axis=1, keepdims=True)
    shifted = logits - top
    log_z = np.log(np.sum(np.exp(shifted), axis=1))
    rows = np.arange(len(labels))
    picked = shifted[rows, labels]
    return np.mean(log_z - picked)


def arguments():
    rng = np.random.default_rng(0)
    return rng.normal(size=(4, 3)), np.array([2, 0, 1, 2])
