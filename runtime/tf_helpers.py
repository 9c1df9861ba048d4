"""The helpers of generated code (`redraft.runtime`) on tensors, in the order of their modules.

Cotangents obey the same conventions as on arrays: a Python number is a cotangent of any precision, an
integer has floating cotangents, and a helper never changes its arguments.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf

from redraft.runtime import numpy as rnp
from redraft.runtime import tf_sparse
from redraft.runtime.einsum_labels import explicit
from redraft.runtime.growing import Growing
from redraft.runtime.sparse import is_sparse
from redraft.runtime.tensors import is_tensor
from redraft.runtime.tf_arrays import (
    WIDER,
    axis_numbers,
    broadcast_to,
    cast,
    dtype_of,
    float_type,
    is_complex,
    is_floating,
    is_one,
    is_python_number,
    kind_of,
    lengths_of,
    ndim,
    number,
    reshape,
    result_type,
    rows_of,
    same_shape,
    shape,
    tensor,
)
from redraft.runtime.tf_indexing import bounded
from redraft.runtime.tf_jit import listed_rows
from redraft.runtime.tf_shapes import (
    cut,
    diagonal,
    expand_dims,
    full,
    laid_on_diagonal,
    moveaxis,
    stack,
)

# Shapes


def unbroadcast(x_bar: Any, x: Any) -> Any:
    """Sum a cotangent over the axes along which `x` was broadcast."""
    if is_python_number(x_bar):
        return x_bar if ndim(x) == 0 else full(shape(x), x_bar, float_type(x))
    lengths, x_bar = shape(x), tensor(x_bar)
    extra = ndim(x_bar) - len(lengths)
    if extra > 0:
        x_bar = tf.reduce_sum(x_bar, list(range(extra)))
    stretched = [i for i, n in enumerate(lengths) if is_one(n) and not is_one(shape(x_bar)[i])]
    if stretched:
        x_bar = tf.reduce_sum(x_bar, stretched, keepdims=True)
    return cast_like(x_bar, x)


def cast_like(x_bar: Any, x: Any) -> Any:
    """Give a cotangent the floating type of its primal; integers leave it as it is."""
    kind = kind_of(x)
    if isinstance(kind, type) or kind.kind not in "fcV":
        is_real = kind is not complex and not is_complex(x)
        return rnp.real(x_bar) if is_complex(x_bar) and is_real else x_bar
    if not is_tensor(x_bar) and is_python_number(x_bar):
        return x_bar.real if isinstance(x_bar, complex) and kind.kind == "f" else x_bar
    return cast(tensor(x_bar), kind)


def broadcast_like(x_dot: Any, ans: Any) -> Any:
    """Give a tangent the shape of the result that it belongs to."""
    return broadcast_to(x_dot, shape(ans))


def if_float(ans_bar: Any, ans: Any) -> Any:
    """Return a cotangent of a floating point result; for an integer or bool, zeros."""
    return ans_bar if is_floating(ans) else full(shape(ans_bar), 0.0)


def astype_dot(x_dot: Any, ans: Any) -> Any:
    """Tangent of a change of type."""
    return tensor(x_dot, dtype_of(ans)) if is_floating(ans) else full(shape(x_dot), 0.0)


def fractions(ans: Any, num: int, endpoint: bool) -> Any:
    """Where the elements of ``np.linspace`` stand between its ends, ready to multiply them."""
    steps = np.linspace(0.0, 1.0, num, endpoint).astype(dtype_of(ans))
    return np.reshape(steps, (num,) + (1,) * (ndim(ans) - 1))


def unreduce(ans_bar: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Spread the cotangent of a reduction over the elements that were reduced."""
    if axis is None:
        return full(shape(x), ans_bar, dtype_of(x))
    if not keepdims and ndim(x):
        ans_bar = expand_dims(ans_bar, axis)
    return cast_like(broadcast_to(ans_bar, shape(x)), x)


def count(x: Any, axis: Any = None) -> Any:
    """How many elements a reduction along `axis` takes together."""
    return math.prod(shape(x)[a] for a in axis_numbers(axis, ndim(x)))


def like_sequence(parts: list, arrays: Any) -> Any:
    """Cotangents of a sequence: a tensor if the sequence is an array, else a list."""
    is_array = is_tensor(arrays) or isinstance(arrays, np.ndarray)
    return stack(parts) if is_array and len(parts) else parts


def items_of(arrays: Any) -> list:
    """The elements of a sequence, or the rows of an array."""
    return rows_of(arrays) if is_tensor(arrays) else list(arrays)


def filled(bars: Any, arrays: Any) -> Any:
    """Cotangents of a sequence with zeros in place of None."""
    if is_tensor(bars) or isinstance(bars, np.ndarray):
        return bars
    pairs = zip(bars, items_of(arrays), strict=True)
    return [rnp.zeros_like(a) if bar is None else bar for bar, a in pairs]


def unconcatenate(ans_bar: Any, arrays: Any, axis: Any = 0) -> Any:
    """Cut the cotangent of a concatenation into those of its parts."""
    parts, start, ans_bar = [], 0, tensor(ans_bar)
    for a in items_of(arrays):
        along = 0 if axis is None else axis % ndim(a)
        stop = start + (rnp.size(a) if axis is None else shape(a)[along])
        parts.append(cast_like(reshape(cut(ans_bar, along, start, stop), shape(a)), a))
        start = stop
    return like_sequence(parts, arrays)


def unjoin(ans_bar: Any, arrays: Any, joined: str) -> Any:
    """Cut the cotangent of ``np.vstack``, ``hstack``, ``dstack`` or ``column_stack``."""
    as_wide = {"vstack": rnp.atleast_2d, "hstack": rnp.atleast_1d, "dstack": rnp.atleast_3d}
    arrays_in = items_of(arrays)
    if joined == "column_stack":
        wide = [rnp.reshape(a, (rnp.size(a), 1)) if ndim(a) < 2 else a for a in arrays_in]
    else:
        wide = [as_wide[joined](a) for a in arrays_in]
    axis = {"vstack": 0, "dstack": 2}.get(joined, min(1, ndim(ans_bar) - 1))
    parts = unconcatenate(ans_bar, wide, axis)
    back = [rnp.reshape(part, shape(a)) for part, a in zip(parts, arrays_in, strict=True)]
    return like_sequence(back, arrays)


def unstack(ans_bar: Any, arrays: Any, axis: int = 0) -> Any:
    """Cut the cotangent of a stack into those of its layers."""
    layers = moveaxis(ans_bar, axis, 0)
    if is_tensor(arrays) or isinstance(arrays, np.ndarray):
        return layers
    whole = arrays.stacked() if isinstance(arrays, Growing) else None
    if whole is not None:
        return listed_rows(cast_like(layers, whole))
    return [cast_like(layer, a) for layer, a in zip(rows_of(layers), arrays, strict=True)]


def unstack_like(ans_bar: Any, x: Any) -> Any:
    """Give the cotangent of ``np.array(x)`` the nesting of the lists and tuples in `x`."""
    if isinstance(x, (list, tuple)):
        whole = x.stacked() if isinstance(x, Growing) else None
        if whole is not None:
            return listed_rows(cast_like(ans_bar, whole))
        parts = items_of(ans_bar)
        return [unstack_like(part, inner) for part, inner in zip(parts, x, strict=True)]
    return cast_like(ans_bar, x)


def stack_like(bars: Any, x: Any) -> Any:
    """Make one array of cotangents nested like `x`, with zeros in place of None."""
    if bars is None:
        return full(shape(x), 0.0)
    if isinstance(x, (list, tuple)) and isinstance(bars, (list, tuple)):
        return stack([stack_like(bar, inner) for bar, inner in zip(bars, x, strict=True)])
    return tensor(bars)


def untile(ans_bar: Any, x: Any, reps: Any) -> Any:
    """Sum the cotangent of ``np.tile(x, reps)`` over the copies."""
    reps, lengths = tuple(map(int, lengths_of(reps))), shape(x)
    rank = max(len(reps), len(lengths))
    reps = (1,) * (rank - len(reps)) + reps
    wide = (1,) * (rank - len(lengths)) + lengths
    split = [n for pair in zip(reps, wide, strict=True) for n in pair]
    copies = reshape(tensor(ans_bar), split)
    return reshape(tf.reduce_sum(copies, list(range(0, 2 * rank, 2))), lengths)


def unrepeat(ans_bar: Any, x: Any, repeats: Any, axis: Any = None) -> Any:
    """Sum the cotangent of ``np.repeat(x, repeats, axis)`` over the copies."""
    lengths = shape(x) if axis is not None else (rnp.size(x),)
    along = (axis or 0) % len(lengths)
    owner = np.repeat(np.arange(lengths[along]), number(repeats, "np.repeat"))
    summed = tf.math.unsorted_segment_sum(moveaxis(ans_bar, along, 0), owner, lengths[along])
    return reshape(moveaxis(summed, 0, along), shape(x))


def unpad(ans_bar: Any, x: Any, pad_width: Any, mode: str) -> Any:
    """Cotangent of ``np.pad``: the middle, and what the margin was copied from."""
    ans_bar, rank = tensor(ans_bar), ndim(x)
    for axis, (before, after) in enumerate(np.broadcast_to(pad_width, (rank, 2)).tolist()):
        n = shape(x)[axis]
        if mode == "constant":
            ans_bar = cut(ans_bar, axis, before, before + n)
        else:
            source = np.pad(np.arange(n), (before, after), mode)
            summed = tf.math.unsorted_segment_sum(moveaxis(ans_bar, axis, 0), source, n)
            ans_bar = moveaxis(summed, 0, axis)
    return ans_bar


def untranspose(ans_bar: Any, axes: Any = None) -> Any:
    """Cotangent of ``np.transpose(x, axes)``."""
    if axes is None:
        return rnp.transpose(ans_bar)
    axes = (axes,) if isinstance(axes, int) else tuple(axes)
    return rnp.transpose(ans_bar, np.argsort([a % len(axes) for a in axes]).tolist())


def unsum(ans_bar: Any, values: Any) -> Any:
    """Cotangents of what the builtin ``sum`` adds."""
    if is_tensor(values) or isinstance(values, np.ndarray):
        return cast_like(broadcast_to(ans_bar, shape(values)), values)
    return [unbroadcast(ans_bar, value) for value in values]


# Indexing


def cotangent_type(x: Any, ans_bar: Any) -> np.dtype:
    """Type of a cotangent of `x`: its own if it is floating, else that of `ans_bar`."""
    kind = kind_of(x)
    if not isinstance(kind, type) and kind.kind in "fcV":
        return kind
    return result_type(ans_bar, 1.0)


def zeros_for(x: Any, ans_bar: Any) -> Any:
    """Zeros of the shape of `x` in which a cotangent is laid."""
    return full(shape(x), 0.0, cotangent_type(x, ans_bar))


def scatter(ans_bar: Any, x: Any, index: Any) -> Any:
    """Cotangent of `x` where ``x[index]`` was read once."""
    return rnp.rt.add_at(zeros_for(x, ans_bar), index, ans_bar)


def untake(ans_bar: Any, x: Any, indices: Any, axis: Any = None) -> Any:
    """Cotangent of `x` in ``np.take(x, indices, axis)``."""
    indices = indices if is_tensor(indices) else np.asarray(indices)
    zeros = zeros_for(x, ans_bar)
    if axis is None:
        return reshape(rnp.rt.add_at(tf.reshape(zeros, [-1]), indices, ans_bar), shape(x))
    return rnp.rt.add_at(zeros, (*[slice(None)] * (axis % ndim(x)), indices), ans_bar)


def untake_along_axis(ans_bar: Any, x: Any, indices: Any, axis: Any = -1) -> Any:
    """Cotangent of `x` in ``np.take_along_axis(x, indices, axis)``."""
    if axis is None:
        return untake(ans_bar, x, indices)
    axis %= ndim(x)
    where = [
        np.arange(n).reshape([-1 if a == b else 1 for b in range(ndim(x))])
        for a, n in enumerate(shape(ans_bar))
    ]
    stretched = [a for a in range(ndim(x)) if a != axis and is_one(shape(x)[a])]
    for a in stretched:  # `x` itself was broadcast along the indices
        where[a] = np.zeros_like(where[a])
    where[axis] = indices if is_tensor(indices) else np.asarray(indices)
    return rnp.rt.add_at(zeros_for(x, ans_bar), tuple(where), ans_bar)


def undiagonal(ans_bar: Any, x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Cotangent of `x` in ``np.diagonal(x, offset, axis1, axis2)``."""
    axes = [axis1 % ndim(x), axis2 % ndim(x)]
    matrix = tuple(shape(x)[a] for a in axes)
    laid = laid_on_diagonal(tensor(ans_bar, cotangent_type(x, ans_bar)), matrix, offset)
    return moveaxis(laid, (-2, -1), tuple(axes))


def undiag(ans_bar: Any, x: Any, k: int = 0) -> Any:
    """Cotangent of `x` in ``np.diag(x, k)``, a vector or a matrix."""
    return diagonal(ans_bar, k) if ndim(x) == 1 else undiagonal(ans_bar, x, k)


def untrace(ans_bar: Any, x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Cotangent of `x` in ``np.trace(x, offset, axis1, axis2)``."""
    length = shape(diagonal(x, offset, axis1, axis2))[-1]
    wide = broadcast_to(expand_dims(ans_bar, -1), (*shape(ans_bar), length))
    return undiagonal(wide, x, offset, axis1, axis2)


def item(x: Any, index: Any) -> Any:
    """The element that ``x.item(index)`` reads."""
    x = tensor(x)
    return rnp.operator.getitem(x if isinstance(index, tuple) else tf.reshape(x, [-1]), index)


def unitem(ans_bar: Any, x: Any, index: Any) -> Any:
    """Cotangent of `x` in ``x.item(index)``."""
    if isinstance(index, tuple):
        return scatter(ans_bar, x, index)
    flat = tf.reshape(zeros_for(x, ans_bar), [-1])
    return reshape(rnp.rt.add_at(flat, bounded(index, rnp.size(x), 0), ans_bar), shape(x))


# Element by element


def where_greater(z_bar: Any, x: Any, y: Any) -> Any:
    """`z_bar` where `x` is greater than `y`, half of it where they are equal, else zero."""
    chosen = rnp.where(rnp.greater(x, y), z_bar, 0.0)
    return rnp.where(rnp.equal(x, y), rnp.multiply(0.5, z_bar), chosen)


def where_between(z_bar: Any, x: Any, low: Any, high: Any) -> Any:
    """`z_bar` where `x` is between the bounds, half of it on a bound, else zero."""
    if low is None:
        return where_greater(z_bar, high, x)
    if high is None:
        return where_greater(z_bar, x, low)
    return where_greater(where_greater(z_bar, high, rnp.maximum(x, low)), x, low)


def finite(factor: Any, z_bar: Any) -> Any:
    """`factor`, but 0 where it is infinite or NaN and the cotangent that it meets is zero."""
    bad = rnp.logical_and(rnp.logical_not(rnp.isfinite(factor)), rnp.equal(z_bar, 0))
    return rnp.where(bad, 0.0, factor)


def sign(x: Any) -> Any:
    """Factor of the derivative of ``abs(x)``."""
    return rnp.conj(rnp.sign(x))


def unimag(z_bar: Any, x: Any) -> Any:
    """Cotangent of `x` in ``np.imag(x)``; zero for a real number."""
    if not is_complex(x):
        return full(shape(x), 0, result_type(z_bar))
    return broadcast_to(rnp.multiply(rnp.real(z_bar), -1j), shape(x))


def power_dx(x: Any, y: Any) -> Any:
    """Partial derivative of ``x ** y`` with respect to `x`; 0 where `y` is 0."""
    if is_python_number(y) and not is_tensor(y):
        if y == 0:
            return full(shape(x), 0, result_type(x, 1.0))
        return rnp.multiply(y, rnp.power(x, y - 1))
    zero = rnp.equal(y, 0)
    exponent = rnp.astype(rnp.where(zero, 1, rnp.subtract(y, 1)), result_type(y))
    return rnp.where(zero, 0.0, rnp.multiply(y, rnp.power(x, exponent)))


def unless_empty(total: Any) -> Any:
    """A logarithm of a sum, and 0 for that of nothing."""
    return rnp.where(rnp.equal(total, -np.inf), rnp.zeros_like(total), total)


def safe_log(x: Any) -> Any:
    """Logarithm, and 0 at 0."""
    zero = rnp.equal(x, 0)
    return rnp.where(zero, 0.0, rnp.log(rnp.where(zero, 1.0, x)))


def safe_inverse(x: Any) -> Any:
    """``1 / x``, and 0 at 0."""
    zero = rnp.equal(x, 0)
    return rnp.where(zero, 0.0, rnp.divide(1, rnp.where(zero, 1.0, x)))


def sinc_derivative(x: Any, order: int = 1) -> Any:
    """Derivative of ``np.sinc`` of any order (see redraft.runtime.elementwise)."""
    x = tensor(x, float_type(x))
    near = tf.abs(x) < 0.5 + 0.25 * order
    far_x = tf.where(near, tf.ones_like(x), x)
    far = rnp.sinc(far_x)
    for n in range(1, order + 1):
        wave = np.pi ** (n - 1) * tf.sin(np.pi * far_x + n * np.pi / 2)
        far = (wave - n * far) / far_x
    near_x = tf.where(near, x, tf.zeros_like(x))
    series = tf.zeros_like(x)
    for k in range((order + 1) // 2, order + 16):
        factor = (-1) ** k * np.pi ** (2 * k) / math.factorial(2 * k + 1) * math.perm(2 * k, order)
        series = series + factor * tf.pow(near_x, tf.constant(2 * k - order, x.dtype))
    return tf.where(near, series, far)


# Reductions


def extremes(ans: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Where `x` has its extreme value along the axis."""
    if axis is not None and not keepdims and ndim(x):
        ans = rnp.expand_dims(ans, axis)
    return rnp.equal(x, ans)


def to_extremes(ans_bar: Any, ans: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Cotangent of a maximum or minimum; equal elements share it."""
    here = extremes(ans, x, axis, keepdims)
    ties = rnp.sum(here, axis=axis, keepdims=True)
    if axis is not None and not keepdims and ndim(x):
        ans_bar = rnp.expand_dims(ans_bar, axis)
    return cast_like(rnp.where(here, rnp.divide(ans_bar, rnp.maximum(ties, 1)), 0.0), x)


def at_extremes(x_dot: Any, ans: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Tangent of a maximum or minimum: the mean over the elements that attain it."""
    here = extremes(ans, x, axis, keepdims)
    total = rnp.sum(rnp.where(here, x_dot, 0.0), axis=axis, keepdims=keepdims)
    ties = rnp.sum(here, axis=axis, keepdims=keepdims)
    return cast_like(rnp.divide(total, rnp.maximum(ties, 1)), x)


def count_numbers(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """How many elements are not NaN, in the type of `x`."""
    present = rnp.astype(rnp.logical_not(rnp.isnan(x)), float)
    return cast_like(rnp.sum(present, axis=axis, keepdims=keepdims), x)


def lines_of(x: Any, axis: Any) -> tuple[Any, Any]:
    """Bring the axes into one first axis; return the tensor and the way back."""
    axes = tuple(axis_numbers(axis, ndim(x)))
    front = tuple(range(len(axes)))
    moved = moveaxis(x, axes, front)
    lines = reshape(moved, [math.prod(shape(moved)[: len(axes)]), *shape(moved)[len(axes) :]])
    return lines, lambda result: moveaxis(reshape(result, shape(moved)), front, axes)


def median_weights(x: Any, axis: Any = None) -> Any:
    """Weights of the elements in the median: 1, or 1/2 for each of the middle two."""
    lines, restore = lines_of(x, axis)
    n = shape(lines)[0]
    order = rnp.argsort(lines, axis=0)
    halves = [
        tf.one_hot(order[middle], n, 0.5, 0.0, axis=0, dtype=tf.float64)
        for middle in ((n - 1) // 2, n // 2)
    ]
    return cast_like(restore(halves[0] + halves[1]), x)


def weights_like(weights: Any, x: Any, axis: Any = None) -> Any:
    """Weights of ``np.average`` with the shape of `x`: a vector lies along the axis."""
    if ndim(weights) != ndim(x):
        others = [a for a in range(ndim(x)) if a not in axis_numbers(axis, ndim(x))]
        weights = rnp.expand_dims(weights, tuple(others))
    return rnp.broadcast_to(weights, shape(x))


def unweights(z_bar: Any, weights: Any, x: Any, axis: Any = None) -> Any:
    """Cotangent of `weights` in `weights_like`."""
    if ndim(weights) != ndim(x):
        of_axis = axis_numbers(axis, ndim(x))
        z_bar = rnp.sum(z_bar, axis=tuple(a for a in range(ndim(x)) if a not in of_axis))
    return unbroadcast(z_bar, weights)


def undiff(ans_bar: Any, x: Any, n: int = 1, axis: int = -1) -> Any:
    """Cotangent of ``np.diff(x, n, axis)``."""
    x_bar = moveaxis(ans_bar, axis, -1)
    for _ in range(n):
        ends = [(0, 0)] * (ndim(x_bar) - 1)
        x_bar = tf.pad(x_bar, [*ends, (1, 0)]) - tf.pad(x_bar, [*ends, (0, 1)])
    return moveaxis(x_bar, -1, axis)


def shift(x: Any, axis: Any = None, by: int = 1) -> Any:
    """Move all elements on by one place (back, if `by` is -1); a zero enters."""
    lines, restore = lines_of(x, axis)
    zero = tf.zeros_like(lines[:1])
    moved = tf.concat([zero, lines[:-1]], 0) if by > 0 else tf.concat([lines[1:], zero], 0)
    return restore(moved)


def products(x: Any, axis: Any, after: bool) -> Any:
    """For each element the product of those before (or after) it along the axes."""
    lines, restore = lines_of(x, axis)
    wide = cast(lines, WIDER.get(dtype_of(x), dtype_of(x)))
    return restore(cast(tf.math.cumprod(wide, exclusive=True, reverse=after), dtype_of(x)))


def recurrence(a: Any, b: Any, axis: Any, reverse: bool) -> Any:
    """``y[i] = a[i] y[i-1] + b[i]`` along the axes; or ``y[i] = b[i] + a[i+1] y[i+1]``."""
    dtype = result_type(a, b)
    factors, _ = lines_of(tensor(a, dtype), axis)
    terms, restore = lines_of(tensor(b, dtype), axis)
    n = shape(terms)[0]
    if n == 0:
        return restore(terms)
    if reverse:  # seen from the other end, with each factor at the element before
        factors = tf.concat([factors[:1], factors[:0:-1]], 0)
        terms = terms[::-1]
    rows = tf.TensorArray(dtype, n, element_shape=terms.shape[1:]).write(0, terms[0])

    def step(i: Any, y: Any, rows: Any) -> tuple:
        y = factors[i] * y + terms[i]
        return i + 1, y, rows.write(i, y)

    _, _, rows = tf.while_loop(lambda i, y, rows: i < n, step, (1, terms[0], rows))
    result = rows.stack()
    return restore(result[::-1] if reverse else result)


# Products and solves


def as_product(z_bar: Any, of_x: tuple, of_y: tuple) -> Any:
    """A cotangent in the shape of the product of matrices of these shapes."""
    lengths = of_x[-2:-1] + (of_y[-1:] if len(of_y) > 1 else ())
    if (len(of_x) > 2 or len(of_y) > 2) and not any(map(is_tensor, of_x + of_y)):
        lengths = np.broadcast_shapes(of_x[:-2], of_y[:-2]) + lengths
    if same_shape(shape(z_bar), lengths):
        return z_bar
    return unbroadcast(z_bar, np.broadcast_to(np.zeros((), dtype_of(z_bar)), lengths))


def matmul_bar(z_bar: Any, x: Any, y: Any, of_x: bool) -> Any:
    """Cotangent of a factor in ``x @ y``."""
    if is_sparse(x) or is_sparse(y):
        return tf_sparse.matmul_bar(z_bar, x, y, of_x)
    return (matmul_bar_x if of_x else matmul_bar_y)(z_bar, x, y)


def matmul_bar_x(z_bar: Any, x: Any, y: Any) -> Any:
    """Cotangent of `x` in ``x @ y``."""
    z_bar = as_product(z_bar, shape(x), shape(y))
    if ndim(y) == 1:
        return unbroadcast(rnp.multiply(rnp.expand_dims(z_bar, -1), y), x)
    if ndim(x) == 1:
        return unbroadcast(rnp.matmul(y, rnp.expand_dims(z_bar, -1))[..., 0], x)
    return unbroadcast(rnp.matmul(z_bar, rnp.matrix_transpose(y)), x)


def matmul_bar_y(z_bar: Any, x: Any, y: Any) -> Any:
    """Cotangent of `y` in ``x @ y``."""
    z_bar = as_product(z_bar, shape(x), shape(y))
    if ndim(x) == 1 and ndim(y) == 1:
        return unbroadcast(rnp.multiply(x, z_bar), y)
    if ndim(x) == 1:
        return unbroadcast(rnp.multiply(rnp.expand_dims(z_bar, -2), rnp.expand_dims(x, -1)), y)
    if ndim(y) == 1:
        columns = rnp.matmul(rnp.matrix_transpose(x), rnp.expand_dims(z_bar, -1))
        return unbroadcast(rnp.operator.getitem(columns, (..., 0)), y)
    return unbroadcast(rnp.matmul(rnp.matrix_transpose(x), z_bar), y)


def dot_bar(z_bar: Any, x: Any, y: Any, of_x: bool) -> Any:
    """Cotangent of a factor in ``np.dot(x, y)``."""
    if ndim(x) == 0 or ndim(y) == 0:
        return scaled_bar(z_bar, x, y, of_x)
    if ndim(y) <= 2:
        return matmul_bar(z_bar, x, y, of_x)
    return tensordot_bar(z_bar, x, y, ((-1,), (-2,)), of_x)


def inner_bar(z_bar: Any, x: Any, y: Any, of_x: bool) -> Any:
    """Cotangent of a factor in ``np.inner(x, y)``."""
    if ndim(x) == 0 or ndim(y) == 0:
        return scaled_bar(z_bar, x, y, of_x)
    return tensordot_bar(z_bar, x, y, ((-1,), (-1,)), of_x)


def scaled_bar(z_bar: Any, x: Any, y: Any, of_x: bool) -> Any:
    """Cotangent of a factor in ``x * y``."""
    factor, of = (y, x) if of_x else (x, y)
    return unbroadcast(rnp.multiply(z_bar, factor), of)


def tensordot_bar(z_bar: Any, x: Any, y: Any, axes: Any, of_x: bool) -> Any:
    """Cotangent of a factor in ``np.tensordot(x, y, axes)``."""
    from redraft.runtime.linalg import tensordot_bar_x, tensordot_bar_y

    return dispatched(tensordot_bar_x if of_x else tensordot_bar_y)(z_bar, x, y, axes)


def kron_bar(z_bar: Any, x: Any, y: Any, of_x: bool) -> Any:
    """Cotangent of a factor in ``np.kron(x, y)``."""
    from redraft.runtime.linalg import kron_bar_x, kron_bar_y

    return dispatched(kron_bar_x if of_x else kron_bar_y)(z_bar, x, y)


def dispatched(function: Any) -> Any:
    """A helper whose text names NumPy's functions alone, read with `np` as redraft.numpy."""
    import types

    names = {**function.__globals__, "unbroadcast": unbroadcast, "np": rnp}
    for name in ("contracted", "_blocks"):
        inner = names[name]
        names[name] = types.FunctionType(inner.__code__, names, name, inner.__defaults__)
    return types.FunctionType(function.__code__, names, function.__name__, function.__defaults__)


def einsum_spread(subscripts: str, z_bar: Any, x: Any) -> Any:
    """Transpose of ``np.einsum("own->reached", x)`` (see redraft.runtime.linalg)."""
    reached, _, own = subscripts.partition("->")
    (own, reached), _ = explicit(f"{own},{reached}->", [ndim(x), ndim(z_bar)])
    if reached == own:
        return unbroadcast(z_bar, x)
    dots = "".join(
        c for c in reached if c not in subscripts
    )  # of both, or more of them than `x` has
    letters = "".join(c for c in reached if c in subscripts)
    if not reached.startswith(dots):
        z_bar = rnp.transpose(tensor(z_bar), [reached.index(c) for c in dots + letters])
    extra = "".join(c for c in dots if c not in own)
    unique = "".join(dict.fromkeys(dots.removeprefix(extra) + own))
    lengths = dict(zip(own, shape(x), strict=True))
    summed = tuple(len(extra) + i for i, c in enumerate(unique) if c not in reached)
    wide = expand_dims(z_bar, summed) if summed else tensor(z_bar)
    stretched = [len(extra) + i for i, c in enumerate(unique) if is_one(lengths[c])]
    wide = tf.reduce_sum(tf.reduce_sum(wide, stretched, keepdims=True), list(range(len(extra))))
    wide = broadcast_to(wide, [lengths[c] for c in unique])
    if unique != own:  # a mask that is one where repeated labels agree
        rank = len(own)
        places = [np.arange(n).reshape([-1 if a == b else 1 for b in range(rank)])
                  for a, n in enumerate(shape(x))]  # fmt: skip
        agree = np.ones(shape(x), bool)
        for a, c in enumerate(own):
            agree = agree & (places[a] == places[own.index(c)])
        index = tuple(places[own.index(c)] for c in unique)
        wide = rnp.where(agree, rnp.operator.getitem(wide, index), np.zeros((), dtype_of(wide)))
    return cast_like(wide, x)


def columns(v: Any, b: Any) -> Any:
    """Right-hand sides of a solve as matrices: a vector `b` stands for one column."""
    return rnp.expand_dims(v, -1) if ndim(b) == 1 else v


def solve_columns(a: Any, v: Any, b: Any) -> Any:
    """Solve for `v`, which is a vector (or several) if `b` is one."""
    return first_column(rnp.linalg.solve(a, columns(v, b)), b)


def first_column(x: Any, b: Any) -> Any:
    """The column that a vector stands for."""
    return rnp.operator.getitem(x, (..., 0)) if ndim(b) == 1 else x


def solve_transposed(a: Any, z_bar: Any, b: Any) -> Any:
    """Solve with the transpose of `a`."""
    return solve_columns(rnp.matrix_transpose(a), z_bar, b)


def outer_of_columns(u: Any, v: Any, a: Any, b: Any) -> Any:
    """Sum of outer products of the columns of `u` and `v`, in the shape of `a`."""
    return unbroadcast(rnp.matmul(columns(u, b), rnp.matrix_transpose(columns(v, b))), a)


def times_columns(a: Any, v: Any, b: Any) -> Any:
    """Product of `a` with `v`, which is a vector (or several) if `b` is one."""
    return first_column(rnp.matmul(a, columns(v, b)), b)


def with_turn(z_bar: Any, s_bar: Any, s: Any) -> Any:
    """Cotangent of the logarithm of a determinant, and of its sign if that can turn."""
    if not is_complex(s):
        return z_bar
    return rnp.add(rnp.real(z_bar), rnp.multiply(1j, rnp.imag(rnp.multiply(s_bar, s))))


def lower_half(m: Any) -> Any:
    """Lower triangle with half of the diagonal."""
    rows, cols = shape(m)[-2:]
    weights = np.tri(rows, cols) - 0.5 * np.eye(rows, cols)
    return rnp.multiply(m, weights.astype(dtype_of(m)))


def symmetric(m: Any) -> Any:
    """Hermitian part of a matrix, or of each in a stack."""
    return rnp.multiply(0.5, rnp.add(m, rnp.swapaxes(rnp.conj(m), -1, -2)))
