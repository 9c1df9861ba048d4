"""A loop in segments: each is a function of what goes in and out, and runs again in the backward part."""

import numpy as np

import redraft as rd


def checkpoint_loop(w, x, n):
    seen = []
    with rd.checkpoint_loop():
        for _ in range(n):
            x = np.sin(x) * w
            seen.append(np.sum(x))
    return np.sum(x) + seen[0]


def arguments():
    return 1.05, np.array([0.3, 0.7, 1.2]), 10


STATIC = ("n",)
