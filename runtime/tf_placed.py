"""Tensors on a given device."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from redraft.runtime import tf_devices


def tensor(array: np.ndarray, device: str) -> Any:
    """A copy of an array on a device."""
    return _maker()(np.array(array, order="C"), device)


@functools.cache
def _maker() -> Callable[[np.ndarray, str], Any]:
    """How arrays become tensors.

    The quick way is what TensorFlow's own functions end in, without their copies. It is private: if
    it does not do what is expected of it here, the public way is taken.
    """
    try:
        from tensorflow.python.eager import context
        from tensorflow.python.framework import ops

        context.context().ensure_initialized()
        names = [n for kind in ("cpu", "gpu") for n in tf_devices.local_names(kind)]
        made = [ops.EagerTensor(np.arange(4.0), n, None) for n in names]
        if all(x.backing_device.endswith(n[-8:]) for x, n in zip(made, names, strict=True)):
            return lambda array, device: ops.EagerTensor(array, device, None)
    except Exception:
        pass
    return _slowly


def _slowly(array: np.ndarray, device: str) -> Any:
    with tf.device(device):
        return tf.identity(tf.constant(array))


def on_device(x: Any, device: str) -> Any:
    """A tensor on a device; itself, if it lies there."""
    with tf.device(device):
        return tf.identity(x)


def slices(x: Any, axis: int) -> list[Any]:
    """The slices of a tensor along an axis."""
    return tf.unstack(x, axis=axis)


def stacked(parts: list[Any], axis: int) -> Any:
    """Tensors along a new axis."""
    return tf.stack(parts, axis)


def as_tensor(x: Any) -> Any:
    """An array as a tensor of the graph that is being made."""
    return tf.convert_to_tensor(x)


def any_true(tests: list[Any]) -> Any:
    """Is one of these true?"""
    return tf.reduce_any(tf.stack(tests))


def outside_graphs() -> Any:
    """A context in which no graph is being made."""
    return tf.init_scope()
