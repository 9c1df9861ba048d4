"""Solutions of differential equations: derivatives by equations for them, solved by the same solver.

A solution is a function ``(y0, t0, ts, data) -> ys`` with a row for each time. Reverse mode solves the adjoint
equation backward from one time to the one before, with the solution beside it, which starts anew
from the value that is known; forward mode solves the variational equation. Both are calls of `call_host` on solvers
of larger systems, so that derivatives of derivatives follow.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from redraft import runtime as rt
from redraft.runtime.host_functions import Applied, Solver
from redraft.runtime.specs import ShapeDtypeStruct
from redraft.transpile.api import grad, jvp
from redraft.transpile.solvers.functions import KEPT, system
from redraft.transpile.solvers.implicit import Held


def solver(kind: str, fun: Any, args: tuple, options: dict[str, Any]) -> Applied:
    """A solver of ``kind`` (`odeint`, or `solve_ivp`) for ``fun(t, y, *args)`` or ``fun(y, t, *args)``.

    Raises:
        ValueError: tolerances per component.
    """
    options = dict(options)
    for name in ("rtol", "atol"):
        if options.get(name) is not None and np.ndim(options[name]):
            raise ValueError(
                f"scipy.integrate.{kind}: `{name}` must be one number where derivatives are taken, "
                f"got an array of shape {np.shape(options[name])}"
            )
    t_first = options.pop("tfirst", True)
    names = ("t", "y") if t_first else ("y", "t")
    key = tuple((k, Held(v)) for k, v in options.items() if v is not None)
    return _of_user(kind, system(fun, args, names), t_first, key)


@functools.lru_cache(KEPT)
def _of_user(kind: str, fun: Any, t_first: bool, key: tuple) -> Applied:
    if t_first:

        def slope(t: Any, y: Any, data: Any) -> Any:
            return np.reshape(np.asarray(fun(t, y, data)), np.shape(y))
    else:

        def slope(t: Any, y: Any, data: Any) -> Any:
            return np.reshape(np.asarray(fun(y, t, data)), np.shape(y))

    return of_system(kind, slope, key)


def of_system(kind: str, slope: Any, key: tuple) -> Applied:
    """The solver of ``dy/dt = slope(t, y, data)``.

    What derivatives need is made when they are asked for, since it holds solvers in turn.
    """
    options = {k: v.value for k, v in key}
    host = HOSTS[kind](slope, options)
    return OdeSolver(kind, slope, key, host)


def describe(y0: Any, t0: Any, ts: Any, data: Any) -> ShapeDtypeStruct:
    """A row for each time."""
    return ShapeDtypeStruct((*ts.shape, *y0.shape), np.float64)


class OdeSolver(Solver):
    """A solver that makes those of its derivatives when they are needed."""

    def __init__(self, kind: str, slope: Any, key: tuple, host: Callable) -> None:
        super().__init__(f"scipy.integrate.{kind}", host, 4, describe, {}, {})
        self.kind, self.slope, self.key = kind, slope, key

    def steps(self, y0: Any, t0: Any, end: Any, data: Any) -> np.ndarray:
        """The times between two others at which solve_ivp stops by itself."""
        from scipy import integrate

        options = {k: v.value for k, v in self.key}
        slope = self.slope
        result = integrate.solve_ivp(lambda t, y: slope(t, y, data), (t0, end), y0, **options)
        if not result.success:
            raise RuntimeError(f"scipy.integrate.solve_ivp: {result.message}")
        return result.t[1:-1]

    def make_pulled(self, wrt: int) -> Applied:
        if wrt not in self.pulls:
            self.pulls |= pulls(self.slope, of_system, self.kind, self.key)
        return super().make_pulled(wrt)

    def make_pushed(self, wrt: int) -> Applied:
        if wrt not in self.pushes:
            self.pushes |= pushes(self.slope, of_system, self.kind, self.key)
        return super().make_pushed(wrt)


def pulls(slope: Any, make: Callable, kind: str, key: tuple) -> dict[int, Any]:
    """Cotangents of `y0`, `t0`, `ts` and the data."""

    def product(y: Any, data: Any, t: Any, a: Any) -> Any:
        dy = slope(t, y, data)
        return np.sum(dy * a), dy

    by_y, by_both = grad(product, has_aux=True), grad(product, (0, 1), has_aux=True)

    def adjoint(t: Any, z: Any, data: Any) -> Any:
        n = np.size(z) // 2
        y_bar, dy = by_y(z[:n], data, t, z[n:])
        return np.concatenate([dy, -y_bar])

    def adjoint_with_data(t: Any, z: Any, data: Any) -> Any:
        n = (np.size(z) - np.size(data)) // 2
        (y_bar, data_bar), dy = by_both(z[:n], data, t, z[n : 2 * n])
        return np.concatenate([dy, -y_bar, -data_bar])

    small, large = make(kind, adjoint, key), make(kind, adjoint_with_data, key)

    def start(y0: Any, t0: Any, ts: Any, data: Any, ys: Any, ys_bar: Any) -> Any:
        n = np.size(y0)
        a = np.zeros(n)
        for i in range(np.shape(ts)[0]):
            k = np.shape(ts)[0] - 1 - i
            before = ts[k - 1] if k > 0 else t0
            z0 = np.concatenate([ys[k], a + ys_bar[k]])
            z = rt.call_host(small, z0, ts[k], np.reshape(before, (1,)), data)
            a = z[0, n:]
        return a

    def of_y0(y0: Any, t0: Any, ts: Any, data: Any, ys: Any, ys_bar: Any) -> Any:
        return start(y0, t0, ts, data, ys, ys_bar)

    def of_t0(y0: Any, t0: Any, ts: Any, data: Any, ys: Any, ys_bar: Any) -> Any:
        return -np.sum(start(y0, t0, ts, data, ys, ys_bar) * slope(t0, y0, data))

    def of_ts(y0: Any, t0: Any, ts: Any, data: Any, ys: Any, ys_bar: Any) -> Any:
        count = np.shape(ts)[0]
        rows = [np.sum(ys_bar[k] * slope(ts[k], ys[k], data)) for k in range(count)]
        return np.array(rows)

    def of_data(y0: Any, t0: Any, ts: Any, data: Any, ys: Any, ys_bar: Any) -> Any:
        n = np.size(y0)
        a, total = np.zeros(n), np.zeros(np.shape(data))
        for i in range(np.shape(ts)[0]):
            k = np.shape(ts)[0] - 1 - i
            before = ts[k - 1] if k > 0 else t0
            z0 = np.concatenate([ys[k], a + ys_bar[k], total])
            z = rt.call_host(large, z0, ts[k], np.reshape(before, (1,)), data)
            a, total = z[0, n : 2 * n], z[0, 2 * n :]
        return total

    return {0: of_y0, 1: of_t0, 2: of_ts, 3: of_data}


def pushes(slope: Any, make: Callable, kind: str, key: tuple) -> dict[int, Any]:
    """Tangents by `y0`, `t0`, `ts` and the data."""

    def along(y: Any, data: Any, t: Any) -> Any:
        return slope(t, y, data)

    def variation(t: Any, z: Any, data: Any) -> Any:
        n = np.size(z) // 2
        time, still = np.asarray(t) * 1.0, np.zeros_like(data)
        dy, dw = jvp(along, (z[:n], data, time), (z[n:], still, np.zeros_like(time)))
        return np.concatenate([dy, dw])

    def variation_by_data(t: Any, z: Any, both: Any) -> Any:
        n, p = np.size(z) // 2, np.size(both) // 2
        time = np.asarray(t) * 1.0
        dy, dw = jvp(along, (z[:n], both[:p], time), (z[n:], both[p:], np.zeros_like(time)))
        return np.concatenate([dy, dw])

    small, large = make(kind, variation, key), make(kind, variation_by_data, key)

    def by_y0(y0: Any, t0: Any, ts: Any, data: Any, ys: Any, y0_dot: Any) -> Any:
        z = rt.call_host(small, np.concatenate([y0, y0_dot]), t0, ts, data)
        return z[:, np.size(y0) :]

    def by_t0(y0: Any, t0: Any, ts: Any, data: Any, ys: Any, t0_dot: Any) -> Any:
        y0_dot = -slope(t0, y0, data) * t0_dot
        z = rt.call_host(small, np.concatenate([y0, y0_dot]), t0, ts, data)
        return z[:, np.size(y0) :]

    def by_ts(y0: Any, t0: Any, ts: Any, data: Any, ys: Any, ts_dot: Any) -> Any:
        count = np.shape(ts)[0]
        return np.stack([slope(ts[k], ys[k], data) * ts_dot[k] for k in range(count)])

    def by_data(y0: Any, t0: Any, ts: Any, data: Any, ys: Any, data_dot: Any) -> Any:
        z0 = np.concatenate([y0, np.zeros(np.shape(y0))])
        z = rt.call_host(large, z0, t0, ts, np.concatenate([data, data_dot]))
        return z[:, np.size(y0) :]

    return {0: by_y0, 1: by_t0, 2: by_ts, 3: by_data}


def odeint(slope: Any, options: dict[str, Any]) -> Callable:
    """By `scipy.integrate.odeint`."""

    def host(y0: Any, t0: Any, ts: Any, data: Any) -> np.ndarray:
        from scipy import integrate

        if not y0.size or np.all(ts == t0):
            return np.broadcast_to(y0, (*ts.shape, *y0.shape))
        times, first = _times(t0, ts)
        ys, info = integrate.odeint(
            lambda t, y: slope(t, y, data), y0, times, tfirst=True, full_output=True, **options
        )
        if info["message"] != "Integration successful.":
            raise RuntimeError(f"scipy.integrate.odeint: {info['message']}")
        return ys[first:]

    return host


def _times(t0: Any, ts: Any) -> tuple[np.ndarray, int]:
    """Times with the first one in front, and how many rows that adds."""
    if ts.size and ts[0] == t0:
        return ts, 0
    return np.concatenate([np.reshape(t0, (1,)), ts]), 1


def solve_ivp(slope: Any, options: dict[str, Any]) -> Callable:
    """By `scipy.integrate.solve_ivp`."""

    def host(y0: Any, t0: Any, ts: Any, data: Any) -> np.ndarray:
        from scipy import integrate

        if not ts.size or not y0.size or np.all(ts == t0):
            return np.broadcast_to(y0, (*ts.shape, *y0.shape))
        result = integrate.solve_ivp(
            lambda t, y: slope(t, y, data), (t0, ts[-1]), y0, t_eval=ts, **options
        )
        if not result.success:
            raise RuntimeError(f"scipy.integrate.solve_ivp: {result.message}")
        return result.y.T

    return host


HOSTS = {"odeint": odeint, "solve_ivp": solve_ivp}
