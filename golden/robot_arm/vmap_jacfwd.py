# redraft: jacobian of robot_arm (original.py:8) with respect to angles, for a batch of angles.
# Generated, do not edit. Regenerate: redraft golden update robot_arm

import numpy as np
from redraft import runtime as rt


def robot_arm_tangent_vmap_vmap(angles, angles_dot):
    """Tangent of the result of robot_arm (original.py:8) along the tangents of angles, for a batch of angles_dot, for a batch of angles."""
    first, t0_dot = angles[:, 0], angles_dot[:, 0]
    second, t1_dot = first + angles[:, 1], t0_dot + angles_dot[:, 1]
    x_dot = -t0_dot * np.sin(first)[:, None] + 0.5 * (-t1_dot * np.sin(second)[:, None])
    return np.stack([x_dot, t0_dot * np.cos(first)[:, None] + 0.5 * (t1_dot * np.cos(second)[:, None])], axis=2)


def robot_arm_jacfwd_vmap(angles):
    """Jacobian of robot_arm (original.py:8) with respect to angles, for a batch of angles."""
    return robot_arm_tangent_vmap_vmap(angles, angles_dot=rt.basis(angles[0])).mT
