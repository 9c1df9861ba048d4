"""One of the replicas of a function under `pmap`, while it is traced: what its collectives are.

A function is traced once, as one of its replicas. In that trace a few operations are marked
(runtime/tf_marks.py): the sum, the extremes and the values of a tensor over all replicas, and the number of
the replica. All collectives are made of these; the marks become operations between devices where the
trace is copied for every device.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from redraft.runtime import exchanges
from redraft.runtime import memory as traced
from redraft.runtime import numpy as rnp
from redraft.runtime.memory import TRACE
from redraft.runtime.partition import Cut
from redraft.runtime.refusals import refusal
from redraft.runtime.tensors import is_tensor


class Replica:
    """A replica that is being traced.

    Args:
        axis_name: the name of the axis that the replicas lie along; None if it has none.
        size: how many there are.
    """

    def __init__(self, axis_name: Any, size: int) -> None:
        self.axis_name, self.size = axis_name, size

    def has(self, names: Any) -> bool:
        """Is this the axis, or the only one of the axes, that a collective names?"""
        every = list(names) if isinstance(names, (tuple, list)) else [names]
        return self.axis_name is not None and every == [self.axis_name]

    # --- reductions

    def psum(self, x: Any, groups: Any = None) -> Any:
        """The sum, in the dtype of ``np.sum``; of what is known while tracing, a multiple."""
        return self.each(x, self.total, lambda c: c * self.size, groups, "psum")

    def pmean(self, x: Any, groups: Any = None) -> Any:
        """The mean."""
        return self.each(x, self.mean, lambda c: 1.0 * c, groups, "pmean")

    def pmax(self, x: Any, groups: Any = None) -> Any:
        """The largest."""
        return self.each(x, lambda t: self.extreme("largest", t), lambda c: c, groups, "pmax")

    def pmin(self, x: Any, groups: Any = None) -> Any:
        """The smallest."""
        return self.each(x, lambda t: self.extreme("smallest", t), lambda c: c, groups, "pmin")

    def extreme(self, kind: str, x: Any) -> Any:
        """The largest or smallest of a tensor; of booleans, True is larger."""
        if x.dtype.is_complex:
            raise refusal(
                "the largest or smallest of complex numbers is not defined between devices",
                "take that of `np.abs(x)`, or of `x.real` and `x.imag`",
            )
        if x.dtype.is_bool:
            return rnp.astype(self.marked(kind, x, dtype=np.dtype(np.uint8)), bool)
        return self.marked(kind, x)

    def total(self, x: Any) -> Any:
        """The sum of a tensor."""
        return self.marked("sum", x, dtype=np.sum(np.zeros(1, x.dtype.as_numpy_dtype)).dtype)

    def mean(self, x: Any) -> Any:
        """The mean of a tensor."""
        dtype = np.mean(np.zeros(1, x.dtype.as_numpy_dtype)).dtype
        return rnp.divide(self.marked("sum", x, dtype=dtype), dtype.type(self.size))

    # --- exchanges

    def all_gather(self, x: Any, axis: int, tiled: bool, groups: Any = None) -> Any:
        """The values of all, along a new axis or one that they have."""

        def gathered(t: Any) -> Any:
            values = self.values(t)
            return exchanges.joined(values, axis, True, 0, rnp) if tiled else moved(values, axis)

        return self.each(x, gathered, None, groups, "all_gather")

    def psum_scatter(self, x: Any, axis: int, tiled: bool, groups: Any = None) -> Any:
        """The replica's part of the sum."""

        def scattered(t: Any) -> Any:
            return self.own(exchanges.parts(self.total(t), self.size, axis, tiled, 0, rnp))

        return self.each(x, scattered, None, groups, "psum_scatter")

    def ppermute(self, x: Any, perm: Any) -> Any:
        """What another replica sends; zeros if none does."""
        source = exchanges.sources(perm, self.size)
        return self.each(x, lambda t: self.marked("permute", t, source=source.tolist()), None)

    def all_to_all(
        self, x: Any, split_axis: int, concat_axis: int, tiled: bool, groups: Any = None
    ) -> Any:
        """A part of every replica's value."""

        def exchanged(t: Any) -> Any:
            values = self.values(t)
            return self.own(exchanges.exchange(values, split_axis, concat_axis, tiled, 1, rnp))

        return self.each(x, exchanged, None, groups, "all_to_all")

    # --- what they are made of

    def axis_index(self) -> Any:
        """The number of the replica."""
        from redraft.runtime import tf_marks

        self.check_place("axis_index")
        return tf_marks.number_of_replica()

    def values(self, x: Any) -> Any:
        """The values of all replicas, one after the other along a new axis in front."""
        return self.marked("gather", x)

    def own(self, rows: Any) -> Any:
        """The row of the replica."""
        return rnp.take(rows, self.axis_index(), axis=0)

    def marked(self, kind: str, x: Any, dtype: Any = None, source: Any = None) -> Any:
        """What a collective makes of a tensor, in another dtype if one is given."""
        from redraft.runtime import tf_arrays, tf_marks

        self.check_place(kind)
        x = x if dtype is None else tf_arrays.cast(x, dtype)
        return tf_marks.marked(kind, x, self.size, TRACE.taken, source)

    def check_place(self, kind: str) -> None:
        """Cut the function here, if it is traced as a whole.

        Raises:
            Cut: XLA is to compile all of what is traced.
        """
        if not TRACE.partition:
            raise Cut(kind)

    def each(
        self, x: Any, traced_one: Callable, known: Callable | None, groups: Any = None,
        name: str = "",
    ) -> Any:  # fmt: skip
        """A collective of every array in a list, tuple or dict.

        Args:
            x: the structure.
            traced_one: what is made of a tensor.
            known: what is made of an array that is known while tracing; if None, it counts as a
                tensor.
            groups: must be None.
            name: of the collective.

        Raises:
            NotImplementedError: `groups` is given.
        """
        if groups is not None:
            raise NotImplementedError(f"rd.{name}: `axis_index_groups` is not supported")
        from redraft.runtime import tf_arrays

        held = traced.current()

        def visit(value: Any) -> Any:
            if isinstance(value, dict):
                return type(value)((k, visit(v)) for k, v in value.items())
            if isinstance(value, (list, tuple)):
                parts = [visit(v) for v in value]
                return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
            if value is None:
                return None
            value = value if held is None else held.current(value)
            if not is_tensor(value) and known is not None:
                return known(value)
            return traced_one(tf_arrays.tensor(value))

        return visit(x)


def moved(values: Any, axis: int) -> Any:
    """The axis in front, in another place."""
    return rnp.moveaxis(values, 0, axis) if axis else values
