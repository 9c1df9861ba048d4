"""What function values carry: the arrays of their closures, as a list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from redraft.runtime.cotangents import Struct, captured_by, fields_of, zeros_like
from redraft.runtime.tensors import is_tensor


def is_differentiable(x: Any) -> bool:
    """Is it an array or a number that may be differentiated?"""
    if is_tensor(x):
        return x.dtype.is_floating or x.dtype.is_complex
    if isinstance(x, (np.ndarray, np.generic)):
        return x.dtype.kind in "fc"
    return isinstance(x, (float, complex))


def children_of(x: Any) -> dict[Any, Any] | None:
    """The parts of a value that may hold such arrays, by the keys that its cotangent has for them."""
    if isinstance(x, dict):
        return x
    if isinstance(x, (list, tuple)) and not hasattr(x, "_fields"):
        return dict(enumerate(x))
    fields = fields_of(x)
    return fields if fields is not None else captured_by(x)


def closure_consts(function: Any) -> list[Any]:
    """The arrays and numbers of a function's closure that may be differentiated, in order.

    They are found in closures of functions that it captures too, in arguments of partials, in the objects
    of bound methods, and in containers of all these.
    """
    found: list[Any] = []

    def visit(x: Any) -> None:
        if is_differentiable(x):
            found.append(x)
        else:
            for part in (children_of(x) or {}).values():
                visit(part)

    visit(function)
    return found


def closure_bar(function: Any, bars: Any) -> Any:
    """The cotangent of a function value from those of its `closure_consts`."""
    items = iter(bars)
    return _with_bars(function, items)


def _with_bars(x: Any, bars: Iterator[Any]) -> Any:
    if is_differentiable(x):
        return next(bars)
    parts = children_of(x)
    if not parts:
        return zeros_like(x)
    new = {key: _with_bars(part, bars) for key, part in parts.items()}
    if isinstance(x, (list, tuple)) and not hasattr(x, "_fields"):
        return list(new.values())
    is_object = not isinstance(x, dict) and fields_of(x) is not None
    return Struct(new) if is_object else new


def consts_bar(bar: Any, function: Any) -> list[Any]:
    """The cotangents of `closure_consts` from that of the function: transpose of `closure_bar`."""
    found: list[Any] = []

    def visit(z: Any, x: Any) -> None:
        if is_differentiable(x):
            found.append(zeros_like(x) if z is None else z)
            return
        fields = fields_of(z)
        parts = fields if fields is not None else z
        for key, part in (children_of(x) or {}).items():
            known = isinstance(key, int) or key in (parts or {})
            visit(parts[key] if parts is not None and known else None, part)

    visit(bar, function)
    return found


def closure_converted(function: Any, *example_args: Any) -> Any:
    """The function that takes its `closure_consts` as arguments; see transpile/closure_convert.py."""
    from redraft.transpile import closure_convert

    return closure_convert.converted(function, example_args)


__all__ = ["closure_bar", "closure_consts", "closure_converted", "consts_bar"]
