"""Callbacks of a batch: what `vmap` makes of a callback of one example (transforms/batch_callbacks.py).

They are callbacks themselves, so that a batch of them can be batched again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from redraft.runtime.specs import ShapeDtypeStruct, spec_of
from redraft.runtime.structures import flatten, unflatten


def batched_specs(declared: Any, size: int) -> Any:
    """The declaration of the results of `size` examples."""
    specs = map(spec_of, flatten(declared))
    return unflatten(declared, (ShapeDtypeStruct((size, *s.shape), s.dtype) for s in specs))


NO_RESULT = object()  # of a callback that no example has reached


class one_by_one:
    """A callback of examples, called for one after the other.

    Args:
        callback: takes the arguments of one example.
        batched: for each argument, whether it has a batch axis in front: True, False, or a tuple, list or
            dict of these.
        named: the same for keyword arguments.
    """

    masked = False

    def __init__(self, callback: Callable, *batched: Any, **named: Any) -> None:
        self.callback, self.batched = callback, (batched, named)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        results: list[Any] = []
        given = (args, kwargs)
        size = batch_length(self.batched, given)
        mask = args[0] if self.masked else None
        for place in range(size):
            if mask is None or mask[place]:
                own, named = example_of(self.batched, given, place)
                results.append((place, self.callback(*own[self.masked :], **named)))
        return self.joined(results, size)

    def joined(self, results: list[tuple[int, Any]], size: int) -> Any:
        """The results of all examples in arrays; zeros for those that have none."""
        results = [(place, r) for place, r in results if r is not NO_RESULT]
        if not results:
            return NO_RESULT
        columns = zip(*(map(np.asarray, flatten(r)) for _, r in results), strict=True)
        arrays = [np.stack(column) for column in columns]
        if len(results) < size:
            places = [place for place, _ in results]
            arrays = [_spread(x, places, size) for x in arrays]
        return unflatten(results[0][1], iter(arrays))


def _spread(rows: np.ndarray, places: list[int], size: int) -> np.ndarray:
    """Rows at their places, and zeros elsewhere."""
    spread = np.zeros((size, *rows.shape[1:]), rows.dtype)
    spread[places] = rows
    return spread


class for_some(one_by_one):
    """The same for the examples of a mask, which is the first argument; the others get zeros."""

    masked = True

    def __init__(self, callback: Callable, *batched: Any, **named: Any) -> None:
        super().__init__(callback, True, *batched, **named)


def batch_length(batched: Any, given: Any) -> int:
    """How many examples there are."""
    for flag, part in pairs_of(batched, given):
        if flag:
            for leaf in flatten(part):
                return len(leaf)
    raise ValueError("no argument has a batch axis")


def example_of(batched: Any, given: Any, place: int) -> Any:
    """The arguments of one example."""
    if batched is True:
        leaves = flatten(given)
        return unflatten(given, (np.array(x[place]) for x in leaves))
    if batched is False:
        return given
    if isinstance(batched, dict):
        return {k: example_of(batched[k], v, place) for k, v in given.items()}
    return type(given)(example_of(b, g, place) for b, g in zip(batched, given, strict=True))


def pairs_of(batched: Any, given: Any) -> Iterator[tuple[bool, Any]]:
    """Flags and the parts that they are for."""
    if isinstance(batched, bool):
        yield batched, given
        return
    keys = batched if isinstance(batched, dict) else range(len(batched))
    for key in keys:
        yield from pairs_of(batched[key], given[key])
