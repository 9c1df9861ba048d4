"""Functions defined within a batched function: written where their variables are known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.batched import (
    Closure,
)
from redraft.transpile.front.source import Source
from redraft.transpile.transforms.batch_loops import BatchedLoops
from redraft.transpile.transforms.batch_names import Env, Version, as_function, guessed


class BatchedClosures(BatchedLoops):
    """Functions defined within a batched function: written where their variables are known."""

    def stmt_FunctionDef(self, node: gast.FunctionDef) -> None:
        self.define(node.name, node)

    def define(self, name: str, node: Any) -> None:
        """A nested function: its batched versions are written here, as its calls ask for them."""
        if self.regions and name in self.kept():
            raise self.refuse(
                node, f"`{name}` is another function for some examples", "use two names"
            )
        defaults = [d for d in (*node.args.defaults, *node.args.kw_defaults) if d is not None]
        if any(map(self.quiet, defaults)):
            raise self.refuse(
                node, f"a parameter of `{name}` has a batched default", "pass it in the call"
            )  # fmt: skip
        key = self.key_of(name, node)
        self.set(name, Closure(key))
        marker = gast.Pass()
        marker.defines = key
        self.emit(marker)

    def key_of(self, name: str, node: Any) -> str:
        """A name for a nested function that no other one of this function has."""
        for key, other in self.definitions.items():
            if other is node:
                return key
        key = self.free(name) if name in self.definitions else name
        self.definitions[key] = node
        return key

    def closure_call(self, node: gast.Call, known: Closure) -> Any:
        """A call of a nested function: of its version for these arguments."""
        self.expression(node.func)  # does it have a value for all examples?
        definer = self.definer(known.name, node)
        if any(isinstance(a, gast.Starred) for a in node.args) or any(
            k.arg is None for k in node.keywords
        ):
            raise self.refuse(node, "`*` in a call of a nested function", "write out the arguments")
        args = [self.named(a) for a in node.args]
        keywords = {k.arg: self.expression(k.value) for k in node.keywords}
        definition = as_function(definer.definitions[known.name], known.name)
        source = replace(
            self.source, node=definition, captured=(), function=None, local_functions={}, outer={}
        )
        env = self.bound_arguments(node, source, args, keywords)
        version = self.closure_version(definer, known.name, source, env, node)
        for parameter, (value, of_value) in zip(source.parameters, args, strict=False):
            self.memory.join({parameter, *self.held_by(value, of_value)})
        named = [gast.keyword(k, n) for k, (n, _) in keywords.items()]
        new = gast.Call(core.name(version.name), [n for n, _ in args], named)
        return new, version.result

    def named(self, node: Any) -> Any:
        """An argument; a `lambda` gets a name, and is batched where it is called."""
        if not isinstance(node, gast.Lambda) or self.lines is None:
            return self.expression(node)
        name = self.free("function")
        self.define(name, node)
        return core.name(name), self.env[name]

    def definer(self, name: str, place: Any) -> Any:
        """The function that defines a nested function: this one, or one around it."""
        at: Any = self
        while at is not None and name not in at.definitions:
            at = at.outer
        if at is None:
            raise self.refuse(
                place, f"`{name}` is a nested function of another function, with batched variables",
                "pass the values, and define the function at the top of the module",
            )  # fmt: skip
        return at

    def closure_version(
        self, definer: Any, name: str, source: Source, env: Env, node: Any
    ) -> Version:
        read = core.reads(source.node.body) - set(source.parameters) - core.writes(source.node.body)
        captured = {n: definer.env[n] for n in sorted(read) if n in definer.env}
        partial = sorted(n for n in captured if n in self.partial)
        if partial:
            raise self.refuse(
                node, f"`{partial[0]}`, which `{name}` reads, has no value for some examples",
                "give it a value before",
            )  # fmt: skip
        inputs = self.batches.described({**captured, **env})
        known = tuple(sorted(inputs.items(), key=lambda item: item[0]))
        key = (name, self.masked, known)
        here = (
            *key,
            *sorted(core.reads(self.size_node)),
        )  # how many examples, where it asks for it
        found = definer.closures.get(key) or definer.closures.get(here)
        if found is not None:
            if not found.written and self.masked:
                raise self.refuse(
                    node, "a recursion that each example ends on its own would never end",
                    "write a `while` loop, which examples leave one by one",
                )  # fmt: skip
            found.used = True
            definer.need_size(found.sized)
            return found
        first = not definer.placed.get(name)
        version = Version(name if first else definer.free(name), guessed(env))
        found = definer.closures[here] = version
        places = definer.placed.setdefault(name, [])
        places.append(None)
        position = len(places) - 1
        for _ in range(4):
            found.used = False
            places[position], result, counts = self.written_closure(
                definer, source, {**definer.env, **env}, found
            )
            if found.settles(result):
                if not counts:
                    definer.closures[key] = found
                return found
        raise self.refuse(node, "a recursion whose result changes its form", "write a loop")

    def written_closure(self, definer: Any, source: Source, env: Env, version: Version) -> Any:
        inner = type(self)(self.batches, source, env, inner=True)
        inner.size_name, inner.size_node = self.size_name, self.size_node
        inner.outer, inner.conditional = definer, self.masked
        inner.taken |= self.taken
        inner.memory = definer.memory
        inner.scope.local = inner.scope.local | definer.scope.local
        body = inner.function()
        version.sized |= inner.size_used
        definer.need_size(version.sized)
        function = gast.FunctionDef(
            version.name, core.copy(source.node.args), body, [], None, None, []
        )
        for argument in core.walk(function.args):
            if isinstance(argument, gast.Name):
                argument.annotation = None
        function.placed = inner.placed
        self.counts |= inner.counts
        return function, inner.result, inner.counts or inner.size_used

    def need_size(self, used: bool) -> None:
        self.size_used |= used
        if used and self.outer is not None:
            self.outer.need_size(used)
