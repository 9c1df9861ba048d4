"""Put the forward and the linear function of a function together: ``f_lin_fwd``, ``f_lin``."""

from __future__ import annotations

from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.linear import check_linear
from redraft.transpile.front.source import Origin, Source
from redraft.transpile.function import Pair, Unit, prepare
from redraft.transpile.tidy.naming import tapes
from redraft.transpile.transforms.build import (
    define_residuals,
    definition,
    finish,
    kept_names,
    mark_parts,
    returning,
    title,
    write_forward,
)
from redraft.transpile.transforms.forward import dot_name, tangent_parameter
from redraft.transpile.transforms.linear import Linear


def linear_pair(
    unit: Unit,
    source: Source,
    active: tuple[str, ...],
    has_aux: bool = False,
    ranks: dict[str, int] | None = None,
) -> Pair:
    """Forward and linear function of a source; written at the first request.

    Args:
        unit: the unit to write them into.
        source: the function.
        active: the parameters that have tangents.
        has_aux: it returns a pair of the value and auxiliary data.
        ranks: of parameters that are arrays, as far as they are known.

    Returns:
        The names: `forward`, and as `backward` the linear function, which takes what the forward
        function saved and then the tangents of `active`.
    """
    if getattr(source.rule, "runs_again", False):  # a linear function is made to be called often
        from redraft.transpile.transforms.checkpoint import plain

        source.rule.check_static(source, active)
        source = plain(unit, source)
    key = ("linear", source, active, has_aux, tuple(sorted((ranks or {}).items())))
    if key not in unit.pairs:
        base = core.base(source.name)
        names = unit.name_function(f"{base}_lin_fwd"), unit.name_function(f"{base}_lin")
        pair = unit.pairs[key] = Pair(*names, active)
        if source.rule is None:
            write_linear(unit, source, pair, has_aux, ranks)
        else:
            write_ruled(unit, source, pair)
    return unit.pairs[key]


def write_ruled(unit: Unit, source: Source, pair: Pair) -> None:
    """The pair of a function with a rule: the linear part of the user's tangent code.

    That code is linear in the tangents, so that it is its own derivative, whatever they are: zeros.
    """
    rule = source.rule
    if not hasattr(rule, "linear_source"):  # it says why there is no forward mode
        rule.write_tangent(unit, source, pair.active, unit.name_function(f"{source.name}_jvp"))
    rule.check_active(source, pair.active)
    dots = {p: tangent_parameter(source.parameters, p) for p in pair.active}
    tangent = rule.linear_source(unit, source, dots)
    check_linear(tangent, dots.values(), unit, part=0)
    inner = linear_pair(unit, tangent, tuple(dots.values()), has_aux=True)
    rule.write_forward(unit, source, pair, inner.forward, dots)
    names = [gast.Name(n, gast.Param(), None, None) for n in ("saved.p", *dots.values())]
    call = gast.Call(core.name(inner.backward), [core.name(n.id) for n in names], [])
    place = tangent.node.body[-1]
    place.origin = Origin(tangent, place)
    body = [returning(call, tangent, place)]
    arguments = gast.arguments(names, [], None, [], [], None, [])
    text = title("lin", source, list(pair.active))
    finish(unit, definition(pair.backward, arguments, body, text), tangent, None)


def write_linear(
    unit: Unit, source: Source, pair: Pair, has_aux: bool, ranks: dict[str, int] | None
) -> None:
    """Write the forward and the linear function of a source into the unit."""
    prepared = prepare(source, set(pair.active), unit, ranks, has_aux)
    linear = Linear(prepared, unit)
    forward, lines = linear.block(prepared.body[:-1])
    result = prepared.body[-1]
    linear.statement, linear.lines = result, lines
    answer = returning(linear.tangent_or_zero(core.copy(result.value)), source, result)
    lines.append(linear.marked(answer))
    readings = linear.settle_function(lines, prepared.end)
    residuals = list(dict.fromkeys(n.id for n in readings))
    forward = [*linear.bare.values(), *linear.expand(forward)]
    define_residuals(forward, residuals, prepared, result)
    function = write_forward(unit, source, pair, prepared, forward, residuals)
    write_tangents(unit, source, pair, prepared, lines, residuals, function)


def write_tangents(
    unit: Unit,
    source: Source,
    pair: Pair,
    prepared: Any,
    lines: list,
    residuals: list[str],
    forward: gast.FunctionDef,
) -> None:
    """``f_lin(saved, x_dot) -> y_dot``."""
    result = prepared.body[-1]
    parameters = [residuals[0] if len(residuals) == 1 else "saved.p"]
    received = []
    for name in pair.active:
        parameters.append(tangent_parameter([*source.parameters, *parameters], name))
        received.append(core.assign(dot_name(name), core.name(parameters[-1]), result.origin))
    if len(residuals) > 1:
        places = gast.Tuple([core.store(r) for r in residuals], gast.Store())
        unpack = gast.Assign([places], core.name("saved.p"), None)
        unpack.origin = None
        received.insert(0, unpack)
    names = [gast.Name(p, gast.Param(), None, None) for p in parameters]
    arguments = gast.arguments(names, [], None, [], [], None, [])
    lines = [*received, *lines]
    mark_parts([], lines)
    text = title("lin", source, list(pair.active))
    function = definition(pair.backward, arguments, lines, text)
    function.preferred, function.filled = kept_names(forward, residuals), tapes(forward.body)
    finish(unit, function, source, prepared)


__all__ = ["linear_pair"]
