"""Products of whole batches, for ranks that are known only when the arrays are there.

Each of ``np.matmul``, ``dot``, ``inner``, ``outer``, ``kron`` and ``tensordot`` is a sum of products
over labelled axes. A batch axis is one more label; so the product of a batch, and its cotangents,
which are such sums too, come down to one ``matmul`` of stacks (`contract`). Leading batch axes are
counted per operand and lie against each other from the right, as in broadcasting.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np

from redraft.runtime import sparse
from redraft.runtime.shapes import cast_like
from redraft.runtime.sparse import is_sparse

Labels = list[Hashable]


def each_product(
    kind: str, x: Any, y: Any, of_x: int = 1, of_y: int = 1, axes: Any = None, xp: Any = np
) -> Any:
    """The product of each example.

    Args:
        kind: ``matmul``, ``dot``, ``inner``, ``outer``, ``kron`` or ``tensordot``.
        x: left operand.
        y: right operand.
        of_x: number of batch axes of `x`.
        of_y: number of batch axes of `y`.
        axes: the axes of ``np.tensordot``, those of one example.
        xp: the array functions to use.
    """
    if is_sparse(x) or is_sparse(y):
        return sparse.each_product(x, y, of_x, of_y, xp)
    batch_x, one_x = xp.shape(x)[:of_x], xp.shape(x)[of_x:]
    batch_y, one_y = xp.shape(y)[:of_y], xp.shape(y)[of_y:]
    in_x, in_y, out, shape = plan(kind, one_x, one_y, axes)
    leads = lead(max(of_x, of_y))
    product = contract(x, lead(of_x) + in_x, y, lead(of_y) + in_y, leads + out, xp)
    product = xp.reshape(product, (*np.broadcast_shapes(batch_x, batch_y), *shape))
    return product if xp is not np else product.astype(np.result_type(x, y), copy=False)


def each_product_bar_x(
    kind: str,
    z_bar: Any,
    x: Any,
    y: Any,
    of_z: int,
    of_x: int,
    of_y: int,
    axes: Any = None,
    xp: Any = np,
) -> Any:
    """Cotangent of `x` in `each_product`, summed over the batch axes that `x` has not."""
    if is_sparse(x) or is_sparse(y):
        return sparse.each_bar(z_bar, x, y, True, of_z, of_x, xp)
    in_x, in_y, out, z_bar = _cotangent(kind, z_bar, x, y, of_z, of_x, of_y, axes, xp)
    x_bar = contract(
        z_bar, lead(of_z) + out, y, lead(of_y) + in_y, lead(of_x) + in_x, xp, xp.shape(x)
    )
    return x_bar if xp is not np else cast_like(x_bar, x)


def each_product_bar_y(
    kind: str,
    z_bar: Any,
    x: Any,
    y: Any,
    of_z: int,
    of_x: int,
    of_y: int,
    axes: Any = None,
    xp: Any = np,
) -> Any:
    """Cotangent of `y` in `each_product`, summed over the batch axes that `y` has not."""
    if is_sparse(x) or is_sparse(y):
        return sparse.each_bar(z_bar, y, x, False, of_z, of_y, xp)
    in_x, in_y, out, z_bar = _cotangent(kind, z_bar, x, y, of_z, of_x, of_y, axes, xp)
    y_bar = contract(
        x, lead(of_x) + in_x, z_bar, lead(of_z) + out, lead(of_y) + in_y, xp, xp.shape(y)
    )
    return y_bar if xp is not np else cast_like(y_bar, y)


def lead(count: int) -> Labels:
    """Labels of the batch axes, counted from the right."""
    return [("batch", i) for i in range(-count, 0)]


def _cotangent(
    kind: str, z_bar: Any, x: Any, y: Any, of_z: int, of_x: int, of_y: int, axes: Any, xp: Any
) -> tuple[Labels, Labels, Labels, Any]:
    """Labels of the operands and of the product, and its cotangent with an axis for each label."""
    one_x, one_y = xp.shape(x)[of_x:], xp.shape(y)[of_y:]
    in_x, in_y, out, shape = plan(kind, one_x, one_y, axes)
    extra = xp.ndim(z_bar) - of_z - len(shape)
    if extra > 0:
        z_bar = xp.sum(z_bar, axis=tuple(range(of_z, of_z + extra)))
    stretched = [of_z + i for i, n in enumerate(shape) if n == 1 and xp.shape(z_bar)[of_z + i] != 1]
    if stretched:
        z_bar = xp.sum(z_bar, axis=tuple(stretched), keepdims=True)
    sizes = dict(zip(in_x, one_x, strict=True))
    for label, size in zip(in_y, one_y, strict=True):
        sizes[label] = max(size, sizes.get(label, size)) if size else 0
    batch = xp.shape(z_bar)[:of_z]
    return in_x, in_y, out, xp.reshape(z_bar, (*batch, *(sizes[label] for label in out)))


def plan(
    kind: str, x: tuple[int, ...], y: tuple[int, ...], axes: Any = None
) -> tuple[Labels, Labels, Labels, tuple[int, ...]]:
    """Labels of the axes of both operands and of the product, and the shape of the product."""
    in_x: Labels = [("x", i) for i in range(len(x))]
    in_y: Labels = [("y", i) for i in range(len(y))]
    if kind == "kron":
        return _plan_kron(x, y)
    if kind == "outer":
        return in_x, in_y, in_x + in_y, (math.prod(x), math.prod(y))
    if kind == "matmul":
        return _plan_matmul(x, y)
    for of_x, of_y in _summed(kind, len(x), len(y), axes):
        if x[of_x] != y[of_y]:
            raise ValueError(f"shapes {x} and {y} not aligned: {x[of_x]} != {y[of_y]}")
        in_y[of_y] = in_x[of_x] = ("sum", of_x)
    out = [label for label in in_x + in_y if label[0] != "sum"]
    sizes = dict(zip(in_x + in_y, x + y, strict=True))
    return in_x, in_y, out, tuple(sizes[label] for label in out)


def _summed(kind: str, of_x: int, of_y: int, axes: Any) -> Iterable[tuple[int, int]]:
    """Pairs of axes that ``dot``, ``inner`` or ``tensordot`` sums over."""
    if kind == "tensordot":
        if not np.iterable(axes):
            return [(of_x - axes + i, i) for i in range(axes)]
        left, right = (list(a) if np.iterable(a) else [a] for a in axes)
        return [(a % of_x, b % of_y) for a, b in zip(left, right, strict=True)]
    if of_x == 0 or of_y == 0:
        return []
    return [(of_x - 1, of_y - 1 if kind == "inner" else max(of_y - 2, 0))]


def _plan_matmul(
    x: tuple[int, ...], y: tuple[int, ...]
) -> tuple[Labels, Labels, Labels, tuple[int, ...]]:
    if not x or not y or x[-1] != y[max(len(y) - 2, 0)]:
        raise ValueError(f"matmul: the shapes {x} and {y} do not fit")
    stacks = max(len(x), len(y), 2) - 2
    stack: Labels = [("stack", i) for i in range(-stacks, 0)]
    rows: Labels = ["row"] if len(x) > 1 else []
    columns: Labels = ["column"] if len(y) > 1 else []
    of_x = stack[stacks - max(len(x) - 2, 0) :]
    of_y = stack[stacks - max(len(y) - 2, 0) :]
    shape = (*np.broadcast_shapes(x[:-2], y[:-2]), *x[-2:-1], *(y[-1:] if columns else ()))
    return [*of_x, *rows, "sum"], [*of_y, "sum", *columns], [*stack, *rows, *columns], shape


def _plan_kron(
    x: tuple[int, ...], y: tuple[int, ...]
) -> tuple[Labels, Labels, Labels, tuple[int, ...]]:
    in_x: Labels = [("x", i - len(x)) for i in range(len(x))]
    in_y: Labels = [("y", i - len(y)) for i in range(len(y))]
    places = range(-max(len(x), len(y)), 0)
    out = [label for i in places for label in (("x", i), ("y", i)) if label in in_x + in_y]
    sizes = dict(zip(in_x + in_y, x + y, strict=True))
    shape = tuple(sizes.get(("x", i), 1) * sizes.get(("y", i), 1) for i in places)
    return in_x, in_y, out, shape


def contract(
    a: Any, in_a: Labels, b: Any, in_b: Labels, out: Labels, xp: Any = np, shape: Any = None
) -> Any:
    """Sum of products over the labels that are not in `out`, by one ``matmul``.

    Args:
        a: left operand.
        in_a: labels of its axes; an axis of length one is broadcast.
        b: right operand.
        in_b: labels of its axes.
        out: labels of the result.
        xp: the array functions to use.
        shape: the shape of the result, if axes are to have length one, or are in no operand.
    """
    sizes = _sizes(in_a, xp.shape(a), in_b, xp.shape(b))
    axes = list(enumerate(out))
    if shape is not None:  # an axis of length one sums up what was broadcast along it
        axes = [(i, label) for i, label in axes if shape[i] == sizes.get(label)]
    wanted = [label for _, label in axes]
    a, in_a = _prepared(a, in_a, {*in_b, *wanted}, sizes, xp)
    b, in_b = _prepared(b, in_b, {*in_a, *wanted}, sizes, xp)
    a, in_a = _prepared(a, in_a, {*in_b, *wanted}, sizes, xp)
    shared = [label for label in in_a if label in in_b]
    both = [label for label in shared if label in wanted]
    summed = [label for label in shared if label not in wanted]
    left = [label for label in in_a if label not in shared]
    right = [label for label in in_b if label not in shared]
    product = _product(
        _grouped(a, in_a, (both, left, summed), sizes, xp),
        _grouped(b, in_b, (both, summed, right), sizes, xp),
        bool(summed), xp,
    )  # fmt: skip
    have = both + left + right
    product = xp.reshape(product, tuple(sizes[label] for label in have))
    present = [label for label in wanted if label in have]
    product = xp.transpose(product, tuple(have.index(label) for label in present))
    if shape is None:
        shape = tuple(sizes.get(label, 1) for label in out)
    kept = {i for i, label in axes if label in have}
    product = xp.reshape(product, tuple(n if i in kept else 1 for i, n in enumerate(shape)))
    return product if xp.shape(product) == tuple(shape) else xp.broadcast_to(product, shape)


def _sizes(in_a: Labels, a: tuple, in_b: Labels, b: tuple) -> dict[Hashable, int]:
    """Length of each label: a length of one gives way to the other's."""
    sizes: dict[Hashable, int] = {}
    for label, n in (*zip(in_a, a, strict=True), *zip(in_b, b, strict=True)):
        if sizes.setdefault(label, n) == 1:
            sizes[label] = n
    return sizes


def _prepared(x: Any, labels: Labels, others: set, sizes: dict, xp: Any) -> tuple[Any, Labels]:
    """Without the axes that are broadcast, and summed over those that nobody else has."""
    flat = [i for i, label in enumerate(labels) if xp.shape(x)[i] == 1 != sizes[label]]
    if flat:
        x = xp.reshape(x, tuple(n for i, n in enumerate(xp.shape(x)) if i not in flat))
        labels = [label for i, label in enumerate(labels) if i not in flat]
    lonely = tuple(i for i, label in enumerate(labels) if label not in others)
    if lonely:
        x = xp.sum(x, axis=lonely)
        labels = [label for i, label in enumerate(labels) if i not in lonely]
    return x, labels


def _grouped(x: Any, labels: Labels, groups: tuple, sizes: dict, xp: Any) -> Any:
    """The axes in the order of the groups, each group but the first as one axis."""
    order = [label for group in groups for label in group]
    moved = xp.transpose(x, tuple(labels.index(label) for label in order))
    first, *rest = groups
    lengths = [sizes[label] for label in first]
    return xp.reshape(moved, (*lengths, *(math.prod(sizes[n] for n in g) for g in rest)))


def _product(a: Any, b: Any, summed: bool, xp: Any) -> Any:
    """Stacks of matrices; a multiplication where nothing is summed."""
    return xp.matmul(a, b) if summed else xp.multiply(a, b)
