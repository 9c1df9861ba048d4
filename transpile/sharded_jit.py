"""`jit` on a mesh of devices: `in_shardings`, `out_shardings`, and arguments that lie on a mesh.

The function is traced as for one device. Its graph is then written anew with a layout for each operation, and
run by DTensor (runtime/tf_dtensor.py). Where DTensor cannot run it, it runs on one device, its
results are distributed, and a warning says why.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from redraft.runtime.memory import TRACE
from redraft.runtime.meshes import Mesh
from redraft.runtime.placing import NOWHERE, as_array, places_of, refuse_several_processes
from redraft.runtime.sharded import ShardedArray, mesh_of
from redraft.runtime.shardings import NamedSharding, PartitionSpec, check
from redraft.runtime.structures import flatten
from redraft.transpile.jit import NUMBERS, Entry, Jitted
from redraft.transpile.jit_call import Constant, Result, mapped


class ShardingWarning(UserWarning):
    """A function with shardings runs on one device, because DTensor cannot split it."""


class ShardedJitted(Jitted):
    """A jitted function with `in_shardings` or `out_shardings`."""

    def __init__(self, fun: Any, **options: Any) -> None:
        for name in ("abstracted_axes", "device", "backend"):
            if options[name] is not None:
                raise ValueError(
                    f"jit: `{name}` cannot be given together with shardings, which say where it runs"
                )
        refuse_several_processes("jit")
        self.mesh = common_mesh(options["in_shardings"], options["out_shardings"])
        super().__init__(fun, **options)

    @property
    def entry_class(self) -> type[Entry]:
        return ShardedEntry

    def lower(self, *args: Any, **kwargs: Any) -> Any:
        """Refused: DTensor keeps the programs that it makes to itself.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            "lower: DTensor does not show the programs of the devices; rd.jit(f).lower(...) without "
            "shardings shows the program before it is split"
        )


def common_mesh(*shardings: Any) -> Mesh | None:
    """The mesh of shardings in trees; None if there are only Nones.

    Raises:
        TypeError: a leaf is no sharding.
        ValueError: there are several meshes.
    """
    found: Mesh | None = None
    for one in flatten(shardings):
        if not isinstance(one, NamedSharding):
            hint = (
                f"; write rd.NamedSharding(mesh, {one!r})" if isinstance(one, PartitionSpec) else ""
            )
            raise TypeError(f"jit: shardings must be NamedSharding or None, got {one!r}{hint}")
        found = found or one.mesh
        if one.mesh != found:
            raise ValueError(
                f"jit: all shardings must be of one mesh, got {found!r} and {one.mesh!r}"
            )
    return found


class ShardedEntry(Entry):
    """A function compiled for a mesh and for arguments of one kind."""

    def __init__(self, jitted: Jitted, args: tuple, kwargs: dict[str, Any]) -> None:
        self.mesh = getattr(jitted, "mesh", None) or mesh_of((args, kwargs)) or all_devices()
        self.inputs = self.input_shardings(jitted, args, kwargs)
        super().__init__(jitted, args, kwargs)

    def input_shardings(
        self, jitted: Jitted, args: tuple, kwargs: dict[str, Any]
    ) -> list[NamedSharding]:
        """How the arguments' leaves are distributed, in the order of the leaves."""
        wanted, numbers = jitted.options["in_shardings"], jitted.static[0]
        dynamic = [i for i in range(len(args)) if i not in numbers]
        if wanted is None or isinstance(wanted, NamedSharding):
            parts = dict.fromkeys(dynamic, wanted)
        elif not isinstance(wanted, (tuple, list)):
            raise TypeError(
                "jit: in_shardings must be a NamedSharding or a tuple with a part for each "
                f"positional argument, got {type(wanted).__name__}"
            )
        else:
            if kwargs:
                raise ValueError(
                    "jit: with a tuple of in_shardings, arguments must be passed by position, "
                    f"got {sorted(kwargs)} by name"
                )
            if len(wanted) != len(dynamic):
                raise ValueError(
                    f"jit: in_shardings has {len(wanted)} parts, and there are {len(dynamic)} "
                    "positional arguments that are not static"
                )
            parts = dict(zip(dynamic, wanted, strict=True))
        found: list[NamedSharding] = []
        for place in dynamic:
            self.add(found, parts[place], args[place], jitted.name_of(place))
        everywhere = wanted if isinstance(wanted, NamedSharding) else None
        for name in sorted(kwargs):
            if name not in jitted.static[1]:
                self.add(found, everywhere, kwargs[name], name)
        return found

    def add(self, found: list[NamedSharding], wanted: Any, x: Any, name: str) -> None:
        """Append the shardings of an argument's leaves."""
        what = f"jit: the argument `{name}`"
        places = places_of(wanted, x, what, (NamedSharding,))
        kept: list[Any] = []
        mapped(lambda place: None if place is None else kept.append(place), places)
        leaves: list[Any] = []
        mapped(lambda leaf: None if leaf is None else leaves.append(leaf), x)
        for place, leaf in zip(kept, leaves, strict=True):
            own = getattr(leaf, "sharding", None) if isinstance(leaf, ShardedArray) else None
            if place is NOWHERE and isinstance(own, NamedSharding) and own.mesh == self.mesh:
                place = own
            place = NamedSharding(self.mesh, PartitionSpec()) if place is NOWHERE else place
            shape = tuple(np.shape(leaf)) if not isinstance(leaf, ShardedArray) else leaf.shape
            check(place, shape, what if leaf is x else f"{what}: an array")
            place.axes(len(shape))
            found.append(place)

    def templates(self, args: tuple, kwargs: dict[str, Any], leaves: list[Any]) -> Any:
        """As for one device, with arrays without memory in place of those on the mesh."""
        found = super().templates(args, kwargs, leaves)
        leaves[:] = [
            np.broadcast_to(np.zeros((), x.dtype), x.shape) if isinstance(x, ShardedArray) else x
            for x in leaves
        ]
        return found

    def traced_as(self, leaves: list[Any], specifications: list[Any], whole: bool) -> Any:
        """The program on whole arrays.

        Raises:
            NotImplementedError: it calls the host.
        """
        if not whole:
            raise NotImplementedError("jit: a function with shardings cannot call the host")
        before, TRACE.split = TRACE.split, True
        try:
            return super().traced_as(leaves, specifications, whole)
        finally:
            TRACE.split = before

    def caller(self, leaves: list[Any]) -> Any:
        """What runs the program on the mesh, or where that is not possible on one device."""
        from redraft.runtime import tf_dtensor

        self.dtensor = tf_dtensor
        self.outputs = self.output_shardings()
        self.numbers = [type(x) in NUMBERS for x in leaves]
        try:
            self.program = tf_dtensor.Program(
                self.compiled.concrete, self.inputs, self.outputs, self.mesh
            )
        except tf_dtensor.CannotSplit as error:
            self.give_up(error)
        return self.run_on_mesh

    def output_shardings(self) -> list[NamedSharding | None]:
        """How the program's results shall be distributed, by their number."""
        wanted = self.jitted.options["out_shardings"]
        shapes = [tuple(x.shape.as_list()) for x in self.compiled.concrete.outputs]
        found: list[Any] = [None] * len(shapes)
        marked: list[Any] = []
        answer = mapped(lambda x: marked.append(x) or Marked(x), self.answer)
        places = places_of(wanted, answer, "jit: the result", (NamedSharding,))
        self.places: dict[int, Any] = {}

        def note(mark: Any, place: Any) -> None:
            if place is NOWHERE or mark is None:
                return
            x = mark.value
            if isinstance(x, Result):
                check(place, shapes[x.number], "jit: a result")
                place.axes(len(shapes[x.number]))
                found[x.number] = place
            elif isinstance(x, Constant):
                check(place, x.value.shape, "jit: a result")
                self.places[id(x)] = place

        for mark, place in zip(flatten(answer), flatten(places), strict=True):
            note(mark, place)
        return found

    def run_on_mesh(self, leaves: list[Any]) -> Any:
        """A call."""
        results = None
        if self.program is not None:
            given = [self.given(x, where) for x, where in zip(leaves, self.inputs, strict=True)]
            try:
                results = self.program.run(given)
            except self.dtensor.CannotSplit as error:
                self.give_up(error)
        if results is None:
            arrays = self.on_one_device(leaves)
        else:
            pairs = zip(results, self.program.outputs, strict=True)
            arrays = [self.dtensor.sharded_array(x, where) for x, where in pairs]
        if self.checks:
            self.check(tuple(bool(x) for x in arrays[-len(self.checks) :]))
        return mapped(lambda x: self.delivered(x, arrays), self.answer)

    def given(self, x: Any, where: NamedSharding) -> Any:
        """An argument on the mesh. What lies there already stays there."""
        if isinstance(x, ShardedArray) and where.is_equivalent_to(x.sharding, x.ndim):
            return x.parts
        return self.dtensor.put(as_array(x, "jit"), where)

    def on_one_device(self, leaves: list[Any]) -> list[Any]:
        """The results, computed on one device and distributed."""
        compiled = self.compiled
        tensors = [compiled.other_tensor(as_array(x, "jit")) for x in leaves]
        results = list(compiled.concrete(*tensors))
        whole = NamedSharding(self.mesh, PartitionSpec())
        return [
            self.dtensor.sharded_array(self.dtensor.put(x.numpy(), where or whole), where or whole)
            for x, where in zip(results, self.outputs, strict=True)
        ]

    def give_up(self, error: Exception) -> None:
        """Run on one device from now on, and say so."""
        name = getattr(self.jitted.fun, "__name__", "the function")
        warnings.warn(
            f"jit: `{name}` runs on one device, and its results are then distributed, because "
            f"DTensor cannot split it: {error}",
            ShardingWarning,
            stacklevel=6,
        )
        self.program = None

    def delivered(self, x: Any, arrays: list[Any]) -> Any:
        """A result: an array on the mesh, or a number."""
        if isinstance(x, Result):
            array = arrays[x.number]
            return array if x.number_type is None else x.number_type(array)
        if isinstance(x, Constant):
            where = self.places.get(id(x)) or NamedSharding(self.mesh, PartitionSpec())
            return self.dtensor.sharded_array(self.dtensor.put(x.value, where), where)
        return x


class Marked:
    """A leaf of a result, which may be a text or None."""

    def __init__(self, value: Any) -> None:
        self.value = value


def all_devices() -> Mesh:
    """A mesh of all devices, for functions whose shardings are all None."""
    from redraft.runtime.devices import devices

    found = np.empty(len(devices()), object)
    found[:] = devices()
    return Mesh(found, ("devices",))


__all__ = ["ShardedEntry", "ShardedJitted", "ShardingWarning"]
