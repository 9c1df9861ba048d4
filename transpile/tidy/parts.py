"""Write into the parts of containers as the user did.

Before::                    After::

    part0 = x[i]                x[i][j] = v
    part0[j] = v
    x[i] = part0

The lowering gives every container that is written into a name, and puts it back where it was. The
lines that do so bear the mark `write_back`. A part that nothing else reads needs no name.
"""

from __future__ import annotations

from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.versions import changed_names


def join_parts(body: list[gast.stmt]) -> None:
    """Replace the names of parts by what they name, in place, where nothing else needs them."""
    if not any(getattr(s, "write_back", False) for s in core.walk_statements(body)):
        return
    counts: dict[str, int] = {}
    for node in core.free_names(body):
        counts[node.id] = counts.get(node.id, 0) + 1
    _join_block(body, counts)


def _join_block(body: list[gast.stmt], counts: dict[str, int]) -> None:
    for statement in body:
        for field in ("body", "orelse"):
            if not isinstance(statement, core.FUNCTIONS):
                _join_block(getattr(statement, field, None) or [], counts)
    position = len(body) - 1
    while position >= 0:  # inner parts are read after outer ones
        end = _end_of_part(body, position, counts)
        if end is not None:
            _substitute(body, position, end, counts)
        position -= 1


def _end_of_part(body: list[gast.stmt], start: int, counts: dict[str, int]) -> int | None:
    """The line that puts back the part that line `start` reads, if the name can go."""
    first = body[start]
    if not getattr(first, "write_back", False) or not core.is_name(first.targets[0]):
        return None
    part, access = first.targets[0].id, first.value
    seen = 1
    for position in range(start + 1, len(body)):
        statement = body[position]
        seen += sum(n.id == part for n in core.free_names(statement))
        if _puts_back(statement, part, access):
            return position if seen == counts[part] else None
        changed = changed_names([statement])
        if part in core.writes(statement) or changed & core.reads(access):
            return None
    return None


def _puts_back(statement: Any, part: str, access: Any) -> bool:
    return (
        getattr(statement, "write_back", False)
        and core.is_name(statement.value)
        and statement.value.id == part
        and core.same(statement.targets[0], access)
    )


def _substitute(body: list[gast.stmt], start: int, end: int, counts: dict[str, int]) -> None:
    part, access = body[start].targets[0].id, body[start].value
    copies = 0
    for statement in body[start + 1 : end]:
        copies += _replace(statement, part, access)
    for node in core.free_names(access):
        counts[node.id] += copies - 2
    del body[end], body[start]


def _replace(node: Any, part: str, access: Any) -> int:
    """Replace readings of a name; returns how many there were."""
    count = 0
    for field in node._fields:
        value = getattr(node, field, None)
        for place, item in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if core.is_name(item) and item.id == part:
                count += 1
                if place is None:
                    setattr(node, field, core.copy(access))
                else:
                    value[place] = core.copy(access)
            elif isinstance(item, gast.AST):
                count += _replace(item, part, access)
    return count
