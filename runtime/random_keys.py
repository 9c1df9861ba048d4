"""Keys of `redraft.random`, and the bits that they stand for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from redraft.runtime.random_checks import (
    as_dtype,
    as_places,
    as_seeds,
    as_shape,
    check_implementation,
    quiet,
)
from redraft.runtime.random_draws import draw
from redraft.runtime.random_places import keys_at, split_keys
from redraft.runtime.random_threefry import keys_of_seeds


@quiet
def key(seed: Any, *, impl: Any = None, dtype: Any = None) -> Any:
    """A key made of a seed.

    Args:
        seed: an integer.
        impl, dtype: the generator: None or ``"threefry2x32"``.

    Returns:
        Two uint32, as `PRNGKey` gives them: redraft has no dtype of keys.

    Raises:
        TypeError: the seed is no integer.
        OverflowError: it does not fit into 64 bits.
        ValueError: another generator is asked for.
    """
    check_implementation("key", impl, dtype)
    return keys_of_seeds(as_seeds("key", seed))


@quiet
def PRNGKey(seed: Any, *, impl: Any = None) -> Any:
    """A key made of a seed: the same as `key`.

    Args:
        seed: an integer.
        impl: the generator: None or ``"threefry2x32"``.

    Raises:
        TypeError: the seed is no integer.
        OverflowError: it does not fit into 64 bits.
        ValueError: another generator is asked for.
    """
    check_implementation("PRNGKey", impl, None)
    return keys_of_seeds(as_seeds("PRNGKey", seed))


@quiet
def key_data(keys: Any) -> Any:
    """The words of keys: in redraft the keys themselves."""
    return keys


@quiet
def wrap_key_data(key_bits_array: Any, *, impl: Any = None, dtype: Any = None) -> Any:
    """Keys made of their words, ``uint32[..., 2]``: in redraft the words themselves.

    Raises:
        ValueError: another generator than ``"threefry2x32"`` is asked for.
    """
    check_implementation("wrap_key_data", impl, dtype)
    return key_bits_array


@quiet
def split(key: Any, num: Any = 2) -> Any:
    """New keys made of a key.

    Args:
        key: a key.
        num: their number, or a tuple: the shape of an array of keys.

    Returns:
        ``uint32[num, 2]``, or ``uint32[*num, 2]``.

    Raises:
        TypeError: `num` is no integer and no tuple of integers.
        ValueError: it is negative.
    """
    counts = as_shape("split", num, "num")
    keys = split_keys(key, math.prod(counts))
    return keys if len(counts) == 1 else np.reshape(keys, keys.shape[:-2] + counts + (2,))


@quiet
def fold_in(key: Any, data: Any) -> Any:
    """A new key made of a key and a number.

    Args:
        key: a key.
        data: an integer of 32 bits, such as the number of a step or of a layer.

    Raises:
        TypeError: `data` is no number.
        OverflowError: it is a Python number outside of the range of uint32.
    """
    return keys_at(key, as_places("fold_in", data))


@quiet
def bits(key: Any, shape: Any = (), dtype: Any = None) -> Any:
    """Random bits, as unsigned integers.

    Args:
        key: a key.
        shape: of the result.
        dtype: an unsigned integer dtype; uint32 if None.

    Raises:
        ValueError: another dtype, or a negative length.
    """
    shape, dtype = as_shape("bits", shape), as_dtype("bits", dtype, "uint32", "u")
    return draw(key, shape, 8 * dtype.itemsize, as_they_are)


def as_they_are(words: Any) -> Any:
    """The words themselves."""
    return words
