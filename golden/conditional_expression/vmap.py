# redraft: conditional_expression (original.py:8) for a batch of x and y.
# Generated, do not edit. Regenerate: redraft golden update conditional_expression

import numpy as np


def conditional_expression_vmap(x, y):
    """conditional_expression (original.py:8) for a batch of x and y."""
    scale = np.where(y < 1.0, np.exp(y), y * np.e)
    wave = np.cos(x)
    return np.sum(wave * scale[:, None], axis=1)
