"""A network over a list of (W, b) pairs: a loop over a container of parameters."""

import numpy as np

TRANSFORMS = ("grad", "value_and_grad", "jvp", "jit", "vmap,grad")


def mlp(params, x, y):
    h = x
    for W, b in params:
        h = np.tanh(h @ W + b)
    return np.mean((h - y) ** 2)


def arguments():
    rng = np.random.default_rng(0)
    sizes = [3, 4, 2]
    params = [
        (rng.normal(size=(m, n)), rng.normal(size=n))
        for m, n in zip(sizes, sizes[1:], strict=False)
    ]
    return params, rng.normal(size=(5, 3)), rng.normal(size=(5, 2))


def batch():
    params, x, y = arguments()
    return params, np.stack([x, -x, x + 1.0]), np.stack([y, y, 2.0 * y])


IN_AXES = (None, 0, 0)
