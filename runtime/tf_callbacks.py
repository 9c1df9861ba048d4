"""Callbacks as operations of TensorFlow's graphs, which XLA cannot compile.

While a function is traced for XLA, a callback raises `Cut`: the function is then traced again as a plain
graph, in which the parts between callbacks are compiled by themselves (transpile/transforms/partition.py).
In such a graph callbacks run one after the other, in the order of the program.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from redraft.runtime import memory
from redraft.runtime.callbacks import own_array
from redraft.runtime.memory import TRACE
from redraft.runtime.partition import Cut
from redraft.runtime.tensors import is_tensor

LAST = "_redraft_last_effect"  # attribute of a graph: the operation after which the next one runs


def call(label: str, run: Callable, leaves: list[Any], wanted: list[Any]) -> list[Any]:
    """Call a callback with the values of tensors.

    Args:
        label: names it, for errors.
        run: takes an iterator of arrays, and returns arrays.
        leaves: tensors, arrays, numbers, and anything else, which is passed on.
        wanted: shapes and dtypes of the results.

    Returns:
        A tensor for each result.
    """
    if not memory.tracing() and tf.executing_eagerly():
        arrays = [x.numpy() if is_tensor(x) else x for x in leaves]
        return [tf.constant(x) for x in run(map(own_array, arrays))]
    if memory.tracing() and not TRACE.partition:
        raise Cut(label)
    held = memory.current()
    leaves = [own_array(x if held is None else held.current(x)) for x in leaves]
    places = [i for i, x in enumerate(leaves) if is_tensor(x)]
    operands = [leaves[i] for i in places]
    rest = [None if is_tensor(x) else x for x in leaves]

    def filled(arrays: tuple) -> Iterator[Any]:
        values = dict(zip(places, arrays, strict=True))
        return (own_array(values.get(i, x)) for i, x in enumerate(rest))

    return operation(lambda arrays: run(filled(arrays)), operands, wanted)


def operation(run: Callable, operands: list[Any], wanted: list[Any]) -> list[Any]:
    """The operation that calls `run` with arrays, if the branches around it are taken."""

    def on_host(*arrays: Any) -> list[np.ndarray]:
        try:
            return [*run(arrays), np.int32(0)]
        except BaseException as error:
            raise RuntimeError(f"redraft callback {remember(error)}") from None

    dtypes = [*(tf.as_dtype(s.dtype) for s in wanted), tf.int32]
    shapes = [*(s.shape for s in wanted), ()]

    def called() -> list[Any]:
        results = tf.numpy_function(on_host, operands, dtypes)
        return [with_shape(x, s) for x, s in zip(results, shapes, strict=True)]

    def skipped() -> list[Any]:
        return [tf.zeros(s, d) for s, d in zip(shapes, dtypes, strict=True)]

    if not TRACE.taken:
        return in_order(called)[:-1]
    taken = tf.reduce_all(tf.stack(TRACE.taken))
    return in_order(lambda: list(tf.cond(taken, called, skipped)))[:-1]


def with_shape(x: Any, shape: tuple) -> Any:
    """A tensor of which the shape is known now."""
    x.set_shape(shape)
    return x


def in_order(make: Callable) -> list[Any]:
    """Tensors that `make` makes, after the effects that come before in the program."""
    graph = tf.compat.v1.get_default_graph()
    last = getattr(graph, LAST, None)
    with tf.control_dependencies([] if last is None else [last]):
        made = make()
    setattr(graph, LAST, made[-1].op)
    return made


def last_effect() -> Any:
    """The last operation with an effect in the graph that is being made."""
    return getattr(tf.compat.v1.get_default_graph(), LAST, None)


# --- errors


_errors: dict[int, BaseException] = {}
_numbers = itertools.count(1)
KEPT = 100  # errors of callbacks whose call nobody has asked about


def remember(error: BaseException) -> int:
    """Keep an error of a callback; TensorFlow passes on no more than a text."""
    number = next(_numbers)
    _errors[number] = error
    while len(_errors) > KEPT:
        _errors.pop(next(iter(_errors)), None)
    return number


def original(error: BaseException) -> BaseException | None:
    """The error of a callback behind one of TensorFlow's."""
    found = re.search(r"redraft callback (\d+)", str(error))
    return None if found is None else _errors.pop(int(found.group(1)), None)


def wait() -> None:
    """Wait for what TensorFlow was given to do."""
    if tf.executing_eagerly():
        from tensorflow.python.eager import context

        context.async_wait()
