"""Solutions of equations and minima: derivatives by the implicit function theorem.

A solution satisfies ``condition(x, data) = 0``: of a minimum, that the gradient vanishes. So its
change is ``-(d condition / d x)^-1 (d condition / d data)``, whatever the solver did to find it. The rules are
Python with source that reads the solution, and not the solver: derivatives of them give those of any order.
"""

from __future__ import annotations

import functools
import types
from typing import Any

import numpy as np

from redraft import runtime as rt
from redraft.runtime.host_functions import Applied, Solver
from redraft.runtime.specs import ShapeDtypeStruct
from redraft.transpile.api import grad, jvp
from redraft.transpile.solvers.functions import KEPT, system
from redraft.transpile.solvers.jacobians import jacobian_of


def solver(kind: str, fun: Any, args: tuple, options: dict[str, Any]) -> Applied:
    """A solver of ``kind`` (a name of scipy.optimize) as a function of `x0` and data.

    Raises:
        ValueError: an option with which the solution has no derivative.
    """
    options = dict(options)
    derivative = options.pop("jac", None)
    part = "[0]" if derivative is True else ""
    refuse(kind, options)
    key = tuple((k, Held(v)) for k, v in options.items() if v is not None)
    return _solver(kind, system(fun, args, ("x",), part), callable(derivative) or bool(part), key)


def refuse(kind: str, options: dict[str, Any]) -> None:
    """Refuse options that change what the solution or the result is."""
    constraints = options.pop("constraints", ())
    if not isinstance(constraints, (tuple, list)) or len(constraints):
        raise ValueError(
            f"scipy.optimize.{kind}: a solution under `constraints` has no derivative here; use bounds, "
            "or put the constraint into the function"
        )
    if options.pop("full_output", False):
        raise ValueError(f"scipy.optimize.{kind}: `full_output` has no derivative; leave it out")
    if options.get("loss", "linear") != "linear":
        raise ValueError(
            f"scipy.optimize.{kind}: loss={options['loss']!r} has no derivative; use loss='linear'"
        )


class Held:
    """An option, as a part of a key: equal to one with the same numbers, or that is the same object."""

    def __init__(self, value: Any) -> None:
        self.value, self.key = value, key_of(value)  # what has no key but its address stays alive

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Held) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def key_of(value: Any) -> Any:
    """Something with a hash that tells values apart."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, (tuple, list)):
        return type(value), tuple(map(key_of, value))
    if isinstance(value, dict):
        return dict, tuple((k, key_of(v)) for k, v in value.items())
    if hasattr(value, "lb") and hasattr(value, "ub"):
        return type(value), key_of(value.lb), key_of(value.ub)
    if value is None or isinstance(value, (bool, int, float, str)):
        return type(value), value
    return id(value)


@functools.lru_cache(KEPT)
def _solver(kind: str, fun: Any, derivative: bool, key: tuple) -> Applied:
    options = {k: v.value for k, v in key}
    host, condition = KINDS[kind](fun, derivative, options)
    pull, push = rules(condition)

    def describe(x0: Any, data: Any) -> ShapeDtypeStruct:
        if kind in SCALAR:
            return ShapeDtypeStruct((), np.float64)
        return ShapeDtypeStruct(x0.shape if kind in LIKE_START else (x0.size,), np.float64)

    return Solver(
        f"scipy.optimize.{kind}", host, 2, describe, {0: no_cotangent, 1: pull},
        {0: no_tangent, 1: push},
    )  # fmt: skip


LOSS_OF_PRECISION = 2  # how BFGS and CG end where the gradient is as small as rounding lets it be
SCALAR = ("brentq", "root_scalar", "minimize_scalar")
LIKE_START = ("newton", "fixed_point")


def no_cotangent(x0: Any, data: Any, x: Any, x_bar: Any) -> Any:
    """Of the start of the search."""
    return np.zeros_like(x0)


def no_tangent(x0: Any, data: Any, x: Any, x0_dot: Any) -> Any:
    """By the start of the search."""
    return np.zeros_like(x)


def rules(condition: Any) -> tuple[Any, Any]:
    """Cotangent of the data, and tangent by that of the data."""
    jacobian = jacobian_of(condition)

    def product(data: Any, x: Any, u: Any) -> Any:
        return np.sum(condition(x, data) * u)

    slope = grad(product)

    def pull(x0: Any, data: Any, x: Any, x_bar: Any) -> Any:
        matrix = rt.call_host(jacobian, x, data)
        u = np.reshape(np.linalg.solve(matrix.T, np.ravel(x_bar)), np.shape(x))
        return -slope(data, x, u)

    def push(x0: Any, data: Any, x: Any, data_dot: Any) -> Any:
        matrix = rt.call_host(jacobian, x, data)
        _, change = jvp(condition, (x, data), (np.zeros_like(x), data_dot))
        return -np.reshape(np.linalg.solve(matrix, np.ravel(change)), np.shape(x))

    return pull, push


def converged(result: Any, kind: str) -> Any:
    """The solution of a result.

    Raises:
        RuntimeError: the solver failed; there is no derivative at what it returns.
    """
    if not result.success:
        raise failed(kind, result.message)
    return result.x


def failed(kind: str, message: str) -> RuntimeError:
    """The error for a solver that found nothing."""
    return RuntimeError(
        f"scipy.optimize.{kind} did not converge, so that its result has no derivative: {message}"
    )


def equation(fun: Any) -> Any:
    """``fun(x) = 0`` as a condition."""

    def condition(x: Any, data: Any) -> Any:
        return np.reshape(np.asarray(fun(x, data)), np.shape(x))

    return condition


def root(fun: Any, derivative: bool, options: dict) -> tuple[Any, Any]:
    """``fun(x) = 0``."""
    condition = equation(fun)
    slope = jacobian_of(condition).host

    def host(x0: Any, data: Any) -> Any:
        from scipy import optimize

        x0 = np.ravel(x0)
        jac = {"jac": lambda x: slope(x, data)} if derivative else {}
        result = optimize.root(lambda x: condition(x, data), x0, **jac, **options)
        return np.ravel(converged(result, "root"))

    return host, condition


def fsolve(fun: Any, derivative: bool, options: dict) -> tuple[Any, Any]:
    """The same, by another name."""
    condition = equation(fun)
    slope = jacobian_of(condition).host

    def host(x0: Any, data: Any) -> Any:
        from scipy import optimize

        prime = {"fprime": lambda x: slope(x, data)} if derivative else {}
        x, _, flag, message = optimize.fsolve(
            lambda x: condition(x, data), np.ravel(x0), full_output=True, **prime, **options
        )
        if flag != 1:
            raise failed("fsolve", message)
        return x

    return host, condition


def one_number(fun: Any, options: dict) -> tuple[Any, Any, dict]:
    """A condition on one number, or element by element, and its derivatives for SciPy."""
    condition = equation(fun)

    def total(x: Any, data: Any) -> Any:
        return np.sum(condition(x, data))

    slope = grad(total)

    def total_slope(x: Any, data: Any) -> Any:
        return np.sum(slope(x, data))

    options = dict(options)
    second = grad(total_slope) if options.pop("second", None) is not None else None
    return condition, (slope, second), options


def root_scalar(fun: Any, derivative: bool, options: dict) -> tuple[Any, Any]:
    """``fun(x) = 0`` for one number, between two others or from one or two of them."""
    condition, (slope, second), options = one_number(fun, options)
    starts = options.pop("starts")

    def host(places: Any, data: Any) -> Any:
        from scipy import optimize

        given = dict(zip(("x0", "x1"), places[:starts], strict=False))
        if not starts:
            given["bracket"] = tuple(places)
        if derivative:
            given["fprime"] = lambda x: slope(np.float64(x), data)
        if second is not None:
            given["fprime2"] = lambda x: second(np.float64(x), data)
        result = optimize.root_scalar(lambda x: condition(x, data)[()], **given, **options)
        if not result.converged:
            raise failed("root_scalar", result.flag)
        return result.root

    return host, condition


def brentq(fun: Any, derivative: bool, options: dict) -> tuple[Any, Any]:
    """``fun(x) = 0`` between two numbers."""
    condition = equation(fun)

    def host(ends: Any, data: Any) -> Any:
        from scipy import optimize

        return optimize.brentq(lambda x: condition(x, data)[()], *ends, **options)

    return host, condition


def newton(fun: Any, derivative: bool, options: dict) -> tuple[Any, Any]:
    """``fun(x) = 0``, element by element."""
    condition, (slope, second), options = one_number(fun, options)

    def host(x0: Any, data: Any) -> Any:
        from scipy import optimize

        given = {"fprime": lambda x: slope(np.asarray(x), data)} if derivative else {}
        if second is not None:
            given["fprime2"] = lambda x: second(np.asarray(x), data)
        if not np.ndim(x0):
            x0 = float(x0)
        return optimize.newton(lambda x: condition(x, data)[()], x0, **given, **options)

    return host, condition


def fixed_point(fun: Any, derivative: bool, options: dict) -> tuple[Any, Any]:
    """``fun(x) = x``."""

    def condition(x: Any, data: Any) -> Any:
        return np.reshape(np.asarray(fun(x, data)), np.shape(x)) - x

    def host(x0: Any, data: Any) -> Any:
        from scipy import optimize

        return optimize.fixed_point(lambda x: fun(x, data), x0, **options)

    return host, condition


def stationary(value: Any, bounds: Any) -> tuple[Any, Any]:
    """That the gradient vanishes, but for variables that stand at a bound, which stay there."""
    lower, upper = limits(bounds)
    slope = grad(value)
    if bounds is None:
        return (lambda x, data: slope(x, data)), slope

    def condition(x: Any, data: Any) -> Any:
        low, high = x <= lower, x >= upper
        inside = np.where(low, x - np.where(low, lower, 0.0), x - np.where(high, upper, 0.0))
        return np.where(low | high, inside, slope(x, data))

    return condition, slope


def limits(bounds: Any) -> tuple[Any, Any]:
    """Lower and upper bounds as arrays."""
    if bounds is None:
        return None, None
    if hasattr(bounds, "lb"):
        return np.asarray(bounds.lb, float), np.asarray(bounds.ub, float)
    pairs = [(-np.inf if a is None else a, np.inf if b is None else b) for a, b in bounds]
    return np.array([a for a, _ in pairs], float), np.array([b for _, b in pairs], float)


def minimize(fun: Any, derivative: bool, options: dict) -> tuple[Any, Any]:
    """The smallest value."""
    options = dict(options)
    curved = [options.pop(name, None) for name in ("hess", "hessp")]

    def value(x: Any, data: Any) -> Any:
        return np.reshape(np.asarray(fun(x, data)), ())

    condition, slope = stationary(value, options.get("bounds"))
    curvature = jacobian_of(slope).host

    def host(x0: Any, data: Any) -> Any:
        from scipy import optimize

        given = {"jac": lambda x: slope(x, data)} if derivative else {}
        if callable(curved[0]):
            given["hess"] = lambda x: curvature(x, data)
        elif curved[0] is not None:
            given["hess"] = curved[0]
        if curved[1] is not None:
            given["hessp"] = lambda x, p: curvature(x, data) @ p
        result = optimize.minimize(lambda x: value(x, data)[()], np.ravel(x0), **given, **options)
        if result.status == LOSS_OF_PRECISION and np.all(np.abs(condition(result.x, data)) < 1e-5):
            return result.x
        return converged(result, "minimize")

    return host, condition


def minimize_scalar(fun: Any, derivative: bool, options: dict) -> tuple[Any, Any]:
    """The smallest value for one number."""
    bounds = options.get("bounds")

    def value(x: Any, data: Any) -> Any:
        return np.reshape(np.asarray(fun(x, data)), ())

    condition, _ = stationary(value, None)

    def host(x0: Any, data: Any) -> Any:
        from scipy import optimize

        result = optimize.minimize_scalar(lambda x: value(np.float64(x), data)[()], **options)
        x = converged(result, "minimize_scalar")
        if bounds is not None and min(x - bounds[0], bounds[1] - x) < 1e-4 * (
            bounds[1] - bounds[0]
        ):
            raise RuntimeError(
                "scipy.optimize.minimize_scalar: the minimum is at a bound, so that its derivative is "
                "not known; use scipy.optimize.minimize with bounds"
            )
        return x

    return host, condition


def least_squares(fun: Any, derivative: bool, options: dict) -> tuple[Any, Any]:
    """The smallest sum of squares."""
    options = dict(options)
    bounds = options.pop("bounds", None)

    def value(x: Any, data: Any) -> Any:
        return 0.5 * np.sum(np.asarray(fun(x, data)) ** 2)

    condition, _ = stationary(value, as_bounds(bounds))
    slope = jacobian_of(fun).host

    def host(x0: Any, data: Any) -> Any:
        from scipy import optimize

        given: dict[str, Any] = {"jac": lambda x: slope(x, data)} if derivative else {}
        if bounds is not None:
            given["bounds"] = bounds
        result = optimize.least_squares(lambda x: fun(x, data), np.ravel(x0), **given, **options)
        return converged(result, "least_squares")

    return host, condition


def as_bounds(bounds: Any) -> Any:
    """A pair of lower and upper bounds as an object with `lb` and `ub`."""
    if bounds is None or hasattr(bounds, "lb"):
        return bounds
    return types.SimpleNamespace(lb=bounds[0], ub=bounds[1])


KINDS = {
    "root": root, "fsolve": fsolve, "root_scalar": root_scalar, "brentq": brentq, "newton": newton,
    "fixed_point": fixed_point, "minimize": minimize, "minimize_scalar": minimize_scalar,
    "least_squares": least_squares,
}  # fmt: skip
