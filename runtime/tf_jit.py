"""Compile a function of tensors with XLA, and call it with arrays.

A compiled function takes and returns flat lists of tensors: what the caller's structures look like is
decided outside (transpile/jit.py). Results are copied out of TensorFlow's memory, so that nobody shares
it with a constant of the compiled program or with an argument.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from redraft.runtime import memory
from redraft.runtime.growing import Growing, Same, Segment
from redraft.runtime.memory import TRACE
from redraft.runtime.tensors import TensorError, is_tensor
from redraft.runtime.tf_arrays import (
    MARK,
    cast,
    dtype_of,
    number_type,
    result_type,
    same_shape,
    shape,
    tensor,
    weak,
)

identity = tf.identity


def fitted(new: Any, x: Any) -> Any:
    """The result of ``x += …``, with the dtype and the shape that `x` keeps.

    Raises:
        TypeError, ValueError: NumPy would not put it there.
    """
    own = dtype_of(x)
    if not np.can_cast(dtype_of(new), own, "same_kind"):
        raise TypeError(
            f"cannot cast {dtype_of(new)} to {own} in place with casting rule 'same_kind'"
        )
    if not same_shape(shape(new), shape(x)):
        raise ValueError(
            f"non-broadcastable output operand with shape {tuple(shape(x))} doesn't match the "
            f"broadcast shape {tuple(shape(new))}"
        )
    return cast(tensor(new), own)


def truth(x: Any) -> Any:
    """The truth value of a tensor with one element, as Python asks for it."""
    if x.shape.num_elements() != 1:
        raise ValueError("the truth value of an array with more than one element is ambiguous")
    x = tf.reshape(x, [])
    return x if x.dtype.is_bool else tf.not_equal(x, tf.zeros_like(x))


def negated(x: Any) -> Any:
    """``not x``."""
    return tf.logical_not(truth(x))


def select(test: Any, a: Any, b: Any) -> Any:
    """`a` or `b`, chosen at run time.

    Raises:
        TensorError: they have different types or shapes.
    """
    a_number, b_number = number_type(a), number_type(b)
    if a_number is not None and b_number is not None:
        dtype = np.result_type(np.dtype(a_number), np.dtype(b_number))
        number = {"i": int, "f": float, "c": complex}[dtype.kind]
        return weak(tf.where(test, tensor(a, dtype), tensor(b, dtype)), number)
    if not same_shape(shape(a), shape(b)):
        raise TensorError(
            "a condition that is known only when the compiled function runs chooses between arrays "
            f"of shape {tuple(shape(a))} and {tuple(shape(b))}"
        )
    dtype = result_type(a, b)
    for x, number in ((a, a_number), (b, b_number)):
        if number is None and dtype_of(x) != dtype:
            raise TensorError(
                "a condition that is known only when the compiled function runs chooses between "
                f"values of dtype {dtype_of(a)} and {dtype_of(b)}"
            )
    return tf.where(test, tensor(a, dtype), tensor(b, dtype))


# Loops


def less(count: Any, limit: int) -> Any:
    """Is a counter below a number?"""
    return tf.less(count, limit)


def item_of(items: range, count: Any) -> Any:
    """The item of a range at a place that is known at run time: it stands for a Python number."""
    return weak(items.start + count * items.step, int)


def as_tensor_of(x: Any) -> Any:
    """A number or a tensor as a tensor."""
    return tensor(x)


def kind_of_variable(x: Any) -> tuple:
    """Python's type (or None), dtype and shape of a variable of a loop."""
    return (number_type(x), dtype_of(x), tuple(shape(x)))


def wider(a: tuple, b: tuple) -> tuple:
    """What a variable of a loop must be, which is one before and the other after a round."""
    if a == b:
        return a
    (a_number, a_dtype, a_shape), (b_number, b_dtype, b_shape) = a, b
    if a_shape != b_shape:
        raise TensorError(
            f"a variable of a loop has the shape {a_shape} before a round and {b_shape} after it"
        )
    if a_number is not None and b_number is not None:
        dtype = np.result_type(a_dtype, b_dtype)
        return ({"i": int, "f": float, "c": complex}[dtype.kind], dtype, a_shape)
    if a_number is None and b_number is None:
        raise TensorError(
            f"a variable of a loop has the dtype {a_dtype} before a round and {b_dtype} after it"
        )
    strong, number = (a_dtype, b_number) if a_number is None else (b_dtype, a_number)
    if np.result_type(strong, number(0)) != strong:
        raise TensorError(
            f"a variable of a loop has the dtype {a_dtype} before a round and {b_dtype} after it"
        )
    return (None, strong, a_shape)


def as_variables(tensors: Sequence, kinds: Sequence[tuple]) -> list[Any]:
    """Bare tensors as what they stand for."""
    return [
        x if number is None else weak(x, number)
        for x, (number, _, _) in zip(tensors, kinds, strict=True)
    ]


def zeros_of_kind(kind: tuple) -> Any:
    """Zeros of a dtype and a shape."""
    return tf.zeros(kind[2], tf.as_dtype(kind[1]))


def of_kind(x: Any, kind: tuple) -> Any:
    """A variable before a loop, as what it is in it."""
    return tensor(x, kind[1])


def trial(step: Callable, kinds: list[tuple]) -> None:
    """Trace a round for nothing: `step` gets its number and the leaves of the variables."""

    def once(count: Any, *tensors: Any) -> Any:
        step(count, list(tensors))
        return count

    specifications = [specification(dtype, lengths) for _, dtype, lengths in kinds]
    function = tf.function(once, autograph=False)
    function.get_concrete_function(tf.TensorSpec([], tf.int64), *specifications)


def run_loop(
    test: Callable, step: Callable, flags: int, first: list[Any], kinds: list[tuple]
) -> tuple[Any, list[Any], list[Any]]:
    """One loop of XLA's.

    Args:
        test: takes the number of the round, flags and leaves; is there another round?
        step: takes the same; returns flags and leaves after the round.
        flags: how many there are; they are false before the first round.
        first: the leaves before the first round.
        kinds: of the leaves.

    Returns:
        The number of rounds, and flags and leaves after them.
    """

    def go_on(count: Any, *state: Any) -> Any:
        return test(count, list(state[:flags]), list(state[flags:]))

    def once(count: Any, *state: Any) -> list[Any]:
        raised, results = step(count, list(state[:flags]), list(state[flags:]))
        cast_results = [tensor(x, dtype) for x, (_, dtype, _) in zip(results, kinds, strict=True)]
        return [count + 1, *raised, *cast_results]

    start = [tensor(x, dtype) for x, (_, dtype, _) in zip(first, kinds, strict=True)]
    lowered = [tf.constant(False)] * flags
    count, *state = loop_of(go_on, once, [tf.constant(0, tf.int64), *lowered, *start])
    return count, state[:flags], state[flags:]


def loop_of(test: Callable, step: Callable, first: list[Any]) -> list[Any]:
    """A loop of TensorFlow's. In a graph with effects, its rounds run one after the other."""
    if not TRACE.partition:
        return tf.while_loop(test, step, first)
    from redraft.runtime.tf_callbacks import in_order

    return in_order(lambda: tf.while_loop(test, step, first, parallel_iterations=1))


def row_of(stack: Any, place: Any) -> Any:
    """A row of an array, at a place that counts from the front."""
    from redraft.runtime.tf_indexing import in_order

    if isinstance(stack, Same):
        return stack.row
    if is_tensor(place):
        row = in_order(stack, lambda zero: tf.gather(stack, place + zero))
    else:
        row = stack[place]
    held = memory.current()
    if held is not None and len(held.members.get(held.group.get(id(stack)), ())) > 1:
        held.link(row, stack)  # others hold the same arrays as the list
    return row


def is_constant(x: Any) -> bool:
    """Is it the same in all rounds of the loop that is being traced: does it come from outside?"""
    graph = getattr(x, "graph", None) if is_tensor(x) and not hasattr(x, "numpy") else None
    return graph is not tf.compat.v1.get_default_graph()


def is_of_this_graph(x: Any) -> bool:
    """Is it a value that the text around a loop knows, and not one of the loop's rounds?"""
    return not is_tensor(x) or hasattr(x, "numpy") or not is_constant(x)


def repeated(row: Any, count: int) -> Any:
    """An array of equal rows."""
    row = tensor(row)
    return tf.broadcast_to(row[None], [count, *row.shape])


def reversed_rows(stack: Any, length: Any) -> Any:
    """The first rows of an array, as many as count, in reversed order; behind them whatever."""
    places = length - 1 - tf.range(stack.shape[0], dtype=tf.int64)
    return tf.gather(stack, tf.maximum(places, 0))


def listed_rows(stack: Any) -> Growing:
    """A list of the rows of an array."""
    key = ("leaf", None, dtype_of(stack), tuple(shape(stack)[1:]))
    rows = Growing()
    rows.parts = [Segment([stack], _row_of_first, key, shape(stack)[0])]
    return rows


def _row_of_first(stacks: list[Any], place: Any) -> Any:
    return row_of(stacks[0], place)


def with_rows(stack: Any, start: Any, row: Any, many: bool) -> Any:
    """An array with a row written, or with `many` one after the other."""
    from redraft.runtime.tf_indexing import after_reads, update_block

    block = tensor(row, dtype_of(stack))
    if not many:
        block = block[None]
    place = tf.stack(
        [tf.cast(start, tf.int64), *[tf.constant(0, tf.int64)] * (len(block.shape) - 1)]
    )
    return update_block(stack, block, after_reads(stack, place), block.shape.as_list())


def lengthened(stack: Any, kind: tuple) -> Any:
    """Rows with rows of zeros behind them."""
    stack = tensor(stack, kind[1])
    missing = kind[2][0] - stack.shape[0]
    return (
        tf.concat([stack, tf.zeros([missing, *kind[2][1:]], stack.dtype)], 0) if missing else stack
    )


def joined(parts: list[Any], dtype: Any) -> Any:
    """Rows (in tuples) and arrays of rows as one array of rows."""
    blocks, rows = [], []
    for part in [*parts, None]:
        if part.__class__ is tuple:
            rows += part
            continue
        if rows:
            blocks.append(tf.stack([tensor(x, dtype) for x in rows]))
            rows = []
        if part is not None:
            blocks.append(tensor(part, dtype))
    return blocks[0] if len(blocks) == 1 else tf.concat(blocks, 0)


def all_true(tests: list[Any]) -> Any:
    """Are all of the tests true?"""
    answer = tests[0]
    for one in tests[1:]:
        answer = tf.logical_and(answer, one)
    return answer


def either(a: Any, b: Any) -> Any:
    """Is one of two tests true?"""
    return tf.logical_or(a, b)


def least(lengths: list[Any]) -> Any:
    """The smallest of several lengths."""
    return tf.reduce_min(tf.stack([tf.cast(n, tf.int64) for n in lengths]))


def one_of(numbers: tuple, place: Any, number: type) -> Any:
    """One of several Python numbers."""
    if not is_tensor(place):
        return numbers[place]
    return weak(tf.gather(tf.constant(np.asarray(numbers)), place), number)


def specification(dtype: Any, lengths: Sequence[int | None]) -> Any:
    """What is known of an argument before the call."""
    return tf.TensorSpec(tuple(lengths), tf.as_dtype(dtype))


def dtype_name(x: Any) -> str:
    """NumPy's name of a tensor's dtype."""
    return x.dtype.name


def devices(kind: str) -> list[Any]:
    """The devices of a kind: ``cpu``, ``gpu`` or ``tpu``."""
    return tf.config.list_logical_devices(kind.upper())


class Compiled:
    """A function compiled for arguments of fixed dtypes and shapes.

    Args:
        body: takes a list of tensors, and returns a list of tensors.
        specifications: of the arguments (`specification`).
        device: a name of TensorFlow's, or None.
        together: may small arguments be passed in one array?
        whole: does XLA compile all of it? If not, it is a graph of operations and of parts that XLA
            compiles: it may have effects, and results that share memory.

    Attributes:
        concrete: the compiled function, which takes each argument by itself.
        packs: places of arguments of one dtype that are passed together.
        run: takes a list of tensors (the packs, then what is in none of them), None, and the number
            of results, and returns these.
        results: the number of results.
        tensor: takes an array, `tensor_device` and None, and returns a tensor. It may share the
            array's memory.
        run_tensors: the same, for what may be tensors of a function that TensorFlow is tracing.
        other_tensor: makes a tensor with memory of its own from any array or number.
        read: the method of a tensor that gives its array. The array may share the tensor's memory,
            which is no one else's: XLA gives each result memory of its own.
    """

    def __init__(
        self,
        body: Callable,
        specifications: list[Any],
        device: str | None = None,
        together: bool = False,
        whole: bool = True,
    ) -> None:
        self.device, self.whole = device, whole

        def traced(*tensors: Any) -> list[Any]:
            return body(list(tensors))

        traced.__name__ = body.__name__  # the name of XLA's program
        self.function = compiled_by_xla(traced) if whole else in_parts(traced)
        with tf.device(device):
            self.concrete = self.function.get_concrete_function(*specifications)
        self.results = len(self.concrete.outputs)
        together = together and whole and device is None and is_small(self.concrete.graph)
        self.packs = packs_of(specifications) if together else []
        self.launched = self.with_packs(specifications) if self.packs else self.concrete
        self.run = (direct_run(self.launched) if device is None else None) or self.slowly
        self.tensor, self.tensor_device, self.read = quick_ways()
        self.other_tensor = as_tensor

    def run_tensors(self, tensors: list[Any], _: None, count: int) -> list[Any]:
        """Run it on tensors and variables."""
        tensors = [tf.convert_to_tensor(x) for x in tensors]
        return (self.slowly if tf.inside_function() else self.run)(tensors, None, count)

    def slowly(self, tensors: list[Any], _: None = None, count: int = 0) -> list[Any]:
        """The public way to run a concrete function."""
        with tf.device(self.device):
            return list(self.launched(*tensors))

    def with_packs(self, specifications: list[Any]) -> Any:
        """The function that takes packs apart, and calls the compiled one."""
        packs = [[specifications[place] for place in pack] for pack in self.packs]
        alone = [i for i in range(len(specifications)) if not any(i in p for p in self.packs)]

        def launch(*given: Any) -> list[Any]:
            tensors = dict(zip(alone, given[len(packs) :], strict=True))
            for pack, members, x in zip(self.packs, packs, given[: len(packs)], strict=True):
                parts = tf.split(x, [s.shape.num_elements() for s in members])
                for place, member, part in zip(pack, members, parts, strict=True):
                    tensors[place] = tf.reshape(part, member.shape)
            return list(self.concrete(*(tensors[i] for i in range(len(specifications)))))

        lengths = [sum(s.shape.num_elements() for s in members) for members in packs]
        joined = [tf.TensorSpec([n], s[0].dtype) for n, s in zip(lengths, packs, strict=True)]
        return compiled_by_xla(launch).get_concrete_function(
            *joined, *(specifications[i] for i in alone)
        )


def compiled_by_xla(function: Callable) -> Any:
    """The function as one of TensorFlow's that XLA compiles."""
    return tf.function(function, jit_compile=True, autograph=False)


def in_parts(function: Callable) -> Any:
    """The function as one of TensorFlow's, a graph of parts that XLA compiles."""
    return tf.function(function, autograph=False)


def call_island(body: Callable, name: str, tensors: list[Any]) -> list[Any]:
    """Call a function that XLA compiles, within a graph of parts.

    Args:
        body: takes a list of tensors of its own graph, and returns such a list.
        name: of the function.
        tensors: what it is called with.
    """

    def traced(*inputs: Any) -> list[Any]:
        return body(list(inputs))

    traced.__name__ = name
    specifications = [tf.TensorSpec(x.shape, x.dtype) for x in tensors]
    concrete = compiled_by_xla(traced).get_concrete_function(*specifications)
    return list(concrete(*map(tf.convert_to_tensor, tensors)))


PACKED = 1024  # bytes up to which an argument is passed together with others
SMALL = 24  # operations up to which a function counts as small
FREE = frozenset({"Placeholder", "Const", "Identity", "NoOp"})


def is_small(graph: Any) -> bool:
    """Does calling a function cost more than what it does? Then it is worth a longer compilation."""
    types = [op.type for op in graph.get_operations() if op.type not in FREE]
    return len(types) <= SMALL and not any("While" in t or "If" in t or "Call" in t for t in types)


def packs_of(specifications: list[Any]) -> list[list[int]]:
    """Places of small arguments of one dtype, where there are several.

    Each tensor costs 2 to 3 us, which is more than to join small arrays.
    """
    found: dict[Any, list[int]] = {}
    for place, one in enumerate(specifications):
        if 0 < (one.shape.num_elements() or 0) * one.dtype.size <= PACKED:
            found.setdefault(one.dtype, []).append(place)
    return [places for places in found.values() if len(places) > 1]


def direct_run(concrete: Any) -> Callable | None:
    """What runs a concrete function by its name; None where that is not possible.

    It uses what TensorFlow uses itself, which is private: every step that may change is tried
    here, and the public way stays. The concrete function must be kept: its name goes with it.
    """
    try:
        from tensorflow.python import pywrap_tfe
        from tensorflow.python.eager import context

        if concrete.captured_inputs:
            return None
        bound = context.context()
        bound.ensure_initialized()
        return functools.partial(pywrap_tfe.TFE_Py_Execute, bound._handle, None, concrete.name)
    except Exception:
        return None


@functools.cache
def quick_ways() -> tuple[Callable, str | None, str]:
    """How arrays become tensors, and tensors arrays: see `Compiled`.

    The quick ways are what TensorFlow's own functions end in, without their copies. They are
    private: if they do not do what is expected of them here, the public ways are taken.
    """
    try:
        from tensorflow.python.eager import context
        from tensorflow.python.framework import ops

        bound = context.context()
        bound.ensure_initialized()
        device = next(name for name in bound.devices() if name.endswith("CPU:0"))
        made = ops.EagerTensor(np.arange(4.0)[::-2], device, None)
        number = ops.EagerTensor(np.int64(3), device, None)
        read = made._numpy_internal()
        read += 1.0
        if read.tolist() == [4.0, 2.0] and number.dtype is tf.int64 and number.shape.rank == 0:
            return ops.EagerTensor, device, "_numpy_internal"
    except Exception:
        pass
    return (lambda x, device, dtype: as_tensor(x)), None, "numpy"


def as_tensor(x: Any) -> Any:
    """An array as an eager tensor in memory of its own."""
    x = np.asarray(x)
    with tf.init_scope():  # a caller may be tracing a function of its own
        return tf.constant(x if x.dtype.isnative else x.astype(x.dtype.newbyteorder("=")))


def traced_number(x: Any, number: type) -> Any:
    """A tensor that stands for a Python number."""
    return weak(x, number)


def stands_for(x: Any) -> type | None:
    """The Python type of a tensor that stands for a number."""
    return getattr(x, MARK, None)


__all__ = [
    "Compiled", "as_tensor", "devices", "dtype_name", "fitted", "identity", "is_tensor",
    "negated", "select", "specification", "stands_for", "traced_number", "truth",
]  # fmt: skip
