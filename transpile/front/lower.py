"""Lower a function's body to the core language, statement by statement.

What touches no possibly active name is kept verbatim. The rest becomes lines of one operation,
``if``, ``for``, ``while``, and updates (``x[i] = v``, ``xs.append(v)``); see design §3.
Relies on `exits`: one return, at the end.
"""

from __future__ import annotations

import builtins
import functools
import io
import logging
import time
from typing import Any

import gast
import numpy

from redraft.runtime import debug_callback, debug_print, only_arrays, same_shape
from redraft.runtime.callbacks import is_host_call
from redraft.transpile import core
from redraft.transpile.errors import TransformError
from redraft.transpile.front.annotations import is_shape_check
from redraft.transpile.front.callee import Primitive, operator_row
from redraft.transpile.front.checkpointed import checkpointed_here, rule_of_nested
from redraft.transpile.front.coarse import LIST_METHODS, MUTATORS, Coarse
from redraft.transpile.front.exits import structure_exits
from redraft.transpile.front.expressions import (
    Expressions,
    describe,
    has_literal_defaults,
    is_simple,
)
from redraft.transpile.front.order import bound_in
from redraft.transpile.front.scope import UNKNOWN, Dependency, Scope
from redraft.transpile.front.segments import in_segments
from redraft.transpile.front.source import Origin, Source
from redraft.transpile.primitives import table

ARRAY_ATTRIBUTES = frozenset({"shape", "dtype", "strides", "flat", "real", "imag", "T"})
EFFECTS = ("print", "warn", "debug", "info", "warning", "error", "log", "write")


class Lowerer(Expressions):
    """Lowers one function; `block` holds the result of `lower_function`."""

    def __init__(
        self,
        source: Source,
        active: set[str],
        dependencies: list[Dependency],
        object_names: frozenset[str] = frozenset(),
        late_batches: bool = False,
    ) -> None:
        super().__init__()
        self.late_batches = late_batches
        self.met_names: frozenset[str] = frozenset()
        self.plain_names = source.plain_names
        self.object_names = object_names - self.plain_names
        self.source = source
        body = core.copy(source.node.body)
        body = structure_exits(_without_docstring(body))
        opaque = self.object_names | self.plain_names
        self.scope = Scope(source, set(source.parameters) | core.writes(body), dependencies)
        body = in_segments(
            body, source, self.scope,
            lambda: Coarse(body, active, self.is_no_derivative, opaque).names,
        )  # fmt: skip
        local = set(source.parameters) | core.writes(body)
        self.scope = Scope(source, local, dependencies)
        self.local_functions = dict(getattr(source, "local_functions", {}) or {})
        self.definitions: dict[str, Any] = {}
        self.insert_grad_of: list[Any] = []
        self.outer_names: dict[str, str] = {}
        self.local_partials: dict[str, gast.Call] = {}
        self.find_local_functions(body)
        self.coarse = Coarse(body, active, self.is_no_derivative, opaque)
        self.body = body
        self.some_effects = self.may_have_effects(body)
        self.unsteady = self.find_unsteady(body)
        self.out = []
        self.origin = source.node

    def find_local_functions(self, body: list[gast.stmt]) -> None:
        """Nested functions that are defined once, and so can be rewritten where they are called."""
        stores = [n.id for n in core.free_names(body) if isinstance(n.ctx, gast.Store)]
        found: dict[str, Any] = {}
        for statement in core.walk_statements(body):
            if isinstance(statement, gast.FunctionDef):
                stores.append(statement.name)
                found[statement.name] = statement
            elif (
                isinstance(statement, gast.Assign)
                and isinstance(statement.value, gast.Lambda)
                and core.is_name(statement.targets[0])
            ):
                found[statement.targets[0].id] = statement.value
            elif isinstance(statement, gast.Assign) and core.is_name(statement.targets[0]):
                made = checkpointed_here(self.scope, statement.value, found)
                if made is not None:
                    found[statement.targets[0].id] = made
        for name, node in found.items():
            once = stores.count(name) == 1 and name not in self.source.parameters
            known = rule_of_nested(self.scope, node) is not table.UNKNOWN
            if once and known and has_literal_defaults(node):
                self.definitions[name] = node
        self.find_local_partials(body, stores)
        for name in self.definitions:
            self.local_functions.pop(name, None)
        self.local_functions.update(dict.fromkeys(self.definitions))
        for name, node in self.definitions.items():
            self.local_functions[name] = self.lift(node, name)
        for name in self.definitions:
            lifted = self.local_functions[name]
            lifted.local_functions = self.local_functions
            lifted.generated, lifted.modules = self.source.generated, self.source.modules

    def find_local_partials(self, body: list[gast.stmt], stores: list[str]) -> None:
        """``g = partial(f, a)`` of a known `f` and a variable `a` that never changes."""
        parameters = set(self.source.parameters)

        def settled(node: Any) -> bool:
            if isinstance(node, gast.Constant):
                return True
            bindings = stores.count(node.id) + (node.id in parameters) if core.is_name(node) else 2
            return bindings <= 1

        for statement in body:  # at the top, so that every later call sees it
            if not (isinstance(statement, gast.Assign) and core.is_name(statement.targets[0])):
                continue
            name, value = statement.targets[0].id, statement.value
            if not isinstance(value, gast.Call) or stores.count(name) != 1 or name in parameters:
                continue
            if self.scope.value(value.func) is not functools.partial or not value.args:
                continue
            operands = [*value.args[1:], *(k.value for k in value.keywords)]
            known = self.scope.value(value.args[0]) is not UNKNOWN
            if known and all(map(settled, operands)) and all(k.arg for k in value.keywords):
                self.local_partials[name] = value

    def is_no_derivative(self, func: gast.expr) -> bool:
        """Does the called function return something that has no derivative?"""
        value = self.scope.value(func)
        if value is UNKNOWN:
            if isinstance(func, gast.Attribute) and func.attr not in self.object_names:
                if func.attr == "keys":
                    return True
                row = table.rows_index()["method"].get(func.attr)
                return row is not None and row.kind == "no_derivative"
            return False
        row = table.row_of(value)
        return row is not None and row.kind == "no_derivative"

    def lower(self, has_aux: bool = False) -> list[gast.stmt]:
        """The function's body in the core language; the last statement returns a name."""
        self.refuse_hidden_access()
        *body, result = self.body
        self.statements(body)
        self.origin, self.known_reads = result, {}
        node, aux = self.settled(result.value), None
        if has_aux:
            node, aux = self.split_aux(node)
        value = self.atom(node) if self.coarse.active(node) else self.plain(node)
        if not core.is_name(value):
            value = self.temporary(value, "ans")
        end = gast.copy_location(gast.Return(value), result)
        end.aux = aux
        end._fields = ("value", "aux")  # `aux` is read like the value
        self.emit(end)
        return self.out

    def refuse_hidden_access(self) -> None:
        """`eval`, `exec`, `locals`: they read variables in a way that nobody can follow."""
        for statement in self.body:
            for node in core.walk(statement):
                if not (isinstance(node, gast.Call) and isinstance(node.func, gast.Name)):
                    continue
                name = node.func.id
                if name not in ("eval", "exec", "locals", "vars") or (name == "vars" and node.args):
                    continue
                if self.scope.value(node.func) is getattr(builtins, name):
                    raise self.refuse(
                        node, f"`{name}` reads variables that cannot be followed",
                        "name the variables that you need",
                    )  # fmt: skip

    def split_aux(self, node: gast.expr) -> tuple[gast.expr, gast.expr]:
        """The value and the auxiliary data of a function that returns a pair."""
        if not (isinstance(node, gast.Tuple) and len(node.elts) == 2):
            pair = self.atom(node) if self.coarse.active(node) else self.inactive_atom(node)
            pair = pair if core.is_name(pair) else self.temporary(pair)
            value, aux = self.fresh("ans"), self.fresh("aux")
            if self.coarse.active(node):
                self.coarse.names.update((value, aux))
            places = gast.Tuple([core.store(value), core.store(aux)], gast.Store())
            self.emit(gast.Assign([places], core.name(pair.id), None))
            return core.name(value), core.name(aux)
        aux = node.elts[1]
        if not core.is_name(aux):
            lowered = self.atom(aux) if self.coarse.active(aux) else self.plain(aux)
            aux = lowered if core.is_name(lowered) else self.temporary(lowered, "aux")
        return node.elts[0], core.name(aux.id)

    def statements(self, body: list[gast.stmt]) -> None:
        for statement in body:
            self.origin = statement
            self.statement(statement)

    def nested(self, body: list[gast.stmt]) -> list[gast.stmt]:
        saved, origin = self.out, self.origin
        self.out = []
        self.statements(body)
        block, self.out = self.out, saved
        self.origin = origin
        return block

    def statement(self, node: gast.stmt) -> None:
        self.known_reads = {}
        self.check_outer_names(node)
        if isinstance(node, gast.Delete) and all(core.is_name(t) for t in node.targets):
            return  # the derivative may still need the value: the name just goes out of use
        if isinstance(node, gast.FunctionDef):
            self.settle_statement(node)
            self.check_nonlocal(node)
            self.check_own_name(node)
        self.check_targets(node)
        if self.stays(node):
            self.emit(node)
            if getattr(node, "body", None) and not isinstance(node, gast.FunctionDef):
                self.emit_touched(node)
            return
        self.settle_statement(node)
        lower = getattr(self, "stmt_" + type(node).__name__, None)
        if lower is None:
            if any(n.id in self.coarse.names for n in core.free_names(node)):
                raise self.refuse_statement(node)
            self.emit(node)
        else:
            lower(node)

    def stays(self, node: gast.stmt) -> bool:
        """Is a statement left as the user wrote it?"""
        if isinstance(node, gast.FunctionDef) or is_shape_check(node):
            return True
        if self.coarse.mentions(node) or core.bound_by_name(node) & self.coarse.names:
            return False
        if any(map(stores_among_others, core.walk_statements([node]))):
            return False  # a change in place is a line of its own
        binds = self.some_effects and any(isinstance(n, gast.NamedExpr) for n in core.walk(node))
        return not (binds and hasattr(self, "stmt_" + type(node).__name__))

    def check_targets(self, node: gast.stmt) -> None:
        """Refuse loops and blocks whose variable is a place in a container."""
        for inner in core.walk_statements([node]):
            targets = [inner.target] if isinstance(inner, gast.For) else []
            if isinstance(inner, gast.With):
                targets = [item.optional_vars for item in inner.items if item.optional_vars]
            for part in (n for target in targets for n in core.walk(target)):
                if isinstance(part, (gast.Subscript, gast.Attribute)):
                    raise self.refuse(
                        part, "a loop or block whose variable is a place in a container",
                        "use a name, and store its value in the first line",
                    )  # fmt: skip

    def check_outer_names(self, node: gast.stmt) -> None:
        """Refuse to bind a `global` or `nonlocal` name to a value that is differentiated."""
        if isinstance(node, (gast.Global, gast.Nonlocal)):
            kind = "global" if isinstance(node, gast.Global) else "nonlocal"
            self.outer_names.update(dict.fromkeys(node.names, kind))
            return
        if (
            isinstance(node, (gast.Assign, gast.AugAssign, gast.AnnAssign, gast.For))
            and self.outer_names
        ):
            names = (
                core.writes(node) if not isinstance(node, gast.For) else core.writes(node.target)
            )
            for name in sorted(names & set(self.outer_names) & self.coarse.names):
                kind = self.outer_names[name]
                raise self.refuse(
                    node, f"assignment of a value that is differentiated to `{name}`, which is `{kind}`",
                    "return the value instead",
                )  # fmt: skip

    def check_nonlocal(self, node: gast.FunctionDef) -> None:
        """A nested function that rebinds a variable of this one changes it behind our back."""
        self.check_defaults(node)
        for inner in core.walk(node):
            if isinstance(inner, (gast.Yield, gast.YieldFrom)) and self.coarse.mentions(node):
                raise self.refuse(
                    inner, "`yield` of values that are differentiated is not supported",
                    "build a list and return it",
                )  # fmt: skip
            if (
                isinstance(inner, (gast.Nonlocal, gast.Global))
                and set(inner.names) & self.coarse.names
            ):
                raise self.refuse_statement(inner)

    def check_own_name(self, node: gast.FunctionDef) -> None:
        """In a loop or a branch a function cannot share its name with a value that has a cotangent."""
        if node.name in self.source.parameters and node.name in self.coarse.names:
            raise self.refuse(
                node, f"`{node.name}` is a parameter that is differentiated, and a function here",
                "use two names",
            )  # fmt: skip
        if any(node is statement for statement in self.body):
            return
        for other in core.walk_statements(self.body):
            targets = getattr(other, "targets", None) or [getattr(other, "target", None)]
            bound = {
                n.id for t in targets if t is not None for n in core.walk(t) if core.is_name(n)
            }
            value = getattr(other, "value", None) or getattr(other, "iter", None)
            if node.name not in bound or value is None or isinstance(value, gast.Lambda):
                continue
            if self.coarse.mentions(value):
                raise self.refuse(
                    node, f"`{node.name}` is a function here, and a value that is differentiated elsewhere",
                    "use two names",
                )  # fmt: skip

    def refuse_statement(self, node: gast.stmt) -> TransformError:
        names = {
            "Try": "`try`", "Global": "`global`", "Nonlocal": "`nonlocal`", "Match": "`match`",
            "AsyncFor": "`async for`", "AsyncWith": "`async with`", "ClassDef": "a class definition",
            "TryStar": "`try`",
        }  # fmt: skip
        what = names.get(type(node).__name__, f"`{type(node).__name__.lower()}`")
        return self.refuse(
            node,
            f"{what} around values that are differentiated is not supported",
            "move it into a function that works on values that are not differentiated",
        )

    # --- assignments

    def stmt_Assign(self, node: gast.Assign) -> None:
        first, *others = node.targets
        if getattr(node, "unset", False):
            self.emit(node)
        elif others:
            value = self.atom(node.value)
            for target in node.targets:
                self.assign(target, value)
        elif isinstance(first, (gast.Tuple, gast.List)) and self.parallel(first, node.value):
            self.assign_each(first, node.value)
        else:
            self.assign_value(first, node.value)

    def stmt_AnnAssign(self, node: gast.AnnAssign) -> None:
        if node.value is not None:
            self.assign_value(node.target, node.value)

    def parallel(self, target: Any, value: gast.expr) -> bool:
        """Is this ``a, b = c, d``?"""
        return (
            isinstance(value, (gast.Tuple, gast.List))
            and len(value.elts) == len(target.elts)
            and not any(isinstance(e, gast.Starred) for e in (*value.elts, *target.elts))
        )

    def assign_each(self, target: Any, value: Any) -> None:
        written = {n.id for n in core.free_names(target)}
        values = []
        for element in value.elts:
            atom = self.atom(element)
            if core.reads(atom) & written:  # read before any of the targets changes
                atom = self.temporary(atom)
            values.append(atom)
        for place, atom in zip(target.elts, values, strict=True):
            self.assign(place, atom)

    def assign_value(self, target: gast.expr, value: gast.expr) -> None:
        if isinstance(target, gast.Name):
            lowered = self.expression(value)
            self.emit(core.assign(target.id, lowered))
        elif isinstance(target, (gast.Tuple, gast.List)):
            self.assign(target, self.items_of(value))
        else:
            self.assign(target, self.atom(value))

    def assign(self, target: gast.expr, value: gast.expr) -> None:
        """Assign an atom to any kind of target."""
        if isinstance(target, gast.Name):
            self.emit(core.assign(target.id, core.copy(value)))
        elif isinstance(target, (gast.Tuple, gast.List)):
            self.unpack(target, value)
        elif isinstance(target, gast.Subscript):
            place, write_back = self.place(target.value)
            index = self.index(target.slice)
            item = gast.copy_location(gast.Subscript(place, index, gast.Store()), target)
            self.emit(gast.Assign([item], core.copy(value), None))
            write_back()
        elif isinstance(target, gast.Attribute):
            if target.attr in ARRAY_ATTRIBUTES:
                raise self.refuse(
                    target, f"assignment to `.{target.attr}` of a value that is differentiated",
                    "make a new array, such as `y = y.reshape(…)`",
                )  # fmt: skip
            place, write_back = self.place(target.value)
            item = gast.copy_location(gast.Attribute(place, target.attr, gast.Store()), target)
            self.emit(gast.Assign([item], core.copy(value), None))
            write_back()
        else:
            raise self.refuse(target, "this assignment target is not supported", "assign to a name")

    def place(self, node: gast.expr) -> tuple[gast.Name, Any]:
        """A name for a container that is written into, and how to put it back where it was."""
        if isinstance(node, gast.Name) and node.id in self.definitions:
            raise self.refuse(
                node, f"`{node.id}` is a function; its attributes cannot hold values that are "
                "differentiated", "use a variable",
            )  # fmt: skip
        if isinstance(node, gast.Name):
            return core.name(node.id), lambda: None
        if isinstance(node, (gast.Subscript, gast.Attribute)):
            outer, write_back = self.place(node.value)
            index = self.index(node.slice) if isinstance(node, gast.Subscript) else node.attr
            read = self._access(outer, index, gast.Load())
            inner = self.temporary(read, "part", write_back=True)
            self.coarse.names.add(inner.id)

            def put_back() -> None:
                whole = self._access(outer, index, gast.Store())
                self.emit(gast.Assign([whole], core.name(inner.id), None), write_back=True)
                write_back()

            return core.name(inner.id), put_back
        raise self.refuse(node, "this cannot be assigned into", "give the container a name first")

    def _access(self, owner: gast.Name, index: Any, ctx: Any) -> gast.expr:
        if isinstance(index, str):
            return gast.Attribute(core.name(owner.id), index, ctx)
        new = gast.Subscript(core.name(owner.id), core.copy(index), ctx)
        new.callee = Primitive(table.rows_index()["operator"]["[]"])
        return new

    def unpack(self, target: Any, value: gast.expr) -> None:
        """``a, (b, *c) = value`` as unpackings of names from a name."""
        if not core.is_name(value):
            value = self.temporary(value)
        starred = [i for i, e in enumerate(target.elts) if isinstance(e, gast.Starred)]
        if starred:
            self.unpack_starred(target.elts, starred[0], value)
            return
        inner, names = [], []
        for element in target.elts:
            if isinstance(element, gast.Name):
                names.append(core.store(element.id))
            else:
                fresh = self.fresh("part")
                self.coarse.names.add(fresh)
                names.append(core.store(fresh))
                inner.append((element, fresh))
        self.emit(gast.Assign([gast.Tuple(names, gast.Store())], core.name(value.id), None))
        for element, fresh in inner:
            self.assign(element, core.name(fresh))

    def unpack_starred(self, elements: list[Any], star: int, value: gast.Name) -> None:
        after = len(elements) - star - 1
        if value.id in {n.id for e in elements for n in core.free_names(e)}:
            value = self.named(core.name(value.id))  # ``x, *rest = x`` takes all from the old `x`
        for position, element in enumerate(elements):
            if position == star:
                stop = core.constant(-after) if after else None
                part = gast.Slice(core.constant(star) if star else None, stop, None)
                items = self.temporary(self.subscript(value, part))
                self.assign_value_of(element.value, self.row_call("list", items))
            else:
                place = position if position < star else position - len(elements)
                self.assign_value_of(element, self.subscript(value, core.constant(place)))

    def assign_value_of(self, target: gast.expr, value: gast.expr) -> None:
        if isinstance(target, gast.Name):
            self.emit(core.assign(target.id, value))
        else:
            self.assign(target, self.temporary(value))

    def subscript(self, value: gast.Name, index: gast.expr) -> gast.expr:
        new = gast.Subscript(core.name(value.id), index, gast.Load())
        new.callee = Primitive(table.rows_index()["operator"]["[]"])
        return new

    def stmt_AugAssign(self, node: gast.AugAssign) -> None:
        if core.is_name(node.target) and node.target.id in bound_in(node.value):
            self.augment_old(node)
            return
        value = self.atom(node.value)
        target = node.target
        self.known_reads = {}
        if isinstance(target, gast.Name):
            self.emit(self.augmented_name(node, target.id, value))
            return
        place, write_back = self.place(target.value)
        if isinstance(target, gast.Attribute):
            access: Any = target.attr
        else:
            access = self.index(target.slice)
        if isinstance(node.op, (gast.Add, gast.Sub)) and isinstance(target, gast.Subscript):
            item = gast.copy_location(gast.Subscript(place, access, gast.Store()), target)
            self.emit(gast.AugAssign(item, node.op, value))
        else:
            old = self.temporary(self._access(place, access, gast.Load()))
            new = gast.copy_location(gast.BinOp(old, node.op, value), node)
            new.callee = Primitive(operator_row(node.op))
            result = self.temporary(new)
            self.emit(gast.Assign([self._access(place, access, gast.Store())], result, None))
        write_back()

    def augment_old(self, node: gast.AugAssign) -> None:
        """``y += (y := v)`` adds to what `y` was."""
        name, old = node.target.id, self.named(core.name(node.target.id))
        node.target = core.store(old.id)
        self.settle_statement(node)
        self.stmt_AugAssign(node)
        self.emit(core.assign(name, core.name(old.id)))

    def augmented_name(self, node: gast.AugAssign, target: str, value: gast.expr) -> gast.stmt:
        new = gast.copy_location(gast.BinOp(core.name(target), node.op, value), node)
        new.callee = self.operator(node)
        statement = core.assign(target, new)
        statement.augmented = True
        return statement

    # --- effects and updates

    def stmt_Expr(self, node: gast.Expr) -> None:
        value = node.value = with_options_inside(node.value, self.scope)
        if not isinstance(value, gast.Call):
            if any(isinstance(n, gast.Call) for n in core.walk(value)):
                self.temporary(self.expression(value), "unused")
            else:
                self.emit(node)
            return
        func = value.func
        known = self.scope.value(func)
        row = table.row_of(known) if known is not UNKNOWN else None
        if is_add_at(known) or (row is not None and row.name in ("rt.add_at", "rt.add_field")):
            self.add_at(value)
        elif isinstance(func, gast.Attribute) and func.attr in MUTATORS and known is UNKNOWN:
            self.mutation(node, func, value)
        elif is_harmless(known):
            node.value = self.plain(value)
            self.emit(node)  # print and the like: kept in the forward part
        elif known is not UNKNOWN and row is None and not core_function(known):
            raise self.refuse(
                value,
                f"`{getattr(known, '__name__', func_text(func))}` may change its arguments, and nothing "
                "is known of its derivative",
                "write `y[i] = …` or `y = …` instead; `print` and logging may stay",
            )
        else:
            self.temporary(self.expression(value), "unused")

    def add_at(self, call: gast.Call) -> None:
        """``rt.add_at(x, i, v)`` is ``x[i] += v`` where repeated indices accumulate."""
        place, write_back = self.place(call.args[0])
        args = [place, self.index(call.args[1]), self.atom(call.args[2])]
        update = gast.copy_location(gast.Call(call.func, args, []), call)
        self.emit(gast.Expr(update), accumulate=True)
        write_back()

    def mutation(self, node: gast.Expr, func: gast.Attribute, call: gast.Call) -> None:
        if func.attr == "reverse" and not call.args:
            self.reverse_list(func.value)
            return
        if func.attr not in LIST_METHODS:
            self.emit(node)  # refused if it really touches a value that is differentiated
            return
        place, write_back = self.place(func.value)
        if func.attr == "update":
            self.update(call, place)
        else:
            self.mutate(place.id, func.attr, *map(self.atom, call.args))
        write_back()

    def reverse_list(self, node: gast.expr) -> None:
        """``xs.reverse()`` is ``xs[:] = xs[::-1]``."""
        place, write_back = self.place(node)
        backward = gast.Slice(None, None, core.constant(-1))
        items = self.temporary(self.subscript(place, backward), "items")
        whole = gast.Subscript(core.name(place.id), gast.Slice(None, None, None), gast.Store())
        self.emit(gast.Assign([whole], items, None), same_length=True)
        write_back()

    def update(self, call: gast.Call, place: gast.Name) -> None:
        """``d.update(other)`` sets the items of `other` one by one."""
        for argument in call.args:
            self.merge_into(place.id, self.atom(argument), call)
        for keyword in call.keywords:
            entry = gast.Subscript(core.name(place.id), core.constant(keyword.arg), gast.Store())
            self.emit(gast.Assign([entry], self.atom(keyword.value), None))

    def stmt_Assert(self, node: gast.Assert) -> None:
        self.check_unchanged(node)
        self.emit(self.looked_at(node))

    def stmt_Raise(self, node: gast.Raise) -> None:
        self.check_unchanged(node)
        self.emit(self.looked_at(node))

    def stmt_Pass(self, node: gast.Pass) -> None:
        self.emit(node)

    def stmt_Delete(self, node: gast.Delete) -> None:
        raise self.refuse_statement(node)

    # --- control flow

    def stmt_If(self, node: gast.If) -> None:
        test = self.test(node.test)
        body, orelse = self.nested(node.body), self.nested(node.orelse)
        self.emit(gast.copy_location(gast.If(test, body, orelse), node))

    def stmt_For(self, node: gast.For) -> None:
        iterable = self.iterable(node.iter)
        target, extra = self.loop_target(node.target)
        body = self.block_of(lambda: (self.assign_targets(extra), self.statements(node.body)))
        self.origin = node
        self.emit(gast.copy_location(gast.For(target, iterable, body, [], None), node))

    def loop_target(self, target: Any) -> tuple[Any, list[Any]]:
        """A pattern of plain names, and what must be assigned from it first."""
        extra: list[Any] = []

        def plain(node: Any) -> Any:
            if isinstance(node, gast.Name):
                return core.store(node.id)
            starred = any(isinstance(e, gast.Starred) for e in getattr(node, "elts", ()))
            if isinstance(node, (gast.Tuple, gast.List)) and not starred:
                return gast.Tuple([plain(e) for e in node.elts], gast.Store())
            fresh = self.fresh("item")
            self.coarse.names.add(fresh)
            extra.append((node, fresh))
            return core.store(fresh)

        return plain(target), extra

    def assign_targets(self, extra: list[Any]) -> None:
        for target, fresh in extra:
            self.assign(target, core.name(fresh))

    def stmt_While(self, node: gast.While) -> None:
        if self.has_effects(node.test) or self.touched(node.test):
            self.while_effects(node)
            return
        body = self.nested(node.body)
        self.emit(gast.copy_location(gast.While(self.test(node.test), body, []), node))

    def stmt_With(self, node: gast.With) -> None:
        contexts = [
            self.scope.value(getattr(i.context_expr, "func", i.context_expr)) for i in node.items
        ]
        if (
            len(contexts) == 1
            and getattr(contexts[0], "redraft_transform", None) == "insert_grad_of"
        ):
            self.insert_gradient(node)
            return
        names = {
            f"{getattr(c, '__module__', '')}.{getattr(c, '__qualname__', '')}" for c in contexts
        }
        transparent = {"numpy.errstate", "contextlib.nullcontext", "warnings.catch_warnings"}
        if not all(n in transparent or n.startswith("redraft.") for n in names):
            raise self.refuse_statement(node)
        for item in node.items:
            if item.optional_vars is not None and self.coarse.active(item.context_expr):
                raise self.refuse_statement(node)
        body = self.nested(node.body)
        self.emit(gast.copy_location(gast.With(node.items, body, None), node))

    def insert_gradient(self, node: gast.With) -> None:
        """``with rd.insert_grad_of(x) as dx:`` holds code for the backward part."""
        item = node.items[0]
        argument = item.context_expr.args[0]
        if not core.is_name(argument) or not core.is_name(item.optional_vars):
            raise self.refuse(
                node, "`insert_grad_of` takes a variable and binds one", "write `(x) as dx`"
            )
        marker = gast.With(node.items, node.body, None)
        marker.insert_grad = True
        self.emit(gast.copy_location(marker, node))

    def stmt_ImportFrom(self, node: Any) -> None:
        self.emit(node)

    stmt_Import = stmt_ImportFrom


def is_add_at(value: Any) -> bool:
    """Is it ``np.add.at``?"""
    return getattr(value, "__self__", None) is numpy.add and getattr(value, "__name__", "") == "at"


def func_text(func: gast.expr) -> str:
    """The last name of a dotted name."""
    return getattr(func, "attr", None) or getattr(func, "id", "this call")


def with_options_inside(node: Any, scope: Scope) -> Any:
    """``rd.debug.print(ordered=True)("x = {}", x)`` as one call."""
    first = getattr(node, "func", None)
    if not isinstance(first, gast.Call) or first.args or not is_host_call(scope.value(first.func)):
        return node
    return gast.copy_location(
        gast.Call(first.func, node.args, [*node.keywords, *first.keywords]), node
    )


def is_harmless(value: Any) -> bool:
    """Does a function show its arguments and change nothing?"""
    checks = (print, input, breakpoint, time.sleep, only_arrays, same_shape)
    checks = (*checks, debug_callback, debug_print)
    if _is_hashable(value) and value in checks:
        return True
    home = getattr(value, "__module__", None) or ""
    if home.partition(".")[0] in ("warnings", "logging", "time", "pprint", "rich", "tqdm"):
        return True
    return isinstance(getattr(value, "__self__", None), (io.IOBase, logging.Logger))


def _is_hashable(value: Any) -> bool:
    return getattr(type(value), "__hash__", None) is not None and value is not UNKNOWN


def core_function(value: Any) -> bool:
    """Is it a Python function whose body may do something to its arguments?"""
    return hasattr(value, "__code__") and value.__module__ not in ("warnings", "logging")


def _without_docstring(body: list[gast.stmt]) -> list[gast.stmt]:
    first = body[0]
    if (
        isinstance(first, gast.Expr)
        and isinstance(first.value, gast.Constant)
        and isinstance(first.value.value, str)
    ):
        return body[1:] or [gast.copy_location(gast.Pass(), first)]
    return body


def lower(
    source: Source, active: set[str], dependencies: list[Dependency]
) -> tuple[list[gast.stmt], Lowerer]:
    """Lower the body of a function whose parameters `active` are differentiated."""
    lowerer = Lowerer(source, active, dependencies)
    return lowerer.lower(), lowerer


__all__ = ["Lowerer", "Origin", "describe", "is_simple", "lower"]


def stores_among_others(statement: gast.stmt) -> bool:
    """Is this ``x[i], y = …`` or ``y = x[i] = …``: a place in a container among other targets?"""
    if not isinstance(statement, gast.Assign):
        return False
    alone = len(statement.targets) == 1 and not isinstance(
        statement.targets[0], (gast.Tuple, gast.List)
    )
    places = (gast.Subscript, gast.Attribute)
    return not alone and any(
        isinstance(n, places) and isinstance(n.ctx, gast.Store)
        for target in statement.targets
        for n in core.walk(target)
    )
