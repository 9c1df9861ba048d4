"""Functions of `redraft.tree_util` on values that are differentiated.

``tree_map`` becomes a loop over leaves, so that the function that it calls is differentiated where it
stands::

    new = tree_map(lambda p, g: p - 0.1 * g, params, grads)

    structure = rt.tree_structure(params)
    leaves, leaves_2 = rt.tree_parts(structure, params), rt.tree_parts(structure, grads)
    new = rt.tree_unflatten(structure, [p - 0.1 * g for p, g in zip(leaves, leaves_2)])
"""

from __future__ import annotations

import functools
from typing import Any

import gast

from redraft.runtime import tree_util
from redraft.transpile import core
from redraft.transpile.back.load import file_name, load


class Trees:
    """The part of `Expressions` that opens trees."""

    def tree_call(self: Any, node: gast.Call, function: Any) -> gast.expr | None:
        """A call of a function that goes over the leaves of a tree; None if it is none of them."""
        try:
            rewrite = REWRITES.get(function)
        except TypeError:  # an object without a hash
            return None
        if rewrite is None:
            return None
        first = FIRST_TREE.get(function, 0)
        known = all(k.arg in ("is_leaf", "initializer") for k in node.keywords)
        if (
            any(isinstance(a, gast.Starred) for a in node.args)
            or len(node.args) <= first
            or not known
        ):
            raise self.refuse(
                node, f"`{function.__name__}` with these arguments",
                "pass the function and the trees by position, and `is_leaf` by name",
            )  # fmt: skip
        return rewrite(self, node)

    def tree_structure_of(self: Any, tree: gast.expr, node: gast.Call) -> gast.Name:
        """A name for the structure of a tree."""
        is_leaf = [self.plain(k.value) for k in node.keywords if k.arg == "is_leaf"]
        call = self.row_call("rt.tree_structure", core.copy(tree), *is_leaf)
        return self.temporary(gast.copy_location(call, node), "structure")

    def tree_parts_of(self: Any, tree: gast.expr, structure: gast.Name, node: Any) -> gast.Name:
        """A name for what a tree has in the places of the leaves of a structure."""
        call = self.row_call("rt.tree_parts", core.name(structure.id), core.copy(tree))
        name = self.temporary(gast.copy_location(call, node), "leaves")
        self.coarse.names.add(name.id)
        return name

    def opened(
        self: Any, node: gast.Call, trees: list[gast.expr]
    ) -> tuple[gast.Name, list[gast.Name]]:
        """Names for the structure of the first tree, and for the leaves of all of them."""
        values = [self.atom(tree) for tree in trees]
        structure = self.tree_structure_of(values[0], node)
        return structure, [self.tree_parts_of(value, structure, node) for value in values]

    def closed(self: Any, structure: gast.Name, leaves: gast.expr, node: Any) -> gast.expr:
        """The tree with these leaves."""
        call = self.row_call("rt.tree_unflatten", core.name(structure.id), leaves)
        return gast.copy_location(call, node)

    def tree_map_call(self: Any, node: gast.Call) -> gast.expr:
        structure, leaves = self.opened(node, node.args[1:])
        mapped = self.temporary(self.map_call(self.mapping(node, leaves)), "mapped")
        self.coarse.names.add(mapped.id)
        return self.closed(structure, mapped, node)

    def tree_map_with_path_call(self: Any, node: gast.Call) -> gast.expr:
        tree = self.atom(node.args[1])
        is_leaf = [self.plain(k.value) for k in node.keywords if k.arg == "is_leaf"]
        call = self.row_call("rt.tree_paths", core.copy(tree), *is_leaf)
        paths = self.temporary(gast.copy_location(call, node), "paths")
        structure, leaves = self.opened(node, [tree, *node.args[2:]])
        mapped = self.temporary(self.map_call(self.mapping(node, [paths, *leaves])), "mapped")
        self.coarse.names.add(mapped.id)
        return self.closed(structure, mapped, node)

    def mapping(self: Any, node: gast.Call, items: list[gast.Name]) -> gast.Call:
        """``map(f, items, …)`` for the `f` of a call."""
        names = [core.name(item.id) for item in items]
        return gast.copy_location(gast.Call(core.name("map"), [node.args[0], *names], []), node)

    def tree_reduce_call(self: Any, node: gast.Call) -> gast.expr:
        _, (leaves,) = self.opened(node, node.args[1:2])
        first = [*node.args[2:3], *(k.value for k in node.keywords if k.arg == "initializer")]
        new = gast.Call(core.name("reduce"), [node.args[0], core.name(leaves.id), *first], [])
        return self.reduce_call(gast.copy_location(new, node))

    def closure_convert_call(self: Any, node: gast.Call) -> gast.expr:
        """``closure_convert(f, x)``: the arrays that `f` captures are differentiated, its code is not."""
        if node.keywords or any(isinstance(a, gast.Starred) for a in node.args) or not node.args:
            raise self.refuse(
                node, "`closure_convert` with these arguments", "write `closure_convert(f, x, …)`"
            )
        function, *examples = map(self.atom, node.args)
        call = self.row_call("rt.closure_converted", core.copy(function), *examples)
        converted = self.temporary(gast.copy_location(call, node), "converted")
        call = self.row_call("rt.closure_consts", core.copy(function))
        consts = self.temporary(gast.copy_location(call, node), "consts")
        self.coarse.names.add(consts.id)
        pair = [core.name(converted.id), core.name(consts.id)]
        return gast.copy_location(gast.Tuple(pair, gast.Load()), node)

    def tree_leaves_call(self: Any, node: gast.Call) -> gast.expr:
        return self.opened(node, node.args[:1])[1][0]

    def tree_flatten_call(self: Any, node: gast.Call) -> gast.expr:
        structure, (leaves,) = self.opened(node, node.args[:1])
        pair = [core.name(leaves.id), core.name(structure.id)]
        return gast.copy_location(gast.Tuple(pair, gast.Load()), node)


@functools.cache
def tree_function(function: Any, count: int, keywords: tuple[str, ...]) -> Any:
    """A function that calls one of these by its name: where the call is found at run time alone."""
    names = [f"x{i}" for i in range(count)]
    given = ", ".join([*names, *(f"{k}={k}" for k in keywords)])
    own = function.__name__
    text = f"def {own}({', '.join([*names, *keywords])}):\n    return called({given})\n"
    namespace = {"called": function, "__name__": "redraft"}
    load(text, file_name(own, "redraft.tree_util"), namespace)
    return namespace[own]


REWRITES = {
    tree_util.tree_map: Trees.tree_map_call,
    tree_util.tree_map_with_path: Trees.tree_map_with_path_call,
    tree_util.tree_reduce: Trees.tree_reduce_call,
    tree_util.tree_leaves: Trees.tree_leaves_call,
    tree_util.tree_flatten: Trees.tree_flatten_call,
}
FIRST_TREE = dict.fromkeys(
    (tree_util.tree_map, tree_util.tree_map_with_path, tree_util.tree_reduce), 1
)
