"""`vmap`: the batched version of a function, as source.

Arguments become descriptions (which parts have a batch axis, and the ranks), a description becomes
source (transforms/batch.py), once for all calls with the same description.
"""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Callable
from typing import Any

import gast
import numpy as np

from redraft.runtime.shapes import cast_like
from redraft.runtime.tensors import is_tensor
from redraft.runtime.tree import leaves
from redraft.transpile import core
from redraft.transpile.analysis.batched import (
    BATCHED,
    PLAIN,
    Array,
    Closure,
    Entries,
    Items,
    Known,
    Many,
    Nothing,
    Value,
    describe,
    is_batched,
    single,
    without_texts,
)
from redraft.transpile.api import (
    Generated,
    Gradient,
    Target,
    Transformed,
    _lock,
    _parameters,
    generate,
    target_of,
)
from redraft.transpile.batched_gradients import in_types_of_arguments
from redraft.transpile.errors import TransformError
from redraft.transpile.front.source import Source, read_source
from redraft.transpile.function import Unit, write_unit
from redraft.transpile.primitives.table import row_of
from redraft.transpile.transforms.batch import Batcher, Batches, add_function
from redraft.transpile.transforms.batch_layout import fold_answer
from redraft.transpile.transforms.batch_names import display_of, part_at

KEPT = 64  # sources of one batched function, for different kinds of arguments
Axes = Any  # an int, None, or a tuple, list or dict of axes


def vmap(
    fun: Callable | None = None,
    in_axes: Axes = 0,
    out_axes: Axes = 0,
    axis_name: str | None = None,
    axis_size: int | None = None,
    spmd_axis_name: Any = None,
) -> Any:
    """A function that does for a batch what `fun` does for one example.

    Args:
        fun: a Python function of one example. Left out, `vmap` is a decorator.
        in_axes: the batch axis of every argument: an int for all, a tuple with one entry per
            positional argument, or a dict by parameter name, in which what is not named has none.
            An entry is an int, None (the same for all examples), or a tuple, list or dict of such
            that goes along with the structure of the argument. Arguments passed by keyword have
            axis 0 unless they are named.
        out_axes: where the batch axis goes in the result, in the same way; None for a result that
            is the same for all examples.
        axis_name: a name for the batch axis, a string: `psum` and the other collectives go over it.
        axis_size: number of examples; needed only if no argument has a batch axis.
        spmd_axis_name: accepted for compatibility with JAX, without effect.

    Returns:
        A function with the parameters of `fun`. `rd.source` prints it.

    Raises:
        TypeError, ValueError: the axes do not fit the arguments.
        TransformError: at the first call, if `fun` cannot be batched.
    """
    if fun is None:
        return lambda f: vmap(f, in_axes, out_axes, axis_name, axis_size, spmd_axis_name)
    if not callable(fun):
        raise TypeError(f"vmap expects a function, got {type(fun).__name__}")
    _check_in_axes(in_axes)
    _check_tree(out_axes, "out_axes")
    if axis_name is not None and not isinstance(axis_name, str):
        raise TypeError(f"vmap axis_name must be a string, got {axis_name!r}")
    return Vmapped(fun, in_axes, out_axes, axis_name, axis_size)


def vmap_by_loop(fun: Callable, in_axes: Axes = 0, out_axes: Axes = 0) -> Callable:
    """As `vmap`, by calling `fun` once per example and stacking the results: slow, and for any `fun`.

    Args:
        fun: a function of one example.
        in_axes, out_axes: as for `vmap`.
    """
    _check_in_axes(in_axes)
    plan = Vmapped(fun, in_axes, out_axes, None, None)

    def each(*args: Any, **kwargs: Any) -> Any:
        axes, named = plan.axes_of(args, kwargs)
        size = plan.checked_size(args, axes, kwargs, named)
        results = []
        for i in range(size):
            one = [_example(x, a, i) for x, a in zip(args, axes, strict=True)]
            results.append(fun(*one, **{k: _example(v, named[k], i) for k, v in kwargs.items()}))
        return _stacked(results, out_axes)

    return each


def _example(x: Any, axes: Axes, i: int) -> Any:
    return _map_leaves(lambda leaf, axis: np.take(leaf, i, axis), x, axes)


def _stacked(results: list[Any], axes: Axes) -> Any:
    first = results[0]
    if isinstance(first, dict):
        return {
            k: _stacked([r[k] for r in results], axes[k] if isinstance(axes, dict) else axes)
            for k in first
        }
    if isinstance(first, (list, tuple)):
        of = axes if isinstance(axes, (list, tuple)) else [axes] * len(first)
        parts = [_stacked([r[i] for r in results], of[i]) for i in range(len(first))]
        return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)
    if first is None:
        return None
    return first if axes is None else np.stack(results, axes)


def _map_leaves(function: Callable, x: Any, axes: Axes) -> Any:
    if axes is None or x is None:
        return x
    if isinstance(x, dict):
        return {
            k: _map_leaves(function, v, axes[k] if isinstance(axes, dict) else axes)
            for k, v in x.items()
        }
    if isinstance(x, (list, tuple)):
        of = axes if isinstance(axes, (list, tuple)) else [axes] * len(x)
        parts = [_map_leaves(function, v, a) for v, a in zip(x, of, strict=True)]
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    if dataclasses.is_dataclass(x):
        fields = {f.name: getattr(x, f.name) for f in dataclasses.fields(x)}
        return dataclasses.replace(
            x, **{k: _map_leaves(function, v, axes) for k, v in fields.items()}
        )
    return function(x, axes)


def _check_in_axes(axes: Axes) -> None:
    if (axes is not None and not isinstance(axes, (int, tuple, list, dict))) or isinstance(
        axes, bool
    ):
        raise TypeError(
            "vmap in_axes must be an int, None, a tuple of entries for the positional arguments, or "
            f"a dict by parameter name, but got {axes!r}"
        )
    _check_tree(axes, "in_axes")


def _check_tree(axes: Axes, what: str) -> None:
    if isinstance(axes, dict):
        for part in axes.values():
            _check_tree(part, what)
    elif isinstance(axes, (tuple, list)):
        for part in axes:
            _check_tree(part, what)
    elif axes is not None and (isinstance(axes, bool) or not isinstance(axes, (int, np.integer))):
        raise TypeError(f"vmap {what} must hold ints and None, got {axes!r}")


class Vmapped(Transformed):
    """A batched function: callable, with source, generated at the first use."""

    def __init__(
        self, fun: Any, in_axes: Axes, out_axes: Axes, axis_name: Any, axis_size: int | None
    ) -> None:
        options = {"in_axes": in_axes, "out_axes": out_axes, "axis_size": axis_size,
                   "axis_name": axis_name}  # fmt: skip
        super().__init__(fun, "vmap", argnums=0, **options)
        self.in_axes, self.out_axes, self.axis_name = in_axes, out_axes, axis_name
        self.axis_size = axis_size
        self._by_arguments: dict[Any, Generated] = {}
        self._shown: Generated | None = None  # what ran last

    def learn(self, names: frozenset[str]) -> None:
        super().learn(names)
        self._shown = None
        if isinstance(self.fun, Transformed):
            self.fun.learn(names)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        on_arrays = not any(map(is_tensor, leaves((args, tuple(kwargs.values())))))
        generated = self.written_for(args, kwargs, compact=on_arrays and self.axis_name is None)
        target = generated.target
        renamed = {generated.renamed.get(k, k): v for k, v in kwargs.items()}
        result = generated.function(*target.leading, *args, **{**target.keywords, **renamed})
        return in_types_of_arguments(self.fun, result, args, kwargs, cast_like)

    @property
    def source(self) -> str:
        """The generated source; that of the last call, if there was one."""
        return self.shown.text

    @property
    def __wrapped__(self) -> Any:
        return self.shown.function

    @property
    def shown(self) -> Generated:
        """What a call on arrays runs."""
        if self._shown is None or not self._shown.is_current():
            self._shown = self.for_axes(None, compact=True)
        return self._shown

    def written_for(self, args: tuple, kwargs: dict[str, Any], compact: bool = False) -> Generated:
        """The source for the arguments of a call.

        Args:
            args, kwargs: the arguments.
            compact: whether loops go on with the examples that are not done, which is for arrays
                whose shapes may depend on the data: not for XLA, nor for derivatives.
        """
        axes, named = self.axes_of(args, kwargs)
        self.checked_size(args, axes, kwargs, named)
        values = tuple(
            self.told(described(x, a, name))
            for x, a, name in zip(args, axes, self.names(args), strict=True)
        )
        given = tuple((k, self.told(described(v, named[k], k))) for k, v in kwargs.items())
        key = (values, given, tuple(map(_hashable, axes)), _hashable(named))
        self._shown = self.generated(*key, compact)
        return self._shown

    def descriptions(self, args: tuple) -> tuple[Value, ...]:
        """What is known of the positional arguments of a call.

        Raises:
            ValueError: their sizes do not agree.
        """
        axes, _ = self.axes_of(args, {})
        self.checked_size(args, axes, {}, {})
        return tuple(
            self.told(described(x, a, name))
            for x, a, name in zip(args, axes, self.names(args), strict=True)
        )

    def told(self, value: Value) -> Value:
        """What is known of an argument; strings matter only if the axis has a name."""
        return value if self.axis_name is not None else without_texts(value)

    def names(self, args: tuple) -> list[str]:
        """Names of the positional arguments, for messages."""
        known = [p.name for p in _parameters(self.fun) or [] if p.kind in (
            p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]  # fmt: skip
        return [*known, *(f"argument {i}" for i in range(len(known), len(args)))][: len(args)]

    def axes_of(self, args: tuple, kwargs: dict[str, Any]) -> tuple[list[Axes], dict[str, Axes]]:
        """The axes of every positional argument, and of every keyword argument."""
        in_axes = self.in_axes
        if isinstance(in_axes, dict):
            names = self.names(args)
            known = {p.name for p in _parameters(self.fun) or []}
            for name in in_axes:
                if known and name not in known:
                    raise ValueError(
                        f"vmap in_axes names `{name}`, which is no parameter of `{self.title}`"
                    )
            return [in_axes.get(n) for n in names], {k: in_axes.get(k) for k in kwargs}
        if isinstance(in_axes, (tuple, list)):
            if len(in_axes) != len(args):
                raise ValueError(
                    "vmap in_axes must be an int, None, or a tuple of entries corresponding to the "
                    f"positional arguments passed to the function, but got len(in_axes)={len(in_axes)}, "
                    f"len(args)={len(args)}"
                )
            axes = list(in_axes)
        else:
            axes = [in_axes] * len(args)
        return axes, dict.fromkeys(kwargs, 0)

    @property
    def title(self) -> str:
        return getattr(self.fun, "__name__", "the function")

    def checked_size(self, args: Any, axes: Any, kwargs: Any, named: Any) -> int:
        """The number of examples; all arguments must agree on it."""
        found: list[tuple[str, int, int, tuple]] = []
        for x, of, name in zip(args, axes, self.names(args), strict=True):
            _sizes(x, of, name, found)
        for name, x in kwargs.items():
            _sizes(x, named[name], name, found)
        sizes = {size for _, size, _, _ in found}
        if self.axis_size is not None:
            sizes.add(self.axis_size)
        if not sizes:
            raise ValueError(
                "vmap must have at least one argument with a batch axis: in_axes has none, and "
                "axis_size is not given"
            )
        if len(sizes) > 1:
            lines = [
                f"  `{name}` has shape {shape}, and size {size} along axis {axis}"
                for name, size, axis, shape in found
            ]
            if self.axis_size is not None:
                lines.append(f"  axis_size is {self.axis_size}")
            raise ValueError(
                "vmap got inconsistent sizes for array axes to be mapped:\n" + "\n".join(lines)
            )
        return sizes.pop()

    def current(self, count: int | None = None) -> Generated:
        """The source for arguments of which nothing is known but `in_axes`."""
        if count is None and self._generated is not None and self._generated.is_current():
            return self._generated
        return self.for_axes(count)

    def for_axes(self, count: int | None, compact: bool = False) -> Generated:
        """The source for so many arguments, of which nothing but `in_axes` is known."""
        parameters = _parameters(self.fun)
        if count is None:
            positional = [
                p for p in parameters or []
                if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
            ]  # fmt: skip
            required = [p for p in positional if p.default is p.empty]
            count = len(required)
            if isinstance(self.in_axes, (tuple, list)):
                count = len(self.in_axes)
        axes, _ = self.axes_of((None,) * count, {})
        values = tuple(map(undescribed, axes))
        return self.generated(values, (), tuple(map(_hashable, axes)), (), compact)

    def for_arguments(self, arguments: tuple | None) -> Generated:
        return self.current() if arguments is None else self.written_for(arguments, {})

    def generated(
        self, values: Any, given: Any, axes: Any, named: Any, compact: bool = False
    ) -> Generated:
        """The source for arguments of these descriptions."""
        key = (values, given, axes, named, compact)
        found = self._by_arguments.get(key)
        if found is None or not found.is_current():
            found = self.written_anew(values, given, axes, named, compact)
            while (
                len(self._by_arguments) >= KEPT
            ):  # functions among the arguments may be new each time
                del self._by_arguments[next(iter(self._by_arguments))]
            self._by_arguments[key] = found
        if not compact:
            self._generated = found
        return found

    def written_anew(
        self, values: Any, given: Any, axes: Any, named: Any, compact: bool
    ) -> Generated:
        """The source; with masks, if the arrays of some examples alone cannot be told apart."""
        try:
            return self.write(values, given, axes, named, compact)
        except TransformError:
            if not compact:
                raise
            return self.generated(values, given, axes, named)

    def write(
        self, values: Any, given: Any, axes: Any, named: Any, compact: bool = False
    ) -> Generated:
        target = target_for(self.fun, values)

        def write(unit: Unit) -> Generated:
            source = read_source(target.function)
            if target.inner is not None:
                unit.dependencies.extend(target.inner.unit.dependencies)
            leading = [_shareable(describe(v)) for v in target.leading]
            keywords = {k: _shareable(describe(v)) for k, v in target.keywords.items()}
            renamed = {user: name for name, user in source.renamed.items()}
            keywords |= {renamed.get(k, k): v for k, v in given}
            env = bind_parameters(source, [*leading, *values], keywords)
            moves = moved(source, len(leading), axes, {renamed.get(k, k): a for k, a in named})
            entry = write_entry(
                unit, source, env, moves, self.out_axes, self.axis_size, self.axis_name, compact
            )
            drop_unused(unit, entry.name, {f.name for f in unit.functions})
            generated = Generated(unit, source, entry.name)
            generated.target, generated.renamed = target, renamed
            return generated

        with _lock:
            return write_unit(self.object_names, write)


def target_for(fun: Any, values: Any) -> Target:
    """The function behind a callable, written for arguments of these descriptions."""
    from redraft.transpile.jacobian import Jacobian

    arrays = all(isinstance(v, Array) for v in values)
    if isinstance(fun, Vmapped) and arrays:
        axes, _ = fun.axes_of((None,) * len(values), {})
        if all(a is None or isinstance(a, int) for a in axes):
            inner = tuple(_one(v, a is not None) for v, a in zip(values, axes, strict=True))
            return _target(fun.generated(inner, (), tuple(axes), ()))
    if isinstance(fun, Gradient):
        return _target(_gradient(fun, values))
    if isinstance(fun, Jacobian):
        return _target(fun.for_values(tuple(map(single, values))))
    return target_of(fun, len(values))


def _gradient(fun: Gradient, values: Any) -> Generated:
    """The gradient to batch, for arguments of known ranks: its source is plainer."""
    ranks = tuple(getattr(v, "rank", None) for v in values)
    found = fun._by_argnums.get(("ranks", ranks))
    if found is None or not found.is_current():
        options = {k: fun.options[k] for k in ("has_aux", "holomorphic")}
        argnums = fun._absolute(len(values)) if fun.relative else fun.options["argnums"]
        found = generate(
            fun.fun, fun.redraft_kind, argnums, **options, objects=fun.object_names, ranks=ranks
        )
        fun._by_argnums["ranks", ranks] = found
    return found


def _target(generated: Generated) -> Target:
    known = generated.target
    return Target(generated.function, known.leading, known.keywords, generated)


def _one(value: Array, batched: bool) -> Array:
    """An argument of an inner `vmap`, from what the outer one knows of it."""
    if not batched:
        return Array(False, value.rank)
    return Array(True, None if value.rank is None else value.rank - 1)


def _hashable(axes: Any) -> Any:
    if isinstance(axes, dict):
        return tuple((k, _hashable(v)) for k, v in axes.items())
    return tuple(map(_hashable, axes)) if isinstance(axes, list) else axes


def _shareable(value: Value) -> Value:
    return value


def described(x: Any, axes: Axes, name: str) -> Value:
    """The description of an argument; a function is what it is, so that its batch can be written."""
    if axes is None:
        return Known(x) if is_function(x) else describe(x)
    if hasattr(x, "shape"):
        return Array(True, len(x.shape) - 1)
    if x is None:
        return Nothing()
    if isinstance(x, dict):
        parts = _axes_for(axes, x, name)
        values = tuple(
            described(v, a, f"{name}[{k!r}]") for (k, v), a in zip(x.items(), parts, strict=True)
        )
        return Items("dict", tuple(x), values)
    if isinstance(x, (list, tuple)):
        parts = _axes_for(axes, x, name)
        values = tuple(
            described(v, a, f"{name}[{i}]") for i, (v, a) in enumerate(zip(x, parts, strict=True))
        )
        if hasattr(x, "_fields"):
            return Items("object", tuple(x._fields), values)
        return Items("tuple" if isinstance(x, tuple) else "list", tuple(range(len(x))), values)
    if dataclasses.is_dataclass(x):
        fields = [f.name for f in dataclasses.fields(x)]
        values = tuple(described(getattr(x, f), axes, f"{name}.{f}") for f in fields)
        return Items("object", tuple(fields), values)
    raise TypeError(
        f"vmap: `{name}` is {type(x).__name__}, which has no batch axis; use None in in_axes"
    )


def is_function(x: Any) -> bool:
    """Is this a function to call, and no object that may be called, too?"""
    ours = hasattr(x, "redraft_kind") or getattr(type(x), "redraft_identity", False)
    return ours or isinstance(x, (types.FunctionType, functools.partial)) or row_of(x) is not None


def _axes_for(axes: Axes, x: Any, name: str) -> list[Axes]:
    """One entry of axes per part of a container."""
    if axes is None or isinstance(axes, int):
        return [axes] * len(x)
    same = (isinstance(axes, dict) and isinstance(x, dict) and axes.keys() == x.keys()) or (
        isinstance(axes, (tuple, list)) and isinstance(x, (tuple, list)) and len(axes) == len(x)
    )
    if not same:
        raise ValueError(
            f"vmap in_axes specification must be a tree prefix of the corresponding value, got {axes!r} "
            f"for `{name}`, a {type(x).__name__} of {len(x)}"
        )
    return [axes[k] for k in x] if isinstance(x, dict) else list(axes)


def _sizes(x: Any, axes: Axes, name: str, found: list[Any]) -> None:
    """Sizes along the batch axes of all leaves of an argument."""
    if axes is None or x is None:
        return
    if isinstance(x, dict):
        for (key, part), of in zip(x.items(), _axes_for(axes, x, name), strict=True):
            _sizes(part, of, f"{name}[{key!r}]", found)
    elif isinstance(x, (list, tuple)):
        for i, (part, of) in enumerate(zip(x, _axes_for(axes, x, name), strict=True)):
            _sizes(part, of, f"{name}[{i}]", found)
    elif dataclasses.is_dataclass(x) and not isinstance(x, type):
        for field in dataclasses.fields(x):
            _sizes(getattr(x, field.name), axes, f"{name}.{field.name}", found)
    elif isinstance(axes, (tuple, list, dict)):
        raise ValueError(
            f"vmap in_axes specification must be a tree prefix of the corresponding value, got {axes!r} "
            f"for `{name}`, an array or number"
        )
    else:
        shape = tuple(x.shape) if hasattr(x, "shape") else np.shape(x)
        if not shape and not isinstance(x, (np.ndarray, np.generic, int, float, complex)):
            raise TypeError(
                f"vmap: `{name}` is {type(x).__name__}, which has no batch axis; use None in in_axes"
            )
        if not -len(shape) <= axes < len(shape):
            raise ValueError(
                f"vmap was requested to map `{name}` along axis {axes}, which implies that its rank "
                f"should be at least {axes + 1 if axes >= 0 else -axes}, but it is {len(shape)} "
                f"(its shape is {shape})"
            )
        if shape[axes] is not None:  # (a tensor's size may not be known)
            found.append((name, shape[axes], axes, shape))


def undescribed(axes: Axes) -> Value:
    """The description of an argument of which only the axes are known: an array."""
    if axes is None:
        return PLAIN
    if isinstance(axes, dict):
        return Items("dict", tuple(axes), tuple(map(undescribed, axes.values())))
    if isinstance(axes, (tuple, list)):
        kind = "tuple" if isinstance(axes, tuple) else "list"
        return Items(kind, tuple(range(len(axes))), tuple(map(undescribed, axes)))
    return BATCHED


def bind_parameters(
    source: Source, values: list[Value], named: dict[str, Value]
) -> dict[str, Value]:
    """Descriptions by parameter, from those of the arguments of a call.

    Raises:
        TypeError: the arguments do not fit the parameters.
    """
    arguments = source.node.args
    positional = [a.id for a in (*arguments.posonlyargs, *arguments.args)]
    env: dict[str, Value] = dict(zip(positional, values, strict=False))
    title = core.base(source.name)
    if arguments.vararg is not None:
        rest = tuple(values[len(positional) :])
        env[arguments.vararg.id] = Items("tuple", tuple(range(len(rest))), rest)
    elif len(values) > len(positional):
        raise TypeError(
            f"`{title}` takes {len(positional)} positional arguments but {len(values)} were given"
        )
    keywords = {a.id for a in (*arguments.args, *arguments.kwonlyargs)}
    extra = {}
    for name, value in named.items():
        if name in keywords and name not in env:
            env[name] = value
        elif arguments.kwarg is not None and name not in env:
            extra[name] = value
        else:
            raise TypeError(f"`{title}` got an unexpected or repeated argument `{name}`")
    if arguments.kwarg is not None:
        env[arguments.kwarg.id] = Items("dict", tuple(extra), tuple(extra.values()))
    defaults = dict(zip(reversed(positional), reversed(arguments.defaults), strict=False))
    defaults |= {
        a.id: d
        for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if d is not None
    }
    for name in [*positional, *(a.id for a in arguments.kwonlyargs)]:
        if name not in env:
            if name not in defaults:
                raise TypeError(f"`{title}` misses the argument `{name}`")
            env[name] = _default(source, defaults[name])
    return env


def _default(source: Source, node: Any) -> Value:
    if isinstance(node, gast.Name) and node.id in source.extras:
        value = source.extras[node.id]
        return Known(value) if callable(value) else describe(value)
    return describe(node.value) if isinstance(node, gast.Constant) else PLAIN


def moved(source: Source, skip: int, axes: Any, named: dict[str, Axes]) -> dict[str, Axes]:
    """Parameters whose batch axes are not all in front, and their axes."""
    arguments = source.node.args
    positional = [a.id for a in (*arguments.posonlyargs, *arguments.args)][skip:]
    found = dict(zip(positional, axes, strict=False))
    if arguments.vararg is not None and len(axes) > len(positional):
        found[arguments.vararg.id] = tuple(axes[len(positional) :])
    return {**found, **named}


def write_entry(
    unit: Unit, source: Source, env: dict[str, Value], moves: dict[str, Axes], out_axes: Axes,
    axis_size: int | None, axis_name: str | None = None, compact: bool = False,
) -> Source:  # fmt: skip
    """Write the batched function that is called: with the batch axes where the caller has them."""
    name = unit.name_function(f"{core.base(source.name)}_vmap")
    names, count = set(unit.names), len(unit.functions)
    batches = Batches(unit, axis_name, compact=compact)
    env = batches.described(env)
    batcher = Batcher(batches, source, env)
    body = batcher.function()
    if batches.need_copies:
        unit.names, unit.functions[count:] = names, []
        batches = Batches(unit, axis_name, compact=compact, copies=True)
        batcher = Batcher(batches, source, env)
        body = batcher.function()
    returned = body[-1]
    returned.value = Outgoing(batcher).placed(
        returned.value, batcher.result, out_axes, "the result"
    )
    lines = []
    for parameter, axes in moves.items():
        if parameter not in env:  # among ``**keywords``
            if axes not in (0, None):
                raise ValueError(f"vmap in_axes: `{parameter}` must have its batch axis in front")
            continue
        node = incoming(core.name(parameter), env[parameter], axes)
        if node is not None:
            lines.append(core.assign(parameter, node))
    if axis_size is not None and not any(map(is_batched, env.values())):
        batcher.size_used and lines.append(
            core.assign(batcher.size_name, core.constant(int(axis_size)))
        )
    else:
        batcher.finish_returned(body)
    known = batcher.start.items()
    unknown = [n for n, v in known if isinstance(v, Array) and v.batched and v.rank is None]
    if unknown:  # nobody has seen the arguments
        lines.insert(0, gast.Expr(core.call("rt.only_arrays", *map(core.name, unknown))))
    body[:0] = lines
    fold_answer(body)
    shown = [n for n, v in env.items() if is_batched(v)]
    entry = add_function(unit, source, name, source.node.args, body, shown)
    drop_unused(unit, name, {version.name for version in batches.versions.values()})
    return entry


def write_batched_source(unit: Unit, source: Source, options: dict[str, Any]) -> Source:
    """Write the batched form of a source that is called inside another transformed function."""
    in_axes = options.get("in_axes", 0)
    arguments = source.node.args
    own = [a.id for a in (*arguments.posonlyargs, *arguments.args)][len(source.captured) :]
    count = options.get("count")
    if isinstance(in_axes, dict):
        axes = [in_axes.get(source.renamed.get(n, n)) for n in own]
    elif isinstance(in_axes, (tuple, list)):
        axes = list(in_axes)
    else:
        axes = [in_axes] * (len(own) - len(arguments.defaults) if count is None else count)
    values = [*(PLAIN for _ in source.captured), *(options.get("values") or map(undescribed, axes))]
    missing = len(own) - len(arguments.defaults) - (len(values) - len(source.captured))
    values += [PLAIN] * missing  # of a partial, which passes them by name
    try:
        env = bind_parameters(source, values, {})
    except TypeError as error:
        raise TransformError(f"vmap: {error}", None, "check in_axes") from None
    moves = moved(source, len(source.captured), axes, {})
    try:
        return write_entry(
            unit, source, env, moves, options.get("out_axes", 0), options.get("axis_size"),
            options.get("axis_name"),
        )  # fmt: skip
    except TransformError as error:
        error.of_batch = "values" not in options
        raise


def drop_unused(unit: Unit, entry: str, among: set[str]) -> None:
    """Remove functions that nothing calls: of earlier rounds, or of which only the batch is used."""
    by_name = {f.name: f for f in unit.functions}
    wanted, todo = set(), [entry]
    while todo:
        name = todo.pop()
        if name in wanted or name not in by_name:
            continue
        wanted.add(name)
        todo += {n.id for s in by_name[name].body for n in core.walk(s) if isinstance(n, gast.Name)}
    unit.functions[:] = [f for f in unit.functions if f.name in wanted or f.name not in among]


def incoming(node: gast.expr, value: Value, axes: Axes) -> gast.expr | None:
    """An argument with its batch axes in front; None if they are."""
    if axes is None or axes == 0 or not is_batched(value):
        return None
    if isinstance(value, Array):
        return core.call("np.moveaxis", node, core.constant(int(axes)), core.constant(0))
    if isinstance(value, Items):
        if isinstance(axes, dict):
            of = [axes[k] for k in value.keys]
        elif isinstance(axes, (tuple, list)):
            of = [dict(axes).get(k) if value.kind == "dict" else None for k in value.keys]
            of = of if value.kind == "dict" else list(axes)
        else:
            of = [axes] * len(value.keys)
        parts, changed = [], False
        for i, key in enumerate(value.keys):
            part = part_at(core.copy(node), i, key)
            new = incoming(core.copy(part), value.parts[i], of[i])
            changed |= new is not None
            parts.append(part if new is None else new)
        if changed and value.kind == "object":
            raise TransformError(
                "the batch axis of an object's fields must be their first one", None,
                "move the axes before the call",
            )  # fmt: skip
        return display_of(value, parts) if changed else None
    return None


class Outgoing:
    """Puts the batch axes of the result where `out_axes` wants them."""

    def __init__(self, batcher: Batcher) -> None:
        self.batcher = batcher

    def placed(self, node: gast.expr, value: Value, axes: Axes, what: str) -> gast.expr:
        new = self.changed(node, value, axes, what)
        return node if new is None else new

    def changed(self, node: gast.expr, value: Value, axes: Axes, what: str) -> gast.expr | None:
        """The node with its axes in place; None if they are."""
        if isinstance(value, Nothing):
            return None
        if isinstance(value, (Closure, Known)):
            raise TransformError(
                f"{what} of a function under vmap is a function", None, "return arrays"
            )
        if isinstance(axes, (tuple, list, dict)):
            if not isinstance(value, Items):
                if isinstance(value, Many):
                    raise ValueError(
                        "vmap out_axes: the length of the result is not known; use one int"
                    )
                raise ValueError(
                    f"vmap out_axes specification must be a tree prefix of the result, got {axes!r} for "
                    f"{what}, which is an array or number"
                )
        if isinstance(value, Array):
            return self.array(node, value, axes, what)
        if isinstance(value, Items):
            return self.container(node, value, axes, what)
        if isinstance(value, Entries):
            raise TransformError(
                f"{what} of a function under vmap is a list that is longer for some examples", None,
                "return what is computed from it, or an array with `np.nan` for what is missing",
            )  # fmt: skip
        part = self.changed(core.name("part"), value.part, axes, what)
        if part is None:
            return None
        if value.kind == "dict":
            raise TransformError("a dict of unknown keys has its batch axes moved", None, "use 0")
        return gast.ListComp(part, [gast.comprehension(core.store("part"), node, [], 0)])

    def array(self, node: gast.expr, value: Array, axes: Axes, what: str) -> gast.expr | None:
        if not value.batched:
            if axes is None:
                return None
            node = self.batcher.for_each(node)
            return node if axes == 0 else self.moved(node, axes)
        if axes is None:
            raise ValueError(
                f"vmap has a mapped result but out_axes is None: {what} differs from example to example"
            )
        return None if axes == 0 else self.moved(node, axes)

    def moved(self, node: gast.expr, axis: int) -> gast.expr:
        return core.call("np.moveaxis", node, core.constant(0), core.constant(int(axis)))

    def container(self, node: gast.expr, value: Items, axes: Axes, what: str) -> gast.expr | None:
        of = self.axes_of_parts(value, axes, what)
        display = isinstance(node, (gast.Tuple, gast.List, gast.Dict))
        owner = node if display or core.is_name(node) else core.name(self.batcher.free("ans"))
        parts, any_new = [], False
        for i, key in enumerate(value.keys):
            part = part_at(core.copy(owner), i, key)
            if value.kind == "object":
                part = gast.Attribute(core.copy(owner), key, gast.Load())
            new = self.changed(core.copy(part), value.parts[i], of[i], f"part {key!r} of {what}")
            any_new |= new is not None
            parts.append(part if new is None else new)
        if not any_new:
            return None
        if value.kind == "object":
            raise TransformError(
                "an object with fields that are not batched is the result", None, "return a dict"
            )
        if owner is not node:
            value_node = gast.NamedExpr(core.store(owner.id), node)
            first = part_at(owner, 0, value.keys[0])
            for part in core.walk(parts[0]):
                if core.same(part, first):
                    part.value = value_node
                    break
        return display_of(value, parts)

    def axes_of_parts(self, value: Items, axes: Axes, what: str) -> list[Axes]:
        if axes is None or isinstance(axes, (int, np.integer)):
            return [axes] * len(value.keys)
        if isinstance(axes, dict) and value.kind == "dict" and set(axes) == set(value.keys):
            return [axes[k] for k in value.keys]
        if (
            isinstance(axes, (tuple, list))
            and value.kind != "dict"
            and len(axes) == len(value.keys)
        ):
            return list(axes)
        raise ValueError(
            f"vmap out_axes specification must be a tree prefix of the result, got {axes!r} for {what}, "
            f"a {value.kind} of {len(value.keys)}"
        )


__all__ = ["Many", "Vmapped", "bind_parameters", "vmap", "vmap_by_loop"]
