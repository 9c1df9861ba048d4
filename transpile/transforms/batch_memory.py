"""What the batching pass notes of shared memory (analysis/batched_memory.py says why)."""

from __future__ import annotations

from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.batched import PLAIN, Array, Closure, Items, Known, Many, Nothing
from redraft.transpile.analysis.versions import root_of
from redraft.transpile.primitives import table

DISPLAYS = (gast.Tuple, gast.List, gast.Dict, gast.ListComp, gast.DictComp)


class SharedMemory:
    """The part of `Batcher` that knows which variables may hold one array."""

    def note_memory(self, statement: Any) -> None:
        """After a statement: who shares memory from here on."""
        if isinstance(statement, gast.If):  # it may have become one line
            for inner in core.walk_statements([*statement.body, *statement.orelse]):
                if isinstance(inner, gast.Assign):
                    self.note_memory(inner)
        elif isinstance(statement, (gast.Assign, gast.AugAssign)):
            targets = getattr(statement, "targets", None) or [statement.target]
            for target in targets:
                self.note_target(target, statement)
        elif isinstance(statement, gast.For):
            if self.are_numbers(None, statement.iter):
                return
            self.join(core.writes(statement.target), self.held_by(statement.iter, None))
        elif isinstance(statement, gast.Expr) and isinstance(statement.value, gast.Call):
            names = core.reads(statement.value.func) & set(self.env)
            self.join(names, self.held_by(statement.value.args, None))

    def note_target(self, target: Any, statement: Any) -> None:
        kept = core.is_name(target)
        known = self.env.get(target.id) if kept else None
        if not kept and not isinstance(target, (gast.Tuple, gast.List)):
            owner = self.env.get(root_of(target) or "", PLAIN)
            if isinstance(owner, Array):  # an array keeps copies of numbers
                return
        if not kept and self.are_numbers(target, statement.value):
            return
        names = self.held_by(statement.value, known)
        self.join(core.writes(target) | core.reads(target) & set(self.env), names)
        plain = core.is_name(statement.value) or isinstance(statement, gast.AugAssign)
        if not plain and not self.source.derives:  # derivatives change only what is theirs
            for name in names:
                self.share(name)

    def are_numbers(self, target: Any, value: Any) -> bool:
        """Does a target take apart a vector, or a loop go over one? What it gets are copies."""
        if target is not None and not isinstance(target, (gast.Tuple, gast.List)):
            return False
        known = self.env.get(value.id) if core.is_name(value) else None
        return isinstance(known, Array) and known.rank == 1

    def join(self, targets: set[str], names: set[str]) -> None:
        if names:
            self.memory.join(targets | names)

    def held_by(self, node: Any, known: Any) -> set[str]:
        """Variables whose arrays the value of an expression may be, or hold."""
        if isinstance(known, Array) and (known.owned or known.rank == 0):
            return set()
        if isinstance(node, list):
            return set().union(*(self.held_by(n, None) for n in node), set())
        if core.is_name(node):
            if node.id not in self.env and node.id not in self.scope.local:
                return set()
            value = self.env.get(node.id)
            number = isinstance(value, Array) and value.rank == 0
            return set() if number or isinstance(value, (Closure, Known, Nothing)) else {node.id}
        if isinstance(node, (gast.Attribute, gast.Subscript, gast.Starred)):
            return self.held_by(node.value, None)
        if isinstance(node, gast.BinOp):
            return self.held_by_sum(node)
        if isinstance(node, (gast.UnaryOp, gast.Compare, gast.Constant)):
            return set()
        if isinstance(node, gast.Call) and self.gives_new(node):
            return set()
        if isinstance(node, gast.IfExp):
            return self.held_by(node.body, None) | self.held_by(node.orelse, None)
        parts = [n for n in gast.iter_child_nodes(node) if isinstance(n, (gast.expr, gast.keyword))]
        parts = [getattr(p, "value", p) if isinstance(p, gast.keyword) else p for p in parts]
        parts += [g.iter for g in getattr(node, "generators", [])]
        return self.held_by(parts, None)

    def held_by_sum(self, node: gast.BinOp) -> set[str]:
        """A sum of lists holds what they hold; one of arrays is a new array."""
        names = set()
        for side in (node.left, node.right):
            value = self.env.get(side.id) if core.is_name(side) else None
            if isinstance(side, (*DISPLAYS, gast.BinOp)) or isinstance(value, (Items, Many)):
                names |= self.held_by(side, None)
        return names

    def gives_new(self, node: gast.Call) -> bool:
        """Is this a call of a primitive that makes a new array?"""
        row = table.row_of(self.scope.value(node.func))
        if row is None and isinstance(node.func, gast.Attribute):
            row = table.rows_index()["method"].get(node.func.attr)
        return row is not None and row.view_of is None and row.gives is None

    passing = False  # is the value that is computed here read at once, and kept nowhere?

    def consumed(self, node: Any) -> Any:
        """Visit an operand of an operation that makes a new array."""
        return self.visited(node, not isinstance(node, DISPLAYS))

    def held(self, node: Any) -> Any:
        """Visit an expression whose value may be kept."""
        return self.visited(node, False)

    def visited(self, node: Any, passing: bool) -> Any:
        before, self.passing = self.passing, passing
        try:
            return self.expression(node)
        finally:
            self.passing = before

    def note_copy(self, node: Any, known: Any) -> None:
        """The array of an expression is copied here, where an example would keep it."""
        if self.passing:
            return
        self.memory.copy(self.held_by(node, known), self.statement)

    def note_change(self, name: str, known: Any) -> None:
        """The array of a variable changes in place."""
        if isinstance(known, Array) and known.owned_under in {r.mask for r in self.regions}:
            return
        if not isinstance(known, Array) or not (known.owned or known.rank == 0):
            self.memory.change({name}, self.statement)

    def check_memory(self) -> None:
        """Refuse changes in place that what was copied would not see."""
        found = None if self.inner else self.memory.conflict()
        if found is None:
            return
        name, place, other = found
        raise self.refuse(
            place, f"`{core.base(name)}` changes in place, and `{core.base(other)}`, which may share "
            "its memory, is copied where some examples keep it and others do not",
            f"write `{core.base(name)} = {core.base(name)}.copy()` before it",
        )  # fmt: skip
