"""Lower expressions: one call, operator, subscript or display per line (A-normal form).

Before::                                  After::

    y = np.sin(x) * f(x)[0]                   t.1 = np.sin(x)
                                              t.2 = f(x)
                                              t.3 = t.2[0]
                                              y = t.1 * t.3

Expressions that carry no derivative stay as they are. Every line of a call bears a mark `callee`
that says what it calls, so that later passes need not look names up again.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from typing import Any

import gast

from redraft.runtime import apply
from redraft.transpile import core
from redraft.transpile.errors import TransformError
from redraft.transpile.front.callee import (
    PARTIAL_CALL,
    STAR,
    CapturingCall,
    Function,
    Primitive,
    Transformed,
    bound_parts,
    is_python_function,
    operator_row,
    partial_parts,
)
from redraft.transpile.front.checkpointed import Checkpointed
from redraft.transpile.front.coarse import (
    DICT_METHODS,
    GROWING,
    MUTATORS,
    SHAPE_ATTRIBUTES,
    Coarse,
)
from redraft.transpile.front.inline import formula
from redraft.transpile.front.lifting import Lifting
from redraft.transpile.front.objects import special_names
from redraft.transpile.front.order import Order, with_own_names
from redraft.transpile.front.primitive import primitive_function
from redraft.transpile.front.scope import UNKNOWN, Scope, unjitted
from redraft.transpile.front.source import Origin, Source
from redraft.transpile.front.trees import Trees
from redraft.transpile.front.unseen import Unseen
from redraft.transpile.function_values import is_function_value
from redraft.transpile.primitives import table

COLLECTORS = (list, tuple, sum, min, max, sorted)
TRANSFORMS = ("grad", "value_and_grad", "jvp", "vjp")
STRUCTURAL = (gast.Tuple, gast.List, gast.Dict)
SIMPLE = (
    gast.Name, gast.Constant, gast.Attribute, gast.Subscript, gast.BinOp, gast.UnaryOp, gast.Slice,
    gast.Tuple, gast.Compare,
)  # fmt: skip


@dataclasses.dataclass(eq=False)
class Construct:
    """A dataclass or NamedTuple that is built; `fields` names its parameters in order."""

    cls: type
    fields: list[str]


class Expressions(Order, Unseen, Trees, Lifting, Checkpointed):
    """Lowers expressions into `self.out`; see the module's docstring."""

    source: Source
    scope: Scope
    coarse: Coarse
    out: list[gast.stmt]
    origin: Any
    local_functions: dict[str, Source]
    local_partials: dict[str, gast.Call]
    object_names: frozenset[str]
    plain_names: frozenset[str]
    met_names: frozenset[str]
    some_effects: bool
    unsteady: frozenset[str]

    def __init__(self) -> None:
        self.counter = 0
        self.known_reads: dict[str, str] = {}

    # --- names and errors

    def fresh(self, base: str = "t") -> str:
        self.counter += 1
        return f"{base}.t{self.counter}"

    def refuse(self, node: Any, message: str, hint: str) -> TransformError:
        return TransformError(message, self.source.span(node), hint)

    def emit(self, statement: gast.stmt, **marks: bool) -> None:
        statement.__dict__.update(marks)
        statement.origin = Origin(self.source, self.origin)
        self.out.append(statement)
        if not getattr(statement, "body", None):
            self.emit_touched(statement)

    def temporary(self, value: gast.expr, base: str = "t", **marks: bool) -> gast.Name:
        target = self.fresh(base)
        self.emit(core.assign(target, value), **marks)
        return core.name(target)

    # --- entry points

    def atom(self, node: gast.expr) -> gast.expr:
        """A name or a constant with the value of `node`."""
        node = self.settled(node)
        if not self.coarse.active(node):
            return self.inactive_atom(node)
        if not isinstance(node, (gast.Subscript, gast.Attribute)) or has_call(node):
            value = self.expression(node)
            return value if isinstance(value, gast.Name) else self.temporary(value)
        key = gast.dump(node)  # `x[0]` is read once in a statement, however often it stands there
        if key not in self.known_reads:
            self.known_reads[key] = self.temporary(self.expression(node)).id
        return core.name(self.known_reads[key])

    def inactive_atom(self, node: gast.expr) -> gast.expr:
        node = self.plain(node)
        steady = is_simple(node) and not self.is_unsteady(node)
        return node if steady else self.temporary(node)

    def plain(self, node: gast.expr) -> gast.expr:
        """An expression without a derivative, as the user wrote it, apart from its effects."""
        node = self.settled(node)
        self.check_unchanged(node)
        return self.looked_at(node)

    def check_unchanged(self, node: Any) -> None:
        """Refuse code that stays as it is, but changes a list that may hold active values."""
        if not self.some_effects:
            return
        for inner in core.walk(node):
            if self.changes_data(inner):
                raise self.refuse(
                    inner,
                    f"`.{inner.func.attr}` of values that are differentiated, within an expression",
                    "write it as a line of its own",
                )
            if isinstance(inner, gast.Call) and self.coarse.mentions(inner):
                if self.writes_into_arguments(inner):
                    raise self.refuse(
                        inner,
                        f"`{gast.unparse(inner.func)}` changes what it is given, within an expression",
                        "call it in a line of its own",
                    )

    def expression(self, node: gast.expr) -> gast.expr:
        """One operation on atoms with the value of `node`."""
        node = self.settled(node)
        if not self.coarse.active(node):
            return self.plain(node)
        lower = getattr(self, "lower_" + type(node).__name__, None)
        if lower is None:
            raise self.refuse(
                node,
                f"{describe(node)} cannot be differentiated",
                "compute it from values that do not depend on the differentiated arguments",
            )
        return lower(node)

    # --- leaves and operators

    def lower_Name(self, node: gast.Name) -> gast.expr:
        return node

    def lower_BinOp(self, node: gast.BinOp) -> gast.expr:
        new = gast.copy_location(
            gast.BinOp(self.atom(node.left), node.op, self.atom(node.right)), node
        )
        new.callee = self.operator(node)
        return new

    def lower_UnaryOp(self, node: gast.UnaryOp) -> gast.expr:
        new = gast.copy_location(gast.UnaryOp(node.op, self.atom(node.operand)), node)
        new.callee = self.operator(node)
        return new

    def operator(self, node: Any) -> Primitive:
        row = operator_row(node.op)
        if row is None:
            raise self.refuse(
                node, f"operator {type(node.op).__name__} has no derivative", "use it on integers"
            )
        return Primitive(row)

    def test(self, node: gast.expr) -> gast.expr:
        """A condition; it never carries a derivative, so it stays as it is."""
        node = self.plain(node)
        return self.temporary(node) if self.touched(node) else node

    # --- access and displays

    def lower_Subscript(self, node: gast.Subscript) -> gast.expr:
        value = self.atom(node.value)
        new = gast.copy_location(gast.Subscript(value, self.index(node.slice), gast.Load()), node)
        new.callee = Primitive(table.rows_index()["operator"]["[]"])
        return new

    def index(self, node: gast.expr) -> gast.expr:
        """An index; what is not simple in it gets a line of its own."""
        if isinstance(node, gast.Tuple):
            return gast.copy_location(
                gast.Tuple([self.index(e) for e in node.elts], node.ctx), node
            )
        if isinstance(node, gast.Slice):
            parts = [
                None if p is None else self.index(p) for p in (node.lower, node.upper, node.step)
            ]
            return gast.Slice(*parts)
        if self.coarse.active(node):
            return self.atom(node)
        if self.depends_on_data(node):  # such as `y > 1`: it is evaluated once
            return self.temporary(self.plain(node), "index")
        return self.inactive_atom(node)

    def depends_on_data(self, node: Any) -> bool:
        """Does an expression read values (not just shapes) that may be differentiated?"""
        if isinstance(node, gast.Attribute) and node.attr in SHAPE_ATTRIBUTES:
            return False
        if isinstance(node, gast.Call) and core.is_name(node.func) and node.func.id == "len":
            return False
        if isinstance(node, gast.Name):
            return node.id in self.coarse.names
        return any(map(self.depends_on_data, core.children(node)))

    def lower_Attribute(self, node: gast.Attribute) -> gast.expr:
        if node.attr in self.object_names:  # a field, a property, or what arrays call by that name
            reader = core.call("rt.reader", core.constant(node.attr))
            read = gast.copy_location(gast.Call(reader, [self.atom(node.value)], []), node)
            read.callee = None
            return read
        new = gast.copy_location(
            gast.Attribute(self.atom(node.value), node.attr, gast.Load()), node
        )
        row = table.rows_index()["attribute"].get(node.attr)
        known = row is not None and node.attr not in self.plain_names
        new.callee = Primitive(row, attribute=True) if known else None
        return new

    def lower_Tuple(self, node: gast.Tuple) -> gast.expr:
        if any(isinstance(e, gast.Starred) for e in node.elts):
            items = self.temporary(self.starred_list(node.elts))
            return self.row_call("tuple", items)
        return gast.copy_location(gast.Tuple([self.atom(e) for e in node.elts], gast.Load()), node)

    def lower_List(self, node: gast.List) -> gast.expr:
        if any(isinstance(e, gast.Starred) for e in node.elts):
            return self.starred_list(node.elts)
        return gast.copy_location(gast.List([self.atom(e) for e in node.elts], gast.Load()), node)

    def starred_list(self, elements: list[gast.expr]) -> gast.expr:
        target = self.fresh("items")
        self.emit(core.assign(target, gast.List([], gast.Load())))
        for element in elements:
            starred = isinstance(element, gast.Starred)
            value = self.items_of(element.value) if starred else self.atom(element)
            self.mutate(target, "extend" if starred else "append", value)
        return core.name(target)

    def items_of(self, node: gast.expr) -> gast.expr:
        """What is taken apart at once: a view of a dict may be a list of its own here."""
        if self.coarse.active(node) and self.is_lazy(node):
            return self.collect_items(node)
        return self.atom(node)

    def mutate(self, target: str, method: str, *args: gast.expr) -> None:
        """``target.method(*args)`` as a line."""
        function = gast.Attribute(core.name(target), method, gast.Load())
        self.emit(gast.Expr(gast.Call(function, list(args), [])))

    def lower_Dict(self, node: gast.Dict) -> gast.expr:
        if any(k is None for k in node.keys):
            return self.merged_dict(node)
        keys = [self.inactive_atom(k) for k in node.keys]
        return gast.copy_location(gast.Dict(keys, [self.atom(v) for v in node.values]), node)

    def merged_dict(self, node: gast.Dict) -> gast.expr:
        target = self.fresh("items")
        self.emit(core.assign(target, gast.Dict([], [])))
        for key, value in zip(node.keys, node.values, strict=True):
            atom = self.atom(value)
            if key is None:
                self.merge_into(target, atom, node)
            else:
                place = gast.Subscript(core.name(target), self.inactive_atom(key), gast.Store())
                self.emit(gast.Assign([place], atom, None))
        return core.name(target)

    def merge_into(self, target: str, source: gast.expr, place: Any) -> None:
        """Set the items of a dict in another one, one by one."""
        key, item = self.fresh("key"), self.fresh("item")
        self.coarse.names.add(item)
        items = gast.Call(gast.Attribute(source, "items", gast.Load()), [], [])
        pattern = gast.Tuple([core.store(key), core.store(item)], gast.Store())
        entry = gast.Subscript(core.name(target), core.name(key), gast.Store())
        body = self.block_of(lambda: self.emit(gast.Assign([entry], core.name(item), None)))
        self.emit(gast.copy_location(gast.For(pattern, items, body, [], None), place))

    def lower_Lambda(self, node: gast.Lambda) -> gast.expr:
        self.check_defaults(node)
        return node

    def check_defaults(self, node: Any) -> None:
        """A default that is differentiated must be a variable: its cotangent goes by that name."""
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is None or isinstance(default, gast.Name) or not self.coarse.active(default):
                continue
            raise self.refuse(
                default, "a default that is differentiated must be a variable",
                "give it a name before the function is defined",
            )  # fmt: skip

    # --- comprehensions

    def lower_ListComp(self, node: gast.ListComp) -> gast.expr:
        return self.comprehension(node, gast.List([], gast.Load()), self.append_element)

    lower_GeneratorExp = lower_ListComp

    def lower_DictComp(self, node: gast.DictComp) -> gast.expr:
        return self.comprehension(node, gast.Dict([], []), self.set_element)

    def append_element(self, target: str, node: Any) -> None:
        self.mutate(target, "append", self.atom(node.elt))

    def set_element(self, target: str, node: Any) -> None:
        place = gast.Subscript(core.name(target), self.inactive_atom(node.key), gast.Store())
        self.emit(gast.Assign([place], self.atom(node.value), None))

    def comprehension(self, node: Any, empty: gast.expr, element: Any) -> gast.expr:
        target = self.fresh("items")
        self.emit(core.assign(target, empty))
        self.generators(with_own_names(node, self), lambda n: element(target, n))
        return core.name(target)

    def generators(self, node: Any, innermost: Any) -> None:
        """The loops and filters of a comprehension around `innermost(node)`."""
        generator, *rest = node.generators
        iterable = self.iterable(generator.iter)

        def body() -> None:
            if rest:
                self.generators(_Rest(node, rest), innermost)
            else:
                innermost(getattr(node, "node", node))

        def filtered(tests: list[gast.expr]) -> None:
            if not tests:
                body()
                return
            test = self.test(tests[0])
            block = self.block_of(lambda: filtered(tests[1:]))
            self.emit(gast.copy_location(gast.If(test, block, []), generator.iter))

        block = self.block_of(lambda: filtered(generator.ifs))
        loop = gast.For(generator.target, iterable, block, [], None)
        self.emit(gast.copy_location(loop, generator.iter))

    def iterable(self, node: gast.expr) -> gast.expr:
        """What a loop runs over: the helpers (`zip`, `enumerate`, …) stay, sources become atoms."""
        node = self.settled(node)
        if not self.coarse.active(node):
            node = self.plain(node)
            return self.temporary(node, "items") if self.touched(node) else node
        if isinstance(node, gast.Call) and isinstance(node.func, gast.Name):
            value = self.scope.value(node.func)
            if value in (zip, enumerate, reversed) and not any(
                isinstance(a, gast.Starred) for a in node.args
            ):
                args = [self.iterable(node.args[0])] if value is not zip else None
                args = args or [self.iterable(a) for a in node.args]
                rest = [] if value is zip else node.args[1:]
                return gast.Call(node.func, [*args, *rest], node.keywords)
        if isinstance(node, gast.Call) and isinstance(node.func, gast.Attribute):
            if self.is_lazy(node):
                owner = self.atom(node.func.value)
                return gast.Call(gast.Attribute(owner, node.func.attr, gast.Load()), [], [])
            if node.func.attr == "keys":
                return node
        return self.atom(node)

    # --- calls

    def lower_Call(self, node: gast.Call) -> gast.expr:
        special = self.special_call(node)
        if special is not None:
            return special
        if isinstance(node.func, gast.Name) and node.func.id in self.local_partials:
            return self.lower_Call(self.completed(node))
        if any(isinstance(a, gast.Starred) for a in node.args) or any(
            k.arg is None for k in node.keywords
        ):
            return self.star_call(node)
        if self.is_get(node):
            return self.dict_get(node)
        for value in (*node.args, *(k.value for k in node.keywords)):
            if isinstance(value, gast.Name) and self.scope.value(value) is object:
                raise self.refuse(
                    node,
                    "arrays of objects have no derivative",
                    "use a list, or an array of numbers",
                )
        name = getattr(node.func, "attr", None)
        own = name in self.object_names and name in (MUTATORS | DICT_METHODS) - {"pop"}
        if own and self.scope.value(node.func) is UNKNOWN:
            return self.method_call(node)
        grows = name in GROWING and not node.keywords
        if grows and self.scope.value(node.func) is UNKNOWN:
            return self.growth(node)
        if name in MUTATORS:
            self.known_reads.clear()
        callee, leading = self.callee(node)
        if isinstance(callee, Primitive) and callee.row.kind == "missing":
            raise self.refuse(
                node, f"{callee.row.users_name}: {callee.row.reason}", "see `redraft rules`"
            )
        if isinstance(callee, Function):
            inside = formula(self, callee, node, leading)
            if inside is not None:
                return self.expression(inside)
        func = node.func
        if isinstance(callee, Primitive) and callee.method:
            func = gast.Attribute(self.atom(func.value), func.attr, gast.Load())
        elif callee is None:
            func = self.dynamic_function(func)
        args = [*leading, *(self.argument(a) for a in node.args)]
        keywords = [gast.keyword(k.arg, self.argument(k.value)) for k in node.keywords]
        new = gast.copy_location(gast.Call(func, args, keywords), node)
        if isinstance(callee, Function) and isinstance(callee.function, Source):
            new = self.capturing(new, callee.function.captured)
        elif isinstance(callee, Transformed) and isinstance(callee.inner.function, Source):
            new = self.capturing(new, callee.inner.function.captured)
        new.callee = callee
        self.check_binding(new, callee)
        return new

    def growth(self, node: gast.Call) -> gast.expr:
        """``xs.append(v)`` in an expression: a line of its own before it, and its value is None."""
        place, write_back = self.place(node.func.value)
        self.mutate(place.id, node.func.attr, *map(self.atom, node.args))
        write_back()
        self.known_reads.clear()
        return core.constant(None)

    def method_call(self, node: gast.Call) -> gast.expr:
        """``d.add(e)`` of an object whose class has a method of that name: nothing changes."""
        method = core.call("rt.method", core.constant(node.func.attr))
        args = [self.atom(node.func.value), *map(self.argument, node.args)]
        keywords = [gast.keyword(k.arg, self.argument(k.value)) for k in node.keywords]
        new = gast.copy_location(gast.Call(method, args, keywords), node)
        new.callee = None
        return new

    def completed(self, node: gast.Call) -> gast.Call:
        """A call of a local partial as a call of its function."""
        made = self.local_partials[node.func.id]
        given = {k.arg for k in node.keywords}
        args = [*(core.copy(a) for a in made.args[1:]), *node.args]
        keywords = [core.copy(k) for k in made.keywords if k.arg not in given]
        new = gast.Call(core.copy(made.args[0]), args, [*keywords, *node.keywords])
        return gast.copy_location(new, node)

    def is_get(self, node: gast.Call) -> bool:
        """Is this ``d.get(key)`` or ``d.get(key, default)``?"""
        func = node.func
        if not isinstance(func, gast.Attribute) or func.attr != "get" or node.keywords:
            return False
        if func.attr in self.object_names:
            return False
        value = self.scope.value(func)
        own = getattr(value, "__self__", None)
        return len(node.args) in (1, 2) and (value is UNKNOWN or isinstance(own, dict))

    def dict_get(self, node: gast.Call) -> gast.expr:
        """``d.get(key, default)``: the item if it is there, else the default."""
        owner, key = self.atom(node.func.value), self.inactive_atom(node.args[0])
        if not core.is_name(owner):
            owner = self.temporary(owner)
        default = self.atom(node.args[1]) if len(node.args) == 2 else core.constant(None)
        target = self.fresh("item")
        self.coarse.names.add(target)
        place = gast.copy_location(
            gast.Subscript(core.name(owner.id), core.copy(key), gast.Load()), node
        )
        if self.coarse.active(node.func.value):
            place.callee = Primitive(table.rows_index()["operator"]["[]"])
        test = gast.Compare(core.copy(key), [gast.In()], [core.name(owner.id)])
        body = self.block_of(lambda: self.emit(core.assign(target, place)))
        orelse = self.block_of(lambda: self.emit(core.assign(target, default)))
        self.emit(gast.copy_location(gast.If(test, body, orelse), node))
        return core.name(target)

    def star_call(self, node: gast.Call) -> gast.expr:
        """``f(a, *xs, **kw)`` packs its arguments and leaves the rest to the run time."""
        func = node.func
        if isinstance(func, gast.Attribute) and self.coarse.active(func.value):
            raise self.refuse(
                node,
                "`*` in a call of a method of an active object",
                "pass the arguments one by one",
            )
        function = self.atom(func)
        items = gast.copy_location(gast.Tuple(node.args, gast.Load()), node)
        args = self.atom(items) if self.coarse.active(items) else self.inactive_atom(items)
        keys = [None if k.arg is None else core.constant(k.arg) for k in node.keywords]
        named = gast.copy_location(gast.Dict(keys, [k.value for k in node.keywords]), node)
        kwargs = self.atom(named) if self.coarse.active(named) else self.inactive_atom(named)
        new = core.call("rt.call_star", function, args, kwargs)
        new.callee = STAR
        return gast.copy_location(new, node)

    def capturing(self, call: gast.Call, captured: tuple[str, ...]) -> gast.Call:
        new = CapturingCall(call.func, call.args, call.keywords)
        new.captured = [core.name(c) for c in captured]
        return gast.copy_location(new, call)

    def check_binding(self, call: gast.Call, callee: Any) -> None:
        if isinstance(callee, Primitive):
            try:
                callee.arguments(call)
            except table.BindError as error:
                raise self.refuse(
                    call, str(error), "write it with the arguments that `redraft rules` lists"
                ) from None

    def argument(self, node: gast.expr) -> gast.expr:
        if isinstance(node, gast.Starred):
            return gast.Starred(self.atom(node.value), gast.Load())
        return self.atom(node)

    def dynamic_function(self, func: gast.expr) -> gast.expr:
        if isinstance(func, gast.Attribute):
            return gast.copy_location(
                gast.Attribute(self.atom(func.value), func.attr, gast.Load()), func
            )
        return self.atom(func)

    def row_call(self, name: str, *args: gast.expr) -> gast.Call:
        """A call of a builtin or `np.`/`rt.` function that the lowering itself writes."""
        call = core.call(name, *args)
        call.callee = Primitive(table.row_of(table.resolve(name)))
        return call

    def callee(self, node: gast.Call) -> tuple[Any, list[gast.expr]]:
        """What is called, and arguments to pass in front."""
        func = node.func
        if isinstance(func, gast.Name) and func.id in self.local_functions:
            return Function(self.local_functions[func.id]), []
        if isinstance(func, gast.Lambda) and has_literal_defaults(func):
            return Function(self.lift(func)), []
        if isinstance(func, gast.Call):
            transformed = self.transformed(func)
            transformed = transformed or self.checkpointed(func)
            if transformed is not None:
                return transformed, []
        value = self.scope.value(func)
        if value is not UNKNOWN:
            found = self.known_callee(value, func, len(node.args))
            if found is not None:
                return self.defined_beyond(found[0], node) or found
        if isinstance(func, gast.Attribute):
            row = table.rows_index()["method"].get(func.attr)
            own = func.attr in self.object_names
            if row is not None and not own and value is UNKNOWN and self.is_array_method(row, node):
                callee = Primitive(row, method=True)
                return self.defined_beyond(callee, node) or (callee, [])
        if value is not UNKNOWN:
            self.refuse_unknown(node, value)
        return None, []

    def defined_beyond(
        self, callee: Any, node: gast.Call
    ) -> tuple[Function, list[gast.expr]] | None:
        """The definition that is called where a row has no rule for the arguments of a call."""
        if not isinstance(callee, Primitive):
            return None
        leading = [node.func.value] if callee.method else []
        keywords = {k.arg: k.value for k in node.keywords}
        found = table.beyond(callee.row, [*leading, *node.args], keywords, table.literal)
        if found is None:
            return None
        if callee.method:
            leading = [self.atom(node.func.value)]
            node.func = core.expression(callee.row.name)
        return Function(found), leading

    def is_array_method(self, row: table.Row, node: gast.Call) -> bool:
        """May ``a.sum(…)`` be the method of an array? A local module or object has such names too.

        An array that is not differentiated itself has no derivative to give but in an argument
        that the row knows one for: ``a.dot(x)`` may be the array's, ``module.sum(x)`` is not.
        """
        if self.coarse.active(node.func.value):
            return True
        keywords = {k.arg: k.value for k in node.keywords}
        if table.beyond(row, [node.func.value, *node.args], keywords, table.literal) is not None:
            return False
        try:
            bound = Primitive(row, method=True).arguments(node)
        except table.BindError:
            return False
        active = [p for p, a in bound.items() if not isinstance(a, list) and self.coarse.active(a)]
        return all(p in row.active_parameters for p in active)

    def known_callee(
        self, value: Any, func: gast.expr, count: int
    ) -> tuple[Any, list[gast.expr]] | None:
        row = table.row_of(value)
        if row is not None:
            return (Primitive(row) if row.source is None else Function(row.source)), []
        if is_python_function(value):
            if (
                value in RUN_TIME_CALLS or value is dataclasses.replace
            ):  # of a derivative: what they call is known at run time
                return None, []
            return Function(value), []
        bound = bound_parts(value)
        if bound is not None and isinstance(func, gast.Attribute):
            return Function(bound[0]), [func.value]
        if bound is not None and hasattr(bound[0], "redraft_rule"):
            return Function(bound[0]), [gast.Attribute(core.copy(func), "__self__", gast.Load())]
        partial = partial_parts(value)
        if partial is not None and is_python_function(partial.func) and not partial.keywords:
            places = range(len(partial.args))
            access = [gast.Attribute(core.copy(func), "args", gast.Load()) for _ in places]
            leading = [
                gast.Subscript(a, core.constant(i), gast.Load())
                for a, i in zip(access, places, strict=True)
            ]
            return Function(partial.func), leading
        if isinstance(value, type):
            return self.constructor(value), []
        if hasattr(value, "redraft_kind"):
            inner = None if self.is_late(value.redraft_kind) else derivative(value, count)
            return (inner, []) if inner is not None else (None, [])
        if is_function_value(value):
            return Function(value.plain()[0]), [gast.Attribute(func, "saved", gast.Load())]
        method = getattr(type(value), "__call__", None)  # noqa: B004
        if is_python_function(method) and not isinstance(value, (type, functools_partial)):
            return Function(method), [func]
        return None

    def constructor(self, cls: type) -> Any:
        if dataclasses.is_dataclass(cls) or hasattr(cls, "_fields"):
            self.met_names |= special_names(cls)
        if dataclasses.is_dataclass(cls):
            return Construct(cls, [f.name for f in dataclasses.fields(cls) if f.init])
        if issubclass(cls, tuple) and hasattr(cls, "_fields"):
            return Construct(cls, list(cls._fields))
        return None

    def refuse_unknown(self, node: gast.Call, value: Any) -> None:
        name = getattr(value, "__name__", type(value).__name__)
        if isinstance(value, type) and self.constructor(value) is None:
            raise self.refuse(
                node,
                f"an object of class `{name}` cannot hold values that are differentiated",
                "make it a dataclass or a NamedTuple, or keep the values in a dict",
            )
        if not callable(value):
            raise self.refuse(node, f"`{name}` is not a function", "call a function")
        if getattr(value, "__wrapped__", None) is None or not is_python_function(value):
            raise self.refuse(
                node,
                f"no derivative is known for `{name}`",
                "give it a rule with `rd.primitive`, or call it on values that are not differentiated",
            )

    # --- transformations inside the function

    def transformed(self, node: gast.Call) -> Transformed | None:
        """``rd.grad(f, …)`` as a callee, if `f` is known when the source is written."""
        kind = self.transform_kind(node.func)
        if kind not in TRANSFORM_OPTIONS or not node.args:
            return None
        if self.is_late(kind) and self.scope.value(node.args[0]) is not UNKNOWN:
            return None  # (a nested function has no value before the code runs)
        inner = self.known_function(node.args[0])
        names = TRANSFORM_OPTIONS[kind]
        options = dict(zip(names, map(self.scope.option, node.args[1:]), strict=False))
        options.update({k.arg: self.scope.option(k.value) for k in node.keywords})
        if inner is None or table.UNKNOWN in options.values():
            return None
        if kind == "hessian":
            return Transformed("jacfwd", Function(Transformed("jacrev", inner, options)), options)
        return Transformed(kind, inner, options)

    def is_late(self, kind: str) -> bool:
        """Is what this transformation makes written when it is called?"""
        return kind == "vmap" and self.late_batches

    def transform_kind(self, func: gast.expr) -> str | None:
        value = self.scope.value(func)
        return getattr(value, "redraft_transform", None) if value is not UNKNOWN else None

    def known_function(self, node: gast.expr) -> Function | None:
        if isinstance(node, gast.Lambda) and has_literal_defaults(node):
            return Function(self.lift(node))
        if isinstance(node, gast.Name) and node.id in self.local_functions:
            return Function(self.local_functions[node.id])
        if isinstance(node, gast.Call):
            inner = self.transformed(node)
            return Function(inner) if inner is not None else self.checkpointed(node)
        value = self.scope.value(node)
        if hasattr(value, "redraft_kind"):
            inner = None if self.is_late(value.redraft_kind) else derivative(value, None)
            return Function(inner) if inner is not None else None
        if value is not UNKNOWN and table.row_of(value) is not None:
            return Function(primitive_function(value))
        return Function(value) if is_python_function(value) else None

    def special_call(self, node: gast.Call) -> gast.expr | None:
        """Calls that are rewritten before they are looked up."""
        value = self.scope.value(node.func)
        if value is UNKNOWN:
            return None
        opened = self.tree_call(node, value)
        if opened is not None:
            return opened
        kind = getattr(value, "redraft_transform", None)
        if kind == "closure_convert":
            return self.closure_convert_call(node)
        if kind == "jvp":
            return self.jvp_call(node)
        if kind == "vjp" or (kind == "fwd_and_bwd" and takes_primals(node)):
            return self.vjp_call(node, "rt.star_fwd", apply.Pulled)
        if kind == "linearize":
            return self.vjp_call(node, "rt.star_lin_fwd", apply.Pushed)
        if len(node.args) >= 1 and isinstance(node.args[0], gast.GeneratorExp):
            if value in COLLECTORS or table.row_of(value) is not None:
                items = self.lower_ListComp(node.args[0])
                return self.lower_Call_with(node, items)
            raise self.refuse(
                node.args[0],
                "a generator expression cannot be passed to this function",
                "write a list comprehension",
            )
        if value is dict and not node.args and all(k.arg for k in node.keywords):
            keys = [core.constant(k.arg) for k in node.keywords]
            return self.lower_Dict(
                gast.copy_location(gast.Dict(keys, [k.value for k in node.keywords]), node)
            )
        if value in COLLECTORS and node.args and self.is_lazy(node.args[0]):
            return self.lower_Call_with(node, self.collect_items(node.args[0]))
        if value is dict and len(node.args) == 1 and not node.keywords:
            if self.is_lazy(node.args[0]):
                return self.dict_of_pairs(node)
        if value is sorted and len(node.args) == 1:
            return self.sorted_call(node)
        if value is filter and len(node.args) == 2:
            return self.filter_call(node)
        if value is PARTIAL:
            return self.partial_call(node)
        if value is map:
            return self.map_call(node)
        if value is REDUCE:
            return self.reduce_call(node)
        return None

    def is_lazy(self, node: Any) -> bool:
        """Is this `zip`, `enumerate`, `reversed`, or the items or values of a dict?"""
        if not isinstance(node, gast.Call):
            return False
        if isinstance(node.func, gast.Attribute):
            own = node.func.attr in self.object_names
            return node.func.attr in ("items", "values") and not node.args and not own
        return self.scope.value(node.func) in (zip, enumerate, reversed)

    def dict_of_pairs(self, node: gast.Call) -> gast.expr:
        """``dict(d.items())`` and ``dict(zip(keys, values))`` set items one by one."""
        key, item = self.fresh("key"), self.fresh("item")
        self.coarse.names.add(item)
        self.scope.local.update((key, item))
        pattern = gast.Tuple([core.store(key), core.store(item)], gast.Store())
        generator = gast.comprehension(pattern, node.args[0], [], 0)
        made = gast.DictComp(core.name(key), core.name(item), [generator])
        return self.lower_DictComp(gast.copy_location(made, node))

    def sorted_call(self, node: gast.Call) -> gast.expr:
        """``sorted(xs)``: the items in the order that their values have."""
        if not self.coarse.active(node.args[0]):
            return self.plain(node)  # only the key reads what is differentiated
        items = self.atom(node.args[0])
        if not core.is_name(items):
            items = self.temporary(items, "items")
        self.coarse.names.add(items.id)
        found = core.call("rt.sort_order", core.name(items.id))
        found.keywords = [gast.keyword(k.arg, self.plain(k.value)) for k in node.keywords]
        order = self.temporary(gast.copy_location(found, node), "order")
        place = self.fresh("i")
        self.scope.local.add(place)
        element = gast.Subscript(core.name(items.id), core.name(place), gast.Load())
        generator = gast.comprehension(core.store(place), order, [], 0)
        made = gast.ListComp(gast.copy_location(element, node), [generator])
        return self.lower_ListComp(gast.copy_location(made, node))

    def collect_items(self, node: gast.Call) -> gast.expr:
        """The items of a lazy iterable as a list."""
        name = getattr(node.func, "id", None) or node.func.attr
        count = len(node.args) if name == "zip" else 2 if name in ("enumerate", "items") else 1
        names = [self.fresh("item") for _ in range(count)]
        self.coarse.names.update(names)
        self.scope.local.update(names)
        target: gast.expr = core.store(names[0])
        element: gast.expr = core.name(names[0])
        if name not in ("reversed", "values"):
            target = gast.Tuple([core.store(n) for n in names], gast.Store())
            element = gast.Tuple([core.name(n) for n in names], gast.Load())
        generator = gast.comprehension(target, node, [], 0)
        return self.lower_ListComp(gast.copy_location(gast.ListComp(element, [generator]), node))

    def filter_call(self, node: gast.Call) -> gast.expr:
        name = self.fresh("item")
        self.coarse.names.add(name)
        self.scope.local.add(name)
        keep: gast.expr = core.name(name)
        if not (isinstance(node.args[0], gast.Constant) and node.args[0].value is None):
            keep = gast.copy_location(gast.Call(node.args[0], [core.name(name)], []), node)
        generator = gast.comprehension(core.store(name), node.args[1], [keep], 0)
        comprehension = gast.ListComp(core.name(name), [generator])
        return self.lower_ListComp(gast.copy_location(comprehension, node))

    def partial_call(self, node: gast.Call) -> gast.expr:
        """``functools.partial(f, a)`` is a function value that carries `a`."""
        args = [self.atom(a) for a in node.args]
        keywords = [gast.keyword(k.arg, self.atom(k.value)) for k in node.keywords]
        new = gast.copy_location(gast.Call(node.func, args, keywords), node)
        new.callee = PARTIAL_CALL
        return new

    def lower_Call_with(self, node: gast.Call, first: gast.expr) -> gast.expr:
        new = gast.copy_location(gast.Call(node.func, [first, *node.args[1:]], node.keywords), node)
        self.coarse.names.add(first.id)
        return self.lower_Call(new)

    def map_call(self, node: gast.Call) -> gast.expr:
        names = [self.fresh("item") for _ in node.args[1:]]
        self.coarse.names.update(names)
        self.scope.local.update(names)
        target = [core.store(n) for n in names]
        source = (
            node.args[1]
            if len(names) == 1
            else gast.Call(gast.Name("zip", gast.Load(), None, None), node.args[1:], [])
        )
        element = gast.copy_location(
            gast.Call(node.args[0], [core.name(n) for n in names], []), node
        )
        pattern = target[0] if len(names) == 1 else gast.Tuple(target, gast.Store())
        generator = gast.comprehension(pattern, source, [], 0)
        return self.lower_ListComp(gast.copy_location(gast.ListComp(element, [generator]), node))

    def reduce_call(self, node: gast.Call) -> gast.expr:
        total, item = self.fresh("total"), self.fresh("item")
        self.coarse.names.update((total, item))
        self.scope.local.update((total, item))
        items: gast.expr = self.atom(node.args[1])
        if len(node.args) > 2:
            first = self.expression(node.args[2])
        else:
            first = self.lower_Subscript(gast.Subscript(items, core.constant(0), gast.Load()))
            rest = gast.Subscript(items, gast.Slice(core.constant(1), None, None), gast.Load())
            items = self.temporary(self.lower_Subscript(rest))
            self.coarse.names.add(items.id)
        self.emit(core.assign(total, first))
        step = gast.copy_location(
            gast.Call(node.args[0], [core.name(total), core.name(item)], []), node
        )
        body = self.block_of(lambda: self.emit(core.assign(total, self.expression(step))))
        loop = gast.For(core.store(item), items, body, [], None)
        self.emit(gast.copy_location(loop, node))
        return core.name(total)

    def vjp_call(self, node: gast.Call, forward: str, result: type) -> gast.expr:
        """``rd.vjp(f, x, …)`` inside: a call at run time whose record the pullback carries."""
        if node.keywords or len(node.args) < 2:
            name = f"`rd.{self.transform_kind(node.func)}"
            raise self.refuse(
                node, f"{name}` with options inside a transformed function is not supported",
                f"write {name}(f, x, …)`",
            )  # fmt: skip
        function, *primals = node.args
        items = gast.copy_location(gast.Tuple(primals, gast.Load()), node)
        args = self.atom(items)
        new = core.call(forward, core.constant((1,)), self.atom(function), args, gast.Dict([], []))
        new.args[0] = gast.Tuple([core.constant(1)], gast.Load())
        new.callee = None
        pair = self.temporary(gast.copy_location(new, node), "pair")
        self.coarse.names.add(pair.id)
        value = self.temporary(self.pair_item(pair, 0))
        record = self.temporary(self.pair_item(pair, 1), "record")
        pull = core.call(f"rt.{result.__name__}", record)
        pull.callee = self.constructor(result)
        pulled = self.temporary(gast.copy_location(pull, node), "pullback")
        self.coarse.names.update((value.id, record.id, pulled.id))
        return gast.copy_location(gast.Tuple([value, pulled], gast.Load()), node)

    def pair_item(self, pair: gast.Name, place: int) -> gast.expr:
        new = gast.Subscript(core.name(pair.id), core.constant(place), gast.Load())
        new.callee = Primitive(table.rows_index()["operator"]["[]"])
        return new

    def run_time_jvp(self, node: gast.Call) -> gast.expr:
        """``rd.jvp(f, primals, tangents)`` of a function that is known when the code runs."""
        function = self.atom(node.args[0])
        primals, dots = map(self.atom, node.args[1:])
        display = gast.Tuple([core.constant(None), dots, core.constant(None)], gast.Load())
        tangents = self.temporary(gast.copy_location(display, node), "tangents")
        new = core.call("rt.star_jvp", tangents, function, primals, gast.Dict([], []))
        new.callee = None
        return gast.copy_location(new, node)

    def jvp_call(self, node: gast.Call) -> gast.expr:
        """``rd.jvp(f, (x,), (v,))`` with a known `f` is a call of the generated `f_jvp`."""
        if len(node.args) != 3 or node.keywords:
            raise self.refuse(
                node, "`rd.jvp` inside a transformed function takes three arguments",
                "write `rd.jvp(f, (x, …), (x_dot, …))`",
            )  # fmt: skip
        inner = self.known_function(node.args[0])
        displays = all(isinstance(a, gast.Tuple) for a in node.args[1:])
        if inner is None or not displays or _is_variadic(inner.function):
            return self.run_time_jvp(node)
        primals, tangents = node.args[1].elts, node.args[2].elts
        new = gast.Call(node.func, [self.atom(a) for a in (*primals, *tangents)], [])
        callee = Transformed("jvp", inner, {"count": len(primals)})
        if isinstance(inner.function, Source):
            new = self.capturing(gast.copy_location(new, node), inner.function.captured)
        new.callee = callee
        return gast.copy_location(new, node)


_OF_GRAD = ("argnums", "has_aux", "holomorphic", "allow_int")
TRANSFORM_OPTIONS = {  # optional parameters of the transformations, in order
    "grad": _OF_GRAD,
    "value_and_grad": _OF_GRAD,
    "jacfwd": _OF_GRAD[:-1],
    "jacrev": _OF_GRAD,
    "hessian": _OF_GRAD[:-1],
    "vmap": ("in_axes", "out_axes", "axis_name", "axis_size", "spmd_axis_name"),
}


def derivative(value: Any, count: int | None) -> Transformed | None:
    """``rd.grad(f)`` as a callee; None if `f` is no plain function, and settled at run time."""
    fun = unjitted(value.fun)
    if hasattr(fun, "redraft_kind"):
        inner: Any = derivative(fun, count)
    else:
        inner = fun if is_python_function(fun) else None
    if inner is None:
        return None
    options = dict(value.options)
    if value.redraft_kind == "vmap":
        options["count"] = count
    if value.relative:
        options["argnums"] = value._absolute(count)
    return Transformed(value.redraft_kind, Function(inner), options)


def takes_primals(node: gast.Call) -> bool:
    """Is this ``fwd_and_bwd(f, x, …)``, which means ``vjp(f, x, …)``, and not the form with argnums?"""
    given = [table.literal(a) for a in node.args[1:]]
    return (
        bool(given)
        and table.UNKNOWN in given
        and not any(k.arg == "argnums" for k in node.keywords)
    )


def _is_variadic(function: Any) -> bool:
    if isinstance(function, Source):
        return function.node.args.vararg is not None
    code = getattr(function, "__code__", None)
    return code is not None and bool(code.co_flags & inspect.CO_VARARGS)


def has_literal_defaults(node: Any) -> bool:
    """Do the defaults of a nested function not depend on where it stands?"""
    defaults = [*node.args.defaults, *node.args.kw_defaults]
    return all(d is None or table.literal(d) is not table.UNKNOWN for d in defaults)


class _Rest:
    """The inner generators of a comprehension."""

    def __init__(self, node: Any, generators: list[Any]) -> None:
        self.node, self.generators = getattr(node, "node", node), generators


def has_call(node: Any) -> bool:
    """Does the expression hold anything that may give another value the next time?"""
    return any(isinstance(n, (gast.Call, gast.NamedExpr, gast.IfExp)) for n in core.walk(node))


def is_simple(node: Any) -> bool:
    """May the expression be read again and again: names, constants, arithmetic and access?"""
    return all(
        isinstance(n, (*SIMPLE, gast.expr_context, gast.operator, gast.unaryop, gast.cmpop))
        for n in core.walk(node)
    ) and (isinstance(node, (gast.Name, gast.Constant)) or _small(node))


def _small(node: Any) -> bool:
    return sum(isinstance(n, gast.expr) for n in core.walk(node)) <= 7


def describe(node: Any) -> str:
    """What to call a node in an error message."""
    names = {
        "Set": "a set", "SetComp": "a set comprehension", "Yield": "`yield`",
        "YieldFrom": "`yield from`", "Await": "`await`", "Starred": "a starred expression here",
    }  # fmt: skip
    return names.get(type(node).__name__, f"`{type(node).__name__}`")


def shape_attribute(node: Any) -> bool:
    """Is this ``x.shape`` or the like?"""
    return isinstance(node, gast.Attribute) and node.attr in SHAPE_ATTRIBUTES


def signature_of(function: Any) -> inspect.Signature:
    """Signature of a Python function."""
    return inspect.signature(function)


RUN_TIME_CALLS = frozenset(
    {
        apply.call_bwd, apply.call_fwd, apply.call_jvp, apply.method_fwd, apply.method_jvp,
        apply.star_fwd, apply.star_jvp, apply.call_lin, apply.call_lin_fwd, apply.method_lin_fwd,
        apply.star_lin_fwd,
    }
)  # fmt: skip
REDUCE = functools.reduce
PARTIAL = functools.partial
functools_partial = functools.partial
