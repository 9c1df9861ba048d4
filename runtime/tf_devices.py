"""TensorFlow's devices. Imported before any other module of redraft uses TensorFlow."""

from __future__ import annotations

import tensorflow as tf

from redraft.runtime import tf_cluster
from redraft.runtime.cluster import cluster, process_of
from redraft.runtime.devices import wanted_cpu_devices


def split_cpu(count: int) -> bool:
    """Split the CPU into several logical devices; False if it is too late to do so."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    parts = [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
    try:
        tf.config.set_logical_device_configuration(cpu, parts)
    except RuntimeError:  # TensorFlow has been used
        return len(local_names("cpu")) == count
    return True


def names(kind: str) -> list[str]:
    """What TensorFlow calls its devices of a kind, ``cpu``, ``gpu`` or ``tpu``, in all processes."""
    if cluster() is not None:
        tf_cluster.members()
    return [d.name for d in tf.config.list_logical_devices(kind.upper())]


def local_names(kind: str) -> list[str]:
    """Those of this process."""
    mine = getattr(cluster(), "index", 0)
    found = [d.name for d in tf.config.list_logical_devices(kind.upper())]
    return [name for name in found if "/task:" not in name or process_of(name) == mine]


if wanted_cpu_devices() is not None:
    split_cpu(wanted_cpu_devices() or 1)
tf_cluster.join()
