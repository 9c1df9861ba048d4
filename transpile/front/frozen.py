"""Frozen distributions of SciPy's as calls of the distribution: what they are made of are its arguments.

Before::                                        After::

    y = stats.norm(mu, s).logpdf(x)                 y = stats.norm.logpdf(x, mu, s)
    d = stats.gamma(a, scale=s)                     d_a = a; d_scale = s
    y = d.logpdf(x)                                 y = stats.gamma.logpdf(x, d_a, scale=d_scale)

A variable is followed if it is assigned once and nothing but its methods are used. Other frozen
distributions stay what they are, and are refused where a derivative passes through them.
"""

from __future__ import annotations

import sys
from typing import Any

import gast

from redraft.runtime.numpy import is_distribution
from redraft.transpile import core
from redraft.transpile.primitives import table


def open_frozen(source: Any) -> None:
    """Rewrite calls of methods of frozen distributions, in place."""
    if "scipy.stats" not in sys.modules or source.written_here:
        return
    frozen = _Frozen(source)
    frozen.open_calls()
    frozen.open_variables()


class _Frozen:
    def __init__(self, source: Any) -> None:
        from redraft.transpile.front.scope import Scope  # it imports what imports this module

        self.source = source
        names = (n for n in core.walk(source.node) if isinstance(n, gast.Name))
        local = {n.id for n in names if not isinstance(n.ctx, gast.Load)}  # nested functions' too
        self.scope = Scope(source, local, [])

    def open_calls(self) -> None:
        """``stats.norm(mu, s).logpdf(x)``."""
        for node in core.walk(self.source.node):
            if isinstance(node, gast.Call) and isinstance(node.func, gast.Attribute):
                made = node.func.value
                if self.makes_frozen(made) and self.is_known(made.func, node.func.attr):
                    node.args = [*node.args, *made.args]
                    node.keywords = [*node.keywords, *made.keywords]
                    node.func.value = made.func

    def open_variables(self) -> None:
        """``d = stats.norm(mu, s)``, of which methods are called."""
        for block in _blocks(self.source.node):
            for statement in list(block):
                if self.is_followed(statement):
                    place = block.index(statement)
                    block[place : place + 1] = self.opened(statement)

    def makes_frozen(self, node: Any) -> bool:
        """Is it a call of a distribution with plain arguments?"""
        return (
            isinstance(node, gast.Call)
            and not any(isinstance(a, gast.Starred) for a in node.args)
            and all(k.arg not in (None, "seed") for k in node.keywords)
            and is_distribution(self.scope.value(node.func))
        )

    def is_known(self, distribution: Any, method: str) -> bool:
        """Has the method a definition?"""
        function = getattr(self.scope.value(distribution), method, None)
        return function is not None and table.defined(function) is not function

    def is_followed(self, statement: Any) -> bool:
        """Is this an assignment to a variable of which nothing but known methods are used?"""
        if not isinstance(statement, gast.Assign) or not self.makes_frozen(statement.value):
            return False
        target = statement.targets[0]
        if len(statement.targets) > 1 or not isinstance(target, gast.Name):
            return False
        uses = [n for n in core.walk(self.source.node) if core.is_name(n) and n.id == target.id]
        return len(uses) == 1 + len(self.calls(target.id, statement.value.func))

    def calls(self, name: str, distribution: Any) -> list[Any]:
        """The calls of methods of a variable."""
        return [
            node
            for node in core.walk(self.source.node)
            if isinstance(node, gast.Call)
            and isinstance(node.func, gast.Attribute)
            and core.is_name(node.func.value)
            and node.func.value.id == name
            and self.is_known(distribution, node.func.attr)
        ]

    def opened(self, statement: Any) -> list[Any]:
        """Assignments of the arguments, in the place of that of the distribution."""
        made, name = statement.value, statement.targets[0].id
        calls, lines = self.calls(name, made.func), []
        labels = [str(i) for i in range(len(made.args))] + [k.arg for k in made.keywords]
        names = [self.fresh(f"{name}_{label}") for label in labels]
        for new, value in zip(names, [*made.args, *(k.value for k in made.keywords)], strict=True):
            line = gast.Assign([core.store(new)], value, None)
            lines.append(gast.copy_location(line, statement))
        for call in calls:
            loads = [gast.copy_location(core.name(n), call) for n in names]
            call.func.value = made.func
            call.args = [*call.args, *loads[: len(made.args)]]
            given = zip(made.keywords, loads[len(made.args) :], strict=True)
            call.keywords = [*call.keywords, *(gast.keyword(k.arg, v) for k, v in given)]
        return lines

    def fresh(self, wanted: str) -> str:
        """A name that the function does not use."""
        while wanted in self.scope.local or wanted in self.source.globals:
            wanted += "_"
        self.scope.local.add(wanted)
        return wanted


def _blocks(function: Any) -> list[list[Any]]:
    """All blocks of statements of a function."""
    found = [function.body]
    for statement in core.walk_statements(function.body):
        fields = (getattr(statement, f, None) for f in ("body", "orelse", "finalbody"))
        found += [b for b in fields if isinstance(b, list) and b is not function.body]
    return found
