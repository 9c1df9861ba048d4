"""The examples of a batch that a piece of code runs for, where others have left it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from redraft.runtime.refusals import refusal


class Subset:
    """Some of the examples of a batch: those that still run a loop, or that take a branch.

    The loop works on arrays of these examples alone. Whenever examples leave, `keep` puts aside what
    they have got, and gives the arrays of those that go on; `results` puts all of them together.
    """

    def __init__(self, count: int, results: int) -> None:
        """All of `count` examples; the first `results` values that `keep` gets are put aside."""
        self.count = count
        self.places: Any = None  # of the examples in the batch; None for all
        self.left: list[Any] = [None] * results

    def __len__(self) -> int:
        return self.count if self.places is None else len(self.places)

    def keep(self, going: Any, *values: Any) -> Any:
        """Go on with the examples for which `going` is true.

        Args:
            going: one boolean per example that has been running.
            values: their arrays; or lists, tuples and dicts of such.

        Returns:
            The values of those that go on; a single one as it is.
        """
        if not going.all():
            self._put_aside(~going, values)
            rows = np.flatnonzero(going)
            self.places = rows if self.places is None else self.places[rows]
            values = tuple(_map(lambda x: x.take(rows, 0), value) for value in values)
        return values[0] if len(values) == 1 else values

    def select(self, x: Any) -> Any:
        """The running examples' part of a value of the whole batch."""
        return x if self.places is None else _map(lambda leaf: leaf.take(self.places, 0), x)

    def results(self, *values: Any) -> Any:
        """What all the examples have: those that left before, and now those that are running."""
        if self.places is not None:
            self._put_aside(np.full(len(self), True), values)
            values = tuple(self.left)
        return values[0] if len(values) == 1 else values

    def _put_aside(self, done: Any, values: tuple) -> None:
        rows = np.flatnonzero(done)
        if not len(rows):
            return
        places = rows if self.places is None else self.places[rows]
        for i in range(len(self.left)):
            self.left[i] = _map(
                lambda x, old: _stored(old, x.take(rows, 0), places, self.count),
                values[i],
                self.left[i],
            )


def merge(mask: Any, x: Any, y: Any) -> Any:
    """As ``np.where(mask, x, y)``, with values for those examples alone that are taken from them.

    Args:
        mask: one boolean per example.
        x: a number, or an array with one entry for each example of the mask.
        y: a number, or an array with one entry for each of the others.
    """
    of_x, of_y = np.shape(x)[1:], np.shape(y)[1:]
    if of_x and of_y and of_x != of_y:
        raise refusal(
            f"a value of shape {of_x} for some examples, and {of_y} for others",
            "give it the same shape for all examples",
        )
    shape = of_x or of_y
    result = np.zeros((len(mask), *shape), np.result_type(x, y))
    result[mask] = _spread(x, shape) if np.ndim(x) else x
    result[~mask] = _spread(y, shape) if np.ndim(y) else y
    return result


def _stored(old: Any, x: Any, places: Any, count: int) -> Any:
    """The array of all examples with `x` in some places; of a type and shape that hold both."""
    if old is None:
        old = np.zeros((count, *x.shape[1:]), x.dtype)
    elif old.dtype != x.dtype or old.shape[1:] != x.shape[1:]:
        shape = _common_shape(old.shape[1:], x.shape[1:])
        wider = np.zeros((count, *shape), np.result_type(old, x))
        wider[...] = _spread(old, shape)
        old, x = wider, _spread(x, shape)
    old[places] = x
    return old


def _common_shape(a: tuple, b: tuple) -> tuple:
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        raise refusal(
            f"the examples leave a loop or branch with arrays of different shapes, {a} and {b}",
            "give the variable the same shape in every example",
        ) from None


def _spread(x: Any, shape: tuple) -> Any:
    """Axes of length one behind the batch axis, as many as examples of a shape have more."""
    missing = len(shape) - (x.ndim - 1)
    return x.reshape(x.shape[:1] + (1,) * missing + x.shape[1:])


def _map(function: Callable, x: Any, *others: Any) -> Any:
    """Apply a function to the arrays of a container; another one, along with it, may be None."""
    if x is None:
        return None
    if isinstance(x, dict):
        return {
            k: _map(function, v, *(None if o is None else o[k] for o in others))
            for k, v in x.items()
        }
    if isinstance(x, (list, tuple)):
        parts = [
            _map(function, v, *(None if o is None else o[i] for o in others))
            for i, v in enumerate(x)
        ]
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    return function(x, *others)
