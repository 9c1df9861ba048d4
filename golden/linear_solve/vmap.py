# redraft: linear_solve (original.py:8) for a batch of a and b.
# Generated, do not edit. Regenerate: redraft golden update linear_solve

import numpy as np
from redraft import runtime as rt


def linear_solve_vmap(a, b):
    """linear_solve (original.py:8) for a batch of a and b."""
    x = np.linalg.solve(a, b[:, :, None])[:, :, 0]
    t = rt.each_product('matmul', a.mT, x, 1, 1)
    residual = rt.align(t, 2) - rt.align(b, np.ndim(t))
    t_2 = rt.each_product('matmul', x, x, 1, 1)
    t_3 = rt.each_product('matmul', residual, residual, 1, 1)
    return rt.align(t_2, np.ndim(t_3)) + rt.align(t_3, np.ndim(t_2))
