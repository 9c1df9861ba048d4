"""One loop of XLA's: its variables as arrays of fixed kinds, its lists as arrays of rows.

`Rolled` first traces a round for nothing, as often as it takes to know which kinds the variables keep,
what is appended to which list, and which memory changes in place. Then it has the loop traced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from redraft.runtime import memory
from redraft.runtime.growing import Growing, Opened, Round, Same, Segment, Unrollable, Use
from redraft.runtime.memory import TRACE, Order
from redraft.runtime.tensors import TensorError, is_tensor
from redraft.transpile.staged_control import UNDEFINED, Watched
from redraft.transpile.staged_items import Items
from redraft.transpile.staged_lists import Apart, bare, builder, fitted, kinds_of, rekeyed

TRIALS = 6


class Loop:
    """A loop that is to be run by XLA.

    Attributes:
        body: takes the item, if there are items, and the variables; returns the variables.
        state: the variables before the loop.
        leaves: the body returns a flag in front of the variables: leave the loop.
        bars: the variables are cotangents: None and 0.0 are zeros of any shape.
        items: what the loop runs over.
        test: of a `while`.
        bound: the largest number of rounds; None if it is not known.
        left: was the loop left before? A tensor, or False.
        may_settle: after another round the variables may have the kinds that they keep.
    """

    def __init__(
        self, body: Callable, state: list[Any], leaves: bool, bars: bool, items: Items | None,
        test: Callable | None = None, bound: int | None = None, left: Any = False,
    ) -> None:  # fmt: skip
        self.body, self.state, self.leaves, self.bars = body, state, leaves, bars
        self.items, self.test, self.left = items, test, left
        self.bound = bound if items is None else items.size
        self.may_settle = False

    def roots(self) -> tuple:
        """From where a round can reach what it changes."""
        return (self.body, self.test, tuple(self.state))

    def sees_tensors(self) -> bool:
        """Can a round reach anything that is known at run time alone?"""
        traced = self.items is not None and self.items.is_traced
        return traced or bool(TRACE.rounds) or Watched(self.roots()).holds_tensor

    @property
    def certain_rounds(self) -> int | None:
        """How many rounds there are if there are any; None if that is not known."""
        length = None if self.items is None or self.leaves else self.items.length
        return length if isinstance(length, int) else None

    def step(self, count: Any, values: list[Any]) -> tuple[list[Any], Any]:
        """The variables after a round, and the flag that leaves the loop."""
        held = Watched(
            tuple(v for v in values if not isinstance(v, Growing))
        )  # made for this round
        given = values if self.items is None else [self.items.of(count), *values]
        ans = self.body(*given)
        number = len(values) + self.leaves
        after = [ans] if number == 1 else list(ans) if number else []
        held.check()
        return (after[1:], after[0]) if self.leaves else (after, None)


class Variable:
    """A variable of a loop as arrays.

    Attributes:
        key: its structure and the kinds of its leaves; None as long as it has no value.
        first: the leaves before the loop.
    """

    def __init__(self, value: Any) -> None:
        self.value = value
        apart = None if value is UNDEFINED else Apart(value, numbers=True, lists=False)
        self.first: list[Any] = [] if apart is None else apart.leaves
        self.key = None if apart is None else apart.key
        self.apart = apart

    @property
    def kinds(self) -> list[Any]:
        """Python's type (or None), dtype and shape of each leaf."""
        return [] if self.key is None else kinds_of(self.key)

    def of(self, leaves: Iterator[Any]) -> Any:
        """The value with other leaves."""
        if self.apart is None:
            return UNDEFINED
        from redraft.runtime import tf_jit

        own = [next(leaves) for _ in self.kinds]
        return self.apart.rebuild(tf_jit.as_variables(own, self.kinds))

    def become(self, apart: Apart, kinds: list[Any]) -> None:
        """Take over the structure of another value, and these kinds of leaves."""
        from redraft.runtime import tf_jit

        if self.key is not None and len(self.first) == len(kinds) and not self.is_zero():
            self.first = [tf_jit.of_kind(x, k) for x, k in zip(self.first, kinds, strict=True)]
        else:
            self.first = [tf_jit.zeros_of_kind(k) for k in kinds]
        self.apart, self.key = apart, rekeyed(apart.key, iter(kinds))

    def is_zero(self) -> bool:
        """Is it a cotangent that is zero and may have any shape?"""
        return self.value is None or (self.value.__class__ in (int, float) and self.value == 0)

    def is_number(self) -> bool:
        """Is it a Python number?"""
        return self.value.__class__ in (int, float, complex)


class Outcome:
    """What a round of a loop gives.

    Attributes:
        variables: after the round.
        left: the flag that leaves the loop.
        now: what the round does to lists.
    """

    rows: list[Any]  # the arrays of lists that the loop carries

    def __init__(self, values: list[Any], left: Any, now: Round) -> None:
        self.variables = [Variable(_now(v)) for v in values]
        if any(v.key is None for v in self.variables):
            raise Unrollable("a variable that may have no value")
        self.left, self.now = left, now

    @property
    def leaves(self) -> list[Any]:
        return [x for v in self.variables for x in v.first]

    @property
    def keys(self) -> list[Any]:
        return [v.key for v in self.variables]


def _now(x: Any) -> Any:
    """A value as NumPy would read it now; of a list it matters which one it is."""
    held = memory.current()
    return x if held is None or isinstance(x, Growing) else held.current(x)


class Rolled:
    """Turns a `Loop` into one of XLA's.

    Args:
        loop: the loop.
        exact: refuse variables that change their dtype, rather than to widen them.
    """

    def __init__(self, loop: Loop, exact: bool) -> None:
        held = memory.current()
        assert held is not None
        self.loop, self.exact, self.held = loop, exact, held
        self.variables = [Variable(_now(v)) for v in loop.state]
        self.opened: list[Open] = []
        self.homes = self.homes_of_leaves()
        self.pops: dict[int, int] = {}
        self.watched = Watched(loop.roots())

    @property
    def first(self) -> list[Any]:
        """The leaves of the variables before the loop."""
        return [x for v in self.variables for x in v.first]

    @property
    def kinds(self) -> list[Any]:
        return [k for v in self.variables for k in v.kinds]

    @property
    def open_kinds(self) -> list[Any]:
        """Of the arrays of lists that the loop carries."""
        return [k for o in self.opened for k in o.kinds()]

    def run(self) -> list[Any]:
        """The variables after the loop.

        Raises:
            Unrollable: it cannot be one loop.
            TensorError: a variable changes its shape, or the loop needs a bound.
        """
        held = self.held
        before, outcome = self.settled()
        self.watched.check()
        after = held.state()
        changed = self.changed_homes(before, after)
        self.check_elements(outcome, changed, after)
        columns = self.columns(outcome)
        held.restore(before)
        for home in changed:  # what else holds this memory must not be read in the loop
            held.stale |= held.members[home]
        during = held.state()
        tracer = Tracer(self, during, changed, columns, len(outcome.now.checks))
        results, rows, count = tracer.run()
        self.watched.check()
        for opened in self.opened:
            opened.close(rows, count)
        related = [after.group.get(id(v)) for v in outcome.leaves]
        held.restore(during)
        self.settle(results, changed, related)
        for column in columns:
            segment = column.segment(rows, count)
            self.relate(segment, outcome.now.uses[id(column.growing)], outcome, results, after)
            column.growing.append(segment)
        for use in outcome.now.uses.values():
            if use.popped:
                use.growing.drop(use.popped, count)
        leaves = iter(results)
        return [v.of(leaves) for v in self.variables]

    # --- a round

    def round(self, count: Any, leaves: list[Any], rows: Iterator[Any]) -> Outcome:
        """One round on the variables of the loop's own graph, which occupy the memory of the old."""
        for value, home in zip(leaves, self.homes, strict=True):
            if home is not None and memory.is_array(value):
                self.held.join(value, home)
        now = Round(count, None if TRACE.taken else self.loop.certain_rounds, self.pops)
        TRACE.rounds.append(now)
        taken, TRACE.taken = TRACE.taken, []
        for opened in self.opened:
            opened.begin(now, rows)
        try:
            given = iter(leaves)
            values, left = self.loop.step(count, [v.of(given) for v in self.variables])
            outcome = Outcome(values, left, now)
            note_constants(now)
            outcome.rows = [x for o in self.opened for x in o.rows_after(count)]
            return outcome
        finally:
            for opened in self.opened:
                opened.end()
            TRACE.rounds.pop()
            TRACE.taken = taken

    def settled(self) -> tuple[Any, Outcome]:
        """Trace rounds for nothing, until the variables have the kinds that they keep.

        Raises:
            Unrollable: they never do.
        """
        before, wanted = self.held.state(), None
        for _ in range(TRIALS):
            outcome = self.tried()
            if outcome is None:
                self.held.restore(before)
                continue
            self.pops = {key: use.popped for key, use in outcome.now.uses.items()}
            if self.exact and not all(map(still, wanted or outcome.keys, outcome.keys)):
                raise Unrollable("a variable that changes its dtype or its shape")
            if outcome.keys == [v.key for v in self.variables]:
                return before, outcome
            wanted = outcome.keys
            self.held.restore(before)
            for own, new in zip(self.variables, outcome.variables, strict=True):
                self.adopt(own, new)
            self.homes = self.homes_of_leaves()
            before = self.held.state()
        raise Unrollable("a variable that changes its dtype or its shape")

    def tried(self) -> Outcome | None:
        """Trace a round for nothing; None if it is to be tried again."""
        from redraft.runtime import tf_jit

        outcomes: list[Outcome] = []
        number = len(self.kinds)

        def once(count: Any, leaves: list[Any]) -> None:
            outcomes.append(self.round(count, leaves[:number], iter(leaves[number:])))

        order, self.held.order = self.held.order, None
        try:
            tf_jit.trial(once, [*self.kinds, *self.open_kinds])
        except Opened as found:
            self.opened.append(Open(found.growing, self.loop.bound))
            return None
        finally:
            self.held.order = order
        settled = [o.adjust() for o in self.opened]
        return outcomes[0] if all(settled) else None

    def adopt(self, own: Variable, new: Variable) -> None:
        """Give a variable the kind that it has after a round.

        Raises:
            Unrollable: it is something else after a round.
        """
        if own.key == new.key:
            return
        from redraft.runtime import tf_jit

        assert new.apart is not None
        if own.key is None or (self.loop.bars and own.is_zero()):
            own.become(new.apart, new.kinds)
            return
        self.loop.may_settle = True
        if bare(own.key) != bare(new.key):
            raise Unrollable("a variable that changes what it holds")
        if self.exact and not starts_as_number(own, new):
            raise Unrollable("a variable that changes its dtype or its shape")
        own.become(new.apart, list(map(tf_jit.wider, own.kinds, new.kinds)))

    def homes_of_leaves(self) -> list[int | None]:
        return [self.held.memory_of(x) if memory.is_array(x) else None for x in self.first]

    # --- what a round changes

    def changed_homes(self, before: Any, after: Any) -> set[int]:
        """Memory that a round changes in place."""
        stale = after.stale - before.stale
        homes = {after.group[key] for key in stale if key in after.group}
        homes &= set(before.members)
        for home in homes:
            if self.homes.count(home) > 1:
                raise Unrollable("variables that share memory, which is changed in place,")
            if home not in self.homes:
                raise Unrollable("a change in place of an array that is no variable of the loop,")
        return homes

    def check_elements(self, outcome: Outcome, changed: set[int], after: Any) -> None:
        """What is appended to a list must not be changed in place later on."""
        for use in outcome.now.uses.values():
            for value in use.appended:
                for leaf in [] if isinstance(value, Segment) else Apart(value, False).leaves:
                    if id(leaf) in after.stale or after.group.get(id(leaf)) in changed:
                        raise Unrollable("an element of a list that is changed in place later")

    def columns(self, outcome: Outcome) -> list[Column]:
        """Arrays for what is appended to lists.

        Raises:
            TensorError: nobody knows how many rounds there are at most.
        """
        uses = [use for use in outcome.now.uses.values() if use.appended]
        if uses and not isinstance(self.loop.bound, int):
            raise TensorError(
                "a derivative, or a list, keeps something of each round of this loop, and nobody knows how "
                "many there are at most"
            )
        return [Column(use, self.loop.bound or 0) for use in uses]

    def settle(self, results: list[Any], changed: set[int], related: list[int | None]) -> None:
        """What the results are to the arrays that were there before."""
        held = self.held
        for home, other in zip(self.homes, related, strict=True):
            if home is not None and other in held.members and home != other:
                if self.exact:
                    raise Unrollable("variables that change places")
                if home in held.members:
                    held.unite(home, other)
        for old, new, home, other in zip(self.first, results, self.homes, related, strict=True):
            if not memory.is_array(new):
                continue
            if home is not None and home in changed:
                held.newer[id(old)] = new
                held.join(new, home)
                continue
            shared = [held.group[id(old)]] if home is not None and not self.exact else []
            shared += [other] if other in held.members else []
            for h in shared:
                if id(new) in held.group:
                    held.unite(h, held.group[id(new)])
                else:
                    held.join(new, h)

    def relate(
        self, segment: Segment, use: Use, outcome: Outcome, results: list[Any], after: Any
    ) -> None:
        """Note that elements of a list are arrays that others hold: the last one may be a variable."""
        if isinstance(use.appended[0], Segment):
            return
        from redraft.runtime import tf_jit

        held = self.held
        for value in use.appended:
            leaves = Apart(value, numbers=False).leaves
            for leaf, stack in zip(leaves, segment.stacks, strict=True):
                home = after.group.get(id(leaf))
                if isinstance(stack, Same) or not memory.is_array(leaf):
                    continue
                source = held.objects.get(home)
                if source is not None and tf_jit.is_of_this_graph(source):
                    held.unite(held.memory_of(stack), held.memory_of(source))
                for own, result in zip(outcome.leaves, results, strict=True):
                    same = own is leaf or (home is not None and after.group.get(id(own)) == home)
                    if same and memory.is_array(result):
                        held.unite(held.memory_of(stack), held.memory_of(result))


def note_constants(now: Round) -> None:
    """Note which leaves of what a round appends come from outside of the loop."""
    from redraft.runtime import tf_jit

    for use in now.uses.values():
        if use.appended and not isinstance(use.appended[0], Segment):
            leaves = Apart(use.appended[0], numbers=False).leaves
            use.constants = list(map(tf_jit.is_constant, leaves))


def starts_as_number(own: Variable, new: Variable) -> bool:
    """Is it a Python number (or nothing) before the first round, and then a scalar that includes it?"""
    is_number = own.is_number() or own.value is UNDEFINED
    return is_number and own.key is not None and includes(new.key, own.key)


def includes(new: Any, old: Any) -> bool:
    """Is one the key of a scalar, and the other that of a Python number that does not widen it?"""
    if old[0] != "leaf" or new[0] != "leaf" or old[1] is None or new[3] != () or old[3] != ():
        return False
    order = "bifc"
    return order.index(np.dtype(old[2]).kind) <= order.find(np.dtype(new[2]).kind)


def still(old: Any, new: Any) -> bool:
    """Is what a round gives a variable still the same, now that others start with other dtypes?"""
    return old == new or includes(new, old)


class Open:
    """A list that a loop carries, because its rounds read it as well as they change it.

    Attributes:
        net: how many elements a round adds.
        most: how many there are at most beyond those at the start of a round.
    """

    def __init__(self, growing: Growing, bound: int | None) -> None:
        segment = growing.segment()
        if segment is None or not isinstance(segment.length, int) or not isinstance(bound, int):
            raise Unrollable("a list that is read and changed,")
        self.growing, self.first, self.bound = growing, segment.spread(), bound
        self.net, self.most = 0, 0
        self.found = (0, 0)
        self.parts, self.made_in = growing.parts, growing.made_in

    def kinds(self) -> list[Any]:
        """Of the arrays that are carried."""
        rows = self.first.length + self.bound * max(self.net, 0) + self.most
        return [(None, dtype, (rows, *shape)) for _, dtype, shape in kinds_of(self.first.key)]

    def start(self) -> list[Any]:
        """The arrays before the loop."""
        from redraft.runtime import tf_jit

        return [
            tf_jit.lengthened(stack[: self.first.length], kind)
            for stack, kind in zip(self.first.stacks, self.kinds(), strict=True)
        ]

    def begin(self, now: Round, rows: Iterator[Any]) -> None:
        """The list at the start of a round."""
        stacks = [next(rows) for _ in self.first.stacks]
        self.length = now.place * self.net + self.first.length
        self.parts, self.made_in = self.growing.parts, self.growing.made_in
        start = Segment(stacks, self.first.build, self.first.key, self.length)
        self.growing.parts, self.growing.made_in = [start], now

    def rows_after(self, count: Any) -> list[Any]:
        """The arrays after a round.

        Raises:
            Unrollable: something is in the list that cannot be a row of them.
        """
        from redraft.runtime import tf_jit

        first, *new = self.growing.parts or [None]
        if not isinstance(first, Segment) or any(isinstance(p, Segment) for p in new):
            raise Unrollable("a list that is emptied, or filled by inner loops")
        self.found = (len(new) - first.dropped, len(new))
        stacks = list(first.stacks)
        for place, value in enumerate(new):
            leaves = fitted(_now(value), first.key)
            if leaves is None:
                raise Unrollable("a list of elements of different kinds")
            for k, leaf in enumerate(leaves):
                stacks[k] = tf_jit.with_rows(stacks[k], first.length + place, leaf, False)
        return stacks

    def adjust(self) -> bool:
        """Take over how a trial has changed the list; False if that is news."""
        known = (self.net, self.most)
        self.net, self.most = self.found
        return known == self.found

    def end(self) -> None:
        """Put the list back as it is outside of the round."""
        self.growing.parts, self.growing.made_in = self.parts, self.made_in

    def close(self, rows: Iterator[Any], count: Any) -> None:
        """The list after the loop."""
        stacks = [next(rows) for _ in self.first.stacks]
        length = self.first.length + count * self.net
        self.growing.replace(Segment(stacks, self.first.build, self.first.key, length))


class Column:
    """The arrays that take what the rounds append to a list.

    Attributes:
        growing: the list.
        per: how many elements a round appends.
        same: which leaves of an element come from outside of the loop, and need no array.
    """

    def __init__(self, use: Use, bound: int) -> None:
        self.growing = use.growing
        first = use.appended[0]
        if isinstance(first, Segment):
            self.is_nested, self.key, self.build = True, first.key, first.build
            self.per = first.length
            self.same = [False] * len(first.stacks)
            if len(use.appended) > 1 or not isinstance(self.per, int):
                raise Unrollable("a list to which inner loops append an unknown number of elements")
        else:
            apart = Apart(first, numbers=False)
            self.is_nested, self.key, self.build = False, apart.key, builder(apart)
            self.per = len(use.appended)
            alone = self.per == 1
            self.same = [alone and is_same for is_same in use.constants]
        self.rows = bound * self.per
        self.constants: list[Any] = []
        self.written(use, None)

    def kinds(self) -> list[Any]:
        """Of the arrays."""
        pairs = zip(kinds_of(self.key), self.same, strict=True)
        return [(None, dtype, (self.rows, *shape)) for (_, dtype, shape), same in pairs if not same]

    def written(self, use: Use, put: Callable[[int, list[Any]], None] | None) -> None:
        """Write what a round appends.

        Args:
            use: what it appends.
            put: takes a number of the round's elements and their leaves (rows, if `is_nested`).

        Raises:
            Unrollable: it is of another kind than what was appended before.
        """
        from redraft.runtime import tf_jit

        per = use.appended[0].length if self.is_nested else len(use.appended)
        if per != self.per:
            raise Unrollable("a list that grows by another number of elements in each round")
        for place, value in enumerate(use.appended):
            is_nested = isinstance(value, Segment)
            part: Any = value if is_nested else Apart(value, numbers=False)
            if is_nested != self.is_nested or part.key != self.key:
                raise Unrollable("a list of elements of different kinds")
            if put is None:
                continue
            if is_nested:
                put(place, [s[: self.per] for s in value.spread().stacks])
                continue
            pairs = list(zip(part.leaves, self.same, strict=True))
            self.constants = [x for x, same in pairs if same]
            if not all(map(tf_jit.is_constant, self.constants)):
                raise Unrollable("a list of elements that change in some rounds")
            put(place, [x for x, same in pairs if not same])

    def segment(self, rows: Iterator[Any], count: Any) -> Segment:
        """What all rounds have appended."""
        constants = iter(self.constants)
        stacks = [Same(next(constants)) if same else next(rows) for same in self.same]
        return Segment(stacks, self.build, self.key, count * self.per, bound=self.rows)


class Tracer:
    """Has a loop traced whose kinds are known.

    Attributes:
        errors: what is wrong if a check of a round fails.
    """

    def __init__(
        self, rolled: Rolled, during: Any, changed: set[int], columns: list[Column], checks: int
    ) -> None:
        from redraft.runtime import tf_jit

        self.tf = tf_jit
        self.rolled, self.loop, self.held = rolled, rolled.loop, rolled.held
        self.during, self.changed, self.columns = during, changed, columns
        self.checks = checks
        self.errors: list[Any] = []
        self.taken = list(TRACE.taken)
        if is_tensor(self.loop.left):
            self.taken.append(tf_jit.negated(self.loop.left))
        self.is_bounded = self.loop.items is None and bool(columns)

    def run(self) -> tuple[list[Any], Iterator[Any], Any]:
        """The leaves of the variables after the loop, the rows of the lists, and the number of rounds."""
        carried = self.rolled.open_kinds
        kinds = [*self.rolled.kinds, *carried, *(k for c in self.columns for k in c.kinds())]
        rows = [x for o in self.rolled.opened for x in o.start()]
        rows += [self.tf.zeros_of_kind(k) for c in self.columns for k in c.kinds()]
        flags = self.loop.leaves + self.checks
        number = len(self.rolled.kinds)
        count, flags, after = self.tf.run_loop(
            self.goes_on, self.once, flags, [*self.rolled.first, *rows], kinds
        )
        for failed, error in zip(flags[self.loop.leaves :], self.errors, strict=True):
            note(failed, error)
        if self.is_bounded:
            self.note_bound(count, after[:number])
        return after[:number], iter(after[number:]), self.loop.certain_rounds or count

    def goes_on(self, count: Any, flags: list[Any], leaves: list[Any]) -> Any:
        """Is there another round?"""
        tf, loop = self.tf, self.loop
        tests = list(self.taken)
        if loop.items is not None:
            tests.append(tf.less(count, loop.items.length))
        if self.is_bounded:
            tests.append(tf.less(count, loop.bound))
        if loop.leaves:
            tests.append(tf.negated(flags[0]))
        if loop.test is not None:
            tests.append(self.asked(leaves))
        return tf.all_true(tests)

    def asked(self, leaves: list[Any]) -> Any:
        """The test of a `while`."""
        self.held.restore(self.during)
        given = iter(leaves)
        assert self.loop.test is not None
        values = [v.of(given) for v in self.rolled.variables]
        return self.tf.truth(self.tf.as_tensor_of(self.loop.test(*values)))

    def once(self, count: Any, flags: list[Any], leaves: list[Any]) -> tuple[list[Any], list[Any]]:
        """Flags and leaves after a round."""
        held, tf = self.held, self.tf
        held.restore(self.during)
        outer, held.order = held.order, Order(self.changed, count)
        number, opened = len(self.rolled.kinds), len(self.rolled.open_kinds)
        own, rows = leaves[:number], leaves[number : number + opened]
        held.order.stacks = {id(x): i for i, x in enumerate(rows)}
        try:
            outcome = self.rolled.round(count, own, iter(rows))
        finally:
            held.order = outer
        if outcome.keys != [v.key for v in self.rolled.variables]:
            raise Unrollable("a variable that changes its dtype or its shape")
        self.check_uses(outcome.now)
        if any((o.net, o.most) != o.found for o in self.rolled.opened):
            raise Unrollable("a list that changes in some rounds only,")
        appended = self.appended(outcome.now, count, leaves[number + opened :])
        self.errors = [error for _, error in outcome.now.checks]
        before = flags[self.loop.leaves :]
        failed = [tf.either(a, b) for a, (b, _) in zip(before, outcome.now.checks, strict=True)]
        left = [tf.truth(tf.as_tensor_of(outcome.left))] if self.loop.leaves else []
        return [*left, *failed], [*outcome.leaves, *outcome.rows, *appended]

    def check_uses(self, now: Round) -> None:
        """Is this what the trial has found?"""
        grown = {key for key, use in now.uses.items() if use.appended}
        pops = {key: use.popped for key, use in now.uses.items()}
        if grown != {id(c.growing) for c in self.columns} or pops != self.rolled.pops:
            raise Unrollable("a list that changes in some rounds only,")

    def appended(self, now: Round, count: Any, rows: list[Any]) -> list[Any]:
        """The arrays of the lists after a round."""
        found: list[Any] = []
        for column in self.columns:
            own = rows[len(found) : len(found) + len(column.kinds())]

            def put(place: int, leaves: list[Any], own: Any = own, column: Any = column) -> None:
                start = count * column.per + place
                for k, leaf in enumerate(leaves):
                    own[k] = self.tf.with_rows(own[k], start, leaf, column.is_nested)

            column.written(now.uses[id(column.growing)], put)
            found += own
        return found

    def note_bound(self, count: Any, leaves: list[Any]) -> None:
        """A loop that would go on beyond its bound has a wrong result."""
        from redraft.transpile.jit import here

        tf, bound = self.tf, self.loop.bound
        beyond = tf.negated(tf.less(count, bound))
        error = (f"a loop runs more than {bound} rounds, its bound", here())
        note(tf.all_true([*self.taken, beyond, self.asked(leaves)]), error)


def note(failed: Any, error: Any) -> None:
    """Note what must not be true when the function has run, and what is wrong otherwise."""
    checks = TRACE.rounds[-1].checks if TRACE.rounds else TRACE.checks
    checks.append((failed, error))
