"""Take a function of `custom_gradient` apart: its value, and its gradient as a function of residuals.

Before::                                      After::

    def f(x, y):                                  def f_forward(x, y):
        s = np.sin(x)                                 s = np.sin(x)
        return s * y, lambda g: (g * y, g * s)        return s * y, (y, s)

                                                  def f_gradient(saved, g):
                                                      y, s = saved
                                                      return (g * y, g * s)

What the gradient function captures becomes the residuals. So they are data, which loops can keep and
`vmap` can batch, as a function value is not. A function that returns its gradient in another way is left
as it is.
"""

from __future__ import annotations

import linecache
import types
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.back.emit import print_function
from redraft.transpile.errors import SourceError
from redraft.transpile.front.source import Source, read_source
from redraft.transpile.primitives import table

Pair = tuple[types.FunctionType, types.FunctionType]


def gradient_parts(fun: Any) -> Pair | None:
    """The forward and the backward rule in a function; None if its text does not show them."""
    if not isinstance(fun, types.FunctionType) or fun.__defaults__ or fun.__kwdefaults__:
        return None
    try:
        source = read_source(fun)
    except SourceError:
        return None
    if source.renamed or source.extras:
        return None
    found = _parts(source)
    return None if found is None else _functions(fun, source, found)


def _parts(source: Source) -> tuple[gast.FunctionDef, gast.FunctionDef] | None:
    """The definitions of both rules."""
    body, last = source.node.body, source.node.body[-1]
    returns = [s for s in core.walk_statements(body) if isinstance(s, gast.Return)]
    pair = last.value if isinstance(last, gast.Return) else None
    if len(returns) != 1 or not isinstance(pair, gast.Tuple) or len(pair.elts) != 2:
        return None
    value, gradient = pair.elts
    definition = _definition(body, gradient)
    if definition is None or not _is_plain(definition):
        return None
    local = set(source.parameters) | core.writes(body)
    captured = sorted({n.id for n in core.free_names(definition)} & local - {definition.name})
    nested = {s.name for s in core.walk_statements(body) if isinstance(s, gast.FunctionDef)}
    returned = _tupled(definition, len(source.parameters))
    if set(captured) & nested or not returned:
        return None
    return _forward(source, value, captured, definition), _backward(source, definition, captured)


def _definition(body: list[Any], gradient: Any) -> gast.FunctionDef | None:
    """The gradient function as a definition of its own."""
    if isinstance(gradient, gast.Lambda):
        result = gast.Return(core.copy(gradient.body))
        return gast.FunctionDef("gradient_", core.copy(gradient.args), [result], [], None, None, [])
    if not core.is_name(gradient):
        return None
    found = [s for s in body if isinstance(s, gast.FunctionDef) and s.name == gradient.id]
    stores = [n for n in core.free_names(body) if n.id == gradient.id]
    return core.copy(found[0]) if len(found) == 1 and len(stores) == 1 else None


def _is_plain(definition: gast.FunctionDef) -> bool:
    """Does it take one argument, and bind nothing outside?"""
    arguments = definition.args
    others = (arguments.vararg, arguments.kwarg, arguments.kwonlyargs, arguments.defaults)
    count = len(arguments.args) + len(arguments.posonlyargs)
    outside = (gast.Nonlocal, gast.Global, gast.Yield, gast.FunctionDef, gast.Lambda)
    inner = [n for s in definition.body for n in core.walk(s)]
    return count == 1 and not any(others) and not any(isinstance(n, outside) for n in inner)


def _tupled(definition: gast.FunctionDef, count: int) -> bool:
    """Make all returns give tuples; False where it is not plain what they give."""
    for statement in core.walk_statements(definition.body):
        if not isinstance(statement, gast.Return):
            continue
        value = statement.value
        if isinstance(value, gast.Tuple):
            continue
        if count != 1 or not _is_array(value):
            return False
        statement.value = gast.Tuple([value], gast.Load())
    return True


def _is_array(value: Any) -> bool:
    """Is the value of the expression certainly no tuple?"""
    if isinstance(value, gast.Call) and isinstance(value.func, gast.Attribute):
        row = table.rows_index()["method"].get(value.func.attr)
        named = core.is_name(value.func.value) and value.func.value.id == "np"
        return named or (row is not None and row.gives is None)
    if isinstance(value, gast.BinOp):
        return any(
            isinstance(n, gast.Constant) or _is_array(n) for n in (value.left, value.right)
        ) or (isinstance(value.op, (gast.Sub, gast.Div, gast.Pow, gast.MatMult)))
    return isinstance(value, gast.UnaryOp)


def _forward(
    source: Source, value: Any, captured: list[str], definition: gast.FunctionDef
) -> gast.FunctionDef:
    """The function with the residuals in place of the gradient function."""
    node = core.copy(source.node)
    node.name = f"{core.base(source.name)}_forward"
    saved = gast.Tuple([core.name(n) for n in captured], gast.Load())
    node.body[-1].value = gast.Tuple([core.copy(value), saved], gast.Load())
    node.body = [
        s for s in node.body if not (isinstance(s, gast.FunctionDef) and s.name == definition.name)
    ]
    return node


def _backward(
    source: Source, definition: gast.FunctionDef, captured: list[str]
) -> gast.FunctionDef:
    """The gradient function with the residuals as its first argument."""
    saved = "saved"
    while saved in {n.id for n in core.walk(definition) if isinstance(n, gast.Name)}:
        saved += "_"
    first = gast.Name(saved, gast.Param(), None, None)
    definition.args.args, definition.args.posonlyargs = (
        [first, *definition.args.posonlyargs, *definition.args.args], [],
    )  # fmt: skip
    if captured:
        places = gast.Tuple([core.store(n) for n in captured], gast.Store())
        definition.body.insert(0, gast.Assign([places], core.name(saved), None))
    definition.name = f"{core.base(source.name)}_gradient"
    return definition


def _functions(fun: types.FunctionType, source: Source, definitions: tuple[Any, Any]) -> Pair:
    """The definitions as functions that read the globals and the closure of the user's function."""
    for definition in definitions:
        definition.decorator_list, definition.returns = [], None
        definition.docstring = f"Of {core.base(source.name)} ({source.place})."
        for node in core.walk(definition):
            if isinstance(node, gast.Name):
                node.annotation = None
    text = "\n\n".join(print_function(d).rstrip() for d in definitions)
    inside = "\n".join(f"    {line}" if line else line for line in text.split("\n"))
    cells = dict(zip(fun.__code__.co_freevars, fun.__closure__ or (), strict=True))
    file = f"<{source.name} of {source.place}, value and gradient>"
    whole = f"def made({', '.join(cells)}):\n{inside}\n"
    linecache.cache[file] = (len(whole), None, whole.splitlines(True), file)
    outer = compile(whole, file, "exec", dont_inherit=True).co_consts[0]
    codes = {c.co_name: c for c in outer.co_consts if isinstance(c, types.CodeType)}
    made = []
    for definition in definitions:
        code = codes[definition.name]
        closure = tuple(cells[n] for n in code.co_freevars)
        made.append(types.FunctionType(code, fun.__globals__, definition.name, None, closure))
    return made[0], made[1]
