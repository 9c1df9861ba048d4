"""The examples of README.md and docs/: run them, and renew the output that stands below them.

The blocks of a page run in order in one namespace. The ```text block that follows a ```python block
is what that block prints; generated Python may stand in a ```python block that begins with the line
`# output` instead. A page that calls `rd.config.set_cpu_devices` runs in a process of its own, which has so
many devices. `python -m redraft.tools.docs` renews all pages of a checkout; read the diff.
"""

from __future__ import annotations

import contextlib
import io
import linecache
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

DEVICES = re.compile(r"^rd\.config\.set_cpu_devices\((\d+)\)", re.M)
BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.M | re.S)


def pages(root: Path) -> list[Path]:
    """The pages with examples."""
    found = [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
    return [page for page in found if page.exists()]


def can_run(page: Path) -> bool:
    """Is everything installed that the examples of a page import?"""
    needs = "\nimport tensorflow" in page.read_text() or devices_of(page) is not None
    return not needs or find_spec("tensorflow") is not None


def devices_of(page: Path) -> int | None:
    """The number of devices that the examples of a page ask for; None if they do not."""
    found = DEVICES.search(page.read_text())
    return None if found is None else int(found[1])


def blocks(text: str) -> Iterator[tuple[str, str, int, re.Match[str]]]:
    """Language, text, line and match of every fenced block."""
    for match in BLOCK.finditer(text):
        yield match[1], match[2], text[: match.start()].count("\n") + 2, match


def run(code: str, names: dict[str, Any], name: str, line: int) -> str:
    """Run a block as if it were a file of its own; return what it prints."""
    filename = f"<{name}:{line}>"
    linecache.cache[filename] = (len(code), None, code.splitlines(keepends=True), filename)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, filename, "exec"), names)
    return out.getvalue()


def is_output(language: str, text: str) -> bool:
    """A block of generated Python shows output as well as a block of text does."""
    return language == "text" or (language == "python" and text.startswith("# output\n"))


def outputs(text: str, name: str) -> Iterator[tuple[str, str, int, re.Match[str]]]:
    """Run a page: for every block of output what stands there, what is printed, line and match."""
    names: dict[str, Any] = {"__name__": "__main__"}
    printed: str | None = None
    for language, block, line, match in blocks(text):
        if is_output(language, block):
            if printed is not None:
                yield block.removeprefix("# output\n"), printed, line, match
                printed = None
        elif language == "python":
            printed = run(block, names, name, line)


def renewed(text: str, name: str) -> str:
    """The page with the output that its examples print today."""
    pieces, end = [], 0
    for stands, printed, _, match in outputs(text, name):
        if stands.strip() == printed.strip():
            continue
        start = match.start(2) + len(match[2]) - len(stands)
        pieces += [text[end:start], printed.strip("\n") + "\n"]
        end = match.end(2)
    return "".join([*pieces, text[end:]])


def main(root: Path) -> None:
    """Renew every page, or the one page that is given."""
    for page in filter(can_run, [root.resolve()] if root.is_file() else pages(root.resolve())):
        if devices_of(page) is None or root.is_file():
            renew(page)
        else:
            command = [sys.executable, "-m", "redraft.tools.docs", str(page)]
            subprocess.run(command, check=True, timeout=600)


def renew(page: Path) -> None:
    """Renew a page; examples that write files do so in a folder that is removed."""
    text, home = page.read_text(), Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            new = renewed(text, page.name)
            while new != renewed(new, page.name):  # outputs name lines of the page
                new = renewed(new, page.name)
        finally:
            os.chdir(home)
    if page.name == "coverage.md":
        new = coverage_page()
    if new != text:
        page.write_text(new)
        print(f"renewed {page.name}")


def coverage_page() -> str:
    """The table of rules as a page; what the peers have is asked of them, so they must be installed."""
    from redraft.tools import peers, rules

    lines = rules.coverage(peers=True)
    zero = sum(line[2] == "zero" for line in lines)
    none = sum(line[2] == rules.NOTHING for line in lines)
    missing = peers.without_a_rule_here()
    there = len(peers.autograd_functions())
    kept = f"all {there}" if not missing else f"{there - len(missing)} of {there}"
    lacking = "" if not missing else f" It lacks {', '.join(f'`{name}`' for name in missing)}."
    return COVERAGE.format(
        total=len(lines), rules=len(lines) - zero - none, zero=zero, none=none,
        kept=kept, lacking=lacking, table=rules.markdown(lines),
    )  # fmt: skip


COVERAGE = """# Coverage

This page is generated from the table of rules: `python -m redraft.tools.docs docs/coverage.md`. How to read it
stands in [rules.md](rules.md).

Of {total} functions {rules} have a derivative, {zero} are constant wherever they have one, and {none} have none. Of the
functions for which HIPS autograd has a derivative, redraft has {kept}.{lacking}

{table}"""


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
