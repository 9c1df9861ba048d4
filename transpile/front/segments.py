"""Loops in segments: ``with rd.checkpoint_loop():`` around a ``for``.

Before::                              After::

    with rd.checkpoint_loop():            @rd.checkpoint
        for i in range(n):                def steps(first, length, y):
            y = np.sin(y) * w                 for j in range(length):
                                                  i = first + j
                                                  y = np.sin(y) * w
                                              return y
                                          count = n
                                          segment = rt.segment_length(count, None)
                                          for k in range(count // segment):
                                              y = steps(k * segment, segment, y)
                                          for _ in range(min(count % segment, 1)):
                                              y = steps(count - count % segment, count % segment, y)

What the loop hands on from round to round goes in and out of the function; what it only reads is
captured. Arrays and lists that it changes in place are copied at the start of a segment; they must
have no other name. Relies on `exits`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gast

from redraft import runtime
from redraft.transpile import core
from redraft.transpile.errors import TransformError
from redraft.transpile.front import private
from redraft.transpile.front.scope import UNKNOWN
from redraft.transpile.front.source import Source


def in_segments(
    body: list[gast.stmt], source: Source, scope: Any, find_active: Callable[[], set[str]]
) -> list[gast.stmt]:
    """The body of a function with its checkpointed loops in segments.

    `find_active` finds the variables that may be differentiated.
    """
    if not any(kind_of(s, scope) for s in core.walk_statements(body)):
        return body
    source.extras = {**source.extras, "rt": runtime}
    return Segments(body, source, scope, find_active()).block(body, set(source.parameters))


def kind_of(node: Any, scope: Any) -> Any:
    """`rd.checkpoint_loop` if this is a ``with`` block of it, else None."""
    if not isinstance(node, gast.With) or len(node.items) != 1:
        return None
    call = node.items[0].context_expr
    value = scope.value(call.func) if isinstance(call, gast.Call) else UNKNOWN
    found = value is not UNKNOWN and getattr(value, "redraft_transform", None) == "checkpoint_loop"
    return value if found else None


class Segments:
    """Rewrites the checkpointed loops of one function."""

    def __init__(self, body: list[gast.stmt], source: Source, scope: Any, active: set[str]) -> None:
        self.body, self.source, self.scope, self.active = body, source, scope, active
        self.taken = {n.id for s in body for n in core.walk(s) if isinstance(n, gast.Name)}
        self.taken |= set(source.parameters) | set(source.globals) | set(source.cells)
        self.local = set(source.parameters) | core.writes(body)
        self.loops: list[Any] = []

    def name(self, wanted: str) -> str:
        """A name that nothing else in the function has."""
        name, number = wanted, 1
        while name in self.taken:
            number += 1
            name = f"{wanted}_{number}"
        self.taken.add(name)
        return name

    def refuse(self, node: Any, message: str, hint: str) -> TransformError:
        return TransformError(message, self.source.span(node), hint)

    # --- finding the loops

    def block(self, body: list[gast.stmt], defined: set[str]) -> list[gast.stmt]:
        """A block; `defined` are the names that certainly have a value before it."""
        out: list[gast.stmt] = []
        for statement in body:
            function = kind_of(statement, self.scope)
            if function is not None:
                out += self.loops_of(statement, function, defined)
            else:
                self.inner_blocks(statement, set(defined))
                out.append(statement)
            defined |= certain([statement])
        return out

    def inner_blocks(self, statement: Any, defined: set[str]) -> None:
        if isinstance(statement, core.FUNCTIONS):
            return
        is_loop = isinstance(statement, (gast.For, gast.While))
        if isinstance(statement, gast.For):
            defined |= core.writes(statement.target)
        if is_loop:
            self.loops.append(statement)
        for field in ("body", "orelse"):
            inner = getattr(statement, field, None)
            if isinstance(inner, list) and inner:
                setattr(statement, field, self.block(inner, set(defined)))
        if is_loop:
            self.loops.pop()

    def loops_of(self, block: gast.With, function: Any, defined: set[str]) -> list[gast.stmt]:
        """The statements of the block, with each loop in segments."""
        call = block.items[0].context_expr
        options = [*call.args, *(k.value for k in call.keywords if k.arg == "segments")]
        segments = options[0] if options else core.constant(None)
        out: list[gast.stmt] = []
        for statement in block.body:
            if isinstance(statement, gast.While):
                raise self.refuse(
                    statement,
                    "`checkpoint_loop` around a `while`",
                    "it is for loops that know their length",
                )
            if isinstance(statement, gast.For):
                out += self.loop(statement, segments, function, defined)
            else:
                self.inner_blocks(statement, set(defined))
                out.append(statement)
            defined |= certain([statement])
        if not any(isinstance(s, gast.For) for s in block.body):
            raise self.refuse(
                block, "`checkpoint_loop` without a `for` loop",
                "put the loop directly into the block",
            )  # fmt: skip
        return out

    # --- one loop

    def loop(
        self, loop: gast.For, segments: Any, function: Any, defined: set[str]
    ) -> list[gast.stmt]:
        """The lines that take the place of a loop."""
        grown, changed = private.changed_in(loop, self)
        for name in sorted(core.reads(loop.iter) & (grown | changed)):
            raise self.refuse(
                loop,
                f"a checkpointed loop over `{core.base(name)}`, which it changes",
                "loop over a copy",
            )
        for name in sorted(changed):
            private.check(name, loop, self)
        self.inner_blocks(loop, defined | core.writes(loop.target))
        carried = core.writes(loop) & (self.read_outside(loop) | exposed(loop))
        carried = sorted(carried | changed)
        if not carried and not grown:
            return [loop]
        given = [n for n in carried if n in exposed(loop) or n in changed or n not in always(loop)]
        before = [self.unset(n, loop, defined) for n in given if n not in defined]
        copied = {n for n in carried if n in changed or self.may_copy(n, loop)}
        passed = self.read_by(loop) & self.active
        passed -= core.writes(loop) | {*carried, *grown}
        outlined = Outlined(
            self, loop, [*given, *sorted(passed)], carried, sorted(grown), sorted(copied)
        )
        return [*before, *outlined.statements(segments, function)]

    def read_by(self, loop: gast.For) -> set[str]:
        """Local variables that a loop reads, or the nested functions that it names."""
        functions: dict[str, Any] = {}
        for statement in core.walk_statements(self.body):
            if isinstance(statement, gast.FunctionDef):
                functions[statement.name] = statement
            elif isinstance(getattr(statement, "value", None), gast.Lambda):
                functions.update(dict.fromkeys(core.writes(statement), statement.value))
        found, todo = set(), [loop]
        while todo:
            for name in core.reads(todo.pop()) - found:
                found.add(name)
                todo += [functions[name]] if name in functions else []
        return (found - set(functions)) & self.local

    def may_copy(self, name: str, loop: gast.For) -> bool:
        """Is it ``y += v`` of what nobody else holds? Other arrays are refused when the code runs."""
        augmented = any(
            isinstance(s, gast.AugAssign) and core.is_name(s.target) and s.target.id == name
            for s in core.walk_statements(loop.body)
        )
        return augmented and private.other_name(name, loop, self) is None

    def made_in(self, loop: gast.For) -> set[str]:
        """Variables that each round makes anew."""
        return (core.writes(loop) - exposed(loop)) - self.read_outside(loop)

    def unset(self, name: str, loop: gast.For, defined: set[str]) -> gast.stmt:
        """A variable that has no value before the loop."""
        for statement in core.walk_statements(self.body):
            if statement is loop:
                break
            if not hasattr(statement, "body") and name in core.writes(statement):
                raise self.refuse(
                    loop, f"`{core.base(name)}` may have no value before the checkpointed loop",
                    "give it a value on every way to the loop",
                )  # fmt: skip
        line = core.assign(name, core.constant(None))
        line.unset = True
        return line

    def read_outside(self, loop: gast.For) -> set[str]:
        """Names that the function reads outside of the loop."""
        found: set[str] = set()

        def collect(body: list[gast.stmt]) -> None:
            for statement in body:
                if statement is loop:
                    continue
                inner = [getattr(statement, f, None) for f in ("body", "orelse", "finalbody")]
                inner = [b for b in inner if isinstance(b, list) and b]
                if isinstance(statement, core.FUNCTIONS) or not inner:
                    found.update(core.reads(statement))
                    continue
                for field in ("test", "iter", "items"):
                    part = getattr(statement, field, None)
                    if part is not None:
                        found.update(core.reads(part))
                for block in inner:
                    collect(block)

        collect(self.body)
        return found


def certain(body: list[gast.stmt]) -> set[str]:
    """Names that a block gives a value on every path."""
    found: set[str] = set()
    for statement in body:
        if isinstance(statement, gast.If):
            found |= certain(statement.body) & certain(statement.orelse)
        elif isinstance(statement, gast.With):
            found |= certain(statement.body)
        elif not isinstance(statement, (gast.For, gast.While, gast.Try)):
            found |= core.writes(statement)
    return found


def exposed(loop: gast.For) -> set[str]:
    """Names of which a round may read what stood there before the round."""
    found: set[str] = set()
    _expose(loop.body, core.writes(loop.target), found)
    return found


def always(loop: gast.For) -> set[str]:
    """Names to which every round gives a value."""
    target = core.writes(loop.target)
    return target | _expose(loop.body, target, set())


def _expose(body: list[gast.stmt], written: set[str], found: set[str]) -> set[str]:
    """Collect names that are read before they are written; returns what is written for certain."""
    written = set(written)
    for statement in body:
        if isinstance(statement, gast.If):
            found |= core.reads(statement.test) - written
            written |= _expose(statement.body, written, found) & _expose(
                statement.orelse, written, found
            )
        elif isinstance(statement, (gast.For, gast.While)):
            head = statement.iter if isinstance(statement, gast.For) else statement.test
            found |= core.reads(head) - written
            target = core.writes(statement.target) if isinstance(statement, gast.For) else set()
            _expose(statement.body, written | target, found)
        elif isinstance(statement, gast.With):
            found |= core.reads(statement.items) - written
            written = _expose(statement.body, written, found)
        else:
            found |= core.reads(statement) - written
            written |= core.writes(statement)
    return written


class Outlined:
    """A loop as a function of a segment, and the calls of it."""

    def __init__(
        self, of: Segments, loop: gast.For, given: list[str], carried: list[str], grown: list[str],
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
