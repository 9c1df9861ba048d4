"""Pytrees: the user's own classes, through optree's registry."""

from __future__ import annotations

import sys
from typing import Any


def registered_fields(x: Any) -> dict[str, Any] | None:
    """Children of an object of a class registered with `register`, or None."""
    if type(x) not in _registry:
        return None
    children, _ = _registry[type(x)][0](x)
    return {str(i): c for i, c in enumerate(children)}


def rebuild_registered(x: Any, x_bar: Any) -> Any:
    """An object of a registered class with the given children; other values as they are."""
    from redraft.runtime.cotangents import like

    if type(x) not in _registry:
        return x_bar
    flatten, unflatten = _registry[type(x)]
    children, data = flatten(x)
    bars = list(x_bar)
    return unflatten(data, [like(b, c) for b, c in zip(bars, children, strict=True)])


_registry: dict[type, tuple[Any, Any]] = {}


def register(cls: type, flatten: Any, unflatten: Any) -> None:
    """Register a class as a pytree node, here and with optree.

    Args:
        cls: the class.
        flatten: object -> (children, data).
        unflatten: (data, children) -> object.
    """
    import optree

    _registry[cls] = (flatten, unflatten)
    optree.register_pytree_node(cls, flatten, unflatten, namespace="redraft")


def leaves(x: Any) -> list[Any]:
    """Leaves of a pytree. Numbers and arrays answer at once; optree does the rest."""
    import numpy as np

    if isinstance(x, (float, np.ndarray, np.generic)):
        return [x]
    import optree

    return optree.tree_leaves(with_dataclasses_open(x), namespace="redraft", none_is_leaf=False)


def with_dataclasses_open(x: Any) -> Any:
    """Dataclasses as dicts of their fields, so that optree sees their leaves."""
    dataclasses = sys.modules.get("dataclasses")
    if dataclasses is not None and dataclasses.is_dataclass(x) and not isinstance(x, type):
        if type(x) in _registry:
            return x
        return {f.name: with_dataclasses_open(getattr(x, f.name)) for f in dataclasses.fields(x)}
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*map(with_dataclasses_open, x))
    if isinstance(x, (list, tuple)):
        return type(x)(map(with_dataclasses_open, x))
    if isinstance(x, dict):
        return {k: with_dataclasses_open(v) for k, v in x.items()}
    return x
