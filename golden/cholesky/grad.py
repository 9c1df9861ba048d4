# redraft: gradient of cholesky (original.py:8) with respect to a and x.
# Generated, do not edit. Regenerate: redraft golden update cholesky

import numpy as np
from redraft import runtime as rt


def cholesky_grad(a, x):
    """Gradient of cholesky (original.py:8) with respect to a and x."""
    # forward
    covariance = a @ a.T + np.eye(len(x))
    L = np.linalg.cholesky(covariance)
    z = np.linalg.solve(L, x)
    t0 = np.diag(L)
    log_det = np.sum(np.log(t0))
    t1 = -0.5 * z
    # backward
    t0_bar = rt.seed(t1 @ z - log_det)        # 13  return -0.5 * z @ z - log_det
    z_bar = rt.matmul_bar_y(t0_bar, t1, z) - 0.5 * rt.matmul_bar_x(t0_bar, z, z)
    L_bar = rt.undiag(-t0_bar / t0, L)        # 12  log_det = np.sum(np.log(np.diag(L)))
    L_bar = L_bar - rt.outer_of_columns(rt.solve_transposed(L, z_bar, x), z, L, x)
    x_bar = rt.unbroadcast(rt.solve_transposed(L, z_bar, x), x)
    covariance_bar = rt.symmetric(np.linalg.inv(L).mT @ rt.lower_half(L.mT @ L_bar) @ rt.conj(np.linalg.inv(L)))
    a_bar = rt.matmul_bar_x(covariance_bar, a, a.T) + rt.matmul_bar_y(covariance_bar, a, a.T).T
    return a_bar, x_bar
