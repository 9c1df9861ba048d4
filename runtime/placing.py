"""Trees of arrays on devices, and the trees of shardings that belong to them."""

from __future__ import annotations

from typing import Any

import numpy as np

from redraft.runtime.devices import Device, process_count
from redraft.runtime.sharded import ShardedArray
from redraft.runtime.shardings import NamedSharding, PartitionSpec, SingleDeviceSharding, check
from redraft.runtime.structures import children, flatten, unflatten
from redraft.runtime.tensors import is_tensor, require_tensorflow


class Nowhere:
    """In place of a sharding: there is none."""

    def __repr__(self) -> str:
        return "None"


NOWHERE = Nowhere()


def places_of(prefix: Any, tree: Any, what: str, kinds: tuple[type, ...]) -> Any:
    """The tree with what a prefix of it says in place of each leaf, `NOWHERE` where it says None.

    Args:
        prefix: a place or None for all of the tree, or a container like it with such for its parts.
        tree: containers of leaves.
        what: the name of the tree, for errors.
        kinds: classes of places.

    Raises:
        ValueError: the prefix has another structure.
        TypeError: a part of it is no place.
    """
    return unflatten(tree, iter(spread(prefix, tree, what, kinds)))


def spread(prefix: Any, tree: Any, what: str, kinds: tuple[type, ...]) -> list[Any]:
    """What a prefix says of each leaf of a tree; see `places_of`."""
    parts = children(tree)
    if prefix is None or isinstance(prefix, kinds):
        return [NOWHERE if prefix is None else prefix] * len(flatten(tree))
    wanted = None if isinstance(prefix, PartitionSpec) else children(prefix)
    if wanted is None:
        raise TypeError(f"{what}: expected a sharding or None, got {described(prefix)}")
    if parts is None or parts[2] is not wanted[2]:
        kind = "one array" if parts is None else f"a {type(tree).__name__}"
        raise ValueError(f"{what} is {kind}, and what is said of it is a {type(prefix).__name__}")
    if parts[0] != wanted[0]:
        raise ValueError(
            f"{what} has the parts {list(parts[0])}, and what is said of it {list(wanted[0])}"
        )
    return [
        one
        for key, inner, x in zip(parts[0], wanted[1], parts[1], strict=True)
        for one in spread(inner, x, f"{what}[{key!r}]", kinds)
    ]


def described(x: Any) -> str:
    """A wrong sharding, for errors, with what to write."""
    if isinstance(x, PartitionSpec):
        return f"{x!r} without a mesh; write rd.NamedSharding(mesh, {x!r})"
    return type(x).__name__


def refuse_several_processes(what: str) -> None:
    """Raise an error in programs of several processes.

    Raises:
        NotImplementedError: there are several.
    """
    if process_count() > 1:
        raise NotImplementedError(f"{what}: shardings work within one process, not across several")


def placed(x: Any, place: Any) -> Any:
    """What `device_put` of runtime/meshes.py does."""
    require_tensorflow()
    refuse_several_processes("device_put")
    kinds = (NamedSharding, SingleDeviceSharding, Device)
    places = spread(place, x, "device_put: `x`", kinds)
    pairs = zip(flatten(x), places, strict=True)
    return unflatten(x, iter([placed_leaf(leaf, where) for leaf, where in pairs]))


def placed_leaf(x: Any, place: Any) -> Any:
    """One array on its devices."""
    from redraft.runtime import tf_dtensor

    if place is NOWHERE:
        return x
    if isinstance(place, Device):
        place = SingleDeviceSharding(place)
    if isinstance(x, ShardedArray) and x.sharding == place:
        return x
    x = as_array(x, "device_put")
    if isinstance(place, SingleDeviceSharding):
        tensor = tf_dtensor.on_one_device(x, place.device.name)
        return ShardedArray(x.shape, x.dtype, place, tensor, lambda t: t.numpy())
    check(place, x.shape, "device_put: an array")
    return tf_dtensor.sharded_array(tf_dtensor.put(x, place), place)


def as_array(x: Any, what: str) -> np.ndarray:
    """A number, array or tensor as NumPy's array.

    Raises:
        TypeError: it is none, or a tensor of a function that TensorFlow is tracing.
    """
    if is_tensor(x):
        if not hasattr(x, "numpy"):
            raise TypeError(
                f"{what}: a function that TensorFlow traces cannot be split over devices"
            )
        return x.numpy()
    array = np.asarray(x)
    if array.dtype.kind in "OSUmMV" and array.dtype.name != "bfloat16":
        raise TypeError(f"{what}: expected a number or an array, got {type(x).__name__}")
    return array


__all__ = ["NOWHERE", "as_array", "described", "placed", "places_of", "refuse_several_processes"]
