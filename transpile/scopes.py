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
