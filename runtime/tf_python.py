"""Python's builtins on tensors. What gives a Python number gives a tensor that stands for one."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import tensorflow as tf

from redraft.runtime import numpy as rnp
from redraft.runtime.tensors import TensorError, is_tensor
from redraft.runtime.tf_arrays import (
    cast,
    dtype_of,
    either,
    is_python_number,
    ndim,
    number,
    number_type,
    rows_of,
    shape,
    tensor,
    weak,
)


def as_python_number(x: Any) -> Any:
    """A scalar as the Python number that ``x.item()`` gives."""
    kind = dtype_of(x).kind
    if kind == "b":
        return x
    number_kind = {"f": float, "c": complex}.get(kind, int)
    return weak(cast(x, number_kind), number_kind)


def scalar(x: Any, what: str) -> Any:
    """A tensor with one element as one without axes."""
    x = tensor(x)
    if ndim(x) > 0:
        raise TypeError(f"only 0-dimensional arrays can be converted to Python scalars: {what}")
    return x


def float_(x: Any) -> Any:
    """``float(x)``."""
    return weak(cast(scalar(x, "float"), float), float)


def int_(x: Any) -> Any:
    """``int(x)``: towards zero."""
    return weak(cast(scalar(x, "int"), int), int)


def complex_(re: Any, im: Any) -> Any:
    """``complex(re, im)``."""
    parts = cast(scalar(re, "complex"), complex) + 1j * cast(tensor(im), complex)
    return weak(parts, complex)


def bool_(x: Any) -> Any:
    """``bool(x)``."""
    return cast(scalar(x, "bool"), bool)


def round_(x: Any, ndigits: Any) -> Any:
    """``round(x)``: an integer unless digits are given."""
    if ndigits is not None:
        return rnp.round(x, ndigits)
    return int_(rnp.rint(x))


def length(x: Any) -> Any:
    """``len(x)``."""
    if ndim(x) == 0:
        raise TypeError("len() of unsized object")
    return shape(x)[0]


def total(values: Any, start: Any) -> Any:
    """``sum(values, start)``."""
    parts = rows_of(values) if is_tensor(values) else values
    return functools.reduce(rnp.operator.add, parts, start)


def extreme(values: tuple, largest: bool) -> Any:
    """``max`` or ``min`` of several values or of one sequence: the first of equals."""
    if len(values) == 1:
        values = rows_of(values[0]) if is_tensor(values[0]) else values[0]
    better = rnp.operator.gt if largest else rnp.operator.lt
    values, number = of_one_kind(values)

    def choose(best: Any, v: Any) -> Any:
        chosen = rnp.where(better(v, best), v, best)
        both = is_python_number(v) and is_python_number(best)
        return as_python_number(chosen) if both else chosen

    ans = functools.reduce(choose, values)
    return ans if number is None else either(ans, number)


def of_one_kind(values: Any) -> tuple[Any, type | None]:
    """Values of which any may be the result, and a type that the result may stand for as well.

    A Python float among numbers of float64 becomes one of them. With other dtypes, the dtype of the
    result would depend on the values.
    """
    kinds = {number_type(v) or dtype_of(v) for v in values}
    numbers = {k for k in kinds if isinstance(k, type)}
    if len(kinds) < 2 or numbers == kinds:
        return values, None
    strong = kinds - numbers
    if len(strong) == 1 and {np.dtype(k) for k in numbers} == strong:
        return [tensor(v, *strong) for v in values], *numbers
    raise TensorError("max and min of values of different types have a type that is not known")


def product(values: Any) -> Any:
    """``math.prod(values)``."""
    parts = rows_of(values) if is_tensor(values) else values
    return functools.reduce(rnp.operator.mul, parts, 1)


def hypot(coordinates: tuple) -> Any:
    """``math.hypot`` of any number of coordinates."""
    return functools.reduce(rnp.hypot, [rnp.types.float64(c) for c in coordinates], 0.0)


def any_of(values: Any) -> Any:
    """``any(values)``."""
    return tf.reduce_any(rnp.astype(scalars(values), bool))


def all_of(values: Any) -> Any:
    """``all(values)``."""
    return tf.reduce_all(rnp.astype(scalars(values), bool))


def scalars(values: Any) -> Any:
    """A vector, of which Python asks each element for its truth."""
    if ndim(values) != 1:
        raise ValueError("the truth value of an array with more than one element is ambiguous")
    return tensor(values)


def is_instance(x: Any, kind: Any) -> bool:
    """``isinstance(x, kind)``: a tensor passes for an array, one for a number for that."""
    if not is_tensor(x):
        return isinstance(x, kind)
    stands_for = number_type(x)
    return isinstance(x, kind) or issubclass(stands_for or np.ndarray, kind)


def rows(x: Any) -> list:
    """The rows of an array, over which a loop runs."""
    return rows_of(tensor(x))


def shown(x: Any, function: Any) -> Any:
    """A function of Python's that needs the value."""
    return function(number(x, "this"))


def index(x: Any) -> Any:
    """``operator.index(x)``."""
    x = scalar(x, "index")
    if not x.dtype.is_integer:
        raise TypeError(f"{x.dtype.name} cannot be interpreted as an integer")
    return weak(tf.cast(x, tf.int64), int)


def contains(x: Any, y: Any) -> Any:
    """``y in x``."""
    return tf.reduce_any(rnp.equal(x, y))


def member(x: Any, name: str) -> Any:
    """``itemsize`` or ``nbytes``."""
    size = dtype_of(x).itemsize
    return size if name == "itemsize" else size * rnp.size(x)
