"""Which values are scalars because the result is one.

A gradient exists for scalar results alone (generated code checks it first). Where an elementwise
operation gives a scalar, its operands are scalars too; so the knowledge runs backward from the
result, through branches, and through loops whose body keeps it from round to round.
"""

from __future__ import annotations

from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.front.callee import Primitive


def infer_scalars(body: list[gast.stmt]) -> set[int]:
    """Versions of variables that are scalars if the returned value is one."""
    result = body[-1].value
    if not core.is_name(result) or "v" not in result.__dict__:
        return set()
    search = _Search(body)
    search.infer(result.v, search.known)
    return search.known


class _Search:
    def __init__(self, body: list[gast.stmt]) -> None:
        self.definitions: dict[int, gast.Assign] = {}
        self.branches: dict[int, list[int | None]] = {}
        self.exits: dict[int, tuple[int, int | None, int | None]] = {}
        self.heads: dict[int, tuple[int | None, int | None]] = {}
        self.known: set[int] = set()
        for statement in core.walk_statements(body):
            self.collect(statement)

    def collect(self, statement: Any) -> None:
        if isinstance(statement, gast.Assign) and core.is_name(statement.targets[0]):
            if len(statement.targets) == 1 and "v" in statement.targets[0].__dict__:
                self.definitions[statement.targets[0].v] = statement
        elif isinstance(statement, gast.If) and "ends" in statement.__dict__:
            for id, version in statement.after.items():
                ends = [end.get(id) for end in statement.ends]
                if ends[0] != ends[1]:
                    self.branches[version] = ends
        elif isinstance(statement, (gast.For, gast.While)) and "body_end" in statement.__dict__:
            for id, head in statement.body_start.items():
                before, end = statement.before.get(id), statement.body_end.get(id)
                if head not in (before, end):
                    self.heads[head] = (before, end)
                    after = statement.behind.get(id)
                    if after is not None and after != before:
                        self.exits[after] = (head, before, end)

    def infer(self, version: int | None, known: set[int]) -> None:
        """Note that a version is a scalar, and what follows from it."""
        if version is None or version in known:
            return
        if version in self.exits:
            self.infer_loop(version, known)
            return
        known.add(version)
        if version in self.definitions:
            for operand in self.operands(self.definitions[version].value):
                self.infer(operand, known)
        for end in self.branches.get(version, ()):
            self.infer(end, known)
        if version in self.heads:
            self.infer(self.heads[version][0], known)

    def infer_loop(self, version: int, known: set[int]) -> None:
        """A loop's result: only if the body carries the knowledge from its end to its start."""
        head, _before, end = self.exits[version]
        trial = set(known) | {version}
        self.infer(end, trial)
        if head in trial:
            known |= trial

    def operands(self, value: Any) -> list[int]:
        if isinstance(value, gast.Name):
            nodes = [value]
        else:
            callee = getattr(value, "callee", None)
            if not isinstance(callee, Primitive) or callee.row.kind != "elementwise":
                return []
            nodes = list(callee.arguments(value).values())
        return [n.v for n in nodes if core.is_name(n) and "v" in n.__dict__]
