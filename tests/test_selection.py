"""What a selection or a branch did not take leaves no NaN: every selection crossed with every function.

A function is computed for all elements of `x`, also where it is infinite or NaN; then those elements
are not taken. The derivatives must be those of the same function on the other elements alone, and
zero (or those of what was taken instead) at the rest; in all modes, to second order.
"""

from __future__ import annotations

import functools

import numpy as np
import pytest
import scipy.special

import redraft as rd

INF = np.inf

# name -> function, a bad value, and a range of good ones
FUNCTIONS = {
    "sqrt": (lambda x: np.sqrt(x), 0.0, (0.5, 2.0)),
    "sqrt_negative": (lambda x: np.sqrt(x), -1.0, (0.5, 2.0)),
    "cbrt": (lambda x: np.cbrt(x), 0.0, (0.5, 2.0)),
    "log": (lambda x: np.log(x), 0.0, (0.5, 2.0)),
    "log_negative": (lambda x: np.log(x), -1.0, (0.5, 2.0)),
    "log2": (lambda x: np.log2(x), 0.0, (0.5, 2.0)),
    "log10": (lambda x: np.log10(x), 0.0, (0.5, 2.0)),
    "log1p": (lambda x: np.log1p(x), -1.0, (0.5, 2.0)),
    "divide": (lambda x: 1.0 / x, 0.0, (0.5, 2.0)),
    "divide_by_itself": (lambda x: np.sin(x) / x, 0.0, (0.5, 2.0)),
    "reciprocal": (lambda x: np.reciprocal(x), 0.0, (0.5, 2.0)),
    "remainder": (lambda x: np.remainder(2.7, x), 0.0, (0.7, 0.8)),
    "power_half": (lambda x: x**0.5, 0.0, (0.5, 2.0)),
    "power_three_halves": (lambda x: x**1.5, 0.0, (0.5, 2.0)),
    "power_minus_one": (lambda x: x**-1, 0.0, (0.5, 2.0)),
    "power_minus_two": (lambda x: x**-2, 0.0, (0.5, 2.0)),
    "power_of_negative": (lambda x: np.power(x, 0.3), -1.0, (0.5, 2.0)),
    "power_of_itself": (lambda x: x**x, -0.5, (0.5, 2.0)),
    "power_of_two": (lambda x: 2.0**x, 5000.0, (0.5, 2.0)),
    "exp": (lambda x: np.exp(x), 1000.0, (0.5, 2.0)),
    "exp2": (lambda x: np.exp2(x), 2000.0, (0.5, 2.0)),
    "expm1": (lambda x: np.expm1(x), 1000.0, (0.5, 2.0)),
    "sinh": (lambda x: np.sinh(x), 1000.0, (0.5, 2.0)),
    "cosh": (lambda x: np.cosh(x), 1000.0, (0.5, 2.0)),
    "arcsin": (lambda x: np.arcsin(x), 1.0, (0.2, 0.8)),
    "arcsin_outside": (lambda x: np.arcsin(x), 2.0, (0.2, 0.8)),
    "arccos": (lambda x: np.arccos(x), 1.0, (0.2, 0.8)),
    "arccosh": (lambda x: np.arccosh(x), 1.0, (1.2, 1.8)),
    "arctanh": (lambda x: np.arctanh(x), 1.0, (0.2, 0.8)),
    "arctan2": (lambda x: np.arctan2(x, 2.0 * x), 0.0, (0.5, 2.0)),
    "hypot": (lambda x: np.hypot(x, 2.0 * x), 0.0, (0.5, 2.0)),
    "logaddexp": (lambda x: np.logaddexp(np.log(x), 2.0 * np.log(x)), 0.0, (0.5, 2.0)),
    "x_log_x": (lambda x: x * np.log(x), 0.0, (0.5, 2.0)),
    "sin_of_inverse": (lambda x: np.sin(1.0 / x), 0.0, (0.5, 2.0)),
    "tanh_of_inverse": (lambda x: np.tanh(1.0 / x) * x, 0.0, (0.5, 2.0)),
    "exp_of_inverse": (lambda x: np.exp(-1.0 / (x * x)), 0.0, (0.5, 2.0)),
    "square_of_log": (lambda x: np.log(x) ** 2, 0.0, (0.5, 2.0)),
    "log_of_sine": (lambda x: np.log(np.sin(x)), -0.5, (0.5, 2.0)),
    "root_of_difference": (lambda x: np.sqrt(1.0 - x * x), 1.0, (0.2, 0.8)),
    "absolute_log": (lambda x: np.abs(np.log(x)) * x, 0.0, (1.5, 2.0)),
    "product_of_roots": (lambda x: np.sqrt(x) * np.sqrt(2.0 * x), 0.0, (0.5, 2.0)),
    "zero_cotangent": (lambda x: (np.sqrt(x) - 1.0) ** 2, 0.0, (1.0, 1.0)),
    "gammaln": (lambda x: scipy.special.gammaln(x), 0.0, (0.5, 2.0)),
    "digamma": (lambda x: scipy.special.digamma(x), 0.0, (0.5, 2.0)),
    "logit": (lambda x: scipy.special.logit(x), 0.0, (0.2, 0.8)),
    "xlogy": (lambda x: scipy.special.xlogy(x, x), 0.0, (0.5, 2.0)),
    "entr": (lambda x: scipy.special.entr(x), 0.0, (0.5, 2.0)),
    "helper": (lambda x: entropy(x) + entropy(np.sqrt(x)), 0.0, (0.5, 2.0)),
    "norm": (
        lambda x: np.linalg.norm(np.stack([x, 2.0 * x, x * x]), axis=0), 0.0, (0.5, 2.0),
    ),
    "std": (lambda x: np.std(np.stack([x, 2.0 * x, x * x]), axis=0), 0.0, (0.5, 2.0)),
}  # fmt: skip


def entropy(p):
    return -p * np.log(p)


# first and second derivative of what is taken instead
ZERO = (lambda x: 0.0, lambda x: 0.0)
SAME = (lambda x: 1.0, lambda x: 0.0)
DOUBLE = (lambda x: 2.0, lambda x: 0.0)
SQUARE = (lambda x: 2.0 * x, lambda x: 2.0)

# name -> the sum of what is taken of `f(x)`, and of what is taken instead
SELECTIONS = {
    "where": (lambda f, x, ok: np.sum(np.where(ok, f(x), 0.0)), ZERO),
    "where_not": (lambda f, x, ok: np.sum(np.where(~ok, x * x, f(x))), SQUARE),
    "where_of_terms": (
        lambda f, x, ok: np.sum(np.where(ok, 3.0 * x * f(x) / 3.0 - x * f(x) + f(x), 0.0)),
        ZERO,
    ),
    "chained_where": (
        lambda f, x, ok: np.sum(np.where(ok, np.where(x < INF, f(x), 1.0), 2.0 * x)),
        DOUBLE,
    ),
    "masked_assignment": (lambda f, x, ok: assigned(f, x, ok), ZERO),
    "assigned_element": (lambda f, x, ok: assigned_element(f, x), ZERO),
    "branch": (lambda f, x, ok: branching(f, x, ok), SAME),
    "loop": (lambda f, x, ok: looping(f, x, ok), SAME),
    "conditional_expression": (
        lambda f, x, ok: sum([v if good else w for v, w, good in zip(f(x), x, ok)]),  # noqa: B905
        SAME,
    ),
}


def assigned(f, x, ok):
    y = 1.0 * f(x)
    y[~ok] = 0.0
    return np.sum(y)


def assigned_element(f, x):
    y = 1.0 * f(x)
    y[0] = 0.0
    return np.sum(y)


def branching(f, x, ok):
    y = f(x)
    total = 0.0
    for i in range(len(x)):
        if ok[i]:  # noqa: SIM108
            value = y[i]
        else:
            value = x[i]
        total = total + value
    return total


def looping(f, x, ok):
    y = f(x)
    total = 0.0
    for i in range(len(x)):
        if not ok[i]:
            total = total + x[i]
            continue
        total = total + y[i]
    return total


def problem(name, selection):
    """The function, its argument, and the gradient and Hessian that are right."""
    f, bad, (low, high) = FUNCTIONS[name]
    select, instead = SELECTIONS[selection]
    x = np.concatenate([[bad], np.linspace(low, high, 3)])
    ok = np.arange(4) > 0

    def function(x):
        return select(f, x, ok)

    alone = rd.grad(lambda v: f(np.reshape(v, (1,)))[0])  # nothing is selected here
    twice = rd.grad(alone)
    slope = np.array([instead[0](bad), *map(alone, x[1:])])
    curve = np.array([instead[1](bad), *map(twice, x[1:])])
    return function, x, slope, curve


def pairs():
    """Every function with two of the selections, every selection with three of the functions.

    The two are others for each function; to second order it is one. (All pairs hold; they take
    minutes.)
    """
    found = {}
    for place, name in enumerate(FUNCTIONS):
        found[name, list(SELECTIONS)[place % len(SELECTIONS)]] = 2
        found.setdefault((name, list(SELECTIONS)[(2 * place + 1) % len(SELECTIONS)]), 1)
    for selection in SELECTIONS:
        for name in ("sqrt", "x_log_x", "helper"):
            found.setdefault((name, selection), 1)
    marks = ([], [pytest.mark.slow])  # every other one by default
    return [
        pytest.param(*pair, order, marks=marks[i % 2])
        for i, (pair, order) in enumerate(found.items())
    ]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("name", "selection", "order"), pairs())
def test_what_is_not_taken_leaves_no_nan(name, selection, order):
    function, x, slope, curve = problem(name, selection)
    close = functools.partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-12)
    ones = np.ones(4)
    gradient = rd.grad(function)
    close(gradient(x), slope, err_msg="grad")
    close(rd.jvp(function, (x,), (ones,))[1], np.sum(slope), err_msg="jvp")
    _, pullback = rd.vjp(function, x)
    close(pullback(2.0)[0], 2.0 * slope, err_msg="vjp")
    if order == 1:
        return
    close(rd.jvp(gradient, (x,), (ones,))[1], curve, err_msg="jvp of grad")

    def tangent(x):
        return rd.jvp(function, (x,), (ones,))[1]

    close(rd.grad(tangent)(x), curve, err_msg="grad of jvp")
    close(rd.grad(lambda x: np.sum(gradient(x)))(x), curve, err_msg="grad of grad")


# Selections of one kind of function each

X = np.array([0.0, 0.5, 2.0])
OTHERS = {
    "maximum": (lambda x: np.sum(np.maximum(np.log(x), -3.0)), [0.0, 2.0, 0.5]),
    "minimum": (lambda x: np.sum(np.minimum(1.0 / x, 5.0)), [0.0, -4.0, -0.25]),
    "clip": (lambda x: np.sum(np.clip(np.log(x), -3.0, 3.0)), [0.0, 2.0, 0.5]),
    "fmax": (lambda x: np.sum(np.fmax(np.log(x - 0.25), -3.0)), [0.0, 4.0, 1 / 1.75]),
    "nan_to_num": (lambda x: np.sum(np.nan_to_num(np.log(x - 0.25))), [0.0, 4.0, 1 / 1.75]),
    "nansum": (lambda x: np.nansum(np.log(x - 0.25)), [0.0, 4.0, 1 / 1.75]),
    "max": (lambda x: np.max(np.sqrt(x)), [0.0, 0.0, 0.5 / np.sqrt(2.0)]),
    "max_of_numbers": (lambda x: max(np.sqrt(x[0]), np.sqrt(x[2])), [0.0, 0.0, 0.5 / 2**0.5]),
    "tril": (lambda x: np.sum(np.tril(np.sqrt(np.outer(x, x)))[1:, 1:]), [0.0, 2.0, 1.25]),
    "elu": (lambda x: np.sum(np.where(x > 0, x, np.exp(500.0 * x) - 1.0)), [500.0, 1.0, 1.0]),
    "norm_or_zero": (
        lambda x: np.where(np.sum(x[:1]) > 0, np.linalg.norm(x[:1]), 0.0) + x[1], [0.0, 1.0, 0.0],
    ),
    "early_return": (lambda x: early_return(x), [1.0, 0.0, 0.0]),
    "break": (lambda x: stopping(x), [0.0, 0.0, 0.5]),
    "and_or": (lambda x: (x[1] and np.log(x)[1]) or np.sqrt(x)[0], [0.0, 2.0, 0.0]),
    "while": (lambda x: counting(x), [0.0, 0.0, 0.5]),
    "function_argument": (lambda x: chosen(np.sin, lambda v: np.log(v), x), [1.0, 2.0, 0.5]),
    "list_item": (lambda x: from_list(x), [1.0, 2.0, 0.5]),
    "dict_item": (lambda x: from_dict(x), [1.0, 2.0, 0.5]),
    "field_of_tuple": (lambda x: from_tuple(x), [0.0, 2.0, 0.5]),
    "rows_of_a_loop": (lambda x: rows(x), [0.0, 2.0, 0.5]),
    "read_by_mask": (lambda x: read_by_mask(x), [0.0, 2.0, 0.5]),
    "nested": (
        lambda x: np.sum(np.where(x > 0, np.where(x != 1.0, np.log(x), 0.0) * x, 0.0)),
        [0.0, np.log(0.5) + 1.0, np.log(2.0) + 1.0],
    ),
    "constant_infinity": (lambda x: np.sum(np.where(x > 0, x * (1.0 / WIDTHS), 0.0)), [0, 1, 0.5]),
    "float32": (
        lambda x: np.sum(np.where(x > 0, np.log(x.astype(np.float32)), 0.0)), [0.0, 2.0, 0.5],
    ),
}  # fmt: skip
WIDTHS = np.array([0.0, 1.0, 2.0])


def early_return(x):
    root = np.sqrt(x)
    if x[0] <= 0:
        return x[0]
    return np.sum(root)


def stopping(x):
    logs, total = np.log(x), 0.0
    for i in (2, 1, 0):
        total = total + logs[i]
        if total > 0.5:
            break
    return total


def counting(x):
    logs, i, total = np.log(x), len(x), 0.0
    while i > 2:
        i = i - 1
        if x[i] > 0:
            total = total + logs[i]
    return total


def chosen(f, g, x):
    return np.sum(np.where(x > 0.0, g(x), f(x)))


def from_list(x):
    parts = [np.log(x), x]
    return np.sum(np.where(x > 0, *parts))


def rows(x):
    total = 0.0
    for v in np.log(x):
        total = total + (v if v > -10.0 else 0.0)
    return total


def read_by_mask(x):
    logs, taken = np.log(x), np.zeros(3)
    ok = x > 0
    taken[ok] = logs[ok]
    return np.sum(taken)


def from_dict(x):
    parts = {"log": np.log(x), "same": x}
    return np.sum(np.where(x > 0, parts["log"], parts["same"]))


def from_tuple(x):
    logs, zeros = np.log(x), np.zeros(3)
    both = (logs, zeros)
    taken, other = both
    return np.sum(np.where(x > 0, taken, other))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", OTHERS)
def test_other_selections(name):
    function, want = OTHERS[name]
    np.testing.assert_allclose(rd.grad(function)(X), want, rtol=1e-6, atol=1e-12)
    dots = [rd.jvp(function, (X,), (v,))[1] for v in np.eye(3)]
    np.testing.assert_allclose(dots, want, rtol=1e-6, atol=1e-12)


def roots_of_roots(x):
    h = x
    for _ in range(3):
        root = np.sqrt(h)
        h = np.where(h > 0, root + h, 0.0)
    return np.sum(h)


def logs_in_while(x):
    i, h = 0, x
    while i < 3:
        logs = np.log(h)
        h = np.where(h > 0, logs * h, 0.0) if i == 1 else 1.1 * h
        i += 1
    return np.sum(h)


def roots_in_comprehension(x):
    return np.sum(np.array([np.where(v > 0, np.sqrt(v), 0.0) for v in x]))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("function", [roots_of_roots, logs_in_while, roots_in_comprehension])
def test_second_derivatives_through_loops(function):
    gradient = rd.grad(function)
    want = [0.0, *np.diag([rd.jvp(gradient, (X[1:],), (e,))[1] for e in np.eye(2)])]
    np.testing.assert_allclose(rd.grad(lambda x: np.sum(gradient(x)))(X), want, rtol=1e-9)
    np.testing.assert_allclose(rd.jvp(gradient, (X,), (np.ones(3),))[1], want, rtol=1e-9)


def test_a_cotangent_that_is_zero_by_chance_keeps_its_slope():
    """The guard looks at infinite factors alone: second derivatives at a zero cotangent are right."""

    def loss(x):
        return np.sum(np.where(x > 0, (np.sqrt(x) - 1.0) ** 2, 0.0))

    x = np.array([1.0, 4.0])
    np.testing.assert_allclose(rd.grad(lambda x: np.sum(rd.grad(loss)(x)))(x), [0.5, 0.0625])


def test_an_infinite_slope_that_is_taken_stays_infinite():
    def loss(x):
        return np.sum(np.where(x >= 0, np.sqrt(x), 0.0))

    with np.errstate(all="ignore"):
        np.testing.assert_allclose(rd.grad(loss)(np.array([0.0, 4.0])), [np.inf, 0.25])
