"""Start local workers of one program, for development without a cluster (`redraft launch`).

Each worker is the same script in a process of its own, with a ``TF_CONFIG`` that names all of them on
loopback. Their output comes line by line with the worker's number in front. They end together: once one
fails, or the launcher is interrupted or killed, all are ended with whatever they have started.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, NoReturn

import click

from redraft.tools import guard

COLORS = ("cyan", "magenta", "green", "yellow", "blue", "bright_red")
TIMED_OUT = 124  # the status that timeout(1) gives
PAUSE = 0.05


def launch(
    command: Sequence[str],
    workers: int,
    devices: int | None = None,
    timeout: float | None = None,
    linger: float = 0.0,
) -> int:
    """Run a program as several workers, and wait until all have ended.

    Args:
        command: the program and its arguments.
        workers: how many.
        devices: how many CPU devices each has; None leaves it to the environment.
        timeout: after how many seconds the workers are ended; None for no limit.
        linger: for how many seconds the others may go on once one has failed.

    Returns:
        0, or the exit status of the first worker that failed: 128 and the signal's number if a signal
        ended it; 124 after the timeout.
    """
    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    running: list[subprocess.Popen] = []
    watcher = start_guard()
    readers: list[threading.Thread] = []
    try:
        for environment in environments(workers, devices):
            running.append(start(command, environment))
            guard.tell(watcher, running[-1].pid)
            readers += show_output(len(running) - 1, running[-1])
        return wait(running, timeout, linger)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    finally:
        guard.end_groups([process.pid for process in running])
        for process in running:
            process.wait()
        for reader in readers:
            reader.join(timeout=2)
        guard.dismiss(watcher)
        for number, handler in before.items():
            signal.signal(number, handler)


def leave(number: int, frame: Any) -> NoReturn:
    """Let a signal end the launcher as an exit does, so that it ends the workers."""
    sys.exit(128 + number)


def environments(workers: int, devices: int | None) -> list[dict[str, str]]:
    """The variables of each worker."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(workers)]
    shared = os.environ | {"PYTHONUNBUFFERED": "1"}
    if devices is not None:
        shared["REDRAFT_CPU_DEVICES"] = str(devices)
    return [
        shared
        | {
            "TF_CONFIG": json.dumps(
                {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            )
        }
        for index in range(workers)
    ]


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def start(command: Sequence[str], environment: dict[str, str]) -> subprocess.Popen:
    """Start a worker as the leader of a process group of its own."""
    return subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def start_guard() -> subprocess.Popen:
    """A process that ends the workers when the launcher is gone, even if it was killed."""
    return subprocess.Popen(
        [sys.executable, "-I", str(Path(guard.__file__))],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


def wait(running: list[subprocess.Popen], timeout: float | None, linger: float) -> int:
    """Wait for all workers, or for one that fails."""
    begin = time.monotonic()
    while True:
        statuses = [process.poll() for process in running]
        failed = [index for index, status in enumerate(statuses) if status]
        if failed:
            say(f"worker {failed[0]} {how_it_ended(statuses[failed[0]])}")
            wait_for_others(running, linger)
            return shell_status(statuses[failed[0]])
        if all(status == 0 for status in statuses):
            return 0
        if timeout is not None and time.monotonic() - begin > timeout:
            say(f"the workers were ended after {timeout:g} s")
            return TIMED_OUT
        time.sleep(PAUSE)


def wait_for_others(running: list[subprocess.Popen], seconds: float) -> None:
    """Let the workers go on for a while."""
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        if all(process.poll() is not None for process in running):
            return
        time.sleep(PAUSE)


def how_it_ended(status: int) -> str:
    """A failure in words."""
    if status >= 0:
        return f"ended with status {status}"
    return f"was ended by {signal.Signals(-status).name}"


def shell_status(status: int) -> int:
    """The exit status as a shell gives it."""
    return status if status >= 0 else 128 - status


def say(text: str) -> None:
    """A line of the launcher's own."""
    click.echo(f"redraft launch: {text}", err=True)


def show_output(index: int, process: subprocess.Popen) -> list[threading.Thread]:
    """Print a worker's lines as they come, with its number in front."""
    found = []
    for pipe, target in ((process.stdout, sys.stdout), (process.stderr, sys.stderr)):
        prefix = click.style(f"[worker {index}]", fg=COLORS[index % len(COLORS)])
        reader = threading.Thread(
            target=copy_lines, args=(pipe, target_of(target), prefix), daemon=True
        )
        reader.start()
        found.append(reader)
    return found


def target_of(stream: IO[str]) -> Callable[[str], Any]:
    """Writes a line in one piece; colours only on a terminal, and not if NO_COLOR is set."""
    color = stream.isatty() and not os.environ.get("NO_COLOR")
    return lambda line: click.echo(line, file=stream, color=color, nl=False)


def copy_lines(pipe: IO[bytes], write: Callable[[str], Any], prefix: str) -> None:
    """Copy lines until the pipe ends; a last line without an end gets one."""
    for line in pipe:
        text = line.decode(errors="replace").rstrip("\r\n")
        try:
            write(f"{prefix} {text}\n")
        except BrokenPipeError:  # nobody reads any more: the worker still must not block
            continue
