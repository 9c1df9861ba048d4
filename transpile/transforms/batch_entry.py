"""The batched function that is called: its axes are where the caller has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.batched import (
    PLAIN,
    Array,
    FunctionWithData,
    Items,
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
from redraft.transpile.transforms.batch_results import Outgoing, returns_function
from redraft.transpile.transforms.build import calling


def write_entry(
    unit: Unit, source: Source, env: dict[str, Value], moves: dict[str, Axes], out_axes: Axes,
    axis_size: int | None, axis_name: str | None = None, compact: bool = False,
) -> Source:  # fmt: skip
    """Write the batched function that is called: with the batch axes where the caller has them."""
    source = calling(source)
    name = unit.name_function(f"{core.base(source.name)}_vmap")
    batches = Batches(unit, axis_name, compact=compact)
    env = batches.described(env)
    batcher = Batcher(batches, source, env)
    body = batcher.function()
    if batches.need_copies:
        batches.forget(dict(batches.versions))
        batches = Batches(unit, axis_name, compact=compact, copies=True)
        batcher = Batcher(batches, source, env)
        body = batcher.function()
    if returns_function(batcher.result):
        batches.forget(dict(batches.versions))
        batches = Batches(unit, axis_name, compact=compact, copies=batches.copies)
        batches.returns_functions = True
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
        node = incoming(core.name(parameter), env[parameter], axes, batcher.constant)
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


def incoming(node: gast.expr, value: Value, axes: Axes, constant: Callable) -> gast.expr | None:
    """An argument with its batch axes in front; None if they are."""
    if axes is None or axes == 0 or not is_batched(value):
        return None
    if isinstance(value, FunctionWithData):
        return core.call("rt.with_batch_axes_in_front", node, constant(axes))
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
            new = incoming(core.copy(part), value.parts[i], of[i], constant)
            changed |= new is not None
            parts.append(part if new is None else new)
        if changed and value.kind == "object":
            raise TransformError(
                "the batch axis of an object's fields must be their first one", None,
                "move the axes before the call",
            )  # fmt: skip
        return display_of(value, parts) if changed else None
    return None
