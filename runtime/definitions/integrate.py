"""`scipy.integrate`: differential equations, with derivatives by the adjoint equation (transpile/solvers/ode.py)."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from redraft import runtime as rt
from redraft.runtime.definitions.optimize import data_of


@dataclasses.dataclass
class OdeResult:
    """What is known of a solution in a transformed function."""

    t: Any
    y: Any
    success: bool = True
    status: int = 0
    message: str = "The solver successfully reached the end of the integration interval."


def odeint(
    func: Any, y0: Any, t: Any, args: Any = (), Dfun: Any = None, col_deriv: Any = 0,
    full_output: Any = 0, ml: Any = None, mu: Any = None, rtol: Any = None, atol: Any = None,
    tcrit: Any = None, h0: Any = 0.0, hmax: Any = 0.0, hmin: Any = 0.0, ixpr: Any = 0,
    mxstep: Any = 0, mxhnil: Any = 0, mxordn: Any = 12, mxords: Any = 5, printmessg: Any = 0,
    tfirst: Any = False,
) -> Any:  # fmt: skip
    """`scipy.integrate.odeint`: a row for each time."""
    if full_output:
        raise ValueError("scipy.integrate.odeint: `full_output` has no derivative; leave it out")
    given = {
        "rtol": rtol, "atol": atol, "tcrit": tcrit, "h0": h0, "hmax": hmax, "hmin": hmin,
        "mxstep": mxstep, "mxordn": mxordn, "mxords": mxords, "tfirst": tfirst,
    }  # fmt: skip
    solver = rt.ode_solver("odeint", func, args, given)
    data = data_of(func, args)
    times = np.reshape(np.asarray(t), (-1,))
    start = np.reshape(np.asarray(y0), (-1,))
    ys = rt.call_host(solver, start, times[0], times, data)
    return np.reshape(ys, (np.size(times), np.size(start)))


def solve_ivp(
    fun: Any, t_span: Any, y0: Any, method: Any = "RK45", t_eval: Any = None,
    dense_output: Any = False, events: Any = None, vectorized: Any = False, args: Any = None,
    rtol: Any = None, atol: Any = None, max_step: Any = None, first_step: Any = None,
) -> Any:  # fmt: skip
    """`scipy.integrate.solve_ivp`: a column for each time; the steps of the solver count as fixed times."""
    if dense_output or events is not None or vectorized:
        raise ValueError(
            "scipy.integrate.solve_ivp: `dense_output`, `events` and `vectorized` have no derivative; "
            "ask for values at times, with `t_eval`"
        )
    given = {
        "method": method,
        "rtol": rtol,
        "atol": atol,
        "max_step": max_step,
        "first_step": first_step,
    }
    solver = rt.ode_solver("solve_ivp", fun, args, given)
    data = data_of(fun, args)
    first, last = np.asarray(t_span[0]) * 1.0, np.asarray(t_span[1]) * 1.0
    start = np.reshape(np.asarray(y0), (-1,))
    if t_eval is None:
        inner = rt.ode_steps(solver, start, first, last, data)
        times = np.concatenate([np.reshape(first, (1,)), inner, np.reshape(last, (1,))])
    else:
        times = np.reshape(np.asarray(t_eval), (-1,))
    ys = rt.call_host(solver, start, first, times, data)
    return OdeResult(times, np.reshape(ys, (np.size(times), np.size(start))).T)
