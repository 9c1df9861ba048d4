"""Cut a function into parts that XLA compiles, around the calls that it cannot compile.

Before::                                     After::

    def f(w, x):                                 def f_island_1(w, x):
        h = np.tanh(x @ w)                           h = np.tanh(x @ w)
        h = h / np.sum(h * h)                        h = h / np.sum(h * h)
        y = rd.pure_callback(g, spec, h)             return h
        return np.sum((y - h) ** 2)
                                                 def f_island_2(h, y):
                                                     return np.sum((y - h) ** 2)

                                                 def f(w, x):
                                                     h = f_island_1(w, x)
                                                     y = rd.pure_callback(g, spec, h)
                                                     return f_island_2(h, y)

A longest run of statements without such a call becomes a function of its own, an island. A loop or a branch
that holds one stays in the driver, and its blocks are cut in the same way. What an island changes in place it
returns. A run that is too short to be worth a call stays where it is, and so does one that binds what may
have no value, grows a list from outside, or leaves the block.

Reads the function as it was written, before staging (transforms/stage.py), which then stages the driver
and the islands. Which calls are meant is asked of `cut`, a function of a statement.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import gast

from redraft.transpile import core
from redraft.transpile.front.coarse import MUTATORS

FEWEST = 4  # operations on arrays that are worth an island
LOOP = 10  # operations that a loop counts as
SIMPLE = (gast.Assign, gast.AugAssign, gast.AnnAssign)
COMPOUND = (gast.If, gast.For, gast.While)
OPERATIONS = (gast.BinOp, gast.Call, gast.Compare, gast.Subscript, gast.UnaryOp)
UPDATES = frozenset({"at", "add_at", "set_at", "add_field"})


class Island(NamedTuple):
    """A part that becomes a function.

    Attributes:
        node: its definition.
        first: the statement that it begins with.
    """

    node: gast.FunctionDef
    first: Any


def partition(
    node: gast.FunctionDef, name: str, given: set[str], cut: Callable[[Any], bool]
) -> tuple[gast.FunctionDef, list[Island]]:
    """The driver of a function, and its islands.

    Args:
        node: the function.
        name: what the names of islands begin with.
        given: variables of functions around it that it may read.
        cut: may a statement or expression make a call that cannot be compiled?
    """
    return _Partition(node, name, given, cut).run()


class _Partition:
    def __init__(
        self, node: gast.FunctionDef, name: str, given: set[str], cut: Callable[[Any], bool]
    ) -> None:
        self.node, self.name, self.cut = core.copy(node), name, cut
        parameters = set(core.parameter_names(node.args))
        self.start = parameters | given
        self.local = self.start | core.writes(node.body)
        nested = [n for n in core.walk(node) if isinstance(n, core.FUNCTIONS) and n is not node]
        self.captured = {n.id for n in core.free_names(nested)}
        self.functions = {n.name for n in nested if isinstance(n, gast.FunctionDef)}
        self.taken = {n.id for n in core.walk(node) if isinstance(n, gast.Name)} | self.functions
        self.islands: list[Island] = []
        self.loops = 0

    def run(self) -> tuple[gast.FunctionDef, list[Island]]:
        """The driver and the islands."""
        self.node.body = self.block(self.node.body, set(self.start), set())
        return self.node, self.islands

    def block(self, body: list[Any], bound: set[str], later: set[str]) -> list[Any]:
        """A block of the driver.

        Args:
            body: its statements.
            bound: variables that certainly have a value; grows.
            later: variables that are read behind the block.
        """
        out: list[Any] = []
        run: list[Any] = []
        live = set()
        for place, statement in enumerate(body):
            after = read_after(body[place + 1 :], later)
            if not self.may_join(statement, run, bound, after):
                out += self.closed(run, bound, live)
                run = []
            if self.may_join(statement, run, bound, after):
                run.append(statement)
                live = after
                continue
            self.open(statement, bound, after)
            out.append(statement)
            bound |= certainly_bound(statement)
        return out + self.closed(run, bound, live)

    def open(self, statement: Any, bound: set[str], after: set[str]) -> None:
        """Cut the blocks of a statement that stays in the driver."""
        if not isinstance(statement, (*COMPOUND, gast.With)) or not self.cut(statement):
            return
        is_loop = isinstance(statement, (gast.For, gast.While))
        self.loops += is_loop
        later = after | exposed([statement]) if is_loop else after
        for field in ("body", "orelse"):
            block = getattr(statement, field, None)
            if block:
                inside = set(bound)
                if isinstance(statement, gast.For) and field == "body":
                    inside |= core.writes(statement.target)
                setattr(statement, field, self.block(block, inside, later))
        self.loops -= is_loop

    # --- what may stand in an island

    def may_join(self, statement: Any, run: list[Any], bound: set[str], after: set[str]) -> bool:
        """May a statement stand in an island behind those of a run?"""
        if run and isinstance(run[-1], gast.Return):
            return False
        if not self.may_stand(statement) or self.cut(statement):
            return False
        joined = [*run, statement]
        needed = exposed(joined) & self.local
        if not needed <= bound or core.reads(joined) & self.functions:
            return False
        if written(joined) & self.captured or lists_changed(joined) - bound_plainly(joined):
            return False
        return written(joined) & after <= bound | bound_plainly(joined)

    def may_stand(self, statement: Any) -> bool:
        """Is a statement of a kind that may stand in an island?"""
        nodes = list(core.walk(statement))
        if any(isinstance(n, (*core.FUNCTIONS, gast.NamedExpr, gast.Starred)) for n in nodes):
            return False
        if isinstance(statement, gast.Return):
            return statement.value is not None and not self.loops
        if isinstance(statement, gast.Expr):
            return is_update(statement)
        inner = list(core.walk_statements([statement]))
        if leaves(statement) or not isinstance(statement, (*SIMPLE, *COMPOUND, gast.Pass)):
            return False
        allowed = (*SIMPLE, *COMPOUND, gast.Pass, gast.Break, gast.Continue)
        return all(
            isinstance(s, allowed) or is_update(s) or is_growth(s) for s in inner
        ) and not any(isinstance(t, gast.Attribute) for s in inner for t in targets(s))

    # --- islands

    def closed(self, run: list[Any], bound: set[str], after: set[str]) -> list[Any]:
        """The call of an island in place of a run, or the run itself if it is small."""
        needed = exposed(run) & self.local
        bound |= bound_plainly(run)
        ends = bool(run) and isinstance(run[-1], gast.Return)
        results = [] if ends else sorted(written(run) & after)
        if size(run) < FEWEST or not (ends or results):
            return run
        parameters = [n for n in in_order(run) if n in needed]
        name = self.fresh()
        body = [core.copy(s) for s in run]
        call = gast.Call(core.name(name), [core.name(p) for p in parameters], [])
        if ends:
            new: Any = gast.Return(call)
        else:
            body.append(
                located(gast.Return(together(map(core.name, results), gast.Load())), run[-1])
            )
            new = gast.Assign([together(map(core.store, results), gast.Store())], call, None)
        names = [gast.Name(p, gast.Param(), None, None) for p in parameters]
        arguments = gast.arguments(names, [], None, [], [], None, [])
        definition = gast.FunctionDef(name, arguments, body, [], None, None, [])
        self.islands.append(Island(gast.copy_location(definition, run[0]), run[0]))
        return [located(new, run[0])]

    def fresh(self) -> str:
        """A name for the next island."""
        number = len(self.islands) + 1
        name = f"{self.name}_island_{number}"
        while name in self.taken:
            name += "_"
        return name


def together(names: Any, context: Any) -> Any:
    """One name, or a tuple of several."""
    parts = list(names)
    return parts[0] if len(parts) == 1 else gast.Tuple(parts, context)


def located(new: Any, place: Any) -> Any:
    """A statement that stands for another one, with all its parts."""
    for node in core.walk(new):
        gast.copy_location(node, place)
    return new


def size(run: list[Any]) -> int:
    """About how many operations on arrays a run makes."""
    count = 0
    for statement in run:
        for node in core.walk(statement):
            count += isinstance(node, OPERATIONS)
            count += LOOP * isinstance(node, (gast.For, gast.While))
    return count


def in_order(run: list[Any]) -> list[str]:
    """Names in the order in which a run mentions them."""
    return list(dict.fromkeys(n.id for s in run for n in core.walk(s) if isinstance(n, gast.Name)))


def targets(statement: Any) -> list[Any]:
    """What an assignment stores to."""
    if isinstance(statement, gast.Assign):
        found = statement.targets
    elif isinstance(statement, (gast.AugAssign, gast.AnnAssign)):
        found = [statement.target]
    else:
        return []
    return [p for t in found for p in (t.elts if isinstance(t, (gast.Tuple, gast.List)) else [t])]


def root(node: Any) -> str | None:
    """The variable behind ``x[i]``."""
    while isinstance(node, (gast.Subscript, gast.Attribute)):
        node = node.value
    return node.id if core.is_name(node) else None


def is_update(statement: Any) -> bool:
    """Is it ``np.add.at(x, i, v)`` or its like, which changes its first argument?"""
    call = statement.value if isinstance(statement, gast.Expr) else None
    is_method = isinstance(call, gast.Call) and isinstance(call.func, gast.Attribute)
    return is_method and call.func.attr in UPDATES and bool(call.args)


def is_growth(statement: Any) -> bool:
    """Is it ``xs.append(x)``?"""
    call = statement.value if isinstance(statement, gast.Expr) else None
    is_method = isinstance(call, gast.Call) and isinstance(call.func, gast.Attribute)
    return is_method and call.func.attr == "append" and core.is_name(call.func.value)


def written(run: list[Any]) -> set[str]:
    """Variables that a run binds or changes in place."""
    found = core.writes(run)
    for statement in core.walk_statements(run):
        found |= {root(t) for t in targets(statement)} - {None}
        if is_update(statement):
            found |= {root(statement.value.args[0])} - {None}
    return found


def lists_changed(run: list[Any]) -> set[str]:
    """Containers that methods change in a run."""
    calls = [n for s in run for n in core.walk(s) if isinstance(n, gast.Call)]
    methods = [c.func for c in calls if isinstance(c.func, gast.Attribute)]
    return {root(m.value) or "" for m in methods if m.attr in MUTATORS}


def bound_plainly(run: list[Any]) -> set[str]:
    """Variables that a statement of a run binds, not one within a loop or branch."""
    return set().union(*map(certainly_bound, run)) if run else set()


def certainly_bound(statement: Any) -> set[str]:
    """Variables that certainly have a value after a statement."""
    if isinstance(statement, gast.If):
        if not statement.orelse:
            return set()
        return bound_plainly(statement.body) & bound_plainly(statement.orelse)
    if isinstance(statement, (gast.For, gast.While, gast.Try)):
        return set()
    if isinstance(statement, gast.With):
        names = core.writes([i.optional_vars for i in statement.items if i.optional_vars])
        return names | bound_plainly(statement.body)
    if isinstance(statement, gast.AnnAssign) and statement.value is None:
        return set()
    return core.writes(statement)


def read_after(rest: list[Any], later: set[str]) -> set[str]:
    """Variables that are read after a place, before they are set."""
    jumps = any(leaves(s) for s in rest)
    return exposed(rest) | (later if jumps else later - bound_plainly(rest))


def exposed(run: list[Any]) -> set[str]:
    """Variables that a run may read, or change in place, before it sets them."""
    found: set[str] = set()
    bound: set[str] = set()
    for statement in run:
        found |= exposed_by(statement) - bound
        bound |= certainly_bound(statement)
    return found


def exposed_by(statement: Any) -> set[str]:
    """The same of one statement."""
    if isinstance(statement, gast.If):
        parts = exposed(statement.body) | exposed(statement.orelse)
        return core.reads(statement.test) | parts
    if isinstance(statement, gast.For):
        body = exposed(statement.body) - core.writes(statement.target)
        return (
            core.reads(statement.iter)
            | core.reads(statement.target)
            | body
            | exposed(statement.orelse)
        )
    if isinstance(statement, gast.While):
        return core.reads(statement.test) | exposed(statement.body) | exposed(statement.orelse)
    return core.reads(statement) | stored_into(statement)


def stored_into(statement: Any) -> set[str]:
    """Variables of which a statement changes a part, or adds to."""
    found = set()
    for inner in core.walk_statements([statement]):
        for target in targets(inner):
            if not core.is_name(target) or isinstance(inner, gast.AugAssign):
                found.add(root(target))
    return found - {None}


def leaves(statement: Any, in_loop: bool = False) -> bool:
    """May a statement leave the block in which it stands?"""
    if isinstance(statement, (gast.Return, gast.Raise)):
        return True
    if isinstance(statement, (gast.Break, gast.Continue)):
        return not in_loop
    is_loop = isinstance(statement, (gast.For, gast.While))
    blocks = [getattr(statement, f, None) or [] for f in ("body", "orelse")]
    if not isinstance(statement, (*COMPOUND, gast.With)):
        return False
    return any(leaves(s, in_loop or (is_loop and b is blocks[0])) for b in blocks for s in b)
