"""How batched code is laid out: what is written before and after the pass."""

from __future__ import annotations

from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.liveness import mark_live
from redraft.transpile.transforms.batch_names import captured_names

BLOCKS = (gast.If, gast.For, gast.While, gast.With)


def expand_definitions(body: list[Any], placed: dict[str, list[Any]]) -> list[Any]:
    """Put the versions of nested functions where the functions were defined."""
    out: list[Any] = []
    for statement in body:
        name = getattr(statement, "defines", None)
        if name is not None:
            for function in placed.get(name, ()):
                function.body = expand_definitions(function.body, function.placed)
                out.append(function)
            continue
        for block in ("body", "orelse"):
            if isinstance(getattr(statement, block, None), list) and not isinstance(
                statement, gast.FunctionDef
            ):
                setattr(statement, block, expand_definitions(getattr(statement, block), placed))
        if isinstance(statement, (gast.If, gast.For, gast.While)) and not statement.body:
            statement.body = [gast.Pass()]
        out.append(statement)
    return out


def join_conversions(body: list[Any], captured: set[str] | None = None) -> list[Any]:
    """``n = 0; n = rt.per_example(n, batch)`` as one line; not what nested functions may read."""
    captured = captured_names(body) if captured is None else captured
    out: list[Any] = []
    for statement in body:
        for block in ("body", "orelse"):
            if isinstance(getattr(statement, block, None), list):
                setattr(statement, block, join_conversions(getattr(statement, block), captured))
        name = _converts(statement)
        before = _assignment_before(out, name) if name and name not in captured else None
        if before is None:
            out.append(statement)
        elif core.is_name(before.targets[0]):
            before.value = _per_example(before.value, statement.value)
        else:  # ``n, m = 0, 1``
            names, values = before.targets[0].elts, before.value.elts
            place = [n.id for n in names].index(name)
            values[place] = _per_example(values[place], statement.value)
    return out


def _per_example(value: gast.expr, conversion: gast.Call) -> gast.expr:
    """What a conversion makes of a value."""
    if isinstance(value, gast.Constant) and isinstance(value.value, (bool, int, float)):
        return core.call("np.full", conversion.args[1], value)
    if is_new_array(value):
        shape, *rest = value.args
        axes = shape.elts if isinstance(shape, (gast.Tuple, gast.List)) else [shape]
        whole = gast.Tuple([conversion.args[1], *axes], gast.Load())
        return gast.Call(value.func, [whole, *rest], value.keywords)
    return gast.Call(conversion.func, [value, *conversion.args[1:]], [])


def is_new_array(node: Any) -> bool:
    """Is this ``np.zeros(shape)`` or its like, with a shape of which every axis can be seen?"""
    made = ("np.zeros", "np.ones", "np.empty", "np.full")
    if not isinstance(node, gast.Call) or not node.args:
        return False
    named = any(core.same(node.func, core.dotted(name)) for name in made)
    shape = node.args[0]
    if isinstance(shape, (gast.Tuple, gast.List)):
        return named and not any(isinstance(e, gast.Starred) for e in shape.elts)
    return named and is_length(shape)


def is_length(node: Any) -> bool:
    """Is this certainly a number, and no tuple of numbers?"""
    if isinstance(node, gast.Constant):
        return type(node.value) is int
    if isinstance(node, gast.BinOp):
        return is_length(node.left) and is_length(node.right)
    if isinstance(node, gast.Call):
        return core.same(node.func, core.name("len"))
    shape = getattr(node, "value", None)
    of_shape = isinstance(node, gast.Subscript) and isinstance(shape, gast.Attribute)
    return of_shape and shape.attr == "shape" and isinstance(node.slice, gast.Constant)


def without_dead_flags(body: list[Any], flags: Any) -> list[Any]:
    """The code without settings of flags and placeholders that nobody reads."""
    mark_live(body, set())
    return _without_dead(body, flags)


def _without_dead(body: list[Any], flags: Any) -> list[Any]:
    out = []
    for statement in body:
        for block in ("body", "orelse"):
            if isinstance(statement, BLOCKS) and getattr(statement, block, None):
                kept = _without_dead(getattr(statement, block), flags)
                setattr(statement, block, kept or ([gast.Pass()] if block == "body" else []))
        name = _set_name(statement)
        if name not in flags or name in statement.live:
            out.append(statement)
    return out


def _set_name(node: Any) -> str | None:
    """The variable that gets a constant here, or one per example."""
    if not isinstance(node, gast.Assign) or not core.is_name(node.targets[0]):
        return None
    value = node.value
    if isinstance(value, gast.Call) and core.same(value.func, core.dotted("np.full")):
        value = value.args[1]
    return node.targets[0].id if isinstance(value, gast.Constant) else None


def _converts(node: Any) -> str | None:
    """The variable that a line gives a batch axis, and nothing else."""
    if not isinstance(node, gast.Assign) or not isinstance(node.value, gast.Call):
        return None
    target, call = node.targets[0], node.value
    same = core.is_name(target) and call.args and core.is_name(call.args[0])
    is_helper = core.same(call.func, core.dotted("rt.per_example"))
    return target.id if same and is_helper and call.args[0].id == target.id else None


def _assignment_before(out: list[Any], name: str) -> gast.Assign | None:
    """The line that set the variable, if nothing reads it in between."""
    for statement in reversed(out):
        if not isinstance(statement, gast.Assign) or len(statement.targets) > 1:
            return None
        if name in core.reads(statement):
            return None
        if name in core.writes(statement):
            return statement if _sets(statement, name) else None
    return None


def _sets(node: gast.Assign, name: str) -> bool:
    """Does a line set a variable to an expression of its own?"""
    target, displays = node.targets[0], (gast.Tuple, gast.List)
    if core.is_name(target):
        return True
    if not isinstance(target, displays) or not isinstance(node.value, displays):
        return False
    plain = all(map(core.is_name, target.elts)) and not any(
        isinstance(e, gast.Starred) for e in node.value.elts
    )
    once = [e.id for e in target.elts if core.is_name(e)].count(name) == 1
    return plain and once and len(target.elts) == len(node.value.elts)


def fold_answer(body: list[Any]) -> None:
    """``ans = x; return ans`` as one line, where early exits had made the variable."""
    *_, last = body
    before = body[-2] if len(body) > 1 else None
    if not isinstance(before, gast.Assign) or not core.is_name(last.value):
        return
    target, name = before.targets[0], last.value.id
    same = len(before.targets) == 1 and core.is_name(target) and target.id == name
    if same and name == getattr(last, "answer", None):
        last.value = before.value
        del body[-2]


def readable(body: list[Any]) -> list[Any]:
    """Names of the flags that stand for early exits, as Python knows them."""
    taken = core.names_in(body)
    new: dict[str, str] = {}
    for statement in body:
        for node in core.walk(statement):
            if isinstance(node, gast.Name) and "." in node.id:
                if node.id not in new:
                    head, _, tail = node.id.partition(".")
                    wanted = head if tail in ("r", "l1") else f"{head}_{tail.lstrip('lr')}"
                    while wanted in taken:
                        wanted += "_"
                    taken.add(wanted)
                    new[node.id] = wanted
                node.id = new[node.id]
    for statement in core.walk_statements(body):
        if isinstance(statement, gast.Assign) and core.is_name(statement.targets[0]):
            is_answer = statement.targets[0].id == new.get("ans.r")
            statement.placeholder = is_answer and core.same(statement.value, core.constant(None))
    if body:
        body[0].exit_flags = frozenset(new.values()) - {new.get("ans.r")}
        body[-1].answer = new.get("ans.r")
        body[0].exit_names = frozenset(new.values())
    return body
