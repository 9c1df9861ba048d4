"""Which values and factors may be infinite or NaN, although what they are computed from is finite.

Where a selection (`np.where`, a branch) did not take a value, its cotangent is zero, and the value
may be anything: 0 times infinity would be NaN. What is a polynomial in finite values is finite;
quotients, powers and most functions may not be. A wrong "may be" costs one helper in the generated
code; so nothing clever is done about the ranges of values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gast

from redraft.runtime.callbacks import is_host_call
from redraft.transpile import core
from redraft.transpile.analysis.versions import updated_name
from redraft.transpile.errors import TransformError
from redraft.transpile.front.callee import Function, Primitive, Transformed, is_python_function
from redraft.transpile.front.coarse import SHAPE_ATTRIBUTES
from redraft.transpile.front.scope import UNKNOWN, Scope
from redraft.transpile.primitives import table
from redraft.transpile.transforms.templates import argument_slots, fill, rule_text

# functions in templates that give finite values for finite arguments
TAME = frozenset({
    "np.cos", "np.sin", "np.tanh", "np.sign", "rt.sign", "rt.conj", "np.conj", "np.real", "np.imag", "np.abs",
    "np.zeros_like", "np.ones_like", "np.full_like", "np.copysign", "np.trunc", "np.where",
    "np.mean", "np.sum", "np.shape", "np.size", "np.reshape", "np.ravel", "np.expand_dims",
    "np.broadcast_to", "rt.unreduce", "rt.weights_like", "rt.median_weights", "rt.count", "len",
    "rt.products_before", "rt.products_after", "rt.sinc_derivative", "rt.unbroadcast", "np.equal",
    "rt.cast_like", "rt.finite", "rt.count_numbers", "rt.where_greater", "rt.where_between",
})  # fmt: skip


DIVISIONS = (gast.Div, gast.FloorDiv, gast.Mod)


@dataclass(frozen=True)
class Traits:
    """What a function may do: make infinities of finite numbers; select values."""

    singular: bool
    selecting: bool


ANYTHING = Traits(True, True)


def may_be_infinite(node: Any, suspects: set[str]) -> bool:
    """May an expression be infinite or NaN where all names but the `suspects` are finite?"""
    if isinstance(node, gast.Name):
        return node.id in suspects
    if isinstance(node, gast.Attribute) and node.attr in SHAPE_ATTRIBUTES:
        return False
    if isinstance(node, gast.BinOp):
        if isinstance(node.op, DIVISIONS) and not _is_count(node.right):
            return True
        if isinstance(node.op, gast.Pow):
            power = table.literal(node.right)
            whole = isinstance(power, int) and power >= 0
            return not whole or may_be_infinite(node.left, suspects)
    if isinstance(node, gast.Call):
        if _dotted(node.func) not in TAME:
            return True
        operands = [*node.args, *(k.value for k in node.keywords)]
        return any(may_be_infinite(o, suspects) for o in operands)
    return any(may_be_infinite(child, suspects) for child in core.children(node))


def _is_count(node: Any) -> bool:
    """Is a divisor certainly not zero: a literal, or a number of elements?"""
    if core.is_number(node):
        return node.value != 0
    if isinstance(node, gast.Call):
        return _dotted(node.func) in ("len", "np.size", "rt.count")
    if isinstance(node, gast.Subscript):
        return isinstance(node.value, gast.Attribute) and node.value.attr == "shape"
    return isinstance(node, gast.Attribute) and node.attr == "size"


def _dotted(node: Any) -> str:
    if isinstance(node, gast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, gast.Name) else "?"


class Suspects:
    """Finds the suspects of functions; one per unit, since functions call each other."""

    def __init__(self, source_of: Callable[[Any], Any]) -> None:
        self.source_of = source_of  # a callee -> its source; raises if there is none
        self.known: dict[Any, Traits] = {}

    def find(self, body: list[gast.stmt], given: set[str], scope: Scope) -> set[str]:
        """Variables that may be infinite or NaN, if those `given` may, and other parameters not."""
        suspects = set(given)
        flows = list(_flows(body))
        before = -1
        while len(suspects) != before:
            before = len(suspects)
            for targets, value in flows:
                if not targets <= suspects and self.is_suspect(value, suspects, scope):
                    suspects |= targets
        return suspects

    def is_suspect(self, value: Any, suspects: set[str], scope: Scope) -> bool:
        """May the value of a line be infinite or NaN?"""
        if isinstance(value, (gast.Compare, gast.Constant, gast.Lambda)):
            return False
        callee = getattr(value, "callee", None)
        if isinstance(callee, Primitive):
            if callee.row.kind == "no_derivative":
                return False
            return bool(core.reads(value) & suspects) or is_singular(callee.row, callee, value)
        if core.reads(value) & suspects:
            return True
        if isinstance(callee, (Function, Transformed)):
            return self.traits_of(callee).singular
        return self.read(value, scope).singular

    def traits_of(self, callee: Any) -> Traits:
        """What is known of a function that is called."""
        try:
            source = self.source_of(callee)
        except TransformError:
            return ANYTHING
        if source not in self.known:
            self.known[source] = Traits(False, False)  # what a recursive call adds is found here
            local = set(source.parameters) | core.writes(source.node.body)
            self.known[source] = self.read(source.node, Scope(source, local, []))
        return self.known[source]

    def read(self, node: Any, scope: Scope) -> Traits:
        """What the expressions below a node, as the user wrote them, may do."""
        found = [self.read_one(inner, scope) for inner in core.walk(node)]
        return Traits(any(t.singular for t in found), any(t.selecting for t in found))

    def read_one(self, node: Any, scope: Scope) -> Traits:
        if isinstance(node, (gast.If, gast.IfExp, gast.BoolOp)):
            return Traits(False, True)
        if isinstance(node, gast.Call):
            return self.read_call(node, scope)
        if isinstance(node, gast.BinOp) and isinstance(node.op, (*DIVISIONS, gast.Pow)):
            bare = gast.BinOp(core.constant(0), node.op, node.right)
            return Traits(may_be_infinite(bare, set()), False)
        return Traits(False, False)

    def read_call(self, node: gast.Call, scope: Scope) -> Traits:
        if core.is_name(node.func) and node.func.id in scope.source.local_functions:
            return self.traits_of(Function(scope.source.local_functions[node.func.id]))
        value = scope.value(node.func)
        if is_host_call(value):
            return ANYTHING
        row = table.row_of(value) if value is not UNKNOWN else None
        if row is None and isinstance(node.func, gast.Attribute) and value is UNKNOWN:
            row = table.rows_index()["method"].get(node.func.attr)
        if row is not None:
            return Traits(row.kind != "no_derivative" and is_singular(row), row.selects)
        if is_python_function(value):
            return self.traits_of(Function(value))
        return ANYTHING


def _flows(body: list[gast.stmt]) -> Iterator[tuple[set[str], Any]]:
    """Which variables a statement gives a value to, and the value."""
    for statement in core.walk_statements(body):
        updated = updated_name(statement)
        targets = {updated} if updated is not None else set()
        if isinstance(statement, (gast.Assign, gast.AugAssign)):
            yield core.writes(statement) | targets, statement.value
        elif isinstance(statement, gast.For):
            yield core.writes(statement.target), statement.iter
        elif isinstance(statement, gast.Expr) and isinstance(statement.value, gast.Call):
            for argument in statement.value.args:
                yield targets, argument


def is_singular(row: table.Row, callee: Primitive | None = None, node: Any = None) -> bool:
    """May an elementwise function, or its derivative, be infinite where its arguments are finite?"""
    if row.overflows:
        return True
    if row.kind != "elementwise":
        return False
    arguments = {n: core.name(n) for n in row.parameters}
    if callee is not None:
        arguments = callee.arguments(node)
    call = table.Call(row, arguments)
    slots = argument_slots(row, arguments)
    for rule in row.d.values():
        text = rule_text(rule, call)
        if text is not None and may_be_infinite(fill(text, slots), set()):
            return True
    return False
