# redraft: gradient of principal_axis (original.py:8) with respect to a.
# Generated, do not edit. Regenerate: redraft golden update principal_axis

import numpy as np
from redraft import runtime as rt


def principal_axis_grad(a, x):
    """Gradient of principal_axis (original.py:8) with respect to a."""
    # forward
    t0 = np.linalg.eigh(a + a.T)
    w, v = t0
    t1 = np.dot(x, v[:, -1])
    t2 = t1 ** 2
    # backward
    t0_bar = rt.seed(w[-1] * t2)              # 10  return w[-1] * np.dot(x, v[:, -1]) ** 2
    v_bar = rt.zeros_like(v)
    rt.add_at(v_bar, (slice(None), -1), rt.dot_bar_y(2 * t0_bar * w[-1] * t1, x, v[:, -1]))
    w_bar = rt.zeros_like(w)
    w_bar[-1] += t0_bar * t2
    t0_bar = w_bar, v_bar                     # 9  w, v = np.linalg.eigh(a + a.T)
    t0_bar = rt.eigh_bar(t0[0], t0[1], t0_bar[0], t0_bar[1])
    return rt.unbroadcast(t0_bar, a) + rt.unbroadcast(t0_bar, a.T).T
