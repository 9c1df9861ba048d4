"""Workers wait for each other before TensorFlow connects them.

TensorFlow's own start waits for a worker that never comes, without an end and without letting Python
interrupt it. So each worker first listens on its own address, where TensorFlow's server will stand later,
and tries those of the others: who can be connected to is there, be it listening here or served by
TensorFlow already.
"""

from __future__ import annotations

import socket
import time

from redraft.runtime.cluster import Cluster
from redraft.runtime.workers import START_TIMEOUT, WorkerLost

PAUSE = 0.1  # between two attempts, in seconds


def meet(cluster: Cluster, seconds: float) -> None:
    """Return once all workers are there.

    Raises:
        WorkerLost: some did not come in time; says which.
        RuntimeError: this worker's own address is taken.
    """
    start = time.monotonic()
    with listening(cluster):
        missing = [i for i in range(len(cluster.workers)) if i != cluster.index]
        while missing:
            missing = [i for i in missing if not answers(cluster.workers[i])]
            if missing and time.monotonic() - start > seconds:
                raise WorkerLost(
                    f"{named(cluster, missing)} did not start within {seconds:g} s; this is worker "
                    f"{cluster.index} of {len(cluster.workers)}. Start all workers at about the same "
                    f"time, each with its own TF_CONFIG, or wait longer: {START_TIMEOUT}=seconds"
                )
            if missing:
                time.sleep(PAUSE)


def listening(cluster: Cluster) -> socket.socket:
    """A socket on this worker's port: connections to it succeed, nothing is ever said."""
    port = split(cluster.workers[cluster.index])[1]
    try:
        if socket.has_dualstack_ipv6():
            try:
                return socket.create_server(
                    ("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=256
                )
            except OSError:  # IPv6 is known and switched off
                pass
        return socket.create_server(("", port), backlog=256)
    except OSError as error:
        raise RuntimeError(
            f"worker {cluster.index} cannot listen on its address "
            f"{cluster.workers[cluster.index]} ({error.strerror}): another program is there, "
            "or the last run has not ended"
        ) from error


def answers(address: str, seconds: float = 1.0) -> bool:
    """Can one connect to an address?"""
    try:
        socket.create_connection(split(address), timeout=seconds).close()
    except OSError:
        return False
    return True


def split(address: str) -> tuple[str, int]:
    """Host and port of ``host:port``.

    Raises:
        ValueError: it is no such address.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"TF_CONFIG: expected an address host:port, got {address!r}")
    return host.strip("[]"), int(port)


def named(cluster: Cluster, workers: list[int]) -> str:
    """Some workers and their addresses, as the subject of a sentence."""
    each = [f"{i} ({cluster.workers[i]})" for i in workers]
    return f"worker {each[0]}" if len(each) == 1 else f"workers {', '.join(each)}"
