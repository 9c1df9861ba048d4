"""Which names are still needed after each statement.

Marks every statement with `live`, the names that are live after it, and every loop with `head`,
the names that are live at the start of a round.
"""

from __future__ import annotations

import gast

from redraft.transpile import core


def mark_live(body: list[gast.stmt], live: set[str]) -> set[str]:
    """Mark a block and return the names that are live before it."""
    for statement in reversed(body):
        statement.live = live
        live = _before(statement, live)
    return live


def _before(statement: gast.stmt, live: set[str]) -> set[str]:
    if isinstance(statement, gast.If):
        exits = [s for s in statement.body if isinstance(s, gast.Break)]
        if exits:  # the trailing `if flag: break` of a loop: what follows the loop is live too
            return live | core.reads(statement.test)
        body = mark_live(statement.body, live)
        return body | mark_live(statement.orelse, live) | core.reads(statement.test)
    if isinstance(statement, gast.For):
        return _loop(statement, live, core.reads(statement.iter), core.writes(statement.target))
    if isinstance(statement, gast.While):
        return _loop(statement, live | core.reads(statement.test), set(), set())
    if isinstance(statement, gast.With):
        reads = core.reads([i.context_expr for i in statement.items])
        return mark_live(statement.body, live) | reads
    return (live - definite_writes(statement)) | core.reads(statement)


def _loop(
    statement: gast.For | gast.While, live: set[str], reads: set[str], target: set[str]
) -> set[str]:
    head = set(live)
    while True:
        # a `break` leads from the end of the body to what is live after the loop: part of `head`
        new = live | (mark_live(statement.body, head) - target)
        if new <= head:
            break
        head |= new
    if isinstance(statement, gast.While):
        head |= core.reads(statement.test)
    statement.head = head
    return head | reads


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
