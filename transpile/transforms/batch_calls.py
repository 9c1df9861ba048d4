"""Calls, lambdas and comprehensions under a batch axis."""

from __future__ import annotations

import dataclasses
import functools
import types
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.batched import (
    PLAIN,
    Applied,
    Array,
    Closure,
    Entries,
    FunctionWithData,
    Items,
    Known,
    Many,
    Pullback,
    Value,
    batched_like,
    describe,
    is_batched,
    single,
)
from redraft.transpile.errors import TransformError
from redraft.transpile.front.callee import Function
from redraft.transpile.front.effects import writes_arguments
from redraft.transpile.front.scope import UNKNOWN
from redraft.transpile.front.source import Source
from redraft.transpile.function_values import is_function_value
from redraft.transpile.primitives import table
from redraft.transpile.transforms.batch_items import BatchedItems
from redraft.transpile.transforms.batch_names import (
    Result,
    dotted_name,
    part_at,
    shared_all,
    without_ranks,
)


def separated(bound: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The expressions of the arguments of a call, and what is known of their values."""
    nodes, values = {}, {}
    for name, pair in bound.items():
        if isinstance(pair, list):
            nodes[name], values[name] = [n for n, _ in pair], [k for _, k in pair]
        else:
            nodes[name], values[name] = pair
    return nodes, values


class BatchedCalls(BatchedItems):
    """Calls, lambdas and comprehensions under a batch axis."""

    def expr_ListComp(self, node: Any) -> Result:
        value, known, mask, generators = self.comprehended(node)
        if isinstance(node, gast.DictComp):
            return gast.DictComp(value[0], value[1], generators), Many("dict", shared_all(known))
        if mask is None:
            return type(node)(value, generators), Many("list", shared_all(known))
        entry = gast.Tuple([value, mask], gast.Load())
        return type(node)(entry, generators), Entries(shared_all(known))

    def comprehended(self, node: Any) -> tuple[Any, Value, gast.expr | None, list[Any]]:
        """The element of a comprehension, its mask if it is there for some examples only, and loops."""
        saved, partial = dict(self.env), dict(self.partial)
        lines, self.lines, going_over = self.lines, None, self.going_over
        choosing, choices = self.choosing, self.choices
        try:
            generators, mask, self.going_over = [], None, False
            for generator in node.generators:
                made, masks = self.generator(generator, node)
                generators.append(made)
                for test in masks:
                    mask = test if mask is None else gast.BinOp(mask, gast.BitAnd(), test)
            if mask is not None:
                self.choosing += 1
                self.choices = [*self.choices, mask]
            if isinstance(node, gast.DictComp):
                key = self.plain(node.key, "a key")
                value, known = self.held(node.value)
                return (key, self.settled_element(value, known)), known, mask, generators
            value, known = (self.test if self.as_tests else self.held)(node.elt)
            value = self.settled_element(value, known)
            if mask is not None and not is_batched(known):
                value, known = self.for_each(value), batched_like(known)
            return value, known, mask, generators
        finally:
            self.env, self.partial, self.lines = saved, partial, lines
            self.choosing, self.choices, self.going_over = choosing, choices, going_over

    as_tests = 0  # are the elements of the comprehension conditions?

    def generator(self, generator: Any, node: Any) -> tuple[Any, list[gast.expr]]:
        """One loop of a comprehension, and the masks of the examples that its rounds count for."""
        masks: list[gast.expr] = []
        target, entries = generator.target, self.entries_in(generator.iter)
        if entries is not None and self.is_call_of(generator.iter, enumerate):
            raise self.refuse(generator.iter, "`enumerate` of a list that is longer for some examples",
                              "write a loop")  # fmt: skip
        if entries is not None:
            here = self.free("here")
            target = gast.Tuple([target, core.store(here)], gast.Store())
            masks.append(core.name(here))
        self.going_over, before = entries is not None, self.going_over
        iterable, part = self.iterable(generator.iter if entries is None else entries)
        self.going_over = before
        if not self.nested_names(target, part):
            raise self.refuse(
                generator.target, "this target takes a batched value apart", "write a loop"
            )
        tests = []
        for condition in generator.ifs:
            test, known = self.test(condition)
            if not is_batched(known):
                tests.append(test)
            else:
                masks.append(test)
        if masks and not isinstance(node, (gast.ListComp, gast.GeneratorExp)):
            raise self.refuse(
                node, "a dict or set that holds more for some examples", "use a list, or arrays"
            )
        return gast.comprehension(core.copy(target), iterable, tests, 0), masks

    def settled_element(self, value: Any, known: Value) -> Any:
        """What a comprehension keeps of each round; see `settled`."""
        if isinstance(value, gast.Tuple) and isinstance(known, Items):
            parts = zip(value.elts, known.parts, strict=True)
            return gast.Tuple([self.settled_element(v, k) for v, k in parts], gast.Load())
        is_read = core.is_name(value) and isinstance(known, Array) and known.batched
        if is_read and self.batches.copies and not known.rank:
            return core.call("np.copy", value)
        return self.settled(value, known)

    expr_DictComp = expr_ListComp
    expr_GeneratorExp = expr_ListComp

    def expr_Lambda(self, node: Any) -> Result:
        inner = core.reads(node.body) - set(core.parameter_names(node.args))
        for name in inner:
            if is_batched(self.env.get(name, PLAIN)) or isinstance(self.env.get(name), Closure):
                raise self.refuse(
                    node, f"a `lambda` that is passed on and reads the batched `{name}`",
                    "give the function a name and call it directly",
                )  # fmt: skip
        raise self.refuse(
            node, "a `lambda` that is passed on under vmap", "define it outside of the function"
        )

    # --- calls

    def expr_Call(self, node: gast.Call) -> Result:
        function = self.scope.value(node.func)
        if function is UNKNOWN and core.is_name(node.func):
            known = self.env.get(node.func.id)
            if known is not None:
                self.expression(node.func)  # has it a value for all examples?
            if isinstance(known, Closure):
                return self.called_by_name(node, known)
            if isinstance(known, FunctionWithData):
                return self.call_with_data(node, core.copy(node.func), known)
            if isinstance(known, Known):
                function = known.function
                while getattr(type(function), "redraft_identity", False):  # jitted
                    function = function.fun
                function = table.defined(function)
            elif known is None and node.func.id in self.source.local_functions:
                function = self.source.local_functions[node.func.id]
        if function is UNKNOWN and isinstance(node.func, gast.Attribute):
            return self.method_call(node)
        if function is UNKNOWN and isinstance(node.func, (gast.Call, gast.Subscript)):
            found = self.derived_call(node, node.func)
            if found is not None:
                return found
        special = self.special(function) or self.helper(function)
        special = special or self.transform(function) or self.collective(function)
        special = special or self.host_call(function)
        if special is not None:
            found = special(node)
            if found is not None:
                return found
        if any(isinstance(a, gast.Starred) for a in node.args) or any(
            k.arg is None for k in node.keywords
        ):
            return self.star_call(node, function)
        visit = self.consumed if self.gives_new(node) else self.held
        args = [visit(a) for a in node.args]
        keywords = {k.arg: visit(k.value) for k in node.keywords}
        return self.call(node, function, core.copy(node.func), args, keywords)

    def star_call(self, node: gast.Call, function: Any) -> Result:
        """``f(*xs)``: written out where the length of `xs` is known."""
        args: list[Result] = []
        for argument in node.args:
            if not isinstance(argument, gast.Starred):
                args.append(self.expression(argument))
                continue
            value, known = self.expression(argument.value)
            if not isinstance(known, Items) or known.kind not in ("tuple", "list"):
                return self.unchanged(node)
            args += [(part_at(value, i, i), p) for i, p in enumerate(known.parts)]
        if any(k.arg is None for k in node.keywords):
            return self.unchanged(node)
        keywords = {k.arg: self.expression(k.value) for k in node.keywords}
        return self.call(node, function, core.copy(node.func), args, keywords)

    def call(
        self, node: Any, function: Any, func: Any, args: list[Result], keywords: dict[str, Result]
    ) -> Result:
        """A call of a function with arguments that are rewritten already."""
        values = [known for _, known in (*args, *keywords.values())]
        named = [gast.keyword(k, n) for k, (n, _) in keywords.items()]
        new = gast.copy_location(gast.Call(func, [n for n, _ in args], named), node)
        row = table.row_of(function) if function is not UNKNOWN else None
        if any(isinstance(v, (Applied, Pullback)) for v in values):
            raise self.refuse(
                node,
                "a derivative or a pullback that is passed on",
                "call it here, and pass values",
            )
        if not any(map(is_batched, values)) and not any(isinstance(v, Closure) for v in values):
            if row is None and self.concerned and self.speaks(function, *values):
                return self.function_call(node, function, new, args, keywords)
            self.batches.writes |= row is None and self.may_change(function)
            found = self.unbatched_call(node, new, row, args, keywords)
            if row is None and self.batches.describes:
                return found[0], self.described_call(node, function, args, keywords)
            return found
        if row is not None and row.source is not None and row.batch is None:
            return self.function_call(node, row.source, new, args, keywords)
        if row is not None and row.kind != "missing":
            defined = self.beyond(row, args, keywords)
            if defined is not None:
                return self.function_call(node, defined, new, args, keywords)
            return self.row_call(node, row, dotted_name(func), args, keywords)
        if row is not None:
            raise self.refuse(node, f"{row.name}: {row.reason}", "write it with other functions")
        if function is UNKNOWN:
            raise self.refuse(
                node, "this call of a batched value calls something that is not known when the "
                "source is written", "call a function by its name, or use `rd.vmap_by_loop`",
            )  # fmt: skip
        return self.function_call(node, function, new, args, keywords)

    def beyond(self, row: Any, args: list[Result], keywords: dict[str, Result]) -> Any:
        """The definition of a call for which a row has no rule, or None."""
        return table.beyond(row, args, keywords, lambda result: table.literal(result[0]))

    def may_change(self, function: Any) -> bool:
        """May a call change its arguments in place?"""
        return function is UNKNOWN or writes_arguments(function, self.unit.dependencies)

    def unbatched_call(self, node: Any, new: Any, row: Any, args: Any, keywords: Any) -> Result:
        for value, _ in (*args, *keywords.values()):
            if row is None and core.is_name(value):
                self.share(value.id)
        rank = None
        if row is not None and row.kind != "missing":
            try:
                bound = table.bind(row, args, keywords)
            except table.BindError:
                return new, PLAIN
            nodes, values = separated(bound)
            rank = self.rank_of(row, nodes, values)
            gives = row.gives_for(nodes)
            if gives is None:
                return new, Array(False, rank, row.view_of is None)
            like = values.get(gives.removeprefix("like "))
            if isinstance(like, (Items, Many)):
                return new, single(without_ranks(like))
        return new, PLAIN

    def described_call(self, node: Any, function: Any, args: Any, keywords: Any) -> Any:
        """What is known of the result of a function that is called without batched values."""
        if is_record(function):
            return self.construction(node, function, None, args, keywords)[1]
        if not isinstance(function, (types.FunctionType, Source)):
            return PLAIN
        try:
            source = self.unit.source_of(Function(function), self.refusal(node))
            return self.batches.result_of(
                source, self.bound_arguments(node, source, args, keywords)
            )
        except TransformError:
            return PLAIN

    def row_call(self, node: Any, row: Any, called: Any, args: Any, keywords: Any) -> Result:
        try:
            bound = table.bind(row, args, keywords)
        except table.BindError as error:
            raise self.refuse(
                node, str(error), "see `redraft rules` for what is supported"
            ) from None
        nodes, values = separated(bound)
        for name in (*row.linear_in, *row.d):
            if name in values and isinstance(values[name], Known):
                raise self.refuse(node, f"`{row.name}` of a function", "call it first")
        return self.primitive(row, nodes, values, node, called)

    def function_call(self, node: Any, function: Any, new: Any, args: Any, keywords: Any) -> Result:
        """A call of a Python function: its batched version."""
        if is_record(function):
            return self.construction(node, function, new, args, keywords)
        leading: list[Any] = []
        if carries_arguments(function):
            source, leading, extra = self.callable_source(node, function)
            keywords = {**{k: (self.constant(v), shared_all(describe(v))) for k, v in extra.items()},
                        **keywords}  # fmt: skip
            args = [*((self.constant(v), shared_all(describe(v))) for v in leading), *args]
            new = gast.Call(new.func, [n for n, _ in args],
                            [gast.keyword(k, n) for k, (n, _) in keywords.items()])  # fmt: skip
        elif str(getattr(function, "__module__", "")).startswith(
            "redraft.transpile."
        ) and isinstance(function, types.FunctionType):
            raise self.refuse(
                node, f"`{function.__name__}` of a batched value is not supported here",
                "apply transformations to functions that are known by their names",
            )  # fmt: skip
        elif isinstance(function, (types.FunctionType, Source)):
            source = self.unit.source_of(Function(function), self.refusal(node))
        elif hasattr(type(function), "redraft_pmapped"):
            raise self.refuse(
                node, f"`{function.__name__}` runs on several devices, within a function that is batched",
                "batch it by itself, `rd.vmap(rd.pmap(f))`, or use `rd.pmap(rd.vmap(f))`",
            )  # fmt: skip
        else:
            raise self.refuse(
                node, f"`{getattr(function, '__name__', type(function).__name__)}` has no Python source and no rule",
                "use `rd.vmap_by_loop`, which calls the function once per example",
            )  # fmt: skip
        return self.source_call(node, source, new, args, keywords)

    def constant(self, value: Any) -> gast.expr:
        from redraft.transpile.front.normalize import is_literal

        if is_literal(value):
            return core.constant(value)
        name = self.free("bound")
        self.unit.bindings[name] = value
        return core.name(name)

    def callable_source(self, node: Any, function: Any) -> Any:
        """Source of a partial, or of what a transformation gave, and the arguments that it adds."""
        from redraft.transpile.api import target_of
        from redraft.transpile.front.source import read_source

        target = target_of(function)
        if target.inner is not None:
            self.unit.dependencies.extend(target.inner.unit.dependencies)
        source = self.unit.sources.get(target.function)
        if source is None:
            source = self.unit.sources[target.function] = read_source(target.function)
        return source, list(target.leading), target.keywords

    def refusal(self, node: Any) -> Any:
        def refuse(message: str, hint: str | None = None) -> TransformError:
            return self.refuse(node, message, hint or "use `rd.vmap_by_loop`")

        return refuse

    def source_call(self, node: Any, source: Source, new: Any, args: Any, keywords: Any) -> Result:
        pairs = (*args, *keywords.values())
        before = {n.id: self.env[n.id] for n, _ in pairs if core.is_name(n) and n.id in self.env}
        env = self.bound_arguments(node, source, args, keywords)
        version = self.batches.version(source, env, self.refusal(node), self.masked)
        if self.lets_go(version, pairs):
            self.env |= before
        names = set().union(*(self.held_by(*pair) for pair in pairs)) if pairs else set()
        if version.changes:
            self.memory.change(names, node)
        if version.copies:
            self.memory.copy(names, node)
        new.func = core.name(version.name)
        new.args = [self.settled(n, k) for n, k in args]
        new.keywords = [gast.keyword(k, self.settled(*pair)) for k, pair in keywords.items()]
        if version.size is not None:
            new.keywords.append(gast.keyword(version.size, self.size()))
        return new, version.result

    def lets_go(self, version: Any, pairs: Any) -> bool:
        """Does nothing hold the arguments of a call after it that did not before?"""
        result = version.result
        parts = result.parts if isinstance(result, Items) else [result]
        fresh = all(isinstance(p, Array) and (p.owned or p.rank == 0) for p in parts)
        return version.written and fresh and all(isinstance(k, Array) for _, k in pairs)

    def bound_arguments(self, node: Any, source: Source, args: Any, keywords: Any) -> Any:
        """Descriptions of the parameters of a source in a call."""
        from redraft.transpile.batched_arguments import bind_parameters

        values = [shared_all(k) for _, k in args]
        for value, _ in (*args, *keywords.values()):
            if core.is_name(value):
                self.share(value.id)
        named = {k: shared_all(known) for k, (_, known) in keywords.items()}
        try:
            return bind_parameters(source, values, named)
        except TypeError as error:
            raise self.refuse(node, str(error), "look at the arguments of the call") from None

    def construction(self, node: Any, cls: type, new: Any, args: Any, keywords: Any) -> Result:
        """A new object of a dataclass or NamedTuple."""
        fields = field_names(cls)
        if hasattr(cls, "__post_init__") or len(args) > len(fields):
            raise self.refuse(node, "a constructor that does more than keep its arguments",
                              "use a plain dataclass")  # fmt: skip
        known = {f: v for f, (_, v) in zip(fields, args, strict=False)}
        known |= {k: v for k, (_, v) in keywords.items()}
        known = {f: known.get(f, PLAIN) for f in fields}
        return new, Items("object", tuple(known), tuple(map(shared_all, known.values())), cls=cls)


def carries_arguments(function: Any) -> bool:
    """Is it a function with data that a call passes on: a partial, a pullback, a derivative of one?"""
    return (
        hasattr(function, "redraft_kind")
        or isinstance(function, functools.partial)
        or is_function_value(function)
    )


def is_record(function: Any) -> bool:
    """Is it a dataclass or a NamedTuple?"""
    return isinstance(function, type) and (
        dataclasses.is_dataclass(function)
        or (issubclass(function, tuple) and hasattr(function, "_fields"))
    )


def field_names(cls: type) -> list[str]:
    """The parameters of a dataclass or NamedTuple, in order."""
    if hasattr(cls, "_fields"):
        return list(cls._fields)
    return [f.name for f in dataclasses.fields(cls) if f.init]
