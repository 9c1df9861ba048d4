"""A graph on whole arrays, written anew with the layout of each operation fixed, for DTensor.

What an operation's layouts are says runtime/layouts.py. What DTensor would crash on is written otherwise.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import attr_value_pb2
from tensorflow.python.framework.function_def_to_graph import function_def_to_graph

from redraft.runtime.layouts import Layout, Operation, agreed, has_rule, ruled, whole
from redraft.runtime.slices import MASKS, has_new_axes, without_new_axes

LOOPS = ("While", "StatelessWhile")
NUMBERS = itertools.count()
BITS = {
    tf.float32: tf.int32, tf.uint32: tf.int32,
    tf.float64: tf.int64, tf.uint64: tf.int64, tf.complex64: tf.int64,
}  # fmt: skip


class CannotSplit(Exception):
    """DTensor cannot run a program; the text says why."""


Placed = tuple[Any, Layout]  # a tensor, and how it is split


class Writer:
    """Writes the operations of a graph anew, with their layouts.

    Args:
        graph: the graph of the whole program, which knows the bodies of its loops.
        sizes: of the axes of the mesh.
        fixed: gives the value of the attribute that fixes layouts of results.

    Attributes:
        types: of the operations that run on whole operands.
    """

    def __init__(
        self, graph: Any, sizes: dict[str, int], fixed: Callable[[list[Layout]], Any]
    ) -> None:
        self.sizes, self.fixed = sizes, fixed
        library = graph.as_graph_def().library.function
        self.functions = {f.signature.name: f for f in library}
        self.graphs: dict[str, Any] = {}
        self.types: set[str] = set()

    def written(self, graph: Any, inputs: list[Placed]) -> list[Placed]:
        """Write the operations that the results of a graph need.

        Args:
            graph: on whole arrays.
            inputs: what its arguments are.

        Returns:
            Its results.
        """
        values = self.known(graph, inputs)
        for op in needed(graph):
            operands = [values[id(x)] for x in op.inputs]
            if op.type in LOOPS:
                results = self.loop(op, operands)
            elif has_new_axes(described := self.described(op)):
                results = [self.sliced(described, operands[0])]
            else:
                results = self.one(op, described, operands)
            for x, made in zip(op.outputs, results, strict=True):
                values[id(x)] = made
        return [values[id(x)] for x in graph.outputs]

    def layouts(self, graph: Any, inputs: list[Layout]) -> list[Layout]:
        """The layouts of a graph's results, without writing anything."""
        values = self.known(graph, inputs)
        for op in needed(graph):
            operands = [values[id(x)] for x in op.inputs]
            if op.type in LOOPS:
                results = self.carried(op, operands)
            elif has_new_axes(described := self.described(op)):
                results = operands[:1]
                for step in self.steps(described):
                    results = ruled(step, [results[0], *map(whole, step.shapes[1:])])[1]
            else:
                results = ruled(described, operands)[1]
            for x, layout in zip(op.outputs, results, strict=True):
                values[id(x)] = layout
        return [values[id(x)] for x in graph.outputs]

    def known(self, graph: Any, inputs: list[Any]) -> dict[int, Any]:
        """What is known of the arguments of a graph, by the identity of its tensors."""
        return {id(x): given for x, given in zip(graph.inputs, inputs, strict=True)}

    def described(self, op: Any) -> Operation:
        """What a rule may know of an operation."""
        shapes = [x.shape for x in (*op.inputs, *op.outputs)]
        if not all(s.is_fully_defined() for s in shapes):
            raise CannotSplit(f"the operation {op.type} has a shape that is not known")
        if op.op_def.is_stateful:
            raise CannotSplit(f"the operation {op.type} has a state or an effect")
        known = [tuple(s.as_list()) for s in shapes]
        count = len(op.inputs)
        return Operation(
            op.type, known[:count], known[count:], op.outputs[0].dtype.name,
            op.get_attr, lambda i: tf.get_static_value(op.inputs[i]), self.sizes,
        )  # fmt: skip

    def steps(self, op: Operation) -> tuple[Operation, Operation]:
        """A slice that adds axes, as a slice and a reshape."""
        found = without_new_axes(op)
        if found is None:
            raise CannotSplit("an index that is known at run time only stands beside a new axis")
        return found

    def sliced(self, op: Operation, operand: Placed) -> Placed:
        """Write a slice that adds axes."""
        for step in self.steps(op):
            x, now = operand
            inputs, (result,) = ruled(step, [now, *map(whole, step.shapes[1:])])
            rows = [self.numbers(step.constant(i), tf.int64) for i in range(1, len(step.shapes))]
            kinds = {"T": type_of(x)}
            if step.type == "Reshape":
                kinds["Tshape"] = type_of(rows[0])
            else:
                kinds["Index"] = type_of(rows[0])
                for name in (f"{n}_mask" for n in MASKS):
                    kinds[name] = attr_value_pb2.AttrValue(i=step.attribute(name))
            operands = [self.moved(x, now, inputs[0]), *rows]
            operand = self.operation(step.type, operands, [x.dtype], kinds, [result])[0], result
        return operand

    def one(self, op: Any, described: Operation, operands: list[Placed]) -> list[Placed]:
        """Write one operation."""
        inputs, results = ruled(described, [layout for _, layout in operands])
        given = [self.moved(x, now, to) for (x, now), to in zip(operands, inputs, strict=True)]
        if op.type == "SelectV2":  # a test of fewer axes makes DTensor crash
            given[0] = self.broadcast(given[0], described.results[0], results[0])
        if op.type in ("Slice", "StridedSlice") and described.constant(1) is None:
            given[1] = self.within(given[1], described)
        if not has_rule(op.type):
            self.types.add(op.type)
        attributes = {k: v for k, v in op.node_def.attr.items() if not k.startswith("_")}
        made = self.operation(op.type, given, [x.dtype for x in op.outputs], attributes, results)
        for x, old in zip(made, op.outputs, strict=True):
            x.set_shape(old.shape)
        return list(zip(made, results, strict=True))

    def operation(
        self,
        kind: str,
        inputs: list[Any],
        dtypes: list[Any],
        attributes: Any,
        layouts: list[Layout],
    ) -> list[Any]:
        """Write an operation whose results have these layouts."""
        graph = tf.compat.v1.get_default_graph()
        attributes = {**attributes, "_layout": self.fixed(layouts)}
        return list(graph.create_op(kind, inputs, dtypes, attrs=attributes).outputs)

    def broadcast(self, x: Any, shape: tuple[int, ...], layout: Layout) -> Any:
        """An array repeated to a shape, which has such a layout."""
        if tuple(x.shape.as_list()) == shape:
            return x
        to = self.numbers(shape, tf.int64)
        kinds = {"T": type_of(x), "Tidx": type_of(to)}
        return self.operation("BroadcastTo", [x, to], [x.dtype], kinds, [layout])[0]

    def within(self, begin: Any, op: Operation) -> Any:
        """The places that a slice takes, moved into the array as XLA does.

        A branch that is not taken is computed as well, and may read where nothing is.
        """
        row = np.iinfo(begin.dtype.as_numpy_dtype)
        lengths = op.shapes[0]
        if op.type == "Slice":
            low = [0] * len(lengths)
            high = np.subtract(lengths, op.results[0]).tolist()
        else:
            mask = op.attribute("shrink_axis_mask")
            single = [bool(mask >> axis & 1) for axis in range(begin.shape[0])]
            pairs = list(zip(lengths, single, strict=False))
            low = [-n if one else row.min for n, one in pairs]
            high = [n - 1 if one else row.max for n, one in pairs]
        for kind, bound in (("Maximum", low), ("Minimum", high)):
            operands = [begin, self.numbers(bound, begin.dtype)]
            kinds = {"T": type_of(begin)}
            (begin,) = self.operation(kind, operands, [begin.dtype], kinds, [(None,)])
        return begin

    def numbers(self, values: Any, dtype: Any) -> Any:
        """A constant row of whole numbers."""
        tensor = tf.make_tensor_proto(np.asarray(values, dtype.as_numpy_dtype))
        kinds = {
            "dtype": attr_value_pb2.AttrValue(type=dtype.as_datatype_enum),
            "value": attr_value_pb2.AttrValue(tensor=tensor),
        }
        return self.operation("Const", [], [dtype], kinds, [(None,)])[0]

    def moved(self, x: Any, now: Layout, to: Layout, again: bool = False) -> Any:
        """An array in another layout; with `again` written in any case.

        It is put together first where that is needed, and split then: one exchange at a time.
        Putting together adds zeros, so numbers travel as the whole numbers of their bits: -0.0 stays.
        """
        common = agreed(now, to)
        bits = BITS.get(x.dtype)
        if common != now and bits is not None:
            moved = self.moved(self.bitcast(x, bits, now), now, common)
            x, now = self.bitcast(moved, x.dtype, common), common
        for step in (common, to):
            if step != now or (again and step == to):
                (x,) = self.operation("Identity", [x], [x.dtype], {"T": type_of(x)}, [step])
                now = step
        return x

    def bitcast(self, x: Any, dtype: Any, layout: Layout) -> Any:
        """The bits of an array as those of another dtype."""
        kinds = {"T": type_of(x), "type": attr_value_pb2.AttrValue(type=dtype.as_datatype_enum)}
        return self.operation("Bitcast", [x], [dtype], kinds, [layout])[0]

    # --- loops

    def loop(self, op: Any, operands: list[Placed]) -> list[Placed]:
        """Write a loop. What it carries has one layout in all rounds."""
        carried = self.carried(op, [layout for _, layout in operands])
        start = [self.moved(x, now, to) for (x, now), to in zip(operands, carried, strict=True)]

        def test(*state: Any) -> Any:
            placed = list(zip(state, carried, strict=True))
            ((answer, layout),) = self.written(self.graph_of(op, "cond"), placed)
            return self.moved(answer, layout, ())

        def once(*state: Any) -> list[Any]:
            placed = list(zip(state, carried, strict=True))
            ended = self.written(self.graph_of(op, "body"), placed)
            return [
                self.moved(x, now, to, again=True)
                for (x, now), to in zip(ended, carried, strict=True)
            ]

        # DTensor names functions after the loop, for all programs of the process
        name = f"redraft_loop_{next(NUMBERS)}_of"
        results = tf.while_loop(test, once, start, name=name)
        if len(start) == 1 and not isinstance(results, (list, tuple)):
            results = [results]
        found = [self.moved(x, to, to, again=True) for x, to in zip(results, carried, strict=True)]
        return list(zip(found, carried, strict=True))

    def carried(self, op: Any, layouts: list[Layout]) -> list[Layout]:
        """What a round begins and ends with: found by following rounds until nothing changes."""
        body = self.graph_of(op, "body")
        while True:
            ended = self.layouts(body, layouts)
            common = [agreed(a, b) for a, b in zip(layouts, ended, strict=True)]
            if common == layouts:
                return layouts
            layouts = common

    def graph_of(self, op: Any, part: str) -> Any:
        """The graph of a loop's test or body."""
        name = op.get_attr(part).name
        if name not in self.graphs:
            shapes = [x.shape for x in op.inputs]
            self.graphs[name] = function_def_to_graph(self.functions[name], shapes)
        return self.graphs[name]


def type_of(x: Any) -> Any:
    """The attribute for the dtype of a tensor."""
    return attr_value_pb2.AttrValue(type=x.dtype.as_datatype_enum)


def needed(graph: Any) -> list[Any]:
    """The operations on which the results of a graph depend, in order, without its arguments."""
    inputs = {id(x.op) for x in graph.inputs}
    wanted = {id(x.op) for x in graph.outputs}
    found = []
    for op in reversed(graph.get_operations()):
        if id(op) in wanted:
            wanted |= {id(x.op) for x in op.inputs}
            if id(op) not in inputs:
                found.append(op)
    return found[::-1]


__all__ = ["CannotSplit", "Writer"]
