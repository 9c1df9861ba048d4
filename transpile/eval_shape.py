"""`eval_shape`: shapes and dtypes of a result, from those of the arguments.

The function is traced as `jit` traces it, and nothing is compiled or computed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from redraft.runtime.specs import ShapeDtypeStruct, spec_of
from redraft.runtime.tensors import is_tensor
from redraft.transpile import jit as jitting
from redraft.transpile import jit_call
from redraft.transpile.errors import TransformError
from redraft.transpile.staged import by_file


def eval_shape(fun: Callable, *args: Any, **kwargs: Any) -> Any:
    """The result of ``fun(*args, **kwargs)`` with its shapes and dtypes, without computing it.

    Args:
        fun: a Python function, or a transformed one.
        args: trees of arrays, numbers and what has a `shape` and a `dtype`, such as `ShapeDtypeStruct`.
        kwargs: in the same way.

    Returns:
        The result with a `ShapeDtypeStruct` in place of each array and number. Numbers have the
        dtypes that NumPy gives them: float64 for a Python float.

    Raises:
        TransformError: shapes do not fit together, or `fun` does what cannot be traced; the error
            shows the user's line.
        TypeError: an argument, or a part of the result, is no number, array or container of them.
        MissingTensorFlow: TensorFlow, which traces, is not installed.
    """
    if not callable(fun):
        raise TypeError(f"eval_shape expects a function, got {type(fun).__name__}")
    return shapes_of(fun, args, kwargs, ())


def shapes_of(fun: Callable, args: tuple, kwargs: dict[str, Any], static: tuple[int, ...]) -> Any:
    """As `eval_shape`; arguments at the positions `static` are part of the program."""
    args = tuple(
        x if i in static else jit_call.mapped(_without_memory, x) for i, x in enumerate(args)
    )
    kwargs = {k: jit_call.mapped(_without_memory, x) for k, x in kwargs.items()}
    try:
        lowered = jitting.jit(fun, static_argnums=static).lower(*args, **kwargs)
    except TransformError:
        raise
    except (TypeError, ValueError, IndexError) as error:
        raise _located(error) from None
    return jit_call.mapped(described_result, lowered.out_info)


def _without_memory(x: Any) -> Any:
    """A traced tensor's shape and dtype: the trace that goes on now has nothing to do with it."""
    if is_tensor(x):
        return ShapeDtypeStruct(tuple(x.shape.as_list()), np.dtype(x.dtype.as_numpy_dtype))
    return x


def described_result(x: Any) -> Any:
    """The description of a leaf of the result.

    Raises:
        TypeError: it is no array and no number.
    """
    if x is None:
        return None
    if hasattr(x, "shape") and hasattr(x, "dtype"):
        return spec_of(x)
    if isinstance(x, (bool, int, float, complex)):
        return spec_of(x)
    raise TypeError(
        f"eval_shape: the result holds a {type(x).__name__}, which is no number and no array"
    )


def _located(error: Exception) -> Exception:
    """An error of a trace at the user's line; the user's own errors as they are."""
    text = str(error)
    if text.startswith("jit: "):
        text = text.removeprefix("jit: ").partition("; name it in static_argnums")[0]
        return TypeError(
            f"eval_shape: {text}; give such arguments by a lambda or functools.partial"
        )
    place = jitting.place_of(error)
    if place is None or _is_raised_by_user(error):
        return error
    return TransformError(_plain(text), place, "look at the shapes of what this line works on")


def _is_raised_by_user(error: Exception) -> bool:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code.co_filename in by_file


lengths = re.compile(r"\[([\d,]*)\]").findall


def _plain(text: str) -> str:
    """What TensorFlow says of shapes, without the names of its nodes."""
    shapes = re.search(r"with input shapes: (.*?)\.?$", text)
    if shapes is None:
        return text
    found = [tuple(map(int, part.split(",") if part else ())) for part in lengths(shapes[1])]
    return f"operands whose shapes do not fit together: {', '.join(map(str, found))}"


__all__ = ["eval_shape"]
