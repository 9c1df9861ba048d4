"""The public transformations: read the arguments, ask for the source, wrap the result."""

from __future__ import annotations

import functools
import inspect
import threading
import types
from typing import Any

import gast
import numpy

from redraft import runtime
from redraft.transpile import primitives  # noqa: F401  (fills the table)
from redraft.transpile.back.emit import print_function
from redraft.transpile.back.load import file_name, load
from redraft.transpile.errors import SourceError, TransformError
from redraft.transpile.front.source import Source, read_source
from redraft.transpile.function import Unit

_lock = threading.RLock()


class Generated:
    """Generated functions of one transformation: text, namespace, entry point.

    Attributes:
        name: name of the entry function.
        text: source of all generated functions, callees first.
        function: the compiled entry function.
        globals: the global names that the text uses, and what they mean.
        origin: where the user's function stands (``model.py:12``).
    """

    def __init__(self, unit: Unit, source: Source, name: str) -> None:
        self.unit, self.name, self.origin = unit, name, source.place
        self.text = "\n\n".join(print_function(f) for f in unit.functions)
        self.file = file_name(name, source.place)
        self.names = _global_names(unit.functions)
        self.source = source
        self.namespace = self._namespace(source)
        load(self.text, self.file, self.namespace)
        self.function = self.namespace[name]
        self.function.__redraft_source__ = self.text
        self.guards = self._guards()

    def _namespace(self, source: Source) -> dict[str, Any]:
        namespace: dict[str, Any] = {"np": numpy, "rt": runtime}
        namespace["__name__"] = source.globals.get("__name__", "redraft")
        namespace.update(self.unit.bindings)
        return namespace

    @property
    def globals(self) -> dict[str, Any]:
        """Global names of the text and their objects."""
        own = {f.name for f in self.unit.functions}
        skip = {"__name__", "__builtins__"} | own
        names = self.names - skip
        return {k: v for k, v in self.namespace.items() if k in names}

    def _guards(self) -> list[tuple[Any, str, Any]]:
        """What must still mean the same at the next call: rebound helpers, constants, cells."""
        found: dict[tuple[int, str], tuple[Any, str, Any]] = {}
        for holder, name, value in self.unit.dependencies:
            if not isinstance(value, types.ModuleType):
                found.setdefault((id(holder), name), (holder, name, value))
        return list(found.values())

    def is_current(self) -> bool:
        """Do the names that the text depends on still mean what they meant?"""
        for holder, name, value in self.guards:
            if holder.__class__ is dict:
                if holder.get(name, _gone) is not value:
                    return False
            elif _cell_value(holder) is not value:
                return False
        return True


_gone = object()


def _cell_value(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _gone


def _global_names(functions: list[gast.FunctionDef]) -> set[str]:
    from redraft.transpile import core

    return {n.id for f in functions for n in core.free_names(f) if isinstance(n.ctx, gast.Load)}


def _function_of(fun: Any) -> tuple[Any, tuple[Any, ...]]:
    """The Python function behind a callable, and arguments to pass in front."""
    if isinstance(fun, Transformed):
        return fun.current().function, ()
    if isinstance(fun, types.MethodType):
        return fun.__func__, (fun.__self__,)
    if isinstance(fun, types.FunctionType):
        return fun, ()
    if isinstance(fun, functools.partial):
        inner, leading = _function_of(fun.func)
        return inner, (*leading, *fun.args)
    call = getattr(type(fun), "__call__", None)
    if isinstance(call, types.FunctionType):
        return call, (fun,)
    if not callable(fun):
        raise TypeError(f"expected a function, got {fun!r}")
    raise SourceError(
        f"`{getattr(fun, '__name__', fun)!s}` has no Python source",
        None,
        "wrap it in a Python function: `lambda x: np.sin(x)`",
    )


def generate(
    fun: Any,
    transform: str,
    argnums: Any = 0,
    arguments: tuple | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Generated:
    """Write the source of a transformation.

    Args:
        fun: a Python function (or anything that calls one).
        transform: ``grad``, ``value_and_grad``, ``jvp`` or ``vjp``.
        argnums: positions or names of the differentiated parameters.
        arguments: example arguments; their ranks make the source plainer.
        has_aux: the function returns a pair of the value and auxiliary data.
        holomorphic: seed the gradient with a complex one.

    Raises:
        TransformError: the function uses something that cannot be rewritten.
    """
    from redraft.transpile.transforms.build import selected, write_fused

    function, leading = _function_of(fun)
    with _lock:
        source = read_source(function)
        unit = Unit()
        own = source.parameters[len(leading) :]
        shifted = _shift(argnums, len(leading))
        options: dict[str, Any] = {"argnums": shifted, "has_aux": has_aux, "holomorphic": holomorphic}
        if arguments is not None:
            options["ranks"] = _ranks(own, arguments)
        if transform == "vjp":
            names, _ = selected(source, shifted)
            pair = unit.pair(source, tuple(names), has_aux)
            generated = Generated(unit, source, pair.forward)
            generated.pair = pair
            return generated
        if transform == "jvp":
            names, _ = selected(source, shifted)
            options["names"] = names
        written = write_fused(unit, source, transform, options)
        return Generated(unit, source, written.name)


def _shift(argnums: Any, count: int) -> Any:
    if isinstance(argnums, (tuple, list)):
        return tuple(_shift(a, count) for a in argnums)
    return argnums + count if isinstance(argnums, int) and argnums >= 0 else argnums


def _ranks(names: list[str], arguments: tuple) -> dict[str, int]:
    ranks = {}
    for name, value in zip(names, arguments, strict=False):
        if isinstance(value, (numpy.ndarray, numpy.generic, int, float, complex)):
            ranks[name] = numpy.ndim(value)
    return ranks


class Transformed:
    """A transformed function: callable, with source, generated at the first use.

    `rd.source(f)` prints what it runs. `__wrapped__` is the generated function, so that
    `inspect.getsource` and tracebacks show it.
    """

    def __init__(self, fun: Any, kind: str, **options: Any) -> None:
        for attribute in functools.WRAPPER_ASSIGNMENTS:
            if hasattr(fun, attribute):
                setattr(self, attribute, getattr(fun, attribute))
        self.fun, self.redraft_kind, self.options = fun, kind, options
        self._generated: Generated | None = None

    def current(self) -> Generated:
        """The generated source, written anew if something that it depends on was rebound."""
        generated = self._generated
        if generated is None or not generated.is_current():
            generated = generate(self.fun, self.redraft_kind, **self.options)
            self._generated = generated
        return generated

    @property
    def __wrapped__(self) -> Any:
        return self.current().function

    @property
    def source(self) -> str:
        """The generated source."""
        return self.current().text

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __repr__(self) -> str:
        name = getattr(self.fun, "__qualname__", repr(self.fun))
        return f"<redraft {self.redraft_kind} of {name}>"

    def _repr_html_(self) -> str:
        from redraft.transpile.back.html import highlight

        return highlight(self.source)


class Gradient(Transformed):
    """`grad` and `value_and_grad`."""

    def __init__(self, fun: Any, kind: str, allow_int: bool, **options: Any) -> None:
        self.leading: tuple[Any, ...] = ()
        super().__init__(fun, kind, **options)
        self.allow_int = allow_int
        self.positions: list[int] | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        generated = self._generated
        if generated is None or not generated.is_current():
            generated = self.current()
        if self.positions is None:
            self.prepare_call(generated)
        checked = self.check(args, kwargs)
        if self.leading:
            args = (*self.leading, *args)
        if self.keywords:
            kwargs = {**self.keywords, **kwargs}
        result = generated.function(*args, **kwargs)
        return self.finish(result, checked)

    def prepare_call(self, generated: Generated) -> None:
        _, self.leading = _function_of(self.fun)
        self.keywords = self.fun.keywords if isinstance(self.fun, functools.partial) else {}
        names = generated.source.parameters[len(self.leading) :]
        many = isinstance(self.options["argnums"], (tuple, list))
        argnums = self.options["argnums"] if many else [self.options["argnums"]]
        self.names = [a if isinstance(a, str) else names[a] for a in argnums]
        self.positions = [names.index(n) for n in self.names]
        self.many = many

    def check(self, args: tuple, kwargs: dict) -> list[Any]:
        """The differentiated arguments, checked for their type."""
        found = []
        for position, name in zip(self.positions or (), self.names, strict=True):
            if position < len(args):
                value = args[position]
            elif name in kwargs:
                value = kwargs[name]
            else:
                value = inspect.signature(self.current().function).bind(
                    *self.leading, *args, **kwargs
                ).arguments.get(name)
            if value.__class__ is not float and not (
                value.__class__ is numpy.ndarray and value.dtype.kind == "f"
            ):
                self.check_slowly(value, name)
            found.append(value)
        return found

    def check_slowly(self, value: Any, name: str) -> None:
        for leaf in runtime.leaves(value):
            kind = numpy.asarray(leaf).dtype.kind if not callable(leaf) else "O"
            if kind == "f" or (kind == "c" and self.options["holomorphic"]):
                continue
            if kind in "iub" and self.allow_int:
                continue
            shown = getattr(leaf, "dtype", type(leaf).__name__)
            if kind == "c":
                raise TypeError(
                    f"grad requires real arguments; `{name}` is {shown}. Use holomorphic=True for "
                    "the derivative of a holomorphic function"
                )
            if kind in "iub":
                raise TypeError(
                    f"grad requires floating-point arguments; `{name}` is {shown}. Write it as a "
                    "float, or use allow_int=True"
                )
            raise TypeError(f"grad requires numbers or arrays; `{name}` holds a {shown}")

    def finish(self, result: Any, checked: list[Any]) -> Any:
        """The result with the dtypes of the arguments."""
        kind, aux = self.redraft_kind, self.options["has_aux"]
        if kind == "grad" and not aux:
            return self.cast(result, checked)
        first, second = result
        if kind == "grad":
            return self.cast(first, checked), second
        return first, self.cast(second, checked)

    def cast(self, gradient: Any, checked: list[Any]) -> Any:
        if self.many:
            return tuple(_cast(g, x) for g, x in zip(gradient, checked, strict=True))
        return _cast(gradient, checked[0])


def _cast(gradient: Any, x: Any) -> Any:
    """A gradient with the dtype of its argument."""
    if x.__class__ is numpy.ndarray:
        if gradient.__class__ is numpy.ndarray and gradient.dtype == x.dtype:
            return gradient
        return runtime.as_gradient(gradient, x)
    if x.__class__ is float:
        return gradient
    return runtime.as_gradient(gradient, x)


def _check_argnums(fun: Any, argnums: Any) -> Any:
    function, leading = _function_of(fun) if not isinstance(fun, Transformed) else (None, ())
    many = isinstance(argnums, (tuple, list))
    for argnum in argnums if many else [argnums]:
        if isinstance(argnum, bool) or not isinstance(argnum, (int, str, numpy.integer)):
            raise TypeError(f"argnums must hold positions or parameter names, got {argnum!r}")
    if function is None:
        return tuple(argnums) if many else argnums
    parameters = list(inspect.signature(function).parameters.values())[len(leading) :]
    named = [p.name for p in parameters]
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    name = getattr(fun, "__name__", "the function")
    for argnum in argnums if many else [argnums]:
        if isinstance(argnum, str):
            if argnum not in named:
                raise ValueError(f"argnums: `{name}` has no parameter `{argnum}`; it has {named}")
        elif not -len(positional) <= argnum < len(positional) and not variadic:
            raise ValueError(
                f"argnums: {argnum} is out of range; `{name}` takes {len(positional)} positional "
                "arguments"
            )
    return tuple(argnums) if many else argnums


def grad(
    fun: Any,
    argnums: Any = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    reduce_axes: Any = (),
) -> Gradient:
    """A function that computes the gradient of `fun`.

    Args:
        fun: a Python function with a scalar result.
        argnums: position or name of the parameter to differentiate, or a tuple of them.
        has_aux: `fun` returns ``(value, aux)``; the result is then ``(gradient, aux)``.
        holomorphic: `fun` is holomorphic: complex in, complex out.
        allow_int: let integer arguments pass; their gradient is zero.
        reduce_axes: accepted for compatibility with JAX; only ``()`` is meaningful.

    Returns:
        A function with the arguments of `fun` and the structure of the chosen arguments.

    Raises:
        TransformError: at the first use, if `fun` cannot be rewritten.
        TypeError: the result is no scalar, or an argument is not a real number or array.
    """
    return _gradient(fun, "grad", argnums, has_aux, holomorphic, allow_int)


def value_and_grad(
    fun: Any,
    argnums: Any = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    reduce_axes: Any = (),
) -> Gradient:
    """A function that computes the value and the gradient of `fun`; arguments as for `grad`.

    Returns:
        A function that returns ``(value, gradient)``, or ``((value, aux), gradient)``.
    """
    return _gradient(fun, "value_and_grad", argnums, has_aux, holomorphic, allow_int)


def _gradient(fun: Any, kind: str, argnums: Any, has_aux: bool, holomorphic: bool, allow_int: bool) -> Gradient:
    if not callable(fun):
        raise TypeError(f"{kind} expects a function, got {type(fun).__name__}")
    argnums = _check_argnums(fun, argnums)
    return Gradient(fun, kind, allow_int, argnums=argnums, has_aux=has_aux, holomorphic=holomorphic)


class Tangent(Transformed):
    """The function behind `jvp`: ``f_jvp(x, …, x_dot, …)``."""

    def __call__(self, *args: Any) -> Any:
        generated = self.current()
        _, leading = _function_of(self.fun)
        return generated.function(*leading, *args)


class Pullback:
    """The function that `vjp` returns: cotangent of the result -> cotangents of the primals."""

    def __init__(self, function: Any, saved: Any, value: Any, primals: tuple, places: list[int]) -> None:
        self.function, self.saved, self.value = function, saved, value
        self.primals, self.places = primals, places

    @property
    def __wrapped__(self) -> Any:
        return self.function

    @property
    def source(self) -> str:
        """The generated source."""
        return self.function.__redraft_source__

    def __call__(self, ans_bar: Any) -> tuple:
        _check_like(ans_bar, self.value, "the cotangent", "the result")
        bars = self.function(self.saved, ans_bar)
        bars = [bars] if len(self.places) == 1 else list(bars) if self.places else []
        by_place = dict(zip(self.places, bars, strict=True))
        zero = runtime.zeros_like
        return tuple(
            runtime.as_gradient(by_place[i] if i in by_place else zero(x), x)
            for i, x in enumerate(self.primals)
        )


def _check_like(value: Any, like: Any, what: str, of: str) -> None:
    """Raise where a tangent or cotangent does not fit the value that it belongs to."""
    if isinstance(like, (list, tuple, dict)):
        same = type(value) is type(like) and len(value) == len(like)
        if not same or (isinstance(like, dict) and value.keys() != like.keys()):
            raise TypeError(f"{what} must have the structure of {of}, got {type(value).__name__}")
        keys = like if isinstance(like, dict) else range(len(like))
        for key in keys:
            _check_like(value[key], like[key], what, of)
    elif isinstance(like, (numpy.ndarray, numpy.generic, float, complex)):
        if numpy.shape(value) != numpy.shape(like):
            raise ValueError(
                f"{what} must have the shape of {of}: expected {numpy.shape(like)}, got "
                f"{numpy.shape(value)}"
            )
        if numpy.asarray(value).dtype.kind not in "fciub":
            raise TypeError(f"{what} must be a number or an array, got {type(value).__name__}")


_transformed: dict[Any, Transformed] = {}


def _cached(key: Any, make: Any) -> Any:
    """One transformed function per function and options, for `jvp` and `vjp`."""
    try:
        found = _transformed.get(key)
    except TypeError:
        return make()
    if found is None:
        found = make()
        if len(_transformed) > 500:
            _transformed.clear()
        _transformed[key] = found
    return found


def _differentiable(value: Any) -> bool:
    return any(
        numpy.asarray(leaf).dtype.kind in "fc" for leaf in runtime.leaves(value) if not callable(leaf)
    )


def jvp(fun: Any, primals: Any, tangents: Any, has_aux: bool = False) -> tuple:
    """Value and directional derivative of `fun`.

    Args:
        fun: a Python function.
        primals: tuple or list of its arguments.
        tangents: tuple or list of tangents with the structure of `primals`.
        has_aux: `fun` returns ``(value, aux)``; the result is ``(value, tangent, aux)``.

    Returns:
        ``(value, tangent)``.

    Raises:
        TypeError, ValueError: primals and tangents do not fit together.
        TransformError: `fun` cannot be rewritten.
    """
    if not callable(fun):
        raise TypeError(f"jvp expects a function, got {type(fun).__name__}")
    for name, value in (("primals", primals), ("tangents", tangents)):
        if not isinstance(value, (tuple, list)):
            raise TypeError(f"jvp expects {name} as a tuple or list, got {type(value).__name__}")
    if len(primals) != len(tangents):
        raise TypeError(
            f"jvp: {len(primals)} primals need as many tangents, got {len(tangents)}"
        )
    for x_dot, x in zip(tangents, primals, strict=True):
        _check_like(x_dot, x, "a tangent", "its primal")
    active = tuple(i for i, x in enumerate(primals) if _differentiable(x))
    if not active:
        raise TypeError("jvp requires at least one primal with floating-point numbers")
    make = lambda: Tangent(fun, "jvp", argnums=active, has_aux=has_aux)  # noqa: E731
    transformed = _cached((fun, "jvp", active, has_aux), make)
    generated = transformed.current()
    _, leading = _function_of(fun)
    from redraft.transpile.transforms.forward import tangent_parameter

    names = generated.source.parameters[len(leading) :]
    every = generated.source.parameters
    given = {tangent_parameter(every, names[i]): tangents[i] for i in active}
    value, tangent, *aux = generated.function(*leading, *primals, **given)
    return (value, _tangent_like(tangent, value), *aux)


def _tangent_like(tangent: Any, value: Any) -> Any:
    """A tangent with the structure and shape of the value."""
    if isinstance(value, numpy.ndarray) and numpy.shape(tangent) != value.shape:
        return numpy.broadcast_to(tangent, value.shape).copy()
    if isinstance(value, (tuple, list, dict)) or not isinstance(
        value, (numpy.ndarray, numpy.generic, int, float, complex)
    ):
        return runtime.as_gradient(tangent, value)
    return tangent


def vjp(fun: Any, *primals: Any, has_aux: bool = False) -> tuple:
    """Value of `fun`, and the function that pulls cotangents back to its arguments.

    Args:
        fun: a Python function.
        primals: its arguments.
        has_aux: `fun` returns ``(value, aux)``; the result is ``(value, vjp_fun, aux)``.

    Returns:
        ``(value, vjp_fun)``; ``vjp_fun(cotangent)`` returns one cotangent per primal.

    Raises:
        TransformError: `fun` cannot be rewritten.
    """
    if not callable(fun):
        raise TypeError(f"vjp expects a function, got {type(fun).__name__}")
    active = tuple(i for i, x in enumerate(primals) if _differentiable(x))
    make = lambda: Transformed(fun, "vjp", argnums=active, has_aux=has_aux)  # noqa: E731
    generated = _cached((fun, "vjp", active, has_aux), make).current()
    _, leading = _function_of(fun)
    value, saved = generated.function(*leading, *primals)
    aux = ()
    if has_aux:
        value, *aux = value
    pair = generated.pair
    names = generated.source.parameters[len(leading) :]
    places = [names.index(n) for n in pair.returned()]
    backward = generated.namespace[pair.backward]
    backward.__redraft_source__ = generated.text
    return (value, Pullback(backward, saved, value, primals, places), *aux)


def source(function: Any) -> str:
    """The source that redraft generated for a transformed function."""
    text = getattr(function, "source", None) or getattr(function, "__redraft_source__", None)
    if text is None and isinstance(function, functools.partial):
        return source(function.func)
    if not isinstance(text, str):
        raise TypeError(f"{function!r} was not generated by redraft")
    return text


__all__ = [
    "Generated", "Pullback", "TransformError", "Transformed", "generate", "grad", "jvp", "source",
    "value_and_grad", "vjp",
]  # fmt: skip
