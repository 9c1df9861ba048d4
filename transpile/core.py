"""Small tools on gast trees: build, copy, read names, print.

The core language is ordinary Python in gast nodes. Between the front end and the emitter a name
may hold an *id* such as ``h.2``: the second, independent life of the user's variable ``h``. The
naming pass (tidy/naming.py) turns ids back into readable names.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from typing import Any

import gast

FUNCTIONS = (gast.FunctionDef, gast.AsyncFunctionDef, gast.Lambda)
COMPREHENSIONS = (gast.ListComp, gast.SetComp, gast.DictComp, gast.GeneratorExp)
CAPTURES = (
    gast.MatchAs,
    gast.MatchStar,
    gast.MatchMapping,
)  # bind names that stand in no `Name` node
_ATTRIBUTES = ("origin", "v", "site", "callee", "captured", "remat")


def name(id: str) -> gast.Name:
    """A name that is read."""
    return gast.Name(id, gast.Load(), None, None)


def store(id: str) -> gast.Name:
    """A name that is written."""
    return gast.Name(id, gast.Store(), None, None)


def constant(value: Any) -> gast.expr:
    """A literal. Negative numbers are written with a unary minus, so that they print right."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value < 0:
        return gast.UnaryOp(gast.USub(), gast.Constant(-value, None))
    return gast.Constant(value, None)


def assign(target: str, value: gast.expr, origin: Any = None) -> gast.Assign:
    """``target = value``."""
    node = gast.Assign([store(target)], value, None)
    node.origin = origin
    return node


def call(function: str, *args: gast.expr) -> gast.Call:
    """``function(*args)``; the function is a dotted name."""
    return gast.Call(dotted(function), list(args), [])


def dotted(path: str) -> gast.expr:
    """``np.linalg.inv`` as an expression."""
    head, *rest = path.split(".")
    node: gast.expr = name(head)
    for part in rest:
        node = gast.Attribute(node, part, gast.Load())
    return node


def tuple_of(items: list[gast.expr], ctx: Any = None) -> gast.expr:
    """A tuple display."""
    return gast.Tuple(items, ctx or gast.Load())


def parse(text: str, mode: str = "exec") -> ast.AST:
    """Parse a text with Python's parser, also while other threads parse.

    Raises:
        SyntaxError: the text is no Python.
    """
    for _ in range(3):
        try:
            return ast.parse(text, mode=mode)
        except SystemError:  # CPython 3.11 counts the depth for all threads together (gh-106905)
            continue
    return ast.parse(text, mode=mode)


def parse_gast(text: str, mode: str = "exec") -> gast.AST:
    """As `parse`, with gast's nodes."""
    return gast.ast_to_gast(parse(text, mode))


@functools.cache
def _parsed(text: str) -> gast.expr:
    return parse_gast(text, "eval").body


def expression(text: str) -> gast.expr:
    """Parse an expression; every call returns a tree of its own."""
    return copy(_parsed(text))


def copy(node: Any) -> Any:
    """A deep copy of a tree that keeps the marks that the passes leave on nodes."""
    if isinstance(node, gast.AST):
        cls = node.__class__
        if not cls._fields:  # contexts and operators carry nothing
            return node
        new = cls.__new__(cls)
        source, target = node.__dict__, new.__dict__
        for key, value in source.items():
            if key in cls._fields:
                target[key] = copy(value)
            else:
                target[key] = value
        return new
    if isinstance(node, list):
        return [copy(item) for item in node]
    return node


# fields that hold no names: left out of every walk
_BARE = frozenset({"ctx", "kind", "type_comment", "attr", "id", "lineno"})
_fields: dict[type, tuple[str, ...]] = {}  # class of a node -> its fields that may hold nodes


def _fields_of(cls: type) -> tuple[str, ...]:
    """Fields to follow, last one first, as a stack wants them."""
    fields: tuple[str, ...] = ()
    if issubclass(cls, gast.AST) and cls is not gast.Constant:
        fields = tuple(field for field in reversed(cls._fields) if field not in _BARE)
    _fields[cls] = fields
    return fields


def children(node: gast.AST) -> list[gast.AST]:
    """Direct children of a node."""
    stack: list[Any] = []
    _push_children(node, stack)
    return stack[::-1]


def _push_children(node: Any, stack: list[Any]) -> None:
    cls = node.__class__
    fields = _fields.get(cls)
    values = node.__dict__
    for field in _fields_of(cls) if fields is None else fields:
        value = values.get(field)
        if value.__class__ is list:
            stack += [item for item in reversed(value) if isinstance(item, gast.AST)]
        elif value is not None and isinstance(value, gast.AST):
            stack.append(value)


def walk(node: gast.AST) -> Iterator[gast.AST]:
    """The node and all below it (contexts apart), parents first, in reading order."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        if current._fields:
            _push_children(current, stack)


def free_names(node: Any) -> list[gast.Name]:
    """Name nodes (read or written) that belong to the scope in which `node` stands.

    Names bound by a lambda, a nested function or a comprehension inside `node` are left out.
    """
    found: list[gast.Name] = []
    _free_names(node, found)
    return found


def _free_names(node: Any, found: list[gast.Name]) -> None:
    stack = node[::-1] if node.__class__ is list else [node]
    while stack:
        current = stack.pop()
        cls = current.__class__
        if cls is gast.Name:
            found.append(current)
        elif cls in COMPREHENSIONS:
            _free_in_comprehension(current, found)
        elif cls in FUNCTIONS:
            found += _free_in_function(current)
        elif cls is list:
            stack += current[::-1]
        elif isinstance(current, gast.AST):
            _push_children(current, stack)


def _free_in_comprehension(node: Any, found: list[gast.Name]) -> None:
    bound = {n.id for g in node.generators for n in walk(g.target) if isinstance(n, gast.Name)}
    first = node.generators[0].iter  # is evaluated outside, where the names mean something else
    found += free_names(first)
    outside = {id(n) for n in walk(first)}
    for child in children(node):
        free = free_names(child)
        found += [n for n in free if n.id not in bound and id(n) not in outside]


def _free_in_function(node: Any) -> list[gast.Name]:
    arguments = node.args
    defaults = [d for d in (*arguments.defaults, *arguments.kw_defaults) if d is not None]
    found = free_names([*defaults, *getattr(node, "decorator_list", ())])
    bound = set(parameter_names(arguments))
    body = node.body if isinstance(node.body, list) else [node.body]
    inner = free_names(body)
    outside = {n for s in body for w in walk(s) if isinstance(w, gast.Nonlocal) for n in w.names}
    bound |= {n.id for n in inner if isinstance(n.ctx, gast.Store)} - outside
    if isinstance(node.body, list):
        bound |= {s.name for s in walk_statements(body) if isinstance(s, gast.FunctionDef)}
    return found + [n for n in inner if n.id not in bound]


def walk_statements(block: list[gast.stmt]) -> Iterator[gast.stmt]:
    """All statements of a block, nested ones included, but not those of nested functions."""
    for statement in block:
        yield statement
        if isinstance(statement, FUNCTIONS):
            continue
        for field in ("body", "orelse", "finalbody"):
            yield from walk_statements(getattr(statement, field, None) or [])
        for handler in getattr(statement, "handlers", None) or ():
            yield from walk_statements(handler.body)


def parameter_names(arguments: gast.arguments) -> list[str]:
    """Names of all parameters in the order of the signature."""
    names = [a.id for a in (*arguments.posonlyargs, *arguments.args)]
    if arguments.vararg is not None:
        names.append(arguments.vararg.id)
    names += [a.id for a in arguments.kwonlyargs]
    if arguments.kwarg is not None:
        names.append(arguments.kwarg.id)
    return names


def reads(node: Any) -> set[str]:
    """Names that a statement or expression reads from its scope."""
    found = {n.id for n in free_names(node) if isinstance(n.ctx, gast.Load)}
    if isinstance(node, gast.stmt):
        for statement in walk_statements([node]):  # `x += v` reads `x`
            if isinstance(statement, gast.AugAssign) and is_name(statement.target):
                found.add(statement.target.id)
    return found


def writes(node: Any) -> set[str]:
    """Names that a statement binds in its scope (nested statements included)."""
    found = {n.id for n in free_names(node) if isinstance(n.ctx, (gast.Store, gast.Del))}
    statements = node if isinstance(node, list) else [node]
    for statement in walk_statements([s for s in statements if isinstance(s, gast.stmt)]):
        if isinstance(statement, (gast.FunctionDef, gast.ClassDef)):
            found.add(statement.name)
        elif isinstance(statement, (gast.Import, gast.ImportFrom)):
            found |= {(a.asname or a.name).split(".")[0] for a in statement.names}
    return found


def bound_by_name(node: Any) -> set[str]:
    """Names that definitions and imports bind anywhere below: they stand in no `Name` node."""
    found: set[str] = set()
    for inner in walk(node):
        if isinstance(inner, (gast.FunctionDef, gast.ClassDef)):
            found.add(inner.name)
        elif isinstance(inner, (gast.Import, gast.ImportFrom)):
            found |= {(a.asname or a.name).split(".")[0] for a in inner.names}
    return found


def names_in(body: list[Any]) -> set[str]:
    """All names that stand in a block, in any role: a new one must be none of them."""
    found: set[str] = set()
    for statement in body:
        found |= bound_by_name(statement)
        for node in walk(statement):
            if isinstance(node, gast.Name):
                found.add(node.id)
            elif isinstance(node, CAPTURES):
                found |= {
                    n for n in (getattr(node, "name", None), getattr(node, "rest", None)) if n
                }
    return found


def base(id: str) -> str:
    """The user's name behind an id."""
    return id.partition(".")[0]


def is_temporary(id: str) -> bool:
    """Was the name made by the lowering, for a part of an expression (``t.t3``)?"""
    head, _, rest = id.partition(".")
    return head == "t" and rest[:1] == "t"


def same(a: Any, b: Any) -> bool:
    """Are two trees equal, marks aside?"""
    if isinstance(a, gast.AST):
        if a.__class__ is not b.__class__:
            return False
        return all(same(getattr(a, f, None), getattr(b, f, None)) for f in a._fields if f != "ctx")
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def is_number(node: Any, value: float | None = None) -> bool:
    """Is the node a literal number (equal to `value`, if given)?"""
    if not isinstance(node, gast.Constant) or isinstance(node.value, (bool, str, bytes)):
        return False
    if not isinstance(node.value, (int, float, complex)):
        return False
    return value is None or node.value == value


def is_name(node: Any) -> bool:
    """Is the node a name that is read?"""
    return isinstance(node, gast.Name)


def is_slice(node: Any) -> bool:
    """Is the node a slice, in brackets or as a call?"""
    called = isinstance(node, gast.Call) and getattr(node.func, "id", "") == "slice"
    return called or isinstance(node, gast.Slice)
