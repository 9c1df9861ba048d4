"""Programs on two worker processes over loopback: the numbers of one device, and what a lost worker does."""

from __future__ import annotations

import importlib
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")
ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / "tests" / "on_workers"
EXAMPLES = ROOT / "examples"
TIMEOUT = 4  # seconds of silence after which a worker counts as lost, in these tests


def command(program, *args, workers=2, devices=1, limit=120, linger=40):
    """The command that runs a program on workers."""
    return [
        sys.executable, "-m", "redraft.tools.cli", "launch", "--workers", str(workers),
        "--devices-per-worker", str(devices), "--timeout", str(limit), "--linger", str(linger),
        str(program), *map(str, args),
    ]  # fmt: skip


def environment(**extra):
    """Variables of such a run."""
    own = {
        "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "REDRAFT_WORKER_TIMEOUT": str(TIMEOUT),
    }  # fmt: skip
    return {**os.environ, **own, **extra}


def run(program, *args, variables=None, **options):
    """Status and output of a program on workers."""
    with subprocess.Popen(
        command(program, *args, **options), env=environment(**(variables or {})),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        try:
            output = process.communicate(timeout=options.get("limit", 120) + 30)[0]
        finally:
            process.kill()  # its guard ends the workers
    return process.returncode, output


def told(output):
    """Of each worker that was told of a lost one: its number, after how many seconds, and what."""
    found = re.findall(r"\[worker (\d+)\] told after ([\d.]+) s: (.*)", output)
    return {int(worker): (float(seconds), message) for worker, seconds, message in found}


def test_collectives_are_those_of_vmap_and_a_kill_is_told():
    status, output = run(PROGRAMS / "collectives.py", "some", "kill")
    assert output.count("] all equal") == 2, output
    assert status == 128 + signal.SIGKILL
    seconds, message = told(output)[0]
    assert seconds < 3 * TIMEOUT
    assert message.startswith("worker 1 (127.0.0.1:")
    assert "this is worker 0 of 2" in message  # (on a busy machine it may be silent before it ends)


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "devices"), [(2, 1), (2, 2), (3, 1)])
def test_collectives_are_those_of_vmap(workers, devices):
    status, output = run(PROGRAMS / "collectives.py", workers=workers, devices=devices)
    assert (status, output.count("] all equal")) == (0, workers), output


@pytest.mark.slow
@pytest.mark.parametrize("devices", [1, 2])
def test_collectives_know_every_dtype(devices):
    status, output = run(PROGRAMS / "engine.py", devices=devices)
    assert (status, output.count("] all equal")) == (0, 2), output


@pytest.mark.slow
@pytest.mark.parametrize("who", [0, 1])
@pytest.mark.parametrize("how", ["kill", "stop", "raise", "between"])
def test_lost_worker_is_told(how, who):
    _, output = run(PROGRAMS / "faults.py", how, who, limit=60, linger=20)
    seconds, message = told(output)[1 - who]
    assert seconds < TIMEOUT + 4
    silence = f"worker {who} (127.0.0.1:"
    assert message.startswith(silence), output
    assert ("has not answered for 4 s" if how == "stop" else "has ended") in message


@pytest.mark.slow
@pytest.mark.parametrize("who", [0, 1])
def test_worker_that_never_comes_is_told(who):
    status, output = run(
        PROGRAMS / "faults.py", "start", who, variables={"REDRAFT_START_TIMEOUT": "3"}
    )
    _, message = told(output)[1 - who]
    assert status == 5
    assert f"worker {who} (127.0.0.1:" in message
    assert "did not start within 3 s" in message


@pytest.mark.slow
def test_worker_that_is_killed_while_tensorflow_connects_ends_the_others():
    begin = time.monotonic()
    variables = {"REDRAFT_START_TIMEOUT": "8"}
    status, output = run(PROGRAMS / "faults.py", "meet", 1, variables=variables, limit=90)
    assert status == 128 + signal.SIGKILL
    assert "not noticed" not in output
    assert time.monotonic() - begin < 60  # within the limit: by itself, not by the launcher
    assert "in connect_to_other_workers" in output or told(output), output


@pytest.mark.slow
def test_digits_reach_the_loss_of_one_process():
    losses = [
        [
            float(x)
            for x in re.findall(r"loss ([\d.]+)", run(EXAMPLES / "digits_workers.py", **o)[1])
        ]
        for o in ({"workers": 1}, {"workers": 2}, {"workers": 2, "devices": 2})
    ]
    assert len(losses[0]) == 5
    assert losses[0][-1] < 0.3
    for others in losses[1:]:
        np.testing.assert_allclose(others, losses[0], rtol=0, atol=1e-6)


def final_state(folder):
    """The arrays of the last step."""
    with np.load(folder / "00000090.npz") as file:
        return list(file.values())


@pytest.mark.slow
def test_training_goes_on_after_kills_at_random_moments(tmp_path):
    status, output = run(EXAMPLES / "resume.py", tmp_path / "whole")
    assert status == 0, output
    rng, starts, kills = random.Random(0), [], 0
    for _ in range(12):
        status, done, killed = run_and_kill(tmp_path / "parts", rng, kills < 4)
        starts.append(done)
        kills += killed
        if status == 0:
            break
    assert status == 0, starts
    assert kills >= 2
    assert starts == sorted(starts)  # a later run never begins before an earlier one
    for got, want in zip(
        final_state(tmp_path / "parts"), final_state(tmp_path / "whole"), strict=True
    ):
        np.testing.assert_array_equal(got, want)


def run_and_kill(folder, rng, kill):
    """Run the training, and kill a worker some time after it has begun.

    Returns:
        The exit status, the step that it began at, and whether a worker was killed.
    """
    process = subprocess.Popen(
        command(EXAMPLES / "resume.py", folder, linger=30), env=environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    pids, begins, killed = [], [], False
    try:
        for line in process.stdout:
            found = re.search(r"process (\d+) starts at step (\d+)", line)
            if found:
                pids.append(int(found[1]))
                begins.append(int(found[2]))
            if len(pids) == 2 and kill and not killed:
                time.sleep(rng.uniform(0, 0.8))
                victim = rng.choice(pids)
                if process.poll() is None and Path(f"/proc/{victim}").exists():
                    os.kill(victim, signal.SIGKILL)
                    killed = True
        return process.wait(timeout=150), min(begins), killed
    finally:
        process.kill()
        process.wait()


SAVER = """
import sys
from pathlib import Path
sys.path.insert(0, {examples!r})
from checkpoints import save
import numpy as np
for step in range(1, 100000):
    save(Path(sys.argv[1]), step, [np.full(30_000, float(step)), np.asarray(step)])
    print(step, flush=True)
"""


def test_checkpoints_are_whole_after_kills_while_they_are_written(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    checkpoints = importlib.import_module("checkpoints")
    rng, program = random.Random(1), SAVER.format(examples=str(EXAMPLES))
    for folder in (tmp_path / str(i) for i in range(8)):
        with subprocess.Popen(
            [sys.executable, "-c", program, folder], env=environment(), text=True,
            stdout=subprocess.PIPE,
        ) as process:  # fmt: skip
            try:
                first = int(process.stdout.readline())
                time.sleep(rng.uniform(0, 0.1))
            finally:
                process.kill()
            told_last = [first, *map(int, re.findall(r"(\d+)\n", process.stdout.read()))][-1]
        step, (array, number) = checkpoints.restore(folder)
        assert told_last <= step <= told_last + 1
        assert number == step
        np.testing.assert_array_equal(array, np.full(30_000, float(step)))
        assert len(checkpoints.saved(folder)) <= checkpoints.KEPT + 1
