# redraft: euler_steps (original.py:8) for a batch of angle and speed.
# Generated, do not edit. Regenerate: redraft golden update euler_steps

import numpy as np


def euler_steps_vmap(angle, speed, dt):
    """euler_steps (original.py:8) for a batch of angle and speed."""
    for _ in range(5):
        angle, speed = angle + dt * speed, speed - dt * np.sin(angle)
    return angle ** 2 + speed ** 2
