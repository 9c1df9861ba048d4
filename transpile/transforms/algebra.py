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


def add(a: gast.expr, b: gast.expr) -> gast.expr:
    """``a + b``, or ``a - c`` where `b` is ``-c``."""
    if is_minus(b):
        return gast.BinOp(a, gast.Sub(), b.operand)
    if isinstance(b, gast.BinOp) and isinstance(b.op, (gast.Mult, gast.Div)):
        inner = b
        while isinstance(inner.left, gast.BinOp) and isinstance(inner.left.op, (gast.Mult, gast.Div)):
            inner = inner.left
        if is_minus(inner.left):
            inner.left = inner.left.operand
            return gast.BinOp(a, gast.Sub(), b)
    return gast.BinOp(a, gast.Add(), b)
