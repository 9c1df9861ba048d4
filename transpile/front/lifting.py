"""Nested functions as functions of their own, with what they capture as parameters.

Before::                                  After::

    def outer(w, x):                          def g(w, y):
        def g(y):                                 return w * y
            return w * y
"""

from __future__ import annotations

from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.front.checkpointed import rule_of_nested
from redraft.transpile.front.source import Source


class Lifting:
    """What a pass over a function needs to lift the functions that it defines.

    Attributes:
        source: the function.
        scope: its names.
        local_functions: nested functions that can be lifted, or None while they are being lifted.
        definitions: their nodes.
    """

    source: Source
    scope: Any
    local_functions: dict[str, Any]
    definitions: dict[str, Any]

    def lift(self, node: Any, name: str | None = None) -> Source:
        """A nested function as a function of its own, with what it captures as parameters."""
        definition = core.copy(node)
        if isinstance(definition, gast.Lambda):
            result = gast.copy_location(gast.Return(definition.body), definition.body)
            definition = gast.copy_location(
                gast.FunctionDef(name or "lambda_", definition.args, [result], [], None, None, []),
                node,
            )
        rule = rule_of_nested(self.scope, node)
        definition.decorator_list = []
        lifted = Source(
            definition, self.source.file, self.source.lines, self.source.globals, self.source.cells
        )
        lifted.rule = rule
        lifted.shift, lifted.owner = self.source.shift, self.source
        lifted.scopes = self.source.scopes
        lifted.extras, lifted.renamed = self.source.extras, self.source.renamed
        lifted.local_functions = self.local_functions
        free = self.captured_by(definition, set())
        if getattr(node, "is_part", False):  # of this function: its variables are its own
            own = core.parameter_names(definition.args)
            free = [n for n in free if n not in own]
        lifted.captured = tuple(free)
        arguments = definition.args
        extra = [gast.Name(f, gast.Param(), None, None) for f in free]
        target = arguments.posonlyargs if arguments.posonlyargs else arguments.args
        target[:0] = extra
        return lifted

    def captured_by(self, definition: Any, seen: set[str]) -> list[str]:
        """Local variables of this function that a nested one reads, through others it calls."""
        found: dict[str, None] = {}
        for node in core.free_names(definition):
            if node.id in self.local_functions and node.id not in seen:
                seen.add(node.id)
                inner = self.definitions.get(node.id)
                names = self.captured_by(inner, seen) if inner is not None else []
                found.update(dict.fromkeys(names))
            elif node.id in self.scope.local and node.id not in self.local_functions:
                found[node.id] = None
        own = getattr(definition, "name", None)
        return [n for n in found if n != own]


class Lifter(Lifting):
    """Lifts the functions that another one defines."""

    def __init__(self, source: Source, scope: Any, definitions: dict[str, Any]) -> None:
        self.source, self.scope, self.definitions = source, scope, definitions
        self.local_functions: dict[str, Any] = dict.fromkeys(definitions)
        for name, node in definitions.items():
            self.local_functions[name] = self.lift(node, name)
        for lifted in self.local_functions.values():
            self.finish(lifted)

    def finish(self, lifted: Source) -> Source:
        lifted.local_functions = self.local_functions
        lifted.generated, lifted.modules = self.source.generated, self.source.modules
        return lifted

    def finished(self, node: Any) -> Source:
        """A function without a name of its own, lifted."""
        return self.finish(self.lift(node))
