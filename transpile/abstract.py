"""`jit(f, abstracted_axes=…)`: one trace for arrays whose axes vary in length.

The axes that have names are traced with an unknown length: in the trace, ``len(x)`` is a number that is
known only when the compiled function runs. XLA itself compiles for each length that occurs, from the one
trace. Lengths 0 and 1 are traced apart, since NumPy's broadcasting reads them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from redraft.runtime.memory import TRACE
from redraft.runtime.tensors import is_tensor
from redraft.transpile.jit import Entry, Jitted, children, mapped

SHAPES = 10_000  # kinds of arguments of which the name of the trace is remembered
MANY = 2  # stands for every length but 0 and 1


class VaryingEntry(Entry):
    """A function traced for arguments with axes of unknown length."""

    def specifications(self, args: tuple, kwargs: dict[str, Any], leaves: list[Any]) -> list[Any]:
        found = []
        for leaf, axes in zip(leaves, self.jitted.axes_of(args, kwargs), strict=True):
            known = self.specification(leaf)
            lengths = known.shape.as_list()
            for axis in axes:
                lengths[axis] = lengths[axis] if lengths[axis] < MANY else None
            found.append(self.tf.specification(known.dtype, lengths))
        return found

    def run(self, *args: Any) -> Any:
        saved, TRACE.lengths_vary = TRACE.lengths_vary, True
        try:
            return super().run(*args)
        finally:
            TRACE.lengths_vary = saved


class VaryingJitted(Jitted):
    """A jitted function of arrays whose axes vary in length."""

    entry_class = VaryingEntry

    def __init__(self, fun: Any, **options: Any) -> None:
        super().__init__(fun, **options)
        self.axes = options["abstracted_axes"]
        self.kinds: dict[Any, Any] = {}  # of arguments, with their lengths -> without them

    def key_of(self, args: tuple, kwargs: dict[str, Any], leaves: list[Any]) -> Any:
        key = super().key_of(args, kwargs, leaves)
        found = self.kinds.get(key)
        if found is None:
            if len(self.kinds) > SHAPES:
                self.kinds.clear()
            found = self.kinds[key] = self.kind_of(args, kwargs, leaves)
        return found

    def kind_of(self, args: tuple, kwargs: dict[str, Any], leaves: list[Any]) -> Any:
        """The key of a call in which all lengths of an abstracted axis are alike.

        Raises:
            ValueError: a name stands for two lengths.
        """
        axes = self.axes_of(args, kwargs)
        self.check_lengths(args, kwargs, leaves, axes)
        rest = iter(axes)
        like = lambda x: x if x is None else standing_for(x, next(rest))  # noqa: E731
        args = tuple(x if self.is_static(i) else mapped(like, x) for i, x in enumerate(args))
        kwargs = {k: kwargs[k] if self.is_static(k) else mapped(like, kwargs[k])
                  for k in sorted(kwargs)}  # fmt: skip
        return super().key_of(args, kwargs, [])

    def is_static(self, which: Any) -> bool:
        """Is an argument, by position or name, part of the program?"""
        numbers, names = self.static
        if isinstance(which, int):
            return which in numbers or self.name_of(which) in names
        return which in names or self.place_of(which) in numbers

    def arguments(self, args: tuple, kwargs: dict[str, Any]) -> list[tuple[int | None, str, Any]]:
        """Positions, names and values of the arguments that are traced."""
        given = [(i, self.name_of(i), x) for i, x in enumerate(args) if not self.is_static(i)]
        named = [(self.place_of(k), k, kwargs[k]) for k in sorted(kwargs) if not self.is_static(k)]
        return given + named

    def axes_of(self, args: tuple, kwargs: dict[str, Any]) -> list[dict[int, Any]]:
        """Named axes of each array of a call, in order.

        Raises:
            ValueError: `abstracted_axes` does not fit the arguments.
        """
        found: list[dict[int, Any]] = []
        for place, name, value in self.arguments(args, kwargs):
            part = self.axes
            if not is_axes(part):
                if not isinstance(part, (tuple, list)) or place is None or place >= len(part):
                    raise ValueError(f"jit: abstracted_axes says nothing of the argument `{name}`")
                part = part[place]
            spread(part, value, name, found)
        return found

    def check_lengths(
        self, args: tuple, kwargs: dict[str, Any], leaves: list[Any], axes: list[dict]
    ) -> None:
        """A name must stand for one length."""
        owners = [
            name
            for _, name, value in self.arguments(args, kwargs)
            for _ in range(count_leaves(value))
        ]
        seen: dict[Any, tuple[int, int, str]] = {}
        for leaf, named, owner in zip(leaves, axes, owners, strict=True):
            for axis, name in named.items():
                length = np.shape(leaf)[axis] if not is_tensor(leaf) else int(leaf.shape[axis])
                first = seen.setdefault(name, (length, axis, owner))
                if first[0] != length:
                    raise ValueError(
                        f"jit: `{owner}` has the length {length} on axis {axis}, but "
                        f"'{name}' is {first[0]} on axis {first[1]} of `{first[2]}`"
                    )


def is_axes(part: Any) -> bool:
    """Does a part of `abstracted_axes` name axes of an array: ``{0: "n"}``, ``("n", None)``?"""
    if isinstance(part, dict):
        return all(children(v) is None for v in part.values())
    is_sequence = isinstance(part, tuple) and not hasattr(part, "_fields")
    return part is None or (is_sequence and all(children(v) is None for v in part))


def spread(part: Any, value: Any, name: str, found: list[dict[int, Any]]) -> None:
    """Append the named axes of each array in a value to `found`."""
    if is_axes(part):
        in_every(part, value, name, found)
        return
    wanted, given = children(part), children(value)
    if wanted is None or given is None or wanted[0] != given[0] or len(wanted[1]) != len(given[1]):
        raise ValueError(f"jit: abstracted_axes has another structure than the argument `{name}`")
    for inner, x in zip(wanted[1], given[1], strict=True):
        spread(inner, x, name, found)


def in_every(part: Any, value: Any, name: str, found: list[dict[int, Any]]) -> None:
    """The same axes in every array of a value."""
    if value is None:
        return
    parts = children(value)
    if parts is None:
        found.append(axes_by_number(part, value, name))
        return
    for x in parts[1]:
        in_every(part, x, name, found)


def axes_by_number(part: Any, x: Any, name: str) -> dict[int, Any]:
    """``{axis: name}`` of one array, with axes counted from the front."""
    rank = x.shape.rank if is_tensor(x) else np.ndim(x)
    if isinstance(part, tuple):
        if len(part) != rank:
            raise ValueError(
                f"jit: abstracted_axes names {len(part)} axes of `{name}`, which has {rank}"
            )
        part = {axis: each for axis, each in enumerate(part) if each is not None}
    found = {}
    for axis, each in (part or {}).items():
        if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
            raise TypeError(f"jit: abstracted_axes: {axis!r} is no axis")
        if not -rank <= axis < rank:
            raise ValueError(
                f"jit: abstracted_axes: `{name}` has {rank} axes, and none with the number {axis}"
            )
        found[int(axis) % rank] = each
    return found


def standing_for(x: Any, axes: dict[int, Any]) -> Any:
    """A value of the same kind, in which every abstracted axis has one of three lengths."""
    if not axes:
        return x
    lengths = [int(n) for n in x.shape]
    for axis in axes:
        lengths[axis] = min(lengths[axis], MANY)
    if is_tensor(x):
        return x[tuple(slice(n) for n in lengths)]
    return np.broadcast_to(np.zeros((), x.dtype), lengths)


def count_leaves(value: Any) -> int:
    """The number of arrays and numbers in a value."""
    parts = children(value)
    if parts is None:
        return 0 if value is None else 1
    return sum(map(count_leaves, parts[1]))


__all__ = ["VaryingEntry", "VaryingJitted"]
