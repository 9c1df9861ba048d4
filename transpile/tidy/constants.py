"""Compute with the literals in a derivative: ``2 * (0.01 * 1.0) * w`` is ``0.02 * w``.

Only backward lines change; what the user wrote stays as it is.
"""

from __future__ import annotations

from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.transforms.algebra import add, is_minus, is_one, multiply, negate


def fold_constants(body: list[gast.stmt]) -> None:
    """Simplify the expressions of the backward lines, in place."""
    for statement in core.walk_statements(body):
        if isinstance(statement, (gast.Assign, gast.AugAssign, gast.Return, gast.Expr)):
            if getattr(statement, "backward", False) and statement.value is not None:
                statement.value = _simple(statement.value)


def _simple(node: Any) -> Any:
    for field in node._fields:
        value = getattr(node, field, None)
        if isinstance(value, gast.expr):
            setattr(node, field, _simple(value))
        elif isinstance(value, list):
            setattr(node, field, [_simple(v) if isinstance(v, gast.expr) else v for v in value])
    if isinstance(node, gast.Call) and core.same(node.func, core.dotted("np.full_like")):
        node.args = [node.args[0], *map(_without_lead, node.args[1:])]
    if isinstance(node, gast.BinOp):
        if isinstance(node.op, gast.Mult) and _may_fold(node.left, node.right):
            product = multiply(node.left, node.right)
            return product if _is_moderate(product) else node
        if isinstance(node.op, gast.Add) and _is_negative(node.right):
            return add(node.left, node.right)
    if is_minus(node) and isinstance(node.operand, gast.BinOp) and _is_negative(node.operand):
        return negate(node.operand)
    return node


def _without_lead(node: Any) -> Any:
    """``np.full_like(x, 1.0 * n)`` makes a float of `n` by itself."""
    lead = isinstance(node, gast.BinOp) and isinstance(node.op, gast.Mult) and is_one(node.left)
    return node.right if lead else node


def _may_fold(a: Any, b: Any) -> bool:
    """Is one factor a number, other than a lone 1?

    ``1.0 * x`` makes an array of its own, which a later line may change in place, and a float of an
    integer: it stays.
    """
    if _is_number(a) and _is_number(b):
        return True
    return (_is_number(a) or _is_number(b)) and not (is_one(a) or is_one(b))


def _is_moderate(node: Any) -> bool:
    """Has no number in the product grown or shrunk so far that another order of factors matters?"""
    numbers = [n.value for n in core.walk(node) if core.is_number(n)]
    return all(value == 0 or 1e-100 < abs(value) < 1e100 for value in numbers)


def _is_number(node: Any) -> bool:
    return core.is_number(node.operand if is_minus(node) else node)


def _is_negative(node: Any) -> bool:
    """Does a product or quotient begin with a minus?"""
    while isinstance(node, gast.BinOp) and isinstance(node.op, (gast.Mult, gast.Div)):
        node = node.left
    return is_minus(node)
