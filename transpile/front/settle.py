"""Take ``:=`` out of a function's text, and leave the rest as it is.

Before::                                  After::

    if a > 0 and (y := f(x)) > 1:             t = a > 0
        …                                     if t:
                                                  y = f(x)
                                                  t = y > 1
                                              if t:
                                                  …

For code that is not lowered: what `jit` stages. Comprehensions and nested functions stay. Relies on
`exits`: a loop is left at its end.
"""

from __future__ import annotations

from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.errors import TransformError
from redraft.transpile.front.order import Order, in_scope
from redraft.transpile.front.source import Source


def binds_within(body: list[gast.stmt]) -> bool:
    """Does a statement bind a variable within an expression, outside comprehensions?"""
    simple = [c for s in core.walk_statements(body) for c in core.children(s)]
    expressions = [c for c in simple if isinstance(c, (gast.expr, gast.withitem))]
    return any(isinstance(n, gast.NamedExpr) for e in expressions for n in outside(e))


def outside(node: Any) -> list[Any]:
    """The nodes of an expression that stand in no comprehension."""
    inside = {
        id(n) for c in in_scope(node) if isinstance(c, core.COMPREHENSIONS) for n in in_scope(c)
    }
    return [n for n in in_scope(node) if id(n) not in inside]


def settle_bindings(body: list[gast.stmt], source: Source) -> list[gast.stmt]:
    """The statements of a function without ``:=``."""
    return Settler(source).nested(body)


class NothingActive:
    """Nothing is differentiated: effects are bindings alone."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def active(self, node: Any) -> bool:
        return False

    mentions = active


class Settler(Order):
    """Walks over the statements; see the module's docstring."""

    some_effects = True

    def __init__(self, source: Source) -> None:
        self.source, self.coarse = source, NothingActive()
        self.out: list[gast.stmt] = []
        self.known_reads: dict[str, str] = {}
        self.counter = 0
        self.place: Any = None

    def is_effect(self, node: Any, wide: bool) -> bool:
        return isinstance(node, gast.NamedExpr)

    def has_effects(self, node: Any, wide: bool = False) -> bool:
        return any(isinstance(n, gast.NamedExpr) for n in outside(node))

    # --- lines

    def fresh(self, base: str = "t") -> str:
        self.counter += 1
        return f"{base}.{self.counter}"

    def emit(self, statement: gast.stmt) -> None:
        self.out.append(gast.copy_location(statement, self.place))

    def temporary(self, value: gast.expr, base: str = "t") -> gast.Name:
        target = self.fresh(base)
        self.emit(core.assign(target, value))
        return core.name(target)

    def refuse(self, node: Any, message: str, hint: str) -> TransformError:
        return TransformError(message, self.source.span(node), hint)

    # --- expressions stay as they are, apart from their effects

    def expression(self, node: gast.expr) -> gast.expr:
        return self.settled(node)

    test = expression

    # --- statements

    def nested(self, body: list[gast.stmt]) -> list[gast.stmt]:
        saved, self.out, place = self.out, [], self.place
        for statement in body:
            self.place = statement
            self.statement(statement)
        block, self.out, self.place = self.out, saved, place
        return block

    def statement(self, node: Any) -> None:
        if isinstance(node, gast.While) and self.has_effects(node.test):
            self.while_effects(node)
            return
        if isinstance(node, gast.AugAssign):
            node = self.plain_sum(node)
        if isinstance(node, gast.If):
            node.test = self.settled(node.test)
        else:
            self.settle_statement(node)
        if isinstance(node, (gast.If, gast.For, gast.While, gast.With, gast.Try)):
            for field in ("body", "orelse", "finalbody"):
                if getattr(node, field, None):
                    setattr(node, field, self.nested(getattr(node, field)))
        self.out.append(node)

    def plain_sum(self, node: gast.AugAssign) -> gast.stmt:
        """``y += (y := v)`` adds to what `y` was: under `jit` nothing changes in place."""
        if not core.is_name(node.target) or not self.has_effects(node.value):
            return node
        whole = gast.BinOp(core.name(node.target.id), node.op, node.value)
        return gast.copy_location(core.assign(node.target.id, whole), node)
