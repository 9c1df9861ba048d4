"""Programs that run on a mesh of devices, by TensorFlow's DTensor. No other module knows DTensor.

DTensor takes a graph of operations on whole arrays and makes of it the program of each device, with the exchanges
between them. It is experimental: left alone it chooses layouts of its own, and some of its choices
are refused later, or give wrong numbers. So every operation is written anew here, with the
layouts of its operands and results fixed (runtime/layouts.py) by the attribute `_layout`.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import attr_value_pb2
from tensorflow.experimental import dtensor

from redraft.runtime.layouts import Layout
from redraft.runtime.meshes import Mesh
from redraft.runtime.sharded import ShardedArray
from redraft.runtime.shardings import NamedSharding, PartitionSpec
from redraft.runtime.tf_split import CannotSplit, Writer

LOCK = threading.RLock()  # exchanges of two programs at once would wait for each other
# With loops of other programs in the process, DTensor now and then defines one of theirs again, and
# refuses that. It does not do so when it is asked once more, for a function of another name.
CLASH, ATTEMPTS = "because a different function with the same name already exists", 6
# What an earlier program that failed leaves behind: the next one is not started
CANCELLED = "Function was cancelled before it was started"
# the switch of DTensor's for operations that it does not know: it runs them on whole operands
WITH_WHOLE_OPERANDS = "DTENSOR_ENABLE_REPLICATED_SPMD_AS_DEFAULT_TF."


# --- meshes and arrays


@functools.lru_cache(maxsize=64)
def mesh_of(mesh: Mesh) -> Any:
    """DTensor's mesh."""
    names = [full_name(d.name) for d in mesh.devices.ravel()]
    numbers = np.arange(mesh.size).reshape(mesh.devices.shape)
    return dtensor.Mesh(list(mesh.axis_names), numbers, list(range(mesh.size)), names)


def full_name(name: str) -> str:
    """What DTensor calls a device."""
    spec = tf.DeviceSpec.from_string(name)
    if spec.job is None:
        spec = spec.replace(job="localhost", replica=0, task=0)
    return spec.to_string()


def layout_of(mesh: Mesh, layout: Layout) -> Any:
    """DTensor's layout."""
    return dtensor.Layout([name or dtensor.UNSHARDED for name in layout], mesh_of(mesh))


def put(x: Any, sharding: NamedSharding) -> Any:
    """The parts of an array on the devices, as one value of DTensor's."""
    x = np.asarray(x)
    x = x if x.dtype.isnative else x.astype(x.dtype.newbyteorder("="))
    parts: dict[tuple, Any] = {}
    held = []
    with tf.init_scope(), LOCK:
        for index in sharding.devices_indices_map(x.shape).values():
            key = tuple((s.start, s.stop) for s in index)
            if key not in parts:
                parts[key] = tf.constant(x[index])
            held.append(parts[key])
        return dtensor.pack(held, layout_of(sharding.mesh, sharding.axes(x.ndim)))


def on_one_device(x: Any, device: str) -> Any:
    """A tensor on a device."""
    with tf.init_scope(), tf.device(device):
        return tf.identity(tf.constant(np.asarray(x)))


def sharded_array(value: Any, sharding: NamedSharding) -> ShardedArray:
    """A value of DTensor's as an array."""
    shape, dtype = tuple(value.shape), value.dtype.as_numpy_dtype

    def shards(value: Any) -> dict[Any, np.ndarray]:
        with tf.init_scope(), LOCK:
            parts = dtensor.unpack(value)
        devices = sharding.mesh.devices.ravel()
        return {d: part.numpy() for d, part in zip(devices, parts, strict=True)}

    def gather(value: Any) -> np.ndarray:
        held = shards(value)
        out = np.empty(shape, dtype)
        for device, index in sharding.devices_indices_map(shape).items():
            out[index] = held[device]
        return out

    return ShardedArray(shape, dtype, sharding, value, gather, shards, shards)


# --- programs


class Program:
    """A traced function that runs on a mesh.

    Args:
        concrete: the traced function, on whole arrays.
        inputs: how its arguments are distributed.
        outputs: how its results shall be, None for those that come out as they are computed.
        mesh: the mesh of all of them.

    Attributes:
        outputs: how the results are distributed.

    Raises:
        CannotSplit: DTensor cannot run it.
    """

    def __init__(
        self,
        concrete: Any,
        inputs: list[NamedSharding],
        outputs: list[NamedSharding | None],
        mesh: Mesh,
    ) -> None:
        if concrete.captured_inputs:
            raise CannotSplit("it reads variables of TensorFlow's")
        self.mesh, self.is_new = mesh, True
        self.types: set[str] = set()
        layouts = [s.axes(x.shape.rank) for s, x in zip(inputs, concrete.inputs, strict=True)]
        self.outputs: list[NamedSharding] = []

        def fixed(layouts: list[Layout]) -> Any:
            texts = [layout_of(mesh, one).to_string().encode() for one in layouts]
            return attr_value_pb2.AttrValue(list=attr_value_pb2.AttrValue.ListValue(s=texts))

        def body(*tensors: Any) -> list[Any]:
            writer = Writer(concrete.graph, dict(mesh.shape), fixed)
            given = list(zip(tensors, layouts, strict=True))
            results = writer.written(concrete.graph, given)
            self.types, self.outputs = writer.types, []
            found = []
            for (x, layout), wanted in zip(results, outputs, strict=True):
                wanted = wanted or NamedSharding(mesh, PartitionSpec(*layout))
                self.outputs.append(wanted)
                found.append(writer.moved(x, layout, wanted.axes(x.shape.rank), again=True))
            return found

        body.__name__ = "on_mesh"
        specifications = [tf.TensorSpec(x.shape, x.dtype) for x in concrete.inputs]

        def trace() -> Any:
            function = tf.function(body, autograph=False)
            return function.get_concrete_function(*specifications)

        self.trace, self.concrete = trace, trace()

    def run(self, tensors: list[Any]) -> list[Any]:
        """Run it on values of DTensor's.

        Raises:
            CannotSplit: DTensor cannot, which turns out at the first run.
        """
        with tf.init_scope(), LOCK, dtensor.default_mesh(mesh_of(self.mesh)):
            for attempt in range(ATTEMPTS):
                try:
                    return self.once(tensors)
                except (tf.errors.OpError, ValueError, TypeError) as error:
                    tf.experimental.async_clear_error()
                    is_last = attempt == ATTEMPTS - 1
                    if CANCELLED in str(error) and not is_last:
                        continue
                    if not self.is_new:
                        raise
                    if CLASH in str(error) and not is_last:
                        self.concrete = self.trace()
                        continue
                    text = str(error).strip() or type(error).__name__
                    raise CannotSplit(text.splitlines()[0].rpartition("error: ")[2]) from error
        raise AssertionError("the last attempt returns or raises")

    def once(self, tensors: list[Any]) -> list[Any]:
        """Run it; the first time, wait for all devices."""
        if not self.is_new:
            return list(self.concrete(*tensors))
        with operations_on_whole_operands(self.types):
            results = list(self.concrete(*tensors))
        for part in (part for x in results for part in dtensor.unpack(x)):
            part.numpy()  # what goes wrong on a device may show only now
        self.is_new = False
        return results


@contextlib.contextmanager
def operations_on_whole_operands(types: set[str]) -> Iterator[None]:
    """While DTensor compiles: let it run operations that it does not know on whole operands."""
    names = [f"{WITH_WHOLE_OPERANDS}{kind.upper()}" for kind in types]
    names = [name for name in names if name not in os.environ]
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name in names:
            os.environ.pop(name, None)


__all__ = ["CannotSplit", "Program", "on_one_device", "put", "sharded_array"]
