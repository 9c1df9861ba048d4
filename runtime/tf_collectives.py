"""What collectives become, on tensors (exchanges.py)."""

from __future__ import annotations

from typing import Any

from redraft.runtime import exchanges
from redraft.runtime import numpy as rnp


def permute(x: Any, perm: Any, lead: int) -> Any:
    """Rows in another order."""
    return exchanges.permute(x, perm, lead, rnp)


def parts(x: Any, count: int, axis: int, tiled: bool, lead: int) -> Any:
    """Parts along an axis, one after the other."""
    return exchanges.parts(x, count, axis, tiled, lead, rnp)


def joined(x: Any, axis: int, tiled: bool, lead: int) -> Any:
    """The inverse of `parts`."""
    return exchanges.joined(x, axis, tiled, lead, rnp)


def exchanged(x: Any, split_axis: int, concat_axis: int, tiled: bool, lead: int) -> Any:
    """The last axis in front, and one of those behind it, in each other's place."""
    return exchanges.exchange(x, split_axis, concat_axis, tiled, lead, rnp)
