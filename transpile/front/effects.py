"""Does a function write into what it is given? Read off its text, and that of what it calls."""

from __future__ import annotations

import weakref
from typing import Any, NamedTuple

import gast

from redraft.runtime.callbacks import is_host_call
from redraft.transpile import core
from redraft.transpile.errors import SourceError
from redraft.transpile.front.callee import is_python_function
from redraft.transpile.front.coarse import MUTATORS
from redraft.transpile.front.scope import Dependency, Scope
from redraft.transpile.front.source import Source, read_source
from redraft.transpile.primitives import table

# functions that write into their first argument, and methods or functions that give views
CHANGES_FIRST = frozenset({
    "at", "copyto", "put", "place", "putmask", "fill_diagonal", "put_along_axis", "shuffle",
    "setattr", "delattr", "setitem", "heappush", "heappop", "heapify", "insort", "next",
})  # fmt: skip
VIEWS = frozenset({
    "reshape", "ravel", "view", "squeeze", "transpose", "swapaxes", "asarray", "atleast_1d",
    "atleast_2d", "values", "items", "get", "diagonal", "moveaxis", "expand_dims",
})  # fmt: skip


class Text(NamedTuple):
    """What the text of one function says.

    Attributes:
        writes: it changes an argument, or a variable that it captured, in place.
        calls: functions that it passes such values on to.
        local: names that belong to the function.
        node, extras, renamed: as of its `Source`.
    """

    writes: bool
    calls: list[gast.expr]
    local: set[str]
    node: Any
    extras: dict[str, Any]
    renamed: dict[str, str]


_texts: weakref.WeakKeyDictionary[Any, Text | None] = weakref.WeakKeyDictionary()  # by code


WRITING_ROWS = frozenset({"rt.add_at", "rt.add_field", "rt.set_at"})


def writes_arguments(function: Any, dependencies: list[Dependency]) -> bool:
    """Does a function, or one that it calls, change an argument or a captured variable in place?

    Args:
        function: a Python function or a `Source`; anything else changes nothing.
        dependencies: where to record the names that the answer hangs on.
    """
    todo, seen = [function], set()
    while todo:
        current = todo.pop()
        text = None if id(current) in seen or _only_reads(current) else _text_of(current)
        seen.add(id(current))
        if text is None:
            continue
        if text.writes:
            return True
        if text.calls:
            scope = Scope(_names_of(current, text), text.local, dependencies)
            todo += map(scope.value, text.calls)
    return False


def _only_reads(function: Any) -> bool:
    """Does the table say so? Helpers give values, apart from those that are known to write."""
    row = table.row_of(function)
    if row is None or row.name in WRITING_ROWS:
        return False
    return row.kind == "no_derivative" or row.name.startswith("rt.")


def _text_of(function: Any) -> Text | None:
    if isinstance(function, Source):
        return _text(function)
    if not is_python_function(function) or hasattr(function, "redraft_transform"):
        return None
    if is_host_call(function):
        return None  # it passes copies on
    code = function.__code__
    if code not in _texts:
        try:
            _texts[code] = _text(read_source(function))
        except SourceError:
            _texts[code] = None
    return _texts[code]


def _names_of(function: Any, text: Text) -> Source:
    """As much of a function's `Source` as says what its names mean."""
    if isinstance(function, Source):
        return function
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    names = function.__globals__.get("__redraft_globals__", function.__globals__)
    return Source(text.node, "", [], names, cells, extras=text.extras, renamed=text.renamed)


def _text(source: Source) -> Text:
    given, known = set(source.parameters) | set(source.cells), -1
    while len(given) > known:  # other names of what is given, and views of it
        known = len(given)
        for statement in core.walk_statements(source.node.body):
            if isinstance(statement, gast.Assign) and _parts(statement.value) & given:
                given |= core.writes(statement.targets)
            elif isinstance(statement, gast.For) and _parts(statement.iter) & given:
                given |= core.writes(statement.target)
    nodes = list(core.walk(source.node))
    calls = [n.func for n in nodes if isinstance(n, gast.Call) and core.reads(n) & given]
    return Text(
        any(_written(node) & given for node in nodes), calls,
        set(source.parameters) | core.writes(source.node.body),
        source.node, source.extras, source.renamed,
    )  # fmt: skip


def _parts(node: Any) -> set[str]:
    """Variables that an expression gives, or a part or a view of them."""
    if isinstance(node, (gast.Name, gast.Subscript, gast.Attribute)):
        root = _root(node)
        return set() if root is None else {root}
    if isinstance(node, gast.Call):
        if isinstance(node.func, gast.Attribute) and node.func.attr in VIEWS:
            return set().union(*map(_parts, [node.func.value, *node.args]))
        if core.is_name(node.func) and node.func.id in ("zip", "enumerate", "reversed"):
            return set().union(*map(_parts, node.args))
        return set()
    if isinstance(node, (gast.Tuple, gast.List, gast.IfExp, gast.BoolOp, gast.Starred)):
        return set().union(*map(_parts, core.children(node)))
    return set()


def _written(node: Any) -> set[str]:
    """Names whose objects a statement or call changes."""
    if isinstance(node, (gast.Assign, gast.Delete)):
        parts = [n for t in node.targets for n in core.walk(t) if _is_stored_part(n)]
        return {_root(part) or "" for part in parts}
    if isinstance(node, (gast.AugAssign, gast.AnnAssign)):
        return {_root(node.target) or ""}
    if not isinstance(node, gast.Call):
        return set()
    found = {_root(k.value) or "" for k in node.keywords if k.arg == "out"}
    name = getattr(node.func, "attr", None) or getattr(node.func, "id", None)
    if isinstance(node.func, gast.Attribute) and name in MUTATORS:
        found.add(_root(node.func.value) or "")
    if name in CHANGES_FIRST and node.args:
        found.add(_root(node.args[0]) or "")
    return found


def _is_stored_part(node: Any) -> bool:
    return isinstance(node, (gast.Subscript, gast.Attribute)) and not isinstance(
        node.ctx, gast.Load
    )


def _root(node: Any) -> str | None:
    """The variable behind ``x[i].f``."""
    while isinstance(node, (gast.Subscript, gast.Attribute)):
        node = node.value
    return node.id if core.is_name(node) else None
