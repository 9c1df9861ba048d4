"""Loops and branches under `vmap`: each example leaves when it is done, and evaluates nothing it does not take."""

from __future__ import annotations

import numpy as np
import pytest

import redraft as rd

N = np.array([0.5, 2.0, 9.0, 30.0, 1.0, 4.0])
X = np.array([[0.3, -0.7, 1.2], [0.9, 0.4, -0.5], [-1.1, 0.2, 0.8], [2.1, 1.4, 0.3]])
W = np.array([0.5, -0.25, 0.8])


def leaves(value):
    if isinstance(value, (list, tuple)):
        return [leaf for part in value for leaf in leaves(part)]
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in leaves(part)]
    return [value]


def check(fun, *args, axes=0, rtol=1e-12):
    """The batched function gives what stacked calls give, with the same dtypes."""
    batched = rd.vmap(fun, in_axes=axes)
    want = rd.vmap_by_loop(fun, in_axes=axes)(*args)
    for got in (batched(*args), masked(fun, axes)(*args)):
        for a, b in zip(leaves(got), leaves(want), strict=True):
            assert np.shape(a) == np.shape(b)
            np.testing.assert_allclose(a, b, rtol=rtol)
    for a, b in zip(leaves(batched(*args)), leaves(want), strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype
    return batched.source


def masked(fun, axes):
    """The form of the batched function that `jit` and derivatives get."""
    batched = rd.vmap(fun, in_axes=axes)

    def run(*args):
        return batched.written_for(args, {}).function(*args)

    return run


# --- loops that examples leave one by one


def newton(a):
    y = a
    rounds = 0
    while abs(y * y - a) > 1e-9:
        y = 0.5 * (y + a / y)
        rounds = rounds + 1
    return y, rounds


def breaks(x, w):
    s = 0.0
    for _ in range(10):
        s = s + np.sin(x) * w
        if s > 3:
            break
        x = x * 1.1
    return s


def continues(x):
    s = 0.0
    for _ in range(6):
        x = x * 0.8
        if x > 3:
            continue
        s += x
        if s > 4:
            break
    return s, x


def returns(x):
    for _ in range(20):
        if x > 5:
            return x * 2
        x = x * 1.5
    return -x


def returns_arrays(x):
    for i in range(5):
        y = x * i
        if np.sum(y) > 3:
            return y
        x = x + 0.5
    return -x


def endless(x):
    n = 0
    while True:
        x = np.sin(x) + 1
        n += 1
        if x > 1.9 or n > 4:
            break
    return x, n


def inner_loop(x):
    total = 0.0
    while x > 1:
        y = x
        while y > 0.5:
            y = y * 0.7
            total = total + y
        x = x - 1
    return total, x


def leaves_from_inner_loop(x):
    for i in range(4):
        y = x
        while y > 0.2:
            y = y * 0.5
            if y > 3 * i + 4:
                return y + i
        x = x + y
    return x


def in_a_branch(x):
    y = x
    if x > 1:
        while y > 1:
            y = y / 3
    else:
        y = y + 10
    return y


def break_in_a_branch(x):
    s = 0.0
    if x > 1:
        for _ in range(5):
            x = x * 0.5
            if x < 1:
                break
            s = s + x
    return s, x


def loop_else(x):
    for _ in range(3):
        x = x * 2
        if x > 20:
            break
    else:
        x = -x
    return x


def both_sides_leave(x):
    while True:
        x = x * 1.3
        if x > 10:
            x = x + 100
            break
        elif x < 1:
            return 0.0 * x
        x = x + 1
    return x


def nested_exits(x):
    n = 0
    while n < 8:
        n = n + 1
        if x > 2:
            if x > 20:
                return n * 1.0
            if n > 3:
                break
            x = x * 1.5
        x = x + 0.5
    return x


def counts_and_breaks(x):
    i = 0
    while i < 5:
        x = x * 1.2
        if x > 6:
            break
        i = i + 1
    return x, i


def shared_values(x, w):
    y = x
    while np.sum(y * w) > 0.1:
        y = y * w
    return y + w


def in_place(x):
    y = x.copy()
    i = 0
    while y[0] < 3 and i < 4:
        y[0] += 1.0
        y[i % 3] = y[i % 3] * 1.5
        i = i + 1
    return y


def containers(x):
    state = (x, {"n": 0, "v": x * 2})
    while np.sum(state[0]) < 4:
        p, d = state
        state = (p + 0.5, {"n": d["n"] + 1, "v": d["v"] * 0.5})
    return state


def rows(x):
    s = 0.0
    for v in x:
        s = s + v
        if s > 1:
            break
    return s


def pairs(x, w):
    s = 0.0
    for i, (v, u) in enumerate(zip(x, w)):  # noqa: B905
        s = s + v * u + i
        if s > 1:
            return s * 100
    return s


def set_in_the_loop(x):
    last = 0.0
    while x > 1:
        half = x / 2
        last = half
        x = half - 0.1
    return last


def starts_as_an_integer(x):
    y = 1
    while x > 1:
        y = y * 1.5
        x = x - 1
    return y


def helper(y, k):
    while y > k:
        y = y - k
    return y


def calls(x):
    total = 0.0
    while x > 0.7:
        total = total + helper(x, 0.4)
        x = x * 0.6
    return total


def closure(x):
    scale = x + 1

    def step(y):
        return y * 0.5 + 0.001 * scale

    y = x
    while y > 0.6:
        y = step(y)
        if y > scale:
            break
    return y + step(y)


def a_constant_result(x):
    y = 0.0
    for _ in range(4):
        x = x * 2
        if x > 9:
            y = 1.0
            break
        y = 2.0
    return y


ON_NUMBERS = [
    newton, continues, returns, endless, inner_loop, leaves_from_inner_loop, in_a_branch,
    break_in_a_branch, loop_else, both_sides_leave, nested_exits, counts_and_breaks, set_in_the_loop,
    starts_as_an_integer, calls, closure, a_constant_result,
]  # fmt: skip


@pytest.mark.parametrize("fun", ON_NUMBERS, ids=lambda f: f.__name__)
def test_loops_on_numbers(fun):
    assert "rt.Subset" in check(fun, N)


@pytest.mark.parametrize(
    "fun", [returns_arrays, in_place, containers, rows], ids=lambda f: f.__name__
)
def test_loops_on_arrays(fun):
    assert "rt.Subset" in check(fun, X)


def test_what_all_examples_share_stays_whole():
    source = check(shared_values, X, W, axes=(0, None))
    assert "keep(active, y)" in source
    check(breaks, N, N[::-1])
    check(breaks, N, 0.4, axes=(0, None))
    check(breaks, 0.4, N, axes=(None, 0))
    check(pairs, X, W, axes=(0, None))
    check(pairs, X, X[::-1])


def test_no_examples_and_one():
    for fun in (newton, endless, returns, inner_loop):
        batched = rd.vmap(fun)
        for part in leaves(batched(N[:0])):
            assert part.shape == (0,)
        for a, b in zip(leaves(batched(N[2:3])), leaves(fun(N[2])), strict=True):
            np.testing.assert_allclose(a, [b])


@pytest.mark.parametrize("fun", ON_NUMBERS, ids=lambda f: f.__name__)
def test_batches_of_batches(fun):
    x = np.stack([N, N[::-1] * 0.5])
    want = [leaves(rd.vmap(fun)(row)) for row in x]
    for part, rows in zip(leaves(rd.vmap(rd.vmap(fun))(x)), zip(*want, strict=True), strict=True):
        np.testing.assert_allclose(part, np.stack(rows), rtol=1e-12)


def second_name(x):
    y = x * 1.0
    z = y
    while y[0] < 3:
        y = y + 1
    z[0] = 5.0
    return y + z


def second_name_in_the_loop(x):
    y = x * 1.0
    while np.sum(y) < 4:
        z = y
        y = y + 1
        z[1] = 0.5
        y = y + z
    return y


def changed_in_a_branch(x):
    y = x * 1.0
    if x[0] > 0.5:
        y[0] = np.log(x[0])
        y[1:] = y[1:] / x[0]
    y[2] += 1
    return y


def argument_changed(x):
    while x[0] < 2:
        x[0] = x[0] * 1.5 + 1
    return x


@pytest.mark.parametrize(
    "fun", [second_name, second_name_in_the_loop, changed_in_a_branch, argument_changed],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_changes_in_place(fun):
    want = np.stack([fun(x) for x in X.copy()])
    try:
        got = rd.vmap(fun)(X.copy())
    except rd.TransformError:
        return  # a refusal is as good
    np.testing.assert_allclose(got, want)


def cubes(y):
    return np.sum(y**3 / y[0])


slope = rd.grad(cubes)


def test_a_derivative_in_a_branch_that_nobody_takes():
    def curved(x):
        return slope(x)[1] if x[0] > 0 else x[1] / 2

    for x in (-np.abs(X), X):
        np.testing.assert_allclose(rd.vmap(curved)(x), [curved(v) for v in x])


# --- the work


def evaluated(fun, *args, monkeypatch=None, **options):
    """How many elements go through `np.sin` in a batched call; other functions of NumPy do not count."""
    counted = []

    class Counting:
        def __getattr__(self, name):
            if name == "sin":
                return lambda x: (counted.append(np.size(x)), np.sin(x))[1]
            return getattr(np, name)

    batched = rd.vmap(fun, **options)
    batched(*args)
    namespace = batched.__wrapped__.__globals__
    monkeypatch.setitem(namespace, "np", Counting())
    batched(*args)
    return sum(counted)


def halves(x):
    rounds = 0
    while x > 1:
        x = x / 2 + 0.01 * np.sin(x)
        rounds = rounds + 1
    return x, rounds


def halves_with_break(x):
    rounds = 0
    for _ in range(50):
        if x <= 1:
            break
        x = x / 2 + 0.01 * np.sin(x)
        rounds = rounds + 1
    return x, rounds


def halves_until_return(x):
    rounds = 0
    while True:
        if x <= 1:
            return x, rounds
        x = x / 2 + 0.01 * np.sin(x)
        rounds = rounds + 1


def halves_in_rows(x):
    rounds, y = 0, x
    for k in range(3):
        y = x + k
        while y > 1:
            y = y / 2 + 0.01 * np.sin(y)
            rounds = rounds + 1
            if y > 12:
                return y, rounds
    return y, rounds


@pytest.mark.parametrize(
    "fun",
    [halves, halves_with_break, halves_until_return, halves_in_rows],
    ids=lambda f: f.__name__,
)
def test_the_work_is_the_sum_of_the_rounds(fun, monkeypatch):
    x = np.concatenate([N, np.linspace(0.1, 1000, 20)])
    total = sum(fun(v)[1] for v in x)
    assert evaluated(fun, x, monkeypatch=monkeypatch) == total


def test_a_finished_example_raises_nothing():
    def to_the_edge(x):
        while x > 0.5:
            y = np.log(x - 0.4)
            x = x - 0.1 * np.sqrt(x - 0.49) - 0.05 + 0 * y
        return 1 / (x - 0.6)

    def leaves_before_the_pole(x):
        for _ in range(5):
            x = x - 1
            if x <= 0:
                return x
            x = x + np.log(x) * 0.1
        return np.sqrt(x)

    with np.errstate(all="raise"):
        for fun in (to_the_edge, leaves_before_the_pole):
            got = rd.vmap(fun)(N)
            np.testing.assert_allclose(got, [fun(x) for x in N])


# --- what is not taken


def safe_sqrt(x):
    return np.sqrt(x) if x > 0 else 0.0 * x


def quotient_of_roots(x):
    if x > 0 and x != 1:
        t = np.sqrt(x)
        y = t / np.log(x)
    else:
        y = x * 2
    return y


def sinc(x):
    if x == 0:
        return 1.0
    return np.sin(x) / x


def powers(x):
    y = x
    if x > 0:
        y = x**0.3 + x**-1.5
    return y * 2


def arcs(x):
    if abs(x) < 1:
        if x > -0.5:
            return np.arcsin(x) + np.arctanh(x)
        return np.arccos(x)
    elif x > 1:
        return np.arccosh(x)
    else:
        return x * x


def root_loop(x):
    y = 0.0 * x
    while x > 0.5:
        y = y + np.sqrt(x - 0.5)
        x = x - 0.3 / x
    return y


def logs_until_negative(x):
    for i in range(4):
        if x <= 0:
            return -x * i
        x = np.log(x) * 0.9 + 0.1 * x
    return x


def overflows(x):
    if x < 0:
        z = np.exp(x)
        return z / (1 + z)
    return 1 / (1 + np.exp(-x))


def shifted_log(x):
    return np.log(x + 0.5)


def helper_on_one_side(x):
    y = shifted_log(x) if x > -0.5 else x * x
    return y + 1


def only_then(x):
    y = x * x
    if x > 0:
        z = np.log(x)
        if z > 0:
            y = y + np.sqrt(z)
    return y


def norm_or_zero(x):
    n = np.sum(x * x)
    if n > 0:
        return np.sum(np.sin(x) / np.sqrt(n))
    return np.sum(x)


def normalized_rows(x):
    n = np.linalg.norm(x)
    y = x / n if n > 0 else x
    return np.sum(y * np.arange(1.0, 4.0))


EDGES = np.array([-900.0, -0.7, 0.0, 1.0, 0.3, 2.5, -2.0])
ROWS = np.array([[0.0, 0.0, 0.0], [1.0, -2.0, 0.5], [0.0, 3.0, 0.0]])
SINGULAR = [(f, EDGES) for f in (
    safe_sqrt, quotient_of_roots, sinc, powers, arcs, root_loop, logs_until_negative, overflows, helper_on_one_side, only_then,
)] + [(norm_or_zero, ROWS), (normalized_rows, ROWS)]  # fmt: skip
each_singular = pytest.mark.parametrize(
    "fun, x", SINGULAR, ids=lambda v: getattr(v, "__name__", "")
)


def each(fun, x):
    return np.stack([fun(v) for v in x])


@each_singular
def test_values_raise_nothing(fun, x):
    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_allclose(rd.vmap(fun)(x), each(fun, x), rtol=1e-12)


def per_example(fun, x):
    return rd.vmap(rd.grad(fun))(x)


def of_the_sum(fun, x):
    batched = rd.vmap(fun)
    return rd.grad(lambda x: np.sum(batched(x)))(x)


def along_axes(fun, x):
    batched = rd.vmap(fun)
    parts = []
    for i in range(x[0].size):
        tangent = np.zeros((len(x), x[0].size))
        tangent[:, i] = 1.0
        parts.append(rd.jvp(batched, (x,), (tangent.reshape(x.shape),))[1])
    return np.stack(parts, axis=-1).reshape(x.shape)


def jvp_of_each(fun, x):
    def along(x, t):
        return rd.jvp(fun, (x,), (t,))[1]

    basis = np.eye(x[0].size).reshape(-1, *x.shape[1:])
    parts = [rd.vmap(along, in_axes=(0, None))(x, t) for t in basis]
    return np.stack(parts, axis=-1).reshape(x.shape)


def compiled(fun, x):
    pytest.importorskip("tensorflow")
    return rd.jit(rd.vmap(rd.grad(fun)))(x)


def compiled_of_the_sum(fun, x):
    pytest.importorskip("tensorflow")
    batched = rd.vmap(fun)
    return rd.jit(rd.grad(lambda x: np.sum(batched(x))))(x)


# what is refused, and the words of the refusal; everything else gives a number
REFUSED = {
    ("along_axes", "logs_until_negative"): "`ans` has no value yet where some examples leave",
    ("compiled", "root_loop"): "keeps something of each round of this loop",
    ("compiled_of_the_sum", "root_loop"): "a condition depends on values that are known only when",
    ("compiled_of_the_sum", "logs_until_negative"): "how many elements a list has is known only",
    ("second per_example", "root_loop"): "`pop` of a entries with batched parts",
    ("second per_example", "logs_until_negative"): "`pop` of a entries with batched parts",
    ("hessians", "root_loop"): "a list that is longer for some examples",
    ("hessians", "logs_until_negative"): "a list that is longer for some examples",
}


def settled(way, fun, x, order=""):
    """The result of a composition; what is known to be refused must be, in these words."""
    words = REFUSED.get((order + way.__name__, fun.__name__))
    if words is None:
        return way(fun, x)
    with pytest.raises(rd.TransformError, match=words):
        way(fun, x)
    pytest.skip(words)


WAYS = [per_example, of_the_sum, along_axes, jvp_of_each]
COMPILED = [compiled, compiled_of_the_sum]
ways = pytest.mark.parametrize("way", WAYS, ids=lambda f: f.__name__)


@each_singular
@ways
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_derivatives_are_those_of_each_example(way, fun, x):
    want = each(rd.grad(fun), x)
    assert np.all(np.isfinite(want))
    np.testing.assert_allclose(settled(way, fun, x), want, rtol=1e-9)


@each_singular
@pytest.mark.parametrize("way", COMPILED, ids=lambda f: f.__name__)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.slow
def test_compiled_derivatives_are_those_of_each_example(way, fun, x):
    np.testing.assert_allclose(settled(way, fun, x), each(rd.grad(fun), x), rtol=1e-9)


@pytest.mark.parametrize(
    "fun, x", [c for c in SINGULAR if c[1].ndim == 1], ids=lambda v: getattr(v, "__name__", "")
)
@pytest.mark.parametrize("way", [per_example, of_the_sum], ids=lambda f: f.__name__)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_second_derivatives_are_those_of_each_example(way, fun, x):
    want = each(rd.grad(rd.grad(fun)), x)
    assert np.all(np.isfinite(want))
    np.testing.assert_allclose(settled(way, rd.grad(fun), x, "second "), want, rtol=1e-9)


@each_singular
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_hessians_are_those_of_each_example(fun, x):
    def hessians(fun, x):
        return rd.vmap(rd.hessian(fun))(x)

    np.testing.assert_allclose(settled(hessians, fun, x), each(rd.hessian(fun), x), rtol=1e-9)


# --- a name for something else in one branch


def other_rank_beside_a_singular_value(x):
    y = np.sin(x)
    r = 0.0
    if not x[1] > 0:
        y = np.log(0.5)
        r = np.log(x[1] ** 2)
    elif x[0] > 0:
        r = 1.0
        y += np.sin(y)
    else:
        r = np.sum(y * y)
    return r + np.sum(x)


def other_rank_restored(x):
    y = np.sin(x)
    if not x[1] > 0:
        y = np.log(0.5)
        r = np.log(x[1] ** 2) + y
    else:
        r = np.sum(y * y)
    return r + np.sum(x)


def other_list_in_a_singular_branch(x):
    y = [x[0], x[1]]
    if x[2] > 0:
        y = [np.log(x[0] ** 2)]
        r = y[0]
    else:
        r = y[1]
    return r


@pytest.mark.parametrize(
    "fun",
    [other_rank_beside_a_singular_value, other_rank_restored, other_list_in_a_singular_branch],
    ids=lambda f: f.__name__,
)
def test_names_for_something_else_in_one_branch(fun):
    batch = np.random.default_rng(1).normal(size=(12, 3))
    try:
        got = rd.vmap(fun)(batch.copy())
    except rd.TransformError as error:
        assert fun is other_rank_beside_a_singular_value
        assert "no value for the examples" in error.msg
        return
    np.testing.assert_allclose(got, np.stack([fun(x.copy()) for x in batch]))


def halved_until_small(x, n):
    while rd.pmax(np.max(np.abs(x)), "i") > n:
        x = x * 0.5
    return x


def test_tests_of_loops_that_need_lines_of_their_own():
    """The rank of `x` is not known in these derivatives: the test has a line before it, in every round."""
    batched = rd.vmap(halved_until_small, in_axes=(0, None), axis_name="i")
    x = np.array([[3.0, -1.0], [0.5, 2.0]])
    np.testing.assert_array_equal(batched(x, 1.0), x / 4)
    value, tangent = rd.jvp(lambda x: batched(x, 1.0), (x,), (np.ones((2, 2)),))
    np.testing.assert_array_equal(value, x / 4)
    np.testing.assert_array_equal(tangent, np.full((2, 2), 0.25))
    np.testing.assert_array_equal(
        rd.grad(lambda x: np.sum(batched(x, 1.0)))(x), np.full((2, 2), 0.25)
    )
