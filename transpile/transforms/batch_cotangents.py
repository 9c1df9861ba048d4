"""Batched forms of the helpers that put cotangents together (runtime/cotangents.py)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gast

from redraft import runtime as rt
from redraft.transpile import core
from redraft.transpile.analysis.batched import (
    PLAIN,
    Array,
    Items,
    Many,
    Nothing,
    Value,
    batched_like,
    is_batched,
    join,
    parts_of,
)
from redraft.transpile.primitives import table
from redraft.transpile.transforms.batch_memory import SharedMemory
from redraft.transpile.transforms.batch_names import Result, part_at, with_axes
from redraft.transpile.transforms.batch_ranks import BatchedRanks


class BatchedCotangents(SharedMemory, BatchedRanks):
    """The part of `Batcher` that knows what cotangents of arrays and containers look like."""

    def call_item_bar(self, node: gast.Call) -> Result | None:
        """The cotangent of what was stored at an index: of a part of a container, or of an array."""
        (z_bar, known), (value, of_value) = map(self.expression, (node.args[0], node.args[2]))
        index, of_index = self.index(node.args[1])
        if isinstance(known, (Items, Many)) and is_batched(known) and not is_batched(of_index):
            key = table.literal(index)
            literal = isinstance(known, Items) and key in known.keys
            part = self.item(known, key, node) if literal else self.common(known, z_bar, node)
            if isinstance(part, Nothing):  # zeros
                return core.call("rt.zeros_like", value), of_value
            if is_batched(part) and not is_batched(of_value):
                value = self.for_each(value)
            return gast.Call(core.copy(node.func), [z_bar, index, value], []), part
        return None if not isinstance(of_value, Array) else self.item_bar(
            node, z_bar, known, index, of_index, value, of_value
        )  # fmt: skip

    def item_bar(
        self, node: Any, z_bar: Any, known: Value, index: Any, of_index: Value, value: Any,
        of_value: Array,
    ) -> Result | None:  # fmt: skip
        """The cotangent of what was stored in each example's array, in the shape of `value`."""
        parts = {"z_bar": (z_bar, known), "index": (index, of_index), "value": (value, of_value)}
        if not any(is_batched(k) for _, k in parts.values()) or not isinstance(known, Array):
            return None
        rank = self.rank_of_item(known, index, of_index)
        if rank == of_value.rank is not None and known.batched and not is_batched(of_index):
            if core.is_slice(index) or isinstance(table.literal(index), int):
                place = gast.Tuple([core.call("slice", core.constant(None)), index], gast.Load())
                value = value if of_value.batched else self.for_each(value)
                new = gast.Call(core.copy(node.func), [z_bar, place, value], [])
                return new, Array(True, rank, True)
        if rank is not None and rank == of_value.rank and of_value.batched and known.batched:
            if getattr(of_index, "rank", None) == 1 and not is_batched(of_index):
                place = core.call("rt.inner_index", index)
                return gast.Call(core.copy(node.func), [z_bar, place, value], []), Array(True, rank)
        row = table.row_of(self.scope.value(node.func))
        nodes, values = ({k: pair[i] for k, pair in parts.items()} for i in (0, 1))
        new, _ = self.primitive(row, nodes, values, node, None)
        return new, Array(True, of_value.rank, True)

    def call_add_at(self, node: gast.Call) -> Result | None:
        """A sum in place, into a part of an array or of a container."""
        self.raise_for_sum(node)
        owner, known = self.expression(node.args[0])
        index, of_index = self.index(node.args[1])
        t, of_t = self.expression(node.args[2])
        if not any(map(is_batched, (known, of_index, of_t))):
            return self.plain_sum(node, owner, index, t)
        if self.conditional and not (core.is_name(owner) and owner.id not in self.start):
            self.refuse_effect(node)  # the caller's array
        if isinstance(known, (Items, Many)):
            return self.add_to_part(node, owner, known, index, of_index, t, of_t)
        if not isinstance(known, Array) or not isinstance(of_t, Array):
            raise self.refuse(
                node, "a sum into something of unknown structure", "use `rd.vmap_by_loop`"
            )
        self.batches.changes = True
        if core.is_name(owner):
            self.note_change(owner.id, known)
        if self.regions:
            zero = core.constant(0.0), Array(False, 0)
            t, of_t = self.select(core.name(self.regions[-1].mask), t, of_t, *zero, node)
        rank = self.rank_of_item(known, index, of_index)
        if of_t.batched and None not in (rank, of_t.rank) and rank > of_t.rank:
            t, of_t = with_axes(t, rank - of_t.rank), replace(of_t, rank=rank)
        row = table.row_of(rt.add_at)
        nodes = {"x": owner, "index": index, "t": t}
        values = {"x": known, "index": of_index, "t": of_t}
        return self.primitive(row, nodes, values, node, None)

    def raise_for_sum(self, node: gast.Call) -> None:
        """Give an array its batch axis before something batched is added: `t` may read it, too."""
        owner = node.args[0]
        known = self.env.get(owner.id) if core.is_name(owner) else None
        if isinstance(known, Array) and not known.batched:
            if any(map(self.quiet, (node.args[2], *parts_of_index(node.args[1])))):
                self.raise_owned(owner.id, known, node)

    def plain_sum(self, node: gast.Call, *args: Any) -> Result | None:
        """A sum that is the same for all examples."""
        if self.masked:
            self.refuse_effect(node)
        return gast.Call(core.copy(node.func), list(args), []), PLAIN

    def add_to_part(
        self, node: Any, owner: Any, known: Any, index: Any, of_index: Value, t: Any, of_t: Value
    ) -> Result:
        """A sum into a part of a list or dict."""
        if is_batched(of_index) or not core.is_name(owner) or not self.is_mine(owner.id):
            raise self.refuse(
                node, "a sum into a part of a container that differs between the examples",
                "use `rd.vmap_by_loop`",
            )  # fmt: skip
        key = literal_index(index)
        if isinstance(known, Items) and known.kind in ("list", "tuple") and isinstance(key, int):
            key += len(known.keys) if key < 0 else 0
        places = known.keys if isinstance(known, Items) else ()
        if isinstance(known, Items) and key in places:
            t, of_t = self.raised(t, of_t, known.parts[places.index(key)])
        chosen = [key] if key in places else places[key] if isinstance(key, slice) else ()
        if chosen:
            terms = [of_t] if not isinstance(key, slice) else self.terms(of_t, len(chosen), node)
            new = dict(zip(places, known.parts, strict=True))
            new |= {k: self.sum_of(new[k], v, node) for k, v in zip(chosen, terms, strict=True)}
            self.env[owner.id] = replace(known, parts=tuple(new.values()))
        else:
            old = self.common(known, owner, node)
            of_t = self.common(of_t, t, node) if core.is_slice(index) else of_t
            part = self.sum_of(old, of_t, node)
            if is_batched(part) and not is_batched(old):
                raise self.refuse(
                    node, "some elements of this list are batched and others are not",
                    "fill it with batched values from the start",
                )  # fmt: skip
            self.env[owner.id] = Many(known.kind, join(old, part))
        return gast.Call(core.copy(node.func), [owner, index, t], []), known

    def raised(self, t: Any, of_t: Value, part: Value) -> Result:
        """A cotangent with axes of length one for those that only the other summand has."""
        ranks = [getattr(v, "rank", None) for v in (of_t, part)]
        if not is_batched(of_t) or None in ranks or ranks[0] >= ranks[1]:
            return t, of_t
        return with_axes(t, ranks[1] - ranks[0]), replace(of_t, rank=ranks[1])

    def terms(self, known: Value, count: int, place: Any) -> list[Value]:
        """What is added to each of the parts that a slice names."""
        if isinstance(known, Items) and len(known.parts) == count:
            return list(known.parts)
        return [self.common(known, None, place)] * count

    def is_mine(self, name: str) -> bool:
        """Does a container belong to exactly the examples that this code counts for?"""
        masks = [region.mask for region in (*self.outside, *self.regions)]
        return masks == self.made_under.get(name, [])

    def sum_of(self, a: Value, b: Value, place: Any) -> Value:
        """Description of ``rt.add(a, b)``, where NumPy's broadcasting pairs the right axes."""
        if isinstance(a, Nothing) or isinstance(b, Nothing):
            return b if isinstance(a, Nothing) else a
        if isinstance(a, Array) and isinstance(b, Array):
            if a.rank == b.rank is not None or not (a.batched and b.batched):
                low, high = (a, b) if (a.rank or 0) <= (b.rank or 0) else (b, a)
                if not (low.batched and low.rank != high.rank):
                    rank = None if None in (a.rank, b.rank) else high.rank
                    return Array(a.batched or b.batched, rank, True)
            raise self.refuse(
                place, "a sum of cotangents of different ranks", "use `rd.vmap_by_loop`"
            )
        if isinstance(a, Items) and isinstance(b, Items) and set(a.keys) == set(b.keys):
            others = dict(zip(b.keys, b.parts, strict=True))
            parts = (self.sum_of(p, others[k], place) for k, p in zip(a.keys, a.parts, strict=True))
            return replace(a, parts=tuple(parts))
        if isinstance(a, (Items, Many)) and isinstance(b, (Items, Many)):
            part = self.sum_of(self.common(a, None, place), self.common(b, None, place), place)
            return Many(a.kind, part)
        raise self.refuse(place, "a sum of containers of different structure", "unpack them")

    def call_add(self, node: gast.Call) -> Result | None:
        """A sum of cotangents, part by part."""
        (a, of_a), (b, of_b) = map(self.expression, node.args)
        if not is_batched(of_a) and not is_batched(of_b):
            return None
        if isinstance(of_a, Array) and isinstance(of_b, Array):
            if None in (of_a.rank, of_b.rank) or of_a.rank != of_b.rank:
                row = table.rows_index()["operator"]["+"]
                new = gast.BinOp(a, gast.Add(), b)
                values = {"x": of_a, "y": of_b}
                if PLAIN not in (of_a, of_b):  # which might be None
                    return self.primitive(row, {"x": a, "y": b}, values, node, None, new)
        return gast.Call(core.copy(node.func), [a, b], []), self.sum_of(of_a, of_b, node)

    def call_add_field(self, node: gast.Call) -> Result | None:
        """A sum into a field of an object's cotangent."""
        owner, known = self.expression(node.args[0])
        bar, of_bar = self.expression(node.args[2])
        name = table.literal(node.args[1])
        if not is_batched(known) and not is_batched(of_bar):
            return self.plain_sum(node, owner, core.copy(node.args[1]), bar)
        object_like = isinstance(known, Items) and known.kind == "object" and name in known.keys
        if not object_like or not core.is_name(owner) or not self.is_mine(owner.id):
            raise self.refuse(
                node, "a sum into a field of an object of unknown structure",
                "use `rd.vmap_by_loop`",
            )  # fmt: skip
        fields = dict(zip(known.keys, known.parts, strict=True))
        if self.needs_axes(fields[name], of_bar):
            return self.sum_aligned(node, name, bar)
        fields[name] = self.sum_of(fields[name], of_bar, node)
        self.env[owner.id] = replace(known, parts=tuple(fields.values()))
        return gast.Call(core.copy(node.func), [owner, core.constant(name), bar], []), Nothing()

    def needs_axes(self, a: Value, b: Value) -> bool:
        """May NumPy put a batch axis of one array beside another axis of the other?"""
        if not isinstance(a, Array) or not isinstance(b, Array) or not (a.batched or b.batched):
            return False
        return a.rank != b.rank or a.rank is None

    def sum_aligned(self, node: gast.Call, name: str, bar: Any) -> Result:
        """The same, where a sum of arrays must be told which axes are which."""
        part = gast.Attribute(core.copy(node.args[0]), name, gast.Load())
        place = core.copy(part)
        place.ctx = gast.Store()
        total = gast.copy_location(gast.BinOp(part, gast.Add(), core.copy(node.args[2])), node)
        self.stmt_Assign(gast.copy_location(gast.Assign([place], total, None), node))
        return core.constant(None), Nothing()

    def call_unsum(self, node: gast.Call) -> Result | None:
        """Cotangents of the elements of a list that Python's `sum` added; else the rule is asked."""
        (z_bar, of_bar), (x, of_x) = map(self.expression, node.args)
        if not isinstance(of_x, (Items, Many)) or not (is_batched(of_bar) or is_batched(of_x)):
            return None
        if not is_batched(of_bar):
            z_bar, of_bar = self.for_each(z_bar), batched_like(of_bar)
        parts = of_x.parts if isinstance(of_x, Items) else [of_x.part]
        if not isinstance(of_bar, Array) or not all(isinstance(p, Array) for p in parts):
            raise self.refuse(node, "the sum of a list of containers", "write a loop")
        known = batched_like(of_x)
        if all(p.batched and p.rank == of_bar.rank is not None for p in parts):
            return gast.Call(core.copy(node.func), [z_bar, x], []), known
        if not core.is_name(z_bar) and self.lines is not None:
            z_bar = self.temporary(z_bar)
        if isinstance(of_x, Items):
            nodes = [self.undone(z_bar, part_at(x, i, i), p) for i, p in enumerate(parts)]
            return gast.List(nodes, gast.Load()), replace(known, kind="list")
        item = self.free("item")
        over = gast.comprehension(core.store(item), x, [], 0)
        return gast.ListComp(self.undone(z_bar, core.name(item), parts[0]), [over]), known

    def undone(self, z_bar: Any, value: Any, known: Array) -> gast.expr:
        """A cotangent in the shape of each example's `value`."""
        new = core.call("rt.each_unbroadcast", core.copy(z_bar), value)
        if not known.batched:
            new.keywords = [gast.keyword("of_x", core.constant(0))]
        return new

    def call_pack(self, node: gast.Call) -> Result | None:
        """Parts in the structure of a value."""
        (x, of_x), (parts, of_parts) = map(self.expression, node.args)
        if not is_batched(of_x) and not is_batched(of_parts):
            return None
        if isinstance(of_x, Array) and of_x.rank and isinstance(of_parts, (Items, Many)):
            return self.packed(node, x, of_x, parts, of_parts)
        found = self.like_parts(of_parts, of_x)
        if found is None:
            raise self.refuse(node, "the cotangent of a container", "use `rd.vmap_by_loop`")
        return gast.Call(core.copy(node.func), [x, parts], []), found

    def packed(self, node: Any, x: Any, of_x: Array, parts: Any, of_parts: Any) -> Result:
        """The rows of each example's array, from cotangents that may still have to be broadcast."""
        known, rank = Array(True, of_x.rank, True), of_x.rank - 1
        rows = parts_of(of_parts)
        if not all(isinstance(p, Array) for p in rows):
            raise self.refuse(node, "an array of containers", "use `rd.vmap_by_loop`")
        if not rank and all(p.rank == 0 for p in rows):
            return self.stacked(parts, of_parts, node)[0], known
        lower = any(p.batched and p.rank != rank for p in rows)
        if lower and not isinstance(parts, (gast.Tuple, gast.List)):
            raise self.refuse(
                node, "rows of which the ranks are not known", "use `rd.vmap_by_loop`"
            )
        if lower:
            wanted = core.constant(of_x.rank)
            parts = gast.Tuple(
                [core.call("rt.align", n, core.copy(wanted)) if p.batched and p.rank != rank else n
                 for n, p in zip(parts.elts, rows, strict=True)], gast.Load(),
            )  # fmt: skip
        zero, one = core.constant(0), core.constant(1)
        over = core.call("np.moveaxis", x if of_x.batched else self.for_each(x), one, zero)
        new = gast.Call(core.copy(node.func), [over, parts], [])
        return core.call("np.moveaxis", new, zero, one), known

    def call_like(self, node: gast.Call) -> Result | None:
        """A cotangent in the structure of the value that it belongs to."""
        (z_bar, of_bar), (x, of_x) = map(self.expression, node.args)
        new = gast.Call(core.copy(node.func), [z_bar, x], [])
        if not is_batched(of_bar) and not is_batched(of_x):
            return (new, of_x) if isinstance(of_x, Items) else None
        return self.like(node, new, z_bar, of_bar, x, of_x)

    def like(self, node: Any, new: Any, z_bar: Any, of_bar: Value, x: Any, of_x: Value) -> Result:
        if isinstance(of_bar, Array) and isinstance(of_x, Array) and of_x != PLAIN:
            if of_bar.batched and stands_for_all(of_bar, of_x):
                like = x if of_x.batched else core.call("rt.spread", x, core.copy(z_bar))
                z_bar = core.call("rt.align", z_bar, core.constant(of_x.rank + 1))
                return core.call("rt.broadcast_like", z_bar, like), Array(True, of_x.rank)
            if of_bar.batched:
                return z_bar, of_bar
            if isinstance(z_bar, gast.Constant) or (of_x.batched and of_bar.rank == 0 != of_x.rank):
                return new, of_x  # a number for all elements
            return self.for_each(z_bar), batched_like(of_bar)
        if isinstance(of_bar, Nothing):
            return core.call("rt.zeros_like", x), of_x
        if isinstance(of_bar, Array) and of_bar.batched and of_x == PLAIN:
            return z_bar, of_bar
        parts = self.like_parts(of_bar, of_x)
        if parts is None:
            raise self.refuse(
                node, "the cotangent of a container of unknown structure",
                "call the batched function with its arguments first, so that the structure is known",
            )  # fmt: skip
        return new, parts

    def like_parts(self, of_bar: Value, of_x: Value) -> Value | None:
        """Description of a cotangent in the structure of a value; None if it is not known."""
        if isinstance(of_x, Nothing):
            return None if is_batched(of_bar) else of_x
        if isinstance(of_x, Array) and isinstance(of_bar, Array):
            whole = not stands_for_all(of_bar, of_x)
            return of_bar if whole and (of_bar.batched or not of_x.batched) else None
        if isinstance(of_x, Items) and isinstance(of_bar, (Items, Many)):
            bars = of_bar.parts if isinstance(of_bar, Items) else [of_bar.part] * len(of_x.keys)
            if isinstance(of_bar, Items) and of_bar.keys != of_x.keys:
                return None
            parts = [self.like_parts(b, v) for b, v in zip(bars, of_x.parts, strict=True)]
            return None if None in parts else replace(of_x, parts=tuple(parts))
        if isinstance(of_x, Many) and isinstance(of_bar, Many):
            part = self.like_parts(of_bar.part, of_x.part)
            return None if part is None else Many(of_x.kind, part)
        return None

    def call_stack_items(self, node: gast.Call) -> Result | None:
        """The cotangent of what a loop went over, from those of its elements."""
        (x, of_x), (items, of_items) = map(self.expression, node.args)
        if not is_batched(of_items) and not is_batched(of_x):
            return None
        if (
            isinstance(of_x, Array)
            and of_x.rank is not None
            and isinstance(of_items, (Items, Many))
        ):
            parts = of_items.parts if isinstance(of_items, Items) else [of_items.part]
            if all(isinstance(p, Array) and p.batched for p in parts):
                zero, one = core.constant(0), core.constant(1)
                whole = x if of_x.batched else self.for_each(x)
                rows = core.call("np.moveaxis", whole, one, zero)
                new = core.call("rt.stack_items", rows, items)
                return core.call("np.moveaxis", new, zero, one), Array(True, of_x.rank)
        if isinstance(of_x, (Items, Many)) and isinstance(of_items, (Items, Many)):
            found = self.like_parts(of_items, of_x)
            if found is not None:
                return gast.Call(core.copy(node.func), [x, items], []), found
        raise self.refuse(
            node, "the cotangent of what this loop goes over is not supported under vmap",
            "use `rd.vmap_by_loop`",
        )  # fmt: skip


def parts_of_index(node: Any) -> list[Any]:
    """The expressions in an index that may be batched."""
    parts = node.elts if isinstance(node, gast.Tuple) else [node]
    return [p for p in parts if not core.is_slice(p)]


def literal_index(node: Any) -> Any:
    """The value of an index that is written as such: a key, or a slice of numbers."""
    if not core.is_slice(node):
        return table.literal(node)
    if isinstance(node, gast.Call):
        bounds = [table.literal(a) for a in node.args]
    else:
        bounds = [b and table.literal(b) for b in (node.lower, node.upper, node.step)]
    return table.UNKNOWN if table.UNKNOWN in bounds else slice(*bounds)


def stands_for_all(of_bar: Array, of_x: Array) -> bool:
    """May a cotangent be a number that stands for those of all elements?

    It has more axes than its primal where a batch of cotangents belongs to a single primal.
    """
    return of_x.rank is not None and (of_bar.rank is None or of_bar.rank < of_x.rank)
