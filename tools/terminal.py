"""Print Python and diffs: highlighted on a terminal, plain text everywhere else.

rich is imported when something is highlighted, and never by `import redraft`.
"""

from __future__ import annotations

import difflib
import sys
import traceback
from typing import Any


def print_python(text: str) -> None:
    """Print source; a pipe gets the bytes as they are, without colours and without wrapping."""
    _print(text, "python")


def print_diff(text: str) -> None:
    """Print a unified diff."""
    _print(text, "diff")


def on_terminal() -> bool:
    """Does a person read the output?"""
    return sys.stdout.isatty()


def diff(old: str, new: str, name: str) -> str:
    """Unified diff of two texts of a file; empty if they are equal."""
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), f"a/{name}", f"b/{name}"
    )
    return "".join(lines)


def format_transform_error(error: SyntaxError) -> str:
    """File, line, caret, message and hint, without the module name of the exception."""
    text = "".join(traceback.format_exception_only(type(error), error))
    name = type(error).__name__
    return text.replace(f"{type(error).__module__}.{name}", name)


def _print(text: str, language: str) -> None:
    if not on_terminal():
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        return
    from rich.console import Console
    from rich.syntax import Syntax

    syntax: Any = Syntax("", language, theme="ansi_dark", background_color="default")
    # as text, because `Syntax` itself would cut long lines off at the width of the terminal
    Console().print(syntax.highlight(text.rstrip("\n")), soft_wrap=True)
