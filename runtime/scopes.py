"""The names of scopes that code runs in, as profilers and compiled programs show them."""

from __future__ import annotations

import sys
import threading
from typing import Any

from redraft.runtime.memory import TRACE


class _State(threading.local):
    path: tuple[str, ...] = ()


STATE = _State()


class Entered:
    """A scope while code runs in it; one object per ``with``.

    While a function is traced it names operations. Otherwise it is a span in the profile that TensorFlow is
    taking, if it is taking one.
    """

    def __init__(self, path: tuple[str, ...]) -> None:
        self.path = path
        self.inner: Any = None

    def __enter__(self) -> None:
        self.outer, STATE.path = STATE.path, self.path
        if TRACE.memories or "tensorflow" in sys.modules:
            from redraft.runtime import tf_scopes

            self.inner = tf_scopes.scope(self.path, bool(TRACE.memories))
        if self.inner is not None:
            self.inner.__enter__()

    def __exit__(self, *raised: Any) -> None:
        STATE.path = self.outer
        if self.inner is not None:
            self.inner.__exit__(*raised)


class Here:
    """The scopes around a function that was called; ``here("a/b")`` is a scope within them.

    A part of the function that is traced as a function of its own, as the body of a loop is, enters
    the same scopes anew.
    """

    def __init__(self) -> None:
        self.path = STATE.path

    def __call__(self, name: str) -> Entered:
        return Entered((*self.path, name))


def scopes() -> Here:
    """The scopes in which the code is now."""
    return Here()
