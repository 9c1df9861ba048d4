"""The devices that functions run on, and how a laptop gets several of them.

TensorFlow shows one CPU device however many cores there are. `set_cpu_devices` splits it into several
logical ones, which is how `pmap` and shardings are developed and tested without a cluster.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from redraft.runtime.cluster import process_of
from redraft.runtime.tensors import require_tensorflow

CPU_DEVICES = "REDRAFT_CPU_DEVICES"  # the environment variable that `set_cpu_devices` stands for
KINDS = ("cpu", "gpu", "tpu")

_asked: list[int] = []


@dataclasses.dataclass(frozen=True, repr=False)
class Device:
    """A device of TensorFlow's.

    Attributes:
        platform: ``cpu``, ``gpu`` or ``tpu``.
        id: its number among those of its platform and process.
        process_index: the process that it belongs to.
        name: what TensorFlow calls it.
    """

    platform: str
    id: int
    process_index: int
    name: str

    def __repr__(self) -> str:
        process = f", process {self.process_index}" if self.process_index else ""
        return f"<{self.platform}:{self.id}{process}>"


def set_cpu_devices(count: int) -> None:
    """Split the CPU into several devices, before anything has used TensorFlow.

    The environment variable ``REDRAFT_CPU_DEVICES`` does the same for a whole program. Devices share the
    cores: several of them are for development, and for code whose parts leave cores idle.

    Args:
        count: how many devices there shall be.

    Raises:
        ValueError: it is not a positive whole number.
        RuntimeError: TensorFlow has been used already, with another number of devices.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"set_cpu_devices: expected a number of devices, got {count!r}")
    _asked.append(count)  # the modules that use TensorFlow make the devices when they are imported
    require_tensorflow()
    from redraft.runtime import tf_devices

    if not tf_devices.split_cpu(count):
        there = len(local_devices("cpu"))
        raise RuntimeError(
            f"set_cpu_devices: TensorFlow runs already, with {there} CPU "
            f"{'device' if there == 1 else 'devices'}; call it at the start of the program, "
            f"or set the environment variable {CPU_DEVICES}={count}"
        )


def wanted_cpu_devices() -> int | None:
    """The number of CPU devices that the program or the environment asks for; None if neither does.

    Raises:
        ValueError: the variable is no positive number.
    """
    if _asked:
        return _asked[-1]
    text = os.environ.get(CPU_DEVICES, "").strip()
    if not text:
        return None
    if not text.isdigit() or int(text) < 1:
        raise ValueError(f"{CPU_DEVICES}={text}: expected a number of devices")
    return int(text)


def devices(backend: str | None = None) -> list[Device]:
    """All devices of a platform, in the order in which `pmap` uses them.

    Args:
        backend: ``cpu``, ``gpu`` or ``tpu``; by default the last of these that there is.

    Returns:
        The devices of all processes.

    Raises:
        ValueError: there is no such platform.
        RuntimeError: there is no device of this platform; or ``TF_CONFIG`` names other workers, and
            TensorFlow was used before they could be connected.
        WorkerLost: not all workers came in time.
    """
    require_tensorflow()
    from redraft.runtime import tf_devices

    if backend is None:
        kinds: tuple[str, ...] = KINDS[::-1]
    elif backend.lower() in KINDS:
        kinds = (backend.lower(),)
    else:
        raise ValueError(f"devices: there is no platform {backend!r}; write 'cpu', 'gpu' or 'tpu'")
    for kind in kinds:
        found = [described(name, kind) for name in tf_devices.names(kind)]
        if found:
            return sorted(found, key=lambda device: (device.process_index, device.id))
    raise RuntimeError(f"devices: TensorFlow sees no {kinds[0]}")


def described(name: str, kind: str) -> Device:
    """The device of a name."""
    return Device(kind, int(name.rpartition(":")[2]), process_of(name), name)


def local_devices(backend: str | None = None) -> list[Device]:
    """The devices of this process; argument and errors as for `devices`."""
    mine = process_index()
    return [d for d in devices(backend) if d.process_index == mine]


def device_count(backend: str | None = None) -> int:
    """How many devices there are in all processes."""
    return len(devices(backend))


def local_device_count(backend: str | None = None) -> int:
    """How many devices this process has."""
    return len(local_devices(backend))


def process_index() -> int:
    """The number of this process among those that run the program together; 0 if there is one."""
    return _cluster()[0]


def process_count() -> int:
    """How many processes run the program together."""
    return _cluster()[1]


def _cluster() -> tuple[int, int]:
    """The number of this process, and how many there are, as ``TF_CONFIG`` says."""
    from redraft.runtime.cluster import cluster

    found: Any = cluster()
    return (0, 1) if found is None else (found.index, len(found.workers))
