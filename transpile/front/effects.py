"""Does a function write into what it is given? Read off its text, for calls that stay as they are."""

from __future__ import annotations

from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.front.coarse import MUTATORS


def writes_arguments(source: Any) -> bool:
    """Does the function change an argument, or a variable that it captured, in place?"""
    given = set(source.parameters) | set(source.cells)
    for statement in core.walk_statements(source.node.body):
        if isinstance(statement, gast.Assign) and _root(statement.value) in given:
            given |= core.writes(statement.targets)  # another name, or a view
    return any(_written(node) & given for node in core.walk(source.node))


def _written(node: Any) -> set[str]:
    """Names whose objects a statement or call changes."""
    if isinstance(node, (gast.Assign, gast.Delete)):
        return {
            _root(t) or "" for t in node.targets if isinstance(t, (gast.Subscript, gast.Attribute))
        }
    if isinstance(node, (gast.AugAssign, gast.AnnAssign)):
        return {_root(node.target) or ""}
    if isinstance(node, gast.Call) and isinstance(node.func, gast.Attribute):
        if node.func.attr in MUTATORS:
            return {_root(node.func.value) or ""}
    return set()


def _root(node: Any) -> str | None:
    """The variable behind ``x[i].f``."""
    while isinstance(node, (gast.Subscript, gast.Attribute)):
        node = node.value
    return node.id if core.is_name(node) else None
