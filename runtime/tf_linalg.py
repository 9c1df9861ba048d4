"""Products and numpy.linalg on tensors.

XLA has no LU decomposition on all devices, so the determinant is Gaussian elimination written as a
loop: exact in sign and in singular cases, compiled once whatever the size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from redraft.runtime import numpy as rnp
from redraft.runtime.einsum_labels import explicit
from redraft.runtime.tensors import TensorError
from redraft.runtime.tf_arrays import (
    WIDER,
    assume_equal,
    axis_number,
    axis_numbers,
    cast,
    differ,
    dtype_of,
    float_type,
    is_complex,
    is_one,
    ndim,
    reshape,
    same_shape,
    shape,
    tensor,
)
from redraft.runtime.tf_indexing import compiles_with_xla
from redraft.runtime.tf_reduce import extreme
from redraft.runtime.tf_shapes import diagonal, expand_dims, moveaxis

# Products


def factors(*values: Any) -> tuple:
    """Operands of a product in a type that TensorFlow multiplies, and the type of the result."""
    dtype = np.result_type(*map(dtype_of, values))
    wide = np.dtype(np.int64) if dtype == np.uint64 else WIDER.get(dtype, dtype)
    return *(tensor(x, wide) for x in values), dtype


def matmul(x: Any, y: Any) -> Any:
    """``x @ y``."""
    if ndim(x) == 0 or ndim(y) == 0:
        raise ValueError("matmul: an operand has no axes; use *")
    x, y, dtype = factors(x, y)
    if differ(shape(x)[-1], shape(y)[-min(ndim(y), 2)]):
        raise ValueError(f"matmul: shapes {shape(x)} and {shape(y)} do not fit")
    if ndim(x) == ndim(y) == 1:
        return cast(tf.reduce_sum(x * y), dtype)
    (x, x_turned), (y, y_turned) = as_written(x), as_written(y)
    if ndim(y) == 1:
        return cast(tf.linalg.matvec(x, y, transpose_a=x_turned), dtype)
    if ndim(x) == 1:
        product = tf.linalg.matmul(x[None, :], y, transpose_b=y_turned)
        return cast(tf.squeeze(product, -2), dtype)
    product = tf.linalg.matmul(x, y, transpose_a=x_turned, transpose_b=y_turned)
    return cast(product, dtype)


def as_written(x: Any) -> tuple[Any, bool]:
    """The matrix behind ``x.T`` and True, where a trace knows it; otherwise the matrix and False.

    A product reads a matrix either way. XLA would write its transpose first.
    """
    if not tf.is_symbolic_tensor(x) or ndim(x) < 2 or x.op.type != "Transpose":
        return x, False
    original, order = x.op.inputs
    swapped = [*range(ndim(x) - 2), ndim(x) - 1, ndim(x) - 2]
    return (original, True) if np.array_equal(tf.get_static_value(order), swapped) else (x, False)


def dot(x: Any, y: Any) -> Any:
    """``np.dot``."""
    if ndim(x) == 0 or ndim(y) == 0:
        return rnp.multiply(x, y)
    if ndim(y) <= 2:
        return matmul(x, y)
    return tensordot(x, y, ((-1,), (-2,)))


def inner(x: Any, y: Any) -> Any:
    """``np.inner``."""
    if ndim(x) == 0 or ndim(y) == 0:
        return rnp.multiply(x, y)
    return tensordot(x, y, ((-1,), (-1,)))


def outer(x: Any, y: Any) -> Any:
    """``np.outer``."""
    return rnp.multiply(reshape(tensor(x), [-1, 1]), reshape(tensor(y), [1, -1]))


def vdot(x: Any, y: Any) -> Any:
    """``np.vdot``."""
    return matmul(rnp.ravel(rnp.conj(x)), rnp.ravel(y))


def tensordot(x: Any, y: Any, axes: Any) -> Any:
    """``np.tensordot``."""
    x, y, dtype = factors(x, y)
    if np.iterable(axes):
        of_x, of_y = (list(a) if np.iterable(a) else [a] for a in axes)
    else:
        of_x, of_y = list(range(-int(axes), 0)), list(range(int(axes)))
    of_x, of_y = [axis_number(a, ndim(x)) for a in of_x], [axis_number(a, ndim(y)) for a in of_y]
    if not same_shape([shape(x)[a] for a in of_x], [shape(y)[a] for a in of_y]):
        raise ValueError("shape-mismatch for sum")
    return cast(tf.tensordot(x, y, [of_x, of_y]), dtype)


def kron(x: Any, y: Any) -> Any:
    """``np.kron``."""
    rank = max(ndim(x), ndim(y))
    of_x, of_y = (np.array([1] * (rank - ndim(v)) + list(shape(v)), int) for v in (x, y))
    wide = np.stack([of_x, np.ones(rank, int)], 1).ravel().tolist()
    narrow = np.stack([np.ones(rank, int), of_y], 1).ravel().tolist()
    product = rnp.multiply(reshape(tensor(x), wide), reshape(tensor(y), narrow))
    return reshape(product, (of_x * of_y).tolist())


def cross(x: Any, y: Any, axis: int) -> Any:
    """``np.cross`` of vectors in space."""
    x, y = moveaxis(x, axis, -1), moveaxis(y, axis, -1)
    if shape(x)[-1] != 3 or shape(y)[-1] != 3:
        raise TensorError("np.cross: only vectors with three elements have a lowering")
    x, y, dtype = factors(x, y)
    turned = [tf.gather(v, order, axis=-1) for v in (x, y) for order in ([1, 2, 0], [2, 0, 1])]
    product = turned[0] * turned[3] - turned[1] * turned[2]
    return moveaxis(cast(product, dtype), -1, axis)


def einsum(subscripts: str, operands: tuple) -> Any:
    """``np.einsum``: diagonals and lone labels first, since XLA's einsum knows neither."""
    *operands, dtype = factors(*operands)
    labels, result = explicit(subscripts, [ndim(x) for x in operands])
    operands = with_equal_labels(operands, labels)
    pairs = [of_diagonal(x, text) for x, text in zip(operands, labels, strict=True)]
    pairs = [without_ones(x, text, pairs) for x, text in pairs]
    pairs = [summed_alone(x, i, pairs, result) for i, (x, _) in enumerate(pairs)]
    inputs = ",".join(text for _, text in pairs)
    reached = "".join(c for c in result if c in inputs)
    product = tf.einsum(f"{inputs}->{reached}", *(x for x, _ in pairs), optimize="greedy")
    if reached != result:  # labels of axes of length one
        product = expand_dims(product, tuple(i for i, c in enumerate(result) if c not in reached))
    return cast(product, dtype)


def with_equal_labels(operands: Any, labels: list[str]) -> list[Any]:
    """The operands; where a label stands for lengths that may differ, XLA is to find it out."""
    seen: dict[str, Any] = {}
    kept = []
    for x, text in zip(operands, labels, strict=True):
        named = [(c, n) for c, n in zip(text, shape(x), strict=True) if not is_one(n)]
        kept.append(assume_equal(x, [(n, seen.setdefault(c, n)) for c, n in named]))
    return kept


def of_diagonal(x: Any, labels: str) -> tuple[Any, str]:
    """Read the diagonal of axes that share a label."""
    for c in dict.fromkeys(labels):
        while labels.count(c) > 1:
            first = labels.index(c)
            second = labels.index(c, first + 1)
            x = diagonal(x, 0, first, second)
            labels = (
                labels.replace(c, "", 2) + c
                if labels.count(c) == 2
                else ("".join(t for i, t in enumerate(labels) if i not in (first, second)) + c)
            )
    return x, labels


def without_ones(x: Any, labels: str, pairs: list) -> tuple[Any, str]:
    """Drop axes of length one where another operand has a longer one: they are broadcast."""
    longer = {
        c for other, text in pairs for c, n in zip(text, shape(other), strict=True) if not is_one(n)
    }
    drop = [i for i, c in enumerate(labels) if is_one(shape(x)[i]) and c in longer]
    return (tf.squeeze(x, drop) if drop else x), "".join(
        c for i, c in enumerate(labels) if i not in drop
    )


def summed_alone(x: Any, place: int, pairs: list, result: str) -> tuple[Any, str]:
    """Sum over labels that stand in one operand alone."""
    labels = pairs[place][1]
    others = result + "".join(text for i, (_, text) in enumerate(pairs) if i != place)
    alone = [i for i, c in enumerate(labels) if c not in others]
    return (tf.reduce_sum(x, alone) if alone else x), "".join(c for c in labels if c in others)


# Inverses


def matrices(*values: Any) -> list:
    """Operands of a decomposition: floating-point; half precision is refused as by NumPy."""
    dtype = np.result_type(*(float_type(x) for x in values))
    if dtype == np.float16:
        raise TypeError("array type float16 is unsupported in linalg")
    return [tensor(x, dtype) for x in values]


def inv(x: Any) -> Any:
    """``np.linalg.inv``."""
    (x,) = matrices(x)
    identity = tf.eye(shape(x)[-1], batch_shape=shape(x)[:-2], dtype=x.dtype)
    return solved(x, identity)


def solved(a: Any, b: Any) -> Any:
    """Solution of a system of one shape; XLA has complex ones of triangles alone."""
    if not (is_complex(a) and compiles_with_xla()):
        return tf.linalg.solve(a, b)
    q, r = tf.linalg.qr(a)
    return tf.linalg.triangular_solve(r, tf.matmul(q, b, adjoint_a=True), lower=False)


def solve(a: Any, b: Any) -> Any:
    """``np.linalg.solve``: a right-hand side with one axis is one column."""
    a, b = matrices(a, b)
    if ndim(b) == 1:
        return solve(a, b[:, None])[..., 0]
    b = assume_equal(b, [(shape(b)[-2], shape(a)[-1]), shape(a)[-2:]])
    batch = list(np.broadcast_shapes(shape(a)[:-2], shape(b)[:-2]))
    a = tf.broadcast_to(a, [*batch, *shape(a)[-2:]])
    b = tf.broadcast_to(b, [*batch, *shape(b)[-2:]])
    return solved(a, b)


def eliminated(x: Any) -> tuple[Any, Any]:
    """Diagonal of the triangle that Gaussian elimination leaves, and the sign of the row swaps."""
    (x,) = matrices(x)
    n = shape(x)[-1]
    if n == 0:
        return tf.ones(shape(x)[:-1], x.dtype), tf.ones(shape(x)[:-2], x.dtype)
    rows = tf.range(n)
    sign = tf.ones(shape(x)[:-2], x.dtype)

    def step(k: Any, x: Any, sign: Any) -> tuple:
        column = tf.gather(x, k, axis=-1)
        size = tf.where(rows >= k, tf.abs(column), -tf.ones_like(tf.abs(column)))
        pivot = tf.argmax(size, -1, tf.int32)[..., None]
        swap = tf.where(rows == k, pivot, tf.where(rows == pivot, k, rows))
        x = tf.gather(x, swap, axis=-2, batch_dims=ndim(x) - 2)
        sign = tf.where(pivot[..., 0] == k, sign, -sign)
        top = tf.gather(x, k, axis=-2)
        head = tf.gather(top, k, axis=-1)[..., None]
        zero = tf.equal(head, 0)
        factor = tf.where(zero, tf.zeros_like(head), 1 / tf.where(zero, tf.ones_like(head), head))
        factor = tf.where(rows > k, tf.gather(x, k, axis=-1) * factor, tf.zeros_like(top))
        return k + 1, x - factor[..., :, None] * top[..., None, :], sign

    _, x, sign = tf.while_loop(lambda k, x, sign: k < n, step, (0, x, sign), maximum_iterations=n)
    return tf.linalg.diag_part(x), sign


def det(x: Any) -> Any:
    """``np.linalg.det``."""
    heads, sign = eliminated(x)
    return sign * tf.reduce_prod(heads, -1)


def slogdet(x: Any) -> Any:
    """``np.linalg.slogdet``: the pair that NumPy gives, with its names."""
    heads, sign = eliminated(x)
    size = tf.abs(heads)
    sign = sign * tf.reduce_prod(rnp.sign(heads), -1)
    return SlogdetResult(sign, tf.reduce_sum(tf.math.log(size), -1))


SlogdetResult = type(np.linalg.slogdet(np.eye(1)))


def cholesky(x: Any) -> Any:
    """``np.linalg.cholesky``: reads the lower triangle."""
    return tf.linalg.cholesky(*matrices(x))


def cofactors(x: Any) -> Any:
    """As `redraft.runtime.linalg.cofactors`; by the inverse where the matrix has a good one.

    XLA's singular values are good to nine digits, so they serve matrices near singular alone.
    """
    (x,) = matrices(x)
    if is_complex(x) and compiles_with_xla():  # which has no complex singular values
        from redraft.runtime import tf_host

        return tf_host.arrays("redraft.runtime.linalg.cofactors", (x,))
    size = det(x)[..., None, None]
    identity = tf.eye(shape(x)[-1], batch_shape=shape(x)[:-2], dtype=x.dtype)
    inverse = inv(tf.where(tf.equal(size, 0), identity, x))
    condition = norm(x, None, (-2, -1), True) * norm(inverse, None, (-2, -1), True)
    good = tf.logical_and(tf.not_equal(size, 0), condition < 1e6)
    direct = size * tf.linalg.matrix_transpose(inverse)
    return tf.cond(
        tf.reduce_all(good), lambda: direct, lambda: tf.where(good, direct, cofactors_by_svd(x))
    )


def cofactors_by_svd(x: Any) -> Any:
    """The products of the other singular values, between the singular vectors."""
    values, u, v = tf.linalg.svd(x)
    ones = tf.linalg.diag(tf.ones_like(values))
    others = tf.reduce_prod(tf.where(ones > 0, ones, values[..., None, :]), -1)
    turn = det(u) * tf.math.conj(det(v))
    product = tf.math.conj(u) * tf.cast(others, x.dtype)[..., None, :]
    return turn[..., None, None] * tf.matmul(product, v, transpose_b=True)


def norm(x: Any, order: Any, axis: Any, keepdims: bool) -> Any:
    """``np.linalg.norm`` of vectors, and of matrices the orders that are sums or maxima."""
    x = tensor(x, float_type(x))
    axes = axis_numbers(axis, ndim(x))
    if order is None or (len(axes) == 1 and order == 2) or (len(axes) == 2 and order == "fro"):
        if is_complex(x):
            x = tf.abs(x)
        return tf.sqrt(tf.reduce_sum(tf.square(x), axes, keepdims))
    if len(axes) == 1:
        return norm_of_vectors(tf.abs(x), order, axes[0], keepdims)
    if len(axes) == 2:
        return norm_of_matrices(x, order, axes, keepdims)
    raise ValueError("Improper number of dimensions to norm.")


def norm_of_vectors(size: Any, order: Any, axis: int, keepdims: bool) -> Any:
    """Norms of the absolute values along an axis."""
    if isinstance(order, str):
        raise ValueError(f"Invalid norm order '{order}' for vectors")
    if order in (np.inf, -np.inf):
        return extreme(size, axis, keepdims, order > 0)
    if order == 0:
        return tf.reduce_sum(tf.cast(tf.not_equal(size, 0), size.dtype), axis, keepdims)
    if order == 1:
        return tf.reduce_sum(size, axis, keepdims)
    order = tf.constant(order, size.dtype)
    return tf.pow(tf.reduce_sum(tf.pow(size, order), axis, keepdims), 1 / order)


def norm_of_matrices(x: Any, order: Any, axes: list[int], keepdims: bool) -> Any:
    """Norms of matrices that lie along two axes."""
    x = moveaxis(x, tuple(axes), (-2, -1))
    if order in ("nuc", 2, -2):
        values = singular_values(x)
        reduce = {"nuc": tf.reduce_sum, 2: tf.reduce_max, -2: tf.reduce_min}[order]
        ans = reduce(values, -1)
    elif order in (1, -1, np.inf, -np.inf):
        sums = tf.reduce_sum(tf.abs(x), -2 if abs(order) == 1 else -1)
        ans = extreme(sums, -1, False, order > 0)
    else:
        raise ValueError(f"Invalid norm order {order!r} for matrices")
    return expand_dims(ans, tuple(axes)) if keepdims else ans


def singular_values(x: Any) -> Any:
    """``np.linalg.svdvals``; XLA has those of real matrices."""
    if is_complex(x) and compiles_with_xla():
        from redraft.runtime import tf_host

        return tf_host.arrays("numpy.linalg.svdvals", (x,))
    return tf.linalg.svd(x, compute_uv=False)
