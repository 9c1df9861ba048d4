"""Remove lines whose result nobody reads.

Before::                    After::

    t0 = np.sin(x)              t0 = np.sin(x)
    t1 = np.cos(x)              return t0
    return t0

A change in place counts as dead when the thing that it changes is not read afterwards. Calls of
functions that may do more than return a value stay.
"""

from __future__ import annotations

from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.versions import updated_name
from redraft.transpile.front.callee import Primitive
from redraft.transpile.primitives import table

PURE_ROOTS = frozenset({"np", "rt", "math", "numpy"})
RUN = frozenset(  # they run functions of the user, which may have effects
    {
        "call_fwd",
        "call_jvp",
        "call_star",
        "method_fwd",
        "method_jvp",
        "star_fwd",
        "star_jvp",
        "call_lin_fwd",
        "method_lin_fwd",
        "star_lin_fwd",
        "io_callback",
        "debug_callback",
        "debug_print",
    }
)
PURE_NAMES = frozenset(
    {"range", "len", "reversed", "zip", "enumerate", "list", "tuple", "dict", "abs", "float", "int"}
)

MAY_GIVE_ITSELF = frozenset({"np.asarray", "np.asanyarray", "np.atleast_1d", "np.atleast_2d"})


def remove_dead_code(body: list[gast.stmt], pure: Any = None) -> list[gast.stmt]:
    """The body without the lines whose result is never read."""
    dead = _Dead(pure or (lambda node: False))
    dead.made = _made_here(body)
    dead.sharing = _sharing(body)
    return dead.block(body, set())


def _made_here(body: list[gast.stmt]) -> set[str]:
    """Variables that the body binds, and that so may hold something nobody else sees."""
    found: set[str] = set()
    for statement in core.walk_statements(body):
        if isinstance(statement, gast.Assign) and updated_name(statement) is None:
            found |= core.writes(statement.targets)
        elif isinstance(statement, gast.For):
            found |= core.writes(statement.target)
        elif isinstance(statement, gast.With):
            found |= core.writes([i.optional_vars for i in statement.items if i.optional_vars])
    return {core.base(name) for name in found}


def _sharing(body: list[gast.stmt]) -> dict[str, set[str]]:
    """Variable -> those that may hold the same object, or a part or a view of it."""
    groups: dict[str, set[str]] = {}
    for statement in core.walk_statements(body):
        names = _names_of_one(statement)
        if len(names) > 1:
            joined = names.union(*(groups.get(n, ()) for n in names))
            groups.update(dict.fromkeys(joined, joined))
    return groups


def _names_of_one(statement: gast.stmt) -> set[str]:
    """Variables that share what the statement binds."""
    if isinstance(statement, gast.Assign):
        bound = {n.id for t in statement.targets for n in core.free_names(t)}
        given = _given(statement.value)
        return bound | given if given else set()
    if isinstance(statement, gast.For):
        return core.reads(statement.iter) | core.writes(statement.target)
    if isinstance(statement, gast.FunctionDef):
        return {statement.name} | core.reads(statement)
    return set()


def _given(value: Any) -> set[str]:
    """Variables that may be, or share memory with, what an expression gives."""
    if isinstance(value, gast.Name):
        return {value.id}
    if isinstance(value, (gast.Subscript, gast.Attribute, gast.Starred)):
        return _given(value.value)
    if isinstance(value, (gast.Tuple, gast.List, gast.Dict, gast.IfExp, gast.BoolOp)):
        return set().union(*map(_given, core.children(value)))
    if isinstance(value, gast.BinOp):  # of lists: they hold the same items
        sides = (value.left, value.right)
        return set().union(*(_given(s) for s in sides if isinstance(s, (gast.Tuple, gast.List))))
    if isinstance(value, gast.Call):
        return set() if _gives_new(value) else core.reads(value)
    return core.reads(value) if isinstance(value, (*core.COMPREHENSIONS, gast.Lambda)) else set()


def _gives_new(call: gast.Call) -> bool:
    """Does the call certainly give an object of its own?"""
    func = call.func
    if isinstance(func, gast.Attribute) and core.is_name(func.value):
        if func.value.id == "rt":
            return func.attr not in RUN
        if func.value.id in PURE_ROOTS:
            row = table.row_of(table.resolve(f"{func.value.id}.{func.attr}"))
            return row is not None and row.view_of is None and row.name not in MAY_GIVE_ITSELF
    return core.is_name(func) and func.id in ("range", "len", "abs", "float", "int")


def stores_into_a_call(statement: Any) -> bool:
    """Is this ``np.asarray(x)[0] = …``: a change of something that has another name?"""
    targets = getattr(statement, "targets", ())
    return any(isinstance(t, (gast.Subscript, gast.Attribute)) for t in targets)


class _Dead:
    made: set[str] = set()
    sharing: dict[str, set[str]] = {}

    def __init__(self, pure: Any) -> None:
        self.known_pure = pure
        self.trying = 0  # loops whose body is only looked at, until it is known what they read

    def block(self, body: list[gast.stmt], live: set[str]) -> list[gast.stmt]:
        """Filter a block; `live` (what is read after it) becomes what is read before it."""
        kept = []
        for statement in reversed(body):
            new = self.statement(statement, live)
            if new is not None:
                kept.append(new)
        return kept[::-1]

    def statement(self, statement: Any, live: set[str]) -> gast.stmt | None:
        if isinstance(statement, gast.If):
            return self.branch(statement, live)
        if isinstance(statement, (gast.For, gast.While)):
            return self.loop(statement, live)
        if isinstance(statement, gast.With) and not getattr(statement, "insert_grad", False):
            body = self.block(statement.body, live)
            if not self.trying:
                statement.body = body
            live |= core.reads([i.context_expr for i in statement.items])
            return statement if body else None
        if isinstance(statement, gast.Pass):
            return None
        updated = updated_name(statement)
        if updated is not None:
            targets = core.writes(statement)
            made = core.base(updated) in self.made
            seen = live & self.sharing.get(updated, {updated}) or targets & live
            if made and not seen and self.pure(statement):
                return None
            live -= targets
        elif isinstance(statement, (gast.Assign, gast.FunctionDef)):
            targets = core.writes(statement)
            pure = isinstance(statement, gast.FunctionDef) or self.pure(statement.value)
            pure = pure and not stores_into_a_call(statement)
            if not targets & live and pure:
                return None
            live -= targets
        live |= core.reads(statement)
        return statement

    def branch(self, statement: gast.If, live: set[str]) -> gast.stmt | None:
        if any(isinstance(s, gast.Break) for s in statement.body):
            live |= core.reads(statement.test)
            return statement
        other = set(live)
        body = self.block(statement.body, live)
        orelse = self.block(statement.orelse, other)
        live |= other
        if not body and not orelse:
            return None
        live |= core.reads(statement.test)
        if self.trying:
            return statement
        statement.body, statement.orelse = body, orelse
        if not body:
            statement.test = _negated(statement.test)
            statement.body, statement.orelse = orelse, []
        return statement

    def loop(self, statement: Any, live: set[str]) -> gast.stmt | None:
        after = set(live)
        head = set(live) | (
            core.reads(statement.test) if isinstance(statement, gast.While) else set()
        )
        while True:
            inside = set(head)
            self.trying += 1
            self.block(statement.body, inside)
            self.trying -= 1
            if inside <= head:
                break
            head |= inside
        body = self.block(statement.body, head)
        if all(map(_is_exit, body)) and (
            isinstance(statement, gast.While) or not core.writes(statement.target) & after
        ):
            return None
        if not self.trying:
            statement.body = body or [gast.Pass()]
        live |= head
        live |= core.reads(statement.iter if isinstance(statement, gast.For) else statement.test)
        return statement

    def pure(self, node: Any) -> bool:
        """Does evaluating the node do nothing but give a value?"""
        for inner in core.walk(node):
            if isinstance(inner, (gast.Yield, gast.YieldFrom, gast.Await, gast.NamedExpr)):
                return False
            if isinstance(inner, gast.Call) and not self.pure_call(inner):
                return False
        return True

    def pure_call(self, call: gast.Call) -> bool:
        if isinstance(getattr(call, "callee", None), Primitive):
            return True
        func = call.func
        root = func
        while isinstance(root, gast.Attribute):
            root = root.value
        if core.is_name(root) and root is not func and root.id in PURE_ROOTS:
            return "random" not in _path(func) and not (root.id == "rt" and func.attr in RUN)
        if core.is_name(func) and func.id in PURE_NAMES:
            return True
        if isinstance(func, gast.Attribute) and func.attr in (
            "append",
            "pop",
            "copy",
            "items",
            "values",
            "extend",
        ):
            return True
        return self.known_pure(func)


def _path(node: Any) -> list[str]:
    parts = []
    while isinstance(node, gast.Attribute):
        parts.append(node.attr)
        node = node.value
    return parts


def _negated(test: gast.expr) -> gast.expr:
    if isinstance(test, gast.UnaryOp) and isinstance(test.op, gast.Not):
        return test.operand
    return gast.UnaryOp(gast.Not(), test)


def _is_exit(statement: gast.stmt) -> bool:
    return isinstance(statement, gast.If) and any(isinstance(s, gast.Break) for s in statement.body)
