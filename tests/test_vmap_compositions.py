"""`vmap` with the other transformations, in every order: JAX's results."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import redraft as rd

RNG = np.random.default_rng(0)
W, X, V = RNG.normal(size=(3, 3)), RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3))
WS, XS = RNG.normal(size=(4, 3, 3)), RNG.normal(size=(2, 4, 3))
ROWS = (None, 0)


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def network(n):
    def f(w, x):
        h = n.tanh(w @ x)
        for _ in range(2):
            h = n.tanh(w @ h) + h[0]
        return n.sum(h**2)

    return f


def total(m, f):
    return lambda w, x: m.vmap(f, in_axes=ROWS)(w, x).sum()


# name -> the composition, by a module of transformations and a function; and its arguments
WITHOUT_TENSORFLOW = {
    "vmap": (lambda m, f: m.vmap(f, in_axes=ROWS), (W, X)),
    "vmap_of_both": (lambda m, f: m.vmap(f), (WS, X)),
    "vmap_grad": (lambda m, f: m.vmap(m.grad(f, argnums=(0, 1)), in_axes=ROWS), (W, X)),
    "vmap_value_and_grad": (lambda m, f: m.vmap(m.value_and_grad(f, 1), in_axes=ROWS), (W, X)),
    "grad_vmap": (lambda m, f: m.grad(total(m, f), argnums=(0, 1)), (W, X)),
    "grad_vmap_of_lambda": (
        lambda m, f: m.grad(lambda w, x: m.vmap(lambda y: f(w, y))(x).sum(), (0, 1)),
        (W, X),
    ),
    "vmap_vmap": (lambda m, f: m.vmap(m.vmap(f, in_axes=ROWS), in_axes=ROWS), (W, XS)),
    "vmap_vmap_crosswise": (lambda m, f: m.vmap(m.vmap(f, (0, None)), ROWS), (WS, X)),
    "vmap_vmap_grad": (
        lambda m, f: m.vmap(m.vmap(m.grad(f, 1), in_axes=ROWS), in_axes=(0, None)),
        (WS, X),
    ),
    "vmap_jvp": (lambda m, f: m.vmap(lambda x, v: m.jvp(lambda y: f(W, y), (x,), (v,))), (X, V)),
    "vmap_vjp": (lambda m, f: m.vmap(lambda x: m.vjp(lambda y: f(W, y), x)[1](1.0)), (X,)),
    "vmap_pullback": (
        lambda m, f: (
            lambda x: m.vmap(m.vjp(lambda y: m.vmap(lambda z: f(W, z))(y), x)[1])(np.eye(4))
        ),
        (X,),
    ),
    "jvp_vmap": (
        lambda m, f: lambda x, v: m.jvp(lambda y: m.vmap(f, in_axes=ROWS)(W, y), (x,), (v,)),
        (X, V),
    ),
    "vjp_vmap": (
        lambda m, f: lambda x, v: m.vjp(lambda y: m.vmap(f, in_axes=ROWS)(W, y), x)[1](v),
        (X, V[:, 0]),
    ),
    "grad_vmap_grad": (
        lambda m, f: m.grad(lambda w, x: (m.vmap(m.grad(f, 1), in_axes=ROWS)(w, x) ** 2).sum()),
        (W, X),
    ),
    "vmap_grad_of_lambda": (lambda m, f: m.vmap(lambda x: m.grad(f, argnums=1)(W, x)), (X,)),
    "vmap_jacfwd": (lambda m, f: m.vmap(m.jacfwd(f, argnums=1), in_axes=ROWS), (W, X)),
    "jacrev_vmap": (lambda m, f: m.jacrev(lambda x: m.vmap(f, in_axes=ROWS)(W, x)), (X,)),
    "vmap_along_other_axes": (lambda m, f: m.vmap(m.grad(f, 1), (None, 1), 1), (W, X.T)),
}
WITH_TENSORFLOW = {
    "vmap_jit": (lambda m, f: m.vmap(m.jit(f), in_axes=ROWS), (W, X)),
    "jit_vmap": (lambda m, f: m.jit(m.vmap(f, in_axes=ROWS)), (W, X)),
    "jit_vmap_grad": (lambda m, f: m.jit(m.vmap(m.grad(f), in_axes=ROWS)), (W, X)),
    "jit_vmap_jit": (lambda m, f: m.jit(m.vmap(m.jit(f), in_axes=ROWS)), (W, X)),
    "jit_grad_vmap": (lambda m, f: m.jit(m.grad(total(m, f))), (W, X)),
    "vmap_jit_grad": (lambda m, f: m.vmap(m.jit(m.grad(f)), in_axes=ROWS), (W, X)),
    "vmap_grad_jit": (lambda m, f: m.vmap(m.grad(m.jit(f)), in_axes=ROWS), (W, X)),
    "vmap_jit_within": (lambda m, f: m.vmap(lambda x: m.jit(f)(W, x) * 2), (X,)),
}


def check(composition, args):
    want = jax.tree_util.tree_leaves(composition(jax, network(jnp))(*args))
    got = jax.tree_util.tree_leaves(composition(rd, network(np))(*args))
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", WITHOUT_TENSORFLOW)
def test_compositions(name):
    check(*WITHOUT_TENSORFLOW[name])


@pytest.mark.parametrize("name", WITH_TENSORFLOW)
def test_compositions_with_jit(name):
    pytest.importorskip(
        "tensorflow", reason="TensorFlow is not installed: pip install redraft[jit]"
    )
    check(*WITH_TENSORFLOW[name])


# --- transformations within the function that is batched


def within(m, n):
    """Functions that apply transformations of a module, by name."""

    def grad_of_lambda_twice(x):
        g = m.grad(lambda y: n.sum(n.sin(y) * x))
        return g(x) + g(x * 2)

    def pullback_of_nested_function(x):
        def h(y):
            return n.sum(y**2 * x)

        value, pull = m.vjp(h, x)
        (y_bar,) = pull(2.0)
        return value + y_bar

    def pullback_of_two(x):
        def h(y, z):
            return n.sin(y) * z + x

        _, pull = m.vjp(h, x, x * 2)
        y_bar, z_bar = pull(n.cos(x))
        return y_bar * z_bar

    def pullback_without_a_part(x):
        _, pull = m.vjp(lambda y, z: n.sin(y), x, x * 2)
        y_bar, z_bar = pull(n.cos(x))
        return y_bar + z_bar

    def grad_in_a_loop(x):
        s = x * 0.0
        for i in range(3):
            s = s + m.grad(lambda y: n.sum(y**2) * x[0])(x) * i
        return s

    def value_and_grad_of_lambda(x):
        return m.value_and_grad(lambda y: n.sum(y**3) * x[1])(x)

    def grad_of_grad_of_lambdas(x):
        return m.grad(lambda y: m.grad(lambda z: z**3 * y)(y))(x[0])

    def jvp_of_lambda(x):
        return m.jvp(lambda y: n.tanh(y * x[0]), (x,), (x * x,))

    def vmap_of_lambda(x):
        return m.vmap(lambda y: y * n.sum(x))(x)

    def pullback_alone(x):
        pull = m.vjp(lambda y: n.sin(y), x)[1]
        return pull(x)[0]

    def pullback_passed_to_a_nested_function(x):
        def call(function, v):
            return function(v)[0]

        pull = m.vjp(lambda y: n.sin(y), x)[1]
        return call(pull, x)

    def grad_under_a_condition(x):
        g = m.grad(lambda y: n.sum(y**2 * x))(x)
        return n.where(x[0] > 0, g, x)

    functions = [
        grad_of_lambda_twice,
        pullback_of_nested_function,
        pullback_of_two,
        pullback_without_a_part,
        grad_in_a_loop,
        value_and_grad_of_lambda,
        grad_of_grad_of_lambdas,
        jvp_of_lambda,
        vmap_of_lambda,
        pullback_alone,
        grad_under_a_condition,
        pullback_passed_to_a_nested_function,
    ]
    return {f.__name__: f for f in functions}


@pytest.mark.parametrize("name", within(rd, np))
def test_transformations_within(name):
    want = jax.tree_util.tree_leaves(jax.vmap(within(jax, jnp)[name])(X))
    got = jax.tree_util.tree_leaves(rd.vmap(within(rd, np)[name])(X))
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10)


def hands_a_pullback_on(x):
    return _pulled(rd.vjp(lambda y: np.sin(y), x)[1], x)


def _pulled(function, v):
    return function(v)[0]


def returns_a_pullback(x):
    return rd.vjp(lambda y: np.sin(y), x)


def test_pullbacks_are_called_where_they_are_made():
    with pytest.raises(rd.TransformError):
        rd.vmap(hands_a_pullback_on)(X)


def test_pullbacks_are_results():
    values, pulls = rd.vmap(returns_a_pullback)(X)
    np.testing.assert_allclose(values, np.sin(X))
    (got,) = rd.vmap(lambda pull, v: pull(v))(pulls, X)
    np.testing.assert_allclose(got, np.cos(X) * X)
