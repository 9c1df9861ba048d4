"""The Python in README.md and docs/ runs, and prints what stands there (see tools/docs.py)."""

import os
import re
from pathlib import Path

import on_devices
import pytest

import redraft as rd
from redraft.tools.docs import blocks, can_run, devices_of, outputs, pages, renewed, run

ROOT = Path(__file__).resolve().parent.parent
PAGES = pages(ROOT)


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_page_runs_and_prints_what_it_says(page, monkeypatch, tmp_path):
    if not can_run(page):
        pytest.skip("the examples of the page need TensorFlow")
    if (count := devices_of(page)) is not None:
        return on_devices.run(check_page, page, tmp_path, devices=count)
    monkeypatch.chdir(tmp_path)
    check_page(page)


def check_page(page, folder=None):
    """Run the examples of a page, in a folder if one is given."""
    home = Path.cwd()
    os.chdir(folder or home)
    try:
        for stands, printed, line, _ in outputs(page.read_text(), page.name):
            assert printed.strip() == stands.strip(), (
                f"{page.name}:{line}: python -m redraft.tools.docs"
            )
    finally:
        os.chdir(home)


def test_output_that_is_out_of_date_is_renewed():
    page = "```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n\nEnd.\n"
    assert renewed(page, "page.md") == page.replace("3", "2")
    assert renewed(page.replace("3", "2"), "page.md") == page.replace("3", "2")


def test_pages_for_several_devices_are_found():
    assert devices_of(ROOT / "docs" / "pmap.md") == 4
    assert devices_of(ROOT / "docs" / "vmap.md") is None


def without_places(text):
    """Generated source without the parts that name a file or a line."""
    lines = [re.sub(r"# +\d+ +", "# ", line.rstrip()) for line in text.strip().splitlines()]
    return [re.sub(r" \([^()]*:\d+\)", "", line) for line in lines]


def test_readme_opens_with_a_function_and_its_real_derivative():
    """The first block defines a function; the next one with a `def` is what redraft writes."""
    page = ROOT / "README.md"
    found = blocks(page.read_text())
    python = [(text, line) for language, text, line, _ in found if language == "python"]
    (original, line), (derivative, _) = python[:2]
    names = {}
    run(original, names, page.name, line)
    name = re.search(r"^def (\w+)_(?:value_and_)?grad\(", derivative, re.M)[1]
    transform = rd.value_and_grad if f"{name}_value_and_grad(" in derivative else rd.grad
    source = rd.source(transform(names[name]))
    assert without_places(source) == without_places(derivative.removeprefix("# output\n"))
