"""A loop as a function of one segment of it, and the loop that calls the function (segments.py)."""

from __future__ import annotations

from typing import Any

import gast

from redraft.transpile import core


class Outlined:
    """A loop as a function of a segment, and the calls of it."""

    def __init__(
        self, of: Any, loop: gast.For, given: list[str], carried: list[str], grown: list[str],
        copied: list[str],
    ) -> None:  # fmt: skip
        self.of, self.source_loop = of, loop
        # what is only read, but differentiated, goes in and out as well: so its cotangent is added up
        # in the order of the rounds, in one place
        self.given, self.grown, self.copied = given, grown, copied
        self.carried = list(dict.fromkeys([*carried, *given]))
        self.plain = {n: of.name(core.base(n)) for n in self.carried if "." in n}
        self.steps, self.first, self.length = of.name("steps"), of.name("first"), of.name("length")
        self.place, self.round = of.name("j"), of.name("k")
        self.count, self.segment = of.name("count"), of.name("segment")
        self.new = {n: of.name(f"{core.base(n)}_new") for n in grown}
        self.setup: list[tuple[str, Any]] = []

    def statements(self, segments: Any, function: Any) -> list[gast.stmt]:
        """The function, the loop over whole segments, and what is left over."""
        place = gast.BinOp(core.name(self.first), gast.Add(), core.name(self.place))
        count, item = self.items(self.source_loop.iter, place)
        length = core.call("rt.segment_length", core.name(self.count), core.copy(segments))
        lines = [core.assign(name, value) for name, value in self.setup]
        lines += [core.assign(self.count, count), core.assign(self.segment, length)]
        lines += [self.definition(item, function), *self.calls()]
        for line in lines:
            for node in core.walk(line):
                if not hasattr(node, "lineno") or node.lineno is None:
                    gast.copy_location(node, self.source_loop)
        return lines

    def definition(self, item: Any, function: Any) -> gast.FunctionDef:
        loop = gast.copy_location(core.copy(self.source_loop), self.source_loop)
        loop.iter = core.call("range", core.name(self.length))
        taken = gast.Assign([loop.target], item, None)
        loop.target = core.store(self.place)
        loop.body = [taken, *loop.body]
        start = [core.assign(n, core.call("rt.snapshot", core.name(n))) for n in self.copied]
        start += [core.assign(n, gast.List([], gast.Load())) for n in self.grown]
        results = [core.name(n) for n in (*self.carried, *self.grown)]
        ans = results[0] if len(results) == 1 else gast.Tuple(results, gast.Load())
        body = [*start, loop, gast.Return(ans)]
        for node in [n for s in body for n in core.walk(s) if isinstance(n, gast.Name)]:
            node.id = self.plain.get(node.id, node.id)
        names = [self.first, self.length, *(self.plain.get(n, n) for n in self.given)]
        parameters = [gast.Name(n, gast.Param(), None, None) for n in names]
        arguments = gast.arguments(parameters, [], None, [], [], None, [])
        made = gast.FunctionDef(self.steps, arguments, body, [], None, None, [])
        made.checkpointed, made.is_part = function.rule, True
        made.gives_tuple = len(results) > 1
        made.counters = (self.first, self.length)  # whole numbers: they are never infinite
        return gast.copy_location(made, self.source_loop)

    def calls(self) -> list[gast.stmt]:
        """The loop over whole segments, and the call for the rounds that are left.

        That is a loop of one round or none: its derivative needs no condition, which batched code
        would have to know.
        """
        count, segment = core.name(self.count), core.name(self.segment)
        first = gast.BinOp(core.name(self.round), gast.Mult(), segment)
        rounds = core.call("range", gast.BinOp(count, gast.FloorDiv(), segment))
        exits = [s for s in self.source_loop.body[-1:] if _is_exit(s)]
        loop = gast.For(
            core.store(self.round),
            rounds,
            [*self.call(first, segment), *core.copy(exits)],
            [],
            None,
        )
        left = gast.BinOp(core.copy(count), gast.Mod(), core.copy(segment))
        rest = self.call(gast.BinOp(core.copy(count), gast.Sub(), core.copy(left)), core.copy(left))
        if exits:
            stopped = gast.UnaryOp(gast.Not(), core.copy(exits[0].test))
            rest = [gast.If(stopped, rest, [])]
        once = core.call("range", core.call("min", core.copy(left), core.constant(1)))
        return [loop, gast.For(core.store("_"), once, rest, [], None)]

    def call(self, first: Any, length: Any) -> list[gast.stmt]:
        arguments = [first, length, *map(core.name, self.given)]
        targets = [core.store(n) for n in self.carried] + [core.store(v) for v in self.new.values()]
        target = targets[0] if len(targets) == 1 else gast.Tuple(targets, gast.Store())
        lines: list[gast.stmt] = [
            gast.Assign([target], gast.Call(core.name(self.steps), arguments, []), None)
        ]
        for name, new in self.new.items():
            extend = gast.Attribute(core.name(name), "extend", gast.Load())
            lines.append(gast.Expr(gast.Call(extend, [core.name(new)], [])))
        return lines

    # --- what the loop runs over

    def items(self, node: Any, place: Any) -> tuple[Any, Any]:
        """How many items there are, and the item at a place."""
        kind = self.of.scope.value(node.func) if isinstance(node, gast.Call) else None
        if isinstance(node, gast.Call) and not node.keywords and node.args:
            if kind is range:
                return self.range_items(node, place)
            if kind is zip:
                found = [self.items(a, place) for a in node.args]
                counts = [c for c, _ in found]
                count = counts[0] if len(counts) == 1 else core.call("min", *counts)
                return count, gast.Tuple([i for _, i in found], gast.Load())
            if kind is enumerate:
                count, item = self.items(node.args[0], place)
                number = core.copy(place)
                if len(node.args) > 1:
                    number = gast.BinOp(number, gast.Add(), self.kept(node.args[1], "start"))
                return count, gast.Tuple([number, item], gast.Load())
        if kind is reversed:
            whole = core.call("rt.sequence", node.args[0])
            back = gast.Slice(None, None, core.constant(-1))
            items = self.kept(gast.Subscript(whole, back, gast.Load()), "items")
        else:
            items = self.kept(core.call("rt.sequence", node), "items")
        if core.reads(node) & self.of.active:
            self.given.append(items.id)
            self.carried.append(items.id)
        item = gast.Subscript(items, core.copy(place), gast.Load())
        return core.call("len", core.copy(items)), item

    def range_items(self, node: gast.Call, place: Any) -> tuple[Any, Any]:
        args = [self.kept(a, n) for a, n in zip(node.args, ("start", "stop", "step"), strict=False)]
        count = core.call("len", gast.Call(core.copy(node.func), [core.copy(a) for a in args], []))
        item = core.copy(place)
        if len(args) == 3:
            item = gast.BinOp(item, gast.Mult(), args[2])
        if len(args) > 1 and not core.is_number(args[0], 0):
            item = gast.BinOp(args[0], gast.Add(), item)
        return count, item

    def kept(self, node: Any, wanted: str) -> Any:
        """An expression that means the same in the function: a constant, or a variable of its own."""
        if isinstance(node, gast.Constant):
            return core.copy(node)
        if core.is_name(node) and node.id not in core.writes(self.source_loop):
            return core.name(node.id)
        name = self.of.name(wanted)
        self.setup.append((name, node))
        return core.name(name)


def _is_exit(statement: gast.stmt) -> bool:
    return isinstance(statement, gast.If) and any(isinstance(s, gast.Break) for s in statement.body)
