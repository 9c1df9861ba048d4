"""The golden files of `pmap` give the numbers of `vmap` on four devices (test_golden.py has one)."""

from pathlib import Path

import pytest
from on_devices import on_devices

from redraft.tools.golden import find_cases, judged_module
from redraft.tools.golden_pmap import is_pmap
from redraft.tools.target import load_file

pytest.importorskip("tensorflow")
ROOT = Path(__file__).resolve().parent.parent / "golden"
FILES = [(c.name, t) for c in find_cases((), ROOT) for t in c.transforms if is_pmap(t)]


def test_there_are_cases():
    assert len(FILES) >= 4


@on_devices(4)
@pytest.mark.parametrize("name, transform", FILES)
def test_on_four_devices(name, transform):
    (case,) = find_cases([name], ROOT)
    module = load_file(case.path(transform), f"golden_{name}_pmap")
    assert judged_module(case, transform, module) == ""


@on_devices(4)
def test_a_wrong_number_is_found():
    (case,) = find_cases(["gather_on_devices"], ROOT)
    module = load_file(case.path("pmap"), "golden_gather_wrong")
    right = module.gather_on_devices_island_1
    module.gather_on_devices_island_1 = lambda *args: right(*args) * 1.0001
    assert "differs" in judged_module(case, "pmap", module)
