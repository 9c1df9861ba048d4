"""What writes into items, parts and fields become under a batch axis."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gast
import numpy

from redraft.transpile import core
from redraft.transpile.analysis.batched import (
    PLAIN,
    Array,
    Entries,
    Items,
    Many,
    Nothing,
    Value,
    batched_like,
    is_batched,
    join,
    part_of,
)
from redraft.transpile.primitives import table
from redraft.transpile.transforms.batch_assign import BatchedAssignments
from redraft.transpile.transforms.batch_names import item_at, shared_all, with_axes


class BatchedStores(BatchedAssignments):
    """What writes into items, parts and fields become under a batch axis."""

    def store_item(self, target: gast.Subscript, value: gast.expr, known: Value) -> None:
        """``x[i] = v``."""
        owner = target.value
        if not core.is_name(owner):
            self.store_inside(target, value, known)
            return
        before = self.env.get(owner.id, PLAIN)
        index, of_index = self.index(target.slice)
        batched = is_batched(known) or is_batched(of_index) or bool(self.regions)
        if isinstance(before, Entries):
            self.store_entry(target, owner.id, before, index, value, known)
            return
        if isinstance(before, (Items, Many)):
            self.store_part(target, owner.id, before, index, of_index, value, known)
            return
        if isinstance(before, Nothing):
            raise self.refuse(target, f"`{owner.id}` is None here", "create the array first")
        self.note_change(owner.id, before)
        if not is_batched(before) and not batched:
            self.emit(gast.Assign([item_at(owner.id, index, gast.Store())], value, None))
            return
        if not is_batched(before):
            if owner.id in core.reads(index):
                index = self.temporary(index, "index")
                self.note_index(index, of_index)
            if owner.id in core.reads(value):  # it reads the array without a batch axis
                value = self.temporary(value, "value")
            self.raise_owned(owner.id, before, target)
            before = self.env[owner.id]
        if self.is_boolean(target.slice) and is_batched(of_index) and before.rank:
            if getattr(of_index, "rank", None) == before.rank and known.rank == 0:
                self.store_where(target, owner.id, before, index, value, known)
                return
        self.store_batched(target, owner.id, before, index, of_index, value, known)

    def store_where(
        self, target: Any, name: str, before: Array, index: Any, value: Any, known: Value
    ) -> None:
        """``x[x > 0] = v`` for a number, or an array of the shape of `x`."""
        self.batches.changes = True
        array, mask, of_mask = core.name(name), index, Array(True, before.rank)
        if self.regions:
            mine = with_axes(core.name(self.regions[-1].mask), before.rank)
            mask = gast.BinOp(mask, gast.BitAnd(), mine)
        value, _ = self.primitive(
            table.row_of(numpy.where), {"condition": mask, "x": value, "y": array},
            {"condition": of_mask, "x": known, "y": before}, target, "np.where",
        )  # fmt: skip
        whole = gast.Slice(None, None, None)
        self.emit(gast.Assign([item_at(name, whole, gast.Store())], value, None))

    def raise_owned(self, name: str, before: Array, place: Any) -> None:
        """Give an array its batch axis, before it receives batched values."""
        if self.inner and name not in self.own:
            raise self.refuse(
                place, f"`{name}` is an array of the function around this one, and receives batched "
                "values", "write into an array that is an argument, or return the values",
            )  # fmt: skip
        if not before.owned:
            raise self.refuse(
                place, f"`{name}` receives batched values, and something else may hold it, too",
                f"write `{name} = {name}.copy()` before",
            )  # fmt: skip
        self.emit(core.assign(name, self.for_each(core.name(name))))
        self.env[name] = replace(before, batched=True)

    def for_each(self, node: gast.expr) -> gast.expr:
        """A value without a batch axis, once per example."""
        return core.call("rt.per_example", node, self.size())

    def store_batched(
        self,
        target: Any,
        name: str,
        before: Array,
        index: Any,
        of_index: Value,
        value: Any,
        known: Value,
    ) -> None:
        """``x[i] = v`` with a batch axis in `x`."""
        if not isinstance(known, Array) or isinstance(of_index, (Items, Many)):
            raise self.refuse(
                target, "this store is not supported under vmap", "store arrays and numbers"
            )
        self.batches.changes = True
        rank = self.rank_of_item(before, index, of_index)
        if self.regions:
            old, of_old = self.subscript(
                core.name(name), before, self.index_again(index), of_index, target
            )
            of_old = replace(of_old, rank=rank)
            mask = core.name(self.regions[-1].mask)
            if not core.is_name(value) and not isinstance(value, gast.Constant):
                value = self.temporary(value, "value")
            value, known = self.select(mask, value, known, old, of_old, target)
        same = self.augmented and not self.regions
        if known.batched and not same and (rank is None or known.rank != rank):
            value = self.aligned_to_item(target, value, known, rank, name, index, of_index)
        if is_batched(of_index):
            if isinstance(index, gast.Tuple) or of_index.rank != 0:
                if not isinstance(index, gast.Tuple):
                    raise self.refuse(
                        target, "a store at a batched array of indices is not supported",
                        "store at one index at a time, or use `np.where`",
                    )  # fmt: skip
                index = self.batched_tuple(index, target)
            else:
                index = gast.Tuple([self.every(), index], gast.Load())
        else:
            index = self.behind_batch(index, of_index, target)
        self.emit(gast.Assign([item_at(name, index, gast.Store())], value, None))

    def aligned_to_item(
        self, target: Any, value: gast.expr, known: Array, rank: int | None, name: str, index: Any,
        of_index: Value,
    ) -> gast.expr:  # fmt: skip
        """A stored value whose inner axes stand behind the batch axis of what it is stored in."""
        if rank is not None and known.rank is not None and known.rank <= rank:
            return with_axes(value, rank - known.rank)
        if rank is not None:
            return core.call("rt.align", value, core.constant(rank + 1))
        old, _ = self.subscript(
            core.name(name), self.env[name], self.index_again(index), of_index, target
        )
        return core.call("rt.align", value, core.call("np.ndim", old))

    def every(self) -> gast.expr:
        """``np.arange(batch)``: an index that goes along the batch axis."""
        return core.call("np.arange", self.size())

    def batched_tuple(self, index: gast.Tuple, place: Any) -> gast.expr:
        """An index of numbers of which some are batched."""
        for element in index.elts:
            value = self.index_values.get(id(element), PLAIN)
            if isinstance(element, gast.Slice) or getattr(value, "rank", None) != 0:
                raise self.refuse(
                    place, "a store at a batched index beside slices or arrays is not supported",
                    "store at one index at a time, or use `np.where`",
                )  # fmt: skip
        return gast.Tuple([self.every(), *index.elts], gast.Load())

    def behind_batch(self, index: Any, of_index: Value, place: Any) -> gast.expr:
        """An index that is not batched, behind a slice of the batch axis."""
        elements = index.elts if isinstance(index, gast.Tuple) else [index]
        arrays = [
            e for e in elements
            if not isinstance(e, (gast.Slice, gast.Constant, gast.UnaryOp))
            and not (isinstance(v := self.index_values.get(id(e), PLAIN), Array) and v.rank == 0)
        ]  # fmt: skip
        if isinstance(index, gast.Tuple) and arrays and len(elements) > 1:
            raise self.refuse(
                place, "a store at several indices of unknown kind is not supported",
                "store at one index at a time",
            )  # fmt: skip
        if arrays and not isinstance(index, gast.Tuple) and not self.is_index_array(arrays[0]):
            return core.call("rt.behind_batch", index)
        return gast.Tuple([gast.Slice(None, None, None), *elements], gast.Load())

    def is_index_array(self, node: Any) -> bool:
        value = self.index_values.get(id(node), PLAIN)
        return isinstance(value, Array) and value.rank is not None

    def store_inside(self, target: gast.Subscript, value: gast.expr, known: Value) -> None:
        """``xs[j][i] = v``: a store into a part of a container."""
        owner, before = self.expression(target.value)
        self.memory.change(self.held_by(owner, before), target)
        if not (isinstance(before, Array) and is_batched(before)) or self.regions:
            if not is_batched(before) and not is_batched(known) and not self.regions:
                index, of_index = self.index(target.slice)
                if not is_batched(of_index):
                    item = gast.Subscript(owner, index, gast.Store())
                    self.emit(gast.Assign([item], value, None))
                    return
            raise self.refuse(
                target, "this store into a part of a container is not supported under vmap",
                "give the part a name, change it, and put it back",
            )  # fmt: skip
        if isinstance(target.value, gast.Subscript) and isinstance(
            self.expression(target.value.value)[1], Array
        ):
            raise self.refuse(
                target, "a store at two indices after each other", "write one index, `x[i, j] = v`"
            )
        name = self.temporary(owner, "part").id
        self.env[name] = before
        index, of_index = self.index(target.slice)
        self.store_batched(target, name, before, index, of_index, value, known)

    def store_part(
        self,
        target: Any,
        name: str,
        before: Any,
        index: Any,
        of_index: Value,
        value: Any,
        known: Value,
    ) -> None:
        """``xs[i] = v`` for a list or dict `xs`."""
        if self.regions and not is_batched(of_index):
            value, known = self.chosen_part(target, name, before, index, value, known)
        elif is_batched(of_index) or isinstance(index, gast.Slice):
            raise self.refuse(
                target, "this change of a container differs from example to example",
                "build a new list, tuple or dict in the branch, or keep the numbers in an array",
            )  # fmt: skip
        key = table.literal(index)
        if isinstance(before, Items) and key is not table.UNKNOWN:
            if before.kind == "list" and isinstance(key, int) and key < 0:
                key += len(before.keys)
            keys = before.keys if key in before.keys else (*before.keys, key)
            parts = dict(zip(before.keys, before.parts, strict=True)) | {key: shared_all(known)}
            new: Any = Items(before.kind, keys, tuple(parts[k] for k in keys))
        else:
            part = part_of(before) if not isinstance(before, Items) or before.parts else known
            if is_batched(part) != is_batched(known) and is_batched(part):
                value, known = self.for_each(value), batched_like(known)
            elif is_batched(known) and not is_batched(part):
                self.only_holder(before, target)
                if name in core.reads(value):  # it reads the parts without a batch axis
                    value = self.temporary(value, "value")
                self.emit(core.assign(name, self.for_each(core.name(name))))
                part = batched_like(part)
            new = Many(before.kind, join(part, shared_all(known)))
        self.describe_anew(name, new, target)
        self.share_node(value)
        self.emit(gast.Assign([item_at(name, index, gast.Store())], value, None))

    def chosen_part(
        self, target: Any, name: str, before: Any, index: Any, value: Any, known: Value
    ) -> tuple[gast.expr, Value]:
        """What a part of a container becomes under a mask: other examples keep what was there."""
        key = table.literal(index)
        if isinstance(index, gast.Slice):
            raise self.refuse(
                target, "a slice of a list that changes for some examples only", "write a loop"
            )
        if isinstance(before, Items) and key is not table.UNKNOWN:
            there = key in before.keys or (before.kind == "list" and isinstance(key, int))
            if not there:
                raise self.refuse(
                    target, f"`{name}` gets the key {key!r} for some examples only",
                    "give it a value before",
                )  # fmt: skip
            old = self.item(before, key, target)
        else:
            old = self.common(before, None, target)
        if not core.is_name(value) and not isinstance(value, gast.Constant):
            value = self.temporary(value, "value")
        mask = core.name(self.regions[-1].mask)
        part = item_at(name, self.index_again(index), gast.Load())
        return self.selected(mask, (value, known), (part, old), target)

    def share_node(self, node: Any) -> None:
        if core.is_name(node):
            self.share(node.id)

    def store_field(self, target: gast.Attribute, value: gast.expr, known: Value) -> None:
        owner, before = self.expression(target.value)
        if self.regions or not core.is_name(owner):
            raise self.refuse(
                target, "a change of an object under a batched condition is not supported",
                "use a variable, and change the object afterwards",
            )  # fmt: skip
        if isinstance(before, Items) and before.kind == "object":
            keys = before.keys if target.attr in before.keys else (*before.keys, target.attr)
            parts = dict(zip(before.keys, before.parts, strict=True)) | {
                target.attr: shared_all(known)
            }
            self.env[owner.id] = Items("object", keys, tuple(parts[k] for k in keys))
        elif is_batched(known) or is_batched(before):
            raise self.refuse(
                target, "an object that gets a batched value is not supported here",
                "use a variable or a dict",
            )  # fmt: skip
        self.emit(gast.Assign([gast.Attribute(owner, target.attr, gast.Store())], value, None))
