"""The coverage table: what the registry of primitives says, row by row."""

from __future__ import annotations

import sys
from typing import Any

COLUMNS = ("function", "jvp", "vjp", "vmap", "TF/XLA", "notes")
PEERS = ("autograd", "JAX")
NOTHING = "-"


def coverage(peers: bool = False) -> list[tuple[str, ...]]:
    """One line per function of Python's, NumPy's or SciPy's, in the order of declaration.

    Args:
        peers: say before the notes whether autograd and JAX have the function, too; both must be installed.
    """
    import redraft.transpile.api  # noqa: F401  (declares all rows)
    from redraft.transpile.primitives.table import all_rows

    # rows of the runtime serve derivatives of derivatives; of them users write these alone
    written = ("rt.random.",)
    rows = [
        r for r in all_rows()
        if r.over is not None or not r.name.startswith("rt.") or r.name.startswith(written)
    ]  # fmt: skip
    return [
        (
            row.text.replace("rt.", "rd.", 1),
            forward(row),
            reverse(row),
            on_batches(row),
            on_tensors(row),
            *(beside(row) if peers else ()),
            notes(row),
        )
        for row in rows
    ]


def beside(row: Any) -> tuple[str, str]:
    """Has autograd a derivative of the function, and has JAX the function?"""
    from redraft.tools.peers import autograd_has, jax_has

    return autograd_has(row), jax_has(row)


def columns(lines: list[tuple[str, ...]]) -> tuple[str, ...]:
    """The titles of the columns, with those of the peers where they are there."""
    return COLUMNS if len(lines[0]) == len(COLUMNS) else (*COLUMNS[:-1], *PEERS, COLUMNS[-1])


def forward(row: Any) -> str:
    """Parameters with respect to which a row has a forward rule."""
    if row.kind == "no_derivative":
        return "zero"
    return ", ".join(dict.fromkeys((*row.d, *row.jvp, *row.linear_in, *row.wrt))) or NOTHING


def reverse(row: Any) -> str:
    """Parameters with respect to which a row has a reverse rule."""
    if row.kind == "no_derivative":
        return "zero"
    return ", ".join(dict.fromkeys((*row.d, *row.vjp, *row.wrt))) or NOTHING


def on_batches(row: Any) -> str:
    """Has a row a batching rule, or does it ask for a shape, which is one example's under vmap?"""
    from redraft.transpile.primitives.batching import OF_ONE_EXAMPLE, rule_of

    known = rule_of(row) is not None or row.kind in ("definition", "source")
    known = known or row.over is not None or row.name in OF_ONE_EXAMPLE
    return "yes" if known else NOTHING


def on_tensors(row: Any) -> str:
    """Does a row run on tensors, eagerly and compiled by XLA? Or does the host call the function?"""
    from redraft.transpile.primitives.lowering import lowering_text, runs_on_host

    if runs_on_host(row):
        return "host"
    known = row.over is not None or lowering_text(row) is not None  # (`jit` sees what they became)
    known = known or row.kind == "definition"
    return "yes" if known else NOTHING


def notes(row: Any) -> str:
    """Other spellings of the function, or why it has no rule or no lowering."""
    found = [row.reason] if row.reason else []
    found += [f"tensors: {row.no_tf}"] if row.no_tf else []
    found += [f"`{alias}`" for alias in row.aliases]
    found += [f"operator `{_operator(row.operator)}`"] if row.operator else []
    found += [f"`.{row.method}()`"] if row.method else []
    found += [f"`.{row.attribute}`"] if row.attribute else []
    return ", ".join(found)


def markdown(lines: list[tuple[str, ...]]) -> str:
    """The table as GitHub shows it."""
    titles = columns(lines)
    table = [titles, tuple("---" for _ in titles)]
    for function, *rest in lines:
        table.append((f"`{function}`", *rest))
    rows = (" | ".join(cell.replace("|", "\\|") for cell in row) for row in table)
    return "".join(f"| {row} |\n" for row in rows)


def plain(lines: list[tuple[str, ...]]) -> str:
    """The table in columns, for a pipe."""
    table = [columns(lines), *lines]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    padded = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in table)
    return "".join(f"{row}\n" for row in padded)


def print_table(lines: list[tuple[str, ...]]) -> None:
    """The table for a person on a terminal, or for a pipe."""
    if not sys.stdout.isatty():
        sys.stdout.write(plain(lines))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns(lines), caption=f"{len(lines)} functions")
    for line in lines:
        table.add_row(*(cell.replace("[", "\\[") for cell in line))
    Console().print(table)


def _operator(operator: str) -> str:
    return {"u-": "-x", "u+": "+x"}.get(operator, operator)
