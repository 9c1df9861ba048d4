"""Checkpointed functions that a function makes: ``rd.checkpoint(g)``, and nested ones with the decorator."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.front.callee import Function
from redraft.transpile.front.scope import UNKNOWN, Scope
from redraft.transpile.front.source import Source
from redraft.transpile.primitives import table


def is_checkpoint(value: Any) -> bool:
    """Is it `rd.checkpoint`?"""
    return value is not UNKNOWN and getattr(value, "redraft_transform", None) == "checkpoint"


def rule_of_call(scope: Scope, node: Any, given: int) -> Any:
    """The rule that ``rd.checkpoint(…)``, called with so many arguments, gives a function.

    None if it is another call, `table.UNKNOWN` if its options are known at run time only.
    """
    if not isinstance(node, gast.Call):
        return None
    args = node.args
    if given == 0 and args and scope.value(node.func) is functools.partial:
        function, args = args[0], args[1:]
    else:
        function = node.func
    checkpoint = scope.value(function)
    if not is_checkpoint(checkpoint):
        return None
    options = {k.arg: option(scope, k.value) for k in node.keywords}
    if len(args) != given or None in options or table.UNKNOWN in options.values():
        return table.UNKNOWN
    return checkpoint.rule_of(**options)


def option(scope: Scope, node: Any) -> Any:
    """An option's value: a literal, a constant, a policy by its name or by its names."""
    value = scope.option(node)
    if value is not table.UNKNOWN:
        return value
    named = scope.value(node.func if isinstance(node, gast.Call) else node)
    if getattr(named, "redraft_policy", False):
        if not isinstance(node, gast.Call):
            return named
        parts = [option(scope, a) for a in node.args]
        if table.UNKNOWN not in parts and not node.keywords:
            return named(*parts)
    return table.UNKNOWN


def rule_of_nested(scope: Scope, node: Any) -> Any:
    """The rule that a nested function carries; None, or `table.UNKNOWN`."""
    if getattr(node, "checkpointed", None) is not None:
        return node.checkpointed
    for decorator in getattr(node, "decorator_list", ()):
        if is_checkpoint(scope.value(decorator)):
            return scope.value(decorator).rule_of()
        rule = rule_of_call(scope, decorator, 0)
        if rule is not None:
            return rule
    return None


def checkpointed_here(scope: Scope, node: Any, known: dict[str, Any]) -> Any:
    """A nested function that ``rd.checkpoint(g)`` makes of another one, or of a lambda; else None."""
    rule = rule_of_call(scope, node, 1)
    if rule is None or rule is table.UNKNOWN:
        return None
    inner = node.args[0]
    if isinstance(inner, gast.Name):
        inner = known.get(inner.id)
    if inner is None or not isinstance(inner, (gast.Lambda, gast.FunctionDef)):
        return None
    made = core.copy(inner)
    made.checkpointed = rule
    return made


class Checkpointed:
    """The part of the lowering that knows ``rd.checkpoint(g)``."""

    scope: Scope

    def checkpointed(self, node: gast.Call) -> Function | None:
        """``rd.checkpoint(g, …)`` as a callee, if `g` and the options are known."""
        rule = rule_of_call(self.scope, node, 1)
        if rule is None or rule is table.UNKNOWN:
            return None
        inner = self.known_function(node.args[0])
        return None if inner is None else with_rule(inner, rule)

    def known_function(self, node: gast.expr) -> Function | None:
        raise NotImplementedError


def with_rule(inner: Function, rule: Any) -> Function | None:
    """A function that carries a rule; None of what a transformation makes."""
    from redraft.transpile.checkpoint import carried

    function = inner.function
    if isinstance(function, Source):
        made = function.__dict__.setdefault("checkpointed", {})
        if rule not in made:
            made[rule] = dataclasses.replace(function, rule=rule)
        return Function(made[rule])
    return Function(carried_once(function, rule, carried)) if callable(function) else None


@functools.lru_cache(maxsize=256)
def carried_once(function: Any, rule: Any, carried: Any) -> Any:
    """The same function object each time: what is written for it is shared."""
    return carried(function, rule)
