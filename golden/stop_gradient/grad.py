# redraft: gradient of stop_gradient (original.py:8) with respect to w.
# Generated, do not edit. Regenerate: redraft golden update stop_gradient

import numpy as np
import redraft as rd
from redraft import runtime as rt


def stop_gradient_grad(w, x):
    """Gradient of stop_gradient (original.py:8) with respect to w."""
    # forward
    y = w * x
    shift = rd.stop_gradient(np.max(y))
    t0 = np.exp(y - shift)
    # backward
    return rt.unbroadcast(1.0 / np.sum(t0) * t0 * x, w)  # 9  y = w * x
