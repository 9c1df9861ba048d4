"""Graphs with effects: what cannot be compiled by XLA as a whole, and must not be traced twice.

While a function is traced for XLA, a call that XLA cannot compile raises `Cut`; it is then traced as a
plain graph. In such a graph an operation that has an effect cannot be taken back. Where a loop was traced and
turned out to be of another kind, the trace begins again with what it has learned (`Retrace`).
"""

from __future__ import annotations

import sys
from typing import Any

from redraft.runtime.memory import TRACE


class Cut(BaseException):
    """A traced function calls something that XLA cannot compile.

    It is no `Exception`, so that nothing between the call and the trace takes it for an error.
    """


class Retrace(BaseException):
    """The graph holds effects that are not part of the function: trace it anew."""


def last_effect() -> Any:
    """The last operation with an effect in the graph that is being made."""
    module = sys.modules.get("redraft.runtime.tf_callbacks")
    return None if module is None or not TRACE.partition else module.last_effect()


def take_back(before: Any, loop: Any, how: str) -> None:
    """A loop is traced in another way: begin again if effects of it stand in the graph.

    Args:
        before: the last effect before the loop.
        loop: the code of its body.
        how: ``"rounds"``: it must be traced round by round; ``"exits"``: it is left at run time.
    """
    if last_effect() is not before:
        TRACE.rolled_wrongly.add((loop, how))
        raise Retrace


def raise_original(error: BaseException) -> None:
    """Raise the error of a callback that is behind one of TensorFlow's, if there is one."""
    module = sys.modules.get("redraft.runtime.tf_callbacks")
    found = None if module is None else module.original(error)
    if found is not None:
        raise found from None
