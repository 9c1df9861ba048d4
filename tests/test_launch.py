"""`redraft launch`: workers that start, print and end together. No TensorFlow is needed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from redraft.runtime import workers
from redraft.runtime.cluster import Cluster, cluster, process_of
from redraft.runtime.rendezvous import meet, split
from redraft.runtime.workers import WorkerLost, set_worker_timeout
from redraft.tools.cli import main
from redraft.tools.launch import environments, free_ports, launch

pytestmark = pytest.mark.skipif(not hasattr(os, "killpg"), reason="there are no process groups")
ROOT = Path(__file__).resolve().parent.parent
HEAD = """
import json, os, signal, subprocess, sys, time
config = json.loads(os.environ["TF_CONFIG"])
me = config["task"]["index"]
"""


def program(text):
    """A program that knows its number, as a command."""
    return [sys.executable, "-S", "-c", HEAD + textwrap.dedent(text)]


def alive(pid):
    """Is there a process of this number that has not ended?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(pids, seconds=10):
    """Wait for the end of processes; those that are left."""
    begin = time.monotonic()
    while time.monotonic() - begin < seconds and any(map(alive, pids)):
        time.sleep(0.05)
    return [pid for pid in pids if alive(pid)]


def test_workers_get_their_place_and_lines_their_number(capfd):
    text = """
    print("worker", me, len(set(config["cluster"]["worker"])), os.environ["REDRAFT_CPU_DEVICES"])
    print("problem", file=sys.stderr)
    sys.stdout.write("no end of line")
    """
    assert launch(program(text), workers=3, devices=2) == 0
    out, err = capfd.readouterr()
    for i in range(3):
        assert f"[worker {i}] worker {i} 3 2\n" in out
        assert f"[worker {i}] no end of line\n" in out
    assert sorted(err.splitlines()) == [f"[worker {i}] problem" for i in range(3)]


@pytest.mark.parametrize(
    ("end", "status", "words"),
    [
        ("sys.exit(3)", 3, "worker 1 ended with status 3"),
        ("os.kill(os.getpid(), signal.SIGKILL)", 137, "worker 1 was ended by SIGKILL"),
        ("raise ValueError('mine')", 1, "worker 1 ended with status 1"),
    ],
)
def test_failure_of_one_ends_all_with_its_status(end, status, words, capfd):
    begin = time.monotonic()
    text = f"""
    print("pid", os.getpid(), flush=True)
    if me == 1:
        time.sleep(0.2)
        {end}
    time.sleep(60)
    """
    assert launch(program(text), workers=2) == status
    assert time.monotonic() - begin < 15
    out, err = capfd.readouterr()
    assert words in err
    assert wait_until_gone(pids_in(out)) == []


def pids_in(output):
    """The numbers that lines with `pid` tell."""
    return [int(line.rpartition("pid ")[2]) for line in output.splitlines() if "pid " in line]


def test_what_workers_have_started_ends_with_them(capfd):
    text = """
    child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
    print("pid", child.pid, flush=True)
    sys.exit(4 if me == 0 else time.sleep(60))
    """
    assert launch(program(text), workers=2) == 4
    assert wait_until_gone(pids_in(capfd.readouterr().out)) == []


def test_workers_that_ignore_requests_are_killed(capfd, monkeypatch):
    monkeypatch.setattr("redraft.tools.guard.GRACE", 0.3)
    text = """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("pid", os.getpid(), flush=True)
    time.sleep(0.3)
    sys.exit(2 if me == 0 else time.sleep(60))
    """
    assert launch(program(text), workers=2) == 2
    assert wait_until_gone(pids_in(capfd.readouterr().out)) == []


def test_timeout_and_linger(capfd):
    assert launch(program("time.sleep(60)"), workers=2, timeout=0.3) == 124
    assert "ended after 0.3 s" in capfd.readouterr().err
    text = """
    if me == 0:
        sys.exit(5)
    time.sleep(0.4)
    print("still here")
    """
    assert launch(program(text), workers=2, linger=10) == 5
    assert "[worker 1] still here" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143)],
)
def test_end_of_the_launcher_ends_the_workers(number, status, tmp_path):
    script = tmp_path / "wait.py"
    script.write_text(HEAD + "print('pid', os.getpid(), flush=True)\ntime.sleep(60)\n")
    with subprocess.Popen(
        [sys.executable, "-m", "redraft.tools.cli", "launch", "--workers", "2", str(script)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell may ignore it
    ) as process:  # fmt: skip
        try:
            pids = pids_in(process.stdout.readline() + process.stdout.readline())
            assert len(pids) == 2
            assert all(map(alive, pids))
            process.send_signal(number)
            assert process.wait(timeout=20) == status
            assert wait_until_gone(pids) == []
        finally:
            process.kill()


def test_scripts_get_their_arguments_and_modules_run(tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("show.py").write_text("import sys\nprint(__name__, sys.argv[1:])\n")
    ran = CliRunner().invoke(main, ["launch", "--workers", "1", "show.py", "--workers", "7", "-m"])
    assert ran.exit_code == 0
    assert "[worker 0] __main__ ['--workers', '7', '-m']" in capfd.readouterr().out + ran.output
    ran = CliRunner().invoke(main, ["launch", "--workers", "1", "-m", "show", "-x"])
    assert ran.exit_code == 0
    assert "[worker 0] __main__ ['-x']" in capfd.readouterr().out + ran.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--workers", "2", "missing.py"], "there is no script missing.py"),
        (["--workers", "0", "missing.py"], "0 is not in the range"),
        (["missing.py"], "Missing option '--workers'"),
        (["--workers", "2", "--timeout", "-1", "missing.py"], "-1.0 is not in the range"),
    ],
)
def test_wrong_commands_are_refused(arguments, words):
    ran = CliRunner().invoke(main, ["launch", *arguments])
    assert ran.exit_code == 2
    assert words in ran.output


# --- what workers read


def test_addresses_differ_and_are_on_loopback():
    made = [json.loads(each["TF_CONFIG"]) for each in environments(3, None)]
    addresses = made[0]["cluster"]["worker"]
    assert len(set(addresses)) == 3
    assert all(config["cluster"]["worker"] == addresses for config in made)
    assert all(split(a)[0] == "127.0.0.1" for a in addresses)
    assert [config["task"]["index"] for config in made] == [0, 1, 2]


def set_config(monkeypatch, members, kind, index):
    """Set TF_CONFIG."""
    task = {"type": kind, "index": index}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": members, "task": task}))


def test_cluster_with_a_chief(monkeypatch):
    members = {"chief": ["a:1"], "worker": ["b:2", "c:3"], "evaluator": ["d:4"]}
    set_config(monkeypatch, members, "worker", 1)
    assert cluster() == Cluster(("a:1", "b:2", "c:3"), 2, 1)
    assert cluster().tasks() == [
        "/job:chief/replica:0/task:0", "/job:worker/replica:0/task:0", "/job:worker/replica:0/task:1",
    ]  # fmt: skip
    assert [process_of(task + "/device:CPU:0") for task in cluster().tasks()] == [0, 1, 2]
    set_config(monkeypatch, members, "chief", 0)
    assert cluster().index == 0
    set_config(monkeypatch, members, "evaluator", 0)
    assert cluster() is None  # it evaluates alone


@pytest.mark.parametrize("text", ["{", "[]", '{"cluster": 1}', '{"task": {"index": "x"}}'])
def test_configurations_that_are_none_are_refused(text, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match="no description of a cluster"):
        cluster()


def test_task_that_is_not_there_is_refused(monkeypatch):
    set_config(monkeypatch, {"worker": ["a:1", "b:2"]}, "worker", 2)
    with pytest.raises(ValueError, match="no task 2 among the workers"):
        cluster()


def test_worker_that_does_not_come_is_named():
    addresses = tuple(f"127.0.0.1:{port}" for port in free_ports(2))
    begin = time.monotonic()
    with pytest.raises(
        WorkerLost, match=rf"worker 1 \({addresses[1]}\) did not start within 0.3 s"
    ):
        meet(Cluster(addresses, 0), 0.3)
    assert time.monotonic() - begin < 5


def test_address_in_use_is_told():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(RuntimeError, match=f"worker 0 cannot listen on its address {address}"):
            meet(Cluster((address, "127.0.0.1:1"), 0), 0.1)


@pytest.mark.parametrize("seconds", [0, 0.5, -1, True, "10", float("nan")])
def test_timeouts_that_are_none_are_refused(seconds):
    with pytest.raises(ValueError, match="expected a second or more"):
        set_worker_timeout(seconds)


def test_timeouts_are_read_in_order(monkeypatch):
    monkeypatch.setattr(workers, "_chosen", {})
    monkeypatch.setattr(workers, "_used", [])
    assert (workers.worker_timeout(), workers.start_timeout()) == (10, 60)
    monkeypatch.setenv("REDRAFT_WORKER_TIMEOUT", "7.5")
    assert workers.worker_timeout() == 7.5
    set_worker_timeout(3, start=20)
    assert (workers.worker_timeout(), workers.start_timeout()) == (3, 20)
    monkeypatch.setenv("REDRAFT_START_TIMEOUT", "soon")
    monkeypatch.setattr(workers, "_chosen", {})
    with pytest.raises(ValueError, match="REDRAFT_START_TIMEOUT=soon"):
        workers.start_timeout()
    workers.timeouts_are_used()
    with pytest.raises(RuntimeError, match="the workers have met already"):
        set_worker_timeout(3)
