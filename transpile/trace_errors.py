"""Errors of tracing and of XLA that mean a limit of `jit`: what to say of them, at the user's line.

While a function is traced, its own exceptions pass as they are. What is recognised here are those that
exist only because values are not known yet, and what XLA says when it compiles the program: TensorFlow's
messages hold the stack from which an operation was made, and the innermost line of staged text in it
tells which line of the user's that was.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

from redraft.runtime.collectives import UnboundAxis
from redraft.runtime.tensors import TensorError
from redraft.transpile.errors import Span, TransformError
from redraft.transpile.staged import by_file


class Reason(NamedTuple):
    """What is wrong, and what to write instead."""

    message: str
    hint: str


LATER = "known only when the compiled function runs"
STATIC = "make what it depends on static (`static_argnums`)"
HINTS = {
    "of an object": "call a method or a function by its name",
    "how many there are at most": "write `with rd.while_bound(n):` around the loop",
    "index": "make it an array, or make the index static",
    "shape": STATIC,
    "mask": f"use `np.where`, which keeps the shape, or {STATIC}",
    "positions": f"use `np.where(condition, a, b)`, which keeps the shape, or {STATIC}",
    "number of": STATIC,
    "the length": STATIC,
    "the callback": "pass it as an argument of the call",
    "random": "draw them outside, and pass them as an argument",
    "in place": "return the changed array",
    "raises": "check before the call, or return a flag that the caller looks at",
    "text": "return the value, and make the text of it outside",
    "key": "make it an array, or make the key static",
}  # fmt: skip


def raise_located(error: BaseException, fun: Any) -> None:
    """Raise a `TransformError` at the user's line, where an error means a limit of staging."""
    from redraft.transpile import jit

    if isinstance(error, UnboundAxis) and not error.place:
        place = jit.place_of(error)
        if place is not None:
            at = f"{place.file}:{place.line}"
            raise UnboundAxis(error.axis_name, error.function, at) from error
    reason = reason_of(error)
    if reason is None:
        return
    place = jit.place_of(error) or jit.place_of_result(fun)
    message, hint = reason
    if place is not None and place.text.strip().startswith("assert "):
        hint = "check it before the call, or remove the `assert`"
    raise TransformError(message, place, hint) from error


def reason_of(error: BaseException | None) -> Reason | None:
    """What an error of tracing means; None of one that is the user's."""
    while error is not None:
        message = str(error)
        if isinstance(error, TensorError):
            return Reason(message, hint_for(message))
        found = _of_tensorflow(error, message)
        if found is not None:
            return found
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return None


def _of_tensorflow(error: BaseException, message: str) -> Reason | None:
    """What TensorFlow, or Python with one of its tensors, means by an error."""
    if isinstance(error, TypeError) and "Tensor is unhashable" in message:
        return Reason(f"a key of a dict or an element of a set is {LATER}", HINTS["key"])
    if type(error).__name__ != "OperatorNotAllowedInGraphError" and "ymbolic" not in message:
        return None
    if "a Python `bool`" in message:
        return Reason(
            f"a condition depends on values that are {LATER}",
            "write `np.where(condition, a, b)`, or make what it depends on static",
        )
    hint = f"{STATIC}, or compute it with NumPy's functions"
    is_count = "interpreted as an integer" in message
    return Reason(f"Python needs a value here that is {LATER}", STATIC if is_count else hint)


def hint_for(message: str) -> str:
    """What to do about a refusal."""
    for word, hint in HINTS.items():
        if word in message:
            return hint
    return f"compute it outside of `jit`, or {STATIC}"


def refused() -> Any:
    """What stands in ``except rt.refused():``: the class of the error, if it is a limit of staging.

    A user's ``except`` must not take it for an error of the program: it would go on where the function
    itself does not.
    """
    error = sys.exc_info()[1]
    limits = isinstance(error, TransformError) or reason_of(error) is not None
    return type(error) if limits else ()


# --- XLA


def explain(error: BaseException, fun: Any) -> None:
    """Raise a `TransformError`, if an error says that XLA could not compile a program."""
    from redraft.runtime import tf_errors

    reason = tf_errors.compilation_error(error)
    if reason is None:
        return
    hint = "compute it outside of `jit`"
    if "operation `" not in reason:
        hint = "the shapes of the arguments of this call must agree"
    raise TransformError(reason, _place(tf_errors.frames(error), fun), hint) from error


def _place(frames: list[tuple[str, int]], fun: Any) -> Span | None:
    from redraft.transpile import jit

    for file, line in reversed(frames):
        text = by_file.get(file)
        found = None if text is None else jit.span_of_line(text, line)
        if found is not None:
            return found
    return jit.place_of_result(fun)
