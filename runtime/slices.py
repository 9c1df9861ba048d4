"""Slices that add axes, as a slice that does not and a reshape.

DTensor crashes on the former where they stand in loops.
"""

from __future__ import annotations

import numpy as np

from redraft.runtime.layouts import Operation

MASKS = ("begin", "end", "ellipsis", "new_axis", "shrink_axis")


def has_new_axes(op: Operation) -> bool:
    """Does a slice add axes, or leave some out by an ellipsis? DTensor crashes on these in loops."""
    return op.type == "StridedSlice" and bool(
        op.attribute("new_axis_mask") or op.attribute("ellipsis_mask")
    )


def without_new_axes(op: Operation) -> tuple[Operation, Operation] | None:
    """Such a slice as one with an entry for each axis, and a reshape; None if its bounds are not known."""
    bounds = [op.constant(i) for i in (1, 2, 3)]
    if any(b is None for b in bounds):
        return None
    masks = {n: int(op.attribute(f"{n}_mask")) for n in MASKS}
    count, rank = len(bounds[0]), len(op.shapes[0])
    is_new = [
        bool(masks["new_axis"] >> i & 1 and not masks["ellipsis"] >> i & 1) for i in range(count)
    ]
    given = sum(not (is_new[i] or masks["ellipsis"] >> i & 1) for i in range(count))
    entries: list[int | None] = []  # the entry for each axis, None for all of it
    for i in range(count):
        if masks["ellipsis"] >> i & 1:
            entries += [None] * (rank - given)
        elif not is_new[i]:
            entries.append(i)
    entries += [None] * (rank - len(entries))
    new = dict.fromkeys(MASKS, 0)
    for axis, i in enumerate(entries):
        for name in ("begin", "end", "shrink_axis"):
            bit = name != "shrink_axis" if i is None else masks[name] >> i & 1
            new[name] |= bool(bit) << axis
    rows = [np.array([default if i is None else int(b[i]) for i in entries], np.int64)
            for b, default in zip(bounds, (0, 0, 1), strict=True)]  # fmt: skip
    between = tuple(
        len(range(length)[part_of(rows, new, axis)])
        for axis, length in enumerate(op.shapes[0])
        if not new["shrink_axis"] >> axis & 1
    )
    flags = {f"{name}_mask": value for name, value in new.items()}
    first = Operation("StridedSlice", [op.shapes[0], *[(rank,)] * 3], [between], op.dtype,
                      flags.__getitem__, lambda i: rows[i - 1] if i else None, op.sizes)  # fmt: skip
    shape = np.array(op.results[0], np.int64)
    second = Operation("Reshape", [between, shape.shape], op.results, op.dtype, flags.get,
                       lambda i: shape if i else None, op.sizes)  # fmt: skip
    return first, second


def part_of(rows: list[np.ndarray], masks: dict[str, int], axis: int) -> slice:
    """Python's slice for an axis."""
    begin, end, step = (int(row[axis]) for row in rows)
    return slice(
        None if masks["begin"] >> axis & 1 else begin,
        None if masks["end"] >> axis & 1 else end,
        step,
    )


__all__ = ["MASKS", "has_new_axes", "without_new_axes"]
