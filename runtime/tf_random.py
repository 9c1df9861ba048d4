"""`redraft.random` on tensors: the staged source of the functions that run on arrays.

Their formulas stand in runtime/random_*.py alone. Here are the two places where the numbers are drawn
(random_draws.py): XLA makes loops of its own, so there are no blocks, and a round of proposals is for all
elements, of which those that are done keep what they have.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from redraft.runtime import each_key, random_choices, random_normal
from redraft.runtime.random import check_arguments
from redraft.runtime.random_threefry import LOW_WORD, joined, threefry2x32
from redraft.runtime.tensors import TensorError


def sample(name: str, *args: Any, **kwargs: Any) -> Any:
    """A function of each_key.py, of tensors."""
    return staged_text(getattr(each_key, name).__wrapped__)(*args, **kwargs)


def single(name: str, first: Any, *args: Any, **kwargs: Any) -> Any:
    """The same for one key, or for one seed."""
    check_arguments(name, first, args, kwargs)
    return sample(name, first, *args, **kwargs)


def staged_text(function: Callable) -> Callable:
    """A function of the random numbers' modules, made from its staged source."""
    from redraft.transpile.staged import by_source

    return by_source(function)


def draw(keys: Any, shape: tuple[int, ...], width: int, finish: Callable) -> Any:
    """See `random_draws.draw`."""
    from redraft.transpile.staged import staged

    size = math.prod(shape)
    if size > LOW_WORD:
        raise TensorError(
            f"a sample of {size} elements, more than 32 bits count, is drawn in NumPy alone"
        )
    lead = tuple(keys.shape)[:-1]
    places = tf.cast(tf.range(size, dtype=tf.int64), tf.uint32)
    flat = tf.reshape(keys, (-1, 2))
    x_0, x_1 = encrypted(flat[:, 0:1], flat[:, 1:2], places)
    words = staged_text(joined)(x_0, x_1, width)
    return tf.reshape(staged(finish)(words), lead + shape)


def keys_at(keys: Any, places: Any) -> Any:
    """See `random_threefry.keys_at`."""
    return tf.stack(encrypted(keys[..., 0], keys[..., 1], tf.convert_to_tensor(places)), axis=-1)


def encrypted(key_0: Any, key_1: Any, places: Any) -> tuple[Any, Any]:
    """The words at places, of which the upper words are zero."""
    x_0, x_1 = encryption()(key_0, key_1, places)
    shape = tf.broadcast_static_shape(key_0.shape, places.shape)
    return tf.ensure_shape(x_0, shape), tf.ensure_shape(x_1, shape)


@functools.cache
def encryption() -> Any:
    """`threefry2x32` as a function of TensorFlow's: traced once, and part of each program that calls it."""

    def encrypt(key_0: Any, key_1: Any, places: Any) -> tuple[Any, Any]:
        zero = tf.zeros((), tf.uint32)
        x_0, x_1 = threefry2x32(Words(key_0), Words(key_1), Words(zero), Words(places))
        return x_0.tensor, x_1.tensor

    anything = tf.TensorSpec(None, tf.uint32)
    return tf.function(encrypt, input_signature=[anything] * 3, autograph=False)


class Words:
    """A tensor of 32-bit words with NumPy's operators: `threefry2x32` runs on it as it stands.

    Staging would write the same operations. It would trace them a hundred times slower, since it asks
    NumPy for dtypes and looks after shapes and memory at each of them.
    """

    __slots__ = ("tensor",)

    def __init__(self, tensor: Any) -> None:
        self.tensor = tensor

    def __add__(self, other: Any) -> Words:
        return Words(self.tensor + tensor_of(other))

    def __xor__(self, other: Any) -> Words:
        return Words(tf.bitwise.bitwise_xor(self.tensor, tensor_of(other)))

    def __or__(self, other: Any) -> Words:
        return Words(tf.bitwise.bitwise_or(self.tensor, tensor_of(other)))

    def __lshift__(self, bits: Any) -> Words:
        return Words(tf.bitwise.left_shift(self.tensor, tensor_of(bits)))

    def __rshift__(self, bits: Any) -> Words:
        return Words(tf.bitwise.right_shift(self.tensor, tensor_of(bits)))


def tensor_of(words: Any) -> Any:
    """Words, or one that is known, as a tensor."""
    return words.tensor if isinstance(words, Words) else tf.constant(words, tf.uint32)


def accepted(propose: Callable, keys: Any, *parameters: Any) -> Any:
    """See `random_draws.accepted`."""
    from redraft.transpile.staged import staged

    parameters = tuple(map(tf.convert_to_tensor, parameters))
    values = tf.zeros_like(parameters[0])

    def is_pending(keys: Any, values: Any, done: Any) -> Any:
        return tf.logical_not(tf.reduce_all(done))

    def round_of(keys: Any, values: Any, done: Any) -> tuple[Any, Any, Any]:
        new_keys, new, now = staged(propose)(keys, *parameters)
        return (
            tf.where(done[:, None], keys, new_keys),
            tf.where(done, values, new),
            tf.logical_or(done, now),
        )

    done = tf.zeros(values.shape, tf.bool)
    return tf.while_loop(is_pending, round_of, (tf.convert_to_tensor(keys), values, done))[1]


def helper(module: str, name: str, *args: Any) -> Any:
    """A helper of generated code, of tensors."""
    return staged_text(getattr(MODULES[module], name))(*args)


MODULES = {"choices": random_choices, "normal": random_normal}


def number_of(x: Any, name: str, argument: str, lead: int) -> int | None:
    """See `random_checks.number_of`."""
    return each_key.number_of(x, name, argument, lead)


def inside(x: Any, low: Any, high: Any) -> Any:
    """See `random_normal.inside`."""
    if x.dtype == tf.float16:
        raise TensorError("bounds of float16 must be known while the function is traced")
    infinity = tf.constant(float("inf"), x.dtype)
    low, high = tf.cast(low, x.dtype), tf.cast(high, x.dtype)
    first, last = tf.math.nextafter(low, infinity), tf.math.nextafter(high, -infinity)
    return tf.minimum(tf.maximum(x, first), last)
