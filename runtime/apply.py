"""Calls of functions that are known only when the code runs: a function passed as an argument.

`call_fwd` asks the compiler for the forward and the backward function of what it is given, and
calls the forward one; the pair is cached by the function's code.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

from redraft.runtime.cotangents import Struct, zeros_like


class CallRecord:
    """What a call leaves for its backward call; the residuals are its data.

    Attributes:
        backward: the generated backward function.
        residuals: what it needs of the forward run.
        arrangement: turns its results into the cotangents of the call's operands.
    """

    __slots__ = ("arrangement", "backward", "residuals")
    redraft_fields = ("residuals",)

    def __init__(self, backward: Any, residuals: Any, arrangement: Any) -> None:
        self.backward, self.residuals, self.arrangement = backward, residuals, arrangement


class Adapted:
    """An arrangement whose operands are changed by `adapt`."""

    def __init__(self, inner: Any, adapt: Any) -> None:
        self.inner, self.adapt = inner, adapt

    def operands(self, bars: Any) -> list[Any]:
        """Cotangents of the operands."""
        return self.adapt(self.inner.operands(bars))


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
    from redraft.transpile.dynamic import forward_of, method_parts

    function, leading = method_parts(owner, name)
    if leading:
        return forward_of(function, tuple(i + 1 for i in mask), (owner, *args), kwargs)
    if 0 not in mask:
        return forward_of(function, mask, args, kwargs)
    if leading is None:  # a static method: the owner has no influence
        value, record = forward_of(function, mask[1:], args, kwargs)
        adapt = lambda bars: [zeros_like(owner), *bars]  # noqa: E731
    else:  # a function kept in a field
        value, record = forward_of(function, mask, args, kwargs)
        adapt = lambda bars: [Struct({name: bars[0]}), *bars[1:]]  # noqa: E731
    return value, CallRecord(record.backward, record.residuals, Adapted(record.arrangement, adapt))


def call_bwd(record: CallRecord, ans_bar: Any) -> list[Any]:
    """Cotangents of the differentiated operands, in the order of the mask."""
    return record.arrangement.operands(record.backward(record.residuals, ans_bar))


@dataclasses.dataclass
class Pulled:
    """What ``rd.vjp`` returns inside a transformed function; calls of ``f(*args)`` alone."""

    record: CallRecord

    def __call__(self, ans_bar: Any) -> tuple:
        return tuple(call_bwd(self.record, ans_bar)[0])


def call_jvp(tangents: tuple, function: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """Value and tangent of ``function(*args)``; `tangents`: of the function, then the arguments."""
    from redraft.transpile.dynamic import tangent_of

    return tangent_of(function, tangents, args, kwargs)


def method_jvp(
    name: str, tangents: tuple, owner: Any, *args: Any, **kwargs: Any
) -> tuple[Any, Any]:
    """As `call_jvp` for ``owner.name(*args)``."""
    from redraft.transpile.dynamic import method_parts, tangent_of

    function, leading = method_parts(owner, name)
    if leading:
        return tangent_of(function, (None, *tangents), (owner, *args), kwargs)
    held = None if tangents[0] is None or leading is None else getattr(tangents[0], name, None)
    return tangent_of(function, (held, *tangents[1:]), args, kwargs)


def call_star(function: Any, args: Any, kwargs: dict) -> Any:
    """``function(*args, **kwargs)``."""
    return function(*args, **kwargs)


def star_fwd(mask: tuple[int, ...], function: Any, args: Any, kwargs: dict) -> tuple[Any, Any]:
    """As `call_fwd` for ``function(*args, **kwargs)``; operands: function, args, kwargs."""
    from redraft.transpile.dynamic import forward_of

    args = tuple(args)
    flat = star_operands(mask, args, kwargs)
    value, record = forward_of(function, flat, args, kwargs)
    record.arrangement = StarArrangement(record.arrangement, mask, flat, len(args), list(kwargs))
    return value, record


class StarArrangement:
    """Cotangents of the function, the tuple and the dict of a call with stars."""

    def __init__(
        self, inner: Any, mask: tuple[int, ...], flat: tuple[int, ...], count: int, keys: list[str]
    ) -> None:
        self.inner, self.mask, self.flat, self.count, self.keys = inner, mask, flat, count, keys

    def operands(self, bars: Any) -> list[Any]:
        """Cotangents of the operands."""
        by_place = dict(zip(self.flat, self.inner.operands(bars), strict=True))
        parts = [by_place.get(i + 1) for i in range(self.count + len(self.keys))]
        groups = {
            0: by_place.get(0),
            1: parts[: self.count],
            2: dict(zip(self.keys, parts[self.count :], strict=True)),
        }
        return [groups[i] for i in self.mask]

    def results(self, operands: list[Any], bars: Any) -> Any:
        """The transposed map."""
        groups = dict(zip(self.mask, operands, strict=True))
        found = {0: groups.get(0)}
        found.update(enumerate(groups.get(1) or [None] * self.count, 1))
        named = groups.get(2) or {}
        found.update((1 + self.count + i, named.get(k)) for i, k in enumerate(self.keys))
        return self.inner.results([found[i] for i in self.flat], bars)


def star_operands(mask: tuple[int, ...], args: tuple, kwargs: dict) -> tuple[int, ...]:
    """Operands of the call that the operands of the call with stars stand for."""
    values = [*args, *kwargs.values()]
    wanted = [i + 1 for i, v in enumerate(values) if zeros_like(v) is not None]
    chosen = [i for i in wanted if (1 if i <= len(args) else 2) in mask]
    return tuple([0] * (0 in mask) + chosen)


def star_tangents(tangents: tuple, args: tuple, kwargs: dict) -> tuple[Any, ...]:
    """Tangents of the call for those of the function, the tuple and the dict."""
    held, dots, named = tangents
    return (held, *(dots or [None] * len(args)), *((named or {}).get(k) for k in kwargs))


def star_jvp(tangents: tuple, function: Any, args: Any, kwargs: dict) -> tuple[Any, Any]:
    """As `call_jvp` for ``function(*args, **kwargs)``."""
    from redraft.transpile.dynamic import tangent_of

    args = tuple(args)
    return tangent_of(function, star_tangents(tangents, args, kwargs), args, dict(kwargs))


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
