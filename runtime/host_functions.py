"""Calls of closed functions of arrays on the host: solvers, and the functions that are their derivatives.

What SciPy's solvers compute cannot be read as source, and the function that they are given is known only when the
code runs. So a solver is an object, made at run time, that knows its own derivatives; generated code calls it
by one primitive, `call_host`, whose derivatives and batches are calls of `call_host` again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from redraft.runtime.closures import is_differentiable
from redraft.runtime.specs import ShapeDtypeStruct
from redraft.runtime.tensors import is_tensor


class Applied:
    """A function of arrays of float64 that gives one, and depends on nothing else.

    Attributes:
        label: what errors call it.
    """

    label = "a solver"

    def __init__(self) -> None:
        self._made: dict[Any, Applied] = {}

    def value(self, *args: Any) -> np.ndarray:
        """The result."""
        raise NotImplementedError

    def spec(self, *specs: Any) -> ShapeDtypeStruct:
        """The description of the result from those of the arguments."""
        raise NotImplementedError

    def make_pulled(self, wrt: int) -> Applied:
        """``(*args, ans, ans_bar)`` -> the cotangent of an argument."""
        raise NotImplementedError

    def make_pushed(self, wrt: int) -> Applied:
        """``(*args, ans, dot)`` -> the tangent of the result by that of an argument."""
        raise NotImplementedError

    def made(self, key: Any, make: Callable[[], Applied]) -> Applied:
        """Something that is made once."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]


class Plain(Applied):
    """A Python function with source; it may call `call_host`.

    Attributes:
        function: takes as many arrays as `count` says.
        describe: descriptions of the arguments -> that of the result.
    """

    def __init__(self, label: str, function: Any, count: int, describe: Callable) -> None:
        super().__init__()
        self.label, self.function, self.count, self.describe = label, function, count, describe

    def value(self, *args: Any) -> np.ndarray:
        return np.asarray(self.function(*args), np.float64)

    def spec(self, *specs: Any) -> ShapeDtypeStruct:
        return self.describe(*specs)

    def make_pulled(self, wrt: int) -> Applied:
        from redraft.transpile.solvers.functions import pulled

        function = pulled(self.function, self.count, wrt)
        return Plain(self.label, function, self.count + 2, lambda *specs: specs[wrt])

    def make_pushed(self, wrt: int) -> Applied:
        from redraft.transpile.solvers.functions import pushed

        function, count = pushed(self.function, self.count, wrt), self.count
        return Plain(self.label, function, self.count + 2, lambda *specs: specs[count])


class Solver(Applied):
    """A function that the host computes, and whose derivatives are given.

    Attributes:
        host: takes NumPy's arrays.
        count: how many.
        describe: descriptions of the arguments -> that of the result.
        pulls: argument -> function ``(*args, ans, ans_bar)`` with source.
        pushes: argument -> function ``(*args, ans, dot)`` with source.
        refused: argument -> why it has neither.
    """

    def __init__(
        self, label: str, host: Callable, count: int, describe: Callable,
        pulls: dict[int, Any], pushes: dict[int, Any], refused: dict[int, str] | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.label, self.host, self.count, self.describe = label, host, count, describe
        self.pulls, self.pushes, self.refused = pulls, pushes, refused or {}

    def value(self, *args: Any) -> np.ndarray:
        return np.asarray(self.host(*args), np.float64)

    def spec(self, *specs: Any) -> ShapeDtypeStruct:
        return self.describe(*specs)

    def make_pulled(self, wrt: int) -> Applied:
        self.check(wrt)
        return Plain(self.label, self.pulls[wrt], self.count + 2, lambda *specs: specs[wrt])

    def make_pushed(self, wrt: int) -> Applied:
        self.check(wrt)
        count = self.count
        return Plain(self.label, self.pushes[wrt], count + 2, lambda *specs: specs[count])

    def check(self, wrt: int) -> None:
        """Refuse a derivative that is not known."""
        if wrt in self.refused:
            raise refusal(self.refused[wrt])


class Batched(Applied):
    """Another function, called for one example after the other.

    Attributes:
        inner: the function of one example.
        axes: for each argument whether it has the batch axis in front.
        total: is the result the sum over the batch? Of derivatives by what all examples share.
    """

    def __init__(self, inner: Applied, axes: tuple[bool, ...], total: bool = False) -> None:
        super().__init__()
        self.inner, self.axes, self.total, self.label = inner, axes, total, inner.label

    def value(self, *args: Any) -> np.ndarray:
        sizes = {np.shape(x)[0] for x, batched in zip(args, self.axes, strict=True) if batched}
        (size,) = sizes
        if size == 0:
            raise ValueError(f"{self.label}: a batch without examples")
        results = [
            self.inner.value(*(x[k] if b else x for x, b in zip(args, self.axes, strict=True)))
            for k in range(size)
        ]
        if len({x.shape for x in results}) > 1:
            raise ValueError(
                f"{self.label}: the examples of a batch give results of different shapes, "
                f"{results[0].shape} and others; ask for the values at the same places (t_eval=)"
            )
        return np.sum(results, axis=0) if self.total else np.stack(results)

    def spec(self, *specs: Any) -> ShapeDtypeStruct:
        pairs = list(zip(specs, self.axes, strict=True))
        inner = self.inner.spec(
            *(ShapeDtypeStruct(s.shape[1:], s.dtype) if b else s for s, b in pairs)
        )
        if self.total:
            return inner
        size = next(s.shape[0] for s, b in pairs if b)
        return ShapeDtypeStruct((size, *inner.shape), inner.dtype)

    def make_pulled(self, wrt: int) -> Applied:
        axes = (*self.axes, not self.total, not self.total)
        return Batched(pulled(self.inner, wrt), axes, not self.axes[wrt])

    def make_pushed(self, wrt: int) -> Applied:
        axes = (*self.axes, not self.total, self.axes[wrt])
        return Batched(pushed(self.inner, wrt), axes, self.total)


def refusal(message: str) -> Exception:
    """The error for a derivative that does not exist."""
    from redraft.transpile.dynamic import calling_line
    from redraft.transpile.errors import TransformError

    what, _, hint = message.partition("; ")
    return TransformError(what, calling_line(), hint or "see docs/scipy.md")


def call_host(function: Applied, *args: Any) -> Any:
    """Call a function of arrays."""
    return function.value(*(np.asarray(x, np.float64) for x in args))[()]


def pulled(function: Applied, wrt: int) -> Applied:
    """The function that pulls a cotangent back to an argument."""
    return function.made(("pulled", wrt), lambda: function.make_pulled(wrt))


def pushed(function: Applied, wrt: int) -> Applied:
    """The function that pushes the tangent of an argument forward."""
    return function.made(("pushed", wrt), lambda: function.make_pushed(wrt))


def batched(function: Applied, axes: Sequence[bool]) -> Applied:
    """The function of a batch of examples."""
    axes = tuple(map(bool, axes))
    return function.made(("batched", axes), lambda: Batched(function, axes))


# --- arrays in one vector


def flattened(items: Any, lead: int = 0) -> Any:
    """All numbers of some arrays, as one vector of float64; the first `lead` axes are those of batches."""
    for x in items:
        if np.asarray(x).dtype.kind == "c":
            raise TypeError("derivatives of SciPy's solvers are for real numbers, got complex ones")
    arrays = [np.asarray(x, np.float64) for x in items]
    front = arrays[0].shape[:lead] if arrays else ()
    return np.concatenate([np.zeros((*front, 0)), *(x.reshape((*front, -1)) for x in arrays)], -1)


def flattened_like(items: Any, bars: Any, lead: int = 0) -> Any:
    """The same for cotangents or tangents of the arrays, which may have more axes in front.

    None stands for zeros, and a number for all elements.
    """
    bars = [None] * len(items) if bars is None else bars
    shapes = [np.shape(x) for x in items]
    fronts, shapes = [s[:lead] for s in shapes], [s[lead:] for s in shapes]
    arrays = [np.zeros(()) if z is None else np.asarray(z, np.float64) for z in bars]
    pairs = list(zip(arrays, shapes, strict=True))
    front = np.broadcast_shapes(*fronts, *(z.shape[: max(z.ndim - len(s), 0)] for z, s in pairs))
    return flattened([np.broadcast_to(z, (*front, *s)) for z, s in pairs], len(front))


def unflattened(items: Any, flat: Any, lead: int = 0) -> list[Any]:
    """Arrays like some arrays, with numbers from a vector, which may have more axes in front."""
    shapes = [np.shape(x)[lead:] for x in items]
    ends = np.cumsum([0, *map(math.prod, shapes)])
    return [
        flat[..., a:b].reshape((*flat.shape[:-1], *shape)).astype(np.asarray(x).dtype)[()]
        for x, shape, a, b in zip(items, shapes, ends, ends[1:], strict=False)
    ]


def first_examples(args: Any, batched: Sequence[bool]) -> tuple[Any, ...]:
    """The arguments of the first example, which has the shapes of all."""
    return tuple(_first(x) if b else x for x, b in zip(args, batched, strict=True))


def _first(x: Any) -> Any:
    if not is_differentiable(x):
        raise TypeError(
            "arguments of a function that SciPy calls differ between the examples of a batch, and "
            "are no floating-point numbers"
        )
    return x[0] if is_tensor(x) or np.shape(x)[0] else np.zeros(np.shape(x)[1:])


def root_solver(kind: str, fun: Any, args: tuple, options: dict) -> Applied:
    """A solver of equations, or of a minimum; see transpile/solvers/implicit.py."""
    from redraft.transpile.solvers.implicit import solver

    return solver(kind, fun, args, options)


def ode_solver(kind: str, fun: Any, args: tuple, options: dict) -> Applied:
    """A solver of differential equations; see transpile/solvers/ode.py."""
    from redraft.transpile.solvers.ode import solver

    return solver(kind, fun, args, options)


def function_of_data(fun: Any, args: tuple, derivative: Any) -> Applied:
    """``fun(x, *args)`` as a function of `x` and the data in `args` and in the closure.

    With a `derivative` of True it returns a pair, of which this is the first part.
    """
    from redraft.transpile.solvers.functions import objective

    return objective(fun, args, "[0]" if derivative is True else "")


def unmoved(x: Any, held: Any, name: str) -> Any:
    """`x`, which has no derivative with respect to an option of that name."""
    return x


def ode_steps(solver: Any, y0: Any, t0: Any, end: Any, data: Any) -> np.ndarray:
    """The times between two others at which the solver stops by itself."""
    arrays = (np.asarray(x, np.float64) for x in (y0, t0, end, data))
    return solver.steps(*arrays)


def ode_steps_of_batch(solver: Any) -> Any:
    """There are none.

    Raises:
        ValueError: always.
    """
    raise ValueError(
        "scipy.integrate.solve_ivp: the examples of a batch have different numbers of steps; give `t_eval`"
    )
