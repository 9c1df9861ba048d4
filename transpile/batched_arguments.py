"""Arguments of a batched function: their axes, sizes and descriptions."""

from __future__ import annotations

import dataclasses
import functools
import types
from typing import Any

import gast
import numpy as np

from redraft.runtime.tree_util import Partial
from redraft.transpile import core
from redraft.transpile.analysis.batched import (
    BATCHED,
    PLAIN,
    Array,
    FunctionWithData,
    Items,
    Known,
    Nothing,
    Value,
    describe,
    with_data,
)
from redraft.transpile.front.source import Source
from redraft.transpile.function_values import (
    Fixed,
    Kept,
    is_function_value,
    residuals_of,
    static_part,
)
from redraft.transpile.primitives.table import row_of

Axes = Any  # an int, None, or a tuple, list or dict of axes


def hashable(axes: Any) -> Any:
    if isinstance(axes, dict):
        return tuple((k, hashable(v)) for k, v in axes.items())
    return tuple(map(hashable, axes)) if isinstance(axes, list) else axes


def shareable(value: Value) -> Value:
    return value


def described(x: Any, axes: Axes, name: str) -> Value:
    """The description of an argument; a function is what it is, so that its batch can be written."""
    if axes is None:
        return Known(x) if is_function(x) else describe(x)
    if is_function_value(x):
        saved = described(residuals_of(x), axes_of_residuals(axes, x, name), f"{name}.saved")
        return with_data(x, saved)
    if isinstance(x, Fixed):
        return describe(x.value)
    if isinstance(x, Partial):
        one_axis(axes, name)
        parts = (described(x.args, axes, name), described(x.keywords, axes, name))
        return FunctionWithData(
            "object", ("args", "keywords"), parts, cls=Partial, code=Kept(x.func)
        )
    if hasattr(x, "shape"):
        return Array(True, len(x.shape) - 1)
    if x is None:
        return Nothing()
    if isinstance(x, dict):
        parts = axes_of_parts(axes, x, name)
        values = tuple(
            described(v, a, f"{name}[{k!r}]") for (k, v), a in zip(x.items(), parts, strict=True)
        )
        return Items("dict", tuple(x), values)
    if isinstance(x, (list, tuple)):
        parts = axes_of_parts(axes, x, name)
        values = tuple(
            described(v, a, f"{name}[{i}]") for i, (v, a) in enumerate(zip(x, parts, strict=True))
        )
        if hasattr(x, "_fields"):
            return Items("object", tuple(x._fields), values)
        return Items("tuple" if isinstance(x, tuple) else "list", tuple(range(len(x))), values)
    if dataclasses.is_dataclass(x):
        fields = [f.name for f in dataclasses.fields(x)]
        values = tuple(described(getattr(x, f), axes, f"{name}.{f}") for f in fields)
        return Items("object", tuple(fields), values)
    raise TypeError(
        f"vmap: `{name}` is {type(x).__name__}, which has no batch axis; use None in in_axes"
    )


def is_function(x: Any) -> bool:
    """Is this a function to call, and no object that may be called, too?"""
    ours = hasattr(x, "redraft_kind") or getattr(type(x), "redraft_identity", False)
    return ours or isinstance(x, (types.FunctionType, functools.partial)) or row_of(x) is not None


def axes_of_parts(axes: Axes, x: Any, name: str) -> list[Axes]:
    """One entry of axes per part of a container."""
    if axes is None or isinstance(axes, int):
        return [axes] * len(x)
    same = (isinstance(axes, dict) and isinstance(x, dict) and axes.keys() == x.keys()) or (
        isinstance(axes, (tuple, list)) and isinstance(x, (tuple, list)) and len(axes) == len(x)
    )
    if not same:
        raise ValueError(
            f"vmap in_axes specification must be a tree prefix of the corresponding value, got {axes!r} "
            f"for `{name}`, a {type(x).__name__} of {len(x)}"
        )
    return [axes[k] for k in x] if isinstance(x, dict) else list(axes)


def one_axis(axes: Axes, name: str) -> None:
    """Refuse different axes for the arguments of a partial."""
    if not isinstance(axes, int):
        raise ValueError(
            f"vmap in_axes of the partial `{name}` must be an int or None, got {axes!r}"
        )


def axes_of_residuals(axes: Axes, x: Any, name: str) -> Axes:
    """The axes of the residuals of a function value: one for all, or those that another one holds."""
    if isinstance(axes, int):
        return axes
    if is_function_value(axes) and static_part(axes) == static_part(x):
        return residuals_of(axes)
    raise ValueError(
        f"vmap in_axes specification must be a tree prefix of the corresponding value, got {axes!r} "
        f"for `{name}`, a function with residuals"
    )


def note_sizes(x: Any, axes: Axes, name: str, found: list[Any]) -> None:
    """Sizes along the batch axes of all leaves of an argument."""
    if axes is None or x is None or isinstance(x, Fixed):
        return
    if isinstance(x, Partial):
        one_axis(axes, name)
        return note_sizes([*x.args, *x.keywords.values()], axes, name, found)
    if is_function_value(x):
        of = axes_of_residuals(axes, x, name)
        return note_sizes(residuals_of(x), of, f"{name}.saved", found)
    if isinstance(x, dict):
        for (key, part), of in zip(x.items(), axes_of_parts(axes, x, name), strict=True):
            note_sizes(part, of, f"{name}[{key!r}]", found)
    elif isinstance(x, (list, tuple)):
        for i, (part, of) in enumerate(zip(x, axes_of_parts(axes, x, name), strict=True)):
            note_sizes(part, of, f"{name}[{i}]", found)
    elif dataclasses.is_dataclass(x) and not isinstance(x, type):
        for field in dataclasses.fields(x):
            note_sizes(getattr(x, field.name), axes, f"{name}.{field.name}", found)
    elif isinstance(axes, (tuple, list, dict)):
        raise ValueError(
            f"vmap in_axes specification must be a tree prefix of the corresponding value, got {axes!r} "
            f"for `{name}`, an array or number"
        )
    else:
        shape = tuple(x.shape) if hasattr(x, "shape") else np.shape(x)
        if not shape and not isinstance(x, (np.ndarray, np.generic, int, float, complex)):
            raise TypeError(
                f"vmap: `{name}` is {type(x).__name__}, which has no batch axis; use None in in_axes"
            )
        if not -len(shape) <= axes < len(shape):
            raise ValueError(
                f"vmap was requested to map `{name}` along axis {axes}, which implies that its rank "
                f"should be at least {axes + 1 if axes >= 0 else -axes}, but it is {len(shape)} "
                f"(its shape is {shape})"
            )
        if shape[axes] is not None:  # (a tensor's size may not be known)
            found.append((name, shape[axes], axes, shape))


def undescribed(axes: Axes) -> Value:
    """The description of an argument of which only the axes are known: an array."""
    if axes is None:
        return PLAIN
    if isinstance(axes, dict):
        return Items("dict", tuple(axes), tuple(map(undescribed, axes.values())))
    if isinstance(axes, (tuple, list)):
        kind = "tuple" if isinstance(axes, tuple) else "list"
        return Items(kind, tuple(range(len(axes))), tuple(map(undescribed, axes)))
    return BATCHED


def bind_parameters(
    source: Source, values: list[Value], named: dict[str, Value]
) -> dict[str, Value]:
    """Descriptions by parameter, from those of the arguments of a call.

    Raises:
        TypeError: the arguments do not fit the parameters.
    """
    arguments = source.node.args
    positional = [a.id for a in (*arguments.posonlyargs, *arguments.args)]
    env: dict[str, Value] = dict(zip(positional, values, strict=False))
    title = core.base(source.name)
    if arguments.vararg is not None:
        rest = tuple(values[len(positional) :])
        env[arguments.vararg.id] = Items("tuple", tuple(range(len(rest))), rest)
    elif len(values) > len(positional):
        raise TypeError(
            f"`{title}` takes {len(positional)} positional arguments but {len(values)} were given"
        )
    keywords = {a.id for a in (*arguments.args, *arguments.kwonlyargs)}
    extra = {}
    for name, value in named.items():
        if name in keywords and name not in env:
            env[name] = value
        elif arguments.kwarg is not None and name not in env:
            extra[name] = value
        else:
            raise TypeError(f"`{title}` got an unexpected or repeated argument `{name}`")
    if arguments.kwarg is not None:
        env[arguments.kwarg.id] = Items("dict", tuple(extra), tuple(extra.values()))
    defaults = dict(zip(reversed(positional), reversed(arguments.defaults), strict=False))
    defaults |= {
        a.id: d
        for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if d is not None
    }
    for name in [*positional, *(a.id for a in arguments.kwonlyargs)]:
        if name not in env:
            if name not in defaults:
                raise TypeError(f"`{title}` misses the argument `{name}`")
            env[name] = default_value(source, defaults[name])
    return env


def default_value(source: Source, node: Any) -> Value:
    if isinstance(node, gast.Name) and node.id in source.extras:
        value = source.extras[node.id]
        return Known(value) if callable(value) else describe(value)
    return describe(node.value) if isinstance(node, gast.Constant) else PLAIN


def moved(source: Source, skip: int, axes: Any, named: dict[str, Axes]) -> dict[str, Axes]:
    """Parameters whose batch axes are not all in front, and their axes."""
    arguments = source.node.args
    positional = [a.id for a in (*arguments.posonlyargs, *arguments.args)][skip:]
    found = dict(zip(positional, axes, strict=False))
    if arguments.vararg is not None and len(axes) > len(positional):
        found[arguments.vararg.id] = tuple(axes[len(positional) :])
    return {**found, **named}
