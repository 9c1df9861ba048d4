"""A step of data-parallel training: every device has its own examples, and all take the same step."""

import numpy as np

import redraft as rd

TRANSFORMS = ("pmap",)
AXIS_NAME = "devices"
IN_AXES = (None, 0, 0)
OUT_AXES = (None, None)


def data_parallel_step(params, x, y):
    w, b, v = params
    h = np.tanh(x @ w + b)
    error = h @ v - y
    loss = np.mean(error**2)
    v_bar = h.T @ error * (2.0 / np.size(error))
    h_bar = np.outer(error, v) * (2.0 / np.size(error))
    t_bar = h_bar * (1.0 - h * h)
    gradients = rd.pmean([x.T @ t_bar, np.sum(t_bar, axis=0), v_bar], "devices")
    loss = rd.pmean(loss, "devices")
    norm = np.sqrt(sum([np.sum(g * g) for g in gradients]))
    scale = 0.1 / np.maximum(1.0, norm)
    new = [p - scale * g for p, g in zip(params, gradients)]
    return new, loss


def arguments():
    params, x, y = batch()
    return params, x[0], y[0]


def batch():
    rng = np.random.default_rng(0)
    params = [rng.normal(size=(3, 5)), np.zeros(5), rng.normal(size=5)]
    return params, rng.normal(size=(4, 6, 3)), rng.normal(size=(4, 6))
