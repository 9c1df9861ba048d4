"""Jacobians of functions that solvers get."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from redraft.runtime.host_functions import Solver
from redraft.runtime.specs import ShapeDtypeStruct
from redraft.transpile.api import grad
from redraft.transpile.errors import TransformError
from redraft.transpile.jacobian import jacfwd
from redraft.transpile.solvers.functions import KEPT, pulled, pushed


@functools.lru_cache(KEPT)
def jacobian_of(function: Any) -> Solver:
    """The Jacobian of ``function(x, data)`` by `x`, as a matrix: a row for each element of the result.

    It is computed for all directions at once; where the function has no batched form, row by row. Its own
    derivatives are those of the second form.
    """
    once = jacfwd(function)
    row_by_row = by_rows(function)
    refused: list[bool] = []

    def host(x: Any, data: Any) -> np.ndarray:
        if not refused:
            try:
                return np.reshape(once(x, data), (-1, np.size(x)))
            except TransformError:
                refused.append(True)
        return row_by_row(x, data)

    def describe(x: Any, data: Any) -> ShapeDtypeStruct:
        return ShapeDtypeStruct((x.size, x.size), np.float64)

    return Solver(
        "a Jacobian", host, 2, describe, {i: pulled(row_by_row, 2, i) for i in (0, 1)},
        {i: pushed(row_by_row, 2, i) for i in (0, 1)},
    )  # fmt: skip


def by_rows(function: Any) -> Any:
    """The Jacobian, row by row."""

    def product(x: Any, data: Any, u: Any) -> Any:
        return np.sum(np.ravel(function(x, data)) * u)

    row = grad(product)

    def row_by_row(x: Any, data: Any) -> Any:
        count = np.size(function(x, data))
        basis = np.eye(count)
        rows = []
        for i in range(count):
            rows.append(np.ravel(row(x, data, basis[i])))
        return np.reshape(np.stack(rows), (count, np.size(x)))

    return row_by_row
