"""Function values under a batch axis: pullbacks that are arguments, and those that are results."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gast

from redraft.runtime.tree_util import Partial
from redraft.transpile import core
from redraft.transpile.analysis.batched import (
    FunctionWithData,
    Items,
    batched_like,
    is_batched,
    single,
)
from redraft.transpile.front.callee import Function
from redraft.transpile.primitives import table
from redraft.transpile.transforms.batch_names import Result, part_at
from redraft.transpile.transforms.batch_results import Saved


class BatchedFunctionValues:
    """The part of `Batcher` that calls function values, and makes them."""

    def call_with_data(
        self: Any, node: gast.Call, function: Any, known: FunctionWithData
    ) -> Result:
        """A call of a function value: its code is called with the residuals in front."""
        starred = any(isinstance(a, gast.Starred) for a in node.args)
        if starred or (node.keywords and known.cls is not Partial):
            raise self.refuse(node, "`*` and keywords in a call of a pullback", "write `pull(ct)`")
        if known.cls is Partial:
            return self.call_partial(node, function, known)
        if known.code is None:
            raise self.refuse(
                node, "a call of a pullback that a batched function has returned",
                "call it outside of the batched function",
            )  # fmt: skip
        source = self.unit.source_of(Function(known.cls.code_of(known.code)), self.refusal(node))
        saved = gast.Attribute(function, "saved", gast.Load())
        args = [(saved, known.parts[0]), *map(self.expression, node.args)]
        new = gast.copy_location(gast.Call(None, [n for n, _ in args], []), node)
        return self.source_call(node, source, new, args, {})

    def call_partial(self: Any, node: gast.Call, partial: Any, known: FunctionWithData) -> Result:
        """A call of a `Partial` among the arguments: its arguments come first."""
        held, named = (
            [
                (part_at(gast.Attribute(core.copy(partial), name, gast.Load()), i, key), part)
                for i, (key, part) in enumerate(zip(of.keys, of.parts, strict=True))
            ]
            for name, of in zip(known.keys, known.parts, strict=True)
        )
        keywords = dict(zip(known.parts[1].keys, named, strict=True))
        keywords |= {k.arg: self.expression(k.value) for k in node.keywords}
        args = [*held, *map(self.expression, node.args)]
        func = gast.Attribute(partial, "func", gast.Load())
        return self.call(node, known.code.value, func, args, keywords)

    def call_example(self: Any, node: gast.Call) -> Result:
        """``rt.example(x)``: an example of an example."""
        value, known = self.expression(node.args[0])
        new = core.call("rt.example", value)
        return (core.call("rt.example", new) if is_batched(known) else new), single(known)

    def call_vjp_function(self: Any, node: gast.Call) -> Result | None:
        """A pullback for a batch of batches: the residuals have one axis more."""
        (saved, known), *rest = map(self.expression, node.args[1:])
        if not is_batched(known):
            return None
        saved = Saved(self).placed(saved, known, 0, "the residuals")
        depth = table.literal(node.args[5]) if len(node.args) > 5 else 1
        args = [core.copy(node.args[0]), saved, *(n for n, _ in rest[:3]), core.constant(depth + 1)]
        new = gast.copy_location(gast.Call(core.copy(node.func), args, []), node)
        return new, FunctionWithData("object", ("saved",), (batched_like(known),))

    def call_saved_per_example(self: Any, node: gast.Call) -> Result:
        """Residuals that are the same for the examples of the inner batch."""
        value, known = self.expression(node.args[0])
        if is_batched(known):
            raise self.refuse(
                node, "residuals that are the same for the inner batch, and not for the outer one",
                "give the inner function an argument with a batch axis",
            )  # fmt: skip
        return core.call("rt.saved_per_example", value, self.plain(node.args[1], "a size")), (
            replace(known, shared=False) if isinstance(known, Items) else known
        )
