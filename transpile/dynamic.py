"""Transform a function at run time, when a generated function meets it as a value.

A function value is taken apart into code and the data that it carries: closure cells, defaults,
the arguments of a partial, the object of a bound method. The data become parameters of a function
that is written once per code object and set of differentiated parameters.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import sys
import threading
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gast
import numpy as np

from redraft.runtime import apply
from redraft.runtime.cotangents import Struct, add, captured_by, zeros_like
from redraft.transpile import core
from redraft.transpile.api import Generated, Transformed, _shift, by_file
from redraft.transpile.back.load import load
from redraft.transpile.errors import TransformError
from redraft.transpile.front.callee import Function
from redraft.transpile.front.callee import Transformed as TransformedCallee
from redraft.transpile.front.primitive import primitive_function
from redraft.transpile.front.source import Source, read_source
from redraft.transpile.function import Unit
from redraft.transpile.primitives import table

_cache: dict[Any, Any] = {}
_lock = threading.RLock()
Named = dict[str, Any]


@dataclass
class Parts:
    """A function value taken apart.

    Attributes:
        callee: what is transformed, as the compiler names it.
        key: equal keys share the generated source.
        leading: values of the leading parameters.
        keywords: keyword arguments to add: defaults, and those of a partial.
        rebuild: cotangents of the leading parameters and of the keywords -> cotangent of the
            function value.
        split: tangent of the function value -> tangents of both (None where there is none).
        captured: how many of the leading parameters are closure variables.
    """

    callee: Any
    key: Any
    leading: list[Any]
    keywords: Named
    rebuild: Callable[[list[Any], Named], Any]
    split: Callable[[Any], tuple[list[Any], Named]]
    captured: int = 0


def take_apart(function: Any, count: int | None = None, given: tuple[str, ...] = ()) -> Parts:
    """Code and data of a function value.

    Args:
        function: any callable.
        count: how many positional arguments it is called with.
        given: names of its keyword arguments.
    """
    if table.row_of(function) is not None:
        source = read_source(primitive_function(function, count, given))
        nothing = lambda held: ([], {})  # noqa: E731
        return Parts(Function(source), (function, count, given), [], {}, lambda bars, named: {}, nothing)
    if isinstance(function, types.FunctionType):
        return _closure(function, count, given)
    if isinstance(function, types.MethodType):
        return _method(function.__func__, function.__self__, count, given, "__self__")
    if isinstance(function, functools.partial):
        return _partial(function, count, given)
    if isinstance(function, Transformed):
        return _transformed(function, count, given)
    if isinstance(function, type(functools.lru_cache(int))):
        return take_apart(function.__wrapped__, count, given)
    method = getattr(type(function), "__call__", None)
    if isinstance(method, types.FunctionType):
        return _method(method, function, count, given, None)
    name = getattr(function, "__name__", repr(function))
    raise TransformError(
        f"no derivative is known for `{name}`",
        calling_line(),
        "give it a rule with `rd.primitive`, or pass a Python function",
    )


_sources: dict[Any, Source] = {}


def _closure(function: types.FunctionType, count: int | None, given: tuple[str, ...]) -> Parts:
    captured = {k: v for k, v in (captured_by(function) or {}).items() if _is_data(v)}
    names = tuple(captured)
    key = (function.__code__, id(function.__globals__), names)
    source = _sources.get(key)
    if source is None:
        source = _lifted(read_source(function), names)
        _sources[key] = source
    keywords = _defaults(function, source, count, given)
    outer = source.outer

    def rebuild(bars: list[Any], named: Named) -> Named:
        found = dict(zip(names, bars, strict=False))
        for name, bar in named.items():
            variable = outer.get(name, name)
            found[variable] = add(found.get(variable), bar)
        return found

    def split(held: Any) -> tuple[list[Any], Named]:
        held = held or {}
        return [held.get(n) for n in names], {n: held.get(outer.get(n, n)) for n in keywords}

    return Parts(
        Function(source), key, list(captured.values()), keywords, rebuild, split, len(names)
    )


def _defaults(
    function: types.FunctionType, source: Source, count: int | None, given: tuple[str, ...]
) -> Named:
    """Values of the defaults that a call with `count` positional arguments uses."""
    found: Named = {}
    if function.__defaults__:
        code = function.__code__
        names = code.co_varnames[: code.co_argcount]
        first = len(names) - len(function.__defaults__)
        for place, value in enumerate(function.__defaults__, first):
            if count is not None and place >= count and names[place] not in given:
                found[names[place]] = value
    for name, value in (function.__kwdefaults__ or {}).items():
        if name not in given:
            found[name] = value
    inner = {user: name for name, user in source.renamed.items()}
    return {inner.get(k, k): v for k, v in found.items()} if inner else found


def _is_data(value: Any) -> bool:
    return not isinstance(value, (types.ModuleType, type, str))


def _lifted(source: Source, names: tuple[str, ...]) -> Source:
    """The function with its captured variables as leading parameters, without defaults."""
    node = core.copy(source.node)
    arguments = node.args
    extra = [gast.Name(n, gast.Param(), None, None) for n in names]
    arguments.args = [*extra, *arguments.posonlyargs, *arguments.args]
    arguments.posonlyargs, arguments.defaults = [], []
    arguments.kw_defaults = [None] * len(arguments.kwonlyargs)
    cells = {k: v for k, v in source.cells.items() if k not in names}
    lifted = Source(node, source.file, source.lines, source.globals, cells)
    lifted.extras, lifted.renamed, lifted.outer = source.extras, source.renamed, source.outer
    lifted.captured = names
    return lifted


def _method(
    function: Any, owner: Any, count: int | None, given: tuple[str, ...], field: str | None
) -> Parts:
    inner = take_apart(function, None if count is None else count + 1, given)

    def rebuild(bars: list[Any], named: Named) -> Any:
        own = bars[-1] if bars else None
        return own if field is None else {field: own}

    def split(held: Any) -> tuple[list[Any], Named]:
        if isinstance(held, types.MethodType):
            held = {"__self__": held.__self__}
        own = held if field is None else (held or {}).get(field)
        leading, named = inner.split(None)
        return [*leading, own], named

    return Parts(
        inner.callee, inner.key, [*inner.leading, owner], inner.keywords, rebuild, split, inner.captured
    )


def _partial(function: functools.partial, count: int | None, given: tuple[str, ...]) -> Parts:
    total = None if count is None else count + len(function.args)
    inner = take_apart(function.func, total, (*given, *(k for k in function.keywords if k not in given)))
    before = len(inner.leading)
    own = {k: v for k, v in function.keywords.items() if k not in given}

    def rebuild(bars: list[Any], named: Named) -> Named:
        carried = {k: v for k, v in named.items() if k in own}
        rest = {k: v for k, v in named.items() if k not in own}
        return {
            "func": inner.rebuild(bars[:before], rest), "args": list(bars[before:]),
            "keywords": {k: zeros_like(v) if carried.get(k) is None else carried[k]
                         for k, v in function.keywords.items()},
        }  # fmt: skip

    def split(held: Any) -> tuple[list[Any], Named]:
        held = held or {}
        leading, named = inner.split(held.get("func"))
        args = held.get("args") or [None] * len(function.args)
        keywords = held.get("keywords") or {}
        return [*leading, *args], {**named, **{k: keywords.get(k) for k in own}}

    leading = [*inner.leading, *function.args]
    return Parts(
        inner.callee, inner.key, leading, {**inner.keywords, **own}, rebuild, split, inner.captured
    )


def _transformed(function: Transformed, count: int | None, given: tuple[str, ...]) -> Parts:
    inner = take_apart(function.fun, count, given)
    options = {k: v for k, v in function.options.items() if k != "names"}
    if function.relative:
        options["argnums"] = function._absolute(count)
    options["argnums"] = _shift(options["argnums"], len(inner.leading) - inner.captured)
    callee = TransformedCallee(function.redraft_kind, inner.callee, options)
    key = (inner.key, function.redraft_kind, repr(sorted(options.items())))
    return Parts(
        Function(callee), key, inner.leading, inner.keywords, inner.rebuild, inner.split, inner.captured
    )


def _namedtuple_replace(x: Any, /, **changes: Any) -> Any:
    return x._replace(**changes)


def replacing(function: Any, args: tuple, kwargs: Named) -> Any:
    """``dataclasses.replace`` and ``_replace`` as a function for the class of the object."""
    if function is not dataclasses.replace and function is not _namedtuple_replace:
        return function
    cls = type(args[0])
    if function is _namedtuple_replace:
        fields = list(cls._fields)
    elif dataclasses.is_dataclass(cls):
        fields = [f.name for f in dataclasses.fields(cls) if f.init]
    else:
        raise TypeError("replace() should be called on dataclass instances")
    return _replacing(cls, tuple(fields), tuple(kwargs))


@functools.lru_cache(maxsize=256)
def _replacing(cls: type, fields: tuple[str, ...], changed: tuple[str, ...]) -> Any:
    values = ", ".join(f"{f}={f}" if f in changed else f"{f}=x_.{f}" for f in fields)
    text = f"def replace({', '.join(['x_', *changed])}):\n    return {cls.__name__}({values})\n"
    namespace = {cls.__name__: cls, "__name__": cls.__module__}
    load(text, f"<replace {cls.__name__} {' '.join(changed)} {id(cls)}>", namespace)
    return namespace["replace"]


def method_parts(owner: Any, name: str) -> tuple[Any, bool | None]:
    """The function behind ``owner.name``, and whether it takes the owner as its first argument.

    None says that the owner has no influence at all (a static or class method).
    """
    if name == "_replace" and isinstance(owner, tuple) and hasattr(owner, "_fields"):
        return _namedtuple_replace, True
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


# --- which parameters a call differentiates


class Places:
    """Where the differentiated operands of a call stand among the callee's parameters.

    Operand 0 is the function value itself; then come the arguments, positional before keyword.
    """

    def __init__(self, parts: Parts, source: Source, mask: tuple[int, ...], args: tuple, kwargs: Named):
        self.parts, self.mask = parts, mask
        names = source.parameters
        count = len(parts.leading)
        active: set[str] = set()
        self.leading = names[:count] if not source.node.args.posonlyargs else names[:count]
        self.held = []  # parameters whose values the function carries, and that have a derivative
        if 0 in mask:
            values = [*zip(self.leading, parts.leading, strict=True), *parts.keywords.items()]
            self.held = [n for n, v in values if zeros_like(v) is not None]
            active.update(self.held)
        signature = _signature(source)
        self.where: dict[int, tuple[str, Any]] = {}
        self.values = [*args, *kwargs.values()]
        variable = source.node.args.kwarg
        for operand in mask:
            if operand == 0:
                continue
            if operand <= len(args):
                place = _parameter_at(signature, count + operand - 1)
            else:
                name = list(kwargs)[operand - 1 - len(args)]
                place = (name, None) if name in names else (variable.id if variable else name, name)
            self.where[operand] = place
            active.add(place[0])
        self.active = tuple(n for n in names if n in active)
        self.sizes = {}  # how many arguments *args gets
        vararg = source.node.args.vararg
        if vararg is not None:
            own = len(source.node.args.args) + len(source.node.args.posonlyargs)
            self.sizes[vararg.id] = max(count + len(args) - own, 0)
            self.first = own - count  # position of its first element among the arguments

    def gather(self, by_name: Named) -> list[Any]:
        """Cotangents of the parameters -> cotangents of the operands, in the order of the mask."""
        result = []
        for operand in self.mask:
            if operand == 0:
                leading = [_or_zeros(by_name.get(n), v) for n, v in zip(self.leading, self.parts.leading, strict=True)]
                keywords = self.parts.keywords
                named = {n: _or_zeros(by_name.get(n), v) for n, v in keywords.items() if n in self.held}
                result.append(self.parts.rebuild(leading, named))
                continue
            name, part = self.where[operand]
            bar = by_name.get(name)
            if bar is not None and part is not None:
                bar = bar[part]
            result.append(_or_zeros(bar, self.values[operand - 1]))
        return result

    def scatter(self, operands: list[Any]) -> Named:
        """Tangents of the operands (None for zero) -> tangents of the parameters."""
        found: Named = {}
        for operand, value in zip(self.mask, operands, strict=True):
            if operand == 0:
                leading, named = self.parts.split(value)
                found.update(zip(self.leading, leading, strict=True))
                found.update(named)
                continue
            name, part = self.where[operand]
            if part is None:
                found[name] = value
            elif isinstance(part, int):
                first = self.first
                row = found.setdefault(
                    name, [zeros_like(v) for v in self.values[first : first + self.sizes[name]]]
                )
                if value is not None:
                    row[part] = value
            else:
                found.setdefault(name, {})[part] = value
        return {k: tuple(v) if k in self.sizes and isinstance(v, list) else v for k, v in found.items()}


def _or_zeros(bar: Any, value: Any) -> Any:
    return zeros_like(value) if bar is None else bar


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


# --- errors


def calling_line() -> Any:
    """The user's line whose generated line is running, if there is one."""
    from redraft.transpile.back.lines import place_of_line

    frame = sys._getframe(1)
    while frame is not None:
        generated = by_file.get(frame.f_code.co_filename)
        if generated is not None:
            return place_of_line(generated, frame.f_lineno)
        frame = frame.f_back
    return None


def _refuse(message: str, hint: str) -> TransformError:
    return TransformError(message, calling_line(), hint)


def _source(parts: Parts) -> Source:
    key = (parts.key, "source")
    with _lock:
        if key not in _cache:
            _cache[key] = Unit().source_of(parts.callee, _refuse)
        return _cache[key]


def _generated(parts: Parts, kind: str, active: tuple[str, ...], pick: Any) -> Any:
    key = (parts.key, kind, active)
    with _lock:
        found = _cache.get(key)
        if found is None or not found[0].is_current():
            unit = Unit()
            source = unit.source_of(parts.callee, _refuse)
            found = pick(unit, source)
            _cache[key] = found
        return found


# --- reverse mode


def pair_of(function: Any, mask: tuple[int, ...], args: tuple, kwargs: Named) -> tuple[Any, ...]:
    """Forward function, backward function, names of its results, places, and what to pass."""
    function = replacing(function, args, kwargs)
    parts = take_apart(function, len(args), tuple(kwargs))
    places = Places(parts, _source(parts), mask, args, kwargs)

    def pick(unit: Unit, source: Source) -> Any:
        pair = unit.pair(source, places.active)
        generated = Generated(unit, source, pair.forward)
        return generated, generated.function, generated.namespace[pair.backward], pair.returned()

    _, forward, backward, returned = _generated(parts, "vjp", places.active, pick)
    return forward, backward, returned, places


def forward_of(function: Any, mask: tuple[int, ...], args: tuple, kwargs: Named) -> tuple[Any, Any]:
    """Value of ``function(*args, **kwargs)`` and the record that the backward call needs."""
    again = _AGAIN.get(function) if isinstance(function, types.FunctionType) else None
    if again is not None:
        return again(mask, args, kwargs)
    forward, backward, returned, places = pair_of(function, mask, args, kwargs)
    parts = places.parts
    value, saved = forward(*parts.leading, *args, **{**parts.keywords, **kwargs})
    return value, apply.CallRecord(backward, saved, Arrangement(returned, places))


@dataclass
class Arrangement:
    """How the results of a backward function make up the cotangents of a call's operands."""

    returned: tuple[str, ...]
    places: Places

    def operands(self, bars: Any) -> list[Any]:
        """Cotangents of the operands."""
        listed = [bars] if len(self.returned) == 1 else bars if self.returned else []
        return self.places.gather(dict(zip(self.returned, listed, strict=True)))

    def results(self, operands: list[Any], bars: Any) -> Any:
        """The transposed map: what `operands` made of the results gets back to them."""
        found = self.places.scatter(operands)
        listed = [bars] if len(self.returned) == 1 else bars if self.returned else []
        parts = [_or_zeros(found.get(n), b) for n, b in zip(self.returned, listed, strict=True)]
        return parts[0] if len(parts) == 1 else parts


# --- forward mode


def tangent_of(function: Any, tangents: tuple, args: tuple, kwargs: Named) -> tuple[Any, Any]:
    """Value and tangent of ``function(*args)``; `tangents`: of the function, then the arguments."""
    again = _AGAIN_FORWARD.get(function) if isinstance(function, types.FunctionType) else None
    if again is not None:
        return again(tangents, args, kwargs)
    run, places, given = tangent_function(function, tangents, args, kwargs)
    parts = places.parts
    return run(*parts.leading, *args, **{**parts.keywords, **kwargs}, **given)


def tangent_function(function: Any, tangents: tuple, args: tuple, kwargs: Named) -> tuple[Any, ...]:
    """The tangent function, the places of the operands, and its tangents by keyword."""
    from redraft.transpile.transforms.forward import tangent_parameter, write_jvp_named

    function = replacing(function, args, kwargs)
    parts = take_apart(function, len(args), tuple(kwargs))
    source = _source(parts)
    mask = tuple(i for i, t in enumerate(tangents) if t is not None)
    places = Places(parts, source, mask, args, kwargs)

    def pick(unit: Unit, source: Source) -> Any:
        name = unit.name_function(f"{core.base(source.name)}_jvp")
        write_jvp_named(unit, source, places.active, name)
        generated = Generated(unit, source, name)
        return generated, generated.function

    _, run = _generated(parts, "jvp", places.active, pick)
    dots = places.scatter([tangents[i] for i in mask])
    held = dict(zip(places.leading, parts.leading, strict=True)) | parts.keywords
    given = {}
    for name in places.active:
        dot = dots.get(name)
        given[tangent_parameter(source.parameters, name)] = (
            zeros_like(held[name]) if dot is None and name in held else dot
        )
    return run, places, given


# --- derivatives of derivatives: the calls above, differentiated once more


def _forward_again(mask: tuple[int, ...], args: tuple, kwargs: Named) -> tuple[Any, Any]:
    """As `forward_of` for ``rt.call_fwd(inner_mask, function, *inner_args)``.

    What is differentiated is the generated forward function; its residuals are data.
    """
    inner_mask, function, *inner = args
    if _is_run_time_call(function):
        raise _too_deep()
    forward, backward, returned, places = pair_of(function, inner_mask, tuple(inner), kwargs)
    parts = places.parts
    operands = (*parts.leading, *inner)
    named = {**parts.keywords, **kwargs}
    wanted = _operands_of(mask, parts, operands, inner, named, kwargs)
    (value, saved), record = forward_of(forward, tuple(wanted), operands, named)
    second = _Regrouped(record, lambda bars: _regroup(mask, wanted, bars, parts, len(inner), named, kwargs))
    second.shape = lambda bar: [
        _or_zeros(bar[0], value),
        _or_zeros(None if bar[1] is None else bar[1].residuals, saved),
    ]
    inner_record = apply.CallRecord(backward, saved, Arrangement(returned, places))
    return (value, inner_record), second.record()


def _operands_of(
    mask: tuple[int, ...], parts: Parts, operands: tuple, inner: list, named: Named, kwargs: Named
) -> list[int]:
    """Operands of the generated function that operands ``2…`` of a run-time call stand for."""
    wanted = []
    if 2 in mask:
        wanted += [i + 1 for i, v in enumerate(parts.leading) if zeros_like(v) is not None]
    first = len(parts.leading) + 1
    wanted += [first + i - 3 for i in mask if 3 <= i < 3 + len(inner)]
    keys = list(named)
    if 2 in mask:
        wanted += [
            len(operands) + 1 + keys.index(k)
            for k, v in parts.keywords.items()
            if k not in kwargs and zeros_like(v) is not None
        ]
    own = list(kwargs)
    wanted += [len(operands) + 1 + keys.index(own[i - 3 - len(inner)]) for i in mask if i >= 3 + len(inner)]
    return sorted(wanted)


def _regroup(
    mask: tuple[int, ...], wanted: list[int], bars: list[Any], parts: Parts, count: int, named: Named,
    kwargs: Named,
) -> list[Any]:  # fmt: skip
    """Cotangents of the operands of the run-time call from those of the generated function."""
    found = dict(zip(wanted, bars, strict=True))
    before = len(parts.leading)
    keys = list(named)
    result = []
    for operand in mask:
        if operand == 2:
            leading = [_or_zeros(found.get(i + 1), v) for i, v in enumerate(parts.leading)]
            first = before + count + 1
            keywords = {
                k: _or_zeros(found.get(first + keys.index(k)), v) for k, v in parts.keywords.items()
            }
            result.append(parts.rebuild(leading, keywords))
        elif operand < 3 + count:
            result.append(found[before + operand - 2])
        else:
            name = list(kwargs)[operand - 3 - count]
            result.append(found[before + count + 1 + keys.index(name)])
    return result


class _Regrouped:
    """A record whose cotangents are regrouped, and whose result has another structure."""

    def __init__(self, record: Any, regroup: Any) -> None:
        self.inner, self.regroup = record, regroup
        self.shape: Any = lambda bar: bar

    def operands(self, bars: Any) -> list[Any]:
        return self.regroup(self.inner.arrangement.operands(bars))

    def results(self, operands: list[Any], bars: Any) -> Any:
        raise _too_deep()

    def record(self) -> Any:
        backward = self.inner.backward
        return apply.CallRecord(lambda saved, bar: backward(saved, self.shape(bar)), self.inner.residuals, self)


def _backward_again(mask: tuple[int, ...], args: tuple, kwargs: Named) -> tuple[Any, Any]:
    """As `forward_of` for ``rt.call_bwd(record, ans_bar)``."""
    record, ans_bar = args
    if record.backward.__code__.co_filename not in by_file:
        raise _too_deep()
    bars, second = forward_of(record.backward, mask, (record.residuals, ans_bar), {})
    value = record.arrangement.operands(bars)

    def regroup(inner: list[Any]) -> list[Any]:
        return [Struct({"residuals": b}) if i == 1 else b for i, b in zip(mask, inner, strict=True)]

    again = _Regrouped(second, regroup)
    again.shape = lambda bar: record.arrangement.results(bar, bars)
    return value, again.record()


def _forward_tangent(tangents: tuple, args: tuple, kwargs: Named) -> tuple[Any, Any]:
    """Tangent of ``rt.call_fwd(inner_mask, function, *inner_args)``."""
    inner_mask, function, *inner = args
    if _is_run_time_call(function):
        raise _too_deep()
    forward, backward, returned, places = pair_of(function, inner_mask, tuple(inner), kwargs)
    parts = places.parts
    named = {**parts.keywords, **kwargs}
    leading, keywords = parts.split(tangents[2])
    own = dict(zip(kwargs, tangents[3 + len(inner) :], strict=False))
    dots = [*leading, *tangents[3 : 3 + len(inner)], *({**keywords, **own}.get(k) for k in named)]
    operands = (*parts.leading, *inner)
    (value, saved), (value_dot, saved_dot) = tangent_of(forward, (None, *dots), operands, named)
    record = apply.CallRecord(backward, saved, Arrangement(returned, places))
    return (value, record), (value_dot, Struct({"residuals": saved_dot}))


def _backward_tangent(tangents: tuple, args: tuple, kwargs: Named) -> tuple[Any, Any]:
    """Tangent of ``rt.call_bwd(record, ans_bar)``."""
    record, ans_bar = args
    if record.backward.__code__.co_filename not in by_file:
        raise _too_deep()
    saved_dot = None if tangents[1] is None else tangents[1].residuals
    inner = (None, saved_dot, tangents[2])
    bars, bars_dot = tangent_of(record.backward, inner, (record.residuals, ans_bar), {})
    return record.arrangement.operands(bars), record.arrangement.operands(bars_dot)


def _jvp_again(mask: tuple[int, ...], args: tuple, kwargs: Named) -> tuple[Any, Any]:
    """As `forward_of` for ``rt.call_jvp(tangents, function, *inner_args)``."""
    tangents, function, *inner = args
    if _is_run_time_call(function):
        raise _too_deep()
    run, places, given = tangent_function(function, tangents, tuple(inner), kwargs)
    parts = places.parts
    operands = (*parts.leading, *inner)
    named = {**parts.keywords, **kwargs, **given}
    wanted = set(_operands_of(tuple(i for i in mask if i != 1), parts, operands, inner, named, kwargs))
    keys, first = list(named), len(operands) + 1
    if 1 in mask:
        wanted |= {first + keys.index(k) for k, v in given.items() if zeros_like(v) is not None}
    wanted_list = sorted(wanted)
    value, record = forward_of(run, tuple(wanted_list), operands, named)
    from redraft.transpile.transforms.forward import tangent_parameter

    every = _source(parts).parameters

    def regroup(bars: list[Any]) -> list[Any]:
        rest = tuple(i for i in mask if i != 1)
        grouped = dict(zip(rest, _regroup(rest, wanted_list, bars, parts, len(inner), named, kwargs), strict=True))
        if 1 in mask:
            found = dict(zip(wanted_list, bars, strict=True))
            by_name = {
                n: found.get(first + keys.index(tangent_parameter(every, n))) for n in places.active
            }
            dots = dict(zip(places.mask, places.gather(by_name), strict=True))
            grouped[1] = [dots.get(i) for i in range(len(tangents))]
        return [grouped[i] for i in mask]

    again = _Regrouped(record, regroup)
    again.shape = lambda bar: [_or_zeros(b, v) for b, v in zip(bar, value, strict=True)]
    return value, again.record()


def _jvp_tangent(tangents: tuple, args: tuple, kwargs: Named) -> tuple[Any, Any]:
    """Tangent of ``rt.call_jvp(inner_tangents, function, *inner_args)``."""
    from redraft.transpile.transforms.forward import tangent_parameter

    first, function, *inner = args
    if _is_run_time_call(function):
        raise _too_deep()
    run, places, given = tangent_function(function, first, tuple(inner), kwargs)
    parts = places.parts
    every = _source(parts).parameters
    second = tangents[1] or [None] * len(first)
    dots = places.scatter([second[i] for i in places.mask])
    named_dots = {tangent_parameter(every, n): d for n, d in dots.items() if n in places.active}
    leading, keywords = parts.split(tangents[2])
    named = {**parts.keywords, **kwargs, **given}
    own = {**keywords, **dict(zip(kwargs, tangents[3 + len(inner) :], strict=False)), **named_dots}
    outer = (None, *leading, *tangents[3 : 3 + len(inner)], *(own.get(k) for k in named))
    return tangent_of(run, outer, (*parts.leading, *inner), named)


def _star_jvp_tangent(tangents: tuple, args: tuple, _: Named) -> tuple[Any, Any]:
    """Tangent of ``rt.star_jvp(inner_tangents, function, xs, named)``."""
    first, function, xs, named = args
    xs = tuple(xs)
    flat = apply.star_tangents(first, xs, named)
    second = None if tangents[1] is None else apply.star_tangents(tangents[1], xs, named)
    held, *dots = apply.star_tangents(tangents[2:], xs, named)
    return _jvp_tangent((None, second, held, *dots), (flat, function, *xs), named)


def _is_run_time_call(function: Any) -> bool:
    return isinstance(function, types.FunctionType) and function in _AGAIN


def _too_deep() -> TransformError:
    return TransformError(
        "a function that is known only at run time cannot be differentiated three times",
        calling_line(),
        "call it by its name (a global or local function), so that it is known when the source is "
        "written",
    )


def _expand(mask: tuple[int, ...], args: Any, kwargs: Named) -> tuple[list[int], list[int]]:
    """Operands 3… of ``call_fwd(mask, f, *args, **kwargs)`` for those of ``star_fwd``, in two groups."""
    first = [3 + i for i, v in enumerate(args) if 3 in mask and zeros_like(v) is not None]
    start = 3 + len(args)
    second = [start + i for i, v in enumerate(kwargs.values()) if 4 in mask and zeros_like(v) is not None]
    return first, second


def _star_again(mask: tuple[int, ...], args: tuple, _: Named) -> tuple[Any, Any]:
    """As `forward_of` for ``rt.star_fwd(inner_mask, function, xs, named)``."""
    inner_mask, function, xs, named = args
    xs = tuple(xs)
    flat = apply.star_operands(inner_mask, xs, named)
    expanded = _expand(mask, xs, named)
    wanted = (*([2] if 2 in mask else []), *expanded[0], *expanded[1])
    (value, record), second = _forward_again(wanted, (flat, function, *xs), named)
    record.arrangement = apply.StarArrangement(record.arrangement, inner_mask, flat, len(xs), list(named))
    again = _Regrouped(second, lambda bars: _groups(mask, wanted, bars, xs, named))
    return (value, record), again.record()


def _groups(
    mask: tuple[int, ...], wanted: tuple[int, ...], bars: list[Any], xs: tuple, named: Named
) -> list[Any]:
    found = dict(zip(wanted, bars, strict=True))
    start = 3 + len(xs)
    groups = {
        1: found.get(1),
        2: found.get(2),
        3: [_or_zeros(found.get(3 + i), v) for i, v in enumerate(xs)],
        4: {k: _or_zeros(found.get(start + i), v) for i, (k, v) in enumerate(named.items())},
    }
    return [groups[i] for i in mask]


def _star_jvp_again(mask: tuple[int, ...], args: tuple, _: Named) -> tuple[Any, Any]:
    """As `forward_of` for ``rt.star_jvp(tangents, function, xs, named)``."""
    tangents, function, xs, named = args
    xs = tuple(xs)
    flat = apply.star_tangents(tangents, xs, named)
    expanded = _expand(mask, xs, named)
    wanted = (*([1] if 1 in mask else []), *([2] if 2 in mask else []), *expanded[0], *expanded[1])
    value, second = _jvp_again(wanted, (flat, function, *xs), named)

    def regroup(bars: list[Any]) -> list[Any]:
        grouped = _groups(mask, wanted, bars, xs, named)
        if 1 in mask:
            held, *rest = bars[wanted.index(1)]
            dots = None if tangents[1] is None else rest[: len(xs)]
            last = None if tangents[2] is None else dict(zip(named, rest[len(xs) :], strict=True))
            grouped[mask.index(1)] = [held, dots, last]
        return grouped

    return value, _Regrouped(second, regroup).record()


def _star_tangent(tangents: tuple, args: tuple, _: Named) -> tuple[Any, Any]:
    """Tangent of ``rt.star_fwd(inner_mask, function, xs, named)``."""
    inner_mask, function, xs, named = args
    xs = tuple(xs)
    flat = apply.star_operands(inner_mask, xs, named)
    dots = apply.star_tangents(tangents[2:], xs, named)
    (value, record), dot = _forward_tangent((None, None, *dots), (flat, function, *xs), named)
    record.arrangement = apply.StarArrangement(record.arrangement, inner_mask, flat, len(xs), list(named))
    return (value, record), dot


def _method_as_call(args: tuple) -> tuple:
    """Arguments of ``rt.call_fwd`` for those of ``rt.method_fwd`` or of ``rt.method_jvp``."""
    name, first, owner, *rest = args
    function, leading = method_parts(owner, name)
    if not leading:
        raise _no_second_order("a function in a field, or a static method,")()
    if first and first[0].__class__ is int:  # a mask
        return (tuple(i + 1 for i in first), function, owner, *rest)
    return ((None, *first), function, owner, *rest)


def _method_again(mask: tuple[int, ...], args: tuple, kwargs: Named) -> tuple[Any, Any]:
    return _forward_again(mask, _method_as_call(args), kwargs)


def _method_tangent(tangents: tuple, args: tuple, kwargs: Named) -> tuple[Any, Any]:
    return _forward_tangent(tangents, _method_as_call(args), kwargs)


def _no_second_order(kind: str) -> Any:
    def refuse(*_: Any) -> Any:
        raise TransformError(
            f"this second derivative through {kind} that is known only at run time is not supported",
            calling_line(),
            "call a function that is known by its name, with arguments one by one",
        )

    return refuse


_AGAIN: dict[Any, Any] = {
    apply.call_fwd: _forward_again, apply.call_bwd: _backward_again, apply.call_jvp: _jvp_again,
    apply.star_fwd: _star_again, apply.star_jvp: _star_jvp_again, apply.method_fwd: _method_again,
    apply.method_jvp: _no_second_order("a method"),
}  # fmt: skip
_AGAIN_FORWARD: dict[Any, Any] = {
    apply.call_fwd: _forward_tangent, apply.call_bwd: _backward_tangent,
    apply.call_jvp: _jvp_tangent, apply.star_fwd: _star_tangent,
    apply.star_jvp: _star_jvp_tangent, apply.method_fwd: _method_tangent,
    apply.method_jvp: _no_second_order("a method"),
}  # fmt: skip
