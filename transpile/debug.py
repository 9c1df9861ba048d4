"""`debug_nans`: find the line that computes the first NaN or infinity of a result.

Generated functions keep their text. While the switch is on they run other code, compiled from the same
text with a report after every assignment (runtime/nan_watch.py); when it is off they have the code
that they were written with, and nothing is looked at.

Before::                          After::

    h = np.log(x)                     h = np.log(x)
                                      watch__.line(3, {"h": h}, ("x",), "")
    return np.sum(h)                  return watch__.result(4, np.sum(h), [(("h",), "")], False)
"""

from __future__ import annotations

import ast
import functools
import linecache
import threading
import types
import weakref
from typing import Any

from redraft.runtime.nan_watch import INFINITE, NAN, Origin, Switch, Watch
from redraft.transpile import core

WATCH, MAKE = "watch__", "make_watch__"
MUTATORS = frozenset({"append", "extend", "insert"})
_lock = threading.RLock()
# functions that are watched -> their own code
_plain: weakref.WeakKeyDictionary[Any, types.CodeType] = weakref.WeakKeyDictionary()


# --- the switch


class debug_nans:
    """Raise an error when what a derivative, a batch or a compiled function returns is NaN or infinite.

    ``rd.debug_nans(True)`` holds from then on; ``with rd.debug_nans(True):`` for the block. The error names
    the line of yours that computed it: of a backward part, the line that is being differentiated.
    Set the environment variable ``REDRAFT_DEBUG_NANS=1`` to begin with it.

    Args:
        value: on or off.

    Raises:
        TypeError: `value` is no bool.
    """

    def __init__(self, value: bool = True) -> None:
        if not isinstance(value, bool):
            raise TypeError(f"debug_nans takes True or False, got {value!r}")
        self.before = Switch.on
        switch(value)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *raised: Any) -> None:
        switch(self.before)


def switch(on: bool) -> None:
    """Turn the looking on or off."""
    from redraft.transpile.api import by_file
    from redraft.transpile.debug_calls import watch_calls

    with _lock:
        Switch.on = on
        if on:
            for generated in list(by_file.values()):
                watch(generated)
        else:
            for function, code in list(_plain.items()):
                function.__code__ = code
            _plain.clear()
        watch_calls(on)


def watch(generated: Any) -> None:
    """Let the functions of a transformation report, if the switch is on."""
    if not Switch.on:
        return
    with _lock:
        if not hasattr(generated, "watched"):
            forward = {pair.forward for pair in generated.unit.pairs.values()}
            generated.watched = watched_codes(
                generated.text, generated.file, forward, generated.namespace
            )
        generated.namespace[MAKE] = functools.partial(Watch, generated.file)
        for name, code in generated.watched.items():
            function = generated.namespace.get(name)
            if isinstance(function, types.FunctionType) and function not in _plain:
                _plain[function] = function.redraft_code = function.__code__
                function.__code__ = code


# --- the code


def watched_codes(
    text: str, file: str, forward: set[str], names: dict[str, Any]
) -> dict[str, types.CodeType]:
    """Code of the functions of a text, with reports.

    Args:
        text, file: the generated text, and its name.
        forward: names of functions that return residuals, too.
        names: its namespace; stand-ins for functions of the user's that it calls are put into it.
    """
    tree = core.parse(text)
    found = {}
    for function in tree.body:
        if isinstance(function, ast.FunctionDef):
            look_into_calls(function, names)
            instrument(function, function.name in forward)
            code = compile(ast.Module([function], []), file, "exec", dont_inherit=True)
            codes = [c for c in code.co_consts if isinstance(c, types.CodeType)]
            found[function.name] = next(c for c in codes if c.co_name == function.name)
    return found


def look_into_calls(function: ast.FunctionDef, names: dict[str, Any]) -> None:
    """Call stand-ins for the user's functions, such as the rules of a `custom_vjp`."""
    from redraft.transpile.debug_calls import looked_into

    own = {n.arg for n in ast.walk(function) if isinstance(n, ast.arg)}
    own |= {
        n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    for node in ast.walk(function):
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Name) and called.id not in own:
            stand_in = looked_into(names.get(called.id))
            if stand_in is not None:
                names[f"{called.id}__watched"] = stand_in
                called.id = f"{called.id}__watched"


def instrument(function: ast.FunctionDef, has_residuals: bool) -> None:
    """Put reports into a function, in place."""
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
    start = f"{WATCH} = {MAKE}({function.lineno}, globals(), {{{_items([a.arg for a in every])}}})"
    body = _Reports(has_residuals).block(function.body)
    whole = ast.Try(body, [], [], core.parse(f"{WATCH}.leave()").body)
    first = [*core.parse(start).body, whole]
    for node in first:
        _place(node, function)
    function.body, function.decorator_list = first, []
    ast.fix_missing_locations(function)


def _items(names: list[str]) -> str:
    return ", ".join(f"{name!r}: {name}" for name in names)


def _place(node: ast.stmt, place: Any) -> None:
    for inner in ast.walk(node):
        if "lineno" not in inner.__dict__ or not isinstance(node, ast.Try):
            ast.copy_location(inner, place)


class _Reports:
    def __init__(self, has_residuals: bool) -> None:
        self.has_residuals = has_residuals

    def block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for statement in body:
            for field in ("body", "orelse", "finalbody"):
                inner = getattr(statement, field, None)
                if isinstance(inner, list) and not isinstance(
                    statement, (ast.FunctionDef, ast.ClassDef)
                ):
                    setattr(statement, field, self.block(inner))
            for handler in getattr(statement, "handlers", ()):
                handler.body = self.block(handler.body)
            if isinstance(statement, ast.For):
                report = self.report(statement, [statement.target], [statement.iter])
                statement.body = [*report, *statement.body]
            out += self.followed(statement)
            if isinstance(statement, (ast.If, ast.While)):
                self.after_test(statement)
                out += _at(f"{WATCH}.forget()", statement)
        return out

    def after_test(self, statement: Any) -> None:
        """What the test of a branch or a loop has called is no part of what follows."""
        for body in (statement.body, statement.orelse):
            if body:
                body[:0] = _at(f"{WATCH}.forget()", statement)

    def followed(self, statement: ast.stmt) -> list[ast.stmt]:
        """A statement with what reports on it."""
        if isinstance(statement, ast.Return):
            return [self.returned(statement)]
        if isinstance(statement, ast.Assign):
            parts = [n for t in statement.targets for n in _inner(t)]
            return [
                statement,
                *self.report(statement, statement.targets, [statement.value, *parts]),
            ]
        if isinstance(statement, (ast.AugAssign, ast.AnnAssign)) and statement.value is not None:
            target = statement.target
            read = [statement.value, *_inner(target)]
            read += [ast.Name(target.id, ast.Load())] if isinstance(target, ast.Name) else []
            return [statement, *self.report(statement, [target], read)]
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            return [statement, *self.changed(statement)]
        return [statement]

    def report(self, place: Any, targets: list[Any], read: list[Any]) -> list[ast.stmt]:
        names = list(dict.fromkeys(n for t in targets for n in _roots(t)))
        if not names:
            return []
        reads, constant = _reads(read)
        text = f"{WATCH}.line({place.lineno}, {{{_items(names)}}}, {reads!r}, {constant!r})"
        return _at(text, place)

    def changed(self, statement: Any) -> list[ast.stmt]:
        """A call that may have changed something in place: a list, or its first argument."""
        call = statement.value
        reads, constant = _reads([call])
        if isinstance(call.func, ast.Attribute) and call.func.attr in MUTATORS:
            root = _roots(call.func.value)
            return _at(f"{WATCH}.into({root[0]!r}, {reads!r})", statement) if root else []
        root = _roots(call.args[0]) if call.args else []
        if not root:
            return _at(f"{WATCH}.forget()", statement)
        text = f"{WATCH}.line({statement.lineno}, {{{_items(root)}}}, {reads!r}, {constant!r})"
        return _at(text, statement)

    def returned(self, statement: ast.Return) -> ast.stmt:
        if statement.value is None:
            return statement
        shown = isinstance(statement.value, ast.Tuple) and len(statement.value.elts) > 1
        shown = shown and not any(isinstance(e, ast.Starred) for e in statement.value.elts)
        parts = statement.value.elts if shown else [statement.value]
        reads = [_reads([part]) for part in parts]
        residuals = self.has_residuals and shown
        (new,) = _at(
            f"return {WATCH}.result({statement.lineno}, 0, {reads!r}, {residuals})", statement
        )
        new.value.args[1] = statement.value
        return new


def _at(text: str, place: Any) -> list[ast.stmt]:
    """Statements at the line of another."""
    tree = core.parse(f"def f():\n    {text}").body[0]
    for node in tree.body:
        for inner in ast.walk(node):
            ast.copy_location(inner, place)
    return tree.body


def _roots(target: Any) -> list[str]:
    """Variables that an assignment target binds, or changes in place."""
    if isinstance(target, (ast.Tuple, ast.List)):
        return [name for element in target.elts for name in _roots(element)]
    while isinstance(target, (ast.Subscript, ast.Attribute, ast.Starred)):
        target = target.value
    return [target.id] if isinstance(target, ast.Name) else []


def _inner(target: Any) -> list[Any]:
    """What an assignment target reads: the array that it changes, and its index."""
    if isinstance(target, (ast.Tuple, ast.List)):
        return [n for element in target.elts for n in _inner(element)]
    return [target] if isinstance(target, (ast.Subscript, ast.Attribute)) else []


def _reads(nodes: list[Any]) -> tuple[tuple[str, ...], str]:
    """Names that expressions read, and the NaN or infinity that they write down."""
    every = [n for node in nodes for n in ast.walk(node)]
    names = [n.id for n in every if isinstance(n, ast.Name)]
    written = {n.attr for n in every if isinstance(n, ast.Attribute)}
    written |= {str(n.value).strip("+- ").lower() for n in every if isinstance(n, ast.Constant)}
    constant = NAN if "nan" in written else INFINITE if written & _INFINITE else ""
    return tuple(dict.fromkeys(names)), constant


_INFINITE = {"inf", "infinity", "infty", "NINF", "PINF"}


# --- the error


def described(origin: Origin) -> str:
    """What was found, in which line of the user's, and in which line of generated code."""
    from redraft.transpile.back.lines import user_line

    text = linecache.getline(origin.file, origin.line).strip()
    variable = origin.name if not origin.name.startswith("result ") else "the result"
    if origin.given:
        return f"{origin.kind} in the {origin.given} `{variable}`{origin.where}"
    place, backward = user_line(origin.file, origin.line)
    what = f"{origin.kind} in {'the result' if variable == 'the result' else f'`{variable}`'}"
    lines = [f"{what}{origin.where}"]
    if place is not None:
        of = ", in its derivative" if backward else ""
        lines.append(f'  File "{place.file}", line {place.line}{of}\n    {place.text.strip()}')
    if place is None or place.file != origin.file:
        lines.append(
            f'  File "{origin.file}", line {origin.line}\n    {text.split("  # ")[0].rstrip()}'
        )
    return "\n".join(lines)
