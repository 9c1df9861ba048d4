"""Early exits of a batched loop, put where they are taken.

Before (front/exits.py)::         After::

    for i in range(10):               for i in range(10):
        s = s + x                         s = s + x
        if s > 3:                         if s > 3:
            stop = True                       break
        else:                             x = x * 1.1
            x = x * 1.1
        if stop:
            break

What stands behind such a `break` is for the examples that go on. Statements in front of it, in its
branch, are for those that leave. A flag that is read behind the loop is still set.
"""

from __future__ import annotations

import copy
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.liveness import mark_live
from redraft.transpile.transforms.batch_names import located


def leaving_early(node: Any, live: set[str]) -> Any:
    """The loop with its exits where they are taken, ``if test: break``, and the rest behind them.

    Args:
        node: a loop with structured exits (front/exits.py).
        live: names that are read behind the loop.
    """
    last = node.body[-1]
    if not is_exit(last):
        node = copy.copy(node)
        node.live = live
        return node
    flags = core.reads(last.test)
    body = with_breaks(node.body[:-1], flags, live)
    if any(sets(s, flags) for s in core.walk_statements(body) if not getattr(s, "left", False)):
        body.append(last)
    new = located(type(node)(**{**vars_of(node), "body": body}), node)
    mark_live([new], live)
    for statement in core.walk_statements(new.body):
        for mark in ("live", "head"):
            if hasattr(statement, mark):
                setattr(statement, mark, getattr(statement, mark) | live)
    new.live = live
    return new


def vars_of(node: Any) -> dict[str, Any]:
    return {field: core.copy(getattr(node, field)) for field in node._fields if field != "body"}


def is_exit(node: Any) -> bool:
    """Is this the ``if flag: break`` at the end of a loop?"""
    return isinstance(node, gast.If) and isinstance(node.body[-1], gast.Break)


def sets(node: Any, flags: set[str]) -> bool:
    """Does a statement set a flag?"""
    first = node.targets[0] if isinstance(node, gast.Assign) else None
    return core.is_name(first) and first.id in flags


def with_breaks(body: list[Any], flags: set[str], live: set[str]) -> list[Any]:
    """A block of a loop with a `break` where a flag is set, and what stands beside it behind it."""
    body = core.copy(body)
    if not body or not isinstance(body[-1], gast.If):
        return body
    *before, node = body
    test = node.test
    if leaves(node.body, flags):
        leaving, rest = node.body, node.orelse
    elif leaves(node.orelse, flags):
        leaving, rest = node.orelse, node.body
        test = located(gast.UnaryOp(gast.Not(), test), test)
    elif is_guard(node, flags):
        leaving, rest, test = [], node.body, test.operand
    else:
        return body
    for statement in leaving:
        statement.left = sets(statement, flags)
    leaving = [s for s in leaving if not (s.left and not core.writes(s) & live)]
    way_out = located(gast.If(test, [*leaving, located(gast.Break(), node)], []), node)
    return [*before, way_out, *with_breaks(rest, flags, live)]


def leaves(block: list[Any], flags: set[str]) -> bool:
    """Does a block end with setting one of the flags, for all who come by?"""
    return bool(block) and sets(block[-1], flags)


def is_guard(node: gast.If, flags: set[str]) -> bool:
    """Is this ``if not flag: …``, for those that have not left the loop?"""
    is_not = isinstance(node.test, gast.UnaryOp) and isinstance(node.test.op, gast.Not)
    return is_not and not node.orelse and bool(node.body) and core.reads(node.test) <= flags
