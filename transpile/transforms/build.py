"""Put transformed functions together: signature, docstring, forward part, backward part."""

from __future__ import annotations

import dataclasses
from typing import Any

import gast
import numpy as np

from redraft import runtime
from redraft.transpile import core
from redraft.transpile.analysis.complex_numbers import may_be_complex
from redraft.transpile.analysis.facts import UNKNOWN
from redraft.transpile.errors import TransformError
from redraft.transpile.front.source import Origin, Source
from redraft.transpile.function import Pair, Prepared, Unit, prepare
from redraft.transpile.tidy.naming import tapes
from redraft.transpile.tidy.pipeline import tidy
from redraft.transpile.transforms.bars import Bar, bar_name
from redraft.transpile.transforms.reverse import Reverse

TITLES = {
    "grad": "Gradient of {name} ({place}) with respect to {arguments}.",
    "value_and_grad": "Value of {name} ({place}), and its gradient with respect to {arguments}.",
    "jvp": "Value of {name} ({place}), and its tangent along the tangents of {arguments}.",
    "tangent": "Tangent of the result of {name} ({place}) along the tangents of {arguments}.",
    "fwd": "Value of {name} ({place}), and what {name}_bwd needs of it.",
    "lin": "Tangent of the result of {name} ({place}) along those of {arguments}: the linear part.",
    "bwd": "Cotangents of {arguments} from that of the result of {name} ({place}).",
}


def title(kind: str, source: Source, arguments: list[str]) -> str:
    """The docstring of a generated function."""
    arguments = arguments or ["nothing"]
    shown = ", ".join(arguments[:-1]) + (" and " if len(arguments) > 1 else "") + arguments[-1]
    name, place = core.base(source.name), source.user_place
    return TITLES[kind].format(name=name, place=place, arguments=shown)


def picked(source: Source, argnums: Any) -> tuple[list[tuple[str, int | None]], bool]:
    """What `argnums` selects, and whether the result is a tuple.

    An item is a parameter's name, and the place of the argument among ``*args`` (else None).
    """
    many = isinstance(argnums, (tuple, list))
    arguments = source.node.args
    own = [a.id for a in (*arguments.posonlyargs, *arguments.args)][len(source.captured) :]
    inner = {user: name for name, user in source.renamed.items()}
    items: list[tuple[str, int | None]] = []
    for argnum in argnums if many else [argnums]:
        if isinstance(argnum, str):
            items.append((inner.get(argnum, argnum), None))
        elif -len(own) <= argnum < len(own):
            items.append((own[argnum], None))
        elif arguments.vararg is not None and argnum >= 0:
            items.append((arguments.vararg.id, argnum - len(own)))
        else:
            raise ValueError(
                f"argnums: {argnum} is out of range; `{core.base(source.name)}` takes {len(own)} "
                "positional arguments"
            )
    return items, many


def selected(source: Source, argnums: Any) -> tuple[list[str], bool]:
    """Names of the parameters that `argnums` selects, and whether the result is a tuple."""
    items, many = picked(source, argnums)
    return list(dict.fromkeys(name for name, _ in items)), many


def write_fused(unit: Unit, source: Source, kind: str, options: dict[str, Any]) -> Source:
    """Write `grad`, `value_and_grad` or `jvp` of a source into the unit; returns its source."""
    source = calling(source)
    if kind == "jvp":
        from redraft.transpile.transforms.forward import write_jvp

        return write_jvp(unit, source, options)
    items, many = picked(source, options.get("argnums", 0))
    names = [name for name, _ in items]
    has_aux = bool(options.get("has_aux", False))
    prepared = prepare(source, set(names), unit, options.get("ranks"), has_aux, scalar_result=True)
    reverse = Reverse(prepared, unit)
    result = prepared.body[-1]
    seed(reverse, result, bool(options.get("holomorphic", False)))
    forward, backward = reverse.block(prepared.body[:-1])
    reverse.statement = prepared.body[0]
    reverse.lines = backward
    gradient = gradients(reverse, items, many)
    value = fused_result(reverse, prepared, kind, has_aux, gradient)
    backward.append(returning(value, source, result))
    reverse.settle_function(backward, prepared.end)
    forward = [*reverse.bare.values(), *reverse.expand(forward)]
    body = [*forward, *backward]
    name = unit.name_function(f"{core.base(source.name)}_{kind}")
    mark_parts(forward, backward)
    shown = [n if part is None else f"{n}[{part}]" for n, part in items]
    function = definition(name, source.node.args, body, title(kind, source, shown))
    return finish(unit, function, source, prepared)


def calling(source: Source) -> Source:
    """The function itself; one with a rule of its own as a function that calls it."""
    if source.rule is None:
        return source
    called = core.base(source.name)
    while called in source.parameters:
        called += "_"
    node = gast.FunctionDef(source.name, core.copy(source.node.args), [], [], None, None, [])
    text = f"def f():\n    return {called}({', '.join(passed_on(source.node.args))})\n"
    node.body = core.parse_gast(text).body[0].body
    gast.copy_location(node, source.node)
    caller = dataclasses.replace(
        source, node=node, lines=text.splitlines(True), rule=None, written_for=source.user_place,
        shift=source.node.lineno + source.shift - 2, local_functions={called: source},
    )  # fmt: skip
    node.lineno = 2
    return caller


def passed_on(arguments: Any) -> list[str]:
    """The parameters as a call passes them on."""
    listed = [a.id for a in (*arguments.posonlyargs, *arguments.args)]
    if arguments.vararg is not None:
        listed.append(f"*{arguments.vararg.id}")
    listed += [f"{a.id}={a.id}" for a in arguments.kwonlyargs]
    if arguments.kwarg is not None:
        listed.append(f"**{arguments.kwarg.id}")
    return listed


def seed(reverse: Reverse, result: Any, holomorphic: bool) -> None:
    """The cotangent of the result: one, once it is known to be a scalar."""
    reverse.statement = result
    value = result.value
    if not core.is_name(value):
        return
    if not result.facts.get(value.id, UNKNOWN).active:
        helper = "rt.seed_holomorphic" if holomorphic else "rt.seed"
        reverse.seed_line = gast.Expr(core.call(helper, reverse.read(value.id)))
        reverse.seed_line.origin = result.origin
        return
    fact = result.facts[value.id]
    assumed = getattr(value, "v", None) in prepared_scalars(reverse)
    complex_ = may_be_complex(reverse.source.node)
    if fact.rank == 0 and not assumed and not holomorphic and not complex_:
        reverse.bars[value.id] = Bar(literal=core.constant(1.0))
        return
    helper = "rt.seed_holomorphic" if holomorphic else "rt.seed"
    reading = reverse.read(value.id)
    reverse.seed_line = core.assign(bar_name(value.id), core.call(helper, reading), result.origin)
    reverse.bars[value.id] = Bar()


def prepared_scalars(reverse: Reverse) -> set[int]:
    """Versions that are scalars only because the result must be one: the seed checks it."""
    return reverse.facts.scalars - reverse.facts.proven


def gradients(reverse: Reverse, items: list[tuple[str, int | None]], many: bool) -> gast.expr:
    """The cotangents of the selected parameters as the caller gets them."""
    if getattr(reverse, "seed_line", None) is not None:
        reverse.lines.insert(0, reverse.seed_line)
    parts = []
    whole: dict[str, str] = {}  # the cotangent of `*args`, of which several elements may be wanted
    for name, place in items:
        if place is None:
            parts.append(final_bar(reverse, name))
            continue
        if name not in whole:
            whole[name] = reverse.fresh_name(f"{core.base(name)}_bar")
            reverse.write(core.assign(whole[name], final_bar(reverse, name)))
        element = gast.Subscript(core.name(whole[name]), core.constant(place), gast.Load())
        parts.append(element)
    return gast.Tuple(parts, gast.Load()) if many else parts[0]


def final_bar(reverse: Reverse, name: str, internal: bool = False) -> gast.expr:
    """The cotangent of a parameter, with the parameter's structure."""
    fact = reverse.fact(name)
    known = reverse.bars.get(name)
    if known is None:
        reading = reverse.read(name)
        numeric = fact.kind == "number"
        return reverse.call("np.zeros_like" if numeric else "rt.zeros_like", reading)
    if (known.uniform or known.literal is not None) and fact.rank != 0:
        return reverse.call("np.full_like", reverse.read(name), reverse.bar(name))
    if (
        known.numeric
        or fact.kind == "number"
        or (internal and not reverse.is_part_of_parameter(name))
    ):
        return reverse.bar(name)
    return reverse.call("rt.like", reverse.bar(name), reverse.read(name))


def fused_result(
    reverse: Reverse, prepared: Prepared, kind: str, has_aux: bool, gradient: gast.expr
) -> gast.expr:
    result = prepared.body[-1]
    value = reverse_read_end(prepared, result.value)
    aux = getattr(result, "aux", None)
    if kind == "value_and_grad":
        if aux is not None:
            value = gast.Tuple([value, reverse_read_end(prepared, aux)], gast.Load())
        return gast.Tuple([value, gradient], gast.Load())
    if aux is not None:
        return gast.Tuple([gradient, reverse_read_end(prepared, aux)], gast.Load())
    return gradient


def reverse_read_end(prepared: Prepared, node: Any) -> Any:
    """A reading of a value at the end of the forward part."""
    node = core.copy(node)
    for name in core.free_names(node):
        if "v" in name.__dict__:
            name.site = prepared.body[-1]
    return node


def returning(value: gast.expr, source: Source, place: Any) -> gast.Return:
    node = gast.Return(value)
    node.origin = Origin(source, place.origin.node)
    node.silent = True
    return node


@dataclasses.dataclass(eq=False)
class Reversed:
    """The forward and the backward part of a function, before they are put into functions.

    Attributes:
        residuals: what the backward part needs of the forward part.
        ans_bar: the cotangent of the result.
    """

    prepared: Prepared
    reverse: Reverse
    forward: list[gast.stmt]
    backward: list[gast.stmt]
    residuals: list[str]
    ans_bar: str


def write_pair(
    unit: Unit,
    source: Source,
    pair: Pair,
    has_aux: bool = False,
    masked: bool = False,
    suspects: tuple[str, ...] = (),
    ranks: dict[str, int] | None = None,
) -> None:
    """Write the forward and the backward function of a source into the unit."""
    parts = reversed_parts(unit, source, pair, has_aux, masked, suspects, ranks)
    prepared, residuals = parts.prepared, parts.residuals
    function = write_forward(unit, source, pair, prepared, parts.forward, residuals)
    write_backward(unit, source, pair, prepared, parts.backward, residuals, parts.ans_bar, function)


def reversed_parts(
    unit: Unit,
    source: Source,
    pair: Pair,
    has_aux: bool,
    masked: bool,
    suspects: tuple[str, ...],
    ranks: dict[str, int] | None,
) -> Reversed:
    """The parts of a source; `pair` is told what its backward function returns."""
    prepared = prepare(source, set(pair.active), unit, ranks, has_aux)
    reverse = Reverse(prepared, unit, split=True)
    reverse.given_suspects.update(suspects)
    result = prepared.body[-1]
    reverse.statement = result
    if core.is_name(result.value) and result.facts.get(result.value.id, UNKNOWN).active:
        id = result.value.id
        numeric = result.facts[id].kind == "number"
        reverse.bars[id] = Bar(numeric=numeric, masked=masked)
        ans_bar = bar_name(id)
    else:
        ans_bar = "ans_bar.b0"
    forward, backward = reverse.block(prepared.body[:-1])
    reverse.statement = prepared.body[0]
    reverse.lines = backward
    bars = [p for p in pair.active if p in reverse.bars or pair.forced]
    parts = [final_bar(reverse, p, internal=True) for p in bars]
    value = parts[0] if len(parts) == 1 else gast.Tuple(parts, gast.Load())
    backward.append(returning(value, source, result))
    readings = reverse.settle_function(backward, prepared.end)
    pair.bars = tuple(bars)
    pair.masked = frozenset(p for p in bars if p in reverse.bars and reverse.bars[p].masked)
    residuals = list(dict.fromkeys(n.id for n in readings))
    forward = [*reverse.bare.values(), *reverse.expand(forward)]
    define_residuals(forward, residuals, prepared, result)
    return Reversed(prepared, reverse, forward, backward, residuals, ans_bar)


def define_residuals(
    forward: list[gast.stmt], residuals: list[str], prepared: Prepared, place: Any
) -> None:
    from redraft.transpile.transforms.residuals import _certain

    certain = _certain(forward, {}, {}) | set(prepared.parameters)
    for name in reversed(residuals):
        if name not in certain:
            forward.insert(0, core.assign(name, core.constant(None), place.origin))
            forward[0].unset = True


def write_forward(
    unit: Unit, source: Source, pair: Pair, prepared: Prepared, forward: list, residuals: list[str]
) -> gast.FunctionDef:
    """Write the forward function."""
    body = [*forward, returning_with(prepared, source, residuals)]
    mark_parts(body, [])
    text = title("fwd", source, list(pair.active)).replace(
        f"{core.base(source.name)}_bwd", pair.backward
    )
    function = definition(pair.forward, source.node.args, body, text)
    finish(unit, function, source, prepared)
    return function


def returning_with(prepared: Prepared, source: Source, names: list[str]) -> gast.Return:
    """``return ans, (a, b)``"""
    result = prepared.body[-1]
    kept = [core.name(r) for r in names]
    saved: gast.expr = kept[0] if len(kept) == 1 else gast.Tuple(kept, gast.Load())
    answer: gast.expr = core.copy(result.value)
    if result.aux is not None:
        answer = gast.Tuple([answer, core.copy(result.aux)], gast.Load())
    return returning(gast.Tuple([answer, saved], gast.Load()), source, result)


def write_backward(
    unit: Unit,
    source: Source,
    pair: Pair,
    prepared: Prepared,
    backward: list,
    residuals: list[str],
    ans_bar: str,
    forward: gast.FunctionDef,
) -> None:
    places: list[Any] = [core.store(r) for r in residuals]
    parameters = [
        gast.Name("saved.p", gast.Param(), None, None),
        gast.Name(ans_bar, gast.Param(), None, None),
    ]
    if len(residuals) == 1:
        parameters[0].id = residuals[0]
    elif residuals:
        unpack = gast.Assign([gast.Tuple(places, gast.Store())], core.name("saved.p"), None)
        unpack.origin = None
        backward = [unpack, *backward]
    arguments = gast.arguments(parameters, [], None, [], [], None, [])
    text = title("bwd", source, list(pair.bars or pair.active) or ["nothing"])
    mark_parts([], backward)
    function = definition(pair.backward, arguments, backward, text)
    function.preferred, function.filled = kept_names(forward, residuals), tapes(forward.body)
    finish(unit, function, source, prepared)


def kept_names(forward: gast.FunctionDef, residuals: list[str]) -> dict[str, str]:
    """The residuals, and what the written forward function calls them."""
    saved = forward.body[-1].value.elts[1]
    printed = [saved] if len(residuals) == 1 else saved.elts
    pairs = zip(residuals, printed, strict=True)
    return {id: node.id for id, node in pairs if core.is_name(node)}


def mark_parts(forward: list[gast.stmt], backward: list[gast.stmt]) -> None:
    for statement in core.walk_statements(forward):
        statement.forward = True
    for statement in core.walk_statements(backward):
        statement.backward = True


def definition(
    name: str, arguments: gast.arguments, body: list[gast.stmt], docstring: str
) -> gast.FunctionDef:
    arguments = core.copy(arguments)
    for argument in core.walk(arguments):
        if isinstance(argument, gast.Name):
            argument.annotation = None
    node = gast.FunctionDef(name, arguments, body, [], None, None, [])
    node.docstring = docstring
    return node


def finish(unit: Unit, function: gast.FunctionDef, source: Source, prepared: Prepared) -> Source:
    """Tidy and name a function, and add it to the unit; returns it as a source of its own."""
    tidy(function, unit, source, prepared)
    return add_written(unit, function, source)


def add_written(unit: Unit, function: gast.FunctionDef, source: Source) -> Source:
    """Add a function to the unit as it is; returns it as a source of its own."""
    numbered = unit.bind_globals(function, source)
    unit.functions.append(function)
    generated = Source(function, source.file, source.lines, source.globals, source.cells)
    generated.written_for = source.user_place
    generated.captured = source.captured
    generated.extras, generated.renamed = {**source.extras, **numbered}, source.renamed
    generated.generated, generated.plain_names = True, source.plain_names
    generated.modules = {"np": np, "rt": runtime}
    generated.local_functions = unit.written
    unit.written[function.name] = dataclasses.replace(generated, captured=())
    return generated


__all__ = ["TransformError", "write_fused", "write_pair"]
