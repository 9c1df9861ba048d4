"""`fwd_and_bwd` and `closure_convert` beside JAX's."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import redraft as rd

jax.config.update("jax_enable_x64", True)
X, W = np.linspace(-1.0, 1.0, 6).reshape(2, 3), np.linspace(0.1, 0.9, 6).reshape(3, 2)
CT = np.linspace(1.0, 2.0, 4).reshape(2, 2)
A, V = np.array([0.5, 1.0, 2.0]), np.array([1.0, 2.0, 3.0])


def agree(got, want):
    got, want = jax.tree_util.tree_leaves(got), jax.tree_util.tree_leaves(want)
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


def wave(x, w):
    return np.sin(x @ w)


def jax_wave(x, w):
    return jnp.sin(x @ w)


@pytest.mark.parametrize("argnums", [0, 1, (0, 1), (1, 0), (1,)])
def test_two_functions(argnums):
    fwd, bwd = rd.fwd_and_bwd(wave, argnums, jitted=argnums == (1, 0))
    jax_fwd, jax_bwd = jax.fwd_and_bwd(jax_wave, argnums, jitted=False)
    (y, saved), (jax_y, jax_saved) = fwd(X, W), jax_fwd(X, W)
    got, want = bwd(saved, CT), jax_bwd(jax_saved, CT)
    assert isinstance(got, tuple) == isinstance(want, tuple)
    agree((y, got), (jax_y, want))


def test_aux_names_and_starred():
    fwd, bwd = rd.fwd_and_bwd(lambda x: (x * x, {"x": x}), 0, True)
    y, saved, aux = fwd(3.0)
    assert (y, bwd(saved, 1.0), aux) == (9.0, 6.0, {"x": 3.0})
    fwd, bwd = rd.fwd_and_bwd(lambda x, *rest: x * rest[0] * rest[1], argnums=(2, 0))
    assert bwd(fwd(2.0, 3.0, 4.0)[1], 1.0) == (6.0, 12.0)
    assert "def wave_bwd" in rd.source(rd.fwd_and_bwd(wave, 0)[0])


def through(lib, f):
    fwd, bwd = lib.fwd_and_bwd(f, (1, 0))

    def total(x, w):
        y, saved = fwd(x, w)
        return bwd(saved, y)[1].sum()

    return total


XS = np.stack([X, X + 0.5])
COMPOSED = {
    "value": lambda lib, f: f(X, W),
    "grad": lambda lib, f: lib.grad(f, (0, 1))(X, W),
    "jit": lambda lib, f: lib.jit(f)(X, W),
    "jit_grad": lambda lib, f: lib.jit(lib.grad(f))(X, W),
    "jvp": lambda lib, f: lib.jvp(f, (X, W), (X, W)),
    "jvp_grad": lambda lib, f: lib.jvp(lib.grad(f), (X, W), (X, W)),
}


each_composed = pytest.mark.parametrize(
    "name",
    [n if n in ("grad", "jit_grad") else pytest.param(n, marks=pytest.mark.slow) for n in COMPOSED],
)


@each_composed
def test_two_functions_inside(name):
    agree(COMPOSED[name](rd, through(rd, wave)), COMPOSED[name](jax, through(jax, jax_wave)))


def test_batches():
    fwd, bwd = rd.fwd_and_bwd(wave, (1, 0))
    jax_fwd, jax_bwd = jax.fwd_and_bwd(jax_wave, (1, 0), jitted=False)
    many = np.stack([CT, 2 * CT])
    want = jax.vmap(jax_bwd)(jax.vmap(jax_fwd, in_axes=(0, None))(XS, W)[1], many)
    saved = rd.vmap(fwd, in_axes=(0, None))(XS, W)[1]
    agree(rd.vmap(bwd)(saved, many), want)
    agree(rd.jit(rd.vmap(bwd))(rd.jit(rd.vmap(fwd, in_axes=(0, None)))(XS, W)[1], many), want)


def pulled_back(x):
    y, pull = rd.fwd_and_bwd(lambda v: np.sin(v) * v, x)
    return np.sum(pull(y)[0])


def test_primals():
    agree(rd.fwd_and_bwd(wave, X, W)[1](CT), jax.vjp(jax_wave, X, W)[1](CT))
    assert rd.fwd_and_bwd(lambda x, n: x * n, 2.0, 3)[0] == 6.0

    def want(x):
        y, pull = jax.vjp(lambda v: jnp.sin(v) * v, x)
        return jnp.sum(pull(y)[0])

    agree(rd.jit(pulled_back)(A), want(A))
    agree(rd.grad(pulled_back)(A), jax.grad(want)(A))
    agree(rd.vmap(pulled_back)(XS[0]), jax.vmap(want)(XS[0]))


def test_refusals():
    for args, options, error in (
        ((3, 0), {}, TypeError), ((wave,), {}, TypeError), ((wave, X), {"argnums": 1}, TypeError),
        ((wave,), {"argnums": 1.5}, TypeError), ((wave, (0, 0)), {}, ValueError),
    ):  # fmt: skip
        with pytest.raises(error, match="fwd_and_bwd"):
            rd.fwd_and_bwd(*args, **options)
    with pytest.raises(ValueError, match="out of range"):
        rd.fwd_and_bwd(wave, 5)[0](X, W)


# --- closure_convert


def closure(m, a, b, n=2):
    def inner(v):
        return m.sin(v) * b * n

    held = {"k": [a, 3]}

    def function(z, scale=2.0):
        return m.sum(inner(z) * a + held["k"][0] * scale)

    return function


@dataclasses.dataclass
class Model:
    w: object
    n: int = 3

    def __call__(self, z):
        return np.sum(self.w * z) * self.n

    def half(self, z):
        return np.sum(self.w * z) / 2


FUNCTIONS = {
    "closure": (closure(np, A, 2.0), [A, A, 2.0]),
    "lambda": ((lambda a: lambda z: np.sum(z * a))(A), [A]),
    "partial": (functools.partial(lambda w, z, q: np.sum(w["a"] * z) * q, {"a": A}, q=2.0), [A, 2.0]),
    "object": (Model(A), [A]),
    "method": (Model(A).half, [A]),
    "tuple": ((lambda t: lambda z: np.sum(t[0] * z) * t[1][0] * t[2])((A, (2.0,), 3)), [A, 2.0]),
    "plain": (lambda z: np.sum(z * A), []),
    "primitive": (np.sum, []),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_captured_arrays_become_arguments(name):
    f, want = FUNCTIONS[name]
    converted, consts = rd.closure_convert(f, V)
    agree(consts, want)
    agree(converted(V, *consts), f(V))
    if name in ("closure", "method"):
        agree(rd.jit(converted)(V, *consts), f(V))
    assert "return " in rd.source(converted)
    if consts:
        got = rd.grad(lambda k: converted(V, *k))(consts)
        for place in range(len(consts)):  # central differences
            step = [1e-6 * (i == place) for i in range(len(consts))]
            high, low = ([c + s * d for c, s in zip(consts, step, strict=True)] for d in (1, -1))
            slope = (converted(V, *high) - converted(V, *low)) / 2e-6
            np.testing.assert_allclose(np.sum(got[place]), slope, rtol=1e-6)


def converted_total(lib, m):
    def total(a, x):
        converted, consts = lib.closure_convert(closure(m, a, 2.0), x)
        return converted(x, *consts)

    return total


CONVERTED = {
    "value": lambda lib, f: f(A, V),
    "grad": lambda lib, f: lib.grad(f, (0, 1))(A, V),
    "jvp": lambda lib, f: lib.jvp(f, (A, V), (V, A)),
    "jit": lambda lib, f: lib.jit(f)(A, V),
    "jit_grad": lambda lib, f: lib.jit(lib.grad(f))(A, V),
}


@pytest.mark.parametrize(
    "name",
    [n if n in ("grad", "jvp") else pytest.param(n, marks=pytest.mark.slow) for n in CONVERTED],
)
def test_gradients_through_closures(name):
    want = CONVERTED[name](jax, converted_total(jax, jnp))
    agree(CONVERTED[name](rd, converted_total(rd, np)), want)
    agree(CONVERTED[name](rd, lambda a, x: closure(np, a, 2.0)(x)), want)


def test_converted_functions_are_batched():
    converted, _ = rd.closure_convert(FUNCTIONS["lambda"][0], V)
    agree(rd.vmap(converted)(np.stack([V, 2 * V]), np.stack([A, A + 1])),
          np.array([np.sum(V * A), np.sum(2 * V * (A + 1))]))  # fmt: skip


def test_defaults_and_derivatives_are_refused():
    def with_default(z, scale=A):
        return np.sum(z * scale * A)

    with pytest.raises(TypeError, match="defaults"):
        rd.closure_convert(with_default, V)
    with pytest.raises(TypeError, match="convert the function"):
        rd.closure_convert(rd.grad(FUNCTIONS["lambda"][0]), V)
    with pytest.raises(TypeError, match="expects a function"):
        rd.closure_convert(3, V)


def fixed_point(lib, m):
    """A solver with a rule of its own, which sees what the function captures (as JAX's docs write it)."""

    @functools.partial(lib.custom_vjp, nondiff_argnums=(0,))
    def solved(f, start, *args):
        for _ in range(60):
            start = f(start, *args)
        return start

    def forward(f, start, *args):
        y = solved(f, start, *args)
        return y, (y, args)

    def backward(f, saved, y_bar):
        y, args = saved
        _, pull_y = lib.vjp(lambda y: f(y, *args), y)
        total = y_bar
        for _ in range(60):
            total = y_bar + pull_y(total)[0]
        _, pull_args = lib.vjp(lambda args: f(y, *args), args)
        return (m.zeros_like(y), *pull_args(total)[0])

    solved.defvjp(forward, backward)

    def solution(f, start):
        converted, consts = lib.closure_convert(f, start)
        return solved(converted, start, *consts)

    return lambda w, b: m.sum(solution(lambda y: m.tanh(w * y + b), m.zeros(3)))


def unrolled(w, b):
    y = np.zeros(3)
    for _ in range(60):
        y = np.tanh(w * y + b)
    return np.sum(y)


def test_rules_see_what_functions_capture():
    want = rd.grad(unrolled, (0, 1))(A / 4, V)
    agree(jax.grad(fixed_point(jax, jnp), (0, 1))(A / 4, V), want)
    agree(rd.grad(fixed_point(rd, np), (0, 1))(A / 4, V), want)


@pytest.mark.slow
def test_rules_see_what_functions_capture_under_jit():
    want = rd.grad(unrolled, (0, 1))(A / 4, V)
    agree(rd.jit(rd.grad(fixed_point(rd, np), (0, 1)))(A / 4, V), want)
