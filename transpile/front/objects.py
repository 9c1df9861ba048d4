"""Names that the classes of differentiated objects share with arrays, or that stand for properties.

``x.sum()``, ``x.T`` and ``x.size`` mean what NumPy means by them, as long as no object among the
arguments has a member of that name. Where one has, or where a name is a property, what it means is
settled when the code runs: a method by `rt.method_fwd`, another member by `rt.reader`.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

from redraft.runtime.cotangents import Struct, fields_of
from redraft.transpile.front.coarse import DICT_METHODS, MUTATORS, SHAPE_ATTRIBUTES
from redraft.transpile.primitives import table

SCALARS = (float, int, complex, str, bytes, bool, type(None))


def object_names(value: Any) -> frozenset[str]:
    """The names of all objects in a value: dataclasses, NamedTuples, registered classes."""
    kind = value.__class__
    if kind in SCALARS or hasattr(kind, "__array_ufunc__"):
        return frozenset()
    if kind is dict:
        return frozenset().union(*map(object_names, value.values()))
    own = frozenset()
    if kind is not list and kind is not tuple:
        fields = fields_of(value)
        if fields is None or kind is Struct:
            return frozenset()
        beside = set(getattr(value, "__dict__", ())) - set(fields)
        own = special_names(kind) | _taken(fields) | beside
        value = list(fields.values())
    return own.union(*map(object_names, value))


@functools.cache
def special_names(cls: type) -> frozenset[str]:
    """Members of a class that are properties, or that arrays have too."""
    fields = {f.name for f in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else set()
    fields |= set(getattr(cls, "_fields", ()))
    found = set(_taken(fields))
    for base in reversed(cls.__mro__[:-1]):
        if base is tuple or base.__module__ == "typing":
            continue
        for name, member in vars(base).items():
            if isinstance(member, (property, functools.cached_property)):
                found.add(name)
            elif callable(getattr(member, "__func__", member)):
                found |= _taken([name])
            elif name not in fields and not hasattr(type(member), "__get__"):
                found.add(name)  # a constant of the class
    return frozenset(n for n in found if not n.startswith("__"))


def is_part(x: Any, name: str) -> bool:
    """Is an attribute a field, which carries derivatives?"""
    fields = fields_of(x)
    return fields is not None and name in fields


def _taken(names: Any) -> frozenset[str]:
    """Those of the names that mean something on arrays, lists and dicts."""
    index = table.rows_index()
    return frozenset(
        n for n in names
        if n in index["method"] or n in index["attribute"]
        or n in SHAPE_ATTRIBUTES | MUTATORS | DICT_METHODS
    )  # fmt: skip
