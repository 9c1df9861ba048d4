"""`scipy.optimize`: solutions, with derivatives by the implicit function theorem (transpile/solvers/implicit.py)."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from redraft import runtime as rt


@dataclasses.dataclass
class OptimizeResult:
    """What is known of a solution in a transformed function."""

    x: Any
    fun: Any
    success: bool = True
    status: int = 0


@dataclasses.dataclass
class LeastSquaresResult:
    """What is known of a fit in a transformed function."""

    x: Any
    fun: Any
    cost: Any
    success: bool = True


@dataclasses.dataclass
class RootResults:
    """What is known of a root of one variable in a transformed function."""

    root: Any
    converged: bool = True


def data_of(fun: Any, args: Any) -> Any:
    """The numbers in the arguments of a function, and behind them those that it captures."""
    own, captured = rt.flattened(rt.closure_consts(args)), rt.flattened(rt.closure_consts(fun))
    return np.pad(own, (0, np.size(captured))) + np.pad(captured, (np.size(own), 0))


def solution(kind: Any, fun: Any, x0: Any, args: Any, options: Any) -> Any:
    """What a solver of that name finds, and the data on which it depends."""
    solver = rt.root_solver(kind, fun, args, options)
    data = data_of(fun, args)
    return rt.call_host(solver, np.asarray(x0), data), data


def root(
    fun: Any, x0: Any, args: Any = (), method: Any = "hybr", jac: Any = None, tol: Any = None,
    callback: Any = None, options: Any = None,
) -> Any:  # fmt: skip
    """`scipy.optimize.root`: ``fun(x, *args) = 0``."""
    given = {"method": method, "jac": jac, "tol": tol, "options": options}
    x, data = solution("root", fun, x0, args, given)
    x = np.reshape(x, (np.size(x0),))
    return OptimizeResult(x, rt.call_host(rt.function_of_data(fun, args, jac), x, data))


def fsolve(
    func: Any, x0: Any, args: Any = (), fprime: Any = None, full_output: Any = 0,
    col_deriv: Any = 0, xtol: Any = 1.49012e-08, maxfev: Any = 0, band: Any = None,
    epsfcn: Any = None, factor: Any = 100, diag: Any = None,
) -> Any:  # fmt: skip
    """`scipy.optimize.fsolve`: ``func(x, *args) = 0``."""
    given = {
        "jac": fprime, "full_output": full_output, "xtol": xtol, "maxfev": maxfev, "band": band,
        "epsfcn": epsfcn, "factor": factor, "diag": diag,
    }  # fmt: skip
    x, _ = solution("fsolve", func, x0, args, given)
    return np.reshape(x, (np.size(x0),))


def root_scalar(
    f: Any, args: Any = (), method: Any = None, bracket: Any = None, fprime: Any = None,
    fprime2: Any = None, x0: Any = None, x1: Any = None, xtol: Any = None, rtol: Any = None,
    maxiter: Any = None, options: Any = None,
) -> Any:  # fmt: skip
    """`scipy.optimize.root_scalar`: ``f(x, *args) = 0`` for one number."""
    if bracket is not None:
        places = np.stack([bracket[0] * 1.0, bracket[1] * 1.0])
        starts = 0
    elif x1 is not None:
        places = np.stack([x0 * 1.0, x1 * 1.0])
        starts = 2
    else:
        places = np.stack([x0 * 1.0])
        starts = 1
    given = {
        "method": method, "jac": fprime, "second": fprime2, "xtol": xtol, "rtol": rtol, "maxiter": maxiter,
        "options": options, "starts": starts,
    }  # fmt: skip
    x, _ = solution("root_scalar", f, places, args, given)
    return RootResults(x)


def brentq(
    f: Any, a: Any, b: Any, args: Any = (), xtol: Any = 2e-12, rtol: Any = 8.881784197001252e-16,
    maxiter: Any = 100, full_output: Any = False, disp: Any = True,
) -> Any:  # fmt: skip
    """`scipy.optimize.brentq`: ``f(x, *args) = 0`` between `a` and `b`."""
    given = {"xtol": xtol, "rtol": rtol, "maxiter": maxiter, "full_output": full_output}
    x, _ = solution("brentq", f, np.array([a, b]), args, given)
    return x


def newton(
    func: Any, x0: Any, fprime: Any = None, args: Any = (), tol: Any = 1.48e-8, maxiter: Any = 50,
    fprime2: Any = None, x1: Any = None, rtol: Any = 0.0, full_output: Any = False, disp: Any = True,
) -> Any:  # fmt: skip
    """`scipy.optimize.newton`: ``func(x, *args) = 0``, element by element."""
    given = {
        "jac": fprime, "second": fprime2, "tol": tol, "maxiter": maxiter, "x1": x1, "rtol": rtol,
        "full_output": full_output,
    }  # fmt: skip
    x, _ = solution("newton", func, x0, args, given)
    return x


def fixed_point(
    func: Any, x0: Any, args: Any = (), xtol: Any = 1e-08, maxiter: Any = 500, method: Any = "del2"
) -> Any:
    """`scipy.optimize.fixed_point`: ``func(x, *args) = x``."""
    given = {"xtol": xtol, "maxiter": maxiter, "method": method}
    x, _ = solution("fixed_point", func, x0, args, given)
    return x


def minimize(
    fun: Any, x0: Any, args: Any = (), method: Any = None, jac: Any = None, hess: Any = None,
    hessp: Any = None, bounds: Any = None, constraints: Any = (), tol: Any = None,
    callback: Any = None, options: Any = None,
) -> Any:  # fmt: skip
    """`scipy.optimize.minimize`: the smallest ``fun(x, *args)``."""
    given = {
        "method": method, "jac": jac, "hess": hess, "hessp": hessp, "bounds": bounds,
        "constraints": constraints, "tol": tol, "options": options,
    }  # fmt: skip
    x, data = solution("minimize", fun, x0, args, given)
    x = np.reshape(x, (np.size(x0),))
    x = rt.unmoved(x, bounds, "bounds")
    return OptimizeResult(x, rt.call_host(rt.function_of_data(fun, args, jac), x, data))


def minimize_scalar(
    fun: Any, bracket: Any = None, bounds: Any = None, args: Any = (), method: Any = None,
    tol: Any = None, options: Any = None,
) -> Any:  # fmt: skip
    """`scipy.optimize.minimize_scalar`: the smallest ``fun(x, *args)`` for one number."""
    given = {
        "bracket": bracket, "bounds": bounds,
        "method": method, "tol": tol, "options": options,
    }  # fmt: skip
    x, data = solution("minimize_scalar", fun, 0.0, args, given)
    x = rt.unmoved(rt.unmoved(x, bounds, "bounds"), bracket, "bracket")
    return OptimizeResult(x, rt.call_host(rt.function_of_data(fun, args, None), x, data))


def least_squares(
    fun: Any, x0: Any, jac: Any = "2-point", bounds: Any = None, method: Any = "trf",
    ftol: Any = 1e-8, xtol: Any = 1e-8, gtol: Any = 1e-8, x_scale: Any = 1.0, loss: Any = "linear",
    f_scale: Any = 1.0, diff_step: Any = None, tr_solver: Any = None, tr_options: Any = None,
    jac_sparsity: Any = None, max_nfev: Any = None, verbose: Any = 0, args: Any = (),
) -> Any:  # fmt: skip
    """`scipy.optimize.least_squares`: the smallest sum of squares of ``fun(x, *args)``."""
    given = {
        "jac": jac, "bounds": bounds, "method": method, "ftol": ftol, "xtol": xtol,
        "gtol": gtol, "x_scale": x_scale, "loss": loss, "diff_step": diff_step, "tr_solver": tr_solver,
        "tr_options": tr_options, "max_nfev": max_nfev,
    }  # fmt: skip
    x, data = solution("least_squares", fun, x0, args, given)
    x = np.reshape(x, (np.size(x0),))
    x = rt.unmoved(x, bounds, "bounds")
    residuals = rt.call_host(rt.function_of_data(fun, args, None), x, data)
    return LeastSquaresResult(x, residuals, 0.5 * np.sum(residuals**2))
