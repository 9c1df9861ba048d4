# redraft: cholesky (original.py:8) for a batch of x.
# Generated, do not edit. Regenerate: redraft golden update cholesky

import numpy as np


def cholesky_vmap(a, x):
    """cholesky (original.py:8) for a batch of x."""
    covariance = a @ a.T + np.eye(x.shape[1])
    L = np.linalg.cholesky(covariance)
    z = np.linalg.solve(L, x.T).T
    log_det = np.sum(np.log(np.diag(L)))
    return np.einsum('ni,ni->n', -0.5 * z, z) - log_det
