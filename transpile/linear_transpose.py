"""`linear_transpose`: the transpose of a function that is linear."""

from __future__ import annotations

from typing import Any

import numpy

from redraft import runtime
from redraft.runtime.specs import ShapeDtypeStruct
from redraft.transpile import api
from redraft.transpile.analysis.linear import check_linear
from redraft.transpile.front.source import read_source
from redraft.transpile.function import Unit
from redraft.transpile.function_values import register
from redraft.transpile.linearize import SCALARS, check_fit
from redraft.transpile.pullback import Pullback


class Transpose(Pullback):
    """What `linear_transpose` returns: cotangent of the result -> cotangents of the arguments."""

    def __call__(self, ans_bar: Any) -> tuple:
        self.check(ans_bar)
        return super().__call__(ans_bar)

    def check(self, ans_bar: Any) -> None:
        """Raise `TypeError` where a cotangent does not fit the result, as JAX's function does."""
        check_fit(ans_bar, self.value, "the cotangent", "the result", TypeError)


register(Transpose)


def linear_transpose(fun: Any, *primals: Any, reduce_axes: Any = ()) -> Any:
    """The transpose of a linear function.

    Args:
        fun: a Python function that is linear in its arguments, taken together. It is checked line
            by line: sums, products with constants, changes of shape, sums over axes, branches and
            loops that do not depend on values.
        primals: arrays, or `ShapeDtypeStruct` in their place: of the arguments, only structure,
            shapes and dtypes count.
        reduce_axes: accepted for compatibility with JAX; only ``()`` is meaningful.

    Returns:
        A function from a cotangent of the result to the tuple of the arguments' cotangents.

    Raises:
        TransformError: at the line that is not linear.
        TypeError: an argument or the result does not hold floating-point or complex numbers.
    """
    if not callable(fun):
        raise TypeError(f"linear_transpose expects a function, got {type(fun).__name__}")
    zeros = tuple(map(zeros_of, primals))
    check_numbers(zeros, "the arguments", fun)
    check_function(fun, zeros)
    value, pull = api.vjp(fun, *zeros)
    check_numbers(value, "the result", fun)
    return Transpose(pull.function, pull.saved, value, zeros, pull.places)


def zeros_of(primal: Any) -> Any:
    """Zeros with the structure, shapes and dtypes of an argument or its description."""
    from redraft.transpile.jit_call import mapped

    return mapped(zeros_of_leaf, primal)


def zeros_of_leaf(leaf: Any) -> Any:
    """Zeros for a number, an array or the description of one.

    Raises:
        TypeError: it is something else.
    """
    if isinstance(leaf, ShapeDtypeStruct):
        return numpy.zeros(leaf.shape, leaf.dtype)
    if isinstance(leaf, SCALARS):
        return type(leaf)(0)
    if isinstance(leaf, (numpy.ndarray, numpy.generic)):
        return numpy.zeros_like(leaf) if leaf.ndim else leaf.dtype.type(0)
    raise TypeError(
        "linear_transpose takes numbers, arrays, ShapeDtypeStructs and containers of them; got "
        f"{type(leaf).__name__}"
    )


def check_numbers(tree: Any, what: str, fun: Any) -> None:
    """Refuse integers: their cotangents would be floats."""
    for leaf in runtime.leaves(tree):
        dtype = numpy.asarray(leaf).dtype
        if dtype.kind not in "fc":
            name = getattr(fun, "__name__", "the function")
            raise TypeError(
                f"linear_transpose only supports functions from float or complex to float or "
                f"complex; {what} of `{name}` hold {dtype}"
            )


def check_function(fun: Any, zeros: tuple) -> None:
    """Refuse a function that is not linear in its arguments."""
    target = api.target_of(fun, len(zeros))
    source = read_source(target.function)
    arguments = source.node.args
    own = [a.id for a in (*arguments.posonlyargs, *arguments.args)][len(target.leading) :]
    names = own[: len(zeros)]
    if len(zeros) > len(own) and arguments.vararg is not None:
        names.append(arguments.vararg.id)
    check_linear(source, names, Unit())


__all__ = ["Transpose", "linear_transpose"]
