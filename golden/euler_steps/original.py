"""A pendulum by Euler's method: two coupled values, both overwritten at once."""

import numpy as np

ARGNUMS = (0, 1, 2)


def euler_steps(angle, speed, dt):
    for _ in range(5):
        angle, speed = angle + dt * speed, speed - dt * np.sin(angle)
    return angle**2 + speed**2


def arguments():
    return 0.8, -0.3, 0.1


def batch():
    return np.array([0.8, -0.3]), np.array([-0.3, 0.5]), 0.1


TRANSFORMS = ("grad", "vmap")
IN_AXES = (0, 0, None)
