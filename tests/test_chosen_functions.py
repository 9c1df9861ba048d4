"""A condition that chooses a function: right where a value is known, refused where each example has its own.

`jit` and `vmap` have no value for "the one or the other function"; what they must never do is take one for all.
"""

import numpy as np
import pytest

import redraft as rd

X = np.linspace(0.5, 1.5, 3)


def defined_or_named(x):
    if x[0] > 0:

        def g(z):
            return z * x

    else:
        g = np.sin
    return np.sum(g(x))


def named_or_defined(x):
    if x[0] > 0:
        g = np.cos
    else:

        def g(z):
            return z * x

    return np.sum(g(x))


def named_then_defined(x):
    g = np.cos
    if x[0] > 0:

        def g(z):
            return z * x

    return np.sum(g(x))


def defined_then_named(x):
    def g(z):
        return z * x

    if x[0] > 0:
        g = np.cos
    return np.sum(g(x))


def lambda_or_named(x):
    if x[0] > 0:  # noqa: SIM108
        g = lambda z: z * x  # noqa: E731
    else:
        g = np.sin
    return np.sum(g(x))


def swapped(x):
    g, h = np.cos, np.sin
    if x[0] > 0:
        g, h = h, g
    return np.sum(g(x) + 2 * h(x))


def in_a_list(x):
    functions = [np.sin]
    if x[0] > 0:
        functions = [np.cos]
    return np.sum(functions[0](x))


def in_a_loop(x):
    g = np.cos
    for i in range(2):
        if x[i] > 0:
            g = np.sin
    return np.sum(g(x))


def of_an_expression(x):
    g = np.cos if x[0] > 0 else np.sin
    return np.sum(g(x))


def within_the_branch(x):
    if x[0] > 0:

        def g(z):
            return z * x

        y = g(x)
    else:

        def g(z):
            return z + x

        y = 2 * g(x)
    return np.sum(y)


def before_a_return(x):
    g = np.cos
    if x[0] > 0:
        return np.sum(g(x))
    g = np.sin
    return np.sum(g(x))


ALL = [
    defined_or_named, named_or_defined, named_then_defined, defined_then_named, lambda_or_named, swapped,
    in_a_list, in_a_loop, of_an_expression, within_the_branch, before_a_return,
]  # fmt: skip
RIGHT = (within_the_branch, before_a_return)  # the others are refused
each = pytest.mark.parametrize("f", ALL, ids=lambda f: f.__name__)


@each
def test_vmap(f):
    batch = np.stack([X, -X])
    if f in RIGHT:
        np.testing.assert_allclose(rd.vmap(f)(batch), [f(X), f(-X)])
    else:
        with pytest.raises(rd.TransformError):
            rd.vmap(f)(batch)


@each
def test_jit(f):
    pytest.importorskip("tensorflow")
    if f in RIGHT:
        np.testing.assert_allclose([rd.jit(f)(X), rd.jit(f)(-X)], [f(X), f(-X)])
    else:
        with pytest.raises(rd.TransformError, match="known only when the compiled function runs"):
            rd.jit(f)(X)


@each
@pytest.mark.parametrize("sign", [1, -1])
def test_gradients_follow_python(f, sign):
    gradient = rd.grad(f)(sign * X)
    near = [(f(sign * X + h) - f(sign * X - h)) / 2e-6 for h in 1e-6 * np.eye(3)]
    np.testing.assert_allclose(gradient, near, 1e-6)
