"""Batched forms of the helpers that derivatives call: structure, not arithmetic (runtime/cotangents.py)."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

import gast

from redraft import runtime as rt
from redraft.transpile import core
from redraft.transpile.analysis.batched import (
    BATCHED,
    PLAIN,
    Array,
    Clash,
    Cotangents,
    Items,
    Many,
    Nothing,
    Value,
    batched_like,
    is_batched,
    join,
)
from redraft.transpile.primitives import table
from redraft.transpile.transforms.batch_memory import SharedMemory
from redraft.transpile.transforms.batch_names import Result, broadcast_rank


class BatchedHelpers(SharedMemory):
    """The part of `Batcher` that knows the helpers of generated derivatives."""

    def helper(self, function: Any) -> Any:
        """What rewrites a call of a helper, if it needs more than a rule of the table."""
        try:
            return {
                rt.seed: self.call_seed, rt.like: self.call_like, rt.zeros_like: self.call_zeros_like,
                rt.own: self.call_same, rt.snapshot: self.call_same, rt.cleared: self.call_same,
                rt.add: self.call_add, rt.refuse_in_place: self.call_refuse_in_place,
                rt.stack_items: self.call_stack_items, rt.basis: self.call_basis,
                rt.jacobian_of_rows: self.call_jacobian_of_rows, rt.pack: self.call_pack,
                rt.only_arrays: self.call_only_arrays, rt.add_at: self.call_add_at, rt.jacobian_of_columns: self.call_jacobian_of_columns, rt.item_bar: self.call_item_bar,
                rt.add_field: self.call_add_at, rt.Struct: self.call_Struct,
            }.get(function)  # fmt: skip
        except TypeError:
            return None

    def call_basis(self, node: gast.Call) -> Result | None:
        value, known = self.expression(node.args[0])
        if not is_batched(known) or not isinstance(known, Array):
            return None
        rank = None if known.rank is None else known.rank + 1
        first = gast.Subscript(value, core.constant(0), gast.Load())
        rest = [self.plain(a, "a number of directions") for a in node.args[1:]]
        return gast.Call(core.copy(node.func), [first, *rest], core.copy(node.keywords)), Array(
            False, rank
        )

    def call_jacobian_of_rows(self, node: gast.Call) -> Result | None:
        """A batch of Jacobians has the shape of the batch in front."""
        found = [self.expression(a) for a in node.args]
        (rows, known), (ans, of_ans), (x, of_x) = found
        if not any(is_batched(k) for _, k in found):
            return None
        if not is_batched(known):
            rows = self.for_each(rows)
        if not is_batched(of_ans):
            ans = self.for_each(ans)
        if is_batched(of_x):
            x = gast.Subscript(x, core.constant(0), gast.Load())
        return gast.Call(core.copy(node.func), [rows, ans, x], []), Array(True, None)

    def call_jacobian_of_columns(self, node: gast.Call) -> Result | None:
        """A batch of Jacobians: the directions stand behind the batch axis."""
        (columns, known), (x, of_x) = (self.expression(a) for a in node.args[:2])
        if not is_batched(known) and not is_batched(of_x):
            return None
        if is_batched(of_x):
            x = gast.Subscript(x, core.constant(0), gast.Load())
        ranks = [getattr(k, "rank", None) for k in (known, of_x)]
        rank = None if None in ranks else sum(ranks) - 1
        lead = (len(node.args) > 2 and table.literal(node.args[2])) or 0
        if not isinstance(lead, int) or node.keywords:
            raise self.refuse(node, "a batch of Jacobians at this depth", "use `rd.vmap_by_loop`")
        args = [columns, x]
        if is_batched(known) or lead:
            args.append(core.constant(lead + is_batched(known)))
        return gast.Call(core.copy(node.func), args, []), Array(is_batched(known), rank)

    def call_item_bar(self, node: gast.Call) -> Result | None:
        """The cotangent of what was stored at a slice or number."""
        z_bar, index, value = node.args
        is_slice = isinstance(index, gast.Call) and core.same(index.func, core.name("slice"))
        number = isinstance(table.literal(index), int)
        (z_bar, known), (value, of_value) = self.expression(z_bar), self.expression(value)
        if not (isinstance(known, Array) and known.batched) or not (is_slice or number):
            return None
        wanted = None if known.rank is None else known.rank - number
        if not isinstance(of_value, Array) or wanted is None or of_value.rank != wanted:
            return None
        if not of_value.batched:
            value = self.for_each(value)
        whole = core.call("slice", core.constant(None))
        place = gast.Tuple([whole, core.copy(index)], gast.Load())
        return gast.Call(core.copy(node.func), [z_bar, place, value], []), Array(True, wanted, True)

    def call_add_at(self, node: gast.Call) -> Result | None:
        """A sum in place: the array gets its batch axis before."""
        owner = node.args[0]
        known = self.env.get(owner.id, PLAIN) if core.is_name(owner) else BATCHED
        if isinstance(known, Items):
            return self.add_to_part(node, known)
        rest = [self.quiet(a) for a in node.args[2:]]
        rest.append(is_batched(self.index(node.args[1])[1]))
        if any(rest) or is_batched(known):
            if self.masked or not isinstance(known, Array):
                self.refuse_effect(node)
            if not isinstance(known, Array):
                raise self.refuse(
                    node, "a sum into a part of a container is not supported under vmap",
                    "use `rd.vmap_by_loop`",
                )  # fmt: skip
            self.batches.changes = True
            if core.is_name(owner):
                self.note_change(owner.id, known)
            if not known.batched:
                self.raise_owned(owner.id, known, node)
        return None

    def add_to_part(self, node: gast.Call, known: Items) -> Result | None:
        """A sum into a part of a container: the part is replaced, so it may get its batch axis now."""
        owner, key = node.args[0], table.literal(node.args[1])
        before = len(self.lines)
        value, of_value = self.expression(node.args[2])
        batched = is_batched(of_value) or is_batched(known)
        if batched:
            self.refuse_effect(node)
        if known.kind in ("list", "tuple") and isinstance(key, int) and key < 0:
            key += len(known.keys)
        if key not in known.keys:
            if not batched:
                self.env[owner.id] = PLAIN
                return None
            raise self.refuse(
                node, "a sum into a part of a container that is not known when the source is written",
                "use `rd.vmap_by_loop`",
            )  # fmt: skip
        place = known.keys.index(key)
        part = known.parts[place]
        total = self.sum_of_parts(part, of_value)
        if total is None and isinstance(part, Array) and isinstance(of_value, Array):
            del self.lines[before:]  # written anew
            return self.sum_aligned(node, known.kind)
        if total is None and batched:
            raise self.refuse(
                node, "a sum into a part of another structure or rank", "use `rd.vmap_by_loop`"
            )
        parts = (*known.parts[:place], total or PLAIN, *known.parts[place + 1 :])
        self.env[owner.id] = replace(known, parts=parts)
        args = [core.copy(owner), core.copy(node.args[1]), value]
        return gast.Call(core.copy(node.func), args, []), PLAIN

    def sum_aligned(self, node: gast.Call, kind: str) -> Result:
        """The same, where a sum of arrays must be told which axes are which."""
        owner, key, value = map(core.copy, node.args)
        part = gast.Subscript(owner, key, gast.Load())
        if kind == "object":
            part = gast.Attribute(owner, key.value, gast.Load())
        place = core.copy(part)
        place.ctx = gast.Store()
        total = gast.copy_location(gast.BinOp(part, gast.Add(), value), node)
        self.stmt_Assign(gast.copy_location(gast.Assign([place], total, None), node))
        return core.constant(None), Nothing()

    def sum_of_parts(self, part: Value, value: Value) -> Value | None:
        """What is known of a sum of cotangents; None if NumPy's broadcasting may not give it."""
        if isinstance(value, Nothing):
            return part
        if isinstance(part, Array) and isinstance(value, Array):
            return self.sum_of_arrays(part, value)
        if isinstance(part, Items) and isinstance(value, (Items, Many)):
            values = value.parts if isinstance(value, Items) else [value.part] * len(part.keys)
            if isinstance(value, Items) and value.keys != part.keys:
                return None
            found = [self.sum_of_parts(p, v) for p, v in zip(part.parts, values, strict=True)]
            return None if None in found else replace(part, parts=tuple(found))
        return None

    def sum_of_arrays(self, part: Array, value: Array) -> Array | None:
        """The sum of two arrays, unless their batch axes may come to lie at other axes."""
        if not part.batched and not value.batched:
            return Array(False, broadcast_rank([part, value]))
        ranks = (part.rank, value.rank)
        first = value if value.batched else part  # has a batch axis: it must have all axes
        if None in ranks or first.rank < max(ranks) or (part.batched == value.batched
                                                        and part.rank != value.rank):  # fmt: skip
            return None
        return Array(True, first.rank)

    def call_Struct(self, node: gast.Call) -> Result | None:
        """The tangents or cotangents of an object's fields."""
        fields, known = self.expression(node.args[0])
        if not isinstance(known, Items) or known.kind != "dict":
            return None
        return gast.Call(core.copy(node.func), [fields], []), replace(known, kind="object")

    def call_zeros_like(self, node: gast.Call) -> Result | None:
        """Zero cotangents of a value: lists, also for tuples."""
        new, known = self.call_same(node)
        return new, as_cotangent(known)

    def call_only_arrays(self, node: gast.Call) -> Result:
        return core.copy(node), Nothing()

    def shape_check(self, node: gast.Call) -> gast.Call:
        """The shapes that annotations promise: batched values have one axis more, in front."""
        spec, *values = node.args
        entries = [entry.strip().partition(": ") for entry in spec.value.split(";")]
        taken = {axis for _, _, axes in entries for axis in axes.split()}
        names = (f"batch_{i}" if i > 1 else "batch" for i in count(1))
        batch = next(name for name in names if name not in taken)
        texts = []
        for (name, _, axes), value in zip(entries, values, strict=True):
            known = self.env.get(value.id, PLAIN)
            if is_batched(known) and not isinstance(known, Array):
                raise self.refuse(
                    node, f"`{name}` is annotated as an array, and is a container", "pass an array"
                )
            axes = axes.removeprefix("()") if is_batched(known) else axes
            texts.append(f"{name}: {f'{batch} {axes}'.strip() if is_batched(known) else axes}")
        new = [core.constant("; ".join(texts)), *map(core.copy, values)]
        return gast.Call(core.copy(node.func), new, [])

    def call_pack(self, node: gast.Call) -> Result | None:
        """Parts in the structure of a value."""
        (x, of_x), (parts, of_parts) = map(self.expression, node.args)
        if not is_batched(of_x) and not is_batched(of_parts):
            return None
        found = self.like_parts(of_parts, of_x)
        if found is None:
            raise self.refuse(node, "the cotangent of a container", "use `rd.vmap_by_loop`")
        return gast.Call(core.copy(node.func), [x, parts], []), found

    def call_seed(self, node: gast.Call) -> Result | None:
        value, known = self.expression(node.args[0])
        if not is_batched(known):
            return None
        if not isinstance(known, Array):
            raise self.refuse(node, "the gradient of a result that is no number", "return a number")
        return core.call("rt.seed_each", value), Array(True, 0)

    def call_same(self, node: gast.Call) -> Result | None:
        """A helper that goes through all leaves and keeps the structure."""
        value, known = self.expression(node.args[0])
        if isinstance(known, Array) and self.scope.value(node.func) is not rt.cleared:
            known = replace(known, owned=True)  # a new array
        return gast.Call(core.copy(node.func), [value], []), known

    def call_refuse_in_place(self, node: gast.Call) -> Result | None:
        _, known = self.expression(node.args[0])
        if not is_batched(known):
            return None
        if getattr(known, "rank", None) != 0:
            raise self.refuse(
                node, "a change in place of a value of unknown rank", "write `x = x + v` instead"
            )
        return core.constant(None), Nothing()  # the number of each example: a new value

    def call_add(self, node: gast.Call) -> Result | None:
        """A sum of cotangents, part by part."""
        (a, of_a), (b, of_b) = map(self.expression, node.args)
        if not is_batched(of_a) and not is_batched(of_b):
            return None
        try:
            known = join(of_a, of_b)
        except Clash:
            raise self.refuse(
                node, "a sum of containers of different structure", "unpack them"
            ) from None
        known = known if not isinstance(known, Array) else replace(known, batched=True)
        parts = [
            self.converted(core.copy(n), v, known, node) or n for n, v in ((a, of_a), (b, of_b))
        ]
        return gast.Call(core.copy(node.func), parts, []), known

    def call_like(self, node: gast.Call) -> Result | None:
        """A cotangent in the structure of the value that it belongs to."""
        (z_bar, of_bar), (x, of_x) = map(self.expression, node.args)
        new = gast.Call(core.copy(node.func), [z_bar, x], [])
        if not is_batched(of_bar) and not is_batched(of_x):
            return (new, of_x) if isinstance(of_x, Items) else None
        return self.like(node, new, z_bar, of_bar, x, of_x)

    def like(self, node: Any, new: Any, z_bar: Any, of_bar: Value, x: Any, of_x: Value) -> Result:
        if isinstance(of_bar, Array) and isinstance(of_x, Array) and of_x != PLAIN:
            if of_bar.batched:
                return z_bar, of_bar if of_x.rank is None else replace(of_bar, rank=of_x.rank)
            if isinstance(z_bar, gast.Constant):
                return new, of_x
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
        if isinstance(of_x, Array) and isinstance(of_bar, Array):
            return None if of_x.batched and not of_bar.batched else of_bar
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


def as_cotangent(known: Value) -> Value:
    """The description of the cotangent of a value: it has lists for tuples."""
    if not isinstance(known, Items):
        return known
    kind = "list" if known.kind == "tuple" else known.kind
    return Items(kind, known.keys, tuple(map(as_cotangent, known.parts)), cls=Cotangents)
