"""Functions for `pmap` on four devices, with arguments and options: see test_pmap.py.

The text of this module is run a second time for JAX, with JAX's functions under the names `rd` and `np`
(`pmap_twin.py`). Arrays are therefore made with `numpy`, and computed with `np`.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy
import numpy as np

import redraft as rd

N = 4
X = numpy.sin(numpy.arange(12.0)).reshape(N, 3)
S = numpy.array([1.0, 2.0, 4.0, -3.0])
SQUARE = numpy.cos(numpy.arange(16.0)).reshape(N, N)
DEEP = numpy.sin(numpy.arange(96.0)).reshape(N, 8, 3)
WIDE = numpy.cos(numpy.arange(64.0)).reshape(N, 4, 4)
W = numpy.array([0.5, -1.5, 2.0])
TURN = [(0, 1), (1, 2), (2, 3), (3, 0)]


@dataclasses.dataclass
class Case:
    """A function, and a call of its `pmap`.

    Attributes:
        jax: why it cannot be written for JAX; empty if it can.
        like: the function for `vmap`, and its arguments, if they are others.
    """

    function: Callable
    args: tuple
    options: dict[str, Any]
    kwargs: dict[str, Any]
    jax: str
    tolerance: float
    like: tuple[Callable, tuple] | None


CASES: dict[str, Case] = {}


def case(
    *args: Any, jax: str = "", kwargs: Any = (), tolerance: float = 1e-12, like: Any = None,
    **options: Any,
) -> Callable:  # fmt: skip
    """Add the function below to the table; `axis_name` is "i" unless an option says otherwise."""

    def add(function: Callable) -> Callable:
        name = function.__name__
        assert name not in CASES, name
        options.setdefault("axis_name", "i")
        CASES[name] = Case(function, args, options, dict(kwargs), jax, tolerance, like)
        return function

    return add


# --- collectives, each with its options


@case(X)
def psum(x):
    return rd.psum(x, "i") * x


@case(S)
def psum_of_numbers(x):
    return x / rd.psum(x, "i")


@case(S)
def psum_of_constants(x):
    return x * rd.psum(1, "i") + rd.psum(2.5, "i")


@case(S, jax="JAX sums booleans as booleans")
def psum_of_booleans(x):
    return rd.psum(x > 1, "i"), rd.psum(x > 1, "i") + 0.5


@case(numpy.arange(4, dtype=numpy.int32))
def psum_of_int32(x):
    return rd.psum(x, "i"), rd.pmax(x, "i"), x + rd.pmin(x, "i")


@case(numpy.arange(8, dtype=numpy.uint8).reshape(4, 2), jax="JAX sums uint8 as uint8")
def psum_of_uint8(x):
    return rd.psum(x, "i"), rd.pmean(x, "i"), rd.all_gather(x, "i")


@case(X.astype("f4"), tolerance=1e-6)
def reductions_of_float32(x):
    return rd.psum(x, "i"), rd.pmean(x, "i"), rd.pmax(x, "i") - x, rd.pmin(x, "i") * 2.0


@case(X.astype("f2"), tolerance=4e-3)
def reductions_of_float16(x):
    return rd.psum(x, "i"), rd.pmean(x, "i"), rd.pmax(x, "i") - x, rd.pmin(x, "i") * 2.0


@case(X + 1j * X[::-1])
def collectives_of_complex(x):
    return rd.psum(x, "i"), rd.pmean(x, "i").imag, rd.all_gather(x, "i"), rd.ppermute(x, "i", TURN)


@case((X + 1j * X[::-1]).astype("c8"), tolerance=1e-6)
def collectives_of_complex64(x):
    return rd.psum(x, "i"), rd.pmean(x, "i").imag, rd.ppermute(x, "i", TURN)


@case(X > 0, jax="JAX has no extremes of booleans")
def collectives_of_booleans(x):
    return (
        rd.all_gather(x, "i"), rd.ppermute(x, "i", TURN), rd.pmax(x, "i"), rd.pmin(x, "i"),
        rd.pmean(x, "i"),
    )  # fmt: skip


@case(X)
def pmean(x):
    return x - rd.pmean(x, axis_name="i")


@case(numpy.arange(4))
def pmean_of_integers(x):
    return rd.pmean(x, "i"), rd.pmean(3, "i")


@case(X)
def extremes(x):
    return np.exp(x - rd.pmax(x, "i")), rd.pmin(x, "i") + x


@case(X)
def places(x):
    return x * rd.axis_index("i") / rd.axis_size("i")


@case(DEEP)
def all_gather_options(x):
    return (
        rd.all_gather(x, "i"), rd.all_gather(x, "i", axis=1), rd.all_gather(x, "i", axis=-1),
        rd.all_gather(x, "i", tiled=True), rd.all_gather(x, "i", axis=1, tiled=True),
    )  # fmt: skip


@case(S)
def all_gather_of_numbers(x):
    return rd.all_gather(x, "i") * x, rd.all_gather(x, "i")[rd.axis_index("i")] - x


@case(X)
def all_gather_product(x):
    return rd.all_gather(x, "i") @ x


@case(SQUARE)
def psum_scatter(x):
    return rd.psum_scatter(x, "i")


@case(WIDE)
def psum_scatter_options(x):
    return (
        rd.psum_scatter(x, "i", scatter_dimension=1), rd.psum_scatter(x, "i", tiled=True),
        rd.psum_scatter(x, "i", scatter_dimension=1, tiled=True),
    )  # fmt: skip


@case(DEEP)
def psum_scatter_chunks(x):
    return rd.psum_scatter(x, "i", tiled=True)


@case(X)
def ppermute(x):
    return x - rd.ppermute(x, "i", TURN), rd.ppermute(x, "i", [(0, 1), (2, 0)])


@case(S)
def ppermute_list(x):
    return rd.ppermute(x, "i", perm=[(i, (i + 1) % 4) for i in range(4)])


@case(WIDE)
def all_to_all(x):
    return (
        rd.all_to_all(x, "i", 0, 0), rd.all_to_all(x, "i", 0, 1), rd.all_to_all(x, "i", 1, 0),
        rd.all_to_all(x, "i", 1, 1),
    )  # fmt: skip


@case(WIDE)
def all_to_all_tiled(x):
    return (
        rd.all_to_all(x, "i", 0, 1, tiled=True), rd.all_to_all(x, "i", 0, 0, tiled=True),
        rd.all_to_all(x, "i", split_axis=1, concat_axis=0, tiled=True),
    )  # fmt: skip


@case(X)
def collectives_of_trees(x):
    found = rd.psum({"a": x, "b": (x[0], 1.0, None)}, "i")
    rows = rd.all_gather([x[0], x], "i")
    return found["a"] * found["b"][0] + found["b"][1], rows, rd.ppermute((x, {"c": x}), "i", TURN)


@case(W, S, in_axes=(None, 0))
def collectives_of_what_all_share(w, x):
    return (
        rd.psum(w, "i") + x, rd.pmean(w, "i") * x, rd.pmax(w, "i") * x, rd.all_gather(w, "i") * x,
        rd.ppermute(w, "i", TURN) * x, rd.all_gather(w, "i", tiled=True) * x,
    )  # fmt: skip


@case(numpy.zeros((4, 0, 3)))
def collectives_of_nothing(x):
    return (
        rd.psum(x, "i"), rd.pmean(x, "i"), rd.all_gather(x, "i"), rd.ppermute(x, "i", TURN),
        np.sum(x) + rd.axis_index("i"),
    )  # fmt: skip


@case(X, jax="JAX sums int32 as int32")
def collectives_of_known_arrays(x):
    n = np.arange(3, dtype=np.int32)
    return (
        rd.psum(n, "i") + x, rd.psum(n, "i"), rd.pmean(n, "i"), rd.psum(np.float32(2), "i"),
        rd.psum(True, "i"), rd.pmax(n, "i"),
    )  # fmt: skip


@case(numpy.array([1.0, numpy.nan, 2.0, -numpy.inf]), jax="JAX drops NaN between devices")
def collectives_of_nan(x):
    return rd.pmax(x, "i"), rd.pmin(x, "i"), rd.psum(x, "i"), rd.pmean(np.nan_to_num(x), "i")


@case(numpy.array([-numpy.inf, 1.0, numpy.inf, 2.0]))
def collectives_of_infinity(x):
    return rd.pmax(x, "i"), rd.pmin(x, "i"), rd.psum(np.abs(x), "i")


@case(X)
def sum_of_sums(x):
    return rd.psum(rd.psum(x, "i") * x, "i") + rd.pmax(rd.psum(x, "i"), "i")


# --- without collectives, and axes


@case(X, axis_name=None)
def unnamed(x):
    return np.tanh(x) * 2


@case(X)
def identity(x):
    return x


@case(X, X.T, in_axes=(0, 1), out_axes=1)
def axis_one(x, y):
    return x - rd.pmean(y, "i")


@case(X.T, in_axes=-1, out_axes=-1, jax="JAX 0.10 takes another axis for -1")
def axis_from_behind(x):
    return x - rd.pmean(x, "i"), np.stack([x, x])


@case(numpy.moveaxis(DEEP, 0, 1), in_axes=1, out_axes=2)
def middle_axes(x):
    return x * rd.axis_index("i")


@case(W, X, in_axes=(None, 0))
def broadcast(w, x):
    return w * x + rd.psum(x, "i")


@case({"w": W, "b": (0.5, [X])}, X, in_axes=({"w": None, "b": (None, 0)}, 0))
def trees_of_axes(params, x):
    return {"y": params["w"] * x + params["b"][0], "z": (rd.psum(params["b"][1][0], "i"), x)}


@case({"w": W, "b": 0.5}, [X, X.T], in_axes=(None, [0, 1]), out_axes={"y": 1, "z": (0, None)})
def trees_of_out_axes(params, xs):
    total = rd.psum(xs[0] * xs[1], "i")
    return {"y": params["w"] * xs[0] + params["b"], "z": (total * xs[0], [total, total * 2])}


@case(X, out_axes=None)
def agreed_results(x):
    total = rd.psum(x, "i")
    return (
        total,
        np.tanh(total) + 1,
        rd.pmax({"a": x}, "i"),
        rd.all_gather(x, "i"),
        rd.axis_size("i"),
    )


@case(X, out_axes=(0, None))
def mixed_results(x):
    return x, rd.pmean(np.sum(x), "i")


@case(3.0, 2, True, X, in_axes=(None, None, None, 0), jax="a branch on a value")
def python_numbers(a, n, flag, x):
    return a * x + n, a * n, flag, (x if flag else -x)


@case(numpy.arange(4), numpy.arange(4) > 1, S.astype("f4"), tolerance=1e-6)
def mixed_dtypes(n, flag, x):
    return n / 2, np.where(flag, x, n), x * n, n // 3, flag & (n > 0), x * 2


@case(X, kwargs={"scale": S})
def keywords(x, *, scale, shift=1.0):
    return x * scale + shift + rd.psum(scale, "i")


@case(X, kwargs={"y": X + 1})
def keyword_of_parameter(x, y):
    return x - rd.pmean(y, "i")


def three_times(x):
    for _ in range(3):
        x = np.tanh(x)
    return rd.psum(x, "i") * 3


@case("tanh", X, 3, static_broadcasted_argnums=(0, 2), like=(three_times, (X,)))
def static_arguments(name, x, count):
    for _ in range(count):
        x = np.tanh(x) if name == "tanh" else np.sin(x)
    return rd.psum(x, "i") * count


def last_of_three(x):
    return x[:2] + rd.axis_index("i") + rd.axis_size("i")


@case(X.T, 2, static_broadcasted_argnums=1, in_axes=(1, None), axis_size=4,
      like=(last_of_three, (X,)))  # fmt: skip
def static_last_of_three(x, count):
    return x[:count] + rd.axis_index("i") + rd.axis_size("i")


@case(X, donate_argnums=0)
def donated(x):
    return x + rd.psum(x, "i")


@case(X, donate_argnums=(0,), backend="cpu", axis_size=4)
def all_options(x):
    return x + rd.psum(x, "i")


@case(X[:2])
def two_devices(x):
    return x + rd.psum(x, "i") * rd.axis_index("i")


@case(X[:1])
def one_device(x):
    return (
        x + rd.psum(x, "i") * rd.axis_index("i"), rd.all_gather(x, "i"), rd.pmax(x, "i"),
        rd.ppermute(x, "i", [(0, 0)]),
    )  # fmt: skip


@case(X, None, {}, ())
def empty_containers(x, nothing, empty, pair):
    return x if nothing is None else -x, None, {"a": None, "b": rd.psum(x, "i")}, (), []


@case(X)
def constants(x):
    return x, 3.0, np.arange(3), 7


Point = collections.namedtuple("Point", "x y")


@case(Point(X, S))
def namedtuples(p):
    return Point(p.x - rd.pmean(p.x, "i"), rd.psum(p.y, "i") * p.y)


@dataclasses.dataclass
class Ball:
    place: Any
    speed: Any


@case(Ball(X, S), jax="JAX knows dataclasses only where they are registered")
def dataclass(ball):
    return Ball(ball.place + 0.1 * ball.speed, rd.pmean(ball.speed, "i") * ball.speed)


@case([X, (S, {"k": X})], collections.OrderedDict(a=S, b=X))
def nested_containers(parts, named):
    x, (s, inner) = parts
    return [named["a"] * x, (rd.psum(s, "i"), {"k": inner["k"] + named["b"]})]


# --- functions that call functions


def helper(x, scale=2.0):
    return scale * rd.psum(np.tanh(x), "i")


@case(X)
def calls_helper(x):
    return helper(x) + helper(x * 2, scale=0.5)


@case(X)
def nested_function(x):
    def centered(v):
        return v - rd.pmean(v, "i")

    twice = lambda v: centered(centered(v) * 2)  # noqa: E731
    return twice(x) + centered(x)


@case(X)
def closure_of_sum(x):
    total = rd.psum(x, "i")

    def of(v):
        return v * total + rd.axis_index("i")

    return sum([of(x), of(x + 1)])


@case(X)
def function_argument(x):
    def applied(f, v):
        return f(f(v))

    return applied(lambda v: rd.pmean(v, "i") + v, x)


@case(X, like=(lambda x: helper(x, 3.0), (X,)))
def partial_call(x):
    f = functools.partial(helper, scale=3.0)
    return f(x)


def collective_of_name(x, name):
    return rd.psum(x, name)


@case(X)
def name_as_argument(x):
    return collective_of_name(x, "i")


@case(X)
def early_return(x):
    if rd.axis_size("i") > 3:
        return rd.psum(x, "i")
    return x


@case(X)
def comprehension(x):
    return [rd.psum(x * k, "i") for k in range(3)], sum(rd.pmax(x, "i") * k for k in range(2))


# --- loops and branches


@case(X)
def python_loop(x):
    for k in range(3):
        x = np.tanh(x - rd.pmean(x, "i")) + k
    return x


@case(X)
def long_loop(x):
    for _ in range(200):
        x = x - 0.1 * rd.pmean(x, "i")
    return x


@case(X)
def loop_over_index(x):
    total = 0.0
    for k in range(50):
        total = total + rd.psum(x * k, "i") / (1 + k)
    return total * x


@case(X)
def loop_over_rows(x):
    rows = rd.all_gather(x, "i")
    found = np.zeros(3)
    for row in rows:
        found = np.tanh(found + row * x)
    return found


@case(X)
def loop_without_collective(x):
    for _ in range(100):
        x = np.sin(x) * 1.01
    return x + rd.psum(x, "i")


@case(S, jax="a `while` on a value")
def while_on_sum(x):
    while rd.psum(x * x, "i") > 0.1:
        x = x * 0.5 + 0.01 * rd.pmean(x, "i")
    return x


@case(numpy.abs(S), jax="a `while` on a value")
def while_on_own_value(x):
    while x > 0.3:
        x = x * 0.5
    return x + rd.psum(x, "i")


@case(S, jax="a `while` on a value")
def while_with_sum_inside(x):
    error, rounds = rd.pmax(np.abs(x), "i"), 0
    while error > 1e-3:
        x = x - 0.5 * (x - rd.pmean(x, "i"))
        error = rd.pmax(np.abs(x - rd.pmean(x, "i")), "i")
        rounds = rounds + 1
    return x, rounds


@case(X)
def loop_in_loop(x):
    for _ in range(12):
        y = x
        for _ in range(11):
            y = y * 0.9 + 0.01 * rd.pmean(y, "i")
        x = np.tanh(x + y)
    return x


@case(X)
def loop_of_gathers(x):
    for _ in range(20):
        x = np.tanh(np.sum(rd.all_gather(x, "i"), axis=0) * x + rd.axis_index("i"))
    return x


@case(X)
def loop_of_permutations(x):
    total = x
    y = x
    for _ in range(3):
        y = rd.ppermute(y, "i", TURN)
        total = total + y * rd.axis_index("i")
    return total, y


@case(X)
def ring_of_permutations(x):
    y = x
    for _ in range(40):
        y = 0.5 * (x + rd.ppermute(y, "i", TURN))
    return y


@case(X)
def list_in_loop(x):
    seen = []
    for k in range(4):
        x = x - 0.3 * rd.pmean(x, "i")
        seen.append(x * k)
    return seen, np.stack(seen)


@case(X)
def long_list_in_loop(x):
    seen = []
    for _ in range(60):
        x = x - 0.3 * rd.pmean(x, "i")
        seen.append(np.sum(x))
    return np.array(seen)


@case(X, jax="changes in place")
def in_place(x):
    y = np.zeros((4, 3))
    y[0] = x
    y[1] += rd.psum(x, "i")
    z = x.copy()
    z *= 2
    z[1:] = rd.pmean(z, "i")[1:]
    return y, z


@case(X, jax="changes in place")
def in_place_in_loop(x):
    out = np.zeros((30, 3))
    for k in range(30):
        out[k] = rd.psum(x, "i") * k
        x = x * 0.9
    return out


@case(S, jax="a branch on a value")
def branch_on_sum(x):
    total = rd.psum(x, "i")
    y = x
    if total > 0:
        y = y + rd.pmean(x, "i")
    else:
        y = rd.pmax(x, "i") - y
        y = y * total
    return y


@case(-S, jax="a branch on a value")
def branch_on_sum_otherwise(x):
    y = x
    if rd.psum(x, "i") > 0 and rd.pmax(x, "i") > 0:
        y = y + rd.pmean(x, "i")
    return y


@case(S, jax="a branch on a value")
def branch_on_own_value(x):
    y = x * 2 if x > 0 else x - 1
    return y + rd.psum(y, "i")


@case(S, jax="a branch on a value")
def branch_in_loop(x):
    for k in range(30):
        if rd.psum(x, "i") > 1:
            x = x - 0.1 * rd.pmax(x, "i")
        x = x + 0.02 * k
    return x


@case(S, jax="a `while` on a value")
def while_on_sum_alone(x):
    rounds = 0
    while rd.psum(x * x, "i") > 0.1:
        x = x * 0.5
        rounds += 1
    return x, rounds


@case(S, jax="a `while` on a value")
def nested_whiles(x):
    y = x
    while rd.pmax(np.abs(y), "i") > 0.2:
        z = y
        while rd.psum(z * z, "i") > 1.0:
            z = z * 0.7
        y = 0.5 * y + 0.1 * z - 0.1 * rd.pmean(z, "i")
    return y


@case(True, S, in_axes=(None, 0), jax="a branch on a value")
def branch_on_shared_argument(flag, x):
    return rd.psum(x, "i") if flag else x


@case(S, jax="a loop that ends early")
def break_on_sum(x):
    for k in range(50):
        x = x * 0.8 + 0.001 * k
        if rd.psum(x * x, "i") < 0.5:
            break
    return x


@case(3, S, in_axes=(None, 0), jax="a `while` on a value")
def count_of_shared_argument(n, x):
    k = 0
    while k < n:
        x = x + rd.pmean(x, "i")
        k += 1
    return x


# --- derivatives, batches, compiled functions inside


def squares(w, x):
    return np.sum((x @ w) ** 2) + np.sum(w**2)


@case(W, X, in_axes=(None, 0))
def grad_of_plain(w, x):
    return rd.pmean(rd.grad(squares)(w, x), "i")


@case(W, X, in_axes=(None, 0))
def value_and_grad_of_plain(w, x):
    value, g = rd.value_and_grad(squares)(w, x)
    return rd.pmean(value, "i"), rd.pmean(g, "i"), g


@case(X)
def grad_through_psum(x):
    return rd.grad(lambda v: np.sum(np.sin(rd.psum(v * v, "i"))))(x)


@case(X)
def grad_through_pmean(x):
    return rd.grad(lambda v: np.sum((v - rd.pmean(v, "i")) ** 2))(x)


@case(X, jax="JAX has no derivative of extremes")
def grad_through_pmax(x):
    return rd.grad(lambda v: np.sum(v * rd.pmax(v, "i") + rd.pmin(v, "i")))(x)


@case(X)
def grad_through_exchanges(x):
    def loss(v):
        rows = rd.all_gather(v, "i")
        turned = rd.ppermute(v, "i", TURN)
        return np.sum(np.sin(rows) @ v) + np.sum(turned**2 * (1 + rd.axis_index("i")))

    return rd.grad(loss)(x)


@case(WIDE, jax="JAX 0.10 fails at its `all_to_all`")
def grad_through_parts(x):
    def loss(v):
        part = rd.psum_scatter(v, "i")
        return np.sum(np.sin(part) * part) + np.sum(rd.all_to_all(v, "i", 0, 1) ** 3)

    return rd.grad(loss)(x)


@case(X)
def grad_of_loop(x):
    def loss(v):
        for _ in range(30):
            v = np.sin(v) + 0.1 * rd.pmean(v, "i")
        return np.sum(v * v)

    return rd.value_and_grad(loss)(x)


@case(S, jax="a branch on a value")
def grad_of_branch(x):
    def loss(v):
        if rd.psum(v, "i") > 0:
            return v * rd.pmean(v, "i")
        return v

    return rd.grad(loss)(x)


@case(X)
def second_derivative(x):
    def loss(v):
        return np.sum(np.sin(rd.psum(v, "i") * v))

    return rd.grad(lambda v: np.sum(rd.grad(loss)(v) ** 2))(x)


@case(X)
def jvp_of_collectives(x):
    def f(v):
        return rd.psum(np.sin(v), "i") * v, rd.all_gather(v * v, "i")

    return rd.jvp(f, (x,), (np.ones(3),))


@case(X)
def vjp_of_collectives(x):
    y, pullback = rd.vjp(lambda v: rd.psum(np.sin(v), "i") * v, x)
    return y, pullback(np.ones(3))


@case(X)
def jacobian(x):
    return rd.jacrev(lambda v: v * rd.pmean(v, "i"))(x), rd.jacfwd(lambda v: np.sin(v))(x)


@case(DEEP)
def vmap_inside(x):
    return rd.vmap(lambda row: row - rd.pmean(row, "i"))(x)


@case(DEEP)
def vmap_with_name(x):
    def one(row):
        return row - rd.pmean(row, "j") + rd.psum(np.sum(row), "i") * rd.axis_index("j")

    return rd.vmap(one, axis_name="j")(x)


@case(DEEP)
def collectives_of_both_axes(x):
    def one(row):
        both = rd.psum(row, ("i", "j")) + rd.pmean(row, ("j", "i"))
        return row * both + rd.axis_size(("i", "j")) + rd.pmax(row, ("i", "j"))

    return rd.vmap(one, axis_name="j")(x)


@case(DEEP)
def index_of_both_axes(x):
    return rd.vmap(lambda row: row * 0 + rd.axis_index(("i", "j")), axis_name="j")(x)


@case(W, DEEP, in_axes=(None, 0))
def vmap_of_grad(w, x):
    def loss(w, row):
        return np.tanh(row @ w) ** 2

    return rd.pmean(rd.vmap(rd.grad(loss), in_axes=(None, 0))(w, x), "i")


@case(X)
def jit_inside(x):
    return rd.psum(rd.jit(lambda v: np.tanh(v) * v)(x), "i")


@case(X)
def jit_with_collective(x):
    return rd.jit(lambda v: v - rd.pmean(v, "i"))(x) * 2


@case(X)
def checkpoint(x):
    f = rd.checkpoint(lambda v: np.sum(np.sin(rd.psum(np.sin(v), "i"))))
    return rd.grad(f)(x)


@rd.custom_vjp
def clipped(x):
    return np.sum(x**2)


def clipped_fwd(x):
    return clipped(x), x


def clipped_bwd(x, g):
    return (g * np.clip(2 * x, -0.5, 0.5),)


if hasattr(clipped, "defvjp"):
    clipped.defvjp(clipped_fwd, clipped_bwd)


@case(X)
def custom_rule(x):
    return rd.pmean(rd.grad(clipped)(x), "i"), clipped(x)


@case(X)
def stopped(x):
    return rd.grad(lambda v: np.sum(v * rd.psum(rd.stop_gradient(v), "i")))(x)


# --- the host


@case(X)
def callback(x):
    shape = rd.ShapeDtypeStruct((3,), numpy.float64)
    y = rd.pure_callback(numpy.cumsum, shape, x, vmap_method="sequential")
    return y + rd.psum(y, "i")


@case(X, jax="written for its own order")
def printed(x):
    rd.debug.print("x = {x}", x=x)
    return x * rd.psum(x, "i")


@case(X)
def callback_in_loop(x):
    shape = rd.ShapeDtypeStruct((3,), numpy.float64)
    for _ in range(12):
        y = rd.pure_callback(numpy.cumsum, shape, x, vmap_method="sequential")
        x = 0.5 * x + 0.1 * rd.pmean(y, "i")
    return x
