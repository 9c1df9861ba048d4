"""Arguments that only a variable or a container holds: an axis, which may be None, and an exponent."""

import linecache
import re

import numpy as np
import pytest
from scipy import special

import redraft as rd

CALLS = (
    "np.cumsum(x, axis=a)", "np.cumprod(x, axis=a)", "np.sum(x, axis=a)", "np.prod(x, axis=a)",
    "np.max(x, axis=a)", "np.var(x, axis=a)", "np.sort(x, axis=a)", "np.flip(x, axis=a)",
    "np.roll(x, 1, axis=a)", "np.repeat(x, 2, axis=a)", "np.take(x, [0, 1], axis=a)",
    "np.median(x, axis=a)", "np.ptp(x, axis=a)", "np.nansum(x, axis=a)", "np.linalg.norm(x, axis=a)",
    "np.concatenate([x, 2 * x], axis=a)", "special.logsumexp(x, axis=a)", "special.softmax(x, axis=a)",
    "np.quantile(x, 0.3, axis=a)", "np.append(x, x, axis=a)", "np.delete(x, 1, axis=a)",
    "np.nancumprod(x, axis=a)",
)  # fmt: skip
# what a None in a variable may meet: a refusal in words
REFUSED = "an axis that is None, in a variable|the axis must be a number in the program"
X = np.array([[0.5, 1.7, 2.4], [3.1, 0.2, 1.1]])


def function_of(call):
    text = (
        f"def f(x, a):\n    y = {call}\n"
        "    return np.sum(y * np.arange(1.0, 1.0 + np.size(y)).reshape(np.shape(y)))\n"
    )
    filename = f"<axis of {call}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    namespace = {"np": np, "special": special}
    exec(compile(text, filename, "exec"), namespace)
    return namespace["f"]


def differences(f, x):
    steps = 1e-6 * np.eye(x.size).reshape(-1, *x.shape)
    return np.reshape([(f(x + h) - f(x - h)) / 2e-6 for h in steps], x.shape)


@pytest.mark.parametrize("axis", [None, 0, -1])
@pytest.mark.parametrize("call", CALLS)
def test_axis(call, axis):
    f = function_of(call)
    wanted = differences(lambda x: f(x, axis), X)
    np.testing.assert_allclose(rd.grad(f)(X, axis), wanted, 1e-5, 1e-6)
    _, tangent = rd.jvp(lambda x: f(x, axis), (X,), (np.ones_like(X),))
    np.testing.assert_allclose(tangent, wanted.sum(), 1e-5, 1e-6)
    try:
        batch = rd.vmap(f, (0, None))(np.stack([X, X + 1]), axis)
    except rd.TransformError as error:
        assert axis is None
        assert re.search(REFUSED, str(error))
    else:
        np.testing.assert_allclose(batch, [f(X, axis), f(X + 1, axis)])


def held_in_a_list(x):
    held = [x, 3]
    return held[0] ** held[1]


def held_in_a_dict(x):
    return cube_of({"x": x, "n": 3})


def cube_of(d):
    return d["x"] ** d["n"]


@pytest.mark.filterwarnings("ignore:invalid value encountered in log")
@pytest.mark.parametrize("f", [held_in_a_list, held_in_a_dict], ids=lambda f: f.__name__)
def test_a_whole_exponent_in_a_container(f):
    """Its tangent is zero, whatever the logarithm of a negative base is."""
    x = np.array([-1.5, 0.0, 2.0])
    np.testing.assert_allclose(rd.jvp(f, (x,), (np.ones(3),))[1], 3 * x**2)
    np.testing.assert_allclose(
        rd.jvp(rd.grad(lambda x: np.sum(f(x))), (x,), (np.ones(3),))[1], 6 * x
    )
