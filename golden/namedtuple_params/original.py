"""A NamedTuple made by the function: cotangents keep its structure."""

from typing import NamedTuple

import numpy as np


class State(NamedTuple):
    position: np.ndarray
    velocity: np.ndarray


def namedtuple_params(state, dt):
    for _ in range(3):
        velocity = state.velocity - dt * np.sin(state.position)
        state = State(state.position + dt * velocity, velocity)
    return np.sum(state.position**2) + np.sum(state.velocity**2)


def arguments():
    return State(np.array([0.3, -0.7]), np.array([1.2, 0.4])), 0.1
