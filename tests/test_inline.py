"""Helpers that are one short formula stand in place of their calls, where that means the same."""

import types

import numpy as np
import pytest

import redraft as rd

SCALE = 3.0
X = np.array([0.3, -0.8, 1.1])


def sigmoid(x):
    """A formula with a docstring."""
    return 1.0 / (1.0 + np.exp(-x))


def scaled(x):
    return SCALE * x * x


def long_formula(x):
    return np.sin(x) * np.cos(x) + np.exp(x) * np.tanh(x)


def with_default(x, y=2.0):
    return x * y


def difference(a, b):
    return a - 2.0 * b


def central(f, x, h=1e-6):
    steps = np.eye(len(x)) * h
    return np.array([(f(x + s) - f(x - s)) / (2 * h) for s in steps])


def is_right(f):
    np.testing.assert_allclose(rd.grad(f)(X), central(f, X), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(rd.jvp(f, (X,), (X,))[1], central(f, X) @ X, rtol=1e-6)
    hessian = central(lambda x: float(rd.grad(f)(x) @ X), X)
    np.testing.assert_allclose(
        rd.grad(lambda x: rd.grad(f)(x) @ X)(X), hessian, rtol=1e-5, atol=1e-6
    )
    return rd.source(rd.grad(f))


def test_a_formula_stands_in_place_of_its_call():
    source = is_right(lambda x: np.sum(sigmoid(x) * sigmoid(2.0 * x)))
    assert "_fwd" not in source and source.count("np.exp(") == 2


def test_arguments_are_computed_once():
    source = is_right(lambda x: np.sum(scaled(np.exp(x)))).partition("# backward")[0]
    assert source.count("np.exp(") == 1


def test_arguments_keep_their_places():
    is_right(lambda x: np.sum(difference(x, np.sin(x)) * difference(np.cos(x), x)))


def test_lambdas_and_nested_functions():
    def f(x):
        k = x[0]
        times = lambda v: k * v * v  # noqa: E731
        first = times(x)
        k = k + 1.0
        return np.sum(first + times(x))

    assert "_fwd" not in is_right(f)


def test_a_local_variable_hides_what_the_helper_means():
    def f(x):
        SCALE = np.sum(x)
        return np.sum(scaled(x)) * SCALE

    assert "scaled_fwd" in is_right(f)


def test_another_module_means_something_else():
    other = types.ModuleType("other")
    other.__dict__.update(np=np, SCALE=5.0)
    other.scaled = types.FunctionType(scaled.__code__, other.__dict__, "scaled")
    assert "scaled_fwd" in is_right(lambda x: np.sum(other.scaled(x)) + np.sum(scaled(x)))


@pytest.mark.parametrize("helper", [long_formula, with_default])
def test_others_are_called(helper):
    assert f"{helper.__name__}_fwd" in is_right(lambda x: np.sum(helper(x)))


def test_a_helper_that_is_replaced_is_seen(monkeypatch):
    f = rd.grad(lambda x: np.sum(sigmoid(x)))
    before = f(X)
    monkeypatch.setitem(globals(), "sigmoid", scaled)
    np.testing.assert_allclose(f(X), 2 * SCALE * X)
    monkeypatch.undo()
    np.testing.assert_allclose(f(X), before)


def test_a_constant_of_the_helper_that_changes_is_seen(monkeypatch):
    f = rd.grad(lambda x: np.sum(scaled(x)))
    np.testing.assert_allclose(f(X), 2 * 3.0 * X)
    monkeypatch.setitem(globals(), "SCALE", 7.0)
    np.testing.assert_allclose(f(X), 2 * 7.0 * X)


def test_a_formula_without_a_rule_is_refused_where_it_stands():
    def angle(x):
        return np.roots(x)

    with pytest.raises(rd.TransformError) as caught:
        rd.source(rd.grad(lambda x: np.sum(angle(x))))
    assert "np.roots" in caught.value.msg and "np.roots(x)" in caught.value.text
