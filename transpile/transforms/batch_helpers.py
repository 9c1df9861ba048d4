"""Batched forms of the helpers that derivatives call: structure, not arithmetic (runtime/cotangents.py)."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

import gast

from redraft import runtime as rt
from redraft.transpile import core
from redraft.transpile.analysis.batched import (
    PLAIN,
    Array,
    Cotangents,
    Items,
    Nothing,
    Value,
    is_batched,
)
from redraft.transpile.primitives import table
from redraft.transpile.transforms.batch_cotangents import BatchedCotangents
from redraft.transpile.transforms.batch_names import Result
from redraft.transpile.transforms.batch_same import SameShapes
from redraft.transpile.transforms.batch_trees import BatchedTrees
from redraft.transpile.transforms.batch_values import BatchedFunctionValues


class BatchedHelpers(BatchedCotangents, SameShapes, BatchedFunctionValues, BatchedTrees):
    """The part of `Batcher` that knows the helpers of generated derivatives."""

    def helper(self, function: Any) -> Any:
        """What rewrites a call of a helper, if it needs more than a rule of the table."""
        over_trees = self.tree_helper(function)
        if over_trees is not None:
            return over_trees
        try:
            return {
                rt.seed: self.call_seed, rt.like: self.call_like, rt.zeros_like: self.call_zeros_like,
                rt.own: self.call_same, rt.snapshot: self.call_same, rt.cleared: self.call_cleared,
                rt.stop_gradient: self.call_itself, rt.sequence: self.call_itself, rt.barrier: self.call_itself,
                rt.checkpoint_name: self.call_passing,
                rt.add: self.call_add, rt.refuse_in_place: self.call_refuse_in_place,
                rt.stack_items: self.call_stack_items, rt.basis: self.call_basis,
                rt.jacobian_of_rows: self.call_jacobian_of_rows, rt.pack: self.call_pack,
                rt.only_arrays: self.call_only_arrays, rt.same_shape: self.call_same_shape, rt.add_at: self.call_add_at,
                rt.jacobian_of_columns: self.call_jacobian_of_columns,
                rt.item_bar: self.call_item_bar, rt.gather_bar: self.call_item_bar,
                rt.rule_pair: self.call_checked, rt.check_tangent: self.call_rule_specs,
                rt.rule_bars: self.call_checked, rt.rule_seed: self.call_checked,
                rt.rule_specs: self.call_rule_specs, rt.rule_sums: self.call_rule_sums, rt.only_cotangent: self.call_only_cotangent,
                rt.each_key.number_of: self.call_number_of, rt.unsum: self.call_unsum, rt.add_field: self.call_add_field, rt.Struct: self.call_Struct,
            }.get(function)  # fmt: skip
        except TypeError:
            return None

    def call_checked(self, node: gast.Call) -> Result | None:
        """What a user's rule gets and returns is compared with single examples; of a batch it stays."""
        value, known = self.expression(node.args[0])
        if isinstance(known, Items) and any(isinstance(p, Nothing) for p in known.parts):
            raise self.refuse(
                node, "a rule that returns None in place of a cotangent", "return zeros"
            )
        return value, known

    def call_passing(self, node: gast.Call) -> Result | None:
        """A helper that passes its first argument on."""
        value, known = self.expression(node.args[0])
        return gast.Call(core.copy(node.func), [value, *core.copy(node.args[1:])], []), known

    def call_number_of(self, node: gast.Call) -> Result | None:
        """A number that is known when the program is written or traced, of all examples the same."""
        value, known = self.expression(node.args[0])
        given = node.args[3].value if len(node.args) > 3 else 0
        lead = core.constant(given + bool(is_batched(known)))
        return gast.Call(core.copy(node.func), [value, *core.copy(node.args[1:3]), lead], []), PLAIN

    def call_rule_specs(self, node: gast.Call) -> Result | None:
        """The shapes and dtypes that `call_checked` does not look at."""
        return core.constant(None), PLAIN

    def call_rule_sums(self, node: gast.Call) -> Result | None:
        """Sums over the examples of an inner batch, whose axis is the second one of a batched part."""
        value, known = self.expression(node.args[0])
        axes = table.literal(node.args[1])
        if not isinstance(known, Items) or any(a not in (0, None) for a in axes):
            raise self.refuse(node, "cotangents of containers in a batch of batches",
                              "pass arrays")  # fmt: skip
        value = value if core.is_name(value) else self.temporary(value, "bars")
        parts, values = [], []
        for place, (axis, part) in enumerate(zip(axes, known.parts, strict=True)):
            node = gast.Subscript(core.copy(value), core.constant(place), gast.Load())
            if axis is None and isinstance(part, Array):
                node = core.call("np.sum", node)
                node.keywords = [gast.keyword("axis", core.constant(1 if part.batched else 0))]
                part = Array(part.batched, None if part.rank is None else part.rank - 1)
            elif axis is None and not isinstance(part, Nothing):
                raise self.refuse(node, "cotangents of containers in a batch of batches",
                                  "pass arrays")  # fmt: skip
            parts.append(node)
            values.append(part)
        return gast.Tuple(parts, gast.Load()), replace(known, parts=tuple(values))

    def call_only_cotangent(self, node: gast.Call) -> Result | None:
        value, known = self.expression(node.args[0])
        if isinstance(known, Items) and known.kind == "tuple":
            return value, known
        if not isinstance(known, Array):
            raise self.refuse(node, "a cotangent that is neither an array nor a tuple",
                              "return a tuple, one cotangent for each argument")  # fmt: skip
        return gast.Tuple([value], gast.Load()), Items("tuple", (0,), (known,))

    def call_basis(self, node: gast.Call) -> Result | None:
        value, known = self.expression(node.args[0])
        if not is_batched(known) or not isinstance(known, Array):
            return None
        rank = None if known.rank is None else known.rank + 1
        first = gast.Subscript(value, core.constant(0), gast.Load())
        rest = [self.plain(a, "a number of directions") for a in node.args[1:]]
        return gast.Call(core.copy(node.func), [first, *rest], core.copy(node.keywords)), Array(
            False, rank
        )

    def call_jacobian_of_rows(self, node: gast.Call) -> Result | None:
        """A batch of Jacobians has the shape of the batch in front."""
        found = [self.expression(a) for a in node.args]
        (rows, known), (ans, of_ans), (x, of_x) = found
        if not any(is_batched(k) for _, k in found):
            return None
        if not is_batched(known):
            rows = self.for_each(rows)
        if not is_batched(of_ans):
            ans = self.for_each(ans)
        if is_batched(of_x):
            x = gast.Subscript(x, core.constant(0), gast.Load())
        return gast.Call(core.copy(node.func), [rows, ans, x], []), Array(True, None)

    def call_jacobian_of_columns(self, node: gast.Call) -> Result | None:
        """A batch of Jacobians: the directions stand behind the batch axis."""
        (columns, known), (x, of_x) = (self.expression(a) for a in node.args[:2])
        if not is_batched(known) and not is_batched(of_x):
            return None
        if is_batched(of_x):
            x = gast.Subscript(x, core.constant(0), gast.Load())
        ranks = [getattr(k, "rank", None) for k in (known, of_x)]
        rank = None if None in ranks else sum(ranks) - 1
        lead = (len(node.args) > 2 and table.literal(node.args[2])) or 0
        if not isinstance(lead, int) or node.keywords:
            raise self.refuse(node, "a batch of Jacobians at this depth", "use `rd.vmap_by_loop`")
        args = [columns, x]
        if is_batched(known) or lead:
            args.append(core.constant(lead + is_batched(known)))
        return gast.Call(core.copy(node.func), args, []), Array(is_batched(known), rank)

    def call_Struct(self, node: gast.Call) -> Result | None:
        """The tangents or cotangents of an object's fields."""
        fields, known = self.expression(node.args[0])
        if not isinstance(known, Items) or known.kind != "dict":
            return None
        return gast.Call(core.copy(node.func), [fields], []), replace(known, kind="object")

    def call_zeros_like(self, node: gast.Call) -> Result | None:
        """Zero cotangents of a value: lists, also for tuples."""
        new, known = self.call_same(node)
        return new, as_cotangent(known)

    def call_same_shape(self, node: gast.Call) -> Result:
        """A check of the inner axes, which are the last ones however many batch axes there are."""
        nodes = [self.expression(a)[0] for a in node.args]
        return gast.Call(core.copy(node.func), nodes, []), Nothing()

    def call_only_arrays(self, node: gast.Call) -> Result:
        return core.copy(node), Nothing()

    def shape_check(self, node: gast.Call) -> gast.Call:
        """The shapes that annotations promise: batched values have one axis more, in front."""
        spec, *values = node.args
        entries = [entry.strip().partition(": ") for entry in spec.value.split(";")]
        taken = {axis for _, _, axes in entries for axis in axes.split()}
        names = (f"batch_{i}" if i > 1 else "batch" for i in count(1))
        batch = next(name for name in names if name not in taken)
        texts = []
        for (name, _, axes), value in zip(entries, values, strict=True):
            known = self.env.get(value.id, PLAIN)
            if is_batched(known) and not isinstance(known, Array):
                raise self.refuse(
                    node, f"`{name}` is annotated as an array, and is a container", "pass an array"
                )
            axes = axes.removeprefix("()") if is_batched(known) else axes
            texts.append(f"{name}: {f'{batch} {axes}'.strip() if is_batched(known) else axes}")
        new = [core.constant("; ".join(texts)), *map(core.copy, values)]
        return gast.Call(core.copy(node.func), new, [])

    def call_seed(self, node: gast.Call) -> Result | None:
        value, known = self.expression(node.args[0])
        if not is_batched(known):
            return None
        if not isinstance(known, Array):
            raise self.refuse(node, "the gradient of a result that is no number", "return a number")
        return core.call("rt.seed_each", value), Array(True, 0)

    def call_cleared(self, node: gast.Call) -> Result:
        """Zero, the same for all examples, for the place of a number or array."""
        value, known = self.expression(node.args[0])
        new = gast.Call(core.copy(node.func), [value], [])
        if not is_batched(known):
            return new, known
        return new, Array(False, 0) if isinstance(known, Array) else Nothing()

    def call_same(self, node: gast.Call) -> Result | None:
        """A helper that goes through all leaves and keeps the structure."""
        value, known = self.expression(node.args[0])
        if isinstance(known, Array):
            known = replace(known, owned=True)  # a new array
        return gast.Call(core.copy(node.func), [value], []), known

    def call_itself(self, node: gast.Call) -> Result | None:
        """A helper that gives the very object that it gets."""
        value, known = self.expression(node.args[0])
        return gast.Call(core.copy(node.func), [value], []), known

    def call_refuse_in_place(self, node: gast.Call) -> Result | None:
        value, known = self.expression(node.args[0])
        if not is_batched(known):  # it may stop, and does nothing else
            return gast.Call(core.copy(node.func), [value], []), Nothing()
        if getattr(known, "rank", None) != 0:
            raise self.refuse(
                node, "a change in place of a value of unknown rank", "write `x = x + v` instead"
            )
        return core.constant(None), Nothing()  # the number of each example: a new value


def as_cotangent(known: Value) -> Value:
    """The description of the cotangent of a value: it has lists for tuples."""
    if not isinstance(known, Items):
        return known
    kind = "list" if known.kind == "tuple" else known.kind
    return Items(kind, known.keys, tuple(map(as_cotangent, known.parts)), cls=Cotangents)
