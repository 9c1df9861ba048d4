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
from redraft.transpile.front.outlined import Outlined
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
