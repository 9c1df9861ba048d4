"""The batched function that is called: its axes are where the caller has them."""

from __future__ import annotations

from typing import Any

import gast
import numpy as np

from redraft.transpile import core
from redraft.transpile.analysis.batched import (
    PLAIN,
    Array,
    Closure,
    Entries,
    Items,
    Known,
    Many,
    Nothing,
    Value,
    is_batched,
)
from redraft.transpile.batched_arguments import (
    Axes,
    bind_parameters,
    moved,
    undescribed,
)
from redraft.transpile.errors import TransformError
from redraft.transpile.front.source import Source
from redraft.transpile.function import Unit
from redraft.transpile.transforms.batch import Batcher, Batches, add_function
from redraft.transpile.transforms.batch_layout import fold_answer
from redraft.transpile.transforms.batch_names import display_of, part_at
from redraft.transpile.transforms.build import calling


def write_entry(
    unit: Unit, source: Source, env: dict[str, Value], moves: dict[str, Axes], out_axes: Axes,
    axis_size: int | None, axis_name: str | None = None, compact: bool = False,
) -> Source:  # fmt: skip
    """Write the batched function that is called: with the batch axes where the caller has them."""
    source = calling(source)
    name = unit.name_function(f"{core.base(source.name)}_vmap")
    names, count = set(unit.names), len(unit.functions)
    batches = Batches(unit, axis_name, compact=compact)
    env = batches.described(env)
    batcher = Batcher(batches, source, env)
    body = batcher.function()
    if batches.need_copies:
        unit.names, unit.functions[count:] = names, []
        batches = Batches(unit, axis_name, compact=compact, copies=True)
        batcher = Batcher(batches, source, env)
        body = batcher.function()
    returned = body[-1]
    returned.value = Outgoing(batcher).placed(
        returned.value, batcher.result, out_axes, "the result"
    )
    lines = []
    for parameter, axes in moves.items():
        if parameter not in env:  # among ``**keywords``
            if axes not in (0, None):
                raise ValueError(f"vmap in_axes: `{parameter}` must have its batch axis in front")
            continue
        node = incoming(core.name(parameter), env[parameter], axes)
        if node is not None:
            lines.append(core.assign(parameter, node))
    if axis_size is not None and not any(map(is_batched, env.values())):
        batcher.size_used and lines.append(
            core.assign(batcher.size_name, core.constant(int(axis_size)))
        )
    else:
        batcher.finish_returned(body)
    known = batcher.start.items()
    unknown = [n for n, v in known if isinstance(v, Array) and v.batched and v.rank is None]
    if unknown:  # nobody has seen the arguments
        lines.insert(0, gast.Expr(core.call("rt.only_arrays", *map(core.name, unknown))))
    body[:0] = lines
    fold_answer(body)
    shown = [n for n, v in env.items() if is_batched(v)]
    entry = add_function(unit, source, name, source.node.args, body, shown)
    drop_unused(unit, name, {version.name for version in batches.versions.values()})
    return entry


def write_batched_source(unit: Unit, source: Source, options: dict[str, Any]) -> Source:
    """Write the batched form of a source that is called inside another transformed function."""
    in_axes = options.get("in_axes", 0)
    arguments = source.node.args
    own = [a.id for a in (*arguments.posonlyargs, *arguments.args)][len(source.captured) :]
    count = options.get("count")
    if isinstance(in_axes, dict):
        axes = [in_axes.get(source.renamed.get(n, n)) for n in own]
    elif isinstance(in_axes, (tuple, list)):
        axes = list(in_axes)
    else:
        axes = [in_axes] * (len(own) - len(arguments.defaults) if count is None else count)
    values = [*(PLAIN for _ in source.captured), *(options.get("values") or map(undescribed, axes))]
    missing = len(own) - len(arguments.defaults) - (len(values) - len(source.captured))
    values += [PLAIN] * missing  # of a partial, which passes them by name
    try:
        env = bind_parameters(source, values, {})
    except TypeError as error:
        raise TransformError(f"vmap: {error}", None, "check in_axes") from None
    moves = moved(source, len(source.captured), axes, {})
    try:
        return write_entry(
            unit, source, env, moves, options.get("out_axes", 0), options.get("axis_size"),
            options.get("axis_name"),
        )  # fmt: skip
    except TransformError as error:
        error.of_batch = "values" not in options
        raise


def drop_unused(unit: Unit, entry: str, among: set[str]) -> None:
    """Remove functions that nothing calls: of earlier rounds, or of which only the batch is used."""
    by_name = {f.name: f for f in unit.functions}
    wanted, todo = set(), [entry]
    while todo:
        name = todo.pop()
        if name in wanted or name not in by_name:
            continue
        wanted.add(name)
        todo += {n.id for s in by_name[name].body for n in core.walk(s) if isinstance(n, gast.Name)}
    unit.functions[:] = [f for f in unit.functions if f.name in wanted or f.name not in among]


def incoming(node: gast.expr, value: Value, axes: Axes) -> gast.expr | None:
    """An argument with its batch axes in front; None if they are."""
    if axes is None or axes == 0 or not is_batched(value):
        return None
    if isinstance(value, Array):
        return core.call("np.moveaxis", node, core.constant(int(axes)), core.constant(0))
    if isinstance(value, Items):
        if isinstance(axes, dict):
            of = [axes[k] for k in value.keys]
        elif isinstance(axes, (tuple, list)):
            of = [dict(axes).get(k) if value.kind == "dict" else None for k in value.keys]
            of = of if value.kind == "dict" else list(axes)
        else:
            of = [axes] * len(value.keys)
        parts, changed = [], False
        for i, key in enumerate(value.keys):
            part = part_at(core.copy(node), i, key)
            new = incoming(core.copy(part), value.parts[i], of[i])
            changed |= new is not None
            parts.append(part if new is None else new)
        if changed and value.kind == "object":
            raise TransformError(
                "the batch axis of an object's fields must be their first one", None,
                "move the axes before the call",
            )  # fmt: skip
        return display_of(value, parts) if changed else None
    return None


class Outgoing:
    """Puts the batch axes of the result where `out_axes` wants them."""

    def __init__(self, batcher: Batcher) -> None:
        self.batcher = batcher

    def placed(self, node: gast.expr, value: Value, axes: Axes, what: str) -> gast.expr:
        new = self.changed(node, value, axes, what)
        return node if new is None else new

    def changed(self, node: gast.expr, value: Value, axes: Axes, what: str) -> gast.expr | None:
        """The node with its axes in place; None if they are."""
        if isinstance(value, Nothing):
            return None
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
