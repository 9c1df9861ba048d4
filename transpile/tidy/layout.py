"""Put lines together that a person would write as one.

Before::                          After::

    part0, part1 = params             (W1, b1), (W2, b2) = params
    W1, b1 = part0
    W2, b2 = part1
    q = np.exp(log_q)                 q, r = np.exp(log_q), np.exp(log_r)
    r = np.exp(log_r)
    x_bar = 0.0                       x_bar = y_bar = 0.0
    y_bar = 0.0
    w_bar = np.zeros_like(w)          w_bar, xs_bars = np.zeros_like(w), []
    xs_bars = []
    x_bar = x_bar + z_bar             return x_bar + z_bar
    return x_bar
"""

from __future__ import annotations

from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.tidy.fold import WIDEST, is_made

LONGEST = 85  # characters of a result that still stands in one line


def nest_unpacking(body: list[gast.stmt]) -> None:
    """Unpack parts where the whole is unpacked; before names are chosen."""
    reads: dict[str, int] = {}
    for node in (n for statement in body for n in core.walk(statement)):
        if core.is_name(node) and isinstance(node.ctx, gast.Load):
            reads[node.id] = reads.get(node.id, 0) + 1
    for statement in list(body):
        if _is_unpacking(statement):
            statement.targets[0] = _nested(statement.targets[0], statement, body, reads)


def _is_unpacking(statement: gast.stmt) -> bool:
    return (
        isinstance(statement, gast.Assign)
        and len(statement.targets) == 1
        and isinstance(statement.targets[0], (gast.Tuple, gast.List))
        and core.is_name(statement.value)
    )


def _nested(target: Any, whole: gast.stmt, body: list[gast.stmt], reads: dict[str, int]) -> Any:
    """The pattern with patterns in place of the parts that are unpacked right after it."""
    for place, element in enumerate(target.elts):
        if not (core.is_name(element) and is_made(element.id) and reads.get(element.id) == 1):
            continue
        position = next((i for i, s in enumerate(body) if s is whole), None)
        later = position
        while later is not None and later + 1 < len(body) and _is_unpacking(body[later + 1]):
            later += 1
            if body[later].value.id == element.id:
                target.elts[place] = _nested(body.pop(later).targets[0], whole, body, reads)
                break
    return target


def join_lines(body: list[gast.stmt]) -> list[gast.stmt]:
    """The block with such lines joined; after names are chosen."""
    joined: list[gast.stmt] = []
    for statement in body:
        for field in ("body", "orelse"):
            inner = getattr(statement, field, None)
            if isinstance(inner, list) and inner and not isinstance(statement, core.FUNCTIONS):
                setattr(statement, field, join_lines(inner))
        if not joined or not _join(joined[-1], statement):
            joined.append(statement)
    return _with_short_return(joined)


def _join(first: gast.stmt, second: gast.stmt) -> bool:
    """Take the second assignment into the first, if they belong together."""
    if not (isinstance(first, gast.Assign) and isinstance(second, gast.Assign)):
        return False
    if len(second.targets) > 1 or not core.is_name(second.targets[0]):
        return False
    return _chain(first, second) or _begin(first, second) or _in_parallel(first, second)


def _chain(first: gast.Assign, second: gast.Assign) -> bool:
    """``x_bar = y_bar = 0.0``: numbers are immutable, so the names share nothing."""
    zeros = all(
        isinstance(s.value, gast.Constant)
        and isinstance(s.value.value, float)
        and getattr(s, "backward", False)
        for s in (first, second)
    )
    if not zeros or first.value.value != second.value.value or len(first.targets) > 5:
        return False
    if not all(core.is_name(t) for t in first.targets):
        return False
    first.targets.append(second.targets[0])
    return True


def _begin(first: gast.Assign, second: gast.Assign) -> bool:
    """``x_bar, y_bars = np.zeros_like(x), []``: sums and lists that a loop is about to fill."""
    if len(first.targets) > 1 or not _is_beginning(second.value):
        return False
    target, value = first.targets[0], first.value
    if isinstance(target, gast.Tuple) and getattr(first, "begins", False):
        places, values = target.elts, value.elts
    elif core.is_name(target) and _is_beginning(value):
        places, values = [target], [value]
    else:
        return False
    same = getattr(first, "backward", False) and getattr(second, "backward", False)
    if not same or sum(len(p.id) for p in (*places, second.targets[0])) > WIDEST - 8:
        return False
    first.targets = [gast.Tuple([*places, second.targets[0]], gast.Store())]
    first.value, first.begins = gast.Tuple([*values, second.value], gast.Load()), True
    return True


def _is_beginning(value: Any) -> bool:
    if isinstance(value, gast.List):
        return not value.elts
    return (
        isinstance(value, gast.Call)
        and isinstance(value.func, gast.Attribute)
        and value.func.attr == "zeros_like"
        and core.is_name(value.args[0])
    )


def _in_parallel(first: gast.Assign, second: gast.Assign) -> bool:
    """``a, b = x, y``, where the user wrote it so and nothing needs the values one by one."""
    if not _same_display(first, second) or len(first.targets) > 1:
        return False
    target, value = first.targets[0], first.value
    if core.is_name(target):
        places, values = [target], [value]
    elif isinstance(target, gast.Tuple) and getattr(first, "parallel", False):
        places, values = target.elts, value.elts
    else:
        return False
    new = second.targets[0]
    written = {p.id for p in places}
    if written & core.reads(second.value) or new.id in written:
        return False
    if (
        sum(isinstance(n, gast.expr) for v in (*values, second.value) for n in core.walk(v))
        > WIDEST
    ):
        return False
    first.targets = [gast.Tuple([*places, new], gast.Store())]
    first.value, first.parallel = gast.Tuple([*values, second.value], gast.Load()), True
    return True


def _same_display(first: Any, second: Any) -> bool:
    """Do both lines come from one assignment of a tuple, in the forward part?"""
    origins = [getattr(s, "origin", None) for s in (first, second)]
    if None in origins or origins[0].node is not origins[1].node:
        return False
    node = origins[0].node
    return (
        getattr(first, "forward", False)
        and getattr(second, "forward", False)
        and isinstance(node, gast.Assign)
        and isinstance(node.targets[0], gast.Tuple)
        and isinstance(node.value, gast.Tuple)
    )


def _with_short_return(body: list[gast.stmt]) -> list[gast.stmt]:
    """``return E`` for ``x = E`` and ``return x``, and likewise for several of one user's line."""
    if not body or not isinstance(body[-1], gast.Return):
        return body
    returned, origin = body[-1], None
    while len(body) > 1:
        last = body[-2]
        if not _ends_in(last, returned) or (origin and _line(last) is not origin):
            return body
        origin = _line(last)
        _put_into(returned, last)
        returned.origin, returned.silent = getattr(last, "origin", None), False
        body = [*body[:-2], returned]
        if origin is None:
            return body
    return body


def _ends_in(statement: gast.stmt, returned: gast.Return) -> bool:
    """Is the statement the last word on a value that is returned once, and nothing else?"""
    if not (
        isinstance(statement, gast.Assign)
        and len(statement.targets) == 1
        and core.is_name(statement.targets[0])
        and getattr(statement, "backward", False)
    ):
        return False
    name, value = statement.targets[0].id, returned.value
    readings = [n for n in core.walk(value) if core.is_name(n) and n.id == name]
    if len(readings) != 1:
        return False
    if value is readings[0]:
        return True
    if not isinstance(value, gast.Tuple) or readings[0] not in value.elts:
        return False
    return sum(len(gast.unparse(v)) for v in (value, statement.value)) <= LONGEST


def _line(statement: gast.stmt) -> Any:
    return getattr(getattr(statement, "origin", None), "node", None)


def _put_into(returned: gast.Return, statement: gast.Assign) -> None:
    if core.is_name(returned.value):
        returned.value = statement.value
        return
    name = statement.targets[0].id
    place = next(i for i, e in enumerate(returned.value.elts) if core.is_name(e) and e.id == name)
    returned.value.elts[place] = statement.value
