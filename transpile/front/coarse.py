"""Which names of a function may carry derivatives: a quick over-estimate by name.

The lowering leaves code that mentions none of these names exactly as the user wrote it. What is
really active, statement by statement, is found later on the core language (analysis/facts.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gast

from redraft.transpile.core import (
    COMPREHENSIONS,
    FUNCTIONS,
    children,
    free_names,
    is_name,
    walk,
    walk_statements,
)

SHAPE_ATTRIBUTES = frozenset({"shape", "ndim", "size", "dtype", "nbytes", "itemsize", "flags"})


class Coarse:
    """The set of possibly active names of a function body.

    Args:
        body: statements.
        active: names that are active from the start.
        no_derivative: does a call's function return something without a derivative?
        opaque: attributes that may hold anything, whatever their names mean on arrays.
    """

    def __init__(
        self,
        body: list[gast.stmt],
        active: set[str],
        no_derivative: Callable[[gast.expr], bool],
        opaque: frozenset[str] = frozenset(),
    ) -> None:
        self.names = set(active)
        self.shapes = SHAPE_ATTRIBUTES - opaque
        self.no_derivative = no_derivative
        self.names |= _kept_methods(body)
        flows = list(self._flows(body))
        changed = True
        while changed:
            changed = False
            for targets, value in flows:
                if not targets <= self.names and any(self.active(v) for v in value):
                    self.names |= targets
                    changed = True

    def active(self, node: Any) -> bool:
        """May the value of an expression (or a statement's effect) carry a derivative?"""
        if isinstance(node, gast.Name):
            return node.id in self.names
        if isinstance(node, (gast.Constant, gast.Compare, gast.JoinedStr)):
            return False
        if isinstance(node, gast.Attribute):
            return node.attr not in self.shapes and self.active(node.value)
        if isinstance(node, gast.UnaryOp) and isinstance(node.op, gast.Not):
            return False
        if isinstance(node, gast.Call) and self.no_derivative(node.func):
            return False
        if isinstance(node, gast.Subscript):
            return self.active(node.value)
        if isinstance(node, gast.IfExp):
            return self.active(node.body) or self.active(node.orelse)
        if isinstance(node, COMPREHENSIONS):
            return any(n.id in self.names for n in free_names(node))
        if isinstance(node, FUNCTIONS):
            return any(n.id in self.names for n in free_names(node))
        return any(self.active(child) for child in children(node))

    def mentions(self, node: Any) -> bool:
        """Does the node name anything that may be active?"""
        return any(n.id in self.names for n in free_names(node))

    def _flows(self, body: list[gast.stmt]) -> Any:
        for statement in walk_statements(body):
            yield from _statement_flows(statement)
            for node in _expressions(statement):
                yield from self._expression_flows(node)

    def _expression_flows(self, node: Any) -> Any:
        if isinstance(node, gast.NamedExpr):
            yield {node.target.id}, [node.value]
        elif isinstance(node, gast.comprehension):
            yield _stored(node.target), [node.iter]
        elif isinstance(node, gast.Call) and isinstance(node.func, gast.Attribute):
            root = _root(node.func.value)
            if root is not None and node.func.attr in MUTATORS:
                yield {root}, [*node.args, *(k.value for k in node.keywords)]
        if isinstance(node, gast.Call) and node.args and isinstance(node.func, gast.Attribute):
            root = _root(node.args[0])
            if node.func.attr in ("at", "add_at", "add_field") and root is not None:
                yield {root}, node.args[1:]
        for child in children(node):
            yield from self._expression_flows(child)


DICT_METHODS = frozenset({"items", "values", "keys", "get"})
GROWING = frozenset({"append", "extend", "insert"})
LIST_METHODS = GROWING | {"pop", "update"}  # have derivatives
MUTATORS = frozenset({
    "append", "extend", "insert", "pop", "update", "setdefault", "fill", "sort", "reverse",
    "remove", "clear", "add", "put", "popitem", "appendleft", "popleft", "itemset", "resize",
})  # fmt: skip


def _kept_methods(body: list[gast.stmt]) -> set[str]:
    """Local lists whose ``append`` is passed on: what it will be called with is not known here."""
    nodes = [n for statement in body for n in walk(statement)]
    called = {id(n.func) for n in nodes if isinstance(n, gast.Call)}
    kept = {
        _root(n.value)
        for n in nodes
        if isinstance(n, gast.Attribute) and n.attr in LIST_METHODS and id(n) not in called
    }
    return kept & {n.id for n in nodes if is_name(n) and isinstance(n.ctx, gast.Store)}


def _expressions(statement: gast.stmt) -> Any:
    for child in children(statement):
        if isinstance(child, (gast.expr, gast.withitem)):
            yield child


def _stored(node: Any) -> set[str]:
    """Names bound or written through by an assignment target."""
    if isinstance(node, (gast.Tuple, gast.List)):
        return set().union(*map(_stored, node.elts)) if node.elts else set()
    if isinstance(node, gast.Starred):
        return _stored(node.value)
    root = _root(node)
    return {root} if root is not None else set()


def _root(node: Any) -> str | None:
    while isinstance(node, (gast.Subscript, gast.Attribute)):
        node = node.value
    return node.id if isinstance(node, gast.Name) else None


def _assigned(target: Any, value: Any) -> Any:
    """Names and what is assigned to them: ``x, y = a, b`` gives `x` nothing of `b`."""
    parts = (gast.Tuple, gast.List)
    both = isinstance(target, parts) and isinstance(value, parts)
    starred = both and any(isinstance(e, gast.Starred) for e in (*target.elts, *value.elts))
    if both and not starred and len(target.elts) == len(value.elts):
        for inner, part in zip(target.elts, value.elts, strict=True):
            yield from _assigned(inner, part)
    else:
        yield _stored(target), [value]


def _statement_flows(statement: gast.stmt) -> Any:
    if isinstance(statement, gast.Assign):
        for target in statement.targets:
            yield from _assigned(target, statement.value)
    elif (isinstance(statement, gast.AnnAssign) and statement.value is not None) or isinstance(
        statement, gast.AugAssign
    ):
        yield _stored(statement.target), [statement.value]
    elif isinstance(statement, gast.For):
        yield _stored(statement.target), [statement.iter]
    elif isinstance(statement, gast.With):
        for item in statement.items:
            if item.optional_vars is not None:
                yield _stored(item.optional_vars), [item.context_expr]
    elif isinstance(statement, gast.FunctionDef):
        yield {statement.name}, [statement]
