"""`rd.linear_transpose`: against JAX and against the definition, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from oracle import in_jax, inner, jax_modules, random_like, tree_leaves

import redraft as rd

jax, jnp = jax_modules()
A = np.array([[1.0, 2.0, -1.0], [0.5, 1.5, 0.3], [2.0, 0.1, 1.0]])
X = np.array([0.7, -0.4, 1.3])


def product(x):
    return A @ x


def differences(x):
    return x[1:] - x[:-1] / 2


def filtered(x):
    y = np.sin(0.5) * x if x.ndim > 3 else np.cumsum(x)
    return np.concatenate([y, np.zeros(2)])[::-1]


def looped(x):
    y = x
    for row in A:
        y = y * 0.5 + row * np.sum(y)
    return y


def several(x, p):
    w, b = p["w"], p["b"]
    return {"sum": x + 2.0 * b, "dot": np.dot(A, w).T}, [np.sum(x) - w[0, 1]]


def complex_product(z):
    return (1.0 + 2.0j) * z


FUNCTIONS = {
    product: (X,),
    differences: (X,),
    filtered: (X,),
    looped: (X,),
    several: (X, {"w": A, "b": 2.0}),
}


def spec(x):
    return jax.ShapeDtypeStruct(np.shape(x), np.float64)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_transposes_against_jax(function):
    primals = FUNCTIONS[function]
    bar = random_like(function(*primals), np.random.default_rng(1))
    got = rd.linear_transpose(function, *primals)(bar)
    want = jax.linear_transpose(in_jax(function), *jax.tree_util.tree_map(spec, primals))(bar)
    assert isinstance(got, tuple) and len(got) == len(want)
    jax.tree_util.tree_map(lambda g, w: np.testing.assert_allclose(g, w, rtol=1e-12), got, want)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_definition(function):
    """<bar, f(x)> = <transpose(bar), x>."""
    primals = FUNCTIONS[function]
    bar = random_like(function(*primals), np.random.default_rng(1))
    got = rd.linear_transpose(function, *primals)(bar)
    np.testing.assert_allclose(inner(bar, function(*primals)), inner(got, primals), rtol=1e-12)


def test_complex_numbers_are_not_conjugated():
    z = np.array([1.0 + 1.0j, 2.0 - 0.5j])
    got = rd.linear_transpose(complex_product, z)(z)
    want = jax.linear_transpose(complex_product, spec(z).update(dtype=np.complex128))(z)
    np.testing.assert_allclose(got[0], want[0])


def test_only_shapes_and_dtypes_count():
    described = rd.ShapeDtypeStruct((3,), np.float32)
    (x_bar,) = rd.linear_transpose(lambda x: 3 * x, described)(np.ones(3, np.float32))
    assert x_bar.dtype == np.float32 and x_bar.tolist() == [3.0, 3.0, 3.0]
    tree = {"w": rd.ShapeDtypeStruct((3, 3), np.float64), "b": 2.0}
    bar = random_like(several(X, {"w": A, "b": 2.0}), np.random.default_rng(1))
    got = rd.linear_transpose(several, X * np.nan, tree)(bar)
    want = rd.linear_transpose(several, X, {"w": A, "b": 1.0})(bar)
    for a, b in zip(tree_leaves(got), tree_leaves(want), strict=True):
        np.testing.assert_array_equal(a, b)


def test_transpose_of_a_linearized_function():
    def function(x):
        y = np.sin(x)
        for i in range(3):
            y = y * x[i] + A @ y
        return y

    _, f_lin = rd.linearize(function, X)
    _, pull = rd.vjp(function, X)
    np.testing.assert_allclose(rd.linear_transpose(f_lin, X)(X)[0], pull(X)[0], rtol=1e-12)


def test_transpose_of_a_pullback():
    def function(x):
        return np.sin(A @ x) * x

    _, pull = rd.vjp(function, X)
    got = rd.linear_transpose(pull, X)((X,))[0]
    np.testing.assert_allclose(got, rd.jvp(function, (X,), (X,))[1], rtol=1e-12)


def test_closures_and_methods():
    class Scale:
        def __init__(self, factor):
            self.factor = factor

        def apply(self, x):
            return self.factor * x

    scale = Scale(2.5)
    assert rd.linear_transpose(scale.apply, X)(X)[0].tolist() == (2.5 * X).tolist()
    factor = np.sum(A)
    assert rd.linear_transpose(lambda x: factor * x, 1.0)(2.0)[0] == 2 * factor


def test_in_other_transformations():
    transpose = rd.linear_transpose(looped, X)
    want = rd.jacrev(looped)(X).T
    np.testing.assert_allclose(rd.vmap(transpose)(np.eye(3))[0].T, want, rtol=1e-12)
    np.testing.assert_allclose(rd.jacfwd(lambda u: transpose(u)[0])(X), want, rtol=1e-12)
    np.testing.assert_allclose(rd.grad(lambda u: np.sum(transpose(u)[0]))(X), np.sum(want, axis=0))
    twice = rd.linear_transpose(lambda u: transpose(u)[0], X)
    np.testing.assert_allclose(twice(X)[0], looped(X), rtol=1e-12)


def test_compiled():
    transpose = rd.linear_transpose(product, X)
    np.testing.assert_allclose(rd.jit(lambda u: transpose(u)[0])(X), A.T @ X, rtol=1e-12)


def test_source():
    assert "def product_bwd(" in rd.source(rd.linear_transpose(product, X))


# --- refusals


def sine(x):
    return np.sin(x)


def affine(x):
    return x + 1.0


def bilinear(x, y):
    return x * y


def branch(x):
    return x if x[0] > 0 else 2 * x


@pytest.mark.parametrize(
    ("function", "words", "line"),
    [
        (sine, "`np.sin` is not linear", "return np.sin(x)"),
        (affine, "puts a part that does not depend on it", "return x + 1.0"),
        (bilinear, "not linear in `x` and `y`: a product", "return x * y"),
        (branch, "a comparison of its value", "return x if x[0] > 0 else 2 * x"),
    ],
)
def test_what_is_not_linear_is_refused(function, words, line):
    primals = (X, X) if function is bilinear else (X,)
    with pytest.raises(rd.TransformError, match=words) as caught:
        rd.linear_transpose(function, *primals)
    assert caught.value.text.strip() == line
    assert "hint: " in caught.value.__notes__[0]


@pytest.mark.parametrize("function", [sine, bilinear, branch], ids=lambda f: f.__name__)
def test_jax_refuses_too(function):
    primals = (X, X) if function is bilinear else (X,)
    with pytest.raises(Exception):  # noqa: B017  (JAX has several)
        jax.linear_transpose(in_jax(function), *primals)(X)


def test_linear_in_one_of_two():
    got = rd.linear_transpose(lambda y: bilinear(X, y), X)(X)
    np.testing.assert_allclose(got[0], X * X)


@pytest.mark.parametrize("bar", [X[:2], [X], X.astype(np.float32), np.arange(3)], ids=str)
def test_cotangents_that_do_not_fit(bar):
    with pytest.raises(TypeError):
        rd.linear_transpose(product, X)(bar)
    with pytest.raises(TypeError):
        jax.linear_transpose(in_jax(product), X)(bar)


def test_integers_are_refused():
    with pytest.raises(TypeError, match="only supports functions from float or complex"):
        rd.linear_transpose(product, np.arange(3))
    with pytest.raises(TypeError, match="takes numbers, arrays"):
        rd.linear_transpose(product, "x")
    with pytest.raises(TypeError, match="expects a function, got int"):
        rd.linear_transpose(3, X)


@rd.custom_jvp
def double(x):
    return 2.0 * x


@double.defjvp
def _(primals, tangents):
    return double(*primals), 3.0 * tangents[0]


def test_functions_with_rules_are_refused():
    """Their derivative is what the rule says, and need not be that of the function."""
    with pytest.raises(rd.TransformError, match="`double` has a derivative of its own"):
        rd.linear_transpose(lambda x: double(x) * 2, X)
