"""Which variables of a function may share memory, and where batched code takes them apart.

A batched function makes a new array where an example keeps the one that it has::

    b = a                        b = a
    if x > 0:                    a = np.where(mask, 3 * a, a)    # a copy for those that keep it
        a = 3 * a
    b[0] = 1                     b[:, 0] = 1                     # `a` does not see it

Neither line is wrong by itself. So both kinds are noted as they are written, and a function in which
one group of variables has both is refused. Arrays that nothing else holds are in no group.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False)
class Memory:
    """Groups of variables that may share memory, and what happens to them.

    Attributes:
        changed: variables that are changed in place while something else may hold their array, and
            where.
        copied: variables whose array is copied where an example would keep it, and where.
    """

    above: dict[str, str] = field(default_factory=dict)
    changed: dict[str, Any] = field(default_factory=dict)
    copied: dict[str, Any] = field(default_factory=dict)

    def group(self, name: str) -> str:
        while name in self.above:
            name = self.above[name]
        return name

    def join(self, names: Iterable[str]) -> None:
        """These variables may share memory from here on."""
        groups = sorted({self.group(n) for n in names})
        self.above.update(dict.fromkeys(groups[1:], groups[0]))

    def change(self, names: Iterable[str], place: Any) -> None:
        for name in sorted(names):
            self.changed.setdefault(name, place)

    def copy(self, names: Iterable[str], place: Any) -> None:
        for name in sorted(names):
            self.copied.setdefault(name, place)

    def reaches(self, happened: dict[str, Any], names: Iterable[str]) -> bool:
        """Did something happen to the memory of one of these variables?"""
        groups = {self.group(n) for n in names}
        return any(self.group(n) in groups for n in happened)

    def conflict(self) -> tuple[str, Any, str] | None:
        """A variable that is changed, where, and a variable that may share its memory and is copied."""
        copied = {self.group(n): n for n in reversed(self.copied)}
        for name, place in self.changed.items():
            if self.group(name) in copied:
                return name, place, copied[self.group(name)]
        return None
