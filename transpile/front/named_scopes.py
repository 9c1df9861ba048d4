"""Blocks under ``with rd.named_scope(…)`` in place of the ``with``: their lines remember the names.

Before::                                  After::

    with rd.named_scope("encoder"):           h = np.tanh(x @ W)      # scope: ("encoder",)
        h = np.tanh(x @ W)

A scope changes nothing about what is computed. So the passes need not know of it: whatever a line
becomes has an origin, and the names stand there (`scope_of`). A derivative that is read again gets
them from the lines that it was written from.
"""

from __future__ import annotations

from typing import Any

import gast

from redraft.transpile import core

Path = tuple[str, ...]


def open_scopes(source: Any) -> None:
    """Take the scopes of a source apart, in place.

    Raises:
        TypeError: the name of a scope is a constant that is no string.
    """
    own = tuple(getattr(source.function, "redraft_scope", ()))
    if source.written_here:
        from redraft.transpile.back.lines import labels_of

        source.scopes = {line: (*own, label) for line, label in labels_of(source.file).items()}
    elif own or any(isinstance(n, gast.With) for n in core.walk(source.node)):
        source.scopes[source.node.lineno] = own
        opener = _Opener(source)
        source.node.body = opener.block(source.node.body, own)


class _Opener:
    def __init__(self, source: Any) -> None:
        from redraft.transpile.front.scope import (  # it imports what imports this module
            UNKNOWN,
            Scope,
        )

        self.source, self.unknown = source, UNKNOWN
        names: list[Any] = []
        self.scope = Scope(source, set(source.parameters) | core.writes(source.node.body), names)

    def block(self, body: list[gast.stmt], path: Path) -> list[gast.stmt]:
        out: list[gast.stmt] = []
        for statement in body:
            self.source.scopes[statement.lineno] = path
            if isinstance(statement, gast.With):
                out += self.opened(statement, path)
                continue
            self.inside(statement, path)
            out.append(statement)
        return out

    def inside(self, statement: Any, path: Path) -> None:
        """The blocks of a statement; a nested function is in the scopes where it is called."""
        if isinstance(statement, (gast.FunctionDef, gast.ClassDef)):
            path = ()
        for field in ("body", "orelse", "finalbody"):
            if isinstance(getattr(statement, field, None), list):
                if field == "body":
                    statement.first_line = statement.body[0].lineno
                setattr(statement, field, self.block(getattr(statement, field), path))
        for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
            part.body = self.block(part.body, path)

    def opened(self, statement: gast.With, path: Path) -> list[gast.stmt]:
        """The lines of a block in the scopes that it names."""
        others, lines = [], []
        for item in statement.items:
            name = self.name_of(item.context_expr)
            if name is None:
                others.append(item)
                continue
            path = (*path, name)
            if item.optional_vars is not None:
                nothing = gast.Assign([item.optional_vars], core.constant(None), None)
                lines.append(gast.copy_location(nothing, statement))
        body = self.block(statement.body, path)
        if not others:
            return lines + body
        statement.items, statement.body = others, body
        return [*lines, statement]

    def name_of(self, node: Any) -> str | None:
        """The name of the scope that a ``with`` enters; the text of an expression that is no constant."""
        if not isinstance(node, gast.Call):
            made = self.scope.value(node)  # a scope of the module's, made before
            is_scope = getattr(made, "redraft_transform", None) == "named_scope"
            return getattr(made, "name", None) if is_scope else None
        value = self.scope.value(node.func)
        if value is self.unknown or getattr(value, "redraft_transform", None) != "named_scope":
            return None
        given = [*node.args, *(k.value for k in node.keywords)]
        if len(given) != 1:
            raise TypeError("named_scope takes one argument, its name")
        known = (
            given[0].value if isinstance(given[0], gast.Constant) else self.scope.value(given[0])
        )
        if known is self.unknown:
            return self.source.segment(given[0])
        if not isinstance(known, str):
            raise TypeError("named_scope name argument must be a string.")
        return known


def scope_of(statement: Any) -> Path | None:
    """The scopes of the user's line that a line comes from; None if it comes from none."""
    origin = getattr(statement, "origin", None)
    return None if origin is None else origin.source.scope_at(origin.node)


def label_of(statement: Any) -> str | None:
    """What a comment says about the scopes of a line."""
    if isinstance(statement, gast.Return) and getattr(statement, "silent", False):
        return None
    path = scope_of(statement)
    if not path:
        return None if path is None else ""
    names = " ".join("/".join(filter(None, path)).split())  # on one line, whatever the names are
    return names and names + (", backward" if getattr(statement, "backward", False) else "")
