"""The examples run, and do what they promise."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import redraft as rd

ROOT = Path(__file__).resolve().parent.parent


def test_digits_are_learnt():
    home = str(Path(rd.__file__).resolve().parent.parent)
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "digits.py")],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": home},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.perf_counter() - start < 60
    assert done.stdout.count("def loss_value_and_grad(") == 1
    assert len(re.findall(r"^epoch", done.stdout, re.M)) == 20
    assert float(re.search(r"test accuracy ([0-9.]+)", done.stdout)[1]) >= 0.95
