# redraft: gradient of store_slices (original.py:8) with respect to x and y.
# Generated, do not edit. Regenerate: redraft golden update store_slices

import numpy as np
from redraft import runtime as rt


def store_slices_grad(x, y):
    """Gradient of store_slices (original.py:8) with respect to x and y."""
    # forward
    out = np.empty((3, 4))
    out[0] = x
    out[1:, :2] = y
    t0 = 2.0 * y
    t1 = t0 * y
    out[1:, 2:] = t1
    t2 = out[:, 1]
    t_saved = rt.snapshot(t2)
    out[:, 1] = t2 * 3.0
    # backward
    out_bar = np.cos(out)                     # 14  return np.sum(np.sin(out))
    out_bar = out_bar.copy()                  # 13  out[:, 1] *= 3.0
    t0_bar = rt.item_bar(out_bar, (slice(None), 1), t_saved)
    out_bar[:, 1] = 0.0
    out_bar[:, 1] += 3.0 * t0_bar
    t0_bar = rt.item_bar(out_bar, (slice(1, None), slice(2, None)), t1)  # 12  out[1:, 2:] = 2.0...
    out_bar[1:, 2:] = 0.0
    y_bar = t0_bar * t0 + 2.0 * t0_bar * y
    y_bar = y_bar + rt.item_bar(out_bar, (slice(1, None), slice(2)), y)  # 11  out[1:, :2] = y
    out_bar[1:, :2] = 0.0
    return rt.item_bar(out_bar, 0, x), y_bar  # 10  out[0] = x
