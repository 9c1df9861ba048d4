"""Marks on operations of the graph of one replica: which of them stand for collectives."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

MARK = "_redraft_collective"  # attribute of an operation: what it stands for
LOOPS = frozenset({"While", "StatelessWhile"})


def marked(kind: str, x: Any, size: int, taken: Sequence[Any], source: Any = None) -> Any:
    """A tensor that stands for what a collective makes of `x`.

    Args:
        kind: ``sum``, ``largest``, ``smallest``, ``gather`` or ``permute``.
        x: a tensor.
        size: the number of replicas.
        taken: the conditions under which the program comes here.
        source: of a permutation: the replica that each one receives from; -1 for none.
    """
    check_agreed(taken)
    made = tf.stack([x] * size) if kind == "gather" else tf.identity(x)
    mark(made.op, kind, source)
    return made


def number_of_replica() -> Any:
    """A tensor that stands for the number of the replica."""
    made = tf.raw_ops.Placeholder(dtype=tf.int64, shape=())
    mark(made.op, "number")
    return made


def check_agreed(taken: Sequence[Any]) -> None:
    """Mark the conditions of a collective: the replicas must agree on them."""
    for condition in taken:
        mark(tf.identity(condition).op, "condition", line())


def mark(op: Any, kind: str, data: Any = None) -> None:
    """Write on an operation what it stands for."""
    from tensorflow.core.framework import attr_value_pb2

    text = json.dumps([kind, data, line()]).encode()
    op._set_attr(MARK, attr_value_pb2.AttrValue(s=text))


def line() -> Any:
    """The user's place that is being traced: file, line and text."""
    from redraft.transpile.jit import here

    span = here()
    return None if span is None else list(span)


def mark_of(op: Any) -> tuple[str, Any, Any] | None:
    """What an operation stands for; None if it is an ordinary one."""
    try:
        kind, data, place = json.loads(op.get_attr(MARK))
    except ValueError:
        return None
    return kind, data, place


# --- graphs within graphs


def body_of(graph: Any, name: str) -> Any:
    """The graph of a function that an operation of `graph` names."""
    while graph is not None:
        found = graph._get_function(name)
        if found is not None:
            return found.graph
        graph = getattr(graph, "outer_graph", None)
    from tensorflow.python.eager import context
    from tensorflow.python.framework.function_def_to_graph import function_def_to_graph

    return function_def_to_graph(context.context().get_function_def(name))


def holds_marks(graph: Any) -> bool:
    """Is there a collective in a graph, or in a loop of it?"""
    for op in graph.get_operations():
        if mark_of(op) is not None:
            return True
        if op.type in LOOPS and loop_holds_marks(graph, op):
            return True
    return False


def loop_holds_marks(graph: Any, op: Any) -> bool:
    """Is there a collective in the body or in the condition of a loop?"""
    return any(holds_marks(body_of(graph, op.get_attr(part).name)) for part in ("body", "cond"))


def first_place(graph: Any) -> Any:
    """The user's line of the first collective of a graph."""
    for op in graph.get_operations():
        found = mark_of(op)
        if found is not None:
            return found[2]
        if op.type in LOOPS:
            for part in ("body", "cond"):
                place = first_place(body_of(graph, op.get_attr(part).name))
                if place is not None:
                    return place
    return None
