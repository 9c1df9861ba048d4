"""What a loop runs over: items that can be taken by their number, also by one known at run time alone.

`zip`, `enumerate` and `reversed` of staged text give these classes. Python's own loops can
run over them like over the originals; a rolled loop asks for the item of its round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from redraft.runtime.growing import Growing, Segment, Unrollable, known_length
from redraft.runtime.tensors import holds_tensor, is_tensor


class Items:
    """Items by their number.

    Attributes:
        length: how many: a number, or a tensor.
        of: the item of a place.
        size: no more than this many; None if that is not known.
        is_traced: are the items known at run time alone?
    """

    def __init__(
        self, length: Any, of: Callable[[Any], Any], size: int | None, is_traced: bool
    ) -> None:
        self.length, self.of, self.size, self.is_traced = length, of, size, is_traced

    def after(self, place: int) -> Items:
        """The items without the first ones."""
        if place == 0:
            return self
        length = self.length - place
        return Items(length, lambda i: self.of(i + place), length, self.is_traced)


class Rows:
    """The rows of an array, as it is when each of them is read."""

    def __init__(self, x: Any) -> None:
        self.x = x

    def __len__(self) -> int:
        from redraft.runtime import numpy as rnp

        lengths = rnp.shape(self.x)
        if not lengths:
            raise TypeError("iteration over a 0-d array")
        if is_tensor(lengths[0]):
            from redraft.runtime.tensors import TensorError

            raise TensorError("a loop over an array whose length is known only at run time")
        return lengths[0]

    def __getitem__(self, place: Any) -> Any:
        from redraft.transpile.staged import at

        return at(self.x)[place]

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __reversed__(self) -> Iterator[Any]:
        return (self[i] for i in reversed(range(len(self))))


class Zipped:
    """``zip(a, b)``."""

    def __init__(self, *parts: Any, strict: bool = False) -> None:
        self.parts, self.strict = parts, strict
        self.iterator: Any = None

    def __iter__(self) -> Iterator[Any]:
        if self.iterator is None:
            self.iterator = zip(*self.parts, strict=self.strict)
        return self.iterator

    def __next__(self) -> Any:
        return next(iter(self))


class Enumerated:
    """``enumerate(a, start)``."""

    def __init__(self, iterable: Any, start: Any = 0) -> None:
        self.iterable, self.start = iterable, start
        self.iterator: Any = None

    def __iter__(self) -> Iterator[Any]:
        if self.iterator is None:
            self.iterator = enumerate(self.iterable, self.start)
        return self.iterator

    def __next__(self) -> Any:
        return next(iter(self))


class Reversed:
    """``reversed(a)``."""

    def __init__(self, iterable: Any) -> None:
        self.iterable = iterable
        self.iterator: Any = None

    def __iter__(self) -> Iterator[Any]:
        if self.iterator is None:
            self.iterator = reversed(self.iterable)
        return self.iterator

    def __next__(self) -> Any:
        return next(iter(self))


def items_of(x: Any) -> Items | None:
    """The items of an iterable, if they can be taken by their number."""
    if isinstance(x, range):
        return Items(len(x), lambda i: _item_of_range(x, i), len(x), False)
    if isinstance(x, Rows):
        return Items(len(x), lambda i: x[i], len(x), is_tensor(x.x))
    if isinstance(x, np.ndarray) and x.ndim:
        return items_of(Rows(x))
    if isinstance(x, Growing):
        return _items_of_list(x)
    if isinstance(x, (Zipped, Enumerated, Reversed)) and x.iterator is not None:
        return None  # a part of it has been used up
    if isinstance(x, Zipped):
        return _items_of_zip(x)
    if isinstance(x, Enumerated):
        inner = items_of(x.iterable)
        if inner is None or not isinstance(x.start, int):
            return None
        numbers = range(x.start, x.start + 1)
        return Items(
            inner.length,
            lambda i: (_item_of_range(numbers, i), inner.of(i)),
            inner.size,
            inner.is_traced,
        )
    if isinstance(x, Reversed):
        inner = None if isinstance(x.iterable, (Zipped, Enumerated)) else items_of(x.iterable)
        if inner is None:
            return None
        return Items(
            inner.length, lambda i: inner.of(inner.length - 1 - i), inner.size, inner.is_traced
        )
    return _items_of_numbers(x)


def _item_of_range(numbers: range, place: Any) -> Any:
    from redraft.runtime import tf_jit

    if is_tensor(place):
        return tf_jit.item_of(numbers, place)
    return numbers.start + place * numbers.step


def _items_of_list(x: Growing) -> Items | None:
    """The elements as they are, by their number; as rows of arrays at a place that is traced."""
    segments = [p for p in x.parts if isinstance(p, Segment)]
    if all(isinstance(p.length, int) for p in segments):
        return Items(len(x), lambda i: _element(x, i), len(x), holds_tensor(x))
    segment = x.segment()
    x.looked_at()
    return None if segment is None else Items(segment.length, segment.row, segment.size, True)


def _element(x: Growing, place: Any) -> Any:
    if isinstance(place, int):
        return x[place]
    x.looked_at()
    segment = x.segment()
    if segment is None:
        raise Unrollable("a list of elements of different kinds")
    return segment.row(place)


def _items_of_zip(x: Zipped) -> Items | None:
    parts = [items_of(p) for p in x.parts]
    if not parts or None in parts:
        return None
    lengths = [p.length for p in parts if p is not None]
    if x.strict and len(set(map(id, lengths))) > 1:
        known = [known_length(n) for n in lengths]
        if len(set(known)) > 1:
            return None  # Python raises when the shortest has ended
    if all(isinstance(n, int) for n in lengths):
        length: Any = min(lengths)
    else:
        from redraft.runtime import tf_jit

        length = tf_jit.least(lengths)
    sizes = [p.size for p in parts if p is not None and p.size is not None]
    return Items(
        length,
        lambda i: tuple(p.of(i) for p in parts if p is not None),
        min(sizes, default=None),
        any(p.is_traced for p in parts if p is not None),
    )


def _items_of_numbers(x: Any) -> Items | None:
    """A list of Python numbers of one type: an array that a round reads a number of."""
    if not isinstance(x, (list, tuple)) or not x:
        return None
    kind = type(x[0])
    if kind not in (int, float) or any(type(v) is not kind for v in x):
        return None
    from redraft.runtime import tf_jit

    numbers = tuple(x)
    return Items(len(x), lambda i: tf_jit.one_of(numbers, i, kind), len(x), False)
