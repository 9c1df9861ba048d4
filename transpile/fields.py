"""Attributes of the user's objects whose names say nothing: properties, and fields named `size`.

The staged text reads ``x.size`` as a length and ``x.area`` as a plain attribute. Where an object of the
traced arguments, or of a class that is called while tracing, has a property `area` or a field `size`, the
text must ask the object. The names are found on the objects themselves, and a trace that meets a new
class begins again with its names.
"""

from __future__ import annotations

import dataclasses
import functools
import types
from typing import Any

from redraft.runtime.memory import TRACE
from redraft.runtime.tensors import is_tensor
from redraft.transpile.front.coarse import SHAPE_ATTRIBUTES


class Again(BaseException):
    """The trace has met a class whose attributes change the meaning of texts that it runs."""


def fields_in(x: Any, seen: set[int] | None = None) -> frozenset[str]:
    """The names that ask the object, of all objects in a value."""
    seen = set() if seen is None else seen
    if id(x) in seen or is_tensor(x) or isinstance(x, (str, bytes, type, types.ModuleType)):
        return frozenset()
    seen.add(id(x))
    if isinstance(x, dict):
        parts = list(x.values())
    elif isinstance(x, (list, tuple, set, frozenset)):
        parts = list(x)
    else:
        parts = list(getattr(x, "__dict__", {}).values())
    found = class_fields(type(x))
    if is_users(type(x)):
        found |= SHAPE_ATTRIBUTES & set(getattr(x, "__dict__", ()))
    return found.union(*(fields_in(part, seen) for part in parts))


@functools.lru_cache(maxsize=1000)
def class_fields(cls: type) -> frozenset[str]:
    """Properties of a class that are written in Python, and its attributes named as lengths are."""
    found: set[str] = set()
    for base in filter(is_users, cls.__mro__):
        for name, value in vars(base).items():
            if getter(value) is not None:
                found.add(name)
            elif isinstance(value, types.FunctionType):  # ``self.size = …`` in a method
                found |= SHAPE_ATTRIBUTES & set(value.__code__.co_names)
        found |= SHAPE_ATTRIBUTES & set(vars(base).get("__annotations__", ()))
        found |= SHAPE_ATTRIBUTES & set(vars(base).get("__slots__", ()))
        found |= SHAPE_ATTRIBUTES & set(vars(base).get("_fields", ()))
    if dataclasses.is_dataclass(cls):
        found |= SHAPE_ATTRIBUTES & {field.name for field in dataclasses.fields(cls)}
    return frozenset(found)


def getter(attribute: Any) -> Any:
    """The Python function that reads a property; None of anything else."""
    if isinstance(attribute, functools.cached_property):
        attribute = attribute.func
    elif isinstance(attribute, property):
        attribute = attribute.fget
    else:
        return None
    return attribute if isinstance(attribute, types.FunctionType) else None


def is_users(cls: type) -> bool:
    """Is it a class of the user's, as far as its module tells?"""
    return cls.__module__.split(".")[0] not in (
        "builtins", "numpy", "tensorflow", "redraft", "collections", "typing", "functools", "abc",
    )  # fmt: skip


def note(cls: type) -> None:
    """A class is called: objects of it may hold tensors from now on.

    Raises:
        Again: texts that were written before do not know its attributes.
    """
    new = class_fields(cls) - TRACE.fields
    if new and TRACE.memories:
        TRACE.fields |= new
        raise Again


def asked_for(code: types.CodeType) -> frozenset[str]:
    """Those of the names that a function reads."""
    return TRACE.fields & _names(code) if TRACE.fields else TRACE.fields


@functools.lru_cache(maxsize=2000)
def _names(code: types.CodeType) -> frozenset[str]:
    inner = [_names(c) for c in code.co_consts if isinstance(c, types.CodeType)]
    return frozenset(code.co_names).union(*inner)
