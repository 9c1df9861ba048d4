"""What stands between generated code and the rules that users write: checks, and zeros for None.

A rule of `custom_vjp` or `custom_jvp` is the user's own code: what it returns is compared with the
arguments and the result that it belongs to, before it goes into a derivative.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from redraft.runtime.cotangents import Struct, fields_of
from redraft.runtime.specs import ShapeDtypeStruct, spec_of


class RuleSpecs:
    """Shapes and dtypes of the arguments and the result of a function with a rule.

    Attributes:
        primals: descriptions of the arguments that have cotangents.
        value: description of the result.
    """

    __slots__ = ("primals", "value")

    def __init__(self, primals: tuple, value: Any) -> None:
        self.primals, self.value = primals, value

    def __eq__(self, other: Any) -> bool:
        if not isinstance(other, RuleSpecs):
            return NotImplemented
        return self.primals == other.primals and self.value == other.value

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        return f"RuleSpecs({self.primals!r}, {self.value!r})"


def rule_specs(primals: tuple, value: Any) -> RuleSpecs:
    """What `rule_seed` and `rule_bars` compare with."""
    return RuleSpecs(tuple(map(described, primals)), described(value))


def described(x: Any) -> Any:
    """A value with its arrays and numbers described; what has no derivative is None."""
    parts = parts_of(x)
    if parts is not None:
        return Container(type(x), {key: described(part) for key, part in parts.items()})
    if isinstance(x, (bool, int, float, complex)):
        return Number(type(x))
    if isinstance(x, (np.ndarray, np.generic)) or hasattr(x, "dtype"):
        return spec_of(x)
    return None


class Container:
    """A tuple, list, dict or object: its class and the descriptions of its parts."""

    __slots__ = ("cls", "parts")

    def __init__(self, cls: type, parts: dict[Any, Any]) -> None:
        self.cls, self.parts = cls, parts

    def __eq__(self, other: Any) -> bool:
        same = isinstance(other, Container) and self.cls is other.cls
        return same and self.parts == other.parts

    def __repr__(self) -> str:
        return f"{self.cls.__name__}({self.parts!r})"


class Number:
    """A Python number."""

    __slots__ = ("cls",)

    def __init__(self, cls: type) -> None:
        self.cls = cls

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Number) and self.cls is other.cls

    def __repr__(self) -> str:
        return self.cls.__name__


def parts_of(x: Any) -> dict[Any, Any] | None:
    """The parts of a container by key, index or field; None of anything else."""
    if isinstance(x, dict):
        return x
    if isinstance(x, (list, tuple)) and not hasattr(x, "_fields"):
        return dict(enumerate(x))
    if isinstance(x, (np.ndarray, np.generic, types.FunctionType, ShapeDtypeStruct)):
        return None
    return fields_of(x)


# --- what rules get


def rule_seed(z_bar: Any, specs: RuleSpecs) -> Any:
    """The cotangent of the result as a rule gets it: arrays throughout, zeros for what is absent."""
    return filled(z_bar, specs.value)


def filled(bar: Any, spec: Any) -> Any:
    """A cotangent with zeros in place of None, and arrays in place of numbers."""
    if isinstance(spec, Container):
        parts = parts_of(bar) or {}
        return rebuilt(spec, {k: filled(parts.get(k), s) for k, s in spec.parts.items()})
    if bar is None:
        return zeros_of(spec)
    if isinstance(spec, ShapeDtypeStruct) and isinstance(bar, (bool, int, float, complex)):
        return np.full(spec.shape, bar, floating(spec.dtype))[()]
    return bar


def zeros_of(spec: Any) -> Any:
    """The zero cotangent of what a description describes."""
    if isinstance(spec, ShapeDtypeStruct):
        return np.zeros(spec.shape, floating(spec.dtype))[()]
    if isinstance(spec, Container):
        return rebuilt(spec, {key: zeros_of(part) for key, part in spec.parts.items()})
    return 0.0 if isinstance(spec, Number) else None


def floating(dtype: np.dtype) -> np.dtype:
    """The dtype of cotangents of values of a dtype."""
    return dtype if dtype.kind in "fcV" else np.dtype(float)


def rebuilt(spec: Container, parts: dict[Any, Any]) -> Any:
    """A cotangent with the structure of a container: of an object it holds the fields."""
    if issubclass(spec.cls, dict):
        return parts
    if issubclass(spec.cls, list):
        return list(parts.values())
    if issubclass(spec.cls, tuple) and not hasattr(spec.cls, "_fields"):
        return tuple(parts.values())
    return Struct(parts)


# --- what rules return


def rule_pair(pair: Any, rule: str) -> tuple[Any, Any]:
    """The value and the residuals that the forward rule of a `custom_vjp` returns.

    Raises:
        TypeError: it returned something else than a pair.
    """
    return _pair(pair, rule, "the value and the residuals")


def check_tangent(value: Any, tangent: Any, rule: str) -> None:
    """Compare the value and the tangent that the rule of a `custom_jvp` returns.

    Raises:
        TypeError: the tangent has another structure or dtype than the value.
        ValueError: the tangent has another shape than the value.
    """
    what = f"the tangent that `{rule}` returns"
    if tangent is None and value is not None:
        raise TypeError(f"{what} must have the structure of the value, got None")
    compared(tangent, described(value), what, "the value")


def _pair(pair: Any, rule: str, what: str) -> tuple[Any, Any]:
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise TypeError(f"`{rule}` must return a pair, {what}; it returned {shown(pair)}")
    return pair[0], pair[1]


def rule_bars(bars: Any, specs: RuleSpecs, rule: str, names: tuple[str, ...]) -> tuple:
    """The cotangents that the backward rule of a function returns, compared with its arguments.

    Args:
        bars: what the rule returned.
        specs: what `rule_specs` says of the arguments.
        rule: the name of the rule.
        names: the arguments that have cotangents.

    Raises:
        TypeError: there are more or fewer cotangents than arguments, or one has another structure
            or dtype than its argument.
        ValueError: one has another shape.
    """
    if names and names[-1].startswith("*"):  # one for each of the rest of the arguments
        rest = len(specs.primals) - len(names) + 1
        names = (*names[:-1], *(f"{names[-1][1:]}[{i}]" for i in range(rest)))
    if not isinstance(bars, (tuple, list)):
        raise TypeError(
            f"`{rule}` must return a tuple, one cotangent for each of {listed(names)}; it returned "
            f"{shown(bars)}"
        )
    if len(bars) != len(names):
        raise TypeError(
            f"`{rule}` must return {len(names)} cotangents, of {listed(names)}; it returned {len(bars)}"
        )
    for bar, spec, name in zip(bars, specs.primals, names, strict=True):
        compared(bar, spec, f"the cotangent of `{name}` that `{rule}` returns", f"`{name}`")
    return tuple(filled(b, s) for b, s in zip(bars, specs.primals, strict=True))


def rule_sums(bars: Any, axes: tuple) -> Any:
    """The cotangents of a batch: those of an argument that all examples share are added up.

    Args:
        bars: the cotangents that the batched rule returned.
        axes: the batch axes of the arguments, as `vmap` takes them: 0, None, or a container of them.
    """
    return tuple(map(_summed, bars, axes)) if isinstance(bars, tuple) else bars


def _summed(bar: Any, axes: Any) -> Any:
    if bar is None or axes == 0:
        return bar
    parts = parts_of(bar)
    if parts is None:
        return _numpy(bar).sum(bar, axis=0)
    of = [None] * len(parts) if axes is None else axes
    chosen = of if isinstance(of, dict) else dict(zip(parts, of, strict=True))
    new = {key: _summed(part, chosen[key]) for key, part in parts.items()}
    return rebuilt(Container(type(bar), parts), new)


def _numpy(x: Any) -> Any:
    """NumPy, or the namespace that does the same on tensors."""
    if isinstance(x, (np.ndarray, np.generic, float, int, complex)):
        return np
    from redraft.runtime import numpy

    return numpy


def rule_sums_bar(z_bar: Any, bars: Any, axes: tuple) -> Any:
    """Cotangent of what `rule_sums` added up."""
    return tuple(map(_spread, z_bar, bars, axes)) if isinstance(bars, tuple) else z_bar


def _spread(z_bar: Any, bar: Any, axes: Any) -> Any:
    if bar is None or axes == 0:
        return z_bar
    parts = parts_of(bar)
    if parts is None:
        return _numpy(bar).broadcast_to(z_bar, _numpy(bar).shape(bar))
    inner, of = parts_of(z_bar) or {}, [None] * len(parts) if axes is None else axes
    chosen = of if isinstance(of, dict) else dict(zip(parts, of, strict=True))
    new = {key: _spread(inner.get(key), part, chosen[key]) for key, part in parts.items()}
    return rebuilt(Container(type(bar), parts), new)


def only_cotangent(bars: Any, count: int) -> Any:
    """What a gradient function returned as a tuple: of one argument it may be the cotangent itself."""
    return (bars,) if count == 1 and not isinstance(bars, tuple) else bars


def only_cotangent_bar(z_bar: Any, bars: Any) -> Any:
    """Cotangent of what `only_cotangent` took."""
    return z_bar if isinstance(bars, tuple) else z_bar[0]


def compared(bar: Any, spec: Any, what: str, of: str) -> None:
    """Raise where a tangent or cotangent does not fit what it belongs to; None stands for zeros."""
    if bar is None or spec is None:
        return
    if isinstance(spec, Container):
        _compare_parts(bar, spec, what, of)
        return
    if parts_of(bar) is not None or not _is_number(bar):
        wanted = "a number" if isinstance(spec, Number) else f"an array of shape {spec.shape}"
        raise TypeError(
            f"{what} must have the structure of {of}: expected {wanted}, got {shown(bar)}"
        )
    _compare_arrays(bar, spec, what, of)


def _compare_parts(bar: Any, spec: Container, what: str, of: str) -> None:
    parts = parts_of(bar)
    names = spec.cls.__name__
    if (
        parts is None
        or not _same_kind(bar, spec.cls)
        or list(_keys(parts)) != list(_keys(spec.parts))
    ):
        keys = f"{names} of {len(spec.parts)}" + (
            f" ({listed(tuple(map(str, spec.parts)))})" if issubclass(spec.cls, dict) else ""
        )
        raise TypeError(
            f"{what} must have the structure of {of}: expected {keys}, got {shown(bar)}"
        )
    for key, part in spec.parts.items():
        compared(parts[key], part, f"{what}, at {key!r},", f"{of}, at {key!r}")


def _keys(parts: dict[Any, Any]) -> Iterator[Any]:
    return iter(sorted(parts, key=repr))


def _same_kind(bar: Any, cls: type) -> bool:
    for kind in (dict, list, tuple):
        if issubclass(cls, kind) and not hasattr(cls, "_fields"):
            return isinstance(bar, kind)
    return isinstance(bar, (cls, Struct))


def _is_number(x: Any) -> bool:
    return isinstance(x, (bool, int, float, complex, np.ndarray, np.generic)) or hasattr(x, "dtype")


def _compare_arrays(bar: Any, spec: Any, what: str, of: str) -> None:
    found = spec_of(bar)
    shape = () if isinstance(spec, Number) else spec.shape
    if not _same_shape(found.shape, shape):
        raise ValueError(f"{what} must have the shape of {of}: expected {shape}, got {found.shape}")
    kind = np.dtype(spec.cls).kind if isinstance(spec, Number) else spec.dtype.kind
    if kind not in "fcV":
        return  # the cotangent of an integer does not count
    if isinstance(bar, (bool, int, float, complex)) or isinstance(spec, Number):
        if found.dtype.kind != "c" or kind == "c":
            return
    if isinstance(spec, Number) or found.dtype != spec.dtype:
        wanted = spec.cls.__name__ if isinstance(spec, Number) else spec.dtype.name
        raise TypeError(
            f"{what} must have the dtype of {of}: expected {wanted}, got {found.dtype.name}"
        )


def _same_shape(found: tuple, wanted: tuple) -> bool:
    """Are two shapes equal, as far as they are known while a function is traced?"""
    pairs = zip(found, wanted, strict=False)
    return len(found) == len(wanted) and all(None in (a, b) or a == b for a, b in pairs)


def shown(x: Any) -> str:
    """A value in an error message: its structure, not its elements."""
    parts = parts_of(x)
    if parts is not None:
        return f"{type(x).__name__} of {len(parts)}"
    if isinstance(x, (np.ndarray, np.generic)) or hasattr(x, "dtype"):
        found = spec_of(x)
        return f"an array of shape {found.shape} and dtype {found.dtype.name}"
    return "None" if x is None else f"a value of type {type(x).__name__}"


def listed(names: tuple[str, ...]) -> str:
    """Names in a sentence."""
    quoted = [f"`{n}`" for n in names]
    return (
        ", ".join(quoted[:-1]) + (" and " if len(quoted) > 1 else "") + (quoted or ["nothing"])[-1]
    )
