"""What assignments under a batch axis become: names, unpacking, `+=`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gast
import numpy

from redraft import runtime as rt
from redraft.transpile import core
from redraft.transpile.analysis.batched import (
    PLAIN,
    Array,
    Closure,
    Cotangents,
    Entries,
    Items,
    Known,
    Many,
    Nothing,
    Value,
    is_batched,
    join,
    part_of,
)
from redraft.transpile.primitives import table
from redraft.transpile.transforms.batch_lists import BatchedLists
from redraft.transpile.transforms.batch_names import (
    Result,
    copied_masks,
    display_of,
    inverted,
    item_at,
    located,
    of_container,
    part_at,
    set_context,
    shared_all,
    with_axes,
)


class BatchedAssignments(BatchedLists):
    """What assignments under a batch axis become: names, unpacking, `+=`."""

    def stmt_AnnAssign(self, node: gast.AnnAssign) -> None:
        if node.value is not None:
            self.stmt_Assign(gast.Assign([node.target], node.value, None))

    def stmt_Assign(self, node: gast.Assign) -> None:
        first = node.targets[0]
        if len(node.targets) == 1 and core.is_name(first):
            self.assign_name(first.id, node)
            return
        pairs = self.parallel(first, node.value)
        if len(node.targets) == 1 and pairs and not self.regions:
            self.assign_pairs(first, node.value)
            return
        value, known = self.expression(node.value)
        if len(node.targets) == 1 and not self.regions and self.simple(first, known):
            if not core.is_name(value) or not self.holds_numbers(first, known):
                places = self.unpacked(first, known)
                self.emit_unpacking(first, value)
                for name, part in places:
                    self.set(name, part)
                return
        if len(node.targets) > 1 or not core.is_name(value):
            plain = core.is_name(value) or isinstance(value, gast.Constant)
            if not plain and not isinstance(first, (gast.Subscript, gast.Attribute)):
                value = self.temporary(value, "value")
        for target in node.targets:
            self.assign(target, core.copy(value), shared_all(known))

    def emit_unpacking(self, target: Any, value: gast.expr) -> None:
        """``a, b = value``; of a display, what has its name already is left out."""
        displayed = isinstance(value, (gast.Tuple, gast.List))
        if not displayed or any(isinstance(e, gast.Starred) for e in value.elts):
            self.emit(gast.Assign([core.copy(target)], value, None))
            return
        pairs = [
            (t, v) for t, v in zip(target.elts, value.elts, strict=True)
            if not (core.is_name(v) and v.id == t.id)
        ]  # fmt: skip
        if len(pairs) == 1:
            self.emit(core.assign(pairs[0][0].id, pairs[0][1]))
        elif pairs:
            places, values = ([pair[i] for pair in pairs] for i in (0, 1))
            display = gast.Tuple([*map(core.copy, places)], gast.Store())
            self.emit(gast.Assign([display], gast.Tuple(values, gast.Load()), None))

    def simple(self, target: Any, known: Value) -> bool:
        """Is this an unpacking to plain names of a value that Python can unpack as it is?"""
        names = isinstance(target, (gast.Tuple, gast.List)) and all(map(core.is_name, target.elts))
        if not names or (isinstance(known, Array) and known.batched):
            return False
        return not any(e.id in self.kept() for e in target.elts)

    def holds_numbers(self, target: Any, known: Value) -> bool:
        """Are there parts that must be copied, so that no change in place reaches them?"""
        parts = [part for _, part in self.unpacked(target, known)]
        batched = [p for p in parts if isinstance(p, Array) and p.batched]
        return self.batches.copies and not all(p.rank for p in batched)

    def unpacked(self, target: Any, known: Value) -> list[tuple[str, Value]]:
        return [(e.id, shared_all(self.item(known, i, target))) for i, e in enumerate(target.elts)]

    def parallel(self, target: Any, value: Any) -> bool:
        """Is this ``a, b = c, d``?"""
        kinds = (gast.Tuple, gast.List)
        return (
            isinstance(target, kinds)
            and isinstance(value, kinds)
            and len(target.elts) == len(value.elts)
            and all(map(core.is_name, target.elts))
            and not any(isinstance(e, gast.Starred) for e in value.elts)
        )

    def assign_pairs(self, target: Any, value: Any) -> None:
        pairs = [self.expression(e) for e in value.elts]
        for node, _ in pairs:
            self.share_node(node)
        pairs = [(self.settled(n, known), shared_all(known) if core.is_name(n) else known)
                 for n, known in pairs]  # fmt: skip
        values = gast.Tuple([node for node, _ in pairs], gast.Load())
        self.emit(gast.Assign([core.copy(target)], values, None))
        for place, (_, known) in zip(target.elts, pairs, strict=True):
            self.set(place.id, known)

    def assign_name(self, name: str, node: gast.Assign) -> None:
        if isinstance(node.value, gast.Lambda):
            self.define(name, node.value)
            return
        branch = self.as_branch(name, node)
        if branch is not None:
            self.stmt_If(branch)
            return
        if self.is_applied(node.value):
            self.env[name] = self.applied(name, node.value)
            if isinstance(self.env[name], Known):
                self.emit(core.assign(name, core.copy(node.value)))
            return
        if core.same(node.value, core.constant(None)) and (
            getattr(node, "unset", False) or (name == "ans" and self.is_placeholder(node))
        ):
            self.emit(core.assign(name, core.constant(None)))
            self.forget({name})
            self.env[name] = Nothing(unset=True)
            if not getattr(node, "unset", False):
                self.partial[name] = set()
            return
        value, known = self.expression(node.value)
        if core.is_name(value):  # both names hold it
            self.share(value.id)
            known = shared_all(known)
        fresh = name not in self.kept() and self.is_new_list(value)
        self.bind(name, value, known, node.value)
        if fresh and isinstance(known, (Items, Many)):
            masks = [region.mask for region in (*self.outside, *self.regions)]
            self.made_under[name] = masks

    def is_new_list(self, value: gast.expr) -> bool:
        """Does an expression give a list that nothing else holds?"""
        if isinstance(value, gast.Call):
            function = self.scope.value(value.func)
            return any(function is f for f in (rt.own, rt.zeros_like, rt.unsum, list))
        return isinstance(value, (gast.List, gast.ListComp))

    def is_placeholder(self, node: Any) -> bool:
        return getattr(node, "placeholder", False)

    def share(self, name: str) -> None:
        """A second name, or a container, holds what a variable holds."""
        if name in self.env:
            self.env[name] = shared_all(self.env[name])

    def set(self, name: str, known: Value) -> None:
        """A variable has a value, for all examples that this code counts for."""
        if self.regions and (name in self.set_under or not self.has_value(name)):
            masks = self.set_under.get(name, set()) | {self.regions[-1].mask}
            self.forget({name})
            self.set_under[name] = masks
        else:
            self.forget({name})
        self.made_under.pop(name, None)
        if self.regions and (name not in self.env or name in self.partial):
            self.partial.setdefault(name, set()).add(self.regions[-1].mask)
        elif name in self.partial:
            del self.partial[name]
        self.env[name] = known

    def kept(self) -> set[str]:
        """Variables whose old value other examples may still need."""
        if not self.regions:
            return set()
        live = self.captured.union(*(region.live for region in self.regions))
        mine = {self.regions[-1].mask}
        return {n for n in live if self.has_value(n) and not self.is_set_under(n, mine)}

    def has_value(self, name: str) -> bool:
        """Has a variable a value for any example?"""
        return name in self.env and not getattr(self.env[name], "unset", False)

    def is_set_under(self, name: str, masks: set[str]) -> bool:
        """Has a variable a value for the examples of these masks only?"""
        return bool(self.set_under.get(name)) and self.set_under[name] <= masks

    def bind(self, name: str, value: gast.expr, known: Value, place: Any) -> None:
        """``name = value``, for the examples of the innermost mask."""
        if name in self.kept():
            old, mask = self.env[name], self.regions[-1].mask
            owned = isinstance(known, Array) and known.owned
            if not self.fit_together(known, old) and self.may_drop(name):
                self.drop(name, value, known)
                return
            value, known = self.selected(
                core.name(mask), (value, known), (core.name(name), old), place
            )
            if owned and isinstance(known, Array):
                known = replace(known, owned_under=mask)
        self.emit(core.assign(name, self.settled(value, known)))
        self.set(name, known)

    def fit_together(self, new: Value, old: Value) -> bool:
        """Can one variable hold either of two values, for some examples each?"""
        if isinstance(old, Nothing) and old.unset:
            return True
        if isinstance(new, Array) and isinstance(old, Array):
            return not self.other_rank(new, old)
        kinds = [getattr(v, "kind", None) for v in (new, old)]
        if kinds[0] in ("list", "entries") and kinds[1] in ("list", "entries"):
            return True
        if not (isinstance(new, Items) and isinstance(old, Items)):
            return False
        if (new.kind, new.keys) != (old.kind, old.keys):
            return False
        return all(map(self.fit_together, new.parts, old.parts))

    def other_rank(self, a: Array, b: Array) -> bool:
        """Are two arrays known to have different numbers of axes?"""
        return None not in (a.rank, b.rank) and a.rank != b.rank

    def may_drop(self, name: str) -> bool:
        """May the value of the other examples be lost: is every later read of it seen and refused?"""
        if self.source.written_here:  # derivatives: what is not set is zero
            return False
        return name not in self.carried and name not in self.captured

    def drop(self, name: str, value: gast.expr, known: Value) -> None:
        """``name = value`` for the examples of a mask; others have no value of that name any more."""
        self.emit(core.assign(name, self.settled(value, known)))
        self.env[name] = known
        self.partial[name] = {self.regions[-1].mask}
        self.dropped.add(name)

    def selected(self, mask: gast.expr, new: Any, old: Any, place: Any) -> tuple[gast.expr, Value]:
        """The value `new` for the examples of a mask, else `old`; pairs of a node and its value."""
        node, known = new
        other, before = old
        if isinstance(known, Nothing) and isinstance(before, Nothing):
            return node, known
        unset = isinstance(before, Nothing) and before.unset
        if isinstance(known, Nothing) or (isinstance(before, Nothing) and not unset):
            raise self.refuse(
                place, "None for some examples and a value for others is not supported",
                "use a number, such as `np.nan`, for what is missing",
            )  # fmt: skip
        if unset or getattr(before, "unset", False):
            return node, known
        if isinstance(known, Closure) or isinstance(before, Closure):
            raise self.refuse(
                place, "a function that differs from example to example is not supported",
                "call the functions in the branches",
            )  # fmt: skip
        return self.select(mask, node, known, other, before, place)

    def select(
        self, mask: Any, node: Any, known: Value, other: Any, before: Value, place: Any
    ) -> tuple[gast.expr, Value]:
        if isinstance(known, Array) and isinstance(before, Array):
            if self.other_rank(known, before) and not self.is_zero(node, other):
                raise self.refuse(
                    place, f"a value with {before.rank} axes for some examples, and {known.rank} for others",
                    "give it the same shape for all examples, for instance with `np.full_like`",
                )  # fmt: skip
            flag = self.flag_update(mask, node, other)
            if flag is not None:
                return flag, Array(True, 0)
            self.note_copy(node, known)
            self.note_copy(other, before)
            node, other = self.of_same_shape((node, known), (other, before), place)
            value, result = self.primitive(
                table.row_of(numpy.where),
                {"condition": mask, "x": node, "y": other},
                {"condition": Array(True, 0), "x": known, "y": before},
                place, "np.where",
            )  # fmt: skip
            return value, replace(result, owned=known.owned and before.owned)
        same = isinstance(known, Items) and isinstance(before, Items)
        if same and (known.kind, known.keys) == (before.kind, before.keys) and known.kind in (
            "tuple", "list", "dict",
        ):  # fmt: skip
            self.only_holder(known, place)
            self.only_holder(before, place)
            return self.select_parts(mask, node, known, other, before, place)
        if all(getattr(v, "kind", None) in ("list", "entries") for v in (known, before)):
            return self.chosen_entries(mask, node, known, other, before, place)
        raise self.refuse(
            place, "this value has not the same structure for all examples",
            "give both branches tuples or dicts with the same parts",
        )  # fmt: skip

    def only_holder(self, known: Value, place: Any) -> None:
        """A new list or dict takes the place of one: refuse it where changes would tell."""
        kinds = ("list", "dict", "object", "entries")
        if getattr(known, "shared", False) and known.kind in kinds and self.changes_containers():
            raise self.refuse(
                place, "a list or dict that something else may hold, too, is changed or replaced",
                "make a copy of it first: `xs = list(xs)`",
            )  # fmt: skip

    def select_parts(
        self, mask: Any, node: Any, known: Items, other: Any, before: Items, place: Any
    ) -> tuple[gast.expr, Value]:
        nodes, values = [], []
        if not core.is_name(node) and not isinstance(node, (gast.Tuple, gast.List, gast.Dict)):
            node = self.temporary(node, "value")
        for i, key in enumerate(known.keys):
            part, value = self.select(
                core.copy(mask), part_at(node, i, key), known.parts[i],
                part_at(other, i, key), before.parts[i], place,
            )  # fmt: skip
            nodes.append(part)
            values.append(value)
        return display_of(known, nodes), replace(known, parts=tuple(values))

    def is_zero(self, *nodes: Any) -> bool:
        """Is one of these the zero of generated derivatives, which stands for an array of them?"""
        return self.source.written_here and any(table.literal(n) in (0, 0.0, False) for n in nodes)

    def flag_update(self, mask: Any, node: Any, other: Any) -> gast.expr | None:
        """A flag that gets a constant: ``stop | mask`` or ``stop & ~mask``."""
        if not isinstance(node, gast.Constant) or not isinstance(node.value, bool):
            return None
        if not core.is_name(other) or other.id not in self.flags:
            return None
        if node.value:
            return gast.BinOp(other, gast.BitOr(), mask)
        return gast.BinOp(other, gast.BitAnd(), inverted(mask))

    def assign(self, target: Any, value: gast.expr, known: Value) -> None:
        """Assign a value that has a name to any target."""
        if core.is_name(target):
            if core.is_name(value):
                self.share(value.id)
            self.bind(target.id, value, known, target)
        elif isinstance(target, (gast.Tuple, gast.List)):
            self.unpack(target, value, known)
        elif isinstance(target, gast.Subscript):
            self.store_item(target, value, known)
        elif isinstance(target, gast.Attribute):
            self.store_field(target, value, known)
        else:
            raise self.refuse(target, "this assignment target is not supported", "assign to a name")

    def unpack(self, target: Any, value: gast.expr, known: Value) -> None:
        elements = target.elts
        star = next((i for i, e in enumerate(elements) if isinstance(e, gast.Starred)), None)
        if not core.is_name(value) or value.id in core.writes(target):
            value = self.temporary(value, "value")
        for i, element in enumerate(elements):
            place = i if star is None or i < star else i - len(elements)
            if i == star:
                self.assign(element.value, *self.rest(value, known, i, len(elements), target))
                continue
            self.assign(element, *self.item_of(core.copy(value), known, place, target))

    def rest(self, value: Any, known: Value, start: int, count: int, place: Any) -> Any:
        """What a starred target takes."""
        after = count - start - 1
        if not isinstance(known, Items) or known.kind not in ("tuple", "list"):
            if isinstance(known, Array) and known.batched:
                return self.rest_of_array(value, known, start, after)
            if isinstance(known, Entries):
                raise self.refuse(
                    place, "a list that is longer for some examples is taken apart", "use indices"
                )
            stop = core.constant(-after) if after else None
            part = gast.Slice(core.constant(start) if start else None, stop, None)
            node = core.call("list", gast.Subscript(core.copy(value), part, gast.Load()))
            return node, Many("list", shared_all(self.common(known, value, place))) if isinstance(
                known, Many) else PLAIN  # fmt: skip
        indices = range(start, len(known.parts) - after)
        nodes = [gast.Subscript(core.copy(value), core.constant(i), gast.Load()) for i in indices]
        parts = tuple(known.parts[i] for i in indices)
        return gast.List(nodes, gast.Load()), Items("list", tuple(range(len(parts))), parts)

    def rest_of_array(self, value: Any, known: Array, start: int, after: int) -> Result:
        """The list of an array's rows that a starred target takes."""
        stop = core.constant(-after) if after else None
        inner = gast.Slice(core.constant(start) if start else None, stop, None)
        whole = gast.Slice(None, None, None)
        if inner.lower or inner.upper:
            index = gast.Tuple([whole, inner], gast.Load())
            value = gast.Subscript(core.copy(value), index, gast.Load())
        self.keeping += 1
        rows, part = self.over(value, known, self.statement)
        self.keeping -= 1
        return core.call("list", rows), Many("list", part)

    def item_of(self, value: gast.expr, known: Value, place: int, node: Any) -> Any:
        """Element number `place`, as an expression and its description."""
        index = core.constant(place)
        if isinstance(known, Array) and known.batched:
            return self.subscript(value, known, index, PLAIN, node)
        item = of_container(gast.Subscript(value, index, gast.Load()))
        return item, shared_all(self.item(known, place, node))

    def item(self, known: Value, place: Any, node: Any) -> Value:
        """Description of an element with a known key."""
        if isinstance(known, Items):
            if known.kind in ("tuple", "list") and isinstance(place, int):
                place = place + len(known.keys) if place < 0 else place
            fields = getattr(known.cls, "_fields", None)  # of a NamedTuple
            if (
                fields is not None
                and isinstance(place, int)
                and -len(fields) <= place < len(fields)
            ):
                place = fields[place]
            if place in known.keys:
                return known.parts[known.keys.index(place)]
            raise self.refuse(node, f"there is no element {place!r}", "look at the structure")
        if isinstance(known, Many):
            return part_of(known)
        if is_batched(known) and not isinstance(known, Array):
            raise self.refuse(
                node, "a list that is longer for some examples is taken apart", "use indices"
            )
        rank = known.rank - 1 if isinstance(known, Array) and known.rank else None
        return Array(False, rank)

    def stmt_AugAssign(self, node: gast.AugAssign) -> None:
        target = node.target
        load = core.copy(target)
        set_context(load, gast.Load())
        binary = gast.copy_location(gast.BinOp(load, node.op, node.value), node)
        if not core.is_name(target):
            self.augment_item(node, target, binary)
            return
        old = self.env.get(target.id, PLAIN)
        known = self.foreseen(node.value)
        if not is_batched(old) and not is_batched(known) and not self.regions:
            self.note_change(target.id, old)
            value, known = self.expression(node.value)
            self.emit(gast.AugAssign(core.copy(target), node.op, value))
            self.forget({target.id})
            self.env[target.id] = self.augmented_plain(old, known)
            return
        if isinstance(old, Array) and (old.rank == 0 or (old.owned and not is_batched(old))):
            self.stmt_Assign(located(gast.Assign([core.store(target.id)], binary, None), node))
            return
        if isinstance(old, Array) and old.batched and (old.rank or old.owned):
            self.augment_array(node, old, known)
            return
        if isinstance(old, (Items, Many, Entries)):
            if self.added(node, old):
                return
            self.only_holder(old, node)
            self.stmt_Assign(located(gast.Assign([core.store(target.id)], binary, None), node))
            return
        raise self.refuse(
            node, f"`{target.id}` may be changed in place here, and may not have a batch axis",
            f"write `{target.id} = {target.id} + …`, which makes a new array",
        )  # fmt: skip

    def augmented_plain(self, old: Value, known: Value) -> Value:
        """What ``x += v`` leaves in `x`, where neither has a batch axis."""
        if not isinstance(old, Array):
            return old
        if not isinstance(known, Array):
            return join(old, known)
        if old.rank == 0:  # a number: a new value
            return Array(False, known.rank, True)
        return Array(False, old.rank, old.owned)

    def foreseen(self, node: Any, visit: Any = None) -> Value:
        """What is known of an expression that is evaluated later. Emits nothing, changes nothing."""
        saved = (dict(self.env), copied_masks(self.partial), set(self.taken), self.lines)
        self.lines = []
        try:
            return (visit or self.expression)(node)[1]
        finally:
            self.env, self.partial, self.taken, self.lines = saved

    def augment_array(self, node: Any, old: Array, known: Value) -> None:
        """``x += v`` of an array with a batch axis."""
        name = node.target.id
        self.batches.changes = True
        self.note_change(name, old)
        if old.owned or self.regions:
            if not old.owned:
                self.augment_masked(node, old)
                return
            load = gast.BinOp(core.name(name), node.op, core.copy(node.value))
            self.stmt_Assign(
                located(gast.Assign([core.store(name)], located(load, node), None), node)
            )
            return
        self.emit(gast.AugAssign(core.store(name), node.op, self.fitted(node, old)))

    def fitted(self, node: Any, old: Array) -> gast.expr:
        """What is added in place to an array, aligned with its inner axes."""
        name = node.target.id
        value, known = self.expression(node.value)
        if not self.fits(old, known):
            raise self.refuse(
                node, "an update in place by a value of unknown rank",
                f"write `{name} = {name} + …`, which makes a new array",
            )  # fmt: skip
        if known.batched and known.rank < old.rank:
            return with_axes(value, old.rank - known.rank)
        return value

    def augment_masked(self, node: Any, old: Array) -> None:
        """``x += v`` of an array that others may hold, for the examples of a mask."""
        if not old.rank:
            raise self.refuse(
                node, "a change in place of an array of unknown rank under a batched condition",
                f"write `{node.target.id} = {node.target.id} + …`, which makes a new array",
            )  # fmt: skip
        array = core.name(node.target.id)
        changed = gast.BinOp(array, node.op, self.fitted(node, old))
        mask = core.name(self.regions[-1].mask)
        value, _ = self.select(mask, changed, old, core.copy(array), old, node)
        whole = gast.Slice(None, None, None)
        self.emit(gast.Assign([item_at(array.id, whole, gast.Store())], value, None))

    def augment_item(self, node: Any, target: Any, binary: gast.BinOp) -> None:
        """``x[i] += v``."""
        owner = target.value
        known = self.expression(core.copy(owner))[1]
        parts = [binary.right, *([target.slice] if isinstance(target, gast.Subscript) else [])]
        batched = [self.quiet(p) for p in parts]
        if any(batched) and core.is_name(owner) and isinstance(known, Array) and not known.batched:
            self.batches.changes = True
            self.raise_owned(owner.id, known, target)
            known = self.env[owner.id]
        for name in core.reads(owner):
            self.note_change(name, self.env.get(name, PLAIN))
        if not isinstance(known, Array) and self.augment_part(node, target, binary.left):
            return
        if isinstance(known, Array) and self.augment_where(node, target, known):
            return
        if not is_batched(known) and not any(batched) and not self.regions:
            self.emit(gast.AugAssign(core.copy(target), node.op, self.expression(node.value)[0]))
            return
        self.augmented = True  # what is stored has the shape of what was there
        self.stmt_Assign(located(gast.Assign([target], binary, None), node))
        self.augmented = False
        if isinstance(known, Array):  # a container gets a new number, which others may not see
            self.shorten()

    augmented = False

    def augment_where(self, node: Any, target: Any, known: Array) -> bool:
        """``x[x > 0] += v``, by a number."""
        if not (isinstance(target, gast.Subscript) and core.is_name(target.value) and known.rank):
            return False
        if not self.is_boolean(target.slice):
            return False
        index, of_index = self.expression(target.slice)
        _, of_value = self.expression(core.copy(node.value))
        if not of_index.batched or of_index.rank != known.rank:
            return False
        if getattr(of_value, "rank", None) != 0:
            raise self.refuse(
                node, "a change of the elements that a batched mask chooses, by more than one number",
                "use `np.where`, which keeps the shape",
            )  # fmt: skip
        changed = gast.BinOp(core.name(target.value.id), node.op, node.value)
        value, of_value = self.expression(located(changed, node))
        self.store_where(target, target.value.id, known, index, value, of_value)
        return True

    def augment_part(self, node: Any, target: Any, load: Any) -> bool:
        """``xs[i] += v`` of a container changes its array in place; numbers are replaced."""
        part = self.expression(core.copy(load))[1]
        if (
            not isinstance(part, Array)
            or part.rank == 0
            or not (part.batched or self.quiet(node.value))
        ):
            return False
        owner = self.expression(core.copy(target.value))[1]
        if getattr(owner, "cls", None) is Cotangents:  # nothing else holds its parts
            return False
        value, known = self.expression(node.value)
        if not part.batched or part.rank is None or self.regions or not self.fits(part, known):
            raise self.refuse(
                node, "this change in place of an array in a container is not supported under vmap",
                "write `x[i] = x[i] + …`, which makes a new array",
            )  # fmt: skip
        if known.batched and known.rank < part.rank:
            value = with_axes(value, part.rank - known.rank)
        self.batches.changes = True
        place = core.copy(target)
        place.value = self.expression(core.copy(target.value))[0]
        self.emit(gast.AugAssign(place, node.op, value))
        return True

    def fits(self, array: Array, known: Value) -> bool:
        """Can an array take a value in place, whatever the batch is?"""
        return isinstance(known, Array) and known.rank is not None and known.rank <= array.rank

    def shorten(self) -> None:
        """``x[:, 0] = x[:, 0] + v`` as ``x[:, 0] += v``."""
        last = self.lines[-1]
        if not (isinstance(last, gast.Assign) and isinstance(last.value, gast.BinOp)):
            return
        target, value = last.targets[0], last.value
        load = core.copy(target)
        load.ctx = gast.Load()
        if isinstance(target, gast.Subscript) and core.same(load, value.left):
            self.lines[-1] = located(gast.AugAssign(target, value.op, value.right), last)
            self.lines[-1].origin = last.origin

    def quiet(self, node: Any) -> bool:
        """Is an expression batched? Looks without emitting anything."""
        return is_batched(self.quiet_value(node))
