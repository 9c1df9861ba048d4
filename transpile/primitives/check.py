"""Check the table against itself: what templates read, and whether that can be differentiated.

A template may read the parameters of its row, ``ans``, the cotangent or its own tangent, ``np``,
``rt`` and builtins. Whatever it calls must have a row too, or derivatives of derivatives would end
there. Rule functions are asked with example calls.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Iterator
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.primitives import lowering
from redraft.transpile.primitives.table import (
    BindError,
    Call,
    Row,
    TableError,
    is_rewritten,
    literal,
    resolve,
    row_of,
    rows_index,
)

OPERATORS = {
    gast.Add: "+", gast.Sub: "-", gast.Mult: "*", gast.Div: "/", gast.Pow: "**",
    gast.FloorDiv: "//", gast.Mod: "%", gast.MatMult: "@", gast.USub: "u-", gast.UAdd: "u+",
    gast.BitOr: "|", gast.BitAnd: "&", gast.Invert: "~", gast.Eq: "==", gast.Lt: "<", gast.Gt: ">",
    gast.GtE: ">=", gast.LtE: "<=", gast.NotEq: "!=",
}  # fmt: skip


FORMS = (
    "full_matrices",
    "compute_uv",
    "hermitian",
    "eigvals_only",
)  # options that rules want as literals


def bound(row: Row, args: tuple, keywords: dict[str, Any]) -> dict[str, Any]:
    """Parameter -> value of a call; a list for a ``*parameter``."""
    positional = [p for p in row.parameters.values() if p.kind is not p.KEYWORD_ONLY]
    values: dict[str, Any] = {}
    for position, value in enumerate(args):
        parameter = positional[min(position, len(positional) - 1)]
        if parameter.kind is parameter.VAR_POSITIONAL:
            values.setdefault(parameter.name, []).append(value)
        else:
            values[parameter.name] = value
    return {**values, **keywords}


def example_call(row: Row, args: tuple, keywords: dict[str, Any], known_ranks: bool) -> Call:
    """A `Call` as the compiler would make it for these argument values."""
    arguments: dict[str, Any] = {}
    ranks: dict[str, int] = {}
    for name, value in bound(row, args, keywords).items():
        if row.parameters[name].kind is row.parameters[name].VAR_POSITIONAL:
            parts = [_expression(f"{name}_{i}", v, ranks) for i, v in enumerate(value)]
            arguments[name] = parts
        else:
            arguments[name] = _expression(name, value, ranks)
    return Call(row, arguments, _rank_of(ranks if known_ranks else {}))


def _rank_of(ranks: dict[str, int]) -> Any:
    """The ranks that the compiler would know: of some names, and of numbers."""

    def rank(expression: Any) -> int | None:
        if isinstance(expression, gast.Name):
            return ranks.get(expression.id)
        return 0 if core.is_number(expression) else None

    return rank


def _expression(name: str, value: Any, ranks: dict[str, int]) -> Any:
    """A literal for what is usually written as one; a name for arrays and floats."""
    if isinstance(value, (int, str, tuple, type(None))) and (
        name in FORMS or not isinstance(value, bool)
    ):
        try:
            expression = core.expression(repr(value))
            if literal(expression) == value:
                return expression
        except (SyntaxError, ValueError, TypeError):
            pass
    shape = getattr(value, "shape", () if isinstance(value, (int, float)) else None)
    if shape is not None:
        ranks[name] = len(shape)
    return core.name(name)


def templates(row: Row, calls: Iterable[Call]) -> Iterator[tuple[str, str, str]]:
    """Mode, parameter and text of every template of a row."""
    calls = list(calls)
    for mode in ("d", "vjp", "jvp"):
        for parameter, rule in getattr(row, mode).items():
            if not callable(rule):
                yield mode, parameter, rule
                continue
            seen = set()
            for call in calls:
                for text in _texts(rule, row, parameter, call):
                    if text not in seen:
                        seen.add(text)
                        yield mode, parameter, text


def _texts(rule: Any, row: Row, parameter: str, call: Call) -> list[str]:
    """What a rule function answers for one call."""
    if parameter not in call.arguments:
        return []
    variadic = row.parameters[parameter].kind is row.parameters[parameter].VAR_POSITIONAL
    try:
        if variadic:
            return [rule(call, i) for i in range(call.count(parameter))]
        return [rule(call)]
    except BindError:  # a refusal is an answer
        return []


def problems(row: Row, calls: Iterable[Call] = ()) -> Iterator[str]:
    """What is wrong with a row, one sentence each."""
    for name in (*row.active_parameters, *row.shape_only, row.like, row.view_of):
        if name is not None and name not in row.parameters:
            yield f"{row.name}: `{name}` is not a parameter of {row.text}"
    for mode, parameter, text in templates(row, calls):
        yield from _unbound(row, mode, parameter, text)
        for name in _without_row(core.expression(text)):
            yield f"{row.name}: template `{text}` uses {name}, which has no row"
    yield from lowering.problems(row)


def _unbound(row: Row, mode: str, parameter: str, text: str) -> Iterator[str]:
    slots = {"ans", "np", "rt", *row.parameters}
    slots |= {"ans_bar"} if mode == "vjp" else {f"{parameter}_dot"} if mode == "jvp" else set()
    variadic = [p.name for p in row.parameters.values() if p.kind is p.VAR_POSITIONAL]
    unknown = sorted(
        name
        for name in core.reads(core.expression(text))
        if name not in slots
        and not hasattr(builtins, name)
        and not any(name.startswith(f"{v}_") for v in variadic)
    )
    if unknown:
        yield f"{row.name}: template `{text}` reads {unknown}, which the call does not bind"


def _without_row(node: Any) -> Iterator[str]:
    """Functions, operators, attributes and methods in a template that have no row."""
    index = rows_index()
    for part in core.walk(node):
        if isinstance(part, gast.Call):
            dotted = _dotted(part.func)
            function = resolve(dotted) if dotted else None
            method = isinstance(part.func, gast.Attribute) and part.func.attr in index["method"]
            known = function is not None and (
                row_of(function) is not None or is_rewritten(function)
            )
            if not known and not method:
                yield f"`{dotted or part.func.attr}`"
        elif isinstance(part, (gast.BinOp, gast.UnaryOp)):
            if OPERATORS.get(type(part.op)) not in index["operator"]:
                yield type(part.op).__name__
        elif isinstance(part, gast.Compare):
            if not all(OPERATORS.get(type(op)) in index["operator"] for op in part.ops):
                yield "a comparison"
        elif isinstance(part, gast.Attribute):
            of_module = _dotted(part).startswith(("np.", "rt."))
            if not of_module and part.attr not in {**index["attribute"], **index["method"]}:
                yield f"`.{part.attr}`"


def _dotted(node: Any) -> str:
    """``np.linalg.inv`` of an expression that is a dotted name, else an empty text."""
    if isinstance(node, gast.Name):
        return node.id
    if isinstance(node, gast.Attribute):
        head = _dotted(node.value)
        return f"{head}.{node.attr}" if head else ""
    return ""


def check(rows: Iterable[Row], calls: Any = lambda row: ()) -> None:
    """Raise `TableError` for the first row that contradicts itself."""
    for row in rows:
        for problem in problems(row, calls(row)):
            raise TableError(problem)
