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
