"""Lists that a rolled loop fills: their elements stand in arrays, a row for each.

A loop that XLA runs is traced once. What its body appends to a list is then not a number of values, but
one row of an array for each leaf of the value. `Growing` is the list that staged text makes where
a loop may append to it: a list to everyone who reads it, with `Segment`s of such rows among its parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from redraft.runtime import memory
from redraft.runtime.memory import TRACE
from redraft.runtime.tensors import TensorError


class Unrollable(Exception):
    """A loop cannot be one loop of XLA's."""


class Opened(Unrollable):
    """A round reads and changes a list, or appends to it and pops from it: the loop must carry it."""

    def __init__(self, growing: Growing) -> None:
        super().__init__("a list that is read and changed,")
        self.growing = growing


class Same:
    """Rows that are all the same."""

    def __init__(self, row: Any) -> None:
        self.row = row

    def __getitem__(self, places: slice) -> Same:
        return self


class Segment:
    """Elements that a loop has appended.

    Attributes:
        stacks: an array for each leaf of an element; the rows are the elements. `Same` for a leaf that
            the loop does not change.
        build: makes an element of the arrays and a place in them.
        key: what is the same in all elements; equal for elements of one kind.
        length: how many rows count: a number, or a tensor if it is known at run time alone.
        bound: how many rows there are at most.
        dropped: how many rows at the end have ceased to count.
    """

    def __init__(
        self, stacks: list[Any], build: Callable, key: Any, length: Any, dropped: int = 0,
        bound: int | None = None,
    ) -> None:  # fmt: skip
        self.stacks, self.build, self.key, self.length = stacks, build, key, length
        self.dropped, self.bound = dropped, bound

    def row(self, place: Any) -> Any:
        """The element at a place, which may be a tensor; it counts from the front."""
        return self.build(self.stacks, place)

    @property
    def size(self) -> int:
        """How many rows there are at most."""
        if isinstance(self.length, int):
            return self.length
        known = next((s.shape[0] for s in self.stacks if not isinstance(s, Same)), self.bound)
        assert known is not None
        return known

    def spread(self) -> Segment:
        """The same elements, with an array for every leaf."""
        if not any(isinstance(s, Same) for s in self.stacks):
            return self
        from redraft.runtime import tf_jit

        stacks = [tf_jit.repeated(s.row, self.size) if isinstance(s, Same) else s
                  for s in self.stacks]  # fmt: skip
        return Segment(stacks, self.build, self.key, self.length, self.dropped, self.bound)

    def without(self, count: Any) -> Segment:
        """The first elements, without so many at the end."""
        dropped = self.dropped + count if isinstance(count, int) else 0
        return Segment(self.stacks, self.build, self.key, self.length - count, dropped, self.bound)


class Use:
    """What a round of a loop does to a list from outside.

    Attributes:
        appended: values, and segments that inner loops append.
        popped: how many elements it takes from the end.
        constants: which leaves of the first value come from outside of the loop.
    """

    def __init__(self, growing: Growing) -> None:
        self.growing = growing
        self.appended: list[Any] = []
        self.constants: list[bool] = []
        self.popped = 0


class Round:
    """The round of a rolled loop that is being traced.

    Attributes:
        place: the number of the round, a tensor.
        rounds: how many rounds there certainly are; None if that is not known.
        pops: how many elements each round takes from a list, by its id, as a trial has found.
        uses: by the id of a list.
        checks: truth values that must be false when the function has run, and what is wrong otherwise.
    """

    def __init__(self, place: Any, rounds: int | None, pops: dict[int, int]) -> None:
        self.place, self.rounds, self.pops = place, rounds, pops
        self.uses: dict[int, Use] = {}
        self.read: dict[int, Growing] = {}
        self.checks: list[tuple[Any, Any]] = []

    def use(self, growing: Growing) -> Use:
        """What happens to a list in this round.

        Raises:
            Opened: the round has read the list before it changes it.
        """
        if id(growing) in self.read:
            raise Opened(growing)
        return self.uses.setdefault(id(growing), Use(growing))

    def marks(self) -> list[tuple[int, int, int]]:
        """How far lists were changed until now."""
        return [(key, len(use.appended), use.popped) for key, use in self.uses.items()]


def round_of(growing: Growing) -> Round | None:
    """The round that changes a list which was made before it; None if there is none."""
    rounds = TRACE.rounds
    return rounds[-1] if rounds and growing.made_in is not rounds[-1] else None


class Growing(list):
    """A list to which a loop may append.

    Attributes:
        parts: elements, and segments of them.
        made_in: the round of a rolled loop in which it was made.
    """

    def __init__(self, items: Any = ()) -> None:
        super().__init__()
        self.parts: list[Any] = list(items)
        self.made_in = TRACE.rounds[-1] if TRACE.rounds else None

    def with_parts(self, parts: list[Any]) -> Growing:
        """A list of other parts."""
        new = Growing()
        new.parts = parts
        return new

    # --- changes that a rolled loop can make

    def append(self, value: Any) -> None:
        """Append a value; in the round of a rolled loop, one of each round."""
        now = round_of(self)
        if now is not None:
            use = now.use(self)
            if use.popped:
                raise Opened(self)
            use.appended.append(value)
            return
        self.parts.append(value)

    def extend(self, values: Any) -> None:
        """Append values; those of another list of this kind with its segments."""
        for value in values.parts if isinstance(values, Growing) else values:
            self.append(value)

    def pop(self, place: int = -1) -> Any:
        """Take an element away, in the round of a rolled loop the last one."""
        now = round_of(self)
        if now is None:
            return self._pop(place)
        use = now.use(self)
        if use.appended or place != -1:
            raise Opened(self)
        segment = self.segment()
        if segment is None:
            raise Unrollable("a list of elements of different kinds")
        use.popped += 1
        return segment.row(segment.length - gone(self))

    def drop(self, per: int, rounds: Any) -> None:
        """Take elements from the end, as many as rounds of a loop have popped."""
        now = round_of(self)
        if now is not None:
            if not isinstance(rounds, int):
                raise Unrollable("a list from which inner loops take an unknown number of elements")
            now.use(self).popped += per * rounds
            return
        segment = self.segment()
        assert segment is not None
        left = segment.without(per * rounds)
        self.parts = [] if isinstance(left.length, int) and left.length == 0 else [left]

    def replace(self, segment: Segment) -> None:
        """The elements are now these, after a loop that carried the list."""
        if round_of(self) is not None:
            raise Opened(self)
        self.parts = [segment]

    def _pop(self, place: int) -> Any:
        if place != -1 or not self.parts:
            return self.plain().pop(place)
        if isinstance(self.parts[-1], Segment):
            self.spell_out(1)
        return self.parts.pop()

    def spell_out(self, count: int) -> None:
        """Make the last elements parts of their own.

        Raises:
            TensorError: nobody knows whether there are as many.
        """
        while sum(not isinstance(p, Segment) for p in self.parts[-count:]) < count:
            place = max(i for i, p in enumerate(self.parts) if isinstance(p, Segment))
            segment = self.parts[place]
            left = segment.without(1)
            is_empty = isinstance(left.length, int) and left.length == 0
            self.parts[place : place + 1] = [
                *([] if is_empty else [left]),
                segment.row(left.length),
            ]

    def __setitem__(self, index: Any, value: Any) -> None:
        if round_of(self) is not None:
            raise Opened(self)
        segments = [p for p in self.parts if isinstance(p, Segment)]
        if segments and isinstance(index, int) and index < 0:
            self.spell_out(-index)
            self.parts[index] = value
            return
        if isinstance(index, slice) and isinstance(value, Growing) and self._replaced(index, value):
            return
        if len(self.parts) == 1 and segments and isinstance(index, int):
            from redraft.transpile.staged_lists import with_element

            changed = with_element(segments[0], index, value)
            if changed is not None:
                self.parts = [changed]
                return
        self.plain()[index] = value

    def _replaced(self, index: slice, value: Growing) -> bool:
        """Replace all elements, in order or the other way round; False if it is not that."""
        segment = value.segment()
        count = len(self)
        if segment is None or segment.length != count or len(range(count)[index]) != count:
            return False
        self.parts = value[:: 1 if range(count)[index].step > 0 else -1].parts
        return True

    # --- reading

    def looked_at(self) -> None:
        """Note that the elements are read.

        Raises:
            Opened: in a round that has changed them.
            TensorError: one of them is an array that was changed in place under another name.
        """
        held = memory.current()
        if held is not None and held.stale:
            for part in self.parts:
                if isinstance(part, Segment):
                    held.current([s for s in part.stacks if not isinstance(s, Same)])
        now = round_of(self)
        if now is not None:
            if id(self) in now.uses:
                raise Opened(self)
            now.read[id(self)] = self

    def segment(self) -> Segment | None:
        """The whole list as one segment; None if its elements are not of one kind."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Segment):
            return self.parts[0]
        from redraft.transpile.staged_lists import unified

        return unified(self.parts)

    def stacked(self) -> Any:
        """All elements as the rows of one array, if that is how they are kept; else None."""
        if not any(isinstance(p, Segment) for p in self.parts):
            return None
        self.looked_at()
        segment = self.segment()
        if segment is None or segment.key[0] != "leaf":
            return None
        return segment.spread().stacks[0][: known_length(segment.length)]

    def counted(self) -> tuple[Any, Any] | None:
        """The elements as rows of one array, and how many rows count; None if they are not so kept."""
        segment = self.segment() if any(isinstance(p, Segment) for p in self.parts) else None
        if segment is None or segment.key[0] != "leaf":
            return None
        self.looked_at()
        return segment.spread().stacks[0], segment.length

    def plain(self) -> list[Any]:
        """The elements as a list: it is this list's own from now on.

        Raises:
            TensorError: nobody knows yet how many there are.
        """
        self.looked_at()
        if any(isinstance(p, Segment) for p in self.parts):
            found: list[Any] = []
            for part in self.parts:
                if isinstance(part, Segment):
                    found += [part.row(i) for i in range(known_length(part.length))]
                else:
                    found.append(part)
            self.parts = found
        return self.parts

    def __len__(self) -> int:
        self.looked_at()
        return sum(known_length(p.length) if isinstance(p, Segment) else 1 for p in self.parts)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.plain())

    def __reversed__(self) -> Iterator[Any]:
        return reversed(self.plain())

    def __getitem__(self, index: Any) -> Any:
        self.looked_at()
        if isinstance(index, int) and any(isinstance(p, Segment) for p in self.parts):
            found = self.at_end(index) if index < 0 else None
            if found is not None:
                return found[0]
            segment = self.segment()
            if segment is not None:
                return segment.row(range(known_length(segment.length))[index])
        if isinstance(index, slice) and any(isinstance(p, Segment) for p in self.parts):
            segment = self.segment()
            if segment is not None and isinstance(segment.length, int):
                places = range(segment.length)[index]
                taken = Segment(
                    [stack[: segment.length][index] for stack in segment.stacks],
                    segment.build, segment.key, len(places),
                )  # fmt: skip
                return self.with_parts([taken] if places else [])
            if segment is not None and index == slice(None, None, -1):
                from redraft.runtime import tf_jit

                stacks = [tf_jit.reversed_rows(s, segment.length) for s in segment.spread().stacks]
                return self.with_parts(
                    [Segment(stacks, segment.build, segment.key, segment.length)]
                )
        return self.plain()[index]

    def at_end(self, index: int) -> tuple[Any] | None:
        """The element at a place that is counted from the end; None if that is in another part."""
        after = 0
        for part in reversed(self.parts):
            if not isinstance(part, Segment):
                after += 1
                if after == -index:
                    return (part,)
                continue
            if isinstance(part.length, int) and part.length < -index - after:
                return None
            return (part.row(part.length + index + after),)
        return None

    def __reduce_ex__(self, protocol: Any) -> Any:
        return (list, (self.plain(),))

    def __deepcopy__(self, memo: Any) -> Any:
        from copy import deepcopy

        return Growing(deepcopy(self.plain(), memo))


def gone(growing: Growing) -> Any:
    """How many elements the rounds that are being traced have taken from the end of a list."""
    rounds = TRACE.rounds
    first = rounds.index(growing.made_in) + 1 if growing.made_in in rounds else 0
    count: Any = 0
    for now in rounds[first:]:
        taken = now.uses[id(growing)].popped if id(growing) in now.uses else 0
        count = count + now.place * now.pops.get(id(growing), 0) + taken
    return count


def known_length(length: Any) -> int:
    """The number of elements.

    Raises:
        TensorError: it is known at run time alone.
    """
    if isinstance(length, int):
        return length
    raise TensorError("how many elements a list has is known only when the compiled function runs")


def _of_plain_list(name: str) -> Callable:
    """A method of lists that sees all elements one by one."""
    method = getattr(list, name)
    changes = name in CHANGES

    def called(self: Growing, *args: Any) -> Any:
        if changes and round_of(self) is not None:
            raise Opened(self)
        args = tuple(a.plain() if isinstance(a, Growing) else a for a in args)
        ans = method(self.plain(), *args)
        return self if ans is self.parts else ans

    called.__name__ = name
    return called


CHANGES = frozenset(
    {"__delitem__", "__iadd__", "__imul__", "insert", "remove", "clear", "sort", "reverse"}
)  # fmt: skip
for _name in (
    *CHANGES, "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__add__", "__mul__",
    "__rmul__", "__contains__", "__repr__", "index", "count", "copy",
):  # fmt: skip
    setattr(Growing, _name, _of_plain_list(_name))
