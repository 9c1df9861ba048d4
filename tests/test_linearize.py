"""`rd.linearize`: the linear part of forward mode as a function, against JAX and against `rd.jvp`."""

from __future__ import annotations

import functools
import itertools
from typing import NamedTuple

import numpy as np
import pytest
from corpus import CASES
from limits import REFUSED
from oracle import Problem, assert_close, in_jax, jax_modules, random_like

import redraft as rd

jax, jnp = jax_modules()
X = np.array([0.7, -0.4, 1.3])
V = np.array([0.5, 0.25, -1.0])
A = np.array([[1.0, 2.0, -1.0], [0.5, 1.5, 0.3], [2.0, 0.1, 1.0]])


# --- the corpus

# containers whose parts are changed in place: only as a whole can they be told apart from objects
TRANSPOSE_REFUSED = {
    "arrays.write_chained_index": "assignment into a part of an object",
    "arrays.list_of_made_arrays_written": "assignment into a part of an object",
    "containers.list_of_lists_grown": "assignment into a part of an object",
    "containers.dict_of_lists": "assignment into a part of an object",
}


def prepared(case):
    """A function of the differentiated arguments, fresh arguments, and tangents."""
    problem = Problem(case.function, case.args, case.static, str(case))
    function = functools.partial(case.function, **case.static) if case.static else case.function
    return function, problem, random_like(case.args, np.random.default_rng(3))


def check_tangent_of_case(case):
    function, problem, dots = prepared(case)
    try:
        value, tangent = rd.jvp(function, problem.fresh(), dots)
    except rd.TransformError:
        assert str(case) in REFUSED
        return
    got, f_lin = rd.linearize(function, *problem.fresh())
    assert_close(got, value, "value")
    for _ in range(2):  # it can be called again
        assert_close(f_lin(*dots), tangent, "tangent")


def check_transpose_of_case(case):
    function, problem, dots = prepared(case)
    try:
        value, pull = rd.vjp(function, *problem.fresh())
    except rd.TransformError:
        assert str(case) in REFUSED
        return
    _, f_lin = rd.linearize(function, *problem.fresh())
    bar = random_like(value, np.random.default_rng(4))
    try:
        _, transposed = rd.vjp(lambda *u: f_lin(*u), *dots)
    except rd.TransformError as error:
        assert TRANSPOSE_REFUSED[str(case)] in error.msg
        return
    assert str(case) not in TRANSPOSE_REFUSED
    assert_close(transposed(bar), pull(bar), "transpose")


FEW, MANY = CASES[::9], [case for i, case in enumerate(CASES) if i % 9]


@pytest.mark.parametrize("case", FEW, ids=str)
def test_tangent_is_that_of_jvp(case):
    check_tangent_of_case(case)


@pytest.mark.slow
@pytest.mark.parametrize("case", MANY, ids=str)
def test_tangent_is_that_of_jvp_everywhere(case):
    check_tangent_of_case(case)


@pytest.mark.parametrize("case", CASES[1::40], ids=str)
def test_transpose_is_the_pullback(case):
    check_transpose_of_case(case)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
def test_transpose_is_the_pullback_everywhere(case):
    check_transpose_of_case(case)


# --- against JAX


def straight(x):
    y = np.sin(x) * x
    return np.exp(-y) @ A


def looped(x):
    y = x
    for i in range(3):
        y = np.sin(y) * 1.01 + y[i]
    return np.sum(y) * y


def several(x, y, *rest):
    return {"a": x * y, "b": (np.dot(rest[0], x), [rest[1] * np.tanh(y)])}


def structured(p):
    (w, b), c = p["layer"], p["scale"]
    return np.tanh(A @ w + b) * c


def with_aux(x):
    return np.sin(x), {"mean": np.mean(x), "name": x * 2}


@pytest.mark.parametrize("function", [straight, looped], ids=lambda f: f.__name__)
def test_value_and_tangent_against_jax(function):
    value, f_lin = rd.linearize(function, X)
    want, jax_lin = jax.linearize(in_jax(function), X)
    assert_close(value, np.asarray(want), "value", rtol=1e-12)
    assert_close(f_lin(V), np.asarray(jax_lin(V)), "tangent", rtol=1e-12)
    assert isinstance(value, np.ndarray) and isinstance(f_lin(V), np.ndarray)


def test_structures_against_jax():
    args = (X, V, X + 1, 2.0)
    dots = (V, X, V * 2, -0.5)
    value, f_lin = rd.linearize(several, *args)
    want, jax_lin = jax.linearize(in_jax(several), *args)
    same = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12)  # noqa: E731
    jax.tree_util.tree_map(same, value, want)
    jax.tree_util.tree_map(same, f_lin(*dots), jax_lin(*dots))
    params = {"layer": (X, V), "scale": 3.0}
    dots = {"layer": (V, X), "scale": 0.5}
    _, f_lin = rd.linearize(structured, params)
    _, jax_lin = jax.linearize(in_jax(structured), params)
    same(f_lin(dots), jax_lin(dots))


def test_aux_against_jax():
    value, f_lin, aux = rd.linearize(with_aux, X, has_aux=True)
    want, jax_lin, jax_aux = jax.linearize(in_jax(with_aux), X, has_aux=True)
    np.testing.assert_allclose(value, want, rtol=1e-12)
    np.testing.assert_allclose(f_lin(V), jax_lin(V), rtol=1e-12)
    jax.tree_util.tree_map(np.testing.assert_allclose, aux, jax_aux)


def test_integers_have_no_say():
    value, f_lin = rd.linearize(lambda x, n: x**n, X, 3)
    np.testing.assert_allclose(f_lin(V, 0), 3 * X**2 * V)
    value, f_lin = rd.linearize(lambda n: n * 2, np.arange(3))
    assert value.tolist() == [0, 2, 4]
    assert np.asarray(f_lin(np.arange(3))).tolist() == [0, 0, 0]


def test_constant_result():
    value, f_lin = rd.linearize(lambda x: 3.0, X)
    assert value == 3.0 and f_lin(V) == 0.0


def test_float32_stays():
    x = X.astype(np.float32)
    value, f_lin = rd.linearize(looped, x)
    assert value.dtype == f_lin(x).dtype == np.float32


# --- what is wrong with tangents


@pytest.mark.parametrize(
    ("dots", "error", "words"),
    [
        ((V[:2],), ValueError, r"expected \(3,\), got \(2,\)"),
        ((V.astype(np.float32),), ValueError, "expected float64, got float32"),
        ((np.arange(3),), ValueError, "expected float64, got int64"),
        ((V * 1j,), ValueError, "expected float64, got complex128"),
        ((V, V), TypeError, "expected 1, got 2"),
        ((), TypeError, "expected 1, got 0"),
        (([1.0, 2.0, 3.0],), TypeError, "a number or an array, got list"),
    ],
)
def test_tangents_that_do_not_fit(dots, error, words):
    _, f_lin = rd.linearize(straight, X)
    with pytest.raises(error, match=words):
        f_lin(*dots)
    _, jax_lin = jax.linearize(in_jax(straight), X)
    with pytest.raises((error, TypeError)):
        jax_lin(*dots)


def test_structures_that_do_not_fit():
    _, f_lin = rd.linearize(structured, {"layer": (X, V), "scale": 3.0})
    for dots in ({"layer": (X, V)}, {"layer": [X, V], "scale": 1.0}, X):
        with pytest.raises(TypeError, match="must have the structure of its primal"):
            f_lin(dots)


def test_not_a_function():
    with pytest.raises(TypeError, match="linearize expects a function, got float"):
        rd.linearize(1.0, X)


# --- the primal runs once

CALLS = []


@rd.primitive(vjp={"x": "ans_bar * np.cos(x)"}, jvp={"x": "x_dot * np.cos(x)"})
def counted_sine(x):
    CALLS.append(1)
    return np.sin(x)


def counting(x):
    y = counted_sine(x)
    for _ in range(3):
        if y[0] > -10.0:
            y = counted_sine(y) * x
    return helper(y)


def helper(y):
    return counted_sine(y) if y.ndim else y


def test_primal_is_not_computed_again():
    CALLS.clear()
    _, f_lin = rd.linearize(counting, X)
    assert len(CALLS) == 5
    tangents = [f_lin(v) for v in (V, X, V + X)]
    assert len(CALLS) == 5
    np.testing.assert_allclose(tangents[0] + tangents[1], tangents[2], rtol=1e-12)
    np.testing.assert_allclose(tangents[0], rd.jvp(counting, (X,), (V,))[1], rtol=1e-12)


def test_source_shows_both_parts():
    _, f_lin = rd.linearize(counting, X)
    text = rd.source(f_lin)
    assert "def counting_lin_fwd(x):" in text and "def counting_lin(" in text
    linear = "".join(
        line.partition("#")[0] for line in text.split("def counting_lin(")[1].splitlines()
    )
    assert "counted_sine" not in linear and "x_dot" in linear


def test_later_changes_of_arguments_and_values_do_not_matter():
    def stores(x):
        y = x.copy()
        y[0] = y[1] * y[2]
        z = y * y
        y[1] = 5.0
        return z + y

    _, f_lin = rd.linearize(stores, X)
    np.testing.assert_allclose(f_lin(V), rd.jvp(stores, (X,), (V,))[1], rtol=1e-12)


def test_tangents_are_not_changed():
    def stores(x):
        y = np.zeros(3)
        y += x
        y[0] = 2.0 * x[1]
        return y

    _, f_lin = rd.linearize(stores, X)
    v = V.copy()
    tangent = f_lin(v)
    assert v.tolist() == V.tolist() and not np.shares_memory(tangent, v)
    _, f_lin = rd.linearize(lambda x: x + 1.0, X)
    assert not np.shares_memory(f_lin(v), v)


# --- calls, closures, objects


class Pair(NamedTuple):
    x: np.ndarray
    y: float


def recursive(x, n):
    return np.sin(x) if n == 0 else recursive(x * x, n - 1) + x


def given_a_function(f, x):
    return f(x) * x


def calls(x):
    scale = np.sum(x)
    inner = lambda v: np.cos(v) * scale  # noqa: E731
    made = functools.partial(recursive, n=2)
    return given_a_function(inner, x) + given_a_function(made, x) + max(x)


def pairs(p):
    q = Pair(p.x * p.y, p.y**2)
    return Pair(q.x, q.y * np.sum(p.x))


def while_and_break(x):
    y, total = x, 0.0
    while np.sum(y * y) > 0.1:
        y = y * 0.5 * np.cos(total)
        total = total + y[0]
        if total > 2.0:
            break
    return y * total


@pytest.mark.parametrize("function", [calls, while_and_break], ids=lambda f: f.__name__)
def test_calls_and_loops(function):
    value, f_lin = rd.linearize(function, X)
    want, tangent = rd.jvp(function, (X,), (V,))
    assert_close(value, want, "value")
    assert_close(f_lin(V), tangent, "tangent", rtol=1e-12)


def test_objects():
    primal, dot = Pair(X, 2.0), Pair(V, 0.5)
    value, f_lin = rd.linearize(pairs, primal)
    _, tangent = rd.jvp(pairs, (primal,), (dot,))
    assert isinstance(value, Pair) and isinstance(f_lin(dot), Pair)
    assert_close(f_lin(dot), tangent, "tangent", rtol=1e-12)
    both = rd.vmap(f_lin)(Pair(np.stack([V, X]), np.array([0.5, 1.0])))
    assert isinstance(both, Pair)
    np.testing.assert_allclose(both.x[0], tangent.x)


# --- functions with rules of their own


@rd.custom_jvp
def ruled(x, y):
    return np.sin(x) * y


@ruled.defjvp
def ruled_dot(primals, tangents):
    x, y = primals
    x_dot, y_dot = tangents
    return ruled(x, y), 3.0 * np.cos(x) * y * x_dot + np.sin(x) * y_dot


@rd.custom_jvp
def by_parts(x, y):
    return np.sin(x) * y


by_parts.defjvps(lambda dot, ans, x, y: 3.0 * dot * ans, lambda dot, ans, x, y: dot * np.sin(x))


@rd.custom_jvp
def bent(x):
    return x


@bent.defjvp
def bent_dot(primals, tangents):
    return primals[0], tangents[0] * tangents[0]


@rd.custom_vjp
def pulled_only(x):
    return x * x


pulled_only.defvjp(lambda x: (x * x, x), lambda x, bar: (2 * x * bar,))


@pytest.mark.parametrize("function", [ruled, by_parts], ids=["defjvp", "defjvps"])
def test_rules_are_followed(function):
    def uses(x):
        y = x
        for _ in range(2):
            y = function(y, x) + x
        return y

    _, f_lin = rd.linearize(uses, X)
    np.testing.assert_allclose(f_lin(V), rd.jvp(uses, (X,), (V,))[1], rtol=1e-12)
    np.testing.assert_allclose(rd.vjp(f_lin, V)[1](X)[0], rd.vjp(uses, X)[1](X)[0], rtol=1e-12)
    _, f_lin = rd.linearize(function, X, V)
    np.testing.assert_allclose(f_lin(V, X), rd.jvp(function, (X, V), (V, X))[1], rtol=1e-12)


def test_rules_that_are_not_linear_are_refused():
    with pytest.raises(rd.TransformError, match="not linear in `x_dot`: a product") as caught:
        rd.linearize(bent, X)
    assert "tangents[0] * tangents[0]" in caught.value.text


def test_rules_of_reverse_mode_are_refused():
    with pytest.raises(rd.TransformError, match="and none for forward mode"):
        rd.linearize(lambda x: pulled_only(x) * 2, X)


# --- the linear function in other transformations


@pytest.fixture(scope="module")
def f_lin():
    return rd.linearize(looped, X)[1]


def test_vmap_of_the_linear_function(f_lin):
    directions = np.eye(3)
    want = np.stack([f_lin(v) for v in directions])
    np.testing.assert_allclose(rd.vmap(f_lin)(directions), want, rtol=1e-12)
    np.testing.assert_allclose(rd.vmap(lambda v: f_lin(v) * 2)(directions), 2 * want, rtol=1e-12)


def test_jit_of_the_linear_function(f_lin):
    np.testing.assert_allclose(rd.jit(f_lin)(V), f_lin(V), rtol=1e-12)
    with pytest.raises((ValueError, rd.TransformError), match=r"expected \(3,\), got \(2,\)"):
        rd.jit(f_lin)(V[:2])


def test_gradient_of_the_linear_function(f_lin):
    got = rd.grad(lambda v: np.sum(f_lin(v) ** 2))(V)
    jacobian = rd.jacrev(looped)(X)
    np.testing.assert_allclose(got, 2 * jacobian.T @ jacobian @ V, rtol=1e-10)
    np.testing.assert_allclose(rd.jacfwd(f_lin)(V), jacobian, rtol=1e-10)
    np.testing.assert_allclose(rd.vjp(f_lin, V)[1](X)[0], jacobian.T @ X, rtol=1e-10)


def test_linear_function_of_the_linear_function(f_lin):
    value, again = rd.linearize(f_lin, V)
    np.testing.assert_allclose(value, f_lin(V))
    np.testing.assert_allclose(again(X), f_lin(X))


def test_linear_functions_as_values(f_lin):
    """They go into and out of compiled and batched functions."""
    np.testing.assert_allclose(rd.jit(lambda g, v: g(v) * 2)(f_lin, V), 2 * f_lin(V), rtol=1e-12)
    xs = np.stack([X, 0.5 * X])
    values, functions = rd.vmap(lambda x: rd.linearize(looped, x))(xs)
    tangents = rd.vmap(lambda g, v: g(v))(functions, np.stack([V, X]))
    for x, v, value, tangent in zip(xs, (V, X), values, tangents, strict=True):
        want, want_dot = rd.jvp(looped, (x,), (v,))
        np.testing.assert_allclose(value, want, rtol=1e-12)
        np.testing.assert_allclose(tangent, want_dot, rtol=1e-12)
    with pytest.raises(ValueError, match="if it holds a batch of them, map it"):
        functions(V)


def test_compiled_functions_return_linear_functions():
    value, f_lin = rd.jit(lambda x: rd.linearize(straight, x))(X)
    want, tangent = rd.jvp(straight, (X,), (V,))
    np.testing.assert_allclose(value, want, rtol=1e-12)
    np.testing.assert_allclose(f_lin(V), tangent, rtol=1e-12)


# --- within transformed functions: every composition of three


def lin(f):
    def linearized(x):
        y, f_lin = rd.linearize(f, x)
        return f_lin(V) * y

    return linearized


def fwd(f):
    def pushed(x):
        y, y_dot = rd.jvp(f, (x,), (V,))
        return y_dot * y

    return pushed


def rev(f):
    return rd.grad(lambda x: np.sum(f(x) ** 2))


def many(f):
    return lambda x: np.sum(rd.vmap(f)(np.stack([x, 0.5 * x])), axis=0)


def compiled(f):
    return rd.jit(f)


def jax_lin(f):
    def linearized(x):
        y, f_lin = jax.linearize(f, x)
        return f_lin(V) * y

    return linearized


def jax_fwd(f):
    def pushed(x):
        y, y_dot = jax.jvp(f, (x,), (V,))
        return y_dot * y

    return pushed


JAX = {
    lin: jax_lin,
    fwd: jax_fwd,
    rev: lambda f: jax.grad(lambda x: jnp.sum(f(x) ** 2)),
    many: lambda f: lambda x: jnp.sum(jax.vmap(f)(jnp.stack([x, 0.5 * x])), axis=0),
    compiled: lambda f: jax.jit(f),
}


def base(x):
    y = np.sin(x) * x
    for i in range(2):
        y = y * y[i] + x
    return y


def base_in_jax(x):
    y = jnp.sin(x) * x
    for i in range(2):
        y = y * y[i] + x
    return y


def compositions(*operators):
    triples = itertools.product(operators, repeat=3)
    return [t for t in triples if lin in t]


def check_composition(operators):
    function, want = base, base_in_jax
    for operator in operators:
        function, want = operator(function), JAX[operator](want)
    np.testing.assert_allclose(function(X), want(X), rtol=1e-8)


# as with `rd.vjp`: a record of a record is made at run time, where `vmap` does not follow
NESTED_UNDER_VMAP = {(lin, lin, many), (lin, fwd, many), (lin, rev, many), (rev, many, lin)}


def shown(operators):
    return "-".join(o.__name__ for o in operators)


def composed(operators):
    if operators in NESTED_UNDER_VMAP:
        with pytest.raises(rd.TransformError, match="of a batched value is not supported here"):
            check_composition(operators)
    else:
        check_composition(operators)


EVERY = compositions(lin, fwd, rev, many)


@pytest.mark.parametrize("operators", EVERY[::6], ids=shown)
def test_compositions_against_jax(operators):
    composed(operators)


@pytest.mark.slow
@pytest.mark.parametrize("operators", [t for i, t in enumerate(EVERY) if i % 6], ids=shown)
def test_all_compositions_against_jax(operators):
    composed(operators)


@pytest.mark.slow
@pytest.mark.parametrize(
    "operators", [t for t in compositions(lin, rev, many, compiled) if compiled in t], ids=shown
)
def test_compositions_with_jit_against_jax(operators):
    check_composition(operators)


@pytest.mark.parametrize("operators", [(lin, rev, compiled)], ids=shown)
def test_compiled_compositions_against_jax(operators):
    check_composition(operators)


def test_options_inside_are_refused():
    def inside(x):
        _, f_lin = rd.linearize(straight, x, has_aux=False)
        return np.sum(f_lin(V))

    with pytest.raises(rd.TransformError, match=r"`rd\.linearize` with options inside"):
        rd.grad(inside)(X)


def test_checkpointed_function_is_linearized_as_it_is():
    def f(x):
        return np.tanh(np.sin(x) * x)

    x, v = np.array([0.3, 0.7]), np.array([1.0, -2.0])
    y, along = rd.linearize(rd.checkpoint(f), x)
    np.testing.assert_array_equal(y, f(x))
    np.testing.assert_allclose(along(v), rd.jvp(f, (x,), (v,))[1], rtol=1e-14)
    inside = rd.grad(lambda x: np.sum(rd.linearize(rd.checkpoint(f), x)[1](v)))
    plain = rd.grad(lambda x: np.sum(rd.jvp(f, (x,), (v,))[1]))
    np.testing.assert_allclose(inside(x), plain(x), rtol=1e-12)


def sorting_helper(p):
    y = np.sort(np.array([2.0, 1.0]))
    return np.array([np.cos(p), y[0] * p])


def test_functions_named_like_methods_that_change_lists():
    """`np.sort(…)` changes no variable `np`, as `xs.sort()` changes `xs`."""

    def f(x, s):
        return np.sum(sorting_helper(s)) * x

    value, linear = rd.linearize(f, 1.5, 0.7)
    assert value == f(1.5, 0.7)
    np.testing.assert_allclose(linear(0.3, -0.2), rd.jvp(f, (1.5, 0.7), (0.3, -0.2))[1])
