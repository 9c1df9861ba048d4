"""Give every id a readable name: the user's where it is free, a numbered one where it is not.

Two ids share a name when their lives do not overlap, so ``h`` stays ``h`` however often it is
bound. Temporaries are numbered in the order of appearance. The result depends on the input alone.
"""

from __future__ import annotations

import builtins
import keyword
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.liveness import mark_live

NUMBERED = ("t", "part")


def name_for_readers(function: gast.FunctionDef, taken: set[str], merge: bool = True) -> None:
    """Rename all ids of a function in place. `taken`: names that mean something else."""
    parameters = core.parameter_names(function.args)
    clashes = _overlaps(function.body, set(parameters))
    nodes = [node for statement in function.body for node in core.walk(statement)]  # as one reads
    order = list(dict.fromkeys(n.id for n in nodes if isinstance(n, gast.Name)))
    nested = _inside_functions(nodes)
    names: dict[str, str] = {}
    preferred = getattr(function, "preferred", {})  # names in the function that is reversed here
    filled = getattr(function, "filled", {})
    kept = {id: filled[name] for id, name in preferred.items() if name in filled}
    bound, recorded = core.writes(function.body), _recorded(function.body, {**filled, **kept})
    order = [*parameters, *(id for id in order if id in bound and id not in parameters)]
    for id in order:
        if (id in parameters and "." not in id) or id in nested or id not in clashes:
            names[id] = core.base(id)
    for id in parameters:  # ours, such as the cotangent of the result: the user's come first
        if id not in names:
            others = {names[p] for p in parameters if p in names}
            names[id] = (
                _choose(id, {}, set(), taken | others) if core.base(id) in others else core.base(id)
            )
    for id in order:
        if id in names:
            continue
        meets = clashes[id] | (set(parameters) if id in parameters else set())
        known = preferred.get(id) or recorded.get(id, "")
        known = names.get(known, known if "." not in known else "")
        free = known and known not in taken and known not in {names[c] for c in meets if c in names}
        names[id] = known if free else _choose(id, names, meets, taken)
    for node in (*core.walk(function.args), *nodes):
        if isinstance(node, gast.Name) and node.id in names:
            node.id = names[node.id]


def _recorded(body: list[gast.stmt], kept: dict[str, list[Any]]) -> dict[str, str]:
    """Names that a second loop takes from a tape, and what the forward loop put there for them.

    `kept` says what stands in the tapes that another function has filled.
    """
    found: dict[str, str] = {}
    for statement in core.walk_statements(body):
        _record(statement, kept)
        target, tape = _first(statement) if isinstance(statement, gast.For) else (None, "")
        targets, values = _items(target), kept.get(found.get(tape, tape), [])
        if len(targets) == len(values):
            pairs = zip(targets, values, strict=True)
            found.update({t.id: v.id for t, v in pairs if core.is_name(t) and core.is_name(v)})
    return found


def _first(loop: gast.For) -> tuple[Any, str]:
    """What a loop binds to the items of a tape, and the tape's name: the first one of a `zip`."""
    target, tape = loop.target, loop.iter
    if isinstance(tape, gast.Call) and core.is_name(tape.func) and tape.args:
        zipped = tape.func.id == "zip" and isinstance(target, gast.Tuple)
        target, tape = target.elts[0] if zipped else target, tape.args[0]
    return target, tape.id if core.is_name(tape) else ""


def _record(statement: gast.stmt, kept: dict[str, list[Any]]) -> None:
    """Note what ``tape.append((a, b))`` puts into a tape."""
    call = statement.value if isinstance(statement, gast.Expr) else None
    if isinstance(call, gast.Call) and isinstance(call.func, gast.Attribute):
        if call.func.attr == "append" and core.is_name(call.func.value):
            kept.setdefault(call.func.value.id, _items(call.args[0]))


def tapes(body: list[gast.stmt]) -> dict[str, list[Any]]:
    """What the loops of a function put into their tapes."""
    kept: dict[str, list[Any]] = {}
    for statement in core.walk_statements(body):
        _record(statement, kept)
    return kept


def _items(node: Any) -> list[Any]:
    return node.elts if isinstance(node, gast.Tuple) else [node]


def _choose(id: str, names: dict[str, str], clashes: set[str], taken: set[str]) -> str:
    wanted = core.base(id)
    used = {names[c] for c in clashes if c in names}
    made = id.partition(".")[2].lstrip("cd")[:1] in ("t", "b")  # not a user's variable `t`
    if wanted in NUMBERED and made:
        number = 0
        while f"{wanted}{number}" in used or f"{wanted}{number}" in taken:
            number += 1
        return f"{wanted}{number}"
    for prefix in NUMBERED:
        for suffix in ("_bar", "_dot"):
            if wanted == prefix + suffix and made:
                return _number(prefix, suffix, used, taken, 0)
    if wanted not in used and wanted not in taken and not keyword.iskeyword(wanted):
        return wanted
    for suffix in ("_bar", "_dot"):
        if wanted.endswith(suffix):
            return _number(wanted[: -len(suffix)] + "_", suffix, used, taken, 1)
    return _number(wanted + "_", "", used, taken, 1)


def _number(prefix: str, suffix: str, used: set[str], taken: set[str], start: int) -> str:
    number = start
    while f"{prefix}{number}{suffix}" in used or f"{prefix}{number}{suffix}" in taken:
        number += 1
    return f"{prefix}{number}{suffix}"


def _inside_functions(nodes: list[gast.AST]) -> set[str]:
    """Names that keep their spelling: read inside a function, or bound by `def`, `class`, `import`."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, (gast.ClassDef, gast.Import, gast.ImportFrom, gast.FunctionDef)):
            found |= core.bound_by_name(node)
        if isinstance(node, (*core.FUNCTIONS, *core.COMPREHENSIONS)):
            found |= {n.id for n in core.walk(node) if isinstance(n, gast.Name) and "." not in n.id}
    return found


def _overlaps(body: list[gast.stmt], parameters: set[str]) -> dict[str, set[str]]:
    """For every id that the function binds, the ids that live at the same time."""
    mark_live(body, set())
    clashes: dict[str, set[str]] = {}

    def meet(written: set[str], live: set[str]) -> None:
        for id in written:
            clashes.setdefault(id, set()).update(live - {id})
            for other in live:
                if other != id:
                    clashes.setdefault(other, set()).add(id)
        for id in written:
            clashes[id].update(written - {id})

    def visit(block: list[gast.stmt]) -> None:
        for statement in block:
            if isinstance(statement, gast.For):
                target = core.writes(statement.target)
                meet(
                    target,
                    statement.head | statement.live | _live_before(statement.body, statement.head),
                )
            if isinstance(statement, (gast.For, gast.While, gast.If, gast.With)):
                visit(statement.body)
                visit(getattr(statement, "orelse", []))
                if isinstance(statement, gast.With):
                    meet(
                        core.writes([i.optional_vars for i in statement.items if i.optional_vars]),
                        statement.live,
                    )
            else:
                meet(core.writes(statement), getattr(statement, "live", set()))

    meet(parameters, _entry_live(body))
    visit(body)
    return clashes


def _live_before(body: list[gast.stmt], head: set[str]) -> set[str]:
    return mark_live(body, head)


def _entry_live(body: list[gast.stmt]) -> set[str]:
    return mark_live(body, set())


TAKEN_ALWAYS = frozenset({"np", "rt", *dir(builtins), *keyword.kwlist})
