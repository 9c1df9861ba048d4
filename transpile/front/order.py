"""Take effects out of expressions: what binds or writes becomes a line before, in Python's order.

Before::                                  After::

    if a > 0 and y * (y := f(x)) > 1:         t.1 = a > 0
        …                                     if t.1:
                                                  t.2 = y
                                                  y = f(x)
                                                  t.1 = t.2 * y > 1
                                              if t.1:
                                                  …

An effect is ``:=``, a call of a function that writes into its arguments, or a method such as
``xs.pop()``. What stands to its left is evaluated before it, what stands to its right after it, and
an operand of ``and``, ``or``, a chained comparison or a conditional only if the others say so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gast

from redraft.runtime.callbacks import is_host_call
from redraft.transpile import core
from redraft.transpile.front.callee import bound_parts
from redraft.transpile.front.checkpointed import is_checkpoint
from redraft.transpile.front.coarse import GROWING, MUTATORS
from redraft.transpile.front.effects import writes_arguments
from redraft.transpile.front.scope import UNKNOWN

Place = tuple[Any, str, int | None]  # an operand: its owner, the field, the place in a list
CONSUMERS = (list, tuple, sum, min, max, sorted)
FUNCTION_VALUES = (gast.Name, gast.Attribute, gast.Lambda)
DISPLAYS = (gast.Tuple, gast.List, gast.Slice, gast.Starred, gast.JoinedStr, gast.FormattedValue)


class Order:
    """The part of `Expressions` that keeps effects in order; see the module's docstring."""

    # --- which expressions have effects

    def may_have_effects(self: Any, body: list[gast.stmt]) -> bool:
        """Is there anything in a function that this module has to look at?"""
        nodes = [n for statement in body for n in core.walk(statement)]
        return any(
            isinstance(n, gast.NamedExpr)
            or (isinstance(n, gast.Call) and (is_mutator(n) or self.writes_into_arguments(n)))
            for n in nodes
        )

    def has_effects(self: Any, node: Any, wide: bool = False) -> bool:
        """Does the evaluation of an expression bind or change anything that others may read?

        What concerns no active value counts only where it is part of something active (`wide`):
        an expression that is not stays in one piece, and so in its order.
        """
        if not self.some_effects:
            return False
        wide = wide or self.coarse.active(node)
        return any(self.is_effect(n, wide) for n in in_scope(node))

    def is_effect(self: Any, node: Any, wide: bool) -> bool:
        """Is the node itself an effect?"""
        if isinstance(node, gast.NamedExpr):
            return True
        if not isinstance(node, gast.Call):
            return False
        if wide and is_mutator(node):
            return self.scope.value(node.func) is UNKNOWN
        return self.changes_data(node) or (
            (wide or self.coarse.active(node)) and self.writes_into_arguments(node)
        )

    def writes_into_arguments(self: Any, call: gast.Call) -> bool:
        """Is it the call of a user's function that changes its arguments?"""
        found = getattr(call, "writes", None)
        if found is None:
            passed = (*call.args, *(k.value for k in call.keywords))  # `map(f, xs)` calls `f`
            functions = [call.func, *(a for a in passed if isinstance(a, FUNCTION_VALUES))]
            found = not is_host_call(self.scope.value(call.func))  # they pass copies on
            found = call.writes = found and any(map(self.writes_its_arguments, functions))
        return found

    def writes_its_arguments(self: Any, func: gast.expr) -> bool:
        """Is it the name of a user's function that changes its arguments?"""
        if is_checkpoint(self.scope.value(func)):
            return False
        bound = bound_parts(self.scope.value(func))
        known = self.known_function(func) if bound is None else None
        function = bound[0] if bound is not None else getattr(known, "function", None)
        return writes_arguments(function, self.scope.dependencies)

    def changes_data(self: Any, node: Any) -> bool:
        """Does a call change a list, dict or array that may hold values with a derivative?"""
        return (
            isinstance(node, gast.Call)
            and is_mutator(node)
            and node.func.attr not in self.object_names
            and self.coarse.active(node.func.value)
            and self.scope.value(node.func) is UNKNOWN
        )

    # --- expressions without them

    def settled(self: Any, node: Any, wide: bool = False) -> Any:
        """An expression with the value of `node`, whose effects are lines before it."""
        if not self.has_effects(node, wide):
            return node
        wide = wide or self.coarse.active(node)
        settle = getattr(self, "settled_" + type(node).__name__, self.settled_operands)
        return settle(node, wide)

    def settled_operands(self: Any, node: Any, wide: bool) -> Any:
        """Take the effects out of the operands, one after the other."""
        self.settle(list(operands(node)), wide)
        return node

    def settle(self: Any, places: list[Place], wide: bool = False) -> None:
        """Do what the operands do, in this order; those before the last effect are kept in names."""
        doing = [i for i, p in enumerate(places) if self.has_effects(operand_at(p), wide)]
        last = max(doing, default=-1)
        for i, place in enumerate(places[: last + 1]):
            bound = set().union(*(bound_in(operand_at(p)) for p in places[i + 1 : last + 1]))
            operand = operand_at(place)
            if i in doing:
                operand = self.settled(operand, wide)
            if i < last:
                operand = self.kept(spread(place, operand), bound)
            put(place, operand)

    def kept(self: Any, node: Any, bound: set[str]) -> Any:
        """What `node` is now, for a line after others that bind some names and may write."""
        if isinstance(node, gast.Constant) or (core.is_name(node) and node.id not in bound):
            return node
        if isinstance(node, (*DISPLAYS, gast.Lambda)):
            for place in operands(node):
                put(place, self.kept(spread(place, operand_at(place)), bound))
            return node
        return self.named(node)

    def named(self: Any, node: gast.expr) -> gast.Name:
        """A new name for the value of an expression."""
        active = self.coarse.active(node)
        name = self.temporary(core.copy(node) if core.is_name(node) else self.expression(node))
        if active:
            self.coarse.names.add(name.id)
        return core.name(name.id)

    def settled_NamedExpr(self: Any, node: gast.NamedExpr, wide: bool) -> gast.expr:
        active = self.coarse.active(node.value)
        self.emit(core.assign(node.target.id, self.expression(node.value)))
        self.known_reads.clear()
        if active:
            self.coarse.names.add(node.target.id)
        return self.named(core.name(node.target.id))  # it may be bound again before it is read

    def settled_Call(self: Any, node: gast.Call, wide: bool) -> gast.expr:
        if node.args and isinstance(node.args[0], gast.GeneratorExp):
            decided = self.settled_generator(node)
            if decided is not None:
                return decided
        self.settled_operands(node, wide)
        if not self.is_effect(node, wide):
            return node
        self.known_reads.clear()
        if not self.coarse.active(node):
            return self.temporary(node)
        if self.changes_data(node) and node.func.attr not in (*GROWING, "pop"):
            raise self.refuse(
                node, f"`.{node.func.attr}` of values that are differentiated, within an expression",
                "write it as a line of its own",
            )  # fmt: skip
        lowered = self.lower_Call(node)
        return lowered if isinstance(lowered, (gast.Name, gast.Constant)) else self.found(lowered)

    def found(self: Any, lowered: gast.expr) -> gast.Name:
        """A name for the result of a call that may be active."""
        name = self.temporary(lowered)
        self.coarse.names.add(name.id)
        return core.name(name.id)

    # --- evaluated only if others say so

    def settled_BoolOp(self: Any, node: gast.BoolOp, wide: bool) -> gast.expr:
        if not any(self.has_effects(v, wide) for v in node.values[1:]):
            return self.settled_operands(node, wide)
        return self.chosen(node, self.lower_BoolOp)

    def settled_IfExp(self: Any, node: gast.IfExp, wide: bool) -> gast.expr:
        if not self.has_effects(node.body, wide) and not self.has_effects(node.orelse, wide):
            node.test = self.settled(node.test, wide)
            return node
        return self.chosen(node, self.lower_IfExp)

    def chosen(self: Any, node: gast.expr, lower: Any) -> gast.expr:
        active = self.coarse.active(node)
        result = lower(node)
        if active:
            self.coarse.names.add(result.id)
        return result

    def settled_Compare(self: Any, node: gast.Compare, wide: bool) -> gast.expr:
        """``a < b < (y := c)`` is ``a < b and b < (y := c)``, and `b` is evaluated once."""
        rest = node.comparators[1:]
        if not any(self.has_effects(c, wide) for c in rest):
            return self.settled_operands(node, wide)
        self.settle([(node, "left", None), (node, "comparators", 0)], wide)
        middle = self.kept(node.comparators[0], set().union(*map(bound_in, rest)))
        left = gast.Compare(node.left, node.ops[:1], [middle])
        right = gast.Compare(core.copy(middle), node.ops[1:], rest)
        both = gast.BoolOp(gast.And(), [gast.copy_location(part, node) for part in (left, right)])
        return self.settled(gast.copy_location(both, node), wide)

    def lower_IfExp(self: Any, node: gast.IfExp) -> gast.expr:
        target = self.fresh()
        test = self.test(node.test)
        body = self.block_of(lambda: self.emit(core.assign(target, self.expression(node.body))))
        orelse = self.block_of(lambda: self.emit(core.assign(target, self.expression(node.orelse))))
        self.emit(gast.copy_location(gast.If(test, body, orelse), node))
        return core.name(target)

    def lower_BoolOp(self: Any, node: gast.BoolOp) -> gast.expr:
        target = self.fresh()
        self.emit(core.assign(target, self.expression(node.values[0])))
        for value in node.values[1:]:
            test: gast.expr = core.name(target)
            if isinstance(node.op, gast.Or):
                test = gast.UnaryOp(gast.Not(), test)
            assign = self.block_of(
                lambda v=value: self.emit(core.assign(target, self.expression(v)))
            )
            self.emit(gast.copy_location(gast.If(test, assign, []), node))
        return core.name(target)

    def block_of(self: Any, emit: Any) -> list[gast.stmt]:
        """The lines that `emit` writes, apart from the current block."""
        saved, self.out = self.out, []
        reads, self.known_reads = self.known_reads, {}
        emit()
        block, self.out = self.out, saved
        self.known_reads = reads
        return block

    # --- comprehensions become loops, and what they bind stays bound

    def settled_ListComp(self: Any, node: gast.ListComp, wide: bool) -> gast.expr:
        return self.chosen(node, self.lower_ListComp)

    def settled_DictComp(self: Any, node: gast.DictComp, wide: bool) -> gast.expr:
        return self.chosen(node, self.lower_DictComp)

    def settled_GeneratorExp(self: Any, node: Any, wide: bool) -> gast.expr:
        raise self.refuse(
            node, "an expression that binds or changes something, within a generator or a set",
            "write a loop",
        )  # fmt: skip

    settled_SetComp = settled_GeneratorExp

    def settled_generator(self: Any, node: gast.Call) -> gast.expr | None:
        """``sum(… for …)`` runs through the generator; ``any`` and ``all`` until they know."""
        generator = node.args[0]
        if not self.has_effects(generator):
            return None
        value = self.scope.value(node.func)
        if value in (any, all) and len(generator.generators) == 1:
            return self.decided(generator, value is all)
        if value in CONSUMERS:
            made = gast.ListComp(generator.elt, generator.generators)
            node.args[0] = self.settled(gast.copy_location(made, generator))
        return None

    def decided(self: Any, node: gast.GeneratorExp, every: bool) -> gast.expr:
        """``any`` or (`every`) ``all`` of a generator, as a loop that stops where they stop."""
        found = self.fresh("found")
        self.emit(core.assign(found, core.constant(False)))

        def look(inner: Any) -> None:
            test = self.test(gast.UnaryOp(gast.Not(), inner.elt) if every else inner.elt)
            stop = self.block_of(lambda: self.emit(core.assign(found, core.constant(True))))
            self.emit(gast.copy_location(gast.If(test, stop, []), node))

        def leave() -> None:
            stop = self.block_of(lambda: self.emit(gast.copy_location(gast.Break(), node)))
            self.emit(gast.copy_location(gast.If(core.name(found), stop, []), node))

        self.generators(with_own_names(node, self), look)
        self.out[-1].body += self.block_of(leave)
        return gast.UnaryOp(gast.Not(), core.name(found)) if every else core.name(found)

    # --- statements

    def settle_statement(self: Any, node: gast.stmt) -> None:
        """Take the effects out of the expressions of a statement (of ``while``: see there)."""
        if not self.some_effects:
            return
        settle = getattr(self, "settle_" + type(node).__name__, None)
        if settle is not None:
            settle(node)

    def settle_Expr(self: Any, node: gast.Expr) -> None:
        effect = isinstance(node.value, gast.Call)  # a call in a line of its own stays one
        self.settle(list(operands(node.value)) if effect else [(node, "value", None)])

    def settle_Return(self: Any, node: gast.Return) -> None:
        if node.value is not None:
            self.settle([(node, "value", None)])

    def settle_FunctionDef(self: Any, node: gast.FunctionDef) -> None:
        self.settle(list(operands(node.args)))

    def settle_For(self: Any, node: gast.For) -> None:
        self.settle([(node, "iter", None)])
        self.check_target(node.target, set())

    def settle_Assert(self: Any, node: gast.Assert) -> None:
        self.settle([(node, "test", None)])
        if node.msg is not None and self.has_effects(node.msg):
            raise self.refuse_effect(node.msg)

    def settle_With(self: Any, node: gast.With) -> None:
        first, *others = node.items
        self.settle([(first, "context_expr", None)])
        for item in others:
            if self.has_effects(item.context_expr):
                raise self.refuse_effect(item.context_expr)

    def settle_Assign(self: Any, node: gast.Assign) -> None:
        first, *others = node.targets
        if others or isinstance(first, (gast.Tuple, gast.List)):
            for target in node.targets:
                self.check_target(target, set())
            self.settle([(node, "value", None)])
        else:
            self.settle([(node, "value", None), *self.target_places(first)])

    def settle_AnnAssign(self: Any, node: gast.AnnAssign) -> None:
        if node.value is not None:
            self.settle([(node, "value", None), *self.target_places(node.target)])

    def settle_AugAssign(self: Any, node: gast.AugAssign) -> None:
        bound = bound_in(node.value)
        if not core.is_name(node.target):
            if self.changes_read(node.value, root_of(node.target)):
                raise self.refuse_effect(node.value)
            self.settle([*self.target_places(node.target, bound), (node, "value", None)])
        elif node.target.id not in bound:
            self.settle([(node, "value", None)])

    def target_places(self: Any, target: Any, bound: set[str] = frozenset()) -> list[Place]:
        """The indices in a target, from the inside out."""
        found: list[Place] = []
        inner = target
        while isinstance(inner, (gast.Subscript, gast.Attribute)):
            if isinstance(inner, gast.Subscript):
                found.insert(0, (inner, "slice", None))
            inner = inner.value
        for place in found:
            bound = bound | bound_in(operand_at(place))
        self.check_target(inner, bound)
        return found

    def check_target(self: Any, target: Any, bound: set[str]) -> None:
        """Refuse a target that has effects, or whose variable is bound on the way."""
        if isinstance(target, gast.Name) and not isinstance(target.ctx, gast.Load):
            return
        if self.has_effects(target) or (core.is_name(target) and target.id in bound):
            raise self.refuse_effect(target)

    def changes_read(self: Any, node: gast.expr, name: str | None) -> bool:
        """May an expression write into the variable's object?"""
        return any(
            isinstance(n, gast.Call) and self.is_effect(n, True) and name in core.reads(n)
            for n in in_scope(node)
        )

    def while_effects(self: Any, node: gast.While) -> None:
        """``while (y := f(x)) > 0`` evaluates its test at the start and after every round."""
        again = self.fresh("again")
        self.evaluate_test(again, node)
        body = self.nested(node.body)
        leave = body.pop() if body and _is_exit(body[-1]) else None
        tail = self.block_of(lambda: self.evaluate_test(again, node))
        if leave is not None:  # after a `break` the test is not evaluated any more
            stay = gast.UnaryOp(gast.Not(), core.copy(leave.test))
            tail = [*self.block_of(lambda: self.emit(gast.If(stay, tail, []))), leave]
        loop = gast.While(core.name(again), [*body, *tail], [])
        self.emit(gast.copy_location(loop, node))

    def evaluate_test(self: Any, target: str, node: gast.While) -> None:
        self.emit(core.assign(target, self.test(core.copy(node.test))))

    def refuse_effect(self: Any, node: Any) -> Exception:
        return self.refuse(
            node, "an expression that binds or changes something, where its order is not clear",
            "write it as a line of its own",
        )  # fmt: skip


def _is_exit(statement: gast.stmt) -> bool:
    return isinstance(statement, gast.If) and any(isinstance(s, gast.Break) for s in statement.body)


def in_scope(node: Any) -> Iterator[Any]:
    """The nodes of an expression, apart from the bodies of lambdas: those run when called."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        if isinstance(current, gast.Lambda):
            arguments = current.args
            stack += [d for d in (*arguments.defaults, *arguments.kw_defaults) if d is not None]
        else:
            stack += core.children(current)


def is_mutator(call: gast.Call) -> bool:
    """Is it the call of a method such as `append`?"""
    return isinstance(call.func, gast.Attribute) and call.func.attr in MUTATORS


def root_of(node: Any) -> str | None:
    """The variable behind ``x[i].f``."""
    while isinstance(node, (gast.Subscript, gast.Attribute)):
        node = node.value
    return node.id if core.is_name(node) else None


def bound_in(node: Any) -> set[str]:
    """Names that ``:=`` in an expression binds."""
    return {n.target.id for n in in_scope(node) if isinstance(n, gast.NamedExpr)}


def operands(node: Any) -> Iterator[Place]:
    """The operands of an expression in the order in which Python evaluates them."""
    if isinstance(node, gast.Dict):
        for i, key in enumerate(node.keys):
            if key is not None:
                yield node, "keys", i
            yield node, "values", i
        return
    if isinstance(node, gast.Lambda):
        yield from operands(node.args)
        return
    if isinstance(node, gast.arguments):
        fields: tuple[str, ...] = ("defaults", "kw_defaults")
    elif isinstance(node, gast.Call) and isinstance(node.func, gast.Attribute):
        yield node.func, "value", None  # of a method call, which stays one
        fields = ("args", "keywords")
    else:
        fields = node._fields
    for field in fields:
        value = getattr(node, field, None)
        if isinstance(value, list):
            for i, item in enumerate(value):
                if isinstance(item, gast.keyword):
                    yield item, "value", None
                elif isinstance(item, gast.expr):
                    yield node, field, i
        elif isinstance(value, gast.expr):
            yield node, field, None


def operand_at(place: Place) -> Any:
    """The expression that stands there."""
    owner, field, index = place
    value = getattr(owner, field)
    return value if index is None else value[index]


def put(place: Place, value: gast.expr) -> None:
    """Replace the expression that stands there."""
    owner, field, index = place
    if index is None:
        setattr(owner, field, value)
    else:
        getattr(owner, field)[index] = value


def spread(place: Place, value: gast.expr) -> gast.expr:
    """What stands behind ``*`` or ``**`` is taken apart where it stands: copy it there."""
    owner, field, index = place
    if isinstance(owner, gast.Starred):
        return gast.List([gast.Starred(value, gast.Load())], gast.Load())
    if isinstance(owner, gast.keyword) and owner.arg is None:
        return gast.Dict([None], [value])
    if isinstance(owner, gast.Dict) and field == "values" and owner.keys[index] is None:
        return gast.Dict([None], [value])
    return value


def with_own_names(node: Any, lowerer: Any) -> Any:
    """Give the variables of a comprehension names of their own: it is a scope of its own."""
    node = core.copy(node)
    names = {n.id for g in node.generators for n in core.walk(g.target) if core.is_name(n)}
    new = {n: lowerer.fresh(core.base(n)) for n in sorted(names)}
    first = node.generators[0].iter
    inside = {id(n) for n in core.walk(first)}
    for n in core.walk(node):
        if isinstance(n, gast.Name) and n.id in new and id(n) not in inside:
            n.id = new[n.id]
    lowerer.coarse.names.update(new[n] for n in names if n in lowerer.coarse.names)
    lowerer.scope.local.update(new.values())
    for generator in node.generators:
        if lowerer.coarse.active(generator.iter):
            stored = {n.id for n in core.walk(generator.target) if core.is_name(n)}
            lowerer.coarse.names.update(stored)
    return node
