"""The gradient of a mean over a batch, which `vmap` makes of a loss for one example."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import redraft as rd

if TYPE_CHECKING:
    from jaxtyping import Float

TRANSFORMS = ("grad",)
Array = np.ndarray


def example_loss(w: Float[Array, "d"], x: Float[Array, "d"], y: Float[Array, ""]):
    return (np.tanh(x @ w) - y) ** 2


def mean_over_batch(w, xs, ys):
    losses = rd.vmap(example_loss, in_axes=(None, 0, 0))(w, xs, ys)
    return np.mean(losses)


def arguments():
    rng = np.random.default_rng(0)
    return rng.normal(size=3), rng.normal(size=(5, 3)), rng.normal(size=5)
