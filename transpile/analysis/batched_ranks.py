"""Ranks of what is made of lists, by `np.array`, `np.stack`, `np.concatenate`; and of places and counts."""

from __future__ import annotations

from typing import Any

import gast
import numpy as np

from redraft.transpile.analysis.batched import Array, Items, Many, Value
from redraft.transpile.primitives import table

# Name of a primitive: the rank of its result, from that of the elements of the list.
OF_ELEMENTS = {
    "np.array": lambda rank: rank + 1,
    "np.asarray": lambda rank: rank + 1,
    "np.stack": lambda rank: rank + 1,
    "np.concatenate": lambda rank: rank,
    "np.hstack": lambda rank: max(rank, 1),
    "np.vstack": lambda rank: max(rank, 2),
    "np.column_stack": lambda rank: 2,
}
PLACES = ("np.argmax", "np.argmin", "np.count_nonzero")  # numbers, unless there is an axis


def rank_of_sequence(row: Any, nodes: dict[str, Any], values: dict[str, Value]) -> int | None:
    """Rank of what one of these functions makes of a list; None if it is not known."""
    if row.name in PLACES:
        return 0 if table.literal(nodes.get("axis", gast.Constant(None, None))) is None else None
    if row.name == "int":
        return 0
    of_elements = OF_ELEMENTS.get(row.name)
    first = next(iter(row.parameters))
    if of_elements is None or (nodes.get("axis") is not None and _flattens(nodes["axis"])):
        return None
    content = table.literal(nodes.get(first))
    if isinstance(content, (list, tuple)) and row.name in ("np.array", "np.asarray"):
        try:
            return np.ndim(content)
        except ValueError:  # of elements of different lengths: NumPy will say so
            return None
    rank = rank_of_elements(values.get(first))
    return None if rank is None else of_elements(rank)


def _flattens(axis: Any) -> bool:
    return not isinstance(table.literal(axis), int)


def rank_of_elements(known: Value) -> int | None:
    """The rank that all elements of a list or tuple have; None if it is not known."""
    if isinstance(known, Items) and known.kind in ("list", "tuple"):
        parts = known.parts
    elif isinstance(known, Many) and known.kind in ("list", "tuple"):
        parts = (known.part,)
    else:
        return None
    ranks = {_rank_of_part(p) for p in parts}
    return ranks.pop() if len(ranks) == 1 else None


def _rank_of_part(part: Value) -> int | None:
    if isinstance(part, Array):
        return part.rank
    inner = rank_of_elements(part)
    return None if inner is None else inner + 1
