"""A value through which no derivative goes."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from redraft.runtime.tensors import is_tensor
from redraft.runtime.tree import is_registered, rebuild_registered, registered_fields


def stop_gradient(x: Any) -> Any:
    """The same value, which derivatives take for a constant.

    Its tangent and its cotangent are zero, to any order: the derivative of ``x * stop_gradient(x)``
    is ``stop_gradient(x)``, whose derivative is zero.

    Args:
        x: a pytree: numbers, arrays, tuples, lists, dicts, dataclasses, None, objects of registered
            classes. What is no floating-point number passes through as well.

    Returns:
        What `x` is: arrays are read-only views of those in `x`, without a copy, and containers are new. To
        change an array in place, copy it first: a change would be one of `x`, which has a derivative.
    """
    if type(x) is np.ndarray:  # the common case
        return frozen(x)
    return each_leaf(frozen, x)


def frozen(x: Any) -> Any:
    """A read-only view of an array; anything else as it is."""
    if is_tensor(x) or hasattr(x, "with_parts"):
        from redraft.runtime import tf_structure

        return tf_structure.stopped(x)
    if not isinstance(x, np.ndarray):
        return x
    view = x.view()
    view.setflags(write=False)
    return view


def constant(x: Any) -> Any:
    """The same value, in arrays that cannot be written to: they count as constants."""
    if isinstance(x, np.ndarray):
        x = x.view()
        x.setflags(write=False)
        return x
    if type(x) in (tuple, list):
        return type(x)(map(constant, x))
    return {k: constant(v) for k, v in x.items()} if type(x) is dict else x


# what stands for it in a module that needs NumPy alone
stop_gradient.redraft_standalone = constant  # type: ignore[attr-defined]


def each_leaf(change: Callable[[Any], Any], x: Any) -> Any:
    """A pytree with other leaves, in containers of their own."""
    if is_registered(x):
        return rebuild_registered(x, [each_leaf(change, v) for v in registered_fields(x).values()])
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*(each_leaf(change, v) for v in x))
    if type(x) in (tuple, list):
        return type(x)(each_leaf(change, v) for v in x)
    if isinstance(x, dict):
        new = copy.copy(x)
        new.update({k: each_leaf(change, v) for k, v in x.items()})
        return new
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        new = copy.copy(x)
        for field in dataclasses.fields(x):
            object.__setattr__(new, field.name, each_leaf(change, getattr(x, field.name)))
        return new
    return change(x)
