"""Where an arm of two joints reaches: Jacobians of a vector, by columns and by rows."""

import numpy as np

TRANSFORMS = ("jacfwd", "jacrev", "vmap,jacfwd")


def robot_arm(angles):
    first, second = angles[0], angles[0] + angles[1]
    x = np.cos(first) + 0.5 * np.cos(second)
    y = np.sin(first) + 0.5 * np.sin(second)
    return np.stack([x, y])


def arguments():
    return (np.array([0.3, -0.7]),)


def batch():
    return (np.array([[0.3, -0.7], [1.2, 0.1], [-0.4, 2.0]]),)
