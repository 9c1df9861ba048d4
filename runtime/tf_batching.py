"""The helpers of batched code (batching.py, products.py) on tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from redraft.runtime import batching, examples, products
from redraft.runtime import numpy as rnp
from redraft.runtime.tf_arrays import dtype_of, is_one, ndim, reshape, shape
from redraft.runtime.tf_helpers import cast_like, undiagonal
from redraft.runtime.tf_indexing import compiles_with_xla
from redraft.runtime.tf_shapes import laid_on_diagonal


def align(x: Any, ndims: Any, lead: int) -> Any:
    """Put axes of length one behind the batch axes of `x`."""
    missing = max(ndims) - ndim(x)
    if missing <= 0:
        return x
    lengths = tuple(shape(x))
    return reshape(x, lengths[:lead] + (1,) * missing + lengths[lead:])


def spread(x: Any, batch: Any) -> Any:
    """Repeat `x` for each example of `batch`."""
    return rnp.broadcast_to(x, (shape(batch)[0], *shape(x)))


def spread_inside(x: Any, count: Any) -> Any:
    """Repeat each example of `x`."""
    first, *rest = shape(x)
    return rnp.broadcast_to(rnp.expand_dims(x, 1), (first, count, *rest))


def rows(x: Any, lead: int) -> Any:
    """A batch of arrays as one of vectors."""
    return rnp.reshape(x, (*shape(x)[:lead], product(shape(x)[lead:])))


def product(lengths: Any) -> Any:
    """The product of lengths, of which some may be known only when the program runs."""
    total = 1
    for length in lengths:
        total = total * length
    return total


def each_product(kind: str, x: Any, y: Any, of_x: int, of_y: int, axes: Any) -> Any:
    """The product of each example."""
    return products.each_product(kind, x, y, of_x, of_y, axes, rnp)


def each_product_bar_x(
    kind: str, z_bar: Any, x: Any, y: Any, of_z: int, of_x: int, of_y: int, axes: Any
) -> Any:
    """Cotangent of `x` in `each_product`."""
    x_bar = products.each_product_bar_x(kind, z_bar, x, y, of_z, of_x, of_y, axes, rnp)
    return cast_like(x_bar, x)


def each_product_bar_y(
    kind: str, z_bar: Any, x: Any, y: Any, of_z: int, of_x: int, of_y: int, axes: Any
) -> Any:
    """Cotangent of `y` in `each_product`."""
    y_bar = products.each_product_bar_y(kind, z_bar, x, y, of_z, of_x, of_y, axes, rnp)
    return cast_like(y_bar, y)


def each_unbroadcast(z_bar: Any, x: Any, lead: int, of_x: int) -> Any:
    """Sum the cotangents of a batch over the axes along which each `x` was broadcast."""
    lengths = tuple(shape(x))[of_x:]
    extra = ndim(z_bar) - lead - len(lengths)
    if extra > 0:
        z_bar = rnp.sum(z_bar, axis=tuple(range(lead, lead + extra)))
    inner = tuple(shape(z_bar))[lead:]
    stretched = [lead + i for i, n in enumerate(lengths) if is_one(n) and not is_one(inner[i])]
    if stretched:
        z_bar = rnp.sum(z_bar, axis=tuple(stretched), keepdims=True)
    return cast_like(z_bar, x)


def each_diag(x: Any, k: int, lead: int) -> Any:
    """``np.diag(x, k)`` of each example."""
    if ndim(x) > lead + 1:
        return rnp.diagonal(x, k, lead, lead + 1)
    size = shape(x)[-1] + abs(k)
    return laid_on_diagonal(x, (size, size), k)


def each_undiag(z_bar: Any, x: Any, k: int, lead: int) -> Any:
    """Cotangent of `x` in `each_diag`."""
    if ndim(x) == lead + 1:
        return rnp.diagonal(z_bar, k, lead, lead + 1)
    return undiagonal(z_bar, x, k, lead, lead + 1)


def positions(index: Any) -> Any:
    """A batch of index arrays, as they are; masks are refused."""
    if dtype_of(index).kind == "b":
        batching.positions(np.zeros((), bool))
    return index


def as_columns(v: Any, rank: int) -> Any:
    """Vectors as matrices of one column."""
    return rnp.expand_dims(v, -1) if rank == 1 else v


def from_columns(v: Any, rank: int) -> Any:
    """The way back from `as_columns`."""
    return v[..., 0] if rank == 1 else v


def larger(x: Any, y: Any) -> Any:
    """``max(x, y)``, element by element."""
    return rnp.where(rnp.greater(y, x), y, x)


def smaller(x: Any, y: Any) -> Any:
    """``min(x, y)``, element by element."""
    return rnp.where(rnp.less(y, x), y, x)


def basis(x: Any, before: Any, size: Any, holomorphic: bool) -> Any:
    """The unit vectors of a space, as far as they lie along `x`: compared, not stored."""
    examples.only_array(x)
    dtype = dtype_of(x)
    examples.check_basis(dtype, holomorphic)
    count = product(shape(x))
    size = count if size is None else size
    along, across = as_computed([tf.range(tf.cast(n, "int32")) for n in (size, count)])
    same = tf.equal(along[:, None] - tf.cast(before, "int32"), across[None, :])
    return reshape(tf.cast(same, dtype), (size, *shape(x)))


def as_computed(values: list[Any]) -> list[Any]:
    """Values that XLA takes for computed: it would store what follows from constants alone."""
    if not compiles_with_xla():
        return values
    from tensorflow.compiler.tf2xla.python import xla

    return list(xla.optimization_barrier(*values))


def jacobian_of_columns(columns: Any, x: Any, lead: int) -> Any:
    """A Jacobian from its columns."""
    lengths = tuple(shape(columns))
    inner = lengths[:lead] + lengths[lead + 1 :] + tuple(shape(x))
    return rnp.reshape(rnp.moveaxis(columns, lead, -1), inner)


def columns_of_jacobian(jacobian: Any, columns: Any, lead: int) -> Any:
    """The inverse of `jacobian_of_columns`."""
    lengths = tuple(shape(columns))
    flat = rnp.reshape(jacobian, lengths[:lead] + lengths[lead + 1 :] + lengths[lead : lead + 1])
    return rnp.moveaxis(flat, -1, lead)


def no_rows(ans: Any, x: Any, like: Any) -> Any:
    """The Jacobian of what does not depend on `x`."""
    examples.only_array(ans)
    dtype = dtype_of(like)
    return rnp.zeros((*shape(ans), *shape(x)), dtype if dtype.kind in "fc" else float)
