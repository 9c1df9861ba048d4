"""What the parts of the batching pass share: its state, and small pieces of syntax."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.batched import (
    BATCHED,
    Array,
    Clash,
    Entries,
    Items,
    Many,
    Value,
    is_batched,
    part_of,
)
from redraft.transpile.front.annotations import is_shape_check, promised
from redraft.transpile.primitives import table

Env = dict[str, Value]
Result = tuple[Any, Value]  # what an expression becomes, and what is known of its value


@dataclass
class Region:
    """A stretch of code that counts for some examples only; `live`: names that are read after it."""

    mask: str
    live: set[str]


@dataclass(eq=False)
class Version:
    """A function, batched for one description of its arguments."""

    name: str
    result: Value
    written: bool = False
    used: bool = False
    sized: bool = False  # it reads the size of the batch where it is defined
    changes: bool = False  # it changes an argument in place, or what shares memory with one
    copies: bool = False  # it copies an argument where an example would keep it
    size: str | None = None  # the parameter for the number of examples, if no other one tells it

    def settles(self, result: Value) -> bool:
        """Is the description of the result final: did what calls itself take it for what it is?"""
        if self.used and shared_all(result) != self.result:
            guess_failed = getattr(self.result, "rank", None) is not None
            self.result = BATCHED if guess_failed else shared_all(result)
            return False
        self.result, self.written = result, True
        return True


def guessed(env: Env) -> Value:
    """What a function that calls itself may give: an array like its first batched argument."""
    arrays = (v for v in env.values() if isinstance(v, Array) and v.batched)
    return Array(True, next((v.rank for v in arrays), None))


def size_of(env: Env) -> gast.expr | None:
    """An expression for the number of examples, from the parameters."""
    arrays = [n for n, v in env.items() if isinstance(v, Array) and v.batched]
    if arrays:
        return core.call("len", core.name(arrays[0]))
    for name, value in env.items():
        node = _size_in(core.name(name), value)
        if node is not None:
            return node
    return None


def _size_in(node: gast.expr, value: Value) -> gast.expr | None:
    if isinstance(value, Array) and value.batched:
        return core.call("len", node)
    if isinstance(value, Items):
        for i, (key, part) in enumerate(zip(value.keys, value.parts, strict=True)):
            inner = part_at(core.copy(node), i, key)
            if value.kind == "object":
                inner = gast.Attribute(core.copy(node), key, gast.Load())
            found = _size_in(inner, part)
            if found is not None:
                return found
    if isinstance(value, Many) and is_batched(value):
        return core.call("rt.batch_size", node)
    return None


def with_promised_ranks(body: list[Any], env: Env) -> Env:
    """What is known of the parameters, with the ranks that the function's annotations promise."""
    env = dict(env)
    for statement in filter(is_shape_check, body[:1]):
        for name, axes in promised(statement).items():
            known = env.get(name)
            if isinstance(known, Array) and known.rank is None:
                env[name] = replace(known, rank=len(axes))
    return env


@dataclass(frozen=True)
class Condition:
    """A test whose value does not change while the variables that it reads stay the same."""

    text: str
    reads: frozenset[str]
    outer: str | None  # the mask under which it is asked
    positive: bool = True


def condition_of(test: Any, outer: str | None, env: Env) -> Condition | None:
    """The condition that a test asks for; None if it may give something else the next time."""
    positive = True
    while isinstance(test, gast.UnaryOp) and isinstance(test.op, gast.Not):
        test, positive = test.operand, not positive
    for node in core.walk(test):
        if isinstance(node, gast.Name):
            if getattr(env.get(node.id), "rank", None) != 0:  # arrays may change in place
                return None
        elif isinstance(node, gast.expr) and not isinstance(node, REPEATABLE):
            return None
    return Condition(gast.dump(test), frozenset(core.reads(test)), outer, positive)


REPEATABLE = (gast.Constant, gast.Compare, gast.BoolOp, gast.UnaryOp, gast.BinOp)


def names_changed(body: list[Any]) -> set[str]:
    """Variables whose value is changed in place: by a store into a part, or by a method."""
    found: set[str] = set()
    for statement in body:
        for node in core.walk(statement):
            if isinstance(node, gast.AugAssign) and core.is_name(node.target):
                found.add(node.target.id)
            part = node.func if isinstance(node, gast.Call) else node
            if not isinstance(part, (gast.Subscript, gast.Attribute)):
                continue
            stores = isinstance(part.ctx, (gast.Store, gast.Del))
            while isinstance(part, (gast.Subscript, gast.Attribute)):
                part = part.value
            if core.is_name(part) and (stores or isinstance(node, gast.Call)):
                found.add(part.id)
    return found


def captured_names(body: list[Any]) -> set[str]:
    """Variables that nested functions read: they are needed wherever those are called."""
    found: set[str] = set()
    for statement in body:
        for node in core.walk(statement):
            if isinstance(node, core.FUNCTIONS):
                found |= core.reads(node)
    return found


def as_function(node: Any, name: str) -> gast.FunctionDef:
    if isinstance(node, gast.FunctionDef):
        return node
    result = gast.copy_location(gast.Return(node.body), node.body)
    return gast.copy_location(gast.FunctionDef(name, node.args, [result], [], None, None, []), node)


def tested_inside(body: list[Any]) -> list[Any]:
    """``while (v := f(x)) > 0:`` as an endless loop that begins with the test."""
    for statement in core.walk_statements(body):
        if not isinstance(statement, gast.While) or statement.orelse:
            continue
        if any(isinstance(n, gast.NamedExpr) for n in core.walk(statement.test)):
            stop = gast.UnaryOp(gast.Not(), statement.test)
            leave = gast.If(stop, [located(gast.Break(), statement)], [])
            statement.body.insert(0, located(leave, statement))
            statement.test = located(core.constant(True), statement)
    return body


def without_docstring(body: list[Any]) -> list[Any]:
    first = body[0]
    if isinstance(first, gast.Expr) and isinstance(first.value, gast.Constant):
        if isinstance(first.value.value, str):
            return body[1:] or [gast.copy_location(gast.Pass(), first)]
    return body


def copied_masks(partial: dict[str, set[str]]) -> dict[str, set[str]]:
    return {name: set(masks) for name, masks in partial.items()}


def inverted(mask: gast.expr) -> gast.expr:
    if isinstance(mask, gast.UnaryOp) and isinstance(mask.op, gast.Invert):
        return mask.operand
    return gast.UnaryOp(gast.Invert(), mask)


def item_at(name: str, index: Any, ctx: Any) -> gast.expr:
    return gast.Subscript(core.name(name), index, ctx)


def with_axes(node: gast.expr, count: int) -> gast.expr:
    """``x[:, None]``: axes of length one behind the batch axis."""
    if not count:
        return node
    parts = [gast.Slice(None, None, None), *(core.constant(None) for _ in range(count))]
    return gast.Subscript(node, gast.Tuple(parts, gast.Load()), gast.Load())


def set_context(node: Any, ctx: Any) -> None:
    node.ctx = ctx


def same_operator(node: Any, op: Any) -> list[Any]:
    if isinstance(node, gast.BoolOp) and type(node.op) is type(op):
        return list(node.values)
    return [node]


def part_of_or_none(known: Any) -> Value:
    try:
        return part_of(known)
    except Clash:
        return None


def broadcast_rank(values: Any) -> int | None:
    ranks = [getattr(v, "rank", None) for v in values]
    return None if None in ranks else max(ranks, default=None)


def is_inner_shape(node: Any) -> bool:
    """Is this ``x.shape[1:]``, as the shape of one example is written?"""
    return (
        isinstance(node, gast.Subscript)
        and isinstance(node.value, gast.Attribute)
        and node.value.attr == "shape"
        and isinstance(node.slice, gast.Slice)
    )


def is_one_less_axis(node: Any) -> bool:
    """Is this ``x.ndim - 1``, as the number of axes of one example is written?"""
    return (
        isinstance(node, gast.BinOp)
        and isinstance(node.op, gast.Sub)
        and isinstance(node.left, gast.Attribute)
        and node.left.attr == "ndim"
        and core.is_number(node.right, 1)
    )


def literal_rank(node: Any) -> int | None:
    return 0 if isinstance(table.literal(node), (int, float, complex)) else None


def shared_all(known: Value) -> Value:
    """The same value, held by more than one variable."""
    if isinstance(known, Array) and (known.owned or known.owned_under):
        return replace(known, owned=False, owned_under=None)
    if isinstance(known, (Items, Many, Entries)) and known.kind != "tuple" and not known.shared:
        return replace(known, shared=True)
    return known


def untransposed(node: gast.expr) -> gast.expr:
    """``x.T.T`` as ``x``, in the operands of a product too."""
    if isinstance(node, gast.BinOp) and isinstance(node.op, gast.MatMult):
        node.left, node.right = untransposed(node.left), untransposed(node.right)
    inner = getattr(node, "value", None)
    if isinstance(node, gast.Attribute) and isinstance(inner, gast.Attribute):
        if node.attr == inner.attr == "T":
            return untransposed(inner.value)
    return node


def without_ranks(known: Value) -> Value:
    """The same value, of whose arrays the ranks are not known."""
    if isinstance(known, Array):
        return replace(known, rank=None)
    if isinstance(known, Items):
        return replace(known, parts=tuple(map(without_ranks, known.parts)))
    return replace(known, part=without_ranks(known.part)) if isinstance(known, Many) else known


def shown_source(node: Any) -> str:
    names = {"SetComp": "a set", "JoinedStr": "an f-string", "Await": "await", "Set": "a set"}
    return dotted_name(node) or names.get(type(node).__name__, type(node).__name__.lower())


def dotted_name(node: Any) -> str | None:
    """``np.linalg.inv`` as text."""
    if isinstance(node, gast.Name):
        return node.id
    if isinstance(node, gast.Attribute):
        owner = dotted_name(node.value)
        return owner and f"{owner}.{node.attr}"
    return None


def part_at(value: Any, place: int, key: Any) -> gast.expr:
    """Part number `place` of a value, by its key."""
    if isinstance(value, (gast.Tuple, gast.List)):
        return core.copy(value.elts[place])
    if isinstance(value, gast.Dict):
        return core.copy(value.values[place])
    return of_container(gast.Subscript(core.copy(value), core.constant(key), gast.Load()))


def of_container(node: Any) -> Any:
    """A read of a part of a container, marked as one: it is no part of an array."""
    node.of_container = True
    return node


def display_of(known: Items, nodes: list[Any]) -> gast.expr:
    if known.kind == "dict":
        return gast.Dict([core.constant(k) for k in known.keys], nodes)
    return (gast.Tuple if known.kind == "tuple" else gast.List)(nodes, gast.Load())


def substituted(node: Any, held: dict[str, Any]) -> Any:
    if isinstance(node, gast.Name) and node.id in held:
        return core.copy(held[node.id])
    for field in getattr(node, "_fields", ()):
        value = getattr(node, field, None)
        if isinstance(value, gast.AST):
            setattr(node, field, substituted(value, held))
        elif isinstance(value, list):
            setattr(
                node, field, [substituted(v, held) if isinstance(v, gast.AST) else v for v in value]
            )
    return node


def located(node: Any, place: Any) -> Any:
    return gast.copy_location(node, place) if hasattr(place, "lineno") else node
