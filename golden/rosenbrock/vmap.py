# redraft: rosenbrock (original.py:8) for a batch of x.
# Generated, do not edit. Regenerate: redraft golden update rosenbrock

import numpy as np


def rosenbrock_vmap(x):
    """rosenbrock (original.py:8) for a batch of x."""
    left, right = x[:, :-1], x[:, 1:]
    valley = right - left ** 2
    slope = 1.0 - left
    return np.sum(100.0 * valley ** 2 + slope ** 2, axis=1)
