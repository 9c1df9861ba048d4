"""Example arguments for the rows: one function per domain, from a random generator to calls.

Values keep away from kinks, ties and poles by a margin that central differences do not cross.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Rng = Any
Make = Callable[[Rng, tuple], Any]


def between(low: float, high: float) -> Make:
    """Values between two bounds."""
    return lambda rng, shape: rng.uniform(low, high, shape)[()]


def apart(low: float = 0.3, high: float = 1.7) -> Make:
    """Values of both signs, away from zero."""
    return lambda rng, shape: rng.uniform(low, high, shape)[()] * rng.choice([-1.0, 1.0], shape)[()]


def integers(values: list) -> Any:
    """An array of positions."""
    return np.array(values)


def well(rng: Rng, shape: tuple) -> Any:
    """Matrices far from singular."""
    return inside(rng, shape) + 2.5 * np.eye(shape[-1])


def definite(rng: Rng, shape: tuple) -> Any:
    """Symmetric positive definite matrices."""
    a = inside(rng, shape)
    return a @ a.mT + np.eye(shape[-1])


def symmetric(rng: Rng, shape: tuple) -> Any:
    """Symmetric matrices whose eigenvalues are far from each other."""
    a = inside(rng, shape)
    return 0.5 * (a + a.mT) + np.diag(1.5 * np.arange(shape[-1]))


def eigenvalues(a: Any) -> Any:
    """Eigenvalues of a matrix, in another order than NumPy's."""
    return np.linalg.eigvals(a)[..., ::-1].copy()


def spread_values(rng: Rng, shape: tuple) -> Any:
    """Matrices whose singular values are far from each other and from zero."""
    rows, cols = np.indices(shape[-2:])
    return 0.5 * inside(rng, shape) + np.where(rows == cols, 1.5 + 1.5 * rows, 0.0)


def distinct(rng: Rng, shape: tuple) -> Any:
    """Values of which no two are near each other."""
    size = int(np.prod(shape))
    values = (rng.permutation(size) - size / 2) * 0.37 + rng.uniform(0.05, 0.2, size)
    return values.reshape(shape)[()]


anything = between(-2.0, 2.0)
positive = between(0.3, 2.5)
inside = between(-0.8, 0.8)


def one(make: Make, *shapes: tuple) -> Callable[[Rng], list]:
    """Samples of a function of one array."""
    shapes = shapes or ((), (3,), (2, 3), (0,))
    return lambda rng: [(make(rng, shape),) for shape in shapes]


BROADCASTS = (
    ((), ()),
    ((3,), ()),
    ((), (3,)),
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((2, 1), (1, 3)),
    ((2, 1, 3), (2, 1)),
    ((0,), (1,)),
)


def two(first: Make, second: Make | None = None) -> Callable[[Rng], list]:
    """Samples of a function of two arrays that are broadcast together."""
    second = second or first
    return lambda rng: [(first(rng, a), second(rng, b)) for a, b in BROADCASTS]


def three(first: Make, second: Make, third: Make) -> Callable[[Rng], list]:
    """Samples of a function of three arrays that are broadcast together."""
    return lambda rng: [(first(rng, a), second(rng, b), third(rng, a)) for a, b in BROADCASTS]


def calls(*shapes_and_options: Any, make: Make = anything) -> Callable[[Rng], list]:
    """Samples from ``(shape, keywords)`` pairs: one array each, and the keywords as they are."""
    return lambda rng: [((make(rng, shape),), dict(kw)) for shape, kw in shapes_and_options]


def arrays(*argument_shapes: Any, make: Make = anything) -> Callable[[Rng], list]:
    """Samples of several arrays: each item is a tuple of shapes, or that and keywords."""

    def samples(rng: Rng) -> list:
        made = []
        for item in argument_shapes:
            shapes, options = item if len(item) == 2 and isinstance(item[1], dict) else (item, {})
            made.append((tuple(make(rng, shape) for shape in shapes), dict(options)))
        return made

    return samples
