"""Derivatives of functions that run on several devices, which run on several devices, too.

To the transformations such a function is Python that calls it, with a rule: its forward and its backward
part, and its tangent, are what `pmap` makes of those of the function for one device::

    def f(x, w):                                    def f_backward(saved, ans_bar):
        return f_on_devices(x, w)                       x_bar, w_bar = backward(saved, ans_bar)
                                                        return x_bar, rd.psum(w_bar, "i")

What all devices were given (`in_axes` of None) gets the sum of their cotangents.
"""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

from redraft.runtime.collectives import axis_size, psum
from redraft.runtime.tree_util import tree_map
from redraft.transpile.api import jvp
from redraft.transpile.back.load import file_name, load
from redraft.transpile.custom_rules import carrying, place_of
from redraft.transpile.errors import TransformError
from redraft.transpile.front.source import Source
from redraft.transpile.fwd_and_bwd import fwd_and_bwd
from redraft.transpile.transforms.build import title
from redraft.transpile.transforms.forward import tangent_parameter
from redraft.transpile.transforms.ruled import (
    Rule,
    Text,
    backward_arguments,
    displayed,
    with_dots,
)

AXIS = "devices"  # the name of an axis that has none


def function_of(engine: Any) -> Any:
    """A Python function that runs another one on several devices, and carries the rule.

    Args:
        engine: the `OnDevices` that runs it.

    Raises:
        TransformError: its parameters cannot be written down.
    """
    name = named(engine.inner)
    called = f"{name}_on_devices"
    parameters, passed = [], []
    try:
        known = list(inspect.signature(engine.inner).parameters.values())
    except (TypeError, ValueError):
        raise refused(engine, "a function without a signature") from None
    for p in known:
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            raise refused(engine, f"`{p}`, which takes any number of arguments")
        if p.default is not p.empty or p.kind is p.KEYWORD_ONLY:
            continue
        parameters.append(p.name)
        passed.append(p.name)
    text = f"def {name}({', '.join(parameters)}):\n    return {called}({', '.join(passed)})\n"
    function = written(name, text, engine, {called: engine})
    return carrying(function, DevicesRule(name, engine.static_places, engine=engine))


def refused(engine: Any, what: str) -> TransformError:
    """The refusal of a transformation around `pmap`."""
    return TransformError(
        f"`{named(engine.inner)}` runs on several devices, and is transformed: {what}, is not "
        "supported there", None, "give it parameters with names",
    )  # fmt: skip


def named(function: Any) -> str:
    """A name for a function."""
    name = getattr(function, "__name__", "function")
    return name if name.isidentifier() else "function"


def written(name: str, text: str, engine: Any, names: dict[str, Any]) -> Any:
    """A function with its text."""
    module = getattr(engine.inner, "__module__", None) or "redraft"
    namespace = {"__name__": module, **names}
    load(text, file_name(name, module), namespace)
    namespace[name].__redraft_source__ = text
    namespace[name].redraft_place = place_of(engine.inner)
    return namespace[name]


@dataclasses.dataclass(eq=False)
class DevicesRule(Rule):
    """The derivative of a function on several devices.

    Attributes:
        engine: the `OnDevices` that runs the function.
    """

    engine: Any = None

    def write_pair(self, unit: Any, source: Source, pair: Any) -> None:
        self.check_active(source, pair.active)
        pair.bars = tuple(pair.active)
        places = tuple(source.parameters.index(p) for p in pair.active)
        count = len(source.parameters)
        forward, backward = self.parts(places, count)
        self.write_forward(unit, source, pair, forward)
        self.write_backward(unit, source, pair, backward)

    def write_forward(self, unit: Any, source: Source, pair: Any, forward: Any) -> None:
        text = Text(unit, source)
        value, saved, specs = map(text.name, ("value", "saved", "specs"))
        called = text.function(forward, f"{self.name}_forward")
        text.write(f"{value}, {saved} = {called}({self.passed(source)})")
        text.write(f"{specs} = rt.rule_specs((), {value})")
        text.write(f"return {value}, {displayed([saved, specs])}")
        docstring = title("fwd", source, list(pair.active))
        text.add(pair.forward, source.node.args, f"{docstring[:-1]}, on several devices.")

    def write_backward(self, unit: Any, source: Source, pair: Any, backward: Any) -> None:
        text = Text(unit, source)
        saved, specs, ans_bar = map(text.name, ("saved", "specs", "ans_bar"))
        called = text.function(backward, f"{self.name}_backward")
        text.write(f"{saved}, {specs} = {saved}")
        text.write(f"return {called}({saved}, rt.rule_seed({ans_bar}, {specs}))")
        docstring = title("bwd", source, list(pair.bars))
        text.add(
            pair.backward,
            backward_arguments(saved, ans_bar),
            f"{docstring[:-1]}, on several devices.",
        )

    def write_tangent(self, unit: Any, source: Source, active: tuple[str, ...], name: str) -> None:
        self.check_active(source, active)
        dots = {p: tangent_parameter(source.parameters, p) for p in active}
        places = tuple(source.parameters.index(p) for p in active)
        text = Text(unit, source)
        text.taken |= set(dots.values())
        called = text.function(self.tangent(places, source.parameters), f"{self.name}_tangent")
        text.write(f"return {called}({', '.join([self.passed(source), *dots.values()])})")
        docstring = title("jvp", source, list(active))
        text.add(
            name, with_dots(source, list(dots.values())), f"{docstring[:-1]}, on several devices."
        )

    def linear_source(self, unit: Any, source: Source, dots: dict[str, str]) -> Source:
        """Refuse `linearize`.

        Raises:
            TransformError: always.
        """
        raise TransformError(
            f"`{self.name}` runs on several devices: `linearize` does not split it", None,
            "use `rd.jvp`, or linearize the function for one device",
        )  # fmt: skip

    def functions(self) -> dict[str, Any]:
        return {}

    # --- what runs on the devices

    def parts(self, places: tuple[int, ...], count: int) -> tuple[Any, Any]:
        """The forward and the backward function, with respect to some arguments."""
        engine = self.engine
        axes = engine.axes_for(count)
        out = engine.out_axes
        argnums = places if len(places) > 1 else places[0]
        forward, backward = fwd_and_bwd(engine.inner, argnums=argnums)
        own = [axes[p] for p in places]
        name = engine.axis_name or AXIS
        bars = [f"bar_{i}" for i in range(len(places))]
        share = f"tree_map(lambda bar: bar / axis_size({name!r}), {{}})"
        given = where_none("ans_bar", out, share)
        summed = [where_none(b, a, f"psum({{}}, {name!r})") for b, a in zip(bars, own, strict=True)]
        text = (
            f"def {self.name}_backward(saved, ans_bar):\n"
            f"    {', '.join(bars)} = backward(saved, {given})\n    return {', '.join(summed)}\n"
        )
        whole = written(
            f"{self.name}_backward", text, engine,
            {"backward": backward, "psum": psum, "axis_size": axis_size, "tree_map": tree_map},
        )  # fmt: skip
        bars_out = tuple(own) if len(places) > 1 else own[0]
        return (
            engine.like(forward, axis_name=name, in_axes=tuple(axes), out_axes=(out, 0)),
            engine.like(whole, axis_name=name, in_axes=(0, out), out_axes=bars_out, static=()),
        )

    def tangent(self, places: tuple[int, ...], parameters: list[str]) -> Any:
        """The function of the arguments and of the tangents of some of them: value and tangent."""
        engine = self.engine
        axes = engine.axes_for(len(parameters))
        dots = [f"dot_{i}" for i in range(len(places))]
        chosen = [parameters[p] for p in places]
        text = (
            f"def {self.name}_tangent({', '.join([*parameters, *dots])}):\n"
            f"    return jvp(lambda {', '.join(chosen)}: function({', '.join(parameters)}), "
            f"{displayed(chosen)}, {displayed(dots)})\n"
        )
        tangent = written(
            f"{self.name}_tangent", text, engine, {"jvp": jvp, "function": engine.inner}
        )
        own = [axes[p] for p in places]
        return engine.like(
            tangent, in_axes=(*axes, *own), out_axes=(engine.out_axes, engine.out_axes)
        )


def where_none(value: str, axes: Any, template: str) -> str:
    """Text of a value with `template` applied to those parts whose axis is None.

    Devices that agree on a result get an equal share each of its cotangent; what they were all given gets the
    sum of theirs.
    """
    if axes is None:
        return template.format(value)
    if isinstance(axes, int) or not holds_none(axes):
        return value
    if isinstance(axes, dict):
        parts = [f"{k!r}: {where_none(f'{value}[{k!r}]', a, template)}" for k, a in axes.items()]
        return f"{{{', '.join(parts)}}}"
    parts = [where_none(f"{value}[{i}]", a, template) for i, a in enumerate(axes)]
    return f"[{', '.join(parts)}]" if isinstance(axes, list) else displayed(parts)


def holds_none(axes: Any) -> bool:
    """Is there None in a tree of axes?"""
    if isinstance(axes, dict):
        axes = list(axes.values())
    return any(map(holds_none, axes)) if isinstance(axes, (list, tuple)) else axes is None
