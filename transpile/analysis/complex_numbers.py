"""Does a function compute with complex numbers? Then a real variable may get a complex cotangent."""

from __future__ import annotations

from typing import Any

import gast

from redraft.transpile import core

TYPES = frozenset({"complex", "complex64", "complex128"})
COMPLEX_NAMES = TYPES | {"conj", "conjugate", "imag", "angle", "fft"}


def may_be_complex(node: Any) -> bool:
    """Does the function mention complex numbers?"""
    nodes = list(core.walk(node))
    called = {id(n.func) for n in nodes if isinstance(n, gast.Call)}
    return any(
        (isinstance(n, gast.Constant) and isinstance(n.value, complex))
        or (isinstance(n, gast.Attribute) and n.attr in COMPLEX_NAMES)
        or (core.is_name(n) and n.id in COMPLEX_NAMES and (n.id in TYPES or id(n) in called))
        for n in nodes
    )
