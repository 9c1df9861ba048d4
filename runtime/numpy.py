"""NumPy's names for both worlds: NumPy on NumPy's values, TensorFlow on tensors.

Every name is made at its first use, from NumPy's own object: a class, a constant or a dtype is that
object; a function becomes a dispatching one, which calls NumPy unless an argument is a tensor or a
container that holds one. Then the lowering that stands in the function's row of the table of
primitives takes over (transpile/primitives); it is looked up and compiled once, at the first tensor.

Beside NumPy's there are the functions that programs call without naming them: ``operator.add``,
``methods.reshape`` (of arrays), ``attributes.T``, ``types.float32`` (a type that is called),
``math.sin``, ``builtins.sum``, ``scipy.special.expit`` and the helpers of generated code, ``rt.unbroadcast``.
"""

from __future__ import annotations

import functools
import types as python_types
from collections.abc import Callable
from typing import Any

import numpy as np

from redraft.runtime.closures import closure_consts
from redraft.runtime.tensors import (
    PLAIN_CLASSES,
    holds_tensor,
    is_tensor,
    one_is_tensor,
    require_tensorflow,
)


def dispatching(function: Callable) -> Callable:
    """The version of a callable that runs its lowering where an argument is a tensor."""
    lowered: Callable | None = None
    if takes_function(function):
        return _named_like(dispatching_on_functions(function), function)

    def dispatched(*args: Any, **kwargs: Any) -> Any:
        if not kwargs:
            for a in args:
                if a.__class__ not in PLAIN_CLASSES and holds_tensor(a):
                    break
            else:
                return function(*args)
        elif not (holds_tensor(args) or holds_tensor(kwargs)):
            return function(*args, **kwargs)
        nonlocal lowered
        if lowered is None:
            lowered = lowering(function)
        return lowered(*args, **kwargs)

    return _named_like(dispatched, function)


def takes_function(function: Any) -> bool:
    """Is it a function of SciPy's, with a definition, that gets one of the user's?"""
    return (getattr(function, "__module__", None) or "").startswith(
        ("scipy.optimize", "scipy.integrate")
    )


def dispatching_on_functions(function: Callable) -> Callable:
    """As `dispatching`, for functions of functions: what these capture may be tensors."""

    def carries_tensor(x: Any) -> bool:
        return callable(x) and any(map(is_tensor, closure_consts(x)))

    def dispatched(*args: Any, **kwargs: Any) -> Any:
        every = (*args, *kwargs.values())
        if not (holds_tensor(args) or holds_tensor(kwargs) or any(map(carries_tensor, every))):
            return function(*args, **kwargs)
        return lowering(function)(*args, **kwargs)

    return dispatched


def dispatching_on_tensors(function: Callable) -> Callable:
    """As `dispatching`, for Python's own functions: a list of tensors is a list."""
    lowered: Callable | None = None

    def dispatched(*args: Any, **kwargs: Any) -> Any:
        if not one_is_tensor(args):  # (`any` may be NumPy's here: see `__getattr__`)
            return function(*args, **kwargs)
        nonlocal lowered
        if lowered is None:
            lowered = lowering(function)
        return lowered(*args, **kwargs)

    return _named_like(dispatched, function)


def dispatching_on_index(function: Callable) -> Callable:
    """As `dispatching`, for functions of an array and an index: a list or a dict is Python's."""
    lowered: Callable | None = None

    def dispatched(x: Any, index: Any, *rest: Any) -> Any:
        is_array = is_tensor(x) or isinstance(x, (np.ndarray, np.generic))
        if not is_array or not (is_tensor(x) or holds_tensor(index) or holds_tensor(rest)):
            return function(x, index, *rest)
        nonlocal lowered
        if lowered is None:
            lowered = lowering(function)
        return lowered(x, index, *rest)

    return _named_like(dispatched, function)


def _named_like(dispatched: Callable, function: Callable) -> Callable:
    """Give a dispatching function the name and the help of the original."""
    for attribute in ("__name__", "__qualname__", "__doc__"):
        value = getattr(function, attribute, None)
        if isinstance(value, str):
            setattr(dispatched, attribute, value)
    dispatched.original = function
    if isinstance(function, np.ufunc):  # np.add.at, np.multiply.outer, …
        for method in ("accumulate", "at", "outer", "reduce", "reduceat"):
            setattr(dispatched, method, dispatching(getattr(function, method)))
    return dispatched


@functools.cache
def lowering(function: Callable) -> Callable:
    """What runs in place of a function of NumPy's, SciPy's or Python's on tensors."""
    from redraft.transpile.primitives.lowering import lowering_of
    from redraft.transpile.primitives.table import defined, is_rewritten

    if is_rewritten(defined(function)):
        from redraft.transpile.staged import staged

        require_tensorflow()
        return staged(defined(function))
    found = lowering_of(function)
    require_tensorflow()
    from redraft.runtime.tf_load import load_lowering

    return with_definition(load_lowering(found), function)


def with_definition(lowered: Callable, function: Callable) -> Callable:
    """A lowering; a call that it does not cover runs the definition beside it, if there is one."""
    from redraft.transpile.primitives import table
    from redraft.transpile.primitives.lowering import row_behind
    from redraft.transpile.staged import staged

    row = row_behind(function)
    if row is not None and row.spellings:
        names, plain = row.spellings, lowered
        lowered = lambda *args, **kwargs: plain(  # noqa: E731
            *args, **{names.get(k, k): v for k, v in kwargs.items()}
        )
    if row is None or table.rows_index()["definition"].get(table.resolve(row.name)) is None:
        return lowered

    def called(*args: Any, **kwargs: Any) -> Any:
        defined = table.beyond(row, args, kwargs, lambda value: value)
        return (lowered if defined is None else staged(defined))(*args, **kwargs)

    return _named_like(called, lowered)


# The names


class Namespace:
    """Names that are made at their first use, by `make`."""

    def __init__(self, make: Callable[[str], Any], described: Any) -> None:
        self._make, self._described = make, described

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = self._make(name)
        setattr(self, name, value)
        return value

    def __dir__(self) -> list[str]:
        return dir(self._described)

    def __repr__(self) -> str:
        return f"<dispatching {self._described!r}>"


def namespace_of(module: Any) -> Namespace:
    """A module's functions, dispatching; its classes and constants as they are."""
    return Namespace(lambda name: wrapped(getattr(module, name)), module)


def wrapped(value: Any) -> Any:
    """A function made dispatching; a module or an object with such; anything else as it is."""
    if isinstance(value, python_types.ModuleType) or is_distribution(value):
        return namespace_of(value)
    if isinstance(value, type) or not callable(value):
        return value
    return dispatching(value)


def is_distribution(value: Any) -> bool:
    """Is it one of SciPy's distributions, ``scipy.stats.norm``, whose methods are functions?"""
    return type(value).__module__.startswith("scipy.stats.") and hasattr(value, "rvs")


class ArrayMember(str):
    """The name of an array method or attribute, where a function is expected."""

    __slots__ = ()
    group = ""


class ArrayMethod(ArrayMember):
    """As in ``x.reshape(2, 3)``."""

    __slots__ = ()
    group = "method"


class ArrayAttribute(ArrayMember):
    """As in ``x.T``."""

    __slots__ = ()
    group = "attribute"


def array_method(name: str) -> Callable:
    """``methods.reshape(x, 2, 3)`` is ``x.reshape(2, 3)``."""

    def dispatched(x: Any, *args: Any, **kwargs: Any) -> Any:
        if is_tensor(x) or (isinstance(x, np.ndarray) and holds_tensor((args, kwargs))):
            return lowering(ArrayMethod(name))(x, *args, **kwargs)
        return getattr(x, name)(*args, **kwargs)

    dispatched.__name__ = dispatched.__qualname__ = name
    return dispatched


def array_attribute(name: str) -> Callable:
    """``attributes.T(x)`` is ``x.T``."""

    def dispatched(x: Any) -> Any:
        return lowering(ArrayAttribute(name))(x) if is_tensor(x) else getattr(x, name)

    dispatched.__name__ = dispatched.__qualname__ = name
    return dispatched


LOOKING_INSIDE = ("sum", "max", "min", "abs", "pow")  # builtins that compute with what is in a list
ON_INDEX = ("getitem", "add_at", "set_at")


def python_function(module: Any) -> Callable[[str], Callable]:
    """Python's operators and builtins: a list of tensors is a list, and its ``len`` Python's."""

    def make(name: str) -> Callable:
        function = getattr(module, name)
        if name in ON_INDEX:
            return dispatching_on_index(function)
        return (dispatching if name in LOOKING_INSIDE else dispatching_on_tensors)(function)

    return make


def helper(name: str) -> Any:
    """A helper of generated code."""
    import redraft.runtime as rt

    value = getattr(rt, name)
    if name in ON_INDEX:
        return dispatching_on_index(value)
    if getattr(value, "__module__", "") == "redraft.runtime.apply":  # computes nothing itself
        return value
    return wrapped(value)


def _special_namespaces() -> dict[str, Namespace]:
    import builtins
    import importlib
    import math
    import operator

    def part_of_scipy(name: str) -> Namespace:
        return namespace_of(importlib.import_module(f"scipy.{name}"))

    return {
        "attributes": Namespace(array_attribute, np.ndarray),
        "builtins": Namespace(python_function(builtins), builtins),
        "math": namespace_of(math),
        "methods": Namespace(array_method, np.ndarray),
        "operator": Namespace(python_function(operator), operator),
        "rt": Namespace(helper, "redraft.runtime"),
        "scipy": Namespace(part_of_scipy, "scipy"),
        "types": Namespace(lambda name: dispatching(getattr(np, name)), np),
    }


globals().update(_special_namespaces())


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    globals()[name] = value = wrapped(getattr(np, name))
    return value


def __dir__() -> list[str]:
    return sorted({*dir(np), *_special_namespaces()})
