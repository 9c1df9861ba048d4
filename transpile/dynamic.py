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
from dataclasses import dataclass
from typing import Any

import gast
import numpy as np

from redraft import runtime
from redraft.runtime import apply
from redraft.runtime.apply import add, zeros_like
from redraft.runtime.cotangents import Struct, captured_by
from redraft.transpile import core
from redraft.transpile.api import Generated, Transformed, _shift, by_file
from redraft.transpile.back.load import load
from redraft.transpile.errors import TransformError
from redraft.transpile.front.callee import Function
from redraft.transpile.front.callee import Transformed as TransformedCallee
from redraft.transpile.front.effects import writes_arguments
from redraft.transpile.front.expressions import RUN_TIME_CALLS
from redraft.transpile.front.objects import is_part, object_names
from redraft.transpile.front.primitive import primitive_function
from redraft.transpile.front.source import Source, read_source
from redraft.transpile.front.trees import REWRITES, tree_function
from redraft.transpile.function import Unit, write_unit
from redraft.transpile.function_values import is_function_value
from redraft.transpile.primitives import table

_cache: dict[Any, Any] = {}
MANY = 2000  # generated functions that are kept
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


def take_apart(
    function: Any,
    count: int | None = None,
    given: tuple[str, ...] = (),
    args: tuple | None = None,
) -> Parts:
    """Code and data of a function value.

    Args:
        function: any callable.
        count: how many positional arguments it is called with.
        given: names of its keyword arguments.
        args: the positional arguments: what is written for a batch depends on what they are.
    """
    function = table.defined(function)
    if table.row_of(function) is not None:
        source = read_source(primitive_function(function, count, given))
        nothing = lambda held: ([], {})  # noqa: E731
        return Parts(
            Function(source), (function, count, given), [], {}, lambda bars, named: {}, nothing
        )
    if isinstance(function, types.FunctionType):
        return _closure(function, count, given)
    if isinstance(function, types.MethodType):
        return _method(function.__func__, function.__self__, count, given, "__self__")
    if isinstance(function, functools.partial):
        return _partial(function, count, given)
    if isinstance(function, Transformed):
        return _transformed(function, count, given, args)
    if is_function_value(function):
        return _function_value(function, count, given)
    if getattr(type(function), "redraft_identity", False):
        return take_apart(function.fun, count, given)
    if isinstance(function, type(functools.lru_cache(int))):
        return take_apart(function.__wrapped__, count, given)
    method = inspect.getattr_static(type(function), "__call__", None)
    if isinstance(method, types.FunctionType):
        return _method(method, function, count, given, None)
    name = getattr(function, "__name__", repr(function))
    if isinstance(function, type) and hasattr(function, "redraft_ruled"):
        raise TransformError(
            f"a function given to `{name}` uses a variable that is differentiated", calling_line(),
            "its rule says nothing of that variable: pass it as an argument",
        )  # fmt: skip
    raise TransformError(
        f"no derivative is known for `{name}`",
        calling_line(),
        "give it a rule with `rd.primitive`, or pass a Python function",
    )


def check_only_reads(function: Any) -> None:
    """Refuse a function that changes its arguments, its object or what it captured in place."""
    while isinstance(function, functools.partial):
        function = function.func
    inner = getattr(function, "__func__", function)
    if not isinstance(inner, types.FunctionType):
        method = inspect.getattr_static(type(function), "__call__", None)
        inner = method if isinstance(method, types.FunctionType) else None
    if writes_arguments(inner, []):
        name = getattr(function, "__qualname__", type(function).__name__)
        raise TransformError(
            f"`{name}` changes what it is given, within an expression", calling_line(),
            "call it in a line of its own",
        )  # fmt: skip


_sources: dict[Any, Source] = {}


def _closure(function: types.FunctionType, count: int | None, given: tuple[str, ...]) -> Parts:
    rule = getattr(function, "redraft_rule", None)
    if rule is not None and not rule.runs_again:
        return _ruled(function, count, given)
    every = {k: v for k, v in (captured_by(function) or {}).items() if _is_data(v)}
    free = function.__code__.co_freevars
    fixed = {k: v for k, v in every.items() if k in free and carries_nothing(v)}
    captured = {k: v for k, v in every.items() if k not in fixed}
    names = tuple(captured)
    key = (function.__code__, id(function.__globals__), names, rule, *fixed.items())
    source = _sources.get(key)
    if source is None:
        source = _lifted(read_source(function), names)
        source.cells |= {k: types.CellType(v) for k, v in fixed.items()}  # the key says which
        while len(_sources) > MANY:
            _sources.pop(next(iter(_sources)))
        _sources[key] = source
    keywords = _defaults(function, source, count, given)
    outer = source.outer

    def rebuild(bars: list[Any], named: Named) -> Named:
        carried = [*fixed, *(outer.get(k, k) for k in keywords)]  # some without a cotangent
        found = {**dict.fromkeys(carried), **dict(zip(names, bars, strict=False))}
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


def carries_nothing(value: Any, seen: tuple = ()) -> bool:
    """Is it a function without data of its own, so that a name may stand for it in generated text?"""
    if any(value is other for other in seen):  # a recursive function holds itself
        return True
    seen = (*seen, value)
    while getattr(type(value), "redraft_identity", False):
        value = value.fun
    if isinstance(value, Transformed):
        return carries_nothing(value.fun, seen)
    if not isinstance(value, types.FunctionType):
        return False
    rule = getattr(value, "redraft_rule", None)
    if rule is not None and not rule.runs_again:  # what it captured counts as constant
        return True
    if value.__defaults__ or value.__kwdefaults__:
        return False
    return all(_holds_nothing(cell, seen) for cell in value.__closure__ or ())


def _holds_nothing(cell: Any, seen: tuple) -> bool:
    try:
        value = cell.cell_contents
        return isinstance(value, types.ModuleType) or carries_nothing(value, seen)
    except ValueError:
        return False


def _ruled(function: types.FunctionType, count: int | None, given: tuple[str, ...]) -> Parts:
    """A function with a rule of its own: what it captured is not differentiated."""
    source = read_source(function)
    keywords = _defaults(function, source, count, given)
    nothing = lambda held: ([], {})  # noqa: E731
    return Parts(Function(function), function, [], keywords, lambda bars, named: {}, nothing)


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
    lifted.plain_names, lifted.scopes = source.plain_names, source.scopes
    lifted.captured, lifted.rule = names, source.rule
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
        inner.callee,
        inner.key,
        [*inner.leading, owner],
        inner.keywords,
        rebuild,
        split,
        inner.captured,
    )


def _partial(function: functools.partial, count: int | None, given: tuple[str, ...]) -> Parts:
    total = None if count is None else count + len(function.args)
    inner = take_apart(
        function.func, total, (*given, *(k for k in function.keywords if k not in given))
    )
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


def _transformed(
    function: Transformed, count: int | None, given: tuple[str, ...], args: tuple | None
) -> Parts:
    inner = take_apart(function.fun, count, given)
    options = {k: v for k, v in function.options.items() if k != "names"}
    if function.redraft_kind == "vmap" and args is not None and not given:
        if len(inner.leading) == inner.captured:  # else the parameters are not those of the call
            options["values"] = function.descriptions(args)
    if function.relative:
        options["argnums"] = function._absolute(count)
    options["argnums"] = _shift(options["argnums"], len(inner.leading) - inner.captured)
    callee = TransformedCallee(function.redraft_kind, inner.callee, options)
    key = (inner.key, function.redraft_kind, repr(sorted(options.items())))
    return Parts(
        Function(callee),
        key,
        inner.leading,
        inner.keywords,
        inner.rebuild,
        inner.split,
        inner.captured,
    )


def _function_value(function: Any, count: int | None, given: tuple[str, ...]) -> Parts:
    """A pullback and its kin: code, and the residuals as its first argument."""
    code, leading = function.plain()
    inner = take_apart(code, None if count is None else count + len(leading), given)
    return Parts(
        inner.callee,
        inner.key,
        list(leading),
        inner.keywords,
        lambda bars, named: Struct({"saved": bars[0] if bars else None}),
        lambda held: ([None if held is None else held.saved], {}),
    )


def _namedtuple_replace(x: Any, /, **changes: Any) -> Any:
    return x._replace(**changes)


def replacing(function: Any, args: tuple, kwargs: Named) -> Any:
    """``dataclasses.replace``, ``_replace`` and readers as functions for the class of the object."""
    if isinstance(function, apply.Method):
        method, leading = method_parts(args[0], function.name)
        return method if leading else function
    if isinstance(function, types.FunctionType) and function in REWRITES:
        return tree_function(function, len(args), tuple(kwargs))
    if isinstance(function, apply.Reader):
        x = args[0]
        return _reading(type(x), function.name, is_part(x, function.name))
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
def _reading(cls: type, name: str, part: bool) -> Any:
    """A function that reads an attribute of an object of this class; `part`: it is a field."""
    member = inspect.getattr_static(cls, name, None)
    if not part and isinstance(member, property):
        return member.fget
    if not part and isinstance(member, functools.cached_property):
        return member.func
    number = issubclass(cls, (np.ndarray, np.generic, float, int, complex))
    value = f"x_.{name}" if part or number else f"rt.constant_of(x_, {name!r})"
    namespace: dict[str, Any] = {"__name__": cls.__module__, "rt": runtime}
    load(f"def {name}(x_):\n    return {value}\n", f"<read {name} {part} {id(cls)}>", namespace)
    if part:
        namespace[name].redraft_plain_names = frozenset({name})
    return namespace[name]


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
            return table.resolve(row.name) or getattr(np.ndarray, name), True
    return getattr(owner, name), False


def is_run_time_call(function: Any) -> bool:
    """Is it ``rt.call_fwd`` or one of its kin, which call what is known at run time alone?"""
    return isinstance(function, types.FunctionType) and function in RUN_TIME_CALLS


# --- which parameters a call differentiates


class Places:
    """Where the differentiated operands of a call stand among the callee's parameters.

    Operand 0 is the function value itself; then come the arguments, positional before keyword.
    """

    def __init__(
        self, parts: Parts, source: Source, mask: tuple[int, ...], args: tuple, kwargs: Named
    ):
        self.parts, self.mask = parts, mask
        names = source.parameters
        count = len(parts.leading)
        active: set[str] = set()
        self.leading = names[:count]
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

    def held_value(self, name: str) -> Any:
        """The argument that a parameter gets; a tuple of them for ``*args``."""
        if name in self.leading:
            return self.parts.leading[self.leading.index(name)]
        if name in self.parts.keywords:
            return self.parts.keywords[name]
        if name in self.sizes:
            return tuple(self.values[self.first : self.first + self.sizes[name]])
        found = {n: self.values[o - 1] for o, (n, part) in self.where.items() if part is None}
        return found.get(name)

    def gather(self, by_name: Named) -> list[Any]:
        """Cotangents of the parameters -> cotangents of the operands, in the order of the mask."""
        result = []
        for operand in self.mask:
            if operand == 0:
                leading = [
                    or_zeros(by_name.get(n), v)
                    for n, v in zip(self.leading, self.parts.leading, strict=True)
                ]
                keywords = self.parts.keywords
                named = {
                    n: or_zeros(by_name.get(n), v) for n, v in keywords.items() if n in self.held
                }
                result.append(self.parts.rebuild(leading, named))
                continue
            name, part = self.where[operand]
            bar = by_name.get(name)
            if bar is not None and part is not None:
                bar = bar[part]
            result.append(or_zeros(bar, self.values[operand - 1]))
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
        return {
            k: tuple(v) if k in self.sizes and isinstance(v, list) else v for k, v in found.items()
        }


def or_zeros(bar: Any, value: Any) -> Any:
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
            place = place_of_line(generated, frame.f_lineno)
            while place is not None and by_file.get(place.file) not in (None, generated):
                generated = by_file[place.file]  # (a batch of a derivative: the user's line)
                place = place_of_line(generated, place.line)
            return place
        frame = frame.f_back
    return None


def refusal(message: str, hint: str) -> TransformError:
    return TransformError(message, calling_line(), hint)


def source_of(parts: Parts) -> Source:
    key = (parts.key, "source")
    with _lock:
        if key not in _cache:
            _cache[key] = Unit().source_of(parts.callee, refusal)
        return _cache[key]


def _generated(
    parts: Parts, kind: str, active: tuple[str, ...], names: frozenset[str], pick: Any
) -> Any:
    key = (parts.key, kind, active, names)
    with _lock:
        found = _cache.get(key)
        if found is None or not found[0].is_current():
            write = lambda unit: pick(unit, unit.source_of(parts.callee, refusal))  # noqa: E731
            while len(_cache) > MANY:  # functions that are made anew again and again
                _cache.pop(next(iter(_cache)))
            found = _cache[key] = write_unit(names, write)
        return found


# --- reverse mode


def pair_of(
    function: Any, mask: tuple[int, ...], args: tuple, kwargs: Named, has_aux: bool = False
) -> tuple[Any, ...]:
    """Forward function, backward function, names of its results, places, and what to pass."""
    function = replacing(function, args, kwargs)
    parts = take_apart(function, len(args), tuple(kwargs), args)
    places = Places(parts, source_of(parts), mask, args, kwargs)

    def pick(unit: Unit, source: Source) -> Any:
        # whether the caller selects among the results is not known here: be prepared for it
        pair = unit.pair(source, places.active, has_aux, masked=True, suspects=places.active)
        generated = Generated(unit, source, pair.forward)
        backward = generated.namespace[pair.backward]
        backward.__redraft_source__ = generated.text
        return generated, generated.function, backward, pair.returned()

    names = object_names([*parts.leading, *args, *kwargs.values()])
    kind = "vjp with aux" if has_aux else "vjp"
    _, forward, backward, returned = _generated(parts, kind, places.active, names, pick)
    return forward, backward, returned, places


def forward_of(function: Any, mask: tuple[int, ...], args: tuple, kwargs: Named) -> tuple[Any, Any]:
    """Value of ``function(*args, **kwargs)`` and the record that the backward call needs."""
    if is_run_time_call(function):
        from redraft.transpile.again import forward_by, plan_of

        return forward_by(plan_of(function, args, kwargs), mask)
    forward, backward, returned, places = pair_of(function, mask, args, kwargs)
    parts = places.parts
    value, saved = apply.staging(forward)(*parts.leading, *args, **{**parts.keywords, **kwargs})
    return value, apply.CallRecord(backward, saved, Arrangement(returned, places))


@dataclass
class Arrangement:
    """How the results of a backward function make up the cotangents of a call's operands."""

    returned: tuple[str, ...]
    places: Places

    def seed(self, bar: Any) -> Any:
        """What the backward function takes for a cotangent of the call's result."""
        return bar

    unseed = seed

    def operands(self, bars: Any) -> list[Any]:
        """Cotangents of the operands."""
        listed = [bars] if len(self.returned) == 1 else bars if self.returned else []
        return self.places.gather(dict(zip(self.returned, listed, strict=True)))

    def results(self, operands: list[Any], bars: Any) -> Any:
        """The transposed map: what `operands` made of the results gets back to them."""
        found = self.places.scatter(operands)
        listed = [bars] if len(self.returned) == 1 else bars if self.returned else []
        parts = [or_zeros(found.get(n), b) for n, b in zip(self.returned, listed, strict=True)]
        return parts[0] if len(parts) == 1 else parts


# --- the linear part of forward mode


def linear_of(function: Any, mask: tuple[int, ...], args: tuple, kwargs: Named) -> tuple[Any, Any]:
    """Value of ``function(*args, **kwargs)`` and the record that its linear part needs."""
    if is_run_time_call(function):
        from redraft.transpile.again import linear_by, plan_of

        return linear_by(plan_of(function, args, kwargs), mask)
    forward, linear, places = linear_pair_of(function, mask, args, kwargs)
    parts = places.parts
    forward, linear = apply.staging(forward), apply.staging(linear)
    value, saved = forward(*parts.leading, *args, **{**parts.keywords, **kwargs})
    return value, apply.LinearRecord(linear, saved, Tangents(places))


def linear_pair_of(
    function: Any, mask: tuple[int, ...], args: tuple, kwargs: Named
) -> tuple[Any, Any, Places]:
    """Forward function, linear function, and where the operands stand among the parameters."""
    from redraft.transpile.transforms.linear_pair import linear_pair

    function = replacing(function, args, kwargs)
    parts = take_apart(function, len(args), tuple(kwargs), args)
    places = Places(parts, source_of(parts), mask, args, kwargs)

    def pick(unit: Unit, source: Source) -> Any:
        pair = linear_pair(unit, source, places.active)
        generated = Generated(unit, source, pair.forward)
        return generated, generated.function, generated.namespace[pair.backward]

    names = object_names([*parts.leading, *args, *kwargs.values()])
    _, forward, linear = _generated(parts, "linear", places.active, names, pick)
    return forward, linear, places


@dataclass
class Tangents:
    """How the tangents of a call's operands make up the arguments of a linear function."""

    places: Places

    def arguments(self, dots: Any) -> list[Any]:
        """Arguments of the linear function; None among the tangents stands for zero."""
        found = self.places.scatter(list(dots))
        return [or_zeros(found.get(n), self.places.held_value(n)) for n in self.places.active]

    def operands(self, bars: list[Any]) -> list[Any]:
        """The transposed map: cotangents of the operands."""
        return self.places.gather(dict(zip(self.places.active, bars, strict=True)))

    def result(self, dot: Any) -> Any:
        """The tangent of the call's result from that of the function's."""
        return dot

    unresult = result


# --- forward mode


def tangent_of(function: Any, tangents: tuple, args: tuple, kwargs: Named) -> tuple[Any, Any]:
    """Value and tangent of ``function(*args)``; `tangents`: of the function, then the arguments."""
    if is_run_time_call(function):
        from redraft.transpile.again import plan_of, tangent_by

        return tangent_by(plan_of(function, args, kwargs), tangents)
    run, places, given = tangent_function(function, tangents, args, kwargs)
    parts = places.parts
    run = apply.staging(run)
    return run(*parts.leading, *args, **{**parts.keywords, **kwargs}, **given)


def tangent_function(function: Any, tangents: tuple, args: tuple, kwargs: Named) -> tuple[Any, ...]:
    """The tangent function, the places of the operands, and its tangents by keyword."""
    from redraft.transpile.transforms.forward import tangent_parameter, write_jvp_named

    function = replacing(function, args, kwargs)
    parts = take_apart(function, len(args), tuple(kwargs), args)
    source = source_of(parts)
    mask = tuple(i for i, t in enumerate(tangents) if t is not None)
    places = Places(parts, source, mask, args, kwargs)

    def pick(unit: Unit, source: Source) -> Any:
        name = unit.name_function(f"{core.base(source.name)}_jvp")
        write_jvp_named(unit, source, places.active, name)
        generated = Generated(unit, source, name)
        return generated, generated.function

    names = object_names([*parts.leading, *args, *kwargs.values()])
    _, run = _generated(parts, "jvp", places.active, names, pick)
    dots = places.scatter([tangents[i] for i in mask])
    held = dict(zip(places.leading, parts.leading, strict=True)) | parts.keywords
    given = {}
    for name in places.active:
        dot = dots.get(name)
        given[tangent_parameter(source.parameters, name)] = (
            zeros_like(held[name]) if dot is None and name in held else dot
        )
    return run, places, given
