"""The degree of an expression: of a row, a container, a call (see linear.py)."""

from __future__ import annotations

from copy import copy
from typing import Any

import gast
import numpy as np

from redraft.transpile import core
from redraft.transpile.analysis.linear_forms import (
    CONSTANT,
    FIXED,
    LINEAR,
    NOTHING,
    OTHER,
    SAME,
    STRAIGHT,
    ZERO,
    ZEROS,
    Form,
    RowCall,
    adds,
    joined,
    of_parts,
)
from redraft.transpile.analysis.liveness import value_reads
from redraft.transpile.errors import Span, TransformError
from redraft.transpile.front.callee import (
    PARTIAL_CALL,
    STAR,
    Function,
    Primitive,
    Transformed,
    operator_row,
)
from redraft.transpile.front.coarse import SHAPE_ATTRIBUTES
from redraft.transpile.front.expressions import Construct
from redraft.transpile.front.scope import UNKNOWN
from redraft.transpile.front.source import Source
from redraft.transpile.primitives import table

LINEAR_CALLS = {"call_bwd": 1, "call_lin": 1}  # run-time calls -> what they are linear in
TANGENT_CALLS = {"call_jvp": 0, "star_jvp": 0, "method_jvp": 1}  # they give value and tangent


class Values:
    """Forms of expressions; mixed into the walk over a function's statements."""

    search: Any
    source: Source
    prepared: Any
    env: dict[str, Form]
    statement: Any

    def span(self, node: Any) -> Span | None:
        """Where something stands, for messages."""
        own = self.source.span(node)
        return own or self.source.span(self.statement.origin.node)

    def other(self, node: Any, reason: str) -> Form:
        """The form of something that has no degree, and why."""
        return Form(OTHER, None, reason, self.span(node))

    def reading(self, node: Any) -> Form:
        """The form of something made of the values that it reads, nobody knows how."""
        by_value = value_reads(_without_lengths(node))
        forms = {n: self.env[n] for n in sorted(core.reads(node)) if n in self.env}
        found = joined(f for n, f in forms.items() if n in by_value or f.degree == OTHER)
        if found.degree <= CONSTANT:
            return FIXED
        return found if found.degree == OTHER else self.other(node, self.blame(node))

    def blame(self, node: Any) -> str:
        """What it is in an expression that is not linear."""
        for inner in core.walk(node):
            if isinstance(inner, gast.Compare):
                return "a comparison of its value"
            row = None
            if isinstance(inner, gast.Call):
                row = table.row_of(self.prepared.lowerer.scope.value(inner.func))
            if row is not None and row.kind == "no_derivative" and row.name != "range":
                return f"`{row.name}` is not linear"
        return "here its value is used in a way that is not linear"

    def value(self, node: Any) -> Form:
        if core.is_name(node):
            return self.env.get(node.id, FIXED)
        if isinstance(node, gast.Constant):
            zero = core.is_number(node, 0) or node.value is None
            return NOTHING if zero else FIXED
        callee = getattr(node, "callee", None)
        if isinstance(callee, Primitive):
            return self.row(node, callee)
        visit = getattr(self, "value_" + type(node).__name__, None)
        return visit(node) if visit is not None else self.reading(node)

    def value_Tuple(self, node: Any) -> Form:
        if any(isinstance(e, gast.Starred) for e in node.elts):
            return joined(self.value(getattr(e, "value", e)) for e in node.elts)
        return of_parts([(i, self.value(e)) for i, e in enumerate(node.elts)], self.span(node))

    value_List = value_Tuple

    def value_Dict(self, node: gast.Dict) -> Form:
        pairs = zip(node.keys, node.values, strict=True)
        keyed = [(k.value if isinstance(k, gast.Constant) else UNKNOWN, v) for k, v in pairs]
        forms = [(k, self.value(v)) for k, v in keyed]
        if any(k is UNKNOWN for k, _ in forms):
            return joined((f for _, f in forms), self.span(node))
        return of_parts(forms, self.span(node))

    def value_Attribute(self, node: gast.Attribute) -> Form:
        if node.attr in SHAPE_ATTRIBUTES and node.attr not in self.source.plain_names:
            return self.reading(node)
        return self.value(node.value).part(node.attr)

    def value_Subscript(self, node: gast.Subscript) -> Form:
        if self.reading(node.slice).degree > CONSTANT:
            return self.reading(node)
        return self.value(node.value).part(key_of(node))

    def value_BinOp(self, node: Any) -> Form:
        row = operator_row(node.op)
        return self.reading(node) if row is None else self.row(node, Primitive(row))

    value_UnaryOp = value_BinOp

    def value_Call(self, node: gast.Call) -> Form:
        callee = getattr(node, "callee", None)
        if isinstance(callee, Construct):
            pairs = [*zip(callee.fields, node.args, strict=False)]
            pairs += [(k.arg, k.value) for k in node.keywords]
            return of_parts([(name, self.value(v)) for name, v in pairs], self.span(node))
        if isinstance(callee, (Function, Transformed)):
            return self.called(node, callee)
        operands = [self.value(a) for a in (*node.args, *(k.value for k in node.keywords))]
        if callee is None and isinstance(node.func, gast.Attribute):
            if core.is_name(node.func.value) and node.func.value.id == "rt":
                found = self.run_time_call(node, operands)
                if found is not None:
                    return found
            if node.func.attr in ("pop", "get", "copy", "values") and "callee" in node.__dict__:
                return self.value(node.func.value).part(key_of(node)).whole()
        row = table.row_of(self.prepared.lowerer.scope.value(node.func)) if callee is None else None
        if row is not None:  # the lowering left the call alone
            return self.row(node, Primitive(row))
        if callee in (None, STAR, PARTIAL_CALL):
            found = joined([*operands, self.reading(node.func)])
            if found.degree in (ZERO, CONSTANT):
                return FIXED
            reason = "a call of a function that is known only when it runs"
            return found if found.degree == OTHER and found.span else self.other(node, reason)
        return self.reading(node)

    value_CapturingCall = value_Call

    def run_time_call(self, node: gast.Call, operands: list[Form]) -> Form | None:
        """``rt.call_bwd(record, bar)`` is linear in `bar`, ``rt.call_jvp(dots, …)`` in `dots`."""
        name = node.func.attr
        if f"rt.{name}" in ZEROS:
            return NOTHING
        place = LINEAR_CALLS.get(name, TANGENT_CALLS.get(name))
        if place is None:
            return None
        rest = joined([*operands[:place], *operands[place + 1 :]])
        if rest.degree > CONSTANT:
            return self.reading(node)
        form = operands[place].whole()
        if form.degree == CONSTANT:
            return FIXED
        return form if name in LINEAR_CALLS else of_parts([(0, FIXED), (1, form)])

    def called(self, node: Any, callee: Any) -> Form:
        """The result of a Python function."""
        from redraft.transpile.transforms.pull import Pull

        source = self.search.unit.source_of(callee, lambda m, h: TransformError(m, None, h))
        operands = Pull.bind_call(self, source, node)
        return self.search.result(source, {p: self.value(v) for p, v in operands.items()})

    @property
    def unit(self) -> Any:
        return self.search.unit

    def refuse(self, node: Any, message: str, hint: str | None = None) -> TransformError:
        return TransformError(message, self.span(node), hint or "write the call out")

    # --- rows

    def row(self, node: Any, callee: Primitive) -> Form:
        row = callee.row
        try:
            arguments = callee.arguments(node)
        except table.BindError:
            return self.reading(node)
        forms = {p: self.argument(a) for p, a in arguments.items()}
        if row.name in ZEROS:
            return NOTHING
        if row.operator == "[]" and forms["x"].parts is not None:
            return self.value_Subscript(node)
        if row.name in SAME:
            return next(iter(forms.values()), NOTHING)
        if row.name == "rt.finite":  # zero where the factor that it is multiplied with is zero
            return self.factor(forms["factor"])
        call = RowCall(row, arguments, forms)
        for degree in (OTHER, LINEAR):
            active = [s for s, f in call.slots.items() if f.degree == degree]
            if not active:
                continue
            if degree == OTHER:
                return call.slots[active[0]]
            reason = self.why_not(call, active)
            return STRAIGHT if reason is None else self.other(node, reason)
        zeros = [s for s, f in call.slots.items() if f.degree == ZERO]
        vanishes = any(self.why_not(call, [slot]) is None for slot in zeros)
        vanishes = vanishes or (bool(zeros) and self.why_not(call, zeros) is None)
        return NOTHING if vanishes else FIXED

    def argument(self, value: Any) -> Form:
        if isinstance(value, list):
            return of_parts([(i, self.value(v)) for i, v in enumerate(value)])
        if isinstance(value, gast.Slice) or _holds_slice(value):
            return self.reading(value)
        return self.value(value)

    def factor(self, form: Form) -> Form:
        return FIXED if form.degree <= CONSTANT else form.whole()

    def why_not(self, call: RowCall, active: list[str]) -> str | None:
        """Why a call is not linear in some arguments, or None."""
        row = call.row
        if row.kind in ("no_derivative", "missing"):
            return f"`{row.name}` is not linear"
        if "dtype" in call.arguments and not self.keeps_fractions(call.arguments["dtype"]):
            return f"`{row.name}` may round to integers"
        if row.name == "np.pad":
            mode = table.literal(call.arguments.get("mode", core.constant("constant")))
            if mode == "constant" and self.value(
                call.arguments.get("constant_values", core.constant(0))
            ) != NOTHING:  # fmt: skip
                return adds(row)
        return call.linear_in(active)

    def keeps_fractions(self, node: Any) -> bool:
        """Is this certainly a dtype of floating-point or complex numbers, or that of an argument?"""
        if isinstance(node, gast.Attribute) and node.attr == "dtype":
            return True
        value = self.prepared.lowerer.scope.value(node)
        if value is UNKNOWN and isinstance(node, gast.Constant):
            value = node.value
        try:
            return value is None or np.dtype(value).kind in "fc"
        except TypeError:
            return False


def key_of(node: Any) -> Any:
    """The literal place, key or field of ``x[0]``, ``x["a"]`` or ``x.a``."""
    if isinstance(node, gast.Attribute):
        return node.attr
    found = table.literal(getattr(node, "slice", None))
    return UNKNOWN if found is table.UNKNOWN else found


def _holds_slice(node: Any) -> bool:
    return isinstance(node, gast.Tuple) and any(isinstance(e, gast.Slice) for e in node.elts)


def _without_lengths(node: Any) -> Any:
    """A copy in which no ``len(x)`` is left: like shapes, lengths are constants."""
    if isinstance(node, gast.Call) and core.is_name(node.func) and node.func.id == "len":
        return core.constant(1)
    if isinstance(node, gast.AST) and node._fields:
        node = copy(node)
        for name in node._fields:
            setattr(node, name, _without_lengths(getattr(node, name, None)))
    return [_without_lengths(n) for n in node] if isinstance(node, list) else node
