"""What all replicas agree on, in the graph of one of them (runtime/tf_replicas.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redraft.runtime.tf_marks import LOOPS, body_of, first_place, loop_holds_marks, mark_of

OF_EACH = frozenset({"permute", "number"})  # what these collectives give differs between replicas
CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
BRANCHES = frozenset({"If", "StatelessIf"})
# in names of operations that may differ by themselves
OWN_VALUES = ("Random", "Stateless", "PyFunc")


class Disagreement(Exception):
    """The replicas may not agree on a condition on which a collective depends.

    Attributes:
        place: the user's line, as `line` gives it.
    """

    def __init__(self, place: Any) -> None:
        super().__init__("the replicas may not agree on this condition")
        self.place = place


class Agreement:
    """Which tensors of a graph are the same for all replicas.

    Args:
        graph: of one replica.
        inputs: for each of its inputs, is it the same for all?
    """

    def __init__(self, graph: Any, inputs: Sequence[bool]) -> None:
        self.graph = graph
        self.agreed: dict[str, bool] = {
            x.name: same for x, same in zip(graph.inputs, inputs, strict=False)
        }
        for op in graph.get_operations():
            if op.outputs and op.outputs[0].name not in self.agreed:
                self.visit(op)

    def of(self, x: Any) -> bool:
        """Is a tensor the same for all replicas?"""
        return self.agreed.get(x.name, False)

    @property
    def outputs(self) -> list[bool]:
        """The same, of the results."""
        return [self.of(x) for x in self.graph.outputs]

    def visit(self, op: Any) -> None:
        """What an operation gives."""
        found = mark_of(op)
        inputs = [self.of(x) for x in op.inputs]
        if found is not None:
            kind, _, place = found
            if kind == "condition" and not all(inputs):
                raise Disagreement(place)
            flags = [kind not in OF_EACH] * len(op.outputs)
        elif op.type in LOOPS:
            flags = self.loop(op, inputs)
        elif op.type in CALLS:
            flags = Agreement(body_of(self.graph, op.get_attr("f").name), inputs).outputs
        elif op.type in BRANCHES:
            flags = self.branch(op, inputs)
        elif any(word in op.type for word in OWN_VALUES):
            flags = [False] * len(op.outputs)
        else:
            flags = [all(inputs)] * len(op.outputs)
        self.agreed |= {x.name: flag for x, flag in zip(op.outputs, flags, strict=True)}

    def branch(self, op: Any, inputs: list[bool]) -> list[bool]:
        """What a branch gives: the same, if all take the same one."""
        condition, *given = inputs
        ways = [
            Agreement(body_of(self.graph, op.get_attr(part).name), given).outputs
            for part in ("then_branch", "else_branch")
        ]
        return [condition and all(flags) for flags in zip(*ways, strict=True)]

    def loop(self, op: Any, inputs: list[bool]) -> list[bool]:
        """What a loop gives: what its variables are whatever the number of rounds."""
        body = body_of(self.graph, op.get_attr("body").name)
        condition = body_of(self.graph, op.get_attr("cond").name)
        flags = inputs
        while True:
            after = Agreement(body, flags).outputs
            new = [a and b for a, b in zip(flags, after, strict=True)]
            if new == flags:
                break
            flags = new
        if all(Agreement(condition, flags).outputs):
            return flags
        if loop_holds_marks(self.graph, op):
            raise Disagreement(first_place(body) or first_place(condition))
        return [False] * len(flags)  # each has its own number of rounds
