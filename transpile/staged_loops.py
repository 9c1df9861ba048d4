"""Loops that XLA runs: their body is traced once, and compiled once.

Staged text calls `while_loop` and `for_range` with the body as a function of the variables that it changes.
On Python's values they run it. `while_loop` becomes a loop of XLA's when its test is a tensor.
`for_range` becomes one when the range is long and the variables keep their dtypes and shapes; its first
rounds are traced one by one, until they do. What cannot be one (a list that grows, an index of a
list) is traced round by round.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from redraft.runtime import memory
from redraft.runtime.tensors import TensorError, holds_tensor, is_tensor
from redraft.transpile.staged_control import UNDEFINED, Watched

SHORT = 8  # rounds that are always traced one by one
PEELED = 3  # rounds after which the variables should have found their dtypes
NUMERIC = (bool, int, float, complex, np.ndarray, np.generic)


class Unrollable(Exception):
    """A loop cannot be one loop of XLA's."""


def for_range(trips: range, body: Callable, keeps: bool, *values: Any) -> Any:
    """The variables after ``for item in trips``; with `keeps` the first of them is the item."""
    state = list(values)
    place, peeled = 0, 0
    first = 1 if keeps else 0
    while place < len(trips):
        left = trips[place:]
        if len(left) > SHORT and place > 0 and peeled < PEELED and holds_tensor(tuple(state)):
            peeled += 1
            done = _try_rolled(left, body, first, state)
            if done is not None:
                state = done
                break
        state = _listed(body(trips[place], *state[first:]), len(state))
        place += 1
    return state[0] if len(state) == 1 else tuple(state)


def _try_rolled(left: range, body: Callable, first: int, state: list[Any]) -> list[Any] | None:
    """The state after the rest of the rounds as one loop; None if it must be traced by rounds."""
    held = memory.current()
    if held is None:
        return None
    before = held.state()
    watched = Watched((body, tuple(state)))
    from redraft.runtime import tf_jit

    def step(index: Any, values: list[Any]) -> list[Any]:
        return _listed(body(index, *values), len(state))[first:]

    try:
        carried = Carried(state[first:], held)
        carried.try_round(lambda values: step(left[-1], values))
        results = carried.loop(
            lambda count, values: tf_jit.less(count, len(left)),
            lambda count, values: step(tf_jit.item_of(left, count), values),
            exact=True,
        )
    except Exception:  # whatever it is: if it is the user's, it comes again
        watched.undo()
        held.restore(before)
        return None
    return [left[-1], *results] if first else results


def _listed(ans: Any, count: int) -> list[Any]:
    return [ans] if count == 1 else list(ans) if count else []


def while_loop(test: Callable, body: Callable, *values: Any) -> Any:
    """The variables after ``while test``."""
    state = list(values)
    while True:
        again = test(*state)
        if is_tensor(again):
            break
        if not again:
            return state[0] if len(state) == 1 else tuple(state)
        state = _listed(body(*state), len(state))
    held = memory.current()
    if held is None:
        raise TensorError("a loop runs while a tensor is true")
    from redraft.runtime import tf_jit

    watched = Watched((test, body, tuple(state)))
    try:
        state = Carried(state, held).loop(
            lambda count, values: tf_jit.truth(tf_jit.as_tensor_of(test(*values))),
            lambda count, values: _listed(body(*values), len(state)),
            exact=False,
        )
    except Unrollable as error:
        raise TensorError(
            f"{error} in a `while` whose condition is known only at run time"
        ) from None
    watched.check()
    return state[0] if len(state) == 1 else tuple(state)


class Carried:
    """The variables of a loop: tensors of fixed dtypes and shapes, and what stays as it is."""

    def __init__(self, state: list[Any], held: memory.Memory) -> None:
        self.state, self.held = state, held
        for value in state:
            if value is UNDEFINED:
                continue  # a round gives it a value; what stands there before is never read
            if not (is_tensor(value) or isinstance(value, NUMERIC)):
                raise Unrollable(f"a variable that holds a {type(value).__name__}")
        self.state = [held.current(v) for v in state]
        self.homes = [held.memory_of(v) if memory.is_array(v) else None for v in self.state]

    def kinds(self) -> list[Any]:
        """Types, dtypes and shapes of the variables; None where there is no value yet."""
        from redraft.runtime import tf_jit

        return [None if v is UNDEFINED else tf_jit.kind_of_variable(v) for v in self.state]

    def try_round(self, step: Callable) -> None:
        """Trace a round for nothing: with the last item an index out of range still raises."""
        from redraft.runtime import tf_jit

        before = self.held.state()
        kinds = self.kinds()
        tf_jit.probe(
            lambda _, values: self.round(lambda _, v: step(v), _, values), kinds, UNDEFINED
        )
        self.held.restore(before)

    def loop(self, test: Callable, step: Callable, exact: bool) -> list[Any]:
        """Run ``while test: step``; both get a counter and the variables.

        Args:
            test: whether to go on.
            step: the variables after a round.
            exact: refuse variables that change their dtype, rather than to widen them.
        """
        from redraft.runtime import tf_jit

        held, before = self.held, self.held.state()
        kinds = self.kinds()
        for _ in range(4):
            held.restore(before)
            found = tf_jit.probe(lambda c, v: self.round(step, c, v), kinds, UNDEFINED)
            after, outcome = held.state(), self.outcome
            if found == kinds:
                break
            kinds = [b if a is None else a for a, b in zip(kinds, found, strict=True)]
            if exact and found != kinds:
                raise Unrollable("a variable changes its dtype or its shape")
            kinds = [tf_jit.wider(a, b) for a, b in zip(kinds, found, strict=True)]
        else:
            raise Unrollable("a variable changes its dtype or its shape")
        changed = self.changed_homes(before, after)
        held.restore(before)
        for home in changed:  # what else holds this memory must not be read in the loop
            held.stale |= held.members[home]
        during = held.state()

        def again(count: Any, values: list[Any]) -> list[Any]:
            held.restore(during)
            return self.round(step, count, values)

        def asked(count: Any, values: list[Any]) -> Any:
            held.restore(during)
            return test(count, values)

        results = tf_jit.run_loop(asked, again, self.state, kinds)
        related = [after.group.get(id(v)) for v in outcome]
        held.restore(during)
        self.settle(results, changed, related, exact)
        return results

    def round(self, step: Callable, count: Any, values: list[Any]) -> list[Any]:
        """One round on the variables of the loop's own graph, which occupy the memory of the old."""
        for value, home in zip(values, self.homes, strict=True):
            if home is not None and memory.is_array(value):
                self.held.join(value, home)
        self.outcome = [self.held.current(v) for v in step(count, values)]
        for value in self.outcome:
            if not (is_tensor(value) or isinstance(value, NUMERIC)):
                raise Unrollable(f"a variable that holds a {type(value).__name__}")
        return self.outcome

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

    def settle(
        self, results: list[Any], changed: set[int], related: list[int | None], exact: bool
    ) -> None:
        """What the results are to the arrays that were there before."""
        held = self.held
        for home, other in zip(self.homes, related, strict=True):
            if home is not None and other is not None and home != other:
                if exact:
                    raise Unrollable("variables that change places")
                if home in held.members and other in held.members:
                    held.unite(home, other)
        for old, new, home, other in zip(self.state, results, self.homes, related, strict=True):
            if not memory.is_array(new):
                continue
            if home is not None and home in changed:
                held.newer[id(old)] = new
                held.join(new, home)
                continue
            shared = [held.group[id(old)]] if home is not None and not exact else []
            shared += [other] if other in held.members else []
            for h in shared:
                if id(new) in held.group:
                    held.unite(h, held.group[id(new)])
                else:
                    held.join(new, h)
