"""Attributes and items of batched values."""

from __future__ import annotations

from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.batched import (
    PLAIN,
    Array,
    Entries,
    Items,
    Known,
    Many,
    Value,
    describe,
    is_batched,
    parts_of,
)
from redraft.transpile.front.scope import UNKNOWN
from redraft.transpile.primitives import table
from redraft.transpile.transforms.batch_expressions import BatchedExpressions
from redraft.transpile.transforms.batch_names import (
    Result,
    is_inner_shape,
    of_container,
    shared_all,
)


class BatchedItems(BatchedExpressions):
    """Attributes and items of batched values."""

    def expr_Attribute(self, node: gast.Attribute) -> Result:
        constant = self.scope.value(node)
        if constant is not UNKNOWN:
            if callable(constant):
                return core.copy(node), Known(constant)
            return core.copy(node), shared_all(describe(constant))
        owner, known = self.expression(node.value)
        new = gast.copy_location(gast.Attribute(owner, node.attr, gast.Load()), node)
        if isinstance(known, Items) and known.kind == "object":
            if node.attr in known.keys:
                return new, known.parts[known.keys.index(node.attr)]
        if isinstance(known, Items) and isinstance(known.kind, tuple) and node.attr in known.keys:
            return new, known.parts[known.keys.index(node.attr)]
        if not is_batched(known):
            return new, self.plain_attribute(node.attr, known)
        if isinstance(known, Many) and known.kind == "tuple":  # a field, as in `svd(x).S`
            return new, known.part
        if not isinstance(known, Array):
            raise self.refuse(node, f"`.{node.attr}` of a batched container", "unpack it first")
        return self.array_attribute(node, owner, known, new)

    def plain_attribute(self, attr: str, known: Value) -> Value:
        rank = getattr(known, "rank", None)
        if attr in ("ndim", "size"):
            return Array(False, 0)
        if attr == "shape" and rank is not None:
            return Items("tuple", tuple(range(rank)), (Array(False, 0),) * rank)
        return Array(False, rank if attr in ("T", "real", "imag") else None)

    def array_attribute(self, node: Any, owner: Any, known: Array, new: Any) -> Result:
        if node.attr == "shape":
            part = gast.Subscript(new, gast.Slice(core.constant(1), None, None), gast.Load())
            parts = None if known.rank is None else (Array(False, 0),) * known.rank
            return part, PLAIN if parts is None else Items("tuple", tuple(range(len(parts))), parts)
        if node.attr == "ndim":
            if known.rank is not None:
                return core.constant(known.rank), Array(False, 0)
            return gast.BinOp(new, gast.Sub(), core.constant(1)), Array(False, 0)
        if node.attr == "size":
            return self.size_of_one(owner, known), Array(False, 0)
        if node.attr in ("dtype", "itemsize"):
            return new, PLAIN
        row = table.rows_index()["attribute"].get(node.attr)
        if row is None:
            raise self.refuse(
                node, f"`.{node.attr}` of a batched array is not supported", "use a NumPy function"
            )
        name = next(iter(row.parameters))
        return self.primitive(row, {name: owner}, {name: known}, node, row.name)

    def size_of_one(self, owner: gast.expr, known: Array) -> gast.expr:
        """The number of elements of one example."""
        shape = gast.Attribute(owner, "shape", gast.Load())
        if known.rank == 1 or (known.rank == 2 and core.is_name(owner)):
            sizes = [
                gast.Subscript(core.copy(shape), core.constant(axis), gast.Load())
                for axis in range(1, known.rank + 1)
            ]
            return sizes[0] if known.rank == 1 else gast.BinOp(sizes[0], gast.Mult(), sizes[1])
        inner = gast.Subscript(shape, gast.Slice(core.constant(1), None, None), gast.Load())
        return core.call("int", core.call("np.prod", inner))

    def expr_Subscript(self, node: gast.Subscript) -> Result:
        owner, known = self.expression(node.value)
        index, of_index = self.index(node.slice)
        place = table.literal(index)
        if is_inner_shape(owner) and isinstance(place, int):  # ``x.shape[1:][0]``
            index = core.constant(place + 1 if place >= 0 else place)
            return gast.Subscript(owner.value, index, gast.Load()), Array(False, 0)
        new = gast.copy_location(gast.Subscript(owner, index, gast.Load()), node)
        if isinstance(known, Entries):
            return self.entry_at(node, owner, known, index, of_index)
        if isinstance(known, (Items, Many)):
            return self.container_item(node, new, known, index, of_index)
        if not is_batched(known) and not is_batched(of_index):
            return new, Array(False, self.rank_of_item(known, index, of_index))
        if not isinstance(known, Array):
            raise self.refuse(node, "an index into None", "create the array first")
        return self.subscript(owner, known, index, of_index, node)

    def container_item(
        self, node: Any, new: Any, known: Any, index: Any, of_index: Value
    ) -> Result:
        if is_batched(of_index):
            if (
                known.kind not in ("list", "tuple")
                or of_index.rank != 0
                or not self.are_arrays(known)
            ):
                raise self.refuse(
                    node, "a batched index into a dict, or into a list of containers",
                    "put its elements into one array with `np.stack` first",
                )  # fmt: skip
            if is_batched(known):
                array, of_array = self.stacked(new.value, known, node)
            else:
                array = core.call("np.stack", new.value)
                of_array = Array(False, parts_of(known)[0].rank + 1, True)
            return self.subscript(array, of_array, index, of_index, node)
        key = table.literal(index)
        if isinstance(index, gast.Slice):
            return new, self.slice_of(known, index, node)
        if isinstance(known, Items) and key is not table.UNKNOWN:
            return of_container(new), shared_all(self.item(known, key, node))
        return of_container(new), shared_all(self.common(known, new, node))

    def are_arrays(self, known: Any) -> bool:
        """Are the parts of a container arrays and numbers, all of known rank?"""
        parts = parts_of(known)
        ranks = {p.rank if isinstance(p, Array) else None for p in parts}
        return len(ranks) == 1 and None not in ranks

    def slice_of(self, known: Any, index: gast.Slice, node: Any) -> Value:
        bounds = [
            None if b is None else table.literal(b) for b in (index.lower, index.upper, index.step)
        ]
        if isinstance(known, Items) and table.UNKNOWN not in bounds:
            parts = known.parts[slice(*bounds)]
            return Items(known.kind, tuple(range(len(parts))), parts)
        return Many(known.kind, self.common(known, None, node))

    def note_index(self, node: Any, known: Value) -> None:
        """Keep what is known of a part of an index, and the part: its place in memory is the key."""
        self.index_values[id(node)] = known
        self.index_nodes.append(node)

    def index_again(self, index: Any) -> Any:
        """A copy of an index, of whose parts as much is known."""
        new = core.copy(index)
        pairs = [
            (index, new),
            *zip(getattr(index, "elts", ()), getattr(new, "elts", ()), strict=True),
        ]
        for old, part in pairs:
            if id(old) in self.index_values:
                self.note_index(part, self.index_values[id(old)])
        return new

    def index(self, node: Any) -> Result:
        """An index: a node, and one description for all of its parts."""
        if isinstance(node, gast.Slice):
            bounds = [None if b is None else self.plain(b, "the bound of a slice")
                      for b in (node.lower, node.upper, node.step)]  # fmt: skip
            return gast.Slice(*bounds), PLAIN
        if isinstance(node, gast.Tuple):
            pairs = [self.index(e) for e in node.elts]
            new = gast.Tuple([n for n, _ in pairs], gast.Load())
            for part, known in pairs:
                self.note_index(part, known)
            return new, Array(any(is_batched(k) for _, k in pairs), None)
        value, known = self.expression(node)
        self.note_index(value, known)
        if isinstance(known, (Items, Many)):
            if is_batched(known):
                raise self.refuse(node, "a list with batched parts as an index", "stack it first")
            simple = known.kind == "list" and all(p == Array(False, 0) for p in parts_of(known))
            known = Array(False, 1) if simple else PLAIN
            self.note_index(value, known)
            return value, known
        return value, known

    def subscript(
        self, owner: Any, known: Array, index: Any, of_index: Value, place: Any
    ) -> Result:
        """``x[i]`` of an array, where one of them is batched."""
        row = table.rows_index()["operator"]["[]"]
        rank = self.rank_of_item(known, index, of_index)
        names = list(row.parameters)
        if known.batched and not is_batched(of_index):
            simple = self.simple_item(owner, known, index)
            if simple is not None:
                return simple, Array(True, rank)
        if is_batched(of_index) and rank != 0:  # a copy, where an example has a view
            self.note_copy(owner, None)
        nodes = dict(zip(names, (owner, index), strict=True))
        values = dict(zip(names, (known, of_index), strict=True))
        node, _ = self.primitive(row, nodes, values, place, None)
        return node, Array(True, rank)

    def simple_item(self, owner: Any, known: Array, index: Any) -> gast.expr | None:
        """``x[:, i]`` for numbers and slices, which cannot move an axis."""
        elements = index.elts if isinstance(index, gast.Tuple) else [index]
        arrays = [e for e in elements if not self.is_basic(e)]
        single = len(elements) == 1 and self.is_index_array(elements[0])
        if arrays and not single:
            return None
        colon = gast.Slice(None, None, None)
        return gast.Subscript(owner, gast.Tuple([colon, *elements], gast.Load()), gast.Load())

    def is_basic(self, node: Any) -> bool:
        if isinstance(node, gast.Slice) or table.literal(node) is not table.UNKNOWN:
            return not isinstance(node, (gast.Tuple, gast.List))
        known = self.index_values.get(id(node), PLAIN)
        return isinstance(known, Array) and known.rank == 0

    def expr_Slice(self, node: Any) -> Result:
        return self.index(node)
