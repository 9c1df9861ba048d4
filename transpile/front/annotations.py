"""Shapes that a function's annotations promise, as a line of its body.

Before::                                             After::

    def f(x: Float[np.ndarray, "n d"], w, t):            def f(x, w, t):
        return x @ w * t                                     rt.check_shapes("x: n d", x)
                                                             return x @ w * t

The annotations are jaxtyping's. What they promise makes the derivative plainer (analysis/facts.py), so
it is checked when the function runs: the line stays in what is generated, and is read again there.
"""

from __future__ import annotations

from typing import Any

import gast

from redraft.transpile import core

Dims = tuple[Any, ...]  # names and integers

ARRAY_TYPES = frozenset(
    [
        "BFloat16",
        "Bool",
        "Complex",
        "Complex64",
        "Complex128",
        "Float",
        "Float16",
        "Float32",
        "Float64",
        "Inexact",
        "Int",
        "Int8",
        "Int16",
        "Int32",
        "Int64",
        "Integer",
        "Num",
        "Real",
        "Scalar",
        "Shaped",
        "UInt",
        "UInt8",
        "UInt16",
        "UInt32",
        "UInt64",
    ]
)


def check_annotated_shapes(source: Any) -> None:
    """Put a line that checks the annotated shapes in front of a source's body."""
    arguments = source.node.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    found = [(a.id, shape_text(a.annotation)) for a in named]
    known = [(name, text) for name, text in found if text is not None]
    if not known:
        return
    spec = "; ".join(f"{name}: {text}" for name, text in known)
    check = core.call(
        "rt.check_shapes", core.constant(spec), *(core.name(name) for name, _ in known)
    )
    body = source.node.body
    line = gast.copy_location(gast.Expr(check), body[0])
    documented = isinstance(body[0], gast.Expr) and isinstance(body[0].value, gast.Constant)
    body.insert(1 if documented else 0, line)


def shape_text(annotation: Any) -> str | None:
    """The axes in ``Float[np.ndarray, "n d"]``, or None where there are none to know for certain."""
    if isinstance(annotation, gast.Constant) and isinstance(annotation.value, str):
        try:  # an annotation in quotes
            annotation = core.expression(annotation.value)
        except SyntaxError:
            return None
    if not isinstance(annotation, gast.Subscript) or not isinstance(annotation.slice, gast.Tuple):
        return None
    kind = annotation.value.attr if isinstance(annotation.value, gast.Attribute) else None
    kind = annotation.value.id if isinstance(annotation.value, gast.Name) else kind
    text = getattr(annotation.slice.elts[-1], "value", None)
    if kind not in ARRAY_TYPES or len(annotation.slice.elts) != 2 or not isinstance(text, str):
        return None
    axes = [axis_text(token) for token in text.split()]
    return None if None in axes else " ".join(map(str, axes)) or "()"


def axis_text(token: str) -> str | None:
    """An axis as the check reads it: a name, a number, or ``_``; None if it stands for several."""
    token = token.partition("=")[2] or token  # ``name=4`` only documents
    if token.startswith(("*", "...")):
        return None
    if token.isdigit():
        return str(int(token))
    return token if token.isidentifier() and not token.startswith("_") else "_"


def is_shape_check(node: Any) -> bool:
    """Is the statement such a line? No user's name is ``rt`` here (see normalize)."""
    call = getattr(node, "value", None)
    return (
        isinstance(node, gast.Expr)
        and isinstance(call, gast.Call)
        and isinstance(call.func, gast.Attribute)
        and call.func.attr == "check_shapes"
        and core.is_name(call.func.value)
        and call.func.value.id == "rt"
    )


def promised(node: gast.Expr) -> dict[str, Dims]:
    """Variables of a check, and their axes; an axis without a name gets one of its own."""
    spec, *variables = node.value.args
    shapes = [entry.partition(":")[2].replace("()", "").split() for entry in spec.value.split(";")]
    return {
        variable.id: tuple(
            int(axis) if axis.isdigit() else f"{variable.id}.{place}" if axis == "_" else axis
            for place, axis in enumerate(axes)
        )
        for variable, axes in zip(variables, shapes, strict=True)
    }
