"""What collectives become in a batch, where NumPy has no single function for it.

Arrays have `lead` axes in front that stay as they are; axes that are passed are counted behind them.
`xp` is NumPy, or the namespace for tensors.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def permute(x: Any, perm: Any, lead: int = 1, xp: Any = np) -> Any:
    """Rows of `x` in another order: a gather.

    Args:
        x: an array.
        perm: pairs of the row where a value comes from and the row where it goes. A row to which
            nothing goes is zero.
        lead: the rows lie along the last of so many axes in front.
        xp: the namespace to compute with.

    Raises:
        ValueError: a row is the source or the destination of two pairs.
        IndexError: there is no such row.
    """
    shape = xp.shape(x)
    size = shape[lead - 1]
    source = sources(perm, size)
    rows = xp.take(x, np.maximum(source, 0), axis=lead - 1)
    if min(source, default=0) >= 0:
        return rows
    empty = np.reshape(source < 0, (size,) + (1,) * (len(shape) - lead))
    return xp.where(empty, xp.zeros_like(rows), rows)


def sources(perm: Any, size: int) -> np.ndarray:
    """The row that goes to each row; -1 for none."""
    pairs = [(int(a), int(b)) for a, b in perm]
    if any(len({pair[i] for pair in pairs}) < len(pairs) for i in (0, 1)):
        raise ValueError(f"ppermute sources and destinations must be unique, got {pairs}")
    found = np.full(size, -1)
    for source, destination in pairs:
        if not (0 <= source < size and 0 <= destination < size):
            raise IndexError(
                f"ppermute: ({source}, {destination}) is out of bounds for an axis of size {size}"
            )
        found[destination] = source
    return found


def reversed_perm(perm: Any) -> list[tuple[int, int]]:
    """The pairs of a permutation the other way round."""
    return [(destination, source) for source, destination in perm]


def parts(
    x: Any, count: int, axis: int = 0, tiled: bool = False, lead: int = 0, xp: Any = np
) -> Any:
    """`x` cut into `count` parts along an axis, one after the other along a new axis in front.

    Args:
        x: an array.
        count: how many parts.
        axis: the axis that is cut; gone in the result, unless `tiled`.
        tiled: cut into chunks, and keep the axis.
        lead: number of axes in front of the new one.
        xp: the namespace to compute with.

    Raises:
        ValueError: the axis cannot be cut so.
    """
    shape = tuple(xp.shape(x))
    place = lead + axis % (len(shape) - lead)
    size = shape[place]
    if tiled:
        if size % count:
            raise ValueError(
                f"tiled psum_scatter operand scatter dimension size {size} must be divisible by "
                f"the size {count} of the named axis"
            )
        x = xp.reshape(x, (*shape[:place], count, size // count, *shape[place + 1 :]))
    elif size != count:
        raise ValueError(
            f"psum_scatter operand scatter dimension size {size} must match the size {count} of "
            "the named axis"
        )
    return xp.moveaxis(x, place, lead)


def joined(x: Any, axis: int = 0, tiled: bool = False, lead: int = 0, xp: Any = np) -> Any:
    """The inverse of `parts`: the rows of `x` along an axis, or joined along one."""
    rank = len(xp.shape(x)) - lead
    if not tiled:
        return xp.moveaxis(x, lead, lead + axis % rank)
    place = lead + axis % (rank - 1)
    return merged(xp.moveaxis(x, lead, place), place, xp)


def merged(x: Any, axis: int, xp: Any) -> Any:
    """An axis and the one behind it as one."""
    shape = tuple(xp.shape(x))
    return xp.reshape(x, (*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :]))


def exchange(
    x: Any, split_axis: int, concat_axis: int, tiled: bool = False, lead: int = 1, xp: Any = np
) -> Any:
    """Exchange the last axis in front with one of those behind it.

    Args:
        x: an array.
        split_axis: the axis that comes to the front.
        concat_axis: where the axis in front goes in the result.
        tiled: chunks of `split_axis` come to the front, and are joined along `concat_axis`.
        lead: number of axes in front.
        xp: the namespace to compute with.

    Raises:
        ValueError: the sizes of the two axes do not fit.
    """
    shape = tuple(xp.shape(x))
    front, rank = lead - 1, len(shape) - lead
    split, concat = lead + split_axis % rank, lead + concat_axis % rank
    count, size = shape[front], shape[split]
    if not tiled:
        if size != count:
            raise ValueError(
                "all_to_all requires the size of the mapped axis axis_name to equal "
                f"x.shape[split_axis], but they are {count} and {size} respectively"
            )
        return xp.moveaxis(x, (split, front), (front, concat))
    if size % count:
        raise ValueError(
            f"the size of all_to_all split_axis ({size}) has to be divisible by the size of the "
            f"named axis ({count})"
        )
    x = xp.reshape(x, (*shape[:split], count, size // count, *shape[split + 1 :]))
    return merged(xp.moveaxis(xp.moveaxis(x, split, front), lead, concat), concat, xp)
