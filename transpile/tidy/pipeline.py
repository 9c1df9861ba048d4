"""The tidy passes, in order: what every generated function goes through before it is printed."""

from __future__ import annotations

import functools
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.versions import is_touch
from redraft.transpile.tidy.conditional import join_branches
from redraft.transpile.tidy.constants import fold_constants
from redraft.transpile.tidy.copies import forward_copies
from redraft.transpile.tidy.dead_code import remove_dead_code
from redraft.transpile.tidy.fold import fold, without_self_copies
from redraft.transpile.tidy.layout import join_lines, nest_unpacking
from redraft.transpile.tidy.naming import TAKEN_ALWAYS, name_for_readers
from redraft.transpile.tidy.parts import join_parts


def tidy(function: gast.FunctionDef, unit: Any, source: Any, prepared: Any) -> None:
    """Remove, fold, and name; in place."""
    pure = lambda func: is_pure(func, prepared)  # noqa: E731
    function.body = plain_calls(function.body)
    function.body = remove_dead_code(function.body, pure)
    fold(function.body, core.parameter_names(function.args))
    if forward_copies(function.body):
        fold(function.body, core.parameter_names(function.args))
    function.body = remove_dead_code(without_touches(function.body), pure)
    join_parts(function.body)
    function.body = join_branches(function.body)
    fold_constants(function.body)
    nest_unpacking(function.body)
    name_for_readers(function, set(TAKEN_ALWAYS) | global_names(function) | unit.names)
    function.body = join_lines(without_self_copies(function.body))
    if not function.body:
        function.body = [gast.Pass()]
    mark_parts(function.body)


def mark_parts(body: list[gast.stmt]) -> None:
    """Mark where the forward and the backward part begin, where there are both."""
    first = next((i for i, s in enumerate(body) if getattr(s, "backward", False)), 0)
    if first:
        body[0].first_forward = body[first].first_backward = True


def without_touches(body: list[gast.stmt]) -> list[gast.stmt]:
    """Without the notes of what calls may have changed (front/unseen.py)."""
    for statement in core.walk_statements(body):
        for block in ("body", "orelse"):
            inner = getattr(statement, block, None)
            if isinstance(inner, list) and any(map(is_touch, inner)):
                setattr(statement, block, without_touches(inner) or [gast.Pass()])
    return [s for s in body if not is_touch(s)]


def is_pure(func: gast.expr, prepared: Any) -> bool:
    from redraft.transpile.front.scope import UNKNOWN
    from redraft.transpile.primitives import table

    value = prepared.lowerer.scope.value(func)
    if value is UNKNOWN:
        return False
    if value is functools.partial:
        return True
    row = table.row_of(value)
    return row is not None and row.kind != "missing" and row.name != "print"


def global_names(function: gast.FunctionDef) -> set[str]:
    """Names that the function reads and never binds: they keep their meaning."""
    bound = set(core.parameter_names(function.args)) | core.writes(function.body)
    return {n for n in core.reads(function.body) if n not in bound}


def plain_calls(body: list[gast.stmt]) -> list[gast.stmt]:
    """Calls of nested functions back to ordinary calls."""

    def replace(node: Any) -> Any:
        for field in node._fields:
            value = getattr(node, field, None)
            if isinstance(value, gast.AST):
                setattr(node, field, replace(value))
            elif isinstance(value, list):
                setattr(node, field, [replace(v) if isinstance(v, gast.AST) else v for v in value])
        if type(node).__name__ == "CapturingCall":
            new = gast.Call(node.func, node.args, node.keywords)
            new.callee = getattr(node, "callee", None)
            return new
        return node

    return [replace(statement) for statement in body]
