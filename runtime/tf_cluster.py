"""Join the processes that ``TF_CONFIG`` describes, by TensorFlow's strategy for several workers.

The strategy starts this process's server, connects it to the others and lets TensorFlow's coordination
service watch them: a worker whose heartbeats stop makes the collectives of all others fail. That must
happen before TensorFlow makes its devices, therefore when the first of redraft's modules uses TensorFlow
(tf_devices.py).
"""

from __future__ import annotations

import contextlib
import faulthandler
import re
import sys
from collections.abc import Iterator

import tensorflow as tf
from tensorflow.python.eager import context

from redraft.runtime.cluster import Cluster, cluster, process_of
from redraft.runtime.rendezvous import answers, meet, named
from redraft.runtime.workers import (
    WORKER_TIMEOUT,
    WorkerLost,
    start_timeout,
    timeouts_are_used,
    worker_timeout,
)

# What TensorFlow says when collectives end because of another worker.
OF_OTHERS = re.compile(r"Collective ops is aborted|CoordinationService|oordination service|RecvBuf")
SIGNS = re.compile(  # of these, what a worker's end or silence brings about
    r"stopped sending heartbeats|CoordinationService/|to coordination service|Socket closed"
    r"|onnection reset|ailed to connect|onnection refused"
)
LEADER = re.compile(r"CoordinationService/|to coordination service")  # its service is on worker 0
TASK = re.compile(r"/job:(?:chief|worker)/(?:replica:\d+/)?task:\d+")

_own: list[tf.distribute.Strategy] = []
_too_late: list[bool] = []


def join() -> None:
    """Connect this process with the others, if ``TF_CONFIG`` names some and nobody has done so.

    Raises:
        WorkerLost: not all workers came in time.
        RuntimeError: this worker's address is taken.
    """
    found = cluster()
    if found is None or is_joined():
        return
    if context.context()._initialized:
        _too_late.append(True)  # matters only to programs that use several devices
        return
    timeouts_are_used()
    meet(found, start_timeout())
    watch_by_heartbeats(found)
    with ending_the_process_after(start_timeout()):
        connect_to_other_workers()


def connect_to_other_workers() -> None:
    """Make the strategy, which waits for all; the name tells what is seen if that never ends."""
    try:
        _own.append(new_strategy())
    except tf.errors.OpError as error:
        raise explain(error) or error from error


def is_joined() -> bool:
    """Is this process connected, by redraft or by a strategy that the user has made?"""
    return context.context()._collective_ops_server_def is not None


def members() -> Cluster:
    """The workers, once they are connected.

    Raises:
        RuntimeError: TensorFlow was used before redraft could connect them.
    """
    found = cluster()
    if found is None:
        raise RuntimeError("TF_CONFIG names no other workers")
    if not is_joined():
        raise RuntimeError(
            f"TF_CONFIG names {len(found.workers)} workers, and TensorFlow was used before they were "
            "connected: call rd.devices() at the start of the program, before any tensor is made"
        )
    return found


def strategy() -> tf.distribute.Strategy:
    """The strategy in whose scope this is called, else the one that connects this process.

    Raises:
        RuntimeError: there is none.
    """
    if tf.distribute.has_strategy():
        return tf.distribute.get_strategy()
    members()
    if not _own:  # the user's own strategy has connected the process, and is out of scope
        _own.append(new_strategy())
    return _own[0]


def new_strategy() -> tf.distribute.MultiWorkerMirroredStrategy:
    """A strategy over all workers; rings of sockets between CPUs."""
    kinds = tf.distribute.experimental.CommunicationImplementation
    has_gpus = bool(tf.config.list_physical_devices("GPU"))
    options = tf.distribute.experimental.CommunicationOptions(
        implementation=kinds.AUTO if has_gpus else kinds.RING
    )
    return tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)


def watch_by_heartbeats(found: Cluster) -> None:
    """Tell the coordination service how long a silence may last; the strategy leaves it as it is."""
    if context.context().coordination_service is not None:
        return
    from tensorflow.compiler.xla.tsl.protobuf import coordination_config_pb2 as protobuf

    chiefs = sum(process.startswith("/job:chief") for process in found.tasks())
    counts = {"chief": chiefs, "worker": len(found.workers) - chiefs}
    context.context().configure_coordination_service(
        service_type="standalone",
        service_leader=found.tasks()[0],
        cluster_register_timeout_in_ms=int(start_timeout() * 1000),
        heartbeat_timeout_in_ms=int(worker_timeout() * 1000),
        coordinated_jobs=[
            protobuf.CoordinatedJob(name=job, num_tasks=count)
            for job, count in counts.items()
            if count
        ],
    )


@contextlib.contextmanager
def ending_the_process_after(seconds: float) -> Iterator[None]:
    """End the process if it takes longer to connect.

    All workers have met, so that this is a matter of milliseconds. But one that is killed just then makes
    TensorFlow wait for ever, holding the interpreter's lock: no exception can be raised.
    """
    faulthandler.dump_traceback_later(seconds, exit=True, file=sys.__stderr__)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def explain(error: BaseException) -> WorkerLost | None:
    """The error to raise in place of one of TensorFlow's that comes of a lost worker; None of others."""
    message = getattr(error, "message", "")  # both of TensorFlow's kinds of errors have one
    found = cluster()
    if found is None or not isinstance(message, str) or not OF_OTHERS.search(message):
        return None
    ended = [i for i in others(found) if not answers(found.workers[i], 0.5)]
    if not ended and not SIGNS.search(message):
        return None
    silent = sorted(blamed(found, message) - set(ended))
    who = "another worker has ended or no longer answers"
    if ended:
        who = f"{named(found, ended)} {'have' if ended[1:] else 'has'} ended"
    elif silent:
        has = "have" if silent[1:] else "has"
        who = f"{named(found, silent)} {has} not answered for {worker_timeout():g} s"
    return WorkerLost(
        f"{who}; this is worker {found.index} of {len(found.workers)}, and what they compute together "
        "needs all. Start all workers again; a program that saves its state goes on from there. "
        f"({WORKER_TIMEOUT} is the time after which a silent worker counts as lost.)"
    )


def others(found: Cluster) -> list[int]:
    """The workers except this one."""
    return [i for i in range(len(found.workers)) if i != found.index]


def blamed(found: Cluster, message: str) -> set[int]:
    """The workers that a message of TensorFlow's is about."""
    tasks = {process_of(task) for task in TASK.findall(message)}
    if not tasks - {found.index} and LEADER.search(message):
        tasks = {0}
    return tasks - {found.index}
