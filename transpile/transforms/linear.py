"""Split the forward-mode code of a function: what does not depend on tangents, and what does.

Before::                        After::

    def f(x):                       def f_lin_fwd(x):             def f_lin(x, x_dot):
        y = np.sin(x)                   y = np.sin(x)                 y_dot = x_dot * np.cos(x)
        return y                        return y, x                   return y_dot

The first function is the original one, and keeps what the second one reads of it. The second one
is linear in the tangents, and runs no line of the original again. Its lines are those of forward
mode (forward.py), in the same order; what they read of the original goes the way that the backward
part of reverse mode takes (residuals.py): saved names, flags of branches, tapes of loops, which
are run through from the first record to the last.
"""

from __future__ import annotations

from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.facts import Fact
from redraft.transpile.analysis.versions import changed_names
from redraft.transpile.errors import TransformError
from redraft.transpile.front.callee import PARTIAL_CALL, STAR, Function, Primitive, Transformed
from redraft.transpile.front.expressions import Construct
from redraft.transpile.function import Unit
from redraft.transpile.transforms.forward import RESULT, Forward, dot_name
from redraft.transpile.transforms.pull import Pull
from redraft.transpile.transforms.residuals import Residuals
from redraft.transpile.transforms.reverse import Reverse, has_break

COMPOUND = (gast.If, gast.For, gast.While, gast.With)


class Linear(Residuals, Forward):
    """Splits one function; the lines of the linear part are collected in `lines`."""

    # calls are replaced in the forward part as in reverse mode
    fresh_name = Reverse.fresh_name
    before = Reverse.before
    guard = Reverse.check_shared
    replace_call = Reverse.replace_call
    replace_dynamic = Reverse.replace_dynamic
    replace = Reverse.replace
    unchanged = Reverse.unchanged
    mark_forward = Reverse.mark_forward

    def __init__(self, prepared: Any, unit: Unit) -> None:
        Forward.__init__(self, prepared, unit)
        self.split = True
        self.body = prepared.body
        self.loops: list[Any] = []
        self.replaced: dict[int, gast.stmt] = {}
        self.prepare_residuals()

    def in_order(self, iterable: gast.expr) -> gast.expr:
        """Rounds are linear in the order in which they ran."""
        return iterable

    # --- lines

    def write(self, statement: gast.stmt) -> None:
        """Add a line of the linear part; what it reads of the forward part becomes a reading."""
        if not isinstance(statement, COMPOUND):
            statement = self.marked(statement)
        super().write(statement)

    def marked(self, statement: gast.stmt) -> gast.stmt:
        """Names of the original that bear no version yet mean the one before the statement."""
        value = getattr(statement, "value", None)
        for node in core.free_names(statement):
            plain = isinstance(node.ctx, gast.Load) and "v" not in node.__dict__
            if plain and node.id in self.local_names:
                node.v, node.site = self.version_before(node.id, self.statement), self.statement
        if isinstance(value, gast.Call) and core.same(value.func, core.dotted("rt.zeros_like")):
            statement.value = self.simple_zeros(value)
        return self.mark_readings(statement)

    def simple_zeros(self, call: gast.Call) -> gast.expr:
        """``rt.zeros_like(x)`` without reading `x`, where it was made as a number or is empty."""
        definition = self.by_version.get(getattr(call.args[0], "v", None))
        made = getattr(definition, "value", None)
        if core.is_number(made):
            return core.constant(0.0)
        nothing = isinstance(made, gast.Constant) and made.value is None
        empty = isinstance(made, gast.List) and not made.elts
        empty = empty or (isinstance(made, gast.Dict) and not made.keys)
        return core.copy(made) if nothing or empty else call

    def block(self, body: list[gast.stmt]) -> tuple[list[gast.stmt], list[gast.stmt]]:
        """Forward and linear statements of a block."""
        forward: list[gast.stmt] = []
        linear: list[gast.stmt] = []
        for statement in body:
            saved, self.lines, self.leading = self.lines, [], []
            self.statement = statement
            self.start_aliases(statement)
            visit = getattr(self, "push_" + type(statement).__name__, self.push_other)
            forward += visit(statement)
            self.statement = statement
            linear += [*map(self.marked, self.leading), *self.lines]
            self.lines, self.leading = saved, []
        return forward, linear

    # --- values

    def push_value(self, statement: Any, target: gast.Name, value: Any) -> list[gast.stmt]:
        callee = getattr(value, "callee", None)
        if isinstance(value, gast.Call) and callee is PARTIAL_CALL:
            self.write(core.assign(dot_name(target.id), self.partial_tangent(value)))
            return [statement]
        if isinstance(value, gast.Call) and not isinstance(callee, (Primitive, Construct)):
            return self.push_call(statement, target, value, callee)
        if target.id not in statement.live:  # nothing reads it: nor its tangent
            return [statement]
        tangent = self.tangent_of(target, value, callee)
        if self.needs_copy(statement, tangent):
            tangent = self.call("rt.snapshot", tangent)
        self.write(core.assign(dot_name(target.id), self.with_result(tangent, target)))
        self.lines[-1].write_back = getattr(statement, "write_back", False)
        return [statement]

    def with_result(self, node: Any, target: gast.Name) -> Any:
        """A tangent that reads what the statement assigns."""
        if isinstance(node, gast.Name):
            return self.result_of(target) if node.id == RESULT else node
        for field in node._fields:
            value = getattr(node, field, None)
            if isinstance(value, gast.AST):
                setattr(node, field, self.with_result(value, target))
            elif isinstance(value, list):
                parts = [
                    self.with_result(v, target) if isinstance(v, gast.AST) else v for v in value
                ]
                setattr(node, field, parts)
        return node

    def reset_if_carried(self, id: str) -> None:
        if id in self.carried:
            zeros = self.call("rt.zeros_like", self.result_of(self.statement.targets[0]))
            self.write(core.assign(dot_name(id), zeros))

    # --- calls

    def push_call(
        self, statement: Any, target: gast.Name, node: Any, callee: Any
    ) -> list[gast.stmt]:
        saved = self.fresh_name(f"{core.base(target.id)}_saved")
        if isinstance(callee, (Function, Transformed)):
            tangent = self.linear_call(target, node, callee, saved)
        else:
            tangent = self.run_time_call(target, node, callee, saved)
        self.write(core.assign(dot_name(target.id), tangent))
        return [self.replaced[id(statement)]]

    def linear_call(self, target: gast.Name, node: Any, callee: Any, saved: str) -> gast.Call:
        """``y, saved = g_lin_fwd(x)`` in the forward part, ``g_lin(saved, x_dot)`` here."""
        from redraft.transpile.transforms.linear_pair import linear_pair

        refuse = lambda message, hint: TransformError(message, self.source.span(node), hint)  # noqa: E731
        source = self.unit.source_of(callee, refuse)
        operands = Pull.bind_call(self, source, node)
        active = tuple(
            p for p in source.parameters if p in operands and self.any_active(operands[p])
        )
        pair = linear_pair(self.unit, source, active)
        self.replace_call(target, node, pair.forward, saved)
        dots = [self.operand_dot(operands[p]) for p in active]
        return gast.Call(core.name(pair.backward), [self.mark_forward(saved), *dots], [])

    def run_time_call(self, target: gast.Name, node: Any, callee: Any, saved: str) -> gast.Call:
        """A function that is known only when the code runs: ``rt.call_lin(record, dots)``."""
        if callee is STAR:
            operands = list(node.args)
        else:
            func = node.func
            method = isinstance(func, gast.Attribute) and core.is_name(func.value)
            owner = func.value if method and func.value.id != "rt" else func
            operands = [owner, *node.args, *(k.value for k in node.keywords)]
        active = [i for i, o in enumerate(operands) if self.any_active(o)]
        mask = gast.Tuple([core.constant(i) for i in active], gast.Load())
        if callee is STAR:
            self.replace(target, core.call("rt.star_lin_fwd", mask, *operands), saved)
        else:
            self.replace_dynamic(target, node, mask, saved)
            function = self.replaced[id(self.statement)].value.func
            function.attr = function.attr.replace("_fwd", "_lin_fwd")
        dots = gast.Tuple([self.dot(operands[i]) for i in active], gast.Load())
        return self.call("rt.call_lin", self.mark_forward(saved), dots)

    # --- control flow

    def push_If(self, statement: gast.If) -> list[gast.stmt]:
        if any(isinstance(s, gast.Break) for s in statement.body):
            return [statement]
        carried = self.carried
        body, linear = self.block(statement.body)
        orelse, linear_orelse = self.block(statement.orelse)
        self.carried, self.statement = carried, statement
        self.settle_branch(statement, 0, body, linear)
        self.settle_branch(statement, 1, orelse, linear_orelse)
        self.even_out(statement, linear, linear_orelse)
        forward = self.copy_of(statement)
        forward.body, forward.orelse = body, orelse
        if not linear and not linear_orelse:
            return [forward]
        test, extra = self.kept_test(statement)
        forward.test = (
            core.copy(statement.test) if extra is None else core.name(extra.targets[0].id)
        )
        self.write(gast.If(test, linear or [gast.Pass()], linear_orelse))
        return [forward] if extra is None else [extra, forward]

    def even_out(self, statement: gast.If, linear: list, linear_orelse: list) -> None:
        """What only one side gives a tangent has a tangent of zero on the other side."""
        after = getattr(statement, "facts_after", {})
        for name in sorted(after):
            if not after[name].active or name not in changed_names([statement]):
                continue
            sides = ((linear, statement.facts_body), (linear_orelse, statement.facts_orelse))
            for lines, facts in sides:
                if name in statement.live and name in facts and not facts[name].active:
                    reading = self.reading_after(name, statement)
                    lines.append(self.zero(name, reading, facts[name]))

    def zero(self, name: str, reading: gast.expr, fact: Fact) -> gast.stmt:
        """``y_dot = zeros like y``, wherever the reading says."""
        number = fact.kind == "number" and fact.rank == 0
        zeros = core.constant(0.0) if number else self.call("rt.zeros_like", reading)
        line = core.assign(dot_name(name), zeros)
        line.origin = self.statement.origin
        return line

    def push_loop(self, statement: Any) -> list[gast.stmt]:
        inside = changed_names(statement.body) | core.writes(getattr(statement, "target", []))
        head, end = statement.facts_head, statement.inside
        active = {n for n in inside if n in head and head[n].active}
        needed = sorted(active & (set(statement.live) | statement.head))
        for name in needed:
            if name in statement.facts and not statement.facts[name].active:
                self.write(self.zero(name, self.read(name), statement.facts[name]))
        carried, self.carried = self.carried, self.carried | active
        self.loops.append(statement)
        body, linear = self.block(statement.body)
        self.loops.pop()
        self.carried, self.statement = carried, statement
        for name in needed:
            if name in end and not end[name].active:
                linear.append(self.zero(name, self.read_body_end(name, statement), end[name]))
        sources = self.sources(statement)
        if not linear and not sources:
            forward = self.copy_of(statement)
            forward.body = body
            return [forward]
        return self.close(statement, body, linear)

    def read_body_end(self, id: str, statement: Any) -> gast.Name:
        """A reading of a variable at the end of a round of a loop."""
        node = core.name(id)
        node.v = statement.body_end.get(id, -2)
        node.site = statement.body[-2 if has_break(statement) else -1]
        node.late = True
        return node

    def close_with_tape(
        self, statement: Any, forward: Any, back: list[gast.stmt], wanted: list[gast.Name]
    ) -> list[gast.stmt]:
        """The loop, and the linear loop over its tape, beside it over the tangents of its items."""
        sources = self.sources(statement)
        if not wanted and sources and self.is_whole(statement):
            places = [place for place, _ in sources]
            iterables = [iterable for _, iterable in sources]
            target = places[0] if len(sources) == 1 else gast.Tuple(places, gast.Store())
            iterable = iterables[0] if len(sources) == 1 else core.call("zip", *iterables)
            self.write(gast.For(target, iterable, back or [gast.Pass()], [], None))
            return [forward]
        kept = super().close_with_tape(statement, forward, back, wanted)
        if sources:
            loop = self.lines[-1]
            loop.target = gast.Tuple([loop.target, *(t for t, _ in sources)], gast.Store())
            loop.iter = core.call("zip", loop.iter, *(i for _, i in sources))
        return kept

    def is_whole(self, loop: Any) -> bool:
        """Does a loop see all items of what it runs over, and nothing else?"""
        node = loop.iter
        if isinstance(node, gast.Call) and core.is_name(node.func) and node.func.id == "zip":
            every = all(core.is_name(a) and self.fact(a.id).active for a in node.args)
            return every and not has_break(loop)
        return not has_break(loop)

    def sources(self, statement: Any) -> list[tuple[Any, gast.expr]]:
        """Targets and iterables of the tangents of the items that a loop runs over."""
        if not isinstance(statement, gast.For):
            return []
        return self.paired(statement.target, statement.iter)

    def paired(self, target: Any, node: Any) -> list[tuple[Any, gast.expr]]:
        if core.is_name(node):
            active = self.fact(node.id).active and self.fact(node.id).kind != "dict"
            return [(self.dual_target(target), core.name(dot_name(node.id)))] if active else []
        if not isinstance(node, gast.Call) or not self.any_active_source(node):
            return []
        function = node.func.id if core.is_name(node.func) else getattr(node.func, "attr", "")
        parts = getattr(target, "elts", None)
        if function == "reversed":
            found = self.paired(target, node.args[0])
            return [(t, core.call("reversed", i)) for t, i in found]
        if function == "enumerate" and parts:
            return self.paired(parts[1], node.args[0])
        if function == "zip" and parts:
            pairs = zip(parts, node.args, strict=True)
            return [found for part, argument in pairs for found in self.paired(part, argument)]
        if function in ("items", "values") and core.is_name(node.func.value):
            place = parts[1] if function == "items" and parts else target
            owner = core.name(dot_name(node.func.value.id))
            values = gast.Call(gast.Attribute(owner, "values", gast.Load()), [], [])
            return [(self.dual_target(place), values)] if function == "values" or parts else []
        raise self.refuse(node, "this loop target", f"unpack the items of `{function}` into names")

    def push_With(self, statement: gast.With) -> list[gast.stmt]:
        if getattr(statement, "insert_grad", False):
            return []
        body, linear = self.block(statement.body)
        self.lines += linear
        forward = self.copy_of(statement)
        forward.body = body
        return [forward]


__all__ = ["Linear"]
