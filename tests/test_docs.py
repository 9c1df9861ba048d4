"""The Python in README.md and docs/ runs, and prints what stands there.

The blocks of a page run in order in one namespace. The ```text block that follows a ```python block
is what that block prints; generated Python may stand in a ```python block that begins with the line
`# output` instead.
"""

import contextlib
import io
import linecache
import re
from pathlib import Path

import pytest

import redraft as rd

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = [page for page in PAGES if page.exists()]
BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.M | re.S)


def blocks(page):
    """Language, text and line of every fenced block."""
    text = page.read_text()
    return [(m[1], m[2], text[: m.start()].count("\n") + 2) for m in BLOCK.finditer(text)]


def run(code, names, page, line):
    """Run a block as if it were a file of its own; return what it prints."""
    filename = f"<{page.name}:{line}>"
    linecache.cache[filename] = (len(code), None, code.splitlines(keepends=True), filename)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, filename, "exec"), names)
    return out.getvalue()


def is_output(language, text):
    """A block of generated Python shows output as well as a block of text does."""
    return language == "text" or (language == "python" and text.startswith("# output\n"))


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_page_runs_and_prints_what_it_says(page, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    printed = None
    for language, text, line in blocks(page):
        if is_output(language, text):
            if printed is not None:
                want = text.removeprefix("# output\n").strip()
                assert printed.strip() == want, f"{page.name}:{line} is out of date"
                printed = None
        elif language == "python":
            printed = run(text, names, page, line)


def without_places(text):
    """Generated source without the parts that name a file or a line."""
    lines = [re.sub(r"# +\d+ +", "# ", line.rstrip()) for line in text.strip().splitlines()]
    return [re.sub(r" \([^()]*:\d+\)", "", line) for line in lines]


def test_readme_opens_with_a_function_and_its_real_derivative():
    """The first block defines a function; the next one with a `def` is what redraft writes."""
    page = ROOT / "README.md"
    python = [(text, line) for language, text, line in blocks(page) if language == "python"]
    (original, line), (derivative, _) = python[:2]
    names = {}
    run(original, names, page, line)
    name = re.search(r"^def (\w+)_(?:value_and_)?grad\(", derivative, re.M)[1]
    transform = rd.value_and_grad if f"{name}_value_and_grad(" in derivative else rd.grad
    source = rd.source(transform(names[name]))
    assert without_places(source) == without_places(derivative.removeprefix("# output\n"))
