"""NumPy's indexing on tensors: reads, and functional writes that XLA carries out in place.

An index is first spelled out (`entries`): one entry per item, lists and masks as integer arrays. What is
known while tracing is checked as NumPy checks it; an index that is known only when the compiled
function runs is brought into range by XLA.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from redraft.runtime import memory
from redraft.runtime import numpy as rnp
from redraft.runtime.memory import TRACE
from redraft.runtime.tensors import TensorError, holds_tensor, is_tensor
from redraft.runtime.tf_arrays import (
    axis_number,
    broadcast,
    broadcast_to,
    dtype_of,
    is_measured,
    is_one,
    is_static,
    ndim,
    number,
    reshape,
    shape,
    tensor,
    where_lengths_allow,
)

FULL = slice(None)


@dataclass
class Entry:
    """One item of an index.

    Attributes:
        kind: ``new`` (an axis), ``slice``, ``int`` or ``array``.
        value: a slice of numbers; an integer; an array of integers (of NumPy's, or a tensor).
        length: of a slice whose start is known only at run time.
    """

    kind: str
    value: Any = None
    length: int | None = None


# The index, spelled out


def entries(index: Any, lengths: tuple) -> list[Entry]:
    """The items of an index, the ellipsis as slices, one entry for each axis and each new axis."""
    items = [e for item in (index if isinstance(index, tuple) else (index,)) for e in spelled(item)]
    used = sum(e.kind in ("slice", "int", "array") for e in items)
    if used > len(lengths):
        raise IndexError(
            f"too many indices for array: array is {len(lengths)}-dimensional, "
            f"but {used} were indexed"
        )
    rest = [Entry("slice", FULL) for _ in range(len(lengths) - used)]
    if not any(e.kind == "ellipsis" for e in items):
        return items + rest
    place = next(i for i, e in enumerate(items) if e.kind == "ellipsis")
    return items[:place] + rest + items[place + 1 :]


def spelled(item: Any) -> list[Entry]:
    """The entries that one item of an index stands for."""
    if item is None:
        return [Entry("new")]
    if item is Ellipsis:
        return [Entry("ellipsis")]
    if isinstance(item, slice):
        return [slice_entry(item)]
    value = tensor(item) if is_tensor(item) or holds_tensor(item) else None
    known = np.asarray(item) if value is None else tf.get_static_value(value)
    if known is None:
        return [traced_entry(value)]
    if known.dtype == bool:
        return mask_entries(known)
    if known.size == 0 and not is_tensor(item) and isinstance(item, (list, tuple)):
        known = known.astype(int)
    if known.dtype.kind not in "iu":
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and integer or "
            "boolean arrays are valid indices"
        )
    return [Entry("array", known) if known.ndim else Entry("int", int(known))]


def mask_entries(mask: np.ndarray) -> list[Entry]:
    """A known mask as the positions where it is true; a single truth value makes an axis."""
    if mask.ndim == 0:
        return [Entry("bool", np.zeros(int(mask), int))]
    return [Entry("array", places) for places in mask.nonzero()]


def traced_entry(value: Any) -> Entry:
    """An index that is known only when the compiled function runs."""
    if value.dtype == tf.bool:
        raise TensorError(
            "the number of elements that a mask selects is known only when the compiled function "
            "runs; write np.where(mask, x, other)"
        )
    if not value.dtype.is_integer:
        raise IndexError("arrays used as indices must be of integer (or boolean) type")
    return Entry("array" if ndim(value) else "int", tf.cast(value, tf.int64))


def slice_entry(item: slice) -> Entry:
    """A slice; with bounds that are traced, if their distance is known."""
    parts = (item.start, item.stop, item.step)
    known = [tf.get_static_value(p) if is_tensor(p) else p for p in parts]
    if all(k is not None or p is None for k, p in zip(known, parts, strict=True)):
        return Entry("slice", slice(*(None if k is None else int(k) for k in known)))
    length = distance(*parts[:2])
    if length is None or known[2] not in (None, 1):
        raise TensorError(
            "a slice between bounds that are known only when the compiled function runs must have a "
            "length that is known: x[i : i + 3]"
        )
    return Entry("slice", tf.cast(item.start, tf.int64), max(length, 0))


def distance(start: Any, stop: Any) -> int | None:
    """``stop - start`` of traced integers, if it is the same in all runs."""
    if start is None or stop is None:
        return None
    (base, first), (other, last) = affine(start), affine(stop)
    return last - first if base == other else None


def affine(x: Any) -> tuple[dict, int]:
    """A traced integer as multiples of other tensors, and a constant."""
    known = tf.get_static_value(x) if is_tensor(x) else x
    if known is not None:
        return {}, int(known)
    op = x.op
    if op.type in ("Identity", "Cast"):
        return affine(op.inputs[0])
    if op.type == "Placeholder":  # of a loop in a loop: what it stands for in the outer one
        outer = next((a for a, b in getattr(x.graph, "captures", ()) if b is x), None)
        if outer is not None and not hasattr(outer, "numpy"):
            return affine(outer)
    if op.type in ("AddV2", "Add", "Sub"):
        (left, a), (right, b) = map(affine, op.inputs)
        sign = -1 if op.type == "Sub" else 1
        total = {k: left.get(k, 0) + sign * right.get(k, 0) for k in {**left, **right}}
        return {k: n for k, n in total.items() if n}, a + sign * b
    if op.type == "Mul":
        (left, a), (right, b) = map(affine, op.inputs)
        if not left or not right:
            return {k: n * (a if not left else b) for k, n in {**left, **right}.items()}, a * b
    return {x.ref(): 1}, 0


def bounded(i: Any, n: Any, axis: int) -> Any:
    """An index counted from the front.

    Raises:
        IndexError: it is known, and out of bounds.
    """
    if is_tensor(i) or is_tensor(n):
        if not is_tensor(n):
            check_ends(i, n, axis)
        counted = tf.where(tf.less(i, 0), tf.cast(i, tf.int64) + n, tf.cast(i, tf.int64))
        if is_tensor(n) and is_measured(i):  # of what is computed from values, nothing is known
            inside = tf.logical_and(tf.greater_equal(counted, 0), tf.less(counted, n))
            counted = where_lengths_allow(counted, tf.reduce_all(inside))
        return counted
    outside = np.logical_or(np.less(i, -n), np.greater_equal(i, n))
    if np.any(outside):
        worst = np.asarray(i)[outside].flat[0] if np.ndim(i) else i
        raise IndexError(f"index {worst} is out of bounds for axis {axis} with size {n}")
    return np.where(np.less(i, 0), np.add(i, n), i) if np.ndim(i) else i % n


def check_ends(i: Any, n: int, axis: int) -> None:
    """Refuse an index that certainly leaves the array in the first or the last round of a loop.

    Raises:
        IndexError: it does.
    """
    rounds = {now.place.ref(): now.rounds for now in TRACE.rounds}
    if not rounds or TRACE.taken or None in rounds.values():
        return
    multiples, first = affine(i)
    if not multiples or any(ref not in rounds for ref in multiples):
        return
    low = first + sum(min(0, k * (rounds[ref] - 1)) for ref, k in multiples.items())
    high = first + sum(max(0, k * (rounds[ref] - 1)) for ref, k in multiples.items())
    if low < -n or high >= n:
        worst = high if high >= n else low
        raise IndexError(f"index {worst} is out of bounds for axis {axis} with size {n}")


# Reading


def getitem(x: Any, index: Any) -> Any:
    """``x[index]``."""
    x = tensor(x)
    found = entries(index, shape(x))
    if any(e.kind in ("array", "bool") for e in found):
        return gathered(x, found)
    return in_order(x, lambda zero: sliced(*windowed(x, found, zero)))


def in_order(x: Any, read: Callable[[Any], Any]) -> Any:
    """A read in a round of a loop, before `x` changes in place (`Order`).

    It is the one round of a loop of its own. Its place depends on that round, or XLA would take it out.

    Args:
        x: the array.
        read: takes zero, or a tensor that is zero and is to be added to the place.
    """
    order, what = ordered(x)
    if order is None:
        return read(0)
    before = order.count - 1
    first = tf.zeros_like(read(0))  # its shape and dtype; XLA drops the read itself
    place, value = tf.while_loop(
        lambda k, _: tf.less(k, order.count),
        lambda k, _: (k + 1, read(k - before)),
        [before, first],
    )
    order.ties.setdefault(what, []).append(place - order.count)
    return value


def ordered(x: Any) -> tuple[memory.Order | None, Any]:
    """The order that reads and writes of an array must keep, and its name there."""
    held = memory.current()
    order = None if held is None else held.order
    if order is None or held is None or order.is_paused:
        return None, None
    if id(x) in order.stacks:
        return order, ("stack", order.stacks[id(x)])
    home = held.group.get(id(x))
    return (order, home) if home in order.rewritten else (None, None)


def after_reads(x: Any, at: Any) -> Any:
    """Where a write in a round of a loop starts: it waits for the reads before it."""
    order, what = ordered(x)
    for zero in [] if order is None else order.ties.pop(what, []):
        at = at + zero
    return at


def windowed(x: Any, found: list[Entry], zero: Any = 0) -> tuple[Any, list[Entry]]:
    """Cut out what traced integers and slices name; what is left of the index is static.

    Args:
        x: the array.
        found: its index.
        zero: is added to the place.
    """
    if not any(is_tensor(e.value) for e in found):
        return x, found
    starts, lengths = window(found, shape(x), cut_static=False)
    lengths = tf.stack(lengths) if any(map(is_tensor, lengths)) else lengths
    begin = tf.stack([tf.cast(s, tf.int64) for s in starts])
    x = block_at(x, begin + zero if is_tensor(zero) else begin, lengths)
    return x, [static_rest(e) for e in found]


def block_at(x: Any, begin: Any, lengths: Any) -> Any:
    """A block of an array that starts where the program says when it runs.

    XLA would compile ``tf.slice`` again for every place that is an argument; its own operation takes any place
    (and moves one that is outside to the end, as for JAX), but runs nowhere else. Where lengths are not known before,
    a place may follow from them, and one outside must raise.
    """
    if is_tensor(lengths) or TRACE.lengths_vary or TRACE.split or not compiles_with_xla():
        return tf.slice(x, begin, lengths)
    from tensorflow.compiler.tf2xla.python import xla

    return xla.dynamic_slice(x, begin, lengths)


def static_rest(e: Entry) -> Entry:
    """What is left of an entry after the window was cut out."""
    if not is_tensor(e.value):
        return e
    return Entry("int", 0) if e.kind == "int" else Entry("slice", FULL)


def window(found: list[Entry], lengths: tuple, cut_static: bool) -> tuple[list, list]:
    """Starts and lengths of the window that an index names, axis by axis."""
    starts, sizes = [], []
    of_axes = [e for e in found if e.kind != "new"]
    for axis, (e, n) in enumerate(zip(of_axes, lengths, strict=True)):
        if is_tensor(e.value):
            starts.append(bounded(e.value, n, axis))
            sizes.append(1 if e.kind == "int" else e.length)
        elif not cut_static:
            starts.append(0)
            sizes.append(n)
        elif e.kind == "int":
            starts.append(bounded(e.value, n, axis))
            sizes.append(1)
        elif is_tensor(n):
            first, last = traced_bounds(e.value, n)
            starts.append(first)
            sizes.append(last - first)
        else:
            first, last, _ = e.value.indices(n)
            starts.append(first)
            sizes.append(max(last - first, 0))
    return starts, sizes


def traced_bounds(s: slice, n: Any) -> tuple:
    """Start and stop of a slice of an axis whose length is known at run time alone."""
    first, last = (
        default if i is None else tf.minimum(i + n if i < 0 else tf.constant(i, tf.int64), n)
        for i, default in ((s.start, tf.constant(0, tf.int64)), (s.stop, n))
    )
    return first, tf.maximum(first, last)


def sliced(x: Any, found: list[Entry]) -> Any:
    """Read by numbers, slices and new axes that are all known."""
    items, axis = [], 0
    for e in found:
        if e.kind == "new":
            items.append(None)
            continue
        n = shape(x)[axis]
        if e.kind == "int":
            items.append(e.value if is_tensor(n) else bounded(e.value, n, axis))
        else:
            items.append(plain_slice(e.value, n))
        axis += 1
    return x if all(map(is_full, items)) else x[tuple(items)]


def is_full(item: Any) -> bool:
    """Does an item of an index read a whole axis?"""
    return isinstance(item, slice) and item == FULL


def plain_slice(s: slice, n: Any) -> slice:
    """A slice as TensorFlow reads it: bounds inside the array, and never a negative stop."""
    if is_tensor(n):
        return s
    start, stop, step = s.indices(n)
    if step > 0 and (start, stop, step) == (0, n, 1):
        return FULL
    return slice(start, None if stop < 0 else stop, step)


def gathered(x: Any, found: list[Entry]) -> Any:
    """Read by index arrays; integers beside them are arrays, too."""
    x, found, axes = with_arrays_alone(x, found)
    arrays = [e.value for e in found if e.kind in ("array", "int", "bool")]
    arrays = [bounded(i, shape(x)[a], a) for i, a in zip(arrays, axes, strict=True)]
    places = [k for k, e in enumerate(found) if e.kind in ("array", "int", "bool")]
    if places[-1] - places[0] + 1 != len(places):  # NumPy puts their axes in front
        rest = [a for a in range(ndim(x)) if a not in axes]
        x, axes = tf.transpose(x, [*axes, *rest]), list(range(len(axes)))
    lengths = shape(x)
    first, last = axes[0], axes[-1] + 1
    flat = flat_positions(arrays, lengths[first:last])
    size = math.prod(lengths[first:last])
    merged = x if last == first + 1 else reshape(x, [*lengths[:first], size, *lengths[last:]])
    if (
        not is_tensor(size) and size == 0 and not is_tensor(flat)
    ):  # nothing to read from, and nothing read
        return tf.zeros([*lengths[:first], *np.shape(flat), *lengths[last:]], x.dtype)
    return tf.gather(merged, flat, axis=first)


def with_arrays_alone(x: Any, found: list[Entry]) -> tuple[Any, list[Entry], list[int]]:
    """Carry out slices and new axes; return the axes of the entries that are left."""
    whole = {"array": Entry("slice", FULL), "int": Entry("slice", FULL), "bool": Entry("new")}
    plain = [whole.get(e.kind, e) for e in found]
    axes = [axis for axis, e in enumerate(found) if e.kind in whole]
    return sliced(*windowed(x, plain)), found, axes


def flat_positions(arrays: list, lengths: tuple) -> Any:
    """Several index arrays as one for the merged axes."""
    if not any(map(is_tensor, arrays)) and not any(map(is_tensor, lengths)):
        flat: Any = 0
        for i, n in zip(arrays, lengths, strict=True):
            flat = flat * n + np.asarray(i, np.int64)
        return flat
    flat = tf.constant(0, tf.int64)
    for i, n in zip(arrays, lengths, strict=True):
        flat = flat * n + tf.cast(tensor(i), tf.int64)
    return flat


# Writing


def set_at(x: Any, index: Any, value: Any) -> Any:
    """The array after ``x[index] = value``."""
    x = tensor(x)
    value = tensor(value, dtype_of(x))
    mask = traced_mask(index)
    if mask is not None:
        return tf.where(beside(mask, x), masked_value(mask, value, x), x)
    return written(x, index, value, add=False)


def add_at(x: Any, index: Any, value: Any) -> Any:
    """The array after ``np.add.at(x, index, value)``: repeated indices accumulate."""
    if not is_tensor(x) and not isinstance(x, (np.ndarray, np.generic)):  # of a list or a dict
        return rnp.rt.add_at.original(x, index, value)
    x = tensor(x)
    value = tensor(value, dtype_of(x))
    mask = traced_mask(index)
    if mask is not None:
        part = masked_value(mask, value, x)
        return x + tf.where(beside(mask, x), part, tf.zeros_like(part))
    return written(x, index, value, add=True)


def traced_mask(index: Any) -> Any:
    """The mask, if the index is one that is known only at run time."""
    if isinstance(index, tuple) and len(index) == 1:
        index = index[0]
    is_mask = is_tensor(index) and index.dtype == tf.bool
    return index if is_mask and tf.get_static_value(index) is None else None


def beside(mask: Any, x: Any) -> Any:
    """A mask of the first axes, with an axis of length one for each other axis of `x`."""
    return reshape(mask, [*shape(mask), *[1] * (ndim(x) - ndim(mask))])


def masked_value(mask: Any, value: Any, x: Any) -> Any:
    """A value that is written wherever a mask is true."""
    if ndim(value) > ndim(x) - ndim(mask):
        raise TensorError(
            "an array is assigned to the elements that a mask selects, whose number is known only "
            "when the compiled function runs; write np.where(mask, value, x)"
        )
    return value


def written(x: Any, index: Any, value: Any, add: bool) -> Any:
    """Write or add a value at an index that is no traced mask."""
    found = entries(index, shape(x))
    if all(e.kind in ("new", "int") or is_step_one(e) for e in found):
        return write_window(x, found, value, add)
    leading = leading_arrays(found, shape(x))
    if leading is not None:
        return scatter_rows(x, leading, value, add)
    size = number(math.prod(shape(x)), "an index")
    positions = getitem(tf.reshape(tf.range(size, dtype=tf.int64), shape(x)), index)
    flat = scatter_rows(tf.reshape(x, [-1]), [positions], value, add)
    return tf.reshape(flat, shape(x))


def is_step_one(e: Entry) -> bool:
    """Is the entry a slice of neighbours in order?"""
    if e.kind != "slice":
        return False
    return is_tensor(e.value) or e.value.step in (None, 1)


def write_window(x: Any, found: list[Entry], value: Any, add: bool) -> Any:
    """Write or add into a block of `x`."""
    starts, sizes = window(found, shape(x), cut_static=True)
    if any(not is_tensor(n) and n == 0 for n in sizes):
        return x
    kept = iter(zip([e for e in found if e.kind != "new"], sizes, strict=True))
    lengths = []  # of what ``x[index]`` reads
    for e in found:
        of_axis, size = (e, 1) if e.kind == "new" else next(kept)
        lengths += [] if of_axis.kind == "int" else [size]
    block = reshape(assignable(value, lengths), sizes)
    if is_static(sizes) and is_static(shape(x)) and tuple(sizes) == shape(x):
        return x + block if add else block
    if add and x.dtype != tf.bool and covers_most(x, starts, sizes):  # one loop with what follows
        ends = [n - a - b for n, a, b in zip(shape(x), starts, sizes, strict=True)]
        return x + tf.pad(block, list(zip(starts, ends, strict=True)))
    at = after_reads(x, tf.stack([tf.cast(s, tf.int64) for s in starts]))
    sizes = tf.stack([tf.cast(n, tf.int64) for n in sizes]) if any(map(is_tensor, sizes)) else sizes
    return update_block(x, block_at(x, at, sizes) + block if add else block, at, sizes)


def covers_most(x: Any, starts: list, sizes: list) -> bool:
    """Is a block at a known place at least half of an array?"""
    if not (is_static(starts) and is_static(sizes) and is_static(shape(x))):
        return False
    return 2 * math.prod(sizes) >= math.prod(shape(x))


def assignable(value: Any, lengths: list) -> Any:
    """A value broadcast to what it is assigned to; axes of length one in front may be too many."""
    while ndim(value) > len(lengths) and is_one(shape(value)[0]):
        value = value[0]
    return broadcast_to(value, lengths)


def update_block(x: Any, block: Any, at: Any, sizes: list) -> Any:
    """`x` with a block replaced; XLA does it in place where nobody reads the old array."""
    if compiles_with_xla():
        from tensorflow.compiler.tf2xla.python import xla

        return xla.dynamic_update_slice(x, block, at)
    return tf.raw_ops.TensorStridedSliceUpdate(
        input=x, begin=at, end=at + sizes, strides=tf.ones_like(at), value=block
    )


def compiles_with_xla() -> bool:
    """Is a function being traced that XLA will compile?"""
    if tf.executing_eagerly():
        return False
    from tensorflow.python.ops import control_flow_util

    return control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())


def leading_arrays(found: list[Entry], lengths: tuple) -> list | None:
    """The index arrays, if they stand on the first axes and the others are whole; else None."""
    count = sum(e.kind in ("array", "int") for e in found)
    first, rest = found[:count], found[count:]
    if any(e.kind not in ("array", "int") for e in first):
        return None
    if any(e.kind != "slice" or e.value != FULL for e in rest if not is_tensor(e.value)):
        return None
    if any(is_tensor(e.value) for e in rest):
        return None
    return [bounded(e.value, n, a) for a, (e, n) in enumerate(zip(first, lengths, strict=False))]


def scatter_rows(x: Any, arrays: list, value: Any, add: bool) -> Any:
    """Write or add rows at the positions that index arrays of the first axes name."""
    arrays = broadcast(*(tf.cast(tensor(i), tf.int64) for i in arrays))
    where = tf.stack(arrays, -1)
    value = assignable(value, [*shape(arrays[0]), *shape(x)[len(arrays) :]])
    if add:
        if x.dtype == tf.bool:
            return set_rows(x, where, tf.logical_or(tf.gather_nd(x, where), value))
        return tf.tensor_scatter_nd_add(x, where, value)
    return set_rows(x, where, value)


def set_rows(x: Any, where: Any, value: Any) -> Any:
    """Write rows. Where a place is named twice the last value counts, so all get that one."""
    count = number(math.prod(shape(where)[:-1]), "an index")
    if count > 1:
        order = tf.reshape(tf.range(count, dtype=tf.int64), shape(where)[:-1])
        depth = shape(where)[-1]
        last = tf.tensor_scatter_nd_max(tf.zeros(shape(x)[:depth], tf.int64), where, order)
        rows = tf.reshape(value, [count, *shape(x)[depth:]])
        value = tf.gather(rows, tf.gather_nd(last, where))
    return tf.tensor_scatter_nd_update(x, where, value)


# Functions that read by positions


def take(x: Any, indices: Any, axis: Any) -> Any:
    """``np.take``."""
    x = tensor(x)
    if axis is None:
        x, axis = tf.reshape(x, [-1]), 0
    indices = indices if is_tensor(indices) or holds_tensor(indices) else np.asarray(indices)
    return getitem(x, (*[FULL] * axis_number(axis, ndim(x)), indices))


def take_along_axis(x: Any, indices: Any, axis: Any) -> Any:
    """``np.take_along_axis``."""
    x, indices = tensor(x), tf.cast(tensor(indices), tf.int64)
    if axis is None:
        x, axis = tf.reshape(x, [-1]), 0
    axis = axis_number(axis, ndim(x))
    lines, places = rnp.moveaxis(x, axis, -1), rnp.moveaxis(indices, axis, -1)
    common = list(np.broadcast_shapes(shape(lines)[:-1], shape(places)[:-1]))
    lines = tf.broadcast_to(lines, [*common, shape(lines)[-1]])
    places = tf.broadcast_to(places, [*common, shape(places)[-1]])
    known = tf.get_static_value(places)
    places = bounded(places if known is None else known, shape(lines)[-1], axis)
    return rnp.moveaxis(tf.gather(lines, places, axis=-1, batch_dims=len(common)), -1, axis)


def nonzero(x: Any) -> tuple:
    """``np.nonzero`` of a tensor whose value is known."""
    return tuple(map(tensor, np.nonzero(number(x, "np.nonzero: the number of positions"))))


def flatnonzero(x: Any) -> Any:
    """``np.flatnonzero`` of a tensor whose value is known."""
    return tensor(np.flatnonzero(number(x, "np.flatnonzero: the number of positions")))


def argwhere(x: Any) -> Any:
    """``np.argwhere`` of a tensor whose value is known."""
    return tensor(np.argwhere(number(x, "np.argwhere: the number of positions")))
