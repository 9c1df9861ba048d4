"""Derivatives by rules that the user wrote: `custom_vjp`, `custom_jvp`, `custom_gradient`.

A source with a rule is called like any other; but its forward and backward function, or its tangent
function, are made of calls of the rule::

    def f_fwd(x, y):                                    def f_bwd(saved, ans_bar):
        value, saved = rt.rule_pair(forward(x, y), …)       saved, specs = saved
        specs = rt.rule_specs((x, y), value)                ans_bar = rt.rule_seed(ans_bar, specs)
        return value, (saved, specs)                        x_bar, y_bar = rt.rule_bars(backward(saved, ans_bar), …)
                                                            return x_bar, y_bar

What is written is Python like everything else: the derivative of a derivative goes through the text of
the rule.
"""

from __future__ import annotations

import dataclasses
import types
from typing import Any, ClassVar

import gast

from redraft.transpile import core
from redraft.transpile.analysis.linear import check_constant, check_linear
from redraft.transpile.errors import Span, TransformError
from redraft.transpile.front.source import Source
from redraft.transpile.transforms.build import add_written, definition, passed_on, title
from redraft.transpile.transforms.forward import tangent_parameter


@dataclasses.dataclass(eq=False)
class Rule:
    """How a function is differentiated, in place of its own source.

    Attributes:
        name: the user's name of the function.
        nondiff: positions of the arguments that are never differentiated.
        size: the parameter of a batched function that takes the size of the batch, if it has one.
        runs_again: the derivative is that of the function's own text.
    """

    runs_again: ClassVar[bool] = False
    name: str
    nondiff: tuple[int, ...] = ()
    size: str | None = None

    def write_pair(self, unit: Any, source: Source, pair: Any) -> None:
        """Write the forward and the backward function of `source` into the unit."""
        raise NotImplementedError

    def write_tangent(self, unit: Any, source: Source, active: tuple[str, ...], name: str) -> None:
        """Write the tangent function of `source` into the unit, under a name."""
        raise NotImplementedError

    def batched(
        self, source: Source, env: dict[str, Any], result: Any, size: str | None, axis_name: Any
    ) -> Rule:
        """The rule of the batched function.

        Args:
            source: the function of single examples.
            env: what is known of its batched arguments.
            result: what is known of its batched result.
            size: the parameter that takes the size of the batch, if there is one.
            axis_name: the name of the batch axis.
        """
        from redraft.transpile.transforms.ruled_batch import Batch, batched_rule

        return batched_rule(self, source, Batch(dict(env), result, axis_name), size)

    def functions(self) -> dict[str, Any]:
        """The user's functions that generated text calls, by their names."""
        return {}

    def bind(self, unit: Any) -> None:
        """Keep the names of the user's functions in a unit, so that generated ones get others."""
        for name, function in self.functions().items():
            bound(unit, function, name, set())

    def parameters(self, source: Source) -> list[str]:
        """The user's parameters."""
        return [p for p in source.parameters if p != self.size]

    def passed(self, source: Source) -> str:
        """The user's parameters as a call passes them on."""
        listed = passed_on(source.node.args)
        return ", ".join(a for a in listed if a != f"{self.size}={self.size}")

    def split(self, source: Source) -> tuple[list[str], list[str]]:
        """Parameters that may be differentiated, and those that never are."""
        parameters = self.parameters(source)
        fixed = [parameters[i] for i in self.nondiff]
        return [p for p in parameters if p not in fixed], fixed

    def check_active(self, source: Source, active: tuple[str, ...]) -> None:
        """Refuse a derivative with respect to an argument that has none."""
        for name in self.split(source)[1]:
            if name in active:
                raise TransformError(
                    f"`{self.name}` is differentiated with respect to `{name}`, which its rule "
                    "excludes (nondiff_argnums)", None,
                    "pass a value that does not depend on what is differentiated, or give it a cotangent",
                )  # fmt: skip


class Text:
    """The lines of a function that is written for a rule.

    Its own names keep out of the way of the parameters, those of the rule's functions out of the way
    of the functions that are generated.
    """

    def __init__(self, unit: Any, source: Source) -> None:
        self.unit, self.source = unit, source
        self.taken = set(source.parameters)
        self.objects: dict[str, Any] = {}
        self.lines: list[str] = []

    def name(self, wanted: str) -> str:
        """A free name."""
        name = wanted
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def function(self, value: Any, wanted: str) -> str:
        """A name for one of the rule's functions."""
        name = bound(self.unit, value, wanted, self.taken)
        self.objects[name] = value
        return name

    def write(self, line: str) -> None:
        self.lines.append(line)

    def add(self, name: str, arguments: Any, docstring: str) -> None:
        """Put the lines together, and into the unit."""
        body = core.parse_gast("\n".join(self.lines)).body
        source = dataclasses.replace(self.source, extras={**self.source.extras, **self.objects})
        source.rule = None
        add_written(self.unit, definition(name, arguments, body, docstring), source)


def bound(unit: Any, value: Any, wanted: str, taken: set[str]) -> str:
    """A name that stands for an object in a unit."""
    name = wanted
    while name in taken or (
        unit.bindings[name] is not value if name in unit.bindings else name in unit.names
    ):
        name += "_"
    unit.bindings[name] = value
    unit.names.add(name)
    return name


def displayed(names: list[str]) -> str:
    """A tuple display."""
    return f"({', '.join(names)}{',' if len(names) == 1 else ''})"


def backward_arguments(saved: str, ans_bar: str) -> gast.arguments:
    """The parameters of a backward function."""
    names = [gast.Name(n, gast.Param(), None, None) for n in (saved, ans_bar)]
    return gast.arguments(names, [], None, [], [], None, [])


@dataclasses.dataclass(eq=False)
class CotangentRule(Rule):
    """The rule of a `custom_vjp`.

    Attributes:
        forward: arguments -> (value, residuals).
        backward: (nondifferentiated arguments, residuals, cotangent) -> cotangents.
    """

    forward: Any = None
    backward: Any = None

    def write_pair(self, unit: Any, source: Source, pair: Any) -> None:
        self.check_active(source, pair.active)
        wanted, fixed = self.split(source)
        pair.bars = tuple(pair.active)
        self.write_forward(unit, source, pair, wanted, fixed)
        self.write_backward(unit, source, pair, wanted, fixed)

    def functions(self) -> dict[str, Any]:
        return {self.forward_name(): self.forward, self.backward_name(): self.backward}

    def write_forward(
        self, unit: Any, source: Source, pair: Any, wanted: list[str], fixed: list[str]
    ) -> None:
        text = Text(unit, source)
        rule = self.forward_name()
        value, saved, specs = map(text.name, ("value", "saved", "specs"))
        given = self.forward_call(text, source, rule)
        text.write(f"{value}, {saved} = rt.rule_pair({given}, {rule!r})")
        primals = displayed([starred(source, p) for p in wanted])
        text.write(f"{specs} = rt.rule_specs({primals}, {value})")
        text.write(f"return {value}, {displayed([saved, specs, *fixed])}")
        docstring = title("fwd", source, list(pair.active)).replace(
            f"{core.base(source.name)}_bwd", pair.backward
        )
        text.add(pair.forward, source.node.args, f"{docstring[:-1]}, by its rule.")

    def write_backward(
        self, unit: Any, source: Source, pair: Any, wanted: list[str], fixed: list[str]
    ) -> None:
        text = Text(unit, source)
        rule = self.backward_name()
        saved, specs, ans_bar = map(text.name, ("saved", "specs", "ans_bar"))
        bars = {p: text.name(f"{core.base(p)}_bar") for p in wanted}
        text.write(f"{', '.join([saved, specs, *fixed])} = {saved}")
        text.write(f"{ans_bar} = rt.rule_seed({ans_bar}, {specs})")
        names = displayed([repr(starred(source, p)) for p in wanted])
        places = displayed([f"{'*' * (p == vararg_of(source))}{bar}" for p, bar in bars.items()])
        places = places.strip("()")
        given = self.backward_call(text, rule, fixed, saved, ans_bar, wanted)
        text.write(f"{places} = rt.rule_bars({given}, {specs}, {rule!r}, {names})")
        text.write(f"return {', '.join(bars[p] for p in pair.bars) or '()'}")
        docstring = title("bwd", source, list(pair.bars))
        text.add(
            pair.backward, backward_arguments(saved, ans_bar), f"{docstring[:-1]}, by its rule."
        )

    def forward_call(self, text: Text, source: Source, rule: str) -> str:
        """The call of the forward rule."""
        return f"{text.function(self.forward, rule)}({self.passed(source)})"

    def forward_name(self) -> str:
        """The name of the forward rule."""
        return name_of(self.forward, f"{self.name}_forward_rule")

    def backward_name(self) -> str:
        """The name of the backward rule."""
        return name_of(self.backward, f"{self.name}_backward_rule")

    def backward_call(
        self, text: Text, rule: str, fixed: list[str], saved: str, ans_bar: str, wanted: list[str]
    ) -> str:
        """The call of the backward rule."""
        return f"{text.function(self.backward, rule)}({', '.join([*fixed, saved, ans_bar])})"

    def write_tangent(self, unit: Any, source: Source, active: tuple[str, ...], name: str) -> None:
        raise TransformError(
            f"`{self.name}` has a rule for reverse mode (custom_vjp), and none for forward mode", None,
            "differentiate it by `rd.grad` or `rd.vjp`, or give it a rule with `rd.custom_jvp`",
        )  # fmt: skip


@dataclasses.dataclass(eq=False)
class RefusedRule(Rule):
    """Of a function that cannot be differentiated; its value is computed."""

    why: str = ""
    hint: str = ""

    def write_pair(self, unit: Any, source: Source, pair: Any) -> None:
        raise TransformError(self.why, None, self.hint)

    def write_tangent(self, unit: Any, source: Source, active: tuple[str, ...], name: str) -> None:
        raise TransformError(self.why, None, self.hint)


def with_dots(source: Source, dots: list[str]) -> gast.arguments:
    """The parameters of a tangent function: tangents are passed by name."""
    arguments = core.copy(source.node.args)
    for dot in dots:
        arguments.kwonlyargs.append(gast.Name(dot, gast.Param(), None, None))
        arguments.kw_defaults.append(None)
    return arguments


def name_of(function: Any, otherwise: str) -> str:
    """The name of a rule's function in generated text."""
    name = getattr(function, "__name__", "")
    return name if name.isidentifier() else otherwise


def span_of(error: TransformError) -> Span | None:
    """The place of an error."""
    if error.lineno is None:
        return None
    end = (error.end_offset or error.offset) - 1
    return Span(error.filename, error.lineno, error.offset - 1, end, error.text)


def vararg_of(source: Source) -> str | None:
    """The parameter that takes any number of arguments."""
    vararg = source.node.args.vararg
    return None if vararg is None else vararg.id


def starred(source: Source, name: str) -> str:
    """A parameter in a display of all arguments."""
    return f"*{name}" if name == vararg_of(source) else name


@dataclasses.dataclass(eq=False)
class GradientRule(CotangentRule):
    """The rule of a `custom_gradient`: the residual is the function that gives the cotangents."""

    def functions(self) -> dict[str, Any]:
        return {self.forward_name(): self.forward}

    def backward_name(self) -> str:
        return f"the gradient function that {self.name} returns"

    def backward_call(
        self, text: Text, rule: str, fixed: list[str], saved: str, ans_bar: str, wanted: list[str]
    ) -> str:
        return f"rt.only_cotangent({saved}({ans_bar}), {len(wanted)})"


@dataclasses.dataclass(eq=False)
class TangentRule(Rule):
    """The rule of a `custom_jvp`: the tangent code is the user's, its transpose gives cotangents.

    Attributes:
        rule: (nondifferentiated arguments, primals, tangents) -> (value, tangent), or None.
        parts: in its place, for each argument (tangent, value, primals) -> part of the tangent.
        function: what computes the value where there are parts.
    """

    rule: Any = None
    parts: tuple = ()
    function: Any = None

    def write_tangent(self, unit: Any, source: Source, active: tuple[str, ...], name: str) -> None:
        self.check_active(source, active)
        dots = {p: tangent_parameter(source.parameters, p) for p in active}
        arguments = with_dots(source, list(dots.values()))
        text = self.tangent_text(unit, source, dots)
        docstring = title("jvp", source, list(active))
        text.add(name, arguments, f"{docstring[:-1]}, by its rule.")

    def tangent_text(
        self, unit: Any, source: Source, dots: dict[str, str], alone: bool = False
    ) -> Text:
        """The lines that compute value and tangent; `alone`: for transposition, the tangent first."""
        text = Text(unit, source)
        text.taken |= set(dots.values())
        value, tangent = text.name("value"), text.name("tangent")
        if self.parts:
            self.write_parts(text, source, dots, value, tangent)
        else:
            self.write_call(text, source, dots, value, tangent)
        text.write(f"return {tangent}, {value}" if alone else f"return {value}, {tangent}")
        return text

    def functions(self) -> dict[str, Any]:
        return {} if self.parts else {self.rule_name(): self.rule}

    def rule_name(self) -> str:
        """The name of the rule."""
        return name_of(self.rule, f"{self.name}_rule")

    def part_name(self, parameter: str) -> str:
        return f"{self.name}_jvp_{parameter}"

    def write_call(
        self, text: Text, source: Source, dots: dict[str, str], value: str, tangent: str
    ) -> None:
        wanted, fixed = self.split(source)
        rule = self.rule_name()
        star = vararg_of(source)
        tangents = [dots.get(p, f"rt.zeros_like({p})") for p in wanted]
        tangents = [f"*{t}" if p == star else t for p, t in zip(wanted, tangents, strict=True)]
        wanted = [starred(source, p) for p in wanted]
        given = self.rule_call(text, rule, fixed, wanted, tangents)
        text.write(f"{value}, {tangent} = {given}")
        text.write(f"rt.check_tangent({value}, {tangent}, {rule!r})")

    def rule_call(
        self, text: Text, rule: str, fixed: list[str], wanted: list[str], tangents: list[str]
    ) -> str:
        """The call of the rule."""
        given = ", ".join([*fixed, displayed(wanted), displayed(tangents)])
        return f"{text.function(self.rule, rule)}({given})"

    def write_parts(
        self, text: Text, source: Source, dots: dict[str, str], value: str, tangent: str
    ) -> None:
        """Only those parts whose tangents are not zero."""
        text.write(f"{value} = {self.value_call(text, source)}")
        terms = [
            self.part_call(text, source, p, dots[p], value)
            for p, part in zip(self.parameters(source), self.parts, strict=True)
            if part is not None and p in dots
        ]
        total = terms[0] if terms else f"rt.zeros_like({value})"
        for term in terms[1:]:
            total = f"rt.add({total}, {term})"
        names = f"{self.name}.defjvps"
        text.write(f"{tangent} = {total}")
        text.write(f"rt.check_tangent({value}, {tangent}, {names!r})")

    def value_call(self, text: Text, source: Source) -> str:
        """The call that gives the value."""
        return f"{text.function(self.function, self.name)}({', '.join(self.parameters(source))})"

    def part_call(self, text: Text, source: Source, parameter: str, dot: str, value: str) -> str:
        """The call that gives what one tangent adds to that of the value."""
        arguments = ", ".join([dot, value, *self.parameters(source)])
        part = dict(zip(self.parameters(source), self.parts, strict=True))[parameter]
        return f"{text.function(part, self.part_name(parameter))}({arguments})"

    def write_pair(self, unit: Any, source: Source, pair: Any) -> None:
        """The pair of the tangent code, which is linear in the tangents: at tangents of zero."""
        self.check_active(source, pair.active)
        if self.write_pair_of_rule(unit, source, pair):
            return
        dots = {p: tangent_parameter(source.parameters, p) for p in pair.active}
        linear = self.linear_source(unit, source, dots)
        self.check_linear(unit, linear, tuple(dots.values()))
        inner = unit.pair(linear, tuple(dots.values()), has_aux=True)
        pair.bars = tuple(p for p in pair.active if dots[p] in inner.returned())
        self.write_forward(unit, source, pair, inner.forward, dots)
        self.write_backward(unit, source, pair, inner.backward)

    def write_pair_of_rule(self, unit: Any, source: Source, pair: Any) -> bool:
        """The pair of the rule itself, which gets the tangents as one tuple; False if it cannot be."""
        rule = self.rule_source(unit)
        _wanted, fixed = self.split(source)
        if rule is None or len(rule.parameters) != len(fixed) + 2 or vararg_of(source):
            return False
        tangents = rule.parameters[-1]
        self.check_linear(unit, rule, (tangents,), part=1)
        inner = unit.pair(rule, (tangents,))
        pair.bars = tuple(pair.active) if tangents in inner.returned() else ()
        self.write_forward_of_rule(unit, source, pair, inner.forward)
        self.write_backward_of_rule(unit, source, pair, inner.backward)
        return True

    def rule_source(self, unit: Any) -> Source | None:
        """The source of the rule, if there is one rule and it is a Python function."""
        if not isinstance(self.rule, types.FunctionType):
            return None
        source = unit.source_of(
            self.rule, lambda message, hint: TransformError(message, None, hint)
        )
        arguments = source.node.args
        plain = not (arguments.vararg or arguments.kwarg or arguments.kwonlyargs)
        return source if plain and source.rule is None else None

    def write_forward_of_rule(self, unit: Any, source: Source, pair: Any, called: str) -> None:
        wanted, fixed = self.split(source)
        text = Text(unit, source)
        both, value, tangent, saved = map(text.name, ("both", "value", "tangent", "saved"))
        zeros = displayed([f"rt.zeros_like({p})" for p in wanted])
        given = ", ".join([*fixed, displayed(wanted), zeros])
        text.write(f"{both}, {saved} = {called}({given})")
        text.write(f"{value}, {tangent} = {both}")
        text.write(f"rt.check_tangent({value}, {tangent}, {self.rule_name()!r})")
        text.write(f"return {value}, {saved}")
        docstring = title("fwd", source, list(pair.active)).replace(
            f"{core.base(source.name)}_bwd", pair.backward
        )
        text.add(pair.forward, source.node.args, f"{docstring[:-1]}, by its rule.")

    def write_backward_of_rule(self, unit: Any, source: Source, pair: Any, called: str) -> None:
        wanted, _ = self.split(source)
        text = Text(unit, source)
        saved, ans_bar = text.name("saved"), text.name("ans_bar")
        bars = {p: text.name(f"{core.base(p)}_bar") if p in pair.bars else "_" for p in wanted}
        if pair.bars:
            places = displayed(list(bars.values())).strip("()")
            text.write(f"{places} = {called}({saved}, (None, {ans_bar}))")
        text.write(f"return {', '.join(bars[p] for p in pair.bars) or '()'}")
        docstring = title("bwd", source, list(pair.bars))
        text.add(
            pair.backward, backward_arguments(saved, ans_bar),
            f"{docstring[:-1]}, by the transpose of its rule.",
        )  # fmt: skip

    def check_linear(self, unit: Any, linear: Source, dots: tuple[str, ...], part: int = 0) -> None:
        """Refuse tangent code that has no transpose, and values that depend on tangents."""
        try:
            check_linear(linear, dots, unit, part)
            check_constant(linear, dots, unit, 1 - part)
        except TransformError as error:
            raise TransformError(
                f"the rule of `{self.name}` is not linear in the tangents, so that it has no reverse mode: "
                f"{error.msg}", span_of(error), "scale the tangents, or give a rule with `rd.custom_vjp`",
            ) from None  # fmt: skip

    def linear_source(self, unit: Any, source: Source, dots: dict[str, str]) -> Source:
        """``f_tangent(x, y, x_dot, y_dot) -> (tangent, value)``, as a source."""
        arguments = core.copy(source.node.args)
        names = [gast.Name(d, gast.Param(), None, None) for d in dots.values()]
        if arguments.vararg is None and not arguments.defaults:
            arguments.args += names
        else:
            arguments.kwonlyargs += names
            arguments.kw_defaults += [None] * len(names)
        name = unit.name_function(f"{core.base(source.name)}_tangent")
        text = self.tangent_text(unit, source, dots, alone=True)
        docstring = title("tangent", source, list(dots))
        text.add(name, arguments, docstring)
        return unit.read_again(unit.written[name])

    def write_forward(
        self, unit: Any, source: Source, pair: Any, called: str, dots: dict[str, str]
    ) -> None:
        text = Text(unit, source)
        value, saved = text.name("value"), text.name("saved")
        zeros = [f"{d}=rt.zeros_like({p})" for p, d in dots.items()]
        given = ", ".join([*passed_on(source.node.args), *zeros])
        text.write(f"(_, {value}), {saved} = {called}({given})")
        text.write(f"return {value}, {saved}")
        docstring = title("fwd", source, list(pair.active)).replace(
            f"{core.base(source.name)}_bwd", pair.backward
        )
        text.add(pair.forward, source.node.args, docstring)

    def write_backward(self, unit: Any, source: Source, pair: Any, called: str) -> None:
        text = Text(unit, source)
        saved, ans_bar = text.name("saved"), text.name("ans_bar")
        text.write(f"return {called}({saved}, {ans_bar})")
        docstring = title("bwd", source, list(pair.bars))
        text.add(pair.backward, backward_arguments(saved, ans_bar), docstring)
