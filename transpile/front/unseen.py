"""Calls of which nobody sees what they change: note what they may change, or look when they run.

Before::                                  After::

    y = x * b[0]                              t.1 = b[0]
    log(b, y > 0)                             y = x * t.1
                                              log(b, y > 0)
                                              rt.touched(b)      # in no generated text

    if test(y):                               if rt.only_reads(test)(y):
        …                                         …

What is not differentiated may be changed by any call that is left as it is: a line ``rt.touched(b)``
tells later passes that `b` holds something else now. What is differentiated may not be changed
there; where the function is known only when the code runs, `rt.only_reads` looks at it then.
"""

from __future__ import annotations

import functools
import inspect
import types
from typing import Any

import gast
import numpy as np

from redraft.transpile import core
from redraft.transpile.front.callee import bound_parts, is_python_function
from redraft.transpile.front.coarse import MUTATORS, SHAPE_ATTRIBUTES
from redraft.transpile.front.effects import CHANGES_FIRST, writes_arguments
from redraft.transpile.front.order import is_mutator, root_of
from redraft.transpile.front.scope import UNKNOWN
from redraft.transpile.front.source import Source
from redraft.transpile.primitives import table

IN_PLACE = frozenset(f"__i{op}__" for op in (
    "add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor",
    "lshift", "rshift",
))  # fmt: skip
CHANGING = MUTATORS | IN_PLACE | {
    "__setitem__", "__delitem__", "__setattr__", "__delattr__", "__setstate__", "rotate",
    "extendleft", "move_to_end",
    "partition", "setfield", "setflags", "byteswap", "discard", "difference_update",
    "intersection_update", "symmetric_difference_update", "shuffle",
}  # fmt: skip
KNOWN_METHODS = (
    frozenset().union(*(map(dir, (np.ndarray, np.generic, list, dict, set, str, float, int))))
    - CHANGING
)
LIBRARIES = frozenset({
    "builtins", "math", "cmath", "numpy", "scipy", "operator", "itertools", "functools", "time",
    "copy", "logging", "warnings", "redraft", "dataclasses", "typing", "collections",
})  # fmt: skip


def augmented_names(body: list[Any]) -> set[str]:
    """Variables of which ``x += v`` may change an array in place."""
    found = [n for s in body for n in core.walk(s) if isinstance(n, gast.AugAssign)]
    return {n.target.id for n in found if core.is_name(n.target)}


# statements of which the later passes do not look at the parts
OPAQUE = frozenset({"Try", "TryStar", "Match", "AsyncFor", "AsyncWith", "ClassDef", "Delete"})


def changed_out_of_sight(node: Any) -> set[str]:
    """Variables into which a statement writes where the later passes do not see it.

    That is within `try` and its kin, by `del`, and into what a call returns (``memoryview(x)[0] = 1``).
    """
    found: set[str] = set()
    for statement in core.walk_statements([node]) if isinstance(node, gast.stmt) else ():
        opaque = type(statement).__name__ in OPAQUE
        for part in core.walk(statement) if opaque else written_places(statement):
            if isinstance(part, (gast.Subscript, gast.Attribute)):
                if not isinstance(part.ctx, gast.Load):
                    root = innermost(part)
                    found |= {root.id} if core.is_name(root) and opaque else set()
                    found |= set() if core.is_name(root) else core.reads(root)
    return found


def written_places(statement: Any) -> list[Any]:
    """The targets of an assignment."""
    return [*getattr(statement, "targets", ()), *filter(None, [getattr(statement, "target", None)])]


def innermost(node: Any) -> Any:
    """What ``x[i].f`` reads from."""
    while isinstance(node, (gast.Subscript, gast.Attribute)):
        node = node.value
    return node


DESCRIPTORS = (types.MethodDescriptorType, types.WrapperDescriptorType)


def positional_out(function: Any, call: gast.Call) -> list[gast.expr]:
    """The argument `out` of a call that passes it by position, as in ``np.sin(x, x)``."""
    if isinstance(function, np.ufunc):
        return call.args[function.nin :]
    if (getattr(function, "__module__", None) or "").partition(".")[0] not in ("numpy", "scipy"):
        return []
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []
    return call.args[names.index("out") :][:1] if "out" in names else []


def with_sources(found: set[str], node: Any) -> set[str]:
    """Names, and for those that comprehensions bind, what they run over."""
    for inner in core.walk(node):
        for generator in getattr(inner, "generators", ()):
            if found & {n.id for n in core.free_names(generator.target)}:
                found = found | core.reads(generator.iter)
    return found


class Unseen:
    """The part of `Expressions` that looks after such calls; see the module's docstring."""

    # --- what is not differentiated

    def find_unsteady(self: Any, body: list[gast.stmt]) -> frozenset[str]:
        """Variables that calls may change somewhere in a function, and globals that it changes."""
        nodes = [n for s in body for n in core.walk(s)]
        calls = [n for n in nodes if isinstance(n, gast.Call)]
        parts = [n for n in nodes if isinstance(n, (gast.Subscript, gast.Attribute))]
        written = {root_of(n) for n in parts if not isinstance(n.ctx, gast.Load)}
        written |= {root_of(c.func) for c in calls if is_mutator(c)}
        outside = {n for n in written if n is not None and n not in self.scope.local}
        hidden = set().union(*map(changed_out_of_sight, body))
        found = outside.union(*map(self.touched_by, calls), augmented_names(body), hidden)
        found = found.union(*(with_sources(found, s) for s in body))
        return frozenset(n for n in found if not self.is_constant(n))

    def is_constant(self: Any, name: str) -> bool:
        """Does a name stand for a module, a function or a class: nothing that calls change?"""
        value = self.scope.value(core.name(name))
        return isinstance(value, types.ModuleType) or (value is not UNKNOWN and callable(value))

    def touched(self: Any, node: Any) -> set[str]:
        """Variables without a derivative whose objects the calls in a node may change."""
        if not self.unsteady:
            return set()
        calls = [n for n in core.walk(node) if isinstance(n, gast.Call)]
        hidden = changed_out_of_sight(node)
        found = set().union(*map(self.touched_by, calls), augmented_names([node]), hidden)
        found = with_sources(found, node)
        return (found & self.scope.local) - self.coarse.names - set(self.local_functions)

    def touched_by(self: Any, call: gast.Call) -> set[str]:
        """Names that the function which is called may write into."""
        func, given = call.func, core.reads([*call.args, *(k.value for k in call.keywords)])
        out = [k.value for k in call.keywords if k.arg == "out"]
        value = self.scope.value(func)
        if value is not UNKNOWN:
            out += positional_out(value, call)
            return given if self.may_write(value, func) else core.reads(out)
        known = self.known_function(func)
        if known is not None and isinstance(known.function, Source):
            writes = writes_arguments(known.function, self.scope.dependencies)
            return given | set(known.function.captured) if writes else set()
        if not isinstance(func, gast.Attribute):
            return given | core.reads(func)
        method = self.method_of(func)
        if method is not None:
            writes = writes_arguments(method, self.scope.dependencies)
            return given | core.reads(func) if writes else set()
        if func.attr in CHANGING:
            return core.reads(func) | (given if func.attr == "shuffle" else set())
        if func.attr in KNOWN_METHODS and func.attr not in self.object_names:
            return core.reads(out)
        return given | core.reads(func)

    def method_of(self: Any, func: gast.Attribute) -> Any:
        """The method that ``x.f`` names, where the class of `x` is known from the text."""
        cls = self.class_of(func.value.id) if core.is_name(func.value) else None
        method = None if cls is None else inspect.getattr_static(cls, func.attr, None)
        return method if is_python_function(method) else None

    def class_of(self: Any, name: str) -> type | None:
        """The class of a variable that is bound once, to a new object; that of `self`."""
        if self.source.parameters[:1] == [name] == ["self"]:
            head, _, method = getattr(self.source.function, "__qualname__", "").rpartition(".")
            value = self.scope.value(core.name(head)) if head.isidentifier() else None
            known = inspect.getattr_static(value, method, None) if isinstance(value, type) else None
            return value if known is self.source.function and known is not None else None
        made = self.made_once.get(name)
        value = self.scope.value(made.func) if isinstance(made, gast.Call) else None
        return value if isinstance(value, type) else None

    @functools.cached_property
    def made_once(self: Any) -> dict[str, Any]:
        """Variables that are bound once, by a plain assignment -> what they are bound to."""
        stores = [n.id for n in core.free_names(self.body) if not isinstance(n.ctx, gast.Load)]
        found = {}
        for statement in core.walk_statements(self.body):
            if isinstance(statement, gast.Assign) and core.is_name(statement.targets[0]):
                name = statement.targets[0].id
                if stores.count(name) == 1 and name not in self.source.parameters:
                    found[name] = statement.value
        return found

    def may_write(self: Any, value: Any, func: gast.expr) -> bool:
        """May a known function or object, when called, write into its arguments?"""
        bound = bound_parts(value)
        function = bound[0] if bound is not None else value
        if isinstance(function, functools.partial):
            function = function.func
        home = getattr(function, "__module__", None) or type(function).__module__
        if isinstance(function, DESCRIPTORS):  # ``list.insert(x, 0, v)``
            return function.__name__ in CHANGING
        if getattr(function, "__name__", None) in CHANGES_FIRST:
            return True
        if table.row_of(value) is not None or home.startswith("redraft."):
            return False  # what these write into, the compiler knows
        if is_python_function(function):
            return writes_arguments(function, self.scope.dependencies)
        name = getattr(func, "attr", None) or getattr(func, "id", None)
        if name in CHANGES_FIRST:
            return True
        if isinstance(value, type) or hasattr(value, "redraft_kind") or not callable(value):
            return False
        return home.partition(".")[0] not in LIBRARIES

    def emit_touched(self: Any, statement: gast.stmt) -> None:
        """Say what the calls in a statement may have changed."""
        for name in sorted(self.touched(statement)):
            statement.__dict__.setdefault("touches", set()).add(name)
            touch = gast.Expr(core.call("rt.touched", core.name(name)))
            touch.touch, touch.origin = True, statement.origin
            self.out.append(touch)

    def is_unsteady(self: Any, node: Any) -> bool:
        """Is it part of something that a call may change, or of an object that anyone may change?"""
        if not isinstance(node, (gast.Subscript, gast.Attribute)):
            return False
        member = False
        while isinstance(node, (gast.Subscript, gast.Attribute)):
            if isinstance(node, gast.Attribute):
                member = member or node.attr not in SHAPE_ATTRIBUTES | set(self.array_members)
            node = node.value
        if not core.is_name(node) or node.id in self.coarse.names:
            return False
        return node.id in self.unsteady or (member and node.id in self.scope.local)

    @property
    def array_members(self: Any) -> dict[str, Any]:
        return table.rows_index()["attribute"]

    # --- what is differentiated

    def looked_at(self: Any, node: Any) -> Any:
        """Let the run time look at functions that are known only then, and are given such values."""
        if not self.coarse.mentions(node):
            return node
        bound = {
            n.id for c in core.walk(node) if isinstance(c, gast.comprehension)
            for n in core.walk(c.target) if core.is_name(n)
        }  # fmt: skip
        for call in core.walk(node):
            if isinstance(call, gast.Call) and self.is_unseen(call, bound):
                call.func = gast.copy_location(core.call("rt.only_reads", call.func), call)
        return node

    def is_unseen(self: Any, call: gast.Call, bound: set[str]) -> bool:
        """Is it a call of an unknown function on values that may be differentiated?"""
        func = call.func
        if self.scope.value(func) is not UNKNOWN or self.known_function(func) is not None:
            return False
        if isinstance(func, gast.Attribute) and func.attr not in self.object_names:
            if func.attr in KNOWN_METHODS or func.attr in CHANGING:
                return False
        if isinstance(func, (gast.Call, gast.Lambda)):
            inner = getattr(func, "func", None)
            if inner is None or self.scope.value(inner) is not UNKNOWN:
                return False  # a transformation, or what `rt.only_reads` gave
        return bool(core.reads(call) & (self.coarse.names | bound))
