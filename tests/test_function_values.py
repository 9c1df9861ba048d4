"""Functions as values: pullbacks go into and out of compiled and batched functions, as JAX's do."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import redraft as rd
from redraft.transpile.function_values import is_function_value

jax.config.update("jax_enable_x64", True)
X = np.linspace(0.2, 1.4, 3)
XS = np.linspace(-1.0, 1.5, 6).reshape(2, 3)
CTS = np.linspace(0.5, 2.0, 6).reshape(2, 3)


def wave(x):
    return np.sin(x) * x


def steps(params):
    total = 0.0
    for _ in range(3):
        total = total + np.sum(np.sin(params["w"] * total + params["b"]))
    return total


def layers(functions, x):
    for function in functions:
        x = function(x)
    return x


def through_layers(x):
    return layers([np.tanh, lambda v: v * v, np.cos], x)


def sum_of_rest(x, *rest):
    return np.sum(x * rest[0] * rest[1])


def indexed(x):
    return np.reshape(x, (3, 1)).sum(0)[0] * x[1]


P = {"w": np.ones(2), "b": np.linspace(0.0, 0.5, 2)}
CASES = {
    "wave": (wave, (X,), X),
    "loop": (steps, (P,), 1.0),
    "run_time_calls": (through_layers, (X,), X),
    "starred": (sum_of_rest, (X, 2 * X, 3.0), 1.0),
    "indexed": (indexed, (X,), 1.0),
    "integer": (lambda x, n: x**n, (X, 3), X),
}


def agree(got, want):
    got, want = jax.tree_util.tree_leaves(got), jax.tree_util.tree_leaves(want)
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)
        assert np.shape(a) == np.shape(b)


call = rd.jit(lambda pull, ct: pull(ct))


@pytest.mark.parametrize(
    "name",
    [
        n if n in ("loop", "run_time_calls") else pytest.param(n, marks=pytest.mark.slow)
        for n in CASES
    ],
)
def test_out_of_and_into_jit(name):
    f, primals, ct = CASES[name]
    want = rd.vjp(f, *primals)[1](ct)
    pull = rd.jit(lambda *args: rd.vjp(f, *args)[1])(*primals)
    assert is_function_value(pull)
    agree(pull(ct), want)
    agree(call(rd.vjp(f, *primals)[1], ct), want)
    agree(call(pull, ct), want)


def test_closure_over_traced_values():
    def pull_of(x, a):
        return rd.vjp(lambda z, w: np.sum(z * a * w * np.sin(z)), x, a)[1]

    def value_and_aux(x, a):
        return rd.vjp(lambda z: (np.sum(z * a), {"a": a}), x, has_aux=True)[1:]

    want = pull_of(X, 2 * X)(1.5)
    agree(rd.jit(pull_of)(X, 2 * X)(1.5), want)
    pull, aux = rd.jit(value_and_aux)(X, 2 * X)
    agree((pull(1.0), aux), ((2 * X,), {"a": 2 * X}))


def test_compiled_once_for_a_function_and_shapes():
    apply = rd.jit(lambda pull, ct: pull(ct))
    for k in range(3):
        agree(apply(rd.vjp(wave, X + k)[1], X), rd.vjp(wave, X + k)[1](X))
    assert apply.compiled == 1
    apply(rd.vjp(wave, XS)[1], XS)
    apply(rd.vjp(np.tanh, X)[1], X)
    assert apply.compiled == 3


def test_leaves_are_the_residuals():
    pull = rd.vjp(wave, X)[1]
    leaves, structure = rd.tree_util.tree_flatten(pull)
    agree(sorted(map(np.sum, leaves)), sorted([np.sum(X), np.sum(np.sin(X))]))
    double = rd.tree_util.tree_map(lambda r: 2 * r, pull)
    cos_of_double = X * 2 * np.cos(2 * X) + 2 * np.sin(X)
    agree(double(np.ones(3)), (cos_of_double,))
    assert rd.tree_util.tree_structure(rd.vjp(wave, 2 * X)[1]) == structure
    assert rd.tree_util.tree_structure(rd.vjp(np.tanh, X)[1]) != structure
    assert all(
        isinstance(v, float) for v in rd.tree_util.tree_leaves(rd.vjp(lambda x, n: x**n, 1.5, 3)[1])
    )


def test_sources_can_be_read():
    pull = rd.vjp(wave, X)[1]
    for function in (
        pull, rd.jit(lambda x: rd.vjp(wave, x)[1])(X), rd.vmap(lambda x: rd.vjp(wave, x)[1])(XS),
        rd.tree_util.tree_map(lambda r: r, pull),
    ):  # fmt: skip
        assert "def wave_bwd" in rd.source(function)


def batched_pulls(x_axes=0):
    return rd.vmap(lambda x: rd.vjp(wave, x)[1], in_axes=x_axes)


def jax_cotangents():
    def one(x, ct):
        return jax.vjp(lambda x: jnp.sin(x) * x, x)[1](ct)

    return jax.vmap(one)(XS, CTS)


pull_each = rd.vmap(lambda pull, ct: pull(ct))
BATCHES = {
    "plain": lambda: pull_each(batched_pulls()(XS), CTS),
    "columns": lambda: pull_each(batched_pulls(1)(XS.T), CTS),
    "jit_out": lambda: pull_each(rd.jit(batched_pulls())(XS), CTS),
    "jit_in": lambda: rd.jit(pull_each)(batched_pulls()(XS), CTS),
    "jit_inside_out": lambda: pull_each(rd.vmap(rd.jit(lambda x: rd.vjp(wave, x)[1]))(XS), CTS),
    "jit_inside": lambda: rd.vmap(rd.jit(lambda p, c: p(c)))(batched_pulls()(XS), CTS),
    "in_a_pair": lambda: rd.vmap(lambda pair: pair[0](pair[1]))((batched_pulls()(XS), CTS)),
    "passed_through": lambda: pull_each(rd.vmap(lambda p: p)(batched_pulls()(XS)), CTS),
    "beside_a_value": lambda: pull_each(rd.vmap(lambda x: rd.vjp(wave, x))(XS)[1], CTS),
    "twice": lambda: jax.tree_util.tree_map(
        lambda v: v[0],
        rd.vmap(pull_each)(rd.vmap(batched_pulls())(XS[None]), CTS[None]),
    ),
    "example_of_a_batch": lambda: tuple(
        np.stack(parts)
        for parts in zip(
            *[
                rd.tree_util.tree_map(lambda r, i=i: r[i], batched_pulls()(XS))(CTS[i])
                for i in range(2)
            ],
            strict=True,
        )
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BATCHES)
def test_batches_of_pullbacks(name):
    agree(BATCHES[name](), jax_cotangents())


def test_axes_over_residuals():
    ones = rd.vmap(lambda x: rd.vjp(wave, x)[1], out_axes=1)(XS)
    assert [v.shape for v in rd.tree_util.tree_leaves(ones)] == [(3, 2), (3, 2)]
    agree(rd.vmap(lambda p, c: p(c), in_axes=(1, 0))(ones, CTS), jax_cotangents())
    axes = rd.tree_util.tree_map(lambda _: 1, ones)
    agree(rd.vmap(lambda p, c: p(c), in_axes=(axes, 0))(ones, CTS), jax_cotangents())
    again = rd.vmap(lambda x: rd.vjp(wave, x)[1], out_axes=axes)(XS)
    agree(rd.tree_util.tree_leaves(again), rd.tree_util.tree_leaves(ones))
    shared = rd.vjp(wave, X)[1]
    want = np.stack([shared(ct)[0] for ct in CTS])
    agree(rd.vmap(lambda p, c: p(c), in_axes=(None, 0))(shared, CTS), (want,))
    agree(rd.vmap(shared)(CTS), (want,))
    agree(rd.vmap(lambda c: shared(c)[0])(CTS), want)


def test_a_batch_is_not_called_as_one():
    pulls = batched_pulls()(XS)
    for ct in (CTS, CTS[0]):
        with pytest.raises(ValueError, match="a batch of them"):
            pulls(ct)
    with pytest.raises(ValueError, match="tree prefix"):
        rd.vmap(lambda p, c: p(c), in_axes=((0, 0), 0))(pulls, CTS)
    with pytest.raises(ValueError, match="inconsistent sizes"):
        pull_each(pulls, np.ones((3, 3)))


def test_residuals_that_do_not_depend_on_the_batch():
    pulls = rd.vmap(
        lambda x, k: rd.vjp(lambda z, w: np.sum(z * X * w * k), x, X)[1], in_axes=(0, None)
    )(XS, 2.0)
    want = [rd.vjp(lambda z, w: np.sum(z * X * w * 2.0), x, X)[1](1.0) for x in XS]
    agree(pull_each(pulls, np.ones(2)), tuple(map(np.stack, zip(*want, strict=True))))


def cube_of_pulled(pull, x):
    return np.sum(pull(x)[0] ** 3)


def jax_pulled(x):
    pull = jax.vjp(lambda v: jnp.sin(v) * v, X)[1]
    return jnp.sum(pull(x)[0] ** 3)


PULL = rd.vjp(wave, X)[1]
DERIVATIVES = {
    "grad": lambda: (rd.grad(lambda x: cube_of_pulled(PULL, x))(XS[0]), jax.grad(jax_pulled)(XS[0])),
    "grad_of_argument": lambda: (
        rd.grad(cube_of_pulled, 1)(PULL, XS[0]), jax.grad(jax_pulled)(XS[0])),
    "jit_grad": lambda: (
        rd.jit(rd.grad(cube_of_pulled, 1))(PULL, XS[0]), jax.grad(jax_pulled)(XS[0])),
    "jvp": lambda: (
        rd.jvp(lambda x: cube_of_pulled(PULL, x), (XS[0],), (X,)), jax.jvp(jax_pulled, (XS[0],), (X,))),
    "jit_jvp": lambda: (
        rd.jit(lambda p, x: rd.jvp(lambda x: cube_of_pulled(p, x), (x,), (x,)))(PULL, X),
        jax.jvp(jax_pulled, (X,), (X,))),
    "hessian": lambda: (
        rd.hessian(lambda x: np.sum(PULL(x)[0] ** 3))(XS[0]), jax.hessian(jax_pulled)(XS[0])),
    "vmap_grad": lambda: (
        rd.vmap(rd.grad(lambda x: np.sum(PULL(x)[0] ** 3)))(XS), jax.vmap(jax.grad(jax_pulled))(XS)),
    "vjp_of_pullback": lambda: (rd.vjp(PULL, XS[0])[1]((X,)), PULL(X)),
    "jit_vjp_of_pullback": lambda: (
        rd.jit(lambda p, c: rd.vjp(p, c)[1])(PULL, XS[0])((X,)), PULL(X)),
    "grad_of_jit": lambda: (
        rd.grad(lambda x: np.sum(call(rd.vjp(wave, x)[1], X)[0]))(XS[0]),
        jax.grad(lambda x: jnp.sum(jax.vjp(lambda v: jnp.sin(v) * v, x)[1](X)[0]))(XS[0])),
    "jit_grad_of_vmap": lambda: (
        rd.jit(rd.grad(lambda c: np.sum(pull_each(batched_pulls()(XS), c)[0])))(CTS),
        jax.grad(lambda c: sum(jnp.sum(jax.vjp(lambda v: jnp.sin(v) * v, x)[1](ct)[0])
                               for x, ct in zip(XS, c, strict=True)))(CTS)),
}  # fmt: skip


FAST = {"grad_of_argument", "jit_grad", "jvp", "vmap_grad", "vjp_of_pullback"}


@pytest.mark.parametrize(
    "name", [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in DERIVATIVES]
)
def test_derivatives(name):
    agree(*DERIVATIVES[name]())


def test_gradient_with_respect_to_the_residuals():
    got = rd.grad(lambda pull: np.sum(pull(np.ones(3))[0]))(PULL)
    agree(rd.tree_util.tree_leaves(got), [2 * 0 + 1 - np.sin(X) * X + np.cos(X) - 1, np.ones(3)])


def test_partials():
    partial = rd.tree_util.Partial(functools.partial(np.multiply, 2.0), X)
    agree(rd.jit(lambda p: p())(partial), 2 * X)
    agree(rd.jit(lambda x: rd.tree_util.Partial(np.multiply, x * 2))(X)(3.0), 6 * X)
    one = rd.tree_util.Partial(lambda a, b, x: np.sum(a * b * x), X, b=2 * X)
    agree(rd.vmap(lambda p, x: p(x=x))(rd.tree_util.tree_map(lambda v: np.stack([v, v]), one), XS),
          np.array([one(x=x) for x in XS]))  # fmt: skip
    agree(rd.grad(lambda p: p(x=X))(one).args, (2 * X * X,))
    counted = rd.jit(lambda p: p(x=X))
    counted(one), counted(rd.tree_util.tree_map(lambda v: v + 1, one))
    assert counted.compiled == 1


def test_second_order_of_a_starred_call_with_a_container():
    """The zero cotangent of the list, of which nothing is known there, is no number beside a list."""
    held = [np.ones(3)]

    def product(a, b, weights):
        return np.sum(np.sin(a * b) * weights[0])

    def plain(gradient):
        return lambda a, b: np.sum(gradient(a, b)[0])

    starred = rd.grad(lambda *xs: product(*xs, held), (0, 1))
    written_out = rd.grad(lambda a, b: product(a, b, held), (0, 1))
    agree(rd.grad(plain(starred), (0, 1))(X, 2 * X), rd.grad(plain(written_out), (0, 1))(X, 2 * X))
