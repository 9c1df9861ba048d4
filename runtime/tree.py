"""Pytrees: the user's own classes, through optree's registry."""

from __future__ import annotations

import contextlib
import sys
from typing import Any


def is_registered(x: Any) -> bool:
    """Is it an object of a class registered with `register`?"""
    return type(x) in _registry


def has_named_children(x: Any) -> bool:
    """Is it a registered object of which is known what attributes its children are?"""
    return is_registered(x) and not any(name.isdigit() for name in registered_fields(x))


def registered_classes() -> list[type]:
    """The classes registered with `register`."""
    return list(_registry)


def registered_fields(x: Any) -> dict[str, Any] | None:
    """Children of an object of a class registered with `register`, or None.

    They are named after the attributes that hold them, as far as an object that is made of marks
    shows which those are; otherwise by number.
    """
    if type(x) not in _registry:
        return None
    flatten, unflatten = _registry[type(x)]
    children, data = flatten(x)
    children = list(children)
    marks = [_Mark() for _ in children]
    try:
        held = vars(unflatten(data, marks))
    except Exception:  # its constructor looks at what it gets
        held = {}
    names = {id(mark): name for name, mark in held.items()}
    known = [names.get(id(mark), str(place)) for place, mark in enumerate(marks)]
    return dict(zip(known, children, strict=True))


class _Mark:
    """Stands for a child, to see where an object keeps it."""


def flattener(x: Any) -> Any:
    """What takes an object of a registered class apart: object -> (children, data)."""
    return _registry[type(x)][0]


def is_pytree_object(x: Any) -> bool:
    """Is it an object with children: of a registered class, or a dataclass?"""
    dataclasses = sys.modules.get("dataclasses")
    is_dataclass = dataclasses is not None and dataclasses.is_dataclass(x)
    return is_registered(x) or (is_dataclass and not isinstance(x, type))


def rebuild_registered(x: Any, children: list[Any]) -> Any:
    """An object like `x` with other children."""
    flatten, unflatten = _registry[type(x)]
    return unflatten(flatten(x)[1], children)


_registry: dict[type, tuple[Any, Any]] = {}


def register(cls: type, flatten: Any, unflatten: Any, names: tuple[str, ...] | None = None) -> None:
    """Register a class as a pytree node, here and with optree.

    Args:
        cls: the class.
        flatten: object -> (children, data).
        unflatten: (data, children) -> object.
        names: attributes that hold the children, if they are such.

    Raises:
        ValueError: it is registered already.
    """
    import optree

    if cls in _registry:
        raise ValueError(f"`{cls.__name__}` is registered as a pytree node already")
    with contextlib.suppress(ValueError):  # a dataclass that was met before
        optree.unregister_pytree_node(cls, namespace="redraft")
    if names is None:
        optree.register_pytree_node(cls, flatten, unflatten, namespace="redraft")
    else:
        optree.register_pytree_node(
            cls, lambda x: (*flatten(x), names), unflatten,
            path_entry_type=optree.GetAttrEntry, namespace="redraft",
        )  # fmt: skip
    _registry[cls] = (flatten, unflatten)


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
