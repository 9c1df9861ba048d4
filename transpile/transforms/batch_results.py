"""The result of a batched function that is called: its axes are where the caller wants them."""

from __future__ import annotations

from typing import Any

import gast
import numpy as np

from redraft.transpile import core
from redraft.transpile.analysis.batched import (
    Array,
    Closure,
    Entries,
    FunctionWithData,
    Items,
    Known,
    Many,
    Nothing,
    Pullback,
    Value,
)
from redraft.transpile.batched_arguments import Axes
from redraft.transpile.errors import TransformError
from redraft.transpile.transforms.batch_names import display_of, part_at


def returns_function(value: Value) -> bool:
    """Is a pullback that the function makes among what it returns?"""
    if isinstance(value, Items):
        return any(map(returns_function, value.parts))
    return isinstance(value, Pullback)


class Outgoing:
    """Puts the batch axes of the result where `out_axes` wants them."""

    def __init__(self, batcher: Any) -> None:
        self.batcher = batcher

    def placed(self, node: gast.expr, value: Value, axes: Axes, what: str) -> gast.expr:
        new = self.changed(node, value, axes, what)
        return node if new is None else new

    def changed(self, node: gast.expr, value: Value, axes: Axes, what: str) -> gast.expr | None:
        """The node with its axes in place; None if they are."""
        if isinstance(value, Nothing):
            return None
        if isinstance(value, Pullback) and value.value and value in self.batcher.made_here:
            return self.with_axes(core.name(value.value), axes)
        if isinstance(value, (Closure, Known)):
            raise TransformError(
                f"{what} of a function under vmap is a function", None, "return arrays"
            )
        if isinstance(axes, (tuple, list, dict)):
            if not isinstance(value, Items):
                if isinstance(value, Many):
                    raise ValueError(
                        "vmap out_axes: the length of the result is not known; use one int"
                    )
                raise ValueError(
                    f"vmap out_axes specification must be a tree prefix of the result, got {axes!r} for "
                    f"{what}, which is an array or number"
                )
        if isinstance(value, FunctionWithData):
            return self.function(node, value, axes, what)
        if isinstance(value, Array):
            return self.array(node, value, axes, what)
        if isinstance(value, Items):
            return self.container(node, value, axes, what)
        if isinstance(value, Entries):
            raise TransformError(
                f"{what} of a function under vmap is a list that is longer for some examples", None,
                "return what is computed from it, or an array with `np.nan` for what is missing",
            )  # fmt: skip
        part = self.changed(core.name("part"), value.part, axes, what)
        if part is None:
            return None
        if value.kind == "dict":
            raise TransformError("a dict of unknown keys has its batch axes moved", None, "use 0")
        return gast.ListComp(part, [gast.comprehension(core.store("part"), node, [], 0)])

    def array(self, node: gast.expr, value: Array, axes: Axes, what: str) -> gast.expr | None:
        if not value.batched:
            if axes is None:
                return None
            node = self.batcher.for_each(node)
            return node if axes == 0 else self.moved(node, axes)
        if axes is None:
            raise ValueError(
                f"vmap has a mapped result but out_axes is None: {what} differs from example to example"
            )
        return None if axes == 0 else self.moved(node, axes)

    def moved(self, node: gast.expr, axis: int) -> gast.expr:
        return core.call("np.moveaxis", node, core.constant(0), core.constant(int(axis)))

    def container(self, node: gast.expr, value: Items, axes: Axes, what: str) -> gast.expr | None:
        of = self.axes_of_parts(value, axes, what)
        display = isinstance(node, (gast.Tuple, gast.List, gast.Dict))
        owner = node if display or core.is_name(node) else core.name(self.batcher.free("ans"))
        parts, any_new = [], False
        for i, key in enumerate(value.keys):
            part = part_at(core.copy(owner), i, key)
            if value.kind == "object":
                part = gast.Attribute(core.copy(owner), key, gast.Load())
            new = self.changed(core.copy(part), value.parts[i], of[i], f"part {key!r} of {what}")
            any_new |= new is not None
            parts.append(part if new is None else new)
        if not any_new:
            return None
        if value.kind == "object":
            raise TransformError(
                "an object with fields that are not batched is the result", None, "return a dict"
            )
        if owner is not node:
            value_node = gast.NamedExpr(core.store(owner.id), node)
            first = part_at(owner, 0, value.keys[0])
            for part in core.walk(parts[0]):
                if core.same(part, first):
                    part.value = value_node
                    break
        return display_of(value, parts)

    def axes_of_parts(self, value: Items, axes: Axes, what: str) -> list[Axes]:
        if axes is None or isinstance(axes, (int, np.integer)):
            return [axes] * len(value.keys)
        if isinstance(axes, dict) and value.kind == "dict" and set(axes) == set(value.keys):
            return [axes[k] for k in value.keys]
        if (
            isinstance(axes, (tuple, list))
            and value.kind != "dict"
            and len(axes) == len(value.keys)
        ):
            return list(axes)
        raise ValueError(
            f"vmap out_axes specification must be a tree prefix of the result, got {axes!r} for {what}, "
            f"a {value.kind} of {len(value.keys)}"
        )

    def function(
        self, node: gast.expr, value: FunctionWithData, axes: Axes, what: str
    ) -> gast.expr | None:
        """A function value, with the axes of its residuals in place."""
        if len(value.parts) > 1:
            raise TransformError(f"{what} is a partial", None, "return what it gives")
        saved = gast.Attribute(core.copy(node), "saved", gast.Load())
        new = Saved(self.batcher).changed(saved, value.parts[0], 0, what)
        if new is not None:
            node = core.call("rt.with_saved", node, new)
        return node if axes == 0 else self.with_axes(node, axes)

    def with_axes(self, node: gast.expr, axes: Axes) -> gast.expr:
        """A function value whose residuals have their batch axes in front, with axes elsewhere."""
        if axes is None or isinstance(axes, (tuple, list, dict)):
            raise ValueError(
                f"vmap out_axes of a function with residuals must be an int, or such a function that "
                f"holds ints, got {axes!r}"
            )
        if axes == 0:
            return node
        return core.call("rt.with_batch_axes", node, self.batcher.constant(axes))


class Saved(Outgoing):
    """Puts the batch axes of residuals in place: what is no array has none."""

    def array(self, node: gast.expr, value: Array, axes: Axes, what: str) -> gast.expr | None:
        if value.batched:
            return super().array(node, value, axes, what)
        return core.call("rt.saved_per_example", node, self.batcher.size())
