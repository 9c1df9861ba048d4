"""What TensorFlow says when XLA cannot compile a program."""

from __future__ import annotations

import re

import tensorflow as tf

COMPILING = (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError, tf.errors.NotFoundError)
FRAME = re.compile(r'File "([^"]*)", line (\d+)')
UNSUPPORTED = re.compile(r"unsupported operations.*?: (\w+) \(No registered", re.DOTALL)


def compilation_error(error: BaseException) -> str | None:
    """The reason for which a program cannot be compiled; None of another error."""
    if not isinstance(error, COMPILING):
        return None
    unsupported = UNSUPPORTED.search(error.message)
    if unsupported is not None:
        return f"XLA cannot compile the operation `{unsupported.group(1)}`"
    reason = error.message.strip().split("\n")[0]
    return f"XLA cannot compile this: {reason.strip().rstrip('.')}"


def frames(error: BaseException) -> list[tuple[str, int]]:
    """Files and lines that an error's message names, outermost first."""
    return [(file, int(line)) for file, line in FRAME.findall(getattr(error, "message", ""))]
