"""Tensors as NumPy's arrays: dtypes, promotion, shapes, values.

Promotion is NumPy's own: every decision is asked of `np.ufunc.resolve_dtypes` or `np.result_type`,
in this module alone. A tensor that stands for a Python number (`weak`) promotes as Python numbers do.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from redraft.runtime import tf_devices  # noqa: F401  (first of all: it makes the devices)
from redraft.runtime.tensors import TensorError, holds_tensor, is_tensor

NUMBERS = (bool, int, float, complex)
PYTHON = {"b": bool, "i": int, "f": float, "c": complex}  # by a dtype's kind
EITHER = "_redraft_may_stand_for"  # the same, of one that may be a NumPy scalar as well
MARK = "_redraft_stands_for"  # attribute of a tensor that stands for a Python number: its type


# What a value is


def weak(x: Any, number: type) -> Any:
    """A tensor that stands for a Python number of this type: it does not widen arrays."""
    x = tf.identity(x)  # the mark must not reach other holders of the tensor
    setattr(x, MARK, number)
    return x


def number_type(x: Any) -> type | None:
    """``int``, ``float`` or ``complex`` if the value is a Python number or stands for one."""
    kind = x.__class__
    if kind in NUMBERS:
        return None if kind is bool else kind
    return getattr(x, MARK, None) if is_tensor(x) else None


def either(x: Any, number: type) -> Any:
    """A tensor that stands for a NumPy scalar or for a Python number, as the values decide.

    Both have its value. Where they would promote otherwise, it is refused (`check_either`).
    """
    x = tf.identity(x)
    setattr(x, EITHER, number)
    return x


def may_be_number(x: Any) -> type | None:
    """The type of the Python number that a value may stand for as well."""
    return getattr(x, EITHER, None) if is_tensor(x) else None


def check_either(promoted: Callable, values: Any) -> None:
    """Refuse values whose promotion depends on which of two types one of them has.

    Raises:
        TensorError: it does.
    """
    if not any(map(may_be_number, values)):
        return
    if promoted([kind_of(x) for x in values]) != promoted(
        [may_be_number(x) or kind_of(x) for x in values]
    ):
        raise TensorError(
            "max and min of a NumPy scalar and a Python number have a type that is not known, and the "
            "dtype of the result depends on it"
        )


def dtype_of(x: Any) -> np.dtype:
    """NumPy's dtype of a tensor, an array, a number or nested lists of them."""
    if is_tensor(x):
        return np.dtype(x.dtype.as_numpy_dtype)
    if isinstance(x, (list, tuple)) and holds_tensor(x):
        whole = x.stacked() if hasattr(x, "stacked") else None
        return np.result_type(*map(dtype_of, x)) if whole is None else dtype_of(whole)
    return np.asarray(x).dtype


def kind_of(x: Any) -> Any:
    """What decides on promotion: a dtype, or the type of a Python number."""
    return number_type(x) or dtype_of(x)


def result_type(*values: Any) -> np.dtype:
    """NumPy's result type of arrays, tensors and Python numbers."""
    check_either(type_of_kinds, values)
    return type_of_kinds(map(kind_of, values))


def type_of_kinds(kinds: Any) -> np.dtype:
    """The result type of what `kind_of` gives."""
    return np.result_type(*(k(0) if isinstance(k, type) else k for k in kinds))


def float_type(*values: Any) -> np.dtype:
    """The type in which NumPy computes means and solutions: integers become float64."""
    dtype = result_type(*values)
    return dtype if dtype.kind in "fc" or dtype.kind == "V" else np.dtype(float)


def is_floating(x: Any) -> bool:
    """Are the elements floating-point or complex numbers?"""
    return dtype_of(x).kind in "fcV"  # V: bfloat16


def is_complex(x: Any) -> bool:
    """Are the elements complex?"""
    return dtype_of(x).kind == "c"


# Conversion


def tensor(x: Any, dtype: Any = None) -> Any:
    """A value as a tensor, converted to a dtype if one is given (as ``x.astype(dtype)``).

    Raises:
        OverflowError: a Python integer does not fit, as in NumPy 2.
    """
    if is_tensor(x):
        return cast(tf.convert_to_tensor(x), dtype)
    if isinstance(x, (list, tuple)) and holds_tensor(x):
        whole = x.stacked() if hasattr(x, "stacked") else None
        if whole is not None:
            return cast(whole, dtype)
        dtype = np.dtype(dtype) if dtype is not None else dtype_of(x)
        return tf.stack([tensor(part, dtype) for part in x])
    array = np.asarray(x) if dtype is None else np.asarray(x, dtype)
    if array.dtype.kind in "OSUmM":
        raise TensorError(f"an array of dtype {array.dtype} cannot become a tensor")
    return tf.constant(array)


def tensors(values: Any) -> list:
    """Values as tensors, each in its own dtype."""
    return [tensor(x) for x in values]


def complex_tensor(x: Any) -> Any:
    """A value as a complex tensor of its precision."""
    return tensor(x, np.result_type(float_type(x), np.complex64))


def cast(x: Any, dtype: Any) -> Any:
    """A tensor in another dtype, as ``x.astype(dtype)``; the real part where it becomes real."""
    if dtype is None:
        return x
    dtype = tf.as_dtype(np.dtype(dtype))  # to TensorFlow itself `float` is a float32
    if x.dtype == dtype:
        return x
    if x.dtype.is_complex and not dtype.is_complex:
        x = tf.not_equal(x, 0) if dtype.is_bool else tf.math.real(x)
    if x.dtype.is_floating and dtype.is_unsigned:  # NumPy wraps negative numbers, XLA would not
        x = tf.cast(x, tf.int64)
    return tf.cast(x, dtype)


def number(x: Any, name: str) -> Any:
    """The value of a tensor that Python needs now.

    Raises:
        TensorError: it is known only when the compiled function runs.
    """
    if not holds_tensor(x):
        return x
    if isinstance(x, (list, tuple)):
        return type(x)(number(part, name) for part in x)
    value = tf.get_static_value(x)
    if value is None:
        raise TensorError(
            f"{name} needs a value that is known only when the compiled function runs"
        )
    return value[()]


def static(x: Any) -> Any:
    """NumPy's value of a tensor if it is known while tracing, else None."""
    return tf.get_static_value(x) if is_tensor(x) else np.asarray(x)


# Shapes


def shape(x: Any) -> tuple:
    """Lengths of the axes: numbers, where they are known, else scalar tensors."""
    if not is_tensor(x):
        if not holds_tensor(x):
            return tuple(np.shape(x))
        if not isinstance(x, (list, tuple)):
            raise TensorError("an operator or a property of an object, where an array is expected")
        return (len(x), *shape(x[0]))
    if x.shape.rank is None:
        raise TensorError("the rank of a tensor must be known")
    known = x.shape.as_list()
    if None not in known:
        return tuple(known)
    measured = tf.shape(x, tf.int64)
    return tuple(weak(measured[i], int) if n is None else n for i, n in enumerate(known))


def is_static(lengths: Any) -> bool:
    """Are all lengths known while tracing?"""
    return not any(map(is_tensor, lengths))


def differ(n: Any, m: Any) -> bool:
    """Are two lengths known to be different? One that is known at run time alone may be any but 1."""
    if is_tensor(n) or is_tensor(m):
        return (not is_tensor(n) and n == 1) or (not is_tensor(m) and m == 1)
    return n != m


def same_shape(one: Any, other: Any) -> bool:
    """Are two shapes equal, as far as is known?"""
    return len(one) == len(other) and not any(map(differ, one, other))


def is_one(n: Any) -> bool:
    """Is a length known to be one?"""
    return not is_tensor(n) and n == 1


def ndim(x: Any) -> int:
    """The number of axes."""
    return len(shape(x))


def axis_number(axis: Any, rank: int) -> int:
    """An axis counted from the front.

    Raises:
        np.exceptions.AxisError: there is no such axis.
    """
    axis = int(number(axis, "an axis"))
    if not -rank <= axis < rank:
        raise np.exceptions.AxisError(axis, rank)
    return axis % rank


def axis_numbers(axis: Any, rank: int) -> list[int]:
    """Axes of a reduction; all, if it is None."""
    if axis is None:
        return list(range(rank))
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    if rank == 0:  # NumPy lets a reduction of a scalar name axis 0 or -1
        return []
    return [axis_number(a, rank) for a in axes]


def check_lengths(lengths: Any) -> None:
    """Lengths that are known at run time alone must come from those of arrays, not from values.

    Raises:
        TensorError: one of them is computed from the elements of an array.
    """
    if not all(map(is_measured, lengths)):
        raise TensorError(
            "a shape depends on a value that is known only when the compiled function runs"
        )


def is_measured(n: Any) -> bool:
    """Is a length known while tracing, or computed from the lengths of arrays alone?"""
    if not is_tensor(n) or tf.get_static_value(n) is not None:
        return True
    pending, seen = [n], set()
    while pending:
        x = pending.pop()
        if id(x) in seen or x.op.type in ("Shape", "Size", "Const"):
            continue
        seen.add(id(x))
        if x.op.type == "Placeholder":  # in a loop's own graph: what it has taken from outside
            outer = [outside for outside, inside in x.graph.captures if inside is x]
        else:
            outer = list(x.op.inputs)
        if not outer:
            return False
        pending += outer
    return True


def where_lengths_allow(x: Any, ok: Any) -> Any:
    """`x`, from a program that XLA does not compile for lengths of axes for which `ok` is false.

    A compiled program raises nothing, but its lengths are constants: so a shape that is then
    impossible is the error.
    """
    size = tf.size(x, tf.int64)
    flat = tf.reshape(tf.reshape(x, [-1]), tf.where(ok, size, size + 1)[None])
    return tf.ensure_shape(tf.reshape(flat, tf.shape(x)), x.shape)


def assume_equal(x: Any, pairs: Any) -> Any:
    """`x`, where pairs of lengths are equal as far as they are known at run time alone."""
    unknown = [(n, m) for n, m in pairs if is_tensor(n) or is_tensor(m)]
    if not unknown:
        return x
    ok = [tf.equal(tf.cast(n, tf.int64), tf.cast(m, tf.int64)) for n, m in unknown]
    return where_lengths_allow(x, tf.reduce_all(tf.stack(ok)))


def reshape(x: Any, lengths: Any) -> Any:
    """``tf.reshape`` for lengths that are numbers or scalar tensors."""
    if all(not is_tensor(n) for n in lengths):
        return tf.reshape(x, [int(n) for n in lengths])
    check_lengths(lengths)
    return tf.reshape(x, tf.stack([tf.cast(n, tf.int64) for n in lengths]))


def broadcast(*values: Any) -> list:
    """Tensors of a common shape."""
    shapes = [shape(x) for x in values]
    if all(not is_tensor(n) for lengths in shapes for n in lengths):
        common = np.broadcast_shapes(*shapes)
        return [x if shape(x) == common else tf.broadcast_to(x, common) for x in values]
    common = functools.reduce(tf.broadcast_dynamic_shape, [tf.shape(x, tf.int64) for x in values])
    return [tf.broadcast_to(x, common) for x in values]


def rows_of(x: Any) -> list:
    """The rows of a tensor.

    Raises:
        TensorError: how many there are is known only when the compiled function runs.
    """
    if x.shape[0] is None:
        raise TensorError("a loop over an array whose length is known only at run time")
    return tf.unstack(x)


def lengths_of(lengths: Any) -> Any:
    """A shape argument as a list."""
    if is_tensor(lengths):
        lengths = rows_of(lengths) if lengths.shape.rank else [lengths]
    return list(lengths) if isinstance(lengths, (list, tuple, np.ndarray)) else [lengths]


def broadcast_to(x: Any, lengths: Any) -> Any:
    """``np.broadcast_to``."""
    x, lengths = tensor(x), lengths_of(lengths)
    if any(map(is_tensor, lengths)):
        check_lengths(lengths)
        own = [(n, m) for n, m in zip(shape(x)[::-1], lengths[::-1], strict=False) if not is_one(n)]
        x = assume_equal(x, own)
        return tf.broadcast_to(x, tf.stack([tf.cast(n, tf.int64) for n in lengths]))
    lengths = [int(n) for n in lengths]
    if is_static(shape(x)) and shape(x) == tuple(lengths):
        return x
    own = zip(shape(x)[::-1], lengths[::-1], strict=False)
    x = assume_equal(x, [(n, m) for n, m in own if not is_one(n)])
    if ndim(x) > len(lengths):
        raise ValueError("input operand has more dimensions than allowed by the axis remapping")
    return tf.broadcast_to(x, lengths)


# Elementwise functions


@functools.lru_cache(maxsize=10_000)
def loop_types(ufunc: np.ufunc, kinds: tuple) -> tuple:
    """The dtypes of operands and result with which NumPy runs a ufunc."""
    if isinstance(kinds[0], type) and all(isinstance(k, type) for k in kinds):
        kinds = tuple(np.dtype(k) for k in kinds)  # Python's numbers alone: float64, int64
    return ufunc.resolve_dtypes((*kinds, *(None,) * ufunc.nout))


# TensorFlow lacks kernels for some types. Small integers are computed in int64, where every
# operation of theirs is exact, and NumPy itself computes float16 in float32.
WIDER = {np.dtype(t): np.dtype(np.int64) for t in ("i1", "i2", "u1", "u2", "u4")}
WIDER[np.dtype(bool)] = np.dtype(np.int64)
WIDER[np.dtype(np.float16)] = np.dtype(np.float32)


def as_ufunc(ufunc: np.ufunc, body: Callable) -> Callable:
    """A function of tensors of one dtype, made a ufunc: conversions before and after it."""

    signature = inspect.signature(body)

    def lowered(*operands: Any, **options: Any) -> Any:
        if options or len(operands) != ufunc.nin:
            operands = tuple(signature.bind(*operands, **options).arguments.values())
        check_either(lambda kinds: loop_types(ufunc, tuple(kinds)), operands)
        types = loop_types(ufunc, tuple(map(kind_of, operands)))
        inputs = [
            cast(tensor(x, t), t if ufunc is np.invert and t.kind == "b" else WIDER.get(t, t))
            for x, t in zip(operands, types, strict=False)
        ]
        return cast(body(*inputs), types[-1])

    lowered.__name__ = lowered.__qualname__ = body.__name__
    return lowered


def with_python_numbers(function: Callable, name: str, module: str) -> Callable:
    """A function of Python's: of numbers it gives numbers, and `math` always does."""

    def lowered(*args: Any, **kwargs: Any) -> Any:
        ans = function(*args, **kwargs)
        if not is_tensor(ans):
            return ans
        if module == "operator" and not all(map(is_python_number, args)):
            both = all(is_python_number(a) or may_be_number(a) for a in args)
            return either(ans, PYTHON[dtype_of(ans).kind]) if both else ans
        if module == "math" and name != "math.prod":
            ans = cast(ans, MATH_RESULTS.get(name, float))
        kind = dtype_of(ans).kind
        return weak(ans, PYTHON[kind]) if kind in "ifc" else ans

    lowered.__name__ = lowered.__qualname__ = name
    return lowered


MATH_RESULTS = {
    **dict.fromkeys(("math.floor", "math.ceil", "math.trunc"), int),
    **dict.fromkeys(("math.isnan", "math.isinf", "math.isfinite", "math.isclose"), bool),
}


def is_python_number(x: Any) -> bool:
    """Is the value a Python number, or a tensor that stands for one?"""
    return x.__class__ is bool or number_type(x) is not None
