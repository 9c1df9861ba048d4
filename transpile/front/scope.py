"""What a name means when the source is written: globals, closure cells, builtins, modules.

Every look-up is recorded as a dependency, so that a later call can notice that a helper or a
constant was rebound (a notebook cell that was run again), and write the source anew.
"""

from __future__ import annotations

import builtins
import types
from typing import Any

import gast

from redraft.transpile.front.source import Source
from redraft.transpile.primitives import table

UNKNOWN = object()
Dependency = tuple[Any, str, Any]  # namespace (dict or cell), name, value


class Scope:
    """Resolves names that are not local to a function."""

    def __init__(self, source: Source, local: set[str], dependencies: list[Dependency]) -> None:
        self.source, self.local, self.dependencies = source, local, dependencies

    def value(self, node: gast.expr) -> Any:
        """The object that an expression names, or `UNKNOWN`; of a jitted function, the function.

        A function of NumPy's or SciPy's that has a definition in Python is that definition.
        """
        if isinstance(node, gast.Name):
            if node.id in self.local or node.id in self.source.local_functions:
                return UNKNOWN
            return self.bare(self.name_value(node.id))
        if isinstance(node, gast.Attribute):
            owner = self.value(node.value)
            return UNKNOWN if owner is UNKNOWN else self.bare(self._attribute(owner, node.attr))
        return UNKNOWN

    def bare(self, value: Any) -> Any:
        """A function without `jit` around it; that it carries this rule is a dependency."""
        self.dependencies.extend(rules_of(value))
        return table.defined(unjitted(value))

    def option(self, node: gast.expr) -> Any:
        """An option of a transformation: a literal, or a constant by its name; else `table.UNKNOWN`."""
        value = table.literal(node)
        if value is table.UNKNOWN:
            named = self.value(node)
            value = named if _is_constant(named) else value
        return value

    def name_value(self, name: str) -> Any:
        """The object behind a name that is not local."""
        if name in self.source.extras:
            return self.source.extras[name]
        name = self.source.renamed.get(name, name)
        if name in self.source.extras:
            return self.source.extras[name]
        cell = self.source.cells.get(name)
        if cell is not None:
            try:
                value = cell.cell_contents
            except ValueError:  # not assigned yet
                return UNKNOWN
            self.dependencies.append((cell, name, value))
            return value
        namespace = self.source.globals
        if name in namespace:
            value = namespace[name]
            self.dependencies.append((namespace, name, value))
            return value
        if self.source.generated and name in ("np", "rt"):
            return self.source.modules[name]
        return getattr(builtins, name, UNKNOWN)

    def _attribute(self, owner: Any, attr: str) -> Any:
        try:
            value = getattr(owner, attr)
        except Exception:
            return UNKNOWN
        if isinstance(owner, types.ModuleType) and isinstance(value, types.FunctionType):
            self.dependencies.append((vars(owner), attr, value))
        return value


def _is_constant(value: Any) -> bool:
    """May the value be written into a source? Nobody can change it."""
    if type(value) is tuple:
        return all(map(_is_constant, value))
    return value is None or type(value) in (bool, int, str)


def rules_of(value: Any) -> list[Dependency]:
    """What says which rule a function of the user's carries, as dependencies."""
    found: list[Dependency] = []
    while getattr(type(value), "redraft_identity", False):
        if hasattr(type(value), "redraft_ruled"):
            found.append((vars(value), "_fun", vars(value)["_fun"]))
        value = value.fun
    return found


def unjitted(value: Any) -> Any:
    """A function without `jit` or the like around it, which changes nothing about its derivative."""
    while getattr(type(value), "redraft_identity", False):
        value = value.fun
    return value
