"""Refusals that only show when generated code runs."""

from __future__ import annotations

from collections.abc import Callable

# the compiler puts a function here whose error shows the user's line
makers: list[Callable[[str, str], Exception]] = []


def refusal(message: str, hint: str) -> Exception:
    """The error to raise: what is refused, and what to write instead."""
    return makers[0](message, hint) if makers else TypeError(f"{message}; {hint}")
