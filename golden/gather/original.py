"""Fancy indexing reads an embedding twice: repeated rows add up."""

import numpy as np


def gather(table, ids, mask):
    rows = table[ids]
    return np.sum(np.tanh(rows[mask]) ** 2) + np.sum(rows[..., 0])


def arguments():
    rng = np.random.default_rng(0)
    ids = np.array([0, 2, 2, 1])
    return rng.normal(size=(3, 2)), ids, np.array([True, False, True, True])
