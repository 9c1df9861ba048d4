"""The helpers of batched code (batching.py, products.py) on tensors."""

from __future__ import annotations

from typing import Any

from redraft.runtime import numpy as rnp
from redraft.runtime import products
from redraft.runtime.tf_arrays import ndim, reshape, shape
from redraft.runtime.tf_helpers import cast_like


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
    total = 1
    for length in shape(x)[lead:]:
        total = total * length
    return rnp.reshape(x, (*shape(x)[:lead], total))


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
