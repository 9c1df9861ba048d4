"""Functions as values: a generated function together with the arrays that it reads.

What `vjp` returns beside the value is such an object: a backward function, which is code, and the
residuals that it was given, which are data. As a pytree its children are the data, and the code is the
static part: two objects with the same code are of one kind, whatever their numbers, so that `jit`
compiles once for all of them and `vmap` writes one batch.

`register` makes a pytree node of a class of such objects. They have the attributes

- ``function``: the generated function, which takes `saved` first;
- ``saved``: tuples, lists, dicts, records of calls (`CallRecord`) and arrays;
- any others (``value``, ``primals``, ``places``), of which shapes, dtypes and structure count alone.

What is no number among the residuals (a length, an axis, a name) is part of the code.
"""

from __future__ import annotations

import copy
import functools
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from redraft.runtime import tree
from redraft.runtime.apply import CallRecord, LinearRecord, Pulled, Pushed
from redraft.runtime.growing import Growing
from redraft.runtime.tensors import is_tensor
from redraft.transpile.jit_call import mapped

WALKED = ("redraft.transpile.dynamic", "redraft.transpile.again", __name__)


class Kept:
    """The static part of a node: equal to another one of the same structure, shapes and code."""

    def __init__(self, value: Any) -> None:
        self.value = value

    @functools.cached_property
    def signature(self) -> Any:
        """What is compared."""
        return signature(self.value, {})

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Kept) and (
            self.value is other.value or self.signature == other.signature
        )

    def __hash__(self) -> int:
        return hash(self.signature)

    def __repr__(self) -> str:
        return f"Kept({self.value!r})"


class Fixed:
    """A residual that is no array and no floating-point number: a node without children."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Fixed({self.value!r})"


class FunctionValue:
    """Base of such classes.

    A class says in ``code_of(static)`` which function with source a call with ``saved`` in front comes
    down to; that function is the same for all objects with equal static parts.
    """

    redraft_fields = ("saved",)  # what carries derivatives
    function: Any
    saved: Any

    @staticmethod
    def code_of(static: Kept) -> Any:
        """The function with source that takes ``saved``, and then the arguments of a call."""
        raise NotImplementedError

    def plain(self) -> tuple[Any, tuple]:
        """A function with source, and the arguments to pass in front."""
        check_residuals(self)
        return self.code_of(static_part(self)), (self.saved,)

    def with_saved(self, saved: Any) -> Any:
        """The same code with other residuals."""
        return from_parts(type(self), static_part(self), (marked(saved),))

    @property
    def __wrapped__(self) -> Any:
        return self.function

    @property
    def source(self) -> str:
        """The generated source."""
        return source_of_code(self.function)


def source_of_code(function: Any) -> str:
    """The generated text that a function stands in."""
    from redraft.transpile.api import by_file

    text = getattr(function, "__redraft_source__", None)
    return text if text is not None else by_file[function.__code__.co_filename].text


def register(cls: type) -> None:
    """Make a class of functions with data a pytree node: its child is ``saved``."""
    tree.register(cls, _flatten, functools.partial(from_parts, cls))


def is_function_value(x: Any) -> bool:
    """Is it an object of a class that was registered here?"""
    return tree.is_registered(x) and tree.flattener(x) is _flatten


def residuals_of(function: Any) -> Any:
    """The residuals, with what is static marked as `Fixed`."""
    return _flatten(function)[0][0]


def static_part(function: Any) -> Kept:
    """The code of a function value, and the shapes that it was made for."""
    return _flatten(function)[1]


def _flatten(function: Any) -> tuple[tuple, Kept]:
    if "_static" in vars(function):
        return (function._marked,), function._static
    own = {k: v for k, v in vars(function).items() if k != "saved"}
    static = Kept((described(own), residual_shapes(function.saved)))
    return (marked(function.saved),), static


def from_parts(cls: type, static: Kept, children: Any) -> Any:
    """An object from its static part and its only child."""
    new = cls.__new__(cls)
    vars(new).update(static.value[0])
    # what is a leaf stays one, whatever stands in its place now
    new._marked = next(iter(children))
    new.saved = unmarked(new._marked)
    new._static = static
    return new


def check_residuals(function: Any) -> None:
    """Refuse to call a function whose residuals are not those of one call of it.

    Raises:
        ValueError: they were mapped to other shapes, such as those of a batch.
    """
    static = vars(function).get("_static")
    if static is None:
        return
    wanted, got = static.value[1], residual_shapes(function.saved)
    for shape, other in zip(wanted, got, strict=False):
        if len(shape) != len(other) or any(
            n != m for n, m in zip(shape, other, strict=True) if None not in (n, m)
        ):
            raise ValueError(
                f"this function was made for residuals of shape {shape}, and holds one of shape "
                f"{other}; if it holds a batch of them, map it: rd.vmap(lambda f, ct: f(ct))(f, cts)"
            )


def residual_shapes(saved: Any) -> list[tuple]:
    """Shapes of the arrays and numbers among residuals, in order."""
    shapes: list[tuple] = []
    mapped(lambda leaf: shapes.append(_shape(leaf)), marked(saved))
    return shapes


def _shape(x: Any) -> tuple:
    return tuple(x.shape.as_list()) if is_tensor(x) else np.shape(x)


# --- residuals


def is_leaf(x: Any) -> bool:
    """Is it data: an array or a floating-point number?"""
    return isinstance(x, (np.ndarray, np.generic, float, complex)) or is_tensor(x)


def marked(saved: Any) -> Any:
    """Residuals with what is static marked as such."""
    if is_leaf(saved) or saved is None or isinstance(saved, (Fixed, Growing)):
        return saved
    if isinstance(saved, (tuple, list)):
        parts = map(marked, saved)
        return type(saved)(*parts) if hasattr(saved, "_fields") else _sequence(saved)(parts)
    if type(saved) is dict:
        return {k: marked(v) for k, v in saved.items()}
    if isinstance(saved, CallRecord) or tree.is_pytree_object(saved):
        return saved  # (what it holds is marked when it is opened)
    return Fixed(saved)


def unmarked(saved: Any) -> Any:
    """Residuals as the code reads them."""
    if isinstance(saved, Fixed):
        return saved.value
    if isinstance(saved, Growing):
        return saved
    if isinstance(saved, (tuple, list)):
        parts = map(unmarked, saved)
        return type(saved)(*parts) if hasattr(saved, "_fields") else _sequence(saved)(parts)
    if type(saved) is dict:
        return {k: unmarked(v) for k, v in saved.items()}
    return saved


def _sequence(x: Any) -> type:
    return tuple if isinstance(x, tuple) else list


def _flatten_record(record: CallRecord) -> tuple[tuple, Kept]:
    if record.node is not None:
        return record.node
    return (marked(record.residuals),), Kept((record.backward, described(record.arrangement)))


def _unflatten_record(static: Kept, children: Any, cls: type = CallRecord) -> CallRecord:
    child = next(iter(children))
    backward, arrangement = static.value
    record = cls(backward, unmarked(child), arrangement)
    record.node = (child,), static
    return record


tree.register(Fixed, lambda x: ((), Kept(x.value)), lambda kept, _: Fixed(kept.value))
tree.register(CallRecord, _flatten_record, _unflatten_record)
tree.register(LinearRecord, _flatten_record, functools.partial(_unflatten_record, cls=LinearRecord))
tree.register(Pushed, lambda x: ((x.record,), None), lambda _, parts: Pushed(*parts))
tree.register(Pulled, lambda x: ((x.record,), None), lambda _, parts: Pulled(*parts))


# --- batches


def example_of(x: Any) -> Any:
    """What one example of a batch looks like: the shapes and dtypes without the first axis."""

    def without_axis(leaf: Any) -> Any:
        if not np.ndim(leaf):
            return leaf
        one = np.broadcast_to(np.zeros((), leaf.dtype), leaf.shape[1:])
        return one if one.ndim else leaf.dtype.type(0)

    return mapped(without_axis, described(x))


def per_example(saved: Any, size: Any, spread: Any) -> Any:
    """Residuals that are the same for all examples, for each of `size` ones."""
    return unmarked(
        mapped(lambda leaf: leaf if leaf is None else spread(leaf, size), marked(saved))
    )


def with_axes(function: Any, axes: Any, incoming: bool) -> Any:
    """A function value with the batch axes of its residuals moved to the front, or from there."""
    from redraft.runtime import numpy as rnp

    held = residuals_of(function)
    of = residuals_of(axes) if is_function_value(axes) else mapped(lambda leaf: axes, held)
    places = iter_leaves(of)

    def moved(leaf: Any) -> Any:
        axis = next(places)
        if leaf is None or axis is None:
            return leaf
        return rnp.moveaxis(leaf, *((axis, 0) if incoming else (0, axis)))

    return from_parts(type(function), static_part(function), (mapped(moved, held),))


def iter_leaves(x: Any) -> Iterator[Any]:
    """The leaves of a structure, None included, in order."""
    found: list[Any] = []
    mapped(found.append, x)
    return iter(found)


# --- static parts


def described(x: Any, memo: dict[int, Any] | None = None) -> Any:
    """A value with arrays in place of its arrays that have their shape and dtype, and no memory.

    Functions keep their code; what they capture is described, as what they are compared with is.
    """
    memo = {} if memo is None else memo
    if id(x) in memo:
        return memo[id(x)][0]
    new = _described(x, memo)
    memo[id(x)] = new, x  # (the id is taken as long as `x` is there)
    return new


def _described(x: Any, memo: dict[int, Any]) -> Any:
    if isinstance(x, np.ndarray):
        return np.broadcast_to(np.zeros((), x.dtype), x.shape)
    if isinstance(x, np.generic):
        return x.dtype.type(0)
    if is_tensor(x):
        return _of_tensor(x)
    if type(x) in (float, complex):
        return type(x)(0)
    if isinstance(x, (tuple, list)):
        parts = [described(v, memo) for v in x]
        return type(x)(*parts) if hasattr(x, "_fields") else _sequence(x)(parts)
    if isinstance(x, dict):
        return {k: described(v, memo) for k, v in x.items()}
    if isinstance(x, types.MethodType):
        return types.MethodType(x.__func__, described(x.__self__, memo))
    if isinstance(x, types.FunctionType):
        return _closure(x, memo)
    if type(x).__module__ in WALKED or is_function_value(x) or tree.is_pytree_object(x):
        return _object(x, memo)
    return x


def _of_tensor(x: Any) -> Any:
    """What stands for a tensor of a trace: nothing of the trace may be kept."""
    from redraft.runtime.tf_arrays import number_type

    number = number_type(x)
    if number is not None:
        return number(0)
    shape = tuple(n or 0 for n in x.shape.as_list())
    return np.broadcast_to(np.zeros((), np.dtype(x.dtype.as_numpy_dtype)), shape)


def _closure(function: types.FunctionType, memo: dict[int, Any]) -> Any:
    """The same code with what it captures described; the function itself if that is no data."""
    cells = function.__closure__ or ()
    try:
        held = [cell.cell_contents for cell in cells]
    except ValueError:  # a variable that has no value yet
        return function
    memo[id(function)] = function, function  # (it may capture itself)
    new = [described(v, memo) for v in held]
    if all(a is b for a, b in zip(held, new, strict=True)):
        return function
    made = types.FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__,
        tuple(map(types.CellType, new)),
    )  # fmt: skip
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def _object(x: Any, memo: dict[int, Any]) -> Any:
    held = getattr(x, "__dict__", None)
    if held is None:
        return x
    new = copy.copy(x)
    memo[id(x)] = new, x
    for name, value in held.items():
        object.__setattr__(new, name, described(value, memo))
    return new


def signature(x: Any, seen: dict[int, int]) -> Any:
    """What two static parts are compared by: structure, dtypes, shapes, and the identity of code."""
    if isinstance(x, np.ndarray):
        return "array", x.dtype, x.shape
    if x is None or isinstance(x, (bool, int, str, bytes, float, complex, np.generic, type)):
        return type(x), x
    if id(x) in seen:
        return "again", seen[id(x)]
    seen[id(x)] = len(seen)
    if isinstance(x, (tuple, list)):
        return type(x), tuple(signature(v, seen) for v in x)
    if isinstance(x, (dict, types.MappingProxyType)):
        return type(x), tuple((k, signature(v, seen)) for k, v in x.items())
    if isinstance(x, slice):
        return slice, tuple(signature(v, seen) for v in (x.start, x.stop, x.step))
    if isinstance(x, types.MethodType):
        return types.MethodType, x.__func__, signature(x.__self__, seen)
    if isinstance(x, types.FunctionType):
        return _signature_of_function(x, seen)
    if type(x).__module__ in WALKED or is_function_value(x):
        return type(x), tuple((k, signature(v, seen)) for k, v in vars(x).items())
    return Identity(x)


def _signature_of_function(function: Any, seen: dict[int, int]) -> Any:
    cells = function.__closure__
    if not cells or function.__module__ not in WALKED:
        return Identity(function)
    return function.__code__, tuple(signature(c.cell_contents, seen) for c in cells)


class Identity:
    """An object that is equal to itself alone."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Identity) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


__all__ = [
    "Fixed", "FunctionValue", "Kept", "check_residuals", "described", "is_function_value", "register",
]  # fmt: skip
