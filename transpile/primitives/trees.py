"""Rows of the functions that open and close trees (runtime/tree_util.py), and closures (closures.py).

The leaves of a tree are a linear function of it, and so is the tree of its leaves.
"""

from __future__ import annotations

from redraft.transpile.primitives.batching import Batching
from redraft.transpile.primitives.table import no_derivative, primitive


def of_arguments(*sequences: str) -> object:
    """The rule of a function of what a tuple of arguments holds: each has a batch axis of its own."""

    def rule(b: Batching) -> str:
        for sequence in sequences:
            if sequence not in b.batched and b.concerns(sequence):
                b.items(sequence)
        return f"{b.row.name}({', '.join(b.row.parameters)})"

    return rule


no_derivative("rt.tree_structure(tree, is_leaf=None)", tf="rt.tree_structure(tree, is_leaf)")
no_derivative("rt.tree_paths(tree, is_leaf=None)", tf="rt.tree_paths(tree, is_leaf)")
primitive(
    "rt.tree_parts(treedef, tree)",
    shape_only="treedef",
    sequences="tree",
    vjp={"tree": "rt.tree_bar(treedef, tree, ans_bar)"},
    jvp={"tree": "rt.bar_parts(treedef, tree_dot, tree)"},
    tf="rt.tree_parts(treedef, tree)",
)
primitive(
    "rt.tree_unflatten(treedef, leaves)",
    shape_only="treedef",
    sequences="leaves",
    vjp={"leaves": "rt.bar_parts(treedef, ans_bar, ans)"},
    jvp={"leaves": "rt.tree_bar(treedef, ans, leaves_dot)"},
    tf="rt.tree_unflatten(treedef, leaves)",
)
primitive(
    "rt.tree_bar(treedef, tree, bars)",
    sequences="bars",
    shape_only=("treedef", "tree"),
    vjp={"bars": "rt.bar_parts(treedef, ans_bar, tree)"},
    jvp={"bars": "rt.tree_bar(treedef, tree, bars_dot)"},
    tf="rt.tree_bar(treedef, tree, bars)",
)
primitive(
    "rt.bar_parts(treedef, z_bar, tree)",
    sequences="z_bar",
    shape_only=("treedef", "tree"),
    vjp={"z_bar": "rt.tree_bar(treedef, tree, ans_bar)"},
    jvp={"z_bar": "rt.bar_parts(treedef, z_bar_dot, tree)"},
    tf="rt.bar_parts(treedef, z_bar, tree)",
)
no_derivative("rt.closure_converted(function, *args)", tf="rt.closure_converted(function, *args)")
primitive(
    "rt.closure_consts(function)",
    sequences="function",
    gives="list",
    batch=of_arguments("function"),
    vjp={"function": "rt.closure_bar(function, ans_bar)"},
    jvp={"function": "rt.consts_bar(function_dot, function)"},
    tf="rt.closure_consts(function)",
)
primitive(
    "rt.closure_bar(function, bars)",
    sequences="bars",
    shape_only="function",
    batch=of_arguments("function", "bars"),
    vjp={"bars": "rt.consts_bar(ans_bar, function)"},
    jvp={"bars": "rt.closure_bar(function, bars_dot)"},
    tf="rt.closure_bar(function, bars)",
)
primitive(
    "rt.consts_bar(z_bar, function)",
    sequences="z_bar",
    shape_only="function",
    gives="list",
    batch=of_arguments("function", "z_bar"),
    vjp={"z_bar": "rt.closure_bar(function, ans_bar)"},
    jvp={"z_bar": "rt.consts_bar(z_bar_dot, function)"},
    tf="rt.consts_bar(z_bar, function)",
)
