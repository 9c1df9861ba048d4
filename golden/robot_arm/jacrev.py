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
    second_bar = rt.each_unbroadcast(0.5 * y_bar * np.cos(second), second, of_x=0)
    first_bar = rt.each_unbroadcast(y_bar * np.cos(first), first, of_x=0)
    second_bar = second_bar + rt.each_unbroadcast(-(0.5 * x_bar) * np.sin(second), second, of_x=0)
    first_bar = first_bar + rt.each_unbroadcast(-x_bar * np.sin(first), first, of_x=0)
    angles_bar = rt.per_example(rt.zeros_like(angles), batch)
    rt.add_at(angles_bar, (slice(None), 1), rt.unbroadcast(second_bar, angles_bar[:, 1]))
    rt.add_at(angles_bar, (slice(None), 0), first_bar + rt.each_unbroadcast(second_bar, angles[0], of_x=0))
    return angles_bar


def robot_arm_jacrev(angles):
    """Jacobian of robot_arm (original.py:8) with respect to angles."""
    angles_ans, angles_saved = robot_arm_fwd(angles)
    angles_rows = robot_arm_bwd_vmap(angles_saved, rt.basis(angles_ans))
    return rt.jacobian_of_rows(angles_rows, angles_ans, angles)
