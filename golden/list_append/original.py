"""A list that grows in a loop, and is read afterwards."""

import numpy as np


def list_append(x, n):
    states = [x]
    for _ in range(n):
        last = states[-1]
        states.append(np.tanh(2.0 * last))
    history = np.stack(states)
    return np.sum(history**2)


def arguments():
    return np.array([0.3, -0.7, 1.2]), 3


TRANSFORMS = ("grad", "jit")
STATIC = 1  # decides what is computed
