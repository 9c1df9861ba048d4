"""Compile generated text under a name that a debugger can open."""

from __future__ import annotations

import itertools
import linecache
import threading
from typing import Any

_numbers = itertools.count(1)
_lock = threading.Lock()
_used: set[str] = set()


def file_name(name: str, place: str) -> str:
    """``<redraft loss_grad of model.py:12>``, numbered if that is taken."""
    with _lock:
        base = f"redraft {name} of {place.strip('<>')}"
        filename, number = f"<{base}>", 1
        while filename in _used:
            number += 1
            filename = f"<{base} #{number}>"
        _used.add(filename)
    return filename


def load(text: str, filename: str, namespace: dict[str, Any]) -> dict[str, Any]:
    """Run the text of function definitions; returns the namespace."""
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    code = compile(text, filename, "exec", dont_inherit=True)
    exec(code, namespace)
    return namespace
