"""Transform a function at run time, when a generated function meets it as a value.

A function value is taken apart into code and the data that it carries: closure cells, the
arguments of a partial, the object of a bound method. The data become leading parameters of a
function that is written once per code object and set of differentiated parameters.
"""

from __future__ import annotations

import functools
import inspect
import threading
import types
from dataclasses import dataclass
from typing import Any

import gast
import numpy as np

from redraft.runtime.cotangents import captured_by, zeros_like
from redraft.transpile import core
from redraft.transpile.api import Generated, Transformed
from redraft.transpile.errors import TransformError
from redraft.transpile.front.callee import Function
from redraft.transpile.front.callee import Transformed as TransformedCallee
from redraft.transpile.front.source import Source, read_source
from redraft.transpile.function import Unit
from redraft.transpile.primitives import table

_cache: dict[Any, Any] = {}
_lock = threading.RLock()


@dataclass
class Parts:
    """A function value taken apart.

    Attributes:
        callee: what is transformed, as the compiler names it.
        key: equal keys share the generated source.
        leading: values of the leading parameters.
        rebuild: cotangents of the leading parameters -> cotangent of the function value.
        split: tangent of the function value -> tangents of the leading parameters (or None each).
        keywords: keyword arguments that a partial adds.
    """

    callee: Any
    key: Any
    leading: list[Any]
    rebuild: Any
    keywords: dict[str, Any]
    split: Any = None


def take_apart(function: Any, count: int | None = None) -> Parts:
    """Code and data of a function value; `count`: how many arguments it is called with."""
    if table.row_of(function) is not None:
        key = (function, count)
        source = _primitive_source(function, count)
        return Parts(Function(source), key, [], lambda bars: {}, {}, lambda held: [])
    if isinstance(function, types.FunctionType):
        return _closure(function)
    if isinstance(function, types.MethodType):
        inner = _closure(function.__func__)
        return Parts(
            inner.callee, inner.key, [*inner.leading, function.__self__],
            lambda bars: {"__self__": bars[-1] if bars else None}, {},
            lambda held: [*inner.split(None), (held or {}).get("__self__")],
        )  # fmt: skip
    if isinstance(function, functools.partial):
        return _partial(function)
    if isinstance(function, Transformed):
        return _transformed(function)
    method = getattr(type(function), "__call__", None)
    if isinstance(method, types.FunctionType):
        inner = _closure(method)
        return Parts(
            inner.callee, inner.key, [*inner.leading, function],
            lambda bars: bars[-1] if bars else None, {},
            lambda held: [*inner.split(None), held],
        )  # fmt: skip
    name = getattr(function, "__name__", repr(function))
    raise TransformError(
        f"no derivative is known for `{name}`",
        None,
        "give it a rule with `rd.primitive`, or pass a Python function",
    )


_sources: dict[Any, Source] = {}


def _closure(function: types.FunctionType) -> Parts:
    captured = {k: v for k, v in (captured_by(function) or {}).items() if _is_data(v)}
    names = tuple(captured)
    key = (function.__code__, id(function.__globals__), names)
    source = _sources.get(key)
    if source is None:
        source = _lifted(read_source(function), names)
        _sources[key] = source
    rebuild = lambda bars: dict(zip(names, bars, strict=False))  # noqa: E731
    split = lambda held: [(held or {}).get(n) for n in names]  # noqa: E731
    return Parts(Function(source), key, list(captured.values()), rebuild, {}, split)


def _is_data(value: Any) -> bool:
    return not isinstance(value, (types.ModuleType, type, str))


def _lifted(source: Source, names: tuple[str, ...]) -> Source:
    """The function with its captured variables as leading parameters."""
    node = core.copy(source.node)
    extra = [gast.Name(n, gast.Param(), None, None) for n in names]
    target = node.args.posonlyargs if node.args.posonlyargs else node.args.args
    target[:0] = extra
    cells = {k: v for k, v in source.cells.items() if k not in names}
    lifted = Source(node, source.file, source.lines, source.globals, cells, source.function)
    lifted.captured = names
    return lifted


def _primitive_source(function: Any, count: int | None) -> Source:
    """A function of positional arguments that calls a primitive."""
    source = _sources.get((function, count))
    if source is None:
        count = _arity(function) if count is None else count
        names = ", ".join(f"x{i}" for i in range(count))
        text = f"def primitive({names}):\n    return function_({names})\n"
        node = gast.parse(text).body[0]
        source = Source(node, "<primitive>", text.splitlines(True), {"function_": function})
        _sources[function, count] = source
    return source


def _arity(function: Any) -> int:
    row = table.row_of(function)
    required = [p for p in row.parameters.values() if p.default is p.empty]
    return max(len(required), 1)


def _partial(function: functools.partial) -> Parts:
    inner = take_apart(function.func)
    count = len(inner.leading)

    def rebuild(bars: list[Any]) -> dict[str, Any]:
        return {"func": inner.rebuild(bars[:count]), "args": bars[count:], "keywords": {}}

    def split(held: Any) -> list[Any]:
        held = held or {"func": None, "args": [None] * len(function.args)}
        return [*inner.split(held["func"]), *held["args"]]

    leading = [*inner.leading, *function.args]
    keywords = {**inner.keywords, **function.keywords}
    return Parts(inner.callee, inner.key, leading, rebuild, keywords, split)


def _transformed(function: Transformed) -> Parts:
    inner = take_apart(function.fun)
    options = {k: v for k, v in function.options.items() if k != "names"}
    callee = TransformedCallee(function.redraft_kind, inner.callee, options)
    key = (inner.key, function.redraft_kind, repr(sorted(options.items())))
    return Parts(Function(callee), key, inner.leading, inner.rebuild, inner.keywords, inner.split)


def method_parts(owner: Any, name: str) -> tuple[Any, bool | None]:
    """The function behind ``owner.name``, and whether it takes the owner as its first argument.

    None says that the owner has no influence at all (a static or class method).
    """
    method = inspect.getattr_static(type(owner), name, None)
    if isinstance(method, (staticmethod, classmethod)):
        return getattr(owner, name), None
    if isinstance(method, types.FunctionType) and name not in getattr(owner, "__dict__", {}):
        return method, True
    if isinstance(owner, (np.ndarray, np.generic)):
        row = table.rows_index()["method"].get(name)
        if row is not None:
            return getattr(np.ndarray, name), True
    return getattr(owner, name), False


def _active_names(parts: Parts, source: Source, mask: tuple[int, ...], args: tuple, kwargs: dict) -> Any:
    """Parameters that are differentiated, and the operands that they stand for."""
    names = source.parameters
    count = len(parts.leading)
    active, places = [], []
    if 0 in mask:
        for position, value in enumerate(parts.leading):
            if zeros_like(value) is not None:
                active.append(names[position])
                places.append(("leading", position))
    signature = _signature(source)
    bound = signature.bind(*parts.leading, *args, **{**parts.keywords, **kwargs})
    where = {}
    positional = list(bound.arguments)
    for operand in mask:
        if operand == 0:
            continue
        if operand <= len(args):
            name, part = _parameter_at(signature, count + operand - 1)
        else:
            name, part = list(kwargs)[operand - 1 - len(args)], None
            if name not in names:
                part, name = name, positional[-1]
        where[operand] = (name, part)
        if name not in active:
            active.append(name)
    return tuple(n for n in names if n in active), where


def _signature(source: Source) -> inspect.Signature:
    from redraft.transpile.transforms.pull import signature_of

    return signature_of(source.node.args)


def _parameter_at(signature: inspect.Signature, position: int) -> tuple[str, int | None]:
    parameters = list(signature.parameters.values())
    for index, parameter in enumerate(parameters):
        if parameter.kind is parameter.VAR_POSITIONAL:
            return parameter.name, position - index
        if index == position:
            return parameter.name, None
    raise TypeError("too many arguments")


def _refuse(message: str, hint: str) -> TransformError:
    return TransformError(message, None, hint)


def _generated(parts: Parts, kind: str, active: tuple[str, ...] | None, pick: Any) -> Any:
    key = (parts.key, kind, active)
    with _lock:
        found = _cache.get(key)
        if found is None or not found[0].is_current():
            unit = Unit()
            source = unit.source_of(parts.callee, _refuse)
            found = pick(unit, source)
            _cache[key] = found
        return found


def forward_of(function: Any, mask: tuple[int, ...], args: tuple, kwargs: dict) -> tuple[Any, Any]:
    """Value of ``function(*args, **kwargs)`` and what the backward call needs."""
    parts = take_apart(function, len(args))
    source = _source(parts)
    active, where = _active_names(parts, source, mask, args, kwargs)

    def pick(unit: Unit, source: Source) -> Any:
        pair = unit.pair(source, active)
        generated = Generated(unit, source, pair.forward)
        return generated, generated.function, generated.namespace[pair.backward], pair.returned()

    _, forward, backward, returned = _generated(parts, "vjp", active, pick)
    value, saved = forward(*parts.leading, *args, **{**parts.keywords, **kwargs})
    operands = [*args, *kwargs.values()]
    absent = {i: zeros_like(operands[i - 1]) for i in mask if i and where[i][0] not in returned}

    def arrange(bars: Any) -> list[Any]:
        by_name = dict(zip(returned, [bars] if len(returned) == 1 else bars, strict=True))
        result = []
        for operand in mask:
            if operand == 0:
                names = source.parameters[: len(parts.leading)]
                leading = [by_name.get(n) for n in names]
                leading = [zeros_like(v) if b is None else b for b, v in zip(leading, parts.leading, strict=True)]
                result.append(parts.rebuild(leading))
            elif operand in absent:
                result.append(absent[operand])
            else:
                name, part = where[operand]
                bar = by_name[name]
                result.append(bar if part is None else bar[part])
        return result

    return value, (backward, saved, arrange)


def _source(parts: Parts) -> Source:
    key = (parts.key, "source")
    with _lock:
        if key not in _cache:
            unit = Unit()
            _cache[key] = unit.source_of(parts.callee, _refuse)
        return _cache[key]


def tangent_of(function: Any, tangents: tuple, args: tuple, kwargs: dict) -> tuple[Any, Any]:
    """Value and tangent of ``function(*args)``."""
    from redraft.transpile.transforms.forward import tangent_parameter, write_jvp_named

    parts = take_apart(function, len(args))
    source = _source(parts)
    held = tangents[0]
    mask = tuple(i for i, t in enumerate(tangents) if t is not None and (i or held is not None))
    active, where = _active_names(parts, source, mask, args, kwargs)

    def pick(unit: Unit, source: Source) -> Any:
        name = unit.name_function(f"{core.base(source.name)}_jvp")
        write_jvp_named(unit, source, active, name)
        generated = Generated(unit, source, name)
        return generated, generated.function

    _, run = _generated(parts, "jvp", active, pick)
    dots = dict(_leading_tangents(parts, source, held, active))
    for operand, (name, part) in where.items():
        if part is None:
            dots[name] = tangents[operand]
        else:
            dots.setdefault(name, {})[part] = tangents[operand]
    parameters = source.parameters
    named = {
        tangent_parameter(parameters, n): _in_order(d) for n, d in dots.items() if n in active
    }
    return run(*parts.leading, *args, **parts.keywords, **kwargs, **named)


def _in_order(tangent: Any) -> Any:
    if isinstance(tangent, dict) and tangent and all(isinstance(k, int) for k in tangent):
        return tuple(tangent[k] for k in sorted(tangent))
    return tangent


def _leading_tangents(parts: Parts, source: Source, held: Any, active: tuple[str, ...]) -> Any:
    names = source.parameters[: len(parts.leading)]
    tangents = parts.split(held)
    for name, value, own in zip(names, parts.leading, tangents, strict=True):
        if name in active:
            yield name, zeros_like(value) if own is None else own
