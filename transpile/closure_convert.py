"""`closure_convert`: the arrays in a function's closure as arguments of it.

What a function value carries is found as the derivatives find it (runtime/closures.py). The converted
function is Python with source: it calls the same code, with what was captured as leading parameters::

    def objective(z):                       def objective_converted(z, c0):
        return np.sum((z - target) ** 2)        return objective_lifted(c0, z)
"""

from __future__ import annotations

import functools
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

from redraft import runtime
from redraft.runtime.closures import closure_consts, is_differentiable
from redraft.runtime.cotangents import captured_by
from redraft.runtime.tree_util import tree_structure
from redraft.transpile import core
from redraft.transpile.api import Transformed
from redraft.transpile.back.emit import print_function
from redraft.transpile.back.load import file_name, load
from redraft.transpile.front.expressions import has_literal_defaults
from redraft.transpile.front.source import read_source
from redraft.transpile.primitives import table

KEPT = 256
_lock = threading.RLock()
_lifted: dict[Any, Any] = {}
_converted: dict[Any, Any] = {}


def closure_convert(fun: Callable, *example_args: Any) -> tuple[Callable, list[Any]]:
    """Take the arrays out of a function's closure, so that rules of `custom_vjp` can see them.

    Args:
        fun: a function, closure, partial, bound method or callable object.
        example_args: arguments that it will be called with: their number counts.

    Returns:
        ``(converted, consts)``: ``converted(*args, *consts)`` is ``fun(*args)``, and `consts` are the
        floating-point arrays and numbers that `fun` carries, also through functions that it captures.
        Integers, texts and all else stay where they are.

    Raises:
        TypeError: `fun` is no function, or a transformed one whose closure holds such arrays.
    """
    if not callable(fun):
        raise TypeError(f"closure_convert expects a function, got {type(fun).__name__}")
    return converted(fun, example_args), closure_consts(fun)


def converted(fun: Any, example_args: tuple) -> Any:
    """The function that takes what `fun` captures after its own arguments."""
    consts = closure_consts(inner_function(fun))
    if isinstance(fun, Transformed) and consts:
        raise TypeError(
            "closure_convert: a transformed function whose closure holds arrays; convert the function, "
            "and transform the converted one"
        )
    writing = Writing(len(consts))
    args = [f"x{i}" for i in range(len(example_args))]
    call = writing.call(fun, args)
    name = f"{getattr(fun, '__name__', 'function')}_converted"
    name = name if name.isidentifier() else "converted"
    text = f"def {name}({', '.join([*args, *writing.consts])}):\n    return {call}\n"
    key = (text, tuple((k, id(v)) for k, v in writing.names.items()))
    with _lock:
        if key not in _converted:
            if len(_converted) >= KEPT:
                _converted.clear()
            module = getattr(fun, "__module__", None) or "redraft"
            namespace = {**writing.names, "rt": runtime, "__name__": module}
            load(text, file_name(name, getattr(fun, "__name__", "a function")), namespace)
            namespace[name].__redraft_source__ = text
            _converted[key] = namespace[name]
        return _converted[key]


def inner_function(fun: Any) -> Any:
    """The function that a transformed one was made of."""
    while isinstance(fun, Transformed):
        fun = fun.fun
    return fun


class Writing:
    """Writes a call of a function with names for the arrays that it carries.

    Attributes:
        consts: their names, in the order of `closure_consts`.
        names: the objects that the text names.
    """

    def __init__(self, count: int) -> None:
        self.consts = [f"c{i}" for i in range(count)]
        self.names: dict[str, Any] = {}
        self.rest: Iterator[str] = iter(self.consts)

    def constant(self, value: Any, prefix: str = "held") -> str:
        """A name for an object."""
        for name, known in self.names.items():
            if known is value:
                return name
        name, number = prefix, 1
        while name in self.names:
            name, number = f"{prefix}_{number}", number + 1
        self.names[name] = value
        return name

    def call(self, fun: Any, args: list[str]) -> str:
        """A call with what the function carries in front of, or behind, these arguments."""
        check_defaults(fun)
        if not closure_consts(fun):
            return f"{self.constant(fun, 'function')}({', '.join(args)})"
        code, leading, keywords = self.apart(fun)
        named = [f"{k}={v}" for k, v in keywords.items()]
        return f"{code}({', '.join([*leading, *args, *named])})"

    def apart(self, fun: Any) -> tuple[str, list[str], dict[str, str]]:
        """Code, and expressions for the data, of a function value; in the order of its children."""
        if getattr(type(fun), "redraft_identity", False):
            return self.apart(fun.fun)
        if isinstance(fun, functools.partial):
            code, leading, keywords = self.apart(fun.func)
            leading = [*leading, *map(self.value, fun.args)]
            return code, leading, keywords | {k: self.value(v) for k, v in fun.keywords.items()}
        if isinstance(fun, types.MethodType):
            code = self.constant(fun.__func__, fun.__func__.__name__)
            return code, [self.value(fun.__self__)], {}
        if isinstance(fun, types.FunctionType):
            return (*self.closure(fun), {})
        method = getattr(type(fun), "__call__", None)  # noqa: B004
        if isinstance(method, types.FunctionType):
            return self.constant(method, type(fun).__name__), [self.value(fun)], {}
        return self.constant(fun, "function"), [], {}

    def closure(self, fun: Any) -> tuple[str, list[str]]:
        """A function with closure variables: the same code with these as leading parameters."""
        if table.row_of(fun) is not None or table.defined(fun) is not fun:
            return self.constant(fun, "function"), []
        lifted, names = lifted_function(fun)
        held = {k: self.value(v) for k, v in captured_by(fun).items()}  # type: ignore[union-attr]
        return self.constant(lifted, lifted.__name__), [held[n] for n in names]

    def value(self, x: Any) -> str:
        """An expression for a value, with names for the arrays in it."""
        if is_differentiable(x):
            return next(self.rest)
        check_defaults(x)
        if not closure_consts(x):
            return self.constant(x)
        if type(x) in (list, tuple):
            parts = [self.value(v) for v in x]
            inner = ", ".join(parts) + ("," if type(x) is tuple and len(x) == 1 else "")
            return f"[{inner}]" if type(x) is list else f"({inner})"
        if type(x) is dict and all(isinstance(k, (str, int)) for k in x):
            return "{" + ", ".join(f"{k!r}: {self.value(v)}" for k, v in x.items()) + "}"
        if callable(x) and not hasattr(type(x), "__dataclass_fields__"):
            code, leading, keywords = self.apart(x)
            named = [f"{k}={v}" for k, v in keywords.items()]
            return f"{self.constant(functools.partial, 'partial')}({', '.join([code, *leading, *named])})"
        return self.tree(x)

    def tree(self, x: Any) -> str:
        """An object with fields: made of the leaves of its tree."""
        structure = tree_structure(x)
        parts = [self.value(leaf) for leaf in structure.flatten_up_to(x)]
        return f"rt.tree_unflatten({self.constant(structure, 'structure')}, [{', '.join(parts)}])"


def check_defaults(fun: Any) -> None:
    """Refuse arrays among the defaults of a function that stands in another one.

    Raises:
        TypeError: they might be differentiated, and are not found where a closure keeps its variables.
    """
    while isinstance(fun, (functools.partial, types.MethodType)):
        fun = fun.func if isinstance(fun, functools.partial) else fun.__func__
    if not isinstance(fun, types.FunctionType) or "<locals>" not in fun.__qualname__:
        return
    defaults = (*(fun.__defaults__ or ()), *(fun.__kwdefaults__ or {}).values())
    if any(map(closure_consts, defaults)) and not has_literal_defaults(read_source(fun).node):
        raise TypeError(
            f"closure_convert: `{fun.__name__}` has arrays for defaults, which would not be "
            "differentiated; let it read a variable around it instead"
        )


def lifted_function(fun: types.FunctionType) -> tuple[Any, tuple[str, ...]]:
    """The function with its captured variables as leading parameters, and their names."""
    from redraft.transpile.dynamic import _closure

    parts = _closure(fun, None, ())
    source = parts.callee.function
    with _lock:
        if parts.key not in _lifted:
            if len(_lifted) >= KEPT:
                _lifted.clear()
            _lifted[parts.key] = _load_lifted(fun, source)
        made = _lifted[parts.key]
    if fun.__defaults__ or fun.__kwdefaults__:
        made = types.FunctionType(made.__code__, made.__globals__, made.__name__, fun.__defaults__)
        made.__kwdefaults__ = fun.__kwdefaults__
    return made, source.captured


def _load_lifted(fun: types.FunctionType, source: Any) -> Any:
    node = core.copy(source.node)
    node.name = f"{core.base(source.name)}_lifted"
    node.docstring = (
        f"`{core.base(source.name)}` ({source.place}) with what it captures as parameters."
    )
    text = print_function(node)
    namespace = {**fun.__globals__, **source.extras}
    cells = dict(zip(fun.__code__.co_freevars, fun.__closure__ or (), strict=True))
    for name, cell in cells.items():  # modules and classes
        if name not in source.captured:
            namespace[name] = cell.cell_contents
    load(text, file_name(node.name, source.place), namespace)
    return namespace[node.name]


__all__ = ["closure_convert", "converted"]
