"""From a line of generated text back to the user's line that it was written for."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from typing import Any

from redraft.transpile import core
from redraft.transpile.errors import Span
from redraft.transpile.front.named_scopes import label_of


def place_of_line(generated: Any, line: int) -> Span | None:
    """The place of the user's statement behind a generated line, or that of the generated line."""
    statement = _statement_at(generated, line)
    if statement is not None:
        span = statement.origin.source.span(statement.origin.node)
        if span is not None:
            return span
    lines = generated.text.splitlines()
    if not 0 < line <= len(lines):
        return None
    text = lines[line - 1]
    return Span(generated.file, line, len(text) - len(text.lstrip()), len(text), text)


def _statement_at(generated: Any, line: int) -> Any:
    """The generated statement that is printed at a line, or the last one before it, with an origin."""
    found = None
    tree = core.parse(generated.text)
    for function, printed in zip(generated.unit.functions, tree.body, strict=False):
        if printed.lineno <= line <= printed.end_lineno:
            for statement, shown in _pairs(function.body, printed.body[1:]):
                if shown.lineno <= line and getattr(statement, "origin", None) is not None:
                    found = statement
    return found


def user_line(file: str, line: int) -> tuple[Span | None, bool]:
    """The user's statement behind a line, through all transformations; was it reversed on the way?"""
    from redraft.transpile.api import by_file as generated_by_file

    place, backward = None, False
    generated = generated_by_file.get(file)
    if generated is None:
        text = linecache.getline(file, line)
        return Span(file, line, len(text) - len(text.lstrip()), len(text.rstrip()), text), False
    statement = _statement_at(generated, line)
    while statement is not None:
        backward = backward or getattr(statement, "backward", False)
        source, line = statement.origin.source, statement.origin.node.lineno
        place = source.span(statement.origin.node) or place
        generated = generated_by_file.get(source.file)
        if source.behind:
            statement = source.behind.get(line)
            if getattr(statement, "origin", None) is None:
                break
        else:
            statement = _statement_at(generated, line) if generated is not None else None
    return place, backward


def _pairs(body: list[Any], printed: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Statements of a generated function beside what its text parses to."""
    for statement, shown in zip(body, printed, strict=False):
        yield statement, shown
        for field in ("body", "orelse"):
            inner = getattr(statement, field, None)
            if isinstance(inner, list) and not isinstance(shown, ast.FunctionDef):
                yield from _pairs(inner, getattr(shown, field, []))


def marks_of(file: str) -> dict[int, str]:
    """What lines of a derivative are: ``unset`` if they set a variable that has no value yet,
    ``backward`` if they belong to the backward part.
    """
    from redraft.transpile.api import by_file as generated_by_file

    generated = generated_by_file.get(file)
    if generated is None:
        return {}
    marks = {}
    tree = core.parse(generated.text)
    for function, printed in zip(generated.unit.functions, tree.body, strict=False):
        for statement, shown in _pairs(function.body, printed.body[1:]):
            for mark in ("unset", "backward"):
                if getattr(statement, mark, False):
                    marks.setdefault(shown.lineno, mark)
    return marks


def labels_of(file: str) -> dict[int, str]:
    """The names of the scopes that lines of a derivative belong to."""
    from redraft.transpile.api import by_file as generated_by_file

    generated = generated_by_file.get(file)
    labels: dict[int, str] = {}
    if generated is None or not generated.has_scopes:
        return labels
    tree = core.parse(generated.text)
    for function, printed in zip(generated.unit.functions, tree.body, strict=False):
        for statement, shown in _pairs(function.body, printed.body[1:]):
            label = label_of(statement)
            if label:
                labels.setdefault(shown.lineno, label)
    return labels


def mark_again(function: Any, parsed: Any, source: Any) -> None:
    """Carry over to a `source` what is known of the lines that it was printed from."""
    first = parsed.body[0]
    has_docstring = len(parsed.body) > len(function.body) and hasattr(first, "value")
    for statement, shown in _pairs(function.body, parsed.body[has_docstring:]):
        shown.unset = getattr(statement, "unset", False)
        source.behind[shown.lineno] = statement
        label = label_of(statement)
        if label:
            source.scopes[shown.lineno] = (label,)
