"""Arrays whose slices lie on the devices of a `pmap`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from redraft.runtime.devices import Device, described
from redraft.runtime.sharded import ShardedArray
from redraft.runtime.structures import flatten, unflatten


class PmapSharding(NamedTuple):
    """One slice of an array on each device.

    Attributes:
        names: of the devices, as TensorFlow has them.
        axis: the axis that is cut; None if each device holds the whole array.
    """

    names: tuple[str, ...]
    axis: int | None

    @property
    def devices(self) -> list[Device]:
        """The devices."""
        return [described(n, n.rpartition(":")[0].rpartition(":")[2].lower()) for n in self.names]

    def devices_indices_map(self, shape: tuple[int, ...]) -> dict[Device, tuple[slice, ...]]:
        """What each device holds of an array of this shape."""
        every = [slice(None)] * len(shape)
        found = {}
        for place, device in enumerate(self.devices):
            index = list(every)
            if self.axis is not None:
                index[self.axis] = slice(place, place + 1)
            found[device] = tuple(index)
        return found


def placed(parts: list[Any], axis: int | None, names: tuple[str, ...]) -> ShardedArray:
    """The array of which each device holds a slice without the axis, or all of it.

    Args:
        parts: one tensor per device.
        axis: where the axis of the devices goes; None if all tensors are the same.
        names: of the devices.
    """
    shape = tuple(parts[0].shape)
    if axis is not None:
        axis = checked_axis(axis, len(shape) + 1)
        shape = (*shape[:axis], len(parts), *shape[axis:])
    sharding = PmapSharding(names, axis)

    def gather(tensors: list[Any]) -> np.ndarray:
        if axis is None:
            return tensors[0].numpy()
        return np.stack([x.numpy() for x in tensors], axis)

    def shards(tensors: list[Any]) -> dict[Device, np.ndarray]:
        arrays = [x.numpy() if axis is None else np.expand_dims(x.numpy(), axis) for x in tensors]
        return dict(zip(sharding.devices, arrays, strict=True))

    def wait(tensors: list[Any]) -> None:
        for x in tensors:
            x.numpy()

    dtype = parts[0].dtype.as_numpy_dtype
    return ShardedArray(shape, dtype, sharding, parts, gather, shards, wait)


def checked_axis(axis: int, rank: int) -> int:
    """An axis counted from the front.

    Raises:
        ValueError: there is no such axis.
    """
    if not -rank <= axis < rank:
        raise ValueError(
            f"pmap out_axes: axis {axis} is out of bounds for a result with {rank} axes"
        )
    return axis % rank


def replicate(tree: Any, devices: Any = None) -> Any:
    """A copy of every array on every device, along a new axis in front: what `pmap` starts from.

    Args:
        tree: arrays and numbers in lists, tuples, dicts or dataclasses.
        devices: `rd.Device`s; by default those of this process.

    Returns:
        The same structure of `ShardedArray`, each with one row per device.
    """
    from redraft.runtime.devices import local_devices

    chosen = local_devices() if devices is None else list(devices)
    names = tuple(getattr(d, "name", d) for d in chosen)

    def copied(x: Any) -> ShardedArray:
        from redraft.runtime import tf_placed

        array = np.asarray(x)
        return placed([tf_placed.tensor(array, name) for name in names], 0, names)

    return unflatten(tree, iter(map(copied, flatten(tree))))


def unreplicate(tree: Any) -> Any:
    """The first row of every array, as NumPy's: the inverse of `replicate`."""

    def first(x: Any) -> np.ndarray:
        if isinstance(x, ShardedArray) and getattr(x.sharding, "axis", None) == 0:
            return x.parts[0].numpy()
        return np.asarray(x)[0]

    return unflatten(tree, iter(map(first, flatten(tree))))
