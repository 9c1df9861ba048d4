"""Context managers that the front end understands; as plain Python they do nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def insert_grad_of(x: Any) -> Iterator[Any]:
    """Put the code of a ``with`` block into the backward part, where the gradient of `x` is known.

    ``with rd.insert_grad_of(x) as dx:`` binds `dx` to the gradient of `x` at this place of the
    function; what the block assigns to `dx` is the gradient that goes on. In the function itself,
    run without a derivative, the block runs on zeros.

    Args:
        x: a variable of the function.
    """
    from redraft.runtime import zeros_like

    yield zeros_like(x)


@contextlib.contextmanager
def while_bound(rounds: int) -> Iterator[None]:
    """Say how many rounds a ``while`` runs at most, where `jit` must know it.

    Compiled by XLA, the derivative of a ``while`` whose test is known only at run time keeps what it needs of
    each round in arrays of this length. A run that would go on raises `TransformError`; it is
    never cut short. Without `jit` the block runs as if this were not there.

    Args:
        rounds: at least 1. It holds for each ``while`` in the block.

    Raises:
        ValueError: `rounds` is no positive number.
    """
    if isinstance(rounds, bool) or not hasattr(type(rounds), "__index__") or rounds < 1:
        raise ValueError(f"while_bound takes a positive number of rounds, got {rounds!r}")
    from redraft.runtime.memory import TRACE

    TRACE.bounds.append(int(rounds))
    try:
        yield
    finally:
        TRACE.bounds.pop()


while_bound.redraft_transform = "while_bound"  # type: ignore[attr-defined]
