"""`checkpoint`, its policies and `checkpoint_name`: numbers, what runs again, what is kept, memory."""

import dataclasses
import functools
import re

import jax
import numpy as np
import pytest
from oracle import assert_close

import redraft as rd

P = rd.checkpoint_policies
W = np.array([[0.3, -0.2], [0.5, 0.7]])
X = np.array([0.4, -0.9])


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def layer(w, x):
    return np.tanh(w @ x) * np.sin(x)


@dataclasses.dataclass
class Layer:
    w: np.ndarray

    @rd.checkpoint
    def run(self, x):
        return np.tanh(self.w @ x) * np.sin(x)

    def __call__(self, x):
        return np.tanh(self.w @ x) * np.sin(x)


again = rd.checkpoint(layer)
bound = Layer(W).run
part = rd.checkpoint(functools.partial(layer, W))


def by_name(w, x):
    return np.sum(again(w, x))


def in_place_of_the_function(w, x):
    return np.sum(rd.checkpoint(layer)(w, x))


def of_a_lambda(w, x):
    return np.sum(rd.checkpoint(lambda y: np.tanh(w @ y) * np.sin(y))(x))


def as_a_local_value(w, x):
    g = rd.checkpoint(lambda y: np.tanh(w @ y) * np.sin(y))
    return np.sum(g(x))


def as_a_decorator(w, x):
    @rd.checkpoint
    def g(y):
        return np.tanh(w @ y) * np.sin(y)

    return np.sum(g(x))


def as_a_decorator_with_options(w, x):
    @functools.partial(rd.checkpoint, prevent_cse=False, policy=P.dots_saveable)
    def g(y):
        return np.tanh(w @ y) * np.sin(y)

    return np.sum(g(x))


def of_a_nested_function(w, x):
    def g(y):
        return np.tanh(w @ y) * np.sin(y)

    h = rd.remat(g)
    return np.sum(h(x))


def of_a_method(w, x):
    return np.sum(Layer(w).run(x))


def of_an_object(w, x):
    return np.sum(rd.checkpoint(Layer(w))(x))


def of_a_partial(w, x):
    return np.sum(rd.checkpoint(functools.partial(layer, w))(x))


def as_an_argument(w, x):
    return apply(again, w, x)


def apply(function, w, x):
    return np.sum(function(w, x))


def with_a_star(w, x):
    return np.sum(again(*(w, x)))


def by_keyword(w, x):
    return np.sum(again(x=x, w=w))


FORMS = [
    by_name, in_place_of_the_function, of_a_lambda, as_a_local_value, as_a_decorator,
    as_a_decorator_with_options, of_a_nested_function, of_a_method, of_an_object, of_a_partial,
    as_an_argument, with_a_star, by_keyword,
]  # fmt: skip


def plainly(w, x):
    return np.sum(layer(w, x))


@pytest.mark.parametrize("form", FORMS)
def test_what_can_be_checkpointed(form):
    want = rd.grad(plainly, (0, 1))(W, X)
    assert form(W, X) == plainly(W, X)
    for got, of in zip(rd.grad(form, (0, 1))(W, X), want, strict=True):
        assert np.array_equal(got, of), "the numbers are the same to the last bit"
    assert_close(rd.jvp(form, (W, X), (W, X))[1], np.sum(want[0] * W) + np.sum(want[1] * X), "jvp")


def test_functions_that_carry_arrays():
    want = rd.grad(plainly, 1)(W, X)
    assert np.array_equal(rd.grad(lambda x: np.sum(bound(x)))(X), want)
    assert np.array_equal(rd.grad(lambda x: np.sum(part(x)))(X), want)


def in_a_loop(m, checkpoint):
    def loss(w, x):
        run = checkpoint(lambda w, x: m.tanh(w @ x) * m.sin(x))
        for _ in range(3):
            x = run(w, x)
        return m.sum(x)

    return loss


COMPOSITIONS = {
    "grad": lambda m, f: m.grad(f, (0, 1))(W, X),
    "second order": lambda m, f: m.grad(lambda x: m.grad(f)(W, x).sum())(X),
    "third order": lambda m, f: m.grad(lambda x: m.grad(lambda x: m.grad(f)(W, x).sum())(x).sum())(
        X
    ),
    "forward over reverse": lambda m, f: m.jvp(m.grad(f), (W, X), (W, X)),
    "reverse over forward": lambda m, f: m.grad(lambda x: m.jvp(f, (W, x), (W, X))[1])(X),
    "vmap of grad": lambda m, f: m.vmap(m.grad(f), in_axes=(None, 0))(W, np.stack([X, 2 * X])),
    "grad of vmap": lambda m, f: m.grad(
        lambda w: m.vmap(f, in_axes=(None, 0))(w, np.stack([X, 2 * X])).sum()
    )(W),
    "jit of vmap of grad": lambda m, f: m.jit(m.vmap(m.grad(f), in_axes=(None, 0)))(
        W, np.stack([X, 2 * X])
    ),
}


class Jax:
    """JAX's transformations and functions under the names that the tests use."""

    def __getattr__(self, name):
        return getattr(jax if hasattr(jax, name) else jax.numpy, name)


def loop_of_redraft(checkpoint):
    run = checkpoint(lambda w, x: np.tanh(w @ x) * np.sin(x))

    def loss(w, x):
        for _ in range(3):
            x = run(w, x)
        return np.sum(x)

    return loss


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_compositions_beside_jax(name):
    compose = COMPOSITIONS[name]
    want = compose(Jax(), in_a_loop(Jax(), jax.checkpoint))
    got = compose(rd, loop_of_redraft(rd.checkpoint))
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        assert_close(a, np.asarray(b), name)


# --- what runs again


class Counted:
    """The square, whose calls are counted."""

    def __init__(self):
        self.calls = 0

    def __call__(self, x):
        self.calls += 1
        return x * x


square = Counted()
rd.primitive(
    square, vjp={"x": "2 * ans_bar * x"}, jvp={"x": "2 * x * x_dot"}, signature="(x)"
)  # fmt: skip


def block(w, x):
    h = rd.checkpoint_name(np.tanh(square(w @ x)), "h")
    return np.sin(w @ h)


RUNS = [
    (None, 2),
    (P.nothing_saveable, 2),
    (P.everything_saveable, 1),
    (P.dots_saveable, 2),
    (P.save_only_these_names("h"), 1),
    (P.save_only_these_names("another"), 2),
    (P.save_anything_except_these_names("h"), 1),
]


@pytest.mark.parametrize(("policy", "runs"), RUNS)
def test_what_runs_again(policy, runs):
    run = rd.checkpoint(block, policy=policy)
    square.calls = 0
    got = rd.grad(lambda w, x: np.sum(run(w, x)), (0, 1))(W, X)
    assert square.calls == runs
    want = rd.grad(lambda w, x: np.sum(block(w, x)), (0, 1))(W, X)
    assert all(map(np.array_equal, got, want))


def test_nothing_runs_again_without_a_derivative():
    square.calls = 0
    rd.checkpoint(block)(W, X)
    assert square.calls == 1


def test_a_compiled_function_runs_again():
    """Calls back into Python are counted, since XLA cannot merge them."""
    calls = []

    def sine(x):
        calls.append(1)
        return np.sin(x)

    @rd.custom_jvp
    def called(x):
        return rd.pure_callback(sine, rd.ShapeDtypeStruct((2,), np.float64), x)

    @called.defjvp
    def rule(primals, tangents):
        return called(primals[0]), np.cos(primals[0]) * tangents[0]

    def twice(x):
        return np.tanh(called(2.0 * x))

    gradient = rd.jit(rd.grad(lambda x: np.sum(rd.checkpoint(twice)(x))))
    gradient(X)
    calls.clear()
    assert_close(gradient(X), rd.grad(lambda x: np.sum(np.tanh(np.sin(2.0 * x))))(X), "gradient")
    assert len(calls) == 2


# --- policies


def helper(w, y):
    t = y @ w
    t += 1.0
    return np.sin(t) * t


def structured(w, x):
    y = x
    for i in range(3):
        if i == 1:  # noqa: SIM108
            y = np.tanh(y @ w)
        else:
            y = np.cos(helper(w, y))
    k = 0
    while k < 2:
        y = np.sin(rd.checkpoint_name(y @ w, "product")) + y
        k = k + 1
    return y


def left_early(w, x):
    for _ in range(5):
        t = x @ w
        if np.sum(t) > 1.2:
            break
        x = np.exp(t) * x
    return x


POLICIES = [
    P.everything_saveable, P.dots_saveable, P.dots_with_no_batch_dims_saveable,
    P.save_only_these_names("product"), P.save_anything_except_these_names("product"),
    P.save_from_both_policies(P.save_only_these_names("product"), P.dots_saveable),
]  # fmt: skip


@pytest.mark.parametrize("function", [structured, left_early])
@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: p.kind)
def test_policies_change_no_number(function, policy):
    x = np.array([[0.4, -0.9], [0.1, 0.6]])
    kept = rd.checkpoint(function, policy=policy)
    got = rd.grad(lambda w, x: np.sum(kept(w, x)), (0, 1))(W, x)
    want = rd.grad(lambda w, x: np.sum(function(w, x)), (0, 1))(W, x)
    assert all(map(np.array_equal, got, want))


def total_of(function):
    return lambda w, x: np.sum(function(w, x))


def test_policies_under_other_transformations():
    x = np.array([[0.4, -0.9], [0.1, 0.6]])
    kept = rd.checkpoint(structured, policy=P.dots_saveable)
    first, second = total_of(kept), total_of(structured)
    of_second = [
        rd.grad(lambda x: np.sum(np.sin(rd.grad(first)(W, x))))(x),
        rd.grad(lambda x: np.sum(np.sin(rd.grad(second)(W, x))))(x),
    ]
    assert_close(*of_second, "second order")
    batched = [rd.vmap(rd.grad(f), in_axes=(None, 0))(W, x) for f in (first, second)]
    assert_close(*batched, "vmap")
    assert_close(rd.jit(rd.grad(first))(W, x), rd.grad(second)(W, x), "jit")


def test_a_product_that_is_kept_is_not_computed_again():
    kept = rd.checkpoint(block, policy=P.dots_saveable)
    text = rd.source(rd.grad(lambda w, x: np.sum(kept(w, x))))
    second = text[text.index("def block_again") :]
    assert "@" in text[text.index("def block_keep") :].partition("return")[0]
    assert "@" not in second.partition("return")[0]
    assert re.search(r"_, saved = block_again\(kept, w, x\)", text)


def scaled(w, x):
    return (w @ x) * 2.0


def test_what_no_derivative_needs_is_not_kept():
    kept = rd.checkpoint(scaled, policy=P.dots_saveable)
    assert "_keep" not in rd.source(rd.grad(lambda w, x: np.sum(kept(w, x))))


def stacks(a, b, x):
    return np.sin(np.einsum("bij,bj->bi", a, x)) + np.sin(np.einsum("ij,bj->bi", b, x))


def test_products_with_batch_axes_are_computed_again():
    kept = rd.checkpoint(stacks, policy=P.dots_with_no_batch_dims_saveable)
    text = rd.source(rd.grad(lambda b, a, x: np.sum(kept(a, b, x))))
    second = text[text.index("def stacks_again") :].partition("\ndef ")[0]
    assert "bij,bj->bi" in second
    assert "ij,bj->bi" not in second.replace("bij,bj->bi", "")


# --- what changes between the two runs


def draws(x):
    return x * RANDOM.random(2)


RANDOM = np.random.default_rng(0)


def draws_from(x, generator):
    return x * generator.random(2)


def runs_through(x, ws):
    for w in ws:
        x = x * w
    return x


@pytest.mark.parametrize(
    ("function", "argument", "message"),
    [
        (draws, (), "`RANDOM.random` in a checkpointed function"),
        (lambda x: draws(x) + 1, (), "`RANDOM.random` in a checkpointed function"),
        (draws_from, (RANDOM,), "a random generator as an argument"),
        (runs_through, (iter([1.0, 2.0]),), "an iterator as an argument"),
    ],
)
def test_what_cannot_run_twice_is_refused(function, argument, message):
    run = rd.checkpoint(function)
    with pytest.raises(rd.TransformError, match=message):
        rd.grad(lambda x: np.sum(run(x, *argument)))(X)


def test_a_function_that_changes_its_argument_is_refused():
    @rd.checkpoint
    def change(y):
        y[0] = 3.0 * y[1]
        return y * y

    with pytest.raises(rd.TransformError, match="assignment into the argument `y`"):
        rd.grad(lambda x: np.sum(change(x * 1.0)))(X)


def test_a_pullback_may_be_called_twice():
    _, pull = rd.vjp(rd.checkpoint(structured, policy=P.dots_saveable), W, W)
    assert all(map(np.array_equal, pull(np.ones((2, 2))), pull(np.ones((2, 2)))))


# --- options


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"concrete": True}, NotImplementedError),
        ({"policy": lambda *args, **params: True}, TypeError),
        ({"prevent_cse": 3}, TypeError),
    ],
)
def test_options_that_are_refused(options, error):
    with pytest.raises(error):
        rd.checkpoint(layer, **options)


def test_no_function():
    with pytest.raises(TypeError, match="expects a function, got int"):
        rd.checkpoint(3)


@pytest.mark.parametrize("options", [{"static_argnums": 1}, {"static_argnames": "n"}])
def test_static_arguments(options):
    run = rd.checkpoint(lambda x, n: np.sum(x * n), **options)
    assert_close(rd.grad(run)(X, 2.0), np.full(2, 2.0), "grad")
    with pytest.raises(rd.TransformError, match="`n`, which is static"):
        rd.grad(lambda x: run(x, x))(X)


def test_generated_code_is_shared():
    """A function that is checkpointed at each call is written once."""
    from redraft.transpile import dynamic

    def loss(w, x, f):
        return np.sum(f(w, x))

    gradient = rd.grad(loss)
    gradient(W, X, rd.checkpoint(layer))
    before = len(dynamic._cache)
    gradient(W, X, rd.checkpoint(layer))
    assert len(dynamic._cache) == before


# --- memory


def deep(checkpoint, size):
    def run(params, x):
        for w, b in params:
            x = x @ w + b
            x = 0.5 * x * (1.0 + np.tanh(0.8 * (x + 0.045 * x * x * x)))
        return x

    run = checkpoint(run)

    def loss(params, x):
        for k in range(0, len(params), size):
            x = run(params[k : k + size], x)
        return np.mean(x * x)

    return loss


def temporary(loss, *args):
    """Bytes of temporaries of the compiled gradient, and the gradient."""
    gradient = rd.jit(rd.grad(loss))
    return gradient.lower(*args).compile().memory_analysis().temp_size_in_bytes, gradient(*args)


def test_memory_of_a_deep_network():
    """A 32-layer network needs at most a third of the temporary memory, and has the same gradient."""
    rng = np.random.default_rng(0)
    params = [(rng.normal(size=(16, 16)) / 4, rng.normal(size=16)) for _ in range(32)]
    x = rng.normal(size=(256, 16))
    plain, want = temporary(deep(lambda f: f, 4), params, x)
    less, got = temporary(deep(rd.checkpoint, 4), params, x)
    assert less <= plain / 3
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        assert_close(a, b, "gradient")


def applied(h, z):
    return h(z)


def made(x):
    g = rd.checkpoint(lambda y: x * y)

    def h(z):
        return g(z) + z

    return h


def test_checkpointed_closure_that_another_closure_captures():
    """It carries what is differentiated, however many functions pass it on."""
    for outer in (made, lambda x: applied(lambda g: g, made(x))):
        f = lambda x, outer=outer: applied(outer(x), 2.0 * x)  # noqa: E731
        rd.check_grads(f, (3.0,), 2)
