"""`@case(*args, **static)`: a function of the corpus beside the arguments to call it with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# Arguments that many cases share: nothing is equal, nothing is near zero or near a tie.
X3 = np.array([0.3, -0.7, 1.2])
Y3 = np.array([0.9, 0.4, -0.5])
X5 = np.array([0.3, -0.7, 1.2, 0.55, -0.25])
M23 = np.array([[0.2, -0.4, 0.7], [1.1, 0.35, -0.6]])
M33 = np.array([[1.5, 0.2, -0.3], [0.1, 1.2, 0.4], [-0.2, 0.3, 1.8]])
P3 = np.array([0.6, 1.4, 2.1])


@dataclass
class Case:
    """A function, its differentiated arguments, the keywords that stay fixed, and what to check.

    Attributes:
        jax: JAX can run the function too (no in-place update, no `math`, no NumPy-only call).
        order: the highest derivative that is checked.
        single: float32 arguments keep the function away from its branches' edges.
    """

    function: Callable
    args: tuple
    static: dict = field(default_factory=dict)
    jax: bool = True
    order: int = 2
    single: bool = True

    def __str__(self) -> str:
        module = self.function.__module__.rpartition(".")[2]
        return f"{module}.{self.function.__name__}"


CASES: list[Case] = []


def case(
    *args: Any, _jax: bool = True, _order: int = 2, _single: bool = True, **static: Any
) -> Callable[[Callable], Callable]:
    """Register the decorated function, which is returned as it is."""

    def register(function: Callable) -> Callable:
        CASES.append(Case(function, args, static, _jax, _order, _single))
        return function

    return register
