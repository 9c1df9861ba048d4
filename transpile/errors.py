"""Errors that show the place, the fact, then the remedy."""

from __future__ import annotations

from typing import NamedTuple


class Span(NamedTuple):
    """A stretch of one source line; columns count from zero."""

    file: str
    line: int
    column: int
    end: int
    text: str


class TransformError(SyntaxError):
    """The function uses something that redraft cannot rewrite.

    Subclasses `SyntaxError`, so that Python prints file, line and the underlined span.

    Args:
        message: what is not supported, lower case, no final period.
        span: where.
        hint: what to write instead.
    """

    def __init__(self, message: str, span: Span | None, hint: str) -> None:
        if span is None:
            super().__init__(message)
        else:
            place = (span.file, span.line, span.column + 1, span.text, span.line, span.end + 1)
            super().__init__(message, place)
        self.hint = hint
        note = f"hint: {hint}"
        if hasattr(self, "add_note"):
            self.add_note(note)
        else:  # Python 3.10 has no notes; tracebacks of the message must still show the hint
            self.msg = f"{message}\n{note}"


class SourceError(TransformError):
    """The source text of a function cannot be read."""
