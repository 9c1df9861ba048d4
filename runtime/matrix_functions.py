"""SciPy's functions of matrices, of stacks too; imported with the first call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def expm(a: Any) -> Any:
    """The exponential of each matrix."""
    from scipy.linalg import expm as exponential

    return exponential(a)


def logm(a: Any) -> Any:
    """The logarithm of each matrix; complex if one of them is."""
    from scipy.linalg import logm as logarithm

    return each_matrix(logarithm, a)


def sqrtm(a: Any) -> Any:
    """The principal square root of each matrix; complex if one of them is."""
    from scipy.linalg import sqrtm as root

    return each_matrix(root, a)


def each_matrix(function: Callable, a: Any) -> Any:
    """A function of one matrix, of all in a stack."""
    a = np.asarray(a)
    if a.ndim == 2:
        return function(a)
    flat = a.reshape(-1, *a.shape[-2:])
    return np.stack([function(m) for m in flat]).reshape(a.shape) if len(flat) else a


def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    """The solution of ``a @ x + x @ b = q``, of each matrix in stacks; they are broadcast together."""
    from scipy.linalg import solve_sylvester as solve

    dtype = np.result_type(a, b, q, np.float32)
    a, b, q = (
        np.asarray(m, dtype) for m in (a, b, q)
    )  # (SciPy is wrong where one alone is complex)
    stack = np.broadcast_shapes(*(m.shape[:-2] for m in (a, b, q)))
    if not stack:
        return solve(a, b, q)
    a, b, q = (np.broadcast_to(m, (*stack, *m.shape[-2:])) for m in (a, b, q))
    solved = np.empty_like(q)
    for place in np.ndindex(*stack):
        solved[place] = solve(a[place], b[place], q[place])
    return solved


def declared_sqrtm(a: Any) -> Any:
    """The same in a compiled program, where the dtype is known before the values are."""
    return in_dtype_of(a, sqrtm(a), "scipy.linalg.sqrtm")


def declared_logm(a: Any) -> Any:
    """The same for the logarithm."""
    return in_dtype_of(a, logm(a), "scipy.linalg.logm")


def in_dtype_of(a: Any, ans: Any, name: str) -> Any:
    """The result, which must be real for a real matrix."""
    if np.iscomplexobj(ans) and not np.iscomplexobj(a):
        raise ValueError(
            f"{name} of this real matrix is complex; in a compiled function, pass it as complex"
        )
    return ans
