"""Golden files of `jit`: the staged source as a module that can be imported and run.

What staged text calls by short names (`op`, `at`, `rt`) is imported under these names. The functions run on
NumPy's arrays as they are, and compiled by XLA where TensorFlow is installed.
"""

from __future__ import annotations

import ast
import builtins
import copy
import re
import types
from typing import Any

import numpy as np

import redraft
from redraft.tools.target import TargetError

IMPORTS = {"np": "staged_numpy as np", "rt": "helper as rt", "op": "op", "at": "at", "rows": "rows",
           "array": "array", "py": "py", "staged": "staged"}  # fmt: skip

COMPUTING = frozenset({"len", "abs", "sum", "max", "min", "round", "any", "all", "pow", "divmod", "zip",
                       "enumerate", "map", "filter", "sorted", "reversed"})  # fmt: skip


def module_text(case: Any) -> str:
    """The staged source of a case's function and of those that it calls."""
    from redraft.transpile.jit import source_text

    return written(case, "jit", source_text(case.function))


def written(case: Any, transform: str, source: str) -> str:
    """The module of a case with a staged source."""
    body = source.rstrip()
    names = _free_names(body)
    meant = sorted(names & COMPUTING)
    names -= {n for n in names if getattr(case.original, n, None) is redraft}
    unknown = sorted(names - set(IMPORTS) - set(dir(builtins)))
    if unknown:
        raise TargetError(f"the staged source reads {', '.join(unknown)} of original.py")
    wanted = ", ".join(
        sorted([IMPORTS[n] for n in names & set(IMPORTS)] + ["builtin"] * bool(meant))
    )
    header = (
        f"# redraft: {transform} of `{case.name}` (original.py), staged. "
        f"Regenerate: redraft golden update {case.name}"
    )
    separated = body.replace("\n\ndef ", "\n\n\ndef ").replace("\n\n\n\n", "\n\n\n")
    lines = [header, "", f"from redraft.transpile.staged import {wanted}"]
    if re.search(r"\brd\.", body):
        lines[2:2] = ["import redraft as rd"]
    lines += ["", *(f'{n} = builtin("{n}")' for n in meant)] if meant else []
    return "\n".join([*lines, "", "", separated, ""])


def _free_names(text: str) -> set[str]:
    """Names that a module reads and does not define."""
    tree = ast.parse(text)
    names = [n for n in ast.walk(tree) if isinstance(n, ast.Name)]
    bound = {n.id for n in names if not isinstance(n.ctx, ast.Load)}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
    return {n.id for n in names} - bound


def judge(case: Any, module: types.ModuleType) -> str:
    """Compare the module with the original, on arrays and compiled; what is wrong, or nothing."""
    function = getattr(module, case.name)
    want = case.function(*case.arguments)
    problem = different(function(*case.arguments), want, "value")
    return problem or _judge_compiled(case, function, want)


def _judge_compiled(case: Any, function: Any, want: Any) -> str:
    from redraft.runtime.tensors import MissingTensorFlow, require_tensorflow
    from redraft.transpile.jit import Jitted
    from redraft.transpile.jit import jit as jitting
    from redraft.transpile.staged import Ready

    try:
        require_tensorflow()
    except MissingTensorFlow:
        return ""
    static = getattr(case.original, "STATIC", ())
    jitted: Jitted = jitting(Ready(function), static_argnums=static)
    got = jitted(*copy.deepcopy(case.arguments))
    return different(got, want, "compiled value")


def different(got: Any, want: Any, what: str) -> str:
    """How two results differ."""
    from redraft.runtime import leaves

    a, b = leaves(got), leaves(want)
    if len(a) != len(b):
        return f"the {what} has {len(a)} parts, not {len(b)}"
    for x, y in zip(a, b, strict=True):
        x, y = np.asarray(x), np.asarray(y)
        if x.dtype != y.dtype or x.shape != y.shape:
            return f"the {what} is {x.dtype}{list(x.shape)}, not {y.dtype}{list(y.shape)}"
        if not np.allclose(x, y, rtol=1e-9, atol=1e-12, equal_nan=True):
            return f"the {what} differs from the original's: {x} is not {y}"
    return ""
