"""Batching rules of what reads and writes elements (index.py, and the helpers that undo it).

An index that is the same for all examples gets a full slice in front. A batched index gathers:
``x[np.arange(len(x)), i]`` reads from each example the element that its own index names.
Where the rank of an index is not known, `rt.lanes` counts the examples along the right axis, and
`rt.positions` refuses masks, which would choose another number of elements in each example.
"""

from __future__ import annotations

from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.primitives.batching import Batching, aligned, one_axis, rows
from redraft.transpile.primitives.table import UNKNOWN, literal

FULL = gast.Slice(None, None, None)


def getitem(b: Batching) -> str:
    """``x[index]``."""
    if any(name.startswith("index") for name in b.batched):
        return gathered(b)
    b.nodes["index"] = inner_index(b)
    return "x[index]"


def inner_index(b: Batching) -> gast.expr:
    """An index that is the same for all examples, behind a full slice."""
    node = b.nodes["index"]
    if isinstance(node, gast.Tuple):
        if separated(node.elts, b.parts("index"), b):
            raise b.refuse("index arrays with a slice between them have no batching rule; "
                           "index in two steps")  # fmt: skip
        return gast.Tuple([core.copy(FULL), *map(core.copy, node.elts)], gast.Load())
    if whole_index(b, node):
        return gast.Tuple([core.copy(FULL), core.copy(node)], gast.Load())
    return core.call("rt.inner_index", core.copy(node))


def whole_index(b: Batching, node: gast.expr) -> bool:
    """Is the index certainly no tuple?"""
    return (
        core.is_slice(node)
        or isinstance(node, (gast.List, gast.Constant, gast.UnaryOp, gast.Compare, gast.BinOp))
        or b.rank("index") is not None
    )


def is_basic(node: gast.expr) -> bool:
    """Is this part of an index a slice, an ellipsis or a new axis?"""
    constant = isinstance(node, gast.Constant) and (node.value is None or node.value is ...)
    return core.is_slice(node) or constant


def separated(parts: list[gast.expr], names: list[str], b: Batching) -> bool:
    """Do slices stand between parts that may be arrays? NumPy moves the axes of those to the front.

    Numbers count as arrays beside an array, and not among themselves.
    """
    places = [i for i, part in enumerate(parts) if not is_basic(part)]
    arrays = [
        i for i in places
        if not isinstance(literal(parts[i]), int) and b.rank(names[i]) != 0
    ]  # fmt: skip
    return bool(arrays) and len(places) > 1 and places[-1] - places[0] >= len(places)


# Batched indices


def gathered(b: Batching) -> str:
    """An index of which some parts are batched, read from a batched array or a single one."""
    index, before = gathering_index(b, "x" in b.batched)
    text = f"x[{index}]"
    return text if not before else f"np.moveaxis({text}, {before}, 0)"


def gathering_index(b: Batching, batched_array: bool) -> tuple[str, int]:
    """Text of the index, and how many axes of the result stand in front of the batch axis."""
    node = b.nodes["index"]
    names = b.parts("index") if isinstance(node, gast.Tuple) else ["index"]
    parts = list(node.elts) if isinstance(node, gast.Tuple) else [node]
    if isinstance(node, gast.Tuple):  # the parts are texts of their own from here on
        for name, part in zip(names, parts, strict=True):
            b.nodes[name] = part
    for name, part in zip(names, parts, strict=True):
        if isinstance(part, gast.Slice) and any(n.startswith(name) for n in b.batched):
            raise b.refuse("a slice with batched limits has no batching rule")
    arrays = [name for name, part in zip(names, parts, strict=True) if not is_basic(part)]
    if separated_places(names, arrays):
        raise b.refuse("batched indices with a slice between them have no batching rule; "
                       "index in two steps")  # fmt: skip
    before = names.index(arrays[0])
    if any(isinstance(p, gast.Constant) and p.value is ... for p in parts[:before]):
        raise b.refuse("`...` before a batched index has no batching rule; write the slices")
    numbers = all(b.rank(name) == 0 for name in arrays)
    if batched_array and before and not numbers:
        raise b.refuse("a slice before a batched index array has no batching rule; "
                       "move the axis to the front first")  # fmt: skip
    texts = dict(zip(names, names, strict=True)) | gather_texts(b, arrays)
    inner = ", ".join(texts[name] for name in names)
    if not batched_array:
        return inner, before
    return f"{lanes(b, arrays)}, {inner}", 0


def separated_places(names: list[str], arrays: list[str]) -> bool:
    """Does anything stand between the parts that are arrays or numbers?"""
    places = [names.index(name) for name in arrays]
    return places[-1] - places[0] >= len(places)


def gather_texts(b: Batching, arrays: list[str]) -> dict[str, str]:
    """Texts of the parts that are arrays, which broadcast against each other."""
    texts = aligned(b, arrays) if len(arrays) > 1 else {arrays[0]: arrays[0]}
    return {
        name: f"rt.positions({text})" if name in b.batched and b.rank(name) != 0 else text
        for name, text in texts.items()
    }


def lanes(b: Batching, arrays: list[str]) -> str:
    """Text of the numbers of the examples, with axes behind them for those of the indices."""
    ranks = [b.rank(name) for name in arrays]
    count = "np.arange(len(x))"
    if None not in ranks:
        return count if max(ranks) == 0 else f"{count}[:{', None' * max(ranks)}]"
    wanted = [
        (f"np.ndim({n})" + ("" if n in b.batched else " + 1")) if rank is None else str(rank + 1)
        for n, rank in zip(arrays, ranks, strict=True)
        if rank != 0
    ]
    return f"rt.lanes(len(x), {', '.join(wanted)})"


def as_value(index: gast.expr) -> gast.expr:
    """An index that stands outside of brackets: slices are written as calls."""
    if isinstance(index, gast.Tuple):
        return gast.Tuple([as_value(part) for part in index.elts], gast.Load())
    if not isinstance(index, gast.Slice):
        return index
    limits = [
        core.constant(None) if v is None else v for v in (index.lower, index.upper, index.step)
    ]
    while len(limits) > 1 and core.same(limits[-1], core.constant(None)):
        limits.pop()
    if len(limits) == 2 and core.same(limits[0], core.constant(None)):
        limits.pop(0)
    return core.call("slice", *limits)


def own_index(b: Batching) -> str:
    """Text of an index for a batched `x`, as the argument of a helper."""
    if any(name.startswith("index") for name in b.batched):
        index, _ = gathering_index(b, True)
        for name in b.parts("index"):
            b.nodes[name] = as_value(b.nodes[name])
        return f"({index})"
    b.nodes["index"] = as_value(inner_index(b))
    return "index"


def scatter(b: Batching) -> str:
    """Each cotangent at its own index in the array of its own example."""
    b.spread("z_bar", "x")
    return b.again(index=own_index(b))


def add_at(b: Batching) -> str:
    """In place, in each example's array."""
    if "x" not in b.batched:
        raise b.refuse("the array that is added to must be batched")
    index = own_index(b)
    if b.rank("t") == 0 and "t" in b.batched and b.rank("x") != 1:
        return f"rt.add_at(x, {index}, rt.align(t, np.ndim(x[{index}])))"
    if "t" not in b.batched or (b.rank("t") is not None and b.rank("t") == region_rank(b)):
        return f"rt.add_at(x, {index}, t)"
    return f"rt.add_at(x, {index}, rt.align(t, np.ndim(x[{index}])))"


def region_rank(b: Batching) -> int | None:
    """Rank of what one example's index names, where the index is a number."""
    rank, of_index = b.rank("x"), b.rank("index")
    return rank - 1 + of_index if rank is not None and of_index is not None else None


def item(b: Batching) -> str:
    """The element of each example at the same place."""
    refuse_batched_place(b)
    if isinstance(b.constant("index"), tuple):
        return f"x[:, {', '.join(map(str, b.constant('index')))}]"
    if b.constant("index") is UNKNOWN:
        return "rt.rows(x)[rt.flat_place(index, np.shape(x))]"
    return f"{rows(b)}[:, index]"


def refuse_batched_place(b: Batching) -> None:
    """``x.item(i)`` with another place in each example has no rule."""
    if any(name.startswith("index") for name in b.batched):
        raise b.refuse("a batched position has no batching rule; use x[i]")


def unitem(b: Batching) -> str:
    """Each cotangent at the same place."""
    refuse_batched_place(b)
    b.spread("z_bar", "x")
    places = b.constant("index")
    if isinstance(places, tuple):
        return f"rt.scatter(z_bar, x, (slice(None), {', '.join(map(str, places))}))"
    if places is UNKNOWN:
        return (
            "np.reshape(rt.scatter(z_bar, rt.rows(x), rt.flat_place(index, np.shape(x))), "
            "np.shape(x))"
        )
    return "np.reshape(rt.scatter(z_bar, rt.rows(x), (slice(None), index)), np.shape(x))"


def take(b: Batching) -> str:
    """``np.take``: an axis further on; batched indices gather."""
    axis = b.constant("axis")
    if "indices" not in b.batched:
        if axis is None:
            return b.again(x=rows(b), axis="1")
        return b.again(axis=one_axis(b, numbers=True))
    if "x" not in b.batched:
        text = b.again()
        return text if axis in (None, 0) else f"np.moveaxis({text}, {taken_axis(b, axis)}, 0)"
    if axis not in (None, 0):
        raise b.refuse("batched indices along this axis have no batching rule; use np.moveaxis")
    return f"{rows(b) if axis is None else 'x'}[{lanes(b, ['indices'])}, indices]"


def taken_axis(b: Batching, axis: Any) -> int:
    """Where the axes of the indices stand in the result of ``np.take``."""
    if not isinstance(axis, int) or (axis < 0 and b.rank("x") is None):
        raise b.refuse("the axis must be a number in the program, from the front")
    return axis if axis >= 0 else axis + b.rank("x")


def untake(b: Batching) -> str:
    """Cotangent of `x` in ``np.take``."""
    b.spread("z_bar", "x")
    axis = b.constant("axis")
    flat = "np.reshape({}, np.shape(x))"
    if "indices" not in b.batched:
        if axis is None:
            return flat.format(b.again(x="rt.rows(x)", axis="1"))
        return b.again(axis=one_axis(b))
    index = f"({lanes(b, ['indices'])}, indices)"
    if axis is None:
        return flat.format(f"rt.scatter(z_bar, rt.rows(x), {index})")
    if axis != 0:
        raise b.refuse("batched indices along this axis have no batching rule")
    return f"rt.scatter(z_bar, x, {index})"


def along_axis(*names: str) -> Any:
    """Rule of ``np.take_along_axis``: arrays of one rank; without an axis the first is flattened."""

    def rule(b: Batching) -> str:
        b.spread(*names)
        if b.constant("axis") is not None:
            return b.again(axis=one_axis(b))
        text = b.again(x="rt.rows(x)", axis="1")
        return text if names[0] != "z_bar" else f"np.reshape({text}, np.shape(x))"

    return rule


def sort(b: Batching) -> str:
    """Along an axis, or all elements of an example in a row."""
    if b.constant("axis") is None:
        return b.again(x=rows(b), axis="1")
    return b.again(axis=one_axis(b))


def matching(b: Batching) -> str:
    """The same for what was rearranged, and what it was before."""
    b.spread("x", "ans_of")
    return sort(b)


def searchsorted(b: Batching) -> str:
    """The same sorted array for all; one for each example is compared with each value."""
    if "x" not in b.batched:
        return b.again()
    b.spread("x", "v")
    side = ", side" if b.given("side") else ""
    if b.rank("v") == 1:
        return f"rt.searchsorted_rows(x, v{side})"
    flat = "np.reshape(v, (len(v), -1))"
    return f"np.reshape(rt.searchsorted_rows(x, {flat}{side}), np.shape(v))"
