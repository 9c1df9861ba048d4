# redraft: gradient of euler_steps (original.py:8) with respect to angle, speed and dt.
# Generated, do not edit. Regenerate: redraft golden update euler_steps

import numpy as np
from redraft import runtime as rt


def euler_steps_grad(angle, speed, dt):
    """Gradient of euler_steps (original.py:8) with respect to angle, speed and dt."""
    # forward
    tape = []
    for _ in range(5):
        t0 = np.sin(angle)
        tape.append((t0, angle, speed))
        angle, speed = angle + dt * speed, speed - dt * t0
    # backward
    t0_bar = rt.seed(angle ** 2 + speed ** 2)  # 11  return angle**2 + speed**2
    speed_bar = 2 * t0_bar * speed
    angle_bar = 2 * t0_bar * angle
    dt_bar = 0.0                              # 9  for _ in range(5):
    for t0, angle, speed in reversed(tape):
        t0_bar = speed_bar  # 10  angle, speed = angle + dt * speed, speed - dt * np.sin(an...
        t1_bar = angle_bar
        t2_bar = -t0_bar
        dt_bar += t2_bar * t0
        angle_bar = t2_bar * dt * np.cos(angle) + t1_bar
        dt_bar += t1_bar * speed
        speed_bar = t0_bar + t1_bar * dt
    return angle_bar, speed_bar, dt_bar
