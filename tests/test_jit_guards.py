"""Which names of a module a compiled function hangs on."""

import types

import numpy as np
import pytest

import redraft as rd

pytest.importorskip("tensorflow")

TEXT = """
def update(w, x):
    value = np.sum((x @ w) ** 2)
    best = max([k * 1.0 for k in range(3)], key=lambda v: v * scale)
    return w - 0.1 * value * best * scale, value

step = rd.jit(update)
w, scale = np.ones(3), 2.0
for _ in range(4):
    w, value = step(w, np.ones((2, 3)))
k = v = best = 5
"""


def test_a_loop_of_a_module_compiles_once(tmp_path):
    """Its variables have the names that the function has for its own."""
    path = tmp_path / "script.py"
    path.write_text(TEXT)
    module = types.ModuleType("script")
    vars(module).update(np=np, rd=rd)
    exec(compile(TEXT, str(path), "exec"), vars(module))
    (entry,) = module.step.entries.values()
    assert entry.is_current()
    before = module.step(np.ones(3), np.ones((2, 3)))
    assert entry is next(iter(module.step.entries.values()))
    module.scale = 3.0  # this one is the module's
    assert not entry.is_current()
    after = module.step(np.ones(3), np.ones((2, 3)))
    np.testing.assert_allclose(1 - after[0], (1 - before[0]) * 3 / 2)
