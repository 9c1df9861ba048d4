"""What a call calls: a primitive, a Python function, a transformation, or something known later."""

from __future__ import annotations

import functools
import types
from dataclasses import dataclass
from typing import Any

import gast

from redraft.transpile.core import name
from redraft.transpile.front.scope import UNKNOWN
from redraft.transpile.primitives import table


@dataclass(eq=False)
class Primitive:
    """A row of the table; `method`: the first argument stands in front of the dot."""

    row: table.Row
    method: bool = False
    attribute: bool = False

    def arguments(self, call: Any) -> dict[str, Any]:
        """Argument expressions by the row's parameters."""
        if self.attribute:
            return table.bind(self.row, [call.value], {})
        if isinstance(call, gast.BinOp):
            return table.bind(self.row, [call.left, call.right], {})
        if isinstance(call, gast.UnaryOp):
            return table.bind(self.row, [call.operand], {})
        if isinstance(call, gast.Subscript):
            return table.bind(self.row, [call.value, call.slice], {})
        args = [call.func.value, *call.args] if self.method else call.args
        return table.bind(self.row, args, {k.arg: k.value for k in call.keywords})


@dataclass(eq=False)
class Function:
    """A Python function whose source is rewritten.

    Attributes:
        function: the function object, or a `Source` of a nested or generated function.
        leading: constants or objects to pass in front (`self` of a bound method).
    """

    function: Any


@dataclass(eq=False)
class Transformed:
    """``grad(f)`` and its kin, called: the function that the transformation generates."""

    kind: str
    inner: Any  # Function
    options: dict[str, Any]


class Star:
    """``rt.call_star(f, args, kwargs)``: a call with ``*`` or ``**``, settled when it runs."""


STAR = Star()


class PartialCall:
    """``functools.partial(f, a, …)``."""


PARTIAL_CALL = PartialCall()


class CapturingCall(gast.Call):
    """A call of a nested function that also reads what that function captures."""

    _fields = ("func", "args", "keywords", "captured")


OPERATORS = {
    gast.Add: "+", gast.Sub: "-", gast.Mult: "*", gast.Div: "/", gast.FloorDiv: "//",
    gast.Mod: "%", gast.Pow: "**", gast.MatMult: "@", gast.USub: "u-", gast.UAdd: "u+",
    gast.BitAnd: "&", gast.BitOr: "|", gast.BitXor: "^", gast.LShift: "<<", gast.RShift: ">>",
    gast.Invert: "~", gast.Not: "not",
}  # fmt: skip


def operator_row(op: Any) -> table.Row | None:
    """The row of a Python operator."""
    return table.rows_index()["operator"].get(OPERATORS[type(op)])


def is_python_function(value: Any) -> bool:
    """Can the value's source be rewritten?"""
    return isinstance(value, types.FunctionType)


def unwrap_known(value: Any) -> Any:
    """A jit-less view of decorated functions: `functools.lru_cache` and plain wrappers stay."""
    return value


def known(value: Any) -> bool:
    """Was the value resolved?"""
    return value is not UNKNOWN


def bound_parts(value: Any) -> tuple[Any, Any] | None:
    """``(function, self)`` of a bound method of Python code, else None."""
    if isinstance(value, types.MethodType) and isinstance(value.__func__, types.FunctionType):
        return value.__func__, value.__self__
    return None


def partial_parts(value: Any) -> functools.partial | None:
    """The value as a `functools.partial`, if it is one."""
    return value if isinstance(value, functools.partial) else None


def read_all(ids: list[str]) -> list[gast.Name]:
    """Name nodes for captured variables."""
    return [name(i) for i in ids]
