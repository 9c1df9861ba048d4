"""Functions that XLA cannot compile: the host calls them, as with `pure_callback`.

In a compiled function such a call cuts the program in two (transpile/transforms/partition.py). What it is given
and returns are NumPy's arrays; shapes and dtypes of its results must be known before it is called.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from redraft.runtime import tf_callbacks
from redraft.runtime.specs import ShapeDtypeStruct
from redraft.runtime.tensors import TensorError, is_tensor


@functools.cache
def function_named(dotted: str) -> Callable:
    """``scipy.special.jv`` of its name: lowerings are texts."""
    parts = dotted.split(".")
    for end in range(len(parts) - 1, 0, -1):
        try:
            value = importlib.import_module(".".join(parts[:end]))
        except ImportError:
            continue
        return functools.reduce(getattr, parts[end:], value)
    raise ImportError(f"there is no {dotted}")


def elementwise(dotted: str, *args: Any) -> Any:
    """A function of SciPy's that works element by element; its dtype is that which SciPy chooses."""
    function = function_named(dotted)
    shape = np.broadcast_shapes(*(known_shape(dotted, x) for x in args))
    dtype = np.result_type(function(*(one_like(x) for x in args)))
    return call(dotted, function, ShapeDtypeStruct(shape, dtype), *args)


def arrays(dotted: str, values: tuple, **options: Any) -> Any:
    """A function of arrays whose results have shapes and dtypes that those of the arguments tell.

    Args:
        dotted: names it. It is tried with identity matrices while the program is traced.
        values: tensors, arrays and numbers.
        options: further arguments, which are known.
    """
    function = functools.partial(function_named(dotted), **options)
    example = function(*(identity_like(dotted, x) for x in values))
    many = isinstance(example, tuple)
    parts = example if many else (example,)
    declared = tuple(ShapeDtypeStruct(np.shape(x), np.result_type(x)) for x in parts)
    results = call(dotted, function, declared if many else declared[0], *values)
    if not many:
        return results
    return type(example)(*results) if hasattr(example, "_fields") else results


def identity_like(label: str, x: Any) -> Any:
    """Ones on the diagonal, in the shape and of the kind of an argument."""
    shape = known_shape(label, x)
    if len(shape) < 2:
        return np.ones(shape, dtype_of(x))
    return np.broadcast_to(np.eye(*shape[-2:], dtype=dtype_of(x)), shape)


def call(label: str, function: Callable, declared: Any, *args: Any) -> Any:
    """What a function of arrays returns.

    Args:
        label: names it, for errors.
        function: called with NumPy's arrays; it must change nothing.
        declared: a `ShapeDtypeStruct`, or a tuple of them for a function with several results.
        args: tensors, arrays and numbers.
    """
    many = isinstance(declared, tuple)
    wanted = list(declared) if many else [declared]

    def run(leaves: Any) -> list[np.ndarray]:
        ans = function(*leaves)
        parts = ans if many else [ans]
        return [np.asarray(x, s.dtype) for x, s in zip(parts, wanted, strict=True)]

    results = tf_callbacks.call(label, run, list(args), wanted)
    return tuple(results) if many else results[0]


def known_shape(label: str, x: Any) -> tuple[int, ...]:
    """The shape of an argument.

    Raises:
        TensorError: it is known only when the program runs.
    """
    if not is_tensor(x):
        return np.shape(x)
    if not x.shape.is_fully_defined():
        raise TensorError(f"{label} runs on the host, which must know the shapes of its arguments")
    return tuple(x.shape)


def dtype_of(x: Any) -> np.dtype:
    """The dtype of an argument as NumPy would have it."""
    return np.dtype(x.dtype.as_numpy_dtype) if is_tensor(x) else np.result_type(x)


def one_like(x: Any) -> Any:
    """A number of the kind of an argument, which tells the dtype of a result."""
    if is_tensor(x) or isinstance(x, (np.ndarray, np.generic)):
        return np.ones((), dtype_of(x))[()]
    return type(x)(1)


def applied(function: Any, *args: Any) -> Any:
    """What a solver gives, or a derivative of one (runtime/host_functions.py)."""
    specs = [ShapeDtypeStruct(known_shape(function.label, x), np.float64) for x in args]

    def run(*arrays: Any) -> Any:
        return function.value(*(np.asarray(x, np.float64) for x in arrays))

    return call(function.label, run, function.spec(*specs), *args)
