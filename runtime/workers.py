"""What a program may set about its other workers, and the error that tells that one is lost."""

from __future__ import annotations

import os

from redraft.runtime.cluster import cluster

WORKER_TIMEOUT = "REDRAFT_WORKER_TIMEOUT"  # the environment variables that `set_worker_timeout`
START_TIMEOUT = "REDRAFT_START_TIMEOUT"  # stands for, in seconds
SECONDS, START_SECONDS = 10.0, 60.0
SHORTEST = 1.0  # heartbeats come twice in a timeout; more often they would be a load

_chosen: dict[str, float] = {}
_used: list[bool] = []


class WorkerLost(RuntimeError):
    """Another worker of this program has ended, no longer answers, or never came.

    The program cannot go on: what the workers compute together needs all of them. Start all of them again.
    """


def set_worker_timeout(seconds: float, start: float | None = None) -> None:
    """Choose when a silent worker counts as lost; before the program uses anything that needs TensorFlow.

    The environment variables ``REDRAFT_WORKER_TIMEOUT`` and ``REDRAFT_START_TIMEOUT`` do the same. All
    workers must say the same.

    Args:
        seconds: for how long a worker may be silent. Its process answers from threads of TensorFlow's, so
            that long computations and Python code are no silence. 10 by default.
        start: for how long the workers wait for each other when they start; None leaves it, 60 by default.

    Raises:
        ValueError: less than a second, or no number.
        RuntimeError: the workers have met already.
    """
    if _used:
        raise RuntimeError(
            "set_worker_timeout: the workers have met already; call it at the start of the program, "
            f"or set the environment variable {WORKER_TIMEOUT}"
        )
    chosen = {WORKER_TIMEOUT: seconds} | ({} if start is None else {START_TIMEOUT: start})
    for value in chosen.values():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= SHORTEST:
            raise ValueError(f"set_worker_timeout: expected a second or more, got {value!r}")
    _chosen.update(chosen)


def raise_lost(error: BaseException) -> None:
    """Raise `WorkerLost` in place of an error of TensorFlow's that comes of another worker's end."""
    if cluster() is None:
        return
    from redraft.runtime import tf_cluster

    lost = tf_cluster.explain(error)
    if lost is not None:
        raise lost from error


def worker_timeout() -> float:
    """For how many seconds a worker may be silent."""
    return _timeout(WORKER_TIMEOUT, SECONDS)


def start_timeout() -> float:
    """For how many seconds workers wait for each other at the start."""
    return _timeout(START_TIMEOUT, START_SECONDS)


def timeouts_are_used() -> None:
    """From now on it is too late to choose."""
    _used.append(True)


def _timeout(name: str, default: float) -> float:
    """What has been chosen, else what the environment says.

    Raises:
        ValueError: the variable is no number of seconds.
    """
    if name in _chosen:
        return _chosen[name]
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not value >= SHORTEST:
        raise ValueError(f"{name}={text}: expected a number of seconds, 1 or more")
    return value
