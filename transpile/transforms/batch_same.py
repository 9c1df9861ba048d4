"""Whether two values have the same shape for every example, as a selection between them needs.

``np.where`` would stretch an axis of length one; an example has the one value or the other, as it is.
"""

from __future__ import annotations

from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.batched import Array, Value
from redraft.transpile.primitives import table


class SameShapes:
    """The part of `Batcher` that compares shapes."""

    def of_same_shape(
        self, new: tuple[Any, Value], old: tuple[Any, Value], place: Any
    ) -> tuple[Any, Any]:
        """Two values that are selected from, after a check of their shapes where it takes one."""
        (node, known), (other, before) = new, old
        if known.rank == 0 or before.rank == 0 or self.surely_same_shape(node, other):
            return node, other
        if self.lines is None or _is_cotangent(other) or _is_cotangent(node):
            return node, other  # (a cotangent has the shape of its primal, which was checked)
        node, other = (n if core.is_name(n) else self.temporary(n, "value") for n in (node, other))
        check = core.call("rt.same_shape", core.copy(node), core.copy(other))
        rank = before.rank if known.rank is None else known.rank
        if rank is not None:
            check.args.append(core.constant(rank))
        self.emit(gast.Expr(check))
        return node, other

    def surely_same_shape(self, node: Any, other: Any) -> bool:
        """Are both elementwise, of one and the same variable beside numbers?"""
        names = self.shaped_by(node)
        return names is not None and len(names) == 1 and names == self.shaped_by(other)

    def shaped_by(self, node: Any) -> set[str] | None:
        """The variables whose shapes make that of an elementwise expression; None if it is another."""
        if isinstance(node, gast.Constant):
            return set()
        if core.is_name(node):
            known = self.env.get(node.id)
            return set() if isinstance(known, Array) and known.rank == 0 else {node.id}
        if isinstance(node, gast.UnaryOp):
            return self.shaped_by(node.operand)
        if isinstance(node, gast.BinOp) and not isinstance(node.op, gast.MatMult):
            return self.shaped_by_all([node.left, node.right])
        if isinstance(node, gast.Call) and not node.keywords:
            row = table.row_of(self.scope.value(node.func))
            whole = row is not None and (row.kind == "elementwise" or row.name == "np.where")
            alike = row is not None and row.like is not None
            if whole:
                return self.shaped_by_all(node.args)
            return self.shaped_by(node.args[0]) if alike and node.args else None
        if isinstance(node, gast.Subscript) and _only_adds_axes(node.slice):
            return set() if self.shaped_by(node.value) == set() else None
        return None

    def shaped_by_all(self, nodes: list[Any]) -> set[str] | None:
        found = [self.shaped_by(n) for n in nodes]
        return None if None in found else set().union(*found)


def _only_adds_axes(index: Any) -> bool:
    """Is this ``[:, None]``, which a number of each example gets beside arrays?"""
    parts = index.elts if isinstance(index, gast.Tuple) else [index]
    return all(
        core.is_slice(p) or (isinstance(p, gast.Constant) and p.value is None) for p in parts
    )


def _is_cotangent(node: Any) -> bool:
    return core.is_name(node) and core.base(node.id).rstrip("0123456789_").endswith("_bar")
