"""Collectives under a batch axis: over that axis they become operations on it.

One over another axis stays, and is one of batches. What only some examples reach is refused either way:
a collective is a matter of all of them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.batched import (
    PLAIN,
    Array,
    Closure,
    Items,
    Known,
    Many,
    Nothing,
    Text,
    Value,
    is_batched,
)
from redraft.transpile.analysis.speaking import Speaking
from redraft.transpile.front.scope import UNKNOWN
from redraft.transpile.primitives import table
from redraft.transpile.primitives.batching import Batching, NoBatchRule, slots
from redraft.transpile.transforms import templates
from redraft.transpile.transforms.batch_names import Result, display_of, part_at, shared_all
from redraft.transpile.transforms.batch_transforms import BatchedTransformations

OF_THE_AXIS = ("rt.axis_index", "rt.axis_size")


class BatchedCollectives(BatchedTransformations):
    """Collectives under a batch axis."""

    def collective(self, function: Any) -> Callable[[gast.Call], Result] | None:
        """What rewrites a call of a collective; None for any other function."""
        row = table.row_of(function) if function is not UNKNOWN else None
        if row is None or row.over is None:
            return None
        return functools.partial(self.collective_call, row)

    def collective_call(self, row: Any, node: gast.Call) -> Result:
        pairs = self.collective_arguments(row, node)
        if row.name not in OF_THE_AXIS and table.literal(pairs["x"][0]) is table.UNKNOWN:
            self.refuse_for_some(node)
        for name, (_, known) in pairs.items():
            if name != "x" and is_batched(known):
                raise self.refuse(node, f"{shown(row)}: a batched `{name}`", "it must be the same "
                                  "for all examples")  # fmt: skip
        own, names = self.batches.axis_name, names_of(pairs["axis_name"][1])
        if own is None or (names is not None and own not in names):
            return self.over_another(row, node, pairs)
        if names is None:
            raise self.refuse(
                node, f"{shown(row)}: the name of the axis is not known when the source is written",
                "pass it as a string",
            )  # fmt: skip
        if len(set(names)) < len(names):
            raise self.refuse(node, f"{shown(row)}: duplicate value in {names}", "name it once")
        return self.over_own(row, node, pairs, names)

    def collective_arguments(self, row: Any, node: gast.Call) -> dict[str, Result]:
        """The arguments by parameter."""
        starred = any(isinstance(a, gast.Starred) for a in node.args)
        if starred or any(k.arg is None for k in node.keywords):
            raise self.refuse(node, f"`*` in a call of `{shown(row)}`", "write out the arguments")
        args = [self.expression(a) for a in node.args]
        keywords = {k.arg: self.expression(k.value) for k in node.keywords}
        try:
            pairs = table.bind(row, args, keywords)
        except table.BindError as error:
            raise self.refuse(node, users(error), "see docs/vmap.md") from None
        missing = [p.name for p in row.parameters.values()
                   if p.default is p.empty and p.name not in pairs]  # fmt: skip
        if missing:
            raise self.refuse(node, f"{shown(row)}: `{missing[0]}` is missing", "pass it")
        groups = pairs.pop("axis_index_groups", None)
        if groups is not None and table.literal(groups[0]) is not None:
            raise self.refuse(
                node, f"{shown(row)}: `axis_index_groups` is not supported under vmap",
                "use the whole axis, or two axes with names of their own",
            )  # fmt: skip
        return pairs

    # --- over the axis of this batch

    def over_own(self, row: Any, node: Any, pairs: Any, names: tuple[str, ...]) -> Result:
        if row.name in OF_THE_AXIS:
            if len(names) > 1:
                return self.over_several(row, node, names)
            return self.reduced(row, node, pairs, None, PLAIN)
        x, known = pairs["x"]
        node_of = functools.partial(self.reduced, row, node, pairs)
        new, value = self.each_part(x, known, node_of, node)
        rest = tuple(n for n in names if n != self.batches.axis_name)
        if not rest:
            return new, value
        if row.name not in ("rt.psum", "rt.pmean", "rt.pmax", "rt.pmin"):
            raise self.refuse(
                node, f"{shown(row)} over several axes is not supported", "go over one at a time"
            )
        return core.call(row.name, new, core.constant(rest[0] if len(rest) == 1 else rest)), value

    def over_several(self, row: Any, place: Any, names: tuple[str, ...]) -> Result:
        """The index along several axes, in rows, or the product of their sizes."""

        def of(function: str, name: str) -> Result:
            call = gast.copy_location(core.call(function, core.constant(name)), place)
            return self.collective_call(table.row_of(table.resolve(function)), call)

        found, known = of(row.name, names[0])
        for name in names[1:]:
            found = gast.BinOp(found, gast.Mult(), of("rt.axis_size", name)[0])
            if row.name == "rt.axis_index":
                index, value = of(row.name, name)
                known = value if is_batched(value) else known
                found = gast.BinOp(found, gast.Add(), index)
        return found, known

    def each_part(
        self, node: Any, known: Value, rewrite: Callable[[Any, Value], Result], place: Any
    ) -> Result:
        """A structure with every array rewritten."""
        if isinstance(known, Nothing):
            return node, known
        if isinstance(known, Array):
            return rewrite(node, known)
        if not isinstance(known, (Items, Many)) or known.kind not in ("tuple", "list", "dict"):
            raise self.refuse(
                place, "a collective of an object", "pass its arrays in a tuple, list or dict"
            )
        if isinstance(known, Many):
            return self.each_alike(node, known, rewrite, place)
        if not core.is_name(node) and not isinstance(node, (gast.Tuple, gast.List, gast.Dict)):
            node = self.with_name(node, place)
        parts = [
            self.each_part(part_at(node, i, key), part, rewrite, place)
            for i, (key, part) in enumerate(zip(known.keys, known.parts, strict=True))
        ]
        new = display_of(known, [n for n, _ in parts])
        return new, replace(known, parts=tuple(shared_all(v) for _, v in parts), shared=False)

    def each_alike(
        self, node: Any, known: Many, rewrite: Callable[[Any, Value], Result], place: Any
    ) -> Result:
        """A list, tuple or dict whose length is not known."""
        name = self.free("part")
        element, part = self.without_lines(
            core.name(name), lambda n: self.each_part(n, known.part, rewrite, place)
        )
        if known.kind == "dict":
            key = self.free("key")
            targets = gast.Tuple([core.store(key), core.store(name)], gast.Store())
            items = gast.Call(gast.Attribute(node, "items", gast.Load()), [], [])
            loop = gast.comprehension(targets, items, [], 0)
            return gast.DictComp(core.name(key), element, [loop]), replace(
                known, part=shared_all(part), shared=False
            )
        listed = gast.ListComp(element, [gast.comprehension(core.store(name), node, [], 0)])
        new = listed if known.kind == "list" else core.call("tuple", listed)
        return new, replace(known, part=shared_all(part), shared=False)

    def with_name(self, node: Any, place: Any) -> gast.expr:
        if self.lines is None:
            raise self.refuse(place, "a collective of a container here", "give it a name first")
        return self.temporary(node, "items")

    def reduced(self, row: Any, place: Any, pairs: Any, x: Any, known: Value) -> Result:
        """What the rule of a row says, for one array."""
        nodes = {k: n for k, (n, _) in pairs.items()}
        values = {k: v for k, (_, v) in pairs.items()}
        if x is not None:
            nodes["x"], values["x"] = x, known
        ranks = {k: getattr(v, "rank", None) for k, v in values.items()}
        batched = frozenset({"x"} if is_batched(known) else ())
        rule = Batching(row, nodes, batched, ranks)
        try:
            found = row.over(rule)
        except (NoBatchRule, table.BindError) as error:
            raise self.refuse(place, users(error), "see docs/vmap.md") from None
        filled = slots(rule) | {"axis_size": core.name(self.size_name)}
        node = templates.fill(found.text, filled)
        if self.size_name in core.reads(node):
            self.size()
        rank = self.rank_of(row, nodes, values)
        if not found.view:
            return node, Array(found.batched, rank, True)
        self.batches.shares = True
        if self.batches.copies:  # some function changes arrays in place: this one is nobody else's
            node = core.call("np.copy", node)
        return node, Array(found.batched, rank, self.batches.copies)

    # --- over other axes

    def over_another(self, row: Any, node: gast.Call, pairs: dict[str, Result]) -> Result:
        """The collective of a batch."""
        if row.name in OF_THE_AXIS:
            return core.copy(node), Array(False, 0)
        x, known = pairs["x"]

        def rewrite(part: Any, value: Value) -> Result:
            nodes = {k: n for k, (n, _) in pairs.items()} | {"x": part}
            values = {k: v for k, (_, v) in pairs.items()} | {"x": value}
            if is_batched(value):
                return self.primitive(row, nodes, values, node, row.name)
            return self.unmoved(row, nodes), Array(False, self.rank_of(row, nodes, values))

        return self.each_part(x, known, rewrite, node)

    def unmoved(self, row: Any, nodes: dict[str, Any]) -> gast.expr:
        """The call as it is, for a value without a batch axis."""
        call = core.call(row.name)
        for name, argument in nodes.items():
            if row.parameters[name].kind is row.parameters[name].KEYWORD_ONLY:
                call.keywords.append(gast.keyword(name, core.copy(argument)))
            else:
                call.args.append(core.copy(argument))
        return call

    # --- where only some examples come by

    def refuse_for_some(self, node: Any) -> None:
        """Refuse a collective where the code counts for some examples only."""
        if self.masked:
            raise self.refuse(
                node, "a collective under a batched condition would not concern all examples",
                "call it before the branch or loop, and use what it gives there",
            )  # fmt: skip

    @property
    def concerned(self) -> bool:
        """Do functions matter that call collectives, whatever their arguments are?"""
        return self.batches.axis_name is not None or self.masked

    def speaks(self, function: Any, *values: Value) -> bool:
        """May a function, or one that it is given, call a collective?"""
        found = Speaking(self.unit, self.batches.speaking)
        given = [v.function for v in values if isinstance(v, Known)]
        return any(map(found.function, [function, *given]))

    def refuse_speaking(self, *nodes: Any) -> None:
        """Refuse collectives in expressions that are evaluated for some examples only."""
        speaking = Speaking(self.unit, self.batches.speaking)
        for node in nodes:
            inner = [node, *self.definitions_read(node)]
            if any(speaking.code(part, self.scope) for part in inner):
                raise self.refuse(
                    node, "a collective in a condition that not all examples reach",
                    "call it before, and use what it gives in the condition",
                )  # fmt: skip

    def definitions_read(self, node: Any) -> list[Any]:
        """Nested functions that an expression calls."""
        found, todo = [], [node]
        while todo:
            for name in sorted(core.reads(todo.pop())):
                if not isinstance(self.env.get(name), Closure):
                    continue
                at: Any = self
                while at is not None and name not in at.definitions:
                    at = at.outer
                if at is not None and at.definitions[name] not in found:
                    found.append(at.definitions[name])
                    todo.append(at.definitions[name])
        return found


def shown(row: Any) -> str:
    """The name by which users call a collective."""
    return row.name.replace("rt.", "rd.")


def users(error: Exception) -> str:
    """What an error says, with the name that users know."""
    return str(error).replace("rt.", "rd.", 1)


def names_of(known: Value) -> tuple[str, ...] | None:
    """The names of axes that a value stands for, if they are known."""
    parts = known.parts if isinstance(known, Items) else (known,)
    if not all(isinstance(part, Text) and not part.batched for part in parts):
        return None
    return tuple(part.value for part in parts)
