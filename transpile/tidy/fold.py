"""Put temporaries back into the expressions that they were taken from.

Before::                          After::

    t0 = x @ W                        h = np.tanh(x @ W + b)
    t1 = t0 + b
    h = np.tanh(t1)

Only names that redraft made are folded, where they are written once, read once, in the same block,
and nothing in between changes what their expression reads.
"""

from __future__ import annotations

from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.versions import updated_name

SHORT = 9  # nodes of a user's cotangent that needs no line of its own
WIDEST = 34  # nodes of an expression that still reads well


def fold(body: list[gast.stmt], parameters: list[str]) -> list[gast.stmt]:
    """Fold copies, then single-use temporaries, in place."""
    _fold_block(body, _Copies(body, parameters).run())
    return body


class _Count:
    """How often every name is written and read."""

    def __init__(self, body: list[gast.stmt], parameters: list[str]) -> None:
        self.writes: dict[str, int] = dict.fromkeys(parameters, 1)
        self.reads: dict[str, int] = {}
        for statement in body:
            for node in core.walk(statement):
                if isinstance(node, gast.Name):
                    table = self.reads if isinstance(node.ctx, gast.Load) else self.writes
                    table[node.id] = table.get(node.id, 0) + 1
                elif isinstance(node, gast.FunctionDef):
                    self.writes[node.name] = self.writes.get(node.name, 0) + 1


class _Copies:
    """``a = b``: where neither changes any more, readers of `a` read `b`."""

    def __init__(self, body: list[gast.stmt], parameters: list[str]) -> None:
        self.body, self.parameters = body, parameters

    def run(self) -> _Count:
        """Fold in place; returns how often names are used after that."""
        count = _Count(self.body, self.parameters)
        updated = {updated_name(s) for s in core.walk_statements(self.body)} - {None}
        renames: dict[str, gast.expr] = {}
        if self.coalesce(count):
            count = _Count(self.body, self.parameters)
        for statement in core.walk_statements(self.body):
            if not isinstance(statement, gast.Assign) or len(statement.targets) > 1:
                continue
            target, value = statement.targets[0], statement.value
            if not core.is_name(target) or not is_made(target.id):
                continue
            if count.writes.get(target.id) != 1 or target.id in updated:
                continue
            if (
                core.is_name(value)
                and value.id not in updated
                and count.writes.get(value.id, 0) <= 1
            ):
                if self.stable(value.id, count):
                    renames[target.id] = value
            elif isinstance(value, gast.Constant) and not isinstance(value.value, str):
                renames[target.id] = value
        if not renames:
            return count
        _rename(self.body, renames)
        return _Count(self.body, self.parameters)

    def coalesce(self, count: _Count) -> bool:
        """``hidden = items``: a temporary that ends in a user's variable bears its name at once."""
        changed = False
        order = list(core.walk_statements(self.body))
        for place, statement in enumerate(order):
            if not isinstance(statement, gast.Assign) or len(statement.targets) > 1:
                continue
            target, value = statement.targets[0], statement.value
            if not core.is_name(target) or not core.is_name(value) or target.id == value.id:
                continue
            if not is_temporary(value.id) or count.writes.get(target.id) != 1:
                continue
            if target.id in self.parameters or self.used_before(order[:place], target.id):
                continue
            if any(value.id in _written(s) for s in order[place + 1 :]):
                continue
            old = value.id
            for node in (n for s in self.body for n in core.walk(s)):
                if isinstance(node, gast.Name) and node.id == old:
                    node.id = target.id
            changed = True
        self.body[:] = without_self_copies(self.body)
        return changed

    def used_before(self, statements: list[gast.stmt], id: str) -> bool:
        return any(
            id in core.reads(s) or id in core.writes(s)
            for s in statements
            if not isinstance(s, (gast.If, gast.For, gast.While, gast.With))
        )

    def stable(self, id: str, count: _Count) -> bool:
        """Is the name bound once (or a parameter that is never bound)?"""
        inside = {
            n.id
            for s in core.walk_statements(self.body)
            if isinstance(s, gast.For)
            for n in core.walk(s.target)
            if core.is_name(n)
        }
        return id not in inside and (
            count.writes.get(id, 0) == 0 or id in self.parameters or is_made(id)
        )


def _rename(body: list[gast.stmt], renames: dict[str, gast.expr]) -> None:
    def final(node: gast.Name) -> gast.expr:
        value: Any = renames[node.id]
        while core.is_name(value) and value.id in renames:
            value = renames[value.id]
        return core.copy(value)

    def replace(node: Any) -> Any:
        if isinstance(node, gast.Name):
            if isinstance(node.ctx, gast.Load) and node.id in renames:
                return final(node)
            return node
        for field in node._fields:
            value = getattr(node, field, None)
            if isinstance(value, gast.AST):
                setattr(node, field, replace(value))
            elif isinstance(value, list):
                setattr(node, field, [replace(v) if isinstance(v, gast.AST) else v for v in value])
        return node

    def clean(block: list[gast.stmt]) -> list[gast.stmt]:
        out = []
        for statement in block:
            if isinstance(statement, gast.Assign) and core.is_name(statement.targets[0]):
                if statement.targets[0].id in renames and len(statement.targets) == 1:
                    continue
            for field in ("body", "orelse"):
                inner = getattr(statement, field, None)
                if isinstance(inner, list) and inner and not isinstance(statement, core.FUNCTIONS):
                    new = clean(inner)
                    if field == "body" and not new:
                        new = [gast.Pass()]
                    setattr(statement, field, new)
            out.append(statement)
        return out

    for statement in body:
        replace(statement)
    body[:] = clean(body)


def _written(statement: gast.stmt) -> set[str]:
    updated = updated_name(statement)
    if getattr(statement, "body", None):
        return core.writes(getattr(statement, "target", []))
    return core.writes(statement) | ({updated} if updated else set())


def without_self_copies(body: list[gast.stmt]) -> list[gast.stmt]:
    """The block without ``x = x``."""
    out = []
    for statement in body:
        for field in ("body", "orelse"):
            inner = getattr(statement, field, None)
            if isinstance(inner, list) and inner and not isinstance(statement, core.FUNCTIONS):
                kept = without_self_copies(inner)
                setattr(statement, field, kept or ([gast.Pass()] if field == "body" else []))
        if isinstance(statement, gast.Assign) and core.is_name(statement.value):
            target = statement.targets[0]
            if core.is_name(target) and target.id == statement.value.id:
                continue
        out.append(statement)
    return out


def is_temporary(id: str) -> bool:
    """Was the name made by the lowering, for a part of an expression?"""
    return "." in id and id.partition(".")[2][:1] == "t"


def is_made(id: str) -> bool:
    """Was the name made by redraft (a temporary, or a cotangent)?"""
    return "." in id and id.partition(".")[2][:1] in "tbisracd"


def _foldable(id: str, value: gast.expr) -> bool:
    """May the name go? A user's cotangent keeps its line, unless it says nothing new."""
    head, _, rest = id.partition(".")
    if head.endswith(("_bar", "_dot")):
        inner = head[:-4]
        temporary = inner in ("t", "ans", "item", "items", "part", "value") and rest[:2] == "ct"
        if temporary or core.is_name(value):
            return True
        return _size(value) <= SHORT
    return is_made(id)


def _fold_block(body: list[gast.stmt], count: _Count) -> None:
    position = 0
    while position < len(body):
        statement = body[position]
        for field in ("body", "orelse"):
            inner = getattr(statement, field, None)
            if isinstance(inner, list) and not isinstance(statement, core.FUNCTIONS):
                _fold_block(inner, count)
        if _is_candidate(body, position, count) and _fold_one(body, position, count):
            del body[position]
            position = max(position - 1, 0)
            continue
        position += 1


def _is_last_use(body: list[gast.stmt], position: int, id: str) -> bool:
    """Is the next line the end of the value: a `return`, or an `append`?"""
    if position + 1 >= len(body):
        return False
    later = body[position + 1]
    ends = isinstance(later, gast.Return) or _is_append(later)
    return ends and id in core.reads(later)


def _is_candidate(body: list[gast.stmt], position: int, count: _Count) -> bool:
    statement = body[position]
    if not isinstance(statement, gast.Assign) or len(statement.targets) > 1:
        return False
    target = statement.targets[0]
    if not core.is_name(target) or count.writes.get(target.id) != 1:
        return False
    if count.reads.get(target.id, 0) != 1 or not is_made(target.id):
        return False
    if _is_last_use(body, position, target.id):
        return _size(statement.value) < 16
    pops = updated_name(statement) is not None
    if pops and not (position + 1 < len(body) and target.id in core.reads(body[position + 1])):
        return False
    return _foldable(target.id, statement.value)


def _fold_one(body: list[gast.stmt], position: int, count: _Count) -> bool:
    statement = body[position]
    target, value = statement.targets[0].id, statement.value
    reads = core.reads(value)
    fragile = _touches_memory(value)
    for later in body[position + 1 :]:
        place = _find(later, target)
        if place is not None:
            if _too_wide(later, value) or not _may_move(value, later, target):
                return False
            _put(place, value)
            if getattr(later, "silent", False) or _is_append(later):
                later.origin, later.silent = statement.origin, False
            return True
        if isinstance(later, (gast.For, gast.While, gast.If, gast.With)) and target in core.reads(
            later
        ):
            return False
        if core.writes(later) & reads or (fragile and _changes_memory(later, reads)):
            return False
        if _impure(value) and _impure(later):
            return False
    return False


def _may_move(value: gast.expr, later: gast.stmt, target: str) -> bool:
    """An impure call keeps its place among the other calls of a line."""
    if not _impure(value):
        return True
    if _popped(value) & core.reads(
        later
    ):  # what the line reads of the list, it reads after the pop
        return False
    before = []
    for node in core.walk(later):
        if core.is_name(node) and node.id == target:
            break
        before.append(node)
    return not any(isinstance(n, gast.Call) and _impure(n) for n in before[1:])


def _popped(value: gast.expr) -> set[str]:
    """The variables of lists that an expression pops from."""
    calls = [n for n in core.walk(value) if isinstance(n, gast.Call)]
    pops = [c.func for c in calls if getattr(c.func, "attr", None) == "pop"]
    return set().union(*(core.reads(f.value) for f in pops), set())


def _find(statement: gast.stmt, id: str) -> Any:
    """The parent, field and position of the one reading of `id` that the statement evaluates once."""
    if isinstance(statement, (gast.While, *core.FUNCTIONS)):
        return None
    roots: list[Any] = [statement]
    if isinstance(statement, gast.If):
        return _search(statement, id, ("test",))
    if isinstance(statement, gast.For):
        return _search(statement, id, ("iter",))
    if isinstance(statement, gast.With):
        return None
    return _search(roots[0], id, None)


def _search(node: Any, id: str, fields: Any) -> Any:
    for field in fields or node._fields:
        value = getattr(node, field, None)
        if isinstance(value, gast.Name) and value.id == id and isinstance(value.ctx, gast.Load):
            return node, field, None
        if isinstance(value, (*core.FUNCTIONS, *core.COMPREHENSIONS)):
            continue
        if isinstance(value, gast.AST):
            found = _search(value, id, None)
            if found is not None:
                return found
        elif isinstance(value, list):
            for position, item in enumerate(value):
                if (
                    isinstance(item, gast.Name)
                    and item.id == id
                    and isinstance(item.ctx, gast.Load)
                ):
                    return node, field, position
                if isinstance(item, gast.AST) and not isinstance(item, core.FUNCTIONS):
                    found = _search(item, id, None)
                    if found is not None:
                        return found
    return None


def _put(place: Any, value: gast.expr) -> None:
    node, field, position = place
    if position is None:
        setattr(node, field, value)
    else:
        getattr(node, field)[position] = value


def _too_wide(statement: Any, value: gast.expr) -> bool:
    if isinstance(value, (gast.Name, gast.Constant)):
        return False
    target = getattr(statement, "test", None) or getattr(statement, "iter", None) or statement
    both = _size(target) + _size(value)
    made_by_user = getattr(statement, "forward", False)
    return both > (2 * WIDEST if made_by_user else WIDEST)


def _size(node: Any) -> int:
    return sum(isinstance(n, (gast.expr, gast.stmt)) for n in core.walk(node))


def _touches_memory(value: gast.expr) -> bool:
    """Does the expression read memory that another line could change? (A mere name does not.)"""
    return not isinstance(value, (gast.Constant, gast.Name))


def _changes_memory(statement: gast.stmt, reads: set[str]) -> bool:
    for inner in core.walk_statements([statement]):
        if _is_append(inner):
            if updated_name(inner) in reads:
                return True
            continue
        if getattr(inner, "backward", False) and (changed := _changed_cotangent(inner)):
            if changed in reads:
                return True
            continue
        if updated_name(inner) is not None or isinstance(inner, gast.AugAssign):
            return True
        if isinstance(inner, gast.Expr):
            return True
        if getattr(inner, "augmented", False):
            return True
    return False


def _changed_cotangent(statement: gast.stmt) -> str | None:
    """The cotangent that a backward line adds to in place; nothing else shares its memory."""
    if isinstance(statement, gast.AugAssign) and core.is_name(statement.target):
        return statement.target.id
    call = statement.value if isinstance(statement, gast.Expr) else None
    if isinstance(call, gast.Call) and isinstance(call.func, gast.Attribute):
        if call.func.attr in ("add_at", "add_field") and core.is_name(call.args[0]):
            return call.args[0].id
    return updated_name(statement)


def _is_append(statement: gast.stmt) -> bool:
    """A list that grows changes nothing that another name holds."""
    if not isinstance(statement, gast.Expr) or not isinstance(statement.value, gast.Call):
        return False
    func = statement.value.func
    return isinstance(func, gast.Attribute) and func.attr == "append"


def _impure(node: Any) -> bool:
    for inner in core.walk(node):
        if isinstance(inner, gast.Call):
            callee = getattr(inner, "callee", None)
            if callee is not None and hasattr(callee, "row"):
                continue
            root = inner.func
            while isinstance(root, gast.Attribute):
                root = root.value
            if core.is_name(root) and root.id in ("np", "rt", "math") and root is not inner.func:
                continue
            if core.is_name(inner.func) and inner.func.id in (
                "range",
                "reversed",
                "len",
                "zip",
                "enumerate",
            ):
                continue
            return True
    return False
