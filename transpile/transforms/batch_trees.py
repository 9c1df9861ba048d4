"""Functions of `redraft.tree_util` under a batch axis: trees whose structure is known are written out.

::

    tree_map(f, {"w": w, "b": b})        {"w": f_vmap(w), "b": f_vmap(b)}
    tree_leaves({"w": w, "b": b})        [b, w]
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import gast

from redraft import runtime as rt
from redraft.runtime import tree_util
from redraft.transpile import core
from redraft.transpile.analysis.batched import (
    Array,
    FunctionWithData,
    Items,
    Many,
    Nothing,
    Value,
    batched_like,
    is_batched,
)
from redraft.transpile.primitives.table import row_of
from redraft.transpile.transforms.batch_names import Result, display_of, part_at


@dataclass(frozen=True)
class Structure(Array):
    """The structure of a tree; `of` describes the tree."""

    of: Value = None


class BatchedTrees:
    """The part of `Batcher` that opens and closes trees."""

    def tree_helper(self: Any, function: Any) -> Any:
        """What rewrites a call of a function that goes over trees; None of anything else."""
        try:
            return {
                tree_util.tree_map: self.call_tree_map, tree_util.tree_leaves: self.call_tree_leaves,
                tree_util.tree_flatten: self.call_tree_flatten, rt.tree_structure: self.call_tree_structure,
                tree_util.tree_reduce: self.call_tree_reduce, rt.tree_parts: self.call_tree_parts,
                rt.tree_unflatten: self.call_tree_unflatten, rt.tree_bar: self.call_tree_bar,
                rt.bar_parts: self.call_bar_parts, rt.example: self.call_example,
                rt.vjp_function: self.call_vjp_function, rt.linear_function: self.call_vjp_function,
                rt.saved_per_example: self.call_saved_per_example,
                rt.closure_bar: self.call_closure_bar,
            }.get(function)  # fmt: skip
        except TypeError:
            return None

    # --- called by the user

    def call_tree_map(self: Any, node: gast.Call) -> Result | None:
        trees = [self.tree(a) for a in node.args[1:]]
        if not any(is_batched(known) for _, known in trees):
            return None
        self.check_tree_call(node, len(node.args) > 1)
        (first, known), *rest = trees
        function = self.function_of_leaves(node.args[0])
        others = [self.parts_at(node, known, value, of) for value, of in rest]
        columns = zip(open_leaves(first, known), *others, strict=True)
        calls = [
            gast.copy_location(gast.Call(core.copy(function), [*xs], []), node) for xs in columns
        ]
        new = [self.expression(call) for call in calls]
        return self.tree_of(first, known, new)

    def function_of_leaves(self: Any, node: Any) -> Any:
        """What is called with each leaf; a `lambda` gets a name."""
        return self.named(node)[0] if isinstance(node, gast.Lambda) else node

    def call_tree_reduce(self: Any, node: gast.Call) -> Result | None:
        tree, known = self.tree(node.args[1])
        if not is_batched(known):
            return None
        self.check_tree_call(node, len(node.args) > 1)
        leaves = open_leaves(tree, known)
        total = node.args[2] if len(node.args) > 2 else leaves.pop(0)
        function = self.function_of_leaves(node.args[0])
        for leaf in leaves:
            name = self.free("total")
            value, of_value = self.expression(total)
            self.emit(core.assign(name, value))
            self.env[name] = of_value
            total = gast.Call(core.copy(function), [core.name(name), leaf], [])
            total = gast.copy_location(total, node)
        return self.expression(total)

    def call_tree_leaves(self: Any, node: gast.Call) -> Result | None:
        tree, known = self.tree(node.args[0])
        if not is_batched(known):
            return None
        self.check_tree_call(node, True)
        return self.expression(gast.List(open_leaves(tree, known), gast.Load()))

    def call_tree_flatten(self: Any, node: gast.Call) -> Result | None:
        tree, known = self.tree(node.args[0])
        if not is_batched(known):
            return None
        leaves, of_leaves = self.call_tree_leaves(node)
        structure = core.call("rt.tree_structure", core.copy(tree))
        parts = (of_leaves, Structure(of=known))
        return gast.Tuple([leaves, structure], gast.Load()), Items("tuple", (0, 1), parts)

    def check_tree_call(self: Any, node: gast.Call, fits: bool) -> None:
        if node.keywords or not fits or any(isinstance(a, gast.Starred) for a in node.args):
            raise self.refuse(
                node, "a function over trees with these arguments, under vmap",
                "pass the function and the trees by position, without `is_leaf`",
            )  # fmt: skip

    def tree(self: Any, node: Any) -> Result:
        """A tree under a name, and its description."""
        value, known = self.expression(node)
        if not core.is_name(value) and self.lines is not None and is_batched(known):
            value = self.temporary(value, "tree")
            self.env[value.id] = known
        if is_batched(known) and not is_tree(known):
            raise self.refuse(
                node, "a tree of a structure that is not known when the source is written",
                "use `rd.vmap_by_loop`",
            )  # fmt: skip
        return value, known

    def parts_at(self: Any, node: Any, like: Value, value: Any, known: Value) -> list[gast.expr]:
        """Expressions for what a tree has in the places of the leaves of another."""
        found = places(like, value, known)
        if found is None:
            raise self.refuse(node, "trees of different structures", "make them alike")
        return [part for part, _ in found]

    def tree_of(self: Any, tree: Any, known: Value, leaves: list[Result]) -> Result:
        """A tree with other leaves."""
        described = with_leaves(known, iter([k for _, k in leaves]))
        if holds_object(known):
            structure = core.call("rt.tree_structure", core.copy(tree))
            items = gast.List([n for n, _ in leaves], gast.Load())
            return core.call("rt.tree_unflatten", structure, items), described
        return display(known, iter([n for n, _ in leaves])), described

    # --- called by derivatives

    def call_tree_structure(self: Any, node: gast.Call) -> Result | None:
        tree, known = self.tree(node.args[0])
        if not is_batched(known):
            return None
        self.check_tree_call(node, len(node.args) == 1)
        return gast.Call(core.copy(node.func), [tree], []), Structure(of=known)

    def opened_by(self: Any, node: gast.Call) -> tuple[Any, Any, list[Result]] | None:
        """The structure that a call goes by, and its other arguments; None if nothing is batched."""
        (structure, known), *rest = map(self.expression, node.args)
        if not any(is_batched(k) for _, k in rest):
            return None
        if not isinstance(known, Structure):
            raise self.refuse(
                node, "a structure that is not known when the source is written",
                "take it from a tree among the arguments",
            )  # fmt: skip
        args = [structure, *(n for n, _ in rest)]
        return known.of, gast.Call(core.copy(node.func), args, []), rest

    def call_tree_parts(self: Any, node: gast.Call) -> Result | None:
        found = self.opened_by(node)
        if found is None:
            return None
        of, new, ((tree, known),) = found
        parts = places(of, tree, known)
        if parts is None:
            raise self.refuse(node, "trees of different structures", "make them alike")
        return new, listed([k for _, k in parts])

    def call_tree_unflatten(self: Any, node: gast.Call) -> Result | None:
        found = self.opened_by(node)
        if found is None:
            return None
        of, new, ((_, known),) = found
        return new, with_leaves(of, iter(parts_of_list(known, of)))

    def call_tree_bar(self: Any, node: gast.Call) -> Result | None:
        from redraft.transpile.transforms.batch_helpers import as_cotangent

        found = self.opened_by(node)
        if found is None:
            return None
        of, new, (_, (_, known)) = found
        return new, as_cotangent(with_leaves(of, iter(parts_of_list(known, of))))

    def call_closure_bar(self: Any, node: gast.Call) -> Result | None:
        """Of a tuple of arguments: a cotangent for each, with the batch axis in front."""
        from redraft.transpile.transforms.batch_helpers import as_cotangent

        args = list(map(self.expression, node.args))
        (_, known), (_, of_bars) = args
        if not is_batched(of_bars) or not isinstance(known, Items):
            return None
        new, _ = self.row_call(node, row_of(rt.closure_bar), None, args, {})
        return new, as_cotangent(batched_like(known))

    def call_bar_parts(self: Any, node: gast.Call) -> Result | None:
        found = self.opened_by(node)
        if found is None:
            return None
        of, new, ((z_bar, of_bar), (_, known)) = found
        parts = self.like_parts(of_bar, known)
        if parts is None:
            raise self.refuse(
                node, "the cotangent of a tree of unknown structure", "use `rd.vmap_by_loop`"
            )
        return new, listed([k for _, k in places(of, z_bar, parts)])


# --- descriptions of trees


def is_tree(known: Value) -> bool:
    """Is the structure known?"""
    if isinstance(known, Items) and not isinstance(known, FunctionWithData):
        return all(map(is_tree, known.parts))
    return isinstance(known, (Array, Nothing))


def holds_object(known: Value) -> bool:
    """Is there an object with fields in a tree?"""
    is_items = isinstance(known, Items)
    return is_items and (known.kind == "object" or any(map(holds_object, known.parts)))


def ordered(known: Items) -> list[int]:
    """The places of the children, in the order of their leaves: dicts by their sorted keys."""
    every = range(len(known.keys))
    return sorted(every, key=lambda i: known.keys[i]) if known.kind == "dict" else list(every)


def child(value: Any, known: Items, place: int) -> gast.expr:
    """A child of a tree, as an expression."""
    if known.kind == "object":
        return gast.Attribute(core.copy(value), known.keys[place], gast.Load())
    return part_at(value, place, known.keys[place])


def places(like: Value, value: Any, known: Value) -> list[Result] | None:
    """What a tree has in the places of the leaves of another; None if it is not like that."""
    if isinstance(like, Nothing):
        return []
    if not isinstance(like, Items):
        return [(core.copy(value), known)]
    if not isinstance(known, Items) or known.keys != like.keys:
        return None
    found = []
    for place in ordered(like):
        inner = places(like.parts[place], child(value, like, place), known.parts[place])
        if inner is None:
            return None
        found += inner
    return found


def open_leaves(value: Any, known: Value) -> list[gast.expr]:
    """The leaves of a tree, as expressions."""
    return [leaf for leaf, _ in places(known, value, known) or ()]


def with_leaves(known: Value, leaves: Any) -> Value:
    """The description of a tree with other leaves."""
    if isinstance(known, Nothing):
        return known
    if not isinstance(known, Items):
        return next(leaves)
    parts = list(known.parts)
    for place in ordered(known):
        parts[place] = with_leaves(parts[place], leaves)
    return replace(known, parts=tuple(parts))


def display(known: Value, leaves: Any) -> gast.expr:
    """A tree, written out."""
    if isinstance(known, Nothing):
        return core.constant(None)
    if not isinstance(known, Items):
        return next(leaves)
    parts: list[Any] = [None] * len(known.parts)
    for place in ordered(known):
        parts[place] = display(known.parts[place], leaves)
    return display_of(known, parts)


def listed(parts: list[Value]) -> Items:
    """A list of values."""
    return Items("list", tuple(range(len(parts))), tuple(parts))


def parts_of_list(known: Value, of: Value) -> list[Value]:
    """Descriptions of the elements of a list that has one for each leaf of a tree."""
    if isinstance(known, Items):
        return list(known.parts)
    count = len(places(of, core.name("x"), of) or ())
    return [known.part if isinstance(known, Many) else known] * count
