"""How arrays are distributed over a mesh of devices: JAX's names and arguments.

A `PartitionSpec` says for each axis of an array along which axis of the mesh it is split; along the others the
parts are copies. With a mesh it is a `NamedSharding`. These are plain values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from redraft.runtime.devices import Device
from redraft.runtime.meshes import Mesh


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


__all__ = ["NamedSharding", "PartitionSpec", "SingleDeviceSharding", "check", "device_put"]
