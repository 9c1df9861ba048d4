"""Which code may call what XLA cannot compile: callbacks, collectives over devices and functions that run on
several of them, directly or in functions that it names.

The answer is read off the source and may miss what is known at run time alone. Nothing hangs on it but where a
function is cut into parts (transforms/partition.py): a part that turns out to hold such a call is traced
as it stands.
"""

from __future__ import annotations

import functools
import sys
import types
from typing import Any

import gast

from redraft.runtime.callbacks import is_host_call
from redraft.runtime.collectives import is_collective
from redraft.transpile import core
from redraft.transpile.errors import SourceError
from redraft.transpile.front.scope import UNKNOWN, Scope
from redraft.transpile.front.source import Source, read_source
from redraft.transpile.primitives import lowering, table

SILENT = frozenset({"numpy", "scipy", "tensorflow", *sys.stdlib_module_names}) - {"__main__"}


class Cuts:
    """Looks for such calls."""

    def __init__(self) -> None:
        self.known: dict[Any, bool] = {}

    def function(self, value: Any) -> bool:
        """May a function make such a call?"""
        if is_host_call(value) or is_collective(value) or hasattr(type(value), "redraft_pmapped"):
            return True
        row = table.row_of(value)
        if row is not None:
            return lowering.runs_on_host(row)
        inner = inside(value)
        if inner is not None:
            return any(map(self.function, inner))
        if not isinstance(value, types.FunctionType):
            return False
        home = (value.__module__ or "").partition(".")[0]
        is_written = value.__code__.co_filename.startswith("<redraft")
        is_written = is_written or table.is_rewritten(value)
        if home in SILENT or (home == "redraft" and not is_written):
            return False
        try:
            key = value.__code__
            if key not in self.known:
                self.known[key] = False  # a recursion adds nothing
                self.known[key] = self.source(read_source(value))
            return self.known[key]
        except SourceError:
            return False

    def source(self, source: Source) -> bool:
        """May a function with this source make such a call?"""
        scope = scope_of(source)
        rule = getattr(source, "rule", None)
        parts = [v for v in vars(rule).values() if callable(v)] if rule is not None else []
        return any(map(self.function, parts)) or any(
            self.code(part, scope) for part in source.node.body
        )

    def code(self, node: Any, scope: Scope) -> bool:
        """Does a piece of code name such a call, or a function that may make one?"""
        found = [n for n in core.walk(node) if isinstance(n, (gast.Name, gast.Attribute))]
        values = [scope.value(n) for n in found if isinstance(n.ctx, gast.Load)]
        return any(self.function(v) for v in values if v is not UNKNOWN)


def scope_of(source: Source) -> Scope:
    """What names mean in a function."""
    local = set(source.parameters) | core.writes(source.node.body)
    return Scope(source, local, [])


def inside(value: Any) -> list[Any] | None:
    """The functions within a partial, a bound method or a transformed function; else None."""
    if isinstance(value, functools.partial):
        return [value.func, *(a for a in value.args if callable(a))]
    if isinstance(value, types.MethodType):
        return [value.__func__]
    if isinstance(value, (types.FunctionType, types.ModuleType, type)) or not callable(value):
        return None
    fun = vars(value).get("fun") if hasattr(value, "__dict__") else None
    if fun is None and getattr(type(value), "redraft_identity", False):
        fun = value.fun
    return None if fun is None else [fun]
