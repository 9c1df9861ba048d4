"""`vmap`: batches equal stacks of single calls, for the language, the axes, and other transformations."""

from __future__ import annotations

import copy
import functools
import itertools
import signal
from dataclasses import dataclass

import numpy as np
import pytest
from corpus import CASES
from limits import VMAP_REFUSED

import redraft as rd

X = np.array([[0.3, -0.7, 1.2], [0.9, 0.4, -0.5], [-1.1, 0.2, 0.8], [0.1, 1.4, -0.3]])
N = np.array([0.5, -1.5, 2.0, 0.25])
MOST_CHOICES = 7  # of batched arguments, for one function
W = np.array([[0.2, -0.4], [1.1, 0.35], [0.5, -0.6]])


def leaves(value):
    if isinstance(value, (list, tuple)):
        return [leaf for part in value for leaf in leaves(part)]
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in leaves(part)]
    return [value]


def stacked(fun, args, axes, count):
    """What `fun` gives for one example after the other."""
    results = []
    for i in range(count):
        one = [x if a is None else np.take(x, i, a) for x, a in zip(args, axes, strict=True)]
        results.append(leaves(fun(*copy.deepcopy(one))))
    return [np.stack(parts) for parts in zip(*results, strict=True)]


def check(fun, *args, axes=None):
    axes = axes or (0,) * len(args)
    count = next(np.shape(x)[a] for x, a in zip(args, axes, strict=True) if a is not None)
    batched = rd.vmap(fun, in_axes=tuple(axes))
    got = leaves(batched(*copy.deepcopy(args)))
    want = stacked(fun, args, axes, count)
    for a, b in zip(got, want, strict=True):
        assert np.shape(a) == np.shape(b)
        assert np.asarray(a).dtype == np.asarray(b).dtype
        np.testing.assert_allclose(a, b, rtol=1e-12)
    return batched.source


# --- straight lines


def layers(params, x):
    for w, b in params:
        out = np.dot(w, x) + b
        x = np.maximum(out, 0)
    return out


def normalized(x):
    centered = x - np.mean(x)
    return centered / np.sqrt(np.sum(centered**2) + 1e-3)


def shapes(x):
    return x * len(x) + x.shape[0] + x.size + x.ndim


def test_layers_become_one_product_each():
    params = [(W.T, np.ones(2)), (np.ones((3, 2)), np.zeros(3))]
    got = rd.vmap(layers, in_axes=(None, 0))
    np.testing.assert_allclose(got(params, X), np.stack([layers(params, x) for x in X]))
    assert "x @ w.T + b" in got.source


def test_elementwise_code_is_unchanged():
    def plain(x, y):
        return np.sin(x) * y + 1.0

    assert "return np.sin(x) * y + 1.0" in check(plain, X, X)


@pytest.mark.parametrize("fun", [normalized, shapes], ids=lambda f: f.__name__)
def test_reductions_and_shapes(fun):
    check(fun, X)


# --- axes


def scaled(x, w):
    return np.sin(x) * np.sum(w) + x


@pytest.mark.parametrize(
    "axes", [(0, 0), (0, None), (1, 1), (-1, 0), (None, 1), (1, None), (0, -2)]
)
def test_in_axes(axes):
    x = np.arange(9.0).reshape(3, 3) / 7
    check(scaled, x, x + 1, axes=axes)


def test_in_axes_by_name_and_keywords():
    by_name = rd.vmap(scaled, in_axes={"x": 0})
    np.testing.assert_allclose(by_name(X, N), np.stack([scaled(x, N) for x in X]))
    by_keyword = rd.vmap(scaled)
    np.testing.assert_allclose(
        by_keyword(X, w=N), np.stack([scaled(*a) for a in zip(X, N, strict=True)])
    )


def test_in_axes_as_trees():
    def energy(state, scale):
        return np.sum(state["q"] * scale[0]) + state["p"] * scale[1]

    state, scale = {"q": X.T, "p": 2.0}, (N, X[0, 0])
    got = rd.vmap(energy, in_axes=({"q": 1, "p": None}, (0, None)))(state, scale)
    want = [energy({"q": x, "p": 2.0}, (n, X[0, 0])) for x, n in zip(X, N, strict=True)]
    np.testing.assert_allclose(got, want)


def test_out_axes():
    def pair(x):
        return x * 2, np.sum(x)

    first, second = rd.vmap(pair, out_axes=(1, 0))(X)
    np.testing.assert_allclose(first, (X * 2).T)
    np.testing.assert_allclose(second, X.sum(axis=1))
    np.testing.assert_allclose(rd.vmap(lambda x, c: c * 2, (0, None))(X, 3.0), np.full(4, 6.0))
    assert rd.vmap(lambda x, c: c * 2, (0, None), out_axes=None)(X, 3.0) == 6.0
    with pytest.raises(ValueError, match="out_axes is None"):
        rd.vmap(np.sin, out_axes=None)(X)


def test_decorator_and_axis_size():
    @rd.vmap
    def double(x):
        return 2 * x

    np.testing.assert_allclose(double(X), 2 * X)
    same = rd.vmap(lambda c: c + 1, in_axes=None, axis_size=3)
    np.testing.assert_allclose(same(1.0), [2.0, 2.0, 2.0])


@pytest.mark.parametrize(
    "axes, args, message",
    [
        (0, (X, N[:3]), "`w` has shape"),
        ((0, 3), (X, N), "`w` along axis 3"),
        ((0,), (X, N), "len"),
        ({"z": 0}, (X, N), "`z`"),
        (({"a": 0}, 0), (X, N), "tree prefix"),
        ((None, None), (X, N), "at least one"),
    ],
)
def test_errors_name_the_argument(axes, args, message):
    with pytest.raises(ValueError, match=message):
        rd.vmap(scaled, in_axes=axes)(*args)


def test_jax_agrees():
    jax = pytest.importorskip("jax")
    got = rd.vmap(scaled, in_axes=(0, None), out_axes=1)(X, N)

    def of_jax(x, w):
        return jax.numpy.sin(x) * jax.numpy.sum(w) + x

    np.testing.assert_allclose(
        got, jax.vmap(of_jax, in_axes=(0, None), out_axes=1)(X, N), rtol=1e-5
    )


# --- control flow


def early(x):
    if x > 1:
        return x * 10
    if x > 0:
        return x
    return -x


def both(x):
    y = x.copy()
    z = 0.0
    if np.sum(x) > 0:
        y[0] = 7.0
        z = np.sum(y)
    elif x[1] > 0:
        z = 3.0
    return y, z


def root(x):
    y, rounds = x * x, 0
    while abs(y * y - 2) > 1e-10:
        y = 0.5 * (y + 2 / y)
        rounds = rounds + 1
    return y, rounds


def first_large(x):
    found = -1
    for i in range(len(x)):
        if x[i] < 0.1:
            continue
        if x[i] > 0.35:
            found = i
            break
    return found


def returned_from_loop(x):
    total = 0.0
    for v in x:
        total = total + v * v
        if total > 1.0:
            return total * v
    return np.sin(total)


def endless(x):
    while True:
        y = np.sin(x) + 1.5
        x = x + 1
        if x > 3:
            break
    return y


def chained(x):
    return 1.0 if -1 < x < 1 else x


def swaps(x):
    y = x.copy()
    for i in range(len(y) - 1):
        if y[i] > y[i + 1]:
            y[i], y[i + 1] = y[i + 1], y[i]
    return y


def from_itself(x):
    y = np.ones(3)
    y[0] = y[1] + x[0]
    y[1] += x[1]
    return y


@pytest.mark.parametrize("fun", [early, root, endless, chained], ids=lambda f: f.__name__)
def test_control_flow_on_numbers(fun):
    check(fun, N)


@pytest.mark.parametrize(
    "fun", [both, first_large, returned_from_loop, swaps, from_itself], ids=lambda f: f.__name__
)
def test_control_flow_on_arrays(fun):
    check(fun, X)


def test_a_branch_not_taken_does_not_poison():
    def log_or_zero(x):
        if x > 0:
            return np.log(x)
        return 0.0 * x

    x = np.array([-1.0, 0.0, 2.0])
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(rd.vmap(log_or_zero)(x), [0.0, 0.0, np.log(2)])
        batched = rd.vmap(log_or_zero)
        np.testing.assert_allclose(rd.vmap(rd.grad(log_or_zero))(x), [0.0, 0.0, 0.5])
        np.testing.assert_allclose(rd.grad(lambda x: np.sum(batched(x)))(x), [0.0, 0.0, 0.5])


# --- containers, indices, functions


def gathered(table, i):
    return table[i] * 2 + table[-1]


def containers(x):
    d = {"a": x, "b": 2.0}
    out = []
    for i, row in enumerate(x):
        out.append(row * i + d["b"])
    return np.stack(out), len(x), {"d": d["a"]}


def helper(x, k):
    return x * k if k > 0 else np.sin(x)


def calls(x, w):
    total = np.sum(x)

    def inner(y, k=1):
        return total * y + k

    shift = lambda y: y * w  # noqa: E731
    return inner(x) + shift(x) + inner(w) + helper(x, 2) + helper(w, 0)


def recursive(x, n):
    return x if n == 0 else recursive(np.sin(x), n - 1)


@dataclass
class State:
    position: np.ndarray
    speed: float


def moved(x, n):
    state = State(x, n)
    return State(state.position + state.speed, state.speed * 2).position


def test_containers_and_functions():
    check(containers, X)
    check(calls, X, X[0], axes=(0, None))
    check(calls, X, X)
    check(moved, X, N)
    got = rd.vmap(recursive, in_axes=(0, None))(X, 3)
    np.testing.assert_allclose(got, np.sin(np.sin(np.sin(X))))


@pytest.mark.parametrize("axes", [(0, 0), (None, 0), (0, None)])
def test_gather(axes):
    table = X if axes[0] == 0 else X[0]
    index = np.array([0, 2, 1, 1]) if axes[1] == 0 else 2
    check(gathered, table, index, axes=axes)


def prints(x):
    if x > 0:
        print(x)
    return x


def raises(x):
    if x > 0:
        raise ValueError("no")
    return x


def unset(x):
    if x > 0:
        y = x
    return y


def unknown(f, x):
    return f(x)


@pytest.mark.parametrize("fun", [prints, raises, unset], ids=lambda f: f.__name__)
def test_what_a_mask_cannot_undo_is_refused(fun):
    with pytest.raises(rd.TransformError) as caught:
        rd.vmap(fun)(N)
    assert caught.value.hint and caught.value.lineno


def test_by_loop():
    with pytest.raises(rd.TransformError, match="not known"):
        rd.vmap(unknown, in_axes=(None, 0))({}.get, N)
    got = rd.vmap_by_loop(unknown, in_axes=(None, 0))(np.sin, X)
    np.testing.assert_allclose(got, np.sin(X))


# --- other transformations


def loss(w, x, y):
    h = np.tanh(x @ w)
    return np.sum((h - y) ** 2)


Y = X[:, :2] * 0.5
per_example = rd.vmap(loss, in_axes=(None, 0, 0))


def mean_loss(w, xs, ys):
    return np.mean(per_example(w, xs, ys))


def mean_loss_inside(w, xs, ys):
    return np.mean(rd.vmap(loss, in_axes=(None, 0, 0))(w, xs, ys))


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_hessian(x):
    h = np.diag(np.concatenate([1200 * x[:-1] ** 2 - 400 * x[1:] + 2, [0.0]]))
    h[range(1, len(x)), range(1, len(x))] += 200
    h -= np.diag(400 * x[:-1], 1) + np.diag(400 * x[:-1], -1)
    return h


def test_per_example_gradients():
    want = np.stack([rd.grad(loss)(W, x, y) for x, y in zip(X, Y, strict=True)])
    gradients = rd.vmap(rd.grad(loss), in_axes=(None, 0, 0))
    np.testing.assert_allclose(gradients(W, X, Y), want)
    np.testing.assert_allclose(rd.grad(mean_loss)(W, X, Y), want.mean(axis=0))
    np.testing.assert_allclose(rd.grad(mean_loss_inside)(W, X, Y), want.mean(axis=0))


ARRAYS = np.random.default_rng(3)


def broadcast_product(params, x, b):
    (w,) = params
    return np.sum(np.tanh(x @ w + b))


@pytest.mark.parametrize("of_w, of_x, of_b", [
    ((3, 1), (4, 3), (4, 5)), ((3, 5), (1, 3), (4, 5)), ((3, 1), (3,), (5,)), ((3,), (3,), (5,)),
    ((3,), (1, 3), (5,)), ((3, 2), (3,), (4, 2)), ((3, 2), (4, 3), (2,)),
])  # fmt: skip
def test_cotangents_of_products_that_are_broadcast(of_w, of_x, of_b):
    """A sum with a larger array broadcasts the product: its operands keep their shapes."""
    w, x, b = (
        ARRAYS.normal(size=of_w),
        ARRAYS.normal(size=(2, *of_x)),
        ARRAYS.normal(size=(2, *of_b)),
    )
    for argnums in (0, 1, (0, 1)):
        check(rd.grad(broadcast_product, argnums), [w], x, b, axes=(None, 0, 0))
        gradient = rd.grad(lambda w, x, b: broadcast_product([w], x, b), argnums)
        check(gradient, np.stack([w, -w]), x, b)
        check(gradient, np.stack([w, -w]), x[0], b, axes=(0, None, 0))


def typed_loss(params, x):
    (w, b) = params
    return np.mean(np.tanh(x @ w + b) ** 2)


@pytest.mark.parametrize("transform", [rd.vmap, lambda f, **axes: rd.jit(rd.vmap(f, **axes))])
def test_per_example_gradients_have_the_dtypes_of_the_arguments(transform):
    """Also where a product with data of another dtype gives another one."""
    params = np.ones((3, 2), np.float32), np.ones(2, np.float32)
    x = np.linspace(0.0, 1.0, 12).reshape(2, 2, 3)
    for argnums in (0, "params", (0, 1)):
        got = transform(rd.grad(typed_loss, argnums), in_axes=(None, 0))(params, x)
        want = rd.grad(typed_loss, argnums)(params, x[0])
        assert [a.dtype for a in leaves(got)] == [a.dtype for a in leaves(want)]
    value, bars = rd.vmap(rd.value_and_grad(typed_loss), in_axes=(None, 0))(params, x)
    assert value.dtype == np.float64
    assert [bar.dtype for bar in bars] == [np.float32, np.float32]


def test_nested():
    outer = rd.vmap(rd.vmap(np.dot, in_axes=(None, 0)), in_axes=(0, None))
    np.testing.assert_allclose(outer(X, X), X @ X.T)
    assert "x @ y.T" in outer.source or "@" in outer.source


def test_under_jit():
    pytest.importorskip("tensorflow")
    want = np.stack([rd.grad(loss)(W, x, y) for x, y in zip(X, Y, strict=True)])
    got = rd.jit(rd.vmap(rd.grad(loss), in_axes=(None, 0, 0)))(W, X, Y)
    np.testing.assert_allclose(got, want)
    np.testing.assert_allclose(rd.jit(rd.vmap(root))(N[:2])[0], np.full(2, np.sqrt(2)))


@pytest.mark.parametrize("jacobian", [rd.jacfwd, rd.jacrev])
def test_jacobians(jacobian):
    def fun(w, x):
        return np.tanh(w @ x)

    w, x = W.T, X[0]
    of_w, of_x = jacobian(fun, argnums=(0, 1))(w, x)
    slope = 1 - fun(w, x) ** 2
    np.testing.assert_allclose(of_x, slope[:, None] * w)
    np.testing.assert_allclose(of_w, np.einsum("i,ij,k->ijk", slope, np.eye(2), x))
    batch = rd.vmap(jacobian(lambda x: np.sin(x) * x[0]))(X)
    np.testing.assert_allclose(batch, [jacobian(lambda x: np.sin(x) * x[0])(x) for x in X])


def test_hessians():
    for second in (
        rd.hessian(rosenbrock),
        rd.jacfwd(rd.grad(rosenbrock)),
        rd.jacrev(rd.grad(rosenbrock)),
    ):
        np.testing.assert_allclose(second(X[0]), rosenbrock_hessian(X[0]))
    many = rd.vmap(rd.jacfwd(rd.grad(rosenbrock)))(X)
    np.testing.assert_allclose(many, np.stack([rosenbrock_hessian(x) for x in X]))


# --- the corpus


def batch_of(value):
    """Three versions of a differentiated argument, or the argument itself."""
    if isinstance(value, float) or (isinstance(value, np.ndarray) and value.dtype.kind == "f"):
        return np.stack([np.asarray(value) * s for s in (1.0, -1.0, 0.6)]), 0
    return value, None


def choices(case):
    """Each choice of batched arguments: the arguments and their axes, all of them batched first."""
    pairs = [batch_of(a) for a in case.args]
    places = [i for i, (_, axis) in enumerate(pairs) if axis is not None]
    if case.static:
        return
    for size in range(len(places), 0, -1):
        for chosen in itertools.combinations(places, size):
            args = [pairs[i][0] if i in chosen else a for i, a in enumerate(case.args)]
            yield args, tuple(0 if i in chosen else None for i in range(len(args)))


def results(case, args, axes):
    """What the function gives for one example after the other; None if it does not."""
    signal.signal(signal.SIGALRM, _give_up)
    signal.setitimer(signal.ITIMER_REAL, 1.0)
    try:
        return stacked(case.function, args, axes, 3)
    except Exception:  # it fails or never ends for these arguments, or the shapes differ
        return None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _give_up(*_):
    raise TimeoutError


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_corpus_is_right_or_refused(case):
    words = VMAP_REFUSED.get(str(case), ())
    words = (words,) if isinstance(words, str) else words
    refused = checked = False
    for args, axes in itertools.islice(choices(case), MOST_CHOICES):
        want = results(case, args, axes)
        if want is None:
            continue
        checked = True
        try:
            got = leaves(rd.vmap(case.function, in_axes=axes)(*copy.deepcopy(args)))
        except rd.TransformError as error:
            assert error.hint
            assert any(w in error.msg for w in words), error.msg
            refused = True
            continue
        for a, b in zip(got, want, strict=True):
            assert np.shape(a) == np.shape(b)
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    if not checked:
        pytest.skip("no batch of results")
    assert refused or not words, "it is batched now: take it off the list of what is refused"


def pop_after_a_read(x):
    items = [x[0], x[1], x[2]]
    return items[-1] * 2 + items.pop() * items[-1]


def test_pop_within_an_expression_keeps_its_place():
    with pytest.raises(rd.TransformError, match="pop"):
        rd.vmap(pop_after_a_read)(X)


# --- how batched code is laid out


def carried(x):
    total, count = 0.0, 0
    for _ in range(3):
        total, count = total + x, count + 1
    return total * count


def replaced_twice(x):
    n = 0
    n, m = 1, 2
    for _ in range(2):
        n = n + x * m
    return n


def filled(x):
    out = np.zeros((2, 2))
    rest = np.ones(len(x))
    for i in range(2):
        out[i] = x[:2] * i
        rest[i] = x[i]
    return np.sum(out) * rest


def from_a_shape(x):
    shape = (3,)
    out = np.zeros(shape)
    for _ in range(2):
        out = out + x
    return out


def test_what_gets_a_batch_axis_is_made_with_it():
    x = np.array([[1.0, 2.0, 3.0], [-1.0, 0.5, 0.0]])
    assert "total, count = np.full(batch, 0.0), 0" in check(carried, x[:, 0])
    assert "n, m = np.full(batch, 1), 2" in check(replaced_twice, x[:, 0])
    text = check(filled, x)
    assert "np.zeros((batch, 2, 2))" in text and "np.ones((batch, x.shape[1]))" in text
    assert "rt.per_example(np.zeros(shape), batch)" in check(from_a_shape, x)


def unpacked(pair, x):
    a, (b, c) = pair, pair
    first, second = b, c
    return first * x + second - a[0]


def test_unpacking_keeps_its_line():
    pair, x = (np.array([1.0, 2.0]), np.array([0.5, 0.25])), np.ones(2)
    check(unpacked, pair, x, axes=(None, 0))

    def taken_apart(pair, x):
        a, b = pair
        return a * x + b

    batched = rd.vmap(taken_apart, in_axes=((0, None), 0))
    got = batched((np.arange(3.0), 5.0), np.arange(3.0))
    np.testing.assert_array_equal(got, np.arange(3.0) ** 2 + 5.0)
    assert "a, b = pair\n" in batched.source


def size_along(x):
    return np.size(x, 0) + np.size(x, -1) * np.sum(x) / np.size(x) + x.size


def test_sizes_are_read_from_the_shape():
    text = check(size_along, np.ones((4, 3, 2)))
    assert "x.shape[1]" in text and "x.shape[1] * x.shape[2]" in text
    check(size_along, np.ones((4, 3, 2, 2)))
    check(size_along, np.ones((4, 3)))


# --- batches within functions that are differentiated


def number_read_before_a_store(w, x):
    v = w * x
    u = v[0]
    v[0] = u * w[1]
    return np.sum(v**2) + u


stored_in_batches = rd.vmap(number_read_before_a_store, in_axes=(None, 0))


@pytest.mark.parametrize(
    "total",
    [
        lambda w: np.sum(rd.vmap(number_read_before_a_store, in_axes=(None, 0))(w, X)),
        lambda w: np.sum(stored_in_batches(w, X)),
        lambda *args: np.sum(stored_in_batches(*args, X)),
    ],
    ids=["made_inside", "made_outside", "called_with_a_star"],
)
def test_batches_are_written_when_they_run_where_ranks_must_be_known(total):
    w = np.array([0.3, -0.2, 0.5])
    want = sum(rd.grad(number_read_before_a_store)(w, x) for x in X)
    np.testing.assert_allclose(rd.grad(total)(w), want)
    dot = np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(rd.jvp(total, (w,), (dot,))[1], want @ dot)


def test_nested_functions_are_batched_where_they_stand():
    def total(w):
        return np.sum(rd.vmap(lambda x: number_read_before_a_store(w, x))(X))

    with pytest.raises(rd.TransformError, match="unknown rank"):
        rd.grad(total)(np.ones(3))


# --- functions as arguments


def repeated(function, x, times):
    for _ in range(times):
        x = function(x)
    return x


FACTOR = 2.5


@pytest.mark.parametrize(
    "function",
    [
        np.sin, lambda v: np.sum(v * FACTOR) * v, rd.grad(lambda v: np.sum(v**3)),
        functools.partial(np.multiply, 3.0), functools.partial(lambda a, b: a * b[0], b=X[0]),
    ],
    ids=["primitive", "lambda", "derivative", "partial_of_primitive", "partial"],
)  # fmt: skip
def test_functions_as_arguments(function):
    want = np.stack([repeated(function, x, 2) for x in X])
    np.testing.assert_allclose(rd.vmap(repeated, in_axes=(None, 0, None))(function, X, 2), want)


def test_lambdas_for_nested_functions():
    def f(x):
        def doubled(function, y):
            return function(y) * 2

        return doubled(lambda z: z * x[0], x) + doubled(np.sin, x)

    np.testing.assert_allclose(rd.vmap(f)(X), np.stack([f(x) for x in X]))


def test_sources_for_functions_do_not_pile_up():
    batched = rd.vmap(repeated, in_axes=(None, 0, None))
    for i in range(80):
        np.testing.assert_allclose(batched(lambda v, i=i: v * i, X, 1), X * i)
    assert len(batched._by_arguments) <= 64
