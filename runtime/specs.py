"""Arrays that are described and not there: shapes and dtypes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np


class ShapeDtypeStruct:
    """The shape and the dtype of an array, in place of the array.

    `eval_shape` returns them, callbacks declare their results with them, and `lower` and
    `linear_transpose` take them for arguments.
    """

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: int | Iterable[int], dtype: Any) -> None:
        """Describe an array.

        Args:
            shape: lengths of the axes; a number stands for one axis.
            dtype: anything that NumPy takes for a dtype.

        Raises:
            TypeError: `dtype` is no dtype, or a length is no integer.
        """
        lengths = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
        self.shape = tuple(map(_length, lengths))
        self.dtype = np.dtype(dtype)

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many elements there are."""
        count = 1
        for length in self.shape:
            count *= length
        return count

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a description of an array without axes")
        return self.shape[0]

    def __repr__(self) -> str:
        return f"ShapeDtypeStruct(shape={self.shape}, dtype={self.dtype.name})"

    def __eq__(self, other: Any) -> bool:
        if not isinstance(other, ShapeDtypeStruct):
            return NotImplemented
        return self.shape == other.shape and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))


def _lengths(shape: Any) -> tuple:
    """Lengths of axes as numbers; those of a tensor may not be known (None)."""
    listed = getattr(shape, "as_list", None)
    return tuple(shape if listed is None else listed())


def _length(length: Any) -> int | None:
    if length is None:
        return None
    if isinstance(length, bool) or not isinstance(length, (int, np.integer)):
        raise TypeError(f"the length of an axis must be an integer, got {length!r}")
    return int(length)


def spec_of(x: Any) -> ShapeDtypeStruct:
    """The description of an array, a number, or of what has a `shape` and a `dtype`."""
    if isinstance(x, ShapeDtypeStruct):
        return x
    if hasattr(x, "shape") and hasattr(x, "dtype"):
        return ShapeDtypeStruct(_lengths(x.shape), getattr(x.dtype, "as_numpy_dtype", x.dtype))
    return ShapeDtypeStruct(np.shape(x), np.asarray(x).dtype)
