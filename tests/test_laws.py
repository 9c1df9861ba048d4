"""Laws that hold whatever the function: calculus, equal programs, equal formulations at kinks."""

# ruff: noqa: E731, SIM108
import functools
import itertools
import linecache

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from oracle import assert_close, inner, random_like

import redraft as rd

X = np.array([0.3, -0.7, 1.2])
V = np.array([0.9, 0.4, -0.5])
M = np.array([[1.5, 0.2, -0.3], [0.1, 1.2, 0.4], [-0.2, 0.3, 1.8]])

settings = functools.partial(hypothesis.settings, deadline=None, derandomize=True, database=None)
numbers = st.floats(-2.0, 2.0).filter(lambda v: abs(v) > 1e-3)
vectors = st.lists(numbers, min_size=1, max_size=5).map(np.array)


def tanh_sum(x):
    return np.sum(np.tanh(x) * x)


def exp_sum(x):
    return np.sum(np.exp(np.sin(x)))


def loop_sum(x):
    total = 0.0
    for v in x:
        if v > 0:
            total = total + v * v
        else:
            total = total + np.sin(v) * total
    return total


def write_sum(x):
    out = np.zeros_like(x)
    for i in range(len(x)):
        out[i] = x[i] * x[-1 - i]
        out[0] += out[i]
    return np.sum(np.sin(out))


FUNCTIONS = [tanh_sum, exp_sum, loop_sum, write_sum]
each = pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)


# Calculus --------------------------------------------------------------------------------------


@each
@hypothesis.given(x=vectors)
@settings(max_examples=15)
def test_both_modes_agree(f, x):
    """<grad f, v> is the jvp along v, at any point and size."""
    v = np.cos(np.arange(len(x)) + 1.0)
    _, slope = rd.jvp(f, (x,), (v,))
    assert_close(slope, inner(rd.grad(f)(x), v), "jvp against grad", 1e-9, 1e-10)


@each
@hypothesis.given(x=vectors)
@settings(max_examples=8)
def test_hessian_is_symmetric(f, x):
    """u H v equals v H u, and all orders of modes give the same H v."""
    rng = np.random.default_rng(len(x))
    u, v = rng.standard_normal((2, len(x)))
    hv = rd.jvp(rd.grad(f), (x,), (v,))[1]
    hu = rd.vjp(rd.grad(f), x)[1](u)[0]
    assert_close(u @ hv, v @ hu, "symmetry", 1e-8, 1e-9)
    again = rd.grad(lambda x: rd.jvp(f, (x,), (v,))[1])(x)
    assert_close(again, hv, "reverse over forward", 1e-8, 1e-9)


@pytest.mark.parametrize(("f", "g"), itertools.combinations(FUNCTIONS, 2))
def test_sum_product_and_quotient(f, g):
    df, dg = rd.grad(f)(X), rd.grad(g)(X)
    a, b = f(X), g(X)
    assert_close(rd.grad(lambda x: f(x) + g(x))(X), df + dg, "sum")
    assert_close(rd.grad(lambda x: f(x) - 2.0 * g(x))(X), df - 2.0 * dg, "difference")
    assert_close(rd.grad(lambda x: f(x) * g(x))(X), df * b + a * dg, "product")
    quotient = (df * b - a * dg) / b**2
    assert_close(rd.grad(lambda x: f(x) / g(x))(X), quotient, "quotient")


@each
def test_chain_rule(f):
    inside = lambda x: np.sin(M @ x) + x**2
    y, pullback = rd.vjp(inside, X)
    want = pullback(rd.grad(f)(y))[0]
    assert_close(rd.grad(lambda x: f(inside(x)))(X), want, "chain rule")


@each
def test_scaling_of_the_argument(f):
    want = 3.0 * rd.grad(f)(3.0 * X)
    assert_close(rd.grad(lambda x: f(3.0 * x))(X), want, "scaling")
    assert_close(rd.grad(lambda s: f(s * X))(3.0), inner(rd.grad(f)(3.0 * X), X), "by the scale")


@each
def test_linear_in_the_tangent(f):
    u, v = random_like((X, X), np.random.default_rng(1))
    along = lambda d: rd.jvp(f, (X,), (d,))[1]
    assert_close(along(2.0 * u - v), 2.0 * along(u) - along(v), "linearity", 1e-10, 1e-12)
    assert along(np.zeros(3)) == 0.0


@each
def test_derivative_of_the_inverse(f):
    """The derivative of an inverse function found by iteration is one over the derivative."""
    g = lambda t: 0.2 * f(t * V) + 3.0 * t

    def inverse(y):
        t = 0.3
        for _ in range(40):
            t = t - (g(t) - y) / 3.2
        return t

    t = inverse(1.1)
    assert g(t) == pytest.approx(1.1)
    assert_close(rd.grad(inverse)(1.1), 1.0 / rd.grad(g)(t), "inverse")


def slope_along(f, d):
    return lambda x: rd.jvp(f, (x,), (d,))[1]


def test_third_derivatives_are_symmetric():
    f = lambda x: np.sum(np.sin(x) * x @ M) * np.prod(x)
    u, v, w = np.random.default_rng(2).standard_normal((3, 3))

    def along(*directions):
        g = f
        for d in directions:
            g = slope_along(g, d)
        return g(X)

    values = [along(*order) for order in itertools.permutations((u, v, w))]
    assert_close(values, [values[0]] * 6, "symmetry of the third derivative", 1e-9, 1e-10)


def test_derivatives_of_a_polynomial_of_every_order():
    f = lambda x: x**5 - 2.0 * x**3 + x
    derivative, want = f, np.polynomial.Polynomial([0, 1, 0, -2, 0, 1])
    for _ in range(4):
        derivative, want = rd.grad(derivative), want.deriv()
        assert derivative(0.7) == pytest.approx(want(0.7), rel=1e-12)


def applied(f, x):
    return f(x) * x


def of_a_function_value(x, functions=(np.sin,)):
    return applied(functions[0], x)


def of_a_closure(x):
    f = lambda y: np.sin(y) * x
    return applied(f, x) / x


@pytest.mark.parametrize("f", [of_a_function_value, of_a_closure], ids=lambda f: f.__name__)
@pytest.mark.parametrize("modes", ["rrrr", "ffff", "frfr", "rrff"])
def test_derivatives_of_every_order_of_run_time_calls(f, modes):
    """Fourth derivatives of x sin x through a function that is known only when the code runs."""
    x = 0.7
    s, c = np.sin(x), np.cos(x)
    wanted = [s + x * c, 2 * c - x * s, -3 * s - x * c, -4 * c + x * s]
    for mode, want in zip(modes, wanted, strict=True):
        f = rd.grad(f) if mode == "r" else slope_along(f, 1.0)
        assert f(x) == pytest.approx(want, rel=1e-10)


# Programs that are the same --------------------------------------------------------------------


def made(text, number=itertools.count()):  # noqa: B008
    """Return the function `f` of a text."""
    filename = f"<law {next(number)}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    namespace = {"np": np}
    exec(compile(text, filename, "exec"), namespace)
    return namespace["f"]


SAME = {
    "loop and unrolled": [
        "def f(x):\n    y = x\n    for _ in range(3):\n        y = np.sin(y) * x\n"
        "    return np.sum(y)\n",
        "def f(x):\n    y = np.sin(x) * x\n    y = np.sin(y) * x\n    y = np.sin(y) * x\n"
        "    return np.sum(y)\n",
        "def f(x):\n    y, n = x, 0\n    while n < 3:\n        n += 1\n        y = np.sin(y) * x\n"
        "    return np.sum(y)\n",
        "def f(x):\n    y, n = x, 0\n    while True:\n        if n == 3:\n"
        "            return np.sum(y)\n        y = np.sin(y) * x\n        n = n + 1\n",
        "def f(x, y=None, n=3):\n    y = x if y is None else y\n"
        "    return np.sum(y) if n == 0 else f(x, np.sin(y) * x, n - 1)\n",
        "from functools import reduce\n"
        "def f(x):\n    return np.sum(reduce(lambda y, _: np.sin(y) * x, range(3), x))\n",
    ],
    "sums": [
        "def f(x):\n    return np.sum(x * x * x)\n",
        "def f(x):\n    return sum(v * v * v for v in x)\n",
        "def f(x):\n    return sum([v ** 3 for v in x])\n",
        "def f(x):\n    t = 0.0\n    for v in x:\n        t += v * v * v\n    return t\n",
        "def f(x):\n    t = 0.0\n    for i in range(len(x)):\n        t = t + x[i] ** 3\n"
        "    return t\n",
        "def f(x):\n    y = np.zeros_like(x)\n    for i, v in enumerate(x):\n        y[i] = v\n"
        "        y[i] *= v * v\n    return y.sum()\n",
        "def f(x):\n    y = x.copy()\n    y *= x\n    y *= x\n    return np.sum(y)\n",
        "def f(x):\n    return (x * x) @ x\n",
        "def f(x):\n    return np.einsum('i,i,i->', x, x, x)\n",
        "def f(x):\n    parts = []\n    for v in x:\n        parts.append(v)\n"
        "        parts[-1] = parts[-1] ** 3\n    return sum(parts)\n",
        "def f(x):\n    d = {'t': 0.0}\n    for v in reversed(x):\n        d['t'] += v ** 3\n"
        "    return d['t']\n",
        "def f(x):\n    a, *rest = x\n    return a ** 3 + sum(map(lambda v: v ** 3, rest))\n",
    ],
    "branches": [
        "def f(x):\n    if x[0] > 0:\n        y = np.sin(x)\n    else:\n        y = x\n"
        "    return np.sum(y * x)\n",
        "def f(x):\n    y = np.sin(x) if x[0] > 0 else x\n    return np.sum(y * x)\n",
        "def f(x):\n    if not x[0] > 0:\n        return np.sum(x * x)\n"
        "    return np.sum(np.sin(x) * x)\n",
        "def f(x):\n    op = (lambda v: v, np.sin)[int(x[0] > 0)]\n    return np.sum(op(x) * x)\n",
        "def f(x):\n    for y in (np.sin(x), x):\n        if x[0] > 0:\n            break\n"
        "    return np.sum(y * x)\n",
        "def f(x):\n    y = x\n    while x[0] > 0:\n        y = np.sin(y)\n        break\n"
        "    return np.sum(y * x)\n",
        "def f(x):\n    return np.sum((x[0] > 0 and np.sin(x[0]) or x[0]) * x[0]) + np.sum(\n"
        "        (np.sin(x[1:]) if x[0] > 0 else x[1:]) * x[1:])\n",
    ],
    "helpers": [
        "def f(x):\n    return np.sum(np.exp(-x * x) * x)\n",
        "def g(x):\n    return -x * x\ndef h(x, y):\n    return np.exp(g(x)) * y\n"
        "def f(x):\n    return np.sum(h(x, x))\n",
        "def f(x):\n    def g(y):\n        return np.exp(-x * y)\n    return np.sum(g(x) * x)\n",
        "def f(x):\n    g = lambda: np.exp(-x * x)\n    return np.sum(g() * x)\n",
        "from functools import partial\ndef g(s, x, y=1.0):\n    return np.exp(s * x * x) * y\n"
        "def f(x):\n    return np.sum(partial(g, -1.0, y=x)(x))\n",
        "def g(*a, **k):\n    return np.exp(k['s'] * a[0] * a[1]) * a[-1]\n"
        "def f(x):\n    return np.sum(g(*[x] * 3, **{'s': -1.0}))\n",
    ],
}  # fmt: skip


@pytest.mark.parametrize("law", SAME)
def test_same_programs_have_same_derivatives(law):
    """However it is written, first and second derivatives are those of the first text."""
    functions = [made(text) for text in SAME[law]]
    value, grad = rd.value_and_grad(functions[0])(X)
    curved = rd.jvp(rd.grad(functions[0]), (X,), (V,))[1]
    for text, f in zip(SAME[law], functions, strict=True):
        got = rd.value_and_grad(f)(X)
        assert_close(got, (value, grad), text, 1e-10, 1e-12)
        assert_close(rd.jvp(f, (X,), (V,))[1], inner(grad, V), text, 1e-10, 1e-12)
        assert_close(rd.jvp(rd.grad(f), (X,), (V,))[1], curved, text, 1e-9, 1e-10)
        assert_close(rd.vjp(rd.grad(f), X)[1](V)[0], curved, text, 1e-9, 1e-10)


# Kinks and holes -------------------------------------------------------------------------------

RELU = {
    "maximum": lambda x: np.maximum(x, 0.0),
    "maximum turned": lambda x: np.maximum(0.0, x),
    "where": lambda x: np.where(x > 0, x, 0.0),
    "clip": lambda x: np.clip(x, 0.0, None),
    "builtin max": lambda x: max(x, 0.0),
    "conditional": lambda x: x if x > 0 else 0.0,
    "mask": lambda x: x * (x > 0),
    "minimum": lambda x: -np.minimum(-x, 0.0),
}


@pytest.mark.parametrize("name", RELU)
@pytest.mark.parametrize("x", [-1.5, -1e-300, 1e-300, 2.5])
def test_relu_beside_the_kink(name, x):
    assert rd.grad(RELU[name])(x) == float(x > 0)
    assert rd.jvp(RELU[name], (x,), (1.0,))[1] == float(x > 0)


@pytest.mark.parametrize("name", RELU)
def test_both_modes_agree_at_the_kink(name):
    """At a tie the slope is between those of both sides, and the same in both modes."""
    slope = rd.grad(RELU[name])(0.0)
    assert 0.0 <= slope <= 1.0
    assert rd.jvp(RELU[name], (0.0,), (1.0,))[1] == slope
    assert rd.vjp(RELU[name], 0.0)[1](1.0)[0] == slope


@pytest.mark.parametrize("name", ["maximum", "maximum turned", "clip", "minimum"])
def test_equal_formulations_agree_at_the_kink(name):
    assert rd.grad(RELU[name])(0.0) == rd.grad(RELU["maximum"])(0.0)


def where_log(x):
    return np.sum(np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), 0.0))


def where_sqrt(x):
    return np.sum(np.where(x > 0, np.sqrt(np.where(x > 0, x, 1.0)), 0.0))


def short_circuit(x):
    return x[1] if x[0] == 0 or 1 / x[0] > 9 else x[0]


NO_NAN = {
    "where log": (where_log, [2.0, 0.0, -1.0], [0.5, 0.0, 0.0]),
    "where sqrt": (where_sqrt, [4.0, 0.0], [0.25, 0.0]),
    "short circuit": (short_circuit, [0.0, 3.0], [0.0, 1.0]),
    "branch": (lambda x: np.log(x[0]) if x[1] > 0 else np.sum(x * x), [0.0, -1.0], [0.0, -2.0]),
    "loop": (lambda x: sum(np.log(v) if v > 0 else v * v for v in x), [2.0, 0.0], [0.5, 0.0]),
    "max": (lambda x: np.max(x), [1.0, -np.inf], [1.0, 0.0]),
    "power": (lambda x: np.sum(x**2), [0.0, 3.0], [0.0, 6.0]),
    "power of one": (lambda x: np.sum(x**1), [0.0, 3.0], [1.0, 1.0]),
    "power of zero": (lambda x: np.sum(x**0), [0.0, 3.0], [0.0, 0.0]),
    "product with zeros": (lambda x: np.prod(x), [0.0, 2.0, 3.0], [6.0, 0.0, 0.0]),
    "tanh far out": (lambda x: np.sum(np.tanh(x)), [1000.0, -1000.0], [0.0, 0.0]),
    "abs": (lambda x: np.sum(np.abs(x)), [2.0, -3.0], [1.0, -1.0]),
    "masked product": (lambda x: np.sum((x * x)[x > 0]), [2.0, 0.0], [4.0, 0.0]),
}  # fmt: skip


@pytest.mark.parametrize("name", NO_NAN)
def test_no_nan_from_the_side_not_taken(name):
    f, x, want = NO_NAN[name]
    x = np.array(x)
    with np.errstate(all="ignore"):
        assert_close(rd.grad(f)(x), np.array(want), name)
        assert_close(rd.jvp(f, (x,), (np.ones(len(x)),))[1], float(np.sum(want)), name)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.max(x),
        lambda x: np.min(x),
        lambda x: max(x),
        lambda x: np.sum(np.sort(x)[:1]),
        lambda x: np.maximum(x[0], x[1]),
    ],
    ids=["max", "min", "builtin max", "sort", "maximum"],
)
def test_ties_share_a_slope_of_one(f):
    """At a tie the parts of the gradient add up to the derivative along the diagonal."""
    x = np.array([1.0, 1.0, 1.0])
    g = rd.grad(f)(x)
    assert np.sum(g) == pytest.approx(1.0)
    assert rd.jvp(f, (x,), (np.ones(3),))[1] == pytest.approx(1.0)


def test_ties_are_split_as_in_jax():
    """JAX's convention: halves at `maximum`, equal shares at `max`."""
    x = np.array([1.0, 1.0, 0.0])
    assert_close(rd.grad(lambda x: np.maximum(x[0], x[1]))(x), np.array([0.5, 0.5, 0]), "maximum")
    assert_close(rd.grad(lambda x: np.max(x))(x), np.array([0.5, 0.5, 0]), "max")


# Cost ------------------------------------------------------------------------------------------


def fills(x):
    out = np.zeros_like(x)
    out[0] = x[0]
    for i in range(1, len(x)):
        out[i] = np.sin(out[i - 1]) + x[i]
    return out[-1]


def reads(x):
    total = 0.0
    for i in range(len(x)):
        total = total + x[i] * x[i]
    return total


@pytest.mark.parametrize("f", [fills, reads], ids=lambda f: f.__name__)
@pytest.mark.parametrize("mode", ["reverse", "forward"])
def test_element_loops_are_linear(f, mode):
    """Twenty times the length takes far less than four hundred times the time."""
    import time

    def seconds(n):
        x = np.linspace(0.0, 1.0, n)
        best = np.inf
        for _ in range(3):
            start = time.perf_counter()
            if mode == "reverse":
                rd.grad(f)(x)
            else:
                rd.jvp(f, (x,), (x,))
            best = min(best, time.perf_counter() - start)
        return best

    seconds(10)
    assert seconds(20000) < 80 * seconds(1000)


# Integers ---------------------------------------------------------------------------------------


def powers_of_integer(x, k):
    n = np.sum(k)
    return np.sum(x) * n**4 * n


def integer_times_integer(x, k):
    n = np.max(k)
    return n * (n * (n * (n * (n * np.sum(x * x)))))


def integers_within_sum(x, k):
    n = np.max(k)
    return np.sum(x * n * n * n * n * n)


def negated_integers(x, k):
    n = np.max(k)
    y = np.mean(x) * n * n * n
    return -(np.sum(x) * n**4 * n) - (y * n * n * 2 - y)


def integers_in_loop(x, k):
    n = np.max(k)
    y = np.sum(x)
    for _ in range(5):
        y = y * n
    return y


@pytest.mark.parametrize(
    "function",
    [
        powers_of_integer, integer_times_integer, integers_within_sum, negated_integers,
        integers_in_loop,
    ],
)  # fmt: skip
def test_products_of_integers_do_not_overflow(function):
    """A cotangent is a float from the start, like the value: 7000**5 is no 64-bit integer."""
    x, k = np.array([0.1, 0.2, 0.3]), np.array([7000])

    def slope(x, k):
        return np.sum(rd.grad(function)(x, k))

    for mode in (
        rd.grad(function),
        lambda x, k: rd.jvp(lambda x: function(x, k), (x,), (x,))[1],
        rd.grad(slope),
    ):
        np.testing.assert_allclose(mode(x, k), mode(x, k * 1.0), rtol=1e-12)
