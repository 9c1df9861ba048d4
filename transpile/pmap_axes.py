"""The axes of a `pmap`: of the arguments of a call, and of those of a batch of calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from redraft.runtime.sharded import ShardedArray
from redraft.runtime.tensors import is_tensor
from redraft.transpile.batched_arguments import axes_of_parts
from redraft.transpile.jit import Leaf, flatten
from redraft.transpile.jit_call import children
from redraft.transpile.vmap import Axes, Vmapped


class Plan(Vmapped):
    """What `in_axes` say of the arguments of a call."""

    def sizes(
        self, args: tuple, kwargs: dict[str, Any]
    ) -> tuple[list[tuple[str, Any, int | None]], int]:
        """Every leaf of the arguments with its name and its axis, and the number of slices.

        Raises:
            ValueError: an axis does not fit, or the arguments do not agree on the number.
        """
        found: list[tuple[str, Any, int | None]] = []
        try:
            axes, named = self.axes_of(args, kwargs)
            for name, x, of in zip(self.names(args), args, axes, strict=True):
                note_leaves(x, of, name, found)
            for name in sorted(kwargs):
                note_leaves(kwargs[name], named[name], name, found)
        except ValueError as error:
            raise ValueError(str(error).replace("vmap", "pmap", 1)) from None
        return found, self.agreed_size(found)

    def agreed_size(self, found: list[tuple[str, Any, int | None]]) -> int:
        """The number of slices, on which all arguments agree."""
        lines, sizes = [], set()
        for name, x, axis in found:
            if axis is None:
                continue
            shape = tuple(np.shape(x)) if not is_tensor(x) else tuple(x.shape)
            if not -len(shape) <= axis < len(shape):
                raise ValueError(
                    f"pmap in_axes: `{name}` has shape {shape}, and no axis {axis}; give it the axis "
                    "None, and every device gets the whole"
                )
            sizes.add(shape[axis])
            lines.append(f"  `{name}` has shape {shape}, and size {shape[axis]} along axis {axis}")
        if self.axis_size is not None:
            sizes.add(self.axis_size)
            lines.append(f"  axis_size is {self.axis_size}")
        if not sizes:
            raise ValueError(
                "pmap must have at least one argument with an axis for the devices: in_axes has none, "
                "and axis_size is not given"
            )
        if len(sizes) > 1:
            raise ValueError(
                "pmap got inconsistent sizes for array axes to be mapped:\n" + "\n".join(lines)
            )
        return sizes.pop()


def note_leaves(x: Any, axes: Axes, name: str, found: list[tuple[str, Any, int | None]]) -> None:
    """The leaves of an argument with their axes, in the order of `structure`."""
    if x is None:
        return
    parts = None if isinstance(x, (np.ndarray, ShardedArray)) or is_tensor(x) else children(x)
    if parts is None:
        found.append((name, x, axes))
        return
    _, values, _ = parts
    if isinstance(x, (list, tuple, dict)):
        container = x if isinstance(x, dict) else values
        inner = axes_of_parts(axes, container, name)
    else:
        inner = [axes] * len(values)
    for value, of in zip(values, inner, strict=True):
        note_leaves(value, of, name, found)


def structure(x: Any, leaves: list[Any], name: str) -> Any:
    """As `flatten` of jit.py, with arrays that lie on devices."""
    if isinstance(x, ShardedArray):
        leaves.append(x)
        return Leaf("array", x.dtype, x.shape)
    parts = None if x is None or isinstance(x, np.ndarray) or is_tensor(x) else children(x)
    if parts is None:
        return flatten(x, leaves, name)
    keys, values, extra = parts
    return (type(x), keys, extra, tuple(structure(v, leaves, name) for v in values))


class Pair(NamedTuple):
    """The axis of the devices, and that of the batch in what one device gets."""

    devices: int | None
    batch: int | None


def before_slices(devices: Axes, batch: Axes) -> Pair:
    """Both axes, where the batch is in front of the slices.

    Args:
        devices: the axis of the devices in one example.
        batch: the axis of the batch in the whole.

    Raises:
        ValueError: one is counted from the end.
    """
    if devices is None or batch is None:
        return Pair(devices, batch)
    if devices < 0 or batch < 0:
        raise ValueError("vmap of a function under pmap: count axes from the front, not with -1")
    return Pair(devices, batch - 1) if devices < batch else Pair(devices + 1, batch)


def map_pairs(function: Callable, a: Axes, b: Axes) -> Any:
    """A function of two trees of axes, of which one may be a prefix of the other.

    Raises:
        ValueError: they do not go along with each other.
    """
    for x in (a, b):
        if isinstance(x, dict) and (isinstance(a, (tuple, list)) or isinstance(b, (tuple, list))):
            raise ValueError("vmap of a function under pmap: give in_axes by position in both")
    first = next((x for x in (a, b) if isinstance(x, (tuple, list, dict))), None)
    if first is None:
        return function(a, b)
    keys = list(first) if isinstance(first, dict) else range(len(first))
    parts = [x if isinstance(x, (tuple, list, dict)) else None for x in (a, b)]
    if any(p is not None and len(p) != len(first) for p in parts):
        raise ValueError(f"vmap of a function under pmap: axes {a!r} and {b!r} do not fit")
    made = [
        map_pairs(function, *(x if p is None else p[k] for x, p in zip((a, b), parts, strict=True)))
        for k in keys
    ]
    return dict(zip(keys, made, strict=True)) if isinstance(first, dict) else type(first)(made)


def chosen(pairs: Any, place: int) -> Axes:
    """One of the two axes, throughout a tree."""
    if isinstance(pairs, Pair):
        return pairs[place]
    if isinstance(pairs, dict):
        return {k: chosen(p, place) for k, p in pairs.items()}
    return type(pairs)(chosen(p, place) for p in pairs)
