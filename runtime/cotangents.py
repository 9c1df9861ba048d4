"""Cotangents of structured values: zeros, sums, parts and the way back to the user's structure.

Inside generated code the cotangent of a list or a tuple is a list or a tuple, that of a dict a
dict, that of a dataclass or NamedTuple a `Struct`; that of a function value holds the cotangents
of the variables that it captures; the cotangent of what is no number is None.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np

from redraft.runtime.refusals import refusal
from redraft.runtime.sharded import ShardedArray
from redraft.runtime.tree import is_registered, rebuild_registered, registered_fields

NUMBERS = (int, float, complex, np.number, np.ndarray, np.bool_)


def _no_arithmetic(self: Any, other: Any) -> Any:
    """Nothing is known of what an operator or a property does to an object."""
    raise refusal(
        "an operator or a property of an object that is differentiated",
        "call a method or a function by its name",
    )


class _Shape:
    """An attribute that refuses to be read, unless the object has a field of that name."""

    def __get__(self, owner: Any, cls: Any = None) -> Any:
        return self if owner is None else _no_arithmetic(owner, None)


class _NoArithmetic:
    """Refuses to take part in arithmetic."""

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _no_arithmetic
    __truediv__ = __rtruediv__ = __matmul__ = __rmatmul__ = __pow__ = __rpow__ = _no_arithmetic
    __array_ufunc__ = None  # NumPy leaves the operators to this class

    def __neg__(self) -> Any:
        return _no_arithmetic(self, None)

    shape = _Shape()  # asked for by what would treat it as an array


class Held(_NoArithmetic, dict):
    """Tangent of a bound method: that of the object that it carries."""


class Struct(_NoArithmetic):
    """Cotangent of an object with fields: read and written by field, or by position."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.__dict__.update(fields)

    def __getattr__(self, name: str) -> Any:
        """What is no field is taken for a method of the object: it carries the object."""
        if name.startswith("__"):
            raise AttributeError(name)
        return Held(__self__=self)

    def __getitem__(self, index: Any) -> Any:
        return list(self.__dict__.values())[index]

    def __setitem__(self, index: int, value: Any) -> None:
        self.__dict__[list(self.__dict__)[index]] = value

    def __iter__(self) -> Any:
        return iter(self.__dict__.values())

    def __len__(self) -> int:
        return len(self.__dict__)


def fields_of(x: Any) -> dict[str, Any] | None:
    """Fields of a dataclass, NamedTuple, `Struct` or object of a registered class, else None."""
    if isinstance(x, Struct):
        return x.__dict__
    names = getattr(type(x), "redraft_fields", None)
    if names is not None:
        return {name: getattr(x, name) for name in names}
    if is_registered(x) and not is_partial(x):
        return registered_fields(x)
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return dict(zip(x._fields, x, strict=True))
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        return {f.name: getattr(x, f.name) for f in dataclasses.fields(x)}
    return None


def is_partial(x: Any) -> bool:
    """Is it a ``functools.partial`` that is a pytree? Its cotangent is that of any partial."""
    return isinstance(x, functools.partial) and is_registered(x)


def partial_like(function: Any, x_bar: Any, x: Any) -> Any:
    """The cotangent of such a partial as a partial."""
    bars = zeros_like(x) if x_bar is None else x_bar
    if isinstance(bars, functools.partial):
        bars = captured_by(bars)
    return rebuild_registered(
        x, [function(tuple(bars["args"]), x.args), function(bars["keywords"], x.keywords)]
    )


def fields(x: Any) -> dict[str, Any]:
    """Fields of a `Struct` as a dict: the way back from ``Struct(fields)``."""
    return dict(fields_of(x) or {})


def zeros_like(x: Any) -> Any:
    """Zero cotangent of a value, with its structure; integers get floating zeros."""
    if isinstance(x, np.ndarray):
        return np.zeros(x.shape, x.dtype if x.dtype.kind in "fc" else float)
    if isinstance(x, (np.floating, np.complexfloating)):
        return x.dtype.type(0)
    if isinstance(x, (int, float, complex, np.number, np.bool_)):
        return 0.0
    fields = fields_of(x)
    if fields is not None:
        return Struct({k: zeros_like(v) for k, v in fields.items()})
    if isinstance(x, (list, tuple)):
        return [zeros_like(v) for v in x]
    if isinstance(x, dict):
        return {k: zeros_like(v) for k, v in x.items()}
    captured = captured_by(x)
    if captured:
        return {k: zeros_like(v) for k, v in captured.items()}
    return None


def zeros_of_fields(x: Any) -> Any:
    """As `zeros_like`, for an object of which a field gets its first active value.

    Raises:
        TransformError: nothing is known of the fields of `x`.
    """
    zeros = zeros_like(x)
    if zeros is None:
        raise refusal(
            f"an object of class `{type(x).__name__}` cannot hold values that are differentiated",
            "make it a dataclass or a NamedTuple, or keep the values in a dict",
        )
    return zeros


def captured_by(x: Any) -> dict[str, Any] | None:
    """Variables that a function value carries with it, by name."""
    import types

    if isinstance(x, types.FunctionType):
        cells = zip(x.__code__.co_freevars, x.__closure__ or (), strict=True)
        return {name: cell.cell_contents for name, cell in cells if _is_filled(cell)}
    if isinstance(x, functools.partial):
        return {"func": x.func, "args": list(x.args), "keywords": dict(x.keywords)}
    if isinstance(x, types.MethodType):
        return {"__self__": x.__self__}
    return None


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def add(a: Any, b: Any) -> Any:
    """Sum of two cotangents of one value, whatever its structure; None is zero."""
    if a is None:
        return b
    if b is None:
        return a
    if isinstance(a, NUMBERS) or isinstance(b, NUMBERS):
        return _beside_zero(a, b)
    left, right = fields_of(a), fields_of(b)
    if left is not None or right is not None:
        if left is None or right is None:
            left = left or dict(zip(right, a, strict=True))
            right = right or dict(zip(left, b, strict=True))
        keys = [*left, *(k for k in right if k not in left)]
        return Struct({k: add(left.get(k), right.get(k)) for k in keys})
    if isinstance(a, dict):
        keys = [*a, *(k for k in b if k not in a)]
        return {k: add(a.get(k), b.get(k)) for k in keys}
    return [add(x, y) for x, y in zip(a, b, strict=True)]


def _beside_zero(a: Any, b: Any) -> Any:
    """Sum of which one is a number; beside a container it is the zero of what nothing was known of."""
    for x, other in ((a, b), (b, a)):
        if isinstance(x, (list, tuple, dict)) and other.__class__ is float and other == 0.0:
            return x
    return a + b


def own(x_bar: Any) -> Any:
    """A copy of a cotangent that nothing else sees, so that it may be changed in place."""
    if isinstance(x_bar, np.ndarray):
        return x_bar.copy()
    if x_bar.__class__ is list or x_bar.__class__ is tuple:
        return [own(v) for v in x_bar]
    if isinstance(x_bar, dict):
        return {k: own(v) for k, v in x_bar.items()}
    fields = fields_of(x_bar)
    if fields is not None:
        return Struct({k: own(v) for k, v in fields.items()})
    return [own(v) for v in x_bar] if isinstance(x_bar, (list, tuple)) else x_bar


def _like_array(x_bar: Any, x: Any) -> Any:
    """A number that stands for the cotangent of a whole array; None is zero."""
    dtype = x.dtype if x.dtype.kind in "fc" else float
    return np.full(x.shape, 0.0 if x_bar is None else x_bar, dtype)


def like(x_bar: Any, x: Any) -> Any:
    """A cotangent in the structure of the value itself: tuples, dataclasses, arrays, zeros."""
    kind = x.__class__
    if isinstance(x, np.ndarray):
        return x_bar if isinstance(x_bar, np.ndarray) else _like_array(x_bar, x)
    if kind is list or kind is tuple:
        if x_bar is None:
            x_bar = [None] * len(x)
        if len(x_bar) != len(x):
            raise ValueError(f"a cotangent of {len(x_bar)} items for a value of {len(x)}")
        if x_bar.__class__ is kind is tuple and all_arrays(x_bar) and all_arrays(x):
            return x_bar
        return kind(map(like, x_bar, x))
    if isinstance(x, NUMBERS):
        return 0.0 if x_bar is None else x_bar
    if is_partial(x):
        return partial_like(like, x_bar, x)
    if x_bar is None:
        return None if not isinstance(x, (list, tuple, dict)) else like(zeros_like(x), x)
    fields = fields_of(x)
    if fields is not None:
        return _rebuild(x, fields, x_bar)
    if isinstance(x, (list, tuple)):
        return type(x)([like(v_bar, v) for v_bar, v in zip(x_bar, x, strict=True)])
    if isinstance(x, dict):
        parts = {k: like(x_bar[k] if k in x_bar else zeros_like(v), v) for k, v in x.items()}
        return parts if type(x) is dict else _rebuild_dict(x, parts)
    return x_bar


def _rebuild_dict(x: Any, parts: dict) -> Any:
    import copy

    new = copy.copy(x)
    new.update(parts)
    return new


def _rebuild(x: Any, fields: dict[str, Any], x_bar: Any) -> Any:
    bars = fields_of(x_bar)
    if bars is None:
        bars = dict(zip(fields, x_bar, strict=True))
    parts = {k: like(bars[k], v) for k, v in fields.items()}
    if is_registered(x):
        return rebuild_registered(x, list(parts.values()))
    if isinstance(x, tuple):
        return type(x)(**parts)
    import copy

    new = copy.copy(x)
    for name, value in parts.items():
        object.__setattr__(new, name, value)
    return new


def pack(x: Any, parts: Any) -> Any:
    """Cotangent of `x` from those of the parts that it was unpacked into."""
    if x.__class__ is list or x.__class__ is tuple:
        return parts
    if isinstance(x, np.ndarray):
        return np.stack([np.broadcast_to(p, v.shape) for p, v in zip(parts, x, strict=True)])
    fields = fields_of(x)
    if fields is not None:
        return Struct(dict(zip(fields, parts, strict=True)))
    return list(parts)


def stack_items(x: Any, items: Any) -> Any:
    """Cotangent of `x` from those of its items, in order; items that were not reached are zero."""
    if isinstance(x, np.ndarray):
        x_bar = np.zeros(x.shape, x.dtype if x.dtype.kind in "fc" else float)
        for place, item in enumerate(items):
            x_bar[place] = item
        return x_bar
    if isinstance(x, dict):
        done = dict(zip(x, items, strict=False))
        return {k: done[k] if k in done else zeros_like(v) for k, v in x.items()}
    return [*items, *(zeros_like(v) for v in list(x)[len(items) :])]


def stack_items_last(x: Any, items: Any) -> Any:
    """As `stack_items`, for a loop over ``reversed(x)``: the items are the last ones of `x`."""
    missing = len(x) - len(items)
    if isinstance(x, np.ndarray):
        x_bar = np.zeros(x.shape, x.dtype if x.dtype.kind in "fc" else float)
        for place, item in enumerate(items):
            x_bar[missing + place] = item
        return x_bar
    return [*(zeros_like(v) for v in x[:missing]), *items]


def item_bar(x_bar: Any, index: Any, value: Any) -> Any:
    """Cotangent of a `value` that ``x[index] = value`` wrote: a copy, in the shape of `value`.

    Where an index array names an element twice, NumPy keeps the last value; so only that one has
    an influence.
    """
    if not isinstance(x_bar, np.ndarray):
        return zeros_like(value) if x_bar[index] is None else x_bar[index]
    from redraft.runtime.indexing import is_basic
    from redraft.runtime.shapes import unbroadcast

    part = x_bar[index]
    if isinstance(part, np.ndarray):
        part = part.copy() if np.may_share_memory(part, x_bar) else part
        if not is_basic(index) and not _is_mask(index):
            part = np.where(_last_ones(x_bar.shape, index), part, 0.0)
    return unbroadcast(part, value)


def _is_mask(index: Any) -> bool:
    return isinstance(index, np.ndarray) and index.dtype == bool


def _last_ones(shape: tuple, index: Any) -> np.ndarray:
    """Where is an element of ``x[index]`` the last one that names its place?"""
    places = np.arange(int(np.prod(shape))).reshape(shape)[index]
    flat = places.reshape(-1)
    winner = np.zeros(int(np.prod(shape)), dtype=int)
    winner[flat] = np.arange(flat.size)
    return (winner[flat] == np.arange(flat.size)).reshape(places.shape)


def gather_bar(x_bar: Any, index: Any, value: Any) -> Any:
    """Cotangent of a `value` that was added into ``x[index]``, repeated indices accumulating."""
    part = x_bar[index]
    if not isinstance(x_bar, np.ndarray):
        return part
    from redraft.runtime.shapes import unbroadcast

    if isinstance(part, np.ndarray) and np.may_share_memory(part, x_bar):
        part = part.copy()
    return unbroadcast(part, value)


def unrepeat_items(xs_bar: Any, xs: Any, times: int) -> Any:
    """Cotangent of a list `xs` from that of ``xs * times``."""
    count, total = len(xs), zeros_like(xs)
    for first in range(0, count * times, max(count, 1)):
        total = add(total, list(xs_bar[first : first + count]))
    return total


def repeat_items(xs: Any, times: int) -> list:
    """``xs * times`` as a list: the transpose of `unrepeat_items`."""
    return list(xs) * times


def add_field(x_bar: Any, name: str, bar: Any) -> None:
    """Add the cotangent of ``x.name`` into that of `x`, in place."""
    if isinstance(bar, dict) and "__self__" in bar:  # a bound method carries its object
        for field, part in bar["__self__"].__dict__.items():
            add_field(x_bar, field, part)
    elif isinstance(x_bar, dict):
        x_bar[name] = add(x_bar.get(name), bar)
    elif x_bar is None or isinstance(x_bar, NUMBERS):
        raise refusal(
            f"the object with the attribute `{name}` cannot hold values that are differentiated",
            "make its class a dataclass",
        )
    elif isinstance(x_bar, Struct) and name not in x_bar.__dict__:
        raise refusal(
            f"`.{name}` is no field of the object (perhaps a property): its derivative is not known",
            "call a method instead",
        )
    else:
        setattr(x_bar, name, add(getattr(x_bar, name), bar))


def as_tangent(x_dot: Any, x: Any) -> Any:
    """A tangent that the user gives: objects become structures with the tangents of the fields."""
    if isinstance(x, (np.ndarray, *NUMBERS)) or isinstance(x_dot, Struct):
        return x_dot
    if x.__class__ is list or x.__class__ is tuple:
        return x.__class__([as_tangent(d, v) for d, v in zip(x_dot, x, strict=True)])
    if isinstance(x, dict):
        return {k: as_tangent(x_dot[k], v) for k, v in x.items()}
    fields = fields_of(x)
    if fields is None:
        return x_dot
    dots = fields_of(x_dot) or dict(zip(fields, x_dot, strict=True))
    return Struct({k: as_tangent(dots[k], v) for k, v in fields.items()})


def sort_order(items: Any, key: Any = None, reverse: bool = False) -> list[int]:
    """The places of the items in the order in which ``sorted(items)`` has them.

    Raises:
        TypeError: `items` is a dict, which would be sorted by its keys.
    """
    if isinstance(items, dict):
        raise TypeError("sorted(d) of a dict that is differentiated: write sorted(d.keys())")
    by = items.__getitem__ if key is None else lambda place: key(items[place])
    return sorted(range(len(items)), key=by, reverse=reverse)


def snapshot(x: Any) -> Any:
    """The value as it is now: a copy, if it can be changed in place."""
    if isinstance(x, np.ndarray):
        return x.copy()
    if isinstance(x, list):
        return [snapshot(v) for v in x]
    if isinstance(x, tuple) and not hasattr(x, "_fields"):
        return tuple(snapshot(v) for v in x)
    if isinstance(x, Struct):
        return Struct({k: snapshot(v) for k, v in fields(x).items()})
    if isinstance(x, dict):
        return {k: snapshot(v) for k, v in x.items()}
    if type(x).__name__ in ("deque", "set", "bytearray"):
        return _snapshot_of_collection(x)
    if type(x).__module__ != "builtins" and type(getattr(x, "__dict__", None)) is dict:
        return _snapshot_of_object(x)
    has_slots = isinstance(getattr(type(x), "__slots__", None), (tuple, list))
    if has_slots and not hasattr(type(x), "redraft_fields"):
        return _snapshot_of_object(x)
    return x


def _snapshot_of_object(x: Any) -> Any:
    """An object of the user's with its attributes as they are now."""
    if isinstance(x, ShardedArray):  # nobody can change it
        return x
    import copy

    new = copy.copy(x)
    slots = [n for cls in type(x).__mro__ for n in getattr(cls, "__slots__", ()) if hasattr(x, n)]
    for name in [*getattr(x, "__dict__", ()), *slots]:
        value = getattr(x, name)
        if isinstance(value, (np.ndarray, list, tuple, dict)):
            object.__setattr__(new, name, snapshot(value))
    return new


def _snapshot_of_collection(x: Any) -> Any:
    """A set, a deque or a bytearray as it is now."""
    import copy

    new = copy.copy(x)
    for place, value in enumerate(x) if type(x).__name__ == "deque" else ():
        new[place] = snapshot(value)
    return new


def seed(ans: Any) -> Any:
    """The cotangent of a scalar result: one.

    Raises:
        TypeError: the result is not a real scalar.
    """
    if isinstance(ans, (np.ndarray, np.generic)):
        if ans.shape != ():
            raise TypeError(
                f"grad requires a function with a scalar result; it returned shape {ans.shape}. "
                "Sum it up, or use vjp"
            )
        kind = ans.dtype.kind
    elif isinstance(ans, (int, float, complex)):
        kind = "c" if isinstance(ans, complex) else "f" if isinstance(ans, float) else "i"
    else:
        raise TypeError(
            f"grad requires a function with a scalar result; it returned a {type(ans).__name__}"
        )
    if kind == "c":
        raise TypeError("grad requires a real result; use holomorphic=True for a complex one")
    if kind != "f":
        raise TypeError(
            f"grad requires a floating-point result; it is {type(ans).__name__} {ans!r}"
        )
    return 1.0


def seed_holomorphic(ans: Any) -> Any:
    """The cotangent of a complex scalar result: one.

    Raises:
        TypeError: the result is not a complex scalar.
    """
    if np.shape(ans) != () or np.asarray(ans).dtype.kind != "c":
        raise TypeError("grad with holomorphic=True requires a complex scalar result")
    return 1.0 + 0.0j


def refuse_in_place(x: Any) -> None:
    """Refuse ``x += v`` on an array that someone else may hold: the change would be seen there.

    Raises:
        TransformError: `x` is an array (numbers may pass: they are not changed in place).
    """
    if isinstance(x, (np.ndarray, list, dict)):
        raise refusal(
            "an augmented assignment such as `x += v` would change an array that the caller or "
            "another variable holds", "write `x = x + v`",
        )  # fmt: skip


def unitem_bar(z_bar: Any, x_bar: Any, index: Any, last: bool = True) -> Any:
    """Transpose of `item_bar` (of `gather_bar`, if not `last`): `z_bar` at `index`, zeros elsewhere."""
    result = zeros_like(x_bar)
    if not isinstance(result, np.ndarray):
        result[index] = z_bar
        return result
    from redraft.runtime.indexing import add_at, is_basic

    part = np.broadcast_to(z_bar, x_bar[index].shape)
    if last and not is_basic(index) and not _is_mask(index):
        part = np.where(_last_ones(x_bar.shape, index), part, 0.0)
    return add_at(result, index, part)


def as_gradient(x_bar: Any, x: Any) -> Any:
    """A gradient as the user gets it: structure and dtypes of the argument, zeros filled in.

    Integers and booleans have no direction to move in: theirs is a zero, of floating-point type.
    """
    if isinstance(x, np.ndarray):
        if x.dtype.kind not in "fcO":
            return np.zeros(x.shape)
        if x_bar.__class__ is np.ndarray and x_bar.dtype == x.dtype and x_bar.shape == x.shape:
            return x_bar
        bar = np.asarray(0.0 if x_bar is None else x_bar)
        if x.dtype.kind != "c" and bar.dtype.kind == "c":
            bar = bar.real
        dtype = x.dtype if x.dtype.kind in "fc" else float
        return (
            np.broadcast_to(bar, x.shape).astype(dtype)
            if bar.shape != x.shape
            else bar.astype(dtype)
        )
    if isinstance(x, np.generic):
        kind = x.dtype.kind
        if kind not in "fc":
            return np.float64(0.0)
        bar = np.asarray(x_bar)
        bar = bar.real if kind == "f" and bar.dtype.kind == "c" else bar
        return x.dtype.type(bar)
    if isinstance(x, int):
        return 0.0
    if isinstance(x, (float, complex)):
        if isinstance(x_bar, (complex, np.complexfloating)) and not isinstance(x, complex):
            return x_bar.real
        return 0.0 if x_bar is None else x_bar
    if is_partial(x):
        return partial_like(as_gradient, x_bar, x)
    if x_bar is None:
        return None
    if x.__class__ is list or x.__class__ is tuple:
        return x.__class__([as_gradient(b, v) for b, v in zip(x_bar, x, strict=True)])
    fields = fields_of(x)
    if fields is not None:
        bars = fields_of(x_bar) or dict(zip(fields, x_bar, strict=True))
        typed = Struct({k: as_gradient(bars[k], v) for k, v in fields.items()})
        return _rebuild(x, fields, typed)
    if isinstance(x, (list, tuple)):
        return type(x)([as_gradient(b, v) for b, v in zip(x_bar, x, strict=True)])
    if isinstance(x, dict):
        return {k: as_gradient(x_bar[k], v) for k, v in x.items()}
    return x_bar


def refuse_view(x: Any, changed: Any) -> None:
    """Refuse a view that is used after the array behind it, `changed`, was changed in place.

    Raises:
        TransformError: `x` may share memory with `changed` (numbers and copies may pass).
    """
    if _sees(x, changed):
        raise refusal(
            "a view of an array is used after the array was changed in place",
            "write `.copy()` behind the index",
        )


def _sees(x: Any, changed: Any) -> bool:
    """Does a change of the array or container `changed` show in `x`?"""
    if isinstance(x, np.ndarray):
        return isinstance(changed, np.ndarray) and np.may_share_memory(x, changed)
    if isinstance(x, (list, tuple)):
        return x is changed or any(_sees(v, changed) for v in x)
    return x is changed or (isinstance(x, dict) and any(_sees(v, changed) for v in x.values()))


def cleared(x_bar: Any) -> Any:
    """Zero for the place of an item that was replaced: nothing is known of what stood there."""
    return 0.0 if isinstance(x_bar, NUMBERS) else None


def all_arrays(values: Any) -> bool:
    """Are the values arrays, all of them?"""
    for x in values:  # noqa: SIM110  (a generator takes twice as long)
        if x.__class__ is not np.ndarray:
            return False
    return True


def all_floats(values: Any) -> bool:
    """Are the values certainly floating-point numbers, arrays, or containers of them?

    Quick; a no means "look closer".
    """
    for x in values:
        kind = x.__class__
        if kind is np.ndarray:
            if x.dtype.kind != "f":
                return False
        elif kind is list or kind is tuple:
            if not all_floats(x):
                return False
        elif kind is dict:
            if not all_floats(x.values()):
                return False
        elif kind is not float:
            return False
    return True


def as_items(x_bar: Any) -> list:
    """The items of a cotangent in order: of a dict, its values."""
    return list(x_bar.values()) if isinstance(x_bar, dict) else list(x_bar)
