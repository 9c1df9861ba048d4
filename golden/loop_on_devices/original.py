"""Power iteration, with the rows of the matrix on several devices: a sum in every round, and a test on it."""

import numpy as np

import redraft as rd

TRANSFORMS = ("pmap",)
AXIS_NAME = "devices"
IN_AXES = (0, None)
OUT_AXES = None


def loop_on_devices(rows, v):
    scale, change, rounds = 0.0, 1.0, 0
    while change > 1e-9 and rounds < 100:
        product = rows @ v
        part = rows.T @ product
        total = rd.psum(part, "devices")
        new = np.sqrt(np.sum(total * total))
        change = np.abs(new - scale) / new
        v, scale = total / new, new
        rounds += 1
    return np.sqrt(scale), v, rounds


def arguments():
    rows, v = batch()
    return rows[0], v


def batch():
    rng = np.random.default_rng(0)
    return rng.normal(size=(4, 2, 3)), np.ones(3)
