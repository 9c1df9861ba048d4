"""A function under `pmap`, compiled for arguments of one kind: traced as one replica, copied for all devices."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from redraft.runtime import memory
from redraft.runtime.memory import TRACE, Trace
from redraft.runtime.partition import Cut
from redraft.runtime.placed import PmapSharding, checked_axis, placed
from redraft.runtime.replicas import Replica
from redraft.runtime.sharded import ShardedArray
from redraft.runtime.spans import Span
from redraft.runtime.tensors import is_tensor, require_tensorflow
from redraft.transpile.batched_arguments import axes_of_parts
from redraft.transpile.errors import Span as Place
from redraft.transpile.errors import TransformError
from redraft.transpile.jit import Entry
from redraft.transpile.jit_call import Constant, Result, children, mapped, rebuilt
from redraft.transpile.vmap import Axes


@contextlib.contextmanager
def of_replica(axis_name: Any, size: int, partition: bool) -> Iterator[None]:
    """A trace of one replica, apart from one that is going on."""
    before = dict(vars(TRACE))
    vars(TRACE).update(vars(Trace()))
    TRACE.replicas, TRACE.partition = Replica(axis_name, size), partition
    TRACE.fields = before["fields"]
    try:
        yield
    finally:
        vars(TRACE).update(before)


class PmapEntry(Entry):
    """A function compiled for arguments of one kind, on several devices."""

    jitted: Any

    def __init__(self, pmapped: Any, args: tuple, kwargs: dict[str, Any]) -> None:
        require_tensorflow()
        from redraft.runtime import tf_jit, tf_placed, tf_replicas

        self.tf, self.placing, self.replicas = tf_jit, tf_placed, tf_replicas
        self.jitted = pmapped
        self.guards, self.others, self.device = [], [], None
        moving = tuple(None if i in pmapped.static[0] else a for i, a in enumerate(args))
        found, size = pmapped.plan.sizes(moving, kwargs)
        self.axes = [axis for _, _, axis in found]
        span = pmapped.span(size)
        self.names = span.names
        leaves: list[Any] = []
        self.args, self.kwargs = self.templates(args, kwargs, leaves)
        self.axes = [self.counted(x, a) for x, a in zip(leaves, self.axes, strict=True)]
        self.kinds = [
            type(x) if a is None and type(x) in (bool, int, float, complex) else None
            for x, a in zip(leaves, self.axes, strict=True)
        ]
        slices = [self.slice_specification(x, a) for x, a in zip(leaves, self.axes, strict=True)]
        self.span, self.slices_of_replica, self.in_traces = span, slices, []
        self.exchange = self.exchange_over(span, slices)
        with self.apart():
            self.compiled = self.traced(frozenset(), leaves, slices)
        self.leaves_of = None
        self.build()
        self.args = self.kwargs = None

    def exchange_over(self, span: Span, slices: list[Any]) -> Any:
        """What the replicas exchange values by."""
        if not span.workers:
            return self.replicas.Local(span.names)
        from redraft.runtime.tf_workers import Workers

        kinds = [f"{x.dtype.name}{list(x.shape)}" for x in slices]
        name = getattr(self.jitted.inner, "__qualname__", "")
        return Workers(span.names, f"{name}({', '.join(kinds)})")

    @contextlib.contextmanager
    def apart(self) -> Iterator[None]:
        """A trace apart from the one that calls this function, if there is one."""
        replica = of_replica(self.jitted.axis_name, self.exchange.size, False)
        with replica, self.placing.outside_graphs():
            yield

    @staticmethod
    def counted(x: Any, axis: int | None) -> int | None:
        """An axis counted from the front."""
        return None if axis is None else axis % len(np.shape(x) if not is_tensor(x) else x.shape)

    def slice_specification(self, x: Any, axis: int | None) -> Any:
        """What is known of an argument of one replica."""
        if isinstance(x, ShardedArray):
            shape, dtype = x.shape, x.dtype
        else:
            whole = self.specification(x)
            shape, dtype = tuple(whole.shape), whole.dtype
        if axis is not None:
            shape = (*shape[:axis], *shape[axis + 1 :])
        return self.tf.specification(dtype, shape)

    def joins(self, leaves: list[Any]) -> bool:
        return False

    def build(self) -> None:
        """Copy the trace for all devices."""
        try:
            self.function, self.agreed = self.joined(self.exchange)
        except self.replicas.Disagreement as error:
            raise TransformError(
                "a collective in a branch or a loop whose condition differs between the devices",
                None if error.place is None else Place(*error.place),
                "all devices must come to it: call it before, and use here what it gives, or make the "
                "condition the same for all, with `rd.psum` or `rd.pmax`",
            ) from None
        self.results: list[Any] = []
        self.answer = self.with_axes(self.answer, self.jitted.pmap_options["out_axes"])
        self.run = self.tf.direct_run(self.function) or self.slowly

    def joined(self, exchange: Any) -> tuple[Any, list[bool]]:
        """The function of all devices of this process, and which results they agree on."""
        agreed = [a is None for a in self.axes]
        return self.replicas.build(self.compiled.concrete, exchange, agreed, self.compiled.whole)

    def function_in_trace(self) -> Any:
        """The function for one call in another's graph.

        Calls in one graph may run at the same time: each has collectives of its own between workers.
        """
        if not self.span.workers or self.compiled.whole:
            return self.function
        with self.placing.outside_graphs():
            function = self.joined(self.exchange_over(self.span, self.slices_of_replica))[0]
        self.in_traces.append(function)
        return function

    def slowly(self, tensors: list[Any], _: None = None, count: int = 0) -> list[Any]:
        """The public way to run the function."""
        return list(self.function(*tensors))

    def with_axes(self, answer: Any, axes: Axes) -> Any:
        """The result, where each part knows its axis.

        Raises:
            ValueError: an axis does not fit; the devices may not agree on a result without axis.
        """
        if isinstance(answer, Result):
            if axes is None and not self.agreed[answer.number]:
                raise ValueError(
                    "pmap out_axes: None for a result that may differ between the devices; give it an "
                    "axis, or make it the same for all, with `rd.psum` or `rd.pmean`"
                )
            return Out(answer.number, axes, answer.number_type)
        if isinstance(answer, Constant):
            return Constant(self.repeated(answer.value, axes))
        parts = None if answer is None else children(answer)
        if parts is None:
            known = isinstance(answer, (bool, int, float, complex, np.generic))
            return Constant(self.repeated(answer, axes)) if known and axes is not None else answer
        keys, values, extra = parts
        if isinstance(answer, (list, tuple, dict)):
            container = answer if isinstance(answer, dict) else values
            try:
                inner = axes_of_parts(axes, container, "the result")
            except ValueError as error:
                raise ValueError(str(error).replace("vmap in_axes", "pmap out_axes")) from None
        else:
            inner = [axes] * len(values)
        new = [self.with_axes(v, a) for v, a in zip(values, inner, strict=True)]
        return rebuilt(answer, keys, new, extra)

    def repeated(self, value: Any, axes: Axes) -> Any:
        """What was known while tracing, once for each device of this process."""
        if axes is None:
            return value
        array = np.asarray(value)
        axis = checked_axis(axes, array.ndim + 1)
        return np.stack([array] * len(self.names), axis)

    # --- calls

    def call(self, leaves: list[Any]) -> Any:
        """Run it on arrays."""
        tensors: list[Any] = []
        for x, axis in zip(leaves, self.axes, strict=True):
            tensors += self.parts_of(x, axis)
        width = len(self.names)
        count = len(self.compiled.concrete.outputs) * width
        with self.exchange.turn:
            flat = self.run(tensors, None, count) if count else []
        results = [flat[i : i + width] for i in range(0, count, width)]
        if self.checks:
            first = len(results) - len(self.checks)
            self.check(tuple(any(bool(t) for t in r) for r in results[first:]))
        return filled(self.answer, lambda out: out.array(results, self.names))

    def parts_of(self, x: Any, axis: int | None) -> list[Any]:
        """The tensors of an argument, one for each device."""
        if isinstance(x, ShardedArray):
            sharding = x.sharding
            if isinstance(sharding, PmapSharding) and sharding == (self.names, axis):
                return x.parts
            x = x.whole()
        if is_tensor(x):
            slices = [x] * len(self.names) if axis is None else self.placing.slices(x, axis)
            return [self.placing.on_device(s, n) for s, n in zip(slices, self.names, strict=True)]
        x = np.asarray(x)
        tensor = self.placing.tensor
        if axis is None:
            return [tensor(x, n) for n in self.names]
        x = x if axis == 0 else np.moveaxis(x, axis, 0)
        return [tensor(x[i], n) for i, n in enumerate(self.names)]

    def call_in_trace(self, leaves: list[Any]) -> Any:
        """Run it within a function that is being traced, which is cut here.

        Raises:
            Cut: that function is traced as one program of XLA's.
        """
        if not TRACE.partition:
            raise Cut("pmap")
        held = memory.current()
        tensors: list[Any] = []
        for x, axis in zip(leaves, self.axes, strict=True):
            now = x if held is None else held.current(x)
            x = self.placing.as_tensor(now.whole() if isinstance(now, ShardedArray) else now)
            slices = [x] * len(self.names) if axis is None else self.placing.slices(x, axis)
            tensors += slices
        flat = list(self.function_in_trace()(*tensors))
        width = len(self.names)
        results = [flat[i : i + width] for i in range(0, len(flat), width)]
        for failed, error in zip(
            results[len(results) - len(self.checks) :], self.checks, strict=True
        ):
            TRACE.checks.append((self.placing.any_true(failed), error))
        return filled(self.answer, lambda out: out.tensor(results))


class Out:
    """A place in the result of a call.

    Attributes:
        number: which result of the function.
        axis: where the axis of the devices goes; None for the value on which they agree.
        number_type: of a number of Python's, its type.
    """

    def __init__(self, number: int, axis: int | None, number_type: type | None) -> None:
        self.number, self.axis, self.number_type = number, axis, number_type

    def array(self, results: list[list[Any]], names: tuple[str, ...]) -> Any:
        """The array that lies on the devices."""
        parts = results[self.number]
        if self.axis is None and self.number_type is not None:
            return self.number_type(parts[0].numpy())
        return placed(parts, self.axis, names)

    def tensor(self, results: list[list[Any]]) -> Any:
        """The whole as one tensor."""
        from redraft.runtime import tf_placed

        parts = results[self.number]
        if self.axis is None:
            return parts[0]
        return tf_placed.stacked(parts, checked_axis(self.axis, len(parts[0].shape) + 1))


def filled(answer: Any, make: Callable[[Out], Any]) -> Any:
    """The result of a call: what `make` gives in every place of it."""

    def one(x: Any) -> Any:
        if isinstance(x, Out):
            return make(x)
        if isinstance(x, Constant):
            return x.value.copy() if isinstance(x.value, np.ndarray) else x.value
        return x

    return one(answer) if isinstance(answer, (Out, Constant)) else mapped(one, answer)
