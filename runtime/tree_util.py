"""Pytrees, with JAX's names: `redraft.tree_util`. optree walks them.

As in JAX, None is no leaf, and a dict has its leaves in the order of its sorted keys. Dataclasses are
open: the first one of a class that is met is registered with optree, with its fields as children.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable
from typing import Any

from redraft.runtime import tree as registry
from redraft.runtime.cotangents import as_tangent, like
from redraft.runtime.memory import TRACE

NAMESPACE = "redraft"
NO_VALUE = object()
IsLeaf = Callable[[Any], bool] | None


def tree_flatten(tree: Any, is_leaf: IsLeaf = None) -> tuple[list[Any], Any]:
    """The leaves of a tree, and its structure.

    Args:
        tree: tuples, lists, dicts, NamedTuples, dataclasses and objects of registered classes.
        is_leaf: says of a container whether it is taken for a leaf.

    Returns:
        A list, and a structure with ``num_leaves`` and ``unflatten(leaves)``.
    """
    import optree

    tree = _readable(tree)
    while True:
        leaves, structure = optree.tree_flatten(tree, is_leaf, namespace=NAMESPACE)
        if not _open_dataclasses(leaves, is_leaf):
            return leaves, structure


def _readable(tree: Any) -> Any:
    """While a function is traced for `jit`: lists as lists, and arrays as they are now."""
    if not TRACE.memories:
        return tree
    from redraft.transpile.jit_call import mapped

    return mapped(TRACE.memories[-1].current, tree)


def _open_dataclasses(leaves: list[Any], is_leaf: IsLeaf) -> bool:
    """Register the classes of leaves that are dataclasses; was there one?"""
    found = {
        type(x) for x in leaves if registry.is_pytree_object(x) and not (is_leaf and is_leaf(x))
    }
    for cls in found:
        _open(cls)
    return bool(found)


def _open(cls: type) -> None:
    import optree

    names = tuple(f.name for f in dataclasses.fields(cls))

    def flatten(x: Any) -> tuple:
        return [getattr(x, n) for n in names], _Beside(x, names), names

    optree.register_pytree_node(
        cls, flatten, lambda beside, new: beside.with_fields(new),
        path_entry_type=optree.GetAttrEntry, namespace=NAMESPACE,
    )  # fmt: skip


class _Beside:
    """An object of a dataclass without its fields: what else it holds is kept."""

    def __init__(self, x: Any, names: tuple[str, ...]) -> None:
        self.cls, self.names = type(x), names
        self.held = {k: v for k, v in getattr(x, "__dict__", {}).items() if k not in names}

    def with_fields(self, values: Iterable[Any]) -> Any:
        """An object with these fields; its constructor does not run."""
        new = self.cls.__new__(self.cls)
        for name, value in (*self.held.items(), *zip(self.names, values, strict=True)):
            object.__setattr__(new, name, value)
        return new

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, _Beside) and self.cls is other.cls

    def __hash__(self) -> int:
        return hash(self.cls)


def tree_leaves(tree: Any, is_leaf: IsLeaf = None) -> list[Any]:
    """The leaves of a tree."""
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree: Any, is_leaf: IsLeaf = None) -> Any:
    """The structure of a tree: equal for trees that differ in their leaves alone."""
    return tree_flatten(tree, is_leaf)[1]


def tree_unflatten(treedef: Any, leaves: Iterable[Any]) -> Any:
    """The tree of a structure with these leaves.

    Raises:
        ValueError: there are more or fewer of them than the structure has.
    """
    return treedef.unflatten(leaves)


def tree_parts(treedef: Any, tree: Any) -> list[Any]:
    """What a tree has in the places of the leaves of a structure.

    Raises:
        ValueError: the tree does not begin with that structure.
    """
    tree = _readable(tree)
    _open_dataclasses(tree_leaves(tree), None)
    return treedef.flatten_up_to(tree)


def tree_map(f: Callable, tree: Any, *rest: Any, is_leaf: IsLeaf = None) -> Any:
    """The tree with `f` applied to its leaves, and to those of further trees beside them.

    Args:
        f: called with a leaf of `tree` and what is in its place in each of `rest`.
        tree: a tree.
        rest: trees that begin with the structure of `tree`.
        is_leaf: says of a container whether it is taken for a leaf.

    Raises:
        ValueError: the structures do not fit together.
    """
    leaves, structure = tree_flatten(tree, is_leaf)
    others = [tree_parts(structure, other) for other in rest]
    return structure.unflatten([f(*xs) for xs in zip(leaves, *others, strict=True)])


def tree_reduce(
    function: Callable, tree: Any, initializer: Any = NO_VALUE, is_leaf: IsLeaf = None
) -> Any:
    """``functools.reduce`` over the leaves of a tree."""
    leaves = tree_leaves(tree, is_leaf)
    if initializer is NO_VALUE:
        return functools.reduce(function, leaves)
    return functools.reduce(function, leaves, initializer)


def tree_all(tree: Any, *, is_leaf: IsLeaf = None) -> bool:
    """Are all leaves true?"""
    return all(tree_leaves(tree, is_leaf))


def tree_transpose(outer_treedef: Any, inner_treedef: Any, pytree_to_transpose: Any) -> Any:
    """A tree of trees inside out: ``[(a, b), (c, d)]`` becomes ``([a, c], [b, d])``.

    Args:
        outer_treedef: structure of the outer tree.
        inner_treedef: structure of each of its leaves; None for that of the first.
        pytree_to_transpose: the tree.

    Raises:
        TypeError: the tree is not made of these structures.
    """
    parts = outer_treedef.flatten_up_to(pytree_to_transpose)
    if inner_treedef is None:
        inner_treedef = tree_structure(parts[0])
    if any(tree_structure(part) != inner_treedef for part in parts):
        raise TypeError(f"tree_transpose: not every part has the structure {inner_treedef}")
    columns = zip(*map(tree_leaves, parts), strict=True)
    return inner_treedef.unflatten([outer_treedef.unflatten(column) for column in columns])


def all_leaves(iterable: Iterable[Any], is_leaf: IsLeaf = None) -> bool:
    """Is each of these a leaf?"""
    items = list(iterable)
    found = tree_leaves(items, is_leaf)
    return len(found) == len(items) and all(a is b for a, b in zip(found, items, strict=True))


# --- paths


@dataclasses.dataclass(frozen=True)
class DictKey:
    """A key of a dict on the path to a leaf."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"


@dataclasses.dataclass(frozen=True)
class SequenceKey:
    """A place in a list or tuple on the path to a leaf."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"


@dataclasses.dataclass(frozen=True)
class GetAttrKey:
    """An attribute of an object on the path to a leaf."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"


@dataclasses.dataclass(frozen=True)
class FlattenedIndexKey:
    """The number of a child of an object on the path to a leaf."""

    key: int

    def __str__(self) -> str:
        return f"[<flat index {self.key}>]"


def keystr(keys: Iterable[Any], *, simple: bool = False, separator: str = "") -> str:
    """A path as text, such as ``['layers'][0].weight``.

    Args:
        keys: the path.
        simple: names and numbers alone.
        separator: what stands between them.
    """
    if not simple:
        return separator.join(map(str, keys))
    return separator.join(str(next(iter(vars(key).values()))) for key in keys)


def tree_flatten_with_path(tree: Any, is_leaf: IsLeaf = None) -> tuple[list[tuple], Any]:
    """Pairs of a path and a leaf, and the structure of the tree."""
    import optree

    leaves, structure = tree_flatten(tree, is_leaf)
    paths = [tuple(map(_key, path)) for path in optree.treespec_accessors(structure)]
    return list(zip(paths, leaves, strict=True)), structure


def _key(entry: Any) -> Any:
    import optree

    if isinstance(entry.entry, (DictKey, SequenceKey, GetAttrKey, FlattenedIndexKey)):
        return entry.entry
    if isinstance(entry, optree.NamedTupleEntry):
        return GetAttrKey(entry.field)
    if isinstance(entry, optree.GetAttrEntry):
        return GetAttrKey(entry.entry)
    if isinstance(entry, optree.MappingEntry):
        return DictKey(entry.entry)
    if isinstance(entry, optree.SequenceEntry):
        return SequenceKey(entry.entry)
    return FlattenedIndexKey(entry.entry)


def tree_paths(tree: Any, is_leaf: IsLeaf = None) -> list[tuple]:
    """The paths to the leaves of a tree."""
    return [path for path, _ in tree_flatten_with_path(tree, is_leaf)[0]]


def tree_leaves_with_path(tree: Any, is_leaf: IsLeaf = None) -> list[tuple]:
    """Pairs of a path and a leaf."""
    return tree_flatten_with_path(tree, is_leaf)[0]


def tree_map_with_path(f: Callable, tree: Any, *rest: Any, is_leaf: IsLeaf = None) -> Any:
    """As `tree_map`; `f` gets the path of each leaf first."""
    pairs, structure = tree_flatten_with_path(tree, is_leaf)
    others = [tree_parts(structure, other) for other in rest]
    return structure.unflatten([f(*p, *xs) for p, *xs in zip(pairs, *others, strict=True)])


# --- classes


def register_pytree_node(nodetype: type, flatten_func: Any, unflatten_func: Any) -> None:
    """Make a class a pytree node, for redraft and optree (in the namespace ``"redraft"``).

    Args:
        nodetype: the class.
        flatten_func: object -> (children, data); the data are part of the structure.
        unflatten_func: (data, children) -> object. It must take any children, not arrays alone.

    Raises:
        ValueError: it is registered already.
    """
    registry.register(nodetype, flatten_func, unflatten_func)


def register_pytree_node_class(cls: type) -> type:
    """As `register_pytree_node`, for a class with methods ``tree_flatten`` and ``tree_unflatten``."""
    register_pytree_node(cls, cls.tree_flatten, cls.tree_unflatten)  # type: ignore[attr-defined]
    return cls


def register_dataclass(
    nodetype: type, data_fields: Any = None, meta_fields: Any = None, drop_fields: Any = ()
) -> type:
    """Say which fields of a dataclass are children, and which are part of the structure.

    Args:
        nodetype: the class, which takes its fields as keyword arguments.
        data_fields: names of the children; if neither these nor `meta_fields` are given, all but those
            that are marked with ``dataclasses.field(metadata={"static": True})``.
        meta_fields: names of the fields that are part of the structure: they are compared and hashed.
        drop_fields: names of fields that are left out, and get their defaults.

    Returns:
        The class.

    Raises:
        TypeError: one of `data_fields` and `meta_fields` is missing, or it is no dataclass.
        ValueError: the names are not those of the fields.
    """
    data, meta = _fields_of_class(nodetype, data_fields, meta_fields, drop_fields)

    def flatten(x: Any) -> tuple:
        return [getattr(x, n) for n in data], tuple(getattr(x, n) for n in meta)

    def unflatten(held: tuple, children: Iterable[Any]) -> Any:
        return nodetype(
            **dict(zip(data, children, strict=True)), **dict(zip(meta, held, strict=True))
        )

    registry.register(nodetype, flatten, unflatten, data)
    return nodetype


def _fields_of_class(
    cls: type, data: Any, meta: Any, dropped: Any
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if (data is None) != (meta is None):
        raise TypeError(
            "register_dataclass: data_fields and meta_fields must be given both or not at all"
        )
    if data is None:
        if not dataclasses.is_dataclass(cls):
            raise TypeError(
                "register_dataclass: name data_fields and meta_fields of what is no dataclass"
            )
        fields = [f for f in dataclasses.fields(cls) if f.init and f.name not in dropped]
        meta = [f.name for f in fields if f.metadata.get("static", False)]
        data = [f.name for f in fields if f.name not in meta]
    elif dataclasses.is_dataclass(cls):
        wanted = {f.name for f in dataclasses.fields(cls) if f.init} - set(dropped)
        given = {*data, *meta}
        if given != wanted:
            raise ValueError(
                f"register_dataclass: data_fields and meta_fields of {cls.__name__} must be its fields; "
                f"missing: {sorted(wanted - given)}, unknown: {sorted(given - wanted)}"
            )
    return tuple(data), tuple(meta)


class Partial(functools.partial):
    """A ``functools.partial`` that is a pytree: the arguments are its children, the function is not."""


def _flatten_partial(partial: Partial) -> tuple:
    return (partial.args, partial.keywords), partial.func


def _unflatten_partial(function: Any, children: Iterable[Any]) -> Partial:
    args, keywords = children
    return Partial(function, *args, **keywords)


registry.register(Partial, _flatten_partial, _unflatten_partial)


# --- derivatives


def tree_bar(treedef: Any, tree: Any, bars: list[Any]) -> Any:
    """The cotangent of a tree from those of what it has in the places of a structure's leaves."""
    return as_tangent(treedef.unflatten(bars), tree)


def bar_parts(treedef: Any, z_bar: Any, tree: Any) -> list[Any]:
    """Cotangents of what a tree has in the places of a structure's leaves: transpose of `tree_bar`."""
    return tree_parts(treedef, like(z_bar, tree))
