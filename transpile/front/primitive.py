"""A primitive as a Python function of its own: ``rd.grad(np.sin)``, or `np.sin` as a value."""

from __future__ import annotations

import functools
import importlib
from typing import Any

from redraft.transpile.back.load import load
from redraft.transpile.primitives import table


@functools.lru_cache(maxsize=512)
def primitive_function(
    function: Any, count: int | None = None, keywords: tuple[str, ...] = ()
) -> Any:
    """A function that calls a primitive with `count` arguments (by default the required ones)."""
    row = table.row_of(function)
    names = _positional(row, count)
    given = [k for k in keywords if k not in names]
    own = row.name.rpartition(".")[2]
    own = own if own != row.name else f"{own}_"  # a builtin: the function must not call itself
    called = row.name if table.resolve(row.name) is function else f"{own}_function"
    arguments = ", ".join([*names, *(f"{k}={k}" for k in given)])
    text = f"def {own}({', '.join([*names, *given])}):\n    return {called}({arguments})\n"
    head = called.partition(".")[0]
    namespace: dict[str, Any] = {"__name__": getattr(function, "__module__", None) or "redraft"}
    if head == called and called.endswith("_function"):
        namespace[called] = function
    elif "." in called:
        namespace[head] = importlib.import_module(table.MODULES.get(head, head))
    tag = "".join(f" {part}" for part in (len(names), *given))
    load(text, f"<primitive {row.name}{tag} {id(function)}>", namespace)
    made = namespace[own]
    made.__doc__ = getattr(function, "__doc__", None)
    return made


def _positional(row: table.Row, count: int | None) -> list[str]:
    parameters = [p for p in row.parameters.values() if p.kind is not p.KEYWORD_ONLY]
    if count is None:
        required = [
            p for p in parameters if p.default is p.empty and p.kind is not p.VAR_POSITIONAL
        ]
        count = max(len(required), 1)
    names = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL][:count]
    return [*names, *(f"x{i}" for i in range(len(names), count))]
