# redraft: linear_solve (original.py:8) for a batch of a and b.
# Generated, do not edit. Regenerate: redraft golden update linear_solve

import numpy as np


def linear_solve_vmap(a, b):
    """linear_solve (original.py:8) for a batch of a and b."""
    x = np.linalg.solve(a, b[:, :, None])[:, :, 0]
    residual = np.einsum('nij,nj->ni', a.mT, x) - b
    return np.einsum('ni,ni->n', x, x) + np.einsum('ni,ni->n', residual, residual)
