"""How the operations of a program are split over a mesh: one rule for each kind of operation.

A layout is a tuple with the mesh axis along which each axis of an array is split, or None. A rule takes an
operation and the layouts that its operands have, and gives those that they must have and those
of the results: such that each device computes its parts of the results from its parts of the operands, or
sums them up over a mesh axis. Operations without a rule, and those whose rule gives None, run on
all devices with whole operands.

DTensor has rules of its own, which disagree with each other where a layout is asked for at both ends: some
combinations are refused, a few give wrong numbers. It is therefore told all layouts, and asked only for
what the tests compare with one device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

Layout = tuple[str | None, ...]
Rule = tuple[list[Layout], list[Layout]]


class Operation(NamedTuple):
    """What a rule may know of an operation.

    Attributes:
        type: its name in TensorFlow.
        shapes: of the operands.
        results: shapes of the results.
        dtype: the name of the first result's dtype.
        attribute: gives an attribute by name.
        constant: gives the value of an operand by number, None if it is not known.
        sizes: the size of each mesh axis.
    """

    type: str
    shapes: list[tuple[int, ...]]
    results: list[tuple[int, ...]]
    dtype: str
    attribute: Callable[[str], Any]
    constant: Callable[[int], np.ndarray | None]
    sizes: dict[str, int]


def whole(shape: Sequence[int]) -> Layout:
    """The layout of an array that is not split."""
    return (None,) * len(shape)


def agreed(one: Layout, other: Layout) -> Layout:
    """What two layouts have in common."""
    return tuple(a if a == b else None for a, b in zip(one, other, strict=True))


def ruled(op: Operation, layouts: list[Layout]) -> Rule:
    """The layouts of operands and results.

    Args:
        op: the operation.
        layouts: what its operands have.
    """
    rule = RULES.get(op.type)
    found = rule(op, layouts) if rule is not None and any(map(any, layouts)) else None
    if found is None:
        return [whole(s) for s in op.shapes], [whole(s) for s in op.results]
    return found


def has_rule(kind: str) -> bool:
    """Is an operation split at all?"""
    return kind in RULES


# --- each element by itself

NAMES = """
    Abs Acos Acosh Add AddV2 Angle Asin Asinh Atan Atan2 Atanh Betainc Bitcast BitwiseAnd BitwiseOr
    BitwiseXor Cast Ceil Complex ComplexAbs Conj Cos Cosh Digamma Div DivNoNan Elu Equal Erf Erfc
    Erfinv Exp Expm1 Floor FloorDiv FloorMod Greater GreaterEqual Identity Igamma Igammac Imag
    Invert IsFinite IsInf IsNan LeftShift Less LessEqual Lgamma Log Log1p LogicalAnd LogicalNot
    LogicalOr Maximum Minimum Mul MulNoNan Ndtri Neg NextAfter NotEqual Polygamma Pow
    PreventGradient Real RealDiv Reciprocal Relu RightShift Rint Round Rsqrt SelectV2 Sigmoid Sign
    Sin Sinh Softplus Sqrt Square SquaredDifference StopGradient Sub Tan Tanh TruncateDiv
    TruncateMod Xdivy Xlog1py Xlogy ZerosLike Zeta
"""
ELEMENTWISE = frozenset(NAMES.split())


def elementwise(op: Operation, layouts: list[Layout]) -> Rule | None:
    """Operands that are broadcast against each other: split as the largest are."""
    (result,) = op.results
    if op.type == "Bitcast" and result != op.shapes[0]:
        return None
    aligned = [as_broadcast(x, s, result) for x, s in zip(layouts, op.shapes, strict=True)]
    order = sorted(range(len(aligned)), key=lambda i: -int(np.prod(op.shapes[i], dtype=int)))
    common = merged([aligned[i] for i in order])
    return [unbroadcast(common, s, result) for s in op.shapes], [common]


def as_broadcast(layout: Layout, shape: Sequence[int], result: Sequence[int]) -> Layout:
    """The layout of an operand once it is broadcast to the shape of the result."""
    missing = len(result) - len(shape)
    kept = [a if n == m else None for a, n, m in zip(layout, shape, result[missing:], strict=True)]
    return (*[None] * missing, *kept)


def unbroadcast(layout: Layout, shape: Sequence[int], result: Sequence[int]) -> Layout:
    """The layout that an operand must have for such a result."""
    missing = len(result) - len(shape)
    pairs = zip(layout[missing:], shape, result[missing:], strict=True)
    return tuple(a if n == m else None for a, n, m in pairs)


def merged(layouts: list[Layout]) -> Layout:
    """One layout: the first that splits an axis decides, and no mesh axis is taken twice."""
    found: list[str | None] = [None] * len(layouts[0])
    for layout in layouts:
        for axis, name in enumerate(layout):
            if found[axis] is None and name not in found:
                found[axis] = name
    return tuple(found)


# --- sums and products

SUMMED = frozenset({"float16", "float32", "float64", "int32", "int64"})  # across devices


def reduction(op: Operation, layouts: list[Layout]) -> Rule | None:
    """What is reduced may be split, if devices can do the rest."""
    axes = op.constant(1)
    if axes is None:
        return None
    rank = len(op.shapes[0])
    reduced = {int(a) % rank for a in np.ravel(axes)} if rank else set()
    layout = layouts[0]
    if op.dtype not in SUMMED and not (op.dtype == "bool" and op.type in ("All", "Any")):
        layout = tuple(None if a in reduced else name for a, name in enumerate(layout))
    if op.attribute("keep_dims"):
        result = tuple(None if a in reduced else name for a, name in enumerate(layout))
    else:
        result = tuple(name for a, name in enumerate(layout) if a not in reduced)
    return [layout, whole(op.shapes[1])], [result]


def product(op: Operation, layouts: list[Layout]) -> Rule | None:
    """Products of matrices, or of stacks of them."""
    flags = ("transpose_a", "transpose_b") if op.type == "MatMul" else ("adj_x", "adj_y")
    (a, b), rank = op.shapes, len(op.results[0])
    if op.dtype not in SUMMED or min(len(a), len(b)) < 2:
        return None
    batch = "abcdefgh"[: rank - 2]
    if len(batch) < rank - 2:
        return None
    left = "nm" if op.attribute(flags[0]) else "mn"
    right = "kn" if op.attribute(flags[1]) else "nk"
    labels = [batch[rank - len(a) :] + left, batch[rank - len(b) :] + right]
    return contraction(op, layouts, labels, batch + "mk")


def einsum(op: Operation, layouts: list[Layout]) -> Rule | None:
    """Products of arrays with named axes, summed over some of them."""
    equation = op.attribute("equation")
    equation = equation.decode() if isinstance(equation, bytes) else equation
    inputs, _, result = equation.partition("->")
    labels = inputs.split(",")
    repeated = any(len(set(part)) < len(part) for part in [*labels, result])
    if op.dtype not in SUMMED or "." in equation or repeated:
        return None
    return contraction(op, layouts, labels, result)


def contraction(
    op: Operation, layouts: list[Layout], labels: list[str], result: str
) -> Rule | None:
    """Every named axis is split along one mesh axis, and no mesh axis splits two of them.

    First come the axes of which all operands say the same, then those of the largest operand.
    """
    wishes: dict[str, list[str | None]] = {}
    lengths: dict[str, int] = {}
    order = sorted(range(len(labels)), key=lambda i: -int(np.prod(op.shapes[i], dtype=int)))
    for i in order:
        for label, name, length in zip(labels[i], layouts[i], op.shapes[i], strict=True):
            if lengths.setdefault(label, length) != length:
                return None  # one of them is broadcast
            wishes.setdefault(label, []).append(name)
    taken: dict[str, str] = {}
    for unanimous in (True, False):
        for label, names in wishes.items():
            known = [name for name in names if name is not None]
            if label in taken or not known or (unanimous and len({*names}) > 1):
                continue
            if known[0] not in taken.values():
                taken[label] = known[0]
    inputs = [tuple(taken.get(label) for label in part) for part in labels]
    return inputs, [tuple(taken.get(label) for label in result)]


# --- axes moved, added, and taken away


def transpose(op: Operation, layouts: list[Layout]) -> Rule | None:
    """Each axis keeps its mesh axis."""
    order = op.constant(1)
    if order is None:
        return None
    return [layouts[0], (None,)], [tuple(layouts[0][int(i)] for i in order)]


def expand(op: Operation, layouts: list[Layout]) -> Rule | None:
    """A new axis is not split."""
    axis = op.constant(1)
    if axis is None:
        return None
    place = int(np.ravel(axis)[0]) % len(op.results[0])
    return [layouts[0], whole(op.shapes[1])], [(*layouts[0][:place], None, *layouts[0][place:])]


def reshape(op: Operation, layouts: list[Layout]) -> Rule | None:
    """The first axis of a group that is joined or split keeps its mesh axis, if it can."""
    old, new = op.shapes[0], op.results[0]
    source: list[str | None] = [None] * len(old)
    target: list[str | None] = [None] * len(new)
    for olds, news in groups(old, new):
        if not olds or not news:
            continue
        name = layouts[0][olds[0]]
        fits = name is not None and not (
            old[olds[0]] % op.sizes[name] or new[news[0]] % op.sizes[name]
        )
        if fits:
            source[olds[0]] = target[news[0]] = name
    return [tuple(source), whole(op.shapes[1])], [tuple(target)]


def groups(old: Sequence[int], new: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """Runs of axes with equal products, in order: what a reshape joins or splits. Axes of length 1 apart."""
    olds = [i for i, n in enumerate(old) if n != 1]
    news = [i for i, n in enumerate(new) if n != 1]
    found: list[tuple[list[int], list[int]]] = []
    if 0 in old or 0 in new:
        return found
    while olds and news:
        left, right = [olds.pop(0)], [news.pop(0)]
        a, b = old[left[0]], new[right[0]]
        while a != b:
            if a < b:
                left.append(olds.pop(0))
                a *= old[left[-1]]
            else:
                right.append(news.pop(0))
                b *= new[right[-1]]
        found.append((left, right))
    return found


def broadcast(op: Operation, layouts: list[Layout]) -> Rule | None:
    """New axes are not split."""
    (result,) = op.results
    layout = as_broadcast(layouts[0], op.shapes[0], result)
    return [unbroadcast(layout, op.shapes[0], result), whole(op.shapes[1])], [layout]


def stack(op: Operation, layouts: list[Layout]) -> Rule:
    """Arrays of one shape, along a new axis."""
    place = op.attribute("axis") % len(op.results[0])
    layout = merged(layouts)
    return [layout] * len(layouts), [(*layout[:place], None, *layout[place:])]


def unstack(op: Operation, layouts: list[Layout]) -> Rule:
    """The parts of an array along an axis, which is not split."""
    place = op.attribute("axis") % len(op.shapes[0])
    rest = (*layouts[0][:place], *layouts[0][place + 1 :])
    return [(*rest[:place], None, *rest[place:])], [rest] * len(op.results)


def concatenate(op: Operation, layouts: list[Layout]) -> Rule | None:
    """Along an axis that is not split."""
    axis = op.constant(len(op.shapes) - 1)
    if axis is None:
        return None
    place = int(axis) % len(op.results[0])
    layout = without(merged(layouts[:-1]), place)
    return [*[layout] * (len(layouts) - 1), ()], [layout]


def without(layout: Layout, axis: int) -> Layout:
    """The layout with one axis not split."""
    return (*layout[:axis], None, *layout[axis + 1 :])


def cumulative(op: Operation, layouts: list[Layout]) -> Rule | None:
    """Along an axis that is not split."""
    axis = op.constant(1)
    if axis is None:
        return None
    layout = without(layouts[0], int(axis) % len(op.shapes[0]))
    return [layout, ()], [layout]


# --- parts


def strided_slice(op: Operation, layouts: list[Layout]) -> Rule | None:
    """Axes of which all is taken keep their mesh axis."""
    begin, end, step = (op.constant(i) for i in (1, 2, 3))
    masks = {n: int(op.attribute(f"{n}_mask")) for n in ("begin", "end", "ellipsis", "new_axis")}
    shrink = int(op.attribute("shrink_axis_mask"))
    if step is None or masks["ellipsis"] or masks["new_axis"]:
        return None
    source, target = list(layouts[0]), []
    for axis, length in enumerate(op.shapes[0]):
        given = axis < len(step)
        if given and shrink >> axis & 1:
            source[axis] = None
            continue
        if given:
            first = masks["begin"] >> axis & 1 or (begin is not None and int(begin[axis]) == 0)
            last = masks["end"] >> axis & 1 or (end is not None and int(end[axis]) >= length)
            if not (first and last and int(step[axis]) == 1):
                source[axis] = None
        target.append(source[axis])
    return [tuple(source), *map(whole, op.shapes[1:])], [tuple(target)]


def gather(op: Operation, layouts: list[Layout]) -> Rule | None:
    """Rows by number: the table is whole along that axis, the numbers may be split."""
    axis = op.constant(2)
    if axis is None or op.attribute("batch_dims"):
        return None
    place = int(axis) % len(op.shapes[0])
    table = without(layouts[0], place)
    return [table, whole(op.shapes[1]), ()], [
        (*table[:place], *whole(op.shapes[1]), *table[place + 1 :])
    ]


def last_axis_whole(op: Operation, layouts: list[Layout]) -> Rule:
    """The largest elements along the last axis."""
    layout = without(layouts[0], len(layouts[0]) - 1)
    return [layout, ()], [layout, layout]


def place_of_largest(op: Operation, layouts: list[Layout]) -> Rule | None:
    """The place of the largest element along an axis."""
    axis = op.constant(1)
    if axis is None:
        return None
    place = int(axis) % len(op.shapes[0])
    layout = without(layouts[0], place)
    return [layout, ()], [(*layout[:place], *layout[place + 1 :])]


RULES: dict[str, Callable[[Operation, list[Layout]], Rule | None]] = {
    **dict.fromkeys(ELEMENTWISE, elementwise),
    **dict.fromkeys(("Sum", "Mean", "Max", "Min", "Prod", "All", "Any"), reduction),
    **dict.fromkeys(("MatMul", "BatchMatMulV2"), product),
    "Einsum": einsum, "Transpose": transpose, "ExpandDims": expand, "Reshape": reshape,
    "BroadcastTo": broadcast, "Pack": stack, "Unpack": unstack, "ConcatV2": concatenate,
    "Cumsum": cumulative, "StridedSlice": strided_slice, "GatherV2": gather,
    "TopKV2": last_axis_whole, "ArgMax": place_of_largest,
}  # fmt: skip


__all__ = ["Layout", "Operation", "agreed", "has_rule", "ruled", "whole"]
