"""What a checkpointed function keeps: policies, as descriptions that can be compared."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import gast

from redraft.transpile import core
from redraft.transpile.front.callee import Primitive
from redraft.transpile.primitives import table

DOTS = frozenset({
    "np.dot", "np.matmul", "np.inner", "np.vdot", "np.tensordot", "np.einsum", "np.vecdot",
})  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Policy:
    """What is kept between the two runs of a checkpointed function.

    Attributes:
        kind: "nothing", "everything", "dots", "plain dots" (without batch axes), "names", "other names", or
            "either" of several.
        names: of `checkpoint_name`.
        parts: the several.
    """

    redraft_policy: ClassVar[bool] = True
    kind: str = "nothing"
    names: tuple[str, ...] = ()
    parts: tuple[Policy, ...] = ()

    @property
    def saves_all(self) -> bool:
        """Is nothing computed again?"""
        return self.kind == "everything" or any(p.saves_all for p in self.parts)

    @property
    def saves_nothing(self) -> bool:
        """Are the arguments alone kept?"""
        return self.kind == "nothing" or (
            self.kind == "either" and all(p.saves_nothing for p in self.parts)
        )

    def keeps(self, statement: Any, needed: bool) -> bool:
        """Is the value that a core statement computes kept?

        Args:
            statement: assigns the result of a primitive to a name.
            needed: a backward line reads it.
        """
        if self.kind == "either":
            return any(p.keeps(statement, needed) for p in self.parts)
        row = statement.value.callee.row
        if self.kind == "dots":
            return row.name in DOTS
        if self.kind == "plain dots":
            return row.name in DOTS and not has_batch_axes(statement)
        name = name_of(statement)
        if self.kind == "names":
            return name in self.names and name is not None
        return self.kind == "other names" and needed and name not in self.names

    def leaves_out(self, statement: Any) -> bool:
        """Is the value of a statement computed again because of its name?"""
        if self.kind == "either":
            return any(p.leaves_out(statement) for p in self.parts)
        return self.kind == "other names" and name_of(statement) in self.names


NOTHING = Policy()


def is_operation(statement: Any) -> bool:
    """Does a statement assign what a primitive computes to a name?"""
    return (
        isinstance(statement, gast.Assign)
        and len(statement.targets) == 1
        and core.is_name(statement.targets[0])
        and isinstance(getattr(statement.value, "callee", None), Primitive)
    )


def is_named(statement: Any) -> bool:
    """Is it ``y = rd.checkpoint_name(x, "name")``?"""
    return is_operation(statement) and statement.value.callee.row.name == "rt.checkpoint_name"


def name_of(statement: Any) -> str | None:
    """The name that `checkpoint_name` gives to the value of a statement."""
    found = getattr(statement, "checkpoint_name", None)
    if found is not None or not is_named(statement):
        return found
    name = table.literal(statement.value.callee.arguments(statement.value)["name"])
    return name if isinstance(name, str) else None


def has_batch_axes(statement: Any) -> bool:
    """Does a product have axes that it only carries along, as far as its text and the ranks tell?"""
    call = statement.value
    bound = call.callee.arguments(call)
    if call.callee.row.name == "np.einsum":
        given = bound.get("subscripts")
        text = table.literal(given) if given is not None else None
        return isinstance(text, str) and _shared_letters(text)
    if call.callee.row.name != "np.matmul":
        return call.callee.row.name == "np.vecdot"
    ranks = [getattr(statement.facts.get(getattr(bound[p], "id", "")), "rank", None) for p in "xy"]
    return all(rank is not None and rank > 2 for rank in ranks)


def _shared_letters(text: str) -> bool:
    operands, _, result = text.replace(" ", "").partition("->")
    parts = operands.split(",")
    return len(parts) > 1 and bool(set(result) & set.intersection(*map(set, parts)))
