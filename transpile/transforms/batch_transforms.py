"""Transformations that a batched function applies: ``rd.grad(g)(x)``, ``rd.jvp``, ``rd.vjp``.

The transformed function is written first, with what `g` captures as parameters, then it is batched
like any function that is called. A pullback is what its backward function needs::

    value, pull = rd.vjp(g, x)                value, pull = g_fwd_vmap(x)
    (x_bar,) = pull(1.0)                      x_bar = g_bwd_vmap(pull, 1.0)
"""

from __future__ import annotations

import types
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.batched import (
    PLAIN,
    Applied,
    Array,
    Closure,
    FunctionWithData,
    Items,
    Known,
    Pullback,
    Value,
    is_batched,
)
from redraft.transpile.front.callee import Function, Transformed
from redraft.transpile.front.checkpointed import rule_of_call, with_rule
from redraft.transpile.front.expressions import (
    TRANSFORM_OPTIONS,
    has_literal_defaults,
    takes_primals,
)
from redraft.transpile.front.lifting import Lifter
from redraft.transpile.front.scope import UNKNOWN
from redraft.transpile.front.source import Source
from redraft.transpile.primitives import table
from redraft.transpile.transforms.batch_calls import BatchedCalls
from redraft.transpile.transforms.batch_names import Result, display_of, part_at
from redraft.transpile.transforms.batch_results import Saved
from redraft.transpile.transforms.linear_pair import linear_pair


class BatchedTransformations(BatchedCalls):
    """The part of `Batcher` that applies transformations."""

    def kind_of(self, node: Any) -> str | None:
        """The transformation that a call applies."""
        value = self.scope.value(node.func) if isinstance(node, gast.Call) else UNKNOWN
        return None if value is UNKNOWN else getattr(value, "redraft_transform", None)

    def is_jit(self, node: Any) -> bool:
        """Is this ``rd.jit(g)``? Within a batched function, that is `g`."""
        from redraft.transpile.jit import jit

        return isinstance(node, gast.Call) and self.scope.value(node.func) is jit

    def is_applied(self, node: Any) -> bool:
        """Is this ``rd.grad(g)``?"""
        kinds = (*TRANSFORM_OPTIONS, "checkpoint")
        return (self.kind_of(node) in kinds or self.is_jit(node)) and bool(node.args)

    def applied(self, name: str, node: gast.Call) -> Value:
        """What a name for ``rd.grad(g)`` stands for: an object, if `g` is known outside of here."""
        function, inner = self.scope.value(node.func), self.scope.value(node.args[0])
        options = self.options_of(node)
        if inner is not UNKNOWN and table.UNKNOWN not in options.values():
            key = (inner, function, repr(sorted(options.items())))
            if key not in self.batches.made:
                self.batches.made[key] = function(inner, **options)
            return Known(self.batches.made[key])
        self.made_here.append(Applied(name, node))
        return self.made_here[-1]

    def options_of(self, node: gast.Call) -> dict[str, Any]:
        """The options of ``rd.grad(g, …)`` that are literals; the others are unknown."""
        names = TRANSFORM_OPTIONS.get(self.kind_of(node), ("an option",) * len(node.args))
        options = dict(zip(names, map(self.scope.option, node.args[1:]), strict=False))
        options.update({k.arg: self.scope.option(k.value) for k in node.keywords})
        return options

    def called_by_name(self, node: gast.Call, known: Closure) -> Result:
        if isinstance(known, (Applied, Pullback)):
            self.check_own(node, known)
        if isinstance(known, Applied):
            found = self.derived_call(node, known.call)
            if found is None:
                raise self.not_known(node)
            return found
        if isinstance(known, Pullback):
            return self.pull(node, known)
        return self.closure_call(node, known)

    def check_own(self, node: Any, known: Closure) -> None:
        """A derivative or a pullback means something in the function that makes it."""
        at: Any = self
        while at is not None and known not in at.made_here:
            at = at.outer
        if at is None:
            raise self.refuse(
                node, f"`{known.name}` is a derivative or a pullback that another function passes on",
                "call it there, or pass the function",
            )  # fmt: skip

    def not_known(self, node: Any) -> Exception:
        return self.refuse(
            node, "a transformation of a function that is not known when the source is written",
            "pass a function by its name, with options that are literals",
        )  # fmt: skip

    # --- rd.grad(g)(x)

    def derived_call(self, node: gast.Call, function: Any) -> Result | None:
        """A call of what an expression gives: of a derivative, or of a pullback."""
        if isinstance(function, gast.Subscript):
            owner, value = self.expression(function)
            if isinstance(value, FunctionWithData):
                return self.call_with_data(node, owner, value)
            if not isinstance(value, Pullback):
                return None
            self.check_own(node, value)
            return self.pull(node, value)
        callee = self.transformed(function)
        if callee is None:
            return None
        args = [self.expression(a) for a in node.args]
        keywords = {k.arg: self.expression(k.value) for k in node.keywords}
        return self.lifted_call(node, callee, args, keywords)

    def transformed(self, node: Any) -> Transformed | Function | None:
        """``rd.grad(g, …)`` as a callee; None if `g` or an option is not known."""
        if self.is_jit(node) and len(node.args) == 1:
            inner = self.inner_function(node.args[0])
            return None if inner is None else Function(inner)
        rule = rule_of_call(self.scope, node, 1)
        if rule is not None and rule is not table.UNKNOWN:
            inner = self.inner_function(node.args[0])
            return None if inner is None else with_rule(Function(inner), rule)
        kind = self.kind_of(node)
        if kind not in TRANSFORM_OPTIONS or not node.args:
            return None
        inner, options = self.inner_function(node.args[0]), self.options_of(node)
        if inner is None or table.UNKNOWN in options.values():
            return None
        return Transformed(kind, Function(inner), options)

    def inner_function(self, node: Any) -> Any:
        """The function that a transformation is applied to: a source, or something callable."""
        if isinstance(node, gast.Lambda):
            return self.lifted(node) if has_literal_defaults(node) else None
        if isinstance(node, gast.Call):
            return bare(self.transformed(node))
        known = self.env.get(node.id) if core.is_name(node) else None
        if isinstance(known, Applied):
            return bare(self.transformed(known.call))
        if isinstance(known, Closure) and not isinstance(known, Pullback):
            return self.lifted(self.definer(known.name, node).definitions[known.name], known.name)
        if isinstance(known, Known):
            return self.plain_function(known.function)
        value = self.scope.value(node)
        return None if value is UNKNOWN else self.plain_function(value)

    def plain_function(self, function: Any) -> Any:
        """A function as a callee knows it; None if that is settled at run time only."""
        from redraft.transpile.front.expressions import derivative

        if getattr(type(function), "redraft_identity", False):
            return self.plain_function(function.fun)
        if isinstance(function, types.FunctionType):
            return function
        return derivative(function, None) if hasattr(function, "redraft_kind") else None

    def lifted(self, node: Any, name: str | None = None) -> Source | None:
        """A nested function with what it captures as parameters."""
        if not has_literal_defaults(node):
            return None
        at, known = self, {}
        while at is not None:
            known = {**at.definitions, **known}
            at = at.outer
        lifter = Lifter(self.source, self.scope, known)
        return lifter.local_functions[name] if name in known else lifter.finished(node)

    def lifted_call(
        self, node: Any, callee: Any, args: list[Result], keywords: dict[str, Result]
    ) -> Result:
        """A call of a generated function, with what its inner function captures."""
        captured = [self.expression(core.name(n)) for n in captured_of(callee)]
        every = [*captured, *args]
        if not captured and not any(is_batched(k) for _, k in (*args, *keywords.values())):
            if not (self.concerned and self.speaks(callee)):
                return core.copy(node), PLAIN
        if any(isinstance(k, Closure) for _, k in (*every, *keywords.values())):
            raise self.not_known(node)
        source = self.unit.source_of(callee, self.refusal(node))
        named = [gast.keyword(k, n) for k, (n, _) in keywords.items()]
        new = gast.Call(None, [n for n, _ in every], named)
        return self.source_call(node, source, new, every, keywords)

    # --- rd.jvp and rd.vjp

    def transform(self, function: Any) -> Any:
        """How a call of `rd.jvp` or `rd.vjp` is rewritten."""
        if function is UNKNOWN:
            return None
        kind = getattr(function, "redraft_transform", None)
        handlers = {
            "jvp": self.call_jvp,
            "vjp": self.call_vjp,
            "linearize": self.call_vjp,
            "fwd_and_bwd": self.call_fwd_and_bwd,
        }
        return handlers.get(kind)

    def call_fwd_and_bwd(self, node: gast.Call) -> Result | None:
        return self.call_vjp(node) if takes_primals(node) else None

    def call_jvp(self, node: gast.Call) -> Result:
        """``rd.jvp(g, (x,), (v,))`` is a call of the generated tangent function."""
        displays = [a for a in node.args[1:] if isinstance(a, (gast.Tuple, gast.List))]
        inner = self.inner_function(node.args[0]) if node.args else None
        if len(node.args) != 3 or node.keywords or len(displays) != 2 or inner is None:
            raise self.refuse(
                node, "this `rd.jvp` is not supported under vmap",
                "write `rd.jvp(f, (x, …), (x_dot, …))` with a function that is known by its name",
            )  # fmt: skip
        primals, tangents = (d.elts for d in displays)
        args = [self.expression(a) for a in (*primals, *tangents)]
        callee = Transformed("jvp", Function(inner), {"count": len(primals)})
        return self.lifted_call(node, callee, args, {})

    def call_vjp(self, node: gast.Call) -> Result:
        """``rd.vjp(g, x)``, ``rd.linearize(g, x)``: a call of the generated forward function."""
        inner = self.inner_function(node.args[0]) if node.args else None
        kind = self.kind_of(node)
        if len(node.args) < 2 or node.keywords or inner is None:
            raise self.refuse(
                node, f"this `rd.{kind}` is not supported under vmap",
                f"write `rd.{kind}(f, x, …)` with a function that is known by its name",
            )  # fmt: skip
        if self.lines is None:
            raise self.refuse(node, f"`rd.{kind}` in this place", "give what it returns names")
        source = self.unit.source_of(Function(inner), self.refusal(node))
        args = [self.expression(a) for a in node.args[1:]]
        own = source.parameters[len(source.captured) :][: len(args)]
        linear = kind == "linearize"
        if linear:
            pair, bars = linear_pair(self.unit, source, tuple(own)), ()
        else:
            pair = self.unit.pair(source, tuple(own))
            bars = tuple(map(lambda n, a: self.cotangent_name(n, a, pair), own, args))
        forward = self.unit.read_again(self.unit.written[pair.forward])
        captured = [self.expression(core.name(n)) for n in source.captured]
        every = [*captured, *args]
        call = gast.Call(None, [n for n, _ in every], [])
        new, known = self.source_call(node, forward, call, every, {})
        value, saved = self.names_of_pair(node)
        places = gast.Tuple([core.store(value), core.store(saved)], gast.Store())
        self.emit(gast.Assign([places], new, None))
        of_value, of_saved = known.parts
        self.env[value], self.env[saved] = of_value, of_saved
        of = (pair.active, "linear") if linear else (pair.returned(), "vjp")
        held = self.pullback_object(pair, (value, of_value), saved, args, own, *of)
        pulled = Pullback(saved, pair, of_saved, bars, held, linear)
        self.made_here.append(pulled)
        display = gast.Tuple([core.name(value), core.name(saved)], gast.Load())
        return display, Items("tuple", (0, 1), (of_value, pulled))

    def pullback_object(
        self, pair: Any, value: tuple[str, Value], saved: str, args: list[Result], own: Any,
        returned: tuple[str, ...], kind: str,
    ) -> str | None:  # fmt: skip
        """A variable with the pullback as an object, if one is returned by the batched function."""
        if not self.batches.returns_functions:
            return None
        of_value = example_node(core.name(value[0]), value[1])
        primals = gast.Tuple([example_node(core.copy(n), k) for n, k in args], gast.Load())
        places = [core.constant(own.index(name)) for name in returned]
        name = self.free(f"{saved}_function")
        residuals = Saved(self).placed(core.name(saved), self.env[saved], 0, "the residuals")
        made = core.call(
            f"rt.{kind}_function", core.name(pair.backward), residuals, of_value, primals,
            gast.Tuple(places, gast.Load()),
        )  # fmt: skip
        self.emit(core.assign(name, made))
        return name

    def names_of_pair(self, node: gast.Call) -> tuple[str, str]:
        """Names for a value and its pullback: those of ``value, pull = rd.vjp(g, x)``."""
        if isinstance(self.statement, gast.Assign) and self.statement.value is node:
            target = self.statement.targets[0]
            if isinstance(target, gast.Tuple) and len(target.elts) == 2 and not self.regions:
                names = [t.id for t in target.elts if core.is_name(t)]
                if len(set(names) - self.captured) == 2:
                    return names[0], names[1]
        return self.free("value"), self.free("pullback")

    def cotangent_name(self, parameter: str, argument: Result, pair: Any) -> tuple[str, bool]:
        """The cotangent that a parameter gets; zeros are made where the argument is known."""
        if parameter in pair.returned():
            return parameter, True
        node, known = argument
        if not isinstance(known, Array):
            raise self.refuse(node, "a pullback to a container that has no part in the result",
                              "leave it out of the arguments of `rd.vjp`")  # fmt: skip
        zeros = self.temporary(core.call("np.zeros_like", core.copy(node)), "zeros").id
        self.env[zeros] = known
        return zeros, False

    def push(self, node: gast.Call, linear: Pullback) -> Result:
        """``f_lin(x_dot, …)``: the tangent of the result."""
        count = len(linear.pair.active)
        if len(node.args) != count or node.keywords or self.lines is None:
            raise self.refuse(
                node, f"this linear function takes {count} tangents", "write `f_lin(x_dot, …)`"
            )
        function = self.unit.read_again(self.unit.written[linear.pair.backward])
        args = [(core.name(linear.name), linear.saved), *map(self.expression, node.args)]
        call = gast.Call(None, [n for n, _ in args], [])
        return self.source_call(node, function, call, args, {})

    def pull(self, node: gast.Call, pullback: Pullback) -> Result:
        """``pull(cotangent)``: the cotangents of the primals, as a tuple."""
        if pullback.linear:
            return self.push(node, pullback)
        if len(node.args) != 1 or node.keywords or self.lines is None:
            raise self.refuse(node, "a pullback takes one cotangent", "write `pull(cotangent)`")
        cotangent = self.expression(node.args[0])
        returned = pullback.pair.returned()
        found: dict[str, Result] = {}
        if returned:
            backward = self.unit.read_again(self.unit.written[pullback.pair.backward])
            args = [(core.name(pullback.name), pullback.saved), cotangent]
            call = gast.Call(None, [n for n, _ in args], [])
            new, known = self.source_call(node, backward, call, args, {})
            found = self.cotangents(new, known, returned)
        parts = [found[n] if given else (core.name(n), self.env[n]) for n, given in pullback.bars]
        display = gast.Tuple([n for n, _ in parts], gast.Load())
        return display, Items("tuple", tuple(range(len(parts))), tuple(k for _, k in parts))

    def cotangents(self, new: Any, known: Value, returned: Any) -> dict[str, Result]:
        """What a backward function returns, by the names of the parameters."""
        if len(returned) == 1:
            return {returned[0]: (new, known)}
        names = [self.free("cotangent") for _ in returned]
        self.emit(gast.Assign([gast.Tuple([*map(core.store, names)], gast.Store())], new, None))
        self.env.update(zip(names, known.parts, strict=True))
        return {r: (core.name(n), k) for r, n, k in zip(returned, names, known.parts, strict=True)}


def example_node(node: gast.expr, known: Value) -> gast.expr:
    """An expression for what one example's value looks like."""
    if not is_batched(known):
        return node
    if (
        isinstance(known, Items)
        and not all(map(is_batched, known.parts))
        and known.kind != "object"
    ):
        parts = zip(known.keys, known.parts, strict=True)
        return display_of(
            known,
            [example_node(part_at(core.copy(node), i, k), p) for i, (k, p) in enumerate(parts)],
        )
    return core.call("rt.example", node)


def bare(callee: Any) -> Any:
    """A callee without the wrapper of a plain function."""
    return callee.function if isinstance(callee, Function) else callee


def captured_of(callee: Any) -> tuple[str, ...]:
    """What the function at the bottom of a chain of transformations captures."""
    while isinstance(callee, (Transformed, Function)):
        callee = callee.inner if isinstance(callee, Transformed) else callee.function
    return callee.captured if isinstance(callee, Source) else ()
