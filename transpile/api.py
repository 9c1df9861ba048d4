"""The public transformations: read the arguments, ask for the source, wrap the result."""

from __future__ import annotations

import functools
import inspect
import threading
import types
import weakref
from dataclasses import dataclass, field
from typing import Any

import gast
import numpy

from redraft import runtime
from redraft.runtime.cotangents import as_tangent
from redraft.runtime.owned import ONE_NAME, detach, is_settled, references
from redraft.transpile import (
    core,
    primitives,  # noqa: F401  (fills the table)
)
from redraft.transpile.back.emit import print_function
from redraft.transpile.back.load import file_name, load
from redraft.transpile.debug import watch
from redraft.transpile.errors import SourceError, TransformError
from redraft.transpile.front.named_scopes import label_of
from redraft.transpile.front.objects import object_names
from redraft.transpile.front.primitive import primitive_function
from redraft.transpile.front.scope import rules_of
from redraft.transpile.front.source import Source, read_source
from redraft.transpile.function import Unit, write_unit
from redraft.transpile.function_values import is_function_value
from redraft.transpile.primitives import table
from redraft.transpile.pullback import Pullback, check_like


def _refusal(message: str, hint: str) -> TransformError:
    from redraft.transpile.dynamic import refusal

    return refusal(message, hint)


runtime.refusals.makers[:] = [_refusal]  # refusals of running code show the user's line
_lock = threading.RLock()
_Array = numpy.ndarray
by_file: Any = weakref.WeakValueDictionary()  # generated functions, to find a line's origin


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
        self.has_scopes = any(
            label_of(s) for f in unit.functions for s in core.walk_statements(f.body)
        )
        self.file = file_name(name, source.place)
        self.names = _global_names(unit.functions)
        self.source = source
        self.namespace = self._namespace(source)
        load(self.text, self.file, self.namespace)
        for written in unit.functions:
            rule = unit.written[written.name].rule
            if rule is not None:  # the batched form of a function with a rule
                self.namespace[written.name].redraft_rule = rule
        self.function = self.namespace[name]
        self.function.__redraft_source__ = self.text
        self.guards = self._guards()
        self.target, self.argnums, self.renamed = Target(None), None, {}
        self.pair = self.selection = self.places = None
        self.count = 0
        by_file[self.file] = self
        watch(self)

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
            elif holder.__class__ is types.FunctionType:
                if getattr(holder, name) is not value:
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
    return {n.id for f in functions for n in core.free_names(f) if isinstance(n.ctx, gast.Load)}


@dataclass
class Target:
    """The Python function behind a callable, and what the callable adds to a call's arguments.

    Attributes:
        function: a function with source.
        leading: arguments to pass in front (the object of a bound method).
        keywords: keyword arguments to add (those of a partial).
        inner: the generated source of the function, if it is itself a derivative.
    """

    function: Any
    leading: tuple[Any, ...] = ()
    keywords: dict[str, Any] = field(default_factory=dict)
    inner: Generated | None = None


def target_of(fun: Any, count: int | None = None, arguments: tuple | None = None) -> Target:
    """Take a callable apart.

    Args:
        fun: the callable.
        count: the number of positional arguments that it is called with.
        arguments: examples of them, which make the source of a transformed function plainer.

    Raises:
        TypeError: it is not callable.
        SourceError: there is no Python source behind it.
    """
    if isinstance(fun, Transformed):
        generated = fun.current(count) if arguments is None else fun.for_arguments(arguments)
        known = generated.target
        return Target(generated.function, known.leading, known.keywords, generated)
    if getattr(type(fun), "redraft_identity", False):
        return target_of(fun.fun, count, arguments)
    if is_function_value(fun):
        return Target(*fun.plain())
    fun = table.defined(fun)
    if table.row_of(fun) is not None:
        return Target(primitive_function(fun))
    if isinstance(fun, types.MethodType):
        inner = target_of(fun.__func__, None if count is None else count + 1)
        return Target(inner.function, (*inner.leading, fun.__self__), inner.keywords, inner.inner)
    if isinstance(fun, types.FunctionType):
        return Target(fun)
    if isinstance(fun, functools.partial):
        inner = target_of(fun.func, None if count is None else count + len(fun.args))
        keywords = {**inner.keywords, **fun.keywords}
        return Target(inner.function, (*inner.leading, *fun.args), keywords, inner.inner)
    if isinstance(fun, _LRU):
        return target_of(fun.__wrapped__, count)
    call = inspect.getattr_static(type(fun), "__call__", None)
    if isinstance(call, types.FunctionType):
        return Target(call, (fun,))
    if not callable(fun):
        raise TypeError(f"expected a function, got {fun!r}")
    raise SourceError(
        f"`{getattr(fun, '__name__', fun)!s}` has no Python source and no rule",
        None,
        "wrap it in a Python function, or give it a rule with `rd.primitive`",
    )


_LRU = type(functools.lru_cache(lambda: None))


def generate(
    fun: Any,
    transform: str,
    argnums: Any = 0,
    arguments: tuple | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    objects: frozenset[str] = frozenset(),
    ranks: tuple[int | None, ...] | None = None,
) -> Generated:
    """Write the source of a transformation.

    Args:
        fun: a Python function (or anything that calls one).
        transform: ``grad``, ``value_and_grad``, ``jvp``, ``vjp`` or ``linearize``.
        argnums: positions or names of the differentiated parameters.
        arguments: example arguments; their ranks make the source plainer.
        has_aux: the function returns a pair of the value and auxiliary data.
        holomorphic: seed the gradient with a complex one.
        objects: names that objects among the arguments share with arrays (front/objects.py).
        ranks: ranks of the arguments, where they are known without examples.

    Raises:
        TransformError: the function uses something that cannot be rewritten.
    """
    from redraft.transpile.transforms.build import selected, write_fused

    if arguments is not None:
        ranks = tuple(map(_rank, arguments))
    count = None if ranks is None else len(ranks)
    if isinstance(fun, Transformed):
        fun.learn(objects)
    target = target_of(fun, count, arguments)

    def write(unit: Unit) -> Generated:
        source = read_source(target.function)
        if target.inner is not None:
            unit.dependencies.extend(target.inner.unit.dependencies)
        unit.dependencies.extend(rules_of(fun))
        own = source.parameters[len(target.leading) :]
        shifted = _shift(argnums, len(target.leading))
        options: dict[str, Any] = {
            "argnums": shifted,
            "has_aux": has_aux,
            "holomorphic": holomorphic,
        }
        if ranks is not None:
            known = zip(own, ranks, strict=False)
            options["ranks"] = {name: rank for name, rank in known if rank is not None}
        if transform == "vjp":
            names, _ = selected(source, shifted)
            pair = unit.pair(source, tuple(names), has_aux)
            unit.keep_reachable(pair.forward, pair.backward)
            generated = Generated(unit, source, pair.forward)
            generated.pair = pair
        elif transform == "linearize":
            from redraft.transpile.transforms.linear_pair import linear_pair

            names, _ = selected(source, shifted)
            pair = linear_pair(unit, source, tuple(names), has_aux)
            unit.keep_reachable(pair.forward, pair.backward)
            generated = Generated(unit, source, pair.forward)
            generated.pair = pair
        else:
            if transform == "jvp":
                options["names"], _ = selected(source, shifted)
            written = write_fused(unit, source, transform, options)
            unit.keep_reachable(written.name)
            generated = Generated(unit, source, written.name)
        generated.target = target
        generated.renamed = {user: name for name, user in source.renamed.items()}
        return generated

    with _lock:
        return write_unit(objects, write)


def _shift(argnums: Any, count: int) -> Any:
    if isinstance(argnums, (tuple, list)):
        return tuple(_shift(a, count) for a in argnums)
    if isinstance(argnums, str) or argnums < 0:
        return argnums
    return int(argnums) + count


def _rank(value: Any) -> int | None:
    """The rank of an array or a number."""
    known = isinstance(value, (numpy.ndarray, numpy.generic, int, float, complex))
    return numpy.ndim(value) if known else None


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
        self.relative = _is_relative(options["argnums"])
        self._by_argnums: dict[Any, Generated] = {}
        self.object_names: frozenset[str] = frozenset()

    def learn(self, names: frozenset[str]) -> None:
        """Objects among the arguments have these names: what was written without them is void."""
        if not names <= self.object_names:
            self.object_names |= names
            self._generated = None
            self._by_argnums.clear()

    def current(self, count: int | None = None) -> Generated:
        """The generated source, written anew if something that it depends on was rebound.

        Negative `argnums` count from the end of the `count` positional arguments of a call.
        """
        if self.relative:
            argnums = self._absolute(count)
            generated = self._by_argnums.get(argnums)
        else:
            argnums, generated = self.options["argnums"], self._generated
        if generated is None or not generated.is_current():
            generated = generate(
                self.fun,
                self.redraft_kind,
                **{**self.options, "argnums": argnums},
                objects=self.object_names,
            )
            generated.argnums = argnums
            if self.relative:
                self._by_argnums[argnums] = generated
            self._generated = generated
        return generated

    def for_arguments(self, arguments: tuple | None) -> Generated:
        """The source for example arguments, whose ranks make it plainer; without any for None."""
        if arguments is None:
            return self.current()
        argnums = self._absolute(len(arguments)) if self.relative else self.options["argnums"]
        options = {**self.options, "argnums": argnums}
        return generate(
            self.fun, self.redraft_kind, arguments=arguments, objects=self.object_names, **options
        )

    def _absolute(self, count: int | None) -> Any:
        argnums = self.options["argnums"]
        if count is None:
            count = len(_positional(self.fun))

        def absolute(argnum: Any) -> Any:
            if isinstance(argnum, str) or argnum >= 0:
                return argnum
            if argnum + count < 0:
                raise ValueError(
                    f"argnums: {argnum} is out of range for {count} positional arguments"
                )
            return count + argnum

        return tuple(map(absolute, argnums)) if isinstance(argnums, tuple) else absolute(argnums)

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


def _is_relative(argnums: Any) -> bool:
    items = argnums if isinstance(argnums, tuple) else (argnums,)
    return any(not isinstance(a, str) and a < 0 for a in items)


class Gradient(Transformed):
    """`grad` and `value_and_grad`."""

    def __init__(self, fun: Any, kind: str, allow_int: bool, **options: Any) -> None:
        super().__init__(fun, kind, **options)
        self.allow_int = allow_int
        self.many = isinstance(options["argnums"], tuple)
        self.kind, self.has_aux = kind, options["has_aux"]
        self.bare = kind == "grad" and not self.has_aux  # the gradient is all that comes back
        self.single = self.bare and not self.many

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        generated = self._generated
        if generated is None or self.relative or (generated.guards and not generated.is_current()):
            generated = self.written(args, kwargs)
        places = generated.places
        if places is not None and generated.count <= len(args):
            if self.single:  # the most common call: gradient of one array
                x = args[places[0]]
                if x.__class__ is _Array and x.dtype.kind == "f":
                    x_bar = generated.function(*args, **kwargs)
                    if (
                        x_bar.__class__ is _Array
                        and x_bar.base is None
                        and references(x_bar) == ONE_NAME
                        and x_bar.dtype is x.dtype
                        and x_bar.shape == x.shape
                    ):
                        return x_bar
                    held, x_bar = [x_bar], None
                    return _settle(held, [x])[0]
            checked = [args[place] for place in places]
            if runtime.all_floats(checked):
                return self.finish([generated.function(*args, **kwargs)], checked)
        target, given = generated.target, (args, kwargs)
        if generated.renamed:
            kwargs = {generated.renamed.get(k, k): v for k, v in kwargs.items()}
        if target.leading or target.keywords:
            checked = self.check(generated, args, {**target.keywords, **kwargs})
            args, kwargs = (*target.leading, *args), {**target.keywords, **kwargs}
        else:
            checked = self.check(generated, args, kwargs)
        if self.needs_value(checked):
            return self.without_value(self.valued(*given[0], **given[1]))
        names = object_names(checked)
        if not names <= generated.unit.object_names:
            self.learn(names)
            generated = self.current(len(args) - len(target.leading))
        return self.finish([generated.function(*args, **kwargs)], checked)

    def written(self, args: tuple, kwargs: dict) -> Generated:
        """The generated source; what cannot be written for arrays may be for the objects passed."""
        try:
            return self.current(len(args))
        except TransformError:
            names = object_names([*args, *kwargs.values()])
            if names <= self.object_names:
                raise
        self.learn(names)
        return self.current(len(args))

    def selection(self, generated: Generated) -> list[tuple[int | None, str]]:
        """Position (or None) and name of each differentiated argument."""
        arguments = generated.source.node.args
        names = [a.id for a in (*arguments.posonlyargs, *arguments.args)]
        names = names[len(generated.target.leading) :]
        found: list[tuple[int | None, str]] = []
        for argnum in generated.argnums if self.many else [generated.argnums]:
            if isinstance(argnum, str):
                inner = generated.renamed.get(argnum, argnum)
                found.append((names.index(inner) if inner in names else None, inner))
            else:
                found.append(
                    (argnum, names[argnum] if argnum < len(names) else f"argument {argnum}")
                )
        return found

    def check(self, generated: Generated, args: tuple, kwargs: dict) -> list[Any]:
        """The differentiated arguments, checked for their type."""
        selection = generated.selection
        if selection is None:
            selection = generated.selection = self.selection(generated)
            target, positions = generated.target, [position for position, _ in selection]
            if not (target.leading or target.keywords or generated.renamed or None in positions):
                generated.places = positions  # nothing to do but to check the arguments' types
                generated.count = max(positions, default=-1) + 1
        found = []
        for position, name in selection:
            if position is not None and position < len(args):
                value = args[position]
            elif name in kwargs:
                value = kwargs[name]
            else:
                bound = inspect.signature(generated.function).bind(
                    *generated.target.leading, *args, **kwargs
                )
                bound.apply_defaults()
                value = bound.arguments.get(name)
            if value.__class__ is not float and not (
                value.__class__ is numpy.ndarray and value.dtype.kind == "f"
            ):
                self.check_slowly(value, name)
            found.append(value)
        return found

    def check_slowly(self, value: Any, name: str) -> None:
        for leaf in runtime.leaves(value):
            kind = numpy.asarray(leaf).dtype.kind if not callable(leaf) else "O"
            if kind in "fc":
                continue
            if kind in "iub" and self.allow_int:
                continue
            shown = getattr(leaf, "dtype", type(leaf).__name__)
            if kind in "iub":
                raise TypeError(
                    f"grad requires floating-point arguments; `{name}` is {shown}. Write it as a "
                    "float, or use allow_int=True"
                )
            raise TypeError(f"grad requires numbers or arrays; `{name}` holds a {shown}")

    def needs_value(self, checked: list[Any]) -> bool:
        """Must the value be looked at? Of complex arguments it must be real, as in JAX."""
        return self.kind == "grad" and self.is_of_complex(checked)

    def is_of_complex(self, checked: list[Any]) -> bool:
        """Are there complex arguments of a function that is not said to be holomorphic?"""
        kinds = (getattr(_dtype_of(leaf), "kind", "") for leaf in runtime.leaves(checked))
        return not self.options["holomorphic"] and "c" in kinds

    @functools.cached_property
    def valued(self) -> Gradient:
        """The same with the value beside the gradient."""
        return Gradient(self.fun, "value_and_grad", self.allow_int, **self.options)

    def without_value(self, pair: tuple) -> Any:
        """The result of `grad` from that of `value_and_grad`."""
        value, gradient = pair
        return (gradient, value[1]) if self.has_aux else gradient

    def check_value(self, value: Any, checked: list[Any]) -> None:
        """Refuse a complex value of complex arguments, for which there is no one gradient."""
        if self.is_of_complex(checked):
            runtime.seed(value[0] if self.has_aux else value)

    def finish(self, held: list[Any], checked: list[Any]) -> Any:
        """The result with the dtypes of the arguments, in memory of its own."""
        if self.bare:
            return self.settled_gradient(held, checked)
        held = list(held.pop())
        other = held.pop(1 if self.kind == "grad" else 0)
        if self.kind != "grad":
            self.check_value(other, checked)
        gradient = self.settled_gradient(held, checked)
        return (gradient, other) if self.kind == "grad" else (other, gradient)

    def settled_gradient(self, held: list[Any], checked: list[Any]) -> Any:
        """The only item of a list, settled."""
        return tuple(_settle(list(held.pop()), checked)) if self.many else _settle(held, checked)[0]


def _dtype_of(leaf: Any) -> Any:
    """The dtype of an array, a tensor or a number."""
    dtype = getattr(leaf, "dtype", None)
    if dtype is None:
        return None if callable(leaf) else numpy.asarray(leaf).dtype
    return numpy.dtype(getattr(dtype, "as_numpy_dtype", dtype))


def _settle(held: list[Any], checked: list[Any]) -> list[Any]:
    """Gradients with the structures and dtypes of the arguments, in memory that nobody shares."""
    if is_settled(held, checked, range(len(checked))):
        return held
    for place, x in enumerate(checked):
        held[place] = runtime.as_gradient(held[place], x)
    return detach(held)


def _parameters(fun: Any) -> list[inspect.Parameter] | None:
    """Parameters of a callable without those that it fills in itself, or None if unknown."""
    try:
        if isinstance(fun, Transformed) or getattr(type(fun), "redraft_identity", False):
            return _parameters(fun.fun)
        fun = table.defined(fun)
        if table.row_of(fun) is not None:
            return list(inspect.signature(primitive_function(fun)).parameters.values())
        return list(inspect.signature(fun, follow_wrapped=False).parameters.values())
    except (TypeError, ValueError):
        return None


def _positional(fun: Any) -> list[inspect.Parameter]:
    return [
        p for p in _parameters(fun) or [] if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]


def _check_argnums(fun: Any, argnums: Any) -> Any:
    many = isinstance(argnums, (tuple, list))
    for argnum in argnums if many else [argnums]:
        if isinstance(argnum, bool) or not isinstance(argnum, (int, str, numpy.integer)):
            raise TypeError(f"argnums must hold positions or parameter names, got {argnum!r}")
    argnums = [a if isinstance(a, str) else int(a) for a in argnums] if many else argnums
    argnums = argnums if many or isinstance(argnums, str) else int(argnums)
    parameters = _parameters(fun)
    if parameters is None:
        target_of(fun)  # says what is wrong with it
        return tuple(argnums) if many else argnums
    named = [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
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
) -> Any:
    """A function that computes the gradient of `fun`.

    Args:
        fun: a Python function with a scalar result.
        argnums: position or name of the parameter to differentiate, or a tuple of them.
        has_aux: `fun` returns ``(value, aux)``; the result is then ``(gradient, aux)``.
        holomorphic: `fun` is holomorphic: complex in, complex out.
        allow_int: let integer arguments pass; their gradient is zero.
        reduce_axes: accepted for compatibility with JAX; only ``()`` is meaningful.

    Returns:
        A function with the arguments of `fun` and the structure of the chosen arguments. If `fun` was
        compiled by `jit`, so is this one: forward and backward part in one program.

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
) -> Any:
    """A function that computes the value and the gradient of `fun`; arguments as for `grad`.

    Returns:
        A function that returns ``(value, gradient)``, or ``((value, aux), gradient)``.
    """
    return _gradient(fun, "value_and_grad", argnums, has_aux, holomorphic, allow_int)


def _gradient(
    fun: Any, kind: str, argnums: Any, has_aux: bool, holomorphic: bool, allow_int: bool
) -> Any:
    if not callable(fun):
        raise TypeError(f"{kind} expects a function, got {type(fun).__name__}")
    argnums = _check_argnums(fun, argnums)
    options = {"argnums": argnums, "has_aux": has_aux, "holomorphic": holomorphic}
    if getattr(fun, "redraft_jitted", False):  # its gradient is compiled as a whole
        return fun.compiled_as_well(Gradient(fun.fun, kind, allow_int, **options))
    return Gradient(fun, kind, allow_int, **options)


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


def _known(fun: Any) -> Any:
    """A gradient that was made before of the same function with the same options, in place of a new one.

    ``lambda x, p: rd.jvp(rd.grad(f), (x,), (p,))[1]`` makes one in each call.
    """
    if type(fun) is not Gradient or not isinstance(fun.fun, types.FunctionType):
        return fun
    options = repr(sorted(fun.options.items()))
    return _cached((fun.fun, fun.redraft_kind, options), lambda: fun)


def _written(fun: Any, kind: str, primals: Any, active: tuple[int, ...], aux: bool) -> Generated:
    """The generated source for `jvp` or `vjp` at arguments of these classes."""
    names = frozenset() if runtime.all_floats(primals) else object_names(list(primals))
    fun = _known(fun)

    def make() -> Transformed:
        made = Transformed(fun, kind, argnums=active, has_aux=aux)
        made.learn(names)
        return made

    return _cached((fun, kind, active, aux, names), make).current()


def _differentiable(value: Any) -> bool:
    return any(
        numpy.asarray(leaf).dtype.kind in "fc"
        for leaf in runtime.leaves(value)
        if not callable(leaf)
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
        raise TypeError(f"jvp: {len(primals)} primals need as many tangents, got {len(tangents)}")
    for x_dot, x in zip(tangents, primals, strict=True):
        check_like(x_dot, x, "a tangent", "its primal")
    active = tuple(i for i, x in enumerate(primals) if _differentiable(x))
    if not active:
        raise TypeError("jvp requires at least one primal with floating-point numbers")
    from redraft.transpile.transforms.forward import tangent_parameter

    generated = _written(fun, "jvp", primals, active, has_aux)
    leading, keywords = generated.target.leading, generated.target.keywords
    every = generated.source.parameters
    given = {}
    for name, place in _places(generated, len(primals)):
        if isinstance(place, range):
            given[name] = tuple(
                as_tangent(tangents[i], primals[i])
                if i in active
                else runtime.zeros_like(primals[i])
                for i in place
            )
        elif place in active:
            given[name] = as_tangent(tangents[place], primals[place])
    given = {tangent_parameter(every, name): x_dot for name, x_dot in given.items()}
    value, tangent, *aux = generated.function(*leading, *primals, **keywords, **given)
    held = [_tangent_like(tangent, value)]
    del tangent, given
    return (value, detach(held)[0], *aux)


def _places(generated: Generated, count: int) -> list[tuple[str, Any]]:
    """Parameters and the positions of the call's `count` arguments; a range for ``*args``."""
    arguments = generated.source.node.args
    names = [a.id for a in (*arguments.posonlyargs, *arguments.args)]
    names = names[len(generated.target.leading) :]
    places: list[tuple[str, Any]] = [*zip(names, range(count), strict=False)]
    if count > len(names) and arguments.vararg is not None:
        places.append((arguments.vararg.id, range(len(names), count)))
    return places


def _tangent_like(tangent: Any, value: Any) -> Any:
    """A tangent with the structure and shape of the value."""
    numeric = isinstance(value, (numpy.ndarray, numpy.generic))  # objects have fields of any name
    own = value.dtype if numeric else None
    if own is not None and own.kind == "f" and getattr(tangent, "dtype", own) != own:
        tangent = tangent.astype(own)  # its constants may have been wider than the value
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
    if not active:
        value, aux = fun(*primals), ()
        if has_aux:
            value, *aux = value
        return (value, Pullback(None, None, value, primals, []), *aux)
    generated = _written(fun, "vjp", primals, active, has_aux)
    leading, keywords = generated.target.leading, generated.target.keywords
    value, saved = generated.function(*leading, *primals, **keywords)
    aux = ()
    if has_aux:
        value, *aux = value
    return (value, pullback(generated, saved, value, primals), *aux)


def pullback(generated: Generated, saved: Any, value: Any, primals: tuple) -> Pullback:
    """The function that pulls cotangents back, from what the forward function has left."""
    pair = generated.pair
    by_name = dict(_places(generated, len(primals)))
    places = [by_name[n] for n in pair.returned()]
    backward = generated.namespace[pair.backward]
    backward.__redraft_source__ = generated.text
    return Pullback(backward, saved, value, primals, places)


def source(function: Any) -> str:
    """The source that redraft generated for a transformed function."""
    if isinstance(function, Transformed):
        return function.source  # an error inside it must come out as it is
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
