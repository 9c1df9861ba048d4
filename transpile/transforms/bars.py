"""The cotangents that the reverse walk holds at a moment, and how contributions add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.facts import UNKNOWN, Fact
from redraft.transpile.transforms.algebra import add

CONTAINERS = ("list", "tuple", "dict", "struct", "function")


@dataclass
class Bar:
    """The cotangent of one variable.

    Attributes:
        literal: its value, while that is a literal and needs no line.
        uniform: a scalar, or a smaller array, that stands for what it is broadcast to in the
            variable's shape.
        owned: made by this code and seen by nothing else, so it may be changed in place.
        numeric: certainly a number or an array.
        fresh: the value of an operation that makes a new array.
        wide: broadcasting is not undone yet: it may have more or longer axes than the variable.
        masked: zero where a selection or a branch did not take the variable, whose value there may
            be anything.
    """

    literal: Any = None
    uniform: bool = False
    owned: bool = False
    numeric: bool = True
    wide: bool = False
    fresh: bool = False
    masked: bool = False


def is_fresh(value: Any) -> bool:
    """Does the expression certainly make a new array (or a number)?"""
    return isinstance(value, gast.BinOp) or (
        isinstance(value, gast.Call)
        and isinstance(value.func, gast.Attribute)
        and value.func.attr in ("ones_like", "full_like", "zeros_like", "unsum", "multiply")
    )


def bar_name(id: str) -> str:
    """``h.1`` -> ``h_bar.c1``; the mark keeps it apart from a user's own ``h_bar``."""
    head, _, rest = id.partition(".")
    return f"{head}_bar.c{rest}"


def index_value(node: gast.expr) -> gast.expr:
    """An index as a value that can be passed to a function: ``1:n`` becomes ``slice(1, n)``."""
    if isinstance(node, gast.Slice):
        parts = [p or core.constant(None) for p in (node.lower, node.upper, node.step)]
        if node.step is None:
            parts.pop()
        return core.call(
            "slice", *(parts[1:] if node.lower is None and node.step is None else parts)
        )
    if isinstance(node, gast.Tuple):
        return gast.Tuple([index_value(e) for e in node.elts], gast.Load())
    return node


class Bars:
    """State and emission; mixed into the reverse transformation."""

    bars: dict[str, Bar]
    lines: list[gast.stmt]
    statement: Any
    np: str

    def fact(self, id: str) -> Fact:
        """What is known of a variable before the current statement."""
        return self.statement.facts.get(id, UNKNOWN)

    def write(self, statement: gast.stmt) -> None:
        """Add a backward line for the current statement."""
        statement.origin = self.statement.origin
        self.lines.append(statement)

    def assign_bar(self, id: str, value: gast.expr) -> None:
        if core.is_name(value) and value.id == bar_name(id):
            return
        self.write(core.assign(bar_name(id), value))

    def bar(self, id: str) -> gast.expr:
        """The cotangent of a variable as an expression."""
        known = self.bars[id]
        return core.copy(known.literal) if known.literal is not None else core.name(bar_name(id))

    def accumulate(
        self,
        id: str,
        value: gast.expr,
        uniform: bool = False,
        numeric: bool = True,
        wide: bool = False,
        masked: bool = False,
    ) -> None:
        """Add a contribution to the cotangent of a variable."""
        old = self.bars.get(id)
        if old is None:
            fresh = numeric and is_fresh(value)
            self.bars[id] = Bar(
                uniform=uniform, numeric=numeric, wide=wide, fresh=fresh, masked=masked
            )
            if uniform and isinstance(value, gast.Constant):
                self.bars[id].literal = value
            else:
                self.assign_bar(id, value)
            return
        old.masked = masked = old.masked and masked
        # contributions may be broadcast to different shapes: only in the variable's own do they add
        if wide:
            value, wide = self.call("rt.unbroadcast", value, self.read(id)), False
        if old.wide:
            narrow = self.call("rt.unbroadcast", self.take_line(id) or self.bar(id), self.read(id))
            self.assign_bar(id, narrow)
            old.wide = False
        fact = self.fact(id)
        plain = (numeric or old.numeric) and fact.kind not in CONTAINERS and not fact.nothing
        if plain and old.owned and not uniform and not wide:
            self.write(gast.AugAssign(core.store(bar_name(id)), gast.Add(), value))
            return
        if plain:
            both = add(self.take_line(id) or self.bar(id), value)
        else:
            both = self.call("rt.add", self.bar(id), value)
        self.assign_bar(id, both)
        both_uniform = uniform and old.uniform
        self.bars[id] = Bar(
            uniform=both_uniform, numeric=numeric or old.numeric, wide=wide or old.wide,
            fresh=plain, masked=masked,
        )  # fmt: skip

    def take_line(self, id: str) -> gast.expr | None:
        """The value that an earlier line gave to a cotangent, if that line can be taken back."""
        name = bar_name(id)
        for position in range(len(self.lines) - 1, -1, -1):
            line = self.lines[position]
            if not isinstance(line, gast.Assign) or not core.is_name(line.targets[0]):
                return None
            if line.targets[0].id == name:
                break
            if name in core.reads(line.value):
                return None
        else:
            return None
        later = {s.targets[0].id for s in self.lines[position + 1 :]}
        reads = core.reads(line.value)
        if len(line.targets) > 1 or name in reads or later & reads:
            return None
        same_place = line.origin.node is self.statement.origin.node
        small = sum(isinstance(n, gast.expr) for n in core.walk(line.value)) < 16
        if not small or not (same_place or core.is_name(line.value)):
            return None
        del self.lines[position]
        return line.value

    def call(self, function: str, *args: gast.expr) -> gast.Call:
        return core.call(function, *args)

    def zeros(self, id: str, node: gast.expr | None = None) -> gast.expr:
        """Zeros with the structure of a variable."""
        value = node or self.read(id)
        fact = self.fact(id)
        if fact.rank == 0 or fact.maybe or id not in self.statement.facts:
            return core.constant(0.0)
        # what a derivative saved may be an integer, whose zeros would not take fractions
        saved = self.source.written_here and fact.rank is None
        numeric = fact.kind == "number" and fact.active and not fact.integer and not saved
        return self.call("np.zeros_like" if numeric else "rt.zeros_like", value)

    def own(self, id: str) -> None:
        """Make the cotangent of a variable one that may be changed in place."""
        self.wants_own.add(id)
        known = self.bars.get(id)
        if known is None:
            self.assign_bar(id, self.zeros(id))
            self.bars[id] = Bar(owned=True, numeric=self.fact(id).kind == "number")
        elif known.uniform:
            self.full(id)
            self.bars[id].owned = True
        elif known.fresh and known.literal is None and not known.wide:
            known.owned = True
        elif not known.owned:
            numeric = self.fact(id).kind == "number"
            bar = self.bar(id)
            copied = (
                gast.Call(gast.Attribute(bar, "copy", gast.Load()), [], [])
                if numeric and self.fact(id).rank
                else self.call("rt.own", bar)
            )
            self.assign_bar(id, copied)
            known.owned, known.literal = True, None

    def full(self, id: str, assigned: bool = False) -> None:
        """Turn a scalar that stands for a whole array into that array.

        The cotangent of a scalar may stay a literal, unless it must be `assigned`.
        """
        known = self.bars.get(id)
        if known is not None and known.wide:
            value = self.take_line(id) or self.bar(id)
            self.assign_bar(id, self.call("rt.unbroadcast", value, self.read(id, after=True)))
            self.bars[id] = Bar(numeric=known.numeric, masked=known.masked)
            return
        if known is None or not (known.uniform or known.literal is not None):
            return
        if self.fact_of_result(id).rank == 0:
            if known.literal is not None and not assigned:
                known.uniform = False
                return
            if known.literal is not None:
                self.assign_bar(id, known.literal)
            self.bars[id] = Bar(masked=known.masked)
            return
        value = self.bar(id)
        if known.literal is None:
            value = self.take_line(id) or value
        if core.is_number(value, 1):
            filled = self.call("np.ones_like", self.read(id, after=True))
        elif core.is_number(value, 0):
            filled = self.call("np.zeros_like", self.read(id, after=True))
        else:
            filled = self.call("np.full_like", self.read(id, after=True), value)
        self.assign_bar(id, filled)
        self.bars[id] = Bar(fresh=True, masked=known.masked)

    def fact_of_result(self, id: str) -> Fact:
        """What is known of a variable after the current statement."""
        statement = self.statement
        if isinstance(statement, gast.Assign) and core.is_name(statement.targets[0]):
            if statement.targets[0].id == id:
                return statement.result
        return self.fact(id)
