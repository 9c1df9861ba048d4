# redraft: value of store_elements (original.py:6), and what store_elements_lin needs of it.
# Generated, do not edit. Regenerate: redraft golden update store_elements

import numpy as np
from redraft import runtime as rt


def store_elements_lin_fwd(x):
    """Value of store_elements (original.py:6), and what store_elements_lin needs of it."""
    out = np.zeros(len(x))
    tape = []
    for i in range(1, len(x)):
        t0 = out[i - 1]
        out[i] = np.sin(t0) + x[i] * x[i - 1]
        tape.append((i, t0))
    return np.sum(out ** 2), (out, tape, x)


def store_elements_lin(saved, x_dot):
    """Tangent of the result of store_elements (original.py:6) along those of x: the linear part."""
    out, tape, x = saved
    out_dot = rt.zeros_like(out)              # 8  for i in range(1, len(x)):
    for i, t0 in tape:
        t0_dot = out_dot[i - 1] * np.cos(t0)  # 9  out[i] = np.sin(out[i - 1]) + x[i] * x[i - 1]
        t1_dot = x_dot[i] * x[i - 1] + x_dot[i - 1] * x[i]
        out_dot[i] = t0_dot + t1_dot
    return np.sum(2 * out_dot * out)          # 10  return np.sum(out**2)
