"""Put a helper that is one short formula in place of its call.

Before::                                  After::

    def sigmoid(x):                           z = 1.0 / (1.0 + np.exp(-t))
        return 1.0 / (1.0 + np.exp(-x))
    z = sigmoid(t)

Such a helper would get a pair of functions longer than itself. Only calls of NumPy and the like and
arithmetic are taken over, where every name means the same to the helper and to its caller.
"""

from __future__ import annotations

from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.errors import SourceError
from redraft.transpile.front.callee import Function, operator_row
from redraft.transpile.front.normalize import RESERVED
from redraft.transpile.front.scope import UNKNOWN
from redraft.transpile.front.source import Source, read_source
from redraft.transpile.primitives import table

MOST_OPERATIONS = 4
PLAIN = (
    gast.BinOp, gast.UnaryOp, gast.Call, gast.Name, gast.Constant, gast.Attribute, gast.keyword,
    gast.operator, gast.unaryop,
)  # fmt: skip


def formula(lowerer: Any, callee: Function, call: gast.Call, leading: list) -> gast.expr | None:
    """The helper's expression with the call's arguments in it, or None if it has to be called."""
    source = _source(callee)
    expression = None if source is None else _short_formula(source)
    if expression is None or call.keywords:
        return None
    own = [n for n in source.parameters if n not in source.captured]
    arguments = [*leading, *call.args]
    if len(arguments) != len(own) or any(isinstance(a, gast.Starred) for a in arguments):
        return None
    if not _means_the_same(lowerer, source, expression):
        return None
    values = dict(zip(own, map(lowerer.argument, arguments), strict=True))
    for value, given in zip(values.values(), arguments, strict=True):
        if core.is_name(value) and lowerer.coarse.active(given):
            lowerer.coarse.names.add(value.id)
    return _filled(core.copy(expression), values)


def _source(callee: Function) -> Source | None:
    if isinstance(callee.function, Source):
        return callee.function
    try:
        return read_source(callee.function)
    except SourceError:
        return None


def _short_formula(source: Source) -> gast.expr | None:
    """What the function returns, if that is all it does and it is short."""
    arguments, body = source.node.args, source.node.body
    if isinstance(body[0], gast.Expr) and isinstance(body[0].value, gast.Constant):
        body = body[1:]
    plain = not (
        arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.defaults
        or source.node.decorator_list or source.rule is not None
    )  # fmt: skip
    if (
        not plain
        or any(source.scopes.values())
        or len(body) != 1
        or not isinstance(body[0], gast.Return)
    ):
        return None
    value = body[0].value
    if value is None or not all(isinstance(n, PLAIN) for n in core.walk(value)):
        return None
    operations = sum(isinstance(n, (gast.BinOp, gast.UnaryOp, gast.Call)) for n in core.walk(value))
    return value if 1 <= operations <= MOST_OPERATIONS else None


def _means_the_same(lowerer: Any, source: Source, expression: gast.expr) -> bool:
    """Do the names of the helper mean the same to the caller, and has every operation a rule?"""
    caller = lowerer.source
    if source.globals is not caller.globals or source.renamed or caller.renamed or source.extras:
        return False
    parameters = set(source.parameters)
    for node in core.walk(expression):
        if core.is_name(node) and node.id not in parameters:
            known = node.id in lowerer.scope.local or node.id in lowerer.local_functions
            if known or node.id in source.cells or node.id in caller.cells:
                return False
            if node.id in source.globals and node.id in RESERVED:
                if source.globals[node.id] is not RESERVED[node.id]:
                    return False
        elif isinstance(node, gast.Call):
            row = _row(lowerer, node.func)
            if row is None or row.kind == "missing":
                return False
        elif isinstance(node, (gast.BinOp, gast.UnaryOp)) and operator_row(node.op) is None:
            return False
    return True


def _row(lowerer: Any, func: gast.expr) -> table.Row | None:
    value = lowerer.scope.value(func)
    return None if value is UNKNOWN else table.row_of(value)


def _filled(node: Any, values: dict[str, gast.expr]) -> Any:
    """The expression with values in place of parameters."""
    if core.is_name(node):
        return core.copy(values[node.id]) if node.id in values else node
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, gast.AST):
            setattr(node, name, _filled(value, values))
        elif isinstance(value, list):
            setattr(node, name, [_filled(v, values) for v in value])
    return node
