"""Threefry-2x32 with 20 rounds, the generator of `redraft.random`, in NumPy's terms.

The functions here run on arrays, and `jit` rewrites their source for tensors: so eager and compiled code
have the same bits. They are those of JAX, whose generator is partitionable: the bits of an element depend
on the key and on the element's place in the flattened result alone, which is counted in 64 bits.

J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011.
"""

from __future__ import annotations

from typing import Any

import numpy as np

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA
ROUNDS_OF_FOUR = 5
LOW_WORD = 0xFFFFFFFF


def threefry2x32(key_0: Any, key_1: Any, x_0: Any, x_1: Any) -> tuple[Any, Any]:
    """Encrypt pairs of 32-bit words.

    Args:
        key_0, key_1: words of the keys.
        x_0, x_1: words to encrypt. All four are uint32, and broadcast.

    Returns:
        The two encrypted words.
    """
    key = (key_0, key_1, key_0 ^ key_1 ^ np.uint32(PARITY))
    x_0, x_1 = x_0 + key[0], x_1 + key[1]
    for group in range(ROUNDS_OF_FOUR):
        for bits in ROTATIONS[group % 2]:
            x_0 = x_0 + x_1
            x_1 = (x_1 << np.uint32(bits) | x_1 >> np.uint32(32 - bits)) ^ x_0
        x_0 = x_0 + key[(group + 1) % 3]
        x_1 = x_1 + (key[(group + 2) % 3] + np.uint32(group + 1))
    return x_0, x_1


def words_at(keys: Any, high: Any, low: Any, width: int) -> Any:
    """Random words for places of a flattened result.

    Args:
        keys: uint32 of shape ``(batch, 2)``.
        high, low: the words of the places, uint32 vectors.
        width: bits of a word: 8, 16, 32 or 64.

    Returns:
        Unsigned integers of that width and of shape ``(batch, places)``.
    """
    return joined(*threefry2x32(keys[:, 0:1], keys[:, 1:2], high, low), width)


def joined(x_0: Any, x_1: Any, width: int) -> Any:
    """Pairs of 32-bit words as words of a width."""
    if width == 64:
        return x_0.astype(np.uint64) << np.uint64(32) | x_1.astype(np.uint64)
    words = x_0 ^ x_1
    return words if width == 32 else words.astype(np.uint8 if width == 8 else np.uint16)


def keys_of_seeds(seeds: Any) -> Any:
    """A key for each seed: its upper and its lower word.

    The upper word of a seed that 32 bits can hold is zero, as in JAX, whose seeds have 32 bits.
    """
    if seeds.dtype.itemsize < 8:
        return np.stack((np.zeros_like(seeds, np.uint32), seeds.astype(np.uint32)), axis=-1)
    low = (seeds & LOW_WORD).astype(np.uint32)
    is_short = (seeds >= -(2**31)) & (seeds <= LOW_WORD)
    high = (seeds >> 32 & LOW_WORD).astype(np.uint32)
    return np.stack((np.where(is_short, np.uint32(0), high), low), axis=-1)
