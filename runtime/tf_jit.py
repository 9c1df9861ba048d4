"""Compile a function of tensors with XLA, and call it with arrays.

A compiled function takes and returns flat lists of tensors: what the caller's structures look like is
decided outside (transpile/jit.py). Results are copied out of TensorFlow's memory, so that nobody shares
it with a constant of the compiled program or with an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from redraft.runtime.growing import Growing, Segment
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
    count, *state = tf.while_loop(go_on, once, [tf.constant(0, tf.int64), *lowered, *start])
    return count, state[:flags], state[flags:]


def row_of(stack: Any, place: Any) -> Any:
    """A row of an array, at a place that counts from the front."""
    from redraft.runtime.tf_indexing import in_order

    if not is_tensor(place):
        return stack[place]
    return in_order(stack, lambda zero: tf.gather(stack, place + zero))


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
    """

    def __init__(
        self, body: Callable, specifications: list[Any], device: str | None = None
    ) -> None:
        self.device = device

        def traced(*tensors: Any) -> list[Any]:
            return body(list(tensors))

        traced.__name__ = body.__name__  # the name of XLA's program
        self.function = tf.function(traced, jit_compile=True, autograph=False)
        with tf.device(device):
            self.concrete = self.function.get_concrete_function(*specifications)
        self.direct = direct_call(self.concrete, len(specifications)) if device is None else None

    def __call__(self, tensors: list[Any]) -> list[Any]:
        """Run it; the public way is the fallback of the direct one."""
        if self.direct is not None:
            return self.direct(tensors)
        return self.slowly(tensors)

    def slowly(self, tensors: list[Any]) -> list[Any]:
        """The public way to run a concrete function."""
        with tf.device(self.device):
            return list(self.concrete(*tensors))


def direct_call(concrete: Any, count: int) -> Callable | None:
    """A function that runs a concrete function by its name; None where that is not possible.

    It uses what TensorFlow uses itself, which is private: every step that may change is tried
    here, and the public way stays.
    """
    try:
        from tensorflow.python import pywrap_tfe
        from tensorflow.python.eager import context

        if concrete.captured_inputs or not concrete.outputs:
            return None
        bound = context.context()
        bound.ensure_initialized()
        handle = bound._handle
        name = concrete.name
        results = len(concrete.outputs)
        execute = pywrap_tfe.TFE_Py_Execute
    except Exception:
        return None

    def run(tensors: list[Any]) -> list[Any]:
        return execute(handle, None, name, tensors, None, results)

    return run


def quick_tensor() -> Callable:
    """The constructor that `tf.constant` ends in, if it can be called and copies; else `tf.constant`."""
    try:
        from tensorflow.python.eager import context
        from tensorflow.python.framework import ops

        bound = context.context()
        bound.ensure_initialized()
        device = bound.device_name or next(
            name for name in bound.devices() if name.endswith("CPU:0")
        )
        probe = np.arange(4.0)
        made = ops.EagerTensor(probe[::-2], device, None)
        probe[:] = 0.0
        if made.numpy().tolist() != [3.0, 1.0]:
            return tf.constant
        return lambda x: ops.EagerTensor(x, device, None)
    except Exception:
        return tf.constant


_quick: list[Callable] = []


def as_tensor(x: Any) -> Any:
    """An array as a tensor in memory of its own."""
    if not _quick:
        _quick.append(quick_tensor())
    if x.__class__ is not np.ndarray or not x.dtype.isnative or tf.inside_function():
        x = np.asarray(x)
        return tf.constant(x if x.dtype.isnative else x.astype(x.dtype.newbyteorder("=")))
    return _quick[0](x)


def traced_number(x: Any, number: type) -> Any:
    """A tensor that stands for a Python number."""
    return weak(x, number)


def stands_for(x: Any) -> type | None:
    """The Python type of a tensor that stands for a number."""
    return getattr(x, MARK, None)


def as_array(x: Any) -> Any:
    """The value of a tensor in memory of its own; a NumPy scalar, if it has no axes."""
    return x.numpy()


__all__ = [
    "Compiled", "as_array", "as_tensor", "devices", "dtype_name", "fitted", "identity", "is_tensor",
    "negated", "select", "specification", "stands_for", "traced_number", "truth",
]  # fmt: skip
