"""Make a function's tree independent of where it stood: defaults, decorators, `super()`, imports, names.

Defaults become the values that the function holds, ``super()`` names its class, modules that the
body imports are known when the source is written, a nested function is decorated by a line of its
own, and a user's own ``np``, ``rt`` or builtin gets a name that generated code does not use.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import math
from typing import Any

import gast
import numpy

from redraft import runtime
from redraft.transpile import core
from redraft.transpile.front.annotations import check_annotated_shapes
from redraft.transpile.front.call_forms import rewrite_call_forms
from redraft.transpile.front.frozen import open_frozen
from redraft.transpile.front.named_scopes import open_scopes

BUILTINS = (
    "bool", "dict", "enumerate", "len", "list", "max", "min", "range", "reversed", "slice", "sum", "tuple",
    "type", "zip",
)  # fmt: skip
RESERVED: dict[str, Any] = {
    "np": numpy, "rt": runtime, **{name: getattr(builtins, name) for name in BUILTINS},
}  # fmt: skip


def normalize(source: Any) -> None:
    """Rewrite the source's tree in place; see the module's docstring."""
    open_scopes(source)
    hoist_imports(source)
    bind_defaults(source)
    decorate_by_lines(source)
    name_class_of_super(source)
    open_frozen(source)
    rename_reserved(source)
    rewrite_call_forms(source)
    check_annotated_shapes(source)
    mark_placeholders(source)


def mark_placeholders(source: Any) -> None:
    """In a derivative that is transformed again, mark what sets variables without a value."""
    from redraft.transpile.back.lines import marks_of

    if not source.written_here:
        return
    marks = marks_of(source.file)
    for statement in core.walk_statements(source.node.body):
        if marks.get(statement.lineno) == "unset":
            statement.unset = True


# --- defaults


def bind_defaults(source: Any) -> None:
    """Replace default expressions by the values of ``f.__defaults__`` and ``f.__kwdefaults__``."""
    function, arguments = source.function, source.node.args
    values = function.__defaults__ or ()
    positional = [*arguments.posonlyargs, *arguments.args]
    names = [a.id for a in positional[len(positional) - len(values) :]]
    written = [*zip(reversed(positional), reversed(arguments.defaults), strict=False)]
    written += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    source.outer = {a.id: d.id for a, d in written if isinstance(d, gast.Name)}
    arguments.defaults = [
        default_of(source, name, value) for name, value in zip(names, values, strict=True)
    ]
    named = function.__kwdefaults__ or {}
    arguments.kw_defaults = [
        default_of(source, a.id, named[a.id]) if a.id in named else None
        for a in arguments.kwonlyargs
    ]


def default_of(source: Any, name: str, value: Any) -> gast.expr:
    """A literal for a simple constant, else a name for the value."""
    if is_literal(value):
        return core.constant(value)
    wanted = f"{name}_default"
    source.extras[wanted] = value
    return core.name(wanted)


def is_literal(value: Any) -> bool:
    """Does ``repr`` of the value read back as the value?"""
    if isinstance(value, float):
        return type(value) is float and math.isfinite(value)
    return value is None or type(value) in (int, bool, str)


# --- decorators


def decorate_by_lines(source: Any) -> None:
    """Nested functions with decorators as plain ones, and lines that decorate them.

    Before::                                  After::

        @twice                                    def h_plain(y):
        def h(y):                                     return np.sin(y)
            return np.sin(y)                      h = twice(h_plain)

    What changes nothing about a function (`jit`, a cache) is left out.
    """
    used = {n.id for n in core.walk(source.node) if isinstance(n, gast.Name)}
    used |= core.bound_by_name(source.node)
    functions = [n for n in core.walk(source.node) if isinstance(n, gast.FunctionDef)]
    for function in functions:
        for block in _blocks(function):
            block[:] = [new for s in block for new in decorated_by_lines(source, s, used)]


def _blocks(function: Any) -> list[list[Any]]:
    """The blocks of statements of a function, those of its nested functions and classes left out."""
    found = [function.body]
    for statement in core.walk_statements(function.body):
        if isinstance(statement, (gast.FunctionDef, gast.ClassDef)):
            continue
        for owner in (statement, *(getattr(statement, "handlers", None) or ())):
            fields = (getattr(owner, f, None) for f in ("body", "orelse", "finalbody"))
            found += [b for b in fields if isinstance(b, list)]
    return found


def decorated_by_lines(source: Any, statement: Any, used: set[str]) -> list[Any]:
    """A statement; of a decorated function, its plain definition and the decoration."""
    if not isinstance(statement, gast.FunctionDef) or not statement.decorator_list:
        return [statement]
    decorators = [d for d in statement.decorator_list if not changes_nothing(source, d)]
    statement.decorator_list = []
    if not decorators:
        return [statement]
    name = statement.name
    plain = f"{name}_plain"
    while plain in used or plain in source.globals or plain in source.cells:
        plain += "_"
    used.add(plain)
    statement.name, value = plain, core.name(plain)
    for decorator in reversed(decorators):
        value = gast.copy_location(gast.Call(decorator, [value], []), decorator)
    line = gast.copy_location(gast.Assign([core.store(name)], value, None), decorators[0])
    return [statement, line]


def changes_nothing(source: Any, decorator: Any) -> bool:
    """Is the decorator one that leaves a function's value as it is: `jit`, a cache?"""
    called = decorator.func if isinstance(decorator, gast.Call) else decorator
    value = _named(source, called)
    if value is functools.partial and decorator.args:
        value = _named(source, decorator.args[0])
    if value in (functools.lru_cache, functools.wraps) and isinstance(decorator, gast.Call):
        return True
    bare = (functools.cache, functools.lru_cache)
    return value in bare or getattr(value, "redraft_transform", None) == "jit"


def _named(source: Any, node: Any) -> Any:
    """What a dotted name from outside the function means; None if it is not known."""
    if isinstance(node, gast.Attribute):
        return getattr(_named(source, node.value), node.attr, None)
    return _meaning(source, node.id) if isinstance(node, gast.Name) else None


# --- super and imports


def name_class_of_super(source: Any) -> None:
    """``super()`` -> ``super(__class__, self)``."""
    if "__class__" not in source.cells:
        return
    first = source.parameters[0] if source.parameters else None
    for node in core.walk(source.node):
        if (
            isinstance(node, gast.Call)
            and isinstance(node.func, gast.Name)
            and node.func.id == "super"
            and not node.args
            and first is not None
        ):
            node.args = [core.name("__class__"), core.name(first)]


def hoist_imports(source: Any) -> None:
    """Modules that the body imports at its start are known when the source is written."""
    body = source.node.body
    while body:
        found = imported(body[0]) if len(body) > 1 else None
        if found is None:
            if not _is_docstring(body[0]):
                return
            body = body[1:]
            continue
        source.extras.update(found)
        source.node.body.remove(body[0])
        body = body[1:]


def _is_docstring(node: Any) -> bool:
    return isinstance(node, gast.Expr) and isinstance(node.value, gast.Constant)


def imported(node: Any) -> dict[str, Any] | None:
    """Names and objects of an absolute import statement, or None."""
    try:
        if isinstance(node, gast.Import):
            found = {}
            for alias in node.names:
                module = importlib.import_module(alias.name)
                head = alias.name.partition(".")[0]
                found[alias.asname or head] = (
                    module if alias.asname else importlib.import_module(head)
                )
            return found
        if isinstance(node, gast.ImportFrom) and not node.level and node.names[0].name != "*":
            module = importlib.import_module(node.module)
            return {a.asname or a.name: getattr(module, a.name) for a in node.names}
    except (ImportError, AttributeError):  # the user's own call raises it where it stands
        return None
    return None


# --- names


def rename_reserved(source: Any) -> None:
    """Rename what generated code would take for NumPy, the runtime or a builtin."""
    nodes = [n for n in core.walk(source.node) if isinstance(n, gast.Name)]
    used = {n.id for n in nodes} | core.bound_by_name(source.node)
    bound = {n.id for n in nodes if not isinstance(n.ctx, gast.Load)}
    bound |= core.bound_by_name(source.node) - {source.node.name}
    new: dict[str, str] = {}
    for name in sorted(used & set(RESERVED)):
        if name in bound or _meaning(source, name) is not RESERVED[name]:
            free = f"{name}_"
            while free in used or free in source.globals or free in source.cells:
                free += "_"
            new[name] = free
    if not new:
        return
    classes = [n for n in core.walk(source.node) if isinstance(n, gast.ClassDef)]
    keep = {id(member) for c in classes for member in c.body} | {id(source.node)}  # attributes
    for node in core.walk(source.node):
        if isinstance(node, gast.Name):
            node.id = new.get(node.id, node.id)
        elif isinstance(node, (gast.FunctionDef, gast.ClassDef)) and id(node) not in keep:
            node.name = new.get(node.name, node.name)
        elif isinstance(node, (gast.Global, gast.Nonlocal)):
            node.names = [new.get(n, n) for n in node.names]
        elif isinstance(node, gast.alias) and (node.asname or node.name) in new:
            node.asname = new[node.asname or node.name]
    source.renamed = {free: name for name, free in new.items()}


def _meaning(source: Any, name: str) -> Any:
    """What a name that is not local means to the user's function."""
    if name in source.extras:
        return source.extras[name]
    if name in source.cells:
        try:
            return source.cells[name].cell_contents
        except ValueError:
            return None
    if name in source.globals:
        return source.globals[name]
    return RESERVED.get(name)
