"""Names that redraft gives within a function are none that the user's text uses, in whatever role."""

import importlib.util

import numpy as np
import pytest

import redraft as rd

# ruff: noqa: F401, F841


def nested_functions(x):
    for e in range(3):
        if x[e] > 5.0:
            return x * 2.0

    def ans(q):
        return q

    def returned():
        pass

    def stop():
        pass

    return x + 1.0


def called_function(x):
    for e in range(3):
        if x[e] > 5.0:
            return x * 2.0

    def ans(q):
        return q * 3.0

    return ans(x + 1.0)


def modules(x):
    for e in range(3):
        if x[e] > 5.0:
            return x * 2.0
    import cmath as returned
    import math as ans

    return x + ans.sqrt(4.0)


def exception(x):
    for e in range(3):
        if x[e] > 5.0:
            return x * 2.0
    try:
        y = [0][1]
    except IndexError as ans:
        y = 1.0
    return x + y


def captures(x):
    for e in range(3):
        if x[e] > 5.0:
            return x * 2.0
    match {"a": 3.0}:
        case {"a": ans, **returned}:
            pass
    return x + 2.0


def in_loops(x):
    for _i in range(2):
        for e in range(3):
            if x[e] > 5.0:
                break

            def stop():
                return 1.0

            def stop_1():
                return 1.0

            x = x * 1.5
    return x


def parameters(x, ans=2.0, returned=3.0):
    for e in range(3):
        if x[e] > 5.0:
            return x * ans
    return x + returned


FUNCTIONS = (
    nested_functions, called_function, modules, exception, captures, in_loops, parameters,
)  # fmt: skip
X = np.array([0.1, 0.2, 0.3])
WAYS = {
    "jvp": lambda f: rd.jvp(f, (X,), (X,))[0],
    "vjp": lambda f: rd.vjp(f, X)[0],
    "vmap": lambda f: rd.vmap(f)(X[None])[0],
    "jit": lambda f: rd.jit(f)(X),
}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("way", WAYS)
def test_names_in_the_users_text(way, function):
    if way == "jit" and importlib.util.find_spec("tensorflow") is None:
        pytest.skip("TensorFlow is not installed")
    if way == "vmap" and function in (exception, captures):
        with pytest.raises(rd.TransformError, match="is not supported under vmap"):
            WAYS[way](function)
        return
    np.testing.assert_allclose(WAYS[way](function), function(X), rtol=1e-12)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_derivatives_of_them(function):
    def total(x):
        return np.sum(function(x))

    want = rd.jvp(function, (X,), (np.ones(3),))[1]
    np.testing.assert_allclose(rd.grad(total)(X), want, rtol=1e-12)


def value_then_function(x):
    z = np.sin(x)
    y = z * z * x[0]

    def z(q):
        return np.cos(q)

    return np.sum(y + z(x))


def unpacked_then_function(x):
    a, z, u = x
    y = z * z * a

    def z(q):
        return np.sin(0.3) * q

    for _ in range(3):
        if y > 100:
            return y
        y = y * z(u)
    return y


def function_then_value(x):
    def z(q):
        return q * q

    y = z(x)
    z = np.sin(y) * x
    return np.sum(z * z + y)


def parameter_then_function(z):
    y = np.sum(z * z)

    def z(q):
        return np.sin(q)

    return y * z(y)


@pytest.mark.parametrize(
    "f",
    [value_then_function, unpacked_then_function, function_then_value],
    ids=lambda f: f.__name__,
)
def test_a_function_after_a_value_of_its_name(f):
    x = np.array([0.4, 0.9, 1.3])
    near = [(f(x + h) - f(x - h)) / 2e-6 for h in 1e-6 * np.eye(3)]
    np.testing.assert_allclose(rd.grad(f)(x), near, 1e-6)
    np.testing.assert_allclose(rd.jvp(f, (x,), (np.ones(3),))[1], np.sum(near), 1e-6)
    along = rd.jvp(rd.grad(f), (x,), (np.ones(3),))[1]
    both = [rd.grad(f)(x + h) for h in (1e-6, -1e-6)]
    np.testing.assert_allclose(along, (both[0] - both[1]) / 2e-6, 1e-5)


def defined_in_a_loop(x):
    for _ in range(2):
        if x[0] > 5:
            w = np.sin(x)
            x = x * w

        def w(q):
            return np.sin(q)

    return np.sum(w(x) * x)


def test_a_parameter_is_no_function():
    with pytest.raises(rd.TransformError, match="`z` is a parameter that is differentiated"):
        rd.grad(parameter_then_function)(np.ones(3))


@pytest.mark.parametrize("transformed", [rd.grad, lambda f: lambda x: rd.jvp(f, (x,), (x,))])
def test_a_function_in_a_loop_needs_a_name_of_its_own(transformed):
    with pytest.raises(rd.TransformError, match="`w` is a function here, and a value"):
        transformed(defined_in_a_loop)(np.ones(3))
