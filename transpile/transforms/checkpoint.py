"""Derivatives that run a function again in place of keeping what they need of it.

The forward function keeps the arguments alone; the backward function starts with the forward
function of the plain text, behind a barrier::

    def f_fwd(x, w):                            def f_bwd(saved, ans_bar):
        return f(x, w), (x, w)                      saved, ans_bar = rt.barrier((saved, ans_bar))
                                                    x, w = saved
                                                    _, saved = f_inner_fwd(x, w)
                                                    return f_inner_bwd(saved, ans_bar)

The backward function, the tangent function and the batched function are checkpointed in their turn.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from redraft.transpile import core
from redraft.transpile.errors import TransformError
from redraft.transpile.front.repeatable import asked_when_it_runs, check_repeatable
from redraft.transpile.front.source import Source
from redraft.transpile.transforms.build import passed_on, title
from redraft.transpile.transforms.kept import Split, split_pair
from redraft.transpile.transforms.policies import NOTHING, Policy
from redraft.transpile.transforms.ruled import Rule, Text, backward_arguments, displayed


@dataclasses.dataclass(unsafe_hash=True)
class CheckpointRule(Rule):
    """The rule of a checkpointed function; equal rules share what is generated.

    Attributes:
        policy: what the forward function keeps beside the arguments.
        prevent_cse: XLA may not merge the two runs.
        static_names: arguments that are never differentiated, beside those at the places `nondiff`.
    """

    runs_again: ClassVar[bool] = True
    name: str = ""
    policy: Policy = NOTHING
    prevent_cse: bool = True
    static_names: tuple[str, ...] = ()

    def write_pair(self, unit: Any, source: Source, pair: Any) -> None:
        self.check_static(source, pair.active)
        if not source.written_here:
            check_repeatable(source)
        inner = unit.pair(plain(unit, source), pair.active, **pair.asked)
        pair.bars = pair.active if pair.forced else inner.bars
        pair.masked = inner.masked
        if self.policy.saves_all:
            self.write_as_it_is(unit, source, pair, inner)
            return
        split = None
        if not self.policy.saves_nothing:
            split = split_pair(unit, plain(unit, source), inner, self.policy)
        self.write_forward(unit, source, pair, inner, split)
        self.write_backward(unit, source, pair, inner, split)

    def of_another(self) -> CheckpointRule:
        """The rule of a function that is made from this one, with other parameters."""
        return dataclasses.replace(self, nondiff=(), static_names=())

    def check_static(self, source: Source, active: tuple[str, ...]) -> None:
        """Refuse a derivative with respect to a static argument."""
        own = source.parameters[len(source.captured) :]
        static = [own[i] for i in self.nondiff if -len(own) <= i < len(own)]
        for name in {*static, *self.static_names} & set(active):
            raise TransformError(
                f"`{core.base(source.name)}` is differentiated with respect to `{name}`, which is static "
                "(static_argnums)", None, "leave it out of static_argnums",
            )  # fmt: skip

    def write_forward(
        self, unit: Any, source: Source, pair: Any, inner: Any, split: Split | None
    ) -> None:
        text = Text(unit, source)
        given = ", ".join(passed_on(source.node.args))
        kept = kept_whole(source.parameters)
        if not source.written_here:
            for parameter in asked_when_it_runs(source):
                text.write(f"rt.refuse_once({parameter})")
        if split is not None:
            value, extra = text.name("ans"), text.name("kept")
            text.write(f"{value}, {extra} = {split.keep}({given})")
            text.write(f"return {value}, {displayed([*source.parameters, extra])}")
        elif may_call(unit, source) and not pair.asked["has_aux"]:
            called = (
                source.name if source.generated else text.function(source.function, source.name)
            )
            text.write(f"return {called}({given}), {kept}")
        else:
            value = text.name("ans")
            text.write(f"{value}, _ = {inner.forward}({given})")
            text.write(f"return {value}, {kept}")
        text.add(pair.forward, source.node.args, forward_title(source, pair))

    def write_backward(
        self, unit: Any, source: Source, pair: Any, inner: Any, split: Split | None
    ) -> None:
        text = Text(unit, source)
        saved, ans_bar = text.name("saved"), text.name("ans_bar")
        if self.prevent_cse:
            text.write(f"{saved}, {ans_bar} = rt.barrier(({saved}, {ans_bar}))")
        parameters, again = source.parameters, inner.forward
        given = passed_on(source.node.args)
        if split is not None:
            extra, again = text.name("kept"), split.again
            parameters, given = [*parameters, extra], [extra, *given]
        if len(parameters) == 1:
            text.write(f"{parameters[0]} = {saved}")
        elif parameters:
            text.write(f"{', '.join(parameters)} = {saved}")
        text.write(f"_, {saved} = {again}({', '.join(given)})")
        self.write_bars(text, pair, inner, f"{inner.backward}({saved}, {ans_bar})")
        docstring = title("bwd", source, list(pair.bars))
        text.add(pair.backward, backward_arguments(saved, ans_bar), f"{docstring[:-1]}, run again.")
        unit.written[pair.backward].rule = self.of_another()

    def write_bars(self, text: Text, pair: Any, inner: Any, call: str) -> None:
        """Return the cotangents that the caller expects."""
        if pair.bars == inner.bars:
            text.write(f"return {call}")
            return
        bars = {p: text.name(f"{core.base(p)}_bar") for p in inner.bars}
        if bars:
            text.write(f"{', '.join(bars.values())} = {call}")
        text.write(f"return {', '.join(bars.get(p, f'rt.zeros_like({p})') for p in pair.bars)}")

    def write_as_it_is(self, unit: Any, source: Source, pair: Any, inner: Any) -> None:
        """Everything is kept: the pair is that of the plain function."""
        text = Text(unit, source)
        text.write(f"return {inner.forward}({', '.join(passed_on(source.node.args))})")
        text.add(pair.forward, source.node.args, forward_title(source, pair))
        text = Text(unit, source)
        saved, ans_bar = text.name("saved"), text.name("ans_bar")
        text.write(f"{saved} = {saved}") if pair.bars != inner.bars else None
        self.write_bars(text, pair, inner, f"{inner.backward}({saved}, {ans_bar})")
        docstring = title("bwd", source, list(pair.bars))
        text.add(pair.backward, backward_arguments(saved, ans_bar), docstring)

    def write_tangent(self, unit: Any, source: Source, active: tuple[str, ...], name: str) -> None:
        from redraft.transpile.transforms.forward import write_jvp_named

        self.check_static(source, active)
        write_jvp_named(unit, plain(unit, source, ""), active, name)
        unit.written[name].rule = self.of_another()

    def batched(
        self, source: Source, env: dict[str, Any], result: Any, size: str | None, axis_name: Any
    ) -> Rule:
        return self


def plain(unit: Any, source: Source, mark: str = "_inner") -> Source:
    """The same text without the rule; `mark` is added to its name."""
    key = (source, "plain", mark)
    if key not in unit.sources:
        node = core.copy(source.node)
        node.name = f"{core.base(source.name)}{mark}"
        unit.sources[key] = dataclasses.replace(source, node=node, rule=None)
    return unit.sources[key]


def may_call(unit: Any, source: Source) -> bool:
    """Is there a function object that generated text may call?"""
    if source.generated:
        return source.name in unit.written
    return source.function is not None and not source.captured


def kept_whole(parameters: list[str]) -> str:
    """What the forward function keeps: its arguments."""
    return parameters[0] if len(parameters) == 1 else displayed(parameters)


def forward_title(source: Source, pair: Any) -> str:
    return title("fwd", source, list(pair.active)).replace(
        f"{core.base(source.name)}_bwd", pair.backward
    )
