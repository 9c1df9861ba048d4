"""Annotated shapes are checked, and nothing has to undo broadcasting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float

Array = np.ndarray


def annotated_shapes(w: Float[Array, "d k"], b: Float[Array, "k"], x: Float[Array, "n d"]):
    scores = x @ w + b
    scores = scores - np.mean(scores, axis=1, keepdims=True)
    return np.sum(np.log(np.sum(np.exp(scores), axis=1)))


def arguments():
    rng = np.random.default_rng(0)
    return rng.normal(size=(3, 2)), rng.normal(size=2), rng.normal(size=(4, 3))


def batch():
    w, b, x = arguments()
    return w, b, np.stack([x, -x])


ARGNUMS = (0, 1)
TRANSFORMS = ("grad", "vmap", "vmap,grad")
IN_AXES = (None, None, 0)
