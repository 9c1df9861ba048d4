"""Products and sums of expressions, without the noise: ``1.0 * d`` is ``d``."""

from __future__ import annotations

from typing import Any

import gast

from redraft.transpile import core


def is_one(node: Any) -> bool:
    """Is the node the literal 1?"""
    return core.is_number(node, 1)


def is_minus(node: Any) -> bool:
    """Is the node a negation?"""
    return isinstance(node, gast.UnaryOp) and isinstance(node.op, gast.USub)


def negate(node: gast.expr) -> gast.expr:
    """``-node``."""
    if is_minus(node):
        return node.operand
    if isinstance(node, gast.BinOp) and isinstance(node.op, (gast.Mult, gast.Div)):
        return gast.BinOp(negate(node.left), node.op, node.right)
    return gast.UnaryOp(gast.USub(), node)


def multiply(a: gast.expr, b: gast.expr) -> gast.expr:
    """``a * b``; products and quotients in `b` are taken apart, so that no parentheses remain."""
    if is_one(b):
        return a
    if core.is_number(a) and core.is_number(b):
        return core.constant(a.value * b.value)
    if core.is_number(a):
        folded = _into_front(a, b)
        if folded is not None:
            return folded
    if is_one(a) and not core.is_number(b):
        return b
    if is_minus(b):
        return negate(multiply(a, b.operand))
    if isinstance(b, gast.BinOp) and isinstance(b.op, gast.Mult):
        return multiply(multiply(a, b.left), b.right)
    if isinstance(b, gast.BinOp) and isinstance(b.op, gast.Div):
        return gast.BinOp(multiply(a, b.left), gast.Div(), b.right)
    if core.is_number(b) and not core.is_number(a):
        a, b = b, a  # constants stand in front
        if isinstance(b, gast.BinOp) and isinstance(b.op, gast.Mult):
            return gast.BinOp(multiply(a, b.left), gast.Mult(), b.right)
        if is_minus(b):
            return negate(multiply(a, b.operand))
    return gast.BinOp(a, gast.Mult(), b)


def split_product(node: Any, bar: str) -> tuple[Any, Any]:
    """The factor of a product that reads `bar`, and the product of the others (None for one)."""
    if isinstance(node, gast.UnaryOp) and isinstance(node.op, gast.USub):
        leaf, rest = split_product(node.operand, bar)
        return leaf, negate(rest or core.constant(1))
    if isinstance(node, gast.BinOp) and isinstance(node.op, (gast.Mult, gast.Div)):
        for side, other in ((node.left, node.right), (node.right, node.left)):
            if bar not in core.reads(side) or bar in core.reads(other):
                continue
            if isinstance(node.op, gast.Div) and side is node.right:
                break
            leaf, rest = split_product(side, bar)
            if leaf is None:
                break
            if isinstance(node.op, gast.Div):
                return leaf, gast.BinOp(rest or core.constant(1), node.op, other)
            if rest is None:
                return leaf, other
            pair = (rest, other) if side is node.left else (other, rest)
            return leaf, gast.BinOp(pair[0], node.op, pair[1])
        return None, None
    return (node, None) if bar in core.reads(node) else (None, None)


def _into_front(number: Any, b: gast.expr) -> gast.expr | None:
    """``2 * (3.0 * e)`` is ``6.0 * e``, and ``2 * (1.0 / e)`` is ``2.0 / e``; None if it is neither."""
    if isinstance(b, gast.BinOp) and isinstance(b.op, (gast.Mult, gast.Div)):
        if core.is_number(b.left):
            return gast.BinOp(core.constant(number.value * b.left.value), b.op, b.right)
        inner = _into_front(number, b.left)
        return None if inner is None else gast.BinOp(inner, b.op, b.right)
    return None


def add(a: gast.expr, b: gast.expr) -> gast.expr:
    """``a + b``, or ``a - c`` where `b` is ``-c``."""
    if is_minus(b):
        return gast.BinOp(a, gast.Sub(), b.operand)
    if isinstance(b, gast.BinOp) and isinstance(b.op, (gast.Mult, gast.Div)):
        inner = b
        while isinstance(inner.left, gast.BinOp) and isinstance(
            inner.left.op, (gast.Mult, gast.Div)
        ):
            inner = inner.left
        if is_minus(inner.left):
            inner.left = inner.left.operand
            return gast.BinOp(a, gast.Sub(), b)
    return gast.BinOp(a, gast.Add(), b)
