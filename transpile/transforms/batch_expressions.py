"""Batched forms of expressions (transforms/batch.py walks the statements).

`expression` returns the new node and what is known of its value. A call of a primitive with a batched
argument becomes what its rule in the table says; a call of a function with source calls its batched
version. What has no batched part stays as it was written.
"""

from __future__ import annotations

import importlib
from typing import Any

import gast
import numpy as np

from redraft.transpile import core
from redraft.transpile.analysis.batched import (
    PLAIN,
    Array,
    Clash,
    Closure,
    Entries,
    Flag,
    Floating,
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
)
from redraft.transpile.front.callee import OPERATORS
from redraft.transpile.front.scope import UNKNOWN
from redraft.transpile.primitives import table
from redraft.transpile.primitives.batching import NoBatchRule, batch_call, is_same_for_all
from redraft.transpile.transforms.batch_helpers import BatchedHelpers
from redraft.transpile.transforms.batch_names import (
    Result,
    broadcast_rank,
    inverted,
    is_one_less_axis,
    part_at,
    shared_all,
    shown_source,
    substituted,
    untransposed,
    without_ranks,
)
from redraft.transpile.transforms.batch_ranks import call_of, gives_booleans

COMPARISONS = {
    gast.Lt: "<", gast.LtE: "<=", gast.Gt: ">", gast.GtE: ">=", gast.Eq: "==", gast.NotEq: "!=",
}  # fmt: skip
# views that are views of the same elements with a batch axis, whatever the layout in memory
FAITHFUL_VIEWS = frozenset(
    {"np.transpose", "ndarray.transpose", "np.matrix_transpose", "np.swapaxes", "np.moveaxis", "np.flip",
     "np.fliplr", "np.flipud", "np.squeeze", "np.expand_dims", "np.real", "np.imag"}
)  # fmt: skip


class BatchedExpressions(BatchedHelpers):
    """The part of `Batcher` that rewrites expressions."""

    def expression(self, node: gast.expr) -> Result:
        if is_test(node):
            always = self.decided(node)
            if always is not None:
                return core.constant(always), Flag(False, 0, boolean=True, value=always)
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
                    node, f"`{shown_source(node)}` of batched values is not supported",
                    "write it with plain operations, or compute it outside of vmap",
                )  # fmt: skip
        return core.copy(node), PLAIN

    def expr_Constant(self, node: gast.Constant) -> Result:
        return core.copy(node), describe(node.value)

    def expr_Name(self, node: gast.Name) -> Result:
        name = node.id
        if name in self.partial and name in self.env:
            masks = {region.mask for region in (*self.regions, *self.outside)}
            mine = masks | set(self.granted)
            if not mine & self.partial[name] and not self.peeking:
                raise self.refuse(
                    node, f"`{name}` has no value for the examples that did not take the branch or "
                    "loop that sets it", "give it a value before",
                )  # fmt: skip
        if name in self.env:
            return self.picked(core.name(name), self.env[name])
        if name in self.scope.local:
            return core.name(name), PLAIN
        value = self.scope.name_value(name)
        if callable(value):
            return core.copy(node), Known(value)
        known = describe(value) if value is not UNKNOWN else PLAIN
        return core.copy(node), shared_all(known)

    peeking = False

    # --- displays

    def elements(self, nodes: list[Any]) -> tuple[list[Any], list[Value]]:
        found, values = [], []
        for node in nodes:
            if isinstance(node, gast.Starred):
                value, known = self.held(node.value)
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
            value, known = self.held(node)
            if core.is_name(value):
                self.share(value.id)
            found.append(self.settled(value, known))
            values.append(shared_all(known))
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
        left, of_left = self.consumed(node.left)
        right, of_right = self.consumed(node.right)
        if is_one_less_axis(left) and isinstance(node.op, gast.Add) and core.is_number(right, 1):
            return left.left, of_left  # ``x.ndim - 1 + 1``
        new = gast.copy_location(gast.BinOp(left, node.op, right), node)
        for value, other in ((of_left, of_right), (of_right, of_left)):
            if isinstance(value, Entries) or isinstance(other, Entries):
                if not isinstance(node.op, gast.Add):
                    raise self.refuse(
                        node, "a list that is longer for some examples, repeated", "write a loop"
                    )
                return self.joined_lists(node, (left, of_left), (right, of_right))
            if isinstance(value, (Items, Many)) and value.kind in ("list", "tuple"):
                if self.is_sequence_operation(node.op, other):
                    return self.sequences(node, new, of_left, of_right, node.op)
        row = table.rows_index()["operator"].get(OPERATORS.get(type(node.op)))
        return self.operation(
            row, {"x": left, "y": right}, {"x": of_left, "y": of_right}, node, new
        )

    def is_sequence_operation(self, op: Any, other: Value) -> bool:
        if isinstance(op, gast.Add):
            return isinstance(other, (Items, Many))
        return isinstance(op, gast.Mult) and not is_batched(other)

    def sequences(self, node: Any, new: Any, a: Value, b: Value, op: Any) -> Result:
        """``xs + ys`` and ``xs * n`` of lists and tuples."""
        if isinstance(op, gast.Mult):
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
        same = (
            same and len(set(values.values())) == 1
        )  # (the batch that all share is another value)
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
        pairs = [self.expression(e) for e in (node.left, node.comparators[0])]
        pairs += [self.chained(e) for e in node.comparators[1:]]
        if not any(is_batched(known) for _, known in pairs):
            new = gast.Compare(pairs[0][0], list(node.ops), [n for n, _ in pairs[1:]])
            ranks = [getattr(known, "rank", None) for _, known in pairs]
            return new, Array(False, 0 if all(r == 0 for r in ranks) else None)
        if len(node.ops) > 1:
            self.refuse_speaking(*node.comparators[1:])
            return self.chain(node, pairs)
        return self.compare(pairs[0], node.ops[0], pairs[1], node)

    def chained(self, node: gast.expr) -> Result:
        """A later operand of ``a < b < c``, which Python looks at only where ``a < b``."""
        if any(isinstance(n, gast.NamedExpr) for n in core.walk(node)):
            return self.without_lines(node, self.expression)
        return self.expression(node)

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
        parts = [self.truth(test, known) for test, known in tests]
        result, known = parts[-1]
        for test, of_test in reversed(parts[:-1]):
            result, known = self.both(gast.And(), test, of_test, result, known), Array(True, 0)
        return result, known

    def truth(self, test: gast.expr, known: Value) -> Result:
        """A comparison as one boolean per example; of numbers, it is one."""
        if not is_batched(known) or known.rank == 0:
            return test, known
        return core.call("rt.truths", test), Array(True, 0)

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
        if not all(isinstance(known, Array) and known.rank == 0 for _, known in pairs):
            raise self.refuse(
                node, "`and`/`or` of batched values gives one of its operands",
                "write a conditional expression, `b if test else a`",
            )  # fmt: skip
        return self.chosen_operand(node, pairs)

    def chosen_operand(self, node: gast.BoolOp, pairs: list[Result]) -> Result:
        """``a and b`` of numbers: `b` where `a` is not zero, else `a`."""
        result = pairs[-1]
        for value, known in reversed(pairs[:-1]):
            if not core.is_name(value) and self.lines is not None:
                value = self.temporary(value)
            if not known.batched:
                value, known = self.for_each(value), batched_like(known)
            test = core.call("rt.truths", core.copy(value))
            first, second = result, (value, known)
            if isinstance(node.op, gast.Or):
                first, second = second, first
            result = self.select(test, *first, *second, node)
        return result

    def truth_valued(self, node: Any) -> bool:
        if isinstance(node, gast.BoolOp):
            return all(map(self.truth_valued, node.values))
        return self.is_boolean(node)

    def expr_IfExp(self, node: gast.IfExp) -> Result:
        always = self.decided(node.test)
        if always is not None:
            return self.expression(node.body if always else node.orelse)
        test, known = self.test(node.test)
        for part in (node.body, node.orelse):
            if isinstance(self.env.get(getattr(part, "id", None)), (Items, Many, Entries)):
                self.share_node(part)
        if not is_batched(known):
            body = self.without_lines(node.body, self.expression)
            other = self.without_lines(node.orelse, self.expression)
            value = self.join_values(body[1], other[1], node)
            nodes = [
                self.converted(core.copy(n), v, value, node) or n for n, v in (body, other)
            ]  # fmt: skip
            return gast.IfExp(test, *nodes), shared_all(value)
        if self.compact and self.risky([node.body, node.orelse]):
            found = self.merged(test, node.body, node.orelse, node)
            if found is not None:
                return found
        body = self.chosen(node.test, True, lambda: self.where(test, self.expression, node.body))
        other = self.chosen(
            node.test, False, lambda: self.where(inverted(test), self.expression, node.orelse)
        )
        body, other = self.second_name(*body), self.second_name(*other)
        if not core.is_name(test) and not all(isinstance(v, Array) for _, v in (body, other)):
            test = self.temporary(test, "mask")
        return self.selected(test, body, other, node)

    def second_name(self, node: Any, known: Value) -> Result:
        """A value that keeps the name that it has, beside the one that it gets."""
        for name in self.held_by(node, None) if core.is_name(node) else ():
            self.share(name)
            known = shared_all(known)
        return node, known

    def join_values(self, a: Value, b: Value, place: Any) -> Value:
        try:
            return join(a, b)
        except Clash:
            raise self.refuse(
                place, "the two values have not the same structure", "give them the same parts"
            ) from None

    def expr_NamedExpr(self, node: Any) -> Result:
        """An assignment in front of the statement, where that is Python's order."""
        name = node.target.id
        if self.lines is None or self.choosing or self.read_before(name, node):
            raise self.refuse(
                node, "`:=` where it may not be reached, or beside the value that the variable had before",
                "assign in a statement of its own",
            )  # fmt: skip
        value, known = self.held(node.value)
        if core.is_name(value):
            self.share(value.id)
            known = shared_all(known)
        self.bind(name, value, known, node)
        return core.name(name), shared_all(self.env[name])

    def read_before(self, name: str, place: Any) -> bool:
        """Does the statement read a variable before a `:=` gives it another value?"""
        parts = [n for n in gast.iter_child_nodes(self.statement) if isinstance(n, gast.expr)]
        if isinstance(self.statement, gast.AugAssign) and name in core.reads(self.statement.target):
            return True
        inside = {id(n) for n in core.walk(place)}
        others = [n for p in parts for n in core.walk(p) if id(n) not in inside]
        at = (place.lineno, place.col_offset)
        before = [n for n in others if hasattr(n, "lineno") and (n.lineno, n.col_offset) < at]
        return any(
            (isinstance(n, gast.Name) and n.id == name) or self.changes_before(n, place)
            for n in before
        )

    def changes_before(self, node: Any, place: Any) -> bool:
        """Is this a call, not around `place`, that may change what is read there?"""
        if not isinstance(node, gast.Call) or any(n is place for n in core.walk(node)):
            return False
        return not self.gives_new(node)

    # --- primitives

    def primitive(
        self, row: Any, nodes: dict[str, Any], values: dict[str, Value], place: Any,
        called: str | None, new: Any = None,
    ) -> Result:  # fmt: skip
        """The batched form of a primitive; `new` is it as it was written, for operators."""
        if row is None:
            raise self.refuse(place, "this operator has no batching rule", "write it differently")
        picked = self.product_with_basis(row, nodes, values)
        if picked is not None:
            return picked
        nodes, values = self.lists_as_arrays(row, nodes, values, place)
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
        self.name_scipy(node)
        if row.view_of is not None and row.operator != "[]" and not row.name.startswith("rt."):
            if row.name not in FAITHFUL_VIEWS:
                self.note_copy(nodes[row.view_of], None)
        rank = self.rank_of(row, nodes, values)
        if rank is None and row.name == "np.where" and len(nodes) == 3:
            rank = broadcast_rank(values.values())
        return node, self.given(row, nodes, values, rank)

    def name_scipy(self, node: Any) -> None:
        """Make ``scipy`` mean SciPy where a rule names it: ``math.erf`` of a batch is SciPy's."""
        if "scipy" not in core.reads(node):
            return
        module = importlib.import_module("scipy")
        if self.scope.value(core.name("scipy")) is not module:
            self.unit.bindings["scipy"] = module

    def lists_as_arrays(
        self, row: Any, nodes: dict[str, Any], values: dict[str, Value], place: Any
    ) -> tuple[dict[str, Any], dict[str, Value]]:
        """Lists of unknown length become arrays, where the function does not take a list of arrays."""
        nodes, values = dict(nodes), dict(values)
        for name, known in values.items():
            takes_list = name in row.sequences or row.name.startswith("rt.")
            if takes_list or not isinstance(known, Many) or not is_batched(known):
                continue
            self.only_array(known.part, place)
            nodes[name], values[name] = self.stacked(nodes[name], known, place)
        return nodes, values

    unit_vectors: str | None = None  # a parameter whose examples are the unit vectors, in order

    def product_with_basis(self, row: Any, nodes: Any, values: Any) -> Result | None:
        """The product with each of the unit vectors: the rows or columns of the other operand."""
        if row.name not in ("np.matmul", "np.dot") or self.unit_vectors is None:
            return None
        names = [n.id if core.is_name(n) else None for n in nodes.values()]
        if len(names) != 2 or names.count(self.unit_vectors) != 1:
            return None
        side = names.index(self.unit_vectors)
        (other, known), unit = (
            list(zip(nodes.values(), values.values(), strict=True))[1 - side],
            side,
        )
        if is_batched(known) or getattr(known, "rank", None) not in (1, 2):
            return None
        if not self.is_floating(other):  # a product with the basis makes floats of integers
            return None
        if known.rank == 2 and unit == 1:
            other = gast.Attribute(other, "T", gast.Load())
        return untransposed(other), Array(True, known.rank - 1)

    def is_floating(self, node: Any) -> bool:
        """Is it a parameter, or an array that is known, and certainly of floating-point numbers?"""
        if isinstance(node, gast.Attribute) and node.attr == "T":
            return self.is_floating(node.value)
        if not core.is_name(node):
            return False
        if node.id in self.start:
            return isinstance(self.start[node.id], Floating) and node.id not in core.writes(
                self.body
            )
        constant = self.scope.value(node)
        return isinstance(constant, np.ndarray) and constant.dtype.kind in "fc"

    def given(
        self, row: Any, nodes: dict[str, Any], values: dict[str, Value], rank: int | None
    ) -> Value:
        """Description of what a primitive gives."""
        if is_same_for_all(row):
            return Array(False, rank)
        fresh, boolean = row.view_of is None, gives_booleans(row, values)
        gives = row.gives_for(nodes)
        if gives == "tuple" and row.parts is not None:
            cls, ranks = row.parts(call_of(row, nodes, values))
            return Items("object", cls._fields, tuple(Array(True, r) for r in ranks), cls=cls)
        if gives in ("list", "tuple"):
            return Many(gives, Array(True, None))
        if gives is not None and gives.startswith("like "):
            like = values.get(gives.removeprefix("like "))
            if isinstance(like, (Items, Many)):
                # taken apart along an inner axis, the parts have the axes in front of it as well
                return batched_like(without_ranks(like) if "axis" in values else like)
        return Array(True, rank, fresh, boolean=boolean)

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
            elif isinstance(known, Entries):
                raise self.refuse(
                    place, f"`{row.name}` of a list that is longer for some examples",
                    "go over it in a loop, or keep the values in an array",
                )  # fmt: skip
            elif isinstance(known, Closure):
                if name == "fun":  # of SciPy's solvers
                    raise self.refuse(
                        place, "a function that SciPy calls, defined inside of a batched function",
                        "define it outside, and pass what it reads in `args`, or use `rd.vmap_by_loop`",
                    )  # fmt: skip
                raise self.refuse(place, f"`{row.name}` of a nested function", "call it directly")
            elif isinstance(nodes[name], gast.Tuple) and isinstance(known, Array):  # an index
                for i, part in enumerate(nodes[name].elts):
                    note(f"{name}_{i}", self.index_values.get(id(part), PLAIN))
            else:
                note(name, known)
        return nodes, batched, ranks

    def only_array(self, known: Value, place: Any) -> None:
        if isinstance(known, (Items, Many, Entries)) and is_batched(known):
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
        return gast.List([part_at(node, i, i) for i in range(len(known.parts))], gast.Load())

    def slot(self, node: Any, held: dict[str, gast.expr]) -> Any:
        """A short name for an argument, by which is seen how often a rule uses it."""
        if isinstance(node, list):
            return [self.slot(n, held) for n in node]
        if isinstance(node, (gast.List, gast.Tuple)):
            return type(node)([self.slot(e, held) for e in node.elts], gast.Load())
        if node is None or core.is_name(node) or table.literal(node) is not table.UNKNOWN:
            return node
        if isinstance(node, (gast.Slice, gast.Starred, gast.Constant)) or core.is_slice(node):
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
        return untransposed(substituted(node, held))


def is_test(node: Any) -> bool:
    """Does an expression give True or False?"""
    if isinstance(node, gast.BoolOp):
        return all(map(is_test, node.values))
    if isinstance(node, gast.UnaryOp):
        return isinstance(node.op, gast.Not)
    return isinstance(node, gast.Compare)
