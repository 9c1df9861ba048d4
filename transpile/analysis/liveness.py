"""Which names are still needed after each statement.

Marks every statement with `live`, the names that are live after it, and every loop with `head`,
the names that are live at the start of a round. On request also with `live_values`, those of which
more than the shape is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.front.coarse import SHAPE_ATTRIBUTES
from redraft.transpile.primitives import table

Reads = Callable[[Any], set[str]]


def mark_live(body: list[gast.stmt], live: set[str]) -> set[str]:
    """Mark a block and return the names that are live before it."""
    return _mark(body, live, "live", core.reads)


def mark_live_values(body: list[gast.stmt]) -> None:
    """Mark a function's statements with the names whose values (not just shapes) are read later."""
    _mark(body, set(), "live_values", value_reads)


def _mark(body: list[gast.stmt], live: set[str], mark: str, reads: Reads) -> set[str]:
    for statement in reversed(body):
        setattr(statement, mark, live)
        live = _before(statement, live, mark, reads)
    return live


def _before(statement: gast.stmt, live: set[str], mark: str, reads: Reads) -> set[str]:
    if isinstance(statement, gast.If):
        body = _mark(statement.body, live, mark, reads)
        if isinstance(statement.body[-1], gast.Break):  # what follows the loop is live too
            return body | live | reads(statement.test)
        return body | _mark(statement.orelse, live, mark, reads) | reads(statement.test)
    if isinstance(statement, (gast.For, gast.While)):
        return _loop(statement, live, mark, reads)
    if isinstance(statement, gast.With):
        items = reads([i.context_expr for i in statement.items])
        return _mark(statement.body, live, mark, reads) | items
    found = (live - definite_writes(statement)) | reads(statement)
    if isinstance(statement, gast.AugAssign) and core.is_name(statement.target):
        found.add(statement.target.id)
    return found


def _loop(statement: Any, live: set[str], mark: str, reads: Reads) -> set[str]:
    is_for = isinstance(statement, gast.For)
    first = reads(statement.iter) if is_for else reads(statement.test)
    target = core.writes(statement.target) if is_for else set()
    if not is_for:
        live = live | first
    head = set(live)
    while True:
        # a `break` leads from the end of the body to what is live after the loop: part of `head`
        new = live | (_mark(statement.body, head, mark, reads) - target)
        if new <= head:
            break
        head |= new
    if mark == "live":
        statement.head = head
    return head | first


def value_reads(node: Any) -> set[str]:
    """Names of which a statement or expression reads more than the shape."""
    shapes = {id(n) for part in _parts(node) for n in _shape_reads(part)}
    found = {n.id for n in core.free_names(node)
             if isinstance(n.ctx, gast.Load) and id(n) not in shapes}  # fmt: skip
    if isinstance(node, gast.AugAssign) and core.is_name(node.target):
        found.add(node.target.id)
    return found


def _parts(node: Any) -> list[Any]:
    return node if isinstance(node, list) else [node]


def _shape_reads(node: Any) -> list[Any]:
    """Names that stand where only a shape is read."""
    found = []
    for inner in core.walk(node):
        if isinstance(inner, gast.Attribute) and inner.attr in SHAPE_ATTRIBUTES:
            found.append(_whole(inner.value))
        elif isinstance(inner, gast.Call):
            places = shape_positions(inner)
            found += [_whole(a) for i, a in enumerate(inner.args) if i in places]
    return found


def _whole(node: Any) -> Any:
    """The array of which ``x[i]`` is a part: that part's shape depends on its shape alone."""
    return node.value if isinstance(node, gast.Subscript) else node


def shape_positions(node: gast.Call) -> set[int]:
    """Positions of arguments of which only the shape is read."""
    if not isinstance(node.func, gast.Attribute) or not core.is_name(node.func.value):
        return set()
    row = _row(f"{node.func.value.id}.{node.func.attr}")
    if row is None or not row.shape_only:
        return {0} if node.func.attr == "zeros_like" else set()
    names = list(row.parameters)
    return {names.index(p) for p in row.shape_only if p in names}


def _row(name: str) -> Any:
    function = table.resolve(name) if name.startswith(("np.", "rt.")) else None
    return table.row_of(function) if function is not None else None


def definite_writes(statement: gast.stmt) -> set[str]:
    """Names that the statement certainly binds anew."""
    if isinstance(statement, (gast.Assign, gast.AnnAssign)):
        targets = getattr(statement, "targets", None) or [statement.target]
        found: set[str] = set()
        for target in targets:
            found |= {n.id for n in core.walk(target) if _is_store(n)}
        return found
    if isinstance(statement, gast.FunctionDef):
        return {statement.name}
    return set()


def _is_store(node: gast.AST) -> bool:
    return isinstance(node, gast.Name) and isinstance(node.ctx, gast.Store)
