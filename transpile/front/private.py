"""What a loop changes in place, and whether anything else may hold it.

A loop in segments changes copies. So an array or list that it changes must have no other name: it is
made in the function, and read before and in the loop only by what gives no view of it.
"""

from __future__ import annotations

from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.front.coarse import MUTATORS
from redraft.transpile.front.scope import UNKNOWN
from redraft.transpile.primitives import table

MAKERS = frozenset(
    [
        "zeros",
        "ones",
        "empty",
        "full",
        "zeros_like",
        "ones_like",
        "empty_like",
        "full_like",
        "array",
        "copy",
        "arange",
        "linspace",
        "eye",
        "identity",
        "per_example",
        "snapshot",
        "list",
        "dict",
        "float",
        "int",
        "sum",
    ]
)
NEW = (gast.BinOp, gast.UnaryOp, gast.Compare, gast.List, gast.Dict, gast.ListComp, gast.DictComp)
COMPUTED = (gast.BinOp, gast.UnaryOp, gast.Compare)
MAY_GIVE_ITSELF = frozenset(
    {"asarray", "asanyarray", "atleast_1d", "atleast_2d", "atleast_3d", "real"}
)
GROWING = ("append", "extend")


def changed_in(loop: Any, segments: Any) -> tuple[set[str], set[str]]:
    """Lists that the loop only appends to, and other variables that it changes in place."""
    grown: dict[str, int] = {}
    changed: set[str] = set()
    for statement in core.walk_statements(loop.body):
        if isinstance(statement, (gast.Assign, gast.AugAssign)):
            targets = (
                statement.targets if isinstance(statement, gast.Assign) else [statement.target]
            )
            for target in targets:
                changed |= _stored(target, segments)
        for call in _calls(statement):
            name, method = _mutated(call, segments)
            if name is None:
                continue
            if method in GROWING and isinstance(statement, gast.Expr) and statement.value is call:
                grown[name] = grown.get(name, 0) + 1
            else:
                changed.add(name)
    for name, count in list(grown.items()):
        every = sum(n.id == name for s in [loop.iter, *loop.body] for n in core.walk(s)
                    if isinstance(n, gast.Name))  # fmt: skip
        if every != count or name in changed:
            changed.add(name)
            del grown[name]
    own = set(segments.made_in(loop))
    return set(grown) - own, changed - own


def _calls(statement: gast.stmt) -> list[gast.Call]:
    if getattr(statement, "body", None):
        parts = [getattr(statement, f, None) for f in ("test", "iter")]
        return [n for p in parts if p is not None for n in core.walk(p) if isinstance(n, gast.Call)]
    return [n for n in core.walk(statement) if isinstance(n, gast.Call)]


def _mutated(call: gast.Call, segments: Any) -> tuple[str | None, str]:
    """The variable that a call changes, and the method that does."""
    for keyword in call.keywords:
        if keyword.arg == "out" and core.is_name(keyword.value):
            return keyword.value.id, "out"
    func = call.func
    if not isinstance(func, gast.Attribute):
        return None, ""
    if func.attr == "at" and call.args and core.is_name(call.args[0]):
        return call.args[0].id, "at"
    if func.attr not in MUTATORS or segments.scope.value(func) is not UNKNOWN:
        return None, ""
    if core.is_name(func.value):
        return func.value.id, func.attr
    raise _nested(call, segments)


def _stored(target: Any, segments: Any) -> set[str]:
    """The variables that an assignment changes in place."""
    if isinstance(target, (gast.Tuple, gast.List)):
        return set().union(*(_stored(e, segments) for e in target.elts))
    if isinstance(target, gast.Subscript) and core.is_name(target.value):
        return {target.value.id}
    if isinstance(target, (gast.Subscript, gast.Attribute)):
        raise _nested(target, segments)
    return set()


def _nested(node: Any, segments: Any) -> Exception:
    return segments.refuse(
        node, "a change in place of a part of an object, in a checkpointed loop",
        "change a variable, as in `x[i, j] = …`, or leave the loop out of `checkpoint_loop`",
    )  # fmt: skip


# --- is it the only name?


def check(name: str, loop: Any, segments: Any) -> None:
    """Refuse a loop that changes what something else may hold.

    Raises:
        TransformError: the variable is a parameter, another name of something, or has another name.
    """
    place = other_name(name, loop, segments)
    if place is not None:
        shown = core.base(name)
        raise segments.refuse(
            place, f"`{shown}` is changed in place by a checkpointed loop, and may have another name",
            f"write `{shown} = {shown}.copy()` before the loop, and do not assign it to another variable",
        )  # fmt: skip


def other_name(name: str, loop: Any, segments: Any) -> Any:
    """A place that gives the variable another name, or None."""
    if name in segments.source.parameters:
        first = next((s for s in segments.body if name in core.writes(s)), None)
        if not (isinstance(first, gast.Assign) and is_new(first.value, segments, name)):
            return loop
    bound = False
    for statement in _until(segments.body, loop):
        if isinstance(statement, gast.Assign) and any(
            core.is_name(t) and t.id == name for t in statement.targets
        ):
            bound = True
            if len(statement.targets) > 1 or not is_new(statement.value, segments, name):
                return statement
        elif name in _own_writes(statement) and not isinstance(statement, gast.AugAssign):
            return statement
        if not _reads_parts(statement, name, segments):
            return statement
    return None if bound else loop


def _until(body: list[gast.stmt], loop: Any) -> list[gast.stmt]:
    """All statements of the function up to the end of a loop, and of the loops around it."""
    found: list[gast.stmt] = []
    for statement in body:
        inner = list(core.walk_statements([statement]))
        found += inner
        if loop in inner:
            break
    return found


def _own_writes(statement: gast.stmt) -> set[str]:
    if isinstance(statement, gast.For):
        return core.writes(statement.target)
    if getattr(statement, "body", None) and not isinstance(statement, core.FUNCTIONS):
        return set()
    return core.writes(statement)


def is_new(value: Any, segments: Any, name: str) -> bool:
    """Does an expression make a new object, of which no part has another name?"""
    if isinstance(value, gast.Constant):
        return True
    if isinstance(value, NEW):
        return True
    if not isinstance(value, gast.Call):
        return False
    if isinstance(value.func, gast.Attribute) and value.func.attr == "copy":
        return True
    known = segments.scope.value(value.func)
    return known is not UNKNOWN and getattr(known, "__name__", "") in MAKERS


def _reads_parts(statement: gast.stmt, name: str, segments: Any) -> bool:
    """Does a statement read the variable only in ways that give no view of it?"""
    if isinstance(statement, core.FUNCTIONS):
        return name not in core.reads(statement)
    if getattr(statement, "body", None):
        parts = [getattr(statement, f, None) for f in ("test", "iter")]
        return all(p is None or _safe(p, name, segments, False) for p in parts)
    if isinstance(statement, (gast.Assign, gast.AugAssign)):
        targets = statement.targets if isinstance(statement, gast.Assign) else [statement.target]
        places = [t.slice for t in targets if isinstance(t, gast.Subscript)]
        stored = all(isinstance(t, gast.Subscript) for t in targets)
        value = statement.value
        plain = stored and isinstance(value, gast.Subscript) and core.is_name(value.value)
        if plain and value.value.id == name:
            places.append(value.slice)
        else:
            places.append(value)
        return all(_safe(p, name, segments, True) for p in places)
    if isinstance(statement, gast.Expr) and isinstance(statement.value, gast.Call):
        call = statement.value
        if _mutated(call, segments)[0] == name:
            func = getattr(call.func, "value", None)
            rest = [a for a in (*call.args, *(k.value for k in call.keywords))
                    if not (core.is_name(a) and a.id == name)]  # fmt: skip
            return (core.is_name(func) or name in core.reads(call)) and all(
                _safe(a, name, segments, True) for a in rest
            )
    return all(_safe(c, name, segments, True) for c in core.children(statement))


def _safe(node: Any, name: str, segments: Any, value: bool) -> bool:
    """May the expression be kept by others? Reads of the variable stand below what computes."""
    if name not in core.reads(node):
        return True
    if isinstance(node, COMPUTED):
        return True
    if isinstance(node, gast.Attribute):
        return node.attr in ("shape", "ndim", "size", "dtype", "itemsize")
    if isinstance(node, gast.Call):
        if gives_something_new(node, segments):
            return True
        own = name not in core.reads(node.func) and not node.keywords
        return own and all(_safe(a, name, segments, value) for a in node.args)
    if isinstance(node, gast.Subscript) and not value:
        return True
    if isinstance(node, (gast.Tuple, gast.IfExp)):
        return all(_safe(c, name, segments, value) for c in core.children(node))
    return False


def gives_something_new(call: gast.Call, segments: Any) -> bool:
    """Is it a function or a method of NumPy's that computes, so that its result is no view?"""
    known = segments.scope.value(call.func)
    if known is len:
        return True
    row = None if known is UNKNOWN else table.row_of(known)
    if row is None and known is UNKNOWN and isinstance(call.func, gast.Attribute):
        row = table.rows_index()["method"].get(call.func.attr)
    if row is None or not row.name.startswith("np."):
        return False
    return row.view_of is None and row.name.rpartition(".")[2] not in MAY_GIVE_ITSELF
