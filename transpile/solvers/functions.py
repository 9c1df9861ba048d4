"""The functions that solvers get, as closed functions of arrays: ``system(x, data)``.

What a user's function captures and what stands in ``args=`` become one vector `data`, so that it can be
differentiated and batched like any array::

    def system(x, data):
        return rhs_lifted(data[0], x, data[1:4])
"""

from __future__ import annotations

import functools
import threading
from typing import Any

import numpy as np

from redraft.runtime.closures import closure_consts
from redraft.runtime.host_functions import Applied, Plain
from redraft.runtime.specs import ShapeDtypeStruct
from redraft.runtime.tensors import TensorError, is_tensor
from redraft.transpile.api import Transformed, grad, jvp
from redraft.transpile.back.load import file_name, load
from redraft.transpile.closure_convert import Writing, inner_function

KEPT = 512
_lock = threading.RLock()
_systems: dict[Any, Any] = {}


def system(fun: Any, args: tuple, leading: tuple[str, ...], part: str = "") -> Any:
    """``fun(*leading, *args)`` as ``system(*leading, data)``.

    Args:
        fun: any callable.
        args: further arguments of each call; of arrays among them only shapes matter.
        leading: names of the arguments that vary.
        part: written behind the call, such as ``[0]``.

    Raises:
        TypeError: a transformed function other than a gradient that captures arrays.
    """
    fun = _original(fun)
    if not isinstance(args, tuple):
        args = () if args is None else (args,)
    inner = inner_function(fun)
    leaves = [*closure_consts(args), *closure_consts(inner)]
    writing = SystemWriting(len(leaves))
    given = [*leading, *(writing.value(a) for a in args)]
    if isinstance(fun, Transformed) and closure_consts(inner):
        lines, call = _call_of_gradient(writing, fun, given)
    else:
        lines, call = [], writing.call(fun, given)
    reads = [f"{c} = {read}" for c, read in zip(writing.consts, _reads(leaves), strict=True)]
    name = f"{getattr(fun, '__name__', 'function')}_system"
    name = name if name.isidentifier() else "system"
    body = "\n    ".join([*reads, *lines, f"return {call}{part}"])
    text = f"def {name}({', '.join([*leading, 'data'])}):\n    {body}\n"
    return _loaded(name, text, writing.names, getattr(fun, "__name__", "a function"))


class SystemWriting(Writing):
    """Refuses what would stay a constant, though it is known only when a compiled function runs."""

    def constant(self, value: Any, prefix: str = "held") -> str:
        if is_tensor(value):
            raise TensorError(
                "whole numbers that are traced are given to a function that SciPy calls; make them "
                "static, or floating-point numbers"
            )
        return super().constant(value, prefix)


def _original(fun: Any) -> Any:
    """The user's function of one that is staged for `jit`."""
    from redraft.transpile.staged import Staged, Stand

    while isinstance(fun, (Staged, Stand)):
        fun = fun.original
    return fun


def _call_of_gradient(writing: Writing, fun: Transformed, given: list[str]) -> tuple[list, str]:
    """A gradient of a closure: that of a function that is written where its data are known."""
    if fun.redraft_kind not in ("grad", "value_and_grad") or isinstance(fun.fun, Transformed):
        raise TypeError(
            f"`{getattr(fun, '__name__', fun)}` is a transformed function that captures arrays; pass them in "
            "`args`, or write a function that calls it"
        )
    from redraft.transpile.api import value_and_grad

    names = [f"x{i}" for i in range(len(given))]
    make = {"grad": grad, "value_and_grad": value_and_grad}[fun.redraft_kind]
    maker = writing.constant(make, fun.redraft_kind)
    lines = [f"def inner({', '.join(names)}):", f"    return {writing.call(fun.fun, names)}"]
    options = f"{fun.options['argnums']!r}, has_aux={fun.options.get('has_aux', False)!r}"
    return lines, f"{maker}(inner, {options})({', '.join(given)})"


def _reads(leaves: list[Any]) -> list[str]:
    """Where in the vector each array stands."""
    found, start = [], 0
    for leaf in leaves:
        shape = tuple(leaf.shape) if is_tensor(leaf) else np.shape(leaf)
        size = int(np.prod(shape))
        if shape == ():
            found.append(f"data[{start}]")
        elif len(shape) == 1:
            found.append(f"data[{start}:{start + size}]")
        else:
            found.append(f"data[{start}:{start + size}].reshape({shape!r})")
        start += size
    return found


def _loaded(name: str, text: str, names: dict[str, Any], of: str) -> Any:
    key = (text, tuple((k, id(v)) for k, v in names.items()))
    with _lock:
        if key not in _systems:
            if len(_systems) >= KEPT:
                _systems.clear()
            from redraft import runtime

            namespace = {**names, "np": np, "rt": runtime, "__name__": "redraft.generated"}
            load(text, file_name(name, of), namespace)
            namespace[name].__redraft_source__ = text
            _systems[key] = namespace[name]
        return _systems[key]


def objective(fun: Any, args: tuple, part: str = "") -> Applied:
    """``fun(x, *args)`` as a function of `x` and data; its shape is found by calling it."""
    return _objective(system(fun, args, ("x",), part))


@functools.lru_cache(KEPT)
def _objective(called: Any) -> Applied:
    def describe(*specs: Any) -> ShapeDtypeStruct:
        return shape_of_result(called, *specs)

    return Plain(called.__name__, called, 2, describe)


def shape_of_result(function: Any, *specs: Any) -> ShapeDtypeStruct:
    """The shape that a function's result has: of example arguments, all ones."""
    with np.errstate(all="ignore"):
        value = function(*(np.ones(s.shape) for s in specs))
    return ShapeDtypeStruct(np.shape(value), np.float64)


# --- derivatives of functions that have source


def pulled(function: Any, count: int, wrt: int) -> Any:
    """``(*args, ans, ans_bar)`` -> the cotangent of an argument."""
    names = [f"x{i}" for i in range(count)]
    given = ", ".join(names)
    of_product = f"def product({given}, ans_bar):\n    return np.sum(function({given}) * ans_bar)\n"
    product = _loaded("product", of_product, {"function": function}, function.__name__)
    text = f"def pulled({given}, ans, ans_bar):\n    return slope({given}, ans_bar)\n"
    return _loaded("pulled", text, {"slope": gradient(product, wrt)}, function.__name__)


@functools.lru_cache(KEPT)
def gradient(product: Any, wrt: int) -> Any:
    """One gradient per function."""
    return grad(product, wrt)


def pushed(function: Any, count: int, wrt: int) -> Any:
    """``(*args, ans, dot)`` -> the tangent of the result by that of an argument."""
    names = [f"x{i}" for i in range(count)]
    dots = ["dot" if i == wrt else f"np.zeros_like({n})" for i, n in enumerate(names)]
    given = ", ".join(names)
    text = (
        f"def pushed({given}, ans, dot):\n"
        f"    return jvp(function, ({given},), ({', '.join(dots)},))[1]\n"
    )
    return _loaded("pushed", text, {"function": function, "jvp": jvp}, function.__name__)
