"""Batching rules of the helpers that derivatives call (helpers.py, structure.py)."""

from __future__ import annotations

from collections.abc import Callable

import gast

from redraft.transpile.primitives.batch_index import getitem, is_basic, own_index
from redraft.transpile.primitives.batch_shapes import inner_order, inner_widths, with_axes
from redraft.transpile.primitives.batching import (
    Batching,
    aligned,
    all_axes,
    inner_axis,
    laid_along,
    rows,
)

UNFLAT = "np.reshape({}, np.shape(x))"


def unbroadcast(b: Batching) -> str:
    """Sums leave the batch axis alone; a single primal has none."""
    if "z_bar" not in b.batched:
        return "rt.spread(rt.unbroadcast(z_bar, x[0]), x)"
    if "x" not in b.batched:
        return "rt.each_unbroadcast(z_bar, x, of_x=0)"
    known = b.rank("x") is not None and b.rank("z_bar") == b.rank("x")
    return "rt.unbroadcast(z_bar, x)" if known else "rt.each_unbroadcast(z_bar, x)"


def broadcast_like(b: Batching) -> str:
    """The shape of one example's `y`, for each."""
    b.spread("y")
    return b.again(**aligned(b, ("x", "y"))) if "x" in b.batched else "rt.broadcast_like(x, y)"


def together(*names: str) -> Callable[[Batching], str]:
    """The call itself, with a batch axis in all of these arguments."""

    def rule(b: Batching) -> str:
        b.spread(*names)
        return b.again()

    return rule


def columns_of_jacobian(b: Batching) -> str:
    """The columns stand behind one batch axis more."""
    b.spread("jacobian", "columns")
    lead = b.constant("lead")
    if not isinstance(lead, int):
        raise b.refuse("the number of batch axes must be a number in the program")
    return b.again(lead=str(lead + 1))


def unconcatenate(b: Batching) -> str:
    """Cut along the same axis, one further on."""
    b.spread("z_bar")
    b.items("x")
    axis = b.constant("axis")
    if not isinstance(axis, int):
        raise b.refuse("the axis must be a number in the program")
    return b.again(axis=str(axis + 1 if axis >= 0 else axis))


def unstack(b: Batching) -> str:
    """Cut along an axis; of an array whose rows were stacked, one array."""
    axis = b.constant("axis")
    if not isinstance(axis, int):
        raise b.refuse("the axis must be a number in the program")
    axis = axis + 1 if axis >= 0 else axis
    b.spread("z_bar")
    if "x" in b.batched:
        return f"np.moveaxis(z_bar, {axis}, 1)"
    return b.again(axis=str(axis))


def unstack_like(b: Batching) -> str:
    """An array, or the items of a list; those tell no more than their types."""
    b.spread("z_bar")
    if "x" in b.batched or b.rank("x") is not None:
        return "rt.cast_like(z_bar, x)"
    if not (b.parts("x") or "x_items" in b.batched):
        raise b.refuse("a value of unknown structure has no batching rule")
    return "rt.unstack(z_bar, x, 1)"


def stack_like(b: Batching) -> str:
    """The items of a list along a new axis."""
    if "z_bar" in b.batched:
        return "np.asarray(z_bar)"
    b.items("z_bar")
    b.items("x")
    return "np.stack(rt.filled(z_bar, x), 1)"


def filled(b: Batching) -> str:
    """None becomes zeros of each item's shape."""
    if "z_bar" in b.batched:
        return "z_bar"
    b.items("z_bar")
    b.items("x")
    return b.again()


def unsum(b: Batching) -> str:
    """Of an array, each row has the whole cotangent."""
    if "x" not in b.batched:
        raise b.refuse("the sum of a list has no batching rule for its derivative")
    b.spread("z_bar")
    return "rt.broadcast_like(np.expand_dims(z_bar, 1), x)"


def untile(b: Batching) -> str:
    """Sum over the copies of each example."""
    b.spread("z_bar", "x")
    count = 1 if isinstance(b.constant("reps"), int) else None
    reps = b.constant("reps")
    count = len(reps) if isinstance(reps, (tuple, list)) else count
    return UNFLAT.format(f"rt.untile(z_bar, {with_axes(b, 'x', count, 'reps')}, reps)")


def unrepeat(b: Batching) -> str:
    """Sum over the copies of each example's elements."""
    b.spread("z_bar", "x")
    if b.constant("axis") is None:
        return UNFLAT.format(b.again(x=rows(b), axis="1"))
    return b.again(axis=inner_axis(b))


def unpad(b: Batching) -> str:
    """The middle of each example."""
    b.spread("z_bar", "x")
    return b.again(pad_width=inner_widths(b))


def undiag(b: Batching) -> str:
    """Of a vector the diagonal, of a matrix a matrix."""
    b.spread("z_bar", "x")
    return f"rt.each_undiag(z_bar, x{', k' if b.given('k') else ''})"


def untranspose(b: Batching) -> str:
    """The inverse order, behind the batch axis."""
    return f"rt.untranspose(z_bar, {inner_order(b)})"


def stacked_product_bar(b: Batching, of: str) -> str | None:
    """The cotangent of a factor of ``x @ y``, where the product of the batch is ``x @ y`` too.

    The helper for one product undoes its broadcasting, which must not reach the batch axis: so the
    ranks must be known.
    """
    of_x, of_y = b.rank("x"), b.rank("y")
    if None in (of_x, of_y) or b.rank("z_bar") != of_x + of_y - 2 or "z_bar" not in b.batched:
        return None
    shared = of == "x" and "x" in b.batched and "y" not in b.batched
    if not (of_x == of_y == 2 or (shared and 1 <= of_x <= 2 and 1 <= of_y <= 2)):
        return None
    b.spread(of)  # its cotangent is one for each example
    return f"rt.matmul_bar_{of}(z_bar, x, y)"


def product_bar(kind: str, of: str) -> Callable[[Batching], str]:
    """Rule of the cotangent of a product: one product of stacks."""

    def rule(b: Batching) -> str:
        stacked = stacked_product_bar(b, of) if kind in ("matmul", "dot") else None
        if stacked is not None:
            return stacked
        b.spread(of)  # its cotangent is one for each example
        leads = ", ".join("1" if n in b.batched else "0" for n in ("z_bar", "x", "y"))
        axes = ", axes" if kind == "tensordot" else ""
        return f'rt.each_product_bar_{of}("{kind}", z_bar, x, y, {leads}{axes})'

    return rule


def extremes(*names: str) -> Callable[[Batching], str]:
    """Rule of what belongs to a maximum: all axes of an example, or the same ones."""

    def rule(b: Batching) -> str:
        b.spread(*names)
        of = names[-1]
        whole = b.constant("axis") is None
        axis = all_axes(b, of) if whole else inner_axis(b, of=of, numbers=True)
        return b.again(axis=axis)

    return rule


def count(b: Batching) -> str:
    """The same number for all examples: it has no batch axis."""
    axis = all_axes(b) if b.constant("axis") is None else inner_axis(b, numbers=True)
    return f"rt.count(x, {axis})"


def weights_like(b: Batching) -> str:
    """Weights with the shape of each example."""
    b.spread("x")
    return f"rt.broadcast_like({laid_along(b)}, x)"


def unweights(b: Batching) -> str:
    """Cotangent of the weights `x` of an array `y`: the sum over what they were repeated along."""
    of_weights, rank, axis = b.rank("x"), b.rank("y"), b.constant("axis")
    if of_weights is None or rank is None:
        raise b.refuse("the ranks of the array and the weights must be known: annotate them")
    b.spread("z_bar", "x")
    if of_weights == rank:
        return "rt.each_unbroadcast(z_bar, x)"
    if not isinstance(axis, int):
        raise b.refuse("the axis of the weights must be a number in the program")
    others = tuple(a + 1 for a in range(rank) if a != axis % rank)
    return f"rt.each_unbroadcast(np.sum(z_bar, axis={others}), x)"


# Solves: a vector on the right-hand side stands for one column


def solve(b: Batching) -> str:
    """``np.linalg.solve``: as it is for matrices; columns for vectors."""
    of_a, of_b = b.rank("a"), b.rank("b")
    if of_b == 1 and of_a == 2:
        if "a" not in b.batched:
            return "np.linalg.solve(a, b.T).T"
        if "b" not in b.batched:
            return "np.linalg.solve(a, b)"
        return "np.linalg.solve(a, b[:, :, None])[:, :, 0]"
    if of_a is not None and of_b is not None and of_b >= 2:
        texts = aligned(b, ("a", "b"))
        return f"np.linalg.solve({texts['a']}, {texts['b']})"
    return columns(b, "np.linalg.solve({a}, {v})", "a", "b", "b")


def columns(b: Batching, template: str, a: str, v: str, like: str) -> str:
    """Text of a function of matrices, for operands that may be vectors.

    Args:
        b: the call.
        template: the function, of ``{a}`` and ``{v}``.
        a: the parameter of the matrices.
        v: the parameter of the vectors, or columns.
        like: the parameter that is a vector where `v` has vectors.
    """
    rank = f"np.ndim({like})" + (" - 1" if like in b.batched else "")
    column = f"rt.as_columns({v}, {rank})"
    matrix = (
        f"rt.align({a}, np.ndim({v}){'' if v in b.batched else ' + 1'})" if a in b.batched else a
    )
    if v in b.batched:
        column = f"rt.align({column}, np.ndim({a}){'' if a in b.batched else ' + 1'})"
    return f"rt.from_columns({template.format(a=matrix, v=column)}, {rank})"


def solve_columns(b: Batching) -> str:
    """As `solve`, whose right-hand side tells what `v` is."""
    _everywhere(b, "a", "v")
    return columns(b, "np.linalg.solve({a}, {v})", "a", "v", "b")


def solve_transposed(b: Batching) -> str:
    """As `solve_columns`, with the transposed matrices."""
    _everywhere(b, "a", "v")
    return columns(b, "np.linalg.solve(np.swapaxes({a}, -1, -2), {v})", "a", "v", "b")


def times_columns(b: Batching) -> str:
    """Products with vectors or columns."""
    _everywhere(b, "a", "v")
    return columns(b, "({a} @ {v})", "a", "v", "b")


def outer_of_columns(b: Batching) -> str:
    """Outer products, summed over the columns and what was broadcast."""
    b.spread("u", "v", "a")
    rank = "np.ndim(b)" + (" - 1" if "b" in b.batched else "")
    of_u, of_v = (f"rt.as_columns({name}, {rank})" for name in ("u", "v"))
    of_u = f"rt.align({of_u}, np.ndim(v) + 1)" if b.rank("u") != b.rank("v") else of_u
    return f"rt.each_unbroadcast({of_u} @ np.swapaxes({of_v}, -1, -2), a)"


def _everywhere(b: Batching, *names: str) -> None:
    """The result has a batch axis, even if only the right-hand side's shape is a batch's."""
    if not any(name in b.batched for name in names):
        b.spread(names[-1])


# Items of containers


def like(b: Batching) -> str:
    """The structure of the value itself; a number that stands for an array becomes one."""
    if "z_bar" not in b.batched and b.rank("z_bar") != 0:
        raise b.refuse("a cotangent that is the same for all examples has no batching rule")
    return b.again()


def items_of_array(*names: str) -> Callable[[Batching], str]:
    """The call itself for lists; the rows of a batched array lie along its second axis."""

    def rule(b: Batching) -> str:
        if "x" not in b.batched:
            return b.again()
        text = b.again(x="np.moveaxis(x, 1, 0)")
        return f"np.moveaxis({text}, 0, 1)" if names else text

    return rule


def item_bar(b: Batching) -> str:
    """The cotangent at the place that was written in each example: a number, or a slice."""
    only_basic(b)
    b.spread("z_bar")
    b.nodes["x"] = b.nodes["z_bar"]
    b.batched |= {"x"}
    text = f"np.copy({getitem(b)})"
    return f"rt.each_unbroadcast({text}, value{'' if 'value' in b.batched else ', of_x=0'})"


def unitem_bar(b: Batching) -> str:
    """Each cotangent at the place in its own example's array."""
    only_basic(b)
    b.spread("z_bar", "x_bar")
    b.nodes["x"] = b.nodes["x_bar"]
    b.batched |= {"x"}
    index = own_index(b)
    return f"rt.scatter(rt.align(z_bar, np.ndim(x_bar[{index}])), x_bar, {index})"


def only_basic(b: Batching) -> None:
    """Refuse index arrays: they may name an element twice, and then the last value stays."""
    node = b.nodes["index"]
    parts = node.elts if isinstance(node, gast.Tuple) else [node]
    names = b.parts("index") or ["index"]
    if not all(is_basic(p) or b.rank(n) == 0 for p, n in zip(parts, names, strict=True)):
        raise b.refuse("an update at an index that may be an array has no batching rule")
