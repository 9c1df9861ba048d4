"""Batching rules of functions that move elements (shape.py, create.py): axes and shapes of one example
become those of the batch."""

from __future__ import annotations

from collections.abc import Callable

import gast

from redraft.transpile import core
from redraft.transpile.primitives.batching import (
    Batching,
    aligned,
    all_axes,
    inner_axis,
    one_axis,
    rows,
)
from redraft.transpile.primitives.table import UNKNOWN, literal


def same(b: Batching) -> str:
    """The call itself: it works on the last axes, or element by element."""
    return b.again()


# Shapes


def inner_shape(b: Batching, of: str, shape: str = "shape") -> str:
    """Text of the shape of a batch, of which the examples have the given shape."""
    node = b.nodes[shape]
    if isinstance(literal(node), int):
        return f"(len({of}), {shape})"
    if not isinstance(node, (gast.Tuple, gast.List)):
        return f"rt.inner_shape(len({of}), {shape})"
    b.nodes[shape] = gast.Tuple(
        [core.call("len", b.nodes[of]), *map(core.copy, node.elts)], gast.Load()
    )
    return shape


def length_of(b: Batching, shape: str = "shape") -> int | None:
    """Number of axes that a shape argument names."""
    node = b.nodes[shape]
    if isinstance(literal(node), int):
        return 1
    return len(node.elts) if isinstance(node, (gast.Tuple, gast.List)) else None


def with_axes(b: Batching, of: str, count: int | None, shape: str) -> str:
    """Text of an operand whose examples get at least so many axes; by the shape, if unknown."""
    own = b.rank(of)
    if count is None:
        return f"rt.align({of}, np.size({shape}) + 1)"
    if own is None:
        return of if count == 0 else f"rt.align({of}, {count + 1})"
    return of if own >= count else f"{of}[:{', None' * (count - own)}]"


def reshape(b: Batching) -> str:
    """Reshape each example."""
    return f"np.reshape(x, {inner_shape(b, 'x')})"


def reshape_method(b: Batching) -> str:
    """``x.reshape(2, 3)`` or ``x.reshape((2, 3))``."""
    parts = b.parts("shape")
    shape = literal(b.nodes["shape"][0]) if len(parts) == 1 else None
    if isinstance(shape, (tuple, list)):
        parts = [repr(n) for n in shape]
    elif len(parts) == 1 and not isinstance(shape, int):
        return "np.reshape(x, rt.inner_shape(len(x), shape_0))"
    return f"np.reshape(x, (len(x), {', '.join(parts)}))"


def flatten(b: Batching) -> str:
    """A copy, as ``x.flatten()`` is."""
    return f"np.copy({rows(b)})"


def squeeze(b: Batching) -> str:
    """Without an axis, all of one example's that have length one; never the batch axis."""
    if b.constant("axis") is None:
        return "np.squeeze(x, axis=rt.single_axes(np.shape(x)))"
    return b.again(axis=inner_axis(b))


def expand_dims(b: Batching) -> str:
    """A negative axis counts from the end of the result, which the batch axis does not move."""
    axis = b.constant("axis")
    if isinstance(axis, int):
        return b.again(axis=str(axis + 1 if axis >= 0 else axis))
    if isinstance(axis, tuple) and all(isinstance(a, int) for a in axis):
        return b.again(axis=str(tuple(a + 1 if a >= 0 else a for a in axis)))
    return b.again(axis="rt.new_axes(axis)")


def at_least(n: int) -> Callable[[Batching], str]:
    """Rule of ``np.atleast_1d`` and its siblings."""

    def rule(b: Batching) -> str:
        rank = b.rank("x")
        if rank is None and n == 3:
            raise b.refuse("the rank of `x` must be known: annotate it, or index with None")
        if rank is None:
            return f"rt.align(x, {n + 1})"
        if n == 3 and rank in (1, 2):
            return "x[:, None, :, None]" if rank == 1 else "x[:, :, :, None]"
        return "x" if rank >= n else f"x[:{', None' * (n - rank)}]"

    return rule


def broadcast_to(b: Batching) -> str:
    """Broadcast each example."""
    x = with_axes(b, "x", length_of(b), "shape")
    return f"np.broadcast_to({x}, {inner_shape(b, 'x')})"


# Orders of axes


def inner_order(b: Batching, axes: str = "axes") -> str:
    """Text of an order of axes that leaves the batch axis in front."""
    order, rank = b.constant(axes), b.rank("x") if "x" in b.nodes else None
    if isinstance(order, (tuple, list)) and all(isinstance(a, int) for a in order):
        return str((0, *(a % len(order) + 1 for a in order)))
    if order is None and rank is not None:
        return str((0, *range(rank, 0, -1)))
    of = "x" if "x" in b.nodes else "z_bar"
    return f"rt.inner_order({'None' if order is None else axes}, np.ndim({of}))"


def transpose(b: Batching) -> str:
    """Transpose each example; a matrix by its last two axes."""
    rank = b.rank("x")
    if b.constant("axes") is None and rank in (0, 1, 2):
        return "x.mT" if rank == 2 else "x"
    return f"np.transpose(x, {inner_order(b)})"


def transpose_method(b: Batching) -> str:
    """``x.transpose(1, 0)`` or ``x.transpose((1, 0))``."""
    parts = b.nodes.get("axes", [])
    if not parts:
        rank = b.rank("x")
        if rank in (0, 1, 2):
            return "x.mT" if rank == 2 else "x"
        known = None if rank is None else str((0, *range(rank, 0, -1)))
        return f"np.transpose(x, {known or 'rt.inner_order(None, np.ndim(x))'})"
    order = literal(parts[0]) if len(parts) == 1 else [literal(part) for part in parts]
    if isinstance(order, (tuple, list)) and all(isinstance(a, int) for a in order):
        return f"np.transpose(x, {(0, *(a % len(order) + 1 for a in order))})"
    names = "axes_0" if len(parts) == 1 else f"({', '.join(b.parts('axes'))})"
    return f"np.transpose(x, rt.inner_order({names}, np.ndim(x)))"


def moved(*axes: str, numbers: bool = False) -> Callable[[Batching], str]:
    """A rule for functions of `x` whose axis arguments move by one, those left out too."""
    return lambda b: b.again(**{axis: inner_axis(b, axis, numbers=numbers) for axis in axes})


def flip(b: Batching) -> str:
    """Without an axis, along all axes of an example."""
    return b.again(axis=all_axes(b) if b.constant("axis") is None else inner_axis(b))


def roll(b: Batching) -> str:
    """Without an axis the elements roll over the ends of the rows."""
    if "shift" in b.batched:
        raise b.refuse(
            "a batched shift has no batching rule; index with (np.arange(n) - shift) % n"
        )
    if b.constant("axis") is not None:
        return b.again(axis=one_axis(b))
    if b.rank("x") == 1:
        return b.again(axis="1")
    return "np.reshape(np.roll(rt.rows(x), shift, axis=1), np.shape(x))"


# Joining


def new_axis(b: Batching, axis: str = "axis") -> str:
    """Text of an axis of the result, or of arrays with at least one axis."""
    value = b.constant(axis)
    if isinstance(value, int):
        return str(value + 1 if value >= 0 else value)
    return f"rt.new_axes({axis})"


def concatenate(b: Batching) -> str:
    """Along the same axis, one further on."""
    if b.constant("axis") is not None:
        b.items("arrays")
        return b.again(axis=new_axis(b))
    parts = displayed(b)
    return f"np.concatenate(({', '.join(f'rt.rows({part})' for part in parts)},), axis=1)"


def displayed(b: Batching) -> list[str]:
    """Names of the parts of a display; of any other sequence too little is known."""
    parts = b.items("arrays")
    if parts == ["arrays"]:
        raise b.refuse("the ranks of the arrays must be known: use np.stack, or name an axis")
    return parts


def stack(b: Batching) -> str:
    """A new axis, one further on."""
    b.items("arrays")
    return b.again(axis=new_axis(b))


def vstack(b: Batching) -> str:
    """Vectors are rows."""
    ranks = b.ranks_of("arrays")
    if ranks not in ({1}, {2}):
        parts = displayed(b)
        return f"np.concatenate(({', '.join(f'rt.align({p}, 3)' for p in parts)},), axis=1)"
    b.items("arrays")
    return "np.stack(arrays, axis=1)" if ranks == {1} else "np.concatenate(arrays, axis=1)"


def hstack(b: Batching) -> str:
    """Vectors one after the other, matrices side by side."""
    ranks = b.ranks_of("arrays")
    if ranks and None not in ranks and 0 not in ranks:
        b.items("arrays")
        return f"np.concatenate(arrays, axis={1 if ranks == {1} else 2})"
    parts = displayed(b)
    joined = ", ".join(f"rt.align({p}, 2)" for p in parts)
    return f"np.concatenate(({joined},), axis=min(2, max(1, np.ndim({parts[0]}) - 1)))"


def column_stack(b: Batching) -> str:
    """Vectors are columns."""
    parts = b.items("arrays")
    ranks = [b.rank(p) for p in parts] if parts != ["arrays"] else [None]
    if b.ranks_of("arrays") == {1}:
        return "np.stack(arrays, axis=2)"
    if None in ranks or not set(ranks) <= {1, 2}:
        raise b.refuse("the ranks of the arrays must be known: annotate them, or use np.stack")
    columns = [p if r == 2 else f"{p}[:, :, None]" for p, r in zip(parts, ranks, strict=True)]
    return f"np.concatenate(({', '.join(columns)},), axis=2)"


def dstack(b: Batching) -> str:
    """Along a third axis."""
    b.items("arrays")
    if b.ranks_of("arrays") == {2}:
        return "np.stack(arrays, axis=3)"
    if b.ranks_of("arrays") == {1}:
        return "np.stack(arrays, axis=2)[:, None]"
    raise b.refuse("the ranks of the arrays must be known: annotate them, or use np.stack")


def hsplit(b: Batching) -> str:
    """A vector is cut along its only axis, a matrix along its second one."""
    rank = b.rank("x")
    axis = "min(2, np.ndim(x) - 1)" if rank is None else min(2, rank)
    return f"np.split(x, indices_or_sections, axis={axis})"


# Copies of elements


def tile(b: Batching) -> str:
    """Repetitions are counted from the last axis."""
    count = 1 if isinstance(b.constant("reps"), int) else length_of(b, "reps")
    return f"np.tile({with_axes(b, 'x', count, 'reps')}, reps)"


def repeat(b: Batching) -> str:
    """Without an axis, the elements in a row."""
    if "repeats" in b.batched:
        raise b.refuse("batched numbers of repetitions give results of different lengths")
    if b.constant("axis") is None:
        return b.again(x=rows(b), axis="1")
    return b.again(axis=one_axis(b, numbers=True))


def inner_widths(b: Batching) -> str:
    """Text of the widths of a padding: none in front of and behind the batch."""
    widths, rank = b.constant("pad_width"), b.rank("x")
    pairs = isinstance(widths, (tuple, list)) and all(isinstance(w, (tuple, list)) for w in widths)
    if pairs and (len(widths) > 1 or rank == 1):
        return str(((0, 0), *map(tuple, widths)))
    if rank is not None and isinstance(widths, int):
        return str(((0, 0),) + ((widths, widths),) * rank)
    return "rt.inner_widths(pad_width, np.ndim(x))"


def pad(b: Batching) -> str:
    """Pad each example."""
    if "constant_values" in b.batched or not isinstance(
        b.constant("constant_values"), (int, float)
    ):
        raise b.refuse("`constant_values` must be a number in the program")
    return b.again(pad_width=inner_widths(b))


# Diagonals and triangles


def diag(b: Batching) -> str:
    """Of matrices the diagonals; of vectors the matrices around them."""
    if b.rank("x") == 2:
        return f"np.diagonal(x, {'k' if b.given('k') else 0}, 1, 2)"
    return f"rt.each_diag(x{', k' if b.given('k') else ''})"


def triangle(b: Batching) -> str:
    """Of matrices; a vector is a row that is repeated first."""
    if (b.rank("x") or 0) >= 2:
        return b.again()
    x = "x[:, None]" if b.rank("x") == 1 else "rt.align(x, 3)"
    return b.again(x=f"np.broadcast_to({x}, rt.matrix_shape(np.shape(x)))")


# Making arrays


def full(b: Batching) -> str:
    """The values lie along the batch axis."""
    value = with_axes(b, "fill_value", length_of(b), "shape")
    return b.again(fill_value=value, shape=inner_shape(b, "fill_value"))


def full_like(b: Batching) -> str:
    """As `full`, with the shape of `x`."""
    if "fill_value" in b.batched:
        b.spread("x")
    return b.again(**aligned(b, ("x", "fill_value")))


def linspace(b: Batching) -> str:
    """The steps come first, and go behind the batch axis."""
    return f"np.moveaxis({b.again(**aligned(b, ('start', 'stop')))}, 0, 1)"


def arange(b: Batching) -> str:
    """Refused: the results would differ in length."""
    raise b.refuse("batched limits give results of different lengths; use start + np.arange(n)")


def array(b: Batching) -> str:
    """An array as it is; of a list, its items along a new axis."""
    if "x" in b.batched:
        return b.again()
    b.items("x")
    text = "np.stack(x, axis=1)"
    return f"{text}.astype(dtype)" if b.constant("dtype") is not None else text


def contiguous(b: Batching) -> str:
    """As `array`; a number becomes a vector."""
    texts = {} if b.rank("x") else {"x": "x[:, None]" if b.rank("x") == 0 else "rt.align(x, 2)"}
    return b.again(**texts) if "x" in b.batched else array(b)


def item(b: Batching) -> str:
    """The only element, or one by its position."""
    parts = b.parts("index")
    if any(part in b.batched for part in parts):
        raise b.refuse("a batched position has no batching rule; use x[i]")
    if not parts:
        return "np.reshape(x, (len(x),))"
    if len(parts) > 1:
        return f"x[:, {', '.join(parts)}]"
    positions = literal(b.nodes["index"][0])
    if isinstance(positions, tuple):
        return f"x[:, {', '.join(map(str, positions))}]"
    if positions is UNKNOWN:
        raise b.refuse("the position must be a number in the program; use x[i]")
    return f"{rows(b)}[:, index_0]"


def tolist(b: Batching) -> str:
    """A vector as a list of numbers, each with a batch axis."""
    if b.rank("x") != 1:
        raise b.refuse("only vectors have a batching rule; use list(x)")
    return "list(np.moveaxis(x, 1, 0))"
