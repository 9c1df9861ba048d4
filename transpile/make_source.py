"""`make_source`: the core program that the transformations see, as text.

What `make_jaxpr` is to JAX: one operation per line, in the core language (transpile/front/lower.py), with
what is known of each value in the margin. The functions that it calls, and that are not written out
in place, stand below it.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

import gast
import numpy as np

from redraft import runtime
from redraft.runtime.specs import spec_of
from redraft.runtime.tensors import MissingTensorFlow, is_tensor
from redraft.transpile import core
from redraft.transpile.analysis.facts import find_facts
from redraft.transpile.analysis.liveness import mark_live
from redraft.transpile.analysis.versions import number_versions
from redraft.transpile.api import _differentiable, _rank, target_of
from redraft.transpile.back.emit import print_function
from redraft.transpile.back.load import file_name, load
from redraft.transpile.errors import TransformError
from redraft.transpile.eval_shape import shapes_of
from redraft.transpile.front.callee import CapturingCall, Function
from redraft.transpile.front.callee import Transformed as TransformedCallee
from redraft.transpile.front.lower import Lowerer
from redraft.transpile.front.source import Source, read_source
from redraft.transpile.function import Unit
from redraft.transpile.jit_call import mapped
from redraft.transpile.staged import Ready

MARGIN = 42
Notes = dict[tuple[str, int], str]  # by function and line


class CoreSource(str):
    """The text of a core program; as a string it can be printed, searched and compared."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def make_source(
    fun: Callable, static_argnums: Any = (), return_shape: bool = False
) -> Callable[..., Any]:
    """A function that gives the core program of `fun` for example arguments.

    Args:
        fun: a Python function, or a transformed one: then it is the core form of what was generated.
        static_argnums: positions of arguments that are part of the program. Their values are shown.
        return_shape: return a pair of the text and the shapes and dtypes of the result.

    Returns:
        A function of the arguments of `fun`: arrays, numbers, trees of them, or what has a `shape` and a
        `dtype`. It returns text: one operation per line, and beside it the dtype and shape of its
        value (``float64[3,2]``), which TensorFlow finds without computing anything, or at least its
        rank. Nothing is compiled.

    Raises:
        TransformError: `fun` cannot be rewritten.
        TypeError: `fun` is no function.
    """
    if not callable(fun):
        raise TypeError(f"make_source expects a function, got {type(fun).__name__}")
    static = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)

    def made(*args: Any, **kwargs: Any) -> Any:
        chosen = {place % len(args) for place in static}
        text = Program(fun, args, kwargs, chosen).text()
        if not return_shape:
            return CoreSource(text)
        return CoreSource(text), shapes_of(fun, args, kwargs, tuple(sorted(chosen)))

    made.__name__ = f"make_source_{getattr(fun, '__name__', 'function')}"
    return made


class Program:
    """The core form of a function and of what it calls, with what is known of their values."""

    def __init__(self, fun: Any, args: tuple, kwargs: dict[str, Any], static: set[int]) -> None:
        arguments = tuple(map(_array_like, args))
        plain = None if any(isinstance(a, (dict, list, tuple)) for a in arguments) else arguments
        self.target = target_of(fun, len(args), plain if hasattr(fun, "redraft_kind") else None)
        self.args, self.kwargs, self.static = args, kwargs, static
        self.unit = Unit()
        self.forms: dict[str, Form] = {}
        source = read_source(self.target.function)
        own = source.parameters[len(self.target.leading) :]
        ranks = {n: r for n, r in zip(own, map(_rank, arguments), strict=False) if r is not None}
        values = {**dict(zip(own, arguments, strict=False)), **kwargs}
        active = {n for i, (n, v) in enumerate(values.items()) if i not in static and _is_active(v)}
        active |= set(source.parameters[: len(self.target.leading)])
        self.main = self.add(source, active, ranks)

    def add(
        self, source: Source, active: set[str], ranks: dict[str, int], name: str | None = None
    ) -> Form:
        """The core form of a function, after it those of the functions that it calls."""
        form = self.forms[source.name] = Form(source, active, ranks, self.source_of, name)
        for name, inner in form.callees:
            if inner.name not in self.forms:
                self.add(inner, set(inner.parameters), {}, name)
        return form

    def source_of(self, callee: Any) -> Source | None:
        try:
            return self.unit.source_of(
                callee, lambda message, hint: TransformError(message, None, hint)
            )
        except TransformError:
            return None

    def text(self) -> str:
        """The text of all functions, with notes in the margin."""
        notes = self.shapes()
        texts = []
        for form in self.forms.values():
            noted = {k: notes.get((form.name, k)) or v for k, v in form.facts().items()}
            noted |= {line: note for (name, line), note in notes.items() if name == form.name}
            texts.append(with_margin(form.text, noted))
        header = [f"# {line}" for line in self.header()]
        return "\n".join([*header, "\n\n".join(texts)])

    def header(self) -> Iterator[str]:
        """What the program is of, and what is known of its arguments."""
        place = re.sub(r" (#\d+|\d{6,})", "", self.main.source.place)  # (the same in each run)
        yield f"{core.base(self.main.source.name)} ({place}) in the core language"
        own = self.main.source.parameters[len(self.target.leading) :]
        for i, (name, value) in enumerate(zip(own, self.args, strict=False)):
            shown = repr(value) if i in self.static else described(value)
            yield f"{name}: {shown}"
        for name, value in self.kwargs.items():
            yield f"{name}: {described(value)}"

    def shapes(self) -> Notes:
        """Dtypes and shapes by line, found by tracing the text itself; what cannot be traced has none."""
        found: Notes = {}
        if len({form.name for form in self.forms.values()}) < len(self.forms):
            return found  # namesakes: what a name means depends on the function

        def note(name: str, line: int, value: Any) -> Any:
            shown = described(value)
            before = found.get((name, line), shown)
            found[name, line] = shown if before == shown else "of different shapes"
            return value

        try:
            functions = self.loaded(Ready(note))
            target, run = self.target, functions[self.main.name]
            if target.leading or target.keywords:
                run = functools.partial(run, *target.leading, **target.keywords)
            shapes_of(run, self.args, self.kwargs, tuple(sorted(self.static)))
        except MissingTensorFlow:
            pass
        except Exception:  # the program may do what only Python can: the ranks are left
            return found
        return found

    def loaded(self, note: Any) -> dict[str, Any]:
        """The functions, with a call after each line that tells of its value."""
        made: dict[str, Any] = {}
        for form in reversed(self.forms.values()):
            namespace = {"np": np, "rt": runtime, **form.source.globals, **form.source.extras}
            namespace.update(
                {k: c.cell_contents for k, c in form.source.cells.items() if _filled(c)}
            )
            namespace.update(form.source.modules)
            namespace.update(made)
            namespace["note_value"] = note
            load(form.with_notes(), file_name(form.name, form.source.place), namespace)
            made[form.name] = namespace[form.name]
        return made


def _filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


class Form:
    """The core form of one function.

    Attributes:
        text: its text, without notes.
        name: the function's name in the text.
        called_as: the name by which other functions of the program call it, if it is one.
    """

    def __init__(
        self, source: Source, active: set[str], ranks: dict[str, int], source_of: Callable,
        called_as: str | None = None,
    ) -> None:  # fmt: skip
        self.source, self.active, self.ranks = source, active, ranks
        self.lowerer = Lowerer(source, active, [])
        self.body = [s for s in self.lowerer.lower() if not _is_docstring(s)] or [gast.Pass()]
        self.name = called_as or core.base(source.name)
        self.called_as = called_as
        self.shown = core.copy(self.body)
        self.callees = list(self.called(source_of))
        self.shown = readable(without_unread(self.shown))
        self.text = self.printed()

    def printed(self) -> str:
        arguments = core.copy(self.source.node.args)
        for node in core.walk(arguments):
            if isinstance(node, gast.Name):
                node.annotation = None
        function = gast.FunctionDef(self.name, arguments, self.shown, [], None, None, [])
        function.docstring = f"{self.name} ({self.source.place})."
        lines = print_function(function).splitlines(True)
        return "".join(line for i, line in enumerate(lines) if i != 1)  # without the docstring

    def called(self, source_of: Callable) -> Iterator[tuple[str, Source]]:
        """The functions that are called, under the names that they have in the text."""
        for statement in core.walk_statements(self.shown):
            for node in core.walk(statement):
                callee = getattr(node, "callee", None)
                if not isinstance(callee, (Function, TransformedCallee)) or not isinstance(
                    node, gast.Call
                ):
                    continue
                inner = source_of(callee)
                if inner is None:
                    continue
                if not core.is_name(node.func) or isinstance(callee, TransformedCallee):
                    node.func = core.name(core.base(inner.name))
                if isinstance(node, CapturingCall):
                    node.args = [*map(core.copy, node.captured), *node.args]
                    node.func = core.name(f"{self.name}_{core.base(inner.name)}")
                    node.__class__ = gast.Call  # what it captures is among its arguments now
                yield node.func.id, inner

    def facts(self) -> dict[int, str]:
        """Ranks by line, as far as the compiler knows them."""
        body = core.copy(self.body)
        try:
            mark_live(body, set())
            number_versions(body, self.source.parameters)
            find_facts(body, self.source, self.lowerer.scope, self.active, self.ranks)
        except TransformError:
            return {}
        lines, statements = assignments(ast.parse(self.text)), _assigned(without_unread(body))
        if len(lines) != len(statements):
            return {}
        ranks = (getattr(getattr(s, "result", None), "rank", None) for s in statements)
        pairs = zip(lines, ranks, strict=True)
        return {line: f"rank {rank}" for (line, _), rank in pairs if rank is not None}

    def with_notes(self) -> str:
        """The text with each value that gets a name handed to `note_value`."""
        tree = ast.parse(self.text)
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                place = [ast.Constant(self.name), ast.Constant(node.end_lineno)]
                node.value = ast.Call(ast.Name("note_value", ast.Load()), [*place, node.value], [])
        return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def without_unread(body: list[gast.stmt]) -> list[gast.stmt]:
    """The lines without nested functions that are called by other names, with what they capture."""
    inner = [s for s in body if isinstance(s, gast.FunctionDef)]
    read = core.reads([s for s in body if s not in inner])
    return [s for s in body if s not in inner or s.name in read]


def assignments(tree: ast.Module) -> list[tuple[int, str]]:
    """Last line and name of each assignment to one name, in the order of the text."""
    found = []
    todo: list[ast.AST] = list(tree.body[0].body)  # type: ignore[attr-defined]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found.append((node.end_lineno or node.lineno, node.targets[0].id))
        if not isinstance(node, ast.FunctionDef):
            todo += ast.iter_child_nodes(node)
    return sorted(found)


def _assigned(body: list[gast.stmt]) -> list[Any]:
    return [
        s for s in core.walk_statements(body)
        if isinstance(s, gast.Assign) and core.is_name(s.targets[0])
    ]  # fmt: skip


def _is_docstring(statement: Any) -> bool:
    return isinstance(statement, gast.Expr) and isinstance(statement.value, gast.Constant)


def readable(body: list[gast.stmt]) -> list[gast.stmt]:
    """A copy in which the compiler's ids (``t.t1``, ``h.1``) are names (``t1``, ``h_1``)."""
    body = core.copy(body)
    nodes = [
        n for s in core.walk_statements(body) for n in core.walk(s) if isinstance(n, gast.Name)
    ]
    taken = {n.id for n in nodes if "." not in n.id}
    names: dict[str, str] = {}
    for node in nodes:
        if "." in node.id and node.id not in names:
            base, _, number = node.id.partition(".")
            wanted = (
                number if base == "t" and number.startswith("t") else f"{base}_{number.lstrip('t')}"
            )
            while wanted in taken:
                wanted += "_"
            names[node.id] = wanted
            taken.add(wanted)
    for node in nodes:
        node.id = names.get(node.id, node.id)
    return body


def with_margin(text: str, notes: dict[int, str]) -> str:
    """The text with a comment at the end of some of its lines."""
    lines = text.splitlines()
    for line, note in notes.items():
        lines[line - 1] = f"{lines[line - 1]:<{MARGIN}}  # {note}"
    return "\n".join(lines) + "\n"


# --- what is known of a value


def described(x: Any) -> str:
    """Dtype and shape of an array, or what a container holds."""
    if is_tensor(x):
        from redraft.runtime.tf_arrays import number_type

        number = number_type(x)
        if number is not None:
            return number.__name__
        shape = ["?" if n is None else n for n in x.shape.as_list()]
        return f"{x.dtype.name}[{','.join(map(str, shape))}]"
    if hasattr(x, "shape") and hasattr(x, "dtype"):
        spec = spec_of(x)
        return f"{spec.dtype.name}[{','.join(map(str, spec.shape))}]"
    if x is None or isinstance(x, (bool, int, float, complex, str)):
        return "None" if x is None else type(x).__name__
    if type(x) is dict:
        return "{" + ", ".join(f"{k!r}: {described(v)}" for k, v in x.items()) + "}"
    if isinstance(x, (list, tuple)) and not hasattr(x, "_fields"):
        return _sequence(x)
    return type(x).__name__


def _sequence(x: Any) -> str:
    if isinstance(x, list) and hasattr(x, "parts"):  # one that a loop fills
        return "list"
    parts = [described(v) for v in x]
    if len(parts) > 2 and len(set(parts)) == 1:
        inner = f"{parts[0]}, … {len(parts)} of them"
    else:
        inner = ", ".join(parts) + ("," if isinstance(x, tuple) and len(parts) == 1 else "")
    return f"[{inner}]" if isinstance(x, list) else f"({inner})"


def _array_like(x: Any) -> Any:
    """An argument with arrays in place of descriptions."""
    from redraft.transpile.lowered import example

    return mapped(example, x)


def _is_active(x: Any) -> bool:
    try:
        return _differentiable(x)
    except (TypeError, ValueError):
        return False


__all__ = ["CoreSource", "make_source"]
