"""Arrays that lie on several devices: results of `pmap` and of `jit` with shardings.

A `ShardedArray` holds what the devices hold (`parts`), and how that makes up one array (`sharding`).
The function that made it takes it back without a trip through NumPy. For everything else it acts as
NumPy's array of all its elements, which is put together when it is first asked for, and kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

CHANGES = frozenset({
    "byteswap", "data", "fill", "itemset", "partition", "put", "resize", "setfield", "setflags", "sort",
})  # fmt: skip
READS = frozenset(n for n in dir(np.ndarray) if not n.startswith("_")) - CHANGES
WRITERS = frozenset({"copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask"})


class Shard(NamedTuple):
    """What one device holds of an array.

    Attributes:
        device: the device.
        index: the slice of each axis that it holds, so that ``data == array[index]``.
        data: its elements, as NumPy's array.
    """

    device: Any
    index: tuple[slice, ...]
    data: np.ndarray


class ShardedArray(NDArrayOperatorsMixin):
    """An array whose elements lie on several devices. It acts as NumPy's, and cannot be changed.

    Args:
        shape: of the whole array.
        dtype: NumPy's, of its elements.
        sharding: how the elements are distributed; `addressable_shards` asks its
            ``devices_indices_map(shape)``, a dict with the index of each device's part.
        parts: what the devices hold, as the backend has it (tensors).
        gather: puts the whole array together: takes `parts`, returns NumPy's array.
        shards: gives what the devices of this process hold: takes `parts`, returns a dict of NumPy's
            arrays by device. Without it, `addressable_shards` takes the elements from the whole.
        wait: returns when `parts` are computed: takes `parts`. Without it, the whole is gathered.
    """

    def __init__(
        self,
        shape: Sequence[int],
        dtype: Any,
        sharding: Any,
        parts: Any,
        gather: Callable[[Any], Any],
        shards: Callable[[Any], dict[Any, np.ndarray]] | None = None,
        wait: Callable[[Any], Any] | None = None,
    ) -> None:
        self.shape: tuple[int, ...] = tuple(int(n) for n in shape)
        self.dtype = np.dtype(dtype)
        self.sharding, self.parts = sharding, parts
        self.gather, self._shards, self._wait = gather, shards, wait
        self._whole: np.ndarray | None = None

    # --- what is known without the elements

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many elements there are."""
        count = 1
        for length in self.shape:
            count *= length
        return count

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements, each counted once."""
        return self.size * self.itemsize

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of an array without axes")
        return self.shape[0]

    # --- the elements

    def whole(self) -> np.ndarray:
        """All elements, as NumPy's array, which is gathered once, and read-only."""
        if self._whole is None:
            whole = np.asarray(self.gather(self.parts))
            if whole.shape != self.shape or whole.dtype != self.dtype:
                raise RuntimeError(
                    f"an array of shape {self.shape} and dtype {self.dtype} was gathered as one of "
                    f"shape {whole.shape} and dtype {whole.dtype}"
                )
            self._whole = whole.view()
            self._whole.flags.writeable = False
        return self._whole

    @property
    def addressable_shards(self) -> list[Shard]:
        """What each device of this process holds."""
        places = self.sharding.devices_indices_map(self.shape)
        if self._shards is not None:
            held = self._shards(self.parts)
        else:
            held = {device: self.whole()[index] for device, index in places.items()}
        return [Shard(d, index, held[d]) for d, index in places.items() if d in held]

    def block_until_ready(self) -> ShardedArray:
        """Wait until the elements are computed; returns the array itself."""
        if self._wait is None:
            self.whole()
        else:
            self._wait(self.parts)
        return self

    # --- as NumPy's array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        whole = self.whole()
        if dtype is not None and np.dtype(dtype) != whole.dtype:
            if copy is False:
                raise ValueError(f"an array of dtype {whole.dtype} needs a copy to be {dtype}")
            return whole.astype(dtype)
        return whole.copy() if copy else whole

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        targets = kwargs.get("out", ())
        if method == "at":
            targets = inputs[:1]
        if any(isinstance(x, ShardedArray) for x in targets):
            refuse_change(f"np.{ufunc.__name__}{'.at' if method == 'at' else ''}")
        return getattr(ufunc, method)(*map(as_numpy, inputs), **as_numpy(kwargs))

    def __array_function__(self, func: Any, types: Any, args: tuple, kwargs: dict) -> Any:
        targets = [*args[: func.__name__ in WRITERS], kwargs.get("out")]
        if any(isinstance(x, ShardedArray) for x in targets):
            refuse_change(f"np.{func.__name__}")
        return func(*as_numpy(args), **as_numpy(kwargs))

    def __getattr__(self, name: str) -> Any:
        if name in READS:
            return getattr(self.whole(), name)
        if name in CHANGES:
            refuse_change(f"`{name}`")
        raise AttributeError(f"`ShardedArray` has no attribute `{name}`")

    def __getitem__(self, index: Any) -> Any:
        return self.whole()[as_numpy(index)]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.whole())

    def __contains__(self, value: Any) -> bool:
        return value in self.whole()

    def __bool__(self) -> bool:
        return bool(self.whole())

    def __int__(self) -> int:
        return int(self.whole())

    def __float__(self) -> float:
        return float(self.whole())

    def __complex__(self) -> complex:
        return complex(self.whole())

    def __index__(self) -> int:
        return self.whole().__index__()

    def __format__(self, form: str) -> str:
        return format(self.whole()[()], form)

    def __str__(self) -> str:
        return str(self.whole())

    def __repr__(self) -> str:
        shown = np.array2string(self.whole(), separator=", ", prefix="ShardedArray(")
        return f"ShardedArray({shown}, dtype={self.dtype})"

    def __reduce__(self) -> tuple:
        # devices are those of this process: what is pickled or copied is NumPy's array
        return np.array, (self.whole(),)

    # --- what it refuses

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        refuse_change("`x[...] = ...`")

    def __setattr__(self, name: str, value: Any) -> None:
        if name in READS | CHANGES and name in self.__dict__:
            refuse_change(f"`x.{name} = ...`")
        object.__setattr__(self, name, value)


def _refuses(operator: str) -> Callable[[Any, Any], NoReturn]:
    def change(self: ShardedArray, other: Any) -> NoReturn:
        refuse_change(f"`x {operator} y`")

    return change


# NumPy's would change the array for all of its names: to bind this name alone would be another number
for _name, _operator in {
    "iadd": "+=", "isub": "-=", "imul": "*=", "itruediv": "/=", "ifloordiv": "//=", "imod": "%=",
    "ipow": "**=", "ilshift": "<<=", "irshift": ">>=", "iand": "&=", "ixor": "^=", "ior": "|=",
    "imatmul": "@=",
}.items():  # fmt: skip
    setattr(ShardedArray, f"__{_name}__", _refuses(_operator))


def refuse_change(what: str) -> NoReturn:
    """Raise the error of a change in place.

    Raises:
        ValueError: always.
    """
    raise ValueError(
        f"{what} changes an array in place, and a sharded array cannot be changed; write "
        "`x = x + y` for `x += y`, or change a copy, `x = np.array(x)`"
    )


def as_numpy(x: Any) -> Any:
    """A value with NumPy's arrays in place of sharded ones, also within lists, tuples and dicts."""
    if isinstance(x, ShardedArray):
        return x.whole()
    if isinstance(x, dict):
        return {key: as_numpy(value) for key, value in x.items()}
    if type(x) in (list, tuple):
        return type(x)(map(as_numpy, x))
    if isinstance(x, slice) and any(
        isinstance(end, ShardedArray) for end in (x.start, x.stop, x.step)
    ):
        return slice(as_numpy(x.start), as_numpy(x.stop), as_numpy(x.step))
    return x


def mesh_of(x: Any) -> Any:
    """The mesh on which arrays in a tree lie, that of the first; None if there is none."""
    from redraft.runtime.structures import flatten

    for leaf in flatten(x):
        if isinstance(leaf, ShardedArray):
            mesh = getattr(leaf.sharding, "mesh", None)
            if mesh is not None:
                return mesh
    return None


__all__ = ["Shard", "ShardedArray", "as_numpy", "mesh_of", "refuse_change"]
