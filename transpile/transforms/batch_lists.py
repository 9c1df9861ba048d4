"""Lists that are longer for some examples than for others: entries with masks.

Before::                              After (x batched)::

    kept = []                             kept = []
    for v in x:                           for v in np.moveaxis(x, 1, 0):
        if v > 0:                             mask = v > 0
            kept.append(v)                    kept.append((v, mask))
    return sum(kept)                      return sum(np.where(here, v, 0) for v, here in kept)

Every entry holds a value, and the mask of the examples that have it. A loop over such a list runs its
body under that mask, `sum` selects, `len` counts, and an index looks for the entry of each example.
A list becomes one of entries when it first grows under a mask, or where lists of different length
are joined. That makes a new list, so it is refused where something else may hold the old one.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import gast
import numpy

from redraft.transpile import core
from redraft.transpile.analysis.batched import (
    Array,
    Entries,
    Items,
    Many,
    Nothing,
    Value,
    batched_like,
    is_batched,
    parts_of,
)
from redraft.transpile.primitives import table
from redraft.transpile.transforms.batch_methods import BatchedMethods
from redraft.transpile.transforms.batch_names import Result, located, shared_all, substituted

LONGER = "a list that is longer for some examples"


class BatchedLists(BatchedMethods):
    """Lists that are longer for some examples than for others."""

    # --- growing

    def as_entries(self, node: Any, owner: Any, known: Any) -> Entries:
        """Make the list that a variable holds one of entries, if it is none yet."""
        if self.lines is None or not core.is_name(owner):
            raise self.refuse(
                node, "a list that grows or shrinks for some examples only, within an expression",
                "write it as a statement, about a variable",
            )  # fmt: skip
        if isinstance(known, Entries):
            return known
        new = self.entries_from(owner, known, node)
        if new is not None:
            self.emit(core.assign(owner.id, new))
        return Entries(self.part_of_entries(known, node))

    def entries_from(self, node: Any, known: Any, place: Any, mask: Any = None) -> Any:
        """A list as one of entries that all examples have, or those of a mask; None for an empty one."""
        if known.shared:
            raise self.refuse(
                place, "a list that something else may hold becomes longer for some examples",
                "make a new list for it: `xs = list(xs)`",
            )  # fmt: skip
        if isinstance(known, Items) and not known.parts:
            return None
        mask = mask or core.call("np.full", self.size(), core.constant(True))
        if isinstance(known, Entries):
            here = core.name(self.free("here"))
            both = gast.BinOp(here, gast.BitAnd(), mask)
            return self.pairs(node, core.name("v"), both, here.id)
        flags = {is_batched(p) for p in parts_of(known)}
        if len(flags) > 1:
            raise self.refuse(
                place, "some elements of this list are batched and others are not",
                "make them all batched, for instance by adding `0 * x`",
            )  # fmt: skip
        value: gast.expr = core.name("v")
        if flags == {False}:
            value = self.for_each(value)
        return self.pairs(node, value, mask)

    def pairs(self, entries: Any, value: gast.expr, mask: gast.expr, here: str = "") -> gast.expr:
        """``[(value, mask) for v in entries]``, or ``for v, here in entries``."""
        target: gast.expr = core.store("v")
        if here:
            target = gast.Tuple([target, core.store(here)], gast.Store())
        generator = gast.comprehension(target, entries, [], 0)
        return gast.ListComp(gast.Tuple([value, mask], gast.Load()), [generator])

    def part_of_entries(self, known: Any, place: Any) -> Value:
        if isinstance(known, Entries):
            return known.part
        parts = parts_of(known)
        return batched_like(self.joined_parts(known, known, place)[0]) if parts else Nothing(True)

    def mask_here(self) -> gast.expr:
        """The mask of the examples that this code counts for."""
        return self.everyone()

    def entries_append(self, node: gast.Call, owner: Any, known: Any) -> Result:
        return self.grown(node, owner, known, node.args[0], "append", [])

    def entries_insert(self, node: gast.Call, owner: Any, known: Any) -> Result:
        if table.literal(node.args[0]) != 0:
            raise self.refuse(node, f"`insert` within {LONGER}", "insert at 0, or append")
        return self.grown(node, owner, known, node.args[1], "insert", [core.constant(0)])

    def grown(
        self, node: Any, owner: Any, known: Any, value: Any, method: str, before: list[Any]
    ) -> Result:
        """One more entry, for the examples of the mask."""
        known = self.as_entries(node, owner, known)
        self.env[owner.id] = known  # (the value may read the list)
        value, part = self.expression(value)
        if core.is_name(value):
            self.share(value.id)
        value, part = self.settled(value, part), shared_all(part)
        if isinstance(part, Array) and not part.batched:
            value, part = self.for_each(value), batched_like(part)
        joined = self.join_values(known.part, part, node)
        value = self.converted(core.copy(value), part, joined, node) or value
        self.env[owner.id] = Entries(joined, known.shared)
        entry = gast.Tuple([value, self.mask_here()], gast.Load())
        return gast.Call(
            gast.Attribute(owner, method, gast.Load()), [*before, entry], []
        ), Nothing()

    def added(self, node: gast.AugAssign, known: Any) -> bool:
        """``xs += [a, b]`` as appends, where the list has entries or gets them."""
        if not isinstance(node.op, gast.Add) or not isinstance(node.value, (gast.List, gast.Tuple)):
            return False
        if not isinstance(known, Entries) and not (self.regions and known.kind == "list"):
            return False
        if any(isinstance(e, gast.Starred) for e in node.value.elts):
            return False
        for element in node.value.elts:
            owner = core.name(node.target.id)
            method = gast.Attribute(owner, "append", gast.Load())
            call = located(gast.Call(method, [element], []), node)
            value, _ = self.entries_append(call, owner, self.env[node.target.id])
            self.emit(gast.Expr(value))
        return True

    def chosen_entries(
        self, mask: gast.expr, node: Any, known: Any, other: Any, before: Any, place: Any
    ) -> Result:
        """One list for the examples of a mask, and another for the rest."""
        parts = [p for v in (known, before) for p in parts_of(v) if not isinstance(p, Nothing)]
        inverse = gast.UnaryOp(gast.Invert(), core.copy(mask))
        lists = [self.entries_from(node, known, place, mask),
                 self.entries_from(other, before, place, inverse)]  # fmt: skip
        lists = [part for part in lists if part is not None]
        part = self.join_all_values([batched_like(p) for p in parts], place)
        if not lists:
            return gast.List([], gast.Load()), Entries(part)
        value = lists[0] if len(lists) == 1 else gast.BinOp(lists[0], gast.Add(), lists[1])
        return value, Entries(part)

    def join_all_values(self, parts: list[Value], place: Any) -> Value:
        result = parts[0] if parts else Nothing(unset=True)
        for part in parts[1:]:
            result = self.join_values(result, part, place)
        return result

    # --- reading

    def entry_loop(self, node: gast.For) -> list[gast.stmt] | None:
        """A loop over entries, as one over pairs whose body stands under their masks."""
        found = self.entries_in(node.iter)
        if found is None:
            return None
        node = self.with_own_target(node)
        here = self.free("here")
        self.flags = self.flags | {here}
        self.entry_masks.add(here)
        body, tail = list(node.body), []
        if isinstance(body[-1], gast.If) and isinstance(body[-1].body[0], gast.Break):
            body, tail = body[:-1], body[-1:]
        target, before, counter = node.target, [], set()
        if self.is_call_of(node.iter, enumerate):
            before, body, target, counter = self.counted(node, body)
        inner = located(gast.If(core.name(here), body or [gast.Pass()], []), node)
        inner.live = set(node.head) | set(node.live) | counter | core.reads(tail)
        pair = gast.Tuple([target, core.store(here)], gast.Store())
        loop = located(gast.For(pair, found, [inner, *tail], [], None), node)
        loop.live, loop.head = node.live, set(node.head) | counter
        return [*before, loop]

    def with_own_target(self, node: gast.For) -> gast.For:
        """A loop whose variables nobody reads after it: those are set under the mask, in its body."""
        read_later = sorted(core.writes(node.target) & set(node.live))
        if not read_later:
            return node
        own = {name: core.store(self.free(f"{name}_entry")) for name in read_later}
        first = [
            located(core.assign(name, core.name(new.id)), node.target) for name, new in own.items()
        ]
        for statement in first:
            statement.live = set(node.head) | set(node.live)
        target = substituted(core.copy(node.target), own)
        new = located(gast.For(target, node.iter, [*first, *node.body], node.orelse, None), node)
        new.live, new.head = node.live, node.head
        return new

    def counted(self, node: gast.For, body: list[Any]) -> Any:
        """The number of each round, counted for every example that is in it."""
        if not isinstance(node.target, gast.Tuple) or len(node.iter.args) != 1:
            raise self.refuse(node, f"`enumerate` of {LONGER}", "count in a variable of your own")
        index, target = node.target.elts
        counter = self.free("count")
        start = located(core.assign(counter, core.constant(0)), node)
        now = located(gast.Assign([index], core.name(counter), None), node)
        more = gast.BinOp(core.name(counter), gast.Add(), core.constant(1))
        then = located(core.assign(counter, more), node)
        return [start], [now, then, *body], target, {counter}

    def is_call_of(self, node: Any, *functions: Any) -> bool:
        return isinstance(node, gast.Call) and any(
            self.scope.value(node.func) is f for f in functions
        )

    def entries_in(self, node: Any) -> Any:
        """The list of entries that a loop goes over, or None; without `list`, `enumerate` around it."""
        if self.is_call_of(node, enumerate) and len(node.args) == 1:
            return self.entries_in(node.args[0])
        if self.is_call_of(node, list, tuple) and len(node.args) == 1:
            inner = self.entries_in(node.args[0])  # (a copy: the list itself may grow in the loop)
            return inner if not core.is_name(inner) else core.call("list", inner)
        if self.is_call_of(node, reversed) and len(node.args) == 1:
            inner = self.entries_in(node.args[0])
            return None if inner is None else gast.Call(core.copy(node.func), [inner], [])
        if self.is_call_of(node, zip):
            return None
        if not isinstance(node, (gast.Name, gast.ListComp, gast.GeneratorExp)):
            return None
        return core.copy(node) if isinstance(self.quiet_value(node), Entries) else None

    def quiet_value(self, node: Any) -> Value:
        """What is known of an expression's value. Looks without emitting anything."""
        return self.foreseen(core.copy(node))

    def over_entries(self, value: gast.expr, known: Entries, place: Any) -> Result:
        """Entries that are gone over by a loop whose target takes the mask as well."""
        if self.going_over:
            return value, Items("tuple", (0, 1), (shared_all(known.part), Array(True, 0)))
        raise self.refuse(place, f"{LONGER} is gone over here", "write a `for` loop over it alone")

    going_over = False

    def count_of(self, value: gast.expr) -> Result:
        """How many entries each example has."""
        here = core.name("here")  # (a name of the generator's own)
        target = gast.Tuple([core.store("_"), core.store(here.id)], gast.Store())
        masks = gast.GeneratorExp(here, [gast.comprehension(target, value, [], 0)])
        start = core.call("np.full", self.size(), core.constant(0))
        return core.call("sum", masks, start), Array(True, 0)

    def call_len(self, node: gast.Call) -> Result | None:
        first = node.args[0]
        if isinstance(first, gast.ListComp) and isinstance(self.quiet_value(first), Entries):
            _, _, mask, generators = self.comprehended(first)
            start = core.call("np.full", self.size(), core.constant(0))
            return core.call("sum", gast.GeneratorExp(mask, generators), start), Array(True, 0)
        value, known = self.expression(node.args[0])
        if isinstance(known, Entries):
            return self.count_of(value)
        return super().call_len(node)

    def call_list(self, node: gast.Call) -> Result | None:
        if len(node.args) == 1 and not node.keywords and self.is_call_of(node, list):
            found = self.entries_in(node.args[0])
            if found is not None:
                value, known = self.expression(node.args[0])
                return core.call("list", value), Entries(known.part)
        return super().call_list(node)

    def call_sum(self, node: gast.Call) -> Result | None:
        """`sum` of entries: of what each example has."""
        [first, *rest] = node.args
        if not isinstance(self.quiet_value(first), Entries):
            return super().call_sum(node)
        if rest or node.keywords:
            raise self.refuse(node, f"`sum` with a start of {LONGER}", "add the start afterwards")
        if isinstance(first, (gast.GeneratorExp, gast.ListComp)):
            value, known, mask, generators = self.comprehended(first)
        else:
            entries, known = self.expression(first)
            value, known, mask = core.name("v"), known.part, core.name("here")
            target = gast.Tuple([core.store("v"), core.store("here")], gast.Store())
            generators = [gast.comprehension(target, entries, [], 0)]
        if not isinstance(known, Array):
            raise self.refuse(node, f"`sum` of containers in {LONGER}", "write a loop")
        zero, of_zero = core.constant(0), Array(False, 0)
        choose = functools.partial(self.select, mask, value, known, zero, of_zero)
        chosen, _ = self.without_lines(node, choose)  # (it stands within the loop)
        total = core.call("sum", gast.GeneratorExp(chosen, generators))
        rank = 0 if known.rank == 0 else None  # an empty list of arrays gives numbers, too
        return self.or_zeros(first, total), Array(True, rank, True)

    def call_total(self, node: gast.Call) -> Result | None:
        """``np.sum(xs)`` and ``np.mean(xs)``, also of ``np.array(xs)``, for numbers."""
        if len(node.args) != 1 or node.keywords:
            return None
        first = node.args[0]
        if self.is_call_of(first, numpy.array, numpy.asarray) and len(first.args) == 1:
            first = first.args[0]
        known = self.quiet_value(first) if not isinstance(first, gast.Starred) else None
        if not isinstance(known, Entries):
            return None
        if not isinstance(known.part, Array) or known.part.rank != 0:
            raise self.refuse(node, f"an array of arrays of {LONGER}", "write a loop")
        total = self.call_sum(located(core.call("sum", first), node))
        if self.is_call_of(node, numpy.sum):
            return total
        count = self.call_len(located(core.call("len", first), node))
        return gast.BinOp(total[0], gast.Div(), count[0]), Array(True, 0, True)

    def call_reduce(self, node: gast.Call) -> Result | None:
        """`any` and `all` of tests that differ from example to example."""
        [first] = node.args
        known = self.quiet_value(first)
        if not isinstance(known, (Entries, Many)) or not is_batched(known):
            return super().call_reduce(node)
        is_any = self.is_call_of(node, any)
        if not isinstance(first, (gast.GeneratorExp, gast.ListComp)):
            name = self.free("v")
            generator = gast.comprehension(core.store(name), core.copy(first), [], 0)
            first = located(gast.GeneratorExp(core.name(name), [generator]), node)
        if not is_any:
            first = located(
                gast.GeneratorExp(gast.UnaryOp(gast.Not(), first.elt), first.generators), node
            )
        self.as_tests += 1
        try:
            test, known, mask, generators = self.comprehended(first)
        finally:
            self.as_tests -= 1
        if mask is not None:
            test = gast.BinOp(test, gast.BitAnd(), mask)
        start = core.call("np.full", self.size(), core.constant(0))
        count = core.call("sum", gast.GeneratorExp(test, generators), start)
        operator = gast.Gt() if is_any else gast.Eq()
        return gast.Compare(count, [operator], [core.constant(0)]), Array(True, 0)

    def extreme(self, node: gast.Call) -> Result | None:
        """`max` or `min` of a list: of what each example has."""
        if len(node.args) != 1 or isinstance(node.args[0], gast.Starred):
            return None
        known = self.quiet_value(node.args[0])
        if not isinstance(known, (Items, Many, Entries)) or not is_batched(known):
            return None
        if node.keywords or self.lines is None:
            raise self.refuse(
                node, "`max`/`min` of a list of batched numbers, with options or within an expression "
                "that may not be evaluated", "give it a line of its own, without options",
            )  # fmt: skip
        value, known = self.expression(node.args[0])
        if isinstance(value, gast.GeneratorExp):
            value = gast.ListComp(value.elt, value.generators)
        if not core.is_name(value):
            value = self.temporary(value, "items")
            self.env[value.id] = known
        larger = self.is_call_of(node, max)
        best = self.free("largest" if larger else "smallest")
        first, part = self.expression(gast.Subscript(value, core.constant(0), gast.Load()))
        if not isinstance(part, Array) or part.rank != 0:
            raise self.refuse(node, "`max`/`min` of containers or arrays", "use `np.max`")
        if not part.batched:
            first = self.for_each(first)
        self.emit(core.assign(best, first))
        self.env[best] = Array(True, 0, True)
        name = self.free("item")
        better = gast.Compare(
            core.name(name), [gast.Gt() if larger else gast.Lt()], [core.name(best)]
        )
        chosen = gast.IfExp(better, core.name(name), core.name(best))
        step = core.assign(best, chosen)
        loop = gast.For(core.store(name), core.name(value.id), [step], [], None)
        loop.live, loop.head = {best}, {best, value.id}
        step.live = {best, value.id}
        statement = self.statement
        for made in (step, loop):
            gast.copy_location(made, node)
        self.lines += self.block([loop])
        self.statement = statement
        return core.name(best), Array(True, 0, True)

    def or_zeros(self, owner: Any, total: gast.expr) -> gast.expr:
        """A sum over a list; of an empty one, the zero of every example."""
        if not core.is_name(owner):
            return total
        zeros = core.call("np.full", self.size(), core.constant(0))
        return gast.IfExp(core.name(owner.id), total, zeros)

    def entry_at(
        self, node: Any, owner: Any, known: Entries, index: Any, of_index: Value
    ) -> Result:
        """``xs[i]``: each example's entry."""
        if isinstance(index, gast.Slice) or getattr(of_index, "rank", 0) not in (0, None):
            raise self.refuse(node, f"a slice of {LONGER}", "write a loop")
        if not isinstance(known.part, Array):
            raise self.refuse(node, f"an item of {LONGER}, which is a container", "write a loop")
        if not core.is_name(owner):
            raise self.refuse(node, f"an item of {LONGER} without a name", "give it a name first")
        place = self.place_of(owner, index)
        values = core.call("np.stack", self.column(owner, 0))
        at = gast.Tuple([place, core.call("np.arange", self.size())], gast.Load())
        return gast.Subscript(values, at, gast.Load()), Array(True, known.part.rank, True)

    def place_of(self, owner: Any, index: gast.expr) -> gast.expr:
        """Where each example's entry number `index` stands."""
        if self.conditional:
            raise self.refuse(
                owner, f"an item of {LONGER}, in a function that some examples do not call",
                "read it where the list is made, and pass the item",
            )  # fmt: skip
        masks = [core.name(r.mask) for r in self.regions[-1:]] + list(map(core.copy, self.choices))
        mask = masks[:1]
        for more in masks[1:]:
            mask = [gast.BinOp(mask[0], gast.BitAnd(), more)]
        return core.call("rt.place_of", index, self.column(owner, 1), *mask)

    def column(self, owner: Any, position: int) -> gast.expr:
        """The values, or the masks, of a list of entries."""
        names = [core.store("_"), core.store("_")]
        names[position] = core.store("here" if position else "v")
        target = gast.Tuple(names, gast.Store())
        generator = gast.comprehension(target, core.copy(owner), [], 0)
        return gast.ListComp(core.name(names[position].id), [generator])

    def store_entry(
        self, target: Any, name: str, before: Entries, index: Any, value: Any, known: Value
    ) -> None:
        """``xs[i] = v``: into each example's entry."""
        if before.shared or isinstance(index, gast.Slice) or not isinstance(known, Array):
            raise self.refuse(target, f"this store into {LONGER}", "build a new list")
        place = self.temporary(self.place_of(core.name(name), index), "place")
        if not core.is_name(value) and not isinstance(value, gast.Constant):
            value = self.temporary(value, "value")
        counter, here = self.free("k"), self.free("here")
        mask: gast.expr = gast.Compare(core.copy(place), [gast.Eq()], [core.name(counter)])
        if self.regions:
            mask = gast.BinOp(mask, gast.BitAnd(), core.name(self.regions[-1].mask))
        choose = functools.partial(self.select, mask, value, known, core.name("v"), before.part)
        chosen, part = self.without_lines(target, choose)
        pair = gast.Tuple([core.store("v"), core.store(here)], gast.Store())
        both = gast.Tuple([core.store(counter), pair], gast.Store())
        generator = gast.comprehension(both, core.call("enumerate", core.name(name)), [], 0)
        entry = gast.Tuple([chosen, core.name(here)], gast.Load())
        self.emit(core.assign(name, gast.ListComp(entry, [generator])))
        self.env[name] = replace(before, part=self.join_values(before.part, part, target))

    def joined_lists(self, node: Any, a: Result, b: Result) -> Result:
        """``xs + ys`` where one has entries."""
        parts, values = [], []
        for value, known in (a, b):
            parts += [batched_like(p) for p in parts_of(known)]
            if not isinstance(known, Entries):
                value = self.entries_from(value, replace(known, shared=False), node)
            if value is not None:
                values.append(value)
        new = values[0] if len(values) == 1 else gast.BinOp(values[0], gast.Add(), values[1])
        if len(values) == 1:
            new = core.call("list", new)
        return new, Entries(self.join_all_values(parts, node))
