"""Eigenvectors: the formula is a function, which the second derivative rewrites."""

import numpy as np

TRANSFORMS = ("grad", "vmap,grad")


def principal_axis(a, x):
    w, v = np.linalg.eigh(a + a.T)
    return w[-1] * np.dot(x, v[:, -1]) ** 2


def arguments():
    return np.array([[2.0, 0.3, 0.1], [0.3, 1.0, -0.2], [0.1, -0.2, 0.5]]), np.array(
        [1.0, 0.5, 0.2]
    )


def batch():
    a, x = arguments()
    return np.stack([a, a @ a, a + 1.0]), np.stack([x, -x, x + 1.0])
