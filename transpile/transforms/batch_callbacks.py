"""Calls of the host under a batch axis.

Before::                                            After::

    rd.pure_callback(f, spec, x, w,                     rd.pure_callback(rt.one_by_one(f, True, False),
                     vmap_method="sequential")                           rt.batched_specs(spec, batch), x, w,
                                                                         vmap_method="sequential")
    rd.debug.print("x = {}", x)                         rt.debug_callback(
                                                            rt.one_by_one(rt.printing("x = {}"), True), x)

So the batched call is again one of its kind, and can be batched again. Under a mask, `rt.for_some` takes
the mask as the first argument: effects happen for the examples that reach the call.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import gast

from redraft.runtime import callbacks
from redraft.runtime.specs import ShapeDtypeStruct, spec_of
from redraft.transpile import core
from redraft.transpile.analysis.batched import (
    PLAIN,
    Array,
    Closure,
    Items,
    Many,
    Nothing,
    Text,
    Value,
    batched_like,
    is_batched,
)
from redraft.transpile.front.scope import UNKNOWN
from redraft.transpile.primitives import table
from redraft.transpile.transforms.batch_collectives import BatchedCollectives
from redraft.transpile.transforms.batch_names import Result, located

OPTIONS = ("sharding", "vmap_method", "ordered", "partitioned", "skip_format_check")
OUTSIDE = "define it outside of the function, and pass it what it reads"


class Parts(NamedTuple):
    """A call of the host, taken apart.

    Attributes:
        first: the callback, or the text to print.
        declared: the declaration of the results, rewritten; None of a call for its effect.
        args, named: the arguments, rewritten.
        options: keywords that are none.
    """

    first: Any
    declared: Result | None
    args: list[Result]
    named: dict[str, Result]
    options: dict[str, Any]

    @property
    def values(self) -> list[Value]:
        return [known for _, known in (*self.args, *self.named.values())]


class BatchedCallbacks(BatchedCollectives):
    """Calls of the host under a batch axis."""

    def host_call(self, function: Any) -> Any:
        """What rewrites a call of the host; None for any other function."""
        if function is ShapeDtypeStruct:
            return self.declaration
        if not callbacks.is_host_call(function):
            return None
        return functools.partial(self.called_on_host, function)

    def declaration(self, node: gast.Call) -> Result | None:
        """``rd.ShapeDtypeStruct(shape, dtype)``: described like the array of which it tells the rank."""
        if any(isinstance(a, gast.Starred) for a in node.args) or any(
            k.arg is None for k in node.keywords
        ):
            return None
        given = dict(zip(("shape", "dtype"), node.args, strict=False))
        given |= {k.arg: k.value for k in node.keywords}
        shape, known = self.expression(given["shape"]) if "shape" in given else (None, PLAIN)
        if is_batched(known):
            raise self.refuse(node, "a shape that depends on batched values", "use a fixed one")
        rank = self.length_of_shape(given.get("shape"), known)
        args = [shape, *map(core.copy, node.args[1:])] if node.args else []
        keywords = [
            gast.keyword(k.arg, shape if k.arg == "shape" else self.expression(k.value)[0])
            for k in node.keywords
        ]
        if len(args) > 1:
            args[1] = self.expression(node.args[1])[0]
        return gast.Call(core.copy(node.func), args, keywords), Array(False, rank)

    def length_of_shape(self, node: Any, known: Value) -> int | None:
        if isinstance(known, Items):
            return len(known.parts)
        if isinstance(node, gast.Attribute) and node.attr == "shape":
            return getattr(self.expression(node.value)[1], "rank", None)
        value = table.literal(node)
        return 1 if type(value) is int else None

    # --- a call

    def called_on_host(self, function: Any, node: gast.Call) -> Result | None:
        if any(isinstance(a, gast.Starred) for a in node.args) or any(
            k.arg is None for k in node.keywords
        ):
            raise self.refuse(node, "`*` in a call of the host", "write out the arguments")
        parts = self.parts_of_call(function, node)
        is_effect = function is not callbacks.pure_callback
        is_batch = any(map(is_batched, parts.values))
        mask = self.mask_of_effect(node, is_batch) if is_effect else None
        if mask is None and not is_batch:
            return self.same_call(node, parts)
        if function is callbacks.io_callback:
            self.refuse_ordered(node, parts)
        if not is_effect:
            return self.pure_call(node, parts)
        return self.effect(function, node, parts, mask)

    def refuse_ordered(self, node: Any, parts: Parts) -> None:
        """As in JAX: `io_callback` for the examples of a batch has no order of its own."""
        if self.scope.option(parts.options.get("ordered", core.constant(False))) is not False:
            raise self.refuse(
                node, "an ordered callback of batched values", "leave `ordered` out: the calls keep "
                "the order of the program, and of the examples",
            )  # fmt: skip

    def parts_of_call(self, function: Any, node: gast.Call) -> Parts:
        with_results = function in (callbacks.pure_callback, callbacks.io_callback)
        names = ("callback", "result_shape_dtypes") if with_results else ("callback",)
        names = ("fmt",) if function is callbacks.debug_print else names
        given = dict(zip(names, node.args, strict=False))
        args, keywords = node.args[len(given) :], {k.arg: k.value for k in node.keywords}
        given |= {k: keywords.pop(k) for k in names if k in keywords}
        if len(given) < len(names):
            raise self.refuse(
                node, "a call of the host with options alone", "pass them with the rest"
            )
        options = {k: keywords.pop(k) for k in OPTIONS if k in keywords}
        first = given[names[0]]
        first = core.copy(first) if names == ("fmt",) else self.callback(first)
        return Parts(
            first, self.expression(given[names[1]]) if with_results else None,
            [self.expression(a) for a in args],
            {k: self.expression(v) for k, v in keywords.items()}, options,
        )  # fmt: skip

    def callback(self, node: Any) -> gast.expr:
        """A callback, which sees one example and must not read batched variables."""
        if core.is_name(node) and isinstance(self.env.get(node.id), Closure):
            definition = self.definitions.get(node.id)
            if definition is None or self.lines is None:
                raise self.refuse(node, "a callback that is defined in another function", OUTSIDE)
            self.refuse_batched_reads(node, definition)
            self.emit(core.copy(definition))
            return core.copy(node)
        if isinstance(node, gast.Lambda):
            self.refuse_batched_reads(node, node)
            return core.copy(node)
        value, known = self.expression(node)
        if is_batched(known):
            raise self.refuse(node, "a callback that differs from example to example", OUTSIDE)
        return value

    def refuse_batched_reads(self, node: Any, definition: Any) -> None:
        body = definition.body if isinstance(definition.body, list) else [definition.body]
        for name in sorted(core.reads(body) - set(core.parameter_names(definition.args))):
            if is_batched(self.env.get(name, PLAIN)) or isinstance(self.env.get(name), Closure):
                raise self.refuse(
                    node, f"a callback that reads the batched `{name}`", "pass it as an argument"
                )

    def same_call(self, node: gast.Call, parts: Parts) -> Result:
        """A call with the same arguments for all examples: it happens once."""
        before = [parts.first] if parts.declared is None else [parts.first, parts.declared[0]]
        new = self.assembled(node.func, before, [n for n, _ in parts.args], parts)
        return located(new, node), self.result_of(parts, node, batched=False)

    def assembled(self, func: Any, before: list[Any], args: list[Any], parts: Parts) -> gast.Call:
        named = {k: n for k, (n, _) in parts.named.items()} | parts.options
        keywords = [gast.keyword(k, core.copy(v)) for k, v in named.items()]
        return gast.Call(core.copy(func), [*before, *args], keywords)

    # --- results

    def result_of(self, parts: Parts, node: Any, batched: bool = True) -> Value:
        """What is known of the result."""
        if parts.declared is None:
            return Nothing()
        known = self.declared_value(parts.declared)
        return batched_like(known) if batched else known

    def declared_value(self, declared: Result) -> Value:
        """The result of one example."""
        node, known = declared
        value = self.scope.value(node) if isinstance(node, (gast.Name, gast.Attribute)) else UNKNOWN
        if value is not UNKNOWN and hasattr(value, "shape") and hasattr(value, "dtype"):
            return Array(False, spec_of(value).ndim)
        return described(known)

    def batched_declaration(self, parts: Parts, node: Any) -> gast.expr:
        """The declaration of the results of all examples."""
        declared, known = parts.declared
        if isinstance(known, Nothing):
            return declared
        if is_batched(known):
            if not isinstance(known, Array):
                raise self.refuse(
                    node, "a batched value as a declaration", "write rd.ShapeDtypeStruct"
                )
            return declared
        return core.call("rt.batched_specs", declared, self.size())

    # --- rules

    def pure_call(self, node: gast.Call, parts: Parts) -> Result:
        method = self.scope.option(parts.options.get("vmap_method", core.constant(None)))
        if method is table.UNKNOWN or method is None:
            raise self.refuse(
                node, "`pure_callback` of batched values with `vmap_method=None`", "write a "
                "`vmap_method`: 'sequential', 'expand_dims' or 'broadcast_all'",
            )  # fmt: skip
        callback, args, named = parts.first, parts.args, parts.named
        if method in ("sequential", "sequential_unrolled") and self.regions:
            callback = self.for_each_example("rt.for_some", parts, node)
            args = [(self.everyone(), PLAIN), *args]
        elif method in ("sequential", "sequential_unrolled"):
            callback = self.for_each_example("rt.one_by_one", parts, node)
        elif method in ("expand_dims", "broadcast_all"):
            args = [self.with_axis(pair, method, node) for pair in args]
            named = {k: self.with_axis(pair, method, node) for k, pair in named.items()}
        new = parts._replace(named=named)
        before = [callback, self.batched_declaration(parts, node)]
        call = self.assembled(node.func, before, [n for n, _ in args], new)
        return located(call, node), self.result_of(parts, node)

    def with_axis(self, pair: Result, method: str, place: Any) -> Result:
        """An argument with a batch axis on every array, of length one if all examples share it."""

        def rewrite(part: Any, known: Value) -> Result:
            if is_batched(known):
                return part, known
            if method == "expand_dims":
                return core.call("np.expand_dims", part, core.constant(0)), known
            return self.for_each(part), known

        return self.each_part(*pair, rewrite, place)

    def effect(self, function: Any, node: gast.Call, parts: Parts, mask: Any) -> Result:
        if function is callbacks.debug_print:
            parts = parts._replace(first=core.call("rt.printing", parts.first))
        helper = "rt.one_by_one" if mask is None else "rt.for_some"
        callback = self.for_each_example(helper, parts, node)
        args = [n for n, _ in parts.args]
        args = args if mask is None else [mask, *args]
        if parts.declared is None:
            return self.assembled(
                core.dotted("rt.debug_callback"), [callback], args, parts._replace(options={})
            ), Nothing()
        before = [callback, self.batched_declaration(parts, node)]
        call = self.assembled(node.func, before, args, parts)
        return located(call, node), self.result_of(parts, node)

    def for_each_example(self, helper: str, parts: Parts, place: Any) -> gast.Call:
        """The callback of all examples."""
        flags = [self.flag(known, place) for _, known in parts.args]
        named = [gast.keyword(k, self.flag(v, place)) for k, (_, v) in parts.named.items()]
        call = core.call(helper, parts.first, *map(core.copy, flags))
        call.keywords += named
        return call

    def flag(self, known: Value, place: Any) -> gast.expr:
        """Which parts of an argument have a batch axis."""
        if not is_batched(known):
            return core.constant(False)
        if all_batched(known):
            return core.constant(True)
        if not isinstance(known, Items) or known.kind not in ("tuple", "list", "dict"):
            raise self.refuse(
                place,
                "an argument of which only some parts are batched",
                "pass the arrays one by one",
            )
        flags = [self.flag(part, place) for part in known.parts]
        if known.kind == "dict":
            return gast.Dict([core.constant(k) for k in known.keys], flags)
        return (gast.Tuple if known.kind == "tuple" else gast.List)(flags, gast.Load())

    def mask_of_effect(self, node: Any, is_batch: bool) -> Any:
        """The mask of the examples that reach this place; None if all that the arrays are of do."""
        if self.choosing or self.conditional:
            self.refuse_effect(node)
        return self.everyone() if self.regions or (self.outside and not is_batch) else None


def all_batched(known: Value) -> bool:
    """Has every array of a value a batch axis?"""
    if isinstance(known, Array):
        return known.batched
    if isinstance(known, Items):
        return all(map(all_batched, known.parts))
    return isinstance(known, Many) and all_batched(known.part)


def described(known: Value) -> Value:
    """The arrays that a declaration declares."""
    if isinstance(known, (Text, Nothing)):
        return Nothing()
    if isinstance(known, Array):
        return Array(False, known.rank)
    return (
        Items(known.kind, known.keys, tuple(map(described, known.parts)))
        if isinstance(known, Items)
        else known
    )
