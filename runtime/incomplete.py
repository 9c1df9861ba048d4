"""Derivatives of the incomplete gamma and beta functions with respect to their parameters.

``P(a, x)`` is the integral of a density over the points below `x`, so its derivatives by `a` are integrals of
the density times a polynomial in ``log(t)``, on either side of `x` (those of both sides add up to zero). On one of
the two sides the first derivative's factor has one sign: nothing cancels there. In the variable ``log(t)``, or
``log(t / (1 - t))``, the logarithm of the density is concave; its end is where it has fallen by `FALL`.
The double exponential rule (Takahasi and Mori, 1974) integrates up to the mode, if that lies on this side, and
from there to the end.

The text runs on NumPy's arrays, and on tensors with a namespace that dispatches. First derivatives have about
13 digits; second ones lose some where they cross zero.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from redraft.runtime.tensors import is_tensor

FALL = 50.0  # exp(-50) of the density's greatest value is left out
AT_ONCE = 1 << 16  # elements that are computed together by NumPy


def _double_exponential(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Places in (0, 1) and their weights."""
    tau, step = np.linspace(-3.2, 3.2, count, retstep=True)
    places = 1.0 / (1.0 + np.exp(-np.pi * np.sinh(tau)))
    return places, np.pi * np.cosh(tau) * places * places[::-1] * step


PLACES, WEIGHTS = _double_exponential(121)


def gammainc_da(a: Any, x: Any) -> Any:
    """The derivative of the regularised lower incomplete gamma function with respect to `a`."""
    return _of_gamma(1, a, x)


def gammainc_daa(a: Any, x: Any) -> Any:
    """The second derivative."""
    return _of_gamma(2, a, x)


def betainc_da(a: Any, b: Any, x: Any) -> Any:
    """The derivative of the regularised incomplete beta function with respect to `a`."""
    return _of_beta(1, 0, a, b, x)


def betainc_db(a: Any, b: Any, x: Any) -> Any:
    """The derivative with respect to `b`."""
    return _of_beta(0, 1, a, b, x)


def betainc_daa(a: Any, b: Any, x: Any) -> Any:
    """The second derivative with respect to `a`."""
    return _of_beta(2, 0, a, b, x)


def betainc_dab(a: Any, b: Any, x: Any) -> Any:
    """The mixed derivative with respect to `a` and `b`."""
    return _of_beta(1, 1, a, b, x)


def betainc_dbb(a: Any, b: Any, x: Any) -> Any:
    """The second derivative with respect to `b`."""
    return _of_beta(0, 2, a, b, x)


def _of_gamma(order: int, a: Any, x: Any) -> Any:
    import scipy.special

    dtype = np.result_type(a, x, 1.0)
    return gamma_slope(np, scipy.special, order, *_doubles(a, x)).astype(dtype)[()]


def _of_beta(by_a: int, by_b: int, a: Any, b: Any, x: Any) -> Any:
    import scipy.special

    dtype = np.result_type(a, b, x, 1.0)
    return beta_slope(np, scipy.special, by_a, by_b, *_doubles(a, b, x)).astype(dtype)[()]


def _doubles(*values: Any) -> list:
    return np.broadcast_arrays(*(np.asarray(v, np.float64) for v in values))


def gamma_slope(xp: Any, special: Any, order: int, a: Any, x: Any) -> Any:
    """A derivative of `gammainc` by `a`, of float64 arrays of one shape.

    Args:
        xp: a namespace like NumPy.
        special: one like `scipy.special`.
        order: 1 or 2.
        a: the parameter, positive.
        x: where the integral ends.
    """
    known, inside = (a > 0) & (x >= 0), (a > 0) & (x > 0) & (x < xp.inf)
    a, x = _inner(xp, inside, 1.0, a, x)
    log_x, center = xp.log(x), special.digamma(a)
    below = log_x < center
    sign = xp.where(below, -1.0, 1.0)
    mode = xp.where(below, 0.0, xp.maximum(xp.log(a) - log_x, 0.0))
    fall = xp.where(below, _fall_below(xp, a, x), _fall_above(xp, a, xp.maximum(x, a)))
    spread = special.polygamma(1, a) if order == 2 else 0.0
    height = a * log_x - x - special.gammaln(a)

    def density(s: Any) -> Any:
        u = sign * s
        factor = _factor(order, log_x + u - center, spread)
        return xp.exp(height + a * u - x * xp.expm1(u)) * factor

    return _with_edges(xp, known, inside, -sign * _integral(xp, density, mode, fall))


def beta_slope(xp: Any, special: Any, by_a: int, by_b: int, a: Any, b: Any, x: Any) -> Any:
    """A derivative of `betainc` by its parameters, of float64 arrays of one shape.

    Args:
        xp: a namespace like NumPy.
        special: one like `scipy.special`.
        by_a: how many times by `a`; together with `by_b` 1 or 2.
        by_b: how many times by `b`.
        a: the first parameter, positive.
        b: the second parameter, positive.
        x: where the integral ends, between 0 and 1.
    """
    known, inside = (a > 0) & (b > 0) & (x >= 0) & (x <= 1), (a > 0) & (b > 0) & (x > 0) & (x < 1)
    a, b, x = _inner(xp, inside, 0.5, a, b, x)
    log_x, log_y, of_both = xp.log(x), xp.log1p(-x), special.digamma(a + b)
    center_a, center_b = special.digamma(a) - of_both, special.digamma(b) - of_both
    below = log_x < center_a if by_a >= by_b else log_y > center_b
    sign = xp.where(below, -1.0, 1.0)
    end, peak = log_x - log_y, xp.log(a) - xp.log(b)
    mode = xp.maximum(sign * (peak - end), 0.0)
    first, second = xp.where(below, a, b), xp.where(below, b, a)  # as seen from the other side
    fall = _fall_of_beta(xp, special, first, second, -sign * end - mode)
    height = -special.betaln(a, b)

    def density(s: Any) -> Any:
        u = end + sign * s
        log_t, log_r = special.log_expit(u), special.log_expit(-u)
        score_a, score_b = log_t - center_a, log_r - center_b
        factor = _factor_of_beta(special, by_a, by_b, a, b, score_a, score_b)
        return xp.exp(height + a * log_t + b * log_r) * factor

    return _with_edges(xp, known, inside, -sign * _integral(xp, density, mode, fall))


def _factor_of_beta(
    special: Any, by_a: int, by_b: int, a: Any, b: Any, score_a: Any, score_b: Any
) -> Any:
    """What a derivative of the density by its parameters has in front of the density."""
    if by_a + by_b == 1:
        return score_a if by_a else score_b
    total = special.polygamma(1, a + b)
    if by_a == by_b:
        return score_a * score_b + total
    if by_a:
        return _factor(2, score_a, special.polygamma(1, a) - total)
    return _factor(2, score_b, special.polygamma(1, b) - total)


def _inner(xp: Any, inside: Any, other: float, *values: Any) -> list:
    """Arguments with a last axis for the places of the rule, harmless where they are not inside."""
    return [xp.where(inside, v, other)[..., None] for v in values]


def _with_edges(xp: Any, known: Any, inside: Any, value: Any) -> Any:
    """The value; 0 at the ends, where the function is 0 or 1 for all parameters; NaN beyond."""
    return xp.where(inside, value[..., 0], xp.where(known, 0.0, xp.nan))


def _factor(order: int, score: Any, spread: Any) -> Any:
    """The same for one parameter."""
    return score if order == 1 else score * score - spread


def _fall_below(xp: Any, a: Any, x: Any) -> Any:
    """How far below ``log(x)``, less than the mode, the density of gamma falls; at most twice as much."""
    x = xp.minimum(x, a)
    near = xp.sqrt(3.0 * FALL / x)
    bound = xp.minimum((FALL + x) / a, xp.where(near < 1.0, near, xp.inf))
    return xp.minimum(bound, FALL / xp.maximum(a - x, 1e-300))


def _fall_above(xp: Any, a: Any, top: Any) -> Any:
    """How far above ``log(top)``, the mode or more, the density of gamma falls."""
    length = xp.minimum(xp.sqrt(2.0 * FALL / top), FALL / xp.maximum(top - a, 1e-300))
    for _ in range(4):  # from above towards the solution of: the logarithm has fallen by FALL
        length = xp.minimum(length, xp.log1p((FALL + a * length) / top))
    return length


def _fall_of_beta(xp: Any, special: Any, a: Any, b: Any, u: Any) -> Any:
    """How far below `u`, the mode or less, the density of beta falls (in ``log(t / (1 - t))``)."""
    t = special.expit(u)
    rest = (a + b) * xp.logaddexp(0.0, u)  # from the height at u to the line that bounds the tail
    near = xp.sqrt(2.0 * xp.e * FALL / ((a + b) * t * (1.0 - t) + 1e-300))
    bound = xp.minimum((FALL + rest) / a, xp.where(near < 1.0, near, xp.inf))
    return xp.minimum(bound, FALL / xp.maximum(a - (a + b) * t, 1e-300))


def _integral(xp: Any, density: Callable, mode: Any, fall: Any) -> Any:
    """The integral from 0 over the mode to where the density has fallen; the last axis has length 1."""
    return _piece(xp, density, 0.0, mode) + _piece(xp, density, mode, fall)


def _piece(xp: Any, density: Callable, start: Any, length: Any) -> Any:
    step = len(PLACES)
    if not is_tensor(length):
        step = max(1, min(step, AT_ONCE // max(length.size, 1)))
    total = 0.0
    for i in range(0, len(PLACES), step):
        values = density(start + length * PLACES[i : i + step]) * WEIGHTS[i : i + step]
        total = total + xp.sum(values, axis=-1, keepdims=True)
    return length * total
