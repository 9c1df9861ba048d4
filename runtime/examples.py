"""Helpers of batched code: what all examples share, once per example, and tests of a batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from redraft.runtime.cotangents import seed
from redraft.runtime.refusals import refusal
from redraft.runtime.tree import leaves


def per_example(x: Any, count: int) -> Any:
    """A copy of `x` for each of `count` examples; of the arrays in a list, tuple or dict."""
    if isinstance(x, dict):
        return {k: per_example(v, count) for k, v in x.items()}
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*(per_example(v, count) for v in x))
    if isinstance(x, (list, tuple)):
        return type(x)(per_example(v, count) for v in x)
    if x is None or isinstance(x, str):
        return x
    return np.repeat(np.asarray(x)[None], count, axis=0)


def sum_of_examples(z_bar: Any, x: Any) -> Any:
    """The transposed map of `per_example`."""
    if isinstance(x, dict):
        return {k: sum_of_examples(z_bar[k], v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [sum_of_examples(b, v) for b, v in zip(z_bar, x, strict=True)]
    return np.sum(z_bar, axis=0)


def batch_size(x: Any) -> int:
    """Number of examples in the arrays of a container."""
    return len(leaves(x)[0])


def seed_each(ans: Any, lead: int = 1) -> Any:
    """The cotangent of a batch of scalar results: ones.

    Raises:
        TypeError: the result of an example is not a real scalar.
    """
    seed(np.zeros(np.shape(ans)[lead:], np.asarray(ans).dtype))
    return np.ones_like(ans)


def basis(x: Any, before: int = 0, size: Any = None, holomorphic: bool = False) -> Any:
    """The unit vectors of a space, one after the other, as far as they lie along `x`.

    Args:
        x: a number or array: all of the space, or a part of it.
        before: number of directions that come before those of `x`.
        size: number of all directions; None if `x` is all there is.
        holomorphic: `x` is complex.

    Returns:
        An array of shape ``(size, *x.shape)``, with the dtype of `x`.

    Raises:
        TypeError: `x` is a container, or does not hold floating-point numbers.
    """
    only_array(x)
    x = np.asarray(x)
    check_basis(x.dtype, holomorphic)
    size = x.size if size is None else size
    return np.eye(size, x.size, -before, x.dtype).reshape(size, *x.shape)


def only_array(x: Any) -> None:
    """Refuse lists, tuples and dicts where a Jacobian was written for arrays.

    Raises:
        TypeError: it is one.
    """
    if isinstance(x, (list, tuple, dict)):
        raise TypeError(
            f"a Jacobian was written for an array, and got a {type(x).__name__}: call the Jacobian "
            "itself with its arguments, or unpack it into arrays"
        )


def check_basis(dtype: Any, holomorphic: bool) -> None:
    """Refuse numbers along which there is no derivative.

    Raises:
        TypeError: integers; or complex numbers without `holomorphic`, real ones with it.
    """
    if holomorphic and dtype.kind != "c":
        raise TypeError(
            "a Jacobian with holomorphic=True requires complex arguments and results, got "
            f"{dtype.name}"
        )
    if dtype.kind == "c" and not holomorphic:
        raise TypeError(
            f"a Jacobian requires real arguments and results, got {dtype.name}. Use "
            "holomorphic=True for the derivative of a holomorphic function, or rd.vjp"
        )
    if dtype.kind not in "fc":
        raise TypeError(
            f"a Jacobian requires floating-point arguments and results, got {dtype.name}"
        )


def jacobian_of_columns(columns: Any, x: Any, lead: int = 0) -> Any:
    """A Jacobian from its columns: the directions of `x` become the last axes.

    Args:
        columns: derivatives of the result along the directions.
        x: the argument.
        lead: number of batch axes of the columns.
    """
    shape = np.shape(columns)
    inner = shape[:lead] + shape[lead + 1 :] + np.shape(x)
    return np.reshape(np.moveaxis(columns, lead, -1), inner)


def columns_of_jacobian(jacobian: Any, columns: Any, lead: int = 0) -> Any:
    """The inverse of `jacobian_of_columns`."""
    shape = np.shape(columns)
    flat = np.reshape(jacobian, shape[:lead] + shape[lead + 1 :] + shape[lead : lead + 1])
    return np.moveaxis(flat, -1, lead)


def jacobian_of_rows(rows: Any, ans: Any, x: Any) -> Any:
    """A Jacobian from its rows: the directions of the result become the first axes."""
    return np.reshape(rows, np.shape(ans) + np.shape(x))


def no_columns(y_dot: Any, x: Any) -> Any:
    """The Jacobian of a constant, from its tangent."""
    only_array(y_dot)
    dtype = np.result_type(y_dot)
    return np.zeros(np.shape(y_dot) + np.shape(x), dtype if dtype.kind in "fc" else float)


def no_rows(ans: Any, x: Any) -> Any:
    """The Jacobian of what does not depend on `x`."""
    only_array(ans)
    dtype = np.result_type(x)
    return np.zeros(np.shape(ans) + np.shape(x), dtype if dtype.kind in "fc" else float)


def only_arrays(*xs: Any) -> None:
    """Refuse lists, dicts and other objects where code was written for arrays.

    Raises:
        TypeError: a batched argument is something else than an array.
    """
    for x in xs:
        if not hasattr(x, "shape") and not isinstance(x, (int, float, complex)):
            raise TypeError(
                f"vmap: this code was written for arrays, and got a {type(x).__name__}; say what it "
                "holds with a tree of axes in in_axes"
            )


def same_shape(x: Any, y: Any, rank: int | None = None) -> None:
    """Refuse two values of which some examples get the one and some the other, unless they fit.

    Args:
        x: a batch of arrays, or a single one.
        y: the same.
        rank: the number of axes of one example; if it is not known, both are taken for batches.

    Raises:
        TransformError: the axes of one example, which are the last ones, have different lengths.
    """
    of_x, of_y = np.shape(x), np.shape(y)
    count = min(len(of_x), len(of_y)) - (len(of_x) == len(of_y)) if rank is None else rank
    if count <= 0 or of_x[-count:] == of_y[-count:]:
        return
    if not (_is_blank(x, count) or _is_blank(y, count)):
        raise refusal(
            f"a value of shape {of_x[-count:]} for some examples, and {of_y[-count:]} for others",
            "give it the same shape for all examples",
        )


def _is_blank(x: Any, count: int) -> bool:
    """Is this what stands for the values of examples that have none yet (see `blank` of the pass)?"""
    return np.result_type(x).kind == "b" and set(np.shape(x)[-count:]) <= {1}


def truths(x: Any, lead: int = 1) -> Any:
    """The truth of each example's number, as booleans.

    Raises:
        ValueError: the value of an example is an array of several elements.
    """
    shape = np.shape(x)
    if np.prod(shape[lead:], dtype=int) != 1:
        raise ValueError(
            "the truth value of an array with more than one element is ambiguous: use `np.any` or `np.all`"
        )
    return np.reshape(x, shape[:lead]).astype(bool)


def place_of(index: Any, masks: Any, active: Any = True) -> Any:
    """Where each example's entry number `index` stands in a list of entries.

    Args:
        index: a number, or one per example; negative ones count from the end.
        masks: for every entry, which examples have it.
        active: the examples that ask.

    Raises:
        IndexError: an example that asks has no such entry.
    """
    here = np.stack(masks)
    count = np.add.reduce(here, 0)
    index = np.where(np.less(index, 0), index + count, index)
    if np.any(active & ((index < 0) | (index >= count))):
        raise IndexError("list index out of range")
    return np.argmax(here & (np.cumsum(here, 0) == index + 1), 0)


def behind_batch(index: Any) -> tuple:
    """An index of one example as an index of the batch."""
    return (slice(None), *(index if isinstance(index, tuple) else (index,)))
