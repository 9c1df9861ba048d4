"""Compare derivatives with finite differences: `check_grads`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from redraft.runtime.tree import leaves
from redraft.transpile.api import jvp, vjp

MODES = ("fwd", "rev")
# the cube root of the rounding error balances rounding and truncation of a central difference
STEPS = {2: 1e-1, 4: 5e-3, 8: 6e-6}
TOLERANCES = {2: 2e-1, 4: 2e-2, 8: 1e-6}


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int,
    modes: Any = MODES,
    atol: float | None = None,
    rtol: float | None = None,
    eps: float | None = None,
) -> None:
    """Check the derivatives of a function against central differences.

    Forward mode: the tangent along a random direction is compared with the difference of two values.
    Reverse mode: the product of a random cotangent with that difference is compared with the product of
    the cotangents of the arguments with the direction. Higher orders check the derivative functions in
    the same way. The directions are the same in every run.

    Args:
        f: a function of numbers, arrays and containers of them.
        args: its arguments; floating-point and complex ones are varied, others are constants.
        order: up to which derivative, at least 1.
        modes: ``"fwd"``, ``"rev"`` or both; every sequence of them is checked up to `order`.
        atol: absolute tolerance; 1e-6 for float64, 0.02 for float32, if it is left out.
        rtol: relative tolerance, likewise.
        eps: the step of the difference.

    Raises:
        AssertionError: a derivative differs; the message says which, by how much.
        ValueError: `order` is less than 1, or there is no such mode.
        TransformError: `f` cannot be differentiated.
    """
    modes = (modes,) if isinstance(modes, str) else tuple(modes)
    if order < 1:
        raise ValueError(f"check_grads: order must be at least 1, got {order}")
    if not modes or set(modes) - set(MODES):
        raise ValueError(f"check_grads: modes must be 'fwd', 'rev' or both, got {modes!r}")
    checks = _Checks(getattr(f, "__name__", "the function"), modes, atol, rtol, eps)
    checks.check(f, tuple(args), order, "")


class _Checks:
    def __init__(
        self, name: str, modes: tuple, atol: float | None, rtol: float | None, eps: float | None
    ) -> None:
        self.name, self.modes = name, modes
        self.atol, self.rtol, self.eps = atol, rtol, eps

    def check(self, f: Callable, args: tuple, order: int, done: str) -> None:
        """Check the derivatives of `f`, which is `done` derivatives of the user's function."""
        rng = np.random.default_rng(len(done))
        for mode in self.modes:
            dots = tuple(randomly(x, rng) for x in args)
            title = (
                f"{mode} derivative{f' of the {done} derivative' if done else ''} of `{self.name}`"
            )
            further = f"{done}, {mode}" if done else mode
            if mode == "fwd":
                self.check_forward(f, args, dots, title)
                if order > 1:
                    self.check(functools.partial(_tangent, f, dots), args, order - 1, further)
            else:
                value_bar = self.check_reverse(f, args, dots, rng, title)
                if order > 1:
                    self.check(
                        functools.partial(_cotangents, f, value_bar), args, order - 1, further
                    )

    def check_forward(self, f: Callable, args: tuple, dots: tuple, title: str) -> None:
        expected = self.difference(f, args, dots)
        found = _active(f, args, dots)[1]
        self.compare(leaves_of(found), expected, title)

    def check_reverse(self, f: Callable, args: tuple, dots: tuple, rng: Any, title: str) -> Any:
        value, pullback = vjp(f, *args)
        value_bar = randomly(value, rng)
        bars = pullback(value_bar)
        expected = inner(leaves_of(value_bar), self.difference(f, args, dots))
        kept = [(b, d) for b, d in zip(bars, dots, strict=True) if d is not None]
        found = inner(
            [leaf for bar, _ in kept for leaf in leaves_of(bar)],
            [leaf for _, dot in kept for leaf in leaves_of(dot)],
        )
        self.compare([np.asarray(found)], [np.asarray(expected)], title)
        return value_bar

    def difference(self, f: Callable, args: tuple, dots: tuple) -> list[np.ndarray]:
        """Central difference of the leaves of the value."""
        step = self.eps if self.eps is not None else min(STEPS[width(x)] for x in [leaves_of(args)])
        up = leaves_of(f(*(moved(x, d, step) for x, d in zip(args, dots, strict=True))))
        down = leaves_of(f(*(moved(x, d, -step) for x, d in zip(args, dots, strict=True))))
        return [(np.asarray(a) - np.asarray(b)) / (2 * step) for a, b in zip(up, down, strict=True)]

    def compare(self, found: list[Any], expected: list[Any], title: str) -> None:
        tolerance = TOLERANCES[width(found)]
        atol = tolerance if self.atol is None else self.atol
        rtol = tolerance if self.rtol is None else self.rtol
        for place, (a, b) in enumerate(zip(found, expected, strict=True)):
            if not is_floating(b):
                continue
            which = f", part {place} of the result" if len(found) > 1 else ""
            np.testing.assert_allclose(
                a,
                b,
                rtol,
                atol,
                err_msg=f"{title} (first) differs from finite differences (second){which}",
            )


def _active(f: Callable, args: tuple, dots: tuple) -> tuple:
    """`jvp` with respect to the arguments that have tangents."""
    zeros = tuple(
        map_leaves(lambda x: np.zeros_like(np.asarray(x), float)[()], x) if d is None else d
        for x, d in zip(args, dots, strict=True)
    )
    return jvp(f, args, zeros)


def _tangent(f: Callable, dots: tuple, *args: Any) -> Any:
    return jvp(f, args, dots)[1]


def _cotangents(f: Callable, value_bar: Any, *args: Any) -> Any:
    return vjp(f, *args)[1](value_bar)


def leaves_of(x: Any) -> list[Any]:
    """Numbers and arrays in a value."""
    return [leaf for leaf in leaves(x) if not callable(leaf)]


def width(found: list[Any]) -> int:
    """Bytes of the narrowest real number among arrays."""
    widths = [np.asarray(x).real.dtype.itemsize for x in found if is_floating(x)]
    return min([w for w in widths if w in STEPS], default=8)


def is_floating(x: Any) -> bool:
    """Is it made of real or complex numbers?"""
    return np.asarray(x).dtype.kind in "fc"


def inner(xs: list[Any], ys: list[Any]) -> Any:
    """The real inner product of two values, given by their leaves."""
    pairs = [(x, y) for x, y in zip(xs, ys, strict=True) if is_floating(x) and is_floating(y)]
    return sum(np.sum(np.asarray(x) * np.asarray(y)).real for x, y in pairs)


def randomly(x: Any, rng: Any) -> Any:
    """A random direction for a value; zeros for what is constant."""
    return map_leaves(lambda leaf: _random_like(leaf, rng), x)


def _random_like(leaf: Any, rng: Any) -> Any:
    array = np.asarray(leaf)
    if array.dtype.kind not in "fc":
        return np.zeros(array.shape)[()]
    drawn = _away_from_zero(array.shape, rng)
    if array.dtype.kind == "c":
        drawn = drawn + 1j * _away_from_zero(array.shape, rng)
    return drawn.astype(array.dtype)[()] if array.shape == () else drawn.astype(array.dtype)


def _away_from_zero(shape: tuple, rng: Any) -> Any:
    """Random numbers that hide no error by being small."""
    return rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 1.5, shape)


def moved(x: Any, dot: Any, step: float) -> Any:
    """A value, moved along a direction; what is no floating-point number stays."""

    def move(leaf: Any, direction: Any) -> Any:
        if not is_floating(leaf):
            return leaf
        new = leaf + step * direction
        return new.astype(leaf.dtype) if hasattr(leaf, "dtype") else new

    return map_leaves(move, x, dot)


def map_leaves(function: Callable, x: Any, *others: Any) -> Any:
    """A function of all leaves of a value."""
    import optree

    return optree.tree_map(function, x, *others, namespace="redraft")
