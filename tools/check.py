"""Everything that has to hold before a commit: `python -m redraft.tools.check`."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass

import click

FAST_TESTS = (
    "not slow and not test_corpus and not test_programs and not test_examples and not test_compiled"
)


@dataclass(frozen=True)
class Step:
    """One command, and whether the fast check runs it too."""

    name: str
    command: tuple[str, ...]
    is_fast: bool = True


STEPS = (
    Step("lint", ("ruff", "check", "--quiet", ".")),
    Step("format", ("ruff", "format", "--quiet", "--check", ".")),
    Step("layers", ("pytest", "-q", "-n", "0", "tests/test_layers.py")),
    Step("golden", ("redraft.tools.cli", "golden", "check")),
    Step("tests", ("pytest", "-q"), is_fast=False),
    Step("fast tests", ("pytest", "-q", "-x", "-k", FAST_TESTS)),
)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--fast", is_flag=True, help="Leave out the corpus and the random programs.")
def main(fast: bool) -> None:
    """Lint, layers, golden files and tests; prints what fails, and one line at the end.

    \b
    Examples:
      python -m redraft.tools.check
      python -m redraft.tools.check --fast
    """
    start = time.perf_counter()
    results = {step.name: passes(step) for step in chosen(fast)}
    words = ", ".join(f"{name} {'ok' if ok else 'FAILED'}" for name, ok in results.items())
    click.echo(f"{words} ({time.perf_counter() - start:.0f} s)")
    sys.exit(0 if all(results.values()) else 1)


def chosen(fast: bool) -> list[Step]:
    """The fast tests are a part of all tests, and run alone or not at all."""
    if fast:
        return [step for step in STEPS if step.is_fast]
    return [step for step in STEPS if step.name != "fast tests"]


def passes(step: Step) -> bool:
    """Run a command of this Python; show its output only if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", *step.command], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        click.echo(done.stdout + done.stderr)
    return done.returncode == 0


if __name__ == "__main__":
    main()
