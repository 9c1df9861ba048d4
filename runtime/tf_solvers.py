"""What calls of solvers need under `jit` beside the call itself: vectors of numbers, and objects that look at shapes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf

from redraft.runtime import host_functions
from redraft.runtime.tf_host import dtype_of, known_shape


def plainly(name: str, *args: Any) -> Any:
    """A helper of host_functions.py that looks at shapes alone."""
    return getattr(host_functions, name)(*args)


def flattened(items: Any, lead: int = 0) -> Any:
    """All numbers of some tensors, as one vector of float64 (host_functions.py)."""
    if not items:
        return np.zeros(0)
    parts = [tf.reshape(to_float64(x), [*known_shape("flattened", x)[:lead], -1]) for x in items]
    return tf.concat(parts, -1)


def flattened_like(items: Any, bars: Any, lead: int = 0) -> Any:
    """The same for cotangents or tangents of the tensors, which may have more axes in front."""
    bars = [None] * len(items) if bars is None else bars
    shapes = [known_shape("flattened_like", x) for x in items]
    arrays = [np.zeros(()) if z is None else to_float64(z) for z in bars]
    fronts, shapes = [s[:lead] for s in shapes], [s[lead:] for s in shapes]
    pairs = list(zip(arrays, shapes, strict=True))
    more = [tuple(z.shape)[: max(len(z.shape) - len(s), 0)] for z, s in pairs]
    front = np.broadcast_shapes(*fronts, *more)
    return flattened([tf.broadcast_to(to_float64(z), (*front, *s)) for z, s in pairs], len(front))


def unflattened(items: Any, flat: Any, lead: int = 0) -> list[Any]:
    """Tensors like some tensors, with numbers from a vector, which may have more axes in front."""
    shapes = [known_shape("unflattened", x)[lead:] for x in items]
    ends = np.cumsum([0, *map(math.prod, shapes)])
    flat = to_float64(flat)
    front = known_shape("unflattened", flat)[:-1]
    return [
        tf.cast(tf.reshape(flat[..., a:b], (*front, *shape)), dtype_of(x))
        for x, shape, a, b in zip(items, shapes, ends, ends[1:], strict=False)
    ]


def to_float64(x: Any) -> Any:
    """A tensor of float64."""
    return tf.cast(tf.convert_to_tensor(x), tf.float64)
