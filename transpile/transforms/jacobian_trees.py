"""Structures of arguments and results, as expressions: what Jacobians are put together from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.batched import Array, Items, Many, Nothing, Value
from redraft.transpile.errors import TransformError
from redraft.transpile.transforms.batch_names import display_of, part_at

Path = tuple[int, ...]  # places of parts, from the outermost container inwards


@dataclass(frozen=True, eq=False)
class Leaf:
    """An array in an argument or result: where it is, an expression for it, what is known of it."""

    path: Path
    node: gast.expr
    known: Array


def refusal(message: str, hint: str | None = None) -> TransformError:
    return TransformError(message, None, hint or "use `rd.jvp` or `rd.vjp` along single directions")


def leaves(node: gast.expr, known: Value, path: Path = ()) -> Iterator[Leaf]:
    """The arrays in a value, in order."""
    if isinstance(known, Array):
        yield Leaf(path, node, known)
    elif isinstance(known, Items):
        for i, part in enumerate(known.parts):
            yield from leaves(part_of(node, known, i), part, (*path, i))
    elif not isinstance(known, Nothing):
        what = "a container of unknown length" if isinstance(known, Many) else "a function"
        raise refusal(f"a Jacobian with {what} among its arguments or results")


def containers(known: Value) -> Iterator[Items]:
    """The containers in a value of which every part is known."""
    if isinstance(known, Items):
        yield known
        for part in known.parts:
            yield from containers(part)


def part_of(node: gast.expr, known: Items, place: int) -> gast.expr:
    """A part of a value."""
    if known.kind == "object":
        return gast.Attribute(core.copy(node), known.keys[place], gast.Load())
    return part_at(node, place, known.keys[place])


def follow(node: gast.expr, known: Value, path: Path) -> tuple[gast.expr, Value]:
    """The part of a value at a path; its description is None where the structure is another one."""
    for place in path:
        if not isinstance(known, Items) or place >= len(known.parts):
            return node, None
        node, known = part_of(node, known, place), known.parts[place]
    return node, known


def word_for(base: str, leaf: Leaf, known: Value) -> str:
    """A name for a leaf: the last key on its path, if it is a word."""
    words = [base]
    for place in leaf.path:
        key = known.keys[place]
        if isinstance(key, str) and key.isidentifier():
            words = [key]
        else:
            words.append(str(key) if isinstance(key, int) else str(place))
        known = known.parts[place]
    return "_".join(words)


def rebuilt(known: Value, block: Callable[[Path], gast.expr], display: Any, path: Path = ()) -> Any:
    """An expression with the structure of a value, and `block(path)` in place of each array."""
    if isinstance(known, Nothing):
        return core.constant(None)
    if not isinstance(known, Items):
        return block(path)
    parts = [rebuilt(part, block, display, (*path, i)) for i, part in enumerate(known.parts)]
    return display(known, parts)


def display_of_tangents(known: Items, parts: list[gast.expr]) -> gast.expr:
    """Tangents or cotangents in the structure that generated code has for them."""
    if known.kind == "object":
        keys = [core.constant(k) for k in known.keys]
        return core.call("rt.Struct", gast.Dict(keys, parts))
    return display_of(known, parts)


def along_directions(known: Value, batched: bool = True) -> Value:
    """The description of tangents or cotangents, with an axis for the directions."""
    if isinstance(known, Array):
        return Array(batched, known.rank)
    if isinstance(known, Items):
        parts = tuple(along_directions(part, batched) for part in known.parts)
        return replace(known, parts=parts, cls=None)
    return known


def item(node: gast.expr, index: Any) -> gast.expr:
    """``node[index]``."""
    index = index if isinstance(index, gast.AST) else core.constant(index)
    return gast.Subscript(core.copy(node), core.copy(index), gast.Load())


def section_of(node: gast.expr, first: Any, last: Any) -> gast.expr:
    """``node[first:last]``; all of it without borders."""
    if first is None and last is None:
        return node
    borders = (None if b is None else core.copy(b) for b in (first, last))
    return gast.Subscript(node, gast.Slice(*borders, None), gast.Load())


def uses(node: gast.expr, name: str) -> int:
    """How often an expression reads a variable."""
    return sum(isinstance(n, gast.Name) and n.id == name for n in core.walk(node))
