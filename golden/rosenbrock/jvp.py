# redraft: value of rosenbrock (original.py:8), and its tangent along the tangents of x.
# Generated, do not edit. Regenerate: redraft golden update rosenbrock

import numpy as np


def rosenbrock_jvp(x, x_dot):
    """Value of rosenbrock (original.py:8), and its tangent along the tangents of x."""
    left, t0_dot, right = x[:-1], x_dot[:-1], x[1:]
    valley = right - left ** 2
    slope = 1.0 - left
    return np.sum(100.0 * valley ** 2 + slope ** 2), np.sum(100.0 * (2 * (x_dot[1:] - 2 * t0_dot * left) * valley) + 2 * -t0_dot * slope)
