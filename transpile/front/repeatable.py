"""May a function run twice, and do the same? What is known of that from its text, and what is asked when it runs."""

from __future__ import annotations

import random
import types
from typing import Any

import gast
import numpy as np

from redraft.transpile import core
from redraft.transpile.errors import SourceError, TransformError
from redraft.transpile.front.callee import is_python_function
from redraft.transpile.front.scope import UNKNOWN, Scope
from redraft.transpile.front.source import Source, read_source
from redraft.transpile.primitives import table

DRAWS = frozenset(
    n for c in (np.random.Generator, np.random.RandomState, random.Random) for n in dir(c) if n[0] != "_"
)  # fmt: skip
CONSUMES = frozenset(
    {"next", "list", "tuple", "zip", "enumerate", "reversed", "map", "filter", "sum", "sorted"}
)
MODULES = ("numpy.random", "random", "secrets", "time")


def check_repeatable(source: Source) -> None:
    """Refuse a function that draws random numbers, or reads the clock.

    Raises:
        TransformError: it does, or a function that it calls.
    """
    todo, seen = [source], {id(source)}
    while todo:
        current = todo.pop()
        scope = Scope(current, set(current.parameters) | core.writes(current.node.body), [])
        for call in _calls(current.node):
            value = scope.value(call.func)
            if value is UNKNOWN:
                continue
            if is_random(value):
                raise TransformError(
                    f"`{gast.unparse(call.func)}` in a checkpointed function would give something else when "
                    "the function runs again", current.span(call),
                    "draw the numbers outside of it, and pass them as an argument",
                )  # fmt: skip
            if is_python_function(value) and table.row_of(value) is None and id(value) not in seen:
                seen.add(id(value))
                if not (value.__module__ or "").startswith("redraft."):
                    todo += _readable(value)


def _calls(node: Any) -> list[gast.Call]:
    return [n for s in node.body for n in core.walk(s) if isinstance(n, gast.Call)]


def _readable(function: Any) -> list[Source]:
    try:
        return [read_source(function)]
    except SourceError:
        return []


def is_random(value: Any) -> bool:
    """Is it a function of which two calls give two results?"""
    owner = getattr(value, "__self__", None)
    if isinstance(owner, (np.random.Generator, np.random.RandomState, random.Random)):
        return True
    if isinstance(owner, types.ModuleType):
        return owner.__name__ in MODULES
    return getattr(value, "__module__", None) in MODULES


def asked_when_it_runs(source: Source) -> list[str]:
    """Parameters that may be random generators or iterators, as the function uses them."""
    found: set[str] = set()
    for node in (n for s in source.node.body for n in core.walk(s)):
        if isinstance(node, (gast.For, gast.comprehension)) and core.is_name(node.iter):
            found.add(node.iter.id)
        elif isinstance(node, gast.Call):
            func = node.func
            if isinstance(func, gast.Attribute) and func.attr in DRAWS and core.is_name(func.value):
                found.add(func.value.id)
            elif core.is_name(func) and func.id in CONSUMES:
                found |= {a.id for a in node.args if core.is_name(a)}
    return [p for p in source.parameters if p in found]
