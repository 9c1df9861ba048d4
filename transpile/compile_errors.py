"""Errors of XLA's, which come when a traced program is compiled, at the user's line.

TensorFlow's messages hold the stack from which an operation was made: the innermost line of staged
text in it tells which line of the user's that was.
"""

from __future__ import annotations

from typing import Any

from redraft.transpile.errors import Span, TransformError
from redraft.transpile.staged import by_file


def explain(error: BaseException, fun: Any) -> None:
    """Raise a `TransformError`, if an error says that XLA could not compile a program."""
    from redraft.runtime import tf_errors

    reason = tf_errors.compilation_error(error)
    if reason is None:
        return
    raise TransformError(reason, _place(tf_errors.frames(error), fun), hint_for(reason)) from error


def hint_for(reason: str) -> str:
    """What to do about it."""
    if "operation `" in reason:
        return "compute it outside of `jit`"
    return "shapes must agree for the arguments of this call"


def _place(frames: list[tuple[str, int]], fun: Any) -> Span | None:
    from redraft.transpile import jit

    for file, line in reversed(frames):
        text = by_file.get(file)
        found = None if text is None else jit.span_of_line(text, line)
        if found is not None:
            return found
    return jit.place_of_result(fun)
