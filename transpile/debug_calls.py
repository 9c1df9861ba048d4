"""`debug_nans` where functions are called: compiled ones are run again un-jitted, batches name examples.

What XLA runs has no lines. If the result of a compiled call is NaN or infinite, the same function is run on the
same arguments as Python, with reports (transpile/debug.py), and the line that they find is the answer.
"""

from __future__ import annotations

import ast
import copy
import dis
import functools
import inspect
import linecache
import sys
import types
import weakref
from typing import Any

import numpy as np

from redraft.runtime.memory import TRACE
from redraft.runtime.nan_watch import NotFinite, Watch, kind_of
from redraft.runtime.tensors import is_tensor
from redraft.transpile import debug
from redraft.transpile.back import origins
from redraft.transpile.errors import SourceError
from redraft.transpile.front.source import find_definition

_plain: dict[type, Any] = {}  # classes whose calls are watched -> their own `__call__`


def watch_calls(on: bool) -> None:
    """Put the watching calls in place, or take them away: they cost nothing when they are not there."""
    if on and not _plain:
        from redraft.transpile.jit import Jitted
        from redraft.transpile.vmap import Vmapped

        for cls, call in ((Jitted, _call_jitted), (Vmapped, _call_batched)):
            _plain[cls], cls.__call__ = cls.__call__, call  # type: ignore[method-assign]
    elif not on:
        for cls, call in _plain.items():
            cls.__call__ = call
        _plain.clear()


def _own_call(cls_name: str) -> Any:
    return next(call for cls, call in _plain.items() if cls.__name__ == cls_name)


def _call_batched(self: Any, *args: Any, **kwargs: Any) -> Any:
    """A batch; if its result is NaN or infinite, the error names the examples."""
    try:
        return _own_call("Vmapped")(self, *args, **kwargs)
    except NotFinite as error:
        bad = error.origin.bad if error.origin is not None else None
        axes, named = self.axes_of(args, kwargs)
        size = self.checked_size(args, axes, kwargs, named)
        if bad is None or bad.shape[0] != size:
            raise
        rows = [i for i in range(size) if bad[i].any()]
        shown = ", ".join(map(str, rows[:10])) + (", …" if len(rows) > 10 else "")
        word = "example" if len(rows) == 1 else "examples"
        raise NotFinite(f"{error}\n  {word} {shown} of {size}", None) from None


def _call_jitted(self: Any, *args: Any, **kwargs: Any) -> Any:
    """A compiled call; if its result is NaN or infinite, the line that computed it is looked for."""
    result = _own_call("Jitted")(self, *args, **kwargs)
    if not TRACE.memories and kind_of(arrays(result)) is not None:
        _explain(self, args, kwargs, kind_of(arrays(result)))
    return result


def _explain(jitted: Any, args: tuple, kwargs: dict[str, Any], kind: Any) -> None:
    name = getattr(jitted.fun, "__name__", "the function")
    found = f"{kind} in the result of `{name}`, compiled"
    try:
        with np.errstate(all="ignore"):
            again = watched(jitted.fun)(*arrays(args), **arrays(kwargs))
    except NotFinite:
        raise
    except Exception as error:
        raise NotFinite(f"{found}; un-jitted it fails: {error}", None) from error
    if kind_of(again) is None:
        raise NotFinite(f"{found}; un-jitted its result is finite", None)


def arrays(x: Any) -> Any:
    """A structure with arrays for tensors."""
    if is_tensor(x):
        return x.numpy()
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*map(arrays, x))
    if type(x) in (list, tuple):
        return type(x)(map(arrays, x))
    if type(x) is dict:
        return {k: arrays(v) for k, v in x.items()}
    return x


# --- functions of the user's, with reports


def watched(function: Any, known: dict[Any, Any] | None = None) -> Any:
    """A function that reports on its lines, and on those of the functions that it calls by name.

    What has no source, or reports by itself, stays as it is.
    """
    known = {} if known is None else known
    if isinstance(function, functools.partial):
        return functools.partial(watched(function.func, known), *function.args, **function.keywords)
    if isinstance(function, types.MethodType):
        return types.MethodType(watched(function.__func__, known), function.__self__)
    if getattr(type(function), "redraft_identity", False):
        return watched(function.fun, known)
    if not isinstance(function, types.FunctionType) or _is_library(function):
        return function
    if function not in known:
        known[function] = function
        known[function] = _with_reports(function, known) or function
    return known[function]


def _is_library(function: types.FunctionType) -> bool:
    """Does it belong to a package, to redraft, or to what redraft wrote?"""
    file = function.__code__.co_filename
    module = sys.modules.get(function.__module__ or "")
    if file.startswith("<redraft") or origins.is_ours(function.__module__):
        return True
    return module is not None and hasattr(module, "__file__") and origins.is_system(module)


def _with_reports(function: types.FunctionType, known: dict[Any, Any]) -> Any:
    code = function.__code__
    if code not in _codes:
        _codes[code] = _code_with_reports(function)
    new = _codes[code]
    if new is None:
        return None
    names = dict(function.__globals__)
    names[debug.MAKE] = functools.partial(Watch, code.co_filename)
    made = types.FunctionType(
        new, names, function.__name__, function.__defaults__,
        tuple(function.__closure__[code.co_freevars.index(n)] for n in new.co_freevars),
    )  # fmt: skip
    made.__kwdefaults__ = function.__kwdefaults__
    known[function] = made
    for name in code.co_names:
        value = names.get(name)
        if callable(value) and not isinstance(value, type):
            names[name] = watched(value, known)
    return made


_codes: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
NOT_ORDINARY = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def _code_with_reports(function: types.FunctionType) -> types.CodeType | None:
    """Code with reports; None if there is no text, or if the function would be another one."""
    code = function.__code__
    lines = linecache.getlines(code.co_filename, function.__globals__)
    binds_globals = any(
        step.opname in ("STORE_GLOBAL", "DELETE_GLOBAL") for step in dis.get_instructions(code)
    )
    if not lines or binds_globals or code.co_flags & NOT_ORDINARY:
        return None
    try:
        node = copy.deepcopy(find_definition(code, "".join(lines)))
    except SourceError:
        return None
    definition = node if isinstance(node, ast.FunctionDef) else _as_definition(node)
    debug.instrument(definition, False)
    return _compiled(definition, code)


class Looked:
    """A function of the user's that generated code calls, looked into while the switch is on.

    It is made anew for each call, from the globals of that time.
    """

    def __init__(self, function: types.FunctionType) -> None:
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return watched(self.function)(*args, **kwargs)


def looked_into(value: Any) -> Looked | None:
    """The stand-in for what generated code calls by name, if it is a function of the user's."""
    if isinstance(value, types.FunctionType) and not _is_library(value):
        return Looked(value)
    return None


def _as_definition(node: ast.Lambda) -> ast.FunctionDef:
    body = ast.copy_location(ast.Return(node.body), node.body)
    made = ast.FunctionDef("lambda_", node.args, [body], [], None, None)
    made.type_params = []
    return ast.copy_location(made, node)


def _compiled(definition: ast.FunctionDef, code: types.CodeType) -> types.CodeType:
    """The code of a definition whose closure variables are free, as they were."""
    definition.args.defaults = [ast.Constant(None) for _ in definition.args.defaults]
    definition.args.kw_defaults = [d and ast.Constant(None) for d in definition.args.kw_defaults]
    definition.returns = None
    for argument in ast.walk(definition.args):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    cells = [ast.arg(name) for name in code.co_freevars]
    arguments = ast.arguments([], cells, None, [], [], None, [])
    factory = ast.FunctionDef("factory", arguments, [definition], [], None, None)
    factory.type_params = []
    tree = ast.fix_missing_locations(ast.Module([ast.copy_location(factory, definition)], []))
    outer = compile(tree, code.co_filename, "exec", dont_inherit=True).co_consts[0]
    return next(c for c in outer.co_consts if getattr(c, "co_name", "") == definition.name)
