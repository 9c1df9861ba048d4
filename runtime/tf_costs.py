"""Count what an optimised program of XLA's computes, as XLA's own analysis does.

Takes the module of an ``HloProto``. Counted are operations on floating-point and other numbers (one per
element of elementwise arithmetic, two per product of a dot), transcendental functions apart from them, and
bytes that instructions outside of fusions read and write. Loops count as often as XLA knows that they
run. What cannot be counted from the program is named in the result.
"""

from __future__ import annotations

import collections
import json
import math
from collections.abc import Callable
from typing import Any

ELEMENTWISE = frozenset({
    "abs", "add", "and", "ceil", "clamp", "compare", "convert", "count-leading-zeros", "divide", "floor",
    "imag", "is-finite", "maximum", "minimum", "multiply", "negate", "not", "or", "popcnt", "real",
    "remainder", "round-nearest-afz", "round-nearest-even", "select", "shift-left",
    "shift-right-arithmetic", "shift-right-logical", "sign", "subtract", "xor", "complex",
})  # fmt: skip
TRANSCENDENTAL = frozenset({
    "acos", "acosh", "asin", "asinh", "atan2", "atanh", "cbrt", "cosh", "cosine", "erf", "exponential",
    "exponential-minus-one", "log", "log-plus-one", "logistic", "power", "rsqrt", "sine", "sinh", "sqrt",
    "tan", "tanh",
})  # fmt: skip
MOVING = frozenset({
    "bitcast", "bitcast-convert", "broadcast", "concatenate", "copy", "dynamic-slice",
    "dynamic-update-slice", "gather", "get-tuple-element", "iota", "pad", "parameter", "constant",
    "reshape", "reverse", "slice", "transpose", "tuple", "after-all", "opt-barrier", "partition-id",
    "replica-id", "get-dimension-size", "copy-start", "copy-done",
})  # fmt: skip
UNREAD = frozenset({
    "bitcast", "constant", "get-tuple-element", "parameter", "tuple", "after-all", "while", "call",
    "conditional", "opt-barrier",
})  # fmt: skip
BYTES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 2,
    8: 4,
    9: 8,
    10: 2,
    11: 4,
    12: 8,
    15: 8,
    16: 2,
    18: 16,
}


class Costs:
    """The counts of one module.

    Attributes:
        uncounted: opcodes, and names of library functions, that are left out.
    """

    def __init__(self, module: Any) -> None:
        self.computations = {c.id: c for c in module.computations}
        self.entry = self.computations[module.entry_computation_id]
        self.uncounted: set[str] = set()

    def total(self) -> dict[str, Any]:
        """Counts of the whole program."""
        counts = self.of_computation(self.entry)
        found: dict[str, Any] = {
            name: float(counts[name]) for name in ("flops", "transcendentals", "bytes accessed")
        }
        if self.uncounted:
            found["not counted"] = tuple(sorted(self.uncounted))
        return found

    def of_computation(self, computation: Any, fused: bool = False) -> collections.Counter:
        """Counts of a computation that runs once."""
        counts: collections.Counter = collections.Counter()
        operands = {i.id: i for i in computation.instructions}
        for instruction in computation.instructions:
            shapes = [operands[k].shape for k in instruction.operand_ids]
            counts.update(self.of_instruction(instruction, shapes, fused))
            if not fused and instruction.opcode not in UNREAD:
                counts["bytes accessed"] += traffic(instruction, shapes)
        return counts

    def of_instruction(self, node: Any, shapes: list[Any], fused: bool) -> dict[str, int]:
        """Counts of an instruction: its operations, not its bytes."""
        opcode, size = node.opcode, elements(node.shape)
        if opcode in TRANSCENDENTAL:
            return {"transcendentals": size}
        if opcode in ELEMENTWISE:
            return {"flops": size}
        if opcode in MOVING:
            return {}
        special: Callable | None = SPECIAL.get(opcode)
        if special is not None:
            return special(self, node, shapes, fused)
        self.uncounted.add(node.custom_call_target or opcode)
        return {}

    def called(self, node: Any, fused: bool) -> list[collections.Counter]:
        """Counts of the computations that an instruction calls."""
        return [
            self.of_computation(self.computations[k], fused) for k in node.called_computation_ids
        ]

    def dot(self, node: Any, shapes: list[Any], fused: bool) -> dict[str, int]:
        lengths = shapes[0].dimensions
        axes = node.dot_dimension_numbers.lhs_contracting_dimensions
        return {"flops": 2 * elements(node.shape) * math.prod(lengths[a] for a in axes)}

    def convolution(self, node: Any, shapes: list[Any], fused: bool) -> dict[str, int]:
        """Each output sums over the kernel's window and the features of its input."""
        kernel = elements(shapes[1])
        features = shapes[1].dimensions[
            node.convolution_dimension_numbers.kernel_output_feature_dimension
        ]
        return {"flops": 2 * elements(node.shape) * kernel // max(features, 1)}

    def reduce(self, node: Any, shapes: list[Any], fused: bool) -> dict[str, int]:
        """The function runs once for each element that goes into another."""
        return self.repeated(node, elements(shapes[0]) - elements(first(node.shape)))

    def reduce_window(self, node: Any, shapes: list[Any], fused: bool) -> dict[str, int]:
        window = math.prod(d.size for d in node.window.dimensions)
        return self.repeated(node, elements(first(node.shape)) * (window - 1))

    def scatter(self, node: Any, shapes: list[Any], fused: bool) -> dict[str, int]:
        return self.repeated(node, elements(shapes[-1]))

    def map(self, node: Any, shapes: list[Any], fused: bool) -> dict[str, int]:
        return self.repeated(node, elements(node.shape))

    def sort(self, node: Any, shapes: list[Any], fused: bool) -> dict[str, int]:
        """About n log n comparisons along the axis."""
        length = max(shapes[0].dimensions[node.dimensions[0]], 1)
        return self.repeated(node, elements(shapes[0]) * math.ceil(math.log2(length or 1)))

    def repeated(self, node: Any, times: int) -> dict[str, int]:
        """What runs once for each of so many elements."""
        counts = sum(self.called(node, True), collections.Counter())
        return {name: n * max(times, 0) for name, n in counts.items() if name != "bytes accessed"}

    def inner(self, node: Any, shapes: list[Any], fused: bool) -> dict[str, int]:
        inside = fused or node.opcode == "fusion"
        return sum(self.called(node, inside), collections.Counter())

    def loop(self, node: Any, shapes: list[Any], fused: bool) -> dict[str, int]:
        times = trips(node)
        if times is None:
            self.uncounted.add("all but one round of a loop of unknown length")
        counts = self.inner(node, shapes, fused)
        return {name: n * (1 if times is None else times) for name, n in counts.items()}

    def conditional(self, node: Any, shapes: list[Any], fused: bool) -> dict[str, int]:
        """The dearest branch."""
        found: collections.Counter = collections.Counter()
        for counts in self.called(node, fused):
            found |= counts
        return found


SPECIAL = {
    "dot": Costs.dot, "convolution": Costs.convolution, "reduce": Costs.reduce,
    "reduce-window": Costs.reduce_window, "scatter": Costs.scatter, "map": Costs.map,
    "sort": Costs.sort, "fusion": Costs.inner, "call": Costs.inner, "while": Costs.loop,
    "conditional": Costs.conditional,
}  # fmt: skip


def costs(module: Any) -> dict[str, Any]:
    """``flops``, ``transcendentals`` and ``bytes accessed`` of a module, and what is not counted."""
    return Costs(module).total()


def elements(shape: Any) -> int:
    """The number of elements; of a tuple, of all its parts."""
    if shape.tuple_shapes:
        return sum(map(elements, shape.tuple_shapes))
    return math.prod(shape.dimensions)


def first(shape: Any) -> Any:
    """The shape, or the first of a tuple's."""
    return shape.tuple_shapes[0] if shape.tuple_shapes else shape


def size(shape: Any) -> int:
    """The bytes of a value."""
    if shape.tuple_shapes:
        return sum(map(size, shape.tuple_shapes))
    return math.prod(shape.dimensions) * BYTES.get(shape.element_type, 0)


def traffic(node: Any, shapes: list[Any]) -> int:
    """The bytes that an instruction reads and writes; of a slice, those of the slice."""
    if node.opcode in ("dynamic-slice", "slice", "gather"):
        return 2 * size(node.shape)
    if node.opcode in ("dynamic-update-slice", "scatter"):
        return 2 * size(shapes[1 if node.opcode == "dynamic-update-slice" else -1])
    return size(node.shape) + sum(map(size, shapes))


def trips(node: Any) -> int | None:
    """How often a loop runs, if XLA has found out."""
    try:
        known = json.loads(node.backend_config).get("known_trip_count", {})
        return int(known["n"])
    except (ValueError, KeyError, AttributeError):
        return None
