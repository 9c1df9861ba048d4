"""The page of the coverage table is that of today, and autograd's list is complete."""

from __future__ import annotations

import importlib
from pathlib import Path

from redraft.tools import docs, peers, rules
from redraft.transpile.primitives import table

PAGE = Path(__file__).parents[1] / "docs" / "coverage.md"


def load_scipy():
    for part in table.SCIPY:
        importlib.import_module(part)


def test_page_is_current():
    """Every row stands in it; what the peers have may differ with their versions."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    cells = [line.replace("\\|", "/").strip("| ").split(" | ") for line in lines]
    own = [(*row[:5], row[-1]) for row in rules.coverage()]
    wanted = [[c.replace("|", "/") for c in (f"`{f}`", *rest)] for f, *rest in own]
    assert [c[:5] for c in cells] == [w[:5] for w in wanted], "run python -m redraft.tools.docs"


def test_page_is_written_by_the_tool():
    load_scipy()
    page = docs.coverage_page()
    assert page.splitlines()[0] == PAGE.read_text().splitlines()[0]
    assert "| autograd | JAX |" in page


def test_every_derivative_of_autograd_is_there():
    load_scipy()
    assert peers.without_a_rule_here() == []


def test_peers_are_asked():
    rows = {row.name: row for row in table.all_rows()}
    assert peers.autograd_has(rows["np.tanh"]) == peers.jax_has(rows["np.tanh"]) == "yes"
    assert (
        peers.autograd_has(rows["np.nanmax"]) == "-" and peers.jax_has(rows["np.nanmax"]) == "yes"
    )
    assert peers.jax_has(rows["np.longdouble"]) == "-"
