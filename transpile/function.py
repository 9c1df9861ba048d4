"""A function on its way through the compiler, and the unit of generated functions it belongs to."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.facts import Facts, find_facts
from redraft.transpile.analysis.liveness import mark_live
from redraft.transpile.analysis.scalars import infer_scalars
from redraft.transpile.analysis.singular import Suspects
from redraft.transpile.analysis.versions import number_versions
from redraft.transpile.back.lines import mark_again
from redraft.transpile.errors import SourceError, TransformError
from redraft.transpile.front.callee import Function, Primitive, Transformed
from redraft.transpile.front.effects import writes_arguments
from redraft.transpile.front.lower import Lowerer
from redraft.transpile.front.normalize import RESERVED
from redraft.transpile.front.scope import Dependency
from redraft.transpile.front.source import Source, read_source
from redraft.transpile.primitives import table
from redraft.transpile.transforms.pull import signature_of


@dataclass(eq=False)
class Prepared:
    """A function in core form with its facts."""

    source: Source
    body: list[gast.stmt]
    facts: Facts
    parameters: list[str]
    end: dict[str, int]
    lowerer: Lowerer


def prepare(
    source: Source,
    active: set[str],
    unit: Unit,
    ranks: dict[str, int] | None = None,
    has_aux: bool = False,
    scalar_result: bool = False,
) -> Prepared:
    """Lower a function and find its facts; `active` names the differentiated parameters."""
    dependencies = unit.dependencies
    if source.function is not None:
        for kind in ("__defaults__", "__kwdefaults__"):
            values = getattr(source.function, kind, None)
            if values:
                dependencies.append((source.function, kind, values))
    lowerer = Lowerer(source, active, dependencies, unit.object_names, unit.late_batches)
    try:
        body = lowerer.lower(has_aux)
    finally:
        unit.met_names |= lowerer.met_names
    mark_live(body, set())
    end = number_versions(body, source.parameters)
    mark_live(body, set())
    scalars = infer_scalars(body) if scalar_result else set()
    proven = not scalars or _returns_scalar(body, source, lowerer, active, ranks)
    facts = find_facts(body, source, lowerer.scope, active, ranks, scalars)
    facts.proven = set(scalars) if proven else set()
    return Prepared(source, body, facts, source.parameters, end, lowerer)


def _returns_scalar(
    body: list[gast.stmt], source: Source, lowerer: Lowerer, active: set[str], ranks: Any
) -> bool:
    """Is the result a scalar even if nobody says that it must be one?"""
    if _ends_in_a_number(body):
        return True
    try:
        find_facts(body, source, lowerer.scope, active, ranks, set())
    except TransformError:
        return False
    result = body[-1].value
    known = body[-1].facts.get(result.id) if core.is_name(result) else None
    return known is not None and known.rank == 0


def _ends_in_a_number(body: list[gast.stmt]) -> bool:
    """Is the result that of ``np.sum(x)`` and its kin, whatever its arguments are?"""
    result, last = body[-1].value, body[-2] if len(body) > 1 else None
    if not (isinstance(last, gast.Assign) and core.is_name(result)):
        return False
    callee, target = getattr(last.value, "callee", None), last.targets[0]
    if not (isinstance(callee, Primitive) and core.is_name(target) and target.id == result.id):
        return False
    rank = callee.row.rank
    if callable(rank):
        rank = rank(table.Call(callee.row, callee.arguments(last.value)))
    return rank == 0


@dataclass(eq=False)
class Pair:
    """The forward and backward function of one function, for one set of active parameters.

    Attributes:
        forward: name of the forward function.
        backward: name of the backward function.
        active: the differentiated parameters.
        bars: those whose cotangents the backward function returns; None while it is being written.
        forced: a recursive call needs the cotangents of all of them.
        masked: those whose cotangents a selection in the function made zero.
        asked: the other arguments of `Unit.pair`.
    """

    forward: str
    backward: str
    active: tuple[str, ...]
    bars: tuple[str, ...] | None = None
    forced: bool = False
    masked: frozenset[str] = frozenset()
    asked: dict[str, Any] = field(default_factory=dict)

    def returned(self) -> tuple[str, ...]:
        """Parameters whose cotangents the backward function returns, in order."""
        if self.bars is None:  # being written: a recursive call; it returns all of them
            self.forced = True
            return self.active
        return self.bars


@dataclass(eq=False)
class Unit:
    """All functions that one transformation generates, in one namespace and one text.

    `object_names` are those that objects among the arguments share with arrays (front/objects.py),
    `met_names` those of the classes whose constructors the functions call. `late_batches`: what
    `vmap` makes is written when it is called, with arguments whose ranks are known. `reserved` are
    names that no generated function may have; `outer_names` those that the sources read from outside.
    """

    object_names: frozenset[str] = frozenset()
    met_names: frozenset[str] = frozenset()
    late_batches: bool = False
    reserved: frozenset[str] = frozenset()
    dependencies: list[Dependency] = field(default_factory=list)
    functions: list[gast.FunctionDef] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    given_names: set[str] = field(default_factory=set)
    outer_names: set[str] = field(default_factory=set)
    bindings: dict[str, Any] = field(default_factory=dict)
    written: dict[str, Source] = field(default_factory=dict)
    pairs: dict[Any, Pair] = field(default_factory=dict)
    tangents: dict[Any, str] = field(default_factory=dict)
    sources: dict[Any, Source] = field(default_factory=dict)
    changing: dict[Any, bool] = field(default_factory=dict)

    @functools.cached_property
    def suspects(self) -> Suspects:
        """What may be infinite or NaN in the functions of this unit."""
        return Suspects(lambda callee: self.source_of(callee, _no_source))

    def name_function(self, wanted: str) -> str:
        """A free name for a generated function."""
        name, number = wanted, 1
        while name in self.names or name in self.reserved:
            number += 1
            name = f"{wanted}_{number}"
        self.names.add(name)
        self.given_names.add(name)
        return name

    def signature(self, source: Source) -> Any:
        """Signature of a source's definition."""
        return signature_of(source.node.args)

    def source_of(self, callee: Any, refuse: Any) -> Source:
        """The source of what a call calls."""
        if isinstance(callee, Transformed):
            return self.transformed_source(callee, refuse)
        function = callee.function if isinstance(callee, Function) else callee
        if isinstance(function, Source):
            return self.readable(function)
        if isinstance(function, Transformed):
            return self.transformed_source(function, refuse)
        if function not in self.sources:
            try:
                self.sources[function] = read_source(function)
            except SourceError as error:
                if error.lineno is not None:
                    raise
                raise refuse(error.msg, error.hint) from None
            if self.sources[function].rule is not None:
                self.sources[function].rule.bind(self)
        return self.sources[function]

    def transformed_source(self, callee: Transformed, refuse: Any) -> Source:
        """The source that a transformation of a function generates."""
        from redraft.transpile.transforms.build import write_fused

        inner = self.source_of(callee.inner, refuse)
        key = (inner, callee.kind, tuple(sorted((k, repr(v)) for k, v in callee.options.items())))
        if key not in self.sources:
            if callee.kind in ("jacfwd", "jacrev"):
                from redraft.transpile.transforms.jacobian import write_jacobian

                written = write_jacobian(self, inner, callee.kind, callee.options)
            elif callee.kind == "vmap":
                from redraft.transpile.transforms.batch_entry import write_batched_source

                written = write_batched_source(self, inner, callee.options)
            else:
                written = write_fused(self, inner, callee.kind, callee.options)
            self.sources[key] = self.read_again(written)
        return self.sources[key]

    def readable(self, source: Source) -> Source:
        """A source with line numbers; functions that this unit wrote are parsed from their text."""
        if hasattr(source.node, "lineno"):
            return source
        if source not in self.sources:
            self.sources[source] = self.read_again(source)
        return self.sources[source]

    def keep_reachable(self, *entries: str) -> None:
        """Drop functions that were written on the way, and that nothing calls any more."""
        by_name = {f.name: f for f in self.functions}
        wanted, todo = set(), list(entries)
        while todo:
            name = todo.pop()
            if name in by_name and name not in wanted:
                wanted.add(name)
                todo += {n.id for n in core.walk(by_name[name]) if isinstance(n, gast.Name)}
        self.functions[:] = [f for f in self.functions if f.name in wanted]

    def read_again(self, written: Source) -> Source:
        """A generated function as the front end reads it: parsed from its own text."""
        import numpy

        from redraft import runtime
        from redraft.transpile.back.emit import print_function

        text = print_function(written.node)
        node = core.parse_gast(text).body[0]
        file = f"<redraft {written.name} of {written.user_place}>"
        source = Source(node, file, text.splitlines(True), written.globals)
        mark_again(written.node, node, source)
        source.cells, source.captured = written.cells, written.captured
        source.extras, source.renamed = written.extras, written.renamed
        source.plain_names = written.plain_names
        source.generated, source.modules = True, {"np": numpy, "rt": runtime}
        source.batched, source.rule = written.batched, written.rule
        source.local_functions = self.written
        return source

    def pair(
        self,
        source: Source,
        active: tuple[str, ...],
        has_aux: bool = False,
        masked: bool = False,
        suspects: tuple[str, ...] = (),
        ranks: dict[str, int] | None = None,
    ) -> Pair:
        """Forward and backward function of a source; written at the first request.

        Args:
            source: the function.
            active: its differentiated parameters.
            has_aux: it returns a pair of the value and auxiliary data.
            masked: the cotangent of the result is zero where a selection did not take it.
            suspects: parameters that may be infinite or NaN.
            ranks: of parameters that are arrays, as far as they are known.
        """
        from redraft.transpile.transforms.build import write_pair

        key = (source, active, has_aux, masked, suspects, tuple(sorted((ranks or {}).items())))
        if key not in self.pairs:
            parameters = [p for p in source.parameters if p in active]
            every = len(active) == len(list(source.parameters))
            tag = "" if every else "_" + "_".join(parameters)
            base = core.base(source.name)
            pair = Pair(
                self.name_function(f"{base}_fwd{tag if len(tag) < 24 else ''}"),
                self.name_function(f"{base}_bwd{tag if len(tag) < 24 else ''}"),
                tuple(parameters),
            )
            self.pairs[key] = pair
            pair.asked = {
                "has_aux": has_aux,
                "masked": masked,
                "suspects": suspects,
                "ranks": ranks,
            }
            if source.rule is None:
                write_pair(self, source, pair, **pair.asked)
            else:
                source.rule.write_pair(self, source, pair)
        return self.pairs[key]

    def may_change(self, source: Source, active: tuple[str, ...]) -> bool:
        """May a function change its differentiated arguments in place, as far as its text tells?

        Raises:
            TransformError: it certainly does.
        """
        key = (source, active)
        if source.rule is not None and not source.rule.runs_again:  # it says what there is to say
            return False
        if key not in self.changing:
            self.changing[key] = False
            prepared = prepare(source, set(active), self)
            self.changing[key] = not source.generated and (
                any(map(settled_later, core.walk_statements(prepared.body)))
                or writes_arguments(source, self.dependencies)
            )
        return self.changing[key]

    def bind_globals(self, function: gast.FunctionDef, source: Source) -> dict[str, Any]:
        """Let the generated text read the globals and closure cells of the source it came from.

        Where another function's module gives the same name another meaning, the name is numbered;
        returns the numbered names and their objects.
        """
        numbered: dict[str, Any] = {}
        self.outer_names |= core.reads(source.node) - set(source.local_functions)
        defaults = [
            d for d in (*function.args.defaults, *function.args.kw_defaults) if d is not None
        ]
        bound = set(core.parameter_names(function.args)) | core.writes(function.body)
        wanted = (core.reads(function.body) - bound) | core.reads(defaults)
        for name in sorted(wanted - self.names - set(RESERVED)):
            if name in table.HELPERS:
                self.bindings[name] = numbered[name] = table.HELPERS[name]
                continue
            if isinstance(source.local_functions.get(name), Source):
                self.bind_nested(name, source.local_functions[name], [*function.body, *defaults])
                continue
            holder, value = _lookup(source, name)
            if holder is None:
                continue
            free, number = name, 1
            while free in self.bindings and self.bindings[free] is not value:
                number += 1
                free = f"{name}_{number}"
            self.bindings[free] = value
            self.dependencies.append((holder, source.renamed.get(name, name), value))
            if free != name:
                numbered[free] = value
                for node in core.free_names([*function.body, *defaults]):
                    if node.id == name:
                        node.id = free
        return numbered

    def bind_nested(self, name: str, nested: Source, where: list[Any]) -> None:
        """Give a lifted function another nested one, which it calls without derivatives.

        Raises:
            TransformError: that one reads variables of the function around both.
        """
        from redraft.transpile.transforms.build import add_written, definition

        if nested.captured:
            raise TransformError(
                f"the nested function `{name}` is called by another one, and reads `{nested.captured[0]}` "
                "of the function around them", nested.span(nested.node), "pass the value as an argument",
            )  # fmt: skip
        key = (nested, "as it is")
        if key not in self.sources:
            written = self.name_function(name)
            node = definition(
                written,
                nested.node.args,
                core.copy(nested.node.body),
                f"{name} ({nested.user_place}).",
            )
            self.sources[key] = dataclasses.replace(nested, node=node)
            add_written(self, node, nested)
        given = self.sources[key].node.name
        for node in core.free_names(where):
            if node.id == name:
                node.id = given


def write_unit(names: frozenset[str], write: Callable[[Unit], Any]) -> Any:
    """What `write` makes of a unit.

    Anew, if it meets classes whose names it had not known, or gives a function a name that the sources
    read from outside, where it means something else.
    """
    refused: TransformError | None = None
    reserved: frozenset[str] = frozenset()
    while True:
        unit = Unit(names, late_batches=refused is not None, reserved=reserved)
        try:
            written = write(unit)
        except TransformError as error:
            if unit.met_names <= names:
                if refused is not None:
                    raise refused from None
                if not getattr(error, "of_batch", False):
                    raise
                refused = error  # where the ranks of the arguments are known, it may be batched
        else:
            taken = unit.outer_names & unit.given_names
            if unit.met_names <= names and not taken:
                return written
            reserved |= taken
        names |= unit.met_names


def _no_source(message: str, hint: str | None) -> TransformError:
    return TransformError(message, None, hint)


def _lookup(source: Source, name: str) -> tuple[Any, Any]:
    """Where a global name of a source gets its value from, and the value."""
    for own in (name, source.renamed.get(name, name)):
        if own in source.extras:
            return source.extras, source.extras[own]
    name = source.renamed.get(name, name)
    cell = source.cells.get(name)
    if cell is not None:
        try:
            return cell, cell.cell_contents
        except ValueError:
            return None, None
    if name in source.globals:
        return source.globals, source.globals[name]
    return None, None


__all__ = ["Pair", "Prepared", "TransformError", "Unit", "prepare", "write_unit"]


def settled_later(statement: Any) -> bool:
    """Does it show only when the code runs whether a statement writes into someone else's array?"""
    if getattr(statement, "shared", False) or getattr(statement, "numbers", ()):
        return True
    value = getattr(statement, "value", None)
    unknown = isinstance(value, gast.Call) and "callee" in value.__dict__ and value.callee is None
    return unknown and not is_access(value.func)


def is_access(func: Any) -> bool:
    """Is it ``rt.reader(name)``, called to read an attribute?"""
    return isinstance(func, gast.Call) and core.same(func.func, core.dotted("rt.reader"))
