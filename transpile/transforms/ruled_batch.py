"""Rules of batched functions: the user's rules, batched.

A function with a rule that `vmap` has batched keeps a rule: its parts are batched for the arguments that
the function was batched for, and for what they give each other. A rule that cannot be batched before the
code runs is batched when it is called.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from redraft.transpile.analysis.batched import (
    Array,
    Entries,
    Items,
    Value,
    batched_like,
    is_batched,
    single,
)
from redraft.transpile.batched_arguments import bind_parameters
from redraft.transpile.errors import TransformError
from redraft.transpile.front.callee import Function
from redraft.transpile.front.source import Source
from redraft.transpile.transforms.ruled import (
    CotangentRule,
    GradientRule,
    RefusedRule,
    Rule,
    TangentRule,
    Text,
    displayed,
    name_of,
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
        from redraft.transpile.transforms.batch import Batches

        def refuse(message: str, hint: str | None = None) -> TransformError:
            return TransformError(message, None, hint or "use `rd.vmap_by_loop`")

        source = unit.source_of(Function(plain_function(rule)), refuse)
        try:
            env = bind_parameters(source, values, {})
            return Batches(unit, self.axis_name).entry(source, env, refuse)
        except TypeError as error:
            raise refuse(str(error)) from None
        except TransformError as error:
            error.of_batch = True  # what it is called with may be known better when it runs
            raise

    def axes_of(self, name: str, names: list[str]) -> tuple:
        return tuple(axes_of(v, name) for v in self.described(names))


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
            return f"{text.function(f'{rule}_vmap')}({', '.join(arguments)})"
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
            given = f"{text.function(f'{rule}_vmap')}({', '.join(arguments)})"
            return f"rt.rule_sums({given}, {axes})"
        seed = (
            batched_like(single(self.batch.result))
            if is_batched(self.batch.result)
            else self.batch.result
        )
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
                f"`{rule}` must return a tuple of {len(wanted)} cotangents",
                None,
                "write the tuple in its return",
            )
        return tuple(
            self.sum_of(self.batch.env[n], part, n, rule)
            for n, part in zip(wanted, parts, strict=True)
        )

    def sum_of(self, argument: Value, bar: Value, name: str, rule: str) -> Any:
        axes, of_bar = axes_of(argument, self.name), axes_of(bar, self.name)
        if axes == of_bar or (of_bar is None and not isinstance(bar, Array)):
            return 0
        if of_bar == 0:
            return axes
        raise TransformError(
            f"`{rule}` returns a cotangent of `{name}` that is the same for all examples", None,
            f"compute it from `{name}`, as with np.zeros_like({name})",
        )  # fmt: skip

    def names(self) -> dict[str, Any]:
        """The rules as objects that batch them when they are called."""
        from redraft.transpile.vmap import Vmapped

        options = (self.batch.axis_name, None)
        names = list(self.batch.env)
        out = axes_of(self.batch.result, self.name)
        fixed = [p for p in names if p not in self.split_names(names)]
        forward = Vmapped(self.forward, self.batch.axes_of(self.name, names), (out, 0), *options)
        backward = Vmapped(
            self.backward, (*self.batch.axes_of(self.name, fixed), 0, out), 0, *options
        )
        return {
            f"{name_of(self.forward, self.name)}_vmap": forward,
            f"{name_of(self.backward, self.name)}_vmap": backward,
        }

    def split_names(self, names: list[str]) -> list[str]:
        fixed = [names[i] for i in self.nondiff]
        return [n for n in names if n not in fixed]


@dataclasses.dataclass(eq=False)
class BatchedTangentRule(TangentRule):
    """The rule of a batched function with a `custom_jvp`."""

    batch: Any = None

    def rule_call(self, text: Text, rule: str, fixed: list[str], wanted: list[str], tangents: list[str]) -> str:  # fmt: skip
        arguments = [*fixed, displayed(wanted), displayed(tangents)]
        if text.unit.late_batches:
            return f"{text.function(f'{rule}_vmap')}({', '.join(arguments)})"
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
        if text.unit.late_batches:
            return super().part_call(text, source, parameter, dot, value)
        part = dict(zip(names, self.parts, strict=True))[parameter]
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
            return super().value_call(text, source)
        version = self.batch.write(text.unit, self.function, self.batch.described(names))
        return call_of(version, names, displayed(names))

    def named(self, source: Source) -> dict[str, Any]:
        from redraft.transpile.vmap import Vmapped

        names = self.parameters(source)
        wanted, fixed = self.split(source)
        out, axes = axes_of(self.batch.result, self.name), self.batch.axes_of(self.name, names)
        options = (self.batch.axis_name, None)
        if not self.parts:
            of = self.batch.axes_of(self.name, wanted)
            rule = Vmapped(
                self.rule, (*self.batch.axes_of(self.name, fixed), of, of), (out, out), *options
            )
            return {f"{name_of(self.rule, self.name)}_vmap": rule}
        found = {self.name: Vmapped(self.function, axes, out, *options)}
        for name, axis, part in zip(names, axes, self.parts, strict=True):
            if part is not None:
                found[self.part_name(name)] = Vmapped(part, (axis, out, *axes), out, *options)
        return found


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
