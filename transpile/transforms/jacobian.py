"""Write the Jacobian of a function: derivatives along a whole basis at once.

Before::                                  After (forward mode)::

    def f(x):                                 def f_jacfwd(x):
        return np.sin(x) * x[0]                   return f_jvp_vmap(x, x_dot=rt.basis(x))[1].T

Forward mode pushes the unit vectors of the arguments through the tangent function, reverse mode pulls
those of the result through the backward function; both have a batch axis for the directions
(transforms/batch.py). What comes out is put into place leaf by leaf: for each leaf of the result
stands the structure of the arguments. With a single direction nothing needs a batch axis: the
Jacobian of a function with one number as its result is its gradient.

Structures and ranks are those of the descriptions of the arguments (analysis/batched.py).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.batched import (
    PLAIN,
    Array,
    Cotangents,
    Integer,
    Items,
    Many,
    Nothing,
    Value,
)
from redraft.transpile.errors import TransformError
from redraft.transpile.front.source import Source
from redraft.transpile.transforms.batch import Batcher, Batches, add_source
from redraft.transpile.transforms.batch_names import display_of, substituted
from redraft.transpile.transforms.build import picked, write_fused
from redraft.transpile.transforms.jacobian_trees import (
    Leaf,
    Path,
    along_directions,
    containers,
    display_of_tangents,
    follow,
    item,
    leaves,
    part_of,
    rebuilt,
    refusal,
    section_of,
    uses,
    word_for,
)


def write_jacobian(unit: Any, source: Source, kind: str, options: dict[str, Any]) -> Source:
    """Write the Jacobian of a source into the unit; returns its source.

    Args:
        unit: where to write.
        source: the function.
        kind: ``jacfwd`` or ``jacrev``.
        options: `argnums`, `has_aux`, `holomorphic`; `known`: descriptions of parameters;
            `mixed`: the arguments have different dtypes; `title`: name and docstring, if not the usual.
    """
    items, many = picked(source, options.get("argnums", 0))
    arguments = source.node.args
    if arguments.vararg is not None or arguments.kwarg is not None:
        raise refusal(
            f"{kind} of a function with `*args` or `**kwargs`", "give its parameters names"
        )
    writer = (Forward if kind == "jacfwd" else Reverse)(
        unit, source, [name for name, _ in items], many, options.get("known", {}), bool(options.get("has_aux")),
        bool(options.get("holomorphic")), bool(options.get("mixed")),
    )  # fmt: skip
    if kind == "jacrev" and writer.has_one_number():
        return writer.gradient()
    if writer.has_aux:
        writer.answer_of(source, writer.environment(source))  # refuses what is no pair
    base = core.base(source.name)
    text = f"Jacobian of {base} ({source.user_place}) with respect to {', '.join(writer.names)}."
    name, text = options.get("title") or (f"{base}_{kind}", text)
    name = unit.name_function(name)
    writer.body.append(gast.Return(writer.result()))
    return add_source(unit, writer.with_classes(), name, arguments, writer.body, text)


@dataclass(eq=False)
class Writer:
    """Writes one Jacobian.

    Attributes:
        selection: the differentiated parameters, as `argnums` has them.
        many: there stands a tuple for each leaf of the result, since `argnums` is one.
        known: descriptions of the parameters.
        mixed: the arguments have different dtypes, so that cotangents may need a cast.
        body: statements of the function that is written.
    """

    unit: Any
    source: Source
    selection: list[str]
    many: bool
    known: dict[str, Value]
    has_aux: bool
    holomorphic: bool
    mixed: bool
    body: list[gast.stmt] = field(default_factory=list)
    classes: dict[str, type] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.names = list(dict.fromkeys(self.selection))
        self.taken = {*self.source.parameters, *self.unit.names, "np", "rt"}
        self.batches = Batches(self.unit)

    # --- lines

    def free(self, wanted: str) -> str:
        """A name that the function does not use."""
        name, number = wanted, 1
        while name in self.taken:
            number += 1
            name = f"{wanted}_{number}"
        self.taken.add(name)
        return name

    def named(self, node: gast.expr, wanted: str) -> gast.Name:
        """A variable that holds a value."""
        name = self.free(wanted)
        self.body.append(core.assign(name, node))
        return core.name(name)

    def unpacked(self, wanted: list[str], node: gast.expr) -> list[gast.Name]:
        """Variables for the parts of a tuple."""
        names = [self.free(w) for w in wanted]
        places: list[Any] = [core.store(n) for n in names]
        self.body.append(gast.Assign([gast.Tuple(places, gast.Store())], node, None))
        return [core.name(n) for n in names]

    def call_of(self, function: str, named: dict[str, Any]) -> gast.expr:
        """A call with all the parameters of the source, and more."""
        arguments = self.source.node.args
        positional = [core.name(a.id) for a in (*arguments.posonlyargs, *arguments.args)]
        call = core.call(function, *positional)
        call.keywords = [gast.keyword(a.id, core.name(a.id)) for a in arguments.kwonlyargs]
        call.keywords += [gast.keyword(k, v) for k, v in named.items()]
        return call

    # --- arguments

    def argument(self, name: str) -> Value:
        """What is known of a parameter."""
        return self.known.get(name, PLAIN)

    @property
    def ranks(self) -> dict[str, int]:
        """Ranks of the parameters that are arrays."""
        found = {n: getattr(v, "rank", None) for n, v in self.known.items()}
        return {n: r for n, r in found.items() if r is not None}

    def environment(self, written: Source) -> dict[str, Value]:
        """Descriptions of the parameters of a function that has those of the source."""
        return {**dict.fromkeys(written.parameters, PLAIN), **self.known}

    def named_leaves(self, node: gast.expr, known: Value, base: str) -> list[Leaf]:
        """The arrays in a value, as variables."""
        found = []
        for leaf in leaves(node, known):
            if leaf.path:
                word = word_for(base, leaf, known)
                leaf = dataclasses.replace(leaf, node=self.named(leaf.node, word))
            found.append(leaf)
        return found

    def argument_leaves(self) -> dict[str, list[Leaf]]:
        """The arrays in each of the differentiated arguments."""
        return {n: self.named_leaves(core.name(n), self.argument(n), n) for n in self.names}

    def described(self, source: Source, env: dict[str, Value]) -> Value:
        """What is known of the result of a function that has no batch axis anywhere."""
        batcher = Batcher(Batches(self.unit, describes=True), source, env)
        try:
            batcher.function()
        except TransformError:
            return PLAIN
        return batcher.result

    def answer_of(self, source: Source, env: dict[str, Value]) -> Value:
        """As `described`, without the auxiliary data."""
        return self.first(self.described(source, env))

    def first(self, known: Value) -> Value:
        """What is known of a result, without the auxiliary data."""
        if not self.has_aux:
            return known
        if getattr(known, "rank", None) is not None or len(getattr(known, "parts", "ab")) != 2:
            raise TypeError(
                f"has_aux=True requires a function that returns a pair (value, aux); "
                f"`{core.base(self.source.name)}` does not"
            )
        return known.parts[0] if isinstance(known, Items) else PLAIN

    # --- the basis

    def sections(self, parts: list[Leaf]) -> list[tuple[Any, Any]]:
        """Where each leaf begins and ends among all directions; None stands for the border."""
        if len(parts) == 1:
            return [(None, None)]
        if all(p.known.rank == 0 for p in parts):  # one direction each
            ends: list[Any] = [core.constant(i + 1) for i in range(len(parts))]
        else:
            sizes = [core.call("np.size", core.copy(p.node)) for p in parts]
            sums = self.named(core.call("np.cumsum", gast.List(sizes, gast.Load())), "ends")
            ends = [item(sums, i) for i in range(len(parts))]
        self.count = ends[-1]
        return list(zip([None, *ends[:-1]], [*ends[:-1], None], strict=True))

    count: Any = None  # the number of all directions, where there are several leaves

    def basis(self, parts: list[Leaf], sections: list[tuple[Any, Any]]) -> list[gast.expr]:
        """The unit vectors along all directions, leaf by leaf."""
        found = []
        for part, (first, _) in zip(parts, sections, strict=True):
            call = core.call("rt.basis", core.copy(part.node))
            if self.count is not None:
                call.args += [core.copy(first or core.constant(0)), core.copy(self.count)]
            if self.holomorphic:
                call.keywords.append(gast.keyword("holomorphic", core.constant(True)))
            found.append(call)
        return found

    # --- the structure of the result

    def around_result(self, node: gast.expr, known: Value, like: Value, block: Any) -> gast.expr:
        """The structure of a result, with ``block(node, known, path)`` in place of each array.

        Args:
            node: an expression for it.
            known: what is known of it.
            like: what is known of the value that it belongs to: its class.
            block: what to put in place.
        """

        def around(node: gast.expr, known: Value, like: Value, path: Path) -> gast.expr:
            if isinstance(known, Array):
                return block(node, known, path)
            if isinstance(known, Nothing):
                return core.constant(None)
            if isinstance(known, Many) and known.kind != "dict":
                name = self.free("part")
                inner = around(core.name(name), known.part, PLAIN, path)
                return gast.ListComp(inner, [gast.comprehension(core.store(name), node, [], 0)])
            if not isinstance(known, Items):
                raise refusal("the Jacobian of a function whose result has no known structure")
            same = isinstance(like, Items) and like.keys == known.keys
            own = like if same else known
            parts = [
                around(part_of(node, known, i), part, own.parts[i] if same else PLAIN, (*path, i))
                for i, part in enumerate(known.parts)
            ]
            return self.display(own, parts)

        return around(node, known, like, ())

    def display(self, known: Items, parts: list[gast.expr]) -> gast.expr:
        """A container of the user's kind."""
        if known.kind != "object":
            return display_of(known, parts)
        if known.cls in (None, Cotangents):
            raise refusal(
                "the Jacobian of a function that returns an object of a class that is not known "
                "when the source is written", "return a tuple or a dict",
            )  # fmt: skip
        name = known.cls.__name__
        if self.classes.get(name) is not known.cls:
            name = self.free(name)
            self.classes[name] = known.cls
        fields = [gast.keyword(k, v) for k, v in zip(known.keys, parts, strict=True)]
        return gast.Call(core.name(name), [], fields)

    def with_classes(self) -> Source:
        """The source, with the classes whose objects are built among its globals."""
        if not self.classes:
            return self.source
        extras = {**self.source.extras, **self.classes}
        return dataclasses.replace(self.source, extras=extras)

    def around_arguments(self, block: Any) -> gast.expr:
        """The structure of the arguments, with ``block(name, path)`` in place of each array."""
        parts = [
            rebuilt(self.argument(n), lambda path, n=n: block(n, path), self.display)
            for n in self.selection
        ]
        return gast.Tuple(parts, gast.Load()) if self.many else parts[0]


class Forward(Writer):
    """The Jacobian by columns: tangents of the result along a basis of the arguments."""

    def result(self) -> gast.expr:
        from redraft.transpile.transforms.forward import tangent_parameter, write_jvp

        options = {
            "names": self.names, "ranks": self.ranks, "has_aux": self.has_aux, "alone": True,
        }  # fmt: skip
        written = self.unit.read_again(write_jvp(self.unit, self.source, options))
        by_name = self.argument_leaves()
        found = [leaf for parts in by_name.values() for leaf in parts]
        if not found:
            raise refusal("jacfwd with respect to an argument without numbers")
        alone = len(found) == 1 and found[0].known.rank == 0  # a single direction
        sections = self.sections(found)
        seeds = self.basis(found, sections)
        if alone:
            seeds = [core.call("np.ones_like", core.copy(found[0].node))]
        order = [(name, leaf.path) for name, parts in by_name.items() for leaf in parts]
        seed_of = dict(zip(order, seeds, strict=True))
        self.place_of = dict(zip(order, zip(found, sections, strict=True), strict=True))
        given, env = {}, self.environment(written)
        for name in self.names:
            dot = tangent_parameter(self.source.parameters, name)
            known = self.argument(name)
            given[dot] = rebuilt(known, lambda p, n=name: seed_of[n, p], display_of_tangents)
            env[dot] = along_directions(known, not alone)
        if alone:
            called, tangent = written.name, self.answer_of(written, env)
        else:
            whole = self.count is None and found[0].known.rank == 1 and not found[0].path
            unit = tangent_parameter(self.source.parameters, self.names[0]) if whole else None
            version = self.batches.entry(written, env, refusal, unit=unit)
            called, tangent = version.name, self.first(version.result)
        block = self.keep if alone else self.columns
        return self.assembled(self.call_of(called, given), tangent, block)

    def assembled(self, call: gast.expr, tangent: Value, block: Any) -> gast.expr:
        """The Jacobian, from a call of the tangent function."""
        objects = any(part.kind == "object" for part in containers(tangent))
        value = self.answer_of(self.source, self.environment(self.source)) if objects else PLAIN
        if self.has_aux:
            columns, aux = self.unpacked(["columns", "aux"], call)
            jacobian = self.around_result(columns, tangent, value, block)
            return gast.Tuple([jacobian, aux], gast.Load())
        columns = core.name(self.free("columns"))
        jacobian = self.around_result(columns, tangent, value, block)
        if uses(jacobian, columns.id) == 1:
            return substituted(jacobian, {columns.id: call})
        self.body.append(core.assign(columns.id, call))
        return jacobian

    def keep(self, node: gast.expr, known: Array, path: Path) -> gast.expr:
        """The tangent along the only direction."""
        return gast.Tuple([node], gast.Load()) if self.many else node

    def columns(self, node: gast.expr, known: Array, path: Path) -> gast.expr:
        """What stands for one array of the result."""
        return self.around_arguments(
            lambda name, path: self.column(core.copy(node), known, *self.place_of[name, path])
        )

    def column(self, node: gast.expr, known: Array, leaf: Leaf, section: Any) -> gast.expr:
        """The derivatives of one array of the result with respect to one of the arguments."""
        x = core.copy(leaf.node)
        if not known.batched:
            return core.call("rt.no_columns", node, x)
        if leaf.known.rank == 0:
            return item(node, section[0] or 0)
        part = section_of(node, *section)
        if leaf.known.rank == 1 and known.rank == 0:
            return part
        if leaf.known.rank == 1 and known.rank == 1:
            return gast.Attribute(part, "T", gast.Load())
        return core.call("rt.jacobian_of_columns", part, x)


class Reverse(Writer):
    """The Jacobian by rows: cotangents of the arguments from a basis of the result."""

    def has_one_number(self) -> bool:
        """Is the result known to be a number, and are all arguments real or complex?"""
        answer = self.answer_of(self.source, self.environment(self.source))
        integers = any(isinstance(leaf.known, Integer) for n in self.names
                       for leaf in leaves(core.name(n), self.argument(n)))  # fmt: skip
        return isinstance(answer, Array) and answer.rank == 0 and not integers

    def gradient(self) -> Source:
        """The Jacobian of a function with one number as its result."""
        options = {
            "argnums": tuple(self.selection) if self.many else self.selection[0],
            "has_aux": self.has_aux, "holomorphic": self.holomorphic, "ranks": self.ranks,
        }  # fmt: skip
        return write_fused(self.unit, self.source, "grad", options)

    def result(self) -> gast.expr:
        pair = self.unit.pair(self.source, tuple(self.names), self.has_aux, ranks=self.ranks)
        ans, saved, aux, answer, residuals = self.forward(pair)
        arguments = self.argument_leaves()
        self.arguments = {(n, p.path): p for n, parts in arguments.items() for p in parts}
        results = self.named_leaves(ans, answer, "ans")
        if not results:
            raise refusal("jacrev of a function without a result")
        sections = self.sections(results)
        self.result_of = {r.path: (r, s) for r, s in zip(results, sections, strict=True)}
        self.seeds = self.basis(results, sections)
        seeds = dict(zip(self.result_of, self.seeds, strict=True))
        seed = rebuilt(answer, lambda path: seeds[path], display_of_tangents)
        self.rows = self.pulled(pair, saved, residuals, seed, answer)
        jacobian = self.around_result(ans, answer, answer, self.row_of)
        return jacobian if aux is None else gast.Tuple([jacobian, aux], gast.Load())

    def forward(self, pair: Any) -> tuple[Any, Any, Any, Value, Value]:
        """The lines of the forward part: result, residuals, auxiliary data; what is known of them."""
        written = self.unit.read_again(self.unit.written[pair.forward])
        described = self.described(written, self.environment(written))
        answer, residuals = described.parts if isinstance(described, Items) else (PLAIN, PLAIN)
        both, saved = self.unpacked(["ans", "saved"], self.call_of(pair.forward, {}))
        if not self.has_aux:
            return both, saved, None, answer, residuals
        answer = answer.parts[0] if isinstance(answer, Items) else PLAIN
        self.body[-1].targets[0].elts[0] = gast.Tuple(
            [core.store(both.id), core.store(self.free("aux"))], gast.Store()
        )
        aux = core.name(self.body[-1].targets[0].elts[0].elts[1].id)
        return both, saved, aux, answer, residuals

    def pulled(
        self, pair: Any, saved: Any, residuals: Value, seed: Any, answer: Value
    ) -> dict[str, tuple[gast.expr, Value]]:
        """The cotangents of the arguments along all directions, by parameter."""
        written = self.unit.read_again(self.unit.written[pair.backward])
        env = {written.parameters[0]: residuals, written.parameters[-1]: along_directions(answer)}
        version = self.batches.entry(written, env, refusal)
        returned, call = pair.returned(), core.call(version.name, saved, seed)
        if not returned:  # zeros, if it is floating-point numbers that are constant
            self.body += [gast.Expr(core.copy(call)) for call in self.seeds]
            return {}
        if len(returned) == 1:
            return {returned[0]: (self.named(call, "rows"), version.result)}
        rows = self.unpacked([f"{n}_rows" for n in returned], call)
        return dict(zip(returned, zip(rows, version.result.parts, strict=True), strict=True))

    def row_of(self, node: gast.expr, known: Array, path: Path) -> gast.expr:
        """What stands for one array of the result."""
        result, section = self.result_of[path]

        def block(name: str, path: Path) -> gast.expr:
            leaf = self.arguments[name, path]
            rows = follow(*self.rows[name], path) if name in self.rows else (None, None)
            return self.row(*rows, leaf, result, section)

        return self.around_arguments(block)

    def row(self, node: Any, known: Any, leaf: Leaf, result: Leaf, section: Any) -> gast.expr:
        """The derivatives of one array of the result with respect to one of the arguments."""
        ans, x = core.copy(result.node), core.copy(leaf.node)
        if isinstance(known, (Items, Many)) or (known is None and node is not None):
            raise refusal("the Jacobian with respect to a container of unknown structure")
        if known is None or isinstance(leaf.known, Integer) or not known.batched:
            return core.call("rt.no_rows", ans, x)
        if self.mixed:
            node = core.call("rt.cast_like", node, core.copy(x))
        if result.known.rank == 0:
            return item(node, section[0] or 0)
        part = section_of(node, *section)
        return part if result.known.rank == 1 else core.call("rt.jacobian_of_rows", part, ans, x)
