"""Recognise TensorFlow's tensors without importing TensorFlow.

A tensor can only exist once TensorFlow is imported, so its class is known by the name of the
module that defines it. The answer for each class is kept: asking again costs one look-up.
"""

from __future__ import annotations

import dataclasses
from typing import Any

PLAIN, CONTAINER, TENSOR = 0, 1, 2  # a container is looked into, everything else that is plain not


class TensorError(TypeError):
    """A function was called on a tensor for which it has no lowering."""


class MissingTensorFlow(ImportError):
    """TensorFlow is wanted and not installed."""

    def __init__(self) -> None:
        super().__init__("tensors and `jit` need TensorFlow: pip install 'redraft[jit]'")


def require_tensorflow() -> Any:
    """The module ``tensorflow``.

    Raises:
        MissingTensorFlow: it is not installed.
    """
    try:
        from redraft.runtime import tf_arrays
    except ModuleNotFoundError as error:
        if error.name != "tensorflow":
            raise
        raise MissingTensorFlow from error
    return tf_arrays.tf


class Kinds(dict):
    """Class -> `PLAIN`, `CONTAINER` or `TENSOR`, found out at the first look."""

    def __missing__(self, kind: type) -> int:
        self[kind] = answer = _kind_of_class(kind)
        if answer == PLAIN:
            PLAIN_CLASSES.add(kind)
        return answer


def _kind_of_class(kind: type) -> int:
    for base in kind.__mro__:
        if base.__module__.startswith("tensorflow.") and base.__name__ in ("Tensor", "Variable"):
            return TENSOR
    if issubclass(kind, (list, tuple, dict, slice)) or dataclasses.is_dataclass(kind):
        return CONTAINER
    return CONTAINER if kind.__name__ in ("Struct", "Segment") else PLAIN


KINDS = Kinds()
PLAIN_CLASSES: set[type] = set()  # those that have been seen: the quickest look-up there is


def is_tensor(x: Any) -> bool:
    """Is the value a tensor or a variable of TensorFlow's?"""
    return KINDS[x.__class__] == TENSOR


def one_is_tensor(values: tuple) -> bool:
    """Is one of the values itself a tensor?"""
    return any(map(is_tensor, values))


def holds_tensor(x: Any) -> bool:
    """Is the value a tensor, or a container with one in it?"""
    kind = KINDS[x.__class__]
    if kind != CONTAINER:
        return kind == TENSOR
    if isinstance(x, slice):
        return is_tensor(x.start) or is_tensor(x.stop) or is_tensor(x.step)
    if isinstance(x, (list, tuple)):
        return any(map(holds_tensor, getattr(x, "parts", x)))
    parts = x if isinstance(x, dict) else getattr(x, "__dict__", {})
    return any(map(holds_tensor, parts.values()))
