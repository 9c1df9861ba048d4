"""`jacfwd`, `jacrev`, `jacobian` and `hessian`: a derivative along every direction at once, as source.

Arguments become descriptions (structure, ranks), a description becomes source
(transforms/jacobian.py), once for all calls with the same description.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from redraft import runtime
from redraft.runtime import numpy as rnp
from redraft.runtime.owned import detach
from redraft.runtime.tensors import is_tensor
from redraft.runtime.tree import is_registered
from redraft.transpile import core
from redraft.transpile.analysis.batched import (
    PLAIN,
    Array,
    Floating,
    Integer,
    Items,
    Nothing,
    Value,
)
from redraft.transpile.api import (
    Generated,
    Transformed,
    _check_argnums,
    _lock,
    _positional,
    _shift,
)
from redraft.transpile.front.objects import object_names
from redraft.transpile.front.source import Source, read_source
from redraft.transpile.function import Unit, write_unit
from redraft.transpile.transforms.build import picked
from redraft.transpile.transforms.jacobian import write_jacobian
from redraft.transpile.vmap import target_for


def jacfwd(
    fun: Callable, argnums: Any = 0, has_aux: bool = False, holomorphic: bool = False
) -> Any:
    """The Jacobian of `fun`, column by column with tangents: for few inputs and many outputs.

    Args:
        fun: a Python function. Arguments and result may be arrays, numbers, and tuples, lists, dicts,
            NamedTuples and dataclasses of such.
        argnums: position or name of the parameter to differentiate, or a tuple of them.
        has_aux: `fun` returns ``(value, aux)``; the result is then ``(Jacobian, aux)``.
        holomorphic: `fun` is holomorphic: complex in, complex out.

    Returns:
        A function with the parameters of `fun`. Its result has the structure of the result of `fun`, with
        the structure of the argument (a tuple of such, if `argnums` is one) in place of each array,
        and there arrays of the shape of the result followed by that of the argument.

    Raises:
        TransformError: at the first call, if `fun` cannot be rewritten.
        TypeError: an argument does not hold real floating-point numbers.
    """
    return _jacobian(fun, "jacfwd", argnums, has_aux, holomorphic)


def jacrev(
    fun: Callable,
    argnums: Any = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
) -> Any:
    """The Jacobian of `fun`, row by row with cotangents: for many inputs and few outputs.

    Args:
        fun, argnums, has_aux, holomorphic: as for `jacfwd`.
        allow_int: let integer arguments pass; the derivatives with respect to them are zero.

    Returns:
        A function; its result is that of `jacfwd`.

    Raises:
        TransformError: at the first call, if `fun` cannot be rewritten.
        TypeError: an argument or the result does not hold floating-point numbers.
    """
    return _jacobian(fun, "jacrev", argnums, has_aux, holomorphic, allow_int)


def hessian(
    fun: Callable, argnums: Any = 0, has_aux: bool = False, holomorphic: bool = False
) -> Any:
    """The second derivatives of `fun`: `jacfwd` of `jacrev`.

    Args:
        fun, argnums, has_aux, holomorphic: as for `jacfwd`.

    Returns:
        A function. In its result stands the structure of the argument, with the same structure again
        in place of each array, for each array of the result of `fun`.
    """
    inner = jacrev(fun, argnums, has_aux, holomorphic)
    return _jacobian(inner, "jacfwd", argnums, has_aux, holomorphic, hessian=True)


def _jacobian(
    fun: Any, kind: str, argnums: Any, has_aux: bool, holomorphic: bool, allow_int: bool = False,
    hessian: bool = False,
) -> Any:  # fmt: skip
    if not callable(fun):
        raise TypeError(f"{kind} expects a function, got {type(fun).__name__}")
    options = {
        "argnums": _check_argnums(fun, argnums), "has_aux": has_aux, "holomorphic": holomorphic,
        "allow_int": allow_int,
    }  # fmt: skip
    if getattr(fun, "redraft_jitted", False):  # its Jacobian is compiled as a whole
        inner = _jacobian(fun.fun, kind, argnums, has_aux, holomorphic, allow_int, hessian)
        return fun.compiled_as_well(inner)
    return Jacobian(fun, kind, hessian, **options)


class Jacobian(Transformed):
    """`jacfwd` and `jacrev`: callable, with source, generated at the first use."""

    def __init__(self, fun: Any, kind: str, hessian: bool = False, **options: Any) -> None:
        super().__init__(fun, kind, **options)
        self.hessian, self.has_aux = hessian, options["has_aux"]
        self.many = isinstance(options["argnums"], tuple)
        self.title = "hessian" if hessian else kind

    def learn(self, names: frozenset[str]) -> None:
        super().learn(names)
        if isinstance(self.fun, Transformed):
            self.fun.learn(names)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        generated, checked = self.written_for(args, kwargs)
        self.check_value(checked, args, kwargs)
        held = [self.run(generated, generated.function, args, kwargs)]
        aux = ()
        if self.has_aux:
            jacobian, *aux = held.pop()
            held.append(jacobian)
            del jacobian
        held[0] = self.settled(held[0], checked)
        return (detach(held)[0], *aux) if self.has_aux else detach(held)[0]

    def check_value(self, checked: list[Any], args: tuple, kwargs: dict[str, Any]) -> None:
        """Refuse complex results of complex arguments, unless the function is holomorphic."""
        if self.options["holomorphic"] or all(d.kind != "c" for d in _dtypes(checked)):
            return
        value = self.fun(*args, **kwargs)
        for leaf in _leaves(value[0] if self.has_aux else value):
            if getattr(_dtype(leaf), "kind", "") == "c":
                raise TypeError(
                    f"{self.title} requires real results; it is {_dtype(leaf)}. Use holomorphic=True "
                    "for the derivative of a holomorphic function, or rd.vjp"
                )

    def run(self, generated: Generated, function: Callable, args: Any, kwargs: Any) -> Any:
        """Call the generated function, or its staged form, with the arguments of a call."""
        target = generated.target
        named = {generated.renamed.get(k, k): v for k, v in kwargs.items()}
        return function(*target.leading, *args, **{**target.keywords, **named})

    # --- arguments

    def written_for(self, args: tuple, kwargs: dict[str, Any]) -> tuple[Generated, list[Any]]:
        """The source for the arguments of a call, and the differentiated ones, checked."""
        names = object_names([*args, *kwargs.values()])
        if not names <= self.object_names:
            self.learn(names)
        selection = self.selection(len(args))
        bound = self.bound(args, kwargs)
        checked = []
        for name in selection:
            if name in bound:
                self.check(bound[name], name)
                checked.append(bound[name])
        mixed = self.redraft_kind == "jacrev" and len(_dtypes(checked)) > 1
        values = tuple(description(x) for x in args)
        named = tuple((k, description(v)) for k, v in kwargs.items())
        return self.for_values(values, named, mixed), checked

    def parameters(self) -> list[str]:
        """Names of the positional parameters."""
        return [p.name for p in _positional(self.fun)]

    def selection(self, count: int) -> list[str]:
        """Names of the differentiated parameters."""
        argnums = self._absolute(count) if self.relative else self.options["argnums"]
        names = self.parameters()
        items = argnums if self.many else (argnums,)
        return [a if isinstance(a, str) else names[a] if a < len(names) else "" for a in items]

    def bound(self, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments of a call by parameter, with defaults."""
        found = {p.name: p.default for p in _positional(self.fun) if p.default is not p.empty}
        return {**found, **dict(zip(self.parameters(), args, strict=False)), **kwargs}

    def check(self, value: Any, name: str) -> None:
        """Refuse what cannot be differentiated."""
        holomorphic, title = self.options["holomorphic"], self.title
        for leaf in _leaves(value):
            dtype = _dtype(leaf)
            kind = getattr(dtype, "kind", "O")
            if kind == ("c" if holomorphic else "f"):
                continue
            if kind in "iub" and self.options["allow_int"] and not holomorphic:
                continue
            shown = type(leaf).__name__ if dtype is None else dtype
            if holomorphic:
                raise TypeError(
                    f"{title} with holomorphic=True requires complex arguments; `{name}` is {shown}"
                )
            if kind == "c" and self.redraft_kind == "jacrev" and not self.hessian:
                continue  # the result must be real: as JAX has it
            if kind == "c":
                raise TypeError(
                    f"{title} requires real arguments; `{name}` is {shown}. Use holomorphic=True for "
                    "the derivative of a holomorphic function, or rd.jvp along single directions"
                )
            if kind in "iub":
                hint = ", or use allow_int=True" if self.redraft_kind == "jacrev" else ""
                raise TypeError(
                    f"{title} requires floating-point arguments; `{name}` is {shown}. Write it as a "
                    f"float{hint}"
                )
            raise TypeError(f"{title} requires numbers or arrays; `{name}` holds a {shown}")

    def settled(self, jacobian: Any, checked: list[Any]) -> Any:
        """The result with the dtype of the arguments, if they have one in common."""
        by_rows = self.redraft_kind == "jacrev" or self.hessian
        dtypes = _dtypes(checked) if by_rows else set()
        dtype = dtypes.pop() if len(dtypes) == 1 else None
        if self.options["holomorphic"]:
            for leaf in _leaves(jacobian):
                if _dtype(leaf).kind != "c":
                    raise TypeError(f"{self.title} with holomorphic=True requires a complex result")
        return _with_dtype(jacobian, dtype)

    # --- source

    def current(self, count: int | None = None) -> Generated:
        """The source for arrays as arguments."""
        if count is None and self._generated is not None and self._generated.is_current():
            return self._generated
        required = [p for p in _positional(self.fun) if p.default is p.empty]
        count = len(required) if count is None else count
        return self.for_values((PLAIN,) * count)

    def for_arguments(self, arguments: tuple | None) -> Generated:
        """The source for the arguments of a call; for arrays, if they are not known."""
        if arguments is None:
            return self.current()
        return self.for_values(tuple(map(description, arguments)))

    def for_values(self, values: tuple, named: tuple = (), mixed: bool = False) -> Generated:
        """The source for arguments of these descriptions."""
        argnums = self._absolute(len(values)) if self.relative else self.options["argnums"]
        key = (argnums, values, named, mixed)
        found = self._by_argnums.get(key)
        if found is None or not found.is_current():
            found = self._by_argnums[key] = self.write(argnums, values, named, mixed)
        self._generated = found
        return found

    def write(self, argnums: Any, values: tuple, named: tuple, mixed: bool) -> Generated:
        target = target_for(self.fun, values)

        def write(unit: Unit) -> Generated:
            source = read_source(target.function)
            if target.inner is not None:
                unit.dependencies.extend(target.inner.unit.dependencies)
            names = source.parameters[len(target.leading) :]
            renamed = {user: name for name, user in source.renamed.items()}
            known = dict(zip(names, values, strict=False))
            known |= {renamed.get(k, k): v for k, v in named}
            shifted = _shift(argnums, len(target.leading))
            options = {
                **self.options, "argnums": shifted, "mixed": mixed,
                "known": known, "title": self.names_of_hessian(target, source, shifted),
            }  # fmt: skip
            written = write_jacobian(unit, source, self.redraft_kind, options)
            unit.keep_reachable(written.name)
            generated = Generated(unit, source, written.name)
            generated.target, generated.argnums, generated.renamed = target, argnums, renamed
            return generated

        with _lock:
            return write_unit(self.object_names, write)

    def names_of_hessian(self, target: Any, source: Source, argnums: Any) -> Any:
        """Name and docstring of a Hessian, which is not named after the gradient that it is made of."""
        if not self.hessian or target.inner is None:
            return None
        inner = target.inner.source
        shown = ", ".join(dict.fromkeys(name for name, _ in picked(source, argnums)[0]))
        base = core.base(inner.name)
        return f"{base}_hessian", f"Hessian of {base} ({inner.user_place}) with respect to {shown}."


def description(x: Any) -> Value:
    """What is known of an argument: its structure, and the ranks of its arrays."""
    if is_tensor(x) or isinstance(x, (np.ndarray, np.generic, bool, int, float, complex)):
        dtype = _dtype(x)
        letter = "O" if dtype is None else dtype.kind
        kind = Integer if letter in "iub" else Floating if letter in "fc" else Array
        return kind(False, len(x.shape) if hasattr(x, "shape") else 0)
    if x is None:
        return Nothing()
    if isinstance(x, dict):
        return Items("dict", tuple(x), tuple(map(description, x.values())))
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return Items("object", tuple(x._fields), tuple(map(description, x)), cls=type(x))
    if type(x) in (list, tuple):
        return Items(type(x).__name__, tuple(range(len(x))), tuple(map(description, x)))
    if dataclasses.is_dataclass(x) and not isinstance(x, type) and not is_registered(x):
        fields = [f.name for f in dataclasses.fields(x) if f.init]
        parts = tuple(description(getattr(x, name)) for name in fields)
        return Items("object", tuple(fields), parts, cls=type(x))
    return PLAIN


def _leaves(x: Any) -> list[Any]:
    return [x] if is_tensor(x) else runtime.leaves(x)


def _dtype(leaf: Any) -> Any:
    """The NumPy dtype of a number, array or tensor; None of anything else."""
    if is_tensor(leaf):
        return np.dtype(leaf.dtype.as_numpy_dtype)
    numbers = (np.ndarray, np.generic, bool, int, float, complex)
    return np.result_type(leaf) if isinstance(leaf, numbers) else None


def _dtypes(values: list[Any]) -> set[Any]:
    """The dtypes of the floating-point numbers in some arguments."""
    found = {_dtype(leaf) for value in values for leaf in _leaves(value)}
    return {dtype for dtype in found if dtype is not None and dtype.kind in "fc"}


def _with_dtype(tree: Any, dtype: Any) -> Any:
    """A new container with the same arrays, cast if there is a dtype."""
    if isinstance(tree, dict):
        return {k: _with_dtype(v, dtype) for k, v in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(_with_dtype(v, dtype) for v in tree))
    if isinstance(tree, (list, tuple)):
        return type(tree)(_with_dtype(v, dtype) for v in tree)
    if dataclasses.is_dataclass(tree):
        names = [f.name for f in dataclasses.fields(tree) if f.init]
        parts = {name: _with_dtype(getattr(tree, name), dtype) for name in names}
        return dataclasses.replace(tree, **parts)
    if dtype is None or tree is None or _dtype(tree) == dtype:
        return tree
    if is_tensor(tree):
        return rnp.astype(tree, dtype)
    tree = np.asarray(tree)
    real = tree.real if tree.dtype.kind == "c" and dtype.kind == "f" else tree
    return real.astype(dtype)[()]


__all__ = ["Jacobian", "hessian", "jacfwd", "jacrev"]
