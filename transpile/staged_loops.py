"""Loops that XLA runs: their body is traced once, and compiled once.

Staged text calls `for_each` and `while_loop` with the body as a function of the variables that it changes. On
Python's values they run it. A loop over items that can be taken by their number becomes one loop of XLA's
if it is long, and if its variables keep their dtypes and shapes; if they only do so after the
first rounds, these are traced one by one. `while_loop` becomes one when its test is a tensor. What a
body appends to lists becomes rows of arrays (runtime/growing.py). What cannot be one loop is traced
round by round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from redraft.runtime import memory
from redraft.runtime.growing import Unrollable
from redraft.runtime.memory import TRACE
from redraft.runtime.partition import last_effect, take_back
from redraft.runtime.tensors import TensorError, is_tensor
from redraft.transpile.staged_control import Watched, cond, not_
from redraft.transpile.staged_items import items_of
from redraft.transpile.staged_rolled import Loop, Rolled

SHORT = 8  # rounds that are always traced one by one
PEELED = 3  # rounds after which the variables should have found their dtypes


def for_each(
    iterable: Any, body: Callable, *values: Any, leaves: bool = False, bars: bool = False
) -> Any:
    """The variables after ``for item in iterable``.

    Args:
        iterable: what the loop runs over.
        body: takes an item and the variables; returns the variables.
        values: the variables before.
        leaves: the body returns a flag in front of the variables: leave the loop.
        bars: the variables are cotangents: None and 0.0 are zeros of any shape.

    Raises:
        TensorError: the number of rounds is known at run time alone, and it cannot be one loop.
    """
    state = list(values)
    items = items_of(iterable)
    if items is None:
        return _given(by_rounds(iterable, body, state, leaves))
    if not isinstance(items.length, int):
        loop = Loop(body, state, leaves, bars, items)
        return _given(_certainly(loop, "a loop whose number of rounds is known only at run time"))
    place, left, count = 0, False, items.length
    is_left_later = (body.__code__, "exits") in TRACE.rolled_wrongly
    while place < count and (leaves or count - place > SHORT):
        if count - place > SHORT or is_left_later:
            loop = Loop(body, state, leaves, bars, items.after(place), left=left)
            done = _tried(loop)
            if done is not None:
                return _given(done)
            if not loop.may_settle or place == PEELED or is_tensor(left):
                break
        undo, effect = _remembered(body, state), last_effect()
        after, left = one_round(body, items.of(place), state, leaves)
        if is_tensor(left) and not is_left_later:
            take_back(effect, body.__code__, "exits")
            undo()  # nobody knows yet how many rounds there are: they are better all in one loop
            is_left_later, left = True, False
            continue
        state, place = after, place + 1
        if left is True:
            return _given(state)
    rest = map(items.of, range(place, count))
    return _given(by_rounds(rest, body, state, leaves, left))


def _remembered(body: Callable, state: list[Any]) -> Callable[[], None]:
    """What puts back all that a round changes."""
    held, watched = memory.current(), Watched((body, tuple(state)))
    before = None if held is None else held.state()

    def undo() -> None:
        watched.undo()
        if held is not None:
            held.restore(before)

    return undo


def while_loop(test: Callable, body: Callable, *values: Any, bars: bool = False) -> Any:
    """The variables after ``while test``.

    Raises:
        TensorError: the test is known at run time alone, and it cannot be one loop.
    """
    state = list(values)
    bound = TRACE.bounds[-1] if TRACE.bounds else None
    while True:
        again = test(*state)
        if is_tensor(again):
            break
        if not again:
            return _given(state)
        state = _listed(body(*state), len(state))
    loop = Loop(body, state, False, bars, None, test, bound)
    return _given(_certainly(loop, "a `while` whose condition is known only at run time"))


def one_round(body: Callable, item: Any, state: list[Any], leaves: bool) -> tuple[list[Any], Any]:
    """The variables after a round, and the flag that leaves the loop."""
    after = _listed(body(item, *state), len(state) + leaves)
    if not leaves:
        return after, False
    return after[1:], after[0] if is_tensor(after[0]) else bool(after[0])


def by_rounds(
    items: Iterable, body: Callable, state: list[Any], leaves: bool, left: Any = False
) -> list[Any]:
    """The loop traced round by round; once it was left at run time, rounds change nothing."""
    for item in items:
        if not is_tensor(left):
            state, left = one_round(body, item, state, leaves)
        else:
            again = lambda *now, item=item: body(item, *now[1:])  # noqa: E731
            left, *state = _listed(cond(not_(left), again, None, left, *state), len(state) + 1)
        if left is True:
            break
    return state


def _given(state: list[Any]) -> Any:
    return state[0] if len(state) == 1 else tuple(state)


def _listed(ans: Any, count: int) -> list[Any]:
    return [ans] if count == 1 else list(ans) if count else []


def _tried(loop: Loop) -> list[Any] | None:
    """The variables after a loop; None if it must be traced by rounds."""
    held = memory.current()
    if held is None or not loop.sees_tensors():
        return None
    if (loop.body.__code__, "rounds") in TRACE.rolled_wrongly:
        return None
    before, checks, effect = held.state(), list(TRACE.checks), last_effect()
    rolled = Rolled(loop, exact=True)
    try:
        return rolled.run()
    except Exception:  # whatever it is: if it is the user's, it comes again
        take_back(effect, loop.body.__code__, "rounds")
        rolled.watched.undo()
        held.restore(before)
        TRACE.checks[:] = checks
        return None


def _certainly(loop: Loop, what: str) -> list[Any]:
    """The variables after a loop that only XLA can run.

    Raises:
        TensorError: it cannot.
    """
    if memory.current() is None:
        raise TensorError("a loop runs while a tensor is true")
    try:
        return Rolled(loop, exact=False).run()
    except Unrollable as error:
        raise TensorError(f"{error} in {what}") from None
