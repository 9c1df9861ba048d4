"""Put staged lines back under the names of the scopes that their lines came from.

Before::                                  After::

    h = array.tanh(x @ W)                     here = rt.scopes()
    return h                                  with here("encoder"):
                                                  h = array.tanh(x @ W)
                                              return h

Runs last. A branch and the body of a loop are functions by then, which may be traced by themselves:
their lines enter the scopes anew, and `here` knows those around the whole function.
"""

from __future__ import annotations

from typing import Any

import gast

from redraft.transpile import core

BLOCKS = ("body", "orelse", "finalbody")


def with_scopes(body: list[Any], source: Any, here: str) -> list[Any]:
    """The body of a staged function, with its lines in their scopes.

    Args:
        body: staged statements, which know the statement of `source` that they stand for.
        source: the function that is staged.
        here: a free name.
    """
    if not any(source.scopes.values()):
        return body
    start = core.assign(here, core.call("rt.scopes"))
    first = next((i for i, s in enumerate(body) if not isinstance(s, gast.Nonlocal)), len(body))
    return [*body[:first], start, *_Enclosing(source, here).block(body[first:], "")]


def _blocks(statement: Any) -> list[tuple[Any, list[Any]]]:
    """The blocks of a statement, with what they belong to."""
    found = [(statement, f) for f in BLOCKS]
    parts = (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ()))
    found += [(part, "body") for part in parts]
    held = [(holder, field, getattr(holder, field, None)) for holder, field in found]
    return [((h, f), v) for h, f, v in held if isinstance(v, list) and v]


class _Enclosing:
    def __init__(self, source: Any, here: str) -> None:
        self.source, self.here = source, here

    def path(self, statement: Any) -> str:
        """The scopes of the line that a staged line stands for."""
        place = getattr(statement, "stands_for", None)
        return "/".join(self.source.scope_at(place)).replace(", ", "/")

    def block(self, body: list[Any], around: str) -> list[Any]:
        """A block within the scope `around`."""
        out: list[Any] = []
        for statement in body:
            path = self.path(statement)
            own_function = isinstance(statement, gast.FunctionDef)
            for (holder, field), block in _blocks(statement):
                setattr(holder, field, self.block(block, "" if own_function else path or around))
            if not path or path == around or isinstance(statement, gast.Nonlocal):
                out.append(statement)
            elif out and getattr(out[-1], "entered", None) == path:
                out[-1].body.append(statement)
            else:
                out.append(self.entering(path, statement))
        return out

    def entering(self, path: str, statement: Any) -> gast.With:
        call = gast.Call(core.name(self.here), [core.constant(path)], [])
        new = gast.With([gast.withitem(call, None)], [statement], None)
        new.entered, new.stands_for = path, statement.stands_for
        return new
