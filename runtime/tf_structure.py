"""Cotangents of structures that hold tensors: the helpers of cotangents.py with tensors as leaves.

The structures are walked by the very functions that walk them on arrays: their text is read once
more with the functions of this module in place of the ones that treat a leaf.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from redraft.runtime import cotangents, examples, shapes
from redraft.runtime import numpy as rnp
from redraft.runtime.growing import Growing, Segment
from redraft.runtime.memory import current, is_array
from redraft.runtime.stop_gradient import stop_gradient as of_any_leaf
from redraft.runtime.tensors import is_tensor
from redraft.runtime.tf_arrays import (
    broadcast_to,
    cast,
    dtype_of,
    is_complex,
    is_floating,
    ndim,
    number_type,
    shape,
    tensor,
)
from redraft.runtime.tf_helpers import unbroadcast
from redraft.runtime.tf_indexing import add_at, beside, getitem, set_at, traced_mask
from redraft.runtime.tf_jit import listed_rows
from redraft.runtime.tf_shapes import full

# Leaves


def zeros_of(x: Any) -> Any:
    """Zero cotangent of a tensor; integers get floating zeros."""
    if number_type(x) is not None:
        return 0.0
    return full(shape(x), 0.0, dtype_of(x) if is_floating(x) else float)


def zeros_of_list(x: Growing, zeros: Callable) -> Any:
    """Zero cotangents of the elements of a list that a loop has filled."""
    found = x.with_parts([])
    for part in x.parts:
        if not isinstance(part, Segment):
            found.parts.append(zeros(part))
        elif all(is_floating(stack) for stack in part.spread().stacks):
            stacks = [tf.zeros_like(stack) for stack in part.spread().stacks]
            found.parts.append(Segment(stacks, part.build, part.key, part.length))
        else:
            return list(map(zeros, x))
    return found


def own_rows(x: Segment) -> Segment:
    """The same elements, with memory of their own."""
    stacks = [tf.identity(stack) for stack in x.spread().stacks]
    return Segment(stacks, x.build, x.key, x.length, bound=x.bound)


def sum_of_lists(a: Any, b: Any) -> Growing | None:
    """The sum of the elements of two lists, if both are segments of one kind; else None."""
    first = a.segment() if isinstance(a, Growing) else None
    second = b.segment() if isinstance(b, Growing) and first is not None else None
    if first is None or second is None:
        return None
    first, second = first.spread(), second.spread()
    if first.key != second.key or first.size != second.size:
        return None
    if first.length is not second.length and first.length != first.size:
        return None
    if not all(map(is_floating, first.stacks)):
        return None
    pairs = zip(first.stacks, second.stacks, strict=True)
    stacks = [x[: first.size] + y[: first.size] for x, y in pairs]
    return a.with_parts([Segment(stacks, first.build, first.key, first.length)])


def items_of_tensor(x: Any) -> Any:
    """The rows of a tensor."""
    return listed_rows(x) if isinstance(shape(x)[0], int) else tf.unstack(x)


def sum_of(a: Any, b: Any) -> Any:
    """Sum of two cotangents; None is zero."""
    return b if a is None else a if b is None else rnp.operator.add(a, b)


def leaf_like(x_bar: Any, x: Any) -> Any:
    """A cotangent of a tensor; zeros in place of None."""
    if not is_tensor(x):
        return x_bar
    return (
        zeros_of(x) if x_bar is None else tensor(x_bar, None if is_tensor(x_bar) else dtype_of(x))
    )


def gradient_of(x_bar: Any, x: Any) -> Any:
    """A gradient with the shape and the type of its argument."""
    if x_bar is None:
        x_bar = 0.0
    if not is_tensor(x):
        return x_bar
    number = number_type(x)
    if number is not None:  # a Python number has no dtype to convert to
        is_real = number is float and is_tensor(x_bar) and is_complex(x_bar)
        return 0.0 if number is int else rnp.real(x_bar) if is_real else x_bar
    bar = tensor(x_bar)
    bar = rnp.real(bar) if is_complex(bar) and not is_complex(x) else bar
    return broadcast_to(cast(bar, dtype_of(x) if is_floating(x) else float), shape(x))


def parts_of_rows(x: Any, parts: Any) -> Any:
    """Cotangent of a tensor from those of its rows."""
    return stack_of_rows(parts, dtype_of(x), shape(x)[1:])


def stack_of_rows(items: Any, dtype: Any, row: Sequence) -> Any:
    """Items, each broadcast to the shape of a row, as one array."""
    whole = items.stacked() if isinstance(items, Growing) else None
    if whole is not None and tuple(shape(whole)[1:]) == tuple(row):
        return cast(whole, dtype)
    return tf.stack([broadcast_to(tensor(item, dtype), row) for item in items])


def rows_of_items(x: Any, items: Any, last: bool) -> Any:
    """Cotangent of `x` from those of its first or last rows; the others are zero."""
    dtype = dtype_of(x) if is_floating(x) else np.dtype(float)
    counted = items.counted() if isinstance(items, Growing) else None
    if counted is not None and is_tensor(counted[1]):
        return rows_that_count(x, cast(counted[0], dtype), counted[1], last)
    missing = shape(x)[0] - len(items)
    zeros = full((missing, *shape(x)[1:]), 0.0, dtype)
    if not len(items):
        return zeros
    rows = stack_of_rows(items, dtype, shape(x)[1:])
    return tf.concat([zeros, rows] if last else [rows, zeros], 0)


def rows_that_count(x: Any, rows: Any, count: Any, last: bool) -> Any:
    """As `rows_of_items`, where a number of the rows counts that is known at run time alone."""
    row = tuple(shape(x)[1:])
    rows = tf.broadcast_to(
        tf.reshape(rows, [shape(rows)[0], *fitting(rows, row)]), [shape(rows)[0], *row]
    )
    places = tf.range(shape(x)[0], dtype=tf.int64)
    places = places - (shape(x)[0] - count) if last else places
    counts = tf.logical_and(places >= 0, places < count)
    inside = tf.clip_by_value(places, 0, shape(rows)[0] - 1)
    return tf.where(beside(counts, x), tf.gather(rows, inside), tf.zeros([], rows.dtype))


def fitting(rows: Any, row: tuple) -> list[int]:
    """The lengths of the rows, with axes of length one in front, as many as a row of another has."""
    own = list(shape(rows)[1:])
    return [1] * (len(row) - len(own)) + own


def item_bar(x_bar: Any, index: Any, value: Any, last: bool = True) -> Any:
    """Cotangent of a `value` that ``x[index] = value`` wrote, or (not `last`) added."""
    x_bar = tensor(x_bar)
    mask = traced_mask(index)
    if mask is not None:
        chosen = tf.where(beside(mask, x_bar), x_bar, tf.zeros_like(x_bar))
        return unbroadcast(tf.reduce_sum(chosen, list(range(ndim(mask)))), value)
    part = getitem(x_bar, index)
    if last and names_places_twice(index):
        part = tf.where(last_ones(shape(x_bar), index), part, tf.zeros_like(part))
    return unbroadcast(part, value)


def names_places_twice(index: Any) -> bool:
    """May an index name an element more than once?"""
    items = index if isinstance(index, tuple) else (index,)
    return any(isinstance(i, list) or (ndim_of(i) and dtype_of(i).kind != "b") for i in items)


def ndim_of(item: Any) -> int:
    """The number of axes of an item of an index."""
    return ndim(item) if is_tensor(item) or isinstance(item, np.ndarray) else 0


def last_ones(lengths: tuple, index: Any) -> Any:
    """Where is an element of ``x[index]`` the last one that names its place?"""
    size = int(np.prod(lengths))
    places = getitem(tf.reshape(tf.range(size), lengths), index)
    order = tf.reshape(tf.range(tf.size(places)), tf.shape(places))
    winner = tf.tensor_scatter_nd_max(tf.zeros([size], tf.int32), places[..., None], order)
    return tf.equal(tf.gather(winner, places), order)


def unitem_bar(z_bar: Any, x_bar: Any, index: Any, last: bool = True) -> Any:
    """Transpose of `item_bar`: `z_bar` at `index`, zeros elsewhere."""
    zeros = zeros_of(tensor(x_bar))
    return set_at(zeros, index, z_bar) if last else add_at(zeros, index, z_bar)


def seed(ans: Any) -> Any:
    """The cotangent of a scalar result: one.

    Raises:
        TypeError: the result is not a real scalar.
    """
    return cotangents.seed(representative(ans))


def seed_holomorphic(ans: Any) -> Any:
    """The cotangent of a complex scalar result: one."""
    return cotangents.seed_holomorphic(representative(ans))


def representative(x: Any) -> Any:
    """A NumPy array of the shape and the type of a tensor, for checks that read nothing else."""
    return np.broadcast_to(np.zeros((), dtype_of(x)), shape(x)) if is_tensor(x) else x


def check_shapes(spec: str, values: tuple) -> None:
    """Check that values have the shapes that their annotations promise."""
    shapes.check_shapes(spec, *map(representative, values))


def only_arrays(xs: tuple) -> None:
    """Refuse lists, tuples and dicts where code was written for arrays."""
    examples.only_arrays(*xs)


def same_shape(x: Any, y: Any, rank: int | None) -> None:
    """Refuse values of different shapes for different examples."""
    examples.same_shape(representative(x), representative(y), rank)


def refuse_in_place(x: Any) -> None:
    """Refuse ``x += v`` on an array that someone else may hold."""
    if not is_tensor(x) or ndim(x):
        cotangents.refuse_in_place(representative(x))


def refuse_view(x: Any) -> None:
    """Refuse a view that is used after the array behind it was changed in place."""
    if not is_tensor(x) or ndim(x):
        view = representative(x)
        cotangents.refuse_view(view, view)


# Structures


def copied(x: Any) -> Any:
    """A tensor with memory of its own, to those who follow what changes in place."""
    return x if number_type(x) is not None else tf.identity(x)


LEAVES: dict[str, Callable] = {
    "zeros_like": zeros_of,
    "add": sum_of,
    "own": copied,
    "snapshot": copied,
    "like": leaf_like,
    "as_gradient": gradient_of,
    "pack": parts_of_rows,
    "stack_items": lambda x, items: rows_of_items(x, items, False),
    "stack_items_last": lambda x, items: rows_of_items(x, items, True),
    "as_items": items_of_tensor,
    "cleared": lambda x_bar: 0.0,
    "item_bar": item_bar,
    "gather_bar": lambda x_bar, index, value: item_bar(x_bar, index, value, False),
    "unitem_bar": unitem_bar,
}
DECIDES = {"add": (0, 1), "like": (0, 1), "as_gradient": (0, 1), "unitem_bar": (1,)}
ON_ARRAYS = ("item_bar", "gather_bar", "unitem_bar", "pack", "stack_items", "stack_items_last")


def read_again() -> dict[str, Any]:
    """The functions of cotangents.py, calling each other, and `LEAVES` for tensors."""
    names = dict(vars(cotangents))
    for name, function in vars(cotangents).items():
        if isinstance(function, types.FunctionType) and function.__module__ == cotangents.__name__:
            again = types.FunctionType(function.__code__, names, name, function.__defaults__)
            names[name] = with_leaf(again, name) if name in LEAVES else again
    return names


def with_leaf(walk: Callable, name: str) -> Callable:
    """A function of structures that treats a tensor as its leaf.

    So is an array of NumPy's that is read at a tensor, or with tensors for its rows.
    """
    leaf, places, of_arrays = LEAVES[name], DECIDES.get(name, (0,)), name in ON_ARRAYS

    def walked(*args: Any) -> Any:
        if name in ("own", "snapshot") and isinstance(args[0], Growing):
            parts = [own_rows(p) if isinstance(p, Segment) else walked(p) for p in args[0].parts]
            return args[0].with_parts(parts)
        if isinstance(args[0], Growing):
            if name == "zeros_like":
                return zeros_of_list(args[0], walked)
            whole = sum_of_lists(*args) if name == "add" else None
            if whole is not None:
                return whole
        deciding = [args[i] for i in places]
        is_array = of_arrays and any(isinstance(x, np.ndarray) for x in deciding)
        return leaf(*args) if is_array or any(map(is_tensor, deciding)) else walk(*args)

    return walked


STRUCTURES = read_again()


def stop_gradient(x: Any) -> Any:
    """The same function as on arrays: it looks at each leaf itself."""
    return of_any_leaf(x)


def stopped(x: Any) -> Any:
    """`stop_gradient` of a tensor, or of a list that a trace follows; a trace lets nobody write into it."""
    if isinstance(x, Growing):
        return x.with_parts(list(x.parts))
    memory = current()
    if memory is None or not is_array(x):
        return x
    view = tf.stop_gradient(x)
    memory.link(view, x)
    memory.read_only.add(id(view))
    return view


def structured(name: str, *args: Any) -> Any:
    """A helper of cotangents.py on structures of tensors."""
    return STRUCTURES[name](*args)
