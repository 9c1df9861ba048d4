"""Functions that are run again with some of their values kept from the first run.

Of ``f(x, w)`` with a policy that keeps products of matrices::

    def f_keep(x, w):                           def f_again(kept, x, w):
        t0 = x @ w                                  t1 = np.tanh(kept)
        return np.sin(np.tanh(t0)), t0              return np.sin(t1), (t1, x, w)

The first returns the value, and what is kept; the second returns what the forward function of the
pair returns, for the same backward function. What only the kept values needed is removed. A loop keeps a list
with a record for each round, a branch that is not taken None, a call of another function what that
function keeps. Relies on the reversal of a source being the same each time.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.front.source import Source
from redraft.transpile.function import Pair
from redraft.transpile.tidy.dead_code import remove_dead_code
from redraft.transpile.transforms.build import (
    definition,
    finish,
    mark_parts,
    returning_with,
    reversed_parts,
    title,
)
from redraft.transpile.transforms.policies import Policy, is_named, is_operation, name_of

LOOPS = (gast.For, gast.While)
PARAMETER = "kept.k0"


@dataclasses.dataclass
class Split:
    """The two functions of a pair under a policy."""

    keep: str
    again: str


def split_pair(unit: Any, source: Source, pair: Pair, policy: Policy) -> Split | None:
    """Write the two functions of a pair; None if the policy keeps nothing of it."""
    key = ("split", pair.forward, policy)
    if key not in unit.sources:
        unit.sources[key] = None  # of a recursive call: it is run again as a whole
        unit.sources[key] = Splitting(unit, source, pair, policy).write()
    return unit.sources[key]


class Splitting:
    """Writes the two functions of a pair."""

    def __init__(self, unit: Any, source: Source, pair: Pair, policy: Policy) -> None:
        self.unit, self.source, self.pair, self.policy = unit, source, pair, policy
        twin = Pair(pair.forward, pair.backward, pair.active, forced=pair.forced)
        self.parts = reversed_parts(unit, source, twin, **pair.asked)
        self.reverse = self.parts.reverse
        self.counter = 0

    def write(self) -> Split | None:
        self.mark_sites()
        names = self.number(self.parts.forward)
        self.drop_unread(names)
        names = self.number(self.parts.forward)
        if not names:
            return None
        base = core.base(self.source.name).removesuffix("_inner")
        split = Split(
            self.unit.name_function(f"{base}_keep"), self.unit.name_function(f"{base}_again")
        )
        self.write_keep(split.keep, names)
        self.write_again(split.again, names)
        return split

    # --- what is kept

    def mark_sites(self) -> None:
        """Mark the statements whose values are kept."""
        needed = self.needed()
        body = self.parts.prepared.body
        for statement in core.walk_statements(body):
            if is_named(statement):
                self.name_operand(statement, body)
        for statement in core.walk_statements(body):
            if is_operation(statement) and self.policy.leaves_out(statement):
                needed |= core.reads(statement.value)  # it is computed again from these
        for statement in core.walk_statements(body):
            if is_operation(statement) and hasattr(statement, "result"):
                id = statement.targets[0].id
                passes_on = is_named(statement) and getattr(statement, "operand_named", False)
                statement.is_kept = not passes_on and self.policy.keeps(statement, id in needed)

    def needed(self) -> set[str]:
        """Names that go from the forward to the backward part."""
        found = set(self.parts.residuals)
        for statement in core.walk_statements(self.parts.forward):
            value = getattr(statement, "value", None)
            if isinstance(statement, gast.Expr) and isinstance(value, gast.Call):
                found |= {n.id for a in value.args for n in core.free_names(a)}
            elif isinstance(statement, gast.Assign) and core.is_name(value):
                found.add(value.id)
        return found

    def name_operand(self, statement: Any, body: list[gast.stmt]) -> None:
        """The line before that computes what gets a name: keeping its result is enough."""
        operand = statement.value.callee.arguments(statement.value)["x"]
        maker = self.reverse.by_version.get(getattr(operand, "v", None))
        if maker is None or not is_operation(maker) or is_named(maker):
            return
        block = next((b for b in blocks(body) if any(s is statement for s in b)), [])
        if any(s is maker for s in block) and name_of(maker) is None:
            maker.checkpoint_name, statement.operand_named = name_of(statement), True

    def number(self, block: list[gast.stmt]) -> list[str]:
        """Name what is kept of a block; returns the names in their order."""
        names: list[str] = []
        for statement in block:
            statement.kept_id = statement.split = None
            if getattr(statement, "is_kept", False):
                statement.kept_id = self.fresh(statement.targets[0].id)
            elif isinstance(statement, gast.Assign):
                statement.split = self.split_of(statement)
                if statement.split is not None:
                    statement.kept_id = self.fresh(statement.targets[0].elts[0].id)
            elif isinstance(statement, LOOPS):
                statement.kept_inner = self.number(statement.body)
                if statement.kept_inner:
                    statement.kept_id = self.fresh("rounds")
            elif isinstance(statement, (gast.If, gast.With)):
                for inner in (statement.body, getattr(statement, "orelse", [])):
                    names += self.number(inner)
            if statement.kept_id is not None:
                names.append(statement.kept_id)
        return names

    def fresh(self, id: str) -> str:
        self.counter += 1
        return f"{core.base(id)}_kept.k{self.counter}"

    def split_of(self, statement: gast.Assign) -> Split | None:
        """The two functions of a pair that a line calls."""
        call = statement.value
        if not (isinstance(call, gast.Call) and core.is_name(call.func)):
            return None
        for key, pair in self.unit.pairs.items():
            if pair.forward == call.func.id and key[0].rule is None and pair.bars is not None:
                if not isinstance(statement.targets[0], gast.Tuple):
                    return None
                return split_pair(self.unit, key[0], pair, self.policy)
        return None

    def drop_unread(self, names: list[str]) -> None:
        """What the second function would not read is not kept."""
        body = self.again(core.copy(self.parts.forward))
        body.append(returning_with(self.parts.prepared, self.source, self.parts.residuals))
        body[-1].value = body[-1].value.elts[1]  # the value itself is known
        read = {n.id for s in remove_dead_code(body) for n in core.walk(s)
                if isinstance(n, gast.Name) and isinstance(n.ctx, gast.Load)}  # fmt: skip
        for statement in core.walk_statements(self.parts.forward):
            if getattr(statement, "is_kept", False) and statement.kept_id not in read:
                statement.is_kept = False

    def held(self, statement: Any, name: Any) -> Any:
        """A value that is kept: a copy, if it changes in place."""
        fact = statement.result
        changes = fact.rank != 0 and bool(fact.reach & self.reverse.mutated_roots)
        return core.call("rt.snapshot", name) if changes else name

    # --- the first run

    def write_keep(self, name: str, names: list[str]) -> None:
        body = [*unset(names), *self.keep(core.copy(self.parts.forward))]
        body.append(returning_with(self.parts.prepared, self.source, names))
        docstring = f"{self.title().partition(',')[0]}, and what is kept of it."
        self.add(definition(name, self.source.node.args, body, docstring))

    def keep(self, block: list[gast.stmt]) -> list[gast.stmt]:
        """The statements of a block, and those that keep values."""
        out: list[gast.stmt] = []
        for statement in block:
            id = statement.kept_id if hasattr(statement, "kept_id") else None
            self.inside(statement, self.keep)
            if isinstance(statement, LOOPS) and id is not None:
                out.append(core.assign(id, gast.List([], gast.Load()), statement.origin))
                self.keep_rounds(statement, id)
            elif id is not None and statement.split is not None:
                statement.value.func = core.name(statement.split.keep)
                statement.targets[0].elts[1] = core.store(id)
            out.append(statement)
            if id is not None and getattr(statement, "is_kept", False):
                value = self.held(statement, core.name(statement.targets[0].id))
                out.append(core.assign(id, value, statement.origin))
        return out

    def keep_rounds(self, loop: Any, id: str) -> None:
        """A record of each round, at its end."""
        inner = loop.kept_inner
        record: Any = core.name(inner[0])
        if len(inner) > 1:
            record = gast.Tuple([*map(core.name, inner)], gast.Load())
        append = gast.Expr(
            gast.Call(gast.Attribute(core.name(id), "append", gast.Load()), [record], [])
        )
        append.origin = loop.origin
        last = len(loop.body) - (1 if _is_exit(loop.body[-1]) else 0)
        loop.body = [*unset(inner), *loop.body[:last], append, *loop.body[last:]]

    # --- the second run

    def write_again(self, name: str, names: list[str]) -> None:
        arguments = core.copy(self.source.node.args)
        parameter = gast.Name(names[0] if len(names) == 1 else PARAMETER, gast.Param(), None, None)
        first = arguments.posonlyargs if arguments.posonlyargs else arguments.args
        first.insert(0, parameter)
        body = self.again(core.copy(self.parts.forward))
        if len(names) > 1:
            unpack = gast.Assign(
                [gast.Tuple([*map(core.store, names)], gast.Store())], core.name(PARAMETER), None
            )
            unpack.origin = None
            body.insert(0, unpack)
        body.append(returning_with(self.parts.prepared, self.source, self.parts.residuals))
        self.add(definition(name, arguments, body, f"{self.title()[:-1]}, from what was kept."))

    def title(self) -> str:
        """The docstring of a forward function."""
        name = core.base(self.source.name)
        text = title("fwd", self.source, []).replace(f"{name}_bwd", self.pair.backward)
        return text.replace(f"Value of {name} ", f"Value of {name.removesuffix('_inner')} ")

    def again(self, block: list[gast.stmt]) -> list[gast.stmt]:
        """The statements of a block with kept values in place of what computes them."""
        out: list[gast.stmt] = []
        for statement in block:
            id = statement.kept_id if hasattr(statement, "kept_id") else None
            self.inside(statement, self.again)
            if isinstance(statement, LOOPS) and id is not None:
                out += self.run_through(statement, id)
            elif id is not None and getattr(statement, "is_kept", False):
                statement.value = self.held(statement, core.name(id))
            elif id is not None:
                statement.value.func = core.name(statement.split.again)
                statement.value.args = [core.name(id), *statement.value.args]
            out.append(statement)
        return out

    def run_through(self, loop: Any, id: str) -> list[gast.stmt]:
        """Take the record of each round at its start; returns what stands before the loop."""
        inner = [core.store(n) for n in loop.kept_inner]
        record = inner[0] if len(inner) == 1 else gast.Tuple(inner, gast.Store())
        if isinstance(loop, gast.For):
            loop.target = gast.Tuple([loop.target, record], gast.Store())
            loop.iter = core.call("zip", loop.iter, core.name(id))
            return []
        place = self.fresh("place")
        item = gast.Subscript(core.name(id), core.name(place), gast.Load())
        take = gast.Assign([record], item, None)
        after = gast.BinOp(core.name(place), gast.Add(), core.constant(1))
        count = core.assign(place, after, loop.origin)
        take.origin = loop.origin
        loop.body = [take, count, *loop.body]
        return [core.assign(place, core.constant(0), loop.origin)]

    # --- both

    def inside(self, statement: Any, rewrite: Any) -> None:
        for field in ("body", "orelse"):
            inner = getattr(statement, field, None)
            if isinstance(statement, (gast.If, gast.With, *LOOPS)) and inner:
                setattr(statement, field, rewrite(inner))

    def add(self, function: gast.FunctionDef) -> None:
        mark_parts(function.body, [])
        finish(self.unit, function, self.source, self.parts.prepared)


def blocks(body: list[gast.stmt]) -> list[list[gast.stmt]]:
    """A block and all blocks in it."""
    found = [body]
    for statement in core.walk_statements(body):
        for field in ("body", "orelse"):
            inner = getattr(statement, field, None)
            if isinstance(inner, list) and not isinstance(statement, core.FUNCTIONS):
                found.append(inner)
    return found


def unset(names: list[str]) -> list[gast.stmt]:
    """Names without a value so far."""
    lines = [core.assign(n, core.constant(None)) for n in names]
    for line in lines:
        line.unset = True
    return lines


def _is_exit(statement: gast.stmt) -> bool:
    return isinstance(statement, gast.If) and any(isinstance(s, gast.Break) for s in statement.body)
