"""Graphs of one replica, copied for all devices: where collectives were marked, the devices exchange values.

A function under `pmap` is traced once (runtime/replicas.py). `joined` copies every operation of that graph
for every device into one graph. An operation that was marked as a collective becomes operations on
the values of all devices. A loop with collectives in it becomes one loop whose variables are those of all
replicas; all other loops, and the parts that XLA compiles, are copied as they are.

What all replicas agree on (`Agreement`) follows from the collectives: a sum over the replicas is the same for
each. A loop or a branch that holds a collective needs a condition that they agree on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from redraft.runtime.tf_agreement import Agreement, Disagreement
from redraft.runtime.tf_marks import LOOPS, body_of, holds_marks, loop_holds_marks, mark_of


class Local:
    """Exchanges between the devices of one process.

    Attributes:
        devices: their names.
        size: the number of replicas of all processes.
        first: the number of the first replica of this process.
        turn: is held by a call of a program; here several may run at once.
    """

    turn: Any = contextlib.nullcontext()

    def __init__(self, devices: Sequence[str]) -> None:
        self.devices, self.size, self.first = list(devices), len(devices), 0

    def sum(self, values: list[Any]) -> list[Any]:
        """The sum of the replicas' tensors, for each of them."""
        return self.everywhere(lambda: tf.add_n(values))

    def largest(self, values: list[Any]) -> list[Any]:
        """The largest elements."""
        return self.everywhere(lambda: tf.reduce_max(tf.stack(values), 0))

    def smallest(self, values: list[Any]) -> list[Any]:
        """The smallest elements."""
        return self.everywhere(lambda: tf.reduce_min(tf.stack(values), 0))

    def gather(self, values: list[Any]) -> list[Any]:
        """All tensors, along a new axis in front."""
        return self.everywhere(lambda: tf.stack(values))

    def permute(self, values: list[Any], source: Sequence[int]) -> list[Any]:
        """The tensor that each replica receives."""
        found = []
        for device, place in zip(self.devices, source, strict=True):
            with tf.device(device):
                found.append(tf.zeros_like(values[0]) if place < 0 else tf.identity(values[place]))
        return found

    def everywhere(self, make: Callable[[], Any]) -> list[Any]:
        """A tensor that is made on the first device, on all of them."""
        with tf.device(self.devices[0]):
            made = make()
        copies = []
        for device in self.devices[1:]:
            with tf.device(device):
                copies.append(tf.identity(made))
        return [made, *copies]


class Joined:
    """The copy of a graph for all replicas of this process, in the graph that is being made.

    Args:
        graph: of one replica.
        exchange: what the replicas exchange values by (`Local`, or `Workers` of tf_cluster.py).
        inputs: for each input of the graph, its tensors by replica.
    """

    def __init__(self, graph: Any, exchange: Any, inputs: Sequence[list[Any]]) -> None:
        self.graph, self.exchange = graph, exchange
        self.count = len(exchange.devices)
        self.tensors: dict[str, list[Any]] = {
            x.name: values for x, values in zip(graph.inputs, inputs, strict=False)
        }
        self.ops: dict[str, list[Any]] = {}
        self.take_functions()
        for inner, outer in self.captures():
            self.tensors.setdefault(inner.name, [outer] * self.count)
        for op in graph.get_operations():
            if not (op.outputs and op.outputs[0].name in self.tensors):
                self.visit(op)

    def take_functions(self) -> None:
        """Functions that operations of the graph name are known in the new one."""
        new = tf.compat.v1.get_default_graph()
        for function in self.graph._functions.values():
            new._add_function_recursive(function)

    def captures(self) -> list[tuple[Any, Any]]:
        """Tensors inside, and those outside that they stand for."""
        found = getattr(self.graph, "captures", ())
        return [(inner, outer) for outer, inner in found]

    @property
    def outputs(self) -> list[list[Any]]:
        """For each result of the graph, its tensors by replica."""
        return [self.tensors[x.name] for x in self.graph.outputs]

    @property
    def effects(self) -> list[Any]:
        """Operations that must run, whether or not a result needs them."""
        return [
            new for op in getattr(self.graph, "control_outputs", ()) for new in self.ops[op.name]
        ]

    def visit(self, op: Any) -> None:
        """The copies of an operation."""
        found = mark_of(op)
        if found is not None:
            self.tensors[op.outputs[0].name] = self.exchanged(op, *found[:2])
            self.ops[op.name] = [x.op for x in self.tensors[op.outputs[0].name]]
            return
        if op.type in LOOPS and loop_holds_marks(self.graph, op):
            self.loop(op)
            return
        copies = [self.copy(op, replica) for replica in range(self.count)]
        self.ops[op.name] = copies
        for place, x in enumerate(op.outputs):
            self.tensors[x.name] = [copy.outputs[place] for copy in copies]

    def copy(self, op: Any, replica: int) -> Any:
        """An operation on the device of a replica."""
        from tensorflow.python.ops import handle_data_util

        inputs = [self.tensors[x.name][replica] for x in op.inputs]
        before = [self.ops[c.name][replica] for c in op.control_inputs if c.name in self.ops]
        new = tf.compat.v1.get_default_graph()
        with tf.device(self.exchange.devices[replica]), tf.control_dependencies(before):
            made = new.create_op(
                op.type, inputs, [x.dtype for x in op.outputs], name=op.name.rpartition("/")[2],
                attrs=dict(op.node_def.attr), op_def=op.op_def,
            )  # fmt: skip
        for old, x in zip(op.outputs, made.outputs, strict=True):
            x.set_shape(old.shape)
            handle_data_util.copy_handle_data(old, x)
        return made

    def exchanged(self, op: Any, kind: str, data: Any) -> list[Any]:
        """What a collective becomes."""
        if kind == "number":
            first = self.exchange.first
            return [
                self.on(i, lambda i=i: tf.constant(first + i, tf.int64)) for i in range(self.count)
            ]
        values = self.tensors[op.inputs[0].name]
        if kind == "condition":
            return values
        if kind == "permute":
            return self.exchange.permute(values, data)
        return getattr(self.exchange, kind)(values)

    def on(self, replica: int, make: Callable[[], Any]) -> Any:
        """What is made on the device of a replica."""
        with tf.device(self.exchange.devices[replica]):
            return make()

    def loop(self, op: Any) -> None:
        """One loop for all replicas; they agree on its condition."""
        body = body_of(self.graph, op.get_attr("body").name)
        condition = body_of(self.graph, op.get_attr("cond").name)
        width = len(op.inputs)

        def by_variable(flat: Sequence[Any]) -> list[list[Any]]:
            return [list(flat[i * self.count : (i + 1) * self.count]) for i in range(width)]

        exchanges = holds_marks(condition)

        def goes_on(*flat: Any) -> Any:
            if exchanges:
                return Joined(condition, self.exchange, by_variable(flat)).outputs[0][0]
            first = [values[:1] for values in by_variable(flat)]
            alone = OfFirst(self.exchange)
            return Joined(condition, alone, first).outputs[0][0]

        def round_of(*flat: Any) -> list[Any]:
            return [
                x
                for values in Joined(body, self.exchange, by_variable(flat)).outputs
                for x in values
            ]

        start = [x for given in op.inputs for x in self.tensors[given.name]]
        shapes = [x.shape for x in body.inputs for _ in range(self.count)]
        before = [c for old in op.control_inputs for c in self.ops.get(old.name, ())]
        with tf.control_dependencies(before):
            ended = tf.while_loop(
                goes_on, round_of, start, shape_invariants=shapes,
                parallel_iterations=op.get_attr("parallel_iterations"),
            )  # fmt: skip
        for x, values in zip(op.outputs, by_variable(ended), strict=True):
            self.tensors[x.name] = values
        self.ops[op.name] = [ended[0].op] * self.count


class OfFirst:
    """The first replica alone, for conditions that all agree on."""

    def __init__(self, exchange: Any) -> None:
        self.devices, self.first = exchange.devices[:1], exchange.first


def build(
    concrete: Any, exchange: Any, agreed: Sequence[bool], whole: bool
) -> tuple[Any, list[bool]]:
    """The function of all replicas of this process, and which of its results they agree on.

    Args:
        concrete: the traced function of one replica.
        exchange: what the replicas exchange values by.
        agreed: for each argument, is it the same for all?
        whole: is it one program of XLA's?

    Returns:
        A function of the tensors of all replicas, argument by argument, which returns theirs, result by
        result.

    Raises:
        Disagreement: a collective depends on what the replicas may not agree on.
    """
    graph = concrete.graph
    count = len(exchange.devices)
    flags = Agreement(graph, agreed).outputs

    def all_replicas(*flat: Any) -> list[Any]:
        inputs = [list(flat[i * count : (i + 1) * count]) for i in range(len(agreed))]
        if whole:
            by_replica = [
                on_device(device, concrete, [values[i] for values in inputs])
                for i, device in enumerate(exchange.devices)
            ]
            return [x for values in zip(*by_replica, strict=True) for x in values]
        copy = Joined(graph, exchange, inputs)
        with tf.control_dependencies(copy.effects):
            return [
                copy.on(i, lambda x=x: tf.identity(x))
                for values in copy.outputs for i, x in enumerate(values)
            ]  # fmt: skip

    arguments = list(graph.inputs[: len(agreed)])
    specifications = [tf.TensorSpec(x.shape, x.dtype) for x in arguments for _ in range(count)]
    return tf.compat.v1.wrap_function(all_replicas, specifications), flags


def on_device(device: str, concrete: Any, tensors: list[Any]) -> list[Any]:
    """A call of a function on a device."""
    with tf.device(device):
        return list(concrete(*tensors))


__all__ = ["Agreement", "Disagreement", "Joined", "Local", "build"]
