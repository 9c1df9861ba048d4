"""Number the versions of every variable, and give unrelated versions names of their own.

Before::                       After::

    h = f(x)                       h = f(x)
    h = g(h)                       h.1 = g(h)        # a value of its own
    for i in range(n):             for i in range(n):
        h = k(h)                       h.1 = k(h.1)  # carried by the loop: one variable

Versions that meet where control flow joins stay one variable (a *web*). Every name node gets `v`,
the number of the version that it reads or writes; with it the reverse pass sees whether a variable
still holds, at the end of a region, the value that it held at some statement.

Marks: loops get `body_end`; branches get `ends` (one per side) and `after`; all are dictionaries
from a variable to its version. Relies on `liveness`.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.front.coarse import MUTATORS

Environment = dict[str, Any]


def updated_name(statement: gast.stmt) -> str | None:
    """The variable whose value the statement changes in place, if any."""
    name = _updated(statement)
    known = getattr(statement, "before", None)  # (`np.sort(…)` changes no variable)
    return None if known is not None and name not in known else name


def _updated(statement: gast.stmt) -> str | None:
    if isinstance(statement, gast.Assign):
        target = statement.targets[0]
        if isinstance(target, (gast.Subscript, gast.Attribute)):
            return root_of(target.value)
        return _mutated_by_call(statement.value)
    if isinstance(statement, gast.AugAssign) and not core.is_name(statement.target):
        return root_of(statement.target.value)
    if isinstance(statement, gast.Expr):
        if getattr(statement, "accumulate", False) or is_touch(statement):
            return statement.value.args[0].id
        return _mutated_by_call(statement.value)
    return None


def is_touch(statement: gast.stmt) -> bool:
    """Is it a note that a call before it may have changed something (front/unseen.py)?"""
    return getattr(statement, "touch", False)


def _mutated_by_call(value: Any) -> str | None:
    if not isinstance(value, gast.Call) or not isinstance(value.func, gast.Attribute):
        return None
    if getattr(value, "callee", None) is not None:  # `rt.add` and the like
        return None
    return root_of(value.func.value) if value.func.attr in MUTATORS else None


def root_of(node: Any) -> str | None:
    """The variable behind ``x[i].f[j]``: what is changed in a part of it is changed in it."""
    while isinstance(node, (gast.Subscript, gast.Attribute)):
        node = node.value
    return node.id if core.is_name(node) else None


class Versions:
    """Numbers versions in one walk; see the module's docstring."""

    def __init__(self, parameters: list[str]) -> None:
        self.parent: list[int] = []
        self.owner: list[str] = []
        self.nodes: list[gast.Name] = []
        self.parameters = parameters
        self.pinned: set[str] = set()
        self.pins: dict[str, int] = {}
        self.functions: set[int] = (
            set()
        )  # versions that a `def` binds, under the name that stands there

    def new(self, name: str, *joined: int | None) -> int:
        version = len(self.parent)
        self.parent.append(version)
        self.owner.append(name)
        if name in self.pinned:  # a nested function reads it: one Python variable throughout
            self.union(version, self.pins.setdefault(name, version))
        for other in joined:
            self.union(version, other)
        return version

    def find(self, version: int) -> int:
        while self.parent[version] != version:
            self.parent[version] = self.parent[self.parent[version]]
            version = self.parent[version]
        return version

    def union(self, a: int, b: int | None) -> None:
        if b is not None:
            a, b = self.find(a), self.find(b)
            self.parent[max(a, b)] = min(a, b)

    # --- the walk

    def block(self, body: list[gast.stmt], env: Environment) -> None:
        for statement in body:
            statement.before = dict(env)
            visit = getattr(self, "visit_" + type(statement).__name__, self.plain)
            visit(statement, env)
            statement.behind = dict(env)

    def plain(self, statement: gast.stmt, env: Environment) -> None:
        updated = updated_name(statement)
        compound = bool(getattr(statement, "body", None)) or isinstance(statement, gast.AugAssign)
        compound = compound or any(isinstance(n, gast.NamedExpr) for n in core.walk(statement))
        self.read(statement, env)
        before = dict(env)
        stores = core.writes(statement)
        for name in sorted(stores):
            bind(env, name, self.new(name, before.get(name) if compound else None))
        if updated is not None and updated in before:
            bind(env, updated, self.new(updated, before[updated]))
            statement.updated = updated
        for node in core.free_names(statement):
            if not isinstance(node.ctx, gast.Load) and node.id in env:
                self.mark(node, env[node.id])

    visit_With_opaque = plain

    def read(self, node: Any, env: Environment) -> None:
        for name in core.free_names(node):
            if isinstance(name.ctx, gast.Load) and name.id in env:
                self.mark(name, env[name.id])

    def mark(self, node: gast.Name, version: int) -> None:
        node.v = version
        self.nodes.append(node)

    def visit_With(self, statement: gast.With, env: Environment) -> None:
        if getattr(statement, "insert_grad", False):
            self.read([i.context_expr for i in statement.items], env)
            inside = dict(env)
            for item in statement.items:
                name = item.optional_vars.id
                inside[name] = self.new(name)
                self.mark(item.optional_vars, inside[name])
            self.block(statement.body, inside)
            for item in statement.items:  # the gradient that goes on: the variable's last value
                statement.last = core.name(item.optional_vars.id)
                self.mark(statement.last, inside[item.optional_vars.id])
            return
        for item in statement.items:
            self.plain(item, env)
        self.block(statement.body, env)

    def visit_FunctionDef(self, statement: gast.FunctionDef, env: Environment) -> None:
        self.read(statement, env)
        bind(env, statement.name, self.new(statement.name))
        self.functions.add(env[statement.name])

    def visit_If(self, statement: gast.If, env: Environment) -> None:
        self.read(statement.test, env)
        then, otherwise = dict(env), dict(env)
        self.block(statement.body, then)
        self.block(statement.orelse, otherwise)
        statement.ends = (then, otherwise)
        names = {**then, **otherwise}
        for name in filter(is_past, names):
            env[name] = (*then.get(name, ()), *otherwise.get(name, ()))
        for name in itertools.filterfalse(is_past, names):
            a, b = then.get(name), otherwise.get(name)
            if a == b:
                env[name] = a
                continue
            env[name] = self.new(name, *((a, b) if name in statement.live else ()))
            held = (v for v in (a, b) if v is not None)
            env[PAST + name] = (*env.get(PAST + name, ()), *held)
        statement.after = dict(env)

    def visit_For(self, statement: gast.For, env: Environment) -> None:
        self.read(statement.iter, env)
        self.loop(statement, env, core.writes(statement.target))

    def visit_While(self, statement: gast.While, env: Environment) -> None:
        self.loop(statement, env, set())

    def loop(self, statement: Any, env: Environment, target: set[str]) -> None:
        bound = core.writes(statement.body) | target
        changed = bound | (changed_names(statement.body) & set(env))
        head = dict(env)
        for name in sorted(changed & statement.head):
            bind(head, name, self.new(name, env.get(name)))
        inside = dict(head)
        if isinstance(statement, gast.While):
            self.read(statement.test, inside)
        else:
            for node in core.free_names(statement.target):
                carried = head.get(node.id) if node.id in statement.head else None
                bind(inside, node.id, self.new(node.id, carried))
                self.mark(node, inside[node.id])
        statement.body_start = dict(inside)
        self.block(statement.body, inside)
        statement.body_end = inside
        for name in sorted(changed):
            past = (
                *inside.get(PAST + name, ()),
                *(v for v in (inside.get(name),) if v is not None),
            )
            joined = ()
            if name in statement.head:
                self.union(head[name], inside.get(name))
                joined = (head[name],)
            env[name] = self.new(name, *joined)
            env[PAST + name] = past

    # --- names

    def rename(self) -> dict[int, str]:
        """Give every web its id; the first web of a variable keeps the user's name, or a `def` does."""
        ids: dict[int, str] = {}
        functions = set(map(self.find, self.functions))
        count = {self.owner[v]: 1 for v in self.functions if self.owner[v] not in self.parameters}
        for version, name in enumerate(self.owner):
            root = self.find(version)
            if root in ids:
                continue
            number = 0 if name in self.pinned or root in functions else count.get(name, 0)
            count[name] = count.get(name, 0) + (root not in functions)
            ids[root] = name if number == 0 else f"{name}.{number}"
        return {version: ids[self.find(version)] for version in range(len(self.parent))}


PAST = "past "  # env[PAST + name]: the versions of a variable before the current one


def is_past(name: str) -> bool:
    """Does an entry of an environment tell of earlier versions?"""
    return name.startswith(PAST)


def bind(env: Environment, name: str, version: int) -> None:
    """Make a version the current one of a variable."""
    if name in env:
        env[PAST + name] = (*env.get(PAST + name, ()), env[name])
    env[name] = version


def changed_names(body: list[gast.stmt]) -> set[str]:
    """Names bound or updated anywhere in a block."""
    found = set(core.writes(body))
    for statement in core.walk_statements(body):
        updated = updated_name(statement)
        if updated is not None:
            found.add(updated)
    return found


def number_versions(body: list[gast.stmt], parameters: list[str]) -> dict[str, int]:
    """Number and rename in place; returns variable -> version at the end of the function."""
    versions = Versions(parameters)
    versions.pinned = _captured(body) | set(parameters) & set().union(
        *map(core.bound_by_name, body)
    )
    env = {p: versions.new(p) for p in parameters}
    versions.block(body, env)
    ids = versions.rename()
    for node in versions.nodes:
        node.id = ids[node.v]
    _rename_marks(body, ids)
    return _by_id(env, ids)


def _captured(body: list[gast.stmt]) -> set[str]:
    """Names that nested functions read, or that `class` and `import` bind: they stay."""
    found: set[str] = set()
    for statement in body:
        if not isinstance(statement, gast.FunctionDef):
            found |= core.bound_by_name(statement)
        for node in core.walk(statement):
            if isinstance(node, core.FUNCTIONS):
                found |= {n.id for n in core.free_names(node)}
    return found


def _by_id(env: Environment, ids: dict[int, str]) -> dict[str, int]:
    """Id -> the version that it holds: the current one, or the last one of a life that is over."""
    held: dict[str, int] = {}
    for name, past in env.items():
        if name.startswith(PAST):
            for version in past:
                held[ids[version]] = max(version, held.get(ids[version], -1))
    held.update({ids[v]: v for name, v in env.items() if not name.startswith(PAST)})
    return held


class Held(Mapping[str, int]):
    """As `_by_id`, made when it is asked for: most statements never are."""

    def __init__(self, env: Environment, ids: dict[int, str]) -> None:
        self.env, self.ids = env, ids

    @functools.cached_property
    def versions(self) -> dict[str, int]:
        return _by_id(self.env, self.ids)

    def __getitem__(self, id: str) -> int:
        return self.versions[id]

    def __iter__(self) -> Iterator[str]:
        return iter(self.versions)

    def __len__(self) -> int:
        return len(self.versions)


def _rename_marks(body: list[gast.stmt], ids: dict[int, str]) -> None:
    for statement in core.walk_statements(body):
        marks = statement.__dict__
        if "behind" in marks:
            statement.before = Held(statement.before, ids)
            statement.behind = Held(statement.behind, ids)
        if "body_end" in marks:
            statement.body_end = _by_id(statement.body_end, ids)
            statement.body_start = _by_id(statement.body_start, ids)
        if "ends" in marks:
            statement.ends = tuple(_by_id(e, ids) for e in statement.ends)
            statement.after = _by_id(statement.after, ids)
