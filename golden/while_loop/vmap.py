# redraft: while_loop (original.py:6) for a batch of x.
# Generated, do not edit. Regenerate: redraft golden update while_loop

import numpy as np


def while_loop_vmap(x, limit):
    """while_loop (original.py:6) for a batch of x."""
    active = np.sum(x * x, axis=1) > limit
    while np.any(active):
        x = np.where(active[:, None], 0.5 * np.sin(x), x)
        active = active & (np.sum(x * x, axis=1) > limit)
    return np.sum(np.exp(x), axis=1)
