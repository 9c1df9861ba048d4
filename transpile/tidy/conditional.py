"""Write a branch that only chooses a value as a conditional expression.

Before::                          After::

    if y < 1.0:                       scale = np.exp(y) if y < 1.0 else y
        scale = np.exp(y)
    else:
        scale = y
"""

from __future__ import annotations

from typing import Any

import gast

from redraft.transpile import core

WIDEST = 26  # nodes of both sides and the test together


def join_branches(body: list[gast.stmt]) -> list[gast.stmt]:
    """The block with such branches replaced, inner ones first."""
    return [_joined(statement) for statement in body]


def _joined(statement: Any) -> gast.stmt:
    for field in ("body", "orelse"):
        inner = getattr(statement, field, None)
        if isinstance(inner, list) and inner and not isinstance(statement, core.FUNCTIONS):
            setattr(statement, field, join_branches(inner))
    if not isinstance(statement, gast.If) or not statement.orelse:
        return statement
    sides = [_only_assignment(statement.body), _only_assignment(statement.orelse)]
    if None in sides or sides[0][0] != sides[1][0]:
        return statement
    size = sum(isinstance(n, gast.expr) for n in core.walk(statement))
    if size > WIDEST or any(isinstance(s[1], gast.IfExp) for s in sides):
        return statement
    value = gast.IfExp(statement.test, sides[0][1], sides[1][1])
    new = core.assign(sides[0][0], value, getattr(statement.body[0], "origin", None))
    for mark in ("forward", "backward"):
        if getattr(statement, mark, False):
            setattr(new, mark, True)
    return new


def _only_assignment(block: list[gast.stmt]) -> tuple[str, gast.expr] | None:
    if len(block) != 1 or not isinstance(block[0], gast.Assign):
        return None
    target = block[0].targets[0]
    if not core.is_name(target) or len(block[0].targets) > 1:
        return None
    return target.id, block[0].value
