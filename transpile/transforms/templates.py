"""Fill the slots of a row's templates with the expressions of a call."""

from __future__ import annotations

from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.primitives import table


def fill(text: str, slots: dict[str, gast.expr]) -> gast.expr:
    """The template's expression with every slot replaced by a copy of its expression."""
    return _fill(core.expression(text), slots)


def _fill(node: Any, slots: dict[str, gast.expr]) -> Any:
    if isinstance(node, gast.Name):
        return core.copy(slots[node.id]) if node.id in slots else node
    for field in node._fields:
        value = getattr(node, field, None)
        if isinstance(value, gast.AST):
            setattr(node, field, _fill(value, slots))
        elif isinstance(value, list):
            new = [_fill(v, slots) if isinstance(v, gast.AST) else v for v in value]
            setattr(node, field, new)
    return node


def argument_slots(row: table.Row, arguments: dict[str, Any]) -> dict[str, gast.expr]:
    """Slot -> expression for every parameter of the row, defaults included."""
    slots: dict[str, gast.expr] = {}
    for name, parameter in row.parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL:
            values = arguments.get(name, [])
            slots[name] = gast.Tuple(list(values), gast.Load())
            slots.update({f"{name}_{i}": v for i, v in enumerate(values)})
        elif name in arguments:
            slots[name] = arguments[name]
        elif parameter.default is not parameter.empty:
            slots[name] = _default(parameter.default)
    return slots


def _default(value: Any) -> gast.expr:
    if isinstance(value, (tuple, list)):
        return gast.Tuple([_default(v) for v in value], gast.Load())
    return core.constant(value)


def rule_text(rule: Any, call: table.Call, position: int | None = None) -> str | None:
    """The template of a rule; rules may be functions of the call (and the operand's position)."""
    if not callable(rule):
        return rule
    return rule(call) if position is None else rule(call, position)
