# redraft: gradient of sorting (original.py:6) with respect to x.
# Generated, do not edit. Regenerate: redraft golden update sorting

import numpy as np
from redraft import runtime as rt


def sorting_grad(x, w):
    """Gradient of sorting (original.py:6) with respect to x."""
    # forward
    ordered = np.sort(x, axis=-1)
    squares = ordered ** 2
    # backward
    return rt.untake_along_axis(2 * rt.unbroadcast(np.ones_like(w * squares) * w, squares) * ordered, x, np.argsort(x, kind='stable'))
