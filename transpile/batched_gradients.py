"""Per-example gradients have the dtypes of the arguments, as the gradient of one example has them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from redraft.transpile.api import Gradient, _positional


def in_types_of_arguments(
    fun: Any, result: Any, args: tuple, kwargs: dict[str, Any], cast: Callable[[Any, Any], Any]
) -> Any:
    """The result of a batched function; of a batched gradient, in the dtypes of the arguments.

    Args:
        fun: the function of one example.
        result: what its batched form gave.
        args: the positional arguments of the call.
        kwargs: the keyword arguments.
        cast: gives an array the dtype of another one (`runtime.cast_like`).
    """
    if not isinstance(fun, Gradient):
        return result
    if fun.bare:
        return _typed_gradient(fun, result, args, kwargs, cast)
    first, second = result
    if fun.kind == "grad":  # with auxiliary data behind it
        return _typed_gradient(fun, first, args, kwargs, cast), second
    return first, _typed_gradient(fun, second, args, kwargs, cast)


def _typed_gradient(
    fun: Gradient, bars: Any, args: tuple, kwargs: dict[str, Any], cast: Callable
) -> Any:
    def typed(bar: Any, argnum: Any) -> Any:
        if not isinstance(argnum, str):
            argnum = argnum % len(args) if argnum < 0 else argnum
            return _typed(bar, args[argnum], cast) if argnum < len(args) else bar
        if argnum in kwargs:
            return _typed(bar, kwargs[argnum], cast)
        names = [p.name for p in _positional(fun.fun)]
        place = names.index(argnum) if argnum in names else len(args)
        return _typed(bar, args[place], cast) if place < len(args) else bar

    argnums = fun.options["argnums"]
    if not fun.many:
        return typed(bars, argnums)
    return tuple(typed(bar, argnum) for bar, argnum in zip(bars, argnums, strict=True))


def _typed(bar: Any, x: Any, cast: Callable) -> Any:
    """A cotangent with the dtypes of `x`, part by part."""
    if bar is None or x is None:
        return bar
    if isinstance(x, dict) and isinstance(bar, dict):
        return {key: _typed(bar[key], part, cast) for key, part in x.items()}
    if isinstance(x, (list, tuple)) and isinstance(bar, (list, tuple)):
        parts = [_typed(b, part, cast) for b, part in zip(bar, x, strict=True)]
        return type(bar)(*parts) if hasattr(bar, "_fields") else type(bar)(parts)
    if dataclasses.is_dataclass(x) and dataclasses.is_dataclass(bar):
        fields = {f.name: _typed(getattr(bar, f.name), getattr(x, f.name), cast)
                  for f in dataclasses.fields(x) if f.init}  # fmt: skip
        return dataclasses.replace(bar, **fields)
    return cast(bar, x) if hasattr(x, "dtype") else bar


__all__ = ["in_types_of_arguments"]
