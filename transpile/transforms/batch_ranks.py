"""Ranks of values under a batch axis: those of one example, as far as the source tells them."""

from __future__ import annotations

from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.batched import PLAIN, Array, Items, Value
from redraft.transpile.analysis.batched_ranks import rank_of_sequence
from redraft.transpile.primitives import table
from redraft.transpile.transforms.batch_names import broadcast_rank, literal_rank, part_of_or_none

ELEMENTWISE = frozenset(
    {"isnan", "isinf", "isfinite", "logical_and", "logical_or", "logical_xor", "logical_not", "floor",
     "ceil", "rint", "trunc", "sign", "round", "isclose", "floor_divide", "signbit"}
)  # fmt: skip
MADE = frozenset(("np.zeros", "np.ones", "np.empty", "np.full"))  # arrays of a shape


TESTS = frozenset(
    {"all", "any", "isnan", "isfinite", "isinf", "logical_and", "logical_or", "logical_not",
     "logical_xor", "isclose", "signbit"}
)  # fmt: skip
COMPARED = frozenset(("<", "<=", ">", ">=", "==", "!="))
OF_BOOLEANS = frozenset(("&", "|", "^", "~"))


class BatchedRanks:
    """The part of `Batcher` that knows the ranks of what primitives and indices give."""

    def rank_of(self, row: Any, nodes: dict[str, Any], values: dict[str, Value]) -> int | None:
        """Rank of one example's result of a primitive."""
        if row.operator == "[]":
            return None
        if row.kind == "elementwise" or (
            row.kind == "no_derivative" and row.rank is None and row.like is None
            and (row.operator or row.name.removeprefix("np.") in ELEMENTWISE)
        ):  # fmt: skip
            return broadcast_rank(v for v in values.values() if not isinstance(v, list))
        if row.like is not None and row.like in values:
            return getattr(values[row.like], "rank", None)
        rank = declared_rank(row, nodes, values)
        if rank is not None:
            return rank
        if row.name in MADE:
            return length_of(nodes.get("shape"), values.get("shape"))
        if row.name in ("np.reshape", "np.broadcast_to"):
            return length_of(nodes.get("shape"), values.get("shape"))
        if row.name == "ndarray.reshape":
            return length_of_arguments(nodes["shape"], values["shape"])
        if row.name == "sum" and not isinstance(values.get("start"), Array):
            return rank_of_parts(values["values"])
        return rank_of_sequence(row, nodes, values)

    def rank_of_item(self, known: Array, index: Any, of_index: Value) -> int | None:
        """Rank of ``x[i]``, where it can be seen."""
        if known.rank is None:
            return None
        rank, arrays = known.rank, 0
        elements = index.elts if isinstance(index, gast.Tuple) else [index]
        for element in elements:
            of_element = getattr(self.index_values.get(id(element), PLAIN), "rank", None)
            if core.is_slice(element) or is_constant(element, Ellipsis):
                continue
            if is_constant(element, None):
                rank += 1
            elif isinstance(table.literal(element), int) or of_element == 0:
                rank -= 1
            elif of_element == 1:  # integers, or a mask of one axis: one axis for another
                rank, arrays = rank - 1, 1
            else:
                return None
        return rank + arrays if rank >= 0 else None


def declared_rank(row: Any, nodes: dict[str, Any], values: dict[str, Value]) -> int | None:
    """What the row itself says."""
    rank = row.rank
    if callable(rank):
        try:
            rank = rank(call_of(row, nodes, values))
        except Exception:  # the rule asks for something that is not there
            return None
    return len(rank) if isinstance(rank, tuple) else rank


def call_of(row: Any, nodes: dict[str, Any], values: dict[str, Value]) -> table.Call:
    """The call as a rule of the row sees it, with the ranks of one example."""
    known = {id(n): values[k] for k, n in nodes.items() if k in values}
    return table.Call(row, nodes, lambda e: getattr(known.get(id(e)), "rank", literal_rank(e)))


def is_constant(node: Any, value: Any) -> bool:
    """Is this ``None`` or ``...``?"""
    return isinstance(node, gast.Constant) and node.value is value


def length_of(shape: Any, known: Value) -> int | None:
    """How many axes a shape names."""
    if isinstance(shape, (gast.Tuple, gast.List)):
        starred = any(isinstance(e, gast.Starred) for e in shape.elts)
        return None if starred else len(shape.elts)
    if isinstance(known, Items) and known.kind in ("tuple", "list"):
        return len(known.parts)
    return 1 if getattr(known, "rank", None) == 0 else None


def length_of_arguments(shape: list[Any], known: list[Value]) -> int | None:
    """The same, of ``x.reshape(2, 3)`` and ``x.reshape((2, 3))``."""
    if len(shape) == 1:
        return length_of(shape[0], known[0])
    return None if any(isinstance(n, gast.Starred) for n in shape) else len(shape)


def rank_of_parts(known: Value) -> int | None:
    """The rank that all arrays of a sequence have."""
    if isinstance(known, Array):
        return None if not known.rank else known.rank - 1
    parts = known.parts if isinstance(known, Items) else [part_of_or_none(known)]
    ranks = {getattr(part, "rank", None) for part in parts}
    return ranks.pop() if len(ranks) == 1 else None


def gives_booleans(row: Any, values: dict[str, Value]) -> bool:
    """Does a primitive certainly give True and False?"""
    if row.operator in COMPARED or row.name.removeprefix("np.") in TESTS:
        return True
    of_operands = row.operator in OF_BOOLEANS or row.name == "np.where"
    operands = [v for k, v in values.items() if k != "condition"]
    return of_operands and all(getattr(v, "boolean", False) for v in operands)
