"""Assignment to slices of the function's own array."""

import numpy as np

ARGNUMS = (0, 1)


def store_slices(x, y):
    out = np.empty((3, 4))
    out[0] = x
    out[1:, :2] = y
    out[1:, 2:] = 2.0 * y * y
    out[:, 1] *= 3.0
    return np.sum(np.sin(out))


def arguments():
    return np.array([0.3, -0.7, 1.2, 0.5]), np.array([[0.1, 0.2], [-0.3, 0.4]])


def batch():
    x, y = arguments()
    return np.stack([x, -x, x + 1.0]), y


TRANSFORMS = ("grad", "vmap")
IN_AXES = (0, None)
