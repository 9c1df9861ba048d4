"""Batched forms of expressions (transforms/batch.py walks the statements).

`expression` returns the new node and what is known of its value. A call of a primitive with a batched
argument becomes what its rule in the table says; a call of a function with source calls its batched
version. What has no batched part stays as it was written.
"""

from __future__ import annotations

import dataclasses
import functools
import types
from typing import Any

import gast
import numpy as np

from redraft.transpile import core
from redraft.transpile.analysis.batched import (
    BATCHED,
    PLAIN,
    Array,
    Clash,
    Closure,
    Items,
    Known,
    Many,
    Nothing,
    Value,
    batched_like,
    describe,
    is_batched,
    join,
    join_all,
    part_of,
    parts_of,
)
from redraft.transpile.errors import SourceError, TransformError
from redraft.transpile.front.callee import OPERATORS, Function, Transformed
from redraft.transpile.front.expressions import TRANSFORM_OPTIONS
from redraft.transpile.front.scope import UNKNOWN
from redraft.transpile.front.source import Source
from redraft.transpile.primitives import table
from redraft.transpile.primitives.batching import NoBatchRule, batch_call
from redraft.transpile.transforms.batch_helpers import BatchedHelpers

COMPARISONS = {
    gast.Lt: "<", gast.LtE: "<=", gast.Gt: ">", gast.GtE: ">=", gast.Eq: "==", gast.NotEq: "!=",
}  # fmt: skip
PRINTS = frozenset({"print", "input", "open"})
Result = tuple[Any, Value]


class BatchedExpressions(BatchedHelpers):
    """The part of `Batcher` that rewrites expressions."""

    def expression(self, node: gast.expr) -> Result:
        visit = getattr(self, "expr_" + type(node).__name__, None)
        if visit is None:
            return self.unchanged(node)
        return visit(node)

    def unchanged(self, node: gast.expr) -> Result:
        """An expression that must not hold batched values."""
        for name in core.free_names(node):
            if is_batched(self.env.get(name.id, PLAIN)) or isinstance(
                self.env.get(name.id), Closure
            ):
                raise self.refuse(
                    node, f"`{_shown(node)}` of batched values is not supported",
                    "write it with plain operations, or compute it outside of vmap",
                )  # fmt: skip
        return core.copy(node), PLAIN

    def expr_Constant(self, node: gast.Constant) -> Result:
        return core.copy(node), describe(node.value)

    def expr_Name(self, node: gast.Name) -> Result:
        name = node.id
        if name in self.partial and name in self.env:
            mine = {region.mask for region in self.regions}
            if not mine & self.partial[name] and not self.peeking:
                raise self.refuse(
                    node, f"`{name}` has no value for the examples that did not take the branch or "
                    "loop that sets it", "give it a value before",
                )  # fmt: skip
        if name in self.env:
            return core.name(name), self.env[name]
        if name in self.scope.local:
            return core.name(name), PLAIN
        value = self.scope.name_value(name)
        if callable(value):
            return core.copy(node), Known(value)
        known = describe(value) if value is not UNKNOWN else PLAIN
        return core.copy(node), _shared_all(known)

    peeking = False

    # --- displays

    def elements(self, nodes: list[Any]) -> tuple[list[Any], list[Value]]:
        found, values = [], []
        for node in nodes:
            if isinstance(node, gast.Starred):
                value, known = self.expression(node.value)
                found.append(gast.Starred(value, gast.Load()))
                if isinstance(known, Items) and known.kind in ("tuple", "list"):
                    values += known.parts
                elif is_batched(known) or isinstance(known, Many):
                    raise self.refuse(
                        node, "`*` of a batched value of unknown length", "write out the elements"
                    )
                else:
                    values.append(None)
                continue
            value, known = self.expression(node)
            if core.is_name(value):
                self.share(value.id)
            found.append(self.settled(value, known))
            values.append(_shared_all(known))
        return found, values

    def expr_Tuple(self, node: Any) -> Result:
        kind = "tuple" if isinstance(node, gast.Tuple) else "list"
        nodes, values = self.elements(node.elts)
        new = type(node)(nodes, gast.Load())
        if None in values:
            if any(v is not None and is_batched(v) for v in values):
                raise self.refuse(
                    node, "batched values beside `*` of a value of unknown length",
                    "write out the elements",
                )  # fmt: skip
            return new, PLAIN
        return new, Items(kind, tuple(range(len(values))), tuple(values))

    expr_List = expr_Tuple

    def expr_Dict(self, node: gast.Dict) -> Result:
        if None in node.keys:
            return self.unchanged(node)
        keys = [table.literal(k) for k in node.keys]
        nodes, values = self.elements(node.values)
        for key in node.keys:
            self.plain(key, "a key")
        new = gast.Dict([core.copy(k) for k in node.keys], nodes)
        if table.UNKNOWN in keys or len(set(keys)) < len(keys):
            if any(map(is_batched, values)):
                raise self.refuse(node, "batched values under unknown keys", "use literal keys")
            return new, PLAIN
        return new, Items("dict", tuple(keys), tuple(values))

    def plain(self, node: Any, what: str) -> gast.expr:
        """An expression whose value must not be batched."""
        value, known = self.expression(node)
        if is_batched(known):
            raise self.refuse(
                node, f"a batched value is used as {what}", "it must be the same for all examples"
            )
        return value

    def expr_JoinedStr(self, node: Any) -> Result:
        return self.unchanged(node)

    # --- operators

    def expr_BinOp(self, node: gast.BinOp) -> Result:
        left, of_left = self.expression(node.left)
        right, of_right = self.expression(node.right)
        new = gast.copy_location(gast.BinOp(left, node.op, right), node)
        for value, other in ((of_left, of_right), (of_right, of_left)):
            if isinstance(value, (Items, Many)) and value.kind in ("list", "tuple"):
                if self.is_sequence_operation(node.op, other):
                    return self.sequences(node, new, of_left, of_right)
        row = table.rows_index()["operator"].get(OPERATORS.get(type(node.op)))
        return self.operation(
            row, {"x": left, "y": right}, {"x": of_left, "y": of_right}, node, new
        )

    def is_sequence_operation(self, op: Any, other: Value) -> bool:
        if isinstance(op, gast.Add):
            return isinstance(other, (Items, Many))
        return isinstance(op, gast.Mult) and not is_batched(other)

    def sequences(self, node: Any, new: Any, a: Value, b: Value) -> Result:
        """``xs + ys`` and ``xs * n`` of lists and tuples."""
        if isinstance(node.op, gast.Mult):
            value = a if isinstance(a, (Items, Many)) else b
            if isinstance(value, Items):
                if len({is_batched(p) for p in value.parts}) > 1:
                    raise self.refuse(node, "a repeated list with mixed parts", "write it out")
                return new, Many(value.kind, join_all(value.parts))
            return new, value
        if isinstance(a, Items) and isinstance(b, Items):
            parts = (*a.parts, *b.parts)
            return new, Items(a.kind, tuple(range(len(parts))), parts)
        part, flags = self.joined_parts(a, b, node)
        if flags > 1:
            raise self.refuse(
                node, "some elements of this list are batched and others are not",
                "make them all batched, for instance by adding `0 * x`",
            )  # fmt: skip
        return new, Many(a.kind, part)

    def joined_parts(self, a: Any, b: Any, place: Any) -> tuple[Value, int]:
        parts = [*getattr(a, "parts", ()), *getattr(b, "parts", ())]
        parts += [v.part for v in (a, b) if isinstance(v, Many)]
        parts = [p for p in parts if not isinstance(p, Nothing)]
        try:
            return join_all(parts), len({is_batched(p) for p in parts})
        except Clash:
            raise self.refuse(place, "elements of different structure", "use tuples") from None

    def operation(
        self, row: Any, nodes: dict[str, Any], values: dict[str, Value], place: Any, new: Any
    ) -> Result:
        """An operator; as it was written where nothing needs to move."""
        if not any(map(is_batched, values.values())):
            return new, Array(False, self.rank_of(row, nodes, values), True)
        same = all(map(core.is_name, nodes.values())) and len({n.id for n in nodes.values()}) == 1
        if same and isinstance(new, gast.BinOp) and not isinstance(new.op, gast.MatMult):
            known = next(iter(values.values()))  # ``x * x``: nothing to align
            return new, Array(True, getattr(known, "rank", None), True)
        return self.primitive(row, nodes, values, place, None, new)

    def expr_UnaryOp(self, node: gast.UnaryOp) -> Result:
        if isinstance(node.op, gast.Not):
            return self.test(node)
        value, known = self.expression(node.operand)
        new = gast.copy_location(gast.UnaryOp(node.op, value), node)
        row = table.rows_index()["operator"][OPERATORS[type(node.op)]]
        name = next(iter(row.parameters))
        return self.operation(row, {name: value}, {name: known}, node, new)

    def expr_Compare(self, node: gast.Compare) -> Result:
        if all(isinstance(op, (gast.Is, gast.IsNot)) for op in node.ops):
            parts = [self.expression(e)[0] for e in (node.left, *node.comparators)]
            return gast.Compare(parts[0], list(node.ops), parts[1:]), Array(False, 0)
        pairs = [self.expression(e) for e in (node.left, *node.comparators)]
        if not any(is_batched(known) for _, known in pairs):
            new = gast.Compare(pairs[0][0], list(node.ops), [n for n, _ in pairs[1:]])
            ranks = [getattr(known, "rank", None) for _, known in pairs]
            return new, Array(False, 0 if all(r == 0 for r in ranks) else None)
        if len(node.ops) > 1:
            return self.chain(node, pairs)
        return self.compare(pairs[0], node.ops[0], pairs[1], node)

    def chain(self, node: gast.Compare, pairs: list[Result]) -> Result:
        """``a < b < c`` of batched numbers."""
        for i, (value, known) in enumerate(pairs[1:-1], 1):
            if not core.is_name(value) and not isinstance(value, gast.Constant):
                if self.lines is None:
                    continue
                pairs[i] = self.temporary(value), known
        tests = [
            self.compare((core.copy(a[0]), a[1]), op, (core.copy(b[0]), b[1]), node)
            for a, op, b in zip(pairs, node.ops, pairs[1:], strict=False)
        ]
        result, known = tests[0]
        for test, other in tests[1:]:
            if known.rank != 0 or other.rank != 0:
                raise self.refuse(node, "a chained comparison of arrays", "use `np.logical_and`")
            result, known = gast.BinOp(result, gast.BitAnd(), test), Array(True, 0)
        return result, known

    def compare(self, left: Result, op: Any, right: Result, place: Any) -> Result:
        if type(op) not in COMPARISONS:
            raise self.refuse(
                place, "`in` with batched values is not supported",
                "compare with `==`, and use `np.any`",
            )  # fmt: skip
        for _, known in (left, right):
            if not isinstance(known, (Array, Nothing)):
                raise self.refuse(
                    place, "a comparison of containers with batched parts", "compare the parts"
                )
        if any(isinstance(known, Nothing) for _, known in (left, right)):
            raise self.refuse(place, "a comparison with None", "write `is None`")
        row = table.rows_index()["operator"][COMPARISONS[type(op)]]
        nodes, values = {"x": left[0], "y": right[0]}, {"x": left[1], "y": right[1]}
        new = gast.Compare(left[0], [op], [right[0]])
        if not any(map(is_batched, values.values())):
            return new, Array(False, self.rank_of(row, nodes, values))
        return self.primitive(row, nodes, values, place, None, new)

    def expr_BoolOp(self, node: gast.BoolOp) -> Result:
        """``a and b`` as a value: one of its operands."""
        if all(self.truth_valued(v) for v in node.values):
            return self.bool_test(node)
        pairs = [self.expression(node.values[0])]
        pairs += [self.without_lines(v, self.expression) for v in node.values[1:]]
        if not any(is_batched(known) for _, known in pairs):
            return gast.BoolOp(node.op, [n for n, _ in pairs]), PLAIN
        raise self.refuse(
            node, "`and`/`or` of batched numbers gives one of its operands",
            "write a conditional expression, `b if test else a`",
        )  # fmt: skip

    def truth_valued(self, node: Any) -> bool:
        if isinstance(node, gast.BoolOp):
            return all(map(self.truth_valued, node.values))
        return self.is_boolean(node)

    def expr_IfExp(self, node: gast.IfExp) -> Result:
        test, known = self.test(node.test)
        if not is_batched(known):
            body = self.without_lines(node.body, self.expression)
            other = self.without_lines(node.orelse, self.expression)
            value = self.join_values(body[1], other[1], node)
            nodes = [
                self.converted(core.copy(n), v, value, node) or n for n, v in (body, other)
            ]  # fmt: skip
            return gast.IfExp(test, *nodes), _shared_all(value)
        self.choosing += 1
        try:
            body, other = self.expression(node.body), self.expression(node.orelse)
        finally:
            self.choosing -= 1
        if not core.is_name(test) and not all(isinstance(v, Array) for _, v in (body, other)):
            test = self.temporary(test, "mask")
        return self.selected(test, body, other, node)

    def join_values(self, a: Value, b: Value, place: Any) -> Value:
        try:
            return join(a, b)
        except Clash:
            raise self.refuse(
                place, "the two values have not the same structure", "give them the same parts"
            ) from None

    def expr_NamedExpr(self, node: Any) -> Result:
        raise self.refuse(
            node, "`:=` is not supported under vmap", "assign in a statement of its own"
        )

    # --- primitives

    def primitive(
        self, row: Any, nodes: dict[str, Any], values: dict[str, Value], place: Any,
        called: str | None, new: Any = None,
    ) -> Result:  # fmt: skip
        """The batched form of a primitive; `new` is it as it was written, for operators."""
        if row is None:
            raise self.refuse(place, "this operator has no batching rule", "write it differently")
        nodes, batched, ranks = self.flat_arguments(row, nodes, values, place)
        held: dict[str, gast.expr] = {}
        slots = {k: self.slot(v, held) for k, v in nodes.items()}
        try:
            node = batch_call(row, slots, batched, ranks, called)
        except NoBatchRule as error:
            raise self.refuse(
                place, f"{error}: no batching rule",
                "use `rd.vmap_by_loop`, which calls the function once per example",
            ) from None  # fmt: skip
        except table.BindError as error:
            raise self.refuse(place, str(error), "see docs/vmap.md") from None
        node = self.filled(node, held)
        rank = self.rank_of(row, nodes, values)
        if rank is None and row.name == "np.where" and len(nodes) == 3:
            rank = _broadcast_rank(values.values())
        return node, self.given(row, values, rank)

    def given(self, row: Any, values: dict[str, Value], rank: int | None) -> Value:
        """Description of what a primitive gives."""
        fresh = row.view_of is None
        if row.gives in ("list", "tuple"):
            return Many(row.gives, Array(True, None))
        if row.gives is not None and row.gives.startswith("like "):
            like = values.get(row.gives.removeprefix("like "))
            if isinstance(like, (Items, Many)):
                return batched_like(like)
        return Array(True, rank, fresh)

    def flat_arguments(
        self, row: Any, nodes: dict[str, Any], values: dict[str, Value], place: Any
    ) -> tuple[dict[str, Any], set[str], dict[str, int | None]]:
        """Arguments, names of the batched ones and their ranks, as rules want them."""
        nodes = dict(nodes)
        batched: set[str] = set()
        ranks: dict[str, int | None] = {}

        def note(name: str, known: Value) -> None:
            ranks[name] = getattr(known, "rank", None)
            if is_batched(known):
                batched.add(name)

        for name, known in values.items():
            if isinstance(nodes[name], list):  # *parameter
                for i, part in enumerate(known):
                    self.only_array(part, place)
                    note(f"{name}_{i}", part)
            elif isinstance(known, (Items, Many)) and is_batched(known):
                nodes[name] = self.sequence(nodes[name], known, place)
                if isinstance(known, Many):
                    self.only_array(known.part, place)
                    note(f"{name}_items", known.part)
                    continue
                for i, part in enumerate(known.parts):
                    self.only_array(part, place)
                    note(f"{name}_{i}", part)
            elif isinstance(known, Closure):
                raise self.refuse(place, f"`{row.name}` of a nested function", "call it directly")
            elif isinstance(nodes[name], gast.Tuple) and is_batched(known):  # an index
                for i, part in enumerate(nodes[name].elts):
                    note(f"{name}_{i}", self.index_values.get(id(part), PLAIN))
            else:
                note(name, known)
        return nodes, batched, ranks

    def only_array(self, known: Value, place: Any) -> None:
        if isinstance(known, (Items, Many)) and is_batched(known):
            raise self.refuse(place, "a container with batched parts", "pass the parts")

    def sequence(self, node: Any, known: Any, place: Any) -> gast.expr:
        """A list or tuple with batched parts; as a display, if its length is known."""
        if known.kind not in ("list", "tuple"):
            raise self.refuse(place, f"a {known.kind} with batched parts", "pass the parts")
        if isinstance(known, Many) or isinstance(node, (gast.List, gast.Tuple)):
            return node
        if not core.is_name(node):
            if self.lines is None:
                raise self.refuse(place, "a list with batched parts here", "give it a name first")
            node = self.temporary(node, "items")
        return gast.List([_part(node, i, i) for i in range(len(known.parts))], gast.Load())

    def slot(self, node: Any, held: dict[str, gast.expr]) -> Any:
        """A short name for an argument, by which is seen how often a rule uses it."""
        if isinstance(node, list):
            return [self.slot(n, held) for n in node]
        if isinstance(node, (gast.List, gast.Tuple)):
            return type(node)([self.slot(e, held) for e in node.elts], gast.Load())
        if node is None or core.is_name(node) or table.literal(node) is not table.UNKNOWN:
            return node
        if isinstance(node, (gast.Slice, gast.Starred, gast.Constant)):
            return node
        name = f"slot.{len(held)}"
        held[name] = node
        return core.name(name)

    def filled(self, node: gast.expr, held: dict[str, gast.expr]) -> gast.expr:
        """The rule's expression with its arguments; one that is used twice gets a variable."""
        counts: dict[str, int] = {}
        for inner in core.walk(node):
            if isinstance(inner, gast.Name) and inner.id in held:
                counts[inner.id] = counts.get(inner.id, 0) + 1
        for name, count in counts.items():
            if count > 1 and self.lines is not None and not isinstance(held[name], gast.Attribute):
                held[name] = self.temporary(held[name])
        return _substitute(node, held)

    def rank_of(self, row: Any, nodes: dict[str, Any], values: dict[str, Value]) -> int | None:
        """Rank of one example's result."""
        if row.operator == "[]":
            return None
        if row.kind == "elementwise" or (
            row.kind == "no_derivative" and row.rank is None and row.like is None
            and (row.operator or row.name.removeprefix("np.") in _ELEMENTWISE)
        ):  # fmt: skip
            return _broadcast_rank(values.values())
        if row.like is not None and row.like in values:
            return getattr(values[row.like], "rank", None)
        rank = row.rank
        if callable(rank):
            known = {id(n): values[k] for k, n in nodes.items() if k in values}
            call = table.Call(
                row, nodes, lambda e: getattr(known.get(id(e)), "rank", _literal_rank(e))
            )
            try:
                rank = rank(call)
            except Exception:
                return None
        if isinstance(rank, tuple):
            return len(rank)
        if rank is None and row.name in ("np.zeros", "np.ones", "np.empty", "np.full"):
            return self.made_rank(nodes.get("shape"), values.get("shape"))
        return rank

    def made_rank(self, shape: Any, known: Value) -> int | None:
        if isinstance(shape, (gast.Tuple, gast.List)):
            starred = any(isinstance(e, gast.Starred) for e in shape.elts)
            return None if starred else len(shape.elts)
        return 1 if getattr(known, "rank", None) == 0 else None

    # --- attributes and items

    def expr_Attribute(self, node: gast.Attribute) -> Result:
        constant = self.scope.value(node)
        if constant is not UNKNOWN:
            if callable(constant):
                return core.copy(node), Known(constant)
            return core.copy(node), _shared_all(describe(constant))
        owner, known = self.expression(node.value)
        new = gast.copy_location(gast.Attribute(owner, node.attr, gast.Load()), node)
        if isinstance(known, Items) and known.kind == "object":
            if node.attr in known.keys:
                return new, known.parts[known.keys.index(node.attr)]
        if isinstance(known, Items) and isinstance(known.kind, tuple) and node.attr in known.keys:
            return new, known.parts[known.keys.index(node.attr)]
        if not is_batched(known):
            return new, self.plain_attribute(node.attr, known)
        if not isinstance(known, Array):
            raise self.refuse(node, f"`.{node.attr}` of a batched container", "unpack it first")
        return self.array_attribute(node, owner, known, new)

    def plain_attribute(self, attr: str, known: Value) -> Value:
        rank = getattr(known, "rank", None)
        if attr in ("ndim", "size"):
            return Array(False, 0)
        if attr == "shape" and rank is not None:
            return Items("tuple", tuple(range(rank)), (Array(False, 0),) * rank)
        return Array(False, rank if attr in ("T", "real", "imag") else None)

    def array_attribute(self, node: Any, owner: Any, known: Array, new: Any) -> Result:
        if node.attr == "shape":
            part = gast.Subscript(new, gast.Slice(core.constant(1), None, None), gast.Load())
            parts = None if known.rank is None else (Array(False, 0),) * known.rank
            return part, PLAIN if parts is None else Items("tuple", tuple(range(len(parts))), parts)
        if node.attr == "ndim":
            if known.rank is not None:
                return core.constant(known.rank), Array(False, 0)
            return gast.BinOp(new, gast.Sub(), core.constant(1)), Array(False, 0)
        if node.attr == "size":
            shape = gast.Attribute(owner, "shape", gast.Load())
            inner = gast.Subscript(shape, gast.Slice(core.constant(1), None, None), gast.Load())
            return core.call("int", core.call("np.prod", inner)), Array(False, 0)
        if node.attr in ("dtype", "itemsize"):
            return new, PLAIN
        row = table.rows_index()["attribute"].get(node.attr)
        if row is None:
            raise self.refuse(
                node, f"`.{node.attr}` of a batched array is not supported", "use a NumPy function"
            )
        name = next(iter(row.parameters))
        return self.primitive(row, {name: owner}, {name: known}, node, row.name)

    def expr_Subscript(self, node: gast.Subscript) -> Result:
        owner, known = self.expression(node.value)
        index, of_index = self.index(node.slice)
        place = table.literal(index)
        if _is_inner_shape(owner) and isinstance(place, int):  # ``x.shape[1:][0]``
            index = core.constant(place + 1 if place >= 0 else place)
            return gast.Subscript(owner.value, index, gast.Load()), Array(False, 0)
        new = gast.copy_location(gast.Subscript(owner, index, gast.Load()), node)
        if isinstance(known, (Items, Many)):
            return self.container_item(node, new, known, index, of_index)
        if not is_batched(known) and not is_batched(of_index):
            return new, Array(False, self.rank_of_item(known, index, of_index))
        if not isinstance(known, Array):
            raise self.refuse(node, "an index into None", "create the array first")
        return self.subscript(owner, known, index, of_index, node)

    def container_item(
        self, node: Any, new: Any, known: Any, index: Any, of_index: Value
    ) -> Result:
        if is_batched(of_index):
            raise self.refuse(
                node, "a batched index into a list, tuple or dict",
                "put its elements into one array with `np.stack` first",
            )  # fmt: skip
        key = table.literal(index)
        if isinstance(index, gast.Slice):
            return new, self.slice_of(known, index, node)
        if isinstance(known, Items) and key is not table.UNKNOWN:
            return new, _shared_all(self.item(known, key, node))
        return new, _shared_all(self.common(known, new, node))

    def slice_of(self, known: Any, index: gast.Slice, node: Any) -> Value:
        bounds = [
            None if b is None else table.literal(b) for b in (index.lower, index.upper, index.step)
        ]
        if isinstance(known, Items) and table.UNKNOWN not in bounds:
            parts = known.parts[slice(*bounds)]
            return Items(known.kind, tuple(range(len(parts))), parts)
        return Many(known.kind, self.common(known, None, node))

    def index(self, node: Any) -> Result:
        """An index: a node, and one description for all of its parts."""
        if isinstance(node, gast.Slice):
            bounds = [None if b is None else self.plain(b, "the bound of a slice")
                      for b in (node.lower, node.upper, node.step)]  # fmt: skip
            return gast.Slice(*bounds), PLAIN
        if isinstance(node, gast.Tuple):
            pairs = [self.index(e) for e in node.elts]
            new = gast.Tuple([n for n, _ in pairs], gast.Load())
            for part, known in pairs:
                self.index_values[id(part)] = known
            return new, Array(any(is_batched(k) for _, k in pairs), None)
        value, known = self.expression(node)
        self.index_values[id(value)] = known
        if isinstance(known, (Items, Many)):
            if is_batched(known):
                raise self.refuse(node, "a list with batched parts as an index", "stack it first")
            simple = known.kind == "list" and all(p == Array(False, 0) for p in parts_of(known))
            known = Array(False, 1) if simple else PLAIN
            self.index_values[id(value)] = known
            return value, known
        return value, known

    def subscript(
        self, owner: Any, known: Array, index: Any, of_index: Value, place: Any
    ) -> Result:
        """``x[i]`` of an array, where one of them is batched."""
        row = table.rows_index()["operator"]["[]"]
        rank = self.rank_of_item(known, index, of_index)
        names = list(row.parameters)
        if known.batched and not is_batched(of_index):
            simple = self.simple_item(owner, known, index)
            if simple is not None:
                return simple, Array(True, rank)
        nodes = dict(zip(names, (owner, index), strict=True))
        values = dict(zip(names, (known, of_index), strict=True))
        node, _ = self.primitive(row, nodes, values, place, None)
        return node, Array(True, rank)

    def simple_item(self, owner: Any, known: Array, index: Any) -> gast.expr | None:
        """``x[:, i]`` for numbers and slices, which cannot move an axis."""
        elements = index.elts if isinstance(index, gast.Tuple) else [index]
        arrays = [e for e in elements if not self.is_basic(e)]
        single = len(elements) == 1 and self.is_index_array(elements[0])
        if arrays and not single:
            return None
        colon = gast.Slice(None, None, None)
        return gast.Subscript(owner, gast.Tuple([colon, *elements], gast.Load()), gast.Load())

    def is_basic(self, node: Any) -> bool:
        if isinstance(node, gast.Slice) or table.literal(node) is not table.UNKNOWN:
            return not isinstance(node, (gast.Tuple, gast.List))
        known = self.index_values.get(id(node), PLAIN)
        return isinstance(known, Array) and known.rank == 0

    def expr_Slice(self, node: Any) -> Result:
        return self.index(node)

    # --- comprehensions and functions

    def expr_ListComp(self, node: Any) -> Result:
        saved, partial = dict(self.env), dict(self.partial)
        lines, self.lines = self.lines, None
        regions, self.regions = self.regions, []
        try:
            generators = []
            for generator in node.generators:
                iterable, part = self.iterable(generator.iter)
                if not self.nested_names(generator.target, part):
                    raise self.refuse(
                        generator.target, "this target takes a batched value apart",
                        "write a loop",
                    )  # fmt: skip
                tests = [self.plain(t, "the condition of a comprehension") for t in generator.ifs]
                target = core.copy(generator.target)
                generators.append(gast.comprehension(target, iterable, tests, 0))
            if isinstance(node, gast.DictComp):
                key = self.plain(node.key, "a key")
                value, known = self.expression(node.value)
                return gast.DictComp(key, value, generators), Many("dict", _shared_all(known))
            value, known = self.expression(node.elt)
            return type(node)(value, generators), Many("list", _shared_all(known))
        finally:
            self.env, self.partial, self.lines, self.regions = saved, partial, lines, regions

    expr_DictComp = expr_ListComp
    expr_GeneratorExp = expr_ListComp

    def expr_Lambda(self, node: Any) -> Result:
        inner = core.reads(node.body) - set(core.parameter_names(node.args))
        for name in inner:
            if is_batched(self.env.get(name, PLAIN)) or isinstance(self.env.get(name), Closure):
                raise self.refuse(
                    node, f"a `lambda` that is passed on and reads the batched `{name}`",
                    "give the function a name and call it directly",
                )  # fmt: skip
        raise self.refuse(
            node, "a `lambda` that is passed on under vmap", "define it outside of the function"
        )

    # --- calls

    def expr_Call(self, node: gast.Call) -> Result:
        function = self.scope.value(node.func)
        if function is UNKNOWN and core.is_name(node.func):
            known = self.env.get(node.func.id)
            if isinstance(known, Closure):
                return self.closure_call(node, known)
            if isinstance(known, Known):
                function = known.function
            elif known is None and node.func.id in self.source.local_functions:
                function = self.source.local_functions[node.func.id]
        if function is UNKNOWN and isinstance(node.func, gast.Attribute):
            return self.method_call(node)
        if function is UNKNOWN and isinstance(node.func, gast.Call):
            inner = self.transformation(node.func)
            if inner is not None:
                return self.generated_call(node, inner)
        special = self.special(function) or self.helper(function)
        if special is not None:
            found = special(node)
            if found is not None:
                return found
        if any(isinstance(a, gast.Starred) for a in node.args) or any(
            k.arg is None for k in node.keywords
        ):
            return self.star_call(node, function)
        args = [self.expression(a) for a in node.args]
        keywords = {k.arg: self.expression(k.value) for k in node.keywords}
        return self.call(node, function, core.copy(node.func), args, keywords)

    def star_call(self, node: gast.Call, function: Any) -> Result:
        """``f(*xs)``: written out where the length of `xs` is known."""
        args: list[Result] = []
        for argument in node.args:
            if not isinstance(argument, gast.Starred):
                args.append(self.expression(argument))
                continue
            value, known = self.expression(argument.value)
            if not isinstance(known, Items) or known.kind not in ("tuple", "list"):
                return self.unchanged(node)
            args += [(_part(value, i, i), p) for i, p in enumerate(known.parts)]
        if any(k.arg is None for k in node.keywords):
            return self.unchanged(node)
        keywords = {k.arg: self.expression(k.value) for k in node.keywords}
        return self.call(node, function, core.copy(node.func), args, keywords)

    def call(
        self, node: Any, function: Any, func: Any, args: list[Result], keywords: dict[str, Result]
    ) -> Result:
        """A call of a function with arguments that are rewritten already."""
        values = [known for _, known in (*args, *keywords.values())]
        named = [gast.keyword(k, n) for k, (n, _) in keywords.items()]
        new = gast.copy_location(gast.Call(func, [n for n, _ in args], named), node)
        row = table.row_of(function) if function is not UNKNOWN else None
        if not any(map(is_batched, values)) and not any(isinstance(v, Closure) for v in values):
            return self.unbatched_call(node, new, row, args, keywords)
        if row is not None and row.kind != "missing":
            return self.row_call(node, row, _dotted(func), args, keywords)
        if row is not None:
            raise self.refuse(node, f"{row.name}: {row.reason}", "write it with other functions")
        if function is UNKNOWN:
            raise self.refuse(
                node, "this call of a batched value calls something that is not known when the "
                "source is written", "call a function by its name, or use `rd.vmap_by_loop`",
            )  # fmt: skip
        return self.function_call(node, function, new, args, keywords)

    def unbatched_call(self, node: Any, new: Any, row: Any, args: Any, keywords: Any) -> Result:
        for value, _ in (*args, *keywords.values()):
            if row is None and core.is_name(value):
                self.share(value.id)
        rank = None
        if row is not None and row.kind != "missing":
            try:
                bound = table.bind(row, args, keywords)
            except table.BindError:
                return new, PLAIN
            single = {k: v for k, v in bound.items() if not isinstance(v, list)}
            nodes, values = ({k: v[i] for k, v in single.items()} for i in (0, 1))
            rank = self.rank_of(row, nodes, values)
            if row.gives is None:
                return new, Array(False, rank, row.view_of is None)
        return new, PLAIN

    def row_call(self, node: Any, row: Any, called: Any, args: Any, keywords: Any) -> Result:
        try:
            bound = table.bind(row, args, keywords)
        except table.BindError as error:
            raise self.refuse(
                node, str(error), "see `redraft rules` for what is supported"
            ) from None
        nodes, values = {}, {}
        for name, pair in bound.items():
            if isinstance(pair, list):
                nodes[name], values[name] = [n for n, _ in pair], [k for _, k in pair]
            else:
                nodes[name], values[name] = pair
        for name in (*row.linear_in, *row.d):
            if name in values and isinstance(values[name], Known):
                raise self.refuse(node, f"`{row.name}` of a function", "call it first")
        return self.primitive(row, nodes, values, node, called)

    def function_call(self, node: Any, function: Any, new: Any, args: Any, keywords: Any) -> Result:
        """A call of a Python function: its batched version."""
        if dataclasses.is_dataclass(function) and isinstance(function, type):
            return self.construction(node, function, new, args, keywords)
        leading: list[Any] = []
        if hasattr(function, "redraft_kind") or isinstance(function, functools.partial):
            source, leading, extra = self.callable_source(node, function)
            keywords = {**{k: (self.constant(v), _shared_all(describe(v))) for k, v in extra.items()},
                        **keywords}  # fmt: skip
            args = [*((self.constant(v), _shared_all(describe(v))) for v in leading), *args]
            new = gast.Call(new.func, [n for n, _ in args],
                            [gast.keyword(k, n) for k, (n, _) in keywords.items()])  # fmt: skip
        elif isinstance(function, (types.FunctionType, Source)):
            source = self.unit.source_of(Function(function), self.refusal(node))
        else:
            raise self.refuse(
                node, f"`{getattr(function, '__name__', function)}` has no Python source and no rule",
                "use `rd.vmap_by_loop`, which calls the function once per example",
            )  # fmt: skip
        return self.source_call(node, source, new, args, keywords)

    def constant(self, value: Any) -> gast.expr:
        from redraft.transpile.front.normalize import is_literal

        if is_literal(value):
            return core.constant(value)
        name = self.free("bound")
        self.unit.bindings[name] = value
        return core.name(name)

    def callable_source(self, node: Any, function: Any) -> Any:
        """Source of a transformed function or of a partial, and the arguments that it adds."""
        from redraft.transpile.api import target_of
        from redraft.transpile.front.source import read_source

        target = target_of(function)
        if target.inner is not None:
            self.unit.dependencies.extend(target.inner.unit.dependencies)
        source = self.unit.sources.get(target.function)
        if source is None:
            source = self.unit.sources[target.function] = read_source(target.function)
        return source, list(target.leading), target.keywords

    def refusal(self, node: Any) -> Any:
        def refuse(message: str, hint: str | None = None) -> TransformError:
            return self.refuse(node, message, hint or "use `rd.vmap_by_loop`")

        return refuse

    def source_call(self, node: Any, source: Source, new: Any, args: Any, keywords: Any) -> Result:
        env = self.bound_arguments(node, source, args, keywords)
        version = self.batches.version(source, env, self.refusal(node), self.masked)
        new.func = core.name(version.name)
        new.args = [self.settled(n, k) for n, k in args]
        new.keywords = [gast.keyword(k, self.settled(*pair)) for k, pair in keywords.items()]
        return new, version.result

    def bound_arguments(self, node: Any, source: Source, args: Any, keywords: Any) -> Any:
        """Descriptions of the parameters of a source in a call."""
        from redraft.transpile.vmap import bind_parameters

        values = [_shared_all(k) for _, k in args]
        for value, _ in (*args, *keywords.values()):
            if core.is_name(value):
                self.share(value.id)
        named = {k: _shared_all(known) for k, (_, known) in keywords.items()}
        try:
            return bind_parameters(source, values, named)
        except TypeError as error:
            raise self.refuse(node, str(error), "look at the arguments of the call") from None

    def construction(self, node: Any, cls: type, new: Any, args: Any, keywords: Any) -> Result:
        """A new object of a dataclass."""
        fields = [f for f in dataclasses.fields(cls) if f.init]
        if hasattr(cls, "__post_init__") or len(args) > len(fields):
            raise self.refuse(node, "a constructor that does more than keep its arguments",
                              "use a plain dataclass")  # fmt: skip
        known = {f.name: v for f, (_, v) in zip(fields, args, strict=False)}
        known |= {k: v for k, (_, v) in keywords.items()}
        for f in fields:
            known.setdefault(f.name, PLAIN)
        return new, Items("object", tuple(known), tuple(map(_shared_all, known.values())))

    def transformation(self, node: gast.Call) -> Any:
        """``rd.grad(f, …)``, written in the call itself."""
        function = self.scope.value(node.func)
        kind = getattr(function, "redraft_transform", None)
        if kind not in TRANSFORM_OPTIONS or not node.args:
            return None
        inner = self.scope.value(node.args[0])
        if inner is UNKNOWN and core.is_name(node.args[0]):
            known = self.env.get(node.args[0].id)
            inner = known.function if isinstance(known, Known) else UNKNOWN
        options = dict(
            zip(TRANSFORM_OPTIONS[kind], map(table.literal, node.args[1:]), strict=False)
        )
        options.update({k.arg: table.literal(k.value) for k in node.keywords})
        if inner is UNKNOWN or table.UNKNOWN in options.values():
            return None
        return self.made(function, inner, options)

    def made(self, function: Any, inner: Any, options: Any) -> Any:
        key = (inner, function, repr(sorted(options.items())))
        found = self.batches.made.get(key)
        if found is None:
            found = self.batches.made[key] = function(inner, **options)
        return found

    def generated_call(self, node: gast.Call, function: Any) -> Result:
        args = [self.expression(a) for a in node.args]
        keywords = {k.arg: self.expression(k.value) for k in node.keywords}
        if not any(is_batched(k) for _, k in (*args, *keywords.values())):
            return core.copy(node), PLAIN
        new = gast.Call(core.copy(node.func), [n for n, _ in args],
                        [gast.keyword(k, n) for k, (n, _) in keywords.items()])  # fmt: skip
        return self.function_call(node, function, new, args, keywords)

    # --- methods

    def method_call(self, node: gast.Call) -> Result:
        owner, known = self.expression(node.func.value)
        attr = node.func.attr
        if isinstance(known, (Items, Many)) and known.kind != "object":
            return self.container_method(node, owner, known, attr)
        if any(isinstance(a, gast.Starred) for a in node.args):
            return self.unchanged(node)
        args = [self.expression(a) for a in node.args]
        keywords = {k.arg: self.expression(k.value) for k in node.keywords}
        func = gast.Attribute(owner, attr, gast.Load())
        named = [gast.keyword(k, n) for k, (n, _) in keywords.items()]
        new = gast.copy_location(gast.Call(func, [n for n, _ in args], named), node)
        every = [known, *(k for _, k in args), *(k for _, k in keywords.values())]
        row = table.rows_index()["method"].get(attr)
        if not any(map(is_batched, every)):
            pair = [(owner, known), *args]
            return self.unbatched_call(node, new, row, pair, keywords) if row else (new, PLAIN)
        if isinstance(known, Array) and known.batched and attr == "item" and known.rank == 0:
            return owner, known
        if isinstance(known, Items) or row is None or row.kind == "missing":
            raise self.refuse(
                node, f"the method `{attr}` has no batching rule", "use a NumPy function"
            )
        return self.row_call(node, row, None, [(owner, known), *args], keywords)

    def container_method(self, node: gast.Call, owner: Any, known: Any, attr: str) -> Result:
        handler = getattr(self, f"{known.kind}_{attr}", None)
        if handler is None:
            if not is_batched(known) and not any(self.quiet(a) for a in node.args):
                if core.is_name(owner):
                    self.env[owner.id] = PLAIN
                return self.unchanged_call(node, owner)
            raise self.refuse(
                node, f"`{attr}` of a {known.kind} with batched parts is not supported",
                "build a new one",
            )  # fmt: skip
        return handler(node, owner, known)

    def unchanged_call(self, node: gast.Call, owner: Any) -> Result:
        func = gast.Attribute(owner, node.func.attr, gast.Load())
        args = [self.expression(a)[0] for a in node.args]
        keywords = [gast.keyword(k.arg, self.expression(k.value)[0]) for k in node.keywords]
        return gast.Call(func, args, keywords), PLAIN

    def changed(self, node: Any, owner: Any) -> str:
        """The variable of a container that a method changes."""
        if self.regions or self.lines is None:
            raise self.refuse(
                node, "a list that grows or shrinks for some examples only",
                "keep the values in an array, and use `np.where`",
            )  # fmt: skip
        if not core.is_name(owner):
            raise self.refuse(node, "a change of a part of a container", "give the part a name")
        return owner.id

    def list_append(self, node: gast.Call, owner: Any, known: Any) -> Result:
        name = self.changed(node, owner)
        value, part = self.expression(node.args[0])
        value, part = self.settled(value, part), _shared_all(part)
        self.share_node(value)
        if isinstance(known, Items):
            parts = (*known.parts, part)
            self.env[name] = Items("list", tuple(range(len(parts))), parts)
        else:
            old = known.part
            if not isinstance(old, Nothing) and is_batched(old) and not is_batched(part):
                value, part = self.for_each(value), batched_like(part)
            elif not isinstance(old, Nothing) and is_batched(part) and not is_batched(old):
                raise self.refuse(
                    node, f"`{name}` holds values that are not batched, and gets one that is",
                    "put batched values into it from the start",
                )  # fmt: skip
            self.env[name] = Many("list", self.join_values(old, part, node))
        return gast.Call(gast.Attribute(owner, "append", gast.Load()), [value], []), Nothing()

    def list_pop(self, node: gast.Call, owner: Any, known: Any) -> Result:
        name = self.changed(node, owner)
        if getattr(self.statement, "value", None) is not node:
            raise self.refuse(
                node, "`pop` within an expression is not supported under vmap",
                "give what it returns a name first",
            )  # fmt: skip
        args = [self.plain(a, "an index") for a in node.args]
        new = gast.Call(gast.Attribute(owner, "pop", gast.Load()), args, [])
        if isinstance(known, Many):
            return new, part_of(known)
        place = table.literal(args[0]) if args else -1
        if not isinstance(place, int) or not known.parts:
            part = self.common(known, owner, node)
            self.env[name] = Many("list", part)
            return new, part
        parts = list(known.parts)
        part = parts.pop(place)
        self.env[name] = Items("list", tuple(range(len(parts))), tuple(parts))
        return new, part

    def dict_get(self, node: gast.Call, owner: Any, known: Any) -> Result:
        key = table.literal(node.args[0])
        if not isinstance(known, Items) or key not in known.keys:
            raise self.refuse(node, "`get` of a key that may be missing", "use `d[key]`")
        new, _ = self.unchanged_call(node, owner)
        return new, self.item(known, key, node)

    def dict_keys(self, node: gast.Call, owner: Any, known: Any) -> Result:
        return self.unchanged_call(node, owner)[0], PLAIN

    def dict_values(self, node: gast.Call, owner: Any, known: Any) -> Result:
        new, part = self.dict_iterable(node)
        return new, Many("tuple", part)

    dict_items = dict_values

    # --- functions that look at structure

    def special(self, function: Any) -> Any:
        try:
            return {
                len: self.call_len, zip: self.call_iterator, enumerate: self.call_iterator,
                reversed: self.call_iterator, list: self.call_list, tuple: self.call_list,
                dict: self.call_dict, sum: self.call_sum, isinstance: self.call_isinstance,
                np.shape: self.call_shape, np.ndim: self.call_shape, np.size: self.call_shape,
                print: self.call_print, type: self.call_isinstance, range: self.call_range,
                all: self.call_reduce, any: self.call_reduce, map: self.call_map,
                np.array: self.call_array, np.asarray: self.call_array,
                functools.reduce: self.call_map, sorted: self.call_map, filter: self.call_map,
            }.get(function)  # fmt: skip
        except TypeError:
            return None

    def call_range(self, node: gast.Call) -> Result:
        return self.range_call(node)

    def call_len(self, node: gast.Call) -> Result | None:
        value, known = self.expression(node.args[0])
        if isinstance(known, Array) and known.batched:
            shape = gast.Attribute(value, "shape", gast.Load())
            return gast.Subscript(shape, core.constant(1), gast.Load()), Array(False, 0)
        return gast.Call(core.copy(node.func), [value], []), Array(False, 0)

    def call_shape(self, node: gast.Call) -> Result | None:
        if len(node.args) != 1 or node.keywords:
            return None
        attr = node.func.attr if isinstance(node.func, gast.Attribute) else node.func.id
        value, known = self.expression(node.args[0])
        if not (isinstance(known, Array) and known.batched):
            return None
        new = gast.Attribute(value, attr, gast.Load())
        return self.array_attribute(_at(gast.Attribute(node.args[0], attr, gast.Load()), node),
                                    value, known, new)  # fmt: skip

    def call_print(self, node: gast.Call) -> Result | None:
        pairs = [self.expression(a) for a in node.args if not isinstance(a, gast.Starred)]
        if self.masked:
            self.refuse_effect(node)
        if any(is_batched(k) for _, k in pairs):
            raise self.refuse(
                node, "`print` of a batched value would print the whole batch",
                "print outside of vmap",
            )  # fmt: skip
        return core.copy(node), Nothing()

    def call_isinstance(self, node: gast.Call) -> Result | None:
        value, known = self.expression(node.args[0])
        if isinstance(known, Array) and known.batched:
            raise self.refuse(
                node, "the type of one example is not that of the batch", "test it outside of vmap"
            )
        return gast.Call(core.copy(node.func), [value, *map(core.copy, node.args[1:])], []), PLAIN

    def call_iterator(self, node: gast.Call) -> Result | None:
        new, part = self.iterable(node)
        return new, Many("tuple", part)

    def call_list(self, node: gast.Call) -> Result | None:
        if len(node.args) != 1 or node.keywords:
            return (core.copy(node), Items(node.func.id, (), ())) if not node.args else None
        inner = node.args[0]
        value, known = self.expression(inner) if not isinstance(inner, gast.Call) else (None, None)
        if isinstance(known, Items) and known.kind in ("list", "tuple"):
            new = gast.Call(core.copy(node.func), [value], [])
            return new, Items(node.func.id, known.keys, known.parts)
        iterable, part = self.iterable(inner)
        if not is_batched(part):
            return gast.Call(core.copy(node.func), [iterable], []), PLAIN
        return gast.Call(core.copy(node.func), [iterable], []), Many(
            node.func.id, _shared_all(part)
        )

    def call_dict(self, node: gast.Call) -> Result | None:
        if node.args or any(k.arg is None for k in node.keywords):
            return None
        pairs = [(k.arg, *self.expression(k.value)) for k in node.keywords]
        new = gast.Call(core.copy(node.func), [], [gast.keyword(k, n) for k, n, _ in pairs])
        keys = tuple(k for k, _, _ in pairs)
        return new, Items("dict", keys, tuple(_shared_all(v) for _, _, v in pairs))

    def call_sum(self, node: gast.Call) -> Result | None:
        """Python's `sum`: of the rows of an array, or of the elements of a list."""
        iterable, part = self.iterable(node.args[0])
        rest = [self.expression(a) for a in node.args[1:]]
        if not is_batched(part) and not any(is_batched(k) for _, k in rest):
            return None
        if not isinstance(part, Array) or any(
            getattr(k, "rank", None) not in (0, part.rank)
            or (is_batched(k) and k.rank != part.rank)
            for _, k in rest
        ):
            raise self.refuse(node, "`sum` of containers", "write a loop")
        new = gast.Call(core.copy(node.func), [iterable, *(n for n, _ in rest)], [])
        return new, Array(True, part.rank, True)

    def call_reduce(self, node: gast.Call) -> Result | None:
        iterable, part = self.iterable(node.args[0])
        if is_batched(part):
            raise self.refuse(node, "`all`/`any` of batched values", "use `np.all` or `np.any`")
        return gast.Call(core.copy(node.func), [iterable], []), Array(False, 0)

    def call_map(self, node: gast.Call) -> Result | None:
        for argument in node.args:
            if self.quiet(argument) if not isinstance(argument, gast.Lambda) else False:
                raise self.refuse(
                    node, f"`{_shown(node.func)}` over batched values is not supported",
                    "write a loop or a comprehension",
                )  # fmt: skip
        return self.unchanged(node)

    def call_array(self, node: gast.Call) -> Result | None:
        """``np.array`` of a list of batched numbers: a stack of them."""
        if len(node.args) != 1:
            return None
        value, known = self.expression(node.args[0])
        if isinstance(known, Array) and known.batched and known.rank is not None:
            if not node.keywords:
                new = gast.Call(core.copy(node.func), [value], [])
                return new, Array(True, known.rank, _dotted(node.func) == "np.array")
        if not isinstance(known, (Items, Many)) or not is_batched(known):
            return None
        if node.keywords or known.kind == "dict":
            raise self.refuse(node, "`np.array` with options of batched values", "use `np.stack`")
        return self.stacked(value, known, node)

    def stacked(self, value: Any, known: Any, place: Any) -> Result:
        if isinstance(value, (gast.List, gast.Tuple)) and isinstance(known, Items):
            pairs = list(zip(value.elts, known.parts, strict=True))
            if any(isinstance(p, (Items, Many)) for _, p in pairs):
                rows = [self.stacked(e, p, place) if isinstance(p, (Items, Many)) else (e, p)
                        for e, p in pairs]  # fmt: skip
                value = gast.List([n for n, _ in rows], gast.Load())
                known = Items("list", known.keys, tuple(p for _, p in rows))
        row = table.row_of(np.stack)
        name = next(iter(row.parameters))
        node, _ = self.primitive(row, {name: value}, {name: known}, place, "np.stack")
        part = part_of_or_none(known)
        rank = part.rank + 1 if isinstance(part, Array) and part.rank is not None else None
        return node, Array(True, rank, True)


def part_of_or_none(known: Any) -> Value:
    try:
        return part_of(known)
    except Clash:
        return None


_ELEMENTWISE = frozenset(
    {"isnan", "isinf", "isfinite", "logical_and", "logical_or", "logical_xor", "logical_not", "floor",
     "ceil", "rint", "trunc", "sign", "round", "isclose", "floor_divide", "signbit"}
)  # fmt: skip


def _broadcast_rank(values: Any) -> int | None:
    ranks = [getattr(v, "rank", None) for v in values]
    return None if None in ranks or not ranks else max(ranks)


def _is_inner_shape(node: Any) -> bool:
    """Is this ``x.shape[1:]``, as the shape of one example is written?"""
    return (
        isinstance(node, gast.Subscript)
        and isinstance(node.value, gast.Attribute)
        and node.value.attr == "shape"
        and isinstance(node.slice, gast.Slice)
    )


def _literal_rank(node: Any) -> int | None:
    return 0 if isinstance(table.literal(node), (int, float, complex)) else None


def _shared_all(known: Value) -> Value:
    """The same value, held by more than one variable."""
    if isinstance(known, Array) and known.owned and known.rank != 0:
        return dataclasses.replace(known, owned=False)
    if isinstance(known, Array) and known.owned:
        return dataclasses.replace(known, owned=False)
    return known


def _shown(node: Any) -> str:
    names = {"SetComp": "a set", "JoinedStr": "an f-string", "Await": "await", "Set": "a set"}
    return _dotted(node) or names.get(type(node).__name__, type(node).__name__.lower())


def _dotted(node: Any) -> str | None:
    """``np.linalg.inv`` as text."""
    if isinstance(node, gast.Name):
        return node.id
    if isinstance(node, gast.Attribute):
        owner = _dotted(node.value)
        return owner and f"{owner}.{node.attr}"
    return None


def _part(value: Any, place: int, key: Any) -> gast.expr:
    """Part number `place` of a value, by its key."""
    if isinstance(value, (gast.Tuple, gast.List)):
        return core.copy(value.elts[place])
    if isinstance(value, gast.Dict):
        return core.copy(value.values[place])
    return gast.Subscript(core.copy(value), core.constant(key), gast.Load())


def _display(known: Items, nodes: list[Any]) -> gast.expr:
    if known.kind == "dict":
        return gast.Dict([core.constant(k) for k in known.keys], nodes)
    return (gast.Tuple if known.kind == "tuple" else gast.List)(nodes, gast.Load())


def _substitute(node: Any, held: dict[str, Any]) -> Any:
    if isinstance(node, gast.Name) and node.id in held:
        return core.copy(held[node.id])
    for field in getattr(node, "_fields", ()):
        value = getattr(node, field, None)
        if isinstance(value, gast.AST):
            setattr(node, field, _substitute(value, held))
        elif isinstance(value, list):
            setattr(
                node, field, [_substitute(v, held) if isinstance(v, gast.AST) else v for v in value]
            )
    return node


def _at(node: Any, place: Any) -> Any:
    return gast.copy_location(node, place) if hasattr(place, "lineno") else node


__all__ = ["BATCHED", "BatchedExpressions", "SourceError", "Transformed"]
