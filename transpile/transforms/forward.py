"""Push tangents forward through a function (forward mode).

Every active line is followed by the line of its tangent: ``y_dot`` after ``y``. Control flow stays
as it is. A tangent that only one branch, or only a later round of a loop, gives is zero elsewhere.
"""

from __future__ import annotations

import functools
from typing import Any

import gast
import numpy as np

from redraft.transpile import core
from redraft.transpile.analysis.facts import UNKNOWN, Fact
from redraft.transpile.analysis.versions import changed_names, updated_name
from redraft.transpile.errors import TransformError
from redraft.transpile.front.callee import PARTIAL_CALL, STAR, Function, Primitive, Transformed
from redraft.transpile.front.expressions import Construct
from redraft.transpile.front.source import Source
from redraft.transpile.function import Unit, prepare
from redraft.transpile.primitives import table
from redraft.transpile.transforms.algebra import add, multiply
from redraft.transpile.transforms.build import (
    calling,
    definition,
    finish,
    mark_parts,
    returning,
    title,
)
from redraft.transpile.transforms.pull import Pull
from redraft.transpile.transforms.templates import argument_slots, fill, rule_text


def dot_name(id: str) -> str:
    """``h.1`` -> ``h_dot.d1``; the mark keeps it apart from a user's own ``h_dot``."""
    head, _, rest = id.partition(".")
    return f"{head}_dot.d{rest}"


def tangent_parameter(parameters: list[str], name: str) -> str:
    """The parameter of a tangent function that takes the tangent of `name`."""
    wanted = f"{name}_dot"
    while wanted in parameters:
        wanted += "_"
    return wanted


def write_jvp(unit: Unit, source: Source, options: dict[str, Any]) -> Source:
    """Write ``f_jvp(x, …, x_dot, …) -> (y, y_dot)`` into the unit.

    With the option `alone`, ``f_tangent`` returns the tangent only.
    """
    source = calling(source)
    own = source.parameters[len(source.captured) :]
    names = options.get("names") or own[: options["count"]]
    prepared = prepare(source, set(names), unit, options.get("ranks"), bool(options.get("has_aux")))
    forward = Forward(prepared, unit)
    body = forward.block(prepared.body[:-1])
    result = prepared.body[-1]
    forward.statement, forward.lines = result, []
    value = result.value
    tangent = forward.tangent_or_zero(value)
    alone = bool(options.get("alone"))
    parts = [tangent] if alone else [core.copy(value), tangent]
    if getattr(result, "aux", None) is not None:
        parts.append(core.copy(result.aux))
    answer = gast.Tuple(parts, gast.Load()) if len(parts) > 1 else tangent
    body += [*forward.lines, returning(answer, source, result)]
    mark_parts(body, [])
    arguments = core.copy(source.node.args)
    dots: list[Any] = []
    for name in names:
        tangent_argument = gast.Name(
            tangent_parameter(source.parameters, name), gast.Param(), None, None
        )
        body.insert(0, _receive(name, tangent_argument.id, result))
        if "count" in options:
            dots.append(tangent_argument)
        elif arguments.vararg is None and not arguments.defaults:
            arguments.args.append(tangent_argument)
        else:
            arguments.kwonlyargs.append(tangent_argument)
            arguments.kw_defaults.append(None)
    if dots:  # after the arguments of the call, which are all given
        first = len(source.captured) + options["count"]
        positional = [*arguments.posonlyargs, *arguments.args]
        rest = len(positional) - first
        arguments.posonlyargs = []
        arguments.args = [*positional[:first], *dots, *positional[first:]]
        arguments.defaults = arguments.defaults[-rest:] if rest else []
    kind = "tangent" if alone else "jvp"
    name = unit.name_function(f"{core.base(source.name)}_{kind}")
    function = definition(name, arguments, body, title(kind, source, list(names)))
    return finish(unit, function, source, prepared)


def _receive(name: str, parameter: str, place: Any) -> gast.stmt:
    """The first line of a tangent function: its parameter is the tangent of `name`."""
    return _with_origin(core.assign(dot_name(name), core.name(parameter)), place)


class Forward:
    """Pushes tangents through one function."""

    def __init__(self, prepared: Any, unit: Unit) -> None:
        self.prepared, self.unit = prepared, unit
        self.source, self.facts = prepared.source, prepared.facts
        self.lines: list[gast.stmt] = []
        self.statement: Any = None
        self.counter = 0

    call = staticmethod(core.call)

    def refuse(self, node: Any, message: str, hint: str | None = None) -> TransformError:
        span = self.source.span(node) or self.source.span(self.statement.origin.node)
        return TransformError(message, span, hint or "see `redraft rules` for what is supported")

    def fact(self, id: str) -> Fact:
        return self.statement.facts.get(id, UNKNOWN)

    def write(self, statement: gast.stmt) -> None:
        statement.origin = self.statement.origin
        self.lines.append(statement)

    # --- blocks

    def block(self, body: list[gast.stmt]) -> list[gast.stmt]:
        out: list[gast.stmt] = []
        for statement in body:
            saved, self.lines = self.lines, []
            self.statement = statement
            self.start_aliases(statement)
            visit = getattr(self, "push_" + type(statement).__name__, self.push_other)
            kept = visit(statement)
            self.statement = statement
            before = getattr(self, "leading", [])
            self.leading = []
            out += [*before, *kept, *self.lines]
            self.lines = saved
        return out

    leading: list[gast.stmt] = []

    def push_other(self, statement: gast.stmt) -> list[gast.stmt]:
        if isinstance(statement, gast.FunctionDef) and self.is_active(statement.name, statement):
            self.write(
                core.assign(
                    dot_name(statement.name), self.closure_tangent(statement, statement.name)
                )
            )
        return [statement]

    def is_active(self, name: str, statement: Any) -> bool:
        return statement.facts.get(name, UNKNOWN).active or any(
            self.fact(n).active for n in core.reads(statement)
        )

    def push_Assign(self, statement: gast.Assign) -> list[gast.stmt]:
        target = statement.targets[0]
        value = statement.value
        if len(statement.targets) > 1:
            return [statement]
        if isinstance(target, (gast.Tuple, gast.List)):
            if core.is_name(value) and self.fact(value.id).active:
                places = [core.store(dot_name(e.id)) for e in target.elts]
                self.write(
                    gast.Assign(
                        [gast.Tuple(places, gast.Store())], core.name(dot_name(value.id)), None
                    )
                )
            return [statement]
        self.guard(statement)
        if isinstance(target, (gast.Subscript, gast.Attribute)):
            return self.push_store(statement, target)
        if updated_name(statement) in statement.facts:  # (`np.sort(…)` changes no variable)
            return self.push_pop(statement)
        if not statement.result.active:
            self.reset_if_carried(target.id)
            return [statement]
        return self.push_value(statement, target, value)

    def start_aliases(self, statement: Any) -> None:
        """Tangents for what holds an object that is about to get its first active value."""
        for name in getattr(statement, "activated", ()):
            zeros = core.assign(dot_name(name), self.call("rt.zeros_like", core.name(name)))
            self.leading = [*self.leading, _with_origin(zeros, statement)]

    def guard(self, statement: Any) -> None:
        for name in getattr(statement, "numbers", ()):
            owner = core.name(updated_name(statement))
            check = core.call("rt.refuse_view", core.name(name), owner)
            check = _with_origin(gast.Expr(check), statement)
            self.leading = [*self.leading, check]
        if getattr(statement, "shared", False):
            check = gast.Expr(core.call("rt.refuse_in_place", core.copy(statement.value.left)))
            check.origin = statement.origin
            self.leading = [*self.leading, check]

    def reset_if_carried(self, id: str) -> None:
        """A variable that gets a constant where elsewhere it carries a tangent: its tangent is zero."""
        if id in self.carried:
            self.write(core.assign(dot_name(id), self.call("rt.zeros_like", core.name(id))))

    carried: set[str] = set()

    def push_value(self, statement: Any, target: gast.Name, value: Any) -> list[gast.stmt]:
        id = target.id
        callee = getattr(value, "callee", None)
        if isinstance(value, gast.Call) and callee is PARTIAL_CALL:
            self.write(core.assign(dot_name(id), self.partial_tangent(value)))
            return [statement]
        if isinstance(value, gast.Call) and not isinstance(callee, (Primitive, Construct)):
            return self.push_call(statement, target, value, callee)
        tangent = self.tangent_of(target, value, callee)
        if self.needs_copy(statement, tangent):
            tangent = self.call("rt.snapshot", tangent)
        if core.reads(value) & {id}:  # the tangent needs the old value: it comes first
            if self.reads_result(tangent):
                kept = self.fresh(core.base(id))
                first = core.assign(kept, value, statement.origin)
                _replace_name(tangent, RESULT, kept)
                second = core.assign(id, core.name(kept), statement.origin)
                self.write(core.assign(dot_name(id), tangent))
                self.write(second)
                return [first]
            self.leading = [
                *self.leading,
                _with_origin(core.assign(dot_name(id), tangent), statement),
            ]
            return [statement]
        _replace_name(tangent, RESULT, id)
        self.write(core.assign(dot_name(id), tangent))
        self.lines[-1].write_back = getattr(statement, "write_back", False)
        return [statement]

    def needs_copy(self, statement: Any, tangent: Any) -> bool:
        """Is the value a new array, and the tangent not, which a later change in place may reach?

        That of ``y + 1`` is the tangent of `y`: it must not follow what `y` becomes.
        """
        site = self.facts.site(statement)
        if site not in statement.result.roots or _is_new(tangent):
            return False
        operands = [self.fact(n).reach for n in core.reads(statement.value) if n in statement.facts]
        return bool(self.mutated & frozenset({site}).union(*operands))

    @functools.cached_property
    def mutated(self) -> frozenset:
        """Memory that some statement changes in place."""
        found: set = set()
        for statement in core.walk_statements(self.prepared.body):
            owner = updated_name(statement)
            if owner is not None and owner in getattr(statement, "facts", {}):
                found |= statement.facts[owner].roots
        return frozenset(found)

    def fresh(self, base: str) -> str:
        self.counter += 1
        return f"{base}.b{self.counter}"

    def reads_result(self, node: Any) -> bool:
        return RESULT in core.reads(node)

    # --- tangents of values

    def dot(self, node: Any) -> gast.expr:
        """Tangent of an atom; zeros where it has none."""
        if core.is_name(node) and self.fact(node.id).active:
            return core.name(dot_name(node.id))
        if isinstance(node, gast.Starred):
            return gast.Starred(self.dot(node.value), gast.Load())
        return self.call("rt.zeros_like", core.copy(node))

    def tangent_or_zero(self, value: Any) -> gast.expr:
        return self.dot(value)

    def tangent_of(self, target: gast.Name, value: Any, callee: Any) -> gast.expr:
        if isinstance(callee, Primitive):
            return self.primitive_tangent(value, callee)
        if isinstance(callee, Construct):
            return self.construct_tangent(value, callee)
        if isinstance(value, gast.Name):
            return core.name(dot_name(value.id))
        if isinstance(value, (gast.Tuple, gast.List)):
            return type(value)([self.dot(e) for e in value.elts], gast.Load())
        if isinstance(value, gast.Dict):
            return gast.Dict(
                [core.copy(k) for k in value.keys], [self.dot(v) for v in value.values]
            )
        if isinstance(value, gast.Attribute):
            return gast.Attribute(core.name(dot_name(value.value.id)), value.attr, gast.Load())
        if isinstance(value, gast.Lambda):
            return self.closure_tangent(value, None)
        raise self.refuse(value, f"`{type(value).__name__}` cannot be differentiated here")

    def partial_tangent(self, node: gast.Call) -> gast.expr:
        function = node.args[0]
        active = core.is_name(function) and self.fact(function.id).active
        held = self.dot(function) if active else core.constant(None)
        args = gast.List([self.dot(a) for a in node.args[1:]], gast.Load())
        keys = [core.constant(k.arg) for k in node.keywords]
        keywords = gast.Dict(keys, [self.dot(k.value) for k in node.keywords])
        return self.call("rt.partial_dot", core.copy(function), held, args, keywords)

    def construct_tangent(self, value: gast.Call, callee: Construct) -> gast.expr:
        fields = [*zip(callee.fields, value.args, strict=False)]
        fields += [(k.arg, k.value) for k in value.keywords]
        keys = [core.constant(f) for f, _ in fields]
        dots = [self.dot(v) for _, v in fields]
        for field in callee.fields:  # left out in the call: it has its default
            if field not in {f for f, _ in fields}:
                keys.append(core.constant(field))
                default = gast.Attribute(core.name(RESULT), field, gast.Load())
                dots.append(self.call("rt.zeros_like", default))
        return self.call("rt.Struct", gast.Dict(keys, dots))

    def closure_tangent(self, node: Any, own: str | None) -> gast.expr:
        names = [n for n in sorted(core.reads(node)) if n != own and self.fact(n).active]
        return gast.Dict([core.constant(n) for n in names], [core.name(dot_name(n)) for n in names])

    def primitive_tangent(self, node: Any, callee: Primitive) -> gast.expr:
        row = callee.row
        arguments = callee.arguments(node)
        if row.operator in ("+", "*") and self.statement.result.kind in ("list", "tuple"):
            return self.items_tangent(node, row)
        active = Pull.active_parameters(self, row, arguments)
        call = table.Call(row, arguments, self.rank_of)
        slots = {k: core.copy(v) for k, v in argument_slots(row, arguments).items()}
        slots["ans"] = core.name(RESULT)
        for parameter in arguments:
            value = arguments[parameter]
            if isinstance(value, list):
                slots[f"{parameter}_dot"] = gast.Tuple([self.dot(v) for v in value], gast.Load())
                for i, v in enumerate(value):
                    slots[f"{parameter}_{i}_dot"] = self.dot(v)
            else:
                slots[f"{parameter}_dot"] = self.dot(value)
        if row.linear_in and set(active) <= set(row.linear_in):
            return self.linear_tangent(node, callee, row, active)
        total: gast.expr | None = None
        for parameter in active:
            if parameter in row.constant_in:
                continue
            for position, operand in Pull.operands(self, row, arguments, parameter):
                part = self.part(node, row, call, parameter, position, operand, slots)
                if total is None:
                    total = part
                elif row.name.startswith("rt.add"):
                    total = self.call("rt.add", total, part)
                else:
                    total = add(total, part)
        if total is None:
            return self.call("rt.zeros_like", core.name(RESULT))
        return self.broadcast_tangent(node, row, arguments, active, total)

    def items_tangent(self, node: gast.BinOp, row: table.Row) -> gast.expr:
        """Tangent of ``xs + ys`` and of ``xs * n``: the same of the tangents of the items."""
        kind = self.statement.result.kind

        def dots(operand: Any) -> gast.expr:
            if core.is_name(operand) and self.fact(operand.id).active:
                return self.dot(operand)
            if row.operator == "*" and self.fact_of(operand).kind != kind:
                return core.copy(operand)  # how many times
            zeros = self.dot(operand)
            return core.call("tuple", zeros) if kind == "tuple" else zeros

        return gast.BinOp(dots(node.left), node.op, dots(node.right))

    def fact_of(self, operand: Any) -> Fact:
        return self.facts.value(operand, self.statement.facts, self.statement)

    def broadcast_tangent(
        self, node: Any, row: Any, arguments: Any, active: list, total: Any
    ) -> gast.expr:
        """A tangent has the shape of its value, even where only a smaller operand is active."""
        if row.kind != "elementwise" or len(arguments) < 2:
            return total
        result = self.statement.result
        for parameter in arguments:
            fact = self.facts.value(arguments[parameter], self.statement.facts, self.statement)
            reads = core.reads(total)
            operand = arguments[parameter]
            if result.shape is not None and fact.shape == result.shape and core.is_name(operand):
                if operand.id in reads or (parameter in active and dot_name(operand.id) in reads):
                    return total
        others = [self.rank_of(a) for p, a in arguments.items() if p not in active]
        if result.rank == 0 or all(rank == 0 for rank in others):
            return total
        return self.call("rt.broadcast_like", total, core.name(RESULT))

    def part(
        self,
        node: Any,
        row: Any,
        call: Any,
        parameter: str,
        position: Any,
        operand: Any,
        slots: Any,
    ) -> gast.expr:
        rule = row.jvp.get(parameter)
        if rule is not None:
            try:
                text = rule_text(rule, call, position)
            except table.BindError as error:
                raise self.refuse(node, str(error)) from None
            if text is not None:
                return fill(text, slots)
        if parameter in row.d:
            factor = fill(rule_text(row.d[parameter], call), slots)
            return multiply(core.copy(slots[f"{parameter}_dot"]), factor)
        if parameter in row.linear_in:
            return self.linear_tangent(node, node.callee, row, [parameter])
        raise self.refuse(node, f"{row.name}: no derivative with respect to `{parameter}`")

    def linear_tangent(
        self, node: Any, callee: Primitive, row: Any, active: list[str]
    ) -> gast.expr:
        """The function itself, applied to the tangents of what it is linear in."""
        new = core.copy(node)
        arguments = callee.arguments(new)
        wanted = {id(v) for p in row.linear_in if p in arguments for v in _as_list(arguments[p])}

        def replace(tree: Any) -> Any:
            if id(tree) in wanted:
                return self.dot(tree)
            for field in tree._fields:
                value = getattr(tree, field, None)
                if isinstance(value, gast.AST):
                    setattr(tree, field, replace(value))
                elif isinstance(value, list):
                    setattr(
                        tree, field, [replace(v) if isinstance(v, gast.AST) else v for v in value]
                    )
            return tree

        return replace(new)

    def rank_of(self, expression: Any) -> int | None:
        if core.is_name(expression):
            return self.fact(expression.id).rank
        return 0 if core.is_number(expression) else None

    # --- calls

    def push_call(
        self, statement: Any, target: gast.Name, node: Any, callee: Any
    ) -> list[gast.stmt]:
        places = gast.Tuple([core.copy(target), core.store(dot_name(target.id))], gast.Store())
        if isinstance(callee, (Function, Transformed)):
            call = self.known_call(node, callee)
        elif callee is STAR:
            dots = [self.dot(a) if self.any_active(a) else core.constant(None) for a in node.args]
            call = core.call("rt.star_jvp", gast.Tuple(dots, gast.Load()), *node.args)
        else:
            call = self.dynamic_call(node)
        return [_with_origin(gast.Assign([places], call, None), statement)]

    def known_call(self, node: Any, callee: Any) -> gast.Call:
        refuse = lambda message, hint: TransformError(message, self.source.span(node), hint)  # noqa: E731
        source = self.unit.source_of(callee, refuse)
        operands = Pull.bind_call(self, source, node)
        active = tuple(
            p for p in source.parameters if p in operands and self.any_active(operands[p])
        )
        key = (source, active)
        if key not in self.unit.tangents:
            self.unit.tangents[key] = name = _reserve(self.unit, source)
            try:
                self.unit.tangents[key] = write_jvp_named(self.unit, source, active, name)
            except TransformError as error:
                raise Pull.located(self, error, node) from None
        keywords = [*node.keywords]
        keywords += [
            gast.keyword(tangent_parameter(source.parameters, p), self.operand_dot(operands[p]))
            for p in active
        ]
        captured = list(getattr(node, "captured", ()))
        return gast.Call(core.name(self.unit.tangents[key]), [*captured, *node.args], keywords)

    def any_active(self, value: Any) -> bool:
        return any(self.fact(n.id).active for n in core.free_names(value))

    def operand_dot(self, value: Any) -> gast.expr:
        if isinstance(value, gast.Tuple):
            return gast.Tuple([self.dot(v) for v in value.elts], gast.Load())
        if isinstance(value, gast.Dict):
            return gast.Dict(list(value.keys), [self.dot(v) for v in value.values])
        return self.dot(value)

    def dynamic_call(self, node: gast.Call) -> gast.Call:
        func = node.func
        method = (
            isinstance(func, gast.Attribute) and core.is_name(func.value) and func.value.id != "rt"
        )
        owner = func.value if method else func
        tangents = [
            self.dot(owner)
            if core.is_name(owner) and self.fact(owner.id).active
            else core.constant(None)
        ]
        operands = [*node.args, *(k.value for k in node.keywords)]
        tangents += [self.dot(a) if self.any_active(a) else core.constant(None) for a in operands]
        pack = gast.Tuple(tangents, gast.Load())
        if method:
            call = core.call("rt.method_jvp", core.constant(func.attr), pack, owner, *node.args)
        else:
            call = core.call("rt.call_jvp", pack, func, *node.args)
        call.keywords = node.keywords
        return call

    # --- updates

    def push_store(self, statement: gast.Assign, target: Any) -> list[gast.stmt]:
        if not core.is_name(target.value):
            return [statement]
        owner = target.value.id
        known = self.fact(owner)
        value = statement.value
        active = statement.result.active
        if not known.active and not active:
            return [statement]
        if not known.active:
            of_fields = isinstance(target, gast.Attribute)
            zeros = self.call(
                "rt.zeros_of_fields" if of_fields else "rt.zeros_like", core.name(owner)
            )
            self.leading = [
                *self.leading, _with_origin(core.assign(dot_name(owner), zeros), statement),
            ]  # fmt: skip
        place = core.copy(target)
        place.value = core.name(dot_name(owner))
        self.write(
            gast.Assign([place], self.dot(value) if active else self.zero_item(known, value), None)
        )
        self.lines[-1].write_back = getattr(statement, "write_back", False)
        return [statement]

    def zero_item(self, known: Fact, value: Any) -> gast.expr:
        if known.kind == "number":
            return core.constant(0.0)
        return self.call("rt.zeros_like", core.copy(value))

    def push_AugAssign(self, statement: gast.AugAssign) -> list[gast.stmt]:
        target = statement.target
        self.guard(statement)
        if core.is_name(target) or not core.is_name(target.value):
            return [statement]
        owner = target.value.id
        active = core.is_name(statement.value) and self.fact(statement.value.id).active
        if not active:
            return [statement]
        if not self.fact(owner).active:
            zeros = core.assign(dot_name(owner), self.call("rt.zeros_like", core.name(owner)))
            self.leading = [*self.leading, _with_origin(zeros, statement)]
        place = core.copy(target)
        place.value = core.name(dot_name(owner))
        self.write(gast.AugAssign(place, statement.op, self.dot(statement.value)))
        return [statement]

    def push_Expr(self, statement: gast.Expr) -> list[gast.stmt]:
        owner = updated_name(statement)
        if owner not in statement.facts:  # (`np.put(…)` changes no variable `np`)
            return [statement]
        call = statement.value
        active = statement.result.active
        if not self.fact(owner).active and not active:
            return [statement]
        if not self.fact(owner).active:
            zeros = core.assign(dot_name(owner), self.call("rt.zeros_like", core.name(owner)))
            self.leading = [*self.leading, _with_origin(zeros, statement)]
        new = core.copy(call)
        if getattr(statement, "accumulate", False):
            new.args = [core.name(dot_name(owner)), new.args[1], self.dot(call.args[2])]
        else:
            new.func.value = core.name(dot_name(owner))
            if call.func.attr != "pop":
                new.args = [*new.args[:-1], self.dot(call.args[-1])]
        self.write(gast.Expr(new))
        return [statement]

    def push_pop(self, statement: gast.Assign) -> list[gast.stmt]:
        owner = updated_name(statement)
        if self.fact(owner).active:
            new = core.copy(statement.value)
            new.func.value = core.name(dot_name(owner))
            self.write(core.assign(dot_name(statement.targets[0].id), new))
        return [statement]

    # --- control flow

    def push_If(self, statement: gast.If) -> list[gast.stmt]:
        if any(isinstance(s, gast.Break) for s in statement.body):
            return [statement]
        saved = self.carried
        body, orelse = self.block(statement.body), self.block(statement.orelse)
        self.carried = saved
        self.statement = statement
        after = getattr(statement, "facts_after", {})
        for name in sorted(after):
            if not after[name].active or name not in changed_names([statement]):
                continue
            for lines, facts in ((body, statement.facts_body), (orelse, statement.facts_orelse)):
                if name in facts and not facts[name].active:
                    lines.append(self.zero_tangent(name))
        new = _shallow(statement)
        new.body, new.orelse = body or [gast.Pass()], orelse
        return [new]

    def zero_tangent(self, name: str) -> gast.stmt:
        return _with_origin(
            core.assign(dot_name(name), self.call("rt.zeros_like", core.name(name))), self.statement
        )

    def push_For(self, statement: gast.For) -> list[gast.stmt]:
        return self.push_loop(statement)

    def push_While(self, statement: gast.While) -> list[gast.stmt]:
        return self.push_loop(statement)

    def push_loop(self, statement: Any) -> list[gast.stmt]:
        inside = changed_names(statement.body) | core.writes(getattr(statement, "target", []))
        end = statement.inside
        head = statement.facts_head
        start = [
            self.zero_tangent(n)
            for n in sorted(inside)
            if n in head
            and head[n].active
            and n in statement.facts
            and not statement.facts[n].active
        ]
        saved, self.carried = (
            self.carried,
            self.carried | {n for n in inside if n in head and head[n].active},
        )
        body = self.block(statement.body)
        self.carried = saved
        self.statement = statement
        exits = [
            s
            for s in body
            if isinstance(s, gast.If) and any(isinstance(b, gast.Break) for b in s.body)
        ]
        body = [s for s in body if s not in exits]
        for name in sorted(inside):
            if name in head and head[name].active and name in end and not end[name].active:
                body.append(self.zero_tangent(name))
        new = _shallow(statement)
        new.body = body + exits
        if isinstance(statement, gast.For):
            self.dual_iteration(new, statement)
        return [*start, new]

    def dual_iteration(self, new: gast.For, statement: gast.For) -> None:
        """A loop over active items runs over them and their tangents side by side."""
        if not self.any_active_source(statement.iter):
            return
        tangents = self.dual_target(statement.target)
        iterable = self.dual_iter(core.copy(statement.iter))
        pair = gast.Tuple([statement.target, tangents], gast.Store())
        new.target = pair
        new.iter = core.call("zip", statement.iter, iterable)

    def any_active_source(self, node: Any) -> bool:
        if isinstance(node, gast.Call) and core.is_name(node.func):
            return node.func.id != "range" and any(map(self.any_active_source, node.args))
        if (
            isinstance(node, gast.Call)
            and isinstance(node.func, gast.Attribute)
            and node.func.attr == "keys"
        ):
            return False
        if core.is_name(node) and self.fact(node.id).kind == "dict":
            return False
        return any(self.fact(n).active for n in core.reads(node))

    def dual_target(self, target: Any) -> Any:
        if isinstance(target, (gast.Tuple, gast.List)):
            return gast.Tuple([self.dual_target(e) for e in target.elts], gast.Store())
        return core.store(dot_name(target.id))

    def dual_iter(self, node: Any) -> Any:
        if core.is_name(node):
            if self.fact(node.id).active:
                return core.name(dot_name(node.id))
            return node
        if isinstance(node, gast.Call) and self.any_active_source(node):
            node.args = [self.dual_iter(a) for a in node.args]
            if isinstance(node.func, gast.Attribute):
                node.func.value = self.dual_iter(node.func.value)
        return node

    def push_With(self, statement: gast.With) -> list[gast.stmt]:
        if getattr(statement, "insert_grad", False):
            return []
        new = _shallow(statement)
        new.body = self.block(statement.body)
        return [new]


RESULT = "result.x"


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _shallow(statement: Any) -> Any:
    import copy

    return copy.copy(statement)


def _is_new(tangent: Any) -> bool:
    """Does the expression certainly make an array, or a container, of its own?"""
    if isinstance(tangent, (gast.BinOp, gast.UnaryOp, gast.List, gast.Tuple, gast.Dict)):
        return True
    if not isinstance(tangent, gast.Call) or not isinstance(tangent.func, gast.Attribute):
        return False
    path = gast.unparse(tangent.func).split(".")
    row = table.row_of(functools.reduce(getattr, path[1:], np)) if path[0] == "np" else None
    return row is not None and row.view_of is None


def _with_origin(node: Any, statement: Any) -> Any:
    node.origin = statement.origin
    return node


def _replace_name(node: Any, old: str, new: str) -> None:
    for inner in core.walk(node):
        if isinstance(inner, gast.Name) and inner.id == old:
            inner.id = new


def _reserve(unit: Unit, source: Source) -> str:
    return unit.name_function(f"{core.base(source.name)}_jvp")


def write_jvp_named(unit: Unit, source: Source, active: tuple[str, ...], name: str) -> str:
    """Write the tangent function of a callee; its tangents are keyword arguments."""
    if source.rule is not None:
        source.rule.write_tangent(unit, source, active, name)
        return name
    prepared = prepare(source, set(active), unit)
    forward = Forward(prepared, unit)
    body = forward.block(prepared.body[:-1])
    result = prepared.body[-1]
    forward.statement, forward.lines = result, []
    parts = [core.copy(result.value), forward.tangent_or_zero(result.value)]
    body += [*forward.lines, returning(gast.Tuple(parts, gast.Load()), source, result)]
    mark_parts(body, [])
    arguments = core.copy(source.node.args)
    for parameter in active:
        tangent = tangent_parameter(source.parameters, parameter)
        arguments.kwonlyargs.append(gast.Name(tangent, gast.Param(), None, None))
        body.insert(0, _receive(parameter, tangent, result))
        arguments.kw_defaults.append(None)
    function = definition(name, arguments, body, title("jvp", source, list(active)))
    finish(unit, function, source, prepared)
    return name
