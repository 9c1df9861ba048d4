"""Pytrees taken apart and put together again: lists, tuples, dicts, dataclasses, registered classes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from redraft.runtime.tree import _registry


def children(x: Any) -> tuple[tuple, list[Any], type] | None:
    """Keys, values and class of a container; None if it is none. None itself holds nothing."""
    if x is None:
        return (), [], type(None)
    cls = type(x)
    if cls in _registry:
        values = list(_registry[cls][0](x)[0])
        return tuple(range(len(values))), values, cls
    if isinstance(x, (list, tuple)):
        return tuple(range(len(x))), list(x), cls
    if isinstance(x, dict):
        keys = tuple(x) if not _sortable(x) else tuple(sorted(x))
        return keys, [x[k] for k in keys], dict
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        names = tuple(f.name for f in dataclasses.fields(x))
        return names, [getattr(x, n) for n in names], cls
    return None


def _sortable(x: dict) -> bool:
    return all(isinstance(k, str) for k in x)


def flatten(x: Any) -> list[Any]:
    """The leaves of a pytree."""
    parts = children(x)
    return [x] if parts is None else [leaf for v in parts[1] for leaf in flatten(v)]


def unflatten(x: Any, leaves: Iterator[Any]) -> Any:
    """A pytree like `x` with other leaves."""
    parts = children(x)
    if parts is None:
        return next(leaves)
    keys, values, cls = parts
    new = [unflatten(v, leaves) for v in values]
    if cls in _registry:
        return _registry[cls][1](_registry[cls][0](x)[1], new)
    if x is None:
        return None
    if cls is dict:
        made = dict(zip(keys, new, strict=True))
        return {k: made[k] for k in x}
    if isinstance(x, (list, tuple)):
        return cls(*new) if hasattr(x, "_fields") else cls(new)
    made = object.__new__(cls)
    for key, value in zip(keys, new, strict=True):
        object.__setattr__(made, key, value)
    return made


def paths(x: Any, before: str = "") -> list[str]:
    """The place of each leaf, as Python would reach it: ``[0]['a'].b``."""
    parts = children(x)
    if parts is None:
        return [before]
    named = not isinstance(x, (list, tuple, dict)) or hasattr(x, "_fields")
    names = x._fields if hasattr(x, "_fields") else parts[0]
    found = []
    for name, value in zip(names, parts[1], strict=True):
        step = f".{name}" if named and isinstance(name, str) else f"[{name!r}]"
        found += paths(value, before + step)
    return found
