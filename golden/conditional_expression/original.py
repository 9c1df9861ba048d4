"""A conditional expression evaluates one side, and differentiates that one."""

import numpy as np

ARGNUMS = (0, 1)


def conditional_expression(x, y):
    scale = np.exp(y) if y < 1.0 else y * np.e
    wave = np.cos(x)
    return np.sum(wave * scale)


def arguments():
    return np.array([0.3, -0.7, 1.2]), 0.4


def batch():
    x, y = arguments()
    return np.stack([x, -x, x]), np.array([y, 1.5, -y])


TRANSFORMS = ("grad", "vmap")
