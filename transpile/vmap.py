"""`vmap`: the batched version of a function, as source.

Arguments become descriptions (which parts have a batch axis, and the ranks), a description becomes
source (transforms/batch.py), once for all calls with the same description.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from redraft.runtime.shapes import cast_like
from redraft.runtime.tensors import is_tensor
from redraft.runtime.tree import leaves
from redraft.transpile.analysis.batched import (
    Array,
    FunctionWithData,
    Items,
    Value,
    describe,
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
from redraft.transpile.batched_arguments import (
    Axes,
    bind_parameters,
    described,
    hashable,
    moved,
    note_sizes,
    shareable,
    undescribed,
)
from redraft.transpile.batched_gradients import in_types_of_arguments
from redraft.transpile.errors import TransformError
from redraft.transpile.front.source import read_source
from redraft.transpile.function import Unit, write_unit
from redraft.transpile.function_values import is_function_value, iter_leaves, residuals_of
from redraft.transpile.transforms.batch_entry import drop_unused, write_entry

KEPT = 64  # sources of one batched function, for different kinds of arguments


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
    if hasattr(fun, "batched_on_devices"):  # the devices stay outside, each gets a batch
        return fun.batched_on_devices(in_axes, out_axes, axis_name, axis_size)
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
    known = axes is None or isinstance(axes, (int, tuple, list, dict)) or is_function_value(axes)
    if not known or isinstance(axes, bool):
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
    elif is_function_value(axes):
        for part in iter_leaves(residuals_of(axes)):
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
        key = (values, given, tuple(map(hashable, axes)), hashable(named))
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
            note_sizes(x, of, name, found)
        for name, x in kwargs.items():
            note_sizes(x, named[name], name, found)
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
        return self.generated(values, (), tuple(map(hashable, axes)), (), compact)

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
            leading = [shareable(describe(v)) for v in target.leading]
            keywords = {k: shareable(describe(v)) for k, v in target.keywords.items()}
            renamed = {user: name for name, user in source.renamed.items()}
            keywords |= {renamed.get(k, k): v for k, v in given}
            env = bind_parameters(source, [*leading, *values], keywords)
            moves = moved(source, len(leading), axes, {renamed.get(k, k): a for k, a in named})
            entry = write_entry(
                unit, source, env, moves, self.out_axes, self.axis_size, self.axis_name, compact
            )
            drop_unused(unit, entry.name, {f.name for f in unit.functions})
            generated = Generated(unit, source, entry.name)
            generated.function.redraft_batched = entry.batched
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
    if isinstance(fun, Vmapped) and any(isinstance(v, FunctionWithData) for v in values):
        axes, _ = fun.axes_of((None,) * len(values), {})
        inner = tuple(_inside(v, a is not None) for v, a in zip(values, axes, strict=True))
        return _target(fun.generated(inner, (), tuple(map(hashable, axes)), ()))
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


def _inside(value: Value, batched: bool) -> Value:
    """As `_one`, with what is known of function values and their residuals."""
    if isinstance(value, Items):
        return dataclasses.replace(value, parts=tuple(_inside(v, batched) for v in value.parts))
    if not isinstance(value, Array) or value.rank == 0:  # (a length or an axis among residuals)
        return value
    return _one(value, batched)


def _one(value: Array, batched: bool) -> Array:
    """An argument of an inner `vmap`, from what the outer one knows of it."""
    if not batched:
        return Array(False, value.rank)
    return Array(True, None if value.rank is None else value.rank - 1)


__all__ = ["Vmapped", "vmap", "vmap_by_loop"]
