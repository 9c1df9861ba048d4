"""Calls of the host: Python functions that a transformed function calls as they are.

`pure_callback`, `io_callback`, `debug_print` and `debug_callback` have the names, arguments and meaning of
JAX's. The function gets NumPy's arrays of its own, and what it returns is compared with what was
declared. On arrays they call it at once; on TensorFlow's tensors, and while `jit` traces, they become an
operation that calls it when the program runs (runtime/tf_callbacks.py).
"""

from __future__ import annotations

import copy
import functools
import string
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from redraft.runtime import memory
from redraft.runtime.batched_callbacks import NO_RESULT, one_by_one
from redraft.runtime.partition import raise_original
from redraft.runtime.specs import spec_of
from redraft.runtime.structures import flatten, paths, unflatten
from redraft.runtime.tensors import TensorError, holds_tensor, is_tensor

VMAP_METHODS = (
    "sequential", "sequential_unrolled", "expand_dims", "broadcast_all", "legacy_vectorized", None,
)  # fmt: skip
NUMBERS = (bool, int, float, complex, np.generic, np.ndarray)


def pure_callback(
    callback: Callable,
    result_shape_dtypes: Any,
    *args: Any,
    sharding: Any = None,
    vmap_method: str | None = None,
    **kwargs: Any,
) -> Any:
    """What a Python function without side effects returns, also under `jit` and `vmap`.

    It has no derivative: give the function around it one.

    Args:
        callback: called with NumPy arrays in the structure of `args` and `kwargs`.
        result_shape_dtypes: the structure of its result, with something in place of each array that
            has a `shape` and a `dtype`, such as a `ShapeDtypeStruct`.
        args: arrays, numbers, and containers of them.
        sharding: accepted as in JAX, without an effect.
        vmap_method: how it is called under `vmap`. ``"sequential"`` (and ``"sequential_unrolled"``):
            once for each example. ``"expand_dims"``: once for all, with an axis of length one in front of
            arrays that all examples share; ``"broadcast_all"``: with those repeated for each example;
            ``"legacy_vectorized"``: with those as they are. None: `vmap` refuses the call.
        kwargs: as `args`.

    Returns:
        Arrays in the declared structure. A result without axes is a NumPy scalar.

    Raises:
        ValueError: there is no such `vmap_method`.
        TypeError: an argument is no array or number.
        RuntimeError: the callback returned another structure, shape or dtype than was declared.
    """
    del sharding
    if vmap_method not in VMAP_METHODS:
        raise ValueError(
            f"vmap_method must be one of the allowed methods {list(VMAP_METHODS)}, but got: {vmap_method}"
        )
    return _called("pure_callback", callback, result_shape_dtypes, args, kwargs)


def io_callback(
    callback: Callable,
    result_shape_dtypes: Any,
    *args: Any,
    sharding: Any = None,
    ordered: bool = False,
    **kwargs: Any,
) -> Any:
    """What a Python function with side effects returns, called once whenever the call is reached.

    Under `vmap` it is called once for each example that reaches it. It has no derivative.

    Args:
        callback: called with NumPy arrays in the structure of `args` and `kwargs`.
        result_shape_dtypes: the structure of its result; None for no result.
        args: arrays, numbers, and containers of them.
        sharding: accepted as in JAX, without an effect.
        ordered: keep the order of such calls, and refuse `vmap`. Without it the order is kept as well.
        kwargs: as `args`.

    Returns:
        Arrays in the declared structure.

    Raises:
        TypeError: an argument is no array or number.
        RuntimeError: the callback returned another structure, shape or dtype than was declared.
    """
    del sharding, ordered
    return _called("io_callback", callback, result_shape_dtypes, args, kwargs)


def debug_callback(
    callback: Callable | None = None,
    *args: Any,
    ordered: bool = False,
    partitioned: bool = False,
    **kwargs: Any,
) -> Any:
    """Call a Python function for what it does with values: to log, plot or store them.

    A derivative calls it once, with the values of the function itself; `vmap` once for each example.

    Args:
        callback: called with NumPy arrays; what it returns is dropped.
        args: arrays, numbers, containers of them, and anything else, which is passed on.
        ordered: keep the order of such calls. Without it the order is kept as well.
        partitioned: accepted as in JAX, without an effect.
        kwargs: as `args`.

    Returns:
        None. Without a callback, a function that takes it and its arguments.

    Raises:
        TypeError: `callback` is no function, or arguments come without one.
    """
    if callback is None:
        return _later("debug_callback", debug_callback, args, kwargs, ordered, partitioned)
    if not callable(callback):
        raise TypeError(
            "first argument to rd.debug.callback must be callable, but got an object of type "
            f"{type(callback)}"
        )
    _effect("debug.callback", callback, args, kwargs)
    return None


def debug_print(
    fmt: str | None = None,
    *args: Any,
    ordered: bool = False,
    partitioned: bool = False,
    skip_format_check: bool = False,
    **kwargs: Any,
) -> Any:
    """Print values when they are computed, also within compiled functions.

    A derivative prints the values of the function once; `vmap` prints one line for each example.

    Args:
        fmt: a text for `str.format`, such as ``"x = {x}"``: no f-string, since the values come later.
        args: arrays and numbers, for ``{}``.
        ordered: keep the order of such calls. Without it the order is kept as well.
        partitioned: accepted as in JAX, without an effect.
        skip_format_check: do not check the text before the values are there.
        kwargs: arrays and numbers, for ``{name}``.

    Returns:
        None. Without a text, a function that takes it and its arguments.

    Raises:
        ValueError: an argument does not appear in the text.
        KeyError, IndexError: the text asks for an argument that is not there.
        TypeError: arguments come without a text.
    """
    if fmt is None:
        return _later("debug_print", debug_print, args, kwargs, ordered, partitioned)
    if not skip_format_check:
        _Checker().vformat(fmt, args, kwargs)
    _effect("debug.print", printing(fmt), args, kwargs)
    return None


def effects_barrier() -> None:
    """Wait until the effects of all calls that were made before have happened.

    Raises:
        Exception: what a callback has raised since then, if the caller has not seen it.
    """
    module = sys.modules.get("redraft.runtime.tf_callbacks")
    if module is None:
        return
    try:
        module.wait()
    except Exception as error:
        raise_original(error)
        raise


PURE = (pure_callback,)
EFFECTS = (io_callback, debug_callback, debug_print)
HOST_CALLS = (*PURE, *EFFECTS)  # what XLA cannot compile


def is_host_call(function: Any) -> bool:
    """Is it `pure_callback` or one of its kind?"""
    return any(function is f for f in HOST_CALLS)


def _later(
    name: str, function: Callable, args: Any, kwargs: Any, ordered: bool, partitioned: bool
) -> Callable:
    """``debug.print(ordered=True)("x = {}", x)``: the options come first."""
    if args or kwargs:
        raise TypeError(
            f"{name} received unexpected arguments in the two-call form: {args=} {kwargs=}"
        )

    def with_options(first: Any, *args: Any, **kwargs: Any) -> None:
        function(first, *args, ordered=ordered, partitioned=partitioned, **kwargs)

    return with_options


class printing:
    """What prints values in a text."""

    def __init__(self, fmt: str) -> None:
        self.fmt = fmt
        fields = [field for _, field, _, _ in string.Formatter().parse(fmt)]
        self.has_fields = bool(fields) and fields[0] is not None

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        args = tuple(map(_shown, args))
        if self.has_fields:
            text = self.fmt.format(*args, **{k: _shown(v) for k, v in kwargs.items()})
        else:
            text = " ".join((self.fmt, *map(str, args)))
        sys.stdout.write(text + "\n")


def _shown(x: Any) -> Any:
    return x[()] if isinstance(x, np.ndarray) and x.ndim == 0 else x


class _Checker(string.Formatter):
    """Finds arguments that a text does not name."""

    def format_field(self, value: Any, format_spec: str) -> str:
        return ""

    def convert_field(self, value: Any, conversion: str | None) -> Any:
        return value

    def check_unused_args(self, used_args: Any, args: Any, kwargs: Any) -> None:
        unused = [a for i, a in enumerate(args) if i not in used_args]
        unnamed = [k for k in kwargs if k not in used_args]
        if unused:
            raise ValueError(f"Unused positional arguments to `rd.debug.print`: {unused}")
        if unnamed:
            raise ValueError(
                f"Unused keyword arguments to `rd.debug.print`: {unnamed}. A text that was passed as an "
                'f-string has no names left: write "{x}", without the f'
            )


# --- calls


def _called(kind: str, callback: Callable, declared: Any, args: tuple, kwargs: dict) -> Any:
    """What a callback returns, compared with what was declared."""
    callback = as_written(callback) if memory.tracing() else callback
    wanted = [spec_of(x) for x in _declared_leaves(kind, declared)]
    given = (args, kwargs)
    for path, x in zip(paths(given), flatten(given), strict=True):
        if not (isinstance(x, NUMBERS) or is_tensor(x)):
            raise TypeError(
                f"{kind}: {_argument(path)} of `{name_of(callback)}` is a {type(x).__name__}; pass arrays "
                "and numbers, and bind anything else with functools.partial"
            )

    def run(leaves: Iterator[Any]) -> list[np.ndarray]:
        own_args, own_kwargs = unflatten(given, leaves)
        return checked(kind, callback, declared, wanted, callback(*own_args, **own_kwargs))

    if memory.tracing() or holds_tensor(given):
        results = _on_tensors(f"{kind} of `{name_of(callback)}`", run, flatten(given), wanted)
    else:
        results = [x[()] for x in run(map(own_array, flatten(given)))]
    return unflatten(declared, iter(results))


def _effect(kind: str, callback: Callable, args: tuple, kwargs: dict) -> None:
    """Call a callback for its effect."""
    callback = as_written(callback) if memory.tracing() else callback
    given = (args, kwargs)

    def run(leaves: Iterator[Any]) -> list[np.ndarray]:
        own_args, own_kwargs = unflatten(given, leaves)
        callback(*own_args, **own_kwargs)
        return []

    if memory.tracing() or holds_tensor(given):
        _on_tensors(f"{kind} of `{name_of(callback)}`", run, flatten(given), [])
    else:
        run(map(own_array, flatten(given)))


def _on_tensors(label: str, run: Callable, leaves: list[Any], wanted: list[Any]) -> list[Any]:
    from redraft.runtime import tf_callbacks

    return tf_callbacks.call(label, run, leaves, wanted)


def own_array(x: Any) -> Any:
    """A number or an array as an array in memory of its own; anything else as it is."""
    return np.array(x) if isinstance(x, NUMBERS) else x


def as_written(callback: Any) -> Any:
    """A callback that a traced function has named or defined, as the function that the user wrote.

    It runs when the program does: variables of the traced function that it reads are those of now.

    Raises:
        TensorError: it reads one that is known only when the program runs.
    """
    if isinstance(callback, one_by_one):
        new = copy.copy(callback)
        new.callback = as_written(callback.callback)
        return new
    if isinstance(callback, functools.partial):
        if holds_tensor((callback.args, callback.keywords)):
            raise TensorError(f"the callback `{name_of(callback.func)}` {CAPTURES}")
        return functools.partial(as_written(callback.func), *callback.args, **callback.keywords)
    if hasattr(type(callback), "redraft_identity") and hasattr(callback, "original"):
        return callback.original  # what stands for a function in staged text
    if not isinstance(callback, types.FunctionType):
        return callback
    names = callback.__globals__
    if not names.get("__redraft_staged__"):
        return callback
    cells = tuple(_cell_of_now(callback, c) for c in callback.__closure__ or ())
    new = types.FunctionType(
        callback.__code__,
        names["__redraft_globals__"],
        callback.__name__,
        callback.__defaults__,
        cells,
    )
    new.__kwdefaults__ = callback.__kwdefaults__
    return new


CAPTURES = "reads a value that is known only when the compiled function runs"


def _cell_of_now(callback: types.FunctionType, cell: Any) -> Any:
    """A closure cell with what it holds while the function is traced."""
    if any(cell is known for known, _ in memory.TRACE.cells):
        return cell  # of the functions around the traced one
    try:
        value = cell.cell_contents
    except ValueError:
        return cell
    if holds_tensor(value):
        raise TensorError(f"the callback `{callback.__name__}` {CAPTURES}")
    if isinstance(value, types.FunctionType):
        value = as_written(value)
    return types.CellType(value)


def name_of(callback: Any) -> str:
    """How errors call a callback."""
    callback = getattr(callback, "callback", callback)
    return getattr(callback, "__name__", None) or type(callback).__name__


def _argument(path: str) -> str:
    """The argument at a place of ``(args, kwargs)``."""
    head, rest = path[:3], path[3:]
    return f"argument {rest}" if head == "[0]" else f"keyword argument {rest}"


# --- results


def _declared_leaves(kind: str, declared: Any) -> list[Any]:
    leaves = flatten(declared)
    for path, x in zip(paths(declared), leaves, strict=True):
        if not (hasattr(x, "shape") and hasattr(x, "dtype")):
            raise TypeError(
                f"{kind}: result_shape_dtypes{path} is a {type(x).__name__}, without a shape and a dtype; "
                "write rd.ShapeDtypeStruct(shape, dtype)"
            )
    return leaves


def checked(
    kind: str, callback: Callable, declared: Any, wanted: list[Any], result: Any
) -> list[np.ndarray]:
    """The arrays of a result.

    Raises:
        RuntimeError: it is not what was declared.
    """
    name = f"{kind}: the result of `{name_of(callback)}`"
    if result is NO_RESULT:
        return [np.zeros(s.shape, s.dtype) for s in wanted]
    places = paths(declared)
    if _outline(result) != _outline(declared):
        raise RuntimeError(
            f"{name} has another structure than declared: expected {_outline_text(declared)}, "
            f"got {_outline_text(result)}"
        )
    arrays = []
    for path, spec, x in zip(places, wanted, flatten(result), strict=True):
        array = np.array(x)
        for what, expected, got in (
            ("shape", spec.shape, array.shape), ("dtype", spec.dtype, array.dtype),
        ):  # fmt: skip
            if got != expected:
                at = f" at {path}" if path else ""
                raise RuntimeError(f"{name}{at}: expected {what} {expected}, got {got}")
        arrays.append(array)
    return arrays


def _outline(x: Any) -> Any:
    """The structure of a pytree; a list may stand for a tuple."""
    from redraft.runtime.structures import children

    parts = children(x)
    if parts is None:
        return "*"
    keys, values, kind = parts
    kind = tuple if kind is list else kind
    return kind, keys, tuple(map(_outline, values))


def _outline_text(x: Any) -> str:
    marks = iter(["*"] * len(flatten(x)))
    return repr(unflatten(x, marks)).replace("'*'", "*")


__all__ = [
    "debug_callback", "debug_print", "effects_barrier", "io_callback", "printing", "pure_callback",
]  # fmt: skip
