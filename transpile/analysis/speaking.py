"""Which functions may call a collective: they matter to a batch whatever their arguments are.

A function that names one counts, and so does one that names such a function. What is named is looked up
when the source is written; a collective that is found only at run time raises there (runtime/collectives.py).
"""

from __future__ import annotations

import functools
import sys
import types
from typing import Any

import gast

from redraft.runtime.callbacks import EFFECTS
from redraft.transpile import core
from redraft.transpile.errors import TransformError
from redraft.transpile.front.callee import Function, Transformed
from redraft.transpile.front.scope import UNKNOWN, Scope
from redraft.transpile.front.source import Source
from redraft.transpile.primitives import table

SILENT = frozenset({"numpy", "scipy", "redraft", *sys.stdlib_module_names})


class Speaking:
    """Looks for collectives in functions.

    Args:
        unit: gives the sources of functions.
        known: answers so far, by function or source.
    """

    def __init__(self, unit: Any, known: dict[Any, bool]) -> None:
        self.unit, self.known = unit, known

    def function(self, value: Any) -> bool:
        """May a value, called or passed on, call a collective?"""
        while not isinstance(value, (types.FunctionType, Source)):
            inner = inside(value)
            if inner is None:
                break
            value = inner
        if isinstance(value, Source):
            return self.source(value)
        if value in EFFECTS:
            return True
        row = table.row_of(value)
        if row is not None:
            return row.over is not None
        if not isinstance(value, types.FunctionType):
            return False
        if value.__module__ is None or value.__module__.partition(".")[0] in SILENT:
            return False
        try:
            return self.source(self.unit.source_of(Function(value), _no_source))
        except TransformError:
            return False  # (a call of it is refused, or it calls nothing that is rewritten)

    def source(self, source: Source) -> bool:
        """May a function with this source call a collective?"""
        if source not in self.known:
            self.known[source] = False  # a recursion adds nothing
            local = set(source.parameters) | core.writes(source.node.body)
            scope = Scope(source, local - set(source.local_functions), self.unit.dependencies)
            self.known[source] = any(self.code(part, scope) for part in source.node.body)
        return self.known[source]

    def code(self, node: Any, scope: Scope) -> bool:
        """Does a piece of code name a collective, or a function that may call one?"""
        return any(
            self.named(part, scope)
            for part in core.walk(node)
            if isinstance(part, (gast.Name, gast.Attribute))
        )

    def named(self, node: Any, scope: Scope) -> bool:
        local = scope.source.local_functions
        if isinstance(node, gast.Name) and node.id in local and node.id not in scope.local:
            return self.function(local[node.id])
        value = scope.value(node)
        return value is not UNKNOWN and self.function(value)


def inside(value: Any) -> Any:
    """The function within a partial, a bound method or a transformed function; else None."""
    if isinstance(value, functools.partial):
        return value.func
    if isinstance(value, types.MethodType):
        return value.__func__
    if isinstance(value, Transformed):
        return value.inner
    if isinstance(value, Function):
        return value.function
    return value.fun if hasattr(value, "redraft_kind") else None


def _no_source(message: str, hint: str | None) -> TransformError:
    return TransformError(message, None, hint or "")
