"""Methods of containers and arrays, and functions that look at structure, under a batch axis."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import gast
import numpy as np

from redraft.transpile import core
from redraft.transpile.analysis.batched import (
    PLAIN,
    Array,
    Entries,
    Items,
    Many,
    Nothing,
    batched_like,
    is_batched,
    part_of,
    unshared,
)
from redraft.transpile.analysis.batched_ranks import rank_of_elements
from redraft.transpile.primitives import table
from redraft.transpile.transforms.batch_callbacks import BatchedCallbacks
from redraft.transpile.transforms.batch_names import (
    Result,
    dotted_name,
    located,
    part_at,
    part_of_or_none,
    shared_all,
    shown_source,
)

UNCHANGING = ("copy", "count", "index", "keys", "values", "items", "get")


class BatchedMethods(BatchedCallbacks):
    """Methods of containers and arrays, and functions that look at structure, under a batch axis."""

    def method_call(self, node: gast.Call) -> Result:
        owner, known = self.expression(node.func.value)
        attr = node.func.attr
        if isinstance(known, (Items, Many, Entries)) and known.kind != "object":
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
        args = [(owner, known), *args]
        defined = self.beyond(row, args, keywords)
        if defined is not None:
            new = gast.Call(core.expression(row.name), [n for n, _ in args], named)
            return self.function_call(node, defined, gast.copy_location(new, node), args, keywords)
        return self.row_call(node, row, None, args, keywords)

    def container_method(self, node: gast.Call, owner: Any, known: Any, attr: str) -> Result:
        handler = getattr(self, f"{known.kind}_{attr}", None)
        if handler is None:
            if not is_batched(known) and not any(self.quiet(a) for a in node.args):
                if core.is_name(owner) and attr not in UNCHANGING:
                    self.only_holder(known, node)
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
        if self.lines is None or (core.is_name(owner) and not self.is_mine(owner.id)):
            raise self.refuse(
                node, "a list that grows or shrinks for some examples only",
                "keep the values in an array, and use `np.where`",
            )  # fmt: skip
        if not core.is_name(owner):
            raise self.refuse(node, "a change of a part of a container", "give the part a name")
        return owner.id

    def list_append(self, node: gast.Call, owner: Any, known: Any) -> Result:
        mine = core.is_name(owner) and self.is_mine(owner.id)
        if (
            self.regions
            and self.lines is not None
            and not (mine and isinstance(known, (Items, Many)))
        ):
            return self.entries_append(node, owner, known)
        name = self.changed(node, owner)
        value, part = self.expression(node.args[0])
        known = self.env[name]
        value, part = self.settled(value, part), shared_all(part)
        self.share_node(value)
        if isinstance(known, Items):
            parts = (*known.parts, part)
            self.describe_anew(name, Items("list", tuple(range(len(parts))), parts), node)
        else:
            old = known.part
            if not isinstance(old, Nothing) and is_batched(old) and not is_batched(part):
                value, part = self.for_each(value), batched_like(part)
            elif not isinstance(old, Nothing) and is_batched(part) and not is_batched(old):
                raise self.refuse(
                    node, f"`{name}` holds values that are not batched, and gets one that is",
                    "put batched values into it from the start",
                )  # fmt: skip
            self.describe_anew(name, Many("list", self.join_values(old, part, node)), node)
        return gast.Call(gast.Attribute(owner, "append", gast.Load()), [value], []), Nothing()

    def describe_anew(self, name: str, new: Any, place: Any) -> None:
        """A container has changed: refuse it where others may hold it, and are taken to know it."""
        old = self.env[name]
        if unshared(old) != unshared(new):
            if old.shared:
                self.only_holder(old, place)
            self.env[name] = replace(new, shared=old.shared)

    def list_insert(self, node: gast.Call, owner: Any, known: Any) -> Result:
        if self.regions and self.lines is not None:
            return self.entries_insert(node, owner, known)
        name = self.changed(node, owner)
        place, of_place = self.expression(node.args[0])
        value, part = self.expression(node.args[1])
        value, part = self.settled(value, part), shared_all(part)
        self.share_node(value)
        known, at = self.env[name], table.literal(place)
        if isinstance(known, Items) and isinstance(at, int):
            parts = list(known.parts)
            parts.insert(at, part)
            new: Any = Items("list", tuple(range(len(parts))), tuple(parts))
        else:
            kept = self.common(known, owner, node) if known != Items("list", (), ()) else part
            if is_batched(of_place) or is_batched(kept) != is_batched(part):
                raise self.refuse(
                    node, "`insert` of this value into this list", "build a new list with `+`"
                )
            new = Many("list", self.join_values(kept, part, node))
        self.describe_anew(name, new, node)
        func = gast.Attribute(owner, "insert", gast.Load())
        return gast.Call(func, [place, value], []), Nothing()

    def list_extend(self, node: gast.Call, owner: Any, known: Any) -> Result:
        if self.regions:
            raise self.refuse(
                node, "`extend` for some examples only", "append the values, one by one"
            )
        name = self.changed(node, owner)
        value, more = self.expression(node.args[0])
        known = self.env[name]
        if not all(
            isinstance(v, (Items, Many)) and v.kind in ("list", "tuple") for v in (known, more)
        ):
            raise self.refuse(node, "`extend` by this value", "extend by a list")
        _, new = self.sequences(node, None, known, replace(more, kind="list"), gast.Add())
        self.describe_anew(name, replace(new, shared=False), node)
        return gast.Call(gast.Attribute(owner, "extend", gast.Load()), [value], []), Nothing()

    def list_copy(self, node: gast.Call, owner: Any, known: Any) -> Result:
        new = gast.Call(gast.Attribute(owner, "copy", gast.Load()), [], [])
        return new, replace(known, shared=False)

    def list_reverse(self, node: gast.Call, owner: Any, known: Any) -> Result:
        name = self.changed(node, owner)
        if isinstance(known, Items):
            self.describe_anew(name, replace(known, parts=known.parts[::-1]), node)
        return gast.Call(gast.Attribute(owner, "reverse", gast.Load()), [], []), Nothing()

    def pops_pulled_out(self, statement: Any) -> Any:
        """``y = f(xs.pop())`` as ``item = xs.pop()`` and ``y = f(item)``.

        The change of the list may come first where nothing else in the statement can see it.
        """
        if not isinstance(statement, (gast.Assign, gast.AugAssign, gast.Return, gast.Expr)):
            return statement
        pops = [] if statement.value is None else list(filter(is_pop, core.walk(statement.value)))
        whole = is_pop(statement.value) and not isinstance(statement, gast.AugAssign)
        if not pops or whole or not self.may_come_first(pops, statement):
            return statement
        named, statement = {}, core.copy(statement)  # a loop's body is seen more than once
        for pop in [n for n in core.walk(statement.value) if is_pop(n)]:
            name = self.free("item")
            self.statement = located(gast.Assign([core.store(name)], pop, None), statement)
            self.assign_name(name, self.statement)
            named[pop] = core.name(name)
        return Renaming(named).visit(statement)

    def may_come_first(self, pops: list[Any], statement: Any) -> bool:
        """Are the lists seen by nothing else, and is all of the statement evaluated?"""
        walked = list(core.walk(statement))
        read = [n.id for n in walked if core.is_name(n)]
        if any(
            isinstance(n, (gast.IfExp, gast.BoolOp, *core.FUNCTIONS, *COMPREHENSIONS))
            for n in walked
        ):
            return False
        calls = [n for n in walked if isinstance(n, gast.Call) and n not in pops]
        known = all(table.row_of(self.scope.value(c.func)) is not None for c in calls)
        return known and all(read.count(pop.func.value.id) == 1 for pop in pops)

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
            self.describe_anew(name, Many("list", part), node)
            return new, part
        parts = list(known.parts)
        part = parts.pop(place)
        self.describe_anew(name, Items("list", tuple(range(len(parts))), tuple(parts)), node)
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
                np.sum: self.call_total, np.mean: self.call_total, max: self.extreme, min: self.extreme, all: self.call_reduce, any: self.call_reduce, map: self.call_map,
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
        if len(node.args) == 2 and self.scope.value(node.func) is np.size:
            return self.length_along(*node.args)
        if len(node.args) != 1 or node.keywords:
            return None
        attr = node.func.attr if isinstance(node.func, gast.Attribute) else node.func.id
        value, known = self.expression(node.args[0])
        if not (isinstance(known, Array) and known.batched):
            return None
        new = gast.Attribute(value, attr, gast.Load())
        return self.array_attribute(located(gast.Attribute(node.args[0], attr, gast.Load()), node),
                                    value, known, new)  # fmt: skip

    def length_along(self, array: Any, axis: Any) -> Result | None:
        """``np.size(x, axis)``."""
        (value, known), place = self.expression(array), table.literal(axis)
        if not isinstance(known, Array) or not known.batched or type(place) is not int:
            return None
        shape = gast.Attribute(value, "shape", gast.Load())
        index = core.constant(place + 1 if place >= 0 else place)
        if place < 0 and not known.rank:
            return None
        return gast.Subscript(shape, index, gast.Load()), Array(False, 0)

    def call_print(self, node: gast.Call) -> Result | None:
        if any(isinstance(a, gast.Starred) for a in node.args):
            return None
        pairs = [self.expression(a) for a in node.args]
        keywords = {k.arg: self.expression(k.value) for k in node.keywords}
        if self.masked:
            self.refuse_effect(node)
        if any(is_batched(k) for _, k in (*pairs, *keywords.values())):
            raise self.refuse(
                node, "`print` of a batched value would print the whole batch",
                "use `rd.debug.print`, which prints once for each example",
            )  # fmt: skip
        named = [gast.keyword(k, n) for k, (n, _) in keywords.items()]
        return gast.Call(core.copy(node.func), [n for n, _ in pairs], named), Nothing()

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
        self.keeping += 1
        try:
            iterable, part = self.iterable(inner)
        finally:
            self.keeping -= 1
        if not is_batched(part):
            return gast.Call(core.copy(node.func), [iterable], []), PLAIN
        return gast.Call(core.copy(node.func), [iterable], []), Many(node.func.id, shared_all(part))

    def call_dict(self, node: gast.Call) -> Result | None:
        if node.args or any(k.arg is None for k in node.keywords):
            return None
        pairs = [(k.arg, *self.expression(k.value)) for k in node.keywords]
        new = gast.Call(core.copy(node.func), [], [gast.keyword(k, n) for k, n, _ in pairs])
        keys = tuple(k for k, _, _ in pairs)
        return new, Items("dict", keys, tuple(shared_all(v) for _, _, v in pairs))

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
        new: gast.expr = gast.Call(core.copy(node.func), [iterable, *(n for n, _ in rest)], [])
        if core.is_name(iterable) and not rest and not self.has_items(iterable):
            new = self.or_zeros(iterable, new)
            part = part if part.rank == 0 else Array(True, None)
        return new, Array(True, part.rank, True)

    def has_items(self, node: gast.Name) -> bool:
        """Is it known that a container is not empty?"""
        known = self.env.get(node.id)
        return not isinstance(known, Many) and known != Items("list", (), ())

    def call_reduce(self, node: gast.Call) -> Result | None:
        iterable, part = self.iterable(node.args[0])
        if is_batched(part):
            raise self.refuse(node, "`all`/`any` of batched values", "use `np.all` or `np.any`")
        return gast.Call(core.copy(node.func), [iterable], []), Array(False, 0)

    def call_map(self, node: gast.Call) -> Result | None:
        for argument in node.args:
            if self.quiet(argument) if not isinstance(argument, gast.Lambda) else False:
                raise self.refuse(
                    node, f"`{shown_source(node.func)}` over batched values is not supported",
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
                return new, Array(True, known.rank, dotted_name(node.func) == "np.array")
        if not isinstance(known, (Items, Many)) or not is_batched(known):
            return None
        if node.keywords or known.kind == "dict":
            raise self.refuse(node, "`np.array` with options of batched values", "use `np.stack`")
        return self.stacked(value, known, node)

    def stacked(self, value: Any, known: Any, place: Any) -> Result:
        """A list of arrays or numbers, or of such lists, as one array."""
        if not is_batched(known):
            rank = rank_of_elements(known)
            return core.call("np.array", value), Array(
                False, None if rank is None else rank + 1, True
            )
        if isinstance(known, Items) and (core.is_name(value) or isinstance(value, DISPLAYS)):
            pairs = [(part_at(value, i, i), p) for i, p in enumerate(known.parts)]
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


DISPLAYS = (gast.List, gast.Tuple)
COMPREHENSIONS = (gast.ListComp, gast.DictComp, gast.SetComp, gast.GeneratorExp)


class Renaming(gast.NodeTransformer):
    """Puts names in the place of calls."""

    def __init__(self, named: dict[Any, gast.Name]) -> None:
        self.named = named

    def visit_Call(self, node: gast.Call) -> Any:
        return self.named.get(node) or self.generic_visit(node)


def is_pop(node: Any) -> bool:
    """Is this ``xs.pop()``?"""
    is_method = isinstance(node, gast.Call) and isinstance(node.func, gast.Attribute)
    return is_method and node.func.attr == "pop" and core.is_name(node.func.value)
