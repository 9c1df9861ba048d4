"""Pullbacks: what `vjp` returns beside the value."""

from __future__ import annotations

import functools
from typing import Any

import numpy

from redraft import runtime
from redraft.runtime.owned import detach
from redraft.transpile.back.load import file_name, load
from redraft.transpile.function_values import (
    FunctionValue,
    Kept,
    check_residuals,
    from_parts,
    marked,
    register,
    residual_shapes,
    source_of_code,
    static_part,
)


class Pullback(FunctionValue):
    """The function that `vjp` returns: cotangent of the result -> cotangents of the primals."""

    def __init__(
        self, function: Any, saved: Any, value: Any, primals: tuple, places: list[Any]
    ) -> None:
        self.function, self.saved, self.value = function, saved, value
        self.primals, self.places = primals, places

    @staticmethod
    def code_of(static: Kept) -> Any:
        """The pullback as a function of its residuals and the cotangent."""
        return plain_function(static)

    def __call__(self, ans_bar: Any) -> tuple:
        check_residuals(self)
        check_like(ans_bar, self.value, "the cotangent", "the result")
        by_place = self.by_place(self.function, ans_bar)
        zero = runtime.zeros_like
        held = [
            runtime.as_gradient(by_place.pop(i) if i in by_place else zero(x), x)
            for i, x in enumerate(self.primals)
        ]
        return tuple(detach(held))

    def of_primals(self, selected: tuple[int, ...]) -> Pullback:
        """The same function for some of the primals, in this order: those that have cotangents."""
        where = {place: new for new, place in enumerate(selected)}
        primals = tuple(self.primals[place] for place in selected)
        places = []
        for place in self.places:
            one = isinstance(place, int)
            places.append(where[place] if one else tuple(map(where.get, place)))
        return Pullback(self.function, self.saved, self.value, primals, places)

    def by_place(self, function: Any, ans_bar: Any) -> dict[int, Any]:
        """The cotangents that the backward function gives, by position of the primal."""
        if function is None:
            return {}
        bars = function(self.saved, ans_bar)
        bars = [bars] if len(self.places) == 1 else list(bars) if self.places else []
        found: dict[int, Any] = {}
        for place, bar in zip(self.places, bars, strict=True):
            if isinstance(place, int):
                found[place] = bar
            else:  # the elements of *args
                found.update(zip(place, bar, strict=True))
        found.pop(None, None)  # type: ignore[call-overload]
        return found


register(Pullback)


@functools.lru_cache(maxsize=256)
def plain_function(static: Kept) -> Any:
    """A pullback as a function of its residuals and the cotangent, with source.

    Args:
        static: the static part of the pullback.
    """
    held = static.value[0]
    places, primals = held["places"], held["primals"]
    names = [f"bar{i}" for i in range(len(places))]
    parts = [f"rt.zeros_like(primals[{i}])" for i in range(len(primals))]
    for name, place in zip(names, places, strict=True):
        if isinstance(place, int):
            parts[place] = f"rt.like({name}, primals[{place}])"
            continue
        for item, i in enumerate(place):  # the elements of *args
            if i is not None:
                parts[i] = f"rt.like({name}[{item}], primals[{i}])"
    lines = ["def pullback(saved, cotangent):"]
    if names:
        lines.append(f"    {', '.join(names)} = backward(saved, cotangent)")
    lines.append(f"    return ({', '.join(parts)},)")
    function = held["function"]
    namespace = {"backward": function, "primals": primals, "rt": runtime}
    namespace["__name__"] = getattr(function, "__module__", None) or "redraft"
    place = getattr(function, "__name__", "a constant")
    load("\n".join(lines) + "\n", file_name("pullback", place), namespace)
    return namespace["pullback"]


def vjp_function(
    function: Any, saved: Any, value: Any, primals: tuple, places: tuple, depth: int,
    cls: type = Pullback,
) -> Any:  # fmt: skip
    """A pullback for a batch of residuals; `value` and `primals` are those of one example."""
    function.__redraft_source__ = source_of_code(function)  # for as long as the function lives
    made = cls(function, None, value, primals, list(places))
    shapes = [shape[depth:] for shape in residual_shapes(saved)]
    static = Kept((static_part(made).value[0], shapes))
    return from_parts(cls, static, (marked(saved),))


def check_like(value: Any, like: Any, what: str, of: str) -> None:
    """Raise where a tangent or cotangent does not fit the value that it belongs to."""
    if isinstance(like, (list, tuple, dict)):
        same = type(value) is type(like) and len(value) == len(like)
        if not same or (isinstance(like, dict) and value.keys() != like.keys()):
            raise TypeError(f"{what} must have the structure of {of}, got {type(value).__name__}")
        keys = like if isinstance(like, dict) else range(len(like))
        for key in keys:
            check_like(value[key], like[key], what, of)
    elif isinstance(like, (numpy.ndarray, numpy.generic, float, complex)):
        if numpy.shape(value) != numpy.shape(like):
            raise ValueError(
                f"{what} must have the shape of {of}: expected {numpy.shape(like)}, got "
                f"{numpy.shape(value)}"
            )
        kind = numpy.asarray(value).dtype.kind
        if kind in "iub" and isinstance(value, (numpy.ndarray, numpy.generic)):
            raise TypeError(f"{what} must hold floating-point numbers, got dtype {value.dtype}")
        if kind not in "fciub":
            raise TypeError(f"{what} must be a number or an array, got {type(value).__name__}")
