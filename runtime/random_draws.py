"""Drawing many numbers: in blocks that fit into a processor's cache, or by one operation on tensors.

What is drawn is told by functions of arrays: what to make of random words (`draw`), and how to propose a
value and test it (`accepted`). On NumPy's arrays they are called for a block of elements at a time, and
proposals for the elements alone that have none yet. On tensors their staged source is called, once for
all (runtime/tf_random.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from redraft.runtime.random_threefry import LOW_WORD, words_at
from redraft.runtime.tensors import is_tensor

BLOCK = 32768  # elements: some arrays of them fit into the second level of the cache


def draw(keys: Any, shape: tuple[int, ...], width: int, finish: Callable) -> Any:
    """Random words for each key, and what is made of them.

    Args:
        keys: ``uint32[..., 2]``.
        shape: of a sample.
        width: bits of a word.
        finish: from an array of words to one of values, element by element.

    Returns:
        Values of shape ``keys.shape[:-1] + shape``.
    """
    if is_tensor(keys):
        from redraft.runtime import tf_random

        return tf_random.draw(keys, shape, width, finish)
    lead, size = keys.shape[:-1], math.prod(shape)
    flat = np.reshape(keys, (-1, 2))
    if len(flat) * size <= BLOCK:
        return np.reshape(_block(flat, 0, size, width, finish), lead + shape)
    values: Any = None
    rows = max(1, BLOCK // size)
    for row in range(0, len(flat), rows):
        for start in range(0, size, BLOCK):
            stop = min(start + BLOCK, size)
            block = _block(flat[row : row + rows], start, stop, width, finish)
            if values is None:
                values = np.empty((len(flat), size), block.dtype)
            values[row : row + rows, start:stop] = block
    return np.reshape(values, lead + shape)


def _block(keys: np.ndarray, start: int, stop: int, width: int, finish: Callable) -> Any:
    """Values at the places from `start` to `stop` of each key's sample."""
    if stop <= LOW_WORD:
        high, low = np.zeros(1, np.uint32), np.arange(start, stop, dtype=np.uint32)
    else:
        places = np.arange(start, stop, dtype=np.uint64)
        high, low = (places >> np.uint64(32)).astype(np.uint32), places.astype(np.uint32)
    return finish(words_at(keys, high, low, width))


def accepted(propose: Callable, keys: Any, *parameters: Any) -> Any:
    """The first accepted proposal for each key.

    Args:
        propose: from keys and parameters to new keys, values, and whether each is accepted.
        keys: ``uint32[n, 2]``.
        parameters: arrays of `n` elements.

    Returns:
        An array of `n` values.
    """
    if is_tensor(keys) or any(map(is_tensor, parameters)):
        from redraft.runtime import tf_random

        return tf_random.accepted(propose, keys, *parameters)
    if len(keys) <= BLOCK:
        return _accepted(propose, keys, parameters)
    blocks = [slice(start, start + BLOCK) for start in range(0, len(keys), BLOCK)]
    return np.concatenate([
        _accepted(propose, keys[block], [p[block] for p in parameters]) for block in blocks
    ])  # fmt: skip


def _accepted(propose: Callable, keys: np.ndarray, parameters: Any) -> np.ndarray:
    keys, values, done = propose(keys, *parameters)
    pending = np.flatnonzero(~done)
    keys = keys[pending]
    while len(pending):
        keys, new, done = propose(keys, *(p[pending] for p in parameters))
        values[pending[done]] = new[done]
        pending, keys = pending[~done], keys[~done]
    return values
