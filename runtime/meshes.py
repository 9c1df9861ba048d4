"""Meshes of devices, and how arrays are distributed over them: JAX's names and arguments.

A `Mesh` is an array of devices whose axes have names. A `PartitionSpec` says for each axis of an array along
which axis of the mesh it is split; along the others the parts are copies. Both together are a
`NamedSharding`. These are plain values: nothing here knows TensorFlow (runtime/tf_dtensor.py does).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from redraft.runtime.devices import CPU_DEVICES, Device, devices
from redraft.runtime.sharded import ShardedArray


class Mesh:
    """An array of devices with a name for each axis. Compared and hashed by value.

    Attributes:
        devices: NumPy's array of the devices.
        axis_names: the names of its axes.
    """

    def __init__(self, devices: Any, axis_names: str | Sequence[str]) -> None:
        """Make a mesh.

        Args:
            devices: an array or nested list of devices (``rd.devices()``), or of names as ``"cpu:0"``.
            axis_names: a name for each axis of it.

        Raises:
            ValueError: there are more or fewer names than axes, a name or a device stands twice, or
                there is no device of a name.
            TypeError: a device or a name is none.
        """
        names = (axis_names,) if isinstance(axis_names, str) else tuple(axis_names)
        self.devices = _array_of_devices(devices)
        self.axis_names: tuple[str, ...] = names
        for name in names:
            if not isinstance(name, str) or not name:
                raise TypeError(f"Mesh: the name of an axis must be a text, got {name!r}")
        if len(set(names)) < len(names):
            raise ValueError(f"Mesh: an axis name stands twice in {names}")
        if len(names) != self.devices.ndim:
            raise ValueError(
                f"Mesh: an array of devices of shape {self.devices.shape} has "
                f"{self.devices.ndim} axes, and there are {len(names)} names, {names}"
            )
        flat = self.devices.ravel().tolist()
        twice = [d for d in flat if flat.count(d) > 1]
        if twice:
            raise ValueError(f"Mesh: {twice[0]!r} stands twice among the devices")

    @property
    def shape(self) -> OrderedDict[str, int]:
        """The size of each axis, by its name."""
        return OrderedDict(zip(self.axis_names, self.devices.shape, strict=True))

    @property
    def size(self) -> int:
        """How many devices there are."""
        return int(self.devices.size)

    @property
    def empty(self) -> bool:
        """Are there no devices?"""
        return self.size == 0

    @property
    def device_ids(self) -> np.ndarray:
        """The numbers of the devices."""
        return np.vectorize(lambda d: d.id, otypes=[int])(self.devices)

    def __eq__(self, other: Any) -> bool:
        return (
            isinstance(other, Mesh)
            and self.axis_names == other.axis_names
            and self.devices.shape == other.devices.shape
            and self.devices.ravel().tolist() == other.devices.ravel().tolist()
        )

    def __hash__(self) -> int:
        return hash((self.axis_names, self.devices.shape, tuple(self.devices.ravel().tolist())))

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name!r}: {size}" for name, size in self.shape.items())
        return f"Mesh({sizes})"


def _array_of_devices(given: Any) -> np.ndarray:
    """An array of devices from nested lists of devices or names."""

    def shape_of(x: Any) -> tuple[int, ...]:
        if isinstance(x, np.ndarray):
            return x.shape
        if isinstance(x, (Device, str)) or not isinstance(x, (list, tuple)):
            return ()
        inner = {shape_of(part) for part in x}
        if len(inner) > 1:
            raise ValueError("Mesh: the lists of devices must have equal lengths")
        return (len(x), *(inner.pop() if inner else ()))

    def flat(x: Any, depth: int) -> Iterator[Any]:
        if depth == 0:
            yield x
        else:
            for part in x:
                yield from flat(part, depth - 1)

    shape = shape_of(given)
    array = np.empty(shape, object)
    # `Device` is a tuple: NumPy must not look into it
    for place, one in zip(np.ndindex(*shape), flat(given, len(shape)), strict=True):
        array[place] = _device(one)
    return array


def _device(given: Any) -> Device:
    """A device, or the one of a name."""
    if isinstance(given, Device):
        return given
    if not isinstance(given, str):
        raise TypeError(f"Mesh: expected devices or their names, got {given!r}")
    kind, _, number = given.lower().rpartition("/")[2].removeprefix("device:").partition(":")
    there = devices(kind)
    found = [d for d in there if str(d.id) == (number or "0")]
    if not found:
        raise ValueError(f"Mesh: there is no device {given!r}; {too_few(there, kind)}")
    return found[0]


def too_few(there: list[Device], kind: str = "cpu") -> str:
    """How many devices there are, and how to get more."""
    count = f"there {'is 1 device' if len(there) == 1 else f'are {len(there)} devices'}"
    if kind != "cpu":
        return count
    return f"{count}; for more, call rd.config.set_cpu_devices(n) first, or set {CPU_DEVICES}=n"


def make_mesh(
    axis_shapes: Sequence[int], axis_names: Sequence[str], *, devices: Any = None
) -> Mesh:
    """A mesh of the first devices that there are.

    Args:
        axis_shapes: the size of each axis.
        axis_names: the name of each axis.
        devices: the devices to take, by default `rd.devices`.

    Raises:
        ValueError: there are too few devices.
    """
    from redraft.runtime.devices import devices as all_devices

    there = list(all_devices() if devices is None else devices)
    wanted = int(np.prod(axis_shapes, dtype=int))
    if wanted > len(there):
        raise ValueError(
            f"make_mesh: a mesh of shape {tuple(axis_shapes)} needs {wanted} devices, and "
            f"{too_few(there, there[0].platform if there else 'cpu')}"
        )
    array = np.empty(wanted, object)
    array[:] = there[:wanted]
    return Mesh(array.reshape(tuple(axis_shapes)), axis_names)


class PartitionSpec:
    """For each axis of an array the axis of the mesh along which it is split, or None.

    What it does not mention is not split: ``PartitionSpec("data")`` splits the first axis alone.
    Compared and hashed by value.
    """

    __slots__ = ("parts",)

    def __init__(self, *parts: str | tuple[str, ...] | None) -> None:
        """Describe how an array is split.

        Args:
            *parts: for each axis None, the name of an axis of the mesh, or a tuple of such names.

        Raises:
            TypeError: a part is none of these.
            ValueError: a name stands twice.
        """
        names: list[str] = []
        for part in parts:
            inner = part if isinstance(part, tuple) else (part,)
            if part is not None and not all(isinstance(name, str) for name in inner):
                raise TypeError(
                    f"PartitionSpec: expected None, a name or a tuple of names, got {part!r}"
                )
            names += [name for name in inner if name is not None]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"PartitionSpec: {name!r} stands twice in {parts}")
        self.parts = parts

    def __iter__(self) -> Iterator[Any]:
        return iter(self.parts)

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, place: Any) -> Any:
        return self.parts[place]

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, PartitionSpec) and self.parts == other.parts

    def __hash__(self) -> int:
        return hash((PartitionSpec, self.parts))

    def __reduce__(self) -> tuple:
        return PartitionSpec, self.parts

    def __repr__(self) -> str:
        return f"PartitionSpec({', '.join(map(repr, self.parts))})"


class NamedSharding:
    """A mesh, and how arrays are split over it. Compared and hashed by value.

    Attributes:
        mesh: the `Mesh`.
        spec: the `PartitionSpec`.
    """

    __slots__ = ("mesh", "spec")

    def __init__(self, mesh: Mesh, spec: PartitionSpec) -> None:
        """Describe how arrays are distributed.

        Raises:
            TypeError: an argument is no mesh or no spec.
            ValueError: the spec names an axis that the mesh does not have.
        """
        if not isinstance(mesh, Mesh):
            raise TypeError(f"NamedSharding: expected a Mesh, got {type(mesh).__name__}")
        if not isinstance(spec, PartitionSpec):
            raise TypeError(
                f"NamedSharding: expected a PartitionSpec, got {type(spec).__name__}; "
                "write rd.PartitionSpec('data', None)"
            )
        for part in spec:
            for name in part if isinstance(part, tuple) else (part,):
                if name is not None and name not in mesh.axis_names:
                    raise ValueError(
                        f"NamedSharding: the mesh has no axis {name!r}; it has {mesh.axis_names}"
                    )
        self.mesh, self.spec = mesh, spec

    @property
    def device_set(self) -> set[Device]:
        """The devices."""
        return set(self.mesh.devices.ravel().tolist())

    @property
    def num_devices(self) -> int:
        """How many devices there are."""
        return self.mesh.size

    @property
    def is_fully_replicated(self) -> bool:
        """Does each device hold the whole?"""
        return all(self.mesh.shape[n] == 1 for p in self.spec for n in _names(p))

    def axes(self, ndim: int) -> tuple[str | None, ...]:
        """The axis of the mesh for each axis of an array, None for those that are not split.

        Raises:
            NotImplementedError: an axis is split along several axes of the mesh.
        """
        found = []
        for part in self.spec:
            names = _names(part)
            if len(names) > 1:
                raise NotImplementedError(
                    f"{self.spec!r} splits an axis along several axes of the mesh, which DTensor "
                    "cannot; make a mesh in which they are one axis"
                )
            found.append(names[0] if names else None)
        return (*found, *[None] * (ndim - len(found)))

    def shard_shape(self, global_shape: Sequence[int]) -> tuple[int, ...]:
        """The shape of each part of an array.

        Raises:
            ValueError: it cannot be split that way.
        """
        shape = tuple(global_shape)
        check(self, shape, "shard_shape: an array")
        counts = [self.parts_of(part) for part in self.spec]
        counts += [1] * (len(shape) - len(counts))
        return tuple(n // count for n, count in zip(shape, counts, strict=True))

    def parts_of(self, part: Any) -> int:
        """Into how many parts a part of the spec splits an axis."""
        sizes = self.mesh.shape
        count = 1
        for name in _names(part):
            count *= sizes[name]
        return count

    def devices_indices_map(self, global_shape: Sequence[int]) -> dict[Device, tuple[slice, ...]]:
        """The part of an array that each device holds, as an index.

        Raises:
            ValueError: it cannot be split that way.
        """
        lengths = self.shard_shape(global_shape)
        names, sizes = self.mesh.axis_names, self.mesh.shape
        found = {}
        for place in np.ndindex(*self.mesh.devices.shape):
            at = dict(zip(names, place, strict=True))
            index = []
            for axis, length in enumerate(lengths):
                number = 0
                for name in _names(self.spec[axis]) if axis < len(self.spec) else ():
                    number = number * sizes[name] + at[name]
                is_split = axis < len(self.spec) and self.parts_of(self.spec[axis]) > 1
                index.append(
                    slice(number * length, (number + 1) * length) if is_split else slice(None)
                )
            found[self.mesh.devices[place]] = tuple(index)
        return found

    def is_equivalent_to(self, other: Any, ndim: int) -> bool:
        """Does it distribute arrays of so many axes in the same way?"""
        return (
            isinstance(other, NamedSharding)
            and self.mesh == other.mesh
            and self.axes(ndim) == other.axes(ndim)
        )

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, NamedSharding) and (self.mesh, self.spec) == (
            other.mesh,
            other.spec,
        )

    def __hash__(self) -> int:
        return hash((self.mesh, self.spec))

    def __repr__(self) -> str:
        return f"NamedSharding({self.mesh!r}, {self.spec!r})"


def _names(part: Any) -> tuple[str, ...]:
    """The names in one part of a spec."""
    return part if isinstance(part, tuple) else () if part is None else (part,)


def check(sharding: NamedSharding, shape: tuple[int, ...], what: str) -> None:
    """Can an array be split that way?

    Args:
        sharding: how it is to be split.
        shape: its shape.
        what: what it is, for errors.

    Raises:
        ValueError: it has too few axes, or an axis whose length is no multiple.
    """
    if len(sharding.spec) > len(shape):
        raise ValueError(
            f"{what} of shape {shape} has {len(shape)} axes, and {sharding.spec!r} is for "
            f"{len(sharding.spec)} or more"
        )
    for axis, part in enumerate(sharding.spec):
        count = sharding.parts_of(part)
        if shape[axis] % count:
            raise ValueError(
                f"{what} of shape {shape} cannot be split as {sharding.spec!r}: axis {axis} of "
                f"length {shape[axis]} is no multiple of {count}, the size of the mesh axis {part!r}"
            )


class SingleDeviceSharding:
    """An array on one device. Compared and hashed by value."""

    __slots__ = ("device",)

    def __init__(self, device: Device) -> None:
        self.device = device

    @property
    def device_set(self) -> set[Device]:
        """The device."""
        return {self.device}

    def devices_indices_map(self, global_shape: Sequence[int]) -> dict[Device, tuple[slice, ...]]:
        """All of the array is there."""
        return {self.device: (slice(None),) * len(tuple(global_shape))}

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, SingleDeviceSharding) and self.device == other.device

    def __hash__(self) -> int:
        return hash((SingleDeviceSharding, self.device))

    def __repr__(self) -> str:
        return f"SingleDeviceSharding({self.device!r})"


def device_put(x: Any, device: Any = None) -> Any:
    """Arrays on devices.

    Args:
        x: an array or a number, or a tree of them.
        device: a `NamedSharding` or a `Device` for all of them, a tree of such like `x` or like its
            upper part, or None, which leaves them where they are.

    Returns:
        The tree with a `ShardedArray` in place of each array.

    Raises:
        ValueError: an array cannot be split that way; `device` is no prefix of `x`.
        TypeError: a leaf is no array, or a place is none.
        MissingTensorFlow: TensorFlow is not installed.
    """
    from redraft.runtime.placing import placed

    return placed(x, device)


__all__ = [
    "Mesh", "NamedSharding", "PartitionSpec", "ShardedArray", "SingleDeviceSharding", "check", "device_put",
    "make_mesh", "too_few",
]  # fmt: skip
