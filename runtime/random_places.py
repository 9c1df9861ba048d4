"""New keys: the words at a place of a key's stream, of arrays and of tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from redraft.runtime.random_threefry import threefry2x32
from redraft.runtime.tensors import is_tensor


def keys_at(keys: Any, places: Any) -> Any:
    """A new key for each key and place, which broadcast: ``keys[..., 2]`` and ``places[...]``."""
    if is_tensor(keys) or is_tensor(places):
        from redraft.runtime import tf_random

        return tf_random.keys_at(keys, places)
    high = np.zeros_like(places)
    return np.stack(threefry2x32(keys[..., 0], keys[..., 1], high, places), axis=-1)


def split_keys(keys: Any, num: int) -> Any:
    """`num` keys of each: ``keys[..., 2]`` become ``[..., num, 2]``."""
    return keys_at(keys[..., None, :], np.arange(num, dtype=np.uint32))
