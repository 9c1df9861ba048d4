"""Give a function a batch axis (vmap).

Before::                                  After (x batched, w not)::

    def f(w, x):                              def f_vmap(w, x):
        h = np.tanh(x @ w)                        h = np.tanh(x @ w)
        if h[0] > 0:                              return np.where((h[:, 0] > 0)[:, None], 2 * h, h)
            h = 2 * h
        return h

The pass reads the function as the user wrote it, with one exit (front/exits.py), and goes through it
in the order of evaluation. It knows of every variable which of its parts have a batch axis
(analysis/batched.py), always the first one, and asks the table for the batched form of every call.
What no batched value reaches stays as it is.

A branch on a batched test runs for all examples, under a mask that says whose it is: what it assigns
is selected by the mask. A loop on a batched test runs until the mask of those that are not done is empty.
What a mask cannot undo (output, exceptions, growing lists) is refused there.

Not done here: the rules (primitives/batching.py) and how arguments become descriptions (vmap.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import gast
import numpy

from redraft import runtime
from redraft.transpile import core
from redraft.transpile.analysis.batched import (
    BATCHED,
    PLAIN,
    Array,
    Clash,
    Closure,
    Items,
    Many,
    Nothing,
    Value,
    batched_like,
    is_batched,
    join,
    join_all,
    part_of,
)
from redraft.transpile.analysis.liveness import mark_live
from redraft.transpile.errors import TransformError
from redraft.transpile.front.exits import structure_exits
from redraft.transpile.front.scope import Scope
from redraft.transpile.front.source import Origin, Source
from redraft.transpile.primitives import table
from redraft.transpile.transforms.batch_expressions import (
    BatchedExpressions,
    _at,
    _display,
    _part,
    _shared_all,
)

Env = dict[str, Value]


@dataclass
class Region:
    """A stretch of code that counts for some examples only; `live`: names that are read after it."""

    mask: str
    live: set[str]


@dataclass(eq=False)
class Version:
    """A function, batched for one description of its arguments."""

    name: str
    result: Value
    written: bool = False
    used: bool = False


@dataclass(eq=False)
class Batches:
    """All functions that one `vmap` writes: one version per function and description."""

    unit: Any
    versions: dict[Any, Version] = field(default_factory=dict)
    made: dict[Any, Any] = field(default_factory=dict)
    copies: bool = False  # some function changes arrays in place: numbers that it reads are copied
    changes: bool = False

    def version(self, source: Source, env: Env, refuse: Any, masked: bool = False) -> Version:
        """The version of a function for these arguments; written at the first request."""
        key = (source, masked, tuple(sorted(env.items(), key=lambda item: item[0])))
        found = self.versions.get(key)
        if found is not None:
            if not found.written and masked:
                raise refuse(
                    "a recursion that each example ends on its own would never end",
                    "write a `while` loop, which examples leave one by one",
                )
            found.used = True
            return found
        base = core.base(source.name)
        found = Version(self.unit.name_function(f"{base}_vmap"), BATCHED)
        self.versions[key] = found
        start = len(self.unit.functions)
        for _ in range(4):  # a recursive function: until what it is taken to give is what it gives
            del self.unit.functions[start:]
            found.used = False
            result = write_batched(self, source, env, found.name, masked)
            if not found.used or result == found.result:
                found.result, found.written = result, True
                return found
            found.result = result
        raise refuse(
            "the result of this recursive function is batched in one call and not in another", None
        )


def write_batched(
    batches: Batches, source: Source, env: Env, name: str, masked: bool = False
) -> Value:
    """Write one version of a function into the unit; returns the description of its result."""
    batcher = Batcher(batches, source, env)
    batcher.conditional = masked
    body = batcher.function()
    value = batcher.finish_returned(body)
    add_function(batches.unit, source, name, source.node.args, body, batched_names(env))
    return value


def batched_names(env: Env) -> list[str]:
    """Parameters that have a batch axis anywhere."""
    return [name for name, value in env.items() if is_batched(value)]


def add_function(
    unit: Any, source: Source, name: str, arguments: Any, body: list[Any], shown: list[str]
) -> Source:
    """Add a batched function to the unit."""
    text = ", ".join(shown[:-1]) + (" and " if len(shown) > 1 else "") + (shown or ["nothing"])[-1]
    place = f"{core.base(source.name)} ({source.place})"
    return add_source(unit, source, name, arguments, body, f"{place} for a batch of {text}.")


def add_source(
    unit: Any, source: Source, name: str, arguments: Any, body: list[Any], docstring: str
) -> Source:
    """Add a function to the unit as it is; returns it as a source."""
    from redraft.transpile.transforms.build import definition

    node = definition(name, arguments, body, docstring)
    numbered = unit.bind_globals(node, source)
    unit.functions.append(node)
    generated = Source(node, source.file, source.lines, source.globals, source.cells)
    generated.captured, generated.renamed = source.captured, source.renamed
    generated.extras = {**source.extras, **numbered}
    generated.generated, generated.plain_names = True, source.plain_names
    generated.modules = {"np": numpy, "rt": runtime}
    generated.local_functions = unit.written
    unit.written[name] = replace(generated, captured=())
    return generated


class Batcher(BatchedExpressions):
    """Rewrites one function.

    Attributes:
        env: what is known of the variables at this point.
        regions: the masks under which the code at this point stands, outermost first.
        partial: variables that have a value for some examples only, and the masks of those.
        lines: statements to put in front of the one that is rewritten.
    """

    def __init__(self, batches: Batches, source: Source, env: Env, inner: bool = False) -> None:
        self.batches, self.unit, self.source = batches, batches.unit, source
        self.parameters = source.parameters
        self.env: Env = dict(env)
        self.start: Env = dict(env)
        self.inner = inner
        self.body = readable(structure_exits(_without_docstring(core.copy(source.node.body))))
        local = set(self.parameters) | core.writes(self.body)
        self.scope = Scope(source, local, self.unit.dependencies)
        self.taken = _names_in(self.body) | local | self.unit.names
        self.regions: list[Region] = []
        self.partial: dict[str, set[str]] = {}
        self.lines: list[gast.stmt] | None = []
        self.definitions: dict[str, Any] = {}
        self.size_used = False
        self.index_values: dict[int, Value] = {}
        self.placed: dict[str, list[Any]] = {}
        self.closures: dict[Any, Version] = {}
        self.conditional = False
        self.outer: Batcher | None = None
        self.size_name = self.free("batch")
        self.statement: Any = None
        self.captured = _captured(self.body)
        self.flags = getattr(self.body[0], "exit_flags", frozenset())
        mark_live(self.body, set())

    # --- small things

    def refuse(self, node: Any, message: str, hint: str) -> TransformError:
        span = self.source.span(node) or self.source.span(self.statement) or None
        return TransformError(message, span, hint)

    def free(self, wanted: str) -> str:
        """A name that the function does not use."""
        name, number = wanted, 1
        while name in self.taken:
            number += 1
            name = f"{wanted}_{number}"
        self.taken.add(name)
        return name

    def size(self) -> gast.expr:
        """The number of examples."""
        self.size_used = True
        return core.name(self.size_name)

    @property
    def masked(self) -> bool:
        """Does the code at this point count for some examples only?"""
        return bool(self.regions) or self.conditional or self.choosing > 0

    choosing = 0

    def settled(self, node: gast.expr, known: Value) -> gast.expr:
        """A value that is kept: the number of an example is no view of the array it was read from."""
        is_read = isinstance(node, gast.Subscript) and isinstance(known, Array) and known.batched
        if not is_read or not self.batches.copies or known.rank:
            return node
        if known.rank is None:
            raise self.refuse(
                node, "a part of an array of unknown rank beside changes in place: it may be a number "
                "or a view", "call the batched function itself, so that ranks are known",
            )  # fmt: skip
        return core.call("np.copy", node)

    def emit(self, statement: gast.stmt) -> None:
        statement.origin = Origin(self.source, self.statement)
        self.lines.append(statement)

    def temporary(self, node: gast.expr, wanted: str = "t") -> gast.Name:
        """A name for a value that is needed more than once."""
        name = self.free(wanted)
        self.emit(core.assign(name, node))
        return core.name(name)

    # --- the function

    def function(self) -> list[gast.stmt]:
        """The batched body; the last statement returns a value of description `self.result`."""
        *body, last = self.body
        out = self.block(body)
        self.statement = last
        self.lines = []
        node, self.result = self.expression(last.value)
        node = self.settled(node, self.result)
        if isinstance(self.result, Nothing) and self.result.unset:
            self.result = Nothing()
        end = gast.Return(node)
        end.origin = Origin(self.source, last)
        end.silent = True
        out += [*self.lines, end]
        return out if self.inner else join_conversions(expand_definitions(out, self.placed))

    def finish_returned(self, body: list[gast.stmt]) -> Value:
        """Put the definition of the batch size in front, where it is used."""
        if self.size_used and not self.inner:
            size = size_of(self.start)
            if size is None:
                raise self.refuse(self.source.node, "no argument tells the size of the batch",
                                  "pass `axis_size`")  # fmt: skip
            body.insert(0, core.assign(self.size_name, size))
        return self.result

    def block(self, body: list[gast.stmt]) -> list[gast.stmt]:
        out: list[gast.stmt] = []
        for statement in body:
            saved, self.lines = self.lines, []
            self.statement = statement
            visit = getattr(self, "stmt_" + type(statement).__name__, None)
            if visit is None:
                raise self.unsupported(statement)
            visit(statement)
            out += self.lines
            self.lines = saved
        return out

    def unsupported(self, node: gast.stmt) -> TransformError:
        return self.refuse(
            node, f"`{type(node).__name__.lower()}` is not supported under vmap",
            "move it into the code that calls the batched function",
        )  # fmt: skip

    def stmt_Pass(self, node: gast.Pass) -> None:
        pass

    def stmt_Break(self, node: gast.Break) -> None:
        self.emit(gast.Break())

    def stmt_Expr(self, node: gast.Expr) -> None:
        if isinstance(node.value, gast.Constant):
            return
        value, _ = self.expression(node.value)
        if not self.is_change(node.value):
            self.refuse_effect(node.value)
        self.emit(gast.Expr(value))

    def is_change(self, node: Any) -> bool:
        """Is this ``xs.append(v)`` or its like, which is checked where it is rewritten?"""
        return isinstance(node, gast.Call) and isinstance(node.func, gast.Attribute) and (
            node.func.attr in ("append", "pop", "extend", "only_arrays")
        )  # fmt: skip

    def refuse_effect(self, node: gast.expr) -> None:
        """Refuse a call for its effect where it counts for some examples only."""
        if self.masked:
            raise self.refuse(
                node, "a call for its effect under a batched condition would run for every example",
                "move it out of the branch, or compute values there and act on them outside of vmap",
            )  # fmt: skip

    def stmt_Raise(self, node: gast.Raise) -> None:
        if self.masked:
            raise self.refuse(
                node, "`raise` under a batched condition would concern every example",
                "return a value that says what happened, and check it outside of vmap",
            )  # fmt: skip
        self.expression_if(node.exc)
        self.emit(core.copy(node))

    def expression_if(self, node: Any) -> None:
        if node is not None and is_batched(self.expression(node)[1]):
            raise self.refuse(
                node, "a batched value is used where one value is wanted", "leave it out here"
            )

    def stmt_Assert(self, node: gast.Assert) -> None:
        test, value = self.expression(node.test)
        if not is_batched(value):
            self.emit(gast.Assert(test, core.copy(node.msg)))
            return
        if self.regions:
            raise self.refuse(
                node, "`assert` of a batched test under a batched condition is not supported",
                "check it outside of vmap",
            )  # fmt: skip
        self.expression_if(node.msg)
        self.emit(gast.Assert(core.call("np.all", test), core.copy(node.msg)))

    def stmt_Import(self, node: Any) -> None:
        self.emit(core.copy(node))

    stmt_ImportFrom = stmt_Import

    def stmt_Delete(self, node: gast.Delete) -> None:
        if not all(core.is_name(t) for t in node.targets):
            raise self.unsupported(node)

    def stmt_With(self, node: gast.With) -> None:
        for item in node.items:
            self.expression_if(item.context_expr)
        body = self.block(node.body)
        self.emit(gast.With(core.copy(node.items), body or [gast.Pass()], None))

    # --- assignments

    def stmt_AnnAssign(self, node: gast.AnnAssign) -> None:
        if node.value is not None:
            self.stmt_Assign(gast.Assign([node.target], node.value, None))

    def stmt_Assign(self, node: gast.Assign) -> None:
        first = node.targets[0]
        if len(node.targets) == 1 and core.is_name(first):
            self.assign_name(first.id, node)
            return
        pairs = self.parallel(first, node.value)
        if len(node.targets) == 1 and pairs and not self.regions:
            self.assign_pairs(first, node.value)
            return
        value, known = self.expression(node.value)
        if len(node.targets) > 1 or not core.is_name(value):
            if len(node.targets) == 1 and not self.regions and self.simple(first, known):
                places = self.unpacked(first, known)
                self.emit(gast.Assign([core.copy(first)], value, None))
                for name, part in places:
                    self.set(name, part)
                return
            plain = core.is_name(value) or isinstance(value, gast.Constant)
            if not plain and not isinstance(first, (gast.Subscript, gast.Attribute)):
                value = self.temporary(value, "value")
        for target in node.targets:
            self.assign(target, core.copy(value), _shared_all(known))

    def simple(self, target: Any, known: Value) -> bool:
        """Is this an unpacking to plain names of a value that Python can unpack as it is?"""
        names = isinstance(target, (gast.Tuple, gast.List)) and all(map(core.is_name, target.elts))
        if not names or (isinstance(known, Array) and known.batched):
            return False
        return not any(e.id in self.kept() for e in target.elts)

    def unpacked(self, target: Any, known: Value) -> list[tuple[str, Value]]:
        return [(e.id, _shared_all(self.item(known, i, target))) for i, e in enumerate(target.elts)]

    def parallel(self, target: Any, value: Any) -> bool:
        """Is this ``a, b = c, d``?"""
        kinds = (gast.Tuple, gast.List)
        return (
            isinstance(target, kinds)
            and isinstance(value, kinds)
            and len(target.elts) == len(value.elts)
            and all(map(core.is_name, target.elts))
            and not any(isinstance(e, gast.Starred) for e in value.elts)
        )

    def assign_pairs(self, target: Any, value: Any) -> None:
        pairs = [self.expression(e) for e in value.elts]
        pairs = [(self.settled(node, known), known) for node, known in pairs]
        values = gast.Tuple([node for node, _ in pairs], gast.Load())
        self.emit(gast.Assign([core.copy(target)], values, None))
        for place, (_, known) in zip(target.elts, pairs, strict=True):
            self.set(place.id, _shared_all(known))

    def assign_name(self, name: str, node: gast.Assign) -> None:
        if isinstance(node.value, gast.Lambda):
            self.define(name, node.value)
            return
        if core.same(node.value, core.constant(None)) and (
            getattr(node, "unset", False) or (name == "ans" and self.is_placeholder(node))
        ):
            self.emit(core.assign(name, core.constant(None)))
            self.env[name] = Nothing(unset=True)
            if not getattr(node, "unset", False):
                self.partial[name] = set()
            return
        value, known = self.expression(node.value)
        if core.is_name(value):  # both names hold it
            self.share(value.id)
            known = _shared_all(known)
        self.bind(name, value, known, node.value)

    def is_placeholder(self, node: Any) -> bool:
        return getattr(node, "placeholder", False)

    def share(self, name: str) -> None:
        """A second name, or a container, holds what a variable holds."""
        if name in self.env:
            self.env[name] = _shared_all(self.env[name])

    def set(self, name: str, known: Value) -> None:
        """A variable has a value, for all examples that this code counts for."""
        if self.regions and (name not in self.env or name in self.partial):
            self.partial.setdefault(name, set()).add(self.regions[-1].mask)
        elif name in self.partial:
            del self.partial[name]
        self.env[name] = known

    def kept(self) -> set[str]:
        """Variables whose old value other examples may still need."""
        live = set().union(*(region.live for region in self.regions)) if self.regions else set()
        return {
            name for name in live | (self.captured if self.regions else set()) if name in self.env
        }

    def bind(self, name: str, value: gast.expr, known: Value, place: Any) -> None:
        """``name = value``, for the examples of the innermost mask."""
        if name in self.kept():
            old = self.env[name]
            value, known = self.selected(
                core.name(self.regions[-1].mask), (value, known), (core.name(name), old), place
            )
        self.emit(core.assign(name, self.settled(value, known)))
        self.set(name, known)

    def selected(self, mask: gast.expr, new: Any, old: Any, place: Any) -> tuple[gast.expr, Value]:
        """The value `new` for the examples of a mask, else `old`; pairs of a node and its value."""
        node, known = new
        other, before = old
        if isinstance(known, Nothing) and isinstance(before, Nothing):
            return node, known
        unset = isinstance(before, Nothing) and before.unset
        if isinstance(known, Nothing) or (isinstance(before, Nothing) and not unset):
            raise self.refuse(
                place, "None for some examples and a value for others is not supported",
                "use a number, such as `np.nan`, for what is missing",
            )  # fmt: skip
        if unset or getattr(before, "unset", False):
            return node, known
        if isinstance(known, Closure) or isinstance(before, Closure):
            raise self.refuse(
                place, "a function that differs from example to example is not supported",
                "call the functions in the branches",
            )  # fmt: skip
        return self.select(mask, node, known, other, before, place)

    def select(
        self, mask: Any, node: Any, known: Value, other: Any, before: Value, place: Any
    ) -> tuple[gast.expr, Value]:
        if isinstance(known, Array) and isinstance(before, Array):
            flag = self.flag_update(mask, node, other)
            if flag is not None:
                return flag, Array(True, 0)
            return self.primitive(
                table.row_of(numpy.where),
                {"condition": mask, "x": node, "y": other},
                {"condition": Array(True, 0), "x": known, "y": before},
                place, "np.where",
            )  # fmt: skip
        same = isinstance(known, Items) and isinstance(before, Items)
        if same and (known.kind, known.keys) == (before.kind, before.keys) and known.kind in (
            "tuple", "list", "dict",
        ):  # fmt: skip
            return self.select_parts(mask, node, known, other, before, place)
        raise self.refuse(
            place, "this value has not the same structure for all examples",
            "give both branches tuples or dicts with the same parts",
        )  # fmt: skip

    def select_parts(
        self, mask: Any, node: Any, known: Items, other: Any, before: Items, place: Any
    ) -> tuple[gast.expr, Value]:
        nodes, values = [], []
        if not core.is_name(node) and not isinstance(node, (gast.Tuple, gast.List, gast.Dict)):
            node = self.temporary(node, "value")
        for i, key in enumerate(known.keys):
            part, value = self.select(
                core.copy(mask), _part(node, i, key), known.parts[i],
                _part(other, i, key), before.parts[i], place,
            )  # fmt: skip
            nodes.append(part)
            values.append(value)
        return _display(known, nodes), replace(known, parts=tuple(values))

    def flag_update(self, mask: Any, node: Any, other: Any) -> gast.expr | None:
        """A flag that gets a constant: ``stop | mask`` or ``stop & ~mask``."""
        if not isinstance(node, gast.Constant) or not isinstance(node.value, bool):
            return None
        if not core.is_name(other) or other.id not in self.flags:
            return None
        if node.value:
            return gast.BinOp(other, gast.BitOr(), mask)
        return gast.BinOp(other, gast.BitAnd(), _inverted(mask))

    def assign(self, target: Any, value: gast.expr, known: Value) -> None:
        """Assign a value that has a name to any target."""
        if core.is_name(target):
            if core.is_name(value):
                self.share(value.id)
            self.bind(target.id, value, known, target)
        elif isinstance(target, (gast.Tuple, gast.List)):
            self.unpack(target, value, known)
        elif isinstance(target, gast.Subscript):
            self.store_item(target, value, known)
        elif isinstance(target, gast.Attribute):
            self.store_field(target, value, known)
        else:
            raise self.refuse(target, "this assignment target is not supported", "assign to a name")

    def unpack(self, target: Any, value: gast.expr, known: Value) -> None:
        elements = target.elts
        star = next((i for i, e in enumerate(elements) if isinstance(e, gast.Starred)), None)
        if not core.is_name(value):
            value = self.temporary(value, "value")
        for i, element in enumerate(elements):
            place = i if star is None or i < star else i - len(elements)
            if i == star:
                self.assign(element.value, *self.rest(value, known, i, len(elements), target))
                continue
            self.assign(element, *self.item_of(core.copy(value), known, place, target))

    def rest(self, value: Any, known: Value, start: int, count: int, place: Any) -> Any:
        """What a starred target takes."""
        after = count - start - 1
        if not isinstance(known, Items) or known.kind not in ("tuple", "list"):
            if is_batched(known):
                raise self.refuse(
                    place, "`*` takes a part of a batched value", "use indices instead"
                )
            stop = core.constant(-after) if after else None
            part = gast.Slice(core.constant(start) if start else None, stop, None)
            node = core.call("list", gast.Subscript(core.copy(value), part, gast.Load()))
            return node, PLAIN
        indices = range(start, len(known.parts) - after)
        nodes = [gast.Subscript(core.copy(value), core.constant(i), gast.Load()) for i in indices]
        parts = tuple(known.parts[i] for i in indices)
        return gast.List(nodes, gast.Load()), Items("list", tuple(range(len(parts))), parts)

    def item_of(self, value: gast.expr, known: Value, place: int, node: Any) -> Any:
        """Element number `place`, as an expression and its description."""
        index = core.constant(place)
        if isinstance(known, Array) and known.batched:
            return self.subscript(value, known, index, PLAIN, node)
        item = gast.Subscript(value, index, gast.Load())
        return item, _shared_all(self.item(known, place, node))

    def item(self, known: Value, place: Any, node: Any) -> Value:
        """Description of an element with a known key."""
        if isinstance(known, Items):
            if known.kind in ("tuple", "list") and isinstance(place, int):
                place = place + len(known.keys) if place < 0 else place
            if place in known.keys:
                return known.parts[known.keys.index(place)]
            raise self.refuse(node, f"there is no element {place!r}", "look at the structure")
        if isinstance(known, Many):
            return part_of(known)
        rank = known.rank - 1 if isinstance(known, Array) and known.rank else None
        return Array(False, rank)

    def stmt_AugAssign(self, node: gast.AugAssign) -> None:
        target = node.target
        load = core.copy(target)
        _set_context(load, gast.Load())
        binary = gast.copy_location(gast.BinOp(load, node.op, node.value), node)
        if not core.is_name(target):
            self.augment_item(node, target, binary)
            return
        old = self.env.get(target.id, PLAIN)
        value, known = self.expression(node.value)
        if not is_batched(old) and not is_batched(known) and not self.regions:
            self.emit(gast.AugAssign(core.copy(target), node.op, value))
            self.env[target.id] = join(old, known) if isinstance(old, Array) else old
            if isinstance(known, Array) and isinstance(old, Array):
                self.env[target.id] = Array(False, old.rank if old.rank else None, old.owned)
            return
        if isinstance(old, Array) and (old.rank == 0 or (old.owned and not is_batched(old))):
            self.stmt_Assign(_at(gast.Assign([core.store(target.id)], binary, None), node))
            return
        if isinstance(old, Array) and old.batched and (old.rank or old.owned):
            self.augment_array(node, old, value, known)
            return
        if isinstance(old, (Items, Many)):
            self.stmt_Assign(_at(gast.Assign([core.store(target.id)], binary, None), node))
            return
        raise self.refuse(
            node, f"`{target.id}` may be changed in place here, and may not have a batch axis",
            f"write `{target.id} = {target.id} + …`, which makes a new array",
        )  # fmt: skip

    def augment_array(self, node: Any, old: Array, value: Any, known: Value) -> None:
        """``x += v`` of an array with a batch axis."""
        name = node.target.id
        self.batches.changes = True
        if old.owned or self.regions:
            if not old.owned:
                raise self.refuse(
                    node, "a change in place under a batched condition is not supported here",
                    f"write `{name} = {name} + …`, which makes a new array",
                )  # fmt: skip
            load = gast.BinOp(core.name(name), node.op, core.copy(node.value))
            self.stmt_Assign(_at(gast.Assign([core.store(name)], _at(load, node), None), node))
            return
        if known.rank is None or known.rank > old.rank:
            raise self.refuse(
                node, "an update in place by a value of unknown rank",
                f"write `{name} = {name} + …`, which makes a new array",
            )  # fmt: skip
        if known.batched and known.rank < old.rank:
            value = _with_axes(value, old.rank - known.rank)
        self.emit(gast.AugAssign(core.store(name), node.op, value))

    def augment_item(self, node: Any, target: Any, binary: gast.BinOp) -> None:
        """``x[i] += v``."""
        owner = target.value
        known = self.expression(core.copy(owner))[1]
        parts = [binary.right, *([target.slice] if isinstance(target, gast.Subscript) else [])]
        batched = [self.quiet(p) for p in parts]
        if any(batched) and core.is_name(owner) and isinstance(known, Array) and not known.batched:
            self.batches.changes = True
            self.raise_owned(owner.id, known, target)
            known = self.env[owner.id]
        if not is_batched(known) and not any(batched) and not self.regions:
            self.emit(gast.AugAssign(core.copy(target), node.op, self.expression(node.value)[0]))
            return
        self.augmented = True  # what is stored has the shape of what was there
        self.stmt_Assign(_at(gast.Assign([target], binary, None), node))
        self.augmented = False
        self.shorten()

    augmented = False

    def shorten(self) -> None:
        """``x[:, 0] = x[:, 0] + v`` as ``x[:, 0] += v``."""
        last = self.lines[-1]
        if not (isinstance(last, gast.Assign) and isinstance(last.value, gast.BinOp)):
            return
        target, value = last.targets[0], last.value
        load = core.copy(target)
        load.ctx = gast.Load()
        if isinstance(target, gast.Subscript) and core.same(load, value.left):
            self.lines[-1] = _at(gast.AugAssign(target, value.op, value.right), last)
            self.lines[-1].origin = last.origin

    def quiet(self, node: Any) -> bool:
        """Is an expression batched? Looks without emitting anything."""
        saved, self.lines = self.lines, []
        taken = set(self.taken)
        try:
            return is_batched(self.expression(core.copy(node))[1])
        finally:
            self.lines, self.taken = saved, taken

    # --- stores

    def store_item(self, target: gast.Subscript, value: gast.expr, known: Value) -> None:
        """``x[i] = v``."""
        owner = target.value
        if not core.is_name(owner):
            self.store_inside(target, value, known)
            return
        before = self.env.get(owner.id, PLAIN)
        index, of_index = self.index(target.slice)
        batched = is_batched(known) or is_batched(of_index) or bool(self.regions)
        if isinstance(before, (Items, Many)):
            self.store_part(target, owner.id, before, index, of_index, value, known)
            return
        if isinstance(before, Nothing):
            raise self.refuse(target, f"`{owner.id}` is None here", "create the array first")
        if not is_batched(before) and not batched:
            self.emit(gast.Assign([_item(owner.id, index, gast.Store())], value, None))
            return
        if not is_batched(before):
            if owner.id in core.reads(index):
                raise self.refuse(target, "an index that is read from the array itself", "name it")
            if owner.id in core.reads(value):  # it reads the array without a batch axis
                value = self.temporary(value, "value")
            self.raise_owned(owner.id, before, target)
            before = self.env[owner.id]
        self.store_batched(target, owner.id, before, index, of_index, value, known)

    def raise_owned(self, name: str, before: Array, place: Any) -> None:
        """Give an array its batch axis, before it receives batched values."""
        if not before.owned:
            raise self.refuse(
                place, f"`{name}` receives batched values, and something else may hold it, too",
                f"write `{name} = {name}.copy()` before",
            )  # fmt: skip
        self.emit(core.assign(name, self.for_each(core.name(name))))
        self.env[name] = replace(before, batched=True)

    def for_each(self, node: gast.expr) -> gast.expr:
        """A value without a batch axis, once per example."""
        return core.call("rt.per_example", node, self.size())

    def store_batched(
        self,
        target: Any,
        name: str,
        before: Array,
        index: Any,
        of_index: Value,
        value: Any,
        known: Value,
    ) -> None:
        """``x[i] = v`` with a batch axis in `x`."""
        if not isinstance(known, Array) or isinstance(of_index, (Items, Many)):
            raise self.refuse(
                target, "this store is not supported under vmap", "store arrays and numbers"
            )
        self.batches.changes = True
        rank = self.rank_of_item(before, index, of_index)
        if self.regions:
            old, of_old = self.subscript(
                core.name(name), before, core.copy(index), of_index, target
            )
            of_old = replace(of_old, rank=rank)
            mask = core.name(self.regions[-1].mask)
            if not core.is_name(value) and not isinstance(value, gast.Constant):
                value = self.temporary(value, "value")
            value, known = self.select(mask, value, known, old, of_old, target)
        same = self.augmented and not self.regions
        if known.batched and not same and (rank is None or known.rank != rank):
            if known.rank is None or rank is None or known.rank > rank:
                raise self.refuse(
                    target, "the rank of what is stored here is not known",
                    "call the batched function on arrays first, so that ranks are known, or build "
                    "the array with `np.stack`",
                )  # fmt: skip
            value = _with_axes(value, rank - known.rank)
        if is_batched(of_index):
            if isinstance(index, gast.Tuple) or of_index.rank != 0:
                if not isinstance(index, gast.Tuple):
                    raise self.refuse(
                        target, "a store at a batched array of indices is not supported",
                        "store at one index at a time, or use `np.where`",
                    )  # fmt: skip
                index = self.batched_tuple(index, target)
            else:
                index = gast.Tuple([self.every(), index], gast.Load())
        else:
            index = self.behind_batch(index, of_index, target)
        self.emit(gast.Assign([_item(name, index, gast.Store())], value, None))

    def every(self) -> gast.expr:
        """``np.arange(batch)``: an index that goes along the batch axis."""
        return core.call("np.arange", self.size())

    def batched_tuple(self, index: gast.Tuple, place: Any) -> gast.expr:
        """An index of numbers of which some are batched."""
        for element in index.elts:
            value = self.index_values.get(id(element), PLAIN)
            if isinstance(element, gast.Slice) or getattr(value, "rank", None) != 0:
                raise self.refuse(
                    place, "a store at a batched index beside slices or arrays is not supported",
                    "store at one index at a time, or use `np.where`",
                )  # fmt: skip
        return gast.Tuple([self.every(), *index.elts], gast.Load())

    def behind_batch(self, index: Any, of_index: Value, place: Any) -> gast.expr:
        """An index that is not batched, behind a slice of the batch axis."""
        elements = index.elts if isinstance(index, gast.Tuple) else [index]
        arrays = [
            e for e in elements
            if not isinstance(e, (gast.Slice, gast.Constant, gast.UnaryOp))
            and not (isinstance(v := self.index_values.get(id(e), PLAIN), Array) and v.rank == 0)
        ]  # fmt: skip
        if isinstance(index, gast.Tuple) and arrays and len(elements) > 1:
            raise self.refuse(
                place, "a store at several indices of unknown kind is not supported",
                "store at one index at a time",
            )  # fmt: skip
        if arrays and not isinstance(index, gast.Tuple) and not self.is_index_array(arrays[0]):
            return core.call("rt.behind_batch", index)
        return gast.Tuple([gast.Slice(None, None, None), *elements], gast.Load())

    def is_index_array(self, node: Any) -> bool:
        value = self.index_values.get(id(node), PLAIN)
        return isinstance(value, Array) and value.rank is not None

    def rank_of_item(self, known: Array, index: Any, of_index: Value) -> int | None:
        """Rank of ``x[i]``, where it can be seen."""
        if known.rank is None:
            return None
        rank = known.rank
        elements = index.elts if isinstance(index, gast.Tuple) else [index]
        for element in elements:
            value = self.index_values.get(id(element), PLAIN)
            if isinstance(element, gast.Slice):
                continue
            if isinstance(element, gast.Constant) and element.value is None:
                rank += 1
            elif isinstance(element, gast.Constant) and element.value is Ellipsis:
                continue
            elif isinstance(table.literal(element), int) or getattr(value, "rank", None) == 0:
                rank -= 1
            elif len(elements) == 1 and getattr(value, "rank", None) is not None:
                if getattr(value, "boolean", True):  # a mask of booleans, or an array of integers
                    return None
            else:
                return None
        return rank if rank >= 0 else None

    def store_inside(self, target: gast.Subscript, value: gast.expr, known: Value) -> None:
        """``xs[j][i] = v``: a store into a part of a container."""
        owner, before = self.expression(target.value)
        if not (isinstance(before, Array) and is_batched(before)) or self.regions:
            if not is_batched(before) and not is_batched(known) and not self.regions:
                index, of_index = self.index(target.slice)
                if not is_batched(of_index):
                    item = gast.Subscript(owner, index, gast.Store())
                    self.emit(gast.Assign([item], value, None))
                    return
            raise self.refuse(
                target, "this store into a part of a container is not supported under vmap",
                "give the part a name, change it, and put it back",
            )  # fmt: skip
        if isinstance(target.value, gast.Subscript) and isinstance(
            self.expression(target.value.value)[1], Array
        ):
            raise self.refuse(
                target, "a store at two indices after each other", "write one index, `x[i, j] = v`"
            )
        name = self.temporary(owner, "part").id
        self.env[name] = before
        index, of_index = self.index(target.slice)
        self.store_batched(target, name, before, index, of_index, value, known)

    def store_part(
        self,
        target: Any,
        name: str,
        before: Any,
        index: Any,
        of_index: Value,
        value: Any,
        known: Value,
    ) -> None:
        """``xs[i] = v`` for a list or dict `xs`."""
        if self.regions or is_batched(of_index) or isinstance(index, gast.Slice):
            raise self.refuse(
                target, "this change of a container differs from example to example",
                "build a new list, tuple or dict in the branch, or keep the numbers in an array",
            )  # fmt: skip
        key = table.literal(index)
        if isinstance(before, Items) and key is not table.UNKNOWN:
            if before.kind == "list" and isinstance(key, int) and key < 0:
                key += len(before.keys)
            keys = before.keys if key in before.keys else (*before.keys, key)
            parts = dict(zip(before.keys, before.parts, strict=True)) | {key: _shared_all(known)}
            self.env[name] = Items(before.kind, keys, tuple(parts[k] for k in keys))
        else:
            part = part_of(before) if not isinstance(before, Items) or before.parts else known
            if is_batched(part) != is_batched(known) and is_batched(part):
                value, known = self.for_each(value), batched_like(known)
            elif is_batched(known) and not is_batched(part):
                raise self.refuse(
                    target, f"some parts of `{name}` are batched and others are not",
                    "fill it with batched values from the start",
                )  # fmt: skip
            self.env[name] = Many(before.kind, join(part, _shared_all(known)))
        self.share_node(value)
        self.emit(gast.Assign([_item(name, index, gast.Store())], value, None))

    def share_node(self, node: Any) -> None:
        if core.is_name(node):
            self.share(node.id)

    def store_field(self, target: gast.Attribute, value: gast.expr, known: Value) -> None:
        owner, before = self.expression(target.value)
        if self.regions or not core.is_name(owner):
            raise self.refuse(
                target, "a change of an object under a batched condition is not supported",
                "use a variable, and change the object afterwards",
            )  # fmt: skip
        if isinstance(before, Items) and before.kind == "object":
            keys = before.keys if target.attr in before.keys else (*before.keys, target.attr)
            parts = dict(zip(before.keys, before.parts, strict=True)) | {
                target.attr: _shared_all(known)
            }
            self.env[owner.id] = Items("object", keys, tuple(parts[k] for k in keys))
        elif is_batched(known) or is_batched(before):
            raise self.refuse(
                target, "an object that gets a batched value is not supported here",
                "use a variable or a dict",
            )  # fmt: skip
        self.emit(gast.Assign([gast.Attribute(owner, target.attr, gast.Store())], value, None))

    # --- branches

    def stmt_If(self, node: gast.If) -> None:
        if len(node.body) == 1 and isinstance(node.body[0], gast.Break):
            self.leave_loop(node)
            return
        guarded = self.guarded(node)
        if guarded is not None:
            self.stmt_If(guarded)
            return
        test, known = self.test(node.test)
        if is_batched(known):
            self.masked_if(node, test)
        else:
            self.plain_if(node, test)

    def guarded(self, node: gast.If) -> gast.If | None:
        """``if i < n and x[i] > 0`` as two conditions, the first of which is the same for all."""
        test = node.test
        if node.orelse or not (isinstance(test, gast.BoolOp) and isinstance(test.op, gast.And)):
            return None
        flags = [self.quiet_test(v) for v in test.values[:1]]
        if flags[0] or not any(map(self.quiet_test, test.values[1:])):
            return None
        rest = test.values[1:]
        last = rest[0] if len(rest) == 1 else _at(gast.BoolOp(gast.And(), rest), test)
        inner = _at(gast.If(last, node.body, []), node)
        outer = _at(gast.If(test.values[0], [inner], []), node)
        inner.live = outer.live = node.live
        return outer

    def quiet_test(self, node: Any) -> bool:
        """Is a condition batched? Looks without emitting anything."""
        saved, self.lines = self.lines, []
        taken = set(self.taken)
        try:
            return is_batched(self.test(core.copy(node))[1])
        finally:
            self.lines, self.taken = saved, taken

    def leave_loop(self, node: gast.If) -> None:
        """The last statement of a loop: ``if stop: break``."""
        test, known = self.test(node.test)
        if not is_batched(known):
            self.emit(gast.If(test, [gast.Break()], []))
            return
        self.loop_stop = test

    loop_stop: Any = None

    def plain_if(self, node: gast.If, test: gast.expr) -> None:
        before, partial = dict(self.env), _copied(self.partial)
        body = self.block(node.body)
        self.env, after_body, partial, self.partial = before, self.env, self.partial, partial
        orelse = self.block(node.orelse)
        after_orelse = self.env
        self.statement = node
        live = (node.live | self.captured) if hasattr(node, "live") else None
        joined = self.joined(after_body, after_orelse, node)
        body += self.conversions(after_body, joined, live, node)
        orelse += self.conversions(after_orelse, joined, live, node)
        for name, masks in partial.items():
            self.partial.setdefault(name, set()).update(masks)
        self.env = joined
        self.emit(gast.If(test, body or [gast.Pass()], orelse))

    def joined(self, a: Env, b: Env, place: Any) -> Env:
        """What holds of every variable after either of two ways."""
        result: Env = {}
        for name in [*a, *(n for n in b if n not in a)]:
            if name not in a or name not in b:
                result[name] = a.get(name, b.get(name))
                continue
            try:
                result[name] = join(a[name], b[name])
            except Clash:
                raise self.refuse(
                    place, f"`{name}` is a container on one way, and not on another",
                    "give it the same structure on all ways",
                ) from None  # fmt: skip
        return result

    def conversions(
        self, have: Env, want: Env, live: set[str] | None, place: Any
    ) -> list[gast.stmt]:
        """Statements that give variables the batch axes that they have on another way."""
        saved, self.lines = self.lines, []
        for name, value in have.items():
            wanted = want.get(name)
            if wanted is None or wanted == value or (live is not None and name not in live):
                continue
            if isinstance(value, Nothing) and value.unset and is_batched(wanted):
                node = self.blank(name, wanted, place)
            else:
                node = self.converted(core.name(name), value, wanted, place)
            if node is not None:
                self.emit(core.assign(name, node))
        lines, self.lines = self.lines, saved
        return lines

    def blank(self, name: str, wanted: Value, place: Any) -> gast.expr:
        """A value that no example keeps; booleans, which leave the type to what comes later."""
        if isinstance(wanted, Items) and wanted.kind in ("tuple", "list", "dict"):
            return _display(wanted, [self.blank(name, p, place) for p in wanted.parts])
        if not isinstance(wanted, Array) or wanted.rank is None:
            raise self.refuse(
                place, f"`{name}` has no value yet where some examples leave this loop",
                "give it a value of the right shape before the loop",
            )  # fmt: skip
        shape = self.size()
        if wanted.rank:
            shape = gast.Tuple(
                [shape, *(core.constant(1) for _ in range(wanted.rank))], gast.Load()
            )
        return core.call("np.full", shape, core.constant(False))

    def converted(self, node: Any, have: Value, want: Value, place: Any) -> gast.expr | None:
        """`node` with the batch axes of `want`; None if it has them."""
        if have == want or isinstance(have, (Nothing, Closure)) or not is_batched(want):
            return None
        if isinstance(have, Items) and not have.parts:
            return None
        if isinstance(want, Array) or not is_batched(have):
            if isinstance(have, Array) and have.batched:
                return None
            if isinstance(want, Items) and not all(map(is_batched, want.parts)):
                if not isinstance(have, Items):
                    raise self.refuse(place, "a container with mixed parts", "unpack it first")
            else:
                return self.for_each(node)
        if isinstance(have, Items) and isinstance(want, Items) and have.kind != "object":
            parts = []
            for i, key in enumerate(have.keys):
                part = _part(core.copy(node), i, key)
                new = self.converted(core.copy(part), have.parts[i], want.parts[i], place)
                parts.append(part if new is None else new)
            return _display(have, parts)
        if isinstance(want, Many):
            parts = have.parts if isinstance(have, Items) else [have.part]
            if all(is_batched(p) or isinstance(p, Nothing) for p in parts):
                return None
            if isinstance(have, Items) and have.kind in ("list", "tuple"):
                whole = replace(have, parts=tuple(want.part for _ in parts))
                return self.converted(node, have, whole, place)
        raise self.refuse(
            place, "this container holds batched parts on one way only",
            "fill it with batched values from the start",
        )  # fmt: skip

    def masked_if(self, node: gast.If, test: gast.expr) -> None:
        """Both branches, one after the other, under the masks of their examples."""
        if self.choice(node, test):
            return
        outer = self.regions[-1].mask if self.regions else None
        mask = self.free("mask")
        full = test if outer is None else gast.BinOp(core.name(outer), gast.BitAnd(), test)
        self.emit(core.assign(mask, full))
        live = set(node.live) | self.captured | core.reads(node.orelse)
        out = self.under(mask, live, node.body)
        if node.orelse:
            other = self.free("others")
            inverse = _inverted(core.name(mask))
            if outer is not None:
                inverse = gast.BinOp(core.name(outer), gast.BitAnd(), inverse)
            lines, self.lines = self.lines, []
            self.emit(core.assign(other, inverse))
            out += self.lines
            self.lines = lines
            out += self.under(other, set(node.live) | self.captured, node.orelse)
            for name, masks in list(self.partial.items()):
                if {mask, other} <= masks:  # every example came by
                    masks -= {mask, other}
                    if outer is not None:
                        masks.add(outer)
                    else:
                        del self.partial[name]
        self.lines += out

    def under(self, mask: str, live: set[str], body: list[gast.stmt]) -> list[gast.stmt]:
        """A block that counts for the examples of a mask."""
        self.regions.append(Region(mask, live))
        out = self.block(body)
        self.regions.pop()
        return out

    def choice(self, node: gast.If, test: gast.expr) -> bool:
        """``if test: y = a`` (``else: y = b``) as one line, ``y = np.where(test, a, b)``."""
        if self.regions or not self.is_choice(node):
            return False
        target = node.body[0].targets[0].id
        known = self.env.get(target)
        if not node.orelse and (known is None or isinstance(known, Nothing)):
            return False
        if target in self.partial and not node.orelse:
            return False
        self.choosing += 1
        try:
            value = self.choice_value(node, test, target)
        finally:
            self.choosing -= 1
        if value is None:
            return False
        self.emit(core.assign(target, value[0]))
        self.partial.pop(target, None)
        self.env[target] = value[1]
        return True

    def is_choice(self, node: gast.If) -> bool:
        """Does every branch do nothing but assign the same variable?"""
        target = node.body[0].targets[0] if isinstance(node.body[0], gast.Assign) else None
        if not core.is_name(target) or len(node.body) != 1:
            return False
        if not self.assigns(node.body[0], target.id):
            return False
        if not node.orelse:
            return True
        [other, *more] = node.orelse
        if more:
            return False
        if isinstance(other, gast.If):
            same = self.is_choice(other) and other.body[0].targets[0].id == target.id
            return same and self.quiet(other.test)
        return self.assigns(other, target.id)

    def assigns(self, node: Any, name: str) -> bool:
        simple = isinstance(node, gast.Assign) and len(node.targets) == 1
        if not simple or not core.is_name(node.targets[0]) or node.targets[0].id != name:
            return False
        if isinstance(node.value, (gast.Lambda, gast.NamedExpr)):
            return False
        constant = isinstance(node.value, gast.Constant)
        return not (constant and (node.value.value is None or isinstance(node.value.value, bool)))

    def choice_value(self, node: gast.If, test: gast.expr, name: str) -> Any:
        body = self.expression(node.body[0].value)
        if not node.orelse:
            other = (core.name(name), self.env[name])
        elif isinstance(node.orelse[0], gast.If):
            inner = node.orelse[0]
            if not inner.orelse and not isinstance(self.env.get(name), Array):
                return None
            other = self.choice_value(inner, self.test(inner.test)[0], name)
        else:
            other = self.expression(node.orelse[0].value)
        if other is None or not isinstance(body[1], Array) or not isinstance(other[1], Array):
            return None
        return self.selected(test, body, other, node)

    # --- tests

    def test(self, node: gast.expr) -> tuple[gast.expr, Value]:
        """A condition; a batched one is an array of one boolean per example."""
        if isinstance(node, gast.UnaryOp) and isinstance(node.op, gast.Not):
            test, known = self.test(node.operand)
            if is_batched(known):
                return _inverted(test), known
            return gast.UnaryOp(gast.Not(), test), known
        if isinstance(node, gast.BoolOp):
            return self.bool_test(node)
        value, known = self.expression(node)
        if not is_batched(known):
            return value, known
        if isinstance(known, (Items, Many)):
            return core.call("bool", value), PLAIN  # is it empty?
        if known.rank == 0 and self.is_boolean(node):
            return value, known
        return core.call("rt.truths", value), Array(True, 0)

    def is_boolean(self, node: Any) -> bool:
        """Does an expression give booleans, for all that can be seen?"""
        if isinstance(node, gast.Compare):
            return True
        if isinstance(node, gast.Name):
            return node.id in self.flags
        if isinstance(node, gast.UnaryOp):
            return isinstance(node.op, gast.Not)
        if isinstance(node, gast.BinOp) and isinstance(node.op, (gast.BitAnd, gast.BitOr)):
            return self.is_boolean(node.left) and self.is_boolean(node.right)
        if isinstance(node, gast.Call):
            value = self.scope.value(node.func)
            tests = ("all", "any", "isnan", "isfinite", "isinf", "logical_and", "logical_or")
            return any(value is getattr(numpy, name) for name in tests)
        return False

    def bool_test(self, node: gast.BoolOp) -> tuple[gast.expr, Value]:
        pairs = [self.test(node.values[0])]
        for value in node.values[1:]:
            pairs.append(self.without_lines(value, self.test))
        is_and = isinstance(node.op, gast.And)
        result, known = pairs[-1]
        for test, value in reversed(pairs[:-1]):
            if is_batched(value) and is_batched(known):
                operator = gast.BitAnd() if is_and else gast.BitOr()
                result = gast.BinOp(test, operator, result)
            elif is_batched(value) or is_batched(known):
                constant = core.call("np.full", self.size(), core.constant(not is_and))
                if is_batched(known):  # the first part decides whether the second is looked at
                    parts = (test, result, constant) if is_and else (test, constant, result)
                    result = gast.IfExp(*parts)
                else:
                    operator = gast.BitAnd() if is_and else gast.BitOr()
                    result = gast.BinOp(test, operator, core.call("bool", result))
                known = Array(True, 0)
            else:
                result = gast.BoolOp(node.op, [test, *_same_operator(result, node.op)])
        return result, known

    def without_lines(self, node: Any, visit: Any) -> Any:
        """Visit an expression that may not be evaluated: nothing may go in front of the statement."""
        saved, self.lines = self.lines, None
        try:
            return visit(node)
        finally:
            self.lines = saved

    # --- loops

    def stmt_While(self, node: gast.While) -> None:
        head, masked = self.fixpoint(node, self.while_round)
        if masked:
            self.masked_while(node, head)
            return
        lines = self.to_head(head, node)
        test, _ = self.test(node.test)
        body = self.block(node.body)
        body += self.conversions(self.env, head, node.head | self.captured, node)
        self.lines += lines
        self.leave(head)
        self.emit(gast.While(test, body or [gast.Pass()], []))

    def leave(self, head: Env) -> None:
        """After a loop: what held at its head, and the variables that it defined."""
        self.env = {**self.env, **head}

    def while_round(self, node: gast.While) -> bool:
        """One round; is the loop one that examples leave at different times?"""
        _, known = self.test(node.test)
        masked = is_batched(known)
        if masked:
            self.regions.append(Region(self.trial_mask, set(node.head) | self.captured))
        self.loop_stop = None
        self.block(node.body)
        if masked:
            self.regions.pop()
        return masked or self.loop_stop is not None

    trial_mask = "active"

    def fixpoint(self, node: Any, visit: Any) -> tuple[Env, bool]:
        """What holds at the start of every round, and whether examples leave at different times."""
        head = dict(self.env)
        masked = False
        while True:
            saved = self.snapshot()
            self.env = dict(head)
            if masked:
                self.regions.append(Region(self.trial_mask, set(node.head) | self.captured))
            now = visit(node)
            if masked:
                self.regions.pop()
            after = self.env
            self.restore(saved)
            new = self.joined(head, {k: v for k, v in after.items() if k in head}, node)
            if new == head and now <= masked:
                return head, masked
            head = new
            if now and not masked:
                self.placeholders(node, head)
            masked = masked or now

    def placeholders(self, node: Any, head: Env) -> None:
        """Variables that only some examples set, and that are read in a later round."""
        for name in sorted((core.writes(node.body) & (node.head | node.live)) - set(head)):
            head[name] = Nothing(unset=True)
            self.partial[name] = set()

    def snapshot(self) -> Any:
        saved = (dict(self.env), _copied(self.partial), set(self.taken), list(self.regions))
        state = (*saved, self.lines, self.loop_stop, self.size_used, self.statement, self.flags)
        self.lines = []
        return state

    def restore(self, state: Any) -> None:
        self.env, self.partial, self.taken, self.regions, *rest = state
        self.lines, self.loop_stop, self.size_used, self.statement, self.flags = rest

    def to_head(self, head: Env, node: Any) -> list[gast.stmt]:
        """Statements before a loop that give variables what they have at the start of a round."""
        have = {**{n: Nothing(unset=True) for n in head if n not in self.env}, **self.env}
        lines = self.conversions(have, head, node.head | node.live | self.captured, node)
        self.env = {**self.env, **head}
        return lines

    def everyone(self) -> gast.expr:
        """The mask at the start of a loop."""
        if self.regions:
            return core.name(self.regions[-1].mask)
        return core.call("np.full", self.size(), core.constant(True))

    def masked_while(self, node: gast.While, head: Env) -> None:
        """Rounds for all examples, until the mask of those that go on is empty."""
        unset = set(self.partial) - (set(head) - set(self.env))
        self.lines += self.to_head(head, node)
        endless = isinstance(node.test, gast.Constant) and node.test.value
        active = self.free("active")
        if endless:
            self.emit(core.assign(active, self.everyone()))
        else:
            self.emit(core.assign(active, self.narrowed_by_test(node, None)))
        body = self.masked_round(node, active, head)
        if not endless:
            body.append(core.assign(active, self.narrowed_by_test(node, active)))
        self.leave(head)
        if endless and not self.regions:  # everyone was in the first round
            for name in set(self.partial) - unset:
                self.partial.pop(name)
        self.emit(gast.While(core.call("np.any", core.name(active)), body, []))

    def narrowed_by_test(self, node: gast.While, active: str | None) -> gast.expr:
        test, known = self.without_lines(node.test, self.test)
        base = core.name(active) if active else (self.everyone() if self.regions else None)
        if base is None:
            if not is_batched(known):
                test = core.call("np.full", self.size(), core.call("bool", test))
            return test
        if not is_batched(known):
            test = core.call("bool", test)
        return gast.BinOp(base, gast.BitAnd(), test)

    def masked_round(self, node: Any, active: str, head: Env) -> list[gast.stmt]:
        """The body of a loop under the mask of the examples that are in it."""
        self.loop_stop = None
        body = self.under(active, set(node.head) | set(node.live) | self.captured, node.body)
        body += self.conversions(self.env, head, node.head | self.captured, node)
        if self.loop_stop is not None:
            inverse = _inverted(self.loop_stop)
            body.append(core.assign(active, gast.BinOp(core.name(active), gast.BitAnd(), inverse)))
            self.loop_stop = None
        return body

    def stmt_For(self, node: gast.For) -> None:
        iterable, part = self.iterable(node.iter)
        head, masked = self.fixpoint(node, lambda n: self.for_round(n, part))
        lines = self.to_head(head, node)
        self.lines += lines
        if not masked:
            target = self.loop_target(node.target, part)
            body = [*target[1], *self.block(node.body)]
            body += self.conversions(self.env, head, node.head | self.captured, node)
            self.leave(head)
            self.emit(gast.For(target[0], iterable, body or [gast.Pass()], [], None))
            return
        active = self.free("active")
        self.emit(core.assign(active, self.everyone()))
        target = self.loop_target(node.target, part)
        for name in core.writes(node.target) & set(node.live):
            raise self.refuse(
                node, f"`{name}` counts the rounds of a loop that examples leave at different times, "
                "and is read after it", f"keep it in another variable: `last = {name}`",
            )  # fmt: skip
        body = [*target[1], *self.masked_round(node, active, head)]
        done = gast.UnaryOp(gast.Not(), core.call("np.any", core.name(active)))
        body.append(gast.If(done, [gast.Break()], []))
        self.leave(head)
        self.emit(gast.For(target[0], iterable, body, [], None))

    def for_round(self, node: gast.For, part: Value) -> bool:
        self.loop_target(node.target, part)
        self.loop_stop = None
        self.block(node.body)
        return self.loop_stop is not None

    def loop_target(self, target: Any, part: Value) -> tuple[Any, list[gast.stmt]]:
        """The target of a loop, and statements that take apart what it cannot."""
        if core.is_name(target):
            self.env[target.id] = _shared_all(part)
            self.partial.pop(target.id, None)
            return core.copy(target), self.copies_of(target)
        if self.nested_names(target, part):
            return core.copy(target), self.copies_of(target)
        name = self.free("part")
        self.env[name] = _shared_all(part)
        saved, self.lines = self.lines, []
        regions, self.regions = self.regions, []
        self.unpack(target, core.name(name), part)
        self.regions = regions
        lines, self.lines = self.lines, saved
        return core.store(name), lines

    def copies_of(self, target: Any) -> list[gast.stmt]:
        """Copies of the numbers that a loop reads out of a batched array that may change."""
        lines = []
        for name in sorted(core.writes(target)):
            known = self.env.get(name)
            if (
                self.batches.copies
                and isinstance(known, Array)
                and known.batched
                and not known.rank
            ):
                self.lines, saved = [], self.lines
                self.emit(core.assign(name, core.call("np.copy", core.name(name))))
                lines += self.lines
                self.lines = saved
        return lines

    def nested_names(self, target: Any, part: Value) -> bool:
        """Bind a target of names that Python can unpack as it is."""
        if core.is_name(target):
            self.env[target.id] = _shared_all(part)
            self.partial.pop(target.id, None)
            return True
        if not isinstance(target, (gast.Tuple, gast.List)):
            return False
        if isinstance(part, Array) and part.batched:
            return False
        if any(isinstance(e, gast.Starred) for e in target.elts):
            return not is_batched(part) and all(
                self.nested_names(getattr(e, "value", e), PLAIN) for e in target.elts
            )
        return all(
            self.nested_names(e, self.item(part, i, target)) for i, e in enumerate(target.elts)
        )

    def iterable(self, node: gast.expr) -> tuple[gast.expr, Value]:
        """What a loop goes over, and the description of its elements."""
        if isinstance(node, gast.Call):
            value = self.scope.value(node.func)
            if any(value is f for f in (zip, enumerate, reversed)) and not any(
                isinstance(a, gast.Starred) for a in node.args
            ):
                return self.iterator_call(node, value)
            if value is range:
                return self.range_call(node)
            if isinstance(node.func, gast.Attribute) and node.func.attr in (
                "items",
                "values",
                "keys",
            ):
                found = self.dict_iterable(node)
                if found is not None:
                    return found
        value, known = self.expression(node)
        return self.over(value, known, node)

    def over(self, value: gast.expr, known: Value, place: Any) -> tuple[gast.expr, Value]:
        if isinstance(known, Array) and known.batched:
            rank = None if known.rank is None else known.rank - 1
            if rank is not None and rank < 0:
                raise self.refuse(
                    place, "one example is a number here, and a number cannot be iterated over",
                    "check `in_axes`",
                )  # fmt: skip
            node = core.call("np.moveaxis", value, core.constant(1), core.constant(0))
            return node, Array(True, rank)
        if isinstance(known, (Items, Many)):
            if known.kind == "dict":
                return value, PLAIN
            return value, self.common(known, value, place)
        rank = known.rank - 1 if isinstance(known, Array) and known.rank else None
        return value, Array(False, rank)

    def common(self, known: Any, node: Any, place: Any) -> Value:
        """One description for all elements of a container."""
        if isinstance(known, Many):
            return part_of(known)
        flags = {is_batched(p) for p in known.parts}
        try:
            part = join_all(known.parts) if known.parts else PLAIN
        except Clash:
            part = None
        if part is None or (len(flags) > 1) or not self.uniform(known.parts, part):
            raise self.refuse(
                place, "some elements of what this loop goes over are batched and others are not",
                "go over them one by one, or map them all",
            )  # fmt: skip
        return part

    def uniform(self, parts: Any, part: Value) -> bool:
        """Do all the elements have their batch axes in the same places?"""
        return all(self.same_flags(p, part) for p in parts)

    def same_flags(self, a: Value, b: Value) -> bool:
        if isinstance(a, Items) and isinstance(b, Items):
            return all(map(self.same_flags, a.parts, b.parts))
        return is_batched(a) == is_batched(b)

    def iterator_call(self, node: gast.Call, value: Any) -> tuple[gast.expr, Value]:
        pairs = [self.iterable(a) for a in node.args[: None if value is zip else 1]]
        rest = [self.expression(a)[0] for a in node.args[len(pairs) :]]
        keywords = [gast.keyword(k.arg, self.expression(k.value)[0]) for k in node.keywords]
        new = gast.Call(core.copy(node.func), [*(p for p, _ in pairs), *rest], keywords)
        parts = tuple(part for _, part in pairs)
        if value is reversed:
            return new, parts[0]
        if value is enumerate:
            parts = (Array(False, 0), *parts)
        return new, Items("tuple", tuple(range(len(parts))), parts)

    def range_call(self, node: gast.Call) -> tuple[gast.expr, Value]:
        pairs = [self.expression(a) for a in node.args]
        if any(is_batched(known) for _, known in pairs):
            raise self.refuse(
                node,
                "`range` of a batched number",
                "write a `while` loop, which examples leave one by one",
            )
        return gast.Call(core.copy(node.func), [n for n, _ in pairs], []), Array(False, 0)

    def dict_iterable(self, node: gast.Call) -> Any:
        owner, known = self.expression(node.func.value)
        if not isinstance(known, (Items, Many)) or known.kind != "dict":
            return None
        new = gast.Call(gast.Attribute(owner, node.func.attr, gast.Load()), [], [])
        if node.func.attr == "keys":
            return new, PLAIN
        part = self.common(known, owner, node)
        if node.func.attr == "values":
            return new, part
        return new, Items("tuple", (0, 1), (PLAIN, part))

    # --- nested functions

    def stmt_FunctionDef(self, node: gast.FunctionDef) -> None:
        self.define(node.name, node)

    def define(self, name: str, node: Any) -> None:
        """A nested function: its batched versions are written here, as its calls ask for them."""
        if self.regions:
            raise self.refuse(
                node, "a function that is defined for some examples only", "define it before"
            )
        if self.definitions.get(name, node) is not node:
            raise self.refuse(node, f"`{name}` is defined twice", "use two names")
        self.definitions[name] = node
        self.env[name] = Closure(name)
        marker = gast.Pass()
        marker.defines = name
        self.emit(marker)

    def closure_call(self, node: gast.Call, known: Closure) -> Any:
        """A call of a nested function: of its version for these arguments."""
        definer = self.definer(known.name, node)
        if any(isinstance(a, gast.Starred) for a in node.args) or any(
            k.arg is None for k in node.keywords
        ):
            raise self.refuse(node, "`*` in a call of a nested function", "write out the arguments")
        args = [self.expression(a) for a in node.args]
        keywords = {k.arg: self.expression(k.value) for k in node.keywords}
        definition = _as_function(definer.definitions[known.name], known.name)
        source = replace(
            self.source, node=definition, captured=(), function=None, local_functions={}, outer={}
        )
        env = self.bound_arguments(node, source, args, keywords)
        version = self.closure_version(definer, known.name, source, env, node)
        named = [gast.keyword(k, n) for k, (n, _) in keywords.items()]
        new = gast.Call(core.name(version.name), [n for n, _ in args], named)
        return new, version.result

    def definer(self, name: str, place: Any) -> Any:
        """The function that defines a nested function: this one, or one around it."""
        at: Any = self
        while at is not None and name not in at.definitions:
            at = at.outer
        if at is None:
            raise self.refuse(
                place, f"`{name}` is a nested function of another function, with batched variables",
                "pass the values, and define the function at the top of the module",
            )  # fmt: skip
        return at

    def closure_version(
        self, definer: Any, name: str, source: Source, env: Env, node: Any
    ) -> Version:
        read = core.reads(source.node.body) - set(source.parameters) - core.writes(source.node.body)
        captured = {n: definer.env[n] for n in sorted(read) if n in definer.env}
        partial = sorted(n for n in captured if n in self.partial)
        if partial:
            raise self.refuse(
                node, f"`{partial[0]}`, which `{name}` reads, has no value for some examples",
                "give it a value before",
            )  # fmt: skip
        inputs = {**captured, **env}
        key = (name, self.masked, tuple(sorted(inputs.items(), key=lambda item: item[0])))
        found = definer.closures.get(key)
        if found is not None:
            if not found.written and self.masked:
                raise self.refuse(
                    node, "a recursion that each example ends on its own would never end",
                    "write a `while` loop, which examples leave one by one",
                )  # fmt: skip
            found.used = True
            return found
        first = not definer.placed.get(name)
        found = definer.closures[key] = Version(name if first else definer.free(name), BATCHED)
        places = definer.placed.setdefault(name, [])
        places.append(None)
        position = len(places) - 1
        for _ in range(4):
            found.used = False
            places[position], result = self.written_closure(
                definer, source, {**definer.env, **env}, found
            )
            if not found.used or result == found.result:
                found.result, found.written = result, True
                return found
            found.result = result
        raise self.refuse(node, "a recursion whose result changes its form", "write a loop")

    def written_closure(self, definer: Any, source: Source, env: Env, version: Version) -> Any:
        inner = Batcher(self.batches, source, env, inner=True)
        inner.size_name, inner.outer, inner.conditional = self.size_name, definer, self.masked
        inner.taken |= self.taken
        inner.scope.local = inner.scope.local | definer.scope.local
        body = inner.function()
        definer.need_size(inner.size_used)
        function = gast.FunctionDef(
            version.name, core.copy(source.node.args), body, [], None, None, []
        )
        for argument in core.walk(function.args):
            if isinstance(argument, gast.Name):
                argument.annotation = None
        function.placed = inner.placed
        return function, inner.result

    def need_size(self, used: bool) -> None:
        self.size_used |= used
        if used and self.outer is not None:
            self.outer.need_size(used)


def expand_definitions(body: list[Any], placed: dict[str, list[Any]]) -> list[Any]:
    """Put the versions of nested functions where the functions were defined."""
    out: list[Any] = []
    for statement in body:
        name = getattr(statement, "defines", None)
        if name is not None:
            for function in placed.get(name, ()):
                function.body = expand_definitions(function.body, function.placed)
                out.append(function)
            continue
        for block in ("body", "orelse"):
            if isinstance(getattr(statement, block, None), list) and not isinstance(
                statement, gast.FunctionDef
            ):
                setattr(statement, block, expand_definitions(getattr(statement, block), placed))
        if isinstance(statement, (gast.If, gast.For, gast.While)) and not statement.body:
            statement.body = [gast.Pass()]
        out.append(statement)
    return out


def join_conversions(body: list[Any]) -> list[Any]:
    """``n = 0; n = rt.per_example(n, batch)`` as one line."""
    out: list[Any] = []
    for statement in body:
        for block in ("body", "orelse"):
            if isinstance(getattr(statement, block, None), list):
                setattr(statement, block, join_conversions(getattr(statement, block)))
        name = _converts(statement)
        at = _assignment_before(out, name) if name else None
        if at is None:
            out.append(statement)
            continue
        value = out[at].value
        if isinstance(value, gast.Constant) and isinstance(value.value, (bool, int, float)):
            out[at].value = core.call("np.full", statement.value.args[1], value)
        else:
            statement.value.args[0] = value
            out[at].value = statement.value
    return out


def _converts(node: Any) -> str | None:
    """The variable that a line gives a batch axis, and nothing else."""
    if not isinstance(node, gast.Assign) or not isinstance(node.value, gast.Call):
        return None
    target, call = node.targets[0], node.value
    same = core.is_name(target) and call.args and core.is_name(call.args[0])
    is_helper = core.same(call.func, core.dotted("rt.per_example"))
    return target.id if same and is_helper and call.args[0].id == target.id else None


def _assignment_before(out: list[Any], name: str) -> int | None:
    """Place of the line that set the variable, if nothing reads it in between."""
    for at in range(len(out) - 1, -1, -1):
        statement = out[at]
        if not isinstance(statement, gast.Assign) or len(statement.targets) > 1:
            return None
        target = statement.targets[0]
        if core.is_name(target) and target.id == name:
            return None if name in core.reads(statement.value) else at
        if name in core.reads(statement):
            return None
    return None


def readable(body: list[Any]) -> list[Any]:
    """Names of the flags that stand for early exits, as Python knows them."""
    taken = _names_in(body)
    new: dict[str, str] = {}
    for statement in body:
        for node in core.walk(statement):
            if isinstance(node, gast.Name) and "." in node.id:
                if node.id not in new:
                    head, _, tail = node.id.partition(".")
                    wanted = head if tail in ("r", "l1") else f"{head}_{tail.lstrip('lr')}"
                    while wanted in taken:
                        wanted += "_"
                    taken.add(wanted)
                    new[node.id] = wanted
                node.id = new[node.id]
    for statement in core.walk_statements(body):
        if isinstance(statement, gast.Assign) and core.is_name(statement.targets[0]):
            is_answer = statement.targets[0].id == new.get("ans.r")
            statement.placeholder = is_answer and core.same(statement.value, core.constant(None))
    if body:
        body[0].exit_flags = frozenset(new.values()) - {new.get("ans.r")}
    return body


def size_of(env: Env) -> gast.expr | None:
    """An expression for the number of examples, from the parameters."""
    arrays = [n for n, v in env.items() if isinstance(v, Array) and v.batched]
    if arrays:
        return core.call("len", core.name(arrays[0]))
    for name, value in env.items():
        node = _size_in(core.name(name), value)
        if node is not None:
            return node
    return None


def _size_in(node: gast.expr, value: Value) -> gast.expr | None:
    if isinstance(value, Array) and value.batched:
        return core.call("len", node)
    if isinstance(value, Items):
        for i, (key, part) in enumerate(zip(value.keys, value.parts, strict=True)):
            inner = _part(core.copy(node), i, key)
            if value.kind == "object":
                inner = gast.Attribute(core.copy(node), key, gast.Load())
            found = _size_in(inner, part)
            if found is not None:
                return found
    if isinstance(value, Many) and is_batched(value):
        return core.call("rt.batch_size", node)
    return None


def _names_in(body: list[Any]) -> set[str]:
    return {n.id for s in body for n in core.walk(s) if isinstance(n, gast.Name)}


def _captured(body: list[Any]) -> set[str]:
    """Variables that nested functions read: they are needed wherever those are called."""
    found: set[str] = set()
    for statement in body:
        for node in core.walk(statement):
            if isinstance(node, core.FUNCTIONS):
                found |= core.reads(node)
    return found


def _as_function(node: Any, name: str) -> gast.FunctionDef:
    if isinstance(node, gast.FunctionDef):
        return node
    result = gast.copy_location(gast.Return(node.body), node.body)
    return gast.copy_location(gast.FunctionDef(name, node.args, [result], [], None, None, []), node)


def _without_docstring(body: list[Any]) -> list[Any]:
    first = body[0]
    if isinstance(first, gast.Expr) and isinstance(first.value, gast.Constant):
        if isinstance(first.value.value, str):
            return body[1:] or [gast.copy_location(gast.Pass(), first)]
    return body


def _copied(partial: dict[str, set[str]]) -> dict[str, set[str]]:
    return {name: set(masks) for name, masks in partial.items()}


def _inverted(mask: gast.expr) -> gast.expr:
    if isinstance(mask, gast.UnaryOp) and isinstance(mask.op, gast.Invert):
        return mask.operand
    return gast.UnaryOp(gast.Invert(), mask)


def _item(name: str, index: Any, ctx: Any) -> gast.expr:
    return gast.Subscript(core.name(name), index, ctx)


def _with_axes(node: gast.expr, count: int) -> gast.expr:
    """``x[:, None]``: axes of length one behind the batch axis."""
    if not count:
        return node
    parts = [gast.Slice(None, None, None), *(core.constant(None) for _ in range(count))]
    return gast.Subscript(node, gast.Tuple(parts, gast.Load()), gast.Load())


def _set_context(node: Any, ctx: Any) -> None:
    node.ctx = ctx


def _same_operator(node: Any, op: Any) -> list[Any]:
    if isinstance(node, gast.BoolOp) and type(node.op) is type(op):
        return list(node.values)
    return [node]
