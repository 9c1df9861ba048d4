"""Results in memory of their own: a gradient must not share its array with anything else."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

_probe = [object()]
_count = getattr(sys, "getrefcount", None)
_ONE = _count(_probe[0]) if _count else -1


def detach(held: list[Any]) -> list[Any]:
    """Copy the arrays in a list (or in containers in it) that something else can see.

    An array that nobody but the list holds is left alone. The list must be the only holder of
    what it contains; so no caller may keep its items in a variable.
    """
    for place in range(len(held)):
        kind = held[place].__class__
        if kind is np.ndarray:
            if _count is None or _count(held[place]) != _ONE or _is_shared_view(held, place):
                held[place] = held[place].copy()
        elif kind is float or isinstance(held[place], np.generic):
            continue
        else:
            held[place] = _detached(held[place])
    return held


def is_settled(held: Any, like: Any, keys: Any) -> bool:
    """Is each item certainly an array like that in `like`, and in memory that nobody else holds?

    One quick walk for the common case; a no means that `detach` has to look closer.
    """
    for key in keys:
        x, bar = like[key], held[key]
        kind = x.__class__
        if kind is np.ndarray:
            if (
                bar.__class__ is not kind
                or bar.base is not None
                or _count is None
                or _count(bar) != _NAMED
                or bar.dtype is not x.dtype
                or bar.shape != x.shape
                or x.dtype.kind not in "fc"
            ):
                return False
        elif kind is list or kind is tuple or kind is dict:
            if bar.__class__ is not kind or len(bar) != len(x) or _count(bar) != _NAMED:
                return False
            if not is_settled(bar, x, x if kind is dict else range(len(x))):
                return False
        elif kind is not float or not (bar.__class__ is kind or bar.__class__ is np.float64):
            return False
    return True


def _holders(held: list[Any]) -> int:
    """References to an item that a list and a variable hold."""
    bar = held[0]
    return _count(bar) if _count else -1


def _named() -> int:
    x = object()
    return references(x)


references = _count or (lambda x: -1)
_NAMED = _holders(_probe)
ONE_NAME = _named() if _count else -2  # what `references` says where one variable alone holds it


def _is_shared_view(held: list[Any], place: int) -> bool:
    if held[place].base is None:
        return False
    if held[place].base.__class__ is not np.ndarray or not held[place].flags.writeable:
        return True
    return _count is None or _count(held[place].base) != _ONE


def _detached(tree: Any) -> Any:
    """A container with arrays of its own; the container itself is new already."""
    kind = tree.__class__
    if kind is list:
        return detach(tree)
    if kind is dict:
        for key in tree:
            if tree[key].__class__ is np.ndarray:
                if _count is None or _count(tree[key]) != _ONE or _view_in(tree, key):
                    tree[key] = tree[key].copy()
            else:
                tree[key] = _detached(tree[key])
        return tree
    if isinstance(tree, tuple):
        items = [_owned_item(tree, place) for place in range(len(tree))]
        if all(a is b for a, b in zip(items, tree, strict=True)):
            return tree
        return kind(items) if kind is tuple else kind(*items)
    fields = getattr(tree, "__dict__", None)
    if fields and not callable(tree):
        _detached(fields)
    return tree


def _owned_item(tree: tuple, place: int) -> Any:
    if tree[place].__class__ is not np.ndarray:
        return _detached(tree[place])
    if _count is None or _count(tree[place]) != _ONE or _view_in(tree, place):
        return tree[place].copy()
    return tree[place]


def _view_in(tree: Any, key: Any) -> bool:
    if tree[key].base is None:
        return False
    if tree[key].base.__class__ is not np.ndarray or not tree[key].flags.writeable:
        return True
    return _count(tree[key].base) != _ONE
