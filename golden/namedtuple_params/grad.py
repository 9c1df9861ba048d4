# redraft: gradient of namedtuple_params (original.py:13) with respect to state.
# Generated, do not edit. Regenerate: redraft golden update namedtuple_params

from typing import NamedTuple

import numpy as np
from redraft import runtime as rt


class State(NamedTuple):
    position: np.ndarray
    velocity: np.ndarray


def namedtuple_params_grad(state, dt):
    """Gradient of namedtuple_params (original.py:13) with respect to state."""
    # forward
    tape = []
    state_saved = state
    for _ in range(3):
        t0 = state.velocity
        t1 = state.position
        velocity = t0 - dt * np.sin(t1)
        t2 = state.position
        tape.append((velocity, t2, state, t1, t0))
        state = State(t2 + dt * velocity, velocity)
    # backward
    state_bar = rt.zeros_like(state)  # 17  return np.sum(state.position**2) + np.sum(state.veloc...
    rt.add_field(state_bar, 'velocity', 2 * state.velocity)
    rt.add_field(state_bar, 'position', 2 * state.position)
    for velocity, t2, state, t1, t0 in reversed(tape):
        t0_bar = state_bar.position  # 16  state = State(state.position + dt * velocity, velocity)
        velocity_bar = state_bar.velocity + rt.unbroadcast(t0_bar * dt, velocity)
        state_bar = rt.zeros_like(state)
        rt.add_field(state_bar, 'position', rt.unbroadcast(t0_bar, t2))
        rt.add_field(state_bar, 'position', rt.unbroadcast(-velocity_bar * dt * np.cos(t1), t1))
        rt.add_field(state_bar, 'velocity', rt.unbroadcast(velocity_bar, t0))
    return rt.like(state_bar, state_saved)
