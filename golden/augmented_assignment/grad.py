# redraft: gradient of augmented_assignment (original.py:6) with respect to x.
# Generated, do not edit. Regenerate: redraft golden update augmented_assignment

import numpy as np


def augmented_assignment_grad(x):
    """Gradient of augmented_assignment (original.py:6) with respect to x."""
    # forward
    y = np.cos(x)
    y_1 = y * x
    y_1 = y_1 + 2.0
    # backward
    y_bar = 1.0 - 2 * y_1                     # 10  y -= y * y
    x_bar = y_bar * y                         # 8  y *= x
    return x_bar - y_bar * x * np.sin(x)      # 7  y = np.cos(x)
