# redraft: jacobian of robot_arm (original.py:8) with respect to angles.
# Generated, do not edit. Regenerate: redraft golden update robot_arm

import numpy as np
from redraft import runtime as rt


def robot_arm_fwd(angles):
    """Value of robot_arm (original.py:8), and what robot_arm_bwd needs of it."""
    first = angles[0]
    second = first + angles[1]
    x = np.cos(first) + 0.5 * np.cos(second)
    y = np.sin(first) + 0.5 * np.sin(second)
    t0 = [x, y]
    return np.stack(t0), (t0, second, first, angles)


def robot_arm_bwd_vmap(saved, t_bar):
    """Cotangents of angles from that of the result of robot_arm (original.py:8), for a batch of t_bar."""
    batch = len(t_bar)
    t0, second, first, angles = saved
    x_bar, y_bar = rt.unstack(t_bar, t0, axis=1)
    second_bar = 0.5 * y_bar * np.cos(second)
    first_bar = y_bar * np.cos(first)
    second_bar = second_bar - 0.5 * x_bar * np.sin(second)
    first_bar = first_bar - x_bar * np.sin(first)
    angles_bar = rt.per_example(np.zeros_like(angles), batch)
    angles_bar[:, 1] += second_bar
    angles_bar[:, 0] += first_bar + second_bar
    return angles_bar


def robot_arm_jacrev(angles):
    """Jacobian of robot_arm (original.py:8) with respect to angles."""
    ans, saved = robot_arm_fwd(angles)
    rows = robot_arm_bwd_vmap(saved, rt.basis(ans))
    return rows
