# redraft: value of loop_overwrites (original.py:8), and its tangent along the tangents of x.
# Generated, do not edit. Regenerate: redraft golden update loop_overwrites

import numpy as np


def loop_overwrites_jvp(x, n, x_dot):
    """Value of loop_overwrites (original.py:8), and its tangent along the tangents of x."""
    y = x
    y_dot = x_dot
    for i in range(n):
        t0_dot = y_dot * np.cos(y)
        y = np.sin(y) * 1.01
        y_dot = 1.01 * t0_dot
    return np.sum(y), np.sum(y_dot)
