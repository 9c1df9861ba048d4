"""What an instrumented function reports to: where NaN and infinities come from, and where they go.

A line is the source of one if what it computes holds NaN and nothing that it reads does, or infinity
and nothing that it reads is infinite or NaN. What a later line makes of it points back to that source, as
long as it is NaN or infinite itself; what is finite again is forgotten. So a value that a mask drops, a
guard replaces or a division swallows is never reported. See docs/decisions/0028-debug-nans.md.
"""

from __future__ import annotations

import collections
import dataclasses
import math
import threading
from typing import Any

import numpy as np

from redraft.runtime.cotangents import Struct, fields
from redraft.runtime.tensors import is_tensor
from redraft.runtime.tree import is_registered, registered_fields

NAN, INFINITE = "NaN", "an infinity"


@dataclasses.dataclass
class Origin:
    """Where a NaN or an infinity comes from.

    Attributes:
        kind: `NAN` or `INFINITE`.
        file, line: the line that computed it.
        name: the variable that holds it, or ``the result``.
        where: which part of the variable, as text.
        given: it was not computed: ``argument`` or ``constant``.
        bad: of an array, which elements.
    """

    kind: str
    file: str
    line: int
    name: str
    where: str = ""
    given: str = ""
    bad: np.ndarray | None = None


class _State(threading.local):
    depth = 0  # of instrumented functions that call each other
    returned: Origin | None = None  # what the function that ended last has returned
    kept: collections.deque  # residuals of forward functions, with their origins

    def __init__(self) -> None:
        self.kept = collections.deque(maxlen=16)


STATE = _State()


class Switch:
    """Whether instrumented functions look at what they compute."""

    on = False


class NotFinite(FloatingPointError):
    """A result holds a NaN or an infinity that was computed."""

    def __init__(self, message: str, origin: Origin | None) -> None:
        super().__init__(message)
        self.origin = origin


def kind_of(x: Any) -> str | None:
    """`NAN` or `INFINITE`, if a value holds one."""
    return None if _clean(x) else _worst(x)


def _clean(x: Any) -> bool:
    """Is every number in a value finite?"""
    if x.__class__ is float:
        return math.isfinite(x)
    if is_tensor(x):
        return not hasattr(x, "numpy") or _clean(x.numpy())
    if isinstance(x, (np.ndarray, np.generic, complex)):
        return np.asarray(x).dtype.kind not in "fc" or bool(np.isfinite(x).all())
    return all(map(_clean, named_parts(x).values()))


def _worst(x: Any) -> str | None:
    kinds = [_worst(part) for part in named_parts(x).values()]
    x = x.numpy() if is_tensor(x) and hasattr(x, "numpy") else x
    if isinstance(x, (float, complex, np.ndarray, np.generic)) and not _clean(x):
        kinds.append(NAN if np.isnan(x).any() else INFINITE)
    return NAN if NAN in kinds else INFINITE if INFINITE in kinds else None


def named_parts(x: Any) -> dict[Any, Any]:
    """The values in a container or an object, by what stands behind its name to read them."""
    if is_registered(x):
        return {f".{k}": v for k, v in (registered_fields(x) or {}).items()}
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return {f".{k}": v for k, v in zip(x._fields, x, strict=True)}
    if isinstance(x, (list, tuple)):
        return {f"[{i}]": v for i, v in enumerate(x)}
    if isinstance(x, Struct):
        return {f".{k}": v for k, v in fields(x).items()}
    if isinstance(x, dict):
        return {f"[{k!r}]": v for k, v in x.items()}
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        return {f".{f.name}": getattr(x, f.name) for f in dataclasses.fields(x)}
    return {}


def place_in(x: Any, kind: str) -> tuple[str, np.ndarray | None]:
    """Which part of a value is NaN or infinite, as text; of an array, which elements."""
    for name, part in named_parts(x).items():
        if _worst(part) == kind:
            where, bad = place_in(part, kind)
            return name + where, bad
    x = x.numpy() if is_tensor(x) else x
    if not isinstance(x, np.ndarray) or x.ndim == 0:
        return "", None
    bad = np.isnan(x) if kind == NAN else ~np.isfinite(x)
    first = tuple(map(int, np.argwhere(bad)[0]))
    index = ", ".join(map(str, first))
    return f" ({int(bad.sum())} of {x.size} elements, first [{index}])", bad


class Watch:
    """One call of an instrumented function: what its variables hold.

    Args:
        file: where the function stands.
        line: its first line.
        names: the namespace of its global names.
        given: its parameters and their values.
    """

    def __init__(self, file: str, line: int, names: dict[str, Any], given: dict[str, Any]) -> None:
        self.file, self.names = file, names
        self.held: dict[str, Origin] = {}
        STATE.depth += 1
        for name, value in given.items() if Switch.on else ():
            kind = kind_of(value)
            if kind is not None:
                kept = next((o for v, o in STATE.kept if v is value), None)
                self.held[name] = kept or self.found(kind, line, name, value, "argument")

    def leave(self) -> None:
        """The call ends."""
        STATE.depth -= 1

    def found(self, kind: str, line: int, name: str, value: Any, given: str = "") -> Origin:
        where, bad = place_in(value, kind)
        return Origin(kind, self.file, line, name, where, given, bad)

    def line(
        self, line: int, targets: dict[str, Any], reads: tuple[str, ...], constant: str = ""
    ) -> None:
        """A line has given variables their values.

        Args:
            line: its number.
            targets: the variables.
            reads: names that it has read.
            constant: `NAN` or `INFINITE`, if it writes one down itself.
        """
        called, STATE.returned = STATE.returned, None
        if not Switch.on:
            return
        before = [self.held[name] for name in reads if name in self.held]
        for name, value in targets.items():
            kind = kind_of(value)
            if kind is None:
                self.held.pop(name, None)
            else:
                self.held[name] = self.origin(
                    kind, line, name, value, before, reads, called, constant
                )

    def origin(
        self, kind: str, line: int, name: str, value: Any, before: list[Origin],
        reads: tuple[str, ...], called: Origin | None, constant: str,
    ) -> Origin:  # fmt: skip
        """Where a value comes from that this line has computed of what it has read."""
        computed = [o for o in (*before, called) if o is not None and not o.given]
        if computed:
            return computed[0]
        given = [o for o in (*before, *self.constants(reads)) if o.kind == NAN or kind == INFINITE]
        if given:
            return given[0]
        written = "constant" if constant in (NAN, kind) else ""
        return self.found(kind, line, name, value, written)

    def constants(self, reads: tuple[str, ...]) -> list[Origin]:
        """Global variables that hold NaN or infinities."""
        found = []
        for name in reads:
            value = self.names.get(name)
            if isinstance(value, (float, np.ndarray, np.generic, list, tuple, dict)):
                kind = kind_of(value)
                if kind is not None:
                    found.append(self.found(kind, 0, name, value, "constant"))
        return found

    def forget(self) -> None:
        """What a function returned was not kept: a condition, or a call for its effect."""
        STATE.returned = None

    def into(self, name: str, reads: tuple[str, ...]) -> None:
        """Something that was read has been put into a list."""
        STATE.returned = None
        for read in reads:
            if read in self.held and name not in self.held:
                self.held[name] = self.held[read]

    def result(self, line: int, value: Any, reads: list[Any], residuals: bool) -> Any:
        """The value that the function returns.

        Args:
            line: of the ``return``.
            value: the value.
            reads: names that it is made of, and the constant that it writes down; of each item, if it is
                a display.
            residuals: its last item is kept for a backward function.

        Raises:
            NotFinite: nobody but the user has called it, and what it returns is NaN or infinite.
        """
        if not Switch.on:
            return value
        called = STATE.returned
        items = list(value) if len(reads) > 1 else [value]
        for place, (item, (names, constant)) in enumerate(zip(items, reads, strict=True)):
            STATE.returned = called
            self.line(line, {f"result {place}": item}, names, constant)
        origins = [self.held.get(f"result {place}") for place in range(len(items))]
        if residuals and origins[-1] is not None:
            STATE.kept.append((items[-1], origins[-1]))
        if STATE.depth == 1:
            self.check(origins[:-1] if residuals else origins)
        STATE.returned = next((o for o in origins if o is not None), None)
        return value

    def check(self, origins: list[Origin | None]) -> None:
        for origin in origins:
            if origin is None or origin.given == "constant":
                continue
            if not origin.given or origin.kind == NAN:
                raise NotFinite(describe(origin), origin)


def describe(origin: Origin) -> str:
    """The text of the error; the compiler puts the user's line into it (transpile/debug.py)."""
    from redraft.transpile.debug import described

    return described(origin)
