"""Loops under a batch axis: over batched values, and on batched tests under a mask."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.batched import (
    PLAIN,
    Array,
    Clash,
    Entries,
    Items,
    Many,
    Nothing,
    Value,
    batched_like,
    is_batched,
    join_all,
    part_of,
)
from redraft.transpile.transforms.batch_lanes import BatchedLanes
from redraft.transpile.transforms.batch_names import (
    Condition,
    Env,
    Region,
    copied_masks,
    inverted,
    located,
    part_at,
    shared_all,
)


class BatchedLoops(BatchedLanes):
    """Loops under a batch axis: over batched values, and on batched tests under a mask."""

    def stmt_While(self, node: gast.While) -> None:
        head, masked = self.fixpoint(node, self.while_round)
        if masked and self.compactable(node, head):
            self.compact_while(node, head)
            return
        if masked:
            self.masked_while(node, head)
            return
        lines, masks = self.to_head(head, node), dict(self.masks)
        before, self.lines = self.lines, []
        test, _ = self.test(node.test)
        needed, self.lines = self.lines, before  # by the test, in every round
        body = self.rounds(node)
        body += self.conversions(self.env, head, node.head | self.needed(node.live), node)
        body += map(core.copy, needed)
        self.lines += [*lines, *needed]
        self.leave(head, masks)
        self.emit(gast.While(test, body or [gast.Pass()], []))

    def rounds(self, node: Any) -> list[gast.stmt]:
        """The body of a loop that all the examples leave together."""
        outer, self.leaving = self.leaving, None
        body = self.block(node.body)
        self.leaving = outer
        return body

    def leave(self, head: Env, masks: dict[Condition, str]) -> None:
        """After a loop: what held at its head, and the variables that it defined."""
        self.env = {**self.env, **head}
        self.masks = {k: v for k, v in self.masks.items() if masks.get(k) == v}

    def while_round(self, node: gast.While) -> bool:
        """One round; is the loop one that examples leave at different times?"""
        _, known = self.test(node.test)
        masked = is_batched(known)
        if masked:
            self.regions.append(Region(self.trial_mask, set(node.head) | self.captured))
        self.loop_stop = None
        self.block(node.body)
        if masked:
            self.regions.pop()
        return masked or self.loop_stop is not None

    trial_mask = "active"

    def fixpoint(self, node: Any, visit: Any) -> tuple[Env, bool]:
        """What holds at the start of every round, and whether examples leave at different times."""
        self.forget(core.writes(node))
        head = dict(self.env)
        masked = False
        while True:
            saved = self.snapshot()
            self.env = dict(head)
            if masked:
                self.regions.append(Region(self.trial_mask, set(node.head) | self.captured))
            now = visit(node)
            if masked:
                self.regions.pop()
            after = self.env
            self.restore(saved)
            kept = {k: v for k, v in after.items() if k in head}
            new = self.joined(head, kept, node, node.head | self.needed(node.live))
            if new == head and now <= masked:
                return head, masked
            head = new
            if now and not masked:
                self.placeholders(node, head)
            masked = masked or now

    def placeholders(self, node: Any, head: Env) -> None:
        """Variables that only some examples set, and that are read in a later round."""
        for name in sorted((core.writes(node.body) & (node.head | node.live)) - set(head)):
            head[name] = Nothing(unset=True)
            self.partial[name] = set()

    def snapshot(self) -> Any:
        saved = (dict(self.env), copied_masks(self.partial), set(self.taken), list(self.regions))
        state = (*saved, self.lines, self.loop_stop, self.size_used, self.statement, self.flags)
        state = (*state, self.leaving, dict(self.masks), dict(self.set_under))
        self.lines, self.leaving = [], None
        self.trials += 1
        return state

    def restore(self, state: Any) -> None:
        self.trials -= 1
        self.env, self.partial, self.taken, self.regions, *rest = state
        self.lines, self.loop_stop, self.size_used, self.statement, self.flags, *rest = rest
        self.leaving, self.masks, self.set_under = rest

    def to_head(self, head: Env, node: Any) -> list[gast.stmt]:
        """Statements before a loop that give variables what they have at the start of a round."""
        have = {**{n: Nothing(unset=True) for n in head if n not in self.env}, **self.env}
        lines = self.conversions(have, head, node.head | self.needed(node.live), node)
        self.env = {**self.env, **head}
        return lines

    def everyone(self) -> gast.expr:
        """The mask at the start of a loop."""
        if self.regions:
            return core.name(self.regions[-1].mask)
        return core.call("np.full", self.size(), core.constant(True))

    def masked_while(self, node: gast.While, head: Env) -> None:
        """Rounds for all examples, until the mask of those that go on is empty."""
        self.refuse_speaking(node.test)
        unset = set(self.partial) - (set(head) - set(self.env))
        self.lines += self.to_head(head, node)
        endless = isinstance(node.test, gast.Constant) and node.test.value
        active, masks = self.free("active"), dict(self.masks)
        if endless:
            self.emit(core.assign(active, self.everyone()))
        else:
            self.emit(core.assign(active, self.narrowed_by_test(node, None)))
        body = self.masked_round(node, active, head)
        if not endless:
            body.append(core.assign(active, self.narrowed_by_test(node, active)))
        self.leave(head, masks)
        if endless and not self.regions:  # everyone was in the first round
            for name in set(self.partial) - unset:
                self.partial.pop(name)
        self.emit(gast.While(core.call("np.any", core.name(active)), body, []))

    def narrowed_by_test(self, node: gast.While, active: str | None) -> gast.expr:
        test, known = self.without_lines(node.test, self.test)
        base = core.name(active) if active else (self.everyone() if self.regions else None)
        if base is None:
            if not is_batched(known):
                test = core.call("np.full", self.size(), core.call("bool", test))
            return test
        if not is_batched(known):
            test = core.call("bool", test)
        return gast.BinOp(base, gast.BitAnd(), test)

    def masked_round(self, node: Any, active: str, head: Env) -> list[gast.stmt]:
        """The body of a loop under the mask of the examples that are in it."""
        self.loop_stop = None
        outer, self.leaving = self.leaving, None
        body = self.under(active, set(node.head) | set(node.live) | self.captured, node.body)
        self.leaving = outer
        body += self.conversions(self.env, head, node.head | self.needed(node.live), node)
        if self.loop_stop is not None:
            inverse = inverted(self.loop_stop)
            body.append(core.assign(active, gast.BinOp(core.name(active), gast.BitAnd(), inverse)))
            self.loop_stop = None
        return body

    def stmt_For(self, node: gast.For) -> None:
        if core.is_name(node.iter) and self.env.get(node.iter.id) == Items("list", (), ()):
            return  # over nothing
        if any(isinstance(n, (gast.Subscript, gast.Attribute)) for n in core.walk(node.target)):
            raise self.refuse(
                node.target, "a loop whose variable is a place in a container",
                "use a name, and store its value in the first line",
            )  # fmt: skip
        node = self.counted_loop(node) or node
        over_entries = self.entry_loop(node)
        if over_entries is not None:
            self.lines += self.block(over_entries[:-1])
            self.going_over = True
            node = over_entries[-1]
        iterable, part = self.iterable(node.iter)
        self.going_over = False
        head, masked = self.fixpoint(node, lambda n: self.for_round(n, part))
        if masked:
            self.refuse_counter(node)
        if masked and self.compactable(node, head):
            self.compact_for(node, head, iterable, part)
            return
        lines = self.to_head(head, node)
        if core.reads(iterable) & core.writes(lines):  # it is what there was before
            iterable = self.temporary(iterable, "items")
        self.lines += lines
        masks = dict(self.masks)
        if not masked:
            target = self.loop_target(node.target, part)
            body = [*target[1], *self.rounds(node)]
            body += self.conversions(self.env, head, node.head | self.needed(node.live), node)
            self.leave(head, masks)
            self.emit(gast.For(target[0], iterable, body or [gast.Pass()], [], None))
            return
        active = self.free("active")
        self.emit(core.assign(active, self.everyone()))
        target = self.loop_target(node.target, part)
        body = [*target[1], *self.masked_round(node, active, head)]
        done = gast.UnaryOp(gast.Not(), core.call("np.any", core.name(active)))
        body.append(gast.If(done, [gast.Break()], []))
        self.leave(head, masks)
        self.emit(gast.For(target[0], iterable, body, [], None))

    def refuse_counter(self, node: gast.For) -> None:
        for name in core.writes(node.target) & set(node.live):
            raise self.refuse(
                node, f"`{name}` counts the rounds of a loop that examples leave at different times, "
                "and is read after it", f"keep it in another variable: `last = {name}`",
            )  # fmt: skip

    def counted_loop(self, node: gast.For) -> gast.For | None:
        """``for i in range(n)`` of a batched number: the rounds of the largest, under masks."""
        is_range = self.is_call_of(node.iter, range) and len(node.iter.args) == 1
        if not is_range or not core.is_name(node.target) or not self.quiet(node.iter.args[0]):
            return None
        if node.target.id in node.live:
            raise self.refuse(
                node, f"`{node.target.id}` is read after a loop whose rounds differ from example to example",
                f"keep it in another variable: `last = {node.target.id}`",
            )  # fmt: skip
        value, known = self.expression(node.iter.args[0])
        if known.rank != 0:
            raise self.refuse(node, "`range` of an array", "use one number for each example")
        count = self.temporary(value, "count").id
        self.env[count] = known
        most = core.name(count)
        if self.regions:
            most = core.call("np.where", core.name(self.regions[-1].mask), most, core.constant(0))
        rounds = self.temporary(core.call("np.max", most), "rounds").id
        self.env[rounds] = Array(False, 0)
        return self.under_test(node, count, rounds)

    def under_test(self, node: gast.For, count: str, rounds: str) -> gast.For:
        """The loop with its body under ``i < count``."""
        body, tail = list(node.body), []
        if isinstance(body[-1], gast.If) and isinstance(body[-1].body[0], gast.Break):
            body, tail = body[:-1], body[-1:]
        goes_on = gast.Compare(core.name(node.target.id), [gast.Lt()], [core.name(count)])
        inner = located(gast.If(located(goes_on, node), body or [gast.Pass()], []), node)
        inner.live = set(node.head) | set(node.live) | {count, node.target.id} | core.reads(tail)
        iterable = located(core.call("range", core.name(rounds)), node)
        loop = located(gast.For(node.target, iterable, [inner, *tail], [], None), node)
        loop.live, loop.head = node.live, set(node.head) | {count}
        return loop

    def for_round(self, node: gast.For, part: Value) -> bool:
        self.loop_target(node.target, part)
        self.loop_stop = None
        self.block(node.body)
        return self.loop_stop is not None

    def loop_target(self, target: Any, part: Value) -> tuple[Any, list[gast.stmt]]:
        """The target of a loop, and statements that take apart what it cannot."""
        if core.is_name(target):
            self.forget({target.id})
            self.env[target.id] = shared_all(part)
            self.partial.pop(target.id, None)
            return core.copy(target), self.copies_of(target)
        if self.nested_names(target, part):
            return core.copy(target), self.copies_of(target)
        name = self.free("part")
        self.env[name] = shared_all(part)
        saved, self.lines = self.lines, []
        regions, self.regions = self.regions, []
        self.unpack(target, core.name(name), part)
        self.regions = regions
        lines, self.lines = self.lines, saved
        return core.store(name), lines

    def copies_of(self, target: Any) -> list[gast.stmt]:
        """Copies of the numbers that a loop reads out of a batched array that may change."""
        lines = []
        for name in sorted(core.writes(target)):
            known = self.env.get(name)
            if (
                self.batches.copies
                and isinstance(known, Array)
                and known.batched
                and not known.rank
            ):
                self.lines, saved = [], self.lines
                self.emit(core.assign(name, core.call("np.copy", core.name(name))))
                lines += self.lines
                self.lines = saved
        return lines

    def nested_names(self, target: Any, part: Value) -> bool:
        """Bind a target of names that Python can unpack as it is."""
        if core.is_name(target):
            self.forget({target.id})
            self.env[target.id] = shared_all(part)
            self.partial.pop(target.id, None)
            return True
        if not isinstance(target, (gast.Tuple, gast.List)):
            return False
        if isinstance(part, Array) and part.batched:
            return False
        if any(isinstance(e, gast.Starred) for e in target.elts):
            return not is_batched(part) and all(
                self.nested_names(getattr(e, "value", e), PLAIN) for e in target.elts
            )
        return all(
            self.nested_names(e, self.item(part, i, target)) for i, e in enumerate(target.elts)
        )

    def iterable(self, node: gast.expr) -> tuple[gast.expr, Value]:
        """What a loop goes over, and the description of its elements."""
        if isinstance(node, gast.Call):
            value = self.scope.value(node.func)
            if any(value is f for f in (zip, enumerate, reversed)) and not any(
                isinstance(a, gast.Starred) for a in node.args
            ):
                return self.iterator_call(node, value)
            if value is range:
                return self.range_call(node)
            if isinstance(node.func, gast.Attribute) and node.func.attr in (
                "items",
                "values",
                "keys",
            ):
                found = self.dict_iterable(node)
                if found is not None:
                    return found
        value, known = self.expression(node)
        return self.over(value, known, node)

    keeping = 0  # is what is iterated over kept in a list?

    def over(self, value: gast.expr, known: Value, place: Any) -> tuple[gast.expr, Value]:
        if isinstance(known, Array) and known.batched:
            rank = None if known.rank is None else known.rank - 1
            if rank is not None and rank < 0:
                raise self.refuse(
                    place, "one example is a number here, and a number cannot be iterated over",
                    "check `in_axes`",
                )  # fmt: skip
            node = core.call("np.moveaxis", value, core.constant(1), core.constant(0))
            part = Array(True, rank)
            return (self.settled_rows(node, part) if self.keeping else node), part
        if isinstance(known, Entries):
            return self.over_entries(value, known, place)
        if isinstance(known, (Items, Many)):
            if known.kind == "dict":
                return value, PLAIN
            if isinstance(known, Items) and known.kind in ("list", "tuple"):
                value, known = self.evened(value, known)
            return value, self.common(known, value, place)
        rank = known.rank - 1 if isinstance(known, Array) and known.rank else None
        return value, Array(False, rank)

    def evened(self, value: gast.expr, known: Items) -> tuple[gast.expr, Items]:
        """A list of arrays and numbers, all of them batched if some are."""
        flags = {is_batched(p) for p in known.parts}
        if len(flags) < 2 or not all(isinstance(p, Array) for p in known.parts):
            return value, known
        if not isinstance(value, (gast.Name, gast.List, gast.Tuple)):
            return value, known
        nodes = [part_at(value, i, i) for i in range(len(known.parts))]
        pairs = zip(nodes, known.parts, strict=True)
        nodes = [n if p.batched else self.for_each(n) for n, p in pairs]
        return gast.List(nodes, gast.Load()), replace(
            known, parts=tuple(map(batched_like, known.parts))
        )

    def common(self, known: Any, node: Any, place: Any) -> Value:
        """One description for all elements of a container."""
        if isinstance(known, Many):
            return part_of(known)
        flags = {is_batched(p) for p in known.parts}
        try:
            part = join_all(known.parts) if known.parts else PLAIN
        except Clash:
            part = None
        if part is None or (len(flags) > 1) or not self.uniform(known.parts, part):
            raise self.refuse(
                place, "some elements of what this loop goes over are batched and others are not",
                "go over them one by one, or map them all",
            )  # fmt: skip
        return part

    def uniform(self, parts: Any, part: Value) -> bool:
        """Do all the elements have their batch axes in the same places?"""
        return all(self.same_flags(p, part) for p in parts)

    def same_flags(self, a: Value, b: Value) -> bool:
        if isinstance(a, Items) and isinstance(b, Items):
            return all(map(self.same_flags, a.parts, b.parts))
        return is_batched(a) == is_batched(b)

    def iterator_call(self, node: gast.Call, value: Any) -> tuple[gast.expr, Value]:
        pairs = [self.iterable(a) for a in node.args[: None if value is zip else 1]]
        rest = [self.expression(a)[0] for a in node.args[len(pairs) :]]
        keywords = [gast.keyword(k.arg, self.expression(k.value)[0]) for k in node.keywords]
        new = gast.Call(core.copy(node.func), [*(p for p, _ in pairs), *rest], keywords)
        parts = tuple(part for _, part in pairs)
        if value is reversed:
            return new, parts[0]
        if value is enumerate:
            parts = (Array(False, 0), *parts)
        return new, Items("tuple", tuple(range(len(parts))), parts)

    def range_call(self, node: gast.Call) -> tuple[gast.expr, Value]:
        pairs = [self.expression(a) for a in node.args]
        if any(is_batched(known) for _, known in pairs):
            raise self.refuse(
                node,
                "`range` of a batched number",
                "write a `while` loop, which examples leave one by one",
            )
        return gast.Call(core.copy(node.func), [n for n, _ in pairs], []), Array(False, 0)

    def dict_iterable(self, node: gast.Call) -> Any:
        owner, known = self.expression(node.func.value)
        if not isinstance(known, (Items, Many)) or known.kind != "dict":
            return None
        new = gast.Call(gast.Attribute(owner, node.func.attr, gast.Load()), [], [])
        if node.func.attr == "keys":
            return new, PLAIN
        part = self.common(known, owner, node)
        if node.func.attr == "values":
            return new, part
        return new, Items("tuple", (0, 1), (PLAIN, part))
