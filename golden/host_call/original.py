"""A function that calls the host: XLA compiles what stands before and behind the call, and in the loop."""

import numpy as np

import redraft as rd

TRANSFORMS = ("jit", "vmap")
ARGNUMS = 0
IN_AXES = (0, None)


def host_call(x, weights):
    phase = np.cumsum(np.tanh(x @ weights) * 4.0)
    for _ in range(10):
        phase = phase * 1.1 + np.sin(phase) * np.cos(x)
        wrapped = rd.pure_callback(
            np.unwrap, rd.ShapeDtypeStruct(x.shape, x.dtype), phase, vmap_method="sequential"
        )
        phase = 0.5 * (phase + wrapped)
    return np.sum((phase - x) ** 2)


def arguments():
    rng = np.random.default_rng(0)
    return rng.normal(size=3), rng.normal(size=(3, 3))


def batch():
    x, weights = arguments()
    return np.stack([x, -x, x + 1.0]), weights
