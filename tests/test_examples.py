"""The examples run, and do what they promise."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import redraft as rd

ROOT = Path(__file__).resolve().parent.parent


def run(name, *arguments):
    """Run an example as a user does."""
    home = str(Path(rd.__file__).resolve().parent.parent)
    return subprocess.run(
        [sys.executable, str(ROOT / "examples" / name), *arguments],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": home},
    )  # fmt: skip


def test_digits_are_learnt():
    start = time.perf_counter()
    done = run("digits.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.perf_counter() - start < 60
    assert done.stdout.count("def loss_value_and_grad(") == 1
    assert len(re.findall(r"^epoch", done.stdout, re.M)) == 20
    assert float(re.search(r"test accuracy ([0-9.]+)", done.stdout)[1]) >= 0.95


@pytest.mark.slow
def test_digits_are_learnt_by_a_compiled_gradient():
    pytest.importorskip("tensorflow")
    done = run("digits.py", "--jit")
    assert done.returncode == 0, done.stdout + done.stderr
    assert float(re.search(r"test accuracy ([0-9.]+)", done.stdout)[1]) >= 0.95


def test_a_step_of_the_lstm(monkeypatch):
    """The loop over the letters is one loop of the program, and gives what NumPy gives."""
    pytest.importorskip("tensorflow")
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    import char_lstm

    rng = np.random.default_rng(1)
    params = char_lstm.initial_params(rng)
    zeros = {k: np.zeros_like(v) for k, v in params.items()}
    text = next(char_lstm.batches(rng))
    losses, state = [], (params, zeros, zeros)
    for step in range(1, 13):
        value, *state = char_lstm.train(*state, step, text)
        losses.append(value)
    assert np.isclose(losses[0], char_lstm.loss(params, text), rtol=1e-5)
    want = rd.grad(char_lstm.loss)(params, text)
    got = rd.jit(rd.grad(char_lstm.loss))(params, text)
    for key in params:
        np.testing.assert_allclose(got[key], want[key], rtol=2e-3, atol=1e-6)
    assert losses[-1] < 0.9 * losses[0]
    (entry,) = char_lstm.train.entries.values()
    assert len(entry.compiled.concrete.graph.as_graph_def().node) < 600


@pytest.mark.slow
def test_the_lstm_learns_the_text():
    pytest.importorskip("tensorflow")
    done = run("char_lstm.py")
    assert done.returncode == 0, done.stdout + done.stderr
