"""Loops that examples leave at different times, run on the arrays of those that are still in them.

Before::                              After::

    while abs(y * y - a) > 1e-9:          running = rt.Subset(batch, results=1)
        y = 0.5 * (y + a / y)             active = np.absolute(y * y - a) > 1e-9
                                          while np.any(active):
                                              y, a = running.keep(active, y, a)
                                              y = 0.5 * (y + a / y)
                                              active = np.absolute(y * y - a) > 1e-9
                                          y = running.results(y)

So the work is the sum of the examples' rounds, and an example that is done evaluates nothing. What a
loop does is written as under a mask (transforms/batch_loops.py), which also finds out what is batched;
only there are no others to select for. An early exit is a place where examples leave, too: what stands
behind it is for those that go on.

The shapes of such code depend on the data: XLA does not compile it, and it is not differentiated.
There, and where a loop variable is more than arrays with a batch axis, the mask stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.batched import (
    Array,
    Closure,
    Entries,
    Items,
    Many,
    Nothing,
    Value,
    batched_like,
    is_batched,
)
from redraft.transpile.analysis.liveness import mark_live
from redraft.transpile.front.scope import UNKNOWN
from redraft.transpile.primitives import table
from redraft.transpile.transforms.batch_branches import BatchedBranches
from redraft.transpile.transforms.batch_exits import leaving_early
from redraft.transpile.transforms.batch_names import Env, Region, copied_masks, inverted, located


@dataclass
class Lanes:
    """A loop or branch that runs for some examples.

    Attributes:
        name: the variable that knows which they are.
        region: the mask that stands for them.
        results: variables that are needed behind it; what an example leaves with is put aside.
        used: all variables that it reads or sets.
        head: what is known of the variables at the start of a round.
        complete: variables that every example has that left so far; None before the first.
    """

    name: str
    region: str
    results: list[str]
    used: set[str]
    head: Env
    complete: set[str] | None = None

    def count(self) -> gast.expr:
        """How many examples are running."""
        return core.call("len", core.name(self.name))


class BatchedLanes(BatchedBranches):
    """Loops and branches on the arrays of the examples that take part."""

    @property
    def compact(self) -> bool:
        """May the code at this point be for the arrays of some examples? Not where it is only tried."""
        return self.batches.compact and not self.trials

    trials = 0

    def compactable(self, node: Any, head: Env) -> bool:
        """Can this loop or branch run on the arrays of some examples alone?"""
        if not self.compact or any(isinstance(n, core.FUNCTIONS) for n in core.walk(node)):
            return False
        used = self.used_in(node)
        if self.inner and self.reaches_out(used):
            return False
        changed = {n for s in core.walk_statements(node.body) for n in changed_in_place(s)}
        return all(
            (has_lanes(known) or not is_batched(known))
            and (name not in changed or is_number_or_owned(known))
            for name, known in head.items()
            if name in used
        )

    def reaches_out(self, used: set[str]) -> bool:
        """Does code of a nested function read variables, or call functions, of the one around it?"""
        own = {*self.parameters, *core.writes(self.body)}
        return any(
            is_batched(self.env.get(n)) or isinstance(self.env.get(n), Closure)
            for n in used - own
        )  # fmt: skip

    def used_in(self, node: Any) -> set[str]:
        return core.reads(node) | core.writes(node.body) | self.captured

    def needed(self, live: set[str]) -> set[str]:
        """Names that are read later, also by the others of the masks around this code."""
        around = set(self.lanes.results) if self.lanes is not None else set()
        return around.union(live, self.captured, *(region.live for region in self.regions))

    def open_lanes(self, node: Any, head: Env, wanted: str, region: str | None = None) -> Lanes:
        """Begin a stretch of code for some examples."""
        used = self.used_in(node)
        live = self.needed(node.live)
        results = [n for n in head if n in used & live and is_batched(head[n])]
        for name in results:
            self.note_copy(core.name(name), head[name])
        name = self.free(wanted)
        lanes = Lanes(name, region or name, results, used, head)
        count = core.call("rt.Subset", self.size())
        count.keywords = [gast.keyword("results", core.constant(len(results)))]
        self.emit(core.assign(lanes.name, count))
        return lanes

    def keep(self, lanes: Lanes, going: gast.expr, live: set[str]) -> None:
        """Examples leave; `live`: names that are read by those that go on."""
        others = [
            n for n, known in self.env.items()
            if n in live & lanes.used and n not in lanes.results and is_batched(known)
        ]  # fmt: skip
        names = [*lanes.results, *others]
        for name in others:
            if not has_lanes(self.env[name]):
                raise self.refuse(
                    self.statement, f"`{name}` has parts without a batch axis", "unpack it"
                )
        for name in lanes.used & set(self.env) - set(names):
            if is_batched(self.env[name]):  # nobody reads it: it stays the array of all
                self.env[name] = Nothing(unset=True)
        method = gast.Attribute(core.name(lanes.name), "keep", gast.Load())
        kept = gast.Call(method, [going, *map(core.name, names)], [])
        self.emit(gast.Assign([targets(names)], kept, None) if names else gast.Expr(kept))
        self.masks = {}  # they have an entry for those that have left, too

    def leave_if_empty(self, lanes: Lanes) -> None:
        self.emit(gast.If(gast.UnaryOp(gast.Not(), lanes.count()), [gast.Break()], []))

    def put_together(self, lanes: Lanes) -> None:
        """Behind the loop or branch: the values of all examples; of other variables, of none."""
        for name in sorted(lanes.used & set(self.env) - set(lanes.results)):
            if is_batched(self.env[name]):
                self.env[name] = Nothing(unset=True)
                self.partial[name] = set()
        if lanes.results:
            method = gast.Attribute(core.name(lanes.name), "results", gast.Load())
            call = gast.Call(method, list(map(core.name, lanes.results)), [])
            self.emit(gast.Assign([targets(lanes.results)], call, None))

    def enter(self, lanes: Lanes) -> Any:
        """The code that follows is for the running examples alone: nothing has to be selected."""
        state = (self.regions, self.outside, self.lanes, self.size_node, self.leaving)
        state = (*state, dict(self.masks), dict(self.env), copied_masks(self.partial))
        self.outside = [*self.outside, *self.regions, Region(lanes.region, set())]
        self.regions, self.lanes, self.size_node = [], lanes, lanes.count()
        self.leaving, self.masks = None, {}  # those known are of all examples
        return state

    def exit(self, lanes: Lanes, state: Any, written: set[str], endless: bool) -> None:
        """Back to the code for all: what was set for the first time may be missing for some."""
        self.regions, self.outside, self.lanes, self.size_node, self.leaving, *rest = state
        self.masks, before, partial = rest
        self.forget(written)
        complete = lanes.complete or set() if endless else set()
        within = set(self.partial)  # what even the examples that took part may not have
        for name in sorted(written & set(self.env)):
            missing = name not in before or name in partial
            here = {lanes.region} if name not in within else set()
            if name in complete:
                here = {self.regions[-1].mask} if self.regions else here
                missing &= bool(self.regions)
            self.partial.pop(name, None)
            if missing:
                self.partial[name] = {*partial.get(name, ()), *here}

    def note_complete(self, lanes: Lanes, mask: str | None = None) -> None:
        """Examples, those of a mask, leave with the variables that they have here."""
        here = {n for n in self.env if n not in self.partial or mask in self.partial[n]}
        lanes.complete = here if lanes.complete is None else lanes.complete & here

    # --- loops

    def compact_while(self, node: gast.While, head: Env) -> None:
        """Rounds for the examples that are not done."""
        node = leaving_early(node, self.needed(node.live))
        self.lines += self.to_head(head, node)
        endless = isinstance(node.test, gast.Constant) and bool(node.test.value)
        lanes = self.open_lanes(node, head, "running")
        everyone = endless and not self.regions
        self.start_with_region(lanes, node)
        before, partial = dict(self.env), copied_masks(self.partial)
        state = self.enter(lanes)
        self.leaving = lanes
        if endless:
            test: Any = core.constant(True) if everyone else lanes.count()
            body = self.block(node.body)
            body += self.as_at_head(head, node)
        else:
            active = self.free("active")
            self.emit(core.assign(active, self.active_test(node)))
            test = core.call("np.any", core.name(active))
            body = self.rounds_of(node, lanes, head, active)
        self.exit(lanes, (*state[:6], before, partial), core.writes(node.body), endless)
        self.env = {**self.env, **head}
        self.emit(gast.While(test, body, []))
        self.put_together(lanes)

    def rounds_of(self, node: gast.While, lanes: Lanes, head: Env, active: str) -> list[gast.stmt]:
        """The body of a `while`: those whose test failed leave; the next test is at the end."""
        lines, self.lines = self.lines, []
        self.keep(lanes, core.name(active), node.head | core.reads(node.test) | self.captured)
        body, self.lines = self.lines, lines
        body += self.block(node.body)
        body += self.as_at_head(head, node)
        body.append(core.assign(active, self.active_test(node)))
        return body

    def as_at_head(self, head: Env, node: Any) -> list[gast.stmt]:
        """Give the variables what they have at the start of a round."""
        live = node.head | self.needed(node.live)
        lines = self.conversions(self.env, head, live, node)
        self.env = {**self.env, **{n: v for n, v in head.items() if n in live and is_batched(v)}}
        return lines

    def active_test(self, node: gast.While) -> gast.expr:
        test, known = self.without_lines(node.test, self.test)
        if is_batched(known):
            return test
        return core.call("np.full", self.size(), core.call("bool", test))

    def compact_for(self, node: gast.For, head: Env, iterable: Any, part: Value) -> None:
        """As `compact_while`: examples leave at the exits."""
        node = leaving_early(node, self.needed(node.live))
        within = bool(self.regions)
        lines = self.to_head(head, node)
        changed = core.writes(lines) | (set(self.env) if within and is_batched(part) else set())
        if core.reads(iterable) & changed:  # it is what there was before
            iterable = self.temporary(iterable, "items")
        self.lines += lines
        lanes = self.open_lanes(node, head, "running")
        self.start_with_region(lanes, node)
        before, partial = dict(self.env), copied_masks(self.partial)
        state = self.enter(lanes)
        self.leaving = lanes
        outer, self.lines = self.lines, []
        if within:
            self.leave_if_empty(lanes)
        target, lines = self.loop_target(node.target, part)
        self.lines += lines
        for name in sorted(core.writes(node.target)):
            if is_batched(self.env[name]):
                method = gast.Attribute(core.name(lanes.name), "select", gast.Load())
                self.emit(core.assign(name, gast.Call(method, [core.name(name)], [])))
        body, self.lines = self.lines, outer
        body += self.block(node.body)
        body += self.as_at_head(head, node)
        self.exit(lanes, (*state[:6], before, partial), core.writes(node.body), False)
        self.env = {**self.env, **head}
        self.emit(gast.For(target, iterable, body, [], None))
        self.put_together(lanes)

    def start_with_region(self, lanes: Lanes, node: Any) -> None:
        """Within a branch the others have left before the loop begins."""
        if self.regions:
            first = node.head | (core.reads(node.test) if isinstance(node, gast.While) else set())
            self.keep(lanes, core.name(self.regions[-1].mask), first | self.captured)

    def leave_lanes(self, node: gast.If, test: gast.expr, batched: bool) -> None:
        """``if test: …; break``: those examples leave the loop here."""
        lanes = self.leaving
        if not batched:
            self.leave_together(lanes, node, test)
            return
        going, mask = inverted(test), None
        if len(node.body) > 1:
            mask = self.free("mask")
            self.emit(core.assign(mask, test))
            going = inverted(core.name(mask))
            self.lines += self.for_examples(mask, node.live | self.captured, node.body[:-1], node)
        self.note_complete(lanes, mask)
        self.with_head(lanes, node)
        self.keep(lanes, going, node.live | self.captured)
        self.leave_if_empty(lanes)

    def leave_together(self, lanes: Lanes, node: gast.If, test: gast.expr) -> None:
        """All the running examples leave the loop."""
        before, partial = dict(self.env), copied_masks(self.partial)
        body = self.block(node.body[:-1])
        self.note_complete(lanes)
        lines, self.lines = self.lines, []
        self.with_head(lanes, node)
        body += self.lines
        self.lines = lines
        self.env, self.partial = before, partial
        self.emit(gast.If(test, [*body, gast.Break()], []))

    def with_head(self, lanes: Lanes, node: Any) -> None:
        """Give the results their batch axes: this is a way out of the loop."""
        wanted = {n: lanes.head[n] for n in lanes.results}
        self.lines += self.conversions(self.env, wanted, set(wanted), node)
        for name in wanted:
            if not is_batched(self.env[name]):
                self.env[name] = batched_like(self.env[name])

    # --- branches

    def for_examples(
        self, mask: str, live: set[str], body: list[gast.stmt], place: Any
    ) -> list[gast.stmt]:
        """A block that counts for the examples of a mask: on their arrays alone, if it might raise."""
        # what a derivative keeps in a branch that nobody takes must have a shape, too
        if self.compact and not self.source.written_here and self.risky(body):
            found = self.compact_block(mask, live, body, place)
            if found is not None:
                return found
        return self.under(mask, live, body)

    def risky(self, body: list[Any]) -> bool:
        """May code give infinities, or raise, for examples that it is not meant for?"""
        return any(self.unit.suspects.read(node, self.scope).singular for node in body)

    def merged_choice(self, node: gast.If, test: gast.expr, target: str) -> bool:
        """``if test: y = a`` ``else: y = b`` as ``y = rt.merge(mask, a, b)``, if that is possible."""
        other = node.orelse[0] if node.orelse else gast.Assign([], core.name(target), None)
        if not isinstance(other, gast.Assign):
            return False
        value = self.merged(test, node.body[0].value, other.value, node)
        if value is None:
            return False
        self.emit(core.assign(target, value[0]))
        self.partial.pop(target, None)
        self.env[target] = value[1]
        return True

    def as_branch(self, name: str, node: gast.Assign) -> gast.If | None:
        """``y = f(x) if test else b`` as a statement, where calls must not run for the others."""
        value = node.value
        if not isinstance(value, gast.IfExp) or not self.compact or not hasattr(node, "live"):
            return None
        sides = [value.body, value.orelse]
        calls = [n for side in sides for n in core.walk(side) if isinstance(n, gast.Call)]
        if all(map(self.is_primitive_call, calls)) or not self.risky(sides):
            return None
        if not self.quiet_test(value.test):
            return None
        lines = [located(gast.Assign([core.store(name)], side, None), node) for side in sides]
        branch = located(gast.If(value.test, lines[:1], lines[1:]), node)
        for statement in (branch, *lines):
            statement.live = node.live
        return branch

    def merged(self, test: gast.expr, body: Any, orelse: Any, place: Any) -> Any:
        """One of two expressions, each for its own examples alone; None where that is not possible."""
        whole = (*core.FUNCTIONS, gast.ListComp, gast.DictComp, gast.GeneratorExp, gast.SetComp)
        nodes = [n for e in (body, orelse) for n in core.walk(e)]
        names = [self.env.get(n.id) for n in nodes if isinstance(n, gast.Name)]
        plain = all(isinstance(v, Array) or not is_batched(v) for v in names if v is not None)
        one_by_one = all(self.is_primitive_call(n) for n in nodes if isinstance(n, gast.Call))
        if (
            self.lines is None
            or not one_by_one
            or not plain
            or any(isinstance(n, whole) for n in nodes)
        ):
            return None
        before, taken = len(self.lines), set(self.taken)
        mask = test if core.is_name(test) else self.temporary(test, "mask")
        first = self.for_picked(mask, body)
        second = self.for_picked(inverted(mask), orelse)
        pairs = [p for p in (first, second) if isinstance(p[1], Array)]
        if len(pairs) < 2:
            del self.lines[before:]
            self.taken = taken
            return None
        ranks = [v.rank for _, v in pairs]
        rank = None if None in ranks else max(ranks)
        return core.call("rt.merge", mask, *(n for n, _ in pairs)), Array(True, rank, True)

    def is_primitive_call(self, node: gast.Call) -> bool:
        """Does a call do the same for every example, even if there are none?"""
        function = self.scope.value(node.func)
        if function is UNKNOWN:
            return isinstance(node.func, gast.Attribute)
        return table.row_of(function) is not None

    def for_picked(self, mask: gast.expr, node: Any) -> Any:
        """An expression of the arrays of some examples."""
        size, self.size_node = self.size_node, core.call("np.count_nonzero", mask)
        self.picks.append(mask)
        self.choosing += 1
        try:
            value, known = self.expression(node)
            if isinstance(known, Array) and not known.batched and known.rank != 0:
                value = self.for_each(value)
            return value, known
        finally:
            self.choosing -= 1
            self.picks.pop()
            self.size_node = size

    def picked(self, name: gast.Name, known: Value) -> Any:
        """A variable, or of a batched one the part that this expression is about."""
        node: gast.expr = name
        for mask in self.picks if is_batched(known) else ():
            node = gast.Subscript(node, core.copy(mask), gast.Load())
        return node, known

    def compact_block(
        self, mask: str, live: set[str], body: list[gast.stmt], place: Any
    ) -> list[gast.stmt] | None:
        """The block for the arrays of the examples of a mask; None where the mask must do."""
        block = located(gast.If(core.name(mask), body, []), place)
        live = block.live = self.needed(live)
        saved = self.snapshot()
        valued = {n for n in live if self.has_value(n) and n not in self.partial}
        self.under(mask, live, body)
        after, lost = self.env, valued & set(self.partial)
        self.restore(saved)
        if lost:  # the other examples' values end here, and reads of them must be refused
            return None
        set_here = {n: after[n] for n in sorted(core.writes(body) & live) if n in after}
        new = {n: v for n, v in set_here.items() if not self.has_value(n)}
        head = {**self.env, **set_here}
        if not self.compactable(block, head) or not all(map(has_known_rank, new.values())):
            return None
        lines, self.lines = self.lines, []
        for name, known in new.items():
            self.emit(core.assign(name, self.blank(name, known, place)))
        old = {n: v for n, v in self.env.items() if n not in new}
        self.lines += self.conversions(old, head, set(set_here), place)
        self.env = {n: self.env[n] if n in new else v for n, v in head.items()
                    if n not in new or n in self.env}  # fmt: skip
        lanes = self.open_lanes(block, head, "taken", mask)
        self.keep(lanes, core.name(mask), live_before(body, live) | self.captured)
        state = self.enter(lanes)
        inner = self.block(body)
        inner += self.conversions(self.env, set_here, set(set_here), place)
        self.env = {**self.env, **set_here}
        self.exit(lanes, state, core.writes(body), False)
        self.emit(gast.If(lanes.count(), inner, []))
        self.put_together(lanes)
        out, self.lines = self.lines, lines
        return out

    def has_value(self, name: str) -> bool:
        known = self.env.get(name)
        return known is not None and not (isinstance(known, Nothing) and known.unset)


def live_before(body: list[gast.stmt], live: set[str]) -> set[str]:
    """Names that a block reads before it sets them, or leaves as they are for later."""
    return mark_live(core.copy(body), set(live))


def has_known_rank(known: Value) -> bool:
    if isinstance(known, Array):
        return known.rank is not None
    return isinstance(known, Items) and all(map(has_known_rank, known.parts))


def targets(names: list[str]) -> gast.expr:
    if len(names) == 1:
        return core.store(names[0])
    return gast.Tuple(list(map(core.store, names)), gast.Store())


def has_lanes(known: Value) -> bool:
    """Is a value made of arrays that all have a batch axis?"""
    if isinstance(known, Array):
        return known.batched
    if isinstance(known, Entries):  # the masks of its entries go along
        return has_lanes(known.part)
    if isinstance(known, Items):
        return known.kind != "object" and all(map(has_lanes, known.parts))
    return isinstance(known, Many) and has_lanes(known.part)


def is_number_or_owned(known: Value) -> bool:
    return isinstance(known, Array) and (known.owned or known.rank == 0)


def changed_in_place(statement: gast.stmt) -> set[str]:
    """Variables whose value a statement may change in place."""
    if isinstance(statement, gast.Expr):
        return core.reads(statement)
    places = []
    if isinstance(statement, gast.AugAssign):
        places = [statement.target]
    elif isinstance(statement, gast.Assign):
        places = [n for t in statement.targets for n in core.walk(t)]
        places = [n for n in places if isinstance(n, (gast.Subscript, gast.Attribute))]
    found = set()
    for place in places:
        while isinstance(place, (gast.Subscript, gast.Attribute)):
            place = place.value
        found |= {place.id} if core.is_name(place) else core.reads(place)
    return found
