"""Read a value under the name that it has already, where a copy only gives it another one.

Before::                          After::

    t0_bar = h_bar                    z_bar = h_bar * t1
    z_bar = t0_bar * t1               h_bar = h_bar * z
    h_bar = t0_bar * z

Only names that redraft made go, in one block, and only as long as both names mean the same.
"""

from __future__ import annotations

from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.liveness import definite_writes, mark_live
from redraft.transpile.analysis.versions import updated_name
from redraft.transpile.tidy.fold import is_made

COMPOUND = (gast.If, gast.For, gast.While, gast.With, *core.FUNCTIONS)


def forward_copies(body: list[gast.stmt]) -> bool:
    """Remove such copies from a function's body and the blocks in it, in place; were there any?"""
    if not any(_is_copy(s) for s in core.walk_statements(body)):
        return False
    mark_live(body, set())
    return _block(body)


def _block(block: list[gast.stmt]) -> bool:
    changed = False
    for statement in block:
        for field in ("body", "orelse"):
            inner = getattr(statement, field, None)
            if isinstance(inner, list) and not isinstance(statement, core.FUNCTIONS):
                changed = _block(inner) or changed
    for statement in [s for s in block if _is_copy(s) and len(block) > 1]:
        position = next(i for i, s in enumerate(block) if s is statement)
        copy, value = statement.targets[0].id, statement.value.id
        readers = _readers(block, position, copy, value)
        if readers is not None:
            for reader in readers:
                _rename_reads(reader, copy, value)
            del block[position]
            changed = True
    return changed


def _is_copy(statement: gast.stmt) -> bool:
    return (
        isinstance(statement, gast.Assign)
        and len(statement.targets) == 1
        and core.is_name(statement.targets[0])
        and core.is_name(statement.value)
        and is_made(statement.targets[0].id)
    )


def _readers(block: list[gast.stmt], position: int, copy: str, value: str) -> list[Any] | None:
    """Later statements that may read `value` in place of `copy`; None if one may not."""
    found, same = [], True
    for later in block[position + 1 :]:
        names = {n.id for n in core.free_names(later)}
        if not names & {copy, value}:
            continue
        reads = copy in core.reads(later)
        if reads and (not same or _binds(later, copy)):
            return None
        if isinstance(later, COMPOUND) and ({copy, value} & _changed(later)):
            return None
        if reads:
            found.append(later)
        if copy in definite_writes(later):
            return found
        if _changes(later, copy):
            return None
        same = same and not _changes(later, value)
    return None if copy in block[-1].live else found


def _changed(statement: gast.stmt) -> set[str]:
    """All names that a compound statement binds or changes in place."""
    inner = list(core.walk_statements([statement]))
    return core.writes(statement) | {updated_name(s) for s in inner} - {None}


def _changes(statement: gast.stmt, name: str) -> bool:
    return name in core.writes(statement) or updated_name(statement) == name


def _binds(statement: gast.stmt, name: str) -> bool:
    """Does the statement change the name that it reads, as ``x += v`` does?"""
    return isinstance(statement, gast.AugAssign) and name in core.writes(statement.target)


def _rename_reads(statement: gast.stmt, old: str, new: str) -> None:
    for node in core.walk(statement):
        if isinstance(node, gast.Name) and node.id == old and isinstance(node.ctx, gast.Load):
            node.id = new
