"""Helpers of generated code that depend on shapes: undo broadcasting, reductions and joins.

Every helper takes the cotangent first and the primal whose shape it must get after it. Helpers
never write into their arguments; a result may share memory with the cotangent.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from redraft.runtime.refusals import refusal

SCALARS = frozenset((float, int, np.float64))


def unbroadcast(x_bar: Any, x: Any) -> Any:
    """Sum a cotangent over the axes along which `x` was broadcast, and give it `x`'s precision."""
    try:  # the common cases first: this stands in inner loops
        given, shape = x_bar.shape, x.shape
        if x_bar.dtype is x.dtype:
            if given == shape:
                return x_bar
            if given[1:] == shape:
                return np.add.reduce(x_bar, 0)
    except AttributeError:  # a Python number on one side
        if x.__class__ is float:
            if x_bar.__class__ in SCALARS:
                return x_bar
            if x_bar.__class__ is np.ndarray and x_bar.dtype.kind == "f":
                return np.add.reduce(x_bar, None)
    shape = np.shape(x)
    extra = np.ndim(x_bar) - len(shape)
    if extra > 0:
        x_bar = np.add.reduce(x_bar, tuple(range(extra)))
    if shape != np.shape(x_bar):
        stretched = [i for i, n in enumerate(shape) if n == 1 and x_bar.shape[i] != 1]
        x_bar = np.add.reduce(x_bar, tuple(stretched), keepdims=True)
    return cast_like(x_bar, x)


def cast_like(x_bar: Any, x: Any) -> Any:
    """Give a cotangent the floating type of its primal; a real primal takes the real part.

    Integer primals leave it as it is: cotangents are floating point everywhere.
    """
    try:
        wanted = x.dtype
    except AttributeError:
        wanted = None
    if wanted is None or wanted.kind not in "fc":
        if np.iscomplexobj(x_bar) and not np.iscomplexobj(x):
            return np.real(x_bar)
        return x_bar
    given = getattr(x_bar, "dtype", None)
    if given is None or given is wanted:
        return np.real(x_bar) if isinstance(x_bar, complex) and wanted.kind == "f" else x_bar
    if given.kind == "c" and wanted.kind == "f":
        x_bar = np.real(x_bar)
    return x_bar.astype(wanted, copy=False) if x_bar.ndim else wanted.type(x_bar)


def broadcast_like(x_dot: Any, ans: Any) -> Any:
    """Give a tangent the shape of the result that it belongs to."""
    shape = np.shape(ans)
    return x_dot if np.shape(x_dot) == shape else np.broadcast_to(x_dot, shape)


def if_float(ans_bar: Any, ans: Any) -> Any:
    """Return a cotangent of a floating point result; for an integer or bool, zeros."""
    kind = np.result_type(ans).kind
    if kind == "f" and np.iscomplexobj(ans_bar):
        return np.real(ans_bar)
    return ans_bar if kind in "fc" else np.zeros(np.shape(ans_bar))


def astype_dot(x_dot: Any, ans: Any) -> Any:
    """Tangent of a change of type: `x_dot` in the new type; zeros if that has no tangents."""
    kind = np.result_type(ans)
    return np.asarray(x_dot, kind) if kind.kind in "fc" else np.zeros(np.shape(x_dot))


def fractions(ans: Any, num: int = 50, endpoint: bool = True) -> Any:
    """Where the elements of ``np.linspace`` stand between its ends, ready to multiply them."""
    steps = np.linspace(0.0, 1.0, num, endpoint).astype(np.result_type(ans))
    return np.reshape(steps, (num,) + (1,) * (np.ndim(ans) - 1))


def normal_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """Axes of a reduction as a tuple of numbers from zero up."""
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    return tuple(int(a) % ndim if ndim else 0 for a in axes)


def unreduce(ans_bar: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Spread the cotangent of a reduction over the elements that were reduced."""
    if axis is None:
        return np.full_like(x, ans_bar)
    if not keepdims and np.ndim(x):
        ans_bar = expand(ans_bar, axis)
    return cast_like(np.broadcast_to(ans_bar, np.shape(x)), x)


def expand(x: Any, axis: Any) -> Any:
    """``np.expand_dims(x, axis)``, by an index in the common case, which is faster."""
    if axis.__class__ is int and x.__class__ is np.ndarray:
        if axis < 0:
            return x[(..., None) + (slice(None),) * (-axis - 1)]
        return x[(slice(None),) * axis + (None,)]
    return np.expand_dims(x, axis)


def count(x: Any, axis: Any = None) -> int:
    """How many elements a reduction along `axis` takes together."""
    shape, total = np.shape(x), 1
    for a in normal_axes(axis, len(shape)) if shape else ():
        total *= shape[a]
    return total


def like_sequence(parts: list, arrays: Any) -> Any:
    """Cotangents of a sequence: an array if the sequence is an array, else a list."""
    return np.stack(parts) if isinstance(arrays, np.ndarray) and len(parts) else parts


def filled(bars: Any, arrays: Any) -> Any:
    """Cotangents of a sequence with zeros in place of None."""
    if isinstance(bars, np.ndarray):
        return bars
    pairs = zip(bars, arrays, strict=True)
    return [np.zeros_like(a) if bar is None else bar for bar, a in pairs]


def unconcatenate(ans_bar: Any, arrays: Any, axis: int | None = 0) -> Any:
    """Cut the cotangent of a concatenation into those of its parts."""
    parts, start = [], 0
    for a in arrays:
        if axis is None:
            stop = start + np.size(a)
            part = np.reshape(ans_bar[start:stop], np.shape(a))
        else:
            stop = start + np.shape(a)[axis]
            cut = (slice(None),) * (axis % np.ndim(a)) + (slice(start, stop),)
            part = ans_bar[cut]
        parts.append(cast_like(part, a))
        start = stop
    return like_sequence(parts, arrays)


def unjoin(ans_bar: Any, arrays: Any, joined: str) -> Any:
    """Cut the cotangent of ``np.vstack``, ``hstack``, ``dstack`` or ``column_stack``."""
    as_wide = {"vstack": np.atleast_2d, "hstack": np.atleast_1d, "dstack": np.atleast_3d}
    if joined == "column_stack":
        wide = [np.reshape(a, (np.size(a), 1)) if np.ndim(a) < 2 else a for a in arrays]
    else:
        wide = [as_wide[joined](a) for a in arrays]
    axis = {"vstack": 0, "dstack": 2}.get(joined, min(1, np.ndim(ans_bar) - 1))
    parts = unconcatenate(ans_bar, wide, axis)
    back = [np.reshape(part, np.shape(a)) for part, a in zip(parts, arrays, strict=True)]
    return like_sequence(back, arrays)


def unstack(ans_bar: Any, arrays: Any, axis: int = 0) -> Any:
    """Cut the cotangent of a stack into those of its layers."""
    layers = np.moveaxis(ans_bar, axis, 0) if axis else ans_bar
    if isinstance(arrays, np.ndarray):
        return layers
    return [cast_like(layer, a) for layer, a in zip(layers, arrays, strict=True)]


def unstack_like(ans_bar: Any, x: Any) -> Any:
    """Give the cotangent of ``np.array(x)`` the nesting of the lists and tuples in `x`."""
    if isinstance(x, (list, tuple)):
        return [unstack_like(part, inner) for part, inner in zip(ans_bar, x, strict=True)]
    return cast_like(ans_bar, x)


def stack_like(bars: Any, x: Any) -> Any:
    """Make one array of cotangents nested like `x`, with zeros in place of None."""
    if bars is None:
        return np.zeros(np.shape(x))
    if isinstance(x, (list, tuple)) and isinstance(bars, (list, tuple)):
        if not x:
            return np.zeros(0)
        return np.stack([stack_like(bar, inner) for bar, inner in zip(bars, x, strict=True)])
    return np.asarray(bars)


def untile(ans_bar: Any, x: Any, reps: Any) -> Any:
    """Sum the cotangent of ``np.tile(x, reps)`` over the copies."""
    reps = tuple(reps) if np.iterable(reps) else (reps,)
    shape = np.shape(x)
    ndim = max(len(reps), len(shape))
    reps = (1,) * (ndim - len(reps)) + reps
    wide = (1,) * (ndim - len(shape)) + shape
    split = tuple(n for pair in zip(reps, wide, strict=True) for n in pair)
    copies = np.reshape(ans_bar, split)
    return np.reshape(np.sum(copies, axis=tuple(range(0, 2 * ndim, 2))), shape)


def unrepeat(ans_bar: Any, x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Sum the cotangent of ``np.repeat(x, repeats, axis)`` over the copies."""
    shape = np.shape(x) if axis is not None else (np.size(x),)
    along = axis or 0
    owner = np.repeat(np.arange(shape[along]), repeats)
    result = np.zeros(shape, np.result_type(ans_bar))
    np.add.at(np.moveaxis(result, along, 0), owner, np.moveaxis(ans_bar, along, 0))
    return np.reshape(result, np.shape(x))


def unpad(ans_bar: Any, x: Any, pad_width: Any, mode: str = "constant") -> Any:
    """Cotangent of ``np.pad``: the middle, and what the margin was copied from."""
    shape = np.shape(x)
    if mode == "constant":
        widths = np.broadcast_to(pad_width, (len(shape), 2)).tolist()
        cut = tuple(slice(w[0], w[0] + n) for w, n in zip(widths, shape, strict=True))
        return ans_bar[cut]
    if mode not in ("edge", "reflect", "symmetric", "wrap"):
        raise refusal(
            f"np.pad: mode {mode!r} has no rule", "concatenate the parts with np.concatenate"
        )
    source = np.pad(np.arange(np.size(x)).reshape(shape), pad_width, mode)
    result = np.zeros(np.size(x), np.result_type(ans_bar))
    np.add.at(result, source.ravel(), np.ravel(ans_bar))
    return np.reshape(result, shape)


def untranspose(ans_bar: Any, axes: Any = None) -> Any:
    """Cotangent of ``np.transpose(x, axes)``."""
    if axes is None:
        return np.transpose(ans_bar)
    axes = (axes,) if isinstance(axes, int) else tuple(axes)
    return np.transpose(ans_bar, np.argsort([a % len(axes) for a in axes]))


def unsum(ans_bar: Any, values: Any) -> Any:
    """Cotangents of what the builtin ``sum`` adds: the elements of a sequence or the rows."""
    if isinstance(values, np.ndarray):
        return cast_like(np.broadcast_to(ans_bar, values.shape), values)
    return [unbroadcast(ans_bar, value) for value in values]


_fitting: set[tuple] = set()  # shapes that have passed a check


def _shape(x: Any) -> tuple[int, ...]:
    if x.__class__ is np.ndarray:
        return x.shape
    return () if x.__class__ is float else np.shape(x)


def check_shapes(spec: str, *values: Any) -> None:
    """Check that values have the shapes that their annotations promise.

    Args:
        spec: names and axes of the values, ``"x: n d; y: n"``; an axis is a number, a name that
            means the same number everywhere, or ``_`` for any; ``()`` for a number.
        values: arrays and numbers, in the order of `spec`.

    Raises:
        ValueError: a value has another shape.
    """
    shapes = (spec, *map(_shape, values))
    if shapes in _fitting:
        return
    sizes: dict[str, tuple[int, str]] = {}
    for entry, shape in zip(spec.split(";"), shapes[1:], strict=True):
        name, _, text = entry.strip().partition(": ")
        axes = text.split() if text != "()" else []
        if len(axes) != len(shape):
            raise ValueError(f"`{name}` is annotated with the axes `{text}`, and has shape {shape}")
        for axis, size in zip(axes, shape, strict=True):
            wanted, by = (
                (int(axis), name) if axis.isdigit() else sizes.setdefault(axis, (size, name))
            )
            if axis != "_" and size != wanted:
                known = "" if by == name else f" where {axis} is {wanted} by `{by}`"
                raise ValueError(
                    f"`{name}` is annotated with the axes `{text}`{known}, and has shape {shape}"
                )
    if len(_fitting) > 1000:
        _fitting.clear()
    _fitting.add(shapes)
