"""Calls in an unusual form as calls, or assignments, that the passes know.

Before::                                          After::

    np.einsum(a, [0, 1], b, [1, 2])                   np.einsum("AB,BC", a, b)
    np.put_along_axis(x, i, v, 1)                     x[...] = with_put_along_axis(x, i, v, 1)
    np.fill_diagonal(x, v)                            x[...] = with_diagonal(x, v)
    np.copyto(x, v)                                   x[...] = v
    y = np.vectorize(f)(x)                            def f_vectorized(x_0):
                                                          shape = np.shape(x_0)
                                                          flat_0 = np.ravel(np.broadcast_to(x_0, shape))
                                                          return vectorized(
                                                              [f(flat_0[i]) for i in range(…)], shape, None)
                                                      y = f_vectorized(x)

The helpers stand in `redraft.runtime.definitions`, and are rewritten like a user's functions. What
has another form than these stays as it is.
"""

from __future__ import annotations

import string
from typing import Any

import gast
import numpy as np

from redraft.runtime.definitions import applying, places
from redraft.transpile import core
from redraft.transpile.primitives import table

WHOLE = core.constant(Ellipsis)
LABELS = string.ascii_uppercase + string.ascii_lowercase  # in the order of NumPy's numbers


def rewrite_call_forms(source: Any) -> None:
    """Rewrite the source's tree in place; see the module's docstring."""
    if not source.written_here:
        _Rewriter(source).rewrite()


class _Rewriter:
    def __init__(self, source: Any) -> None:
        from redraft.transpile.front.scope import (  # it imports what imports this module
            UNKNOWN,
            Scope,
        )

        self.source, self.unknown = source, UNKNOWN
        self.local: dict[str, Any] = {}  # what is the function of a ``np.vectorize`` of this source
        bound = {n.id for n in core.walk(source.node) if _is_bound(n)} | set(source.parameters)
        self.scope = Scope(source, bound | core.bound_by_name(source.node), [])
        self.used = {n.id for n in core.walk(source.node) if isinstance(n, gast.Name)}

    def rewrite(self) -> None:
        nodes = list(core.walk(self.source.node))
        own = (gast.Lambda, *core.COMPREHENSIONS)
        self.inside = {id(i) for n in nodes if isinstance(n, own) for i in core.walk(n)}
        functions = [n for n in nodes if isinstance(n, (gast.FunctionDef, gast.Lambda))]
        self.nested = {id(i) for n in functions if n is not self.source.node for i in core.walk(n)}
        self.local_vectorized(nodes)
        for node in nodes:
            if isinstance(node, gast.Call):
                self.call(node)
            for field in ("body", "orelse", "finalbody"):
                block = getattr(node, field, None)
                if isinstance(block, list):
                    block[:] = self.open_vectorized([self.statement(s) for s in block])

    def helper(self, function: Any) -> gast.Name:
        """A name for a definition."""
        for name, value in self.source.extras.items():
            if value is function:
                return core.name(name)
        name = self.fresh(function.__name__)
        self.source.extras[name] = function
        return core.name(name)

    # --- calls

    def call(self, node: gast.Call) -> None:
        if any(isinstance(a, gast.Starred) for a in node.args):
            return
        if self.scope.value(node.func) is np.einsum:
            self.einsum(node)

    def einsum(self, node: gast.Call) -> None:
        """Lists of labels as a string."""
        count = len(node.args) // 2
        labels = [_labels(list_) for list_ in node.args[1 : 2 * count : 2]]
        if not labels or None in labels:
            return
        text = ",".join(labels)
        if len(node.args) % 2:
            result = _labels(node.args[-1])
            if result is None:
                return
            text += f"->{result}"
        node.args = [core.constant(text), *node.args[: 2 * count : 2]]

    # --- np.vectorize

    def open_vectorized(self, block: list[Any]) -> list[Any]:
        """A block, with a nested function in front of each statement that calls a vectorized one."""
        out: list[Any] = []
        for statement in block:
            if not isinstance(statement, (gast.FunctionDef, gast.ClassDef)):
                for node in _outside_blocks(statement):
                    made = self.vectorize_of(node) if isinstance(node, gast.Call) else None
                    if made is not None:
                        out += self.element_by_element(node, *made)
            out.append(statement)
        return out

    def vectorize_of(self, call: gast.Call) -> tuple[Any, Any] | None:
        """The function that a call applies to each element, and the type that is asked for."""
        if call.keywords or not call.args or any(isinstance(a, gast.Starred) for a in call.args):
            return None
        if isinstance(call.func, gast.Call):
            made = self.vectorize_parts(call.func)
            inner = made is not None and id(call) in self.inside
            known = made is not None and self.scope.value(made[0]) is not self.unknown
            return made if known or not inner else None
        if core.is_name(call.func) and call.func.id in self.local:
            return core.copy(call.func), self.local[call.func.id]
        known = self.scope.value(call.func)
        if not isinstance(known, np.vectorize) or known.excluded or known.signature is not None:
            return None
        kind = core.constant(known.otypes and np.dtype(known.otypes[0]).name)
        return gast.Attribute(core.copy(call.func), "pyfunc", gast.Load()), kind

    def vectorize_parts(self, made: Any) -> tuple[Any, Any] | None:
        """The function and the type of ``np.vectorize(f, otypes=…)`` without other options."""
        if not isinstance(made, gast.Call) or self.scope.value(made.func) is not np.vectorize:
            return None
        options = {k.arg: k.value for k in made.keywords if k.arg not in ("doc", "cache")}
        types = options.pop("otypes", core.constant(None))
        if isinstance(types, (gast.List, gast.Tuple)) and len(types.elts) == 1:
            kind = types.elts[0]
        elif table.literal(types) is None or (
            isinstance(table.literal(types), str) and len(table.literal(types)) == 1
        ):
            kind = types
        else:
            return None
        if len(made.args) != 1 or options or isinstance(made.args[0], gast.Starred):
            return None
        return made.args[0], kind

    def element_by_element(self, call: gast.Call, function: Any, kind: Any) -> list[Any]:
        """The nested function that a call is to call, which it does from now on."""
        named = []
        if isinstance(function, gast.Lambda):
            name = self.fresh("f")
            named = [gast.Assign([core.store(name)], function, None)]
            gast.copy_location(named[0], call)
            function = core.name(name)
        name = self.fresh(f"{getattr(function, 'id', getattr(function, 'attr', 'f'))}_vectorized")
        places_ = range(len(call.args))
        shapes = ", ".join(f"np.shape(x_{k})" for k in places_)
        flat = [f"    flat_{k} = np.ravel(np.broadcast_to(x_{k}, shape))\n" for k in places_]
        items = ", ".join(f"flat_{k}[i]" for k in places_)
        text = (
            f"def {name}({', '.join(f'x_{k}' for k in places_)}):\n"
            f"    shape = np.broadcast_shapes({shapes})\n{''.join(flat)}"
            f"    return {self.helper(applying.vectorized).id}("
            f"[FUNCTION({items}) for i in range(np.size(flat_0))], shape, KIND)\n"
        )
        self.source.extras.setdefault("np", np)
        definition = gast.parse(text).body[0]
        for node in core.walk(definition):
            if isinstance(node, gast.Call):
                node.args = [core.copy(kind) if _reads(a, "KIND") else a for a in node.args]
                node.func = function if _reads(node.func, "FUNCTION") else node.func
            if hasattr(node, "lineno"):
                gast.copy_location(node, call)
        call.func = core.name(name)
        return [*named, definition]

    def local_vectorized(self, nodes: list[Any]) -> None:
        """``g = np.vectorize(f)`` becomes ``g = f`` where `g` is only called."""
        for node in nodes:
            if not isinstance(node, gast.Assign) or not core.is_name(node.targets[0]):
                continue
            made, name = self.vectorize_parts(node.value), node.targets[0].id
            if made is None or len(node.targets) > 1:
                continue
            calls = [n for n in nodes if isinstance(n, gast.Call) and _reads(n.func, name)]
            others = [n for n in nodes if _reads(n, name)]
            plain = not any(c.keywords for c in calls) and id(node) not in self.inside
            if len(others) == len(calls) + 1 and plain and not self.in_nested(calls):
                node.value = made[0]
                self.local[name] = made[1]

    def in_nested(self, calls: list[Any]) -> bool:
        return any(id(c) in self.nested for c in calls)

    def fresh(self, wanted: str) -> str:
        """A name that the source does not use."""
        while wanted in self.used or wanted in self.source.globals or wanted in self.source.cells:
            wanted += "_"
        self.used.add(wanted)
        return wanted

    # --- statements that write into an array

    def statement(self, node: Any) -> Any:
        call = node.value if isinstance(node, gast.Expr) else None
        if not isinstance(call, gast.Call) or any(isinstance(a, gast.Starred) for a in call.args):
            return node
        write = self.writers().get(_key(self.scope.value(call.func)))
        if write is None:
            return node
        parameters, make = write
        given = dict(zip(parameters, call.args, strict=False))
        given |= {k.arg: k.value for k in call.keywords}
        array = given.get(parameters[0])
        fits = len(given) == len(call.args) + len(call.keywords) and set(given) <= set(parameters)
        enough = len(given) >= len(parameters) - (make == self.put_along_axis)
        made = make(**given) if fits and enough and core.is_name(array) else None
        if made is None:
            return node
        index, value = made
        target = gast.Subscript(core.name(array.id), core.copy(index), gast.Store())
        for new in (target, assignment := gast.Assign([target], value, None)):
            gast.copy_location(new, node)
        return assignment

    def writers(self) -> dict[int, Any]:
        """Function -> its parameters, and what makes the index and the value from the arguments."""
        return {
            _key(np.put_along_axis): (("arr", "indices", "values", "axis"), self.put_along_axis),
            _key(np.fill_diagonal): (("a", "val"), self.fill_diagonal),
            _key(np.put): (("a", "ind", "v"), self.put),
            _key(np.putmask): (("a", "mask", "values"), self.putmask),
            _key(np.copyto): (("dst", "src"), self.copyto),
        }

    def put_along_axis(self, arr: Any, indices: Any, values: Any, axis: Any = None) -> Any:
        axis = core.constant(-1) if axis is None else axis
        if table.literal(axis) is None:
            return WHOLE, self.held(places.with_put_flat, arr, indices, values)
        return WHOLE, self.held(places.with_put_along_axis, arr, indices, values, axis)

    def fill_diagonal(self, a: Any, val: Any) -> Any:
        return WHOLE, self.held(places.with_diagonal, a, val)

    def put(self, a: Any, ind: Any, v: Any) -> Any:
        return WHOLE, self.held(places.with_put, a, ind, v)

    def putmask(self, a: Any, mask: Any, values: Any) -> Any:
        return WHOLE, self.held(places.with_putmask, a, mask, values)

    def copyto(self, dst: Any, src: Any) -> Any:
        return WHOLE, src

    def held(self, function: Any, array: Any, *args: Any) -> gast.Call:
        """The call that tells what an array holds afterwards."""
        return gast.Call(self.helper(function), [core.name(array.id), *args], [])


def _key(function: Any) -> int:
    return id(function)


def _is_bound(node: Any) -> bool:
    return isinstance(node, gast.Name) and not isinstance(node.ctx, gast.Load)


def _reads(node: Any, name: str) -> bool:
    return core.is_name(node) and node.id == name


def _labels(node: Any) -> str | None:
    """``[0, 1, ...]`` as letters; None where it is no list of labels."""
    if not isinstance(node, (gast.List, gast.Tuple)):
        return None
    values = [Ellipsis if _is_ellipsis(e) else table.literal(e) for e in node.elts]
    if not all(v is Ellipsis or (type(v) is int and 0 <= v < len(LABELS)) for v in values):
        return None
    return "".join("..." if v is Ellipsis else LABELS[v] for v in values)


def _outside_blocks(statement: Any) -> list[Any]:
    """The nodes of a statement's own expressions, inner ones first: blocks have their own turn."""
    found: list[Any] = []
    for field in statement._fields:
        if field not in ("body", "orelse", "finalbody", "handlers"):
            value = getattr(statement, field)
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, gast.AST):
                    found += reversed(list(core.walk(part)))
    return found


def _is_ellipsis(node: Any) -> bool:
    return (isinstance(node, gast.Constant) and node.value is Ellipsis) or _reads(node, "Ellipsis")
