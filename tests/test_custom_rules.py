"""`rd.primitive`: rules for a user's own functions."""

import functools

import numpy as np
import pytest
from oracle import assert_close

import redraft as rd

X = np.array([0.3, -0.7, 1.2])
V = np.array([0.5, 0.25, -1.0])


def slope(function, x, v, step=1e-5):
    return (function(x + step * v) - function(x - step * v)) / (2 * step)


@rd.primitive(vjp={"x": "ans_bar * ans * (1 - ans)"}, jvp={"x": "x_dot * ans * (1 - ans)"})
def sigmoid(x):
    with np.errstate(over="ignore"):
        return np.reciprocal(1.0 + np.exp(np.negative(x)))


def soft_bar(ans_bar, ans, x, beta):
    return ans_bar * (1.0 - np.exp(-beta * ans))


def soft_dot(x_dot, ans, x, beta):
    return x_dot * (1.0 - np.exp(-beta * ans))


@rd.primitive(vjp={"x": soft_bar}, jvp={"x": soft_dot})
def softplus(x, beta=1.0):
    return np.logaddexp(0.0, beta * x) / beta


def scaled_power(x, y):
    return functools.reduce(np.multiply, [x, x, y])


rd.primitive(
    scaled_power,
    vjp={"x": "2 * ans_bar * x * y", "y": "ans_bar * x * x"},
    jvp={"x": "2 * x_dot * x * y", "y": "x * x * y_dot"},
)


def with_sigmoid(x):
    return np.sum(sigmoid(x * x) * x)


def with_softplus(x):
    return np.sum(softplus(np.sin(x)) * softplus(x, 2.0))


def with_power(x):
    return np.sum(scaled_power(x, np.cos(x)))


CASES = [with_sigmoid, with_softplus, with_power]


@pytest.mark.parametrize("function", CASES)
def test_first_order(function):
    want = slope(function, X, V)
    assert np.sum(rd.grad(function)(X) * V) == pytest.approx(want, rel=1e-7)
    value, tangent = rd.jvp(function, (X,), (V,))
    assert value == pytest.approx(function(X))
    assert tangent == pytest.approx(want, rel=1e-7)
    value, pullback = rd.vjp(function, X)
    assert_close(pullback(1.0)[0], rd.grad(function)(X), "vjp")


@pytest.mark.parametrize("function", CASES)
def test_second_order(function):
    gradient = rd.grad(function)
    want = slope(gradient, X, V)
    assert_close(rd.jvp(gradient, (X,), (V,))[1], want, "forward over reverse", 1e-6)
    assert_close(rd.vjp(gradient, X)[1](V)[0], want, "reverse over reverse", 1e-6)


def test_the_generated_code_calls_the_function_and_the_rule():
    text = rd.source(rd.grad(with_softplus))
    assert "softplus(x, 2.0)" in text
    assert "softplus_vjp_x(" in text
    assert "logaddexp" not in text


def test_as_a_function_it_returns_the_function():
    def cube(x):
        return x * x * x

    assert rd.primitive(cube, vjp={"x": "3 * ans_bar * x * x"}) is cube
    assert rd.grad(lambda x: cube(x))(2.0) == 12.0


def test_the_function_itself_and_as_a_value():
    def apply(f, x):
        return np.sum(f(x))

    assert rd.grad(sigmoid)(0.0) == pytest.approx(0.25)
    assert_close(rd.grad(apply, argnums=1)(sigmoid, X), sigmoid(X) * (1 - sigmoid(X)), "as a value")


def test_functions_without_python_source():
    f = functools.partial(np.power, 2.0)
    rd.primitive(f, vjp={"x": "ans_bar * ans * 0.6931471805599453"}, signature="(x)")
    assert rd.grad(lambda x: f(x))(3.0) == pytest.approx(8.0 * np.log(2.0))


def test_variadic_and_keyword_arguments():
    @rd.primitive(vjp={"x": lambda ans_bar, ans, x, *rest, scale: ans_bar * scale * sum(rest)})
    def weigh(x, *rest, scale=2.0):
        return x * scale * sum(rest)

    assert rd.grad(lambda x: weigh(x, 3.0, 4.0, scale=5.0))(2.0) == 35.0
    assert rd.grad(lambda x: weigh(x, 3.0))(2.0) == 6.0


def test_missing_rules_are_refused():
    @rd.primitive(vjp={"x": "ans_bar * y"})
    def product(x, y):
        return np.multiply(x, y)

    assert rd.grad(lambda x: product(x, 3.0))(2.0) == 3.0
    with pytest.raises(rd.TransformError, match="y"):
        rd.grad(lambda y: product(3.0, y))(2.0)
    with pytest.raises(rd.TransformError, match="x"):
        rd.jvp(lambda x: product(x, 3.0), (2.0,), (1.0,))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vjp": {"z": "ans_bar"}}, "no parameter `z`"),
        ({"jvp": {"z": "x_dot"}}, "no parameter `z`"),
        ({"vjp": {"x": "ans_bar * factor"}}, "names `factor`"),
        ({"vjp": {"x": "x_dot"}}, "names `x_dot`"),
        ({"jvp": {"x": "ans_bar"}}, "names `ans_bar`"),
        ({"vjp": {"x": "ans_bar *"}}, "no expression"),
        ({"vjp": {"x": 3.0}}, "in quotes or a function"),
        ({}, "needs rules"),
        ({"vjp": {"x": "ans_bar"}, "signature": "(x, "}, "cannot be read"),
    ],
)
def test_errors(options, message):
    def f(x, y=1.0):
        return x * y

    with pytest.raises(rd.TableError, match=message):
        rd.primitive(f, **options)


def test_more_errors():
    with pytest.raises(TypeError, match="expects a function"):
        rd.primitive(3.0, vjp={"x": "ans_bar"})

    def with_array_default(x, w=X):
        return x * w

    with pytest.raises(rd.TableError, match="no literal"):
        rd.primitive(with_array_default, vjp={"x": "ans_bar * w"})

    def with_keywords(x, **options):
        return x

    with pytest.raises(rd.TableError, match="options"):
        rd.primitive(with_keywords, vjp={"x": "ans_bar"})
