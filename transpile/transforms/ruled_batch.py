"""Rules of batched functions: the user's rules, batched.

A function with a rule that `vmap` has batched keeps a rule: its parts are batched for the arguments that
the function was batched for, and for what they give each other. A rule that cannot be batched before the
code runs is batched when it is called.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from redraft.transpile.analysis.batched import (
    PLAIN,
    Array,
    Entries,
    Items,
    Nothing,
    Value,
    batched_like,
    is_batched,
    single,
)
from redraft.transpile.batched_arguments import bind_parameters
from redraft.transpile.errors import TransformError
from redraft.transpile.front.callee import Function
from redraft.transpile.front.source import Source
from redraft.transpile.transforms.build import title
from redraft.transpile.transforms.ruled import (
    CotangentRule,
    GradientRule,
    RefusedRule,
    Rule,
    TangentRule,
    Text,
    backward_arguments,
    displayed,
    with_dots,
)


@dataclasses.dataclass(eq=False)
class Batch:
    """What a function with a rule was batched for.

    Attributes:
        env: descriptions of its arguments.
        result: description of its result.
        axis_name: the name of the batch axis.
    """

    env: dict[str, Value]
    result: Value
    axis_name: Any

    def described(self, names: list[str]) -> list[Value]:
        return [self.env[n] for n in names]

    def tuple_of(self, names: list[str]) -> Items:
        """Description of the tuple of these arguments."""
        return Items("tuple", tuple(range(len(names))), tuple(self.described(names)))

    def write(self, unit: Any, rule: Any, values: list[Value]) -> Any:
        """A version of a rule for values of these descriptions."""
        source = unit.source_of(Function(plain_function(rule)), refuse)
        return self.of_source(unit, source, values, {})

    def of_source(
        self, unit: Any, source: Source, values: list[Value], named: dict[str, Value]
    ) -> Any:
        """A version of a function for values of these descriptions."""
        from redraft.transpile.transforms.batch import Batches

        try:
            env = bind_parameters(source, values, named)
            return Batches(unit, self.axis_name).entry(source, env, refuse)
        except TypeError as error:
            raise refuse(str(error)) from None
        except TransformError as error:
            error.of_batch = True  # what it is called with may be known better when it runs
            raise

    def axes_of(self, name: str, names: list[str]) -> tuple:
        return tuple(axes_of(v, name) for v in self.described(names))


def refuse(message: str, hint: str | None = None) -> TransformError:
    """A refusal without a place: that of the call is added later."""
    return TransformError(message, None, hint or "use `rd.vmap_by_loop`")


def plain_function(rule: Any) -> Any:
    """A function of the user's; one that `jit` or a rule wraps is what it wraps."""
    while getattr(type(rule), "redraft_identity", False):
        rule = rule.fun
    return rule


def call_of(version: Any, arguments: list[str], batched: str) -> str:
    """A call of a batched function; `batched` names something that has the batch axis."""
    size = [] if version.size is None else [f"{version.size}=rt.batch_size({batched})"]
    return f"{version.name}({', '.join([*arguments, *size])})"


@dataclasses.dataclass(eq=False)
class BatchedCotangentRule(CotangentRule):
    """The rule of a batched function with a `custom_vjp`.

    The cotangent of an argument that all examples share is the sum of theirs.
    """

    batch: Any = None
    saved: Any = None

    def forward_call(self, text: Text, source: Source, rule: str) -> str:
        arguments = self.parameters(source)
        if text.unit.late_batches:
            return f"{self.late_forward(text, arguments)}({', '.join(arguments)})"
        version = self.batch.write(text.unit, self.forward, self.batch.described(arguments))
        self.saved = self.check_forward(version.result, rule)
        return call_of(version, arguments, self.some_batched(arguments))

    def check_forward(self, result: Value, rule: str) -> Value:
        """The description of the residuals."""
        if (
            not isinstance(result, Items)
            or result.kind not in ("tuple", "list")
            or len(result.parts) != 2
        ):
            raise TransformError(
                f"`{rule}` must return a pair, the value and the residuals",
                None,
                "return a tuple of two",
            )
        if is_batched(result.parts[0]) != is_batched(self.batch.result):
            raise TransformError(
                f"`{rule}` gives all examples one value, and `{self.name}` does not, or the reverse", None,
                f"let `{rule}` call `{self.name}` for the value",
            )  # fmt: skip
        return result.parts[1]

    def some_batched(self, names: list[str]) -> str:
        found = [n for n in names if axes_of(self.batch.env[n], self.name) == 0]
        return found[0] if found else displayed(names)

    def backward_call(self, text: Text, rule: str, fixed: list[str], saved: str, ans_bar: str, wanted: list[str]) -> str:  # fmt: skip
        arguments = [*fixed, saved, ans_bar]
        if text.unit.late_batches:
            axes = repr(self.batch.axes_of(self.name, wanted))
            given = f"{self.late_backward(text, fixed)}({', '.join(arguments)})"
            return f"rt.rule_sums({given}, {axes})"
        seed = seed_of(self.batch.result)
        values = [*self.batch.described(fixed), self.saved, seed]
        version = self.batch.write(text.unit, self.backward, values)
        given = call_of(version, arguments, ans_bar if axes_of(seed, self.name) == 0 else saved)
        axes = self.sums(version.result, wanted, rule)
        return given if all(a == 0 for a in axes) else f"rt.rule_sums({given}, {axes!r})"

    def sums(self, result: Value, wanted: list[str], rule: str) -> tuple:
        """Axes as `rule_sums` takes them: 0 for what stays, None for what is added up."""
        parts = result.parts if isinstance(result, Items) and result.kind == "tuple" else ()
        if len(parts) != len(wanted):
            raise TransformError(
                f"`{rule}` must return a tuple of {len(wanted)} cotangents", None,
                "write the tuple in its return",
            )  # fmt: skip
        pairs = zip(wanted, parts, strict=True)
        return tuple(sum_of(self, self.batch.env[n], part, n, rule) for n, part in pairs)

    def functions(self) -> dict[str, Any]:
        return {}

    def late_forward(self, text: Text, names: list[str]) -> str:
        """The forward rule as an object that batches it when it is called."""
        from redraft.transpile.vmap import Vmapped

        out = axes_of(self.batch.result, self.name)
        axes = self.batch.axes_of(self.name, names)
        made = Vmapped(self.forward, axes, (out, 0), self.batch.axis_name, None)
        return text.function(made, f"{self.forward_name()}_vmap")

    def late_backward(self, text: Text, fixed: list[str]) -> str:
        """As `late_forward`, of the backward rule."""
        from redraft.transpile.vmap import Vmapped

        axes = (*self.batch.axes_of(self.name, fixed), 0, axes_of(self.batch.result, self.name))
        made = Vmapped(self.backward, axes, 0, self.batch.axis_name, None)
        return text.function(made, f"{self.backward_name()}_vmap")


@dataclasses.dataclass(eq=False)
class BatchedTangentRule(TangentRule):
    """The rule of a batched function with a `custom_jvp`."""

    batch: Any = None

    def rule_call(self, text: Text, rule: str, fixed: list[str], wanted: list[str], tangents: list[str]) -> str:  # fmt: skip
        arguments = [*fixed, displayed(wanted), displayed(tangents)]
        if text.unit.late_batches:
            of, out = self.batch.axes_of(self.name, wanted), axes_of(self.batch.result, self.name)
            axes = (*self.batch.axes_of(self.name, fixed), of, of)
            return f"{self.late(text, self.rule, axes, rule, (out, out))}({', '.join(arguments)})"
        both = [self.batch.tuple_of(wanted)] * 2
        version = self.batch.write(text.unit, self.rule, [*self.batch.described(fixed), *both])
        self.check_same(version.result, rule)
        return call_of(version, arguments, displayed(wanted))

    def check_same(self, result: Value, rule: str) -> None:
        parts = result.parts if isinstance(result, Items) else ()
        if len(parts) == 2 and len({is_batched(p) for p in (*parts, self.batch.result)}) == 1:
            return
        raise TransformError(
            f"`{rule}` must return a pair, the value and the tangent, that both differ from example to "
            "example", None, "write the pair in its return, and compute the tangent from the tangents",
        )  # fmt: skip

    def part_call(self, text: Text, source: Source, parameter: str, dot: str, value: str) -> str:
        names = self.parameters(source)
        arguments = [dot, value, *names]
        part = dict(zip(names, self.parts, strict=True))[parameter]
        if text.unit.late_batches:
            out, axes = axes_of(self.batch.result, self.name), self.batch.axes_of(self.name, names)
            own = axes_of(self.batch.env[parameter], self.name)
            made = self.late(text, part, (own, out, *axes), self.part_name(parameter), out)
            return f"{made}({', '.join(arguments)})"
        values = [self.batch.env[parameter], self.batch.result, *self.batch.described(names)]
        version = self.batch.write(text.unit, part, values)
        if is_batched(version.result) != is_batched(self.batch.result):
            raise TransformError(
                f"the rule of `{self.name}` for `{parameter}` gives all examples one tangent", None,
                "compute it from the tangent that it is given",
            )  # fmt: skip
        return call_of(version, arguments, dot)

    def value_call(self, text: Text, source: Source) -> str:
        """The value: the batched function itself."""
        names = self.parameters(source)
        if text.unit.late_batches:
            out, axes = axes_of(self.batch.result, self.name), self.batch.axes_of(self.name, names)
            return f"{self.late(text, self.function, axes, self.name, out)}({', '.join(names)})"
        version = self.batch.write(text.unit, self.function, self.batch.described(names))
        return call_of(version, names, displayed(names))

    def functions(self) -> dict[str, Any]:
        return {}

    def rule_source(self, unit: Any) -> None:
        """None: the batched rule is not the user's function."""
        return None

    def late(self, text: Text, rule: Any, axes: tuple, name: str, out: Any) -> str:
        """A rule as an object that batches it when it is called."""
        from redraft.transpile.vmap import Vmapped

        return text.function(Vmapped(rule, axes, out, self.batch.axis_name, None), f"{name}_vmap")


def batched_rule(rule: Rule, source: Source, batch: Batch, size: str | None) -> Rule:
    """The rule of the batched form of a function with a rule."""
    names = rule.parameters(source)
    batch.env = {n: batch.env[n] for n in names}
    if isinstance(rule, GradientRule):
        return RefusedRule(
            rule.name, rule.nondiff, size,
            "a `custom_gradient` under vmap leaves a function for each example",
            "differentiate first and batch then, as in `rd.vmap(rd.grad(f))`, or use `rd.custom_vjp`",
        )  # fmt: skip
    if isinstance(rule, (BatchedCotangentRule, BatchedTangentRule, BatchedPairRule)):
        return BatchedPairRule(rule.name, (), size, inner=source, batch=batch)
    if isinstance(rule, TangentRule):
        return BatchedTangentRule(
            rule.name,
            rule.nondiff,
            size,
            rule=rule.rule,
            parts=rule.parts,
            function=rule.function,
            batch=batch,
        )
    return BatchedCotangentRule(
        rule.name, rule.nondiff, size, forward=rule.forward, backward=rule.backward, batch=batch
    )


def axes_of(value: Any, name: str) -> Any:
    """What `vmap` takes for the axes of a value of which this is known."""
    if isinstance(value, Items) and is_batched(value):
        parts = [axes_of(p, name) for p in value.parts]
        if all(p == 0 for p in parts):
            return 0
        if value.kind == "dict":
            return dict(zip(value.keys, parts, strict=True))
        if value.kind in ("tuple", "list"):
            return tuple(parts) if value.kind == "tuple" else parts
    if isinstance(value, (Items, Entries)) and is_batched(value):
        raise TransformError(
            f"`{name}`, which has a rule, gets an object or a list of which only a part is batched", None,
            "pass arrays, tuples, lists or dicts",
        )  # fmt: skip
    return 0 if is_batched(value) else None


def sum_of(owner: Rule, argument: Value, bar: Value, name: str, rule: str) -> Any:
    """0 where a cotangent belongs to an argument of each example, None where to a shared one."""
    if isinstance(bar, Nothing):
        return 0
    if isinstance(bar, Items) and not isinstance(argument, Array):
        inner = (
            dict(zip(argument.keys, argument.parts, strict=True))
            if isinstance(argument, Items)
            else {}
        )
        inner = {k: inner.get(k, getattr(argument, "part", PLAIN)) for k in bar.keys}
    elif isinstance(bar, Items):
        inner = dict.fromkeys(bar.keys, argument)
    else:
        return axis_of(owner, argument, bar, name, rule)
    found = {
        k: sum_of(owner, inner[k], p, name, rule) for k, p in zip(bar.keys, bar.parts, strict=True)
    }
    if all(a == 0 for a in found.values()):
        return 0
    return found if bar.kind in ("dict", "object") else tuple(found.values())


def axis_of(owner: Rule, argument: Value, bar: Value, name: str, rule: str) -> Any:
    if axes_of(bar, owner.name) == 0:
        return 0 if axes_of(argument, owner.name) == 0 else None
    raise TransformError(
        f"`{rule}` returns a cotangent of `{name}` that is the same for all examples", None,
        "compute it from the cotangent of the result, as with 0.0 * z_bar; None stands for zeros",
    )  # fmt: skip


@dataclasses.dataclass(eq=False)
class BatchedPairRule(Rule):
    """The rule of a function that was batched with a rule, and is batched once more.

    Its forward, backward and tangent functions are those of the inner batch, batched.
    """

    inner: Any = None  # the source that was batched
    batch: Any = None

    def write_pair(self, unit: Any, source: Source, pair: Any) -> None:
        inner = unit.pair(self.inner, pair.active)
        names = self.parameters(source)
        forward = self.version(unit, inner.forward, self.batch.described(names), {})
        of_saved = forward.result.parts[1]
        seed = seed_of(self.batch.result)
        backward = self.version(unit, inner.backward, [of_saved, seed], {})
        pair.bars = inner.returned()
        text = Text(unit, source)
        text.write(f"return {call_of(forward, names, displayed(names))}")
        text.add(pair.forward, source.node.args, title("fwd", source, list(pair.active)))
        self.write_backward(unit, source, pair, backward)

    def write_backward(self, unit: Any, source: Source, pair: Any, backward: Any) -> None:
        text = Text(unit, source)
        saved, ans_bar = text.name("saved"), text.name("ans_bar")
        called = call_of(backward, [saved, ans_bar], ans_bar)
        single = len(pair.bars) == 1
        parts = [backward.result] if single else backward.result.parts
        pairs = zip(pair.bars, parts, strict=True)
        axes = tuple(sum_of(self, self.batch.env[n], p, n, self.name) for n, p in pairs)
        if any(a != 0 for a in axes):
            called = (
                f"rt.rule_sums({f'({called},)' if single else called}, {axes!r}){'[0]' * single}"
            )
        text.write(f"return {called}")
        text.add(
            pair.backward, backward_arguments(saved, ans_bar), title("bwd", source, list(pair.bars))
        )

    def write_tangent(self, unit: Any, source: Source, active: tuple[str, ...], name: str) -> None:
        from redraft.transpile.transforms.forward import tangent_parameter, write_jvp_named

        inner = unit.name_function(f"{self.name}_jvp")
        write_jvp_named(unit, self.inner, active, inner)
        names = self.parameters(source)
        dots = {p: tangent_parameter(source.parameters, p) for p in active}
        inner_dots = {p: tangent_parameter(self.inner.parameters, p) for p in active}
        tangents = {inner_dots[p]: self.batch.env[p] for p in active}
        version = self.version(unit, inner, self.batch.described(names), tangents)
        text = Text(unit, source)
        given = [*names, *(f"{inner_dots[p]}={d}" for p, d in dots.items())]
        text.write(f"return {call_of(version, given, displayed(names))}")
        text.add(name, with_dots(source, list(dots.values())), title("jvp", source, list(active)))

    def version(self, unit: Any, name: str, values: list[Value], named: dict[str, Value]) -> Any:
        """The batched version of a function of the unit."""
        source = unit.read_again(unit.written[name])
        return self.batch.of_source(unit, source, values, named)


def seed_of(result: Value) -> Value:
    """Description of the cotangent of a result."""
    return batched_like(single(result)) if is_batched(result) else result
