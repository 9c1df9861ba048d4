# redraft: gradient of store_elements (original.py:6) with respect to x.
# Generated, do not edit. Regenerate: redraft golden update store_elements

import numpy as np
from redraft import runtime as rt


def store_elements_grad(x):
    """Gradient of store_elements (original.py:6) with respect to x."""
    # forward
    out = np.zeros(len(x))
    tape = []
    for i in range(1, len(x)):
        t0 = out[i - 1]
        out[i] = np.sin(t0) + x[i] * x[i - 1]
        tape.append((i, t0))
    # backward
    out_bar = 2.0 * out                       # 10  return np.sum(out**2)
    x_bar = rt.zeros_like(x)                  # 8  for i in range(1, len(x)):
    for i, t0 in reversed(tape):
        t0_bar = out_bar[i]                   # 9  out[i] = np.sin(out[i - 1]) + x[i] * x[i - 1]
        out_bar[i] = 0.0
        rt.add_at(x_bar, i - 1, rt.unbroadcast(t0_bar * x[i], x_bar[i - 1]))
        rt.add_at(x_bar, i, rt.unbroadcast(t0_bar * x[i - 1], x_bar[i]))
        out_bar[i - 1] += np.sum(t0_bar) * np.cos(t0)
    return rt.like(x_bar, x)
