# redraft: cholesky (original.py:8) for a batch of x.
# Generated, do not edit. Regenerate: redraft golden update cholesky

import numpy as np
from redraft import runtime as rt


def cholesky_vmap(a, x):
    """cholesky (original.py:8) for a batch of x."""
    covariance = a @ a.T + np.eye(x.shape[1])
    L = np.linalg.cholesky(covariance)
    z = np.linalg.solve(L, x.T).T
    log_det = np.sum(np.log(np.diag(L)))
    return rt.each_product('matmul', -0.5 * z, z, 1, 1) - log_det
