"""NumPy's names: NumPy on NumPy's values, TensorFlow on tensors. See docs/numpy.md."""

from typing import Any

from redraft.runtime import numpy as _dispatching
from redraft.runtime.tensors import MissingTensorFlow, TensorError

__all__ = ["MissingTensorFlow", "TensorError"]


def __getattr__(name: str) -> Any:
    globals()[name] = value = getattr(_dispatching, name)
    return value


def __dir__() -> list[str]:
    return [*__all__, *dir(_dispatching)]
