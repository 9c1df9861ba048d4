"""What vmap knows of a value: which parts of it have a batch axis, and the rank of one example's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from redraft.transpile.function_values import is_function_value, static_part


@dataclass(frozen=True)
class Array:
    """An array, a number, or (not batched) any other object; `rank` is that of one example's."""

    batched: bool = False
    rank: int | None = None
    owned: bool = False  # nothing but one variable holds it
    owned_under: str | None = None  # a mask: for its examples nothing but one variable holds it
    boolean: bool = False  # certainly True and False, not numbers


@dataclass(frozen=True)
class Text(Array):
    """A string that is known when the source is written: it may be the name of an axis."""

    value: str = ""


@dataclass(frozen=True)
class Flag(Array):
    """A condition that is the same in every run of a function that was called so."""

    value: bool = False


@dataclass(frozen=True)
class Integer(Array):
    """An integer or an array of them among differentiated arguments: it has no derivative."""


@dataclass(frozen=True)
class Floating(Array):
    """An argument that certainly holds floating-point numbers."""


class Cotangents:
    """Marks a container of cotangents that generated code has made: nothing else holds its parts."""


@dataclass(frozen=True)
class Items:
    """A tuple, list, dict or object of which every part is known.

    `cls` is the class of an object, if it is known, or `Cotangents`.
    """

    kind: str
    keys: tuple[Any, ...]
    parts: tuple[Any, ...]
    shared: bool = False  # more than one variable or container holds it
    cls: Any = None


@dataclass(frozen=True)
class FunctionWithData(Items):
    """A function value such as a pullback: an object of class `cls` whose residuals are described.

    `code` is its static part (transpile/function_values.py).
    """

    code: Any = None


@dataclass(frozen=True)
class Many:
    """A list, tuple or dict of parts that are alike."""

    kind: str
    part: Any
    shared: bool = False


@dataclass(frozen=True)
class Entries:
    """A list that is longer for some examples: of pairs, a value and the mask of those that have it."""

    part: Any
    shared: bool = False
    kind: str = "entries"


@dataclass(frozen=True)
class Closure:
    """A function that the rewritten one defines; it is batched where it is called."""

    name: str


@dataclass(frozen=True)
class Applied(Closure):
    """``rd.grad(g)`` under a name: applied where it is called; `call` is the node of ``rd.grad(g)``."""

    call: Any = None


@dataclass(frozen=True)
class Pullback(Closure):
    """What `rd.vjp` returns, beside the value: `name` holds what the backward function needs.

    `saved` describes that, and `bars` has the name of every cotangent that the backward function
    gives, or a variable that holds zeros. `value` is the variable that holds the function as an
    object, if the batched function returns it. With `linear` it is what `rd.linearize` returns: the
    linear function stands in place of the backward one.
    """

    pair: Any = None
    saved: Any = None
    bars: tuple[tuple[str, bool], ...] = ()
    value: str | None = None
    linear: bool = False


@dataclass(frozen=True)
class Nothing:
    """A variable whose value is None, or that has none yet (`unset`)."""

    unset: bool = False


PLAIN = Array()
BATCHED = Array(True)
Value = Any


class Clash(Exception):
    """Two values that no single description covers."""


def is_batched(value: Value) -> bool:
    """Has any part of a value a batch axis?"""
    if isinstance(value, Array):
        return value.batched
    if isinstance(value, Items):
        return any(map(is_batched, value.parts))
    if isinstance(value, Many):
        return is_batched(value.part)
    return isinstance(value, Entries)


def join(a: Value, b: Value) -> Value:
    """What holds of a value that is one or the other.

    Raises:
        Clash: one is a container with batched parts or a nested function, the other something else.
    """
    if a == b or isinstance(b, Nothing):
        return a
    if isinstance(a, Nothing):
        return b
    if isinstance(a, Array) and isinstance(b, Array):
        rank = a.rank if a.rank == b.rank else None
        mask = a.owned_under if a.owned_under == b.owned_under else None
        owned, boolean = a.owned and b.owned, a.boolean and b.boolean
        return Array(a.batched or b.batched, rank, owned, mask, boolean)
    shared = getattr(a, "shared", False) or getattr(b, "shared", False)
    if isinstance(a, Items) and isinstance(b, Items) and (a.kind, a.keys) == (b.kind, b.keys):
        cls = a.cls if a.cls is b.cls else None
        return Items(a.kind, a.keys, tuple(map(join, a.parts, b.parts)), shared, cls)
    if isinstance(a, Closure) or isinstance(b, Closure):
        raise Clash
    kinds = {"list" if isinstance(v, Entries) else getattr(v, "kind", None) for v in (a, b)}
    if len(kinds) == 1 and kinds <= {"list", "tuple", "dict"}:
        part = join_all([*parts_of(a), *parts_of(b)])
        if isinstance(a, Entries) or isinstance(b, Entries):
            return Entries(part, shared)
        return Many(kinds.pop(), part, shared)
    if not is_batched(a) and not is_batched(b):
        return PLAIN
    for value, other in ((a, b), (b, a)):
        if value == PLAIN and isinstance(other, (Items, Many)):
            return other
    raise Clash


def join_all(values: Any) -> Value:
    """The join of several values; of none, that of a number."""
    values = list(values)
    if not values:
        return Nothing(unset=True)
    result = values[0]
    for value in values[1:]:
        result = join(result, value)
    return result


def parts_of(value: Value) -> list[Value]:
    """The parts of a container that are known to differ, or the one that stands for all."""
    return list(value.parts) if isinstance(value, Items) else [value.part]


def part_of(value: Value) -> Value:
    """Any part of a container."""
    if isinstance(value, Items):
        return join_all(value.parts) if value.parts else PLAIN
    return PLAIN if isinstance(value.part, Nothing) else value.part


def batched_like(value: Value) -> Value:
    """The same value with a batch axis on every array."""
    if isinstance(value, Array):
        return replace(value, batched=True)
    if isinstance(value, Items):
        return replace(value, parts=tuple(map(batched_like, value.parts)))
    return replace(value, part=batched_like(value.part)) if isinstance(value, Many) else value


def unshared(value: Value) -> Value:
    """The same description, without what it says of other holders."""
    if isinstance(value, Array):
        return replace(value, owned=False, owned_under=None)
    if isinstance(value, Items):
        return replace(value, parts=tuple(map(unshared, value.parts)), shared=False)
    if isinstance(value, (Many, Entries)):
        return replace(value, part=unshared(value.part), shared=False)
    return value


def without_texts(value: Value) -> Value:
    """The same value, whatever its strings are."""
    if isinstance(value, Text):
        return PLAIN
    if isinstance(value, Items):
        return replace(value, parts=tuple(map(without_texts, value.parts)))
    if isinstance(value, (Many, Entries)):
        return replace(value, part=without_texts(value.part))
    return value


def single(value: Value) -> Value:
    """The same value without batch axes: that of one example."""
    if isinstance(value, Array):
        return replace(value, batched=False, owned=False, owned_under=None)
    if isinstance(value, Items):
        return replace(value, parts=tuple(map(single, value.parts)))
    return replace(value, part=single(value.part)) if isinstance(value, (Many, Entries)) else value


def describe(value: Any) -> Value:
    """A value that the compiler sees, without a batch axis."""
    if type(value) is bool:
        return Flag(False, 0, boolean=True, value=value)
    if isinstance(value, (np.ndarray, np.generic, bool, int, float, complex)):
        return Array(False, np.ndim(value), boolean=np.result_type(value).kind == "b")
    if value is None:
        return Nothing()
    if isinstance(value, str):
        return Text(value=value)
    if type(value) in (list, tuple):
        parts = tuple(map(describe, value))
        return Items(type(value).__name__, tuple(range(len(parts))), parts)
    if type(value) is dict:
        return Items("dict", tuple(value), tuple(map(describe, value.values())))
    if is_function_value(value):
        return with_data(value, describe(value.saved))
    return PLAIN


def with_data(function: Any, saved: Value) -> FunctionWithData:
    """The description of a function value, from that of its residuals."""
    return FunctionWithData(
        "object", ("saved",), (saved,), cls=type(function), code=static_part(function)
    )


@dataclass(frozen=True)
class Known:
    """A function that is known when the source is written."""

    function: Any
