"""How a value depends on the linear parameters, and what becomes of it in the rows of the table.

A row is linear in an argument if its tangent reads neither that argument nor the result (``x * c``,
``np.sum(x)``, ``c @ x``), and if no other argument adds to the result (``x + 1`` is not linear,
``x + 0`` is).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from redraft.transpile import core
from redraft.transpile.analysis.liveness import value_reads
from redraft.transpile.errors import Span
from redraft.transpile.primitives import table
from redraft.transpile.transforms.templates import rule_text

ZERO, CONSTANT, LINEAR, OTHER = range(4)


@dataclass(frozen=True)
class Form:
    """How a value depends on the linear parameters.

    Attributes:
        degree: ``ZERO``, ``CONSTANT``, ``LINEAR`` or ``OTHER``; of a container, that of its items
            taken together.
        parts: items by place, key or field, where they are known one by one.
        reason: why there is no degree (``OTHER``).
        span: the line that is to blame.
    """

    degree: int = CONSTANT
    parts: tuple[tuple[Any, Form], ...] | None = None
    reason: str = field(default="", compare=False)
    span: Span | None = field(default=None, compare=False)

    def part(self, key: Any) -> Form:
        """The item at a place that is known; `UNKNOWN` for any."""
        for own, form in self.parts or ():
            if type(own) is type(key) and own == key:
                return form
        return self.whole()

    def whole(self) -> Form:
        """The same without the items."""
        return replace(self, parts=None) if self.parts is not None else self

    def flat(self) -> list[Form]:
        """The items of the items."""
        if self.parts is None:
            return [self]
        return [leaf for _, form in self.parts for leaf in form.flat()]


NOTHING, FIXED, STRAIGHT = Form(ZERO), Form(CONSTANT), Form(LINEAR)


def joined(forms: Iterable[Form], span: Span | None = None) -> Form:
    """The form of a sum, of a choice among values, or of a container of them."""
    found = NOTHING
    for form in forms:
        found = _join(found, form.whole(), span)
    return found


def _join(a: Form, b: Form, span: Span | None) -> Form:
    if ZERO in (a.degree, b.degree) or a.degree == b.degree:
        return a if a.degree >= b.degree else b
    if OTHER in (a.degree, b.degree):
        return a if a.degree == OTHER else b
    return Form(OTHER, None, "a part that depends on it stands beside one that does not", span)


def merged(a: Form, b: Form, span: Span | None = None) -> Form:
    """Either of two forms; items stay apart if both have them at the same places."""
    if a.parts is not None and b.parts is not None:
        keys = [k for k, _ in a.parts]
        if keys == [k for k, _ in b.parts]:
            return of_parts([(k, merged(a.part(k), b.part(k), span)) for k in keys], span)
    return joined((a, b), span)


def of_parts(parts: list[tuple[Any, Form]], span: Span | None = None) -> Form:
    """A container whose items are known by place."""
    return replace(joined((form for _, form in parts), span), parts=tuple(parts))


# --- rows

# the tangent does not show it: jumps, parts that stay, zeros that only hold at a distance
NEVER = {"np.remainder", "np.fmod", "np.heaviside", "np.arange", "rt.unless_empty"}
ZEROS = {"np.zeros", "np.zeros_like", "rt.zeros_like"}
# the items stay as they are
SAME = {"rt.own", "rt.snapshot", "rt.rule_tangent", "list", "tuple", "dict"}


@dataclass
class RowCall:
    """A call of a row, with the forms of its arguments."""

    row: table.Row
    arguments: dict[str, Any]
    forms: dict[str, Form]

    @property
    def slots(self) -> dict[str, Form]:
        """Forms by the names that templates use: several arguments of ``*values`` one by one."""
        found = {}
        for name, value in self.arguments.items():
            whole = self.forms[name].whole()
            if (name in self.row.shape_only or self.row.name == "len") and whole.degree != OTHER:
                continue
            if isinstance(value, list):
                found.update({f"{name}_{i}": form for i, (_, form) in enumerate(self.items(name))})
            else:
                found[name] = whole
        return found

    def items(self, name: str) -> tuple[tuple[Any, Form], ...]:
        return self.forms[name].parts or ()

    def tangent_reads(self, slot: str) -> set[str] | None:
        """What the tangent along one argument reads; None if there is none."""
        row, position, parameter = self.row, None, slot
        if slot not in self.arguments:
            parameter, _, number = slot.rpartition("_")
            position = int(number)
        rule = row.jvp.get(parameter, row.d.get(parameter))
        if rule is None:
            return None
        try:
            text = rule_text(rule, table.Call(row, self.arguments), position)
        except table.BindError:
            return None
        return None if text is None else self.names_in(text)

    def names_in(self, text: str) -> set[str]:
        names = value_reads(core.expression(text))
        if "rt.astype_dot(" in text:  # of what a cast gives, its dtype
            names.discard("ans")
        for name, value in self.arguments.items():
            if isinstance(value, list) and name in names:
                names |= {f"{name}_{i}" for i in range(len(value))}
        return names

    def linear_in(self, active: list[str]) -> str | None:
        """Why the call is not linear in these arguments; None if it is."""
        row = self.row
        plain = f"`{row.name}` is not linear"
        rest = {s: f for s, f in self.slots.items() if s not in active and f.degree != ZERO}
        if row.name in NEVER or set(active) & set(row.constant_in):
            return plain
        if row.linear_in and set(active) <= set(row.linear_in):
            return adds(row) if set(rest) & set(row.linear_in) else None
        for slot in active:
            reads = self.tangent_reads(slot)
            if reads is None or reads & {*active, "ans"}:
                return "a product of values that depend on it" if len(active) > 1 else plain
        for slot in rest:
            reads = None if slot in row.constant_in else self.tangent_reads(slot)
            if reads is not None and not reads & {*active, "ans"}:
                return adds(row)
        return None


def adds(row: table.Row) -> str:
    """The reason of a sum with a constant."""
    shown = f"`{row.operator}`" if row.operator in ("+", "-") else f"`{row.name}`"
    return f"{shown} puts a part that does not depend on it beside one that does"
