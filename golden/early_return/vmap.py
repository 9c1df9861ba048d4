# redraft: early_return (original.py:6) for a batch of x.
# Generated, do not edit. Regenerate: redraft golden update early_return

import numpy as np


def early_return_vmap(x):
    """early_return (original.py:6) for a batch of x."""
    r = np.sqrt(np.sum(x * x, axis=1))
    return np.where(r < 1.0, 0.5 * r ** 2, r - 0.5)
