"""Values taken apart into arrays, and put together again: what rolled loops carry and collect.

A loop of XLA's knows arrays of fixed dtypes and shapes. `Apart` is a value as such arrays (`leaves`), with what
is the same in all rounds kept aside, and a `key` that is equal for values of one kind.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from redraft.runtime.growing import Growing, Same, Segment
from redraft.runtime.memory import TRACE
from redraft.runtime.rules import RuleSpecs
from redraft.runtime.tensors import is_tensor

NUMBERS = (bool, int, float, complex)
NUMERIC = (*NUMBERS, np.ndarray, np.generic)


class Apart:
    """A value as arrays, and what is needed to put it together.

    Attributes:
        leaves: tensors and arrays; with `numbers` also Python's numbers.
        key: the structure, with the kind of each leaf and all that is no leaf. With `lists` the lists
            that loops fill are taken apart, without they are what they are.
    """

    def __init__(self, x: Any, numbers: bool, lists: bool = True) -> None:
        self.leaves: list[Any] = []
        self.numbers, self.lists = numbers, lists
        self.kept: list[Any] = []  # so that an id in the key stays one object's
        self.key, self._build = self.take(x)

    def rebuild(self, leaves: Any) -> Any:
        """The value with other leaves."""
        return self._build(iter(leaves))

    def take(self, x: Any) -> tuple[Any, Callable[[Iterator], Any]]:
        """The key of a value, and what builds one of its kind from leaves."""
        if is_tensor(x) or isinstance(x, NUMERIC if self.numbers else np.ndarray):
            from redraft.runtime import tf_jit

            self.leaves.append(x)
            return ("leaf", *tf_jit.kind_of_variable(x)), next
        if isinstance(x, Growing) and self.lists:
            return self.take_list(x)
        parts = None if isinstance(x, Growing) else self.parts_of(x)
        if parts is None:
            self.kept.append(x)
            return ("is", type(x), _identity(x)), lambda _: x
        values, data, make = parts
        taken = [self.take(v) for v in values]
        builders = [b for _, b in taken]
        return (
            ("tree", type(x), data, tuple(k for k, _ in taken)),
            lambda leaves: make([b(leaves) for b in builders]),
        )

    def take_list(self, x: Growing) -> tuple[Any, Callable[[Iterator], Any]]:
        """A list that holds what inner loops have appended."""
        keys, builders = [], []
        for part in x.parts:
            if not isinstance(part, Segment):
                key, build = self.take(part)
            else:
                key, build = self.take_segment(part)
            keys.append(key)
            builders.append(build)

        def make(leaves: Iterator) -> Growing:
            new = Growing()
            new.parts = [b(leaves) for b in builders]
            return new

        return ("list", tuple(keys)), make

    def take_segment(self, segment: Segment) -> tuple[Any, Callable[[Iterator], Any]]:
        from redraft.runtime import tf_jit

        is_fixed = isinstance(segment.length, int)
        rows = [s.row if isinstance(s, Same) else s for s in segment.stacks]
        same = tuple(isinstance(s, Same) for s in segment.stacks)
        self.leaves += rows if is_fixed else [*rows, segment.length]
        kinds = tuple(map(tf_jit.kind_of_variable, rows))

        def make(leaves: Iterator) -> Segment:
            stacks = [Same(next(leaves)) if is_same else next(leaves) for is_same in same]
            length = segment.length if is_fixed else next(leaves)
            return Segment(stacks, segment.build, segment.key, length, bound=segment.bound)

        return ("segment", segment.key, kinds, segment.length if is_fixed else None, same), make

    def parts_of(self, x: Any) -> tuple[list[Any], Any, Callable] | None:
        """Children of a container, its data, and what makes one of other children."""
        from redraft.runtime.cotangents import Struct
        from redraft.transpile import jit_call

        if isinstance(x, Struct):
            names = list(vars(x))
            return (
                [vars(x)[n] for n in names],
                tuple(names),
                lambda vs: Struct(dict(zip(names, vs, strict=True))),
            )
        found = jit_call.children(x)
        if found is None:
            return None
        keys, values, extra = found
        return values, (keys, extra), lambda new: jit_call.rebuilt(x, keys, new, extra)


def _identity(x: Any) -> Any:
    """What is compared to know that a value is the same."""
    if isinstance(x, (str, bytes, np.generic, *NUMBERS, type(None))):
        return repr(x)
    return x if isinstance(x, RuleSpecs) else id(x)


def kinds_of(key: Any) -> list[Any]:
    """The kinds of the leaves that a key tells of, in their order."""
    if key[0] == "leaf":
        return [key[1:]]
    if key[0] == "tree":
        return [k for part in key[3] for k in kinds_of(part)]
    if key[0] == "list":
        return [k for part in key[1] for k in kinds_of(part)]
    if key[0] == "segment":
        length = [] if key[3] is not None else [(None, np.dtype(np.int64), ())]
        return [*key[2], *length]
    return []


# --- lists as segments


def unified(parts: list[Any]) -> Segment | None:
    """The elements of a list as one segment; None if they are not of one kind."""
    from redraft.runtime import tf_jit

    if not parts or any(not isinstance(_length(p), int) for p in parts[:-1]):
        return None
    model = next((p for p in parts if isinstance(p, Segment)), None) or _model(parts[0])
    columns: list[list[Any]] = [[] for _ in kinds_of(model.key)]
    for part in parts:
        rows = _rows(part, model.key)
        if rows is None:
            return None
        for column, row in zip(columns, rows, strict=True):
            column.append(row)
    dtypes = [kind[1] for kind in kinds_of(model.key)]
    stacks = [tf_jit.joined(*pair) for pair in zip(columns, dtypes, strict=True)]
    return Segment(stacks, model.build, model.key, sum(map(_length, parts)))


def _length(part: Any) -> Any:
    return part.length if isinstance(part, Segment) else 1


def _model(x: Any) -> Segment:
    """A segment of no elements, of the kind of a value."""
    apart = Apart(_current(x), numbers=True)
    return Segment([], builder(apart), apart.key, 0)


def _rows(part: Any, key: Any) -> list[Any] | None:
    """A row, or the rows of a segment, for each leaf of the key; None if they are of another kind.

    Of a segment whose length is known at run time alone these are all that may count.
    """
    if not isinstance(part, Segment):
        leaves = fitted(_current(part), key)
        return None if leaves is None else [(leaf,) for leaf in leaves]
    return [stack[: part.size] for stack in part.spread().stacks] if part.key == key else None


def _current(x: Any) -> Any:
    return TRACE.memories[-1].current(x)


def fitted(x: Any, key: Any) -> list[Any] | None:
    """The leaves of a value as one of another kind; None if it is not of that kind."""
    if key[0] == "tree" and type(x) is key[1]:
        parts = Apart(None, numbers=True).parts_of(x)
        if parts is None or parts[1] != key[2] or len(parts[0]) != len(key[3]):
            return None
        found = [fitted(v, k) for v, k in zip(parts[0], key[3], strict=True)]
        return None if None in found else [leaf for leaves in found for leaf in leaves or ()]
    apart = Apart(x, numbers=key[0] == "leaf")
    return apart.leaves if apart.key == key else None


def with_element(segment: Segment, place: int, value: Any) -> Segment | None:
    """A segment with another element at a place; None if it is of another kind.

    Raises:
        IndexError: there is no such place.
    """
    from redraft.runtime import tf_jit

    segment = segment.spread()
    leaves = fitted(_current(value), segment.key)
    if leaves is None or not isinstance(segment.length, int):
        return None
    place = range(segment.length)[place]
    stacks = [
        tf_jit.with_rows(stack, place, leaf, False)
        for stack, leaf in zip(segment.stacks, leaves, strict=True)
    ]
    return Segment(stacks, segment.build, segment.key, segment.length)


def builder(apart: Apart) -> Callable[[list[Any], Any], Any]:
    """What makes an element of rows: of `stacks` and a place in them, which counts from the front."""
    from redraft.runtime import tf_jit

    kinds = kinds_of(apart.key)

    def build(stacks: list[Any], place: Any) -> Any:
        rows = [tf_jit.row_of(stack, place) for stack in stacks]
        return apart.rebuild(tf_jit.as_variables(rows, kinds))

    return build


def rekeyed(key: Any, kinds: Iterator[Any]) -> Any:
    """A key with other kinds of leaves."""
    if key[0] == "leaf":
        return ("leaf", *next(kinds))
    if key[0] == "tree":
        return (*key[:3], tuple(rekeyed(part, kinds) for part in key[3]))
    if key[0] == "list":
        return ("list", tuple(rekeyed(part, kinds) for part in key[1]))
    if key[0] == "segment":
        own = tuple(next(kinds) for _ in key[2])
        if key[3] is None:
            next(kinds)
        return (*key[:2], own, *key[3:])
    return key


def bare(key: Any) -> Any:
    """A key without the kinds of its leaves."""
    return rekeyed(key, itertools.repeat(()))
