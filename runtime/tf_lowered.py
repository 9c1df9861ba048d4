"""What XLA makes of a compiled function: its text before and after optimisation, costs and memory.

Texts and the optimised program come from TensorFlow's own export (`experimental_get_compiler_ir`). The
optimised program holds XLA's assignment of buffers, from which the memory is read. Costs are counted here
(runtime/tf_costs.py): TensorFlow does not hand out XLA's own count.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

STAGES = {"stablehlo": "stablehlo", "hlo": "hlo", "optimized": "optimized_hlo"}
PROGRAM = "optimized_hlo_proto_serialized"


@dataclasses.dataclass(frozen=True)
class CompiledMemoryStats:
    """Bytes that a compiled program needs, from XLA's assignment of buffers.

    Attributes:
        argument_size_in_bytes: the arguments.
        output_size_in_bytes: the results, with the table of pointers where there are several.
        temp_size_in_bytes: what lives only while the program runs.
        alias_size_in_bytes: arguments whose memory a result takes over.
        constant_size_in_bytes: constants that are part of the program.
    """

    argument_size_in_bytes: int
    output_size_in_bytes: int
    temp_size_in_bytes: int
    alias_size_in_bytes: int
    constant_size_in_bytes: int


def exported(compiled: Any, specifications: Sequence[Any], stage: str) -> Any:
    """What TensorFlow exports of a compiled function at a stage: a text, or bytes."""
    with tf.device(compiled.device):
        if all(x.shape.is_fully_defined() for x in compiled.concrete.inputs):
            return compiled.function.experimental_get_compiler_ir(*specifications)(stage=stage)
        from tensorflow.python.eager.polymorphic_function import compiler_ir

        write = compiler_ir.from_concrete_function(compiled.concrete, list(specifications))
        return write(stage=stage)


def text(compiled: Any, specifications: Sequence[Any], dialect: str, debug_info: bool) -> str:
    """The program in a dialect; with `debug_info` also where in TensorFlow operations come from."""
    written = exported(compiled, specifications, STAGES[dialect])
    return written if debug_info else without_locations(written, dialect)


LOCATION = re.compile(r' loc\((?:"(?:[^"\\]|\\.)*"|[^()"])*\)')
METADATA = re.compile(r', metadata=\{(?:"(?:[^"\\]|\\.)*"|[^{}"])*\}')


def without_locations(written: str, dialect: str) -> str:
    """The text without references to lines of TensorFlow's."""
    if dialect != "stablehlo":
        return METADATA.sub("", written)
    lines = [line for line in written.splitlines() if not line.startswith("#loc")]
    return LOCATION.sub("", "\n".join(lines)).strip() + "\n"


def program(compiled: Any, specifications: Sequence[Any]) -> Any:
    """The optimised program (an ``HloProto``): this compiles it."""
    from tensorflow.compiler.xla.service import hlo_pb2

    return hlo_pb2.HloProto.FromString(exported(compiled, specifications, PROGRAM))


def memory(proto: Any) -> CompiledMemoryStats:
    """The bytes of a program's buffers."""
    sizes = {"argument": 0, "output": 0, "temp": 0, "alias": 0, "constant": 0}
    for buffer in proto.buffer_assignment.buffer_allocations:
        if buffer.is_entry_computation_parameter:
            sizes["argument"] += buffer.size
            sizes["alias"] += buffer.size if buffer.maybe_live_out else 0
        elif buffer.is_constant:
            sizes["constant"] += buffer.size
        elif buffer.maybe_live_out:
            sizes["output"] += buffer.size
        elif not buffer.is_thread_local:  # what is lives in registers, or on the stack
            sizes["temp"] += buffer.size
    return CompiledMemoryStats(**{f"{name}_size_in_bytes": n for name, n in sizes.items()})


def result_shapes(compiled: Any) -> list[tuple[tuple, Any]]:
    """Shapes and NumPy dtypes of the results."""
    return [(tuple(x.shape.as_list()), x.dtype.as_numpy_dtype) for x in compiled.concrete.outputs]
