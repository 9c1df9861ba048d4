"""Calls of functions that are known only when the code runs: a function passed as an argument.

`call_fwd` asks the compiler for the forward and the backward function of what it is given, and
calls the forward one; the pair is cached by the function's code.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

from redraft.runtime import cotangents
from redraft.runtime.memory import tracing


def zeros_like(x: Any) -> Any:
    """Zero cotangent of a value; under `jit` of one that may hold tensors, in closures too."""
    return _structured("zeros_like", x) if tracing() else cotangents.zeros_like(x)


def add(a: Any, b: Any) -> Any:
    """Sum of two cotangents; under `jit` they may hold tensors."""
    return _structured("add", a, b) if tracing() else cotangents.add(a, b)


def _structured(name: str, *args: Any) -> Any:
    from redraft.runtime.tf_structure import structured

    return structured(name, *args)


class CallRecord:
    """What a call leaves for its backward call; the residuals are its data.

    Attributes:
        backward: the generated backward function.
        residuals: what it needs of the forward run.
        arrangement: turns its results into the cotangents of the call's operands.
        node: as a pytree, its children and static part, if it was made of these.
    """

    __slots__ = ("arrangement", "backward", "node", "residuals")
    redraft_fields = ("residuals",)

    def __init__(self, backward: Any, residuals: Any, arrangement: Any) -> None:
        self.backward, self.residuals, self.arrangement = backward, residuals, arrangement
        self.node: Any = None


class Reader:
    """``x.name`` as a function of `x`: what the attribute is shows when the code runs."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, x: Any) -> Any:
        return getattr(x, self.name)


class Method(Reader):
    """``x.name(…)`` as a function of `x` and the arguments."""

    __slots__ = ()

    def __call__(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(x, self.name)(*args, **kwargs)


def constant_of(x: Any, name: str) -> Any:
    """Return an attribute that belongs to the class, or to the static part of a registered one.

    Raises:
        TypeError: it was computed from the fields when the object was made.
    """
    from redraft.runtime.tree import has_named_children

    if name in getattr(x, "__dict__", {}) and not has_named_children(x):
        raise TypeError(
            f"`.{name}` is no field of `{type(x).__name__}`: its derivative is not known; make it a "
            "property, or let the function that rebuilds a registered object accept any children"
        )
    return getattr(x, name)


def method(name: str) -> Method:
    """The function that calls a method."""
    return Method(name)


@functools.cache
def reader(name: str) -> Reader:
    """The function that reads an attribute: a field, a property, or an attribute of an array."""
    return Reader(name)


def only_reads(function: Any) -> Any:
    """Return a function that is called where nobody would see a change of its arguments.

    Raises:
        TransformError: it changes them in place.
    """
    from redraft.transpile.dynamic import check_only_reads

    check_only_reads(function)
    return function


def call_fwd(mask: tuple[int, ...], function: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """Value of ``function(*args)``, and what `call_bwd` needs.

    Args:
        mask: operands that are differentiated; 0 is the function itself (what it captures), then
            the arguments, positional before keyword.
        function: any callable.
        args: its arguments.
        kwargs: its keyword arguments.
    """
    from redraft.transpile.dynamic import forward_of

    return forward_of(function, mask, args, kwargs)


def method_fwd(
    name: str, mask: tuple[int, ...], owner: Any, *args: Any, **kwargs: Any
) -> tuple[Any, Any]:
    """As `call_fwd` for ``owner.name(*args)``; operand 0 is the owner."""
    from redraft.transpile.again import Method, forward_by

    return forward_by(Method(name, owner, args, kwargs), mask)


def staging(function: Any) -> Any:
    """A generated function; its staged form while the thread traces for `jit`."""
    if not tracing():
        return function
    from redraft.transpile.staged import staged

    return staged(function)


def call_bwd(record: CallRecord, ans_bar: Any) -> list[Any]:
    """Cotangents of the differentiated operands, in the order of the mask."""
    arrangement = record.arrangement
    backward = staging(record.backward)
    return arrangement.operands(backward(record.residuals, arrangement.seed(ans_bar)))


@dataclasses.dataclass
class Pulled:
    """What ``rd.vjp`` returns inside a transformed function; calls of ``f(*args)`` alone."""

    record: CallRecord

    @property
    def source(self) -> str:
        """The generated source of the function that it calls."""
        return self.record.backward.__redraft_source__

    def __call__(self, ans_bar: Any) -> tuple:
        return tuple(call_bwd(self.record, ans_bar)[0])


class LinearRecord(CallRecord):
    """What a call leaves for its linear part: the linear function stands in place of `backward`.

    The arrangement makes its arguments of the tangents of the call's operands.
    """

    __slots__ = ()


def call_lin_fwd(
    mask: tuple[int, ...], function: Any, *args: Any, **kwargs: Any
) -> tuple[Any, Any]:
    """Value of ``function(*args)``, and what `call_lin` needs; operands as for `call_fwd`."""
    from redraft.transpile.dynamic import linear_of

    return linear_of(function, mask, args, kwargs)


def method_lin_fwd(
    name: str, mask: tuple[int, ...], owner: Any, *args: Any, **kwargs: Any
) -> tuple[Any, Any]:
    """As `call_lin_fwd` for ``owner.name(*args)``; operand 0 is the owner."""
    from redraft.transpile.again import Method, linear_by

    return linear_by(Method(name, owner, args, kwargs), mask)


def star_lin_fwd(mask: tuple[int, ...], function: Any, args: Any, kwargs: dict) -> tuple[Any, Any]:
    """As `call_lin_fwd` for ``function(*args, **kwargs)``; operands: function, args, kwargs."""
    from redraft.transpile.again import Star, linear_by

    return linear_by(Star(function, args, kwargs), mask)


def call_lin(record: LinearRecord, dots: tuple) -> Any:
    """Tangent of a call's result from those of its operands, in the order of the mask."""
    arrangement = record.arrangement
    return arrangement.result(record.backward(record.residuals, *arrangement.arguments(dots)))


@dataclasses.dataclass
class Pushed:
    """What ``rd.linearize`` returns inside a transformed function; of calls ``f(*args)`` alone."""

    record: LinearRecord

    def __call__(self, *dots: Any) -> Any:
        return call_lin(self.record, (dots,))


def call_jvp(tangents: tuple, function: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """Value and tangent of ``function(*args)``; `tangents`: of the function, then the arguments."""
    from redraft.transpile.dynamic import tangent_of

    return tangent_of(function, tangents, args, kwargs)


def method_jvp(
    name: str, tangents: tuple, owner: Any, *args: Any, **kwargs: Any
) -> tuple[Any, Any]:
    """As `call_jvp` for ``owner.name(*args)``."""
    from redraft.transpile.again import Method, tangent_by

    return tangent_by(Method(name, owner, args, kwargs), tangents)


def call_star(function: Any, args: Any, kwargs: dict) -> Any:
    """``function(*args, **kwargs)``."""
    return function(*args, **kwargs)


def star_fwd(mask: tuple[int, ...], function: Any, args: Any, kwargs: dict) -> tuple[Any, Any]:
    """As `call_fwd` for ``function(*args, **kwargs)``; operands: function, args, kwargs."""
    from redraft.transpile.again import Star, forward_by

    return forward_by(Star(function, args, kwargs), mask)


def star_jvp(tangents: tuple, function: Any, args: Any, kwargs: dict) -> tuple[Any, Any]:
    """As `call_jvp` for ``function(*args, **kwargs)``."""
    from redraft.transpile.again import Star, tangent_by

    return tangent_by(Star(function, args, kwargs), tangents)


def partial_func(function: Any, bar: dict, count: int) -> Any:
    """Cotangent of `f` from that of ``partial(f, …)`` with `count` arguments.

    A partial of a partial is one partial: its arguments begin with those of the inner one.
    """
    if not isinstance(function, functools.partial):
        return bar["func"]
    args = bar["args"]
    keywords = {k: v for k, v in (bar.get("keywords") or {}).items() if k in function.keywords}
    return {"func": bar["func"], "args": args[: len(args) - count], "keywords": keywords}


def partial_dot(function: Any, held: Any, args: list, keywords: dict) -> dict:
    """Tangent of ``partial(f, …)`` from those of `f` (None for zero), arguments and keywords."""
    if not isinstance(function, functools.partial):
        return {"func": held, "args": args, "keywords": keywords}
    held = zeros_like(function) if held is None else held
    return {
        "func": held["func"],
        "args": [*held["args"], *args],
        "keywords": {**held["keywords"], **keywords},
    }
