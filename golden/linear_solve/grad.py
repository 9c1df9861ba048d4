# redraft: gradient of linear_solve (original.py:8) with respect to a and b.
# Generated, do not edit. Regenerate: redraft golden update linear_solve

import numpy as np
from redraft import runtime as rt


def linear_solve_grad(a, b):
    """Gradient of linear_solve (original.py:8) with respect to a and b."""
    # forward
    x = np.linalg.solve(a, b)
    residual = a.T @ x - b
    # backward
    t0_bar = rt.seed(x @ x + residual @ residual)  # 11  return x @ x + residual @ residual
    residual_bar = rt.matmul_bar_x(t0_bar, residual, residual) + rt.matmul_bar_y(t0_bar, residual, residual)
    x_bar = rt.matmul_bar_x(t0_bar, x, x) + rt.matmul_bar_y(t0_bar, x, x)
    b_bar = rt.unbroadcast(-residual_bar, b)  # 10  residual = a.T @ x - b
    x_bar = x_bar + rt.matmul_bar_y(residual_bar, a.T, x)
    a_bar = rt.matmul_bar_x(residual_bar, a.T, x).T
    a_bar = a_bar - rt.outer_of_columns(rt.solve_transposed(a, x_bar, b), x, a, b)
    return a_bar, b_bar + rt.unbroadcast(rt.solve_transposed(a, x_bar, b), b)
