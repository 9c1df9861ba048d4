"""Meshes of devices: JAX's names and arguments.

A `Mesh` is an array of devices whose axes have names, a plain value. How arrays lie on it is said by
runtime/shardings.py. Nothing here knows TensorFlow's engine (runtime/tf_dtensor.py does).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from redraft.runtime.devices import CPU_DEVICES, Device, devices


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


__all__ = ["Mesh", "make_mesh", "too_few"]
