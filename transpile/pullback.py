"""Pullbacks: what `vjp` returns beside the value."""

from __future__ import annotations

import functools
from typing import Any

import numpy

from redraft import runtime
from redraft.runtime.owned import detach
from redraft.transpile.back.load import file_name, load


class Pullback:
    """The function that `vjp` returns: cotangent of the result -> cotangents of the primals."""

    def __init__(
        self, function: Any, saved: Any, value: Any, primals: tuple, places: list[Any]
    ) -> None:
        self.function, self.saved, self.value = function, saved, value
        self.primals, self.places = primals, places

    @property
    def __wrapped__(self) -> Any:
        return self.function

    @property
    def source(self) -> str:
        """The generated source."""
        return self.function.__redraft_source__

    @functools.cached_property
    def _plain(self) -> Any:
        """The pullback as a function of its residuals and the cotangent, with source."""
        names = [f"bar{i}" for i in range(len(self.places))]
        parts = [f"zeros[{i}]" for i in range(len(self.primals))]
        for name, place in zip(names, self.places, strict=True):
            if isinstance(place, range):  # the elements of *args
                for i in place:
                    parts[i] = f"{name}[{i - place.start}]"
            else:
                parts[place] = name
        lines = ["def pullback(saved, zeros, cotangent):"]
        if names:
            lines.append(f"    {', '.join(names)} = backward(saved, cotangent)")
        lines.append(f"    return ({', '.join(parts)},)")
        namespace = {"backward": self.function, "__name__": __name__}
        place = getattr(self.function, "__name__", "a constant")
        load("\n".join(lines) + "\n", file_name("pullback", place), namespace)
        return namespace["pullback"]

    def plain(self) -> tuple[Any, tuple]:
        """A function with source, and the arguments to pass in front."""
        return self._plain, (self.saved, tuple(map(runtime.zeros_like, self.primals)))

    def __call__(self, ans_bar: Any) -> tuple:
        check_like(ans_bar, self.value, "the cotangent", "the result")
        by_place: dict[int, Any] = {}
        if self.function is not None:
            bars = self.function(self.saved, ans_bar)
            bars = [bars] if len(self.places) == 1 else list(bars) if self.places else []
            for place, bar in zip(self.places, bars, strict=True):
                if isinstance(place, range):  # the elements of *args
                    by_place.update(zip(place, bar, strict=True))
                else:
                    by_place[place] = bar
            bars = bar = None
        zero = runtime.zeros_like
        held = [
            runtime.as_gradient(by_place.pop(i) if i in by_place else zero(x), x)
            for i, x in enumerate(self.primals)
        ]
        return tuple(detach(held))


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
