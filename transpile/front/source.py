"""Find the source of a function and parse it.

The file's text is parsed once; the function's node is found by its first line, its name and its
parameters, so that lambdas that share a line and functions from `exec` with `linecache` work.
"""

from __future__ import annotations
import __future__

import ast
import dis
import functools
import inspect
import linecache
import os
import types
from dataclasses import dataclass, field
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.core import parameter_names
from redraft.transpile.errors import SourceError, Span
from redraft.transpile.front.normalize import normalize


class Origin:
    """The user's statement that a generated line comes from."""

    __slots__ = ("node", "source")

    def __init__(self, source: Source, node: Any) -> None:
        self.source, self.node = source, node

    @property
    def line(self) -> int:
        return self.node.lineno + self.source.shift

    @property
    def text(self) -> str:
        """The statement's text on one line."""
        return self.source.segment(self.node)


@dataclass(eq=False)
class Source:
    """A function as the front end sees it.

    Attributes:
        node: the `gast.FunctionDef` (a lambda becomes one with a single return).
        file: file name as Python knows it.
        lines: text of the whole file.
        globals: the module namespace that the function reads.
        cells: names of closure variables -> their cells.
        function: the Python function, or None for a function found inside another one.
        captured: parameters in front of the user's own, that hold what a nested function captured.
        extras: names that the compiler gave to objects (a default value) -> the objects.
        renamed: names in `node` -> the user's names, where those mean something else in generated
            code (``np``, ``rt``, a builtin).
        outer: parameters whose default is a variable of the enclosing function -> that variable.
        plain_names: attributes that are fields here, whatever they mean on arrays.
        written_for: the place of the user's function, if redraft wrote this one for it.
        rule: how it is differentiated, if not by its text (transforms/ruled.py).
        scopes: lines -> names of the scopes that they stand in (named_scopes.py).
        behind: lines -> the statements that they were printed from, if redraft wrote the function.
    """

    node: gast.FunctionDef
    file: str
    lines: list[str]
    globals: dict[str, Any]
    cells: dict[str, Any] = field(default_factory=dict)
    function: Any = None
    captured: tuple[str, ...] = ()
    owner: Any = None
    shift: int = 0
    local_functions: dict[str, Any] = field(default_factory=dict)
    generated: bool = False
    batched: bool = False  # written by `vmap`
    modules: dict[str, Any] = field(default_factory=dict)
    extras: dict[str, Any] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    outer: dict[str, str] = field(default_factory=dict)
    plain_names: frozenset[str] = frozenset()
    written_for: str = ""
    rule: Any = None
    scopes: dict[int, tuple[str, ...]] = field(default_factory=dict)
    behind: dict[int, Any] = field(default_factory=dict)

    @property
    def derives(self) -> bool:
        """Is this a derivative that redraft wrote, which changes in place only what is its own?"""
        return self.written_here and not self.batched

    @property
    def written_here(self) -> bool:
        """Is this a function that redraft wrote?"""
        return self.generated or self.file.startswith("<redraft")

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def place(self) -> str:
        """``model.py:12``."""
        return f"{self.short_file}:{self.node.lineno + self.shift}"

    @property
    def user_place(self) -> str:
        """The place of the user's function that this one was written from, through all transformations."""
        if self.written_for or not self.file.startswith("<redraft "):
            return self.written_for or self.place
        return self.file.rpartition(" of ")[2].partition(">")[0].partition(" #")[0]

    @property
    def short_file(self) -> str:
        return self.file if self.file.startswith("<") else self.file.rpartition("/")[2]

    @property
    def parameters(self) -> list[str]:
        return parameter_names(self.node.args)

    def scope_at(self, node: Any) -> tuple[str, ...]:
        """The scopes that a statement of the source stands in."""
        return self.scopes.get(getattr(node, "lineno", 0), ())

    def segment(self, node: Any) -> str:
        """Text of a statement on one line; of a compound statement, its first line."""
        last = node.end_lineno
        if _is_compound(node):
            first = getattr(node.body[0], "lineno", node.lineno + 1)  # (a pass may have made it)
            last = getattr(node, "first_line", first) - 1
        lines = self.lines[node.lineno - 1 : max(last, node.lineno)]
        if not lines:
            return ""
        if not _is_compound(node) and node.end_lineno == node.lineno:
            text = lines[0].encode()[node.col_offset : node.end_col_offset].decode()
        else:
            text = " ".join(line.split("#")[0].strip() for line in lines)
        return " ".join(text.split())

    def span(self, node: Any) -> Span | None:
        """The place of a node, for error messages."""
        line = getattr(node, "lineno", None)
        if line is None:
            return None
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        end = node.end_col_offset if node.end_lineno == line else len(text.rstrip())
        return Span(self.file, line + self.shift, node.col_offset, end, text)


def _is_compound(node: Any) -> bool:
    return isinstance(getattr(node, "body", None), list) and bool(node.body)


def read_source(function: types.FunctionType) -> Source:
    """Parse a Python function.

    Raises:
        SourceError: there is no source text, it changed, or it is ambiguous.
    """
    code = getattr(function, "redraft_code", getattr(function, "__code__", None))
    if code is None:
        raise SourceError(
            f"`{getattr(function, '__name__', function)!s}` has no Python source and no rule",
            None,
            "call it on values that are not differentiated, or give it a rule with `rd.primitive`",
        )
    lines = linecache.getlines(code.co_filename, function.__globals__)
    if not lines:
        raise SourceError(
            f"no source text for `{code.co_name}` (from {code.co_filename})",
            None,
            "define it in a file or a notebook cell; for `exec`, register the text in `linecache`",
        )
    node = find_definition(code, "".join(lines))
    if code.co_flags & (inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR | inspect.CO_COROUTINE):
        raise _not_ordinary(code, node, lines)
    # gast's converter builds new nodes and leaves the cached tree alone
    definition = _as_definition(gast.ast_to_gast(node))
    cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
    # a function that staged text defines reads the names of the user's module
    names = function.__globals__.get("__redraft_globals__", function.__globals__)
    source = Source(definition, code.co_filename, lines, names, cells, function)
    source.plain_names = getattr(function, "redraft_plain_names", frozenset())
    source.batched = getattr(function, "redraft_batched", False)
    source.rule = getattr(function, "redraft_rule", None)
    source.written_for = getattr(function, "redraft_place", "")
    normalize(source)
    return source


def _not_ordinary(code: types.CodeType, node: Any, lines: list[str]) -> SourceError:
    """The error for generators and `async` functions, at the `yield` or at the `def`."""
    places = [n for n in ast.walk(node) if isinstance(n, (ast.Yield, ast.YieldFrom))]
    kind = (
        "`async` functions" if isinstance(node, ast.AsyncFunctionDef) else "functions with `yield`"
    )
    place = places[0] if places and kind.startswith("functions") else node
    text = lines[place.lineno - 1]
    end = place.end_col_offset if place.end_lineno == place.lineno else len(text.rstrip())
    return SourceError(
        f"`{code.co_name}`: {kind} cannot be rewritten",
        Span(code.co_filename, place.lineno, place.col_offset, end, text),
        "write an ordinary function that returns a list",
    )


@functools.lru_cache(maxsize=64)
def _functions_by_line(text: str) -> dict[int, list[ast.AST]]:
    """Function nodes of a file by the line on which their code object starts."""
    found: dict[int, list[ast.AST]] = {}
    for node in ast.walk(core.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            decorators = getattr(node, "decorator_list", ())
            first = min([node.lineno, *(d.lineno for d in decorators)])
            found.setdefault(first, []).append(node)
    return found


def find_definition(code: types.CodeType, text: str) -> ast.AST:
    try:
        candidates = _functions_by_line(text).get(code.co_firstlineno, [])
    except SyntaxError:
        candidates = []
    matching = [node for node in candidates if _matches(node, code)]
    if len(matching) > 1:
        matching = [n for n in matching if _same_bytecode(n, code)] or matching
    if len(matching) > 1 and not _all_same(matching):
        matching = [n for n in matching if _same_columns(n, code)]
        matching.sort(key=lambda n: (n.end_lineno, n.end_col_offset - n.col_offset))  # innermost
    if not matching or not _is_text_of(code, text):
        raise SourceError(
            f"the text of {code.co_filename} no longer holds `{code.co_name}` at line "
            f"{code.co_firstlineno}, or holds it more than once",
            None,
            "reload the module after an edit; give lambdas that share a line names of their own",
        )
    return matching[0]


def _is_text_of(code: types.CodeType, text: str) -> bool:
    """Is this still the text that the code was compiled from? Asked for cells and `exec` only."""
    if os.path.exists(code.co_filename) or len(text) > 100_000:
        return True
    made = _codes(text, code.co_filename, code.co_flags & _FUTURES)
    same = [c for c in made if (c.co_firstlineno, c.co_name) == (code.co_firstlineno, code.co_name)]
    if not same or any(c.co_code == code.co_code for c in same):
        return True
    return any(_instructions(c) == _instructions(code) for c in same)  # cells may be globals there


_FUTURES = functools.reduce(
    lambda flags, name: flags | getattr(__future__, name).compiler_flag,
    __future__.all_feature_names, 0,
)  # fmt: skip


@functools.lru_cache(maxsize=64)
def _codes(text: str, filename: str, flags: int) -> tuple[types.CodeType, ...]:
    """All code objects that a text compiles to."""
    try:
        found = [compile(text, filename, "exec", flags, dont_inherit=True)]
    except SyntaxError:
        return ()
    for code in found:
        found.extend(c for c in code.co_consts if isinstance(c, types.CodeType))
    return tuple(found)


def _all_same(nodes: list[ast.AST]) -> bool:
    return len({ast.dump(node) for node in nodes}) == 1


def _matches(node: Any, code: types.CodeType) -> bool:
    name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
    a = node.args
    names = [x.arg for x in (*a.posonlyargs, *a.args, *a.kwonlyargs)]
    names += [x.arg for x in (a.vararg, a.kwarg) if x is not None]
    flags = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS
    count = code.co_argcount + code.co_kwonlyargcount + bin(code.co_flags & flags).count("1")
    private = [n.rpartition("__")[2] for n in code.co_varnames[:count]]
    return name == code.co_name and private == [n.rpartition("__")[2] for n in names]


def _same_bytecode(node: Any, code: types.CodeType) -> bool:
    """Does the node compile to these instructions, wherever its names are looked up?"""
    alone = ast.copy_location(ast.Expression(node), node)
    if not isinstance(node, ast.Lambda):
        alone = ast.Module([node], [])
    made = compile(alone, code.co_filename, "eval" if isinstance(node, ast.Lambda) else "exec")
    own = [c for c in made.co_consts if isinstance(c, types.CodeType) and c.co_name == code.co_name]
    return any(_instructions(c) == _instructions(code) for c in own)


def _instructions(code: types.CodeType) -> list[tuple[str, str]]:
    """Operations and what they work on; a global of the node alone may be a closure cell here."""
    found = []
    for step in dis.get_instructions(code):
        if step.opname in _OF_CELLS:
            continue
        operation = "LOAD" if step.opname in _LOADS else step.opname
        if operation == "LOAD_METHOD":  # of a module that the file imports, it is a LOAD_ATTR
            operation = "LOAD_ATTR"
        value = step.argval
        if isinstance(value, types.CodeType):
            value = value.co_name
        elif isinstance(value, str):  # a private name of a class, ``_Class__x``
            value = value.rpartition("__")[2]
        elif step.opcode in dis.hasjrel or step.opcode in dis.hasjabs:
            value = ""
        found.append((operation, repr(value)))
    return found


_LOADS = {"LOAD_GLOBAL", "LOAD_DEREF", "LOAD_NAME", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF"}
_OF_CELLS = {"COPY_FREE_VARS", "MAKE_CELL", "RESUME", "PUSH_NULL", "PRECALL", "NOP"}


def _same_columns(node: Any, code: types.CodeType) -> bool:
    """Does the node start and end where the code's instructions do (Python 3.11 and later)?"""
    if not hasattr(code, "co_positions"):
        return False
    places = [p for p in code.co_positions() if None not in p and p[0] == p[1] == node.lineno]
    body = node.body if isinstance(node, ast.Lambda) else node
    inside = [p for p in places if p[3] > p[2]]
    return bool(inside) and all(
        body.col_offset <= p[2] and p[3] <= body.end_col_offset for p in inside
    )


def _as_definition(node: Any) -> gast.FunctionDef:
    """A function definition without decorators; a lambda becomes one with a return."""
    if isinstance(node, gast.Lambda):
        result = gast.Return(node.body)
        gast.copy_location(result, node.body)
        definition = gast.FunctionDef("lambda_", node.args, [result], [], None, None, [])
        return gast.copy_location(definition, node)
    if isinstance(node, gast.AsyncFunctionDef):
        raise SourceError("`async` functions cannot be rewritten", None, "use an ordinary function")
    node.decorator_list = []
    return node
