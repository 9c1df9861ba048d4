"""Tests that need several logical CPU devices: they run in a process of their own.

TensorFlow cannot split its CPU once it runs, and the process of the other tests has one device. So a test
marked with `on_devices` runs in a child process with `REDRAFT_CPU_DEVICES` set. There is one child for each
number of devices; it is started at the first test that wants it, serves all that follow, and ends
with the tests::

    @on_devices(4)
    @pytest.mark.parametrize("n", [1, 2])
    def test_something(n):
        assert len(rd.devices()) == 4

`run` calls any function of a module in this folder, and returns what it returns.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import os
import pickle
import select
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
IN_CHILD = "REDRAFT_TEST_CHILD"


def on_devices(count: int, timeout: float = 120.0) -> Callable[[Callable], Callable]:
    """A test that runs in a process with several CPU devices.

    Args:
        count: how many.
        timeout: seconds after which the process is ended, and the test fails.
    """

    def mark(test: Callable) -> Callable:
        if IN_CHILD in os.environ:
            return test

        @functools.wraps(test)
        def in_child(*args: Any, **kwargs: Any) -> None:
            run(test, *args, devices=count, timeout=timeout, **kwargs)

        return in_child

    return mark


def run(function: Any, *args: Any, devices: int = 4, timeout: float = 120.0, **kwargs: Any) -> Any:
    """Call a function in a process with several CPU devices, and return what it returns.

    Args:
        function: a function of a module in this folder, or ``"module.name"``.
        *args: its arguments, which must be picklable, as its result must.
        devices: how many.
        timeout: seconds after which the process is ended.
        **kwargs: arguments by name.

    Raises:
        AssertionError: the function raised, or did not return in time; with its traceback.
    """
    if not isinstance(function, str):
        function = f"{function.__module__}.{function.__name__}"
    child = _children.get(devices)
    if child is None or not child.is_alive():
        child = _children[devices] = Child(devices)
    return child.call((function, args, kwargs), timeout)


class Child:
    """A process that calls functions for this one."""

    def __init__(self, devices: int) -> None:
        variables = {
            IN_CHILD: "1",
            "REDRAFT_CPU_DEVICES": str(devices),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        paths = [str(HERE.parent), str(HERE), os.environ.get("PYTHONPATH", "")]
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 it lives as long as the process
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
            env={**os.environ, **variables}, cwd=HERE.parent, bufsize=0,
        )  # fmt: skip
        self.lock = threading.Lock()
        atexit.register(self.end)

    def is_alive(self) -> bool:
        """Can it be asked?"""
        return self.process.poll() is None

    def end(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()

    def call(self, message: Any, timeout: float) -> Any:
        """Ask for a call, and wait for the answer."""
        with self.lock:
            try:
                send(self.process.stdin, message)
                worked, answer = pickle.loads(self.received(time.monotonic() + timeout))
            except (OSError, EOFError, TimeoutError) as error:
                self.end()
                self.log.seek(0)
                last = self.log.read()[-4000:].decode(errors="replace")
                raise AssertionError(
                    f"{message[0]}: {error or 'the process ended'}\n{last}"
                ) from None
        if not worked:
            raise AssertionError(f"in a process of its own, {message[0]}:\n{answer}")
        return answer

    def received(self, deadline: float) -> bytes:
        """The bytes of an answer."""
        (length,) = struct.unpack("!q", self.read(8, deadline))
        return self.read(length, deadline)

    def read(self, count: int, deadline: float) -> bytes:
        """So many bytes, before a time of the clock."""
        stream, data = self.process.stdout, b""
        while len(data) < count:
            ready, _, _ = select.select([stream], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError("it did not return in time")
            more = os.read(stream.fileno(), count - len(data))
            if not more:
                raise EOFError
            data += more
        return data


_children: dict[int, Child] = {}


def send(stream: Any, message: Any) -> None:
    """Write a message as its length and its bytes."""
    data = pickle.dumps(message)
    data = struct.pack("!q", len(data)) + data
    while data:
        data = data[stream.write(data) :]


def serve() -> None:
    """In the child: call functions until the parent closes the pipe or is gone."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what tests and TensorFlow print is no answer
    while True:
        head = sys.stdin.buffer.read(8)
        if len(head) < 8:
            return
        name, args, kwargs = pickle.loads(sys.stdin.buffer.read(struct.unpack("!q", head)[0]))
        try:
            module, _, function = name.rpartition(".")
            answer = True, getattr(importlib.import_module(module), function)(*args, **kwargs)
            pickle.dumps(answer)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            answer = False, traceback.format_exc()
        send(answers, answer)


if __name__ == "__main__":
    serve()
