"""How a row of the table runs on tensors: the text of its lowering, written or derived.

A lowering is a quoted Python expression like every other template. It may name the parameters of
the row, ``tf`` (TensorFlow), ``np`` (redraft.numpy, whose functions dispatch and promote), ``rt``
(the helpers of generated code, dispatching too) and the modules ``tf_*`` of redraft.runtime.

The text of a NumPy ufunc gets its operands as tensors of the dtype in which NumPy would compute
(runtime/tf_arrays.py), and its result gets the dtype of NumPy's. Without a text it is the function
of the same name in ``tf.math``.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gast
import numpy as np

from redraft.runtime.numpy import ArrayMember
from redraft.runtime.tensors import TensorError
from redraft.transpile import core
from redraft.transpile.primitives.table import Row, resolve, row_of, rows_index

STRUCTURED = "tf_structure.structured('{}', *args)"  # of helpers that no generated code names
RUNTIME = Path(__file__).resolve().parents[2] / "runtime"


@dataclass(frozen=True)
class Lowering:
    """What the runtime needs to make a function of a row's lowering.

    Attributes:
        name: of the function, for errors.
        signature: its parameters, in parentheses.
        text: the expression that computes it.
        ufunc: the NumPy ufunc that decides on dtypes, if it is one.
        numbers: ``math`` or ``operator`` if Python's numbers give Python's numbers.
    """

    name: str
    signature: str
    text: str
    ufunc: np.ufunc | None
    numbers: str = ""


def lowering_of(function: Any) -> Lowering:
    """The lowering of a function of NumPy's, SciPy's or Python's, or of an array's member.

    Raises:
        TensorError: there is none; the message says why.
    """
    row = row_behind(function)
    if row is None and getattr(function, "__module__", "") == "redraft.runtime.cotangents":
        return Lowering(_name(function), "(*args)", STRUCTURED.format(function.__name__), None)
    if row is None:
        raise TensorError(f"{_name(function)} has no lowering for tensors")
    text = lowering_text(row)
    if text is None:
        why = f": {row.no_tf}" if row.no_tf else ""
        raise TensorError(f"{_name(function)} has no lowering for tensors{why}")
    called = function if isinstance(function, np.ufunc) else ufunc_of(row)
    module = getattr(function, "__module__", "") or ""
    numbers = {"math": "math", "_operator": "operator", "builtins": "operator"}.get(module, "")
    return Lowering(_name(function), row.text[row.text.index("(") :], text, called, numbers)


def row_behind(function: Any) -> Row | None:
    """The row of a function, or of an array's member."""
    if isinstance(function, ArrayMember):
        return rows_index()[function.group].get(str(function))
    return row_of(function)


def _name(function: Any) -> str:
    """How errors call a function."""
    if isinstance(function, ArrayMember):
        return f"ndarray.{function}"
    name = getattr(function, "__name__", repr(function))
    module = getattr(function, "__module__", None) or "numpy"
    short = {"numpy": "np", "_operator": "operator", "redraft": "rt", "builtins": ""}
    head = short.get(module.split(".")[0], module.partition("._")[0])
    if isinstance(getattr(function, "__self__", None), np.ufunc):
        head = f"np.{function.__self__.__name__}"
    if module.startswith("numpy.linalg"):
        head = "np.linalg"
    return f"{head}.{name}" if head else name


def lowering_text(row: Row) -> str | None:
    """The lowering of a row: its own text, or the namesake in ``tf.math`` of a ufunc; else None."""
    if row.tf is not None or row.no_tf or row.kind == "missing":
        return row.tf
    if not row.name.startswith("np.") or ufunc_of(row) is None:
        return None
    name = row.name.removeprefix("np.").replace("arc", "a")
    return f"tf.math.{name}({', '.join(row.parameters)})"


def runs_on_host(row: Row) -> bool:
    """Does the lowering call the function itself, since XLA cannot compile it?"""
    return (row.tf or "").startswith("tf_host")


def ufunc_of(row: Row) -> np.ufunc | None:
    """The ufunc that a row describes, if it is one."""
    if not row.name.startswith(("np.", "scipy.special.")):
        return None
    function = resolve(row.name)
    return function if isinstance(function, np.ufunc) else None


# What the table checks, without TensorFlow


def problems(row: Row) -> Iterator[str]:
    """What is wrong with the lowering of a row, one sentence each."""
    if row.tf is not None and row.no_tf:
        yield f"{row.name}: a lowering, and a reason why there is none"
    text = lowering_text(row)
    if text is None:
        return
    expression = core.expression(text)
    known = {"tf", "np", "rt", *row.parameters, *tf_modules()}
    unknown = sorted(n for n in core.reads(expression) if n not in known and n not in BUILTINS)
    if unknown:
        yield f"{row.name}: lowering `{text}` reads {unknown}, which the call does not bind"
    for node in core.walk(expression):
        if isinstance(node, gast.Attribute) and isinstance(node.value, gast.Name):
            module, name = node.value.id, node.attr
            if module in tf_modules() and name not in functions_in(module):
                yield f"{row.name}: lowering `{text}` calls {module}.{name}, which does not exist"


BUILTINS = frozenset(("len", "tuple", "list", "int", "float", "bool", "None", "slice"))


@functools.cache
def tf_modules() -> frozenset[str]:
    """The modules that lowerings may name."""
    return frozenset(path.stem for path in RUNTIME.glob("tf_*.py"))


@functools.cache
def functions_in(module: str) -> frozenset[str]:
    """Functions that such a module defines: read, not imported, since that imports TensorFlow."""
    body = ast.parse((RUNTIME / f"{module}.py").read_text()).body
    return frozenset(node.name for node in body if isinstance(node, ast.FunctionDef))
