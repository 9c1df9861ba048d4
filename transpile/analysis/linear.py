"""Is a function linear in some of its parameters? An analysis over core form.

Every value has a degree: zero, constant (it does not depend on the linear parameters), linear, or
something else. The degree of a line follows from its row: a row is linear in an argument if its
tangent reads neither that argument nor the result (``x * c``, ``np.sum(x)``, ``c @ x``), and if no
other argument adds to the result (``x + 1`` is not linear, ``x + 0`` is). What depends on a linear
parameter by a test, an index or a rounding is something else; shapes and dtypes are constants.

Values of no degree are told of only where the result is made of them: what does not reach it may
be anything. Calls are followed into their functions, recursion to a fixpoint. Containers whose
items are known by place are followed item by item.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

import gast
import numpy as np

from redraft.transpile import core
from redraft.transpile.analysis.liveness import value_reads
from redraft.transpile.analysis.versions import changed_names, is_touch, updated_name
from redraft.transpile.errors import Span, TransformError
from redraft.transpile.front.callee import PARTIAL_CALL, STAR, Function, Primitive, Transformed
from redraft.transpile.front.coarse import SHAPE_ATTRIBUTES
from redraft.transpile.front.expressions import Construct
from redraft.transpile.front.scope import UNKNOWN
from redraft.transpile.front.source import Source
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
SAME = {"rt.own", "rt.snapshot", "list", "tuple", "dict"}  # the items stay as they are


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


# --- functions

LINEAR_CALLS = {"call_bwd": 1, "call_lin": 1}  # run-time calls -> what they are linear in
TANGENT_CALLS = {"call_jvp": 0, "star_jvp": 0, "method_jvp": 1}  # they give value and tangent


class Linear:
    """Finds the forms of functions that call each other; one per question."""

    def __init__(self, unit: Any) -> None:
        self.unit = unit
        self.known: dict[Any, Form] = {}
        self.running: set[Any] = set()
        self.met: set[Any] = set()

    def result(self, source: Source, forms: dict[str, Form]) -> Form:
        """The form of the result of a function from those of its arguments."""
        if all(f.degree <= CONSTANT for f in forms.values()):
            return FIXED
        key = (source, tuple(sorted(forms.items())))
        if key in self.running:
            self.met.add(key)
            return self.known[key]
        if key in self.known:
            return self.known[key]
        self.known[key] = NOTHING
        while True:
            self.running.add(key)
            found = Walk(self, source, forms).run()
            self.running.discard(key)
            if found == self.known[key] or key not in self.met:
                self.known[key] = found
                return found
            self.known[key] = merged(self.known[key], found)


class Walk:
    """The forms of the variables of one function, statement by statement."""

    def __init__(self, search: Linear, source: Source, forms: dict[str, Form]) -> None:
        from redraft.transpile.function import prepare

        self.search, self.source = search, source
        active = {name for name, form in forms.items() if form.degree > CONSTANT}
        self.prepared = prepare(source, active, search.unit)
        self.env: dict[str, Form] = {p: forms.get(p, FIXED) for p in source.parameters}
        self.statement: Any = None
        self.before: Any = None

    def run(self) -> Form:
        """The form of the result."""
        self.block(self.prepared.body[:-1])
        self.statement = self.prepared.body[-1]
        return self.value(self.statement.value)

    def span(self, node: Any) -> Span | None:
        own = self.source.span(node)
        return own or self.source.span(self.statement.origin.node)

    def other(self, node: Any, reason: str) -> Form:
        return Form(OTHER, None, reason, self.span(node))

    # --- statements

    def block(self, body: list[gast.stmt]) -> None:
        for statement in body:
            self.statement = statement
            visit = getattr(self, "visit_" + type(statement).__name__, self.opaque)
            visit(statement)
            self.before = statement

    def opaque(self, statement: Any) -> None:
        """A statement that was left as the user wrote it."""
        form = self.reading(statement)
        for name in changed_names([statement]):
            self.env[name] = form

    def visit_FunctionDef(self, statement: gast.FunctionDef) -> None:
        self.env[statement.name] = self.reading(statement)

    def visit_Assign(self, statement: gast.Assign) -> None:
        form = self.value(statement.value)
        popped = updated_name(statement)
        for target in statement.targets:
            self.store(target, form)
        if popped in self.env and core.is_name(statement.targets[0]):
            self.env[popped] = self.env[popped].whole()

    def store(self, target: Any, form: Form) -> None:
        if isinstance(target, gast.Starred):
            target, form = target.value, form.whole()
        if core.is_name(target):
            self.env[target.id] = form
        elif isinstance(target, (gast.Tuple, gast.List)):
            starred = any(isinstance(e, gast.Starred) for e in target.elts)
            for place, element in enumerate(target.elts):
                self.store(element, form.whole() if starred else form.part(place))
        else:
            self.update(updated_name(self.statement), target, form)

    def update(self, owner: str | None, target: Any, form: Form) -> None:
        """What `owner`, and everything that shares its memory, is after ``owner[…] = form``."""
        index = getattr(target, "slice", None)
        chosen = FIXED if index is None else self.reading(index)
        if chosen.degree > CONSTANT:
            form = self.other(target, "a place that depends on its value")
        facts = self.statement.facts
        changed = facts[owner].roots if owner in facts else frozenset()
        known = self.env.get(owner, FIXED)
        key = _key(target)
        for name in self.env:
            if name != owner and name in facts and facts[name].reach & changed:
                self.env[name] = joined((self.env[name], form), self.span(target))
        if owner is None:
            return
        if known.parts is not None and any(k == key for k, _ in known.parts):
            parts = [(k, form if k == key else f) for k, f in known.parts]
            self.env[owner] = of_parts(parts, self.span(target))
        else:
            self.env[owner] = joined((known, form), self.span(target))

    def visit_AugAssign(self, statement: gast.AugAssign) -> None:
        target = statement.target
        value = self.value(statement.value)
        if not isinstance(statement.op, (gast.Add, gast.Sub)):
            now = self.reading(_as_load(target))
            product = isinstance(statement.op, (gast.Mult, gast.Div))
            if max(now.degree, value.degree) <= CONSTANT:
                value = FIXED
            elif not product or value.degree > CONSTANT or now.degree > LINEAR:
                value = self.other(statement.value, "an update that is not linear")
            else:
                value = now
        if core.is_name(target):
            self.env[target.id] = joined((self.env.get(target.id, FIXED), value), self.span(target))
        self.update(target.id if core.is_name(target) else updated_name(statement), target, value)

    def visit_Expr(self, statement: gast.Expr) -> None:
        owner = updated_name(statement)
        if owner is None or owner not in self.env:
            return
        call = statement.value
        if is_touch(statement):
            self.touched(owner)
        elif getattr(statement, "accumulate", False):
            index = self.reading(call.args[1])
            form = self.value(call.args[2])
            if index.degree > CONSTANT:
                form = self.other(call, "a place that depends on its value")
            self.update(owner, None, form)
        elif call.func.attr == "pop":
            self.env[owner] = self.env[owner].whole()
        else:
            *places, value = call.args or [core.constant(None)]
            form = self.value(value).whole()
            if any(self.reading(p).degree > CONSTANT for p in places):
                form = self.other(call, "a place that depends on its value")
            self.env[owner] = self.env[owner].whole()
            self.update(owner, None, form)

    def touched(self, owner: str) -> None:
        """The call before may have changed an argument, to what its other arguments are."""
        read = FIXED if self.before is None else self.reading(self.before)
        if max(read.degree, self.env[owner].degree) > CONSTANT:
            self.env[owner] = self.other(
                getattr(self.before, "value", None), "a call that changes what it is given"
            )
        else:
            self.env[owner] = FIXED

    # --- control flow

    def visit_If(self, statement: gast.If) -> None:
        test = self.reading(statement.test)
        start = dict(self.env)
        self.block(statement.body)
        then, self.env = self.env, dict(start)
        self.block(statement.orelse)
        self.statement = statement
        self.join(then, self.span(statement.test))
        self.depend(statement, test, statement.test)

    def join(self, other: dict[str, Form], span: Span | None) -> None:
        for name, form in other.items():
            self.env[name] = merged(self.env.get(name, NOTHING), form, span)

    def depend(self, statement: Any, test: Form, node: Any) -> None:
        """What a statement changes is of no degree if it depends on the values whether it does."""
        if test.degree > CONSTANT:
            reason = "whether this runs depends on its value"
            form = test if test.degree == OTHER else self.other(node, reason)
            for name in changed_names([statement]):
                self.env[name] = form

    def visit_For(self, statement: gast.For) -> None:
        self.loop(statement, statement.iter)

    def visit_While(self, statement: gast.While) -> None:
        self.loop(statement, statement.test)

    def loop(self, statement: Any, head: Any) -> None:
        tests = [s for s in statement.body if _leaves(s)]
        while True:
            start = dict(self.env)
            if isinstance(statement, gast.For):
                self.statement = statement
                self.bind(statement.target, statement.iter)
            self.block(statement.body)
            self.statement = statement
            self.join(start, self.span(head))
            for node in [head, *(t.test for t in tests)]:
                rounds = self.count(node) if node is statement.__dict__.get("iter") else None
                self.depend(statement, rounds or self.reading(node), node)
            if self.env == start:
                return

    def count(self, node: Any) -> Form:
        """The form of how often a loop over this runs: lengths are constants."""
        if isinstance(node, gast.Call) and core.is_name(node.func) and node.func.id != "range":
            return joined(map(self.count, node.args))
        if isinstance(node, gast.Call):
            return self.reading(node) if core.is_name(node.func) else FIXED
        form = self.value(node)
        return form if form.degree == OTHER else FIXED

    def bind(self, target: Any, node: Any) -> None:
        """Give the target of a loop the form of an item."""
        function, args = "", []
        if isinstance(node, gast.Call):
            function = node.func.id if core.is_name(node.func) else getattr(node.func, "attr", "")
            args = node.args
        parts = getattr(target, "elts", None)
        if function == "reversed":
            self.bind(target, args[0])
        elif function == "enumerate" and parts and len(parts) == 2:
            self.store(parts[0], FIXED)
            self.bind(parts[1], args[0])
        elif function == "zip" and parts and len(parts) == len(args):
            for part, argument in zip(parts, args, strict=True):
                self.bind(part, argument)
        elif function == "items" and parts and len(parts) == 2:
            self.store(parts[0], FIXED)
            self.store(parts[1], self.item(self.value(node.func.value)))
        elif function == "values":
            self.store(target, self.item(self.value(node.func.value)))
        elif function == "keys" or (function == "range" and self.count(node).degree <= CONSTANT):
            self.store(target, FIXED)
        else:
            form = self.reading(node) if isinstance(node, gast.Call) else self.value(node)
            self.store(target, self.item(form))

    def item(self, form: Form) -> Form:
        """Any item of a container."""
        if not form.parts:
            return form
        first, *rest = [f for _, f in form.parts]
        for other in rest:
            first = merged(first, other, self.span(self.statement.iter))
        return first

    def visit_With(self, statement: gast.With) -> None:
        for item in statement.items:
            if item.optional_vars is not None:
                self.store(item.optional_vars, self.reading(item.context_expr))
        self.block(statement.body)

    # --- expressions

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
        return self.value(node.value).part(_key(node))

    def value_UnaryOp(self, node: gast.UnaryOp) -> Form:
        if isinstance(node.op, gast.USub) and core.is_number(node.operand, 0):
            return NOTHING
        return self.reading(node)

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
            of_runtime = core.is_name(node.func.value) and node.func.value.id == "rt"
            if of_runtime and node.func.attr in {*LINEAR_CALLS, *TANGENT_CALLS}:
                return self.run_time_call(node, operands)
            if node.func.attr in ("pop", "get", "copy", "values") and "callee" in node.__dict__:
                return self.value(node.func.value).part(_key(node)).whole()
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

    def run_time_call(self, node: gast.Call, operands: list[Form]) -> Form:
        """``rt.call_bwd(record, bar)`` is linear in `bar`, ``rt.call_jvp(dots, …)`` in `dots`."""
        name = node.func.attr
        place = LINEAR_CALLS.get(name, TANGENT_CALLS.get(name))
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


def _key(node: Any) -> Any:
    """The literal place, key or field of ``x[0]``, ``x["a"]`` or ``x.a``."""
    if isinstance(node, gast.Attribute):
        return node.attr
    found = table.literal(getattr(node, "slice", None))
    return UNKNOWN if found is table.UNKNOWN else found


def _leaves(statement: gast.stmt) -> bool:
    return isinstance(statement, gast.If) and any(isinstance(s, gast.Break) for s in statement.body)


def _as_load(node: Any) -> Any:
    node = core.copy(node)
    node.ctx = gast.Load()
    return node


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


# --- the question

HINT = "write it as a linear function: products with constants, sums of what depends on it"


def linear_form(source: Source, names: Iterable[str], unit: Any) -> Form:
    """How the result of a function depends on some of its parameters.

    Args:
        source: the function.
        names: the parameters in which it may be linear; all others are constants.
        unit: the unit that reads the sources of what it calls.

    Returns:
        The `Form` of the result; ``form.part(1)`` is that of the second item of a pair.
    """
    return Linear(unit).result(source, dict.fromkeys(names, STRAIGHT))


def check_linear(source: Source, names: Iterable[str], unit: Any, part: Any = None) -> None:
    """Refuse a function that is not linear in some of its parameters, taken together.

    Args:
        source: the function.
        names: the parameters.
        unit: the unit that reads the sources of what it calls.
        part: place or key of the part of the result that is looked at; all of it for None.

    Raises:
        TransformError: at the line that is not linear.
    """
    names = list(names)
    form = linear_form(source, names, unit)
    shown = " and ".join(f"`{n}`" for n in names)
    for leaf in (form if part is None else form.part(part)).flat():
        if leaf.degree == OTHER:
            place = leaf.span or source.span(source.node.body[-1])
            raise TransformError(f"not linear in {shown}: {leaf.reason}", place, HINT)
        if leaf.degree == CONSTANT:
            message = f"not linear in {shown}: the result does not depend on it"
            raise TransformError(message, source.span(source.node.body[-1]), HINT)


def check_constant(source: Source, names: Iterable[str], unit: Any, part: Any) -> None:
    """Refuse a function of which a part of the result depends on some of its parameters.

    Args:
        source, names, unit, part: as for `check_linear`.

    Raises:
        TransformError: at the end of the function.
    """
    names = list(names)
    if linear_form(source, names, unit).part(part).degree > CONSTANT:
        shown = " and ".join(f"`{n}`" for n in names)
        place = source.span(source.node.body[-1])
        raise TransformError(f"the value depends on {shown}", place, "compute it from the primals")


__all__ = [
    "CONSTANT",
    "LINEAR",
    "OTHER",
    "ZERO",
    "Form",
    "check_constant",
    "check_linear",
    "linear_form",
]
