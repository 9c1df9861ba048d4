"""Write a value down as Python source: numbers, strings, containers, small arrays.

`written(value)` returns an expression and the objects that its names stand for, so that
``{"scale": 2.0, "activation": np.tanh}`` comes back as the text a person would have typed. What has
no such text (an open file, a big array, a random generator) is refused.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import re
import sys
import types
from typing import Any

import numpy as np

LARGEST_ARRAY = 1000  # elements; beyond that a literal is no longer something to review
WIDTH = 80

_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, np.ufunc, type)
# NumPy's functions written in Python are instances of a private type.
_ARRAY_FUNCTION = type(np.sum)


class NotWritable(ValueError):
    """The value cannot be written as source; the message says why."""


def written(value: Any) -> tuple[str, dict[str, Any]]:
    """Return an expression for `value`, and the objects behind the names in it.

    Raises:
        NotWritable: the value is no plain data.
    """
    names: dict[str, Any] = {}
    return _expression(value, names), names


def _expression(value: Any, names: dict[str, Any]) -> str:
    if value is None or isinstance(value, (bool, int, bytes)):
        return repr(value)
    if value is Ellipsis:
        return "..."
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, (float, complex)) and not isinstance(value, np.generic):
        return _number(value, names)
    if isinstance(value, (np.generic, np.ndarray, np.dtype)):
        names["np"] = np
        return _from_numpy(value)
    if isinstance(value, (*_FUNCTIONS, _ARRAY_FUNCTION)):
        return _function(value, names)
    return _container(value, names)


def _string(value: str) -> str:
    """With double quotes, as formatters like it."""
    text = repr(value)
    return text if '"' in text else f'"{text[1:-1]}"'


def _number(value: complex, names: dict[str, Any]) -> str:
    if isinstance(value, complex):
        if math.isfinite(value.real) and math.isfinite(value.imag):
            return repr(value)
        return f"complex({_number(value.real, names)}, {_number(value.imag, names)})"
    if math.isfinite(value):
        return repr(value)
    names["np"] = np
    if math.isnan(value):
        return "np.nan"
    return "np.inf" if value > 0 else "-np.inf"


def _from_numpy(value: Any) -> str:
    if isinstance(value, np.dtype):
        return f"np.dtype({value.str!r})"
    if value.dtype.kind not in "biufc":
        raise NotWritable(f"an array of dtype {value.dtype}")
    if isinstance(value, np.generic):
        return f"np.{value.dtype.name}({_special_numbers(repr(value.item()))})"
    if type(value) is not np.ndarray:
        raise NotWritable(f"of type {type(value).__name__}")
    if value.size > LARGEST_ARRAY:
        raise NotWritable(f"an array of {value.size} elements")
    if value.size == 0:
        return f"np.zeros({value.shape}, dtype=np.{value.dtype.name})"
    text = np.array2string(
        value,
        separator=", ",
        prefix="np.array(",
        max_line_width=WIDTH,
        threshold=sys.maxsize,
        floatmode="unique",
    )
    usual = value.dtype.name in ("float64", "int64", "bool", "complex128")
    dtype = "" if usual else f", dtype=np.{value.dtype.name}"
    return f"np.array({_special_numbers(text)}{dtype})"


def _special_numbers(text: str) -> str:
    return re.sub(r"\b(nan|inf)\b", r"np.\1", text)


def _function(value: Any, names: dict[str, Any]) -> str:
    name = value.__name__
    if getattr(np, name, None) is value:
        names["np"] = np
        return f"np.{name}"
    if not name.isidentifier():
        raise NotWritable("a lambda")
    if names.setdefault(name, value) is not value:
        raise NotWritable(f"two functions named `{name}`")
    return name


def _container(value: Any, names: dict[str, Any]) -> str:
    """Lists, tuples, dicts, sets, partials, and instances of the user's plain classes."""

    def each(items: Any) -> list[str]:
        return [_expression(item, names) for item in items]

    kind = type(value)
    if kind is list:
        return f"[{', '.join(each(value))}]"
    if kind is tuple:
        return f"({', '.join(each(value))}{',' if len(value) == 1 else ''})"
    if kind is dict:
        pairs = zip(each(value), each(value.values()), strict=True)
        return "{" + ", ".join(f"{key}: {item}" for key, item in pairs) + "}"
    if kind in (set, frozenset):
        items = ", ".join(sorted(each(value)))  # a set has no order of its own
        return f"{kind.__name__}([{items}])"
    if kind in (slice, range):
        parts = (value.start, value.stop, value.step)
        return f"{kind.__name__}({', '.join(each(parts))})"
    if isinstance(value, functools.partial):
        names["partial"] = functools.partial
        given = each((value.func, *value.args))
        given += [f"{k}={_expression(v, names)}" for k, v in value.keywords.items()]
        return f"partial({', '.join(given)})"
    return _instance(value, names)


def _instance(value: Any, names: dict[str, Any]) -> str:
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        fields = {name: getattr(value, name) for name in value._fields}
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}
    else:
        raise NotWritable(f"of type {type(value).__name__}")
    given = ", ".join(f"{name}={_expression(item, names)}" for name, item in fields.items())
    return f"{_function(type(value), names)}({given})"
