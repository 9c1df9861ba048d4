"""Parameters in a dataclass: the gradient is an instance of it."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Line:
    slope: np.ndarray
    offset: float


def dataclass_params(line, x, y):
    predicted = x @ line.slope + line.offset
    error = predicted - y
    return np.sum(error**2)


def arguments():
    rng = np.random.default_rng(0)
    return Line(rng.normal(size=3), 0.5), rng.normal(size=(5, 3)), rng.normal(size=5)


def batch():
    line, x, y = arguments()
    return line, np.stack([x, -x]), np.stack([y, y + 1.0])


TRANSFORMS = ("grad", "vmap")
IN_AXES = (None, 0, 0)
