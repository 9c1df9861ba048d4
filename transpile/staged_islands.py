"""Islands while a graph with effects is traced: each becomes a function that XLA compiles.

`in_parts` cuts the source of a function (transforms/partition.py). An island is a function like any other,
except that its staged text is traced in a graph of its own. What of its arguments changes in place, and what
of its results shares memory with them, is handed on to the trace around it. An island in which a call turns
up that XLA cannot compile, or that changes a container of the caller's, is traced as it stands.
"""

from __future__ import annotations

import dataclasses
import types
from typing import Any

from redraft.runtime import memory
from redraft.runtime.memory import TRACE, Memory, is_array
from redraft.runtime.partition import Cut
from redraft.runtime.tensors import TensorError, is_tensor
from redraft.transpile import core
from redraft.transpile.analysis.cutting import Cuts, scope_of
from redraft.transpile.back.emit import print_function
from redraft.transpile.front.source import Source
from redraft.transpile.staged_control import Watched
from redraft.transpile.staged_lists import Apart, kinds_of
from redraft.transpile.transforms.partition import Island, partition


def in_parts(source: Source) -> Source:
    """The source of a function's driver, which knows its islands by name."""
    cuts, scope = Cuts(), scope_of(source)
    driver, islands = partition(
        source.node, source.name, set(source.cells), lambda node: cuts.code(node, scope)
    )
    if not islands:
        return source
    named = {i.node.name: function_of(i, source) for i in islands}
    return dataclasses.replace(source, node=driver, extras={**source.extras, **named})


def function_of(island: Island, source: Source) -> types.FunctionType:
    """An island as a Python function; its lines are those of the user's function."""
    node = core.copy(island.node)
    node.docstring = "An island."
    text = print_function(node)
    code = compile(text, f"<redraft {node.name} of {source.place}>", "exec", dont_inherit=True)
    found: dict[str, Any] = {}
    exec(code, source.globals, found)
    function = found[node.name]
    function.redraft_island = dataclasses.replace(
        source, node=island.node, cells={}, function=function, written_for=source.user_place,
        local_functions={}, captured=(), outer={},
    )  # fmt: skip
    return function


def part_of(name: str) -> str:
    """How an island is described."""
    return f"Part of `{name.rpartition('_island_')[0]}`"


class Inline(Exception):
    """An island must be traced as it stands."""


class Compiled:
    """What stands for an island in staged text.

    Args:
        function: the island.
        run: its staged text.
    """

    def __init__(self, function: Any, run: Any) -> None:
        self.function, self.run = function, run

    def __call__(self, *args: Any) -> Any:
        held = memory.current()
        if held is None or not TRACE.partition or TRACE.lengths_vary:
            return self.run(*args)
        before = held.state()
        try:
            return Call(self.run, self.function.__name__, held, args).result()
        except (Inline, Cut):
            held.restore(before)
            return self.run(*args)


class Call:
    """One call of an island.

    Attributes:
        tensors: what it is given, each once.
        arrays: the arrays of NumPy's that it is given.
        pairs: both, with what stands for them inside.
        changed: those of the pairs that change in place.
    """

    def __init__(self, run: Any, name: str, held: Memory, args: tuple) -> None:
        self.run, self.name, self.held = run, name, held
        self.args = tuple(held.current(a) for a in args)
        self.apart = Apart(self.args, numbers=False)
        leaves = {id(x): x for x in self.apart.leaves}.values()
        self.tensors = [x for x in leaves if is_tensor(x)]
        self.arrays = [x for x in leaves if not is_tensor(x)]  # of NumPy's: known while tracing
        kept = [x for x in self.apart.kept if not isinstance(x, (str, bytes))]
        if Watched(tuple(kept)).holds_tensor or any(map(may_be_two, self.tensors)):
            raise Inline
        self.changed: list[Any] = []

    def result(self) -> Any:
        """The result, in the graph around."""
        from redraft.runtime import tf_jit

        if not self.tensors:
            raise Inline
        outputs = tf_jit.call_island(self.traced, self.name, self.tensors)
        return self.settled(outputs)

    def traced(self, inputs: list[Any]) -> list[Any]:
        """Trace the island on the tensors of a graph of its own; the tensors that come out."""
        from redraft.runtime import tf_jit

        kinds = [tf_jit.kind_of_variable(x) for x in self.tensors]
        self.inputs = tf_jit.as_variables(inputs, kinds)
        self.inner = Memory()
        self.pairs = [*zip(self.tensors, self.inputs, strict=True), *((x, x) for x in self.arrays)]
        for outer, own in self.pairs:
            self.share(outer, own)
        state = (TRACE.partition, TRACE.rounds, TRACE.checks)
        TRACE.partition, TRACE.rounds, TRACE.checks = False, [], []
        TRACE.memories.append(self.inner)
        try:
            return self.run_inside()
        finally:
            TRACE.memories.pop()
            TRACE.partition, TRACE.rounds, TRACE.checks = state

    def share(self, outer: Any, own: Any) -> None:
        """An input shares memory with those whose originals do."""
        if is_array(own):
            home = self.held.memory_of(outer)
            self.inner.join(own, home)
            if home in self.held.fixed:
                self.inner.fixed.add(home)

    def run_inside(self) -> list[Any]:
        """The results, what has changed in place, and flags of what must not be true."""
        by_id = {id(x): own for x, own in zip(self.tensors, self.inputs, strict=True)}
        leaves = [by_id.get(id(x), x) for x in self.apart.leaves]
        args = self.apart.rebuild(leaves)
        watched = Watched(args)
        ans = self.run(*args)
        try:
            watched.check()
        except TensorError:
            watched.undo()
            raise Inline from None
        self.ans = Apart(self.inner.current(ans), numbers=False)
        if (
            any(may_be_two(x) for x in self.ans.leaves)
            or Watched(tuple(self.ans.kept)).holds_tensor
        ):
            raise Inline
        self.held.chosen += self.inner.chosen
        self.checks = [error for _, error in TRACE.checks]
        outputs = [x for x in self.ans.leaves if is_tensor(x)]
        for outer, own in self.pairs:
            if id(own) in self.inner.stale:
                if id(own) not in self.inner.newer:
                    raise Inline  # through a view that nobody can follow
                self.changed.append((outer, own))
                outputs.append(self.inner.current(own))
        return [*outputs, *(failed for failed, _ in TRACE.checks)]

    # --- outside

    def settled(self, outputs: list[Any]) -> Any:
        """The result of the island with the tensors of the graph around."""
        from redraft.runtime import tf_jit
        from redraft.transpile.staged_rolled import note

        left = iter(outputs)
        given = {id(own): x for own, x in zip(self.inputs, self.tensors, strict=True)}
        kinds = iter(kinds_of(self.ans.key))
        leaves, made, homes = [], {}, {}
        results = []
        for leaf in self.ans.leaves:
            kind = next(kinds)
            if not is_tensor(leaf):
                results.append((leaf, leaf))
                continue
            out = tf_jit.as_variables([next(left)], [kind])[0]
            results.append((leaf, given.get(id(leaf), made.setdefault(id(leaf), out))))
        for outer, own in self.changed:
            self.held.changed(outer, self.as_changed(own, next(left), results))
        for leaf, out in results:
            if is_tensor(leaf) and is_array(leaf) and id(leaf) not in given:
                self.relate(leaf, out, homes)
            leaves.append(out)
        for failed, error in zip(left, self.checks, strict=True):
            note(failed, error)
        return self.ans.rebuild(leaves)

    def as_changed(self, own: Any, out: Any, results: list[Any]) -> Any:
        """What takes the place of a changed array: the result that it is, if it is one."""
        newest = self.inner.current(own)
        return next((new for leaf, new in results if leaf is newest), out)

    def relate(self, leaf: Any, out: Any, homes: dict[int, int]) -> None:
        """A result may share memory with an argument, or with another result."""
        home = self.inner.group.get(id(leaf))
        if home is None or id(out) in self.held.group:
            return
        if home in self.held.members:
            self.held.join(out, home)
        elif home in homes:
            self.held.join(out, homes[home])
        else:
            homes[home] = self.held.memory_of(out)


def may_be_two(x: Any) -> bool:
    """Is it a tensor that stands for a number of Python's or of NumPy's, as the values decide?"""
    return is_tensor(x) and hasattr(x, "_redraft_may_stand_for")


__all__ = ["Compiled", "in_parts", "part_of"]
