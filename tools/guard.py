"""End the process groups of a launcher's workers when the launcher is gone.

Run as a program it reads the groups' numbers, a line each, until its input ends; the launcher's death,
of whatever kind, ends it. It uses nothing but Python's own modules, so that it starts at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

GRACE = 5.0  # between asking a worker to end and ending it, in seconds
DISMISSED = "done"


def tell(guard: subprocess.Popen, group: int) -> None:
    """Let a guard watch one more group."""
    guard.stdin.write(f"{group}\n".encode())
    guard.stdin.flush()


def dismiss(guard: subprocess.Popen) -> None:
    """The workers have ended; so may the guard."""
    with contextlib.suppress(OSError):
        guard.stdin.write(f"{DISMISSED}\n".encode())
        guard.stdin.close()
    guard.wait()


def end_groups(groups: list[int]) -> None:
    """Ask the processes of some groups to end, then make them."""
    left = [group for group in groups if send(group, signal.SIGTERM)]
    begin = time.monotonic()
    while left and time.monotonic() - begin < GRACE:
        time.sleep(0.05)
        left = [group for group in left if is_alive(group)]
    for group in left:
        send(group, signal.SIGKILL)


def send(group: int, number: int) -> bool:
    """Send a signal to a group; False if it is gone."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def is_alive(group: int) -> bool:
    """Is there a process of the group, other than one that has ended and waits for its parent?"""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(group, os.WNOHANG)
    return send(group, 0)


def main() -> None:
    """Read groups until the launcher is gone."""
    groups = []
    for line in sys.stdin:
        if line.strip() == DISMISSED:
            return
        groups.append(int(line))
    end_groups(groups)


if __name__ == "__main__":
    main()
