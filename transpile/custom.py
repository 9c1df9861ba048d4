"""Rules that a user gives to functions of their own: ``rd.primitive``."""

from __future__ import annotations

import builtins
import inspect
from collections.abc import Mapping
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.primitives import table
from redraft.transpile.primitives.table import Row, TableError


def primitive(
    fun: Any = None,
    vjp: Mapping[str, Any] | None = None,
    jvp: Mapping[str, Any] | None = None,
    signature: str | None = None,
) -> Any:
    """Give a function a derivative; redraft then calls it as it is, and never reads its source.

    Args:
        fun: any callable: a function of a C extension, a wrapped solver, a Python function. Left
            out, the call makes a decorator.
        vjp: parameter -> rule of reverse mode, the cotangent of the parameter. A rule is a Python
            expression in quotes, which may name the parameters, ``ans`` (the result), ``ans_bar``
            (its cotangent), ``np`` and builtins; or a function
            ``rule(ans_bar, ans, *arguments)``.
        jvp: parameter -> rule of forward mode, the tangent that the parameter gives the result. An
            expression names ``<parameter>_dot`` in place of ``ans_bar``; a function is called as
            ``rule(x_dot, ans, *arguments)``. Tangents of several parameters are added.
        signature: such as ``"(x, axis=None)"``, where `inspect.signature` does not find it.

    A parameter without a rule can't be differentiated: using it so is refused. Rules are
    differentiated in their turn for second derivatives. Give a rule before the first derivative
    that needs it.

    Returns:
        `fun` itself.

    Raises:
        TableError: a rule for an unknown parameter, or one that names something unknown.
    """
    if fun is None:
        return lambda decorated: primitive(decorated, vjp, jvp, signature)
    if not callable(fun):
        raise TypeError(f"primitive expects a function, got {type(fun).__name__}")
    if not vjp and not jvp:
        raise TableError(
            "primitive needs rules: vjp={parameter: rule}, jvp={parameter: rule}, or both"
        )
    name = getattr(fun, "__name__", type(fun).__name__)
    name = name if name.isidentifier() else "function"
    shown = _signature(fun, name, signature)
    row = Row(f"{name}{shown}", "primitive")
    rules: dict[str, dict[str, str]] = {"vjp": {}, "jvp": {}}
    for kind, given in (("vjp", vjp), ("jvp", jvp)):
        for parameter, rule in (given or {}).items():
            if parameter not in row.parameters:
                known = ", ".join(row.parameters)
                raise TableError(f"{kind}: `{name}` has no parameter `{parameter}`; it has {known}")
            rules[kind][parameter] = _template(row, kind, parameter, rule)
    row.vjp, row.jvp = rules["vjp"], rules["jvp"]
    try:
        table.declare_custom(fun, row)
    except TypeError:
        raise TableError(f"`{name}` is not hashable, so it cannot have a rule") from None
    return fun


def _signature(fun: Any, name: str, text: str | None) -> str:
    """The signature as text, with defaults that are literals."""
    if text is not None:
        try:
            core.expression(f"lambda {_inside(text)}: None")
        except SyntaxError:
            raise TableError(
                f"signature: {text!r} cannot be read; write `(x, axis=None)`"
            ) from None
        return text.strip()
    try:
        found = inspect.signature(fun)
    except (TypeError, ValueError):
        raise TableError(f"`{name}` does not tell its signature; give signature='(x, …)'") from None
    parameters = []
    for parameter in found.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            raise TableError(f"`{name}` takes `**{parameter.name}`; give a signature without it")
        default = parameter.default
        if default is not parameter.empty and not _is_literal(default):
            raise TableError(
                f"`{name}`: the default of `{parameter.name}` is no literal; give a signature"
            )
        parameters.append(parameter.replace(annotation=parameter.empty))
    plain = found.replace(parameters=parameters, return_annotation=inspect.Signature.empty)
    return str(plain)


def _inside(text: str) -> str:
    text = text.strip()
    if not (text.startswith("(") and text.endswith(")")):
        raise SyntaxError("no parentheses")
    return text[1:-1]


def _is_literal(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_literal, value))
    return value is None or type(value) in (bool, int, float, str)


def _template(row: Row, kind: str, parameter: str, rule: Any) -> str:
    """A rule as a template; a function gets a name that generated code can call."""
    first = "ans_bar" if kind == "vjp" else f"{parameter}_dot"
    if callable(rule):
        helper = table.name_helper(f"{row.name}_{kind}_{parameter}", rule)
        return f"{helper}({first}, ans, {', '.join(_arguments(row))})"
    if not isinstance(rule, str):
        raise TableError(
            f"{kind}: the rule for `{parameter}` must be an expression in quotes or a function"
        )
    try:
        expression = core.expression(rule)
    except SyntaxError as error:
        raise TableError(
            f"{kind}: the rule for `{parameter}` is no expression: {error.msg}"
        ) from None
    known = {*row.parameters, first, "ans", "np"}
    known |= {f"{p}_dot" for p in row.parameters} if kind == "jvp" else set()
    for node in core.free_names(expression):
        if isinstance(node, gast.Name) and node.id not in known and not hasattr(builtins, node.id):
            raise TableError(
                f"{kind}: the rule for `{parameter}` names `{node.id}`; it may name "
                f"{', '.join([*row.parameters, 'ans', first, 'np'])}, or be a Python function"
            )
    return rule


def _arguments(row: Row) -> list[str]:
    kinds = inspect.Parameter
    named = {kinds.VAR_POSITIONAL: "*{0}", kinds.KEYWORD_ONLY: "{0}={0}"}
    return [named.get(p.kind, "{0}").format(p.name) for p in row.parameters.values()]
