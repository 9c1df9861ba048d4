"""What is known of every variable at every statement: active, shape, kind, memory.

One walk of abstract interpretation over the core language, to a fixpoint at loops. Marks every
statement with `facts`, the environment before it (variable -> `Fact`), and every assignment with
`result`, the fact of what it assigns.

- *active*: depends on a differentiated argument through something that has a derivative.
- *shape*: equal marks mean equal shapes; the rank where it is known.
- *roots*: where the memory of the value itself came from; *holds*: of what is inside a container.
  Each allocation is a root; ``old`` roots stand for what the
  same statement allocated in earlier rounds of a loop.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.liveness import mark_live_values
from redraft.transpile.analysis.versions import is_touch, root_of, updated_name
from redraft.transpile.errors import TransformError
from redraft.transpile.front.annotations import is_shape_check, promised
from redraft.transpile.front.callee import PARTIAL_CALL, Primitive, Transformed
from redraft.transpile.front.coarse import LIST_METHODS, SHAPE_ATTRIBUTES
from redraft.transpile.front.expressions import Construct
from redraft.transpile.front.source import Source
from redraft.transpile.primitives import table

Root = tuple[Any, ...]
NOTHING: frozenset[Root] = frozenset()


@dataclass(frozen=True)
class Fact:
    """What is known of a value. `rank` and `shape` are None where nothing is known."""

    active: bool = False
    kind: str = "unknown"  # number, list, tuple, dict, struct, function, other
    rank: int | None = None
    shape: Any = None
    roots: frozenset[Root] = NOTHING
    integer: bool = False
    length: int | None = None
    holds: frozenset[Root] = NOTHING
    parts: tuple[Fact, ...] | None = None  # of a tuple display
    item: Fact | None = None  # of a list that is filled by `append`
    maybe: bool = False  # bound on some paths only
    element: bool = False  # read by an index: a number, a view, or a copy, which shows when it runs
    nothing: bool = False  # None on some paths
    slot: tuple[str, int] | None = None  # the list and the constant index it was read at

    @property
    def reach(self) -> frozenset[Root]:
        """All memory that can be reached through the value."""
        return self.roots | self.holds

    @property
    def twice(self) -> bool:
        """May two parts of the container be one object?"""
        return any(root[0] == "twice" for root in self.holds)

    @property
    def scalar(self) -> bool:
        return self.rank == 0

    @property
    def dims(self) -> tuple[Any, ...] | None:
        """Names and numbers of the axes, where all are known; equal names mean equal sizes."""
        if self.rank == 0:
            return ()
        return self.shape[1] if self.shape is not None and self.shape[0] == "axes" else None


SCALAR = ("scalar",)


def shape_of_axes(dims: tuple[Any, ...]) -> tuple[int, Any]:
    """Rank and mark of a shape with these axes."""
    return len(dims), ("axes", dims) if dims else SCALAR


NUMBER = Fact(kind="number", rank=0, shape=SCALAR)
INTEGER = Fact(kind="number", rank=0, shape=SCALAR, integer=True)
UNKNOWN = Fact()
Environment = dict[str, Fact]


class Facts:
    """Computes the facts of one function."""

    def __init__(self, source: Source, numbers: set[str], scalars: set[int] | None = None) -> None:
        self.source = source
        self.scalars = scalars or set()  # versions that are scalars because the result is one
        self.numbers = numbers  # variables that an arithmetic operation reads
        self.proven: set[Any] = set()  # versions that are scalars whatever the result is
        self.sites: dict[int, int] = {}
        self.part_of: dict[str, str] = {}  # parts that are changed and put back -> the wholes
        self.iterating: list[frozenset[Root]] = []
        self.final = False

    # --- statements

    def block(self, body: list[gast.stmt], env: Environment) -> None:
        for statement in body:
            statement.facts = dict(env)
            visit = getattr(self, "visit_" + type(statement).__name__, self.other)
            visit(statement, env)

    def other(self, statement: gast.stmt, env: Environment) -> None:
        """A statement kept verbatim: what it binds may hold anything that it reads."""
        if isinstance(statement, gast.FunctionDef):
            active = any(self.is_active(n, env) for n in core.reads(statement))
            roots = self.roots_of_names(core.reads(statement), env)
            env[statement.name] = Fact(active, "function", holds=roots)
            return
        roots = self.roots_of_names(core.reads(statement), env)
        for name in core.writes(statement):
            env[name] = Fact(roots=roots | {self.site(statement)}, holds=roots)

    def visit_Assign(self, statement: gast.Assign, env: Environment) -> None:
        target = statement.targets[0]
        if len(statement.targets) > 1:
            self.chained(statement, env)
            return
        fact = self.value(statement.value, env, statement)
        statement.result = fact
        if getattr(statement, "write_back", False):
            self.check_part(statement, env)
        if isinstance(target, gast.Name):
            self.mutation(statement, statement.value, env)
            self.bind(target.id, fact, statement, env)
        elif isinstance(target, (gast.Tuple, gast.List)):
            self.unpack(target, fact, statement, env)
        else:
            self.update(statement, target, fact, env)

    def check_part(self, statement: Any, env: Environment) -> None:
        """``x[i][j] = v`` writes through a part: the part must be a view, and go back in place."""
        access = statement.value if core.is_name(statement.targets[0]) else statement.targets[0]
        owner = self.value(access.value, env, statement)
        if core.is_name(statement.targets[0]):
            self.part_of[statement.targets[0].id] = access.value.id
        if owner.twice and owner.active:
            raise self.refuse(
                statement,
                f"two parts of `{core.base(access.value.id)}` may be one object, which changes in place",
                "copy one of them, or write a new list",
            )
        index = getattr(access, "slice", None)
        plain = index is not None and (
            isinstance(index, (gast.Slice, gast.Constant)) or self.integers(index, env)
        )
        if owner.kind in ("list", "dict") or (owner.kind == "number" and plain):
            return
        if owner.active or statement.result.active:
            raise self.refuse(
                statement,
                "assignment into a part of an object",
                "give the part a name, change it, and put it back: `part = x[i]; …; x[i] = part`",
            )

    def unpack(self, target: Any, fact: Fact, statement: Any, env: Environment) -> None:
        if fact.parts and len(fact.parts) == len(target.elts):
            self.bind_pattern(target, fact, env)
            return
        element = self.element(fact, statement)
        perhaps = fact.kind == "number" and element.rank is None  # numbers, or rows: views
        for name in core.writes(target):
            shape = element.shape or ("part", id(statement), name)
            marked = replace(element, shape=shape, element=perhaps)
            env[name] = self.with_evidence(name, marked)

    def chained(self, statement: gast.Assign, env: Environment) -> None:
        fact = self.value(statement.value, env, statement)
        for target in statement.targets:
            for name in core.writes(target):
                env[name] = replace(fact, active=False)

    def bind(self, name: str, fact: Fact, statement: gast.stmt, env: Environment) -> None:
        site = self.site(statement)
        if site in fact.reach:  # what this line allocated in earlier rounds is another object
            old = ("old", *site)
            for other, known in env.items():
                if site in known.reach and other != name:
                    env[other] = replace(
                        known,
                        roots=_aged(known.roots, site, old),
                        holds=_aged(known.holds, site, old),
                    )
        if fact.shape is not None and id(statement) in fact.shape:
            for other, known in env.items():  # a shape from an earlier round is another shape
                if known.shape == fact.shape and other != name:
                    env[other] = replace(known, shape=("old", other, *known.shape))
        if getattr(statement, "augmented", False):
            old = statement.value.left.id
            self.check_rebinding(statement, old, env)
            previous = env.get(old, UNKNOWN)
            fact = replace(
                fact, roots=fact.roots | previous.roots, holds=fact.holds | previous.holds
            )
        if fact.shape is None:  # whatever its shape is, it has a name now
            fact = replace(fact, shape=("made", id(statement), ""))
        env[name] = self.with_evidence(name, fact, statement.targets[0])
        statement.result = env[name]

    def with_evidence(self, name: str, fact: Fact, node: Any = None) -> Fact:
        if fact.rank == 0:
            self.proven.add(getattr(node, "v", None))
        if getattr(node, "v", None) in self.scalars and fact.rank is None:
            return replace(fact, kind="number", rank=0, shape=SCALAR, roots=NOTHING, nothing=False)
        if fact.kind == "unknown" and name in self.numbers and not fact.nothing:
            return replace(fact, kind="number")
        return fact

    def update(self, statement: Any, target: Any, fact: Fact, env: Environment) -> None:
        """``x[i] = v`` and its kin."""
        owner = root_of(target.value)
        if owner is None or owner not in env:
            if fact.active:
                raise self.refuse(
                    statement, "assignment into a global variable", "return the value instead"
                )
            return
        self.check_length(statement, target, env[owner], fact)
        self.change(statement, owner, fact, env)

    def check_length(self, statement: Any, target: Any, owner: Fact, new: Fact) -> None:
        """``xs[i:j] = ys`` may change the length of a list: nobody could tell where its items went."""
        sliced = isinstance(getattr(target, "slice", None), gast.Slice)
        if not sliced or owner.kind != "list" or not (owner.active or new.active):
            return
        if getattr(statement, "same_length", False) or self.source.written_here:
            return
        raise self.refuse(
            statement,
            "assignment to a slice of a list of values that are differentiated",
            "assign the items one by one, or build a new list",
        )

    def visit_AugAssign(self, statement: gast.AugAssign, env: Environment) -> None:
        fact = self.value(statement.value, env, statement)
        if isinstance(statement.target, gast.Name):
            name = statement.target.id
            old, new = env.get(name, UNKNOWN), frozenset({self.site(statement)})
            if old.rank == 0:  # the sum of a number is something new
                env[name] = Fact(rank=fact.rank, kind=fact.kind, shape=fact.shape, roots=new)
            else:
                env[name] = Fact(roots=old.roots | new)
            return
        # a sum is a new object; that of lists holds their items
        self.update(statement, statement.target, replace(fact, roots=fact.holds), env)

    def visit_Expr(self, statement: gast.Expr, env: Environment) -> None:
        if is_shape_check(statement):
            for name, dims in promised(statement).items():
                env[name] = self.with_axes(replace(env[name], holds=NOTHING), dims)
            return
        self.mutation(statement, statement.value, env)

    def mutation(self, statement: gast.stmt, value: Any, env: Environment) -> None:
        """A call that changes a list or an array in place."""
        owner = updated_name(statement)
        if owner is None or not isinstance(value, gast.Call):
            return
        if is_touch(statement):
            if owner in env:
                self.change(statement, owner, NUMBER, env)
            return
        given = value.args[1:] if getattr(statement, "accumulate", False) else value.args
        facts = [self.value(a, env, statement) for a in given]
        facts += [self.value(k.value, env, statement) for k in value.keywords]
        joined = Fact(
            any(f.active for f in facts), roots=frozenset().union(*(f.reach for f in facts))
        )
        method = value.func.attr
        if not getattr(statement, "accumulate", False) and method not in LIST_METHODS:
            if any(self.is_active(name, env) for name in core.reads(statement)):
                raise self.refuse(
                    statement,
                    f"`.{method}(…)` on values that are differentiated is not supported",
                    "build a new list or array instead",
                )
        if owner in env:
            self.change(statement, owner, joined, env)

    def change(self, statement: gast.stmt, owner: str, fact: Fact, env: Environment) -> None:
        known = env[owner]
        statement.result = fact
        statement.numbers, statement.activated = [], []
        if (known.active or fact.active) and not getattr(statement, "write_back", False):
            self.check_exclusive(statement, owner, env)
        holds = known.holds
        if known.kind != "number":
            back = getattr(statement, "write_back", False)
            holds = known.holds | fact.reach if back else self.holding(known.holds, fact, statement)
            for name, other in env.items():
                if other.slot is not None and other.slot[0] == owner and not back:
                    env[name] = replace(other, slot=None)
        env[owner] = replace(
            known,
            active=known.active or fact.active,
            holds=holds,
            length=None,
            item=self.new_item(statement, known, env),
        )
        if fact.active and not known.active:
            self.activate_aliases(statement, owner, known, env)

    def new_item(self, statement: Any, known: Fact, env: Environment) -> Fact | None:
        """What an item of a list is, while it is filled by `append` alone."""
        call = getattr(statement, "value", None)
        appends = isinstance(call, gast.Call) and isinstance(call.func, gast.Attribute)
        appends = appends and core.is_name(call.func.value)
        if not appends or known.kind != "list":
            return None
        if call.func.attr == "pop":
            return known.item
        if call.func.attr != "append" or (known.item is None and known.length != 0):
            return None
        new = _timeless(self.value(call.args[0], env, statement))
        return new if known.item is None else self.merge(known.item, new, statement, "")

    def activate_aliases(self, statement: Any, owner: str, known: Fact, env: Environment) -> None:
        """What holds the changed object is active too; `activated` names it for the forward mode."""
        for name, other in env.items():
            if name != owner and other.reach & known.roots and other.kind != "function":
                if not other.active and name in statement.live:
                    statement.activated.append(name)
                env[name] = replace(other, active=True)

    def visit_If(self, statement: gast.If, env: Environment) -> None:
        then, otherwise = dict(env), dict(env)
        self.block(statement.body, then)
        self.block(statement.orelse, otherwise)
        env.clear()
        env.update(self.join(then, otherwise, statement))
        statement.facts_body, statement.facts_orelse = then, otherwise
        statement.facts_after = dict(env)

    def visit_For(self, statement: gast.For, env: Environment) -> None:
        before = dict(env)  # the iterable is evaluated once, before the first round
        self.loop(statement, env, lambda inside: self.bind_target(statement, before, inside))

    def visit_While(self, statement: gast.While, env: Environment) -> None:
        self.loop(statement, env, lambda inside: None)

    def loop(self, statement: Any, env: Environment, start: Any) -> None:
        head = dict(env)
        if isinstance(statement, gast.For):
            sources = [env[n].roots for n in iterated_names(statement.iter) if n in env]
            self.iterating.append(frozenset().union(*sources))
        else:
            self.iterating.append(NOTHING)
        while True:
            inside = dict(head)
            start(inside)
            self.block(statement.body, inside)
            new = self.join(head, inside, statement, carried=statement.head)
            if new == head:
                break
            head = new
        self.iterating.pop()
        statement.inside, statement.facts_head = inside, head
        env.clear()
        env.update(head)

    def visit_With(self, statement: gast.With, env: Environment) -> None:
        if getattr(statement, "insert_grad", False):
            return
        for item in statement.items:
            if item.optional_vars is not None:
                for name in core.writes(item.optional_vars):
                    env[name] = UNKNOWN
        self.block(statement.body, env)

    def visit_Return(self, statement: gast.Return, env: Environment) -> None:
        statement.result = self.value(statement.value, env, statement)

    # --- joins

    def join(
        self, a: Environment, b: Environment, place: gast.stmt, carried: set[str] | None = None
    ) -> Environment:
        joined: Environment = {}
        for name in {**a, **b}:
            if name in a and name in b:
                joined[name] = self.merge(a[name], b[name], place, name)
            else:
                fact = a.get(name) or b[name]
                if carried is not None:  # first bound inside the loop: its shape may vary
                    fact = replace(
                        fact, shape=("round", id(place), name) if fact.rank != 0 else fact.shape
                    )
                joined[name] = replace(fact, maybe=True)
        return joined

    def merge(self, a: Fact, b: Fact, place: gast.stmt, name: str) -> Fact:
        if a == b:
            return a
        if replace(a, maybe=False) == replace(b, maybe=False):
            return replace(a, maybe=True)
        same_rank = a.rank if a.rank == b.rank else None
        shape = a.shape if a.shape == b.shape else None
        if shape is None and a.kind == b.kind == "number" and name:
            shape = SCALAR if same_rank == 0 else ("join", id(place), name)
        kind = a.kind if a.kind == b.kind else self.join_kind(a, b)
        return Fact(
            a.active or b.active, kind, same_rank, shape, a.roots | b.roots,
            a.integer and b.integer, a.length if a.length == b.length else None,
            a.holds | b.holds, self.merge_parts(a, b, place), self.merge_item(a, b, place),
            a.maybe or b.maybe, nothing=a.nothing or b.nothing,
            element=(a.element or not a.reach) and (b.element or not b.reach),
        )  # fmt: skip

    def merge_parts(self, a: Fact, b: Fact, place: Any) -> tuple[Fact, ...] | None:
        if a.parts is None or b.parts is None or len(a.parts) != len(b.parts):
            return None
        return tuple(self.merge(x, y, place, "") for x, y in zip(a.parts, b.parts, strict=True))

    def merge_item(self, a: Fact, b: Fact, place: Any) -> Fact | None:
        """Of a list that is empty on one side, the items are those of the other."""
        if a.kind != "list" or b.kind != "list":
            return None
        if a.item is None or b.item is None:
            empty = (a if a.item is None else b).length == 0
            return (a.item or b.item) if empty else None
        return self.merge(a.item, b.item, place, "")

    def join_kind(self, a: Fact, b: Fact) -> str:
        kinds = {a.kind, b.kind}
        return "number" if kinds == {"number", "unknown"} and (a.active and b.active) else "unknown"

    # --- expressions

    def value(self, node: Any, env: Environment, place: Any) -> Fact:
        if isinstance(node, gast.Name):
            return env.get(node.id, UNKNOWN)
        if isinstance(node, gast.Constant):
            number = isinstance(node.value, (int, float, complex)) and not isinstance(
                node.value, str
            )
            integer = number and isinstance(node.value, int)
            if number:
                return replace(NUMBER, integer=integer)
            return Fact(kind="other", nothing=node.value is None)
        if isinstance(node, gast.Starred):
            return replace(self.value(node.value, env, place), rank=None, shape=None)
        callee = getattr(node, "callee", None)
        if isinstance(callee, Primitive):
            return self.primitive(node, callee, env, place)
        visit = getattr(self, "value_" + type(node).__name__, None)
        if visit is not None:
            return visit(node, env, place)
        return self.unknown_value(node, env, place)

    def unknown_value(self, node: Any, env: Environment, place: Any) -> Fact:
        if isinstance(node, gast.JoinedStr):
            return Fact(kind="other")
        if isinstance(node, gast.Compare):
            operands = [self.value(o, env, place) for o in (node.left, *node.comparators)]
            number = all(o.rank == 0 for o in operands)
            return Fact(kind="mask", roots=NOTHING if number else frozenset({self.site(place)}))
        names = core.reads(node)
        roots = self.roots_of_names(names, env) | {self.site(place)}
        if isinstance(node, (gast.BinOp, gast.UnaryOp)):
            return self.arithmetic(node, env, place)
        return Fact(roots=roots, holds=roots)

    def value_BoolOp(self, node: gast.BoolOp, env: Environment, place: Any) -> Fact:
        """`and` and `or` give one of their operands."""
        facts = [self.value(v, env, place) for v in node.values]
        joined = facts[0]
        for fact in facts[1:]:
            joined = self.merge(joined, fact, place, "")
        return joined

    def value_IfExp(self, node: gast.IfExp, env: Environment, place: Any) -> Fact:
        then, otherwise = (self.value(v, env, place) for v in (node.body, node.orelse))
        return self.merge(then, otherwise, place, "")

    def arithmetic(self, node: Any, env: Environment, place: Any) -> Fact:
        """Inactive arithmetic that stayed as the user wrote it."""
        operands = [node.operand] if isinstance(node, gast.UnaryOp) else [node.left, node.right]
        facts = [self.value(o, env, place) for o in operands]
        if all(f.rank == 0 for f in facts):
            integer = all(f.integer for f in facts) and not isinstance(
                getattr(node, "op", None), gast.Div
            )
            return replace(NUMBER, integer=integer)
        fact = Fact(roots=frozenset({self.site(place)}))
        dims = broadcast_dims([f.dims for f in facts])
        if dims is None or isinstance(getattr(node, "op", None), gast.MatMult):
            return fact
        return self.with_axes(fact, dims)

    def value_Subscript(self, node: gast.Subscript, env: Environment, place: Any) -> Fact:
        owner = self.value(node.value, env, place)
        if isinstance(node.value, gast.Attribute) and node.value.attr == "shape":
            return INTEGER
        fact = Fact(owner.active, roots=owner.reach, holds=owner.holds)
        if owner.dims is None:
            return fact
        parts = node.slice.elts if isinstance(node.slice, gast.Tuple) else [node.slice]
        dims = self.item_dims(owner.dims, parts, env)
        return fact if dims is None else self.with_axes(fact, dims)

    def with_axes(self, fact: Fact, dims: tuple[Any, ...]) -> Fact:
        """The fact of an array with these axes; a number has no memory."""
        rank, shape = shape_of_axes(dims)
        if rank == 0:
            return replace(fact, kind="number", rank=0, shape=shape, roots=NOTHING, holds=NOTHING)
        return replace(fact, kind="number", rank=rank, shape=shape)

    def value_Attribute(self, node: gast.Attribute, env: Environment, place: Any) -> Fact:
        plain = node.attr in self.source.plain_names
        if node.attr in ("ndim", "size") and not plain:
            return INTEGER
        if node.attr in SHAPE_ATTRIBUTES and not plain:
            return Fact(kind="other")
        owner = self.value(node.value, env, place)
        # a field holds what the object holds; `x.T` is a view of the array itself
        roots = owner.holds if owner.kind in ("struct", "function") else owner.reach
        return Fact(owner.active, roots=roots, holds=owner.holds)

    def value_Tuple(self, node: Any, env: Environment, place: Any) -> Fact:
        facts = [self.value(e, env, place) for e in node.elts]
        holds = self.held(facts, place)
        kind = "tuple" if isinstance(node, gast.Tuple) else "list"
        roots = frozenset({self.site(place)})
        parts = tuple(map(_timeless, facts)) if kind == "tuple" else None
        return Fact(
            any(f.active for f in facts),
            kind,
            roots=roots,
            length=len(facts),
            holds=holds,
            parts=parts,
        )

    value_List = value_Tuple

    def held(self, facts: list[Fact], place: Any) -> frozenset[Root]:
        """The memory that the parts of a display hold, with a mark if one may stand there twice."""
        holds = NOTHING
        for fact in facts:
            holds = self.holding(holds, fact, place)
        return holds

    def holding(self, holds: frozenset[Root], new: Fact, place: Any) -> frozenset[Root]:
        """What a container holds with one more part; what the line itself makes is another object."""
        own = self.site(place)
        twice = frozenset({("twice", *own)}) if (new.reach & holds) - {own} else NOTHING
        return holds | new.reach | twice

    def value_Dict(self, node: gast.Dict, env: Environment, place: Any) -> Fact:
        facts = [self.value(v, env, place) for v in node.values]
        holds = self.held(facts, place)
        return Fact(
            any(f.active for f in facts), "dict", roots=frozenset({self.site(place)}), holds=holds
        )

    def value_Lambda(self, node: gast.Lambda, env: Environment, place: Any) -> Fact:
        names = core.reads(node)
        active = any(self.is_active(n, env) for n in names)
        return Fact(active, "function", holds=self.roots_of_names(names, env))

    def value_Call(self, node: gast.Call, env: Environment, place: Any) -> Fact:
        operands = [*node.args, *(k.value for k in node.keywords), *getattr(node, "captured", ())]
        facts = [self.value(a, env, place) for a in operands]
        callee = getattr(node, "callee", None)
        active = any(f.active for f in facts)
        own = frozenset({self.site(place)})
        roots = own.union(*(f.reach for f in facts))
        if callee is None and isinstance(node.func, gast.Attribute) and node.func.attr == "pop":
            owner = self.value(node.func.value, env, place)
            if owner.kind == "unknown":  # it pops, so it is a list or a dict: no view of itself
                return Fact(owner.active, roots=owner.holds, holds=owner.holds)
            return self.element(owner, place)
        if callee is None:
            owner = self.value(node.func, env, place)
            if self.makes_new_array(node.func, env, place):
                pass
            elif not isinstance(node.func, gast.Attribute) or owner.roots:
                active, roots = active or owner.active, roots | owner.reach
            if "callee" not in node.__dict__:  # the lowering left it alone: it has no derivative
                active = False
            return self.inactive_call(node, env, place) or Fact(active, roots=roots, holds=roots)
        if callee is PARTIAL_CALL:
            return Fact(active, "function", holds=roots - own)
        if isinstance(callee, Construct):
            return Fact(active, "struct", roots=own, holds=roots - own)
        if isinstance(callee, Transformed) and callee.kind == "grad":
            return Fact(active, roots=own)
        node = getattr(getattr(callee, "function", None), "node", None)
        kind = "tuple" if getattr(node, "gives_tuple", False) else "unknown"
        return Fact(active, kind, roots=roots, holds=roots)

    value_CapturingCall = value_Call

    def makes_new_array(self, func: Any, env: Environment, place: Any) -> bool:
        """Is this a method of an array that gives something of its own, such as ``x.copy``?"""
        if not isinstance(func, gast.Attribute) or func.attr in self.source.plain_names:
            return False
        row = table.rows_index()["method"].get(func.attr)
        owner = self.value(func.value, env, place)
        return row is not None and row.view_of is None and owner.kind == "number"

    def inactive_call(self, node: gast.Call, env: Environment, place: Any) -> Fact | None:
        """A call that the lowering left alone: known functions still tell their rank."""
        function = self.scope.value(node.func)
        row = table.row_of(function)
        if row is None:
            return None
        callee = Primitive(row)
        try:
            fact = self.primitive(node, callee, env, place)
        except (table.BindError, AttributeError, KeyError, TypeError):
            return None
        names = ("len", "int", "np.size", "np.ndim")
        if row.name in names:
            return INTEGER
        return replace(fact, active=False)

    # --- primitives

    def primitive(self, node: Any, callee: Primitive, env: Environment, place: Any) -> Fact:
        row = callee.row
        arguments = callee.arguments(node)
        facts = {p: self.argument(a, env, place) for p, a in arguments.items()}
        active = row.kind not in ("no_derivative", "missing") and any(
            facts[p].active for p in facts if p not in row.shape_only
        )
        if callee.attribute and not facts[next(iter(facts))].active:
            active = False
        if row.kind == "elementwise" and any(
            f.kind == "struct" and f.active for f in facts.values()
        ):
            raise self.refuse(
                place, "an operator of objects that are differentiated",
                "call a method or a function by its name",
            )  # fmt: skip
        if row.name in ("max", "min") and active:
            self.check_comparison(row, arguments["values"], env, place)
        rank, shape = self.shape_of(row, arguments, facts, env, place)
        roots = frozenset({self.site(place)})
        if row.view_of is not None:
            owner = facts.get(row.view_of)
            if owner is not None:  # an item of a list is no part of the list's own memory
                roots = owner.holds if owner.kind in ("list", "dict", "tuple") else owner.reach
                if row.operator == "[]" and self.copies(arguments["index"], env):
                    roots = frozenset({self.site(place)})
        kind = "number" if self.gives_number(row) else "unknown"
        gives = row.gives_for(arguments)
        if gives is not None:
            same = facts.get(gives.removeprefix("like "))
            kind = same.kind if same is not None else gives
        if row.name in KEEPS_KIND and row.like in facts:
            kind = facts[row.like].kind
        if row.operator in ("+", "*"):
            kinds = [f.kind for f in facts.values() if f.kind in ("list", "tuple")]
            if kinds and (
                row.operator == "*" or not any(f.kind == "number" for f in facts.values())
            ):
                holds = self.held(list(facts.values()), place)
                if holds and row.operator == "*":
                    holds |= {("twice", *self.site(place))}
                own = frozenset({self.site(place)})
                return Fact(active, kinds[0], roots=own, holds=holds)
        merged = row.operator in ("|", "&", "^") and any(f.active for f in facts.values())
        if merged and not self.source.generated:  # where the masks of a derivative meet
            raise self.refuse(
                place,
                f"`{row.operator}` of values that are differentiated",
                "merge dicts with `{**a, **b}`",
            )
        holds = (
            frozenset().union(*(f.holds for f in facts.values())) if kind == "unknown" else NOTHING
        )
        if row.name in ("max", "min"):  # one of the items, or of the values
            values = [self.value(v, env, place) for v in arguments["values"]]
            roots = frozenset().union(*(f.holds if _contains(f) else f.roots for f in values))
            holds = frozenset().union(*(f.holds for f in values))
        if rank == 0:
            roots, holds = NOTHING, NOTHING
        if row.gives in ("list", "tuple") and row.view_of in facts:
            roots, holds = frozenset({self.site(place)}), facts[row.view_of].reach
        if row.name in FRESH_INSIDE and kind == "unknown":
            holds = frozenset({("inside", *self.site(place))})
        if row.name in MAKES_CONTAINER:
            kind = MAKES_CONTAINER[row.name]
            holds = frozenset().union(*(f.reach for f in facts.values()))
        if row.operator == "[]" and facts["x"].kind in ("list", "tuple"):
            if isinstance(arguments["index"], gast.Slice):  # a list of its own, of the same items
                own = frozenset({self.site(place)})
                return Fact(active, facts["x"].kind, roots=own, holds=facts["x"].holds)
        integer = (
            bool(facts) and all(f.integer for f in facts.values()) and row.operator not in ("/",)
        )
        element = row.operator == "[]" and rank is None and not certainly_view(arguments["index"])
        if row.name in ("list", "tuple") and "x" in facts:  # of an array: of numbers, or of rows
            element = not _contains(facts["x"])
        slot = self.slot(row, arguments, facts)
        integer = integer and rank == 0
        return Fact(
            active, kind, rank, shape, roots, integer, None, holds, element=element, slot=slot
        )

    def slot(self, row: table.Row, arguments: Any, facts: Any) -> tuple[str, int] | None:
        """The list and the constant index of ``xs[1]``."""
        if row.operator != "[]" or facts["x"].kind != "list" or not core.is_name(arguments["x"]):
            return None
        index = arguments["index"]
        plain = isinstance(index, gast.Constant) and type(index.value) is int
        return (arguments["x"].id, index.value) if plain else None

    def check_comparison(self, row: Any, values: list[Any], env: Environment, place: Any) -> None:
        """``max(xs, ys)`` of lists compares them as a whole."""
        kinds = {self.value(v, env, place).kind for v in values} if len(values) > 1 else set()
        if kinds & {"list", "tuple", "dict"}:
            raise self.refuse(
                place, f"`{row.name}` of lists of values that are differentiated",
                "compare numbers, and choose the list in an `if`",
            )  # fmt: skip

    def copies(self, index: Any, env: Environment) -> bool:
        """Does the index certainly give a copy: a list of places, or a mask?"""
        if isinstance(index, gast.List):
            return True
        fact = env.get(index.id, UNKNOWN) if core.is_name(index) else UNKNOWN
        return fact.kind in ("mask", "list")

    def integers(self, index: Any, env: Environment) -> bool:
        parts = index.elts if isinstance(index, gast.Tuple) else [index]
        return all(self.is_integer(p, env) for p in parts)

    def argument(self, value: Any, env: Environment, place: Any) -> Fact:
        if isinstance(value, list):
            facts = [self.value(v, env, place) for v in value]
            roots = frozenset().union(*(f.reach for f in facts))
            return Fact(any(f.active for f in facts), roots=roots, holds=roots)
        return self.value(value, env, place)

    def gives_number(self, row: table.Row) -> bool:
        if row.operator == "[]" or row.name in ("list", "tuple", "dict", "sum", "rt.add"):
            return False
        return row.kind == "elementwise" or row.name.startswith(("np.", "math.", "scipy."))

    def shape_of(
        self, row: table.Row, arguments: Any, facts: Any, env: Environment, place: Any
    ) -> tuple[int | None, Any]:
        if row.operator == "[]":
            return self.item_shape(arguments, facts, env)
        if row.kind == "elementwise" or (
            row.kind == "no_derivative" and row.rank is None and row.like is None and row.operator
        ):
            return broadcast([facts[p] for p in facts], place)
        if row.like is not None and row.like in facts:
            return facts[row.like].rank, facts[row.like].shape
        rank = row.rank
        made = self.made_rank(row, arguments, env)
        if made is not None:
            return made, ("made", id(place), row.name)
        if callable(rank):
            fact = lambda e: UNKNOWN if isinstance(e, list) else self.value(e, env, place)  # noqa: E731
            call = table.Call(row, arguments, lambda e: fact(e).rank, lambda e: fact(e).dims)
            rank = rank(call)
        if isinstance(rank, tuple):
            if None not in rank:
                return shape_of_axes(rank)
            rank = len(rank)
        if rank == 0:
            return 0, SCALAR
        return rank, ("made", id(place), row.name)

    def made_rank(self, row: table.Row, arguments: Any, env: Environment) -> int | None:
        """Rank of ``np.zeros(n)`` and its kin, where the shape is an integer or a display of them."""
        if (
            row.name not in ("np.zeros", "np.ones", "np.empty", "np.full")
            or "shape" not in arguments
        ):
            return None
        shape = arguments["shape"]
        if isinstance(shape, (gast.Tuple, gast.List)):
            starred = any(isinstance(e, gast.Starred) for e in shape.elts)
            return None if starred else len(shape.elts)
        return 1 if self.is_integer(shape, env) else None

    def item_shape(self, arguments: Any, facts: Any, env: Environment) -> tuple[int | None, Any]:
        """Rank of ``x[i]`` where both are known; a mark only for scalars and known axes."""
        owner = facts["x"]
        index = arguments["index"]
        parts = index.elts if isinstance(index, gast.Tuple) else [index]
        dims = self.item_dims(owner.dims, parts, env)
        if dims is not None and None not in dims:
            return shape_of_axes(dims)
        if owner.rank is None or not all(self.is_integer(p, env) for p in parts):
            return None, None
        rank = owner.rank - len(parts)
        return (0, SCALAR) if rank == 0 else (rank if rank > 0 else None, None)

    def item_dims(
        self, dims: tuple[Any, ...] | None, parts: list[Any], env: Environment
    ) -> tuple[Any, ...] | None:
        """Axes of ``x[:, None, i]``, where an index is made of these three."""
        if dims is None:
            return None
        left, found = list(dims), []
        for part in parts:
            if isinstance(part, gast.Constant) and part.value is None:
                found.append(1)
                continue
            if not left:
                return None
            axis = left.pop(0)
            if isinstance(part, gast.Slice) and not (part.lower or part.upper or part.step):
                found.append(axis)
            elif not self.is_integer(part, env):
                return None
        return (*found, *left)

    def is_integer(self, node: Any, env: Environment) -> bool:
        """Is the expression certainly one Python integer?"""
        if isinstance(node, gast.Constant):
            return isinstance(node.value, int) and not isinstance(node.value, bool)
        if isinstance(node, gast.Name):
            return env.get(node.id, UNKNOWN).integer
        if isinstance(node, gast.UnaryOp):
            return self.is_integer(node.operand, env)
        if isinstance(node, gast.BinOp):
            whole = not isinstance(node.op, (gast.Div, gast.Pow, gast.MatMult))
            return whole and self.is_integer(node.left, env) and self.is_integer(node.right, env)
        if isinstance(node, gast.Call) and core.is_name(node.func) and node.func.id not in env:
            return node.func.id == "len"
        if isinstance(node, gast.Subscript) and isinstance(node.value, gast.Attribute):
            return node.value.attr == "shape" and not isinstance(node.slice, gast.Slice)
        if isinstance(node, gast.Attribute):
            return node.attr in ("size", "ndim")
        return False

    # --- loop targets

    def bind_target(self, statement: gast.For, before: Environment, env: Environment) -> None:
        fact = self.items(statement.iter, before, statement)
        self.bind_pattern(statement.target, fact, env)

    def bind_pattern(self, target: Any, fact: Any, env: Environment) -> None:
        if isinstance(target, gast.Name):
            if isinstance(fact, list):
                holds = frozenset().union(*(f.reach for f in _flat(fact)))
                fact = Fact(any(f.active for f in _flat(fact)), "tuple", holds=holds)
            if fact.shape is None:
                fact = replace(fact, shape=("target", id(target), ""))
            env[target.id] = self.with_evidence(target.id, fact, target)
            return
        if not isinstance(target, (gast.Tuple, gast.List)):
            return  # ``x[0], y = …``: a place in something that has no derivative
        parts = fact if isinstance(fact, list) and len(fact) == len(target.elts) else None
        if (
            parts is None
            and isinstance(fact, Fact)
            and fact.parts
            and len(fact.parts) == len(target.elts)
        ):
            parts = [
                p if p.rank == 0 else replace(p, roots=fact.holds, holds=fact.holds)
                for p in fact.parts
            ]
        for position, element in enumerate(target.elts):
            inner = parts[position] if parts else _part(fact)
            self.bind_pattern(element, inner, env)

    def items(self, node: Any, env: Environment, place: Any) -> Any:
        """Fact of one item of an iterable; a list of facts for `zip`, `enumerate` and `items`."""
        if isinstance(node, gast.Call) and isinstance(node.func, gast.Name):
            if node.func.id == "range" and "range" not in env:
                return INTEGER
            if node.func.id == "enumerate" and node.args:
                return [INTEGER, self.items(node.args[0], env, place)]
            if node.func.id == "zip":
                return [self.items(a, env, place) for a in node.args]
            if node.func.id == "reversed":
                return self.items(node.args[0], env, place)
        if isinstance(node, gast.Call) and isinstance(node.func, gast.Attribute):
            owner = self.value(node.func.value, env, place)
            if node.func.attr == "items":
                return [
                    Fact(kind="other"),
                    Fact(owner.active, roots=owner.reach, holds=owner.holds),
                ]
            if node.func.attr == "values":
                return Fact(owner.active, roots=owner.reach, holds=owner.holds)
            if node.func.attr == "keys":
                return Fact(kind="other")
        fact = self.value(node, env, place)
        if fact.kind == "dict":
            return Fact(kind="other")
        return self.element(fact, place)

    def element(self, fact: Fact, place: Any) -> Fact:
        """An item of a container, or a row of an array."""
        if fact.kind == "number":
            rank = None if fact.rank is None else fact.rank - 1
            roots = NOTHING if rank == 0 else fact.roots
            shape = SCALAR if rank == 0 else ("row", id(place))
            if fact.dims:
                rank, shape = shape_of_axes(fact.dims[1:])
            return Fact(fact.active, "number", rank, shape, roots)
        inside = fact.holds if fact.kind in ("list", "tuple", "dict") else fact.reach
        if fact.kind == "list" and fact.item is not None:
            if fact.item.rank == 0:
                return fact.item
            return replace(fact.item, roots=inside, holds=fact.holds)
        return Fact(fact.active, roots=inside, holds=fact.holds)

    # --- memory

    def site(self, place: Any) -> Root:
        number = self.sites.setdefault(id(place), len(self.sites))
        return ("made", number)

    def roots_of_names(self, names: set[str], env: Environment) -> frozenset[Root]:
        return frozenset().union(*(env[n].reach for n in names if n in env))

    def is_active(self, name: str, env: Environment) -> bool:
        return name in env and env[name].active

    def check_exclusive(self, statement: gast.stmt, owner: str, env: Environment) -> None:
        """Refuse a change in place that another variable would see."""
        roots = env[owner].roots
        if any(roots & source for source in self.iterating):
            raise self.refuse(
                statement,
                f"`{core.base(owner)}` changes while a loop runs over it",
                "loop over a copy",
            )
        arguments = sorted(str(r[1]) for r in roots if r[0] == "argument")
        if arguments:
            raise self.refuse(
                statement,
                f"assignment into the argument `{arguments[0]}`, or a view of it",
                f"arguments stay unchanged; write `{core.base(owner)} = {core.base(owner)}.copy()` "
                "before it",
            )
        for name in sorted(statement.live - {owner}):
            if (
                name in env
                and env[name].reach & roots
                and not self.holds_parts(name, owner)
                and not self.other_slot(env[name], env[owner], env)
                and not (env[owner].kind == "number" and self.only_shape(statement, name))
            ):
                # perhaps no view, which is checked when it runs, if it is there at all
                if env[name].element and not env[name].maybe:
                    statement.numbers = [*getattr(statement, "numbers", []), name]
                    continue
                raise self.refuse(
                    statement,
                    f"`{core.base(owner)}` may share memory with `{core.base(name)}`, which is used "
                    "later",
                    f"write `{core.base(owner)} = {core.base(owner)}.copy()` before it",
                )

    def only_shape(self, statement: Any, name: str) -> bool:
        """Is only the shape of a variable read later? An array's does not change in place."""
        if not hasattr(statement, "live_values"):
            mark_live_values(self.body)
        return name not in statement.live_values

    def holds_parts(self, name: str, owner: str) -> bool:
        """Is one a part of the other, which is put back by the next lines?"""
        if self.source.written_here and owner in self.part_of:
            return True  # who else holds the parts was asked of the code that this derives from
        return name in self.wholes(owner) or owner in self.wholes(name)

    def other_slot(self, a: Fact, b: Fact, env: Environment) -> bool:
        """Were both read from one list, at different places that hold different objects?"""
        if a.slot is None or b.slot is None or a.slot[0] != b.slot[0] or a.slot[0] not in env:
            return False
        indices = a.slot[1], b.slot[1]
        signs = (indices[0] < 0) == (indices[1] < 0)
        return indices[0] != indices[1] and signs and not env[a.slot[0]].twice

    def wholes(self, name: str) -> list[str]:
        """What a part was read from, and what that was read from."""
        found = []
        while name in self.part_of:
            name = self.part_of[name]
            found.append(name)
        return found

    def check_rebinding(self, statement: gast.stmt, name: str, env: Environment) -> None:
        """``x += v`` changes arrays in place: find who else would see it."""
        fact = env.get(name, UNKNOWN)
        if fact.rank == 0 or not (fact.active or statement.result.active):
            return
        target = statement.targets[0].id
        shared = any(r[0] == "argument" for r in fact.roots) or any(
            n not in (name, target) and n in env and env[n].reach & fact.roots
            for n in statement.live
        )
        statement.shared = shared
        if shared and fact.kind in ("list", "dict"):
            raise self.refuse(
                statement,
                f"`{core.base(name)}` is changed in place, and another variable holds it too",
                f"write `{core.base(name)} = {core.base(name)} + …`",
            )

    def refuse(self, statement: Any, message: str, hint: str) -> TransformError:
        return TransformError(message, self.source.span(statement.origin.node), hint)


def iterated_names(node: Any) -> set[str]:
    """Variables that a loop runs over itself."""
    if core.is_name(node):
        return {node.id}
    if isinstance(node, gast.Call):
        if core.is_name(node.func) and node.func.id in ("zip", "enumerate", "reversed"):
            return set().union(*map(iterated_names, node.args)) if node.args else set()
        if isinstance(node.func, gast.Attribute) and node.func.attr in ("items", "values", "keys"):
            return iterated_names(node.func.value)
    return set()


def _part(fact: Any) -> Fact:
    if isinstance(fact, list):
        roots = frozenset().union(*(f.reach for f in _flat(fact)))
        return Fact(any(f.active for f in _flat(fact)), roots=roots, holds=roots)
    if fact.kind == "number" and fact.rank is not None:
        return Fact(fact.active, "number", fact.rank - 1, None, fact.roots)
    inside = fact.holds if fact.kind in ("list", "tuple", "dict") else fact.reach
    return Fact(fact.active, roots=inside, holds=fact.holds)


# functions that put what they are given into a new container, and its kind
MAKES_CONTAINER = {
    "list": "list", "tuple": "tuple", "dict": "dict", "rt.Struct": "struct", "rt.fields": "dict",
}  # fmt: skip


def _contains(fact: Fact) -> bool:
    return fact.kind in ("list", "tuple", "dict")


def certainly_view(index: Any) -> bool:
    """Does the index certainly give an array that shares its memory: with a slice, or `...`?"""
    parts = index.elts if isinstance(index, gast.Tuple) else [index]
    return any(
        isinstance(p, gast.Slice) or (isinstance(p, gast.Constant) and p.value in (None, ...))
        for p in parts
    )


KEEPS_KIND = frozenset({"rt.own", "rt.snapshot", "rt.zeros_like", "rt.zeros_of_fields"})

# results that share nothing with the arguments, however deep
FRESH_INSIDE = KEEPS_KIND


def _timeless(fact: Fact) -> Fact:
    """A fact without marks that belong to one round of a loop."""
    return fact if fact.rank == 0 else replace(fact, shape=None)


def _aged(roots: frozenset[Root], site: Root, old: Root) -> frozenset[Root]:
    inside = ("inside", *site)
    if inside in roots:
        roots = (roots - {inside}) | {("old", *inside)}
    return (roots - {site}) | {old} if site in roots else roots


def _flat(facts: Any) -> list[Fact]:
    if isinstance(facts, list):
        return list(itertools.chain.from_iterable(map(_flat, facts)))
    return [facts]


def broadcast(facts: list[Fact], place: Any) -> tuple[int | None, Any]:
    """Rank and shape of an elementwise result."""
    large = [f for f in facts if f.rank != 0]
    if not large:
        return (0, SCALAR) if facts else (None, None)
    ranks = [f.rank for f in large]
    rank = max(ranks) if None not in ranks else None
    shapes = {f.shape for f in large}
    if len(shapes) == 1 and None not in shapes:
        return rank, large[0].shape
    dims = broadcast_dims([f.dims for f in large])
    return (rank, ("broadcast", id(place))) if dims is None else shape_of_axes(dims)


def broadcast_dims(shapes: list[tuple[Any, ...] | None]) -> tuple[Any, ...] | None:
    """Axes of an elementwise result; None where two names meet, of which one may be 1."""
    if None in shapes:
        return None
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(s)) + s for s in shapes]
    columns = [{axis for axis in column if axis != 1} for column in zip(*padded, strict=True)]
    if any(len(column) > 1 for column in columns):
        return None
    return tuple(column.pop() if column else 1 for column in columns)


def numeric_evidence(body: list[gast.stmt]) -> set[str]:
    """Variables that arithmetic reads: they hold numbers or arrays, never lists or dicts."""
    found: set[str] = set()
    for statement in core.walk_statements(body):
        value = getattr(statement, "value", None)
        callee = getattr(value, "callee", None)
        if not isinstance(callee, Primitive):
            continue
        row = callee.row
        if isinstance(value, gast.BinOp) and isinstance(value.op, (gast.Add, gast.Mult)):
            continue  # lists know these two
        if row.kind == "elementwise" or row.operator == "@":
            operands = [value.left, value.right] if isinstance(value, gast.BinOp) else []
            operands += [value.operand] if isinstance(value, gast.UnaryOp) else []
            operands += value.args if isinstance(value, gast.Call) else []
            found |= {o.id for o in operands if core.is_name(o)}
    return found


def find_facts(
    body: list[gast.stmt],
    source: Source,
    scope: Any,
    active: set[str],
    ranks: dict[str, int] | None = None,
    scalars: set[int] | None = None,
) -> Facts:
    """Mark the statements of a function whose parameters `active` are differentiated."""
    facts = Facts(source, numeric_evidence(body), scalars)
    facts.scope, facts.body = scope, body
    env: Environment = {}
    arguments = source.node.args
    variadic = {a.id: k for a, k in ((arguments.vararg, "tuple"), (arguments.kwarg, "dict")) if a}
    for version, name in enumerate(source.parameters):
        rank = (ranks or {}).get(name)
        if version in facts.scalars:  # parameters have the first versions
            rank = 0
        kind = "number" if rank is not None or name in facts.numbers else "unknown"
        kind = variadic.get(name, kind)
        shape = SCALAR if rank == 0 else ("argument", name)
        roots = NOTHING if rank == 0 else frozenset({("argument", name)})
        env[name] = Fact(
            name in active, kind, rank, shape, roots, holds=roots if kind != "number" else NOTHING
        )
    facts.block(body, env)
    return facts
