"""Collectives between the replicas of several worker processes, as operations of a graph.

Each worker builds one graph for all its devices. The values of its replicas are brought to the first of
them and reduced there; TensorFlow's ring collective reduces over the workers, one device of each; the
result is copied to the devices. That is what the strategy for several workers does where each has one
device, so that a collective costs one round of messages however many devices a worker has.
"""

from __future__ import annotations

import functools
import itertools
import threading
import zlib
from collections.abc import Callable, Sequence

import tensorflow as tf

from redraft.runtime import tf_cluster, tf_devices
from redraft.runtime.cluster import process_of

GROUP = 1_918_985_327  # the key of the group of all workers; TensorFlow's strategies count from 1
WIDER = {  # the types that the ring does not know, and one that holds their values
    tf.bool: tf.int32, tf.int8: tf.int32, tf.uint8: tf.int32, tf.int16: tf.int32, tf.uint16: tf.int32,
    tf.uint32: tf.int64, tf.bfloat16: tf.float32,
}  # fmt: skip
PARTS = {tf.complex64: tf.float32, tf.complex128: tf.float64}

_keys: dict[int, str] = {}
_programs: dict[str, int] = {}
_lock = threading.Lock()


class Workers:
    """The replicas of all workers, of which some are in this process.

    All workers must build the same graphs. A collective is found by the label of its program and its
    place in it: other programs that one worker alone has built do no harm.

    Attributes:
        devices: the names of this process's devices, one for each of its replicas.
        size: the number of replicas of all workers.
        first: the number of this process's first replica among all.
        turn: held by a call of a program, so that two threads do not mix up their messages.
    """

    def __init__(self, devices: Sequence[str] | None = None, label: str = "") -> None:
        """Describe the replicas of a program.

        Args:
            devices: this process's devices; by default all that it has. The other workers have as many.
            label: names the program, equally in all workers.

        Raises:
            RuntimeError: the workers are not connected, or do not have equally many devices.
            ValueError: a device is not this process's.
        """
        found = tf_cluster.members()
        self.devices = list(devices) if devices is not None else own_devices()
        foreign = [name for name in self.devices if process_of(name) != found.index]
        if foreign or not self.devices:
            raise ValueError(f"expected devices of worker {found.index}, got {self.devices}")
        if devices is None:
            check_equal_numbers(len(found.workers))
        self.processes = len(found.workers)
        self.size = self.processes * len(self.devices)
        self.first = found.index * len(self.devices)
        self.turn = threading.Lock()
        self._label = numbered(label)
        self._places = itertools.count()

    def sum(self, values: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """The sum over all replicas, on each device; integers wrap around as NumPy's do.

        Args:
            values: one tensor for each local device, all of one shape and dtype.

        Raises:
            TypeError: truth values have no sum.
        """
        if values[0].dtype == tf.bool:
            raise TypeError("a sum of truth values: cast them to integers first")
        return self._reduced(values, "Add", tf.add_n, sendable)

    def largest(self, values: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """The largest over all replicas, on each device; NaN if one is.

        Raises:
            TypeError: complex numbers have no order.
        """
        return self._reduced(values, "Max", functools.partial(folded, tf.maximum), ordered)

    def smallest(self, values: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """The smallest over all replicas; as `largest`."""
        return self._reduced(values, "Min", functools.partial(folded, tf.minimum), ordered)

    def gather(self, values: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """The values of all replicas in their order, along a new first axis, on each device."""
        shape, dtype = values[0].shape, values[0].dtype
        sent = self._sent(values, sendable)
        with tf.device(self.devices[0]):
            rows = tf.stack(sent)
            if rows.shape.num_elements() != 0:
                rows = tf.raw_ops.CollectiveGatherV2(input=rows, **self._ring())
            else:
                rows = tf.tile(rows, [self.processes] + [1] * (rows.shape.rank - 1))
            gathered = received(rows, dtype)
            gathered.set_shape([self.size, *shape] if shape.rank is not None else None)
        return self._on_all(gathered)

    def permute(self, values: Sequence[tf.Tensor], source: Sequence[int]) -> list[tf.Tensor]:
        """The tensor that each replica receives from another; all are sent to all.

        Args:
            values: one tensor for each local device.
            source: for every replica of all workers the one it receives from; -1 for none, and zeros.
        """
        found = []
        for place, gathered in enumerate(self.gather(values)):
            with tf.device(self.devices[place]):
                sender = source[self.first + place]
                found.append(tf.zeros_like(gathered[0]) if sender < 0 else gathered[sender])
        return found

    def _reduced(
        self, values: Sequence[tf.Tensor], operation: str, local: Callable, encoded: Callable
    ) -> list[tf.Tensor]:
        """The values reduced on this worker, then over the workers."""
        shape, dtype = values[0].shape, values[0].dtype
        sent = self._sent(values, encoded)
        with tf.device(self.devices[0]):
            mine = local(sent)
            if mine.shape.num_elements() != 0:  # nothing to send otherwise
                mine = tf.raw_ops.CollectiveReduceV2(
                    input=mine, merge_op=operation, final_op="Id", **self._ring()
                )
            result = tf.ensure_shape(received(mine, dtype), shape)
        return self._on_all(result)

    def _sent(self, values: Sequence[tf.Tensor], encoded: Callable) -> list[tf.Tensor]:
        """The values in types that the ring knows, encoded where they are."""
        if len(values) != len(self.devices):
            raise ValueError(f"expected {len(self.devices)} values, got {len(values)}")
        sent = []
        for device, value in zip(self.devices, values, strict=True):
            with tf.device(device):
                sent.append(encoded(value))
        return sent

    def _ring(self) -> dict[str, object]:
        """What a ring collective is told beside its value."""
        return {
            "group_size": self.processes,
            "group_key": GROUP,
            "instance_key": instance_key(f"{self._label}/{next(self._places)}"),
            "ordering_token": [],
            "communication_hint": "ring" if "GPU" not in self.devices[0] else "auto",
        }

    def _on_all(self, value: tf.Tensor) -> list[tf.Tensor]:
        """A copy on each device."""
        copies = []
        for device in self.devices:
            with tf.device(device):
                copies.append(tf.identity(value))
        return copies


def own_devices() -> list[str]:
    """The devices of this process that programs run on: its GPUs, else its CPUs."""
    return tf_devices.local_names("gpu") or tf_devices.local_names("cpu")


def check_equal_numbers(processes: int) -> None:
    """Do all workers have equally many devices?

    Raises:
        RuntimeError: they do not.
    """
    kind = "gpu" if tf_devices.local_names("gpu") else "cpu"
    places = [process_of(name) for name in tf_devices.names(kind)]
    counts = [places.count(process) for process in range(processes)]
    if len(set(counts)) != 1:
        raise RuntimeError(
            f"all workers must have equally many devices, and have {counts} of kind {kind}; "
            "REDRAFT_CPU_DEVICES must be the same everywhere"
        )


def numbered(label: str) -> str:
    """The label of a program, with a number if it is not the first of this label."""
    with _lock:
        _programs[label] = number = _programs.get(label, 0) + 1
    return f"{label}#{number}"


def instance_key(name: str) -> int:
    """The key by which the workers find each other's part of a collective.

    It depends on the name alone, so that workers agree on it without asking.
    """
    with _lock:
        key = zlib.crc32(name.encode()) & 0x7FFFFFFF
        while _keys.setdefault(key, name) != name:
            key = zlib.crc32(f"{name}~{key}".encode()) & 0x7FFFFFFF
    return key


def sendable(value: tf.Tensor) -> tf.Tensor:
    """A value in a type that the ring knows, of which sums and copies are the same."""
    if value.dtype in PARTS:
        return tf.stack([tf.math.real(value), tf.math.imag(value)], axis=-1)
    if value.dtype == tf.uint64:
        return tf.bitcast(value, tf.int64)
    return tf.cast(value, WIDER.get(value.dtype, value.dtype))


def ordered(value: tf.Tensor) -> tf.Tensor:
    """A value in a type that the ring knows, with the same order."""
    if value.dtype in PARTS:
        raise TypeError("complex numbers have no largest or smallest")
    if value.dtype == tf.uint64:
        raise TypeError("largest and smallest over workers: uint64 is not supported; cast it")
    return sendable(value)


def received(value: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """What `sendable` and `ordered` undo."""
    if dtype in PARTS:
        return tf.complex(value[..., 0], value[..., 1])
    return tf.bitcast(value, dtype) if dtype == tf.uint64 else tf.cast(value, dtype)


def folded(operation: Callable, values: Sequence[tf.Tensor]) -> tf.Tensor:
    """All values combined by an operation of two."""
    return functools.reduce(operation, values)
