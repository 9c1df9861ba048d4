"""Which traced tensors stand for the same memory: changes in place on values that cannot change.

While a function is traced, ``x[i] = v`` makes a new tensor, and the variable `x` gets it. NumPy
would have changed the array itself, and with it every other name and view of it. So a trace notes
what has become of a tensor: another name for it, that still holds the old one, reads the new one. It also
notes which tensors are views of the same memory. Once one of them was changed, the others are stale:
what they hold is no longer what NumPy would find there. Reading one is refused.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from redraft.runtime.tensors import TensorError, is_tensor

VIEWS = frozenset({
    "getitem", "reshape", "ravel", "T", "mT", "transpose", "swapaxes", "moveaxis", "rollaxis",
    "squeeze", "expand_dims", "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_to", "diagonal",
    "diag", "real", "imag", "flip", "flipud", "fliplr", "rot90", "asarray", "asanyarray", "view",
    "split", "array_split", "hsplit", "vsplit", "dsplit", "broadcast_arrays", "permute_dims",
    "matrix_transpose", "ascontiguousarray", "asfarray", "asfortranarray", "unstack",
    "real_if_close", "trim_zeros",
})  # fmt: skip


class State:
    """A copy of what a `Memory` knows, taken before or after a branch."""

    def __init__(self, held: Memory) -> None:
        self.group, self.stale, self.newer = dict(held.group), set(held.stale), dict(held.newer)
        self.members = {home: set(keys) for home, keys in held.members.items()}

    def latest(self, x: Any) -> Any:
        """What has become of an array."""
        while id(x) in self.newer:
            x = self.newer[id(x)]
        return x


class Order:
    """The order of reads and writes in one round of a loop, where XLA would copy to keep it.

    A read at a place of an array that the round changes afterwards is a step of its own, and what
    the write depends on. XLA may otherwise put the write first, and copies the whole array in every round.

    Attributes:
        rewritten: the memory that a round changes in place.
        count: the number of the round, a tensor.
        stacks: by id, arrays of lists that the loop carries, with a number each.
        is_paused: the read that follows belongs to a write, and XLA does both at once.
        ties: by memory (or that number), zeros that exist once the reads are done.
    """

    def __init__(self, rewritten: set[int], count: Any) -> None:
        self.rewritten, self.count = rewritten, count
        self.stacks: dict[int, int] = {}
        self.is_paused = False
        self.ties: dict[Any, list[Any]] = {}


class Memory:
    """The arrays of one trace that share memory."""

    def __init__(self) -> None:
        self.objects: dict[int, Any] = {}  # by id: kept, so that an id stays one tensor's
        self.group: dict[int, int] = {}  # id of a tensor or array -> its memory
        self.members: dict[int, set[int]] = {}
        self.stale: set[int] = set()
        self.newer: dict[int, Any] = {}  # id of a tensor -> the one that took its place
        self.fixed: set[int] = set()  # memory of the caller's arguments
        self.read_only: set[int] = set()  # ids of what `stop_gradient` gave
        self.order: Order | None = None  # of the rolled loop that is being traced
        self.chosen: list[tuple[np.ndarray, np.ndarray]] = []  # as they were, see `choose`

    def memory_of(self, x: Any) -> int:
        """A number for the memory that a value occupies."""
        key = id(x)
        if key not in self.group:
            base = x
            while isinstance(base, np.ndarray) and isinstance(base.base, np.ndarray):
                base = base.base
            home = self.group.get(id(base), id(base))
            self.join(base, home)
            self.join(x, home)
        return self.group[key]

    def join(self, x: Any, home: int) -> None:
        """Note that a value occupies this memory."""
        self.objects[id(x)] = x
        self.group[id(x)] = home
        self.members.setdefault(home, set()).add(id(x))

    def unite(self, home: int, other: int) -> None:
        """Note that two values may occupy the same memory."""
        if home != other:
            for key in self.members.pop(other, set()):
                self.group[key] = home
                self.members.setdefault(home, set()).add(key)
            if other in self.fixed:
                self.fixed.add(home)

    def state(self) -> State:
        """What is known now."""
        return State(self)

    def restore(self, state: State) -> None:
        """Go back to what was known."""
        copy = State(state)
        self.group, self.stale, self.newer = copy.group, copy.stale, copy.newer
        self.members = copy.members

    def link(self, view: Any, x: Any) -> None:
        """Note that one value is a view of another."""
        if isinstance(view, (list, tuple)):
            for part in getattr(view, "parts", view):
                self.link(getattr(part, "stacks", part), x)
        elif is_array(view) and is_array(x) and view is not x:
            self.join(view, self.memory_of(x))

    def changed(self, x: Any, new: Any) -> None:
        """`new` is what the memory of `x` holds from now on; all that shared it is stale."""
        home = self.memory_of(x)
        if id(x) in self.read_only:
            raise TensorError(
                "assignment into what `stop_gradient` gave, which is read-only; write `x = x.copy()` first"
            )
        if home in self.fixed:
            raise TensorError(
                "assignment into an argument of the function under `jit`: the caller's array would "
                "stay as it is; write `x = x.copy()` first"
            )
        self.stale |= self.members[home]
        self.stale.discard(id(new))
        self.newer[id(x)] = new
        self.join(new, home)

    def choose(self, x: np.ndarray) -> None:
        """Note an array of NumPy's that a condition may choose: the result is a copy of it."""
        self.chosen.append((x, x.copy()))

    def check_chosen(self) -> None:
        """Refuse what NumPy has changed since then.

        Raises:
            TensorError: the copies would have to change, too.
        """
        for x, before in self.chosen:
            if not np.array_equal(x, before, equal_nan=x.dtype.kind in "fc"):
                raise TensorError(
                    "an array that a condition has chosen at run time is changed in place later; copy it first"
                )

    def written(self, x: np.ndarray) -> None:
        """NumPy has changed one of its arrays while tracing: tensors that were made of it are stale."""
        base: Any = x
        while isinstance(base.base, np.ndarray):
            base = base.base
        home = self.group.get(id(x), self.group.get(id(base)))
        self.stale |= {k for k in self.members.get(home, ()) if is_tensor(self.objects[k])}

    def current(self, value: Any) -> Any:
        """The value as NumPy would read it now: after all changes in place.

        Raises:
            TensorError: it is a view of memory that was changed through another view.
        """
        if not self.stale:
            return value
        if isinstance(value, list) and hasattr(value, "parts"):
            new = [self.current(v) if is_array(v) else v for v in value.parts]
            if all(a is b for a, b in zip(new, value.parts, strict=True)):
                return value
            return value.with_parts(new)
        if value.__class__ is list or value.__class__ is tuple:
            new = [self.current(v) for v in value]
            changed = any(a is not b for a, b in zip(new, value, strict=True))
            return value.__class__(new) if changed else value
        if value.__class__ is dict:
            return {k: self.current(v) for k, v in value.items()}
        while id(value) in self.stale and is_array(value):
            if id(value) not in self.newer:
                raise TensorError(
                    "this array shares memory with one that was changed in place, which cannot be "
                    "followed under `jit`; copy before changing it"
                )
            value = self.newer[id(value)]
        return value


def is_array(x: Any) -> bool:
    """Is it something with memory of its own that can be changed: an array, not a number?"""
    if is_tensor(x):
        return x.shape.rank != 0
    return isinstance(x, np.ndarray)


class Trace(threading.local):
    """What the thread is tracing: one `Memory` per function being compiled."""

    def __init__(self) -> None:
        self.memories: list[Memory] = []
        self.guards: list[Any] = []
        self.cells: list[Any] = []  # closure cells that were read, and what they held
        self.fields: frozenset[str] = frozenset()  # names that objects are asked for
        self.lengths_vary = False  # may lengths of axes be known at run time alone?
        self.rounds: list[Any] = []  # of rolled loops, the outermost first (growing.py)
        self.taken: list[Any] = []  # conditions of the branches that are being traced, in one graph
        self.bounds: list[int] = []  # of `rd.while_bound`, the innermost last
        self.partition = False  # is it a plain graph, with calls that XLA cannot compile?
        self.rolled_wrongly: set[Any] = (
            set()
        )  # loops that cannot be one of TensorFlow's, see partition.py
        self.checks: list[Any] = []  # what must not be true in the end, and what is wrong if it is
        self.split = False  # will operations be divided between the devices of a mesh?
        self.replicas: Any = None  # the axis whose replica is traced (runtime/replicas.py)


TRACE = Trace()


def tracing() -> bool:
    """Is the thread tracing a function now?"""
    return bool(TRACE.memories)


def current() -> Memory | None:
    """The memory of the innermost trace."""
    return TRACE.memories[-1] if TRACE.memories else None
