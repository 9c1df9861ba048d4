"""Collectives over the named axes of `vmap`: the numbers are JAX's, and the source is plain NumPy.

A case is written once. Its twin for JAX is the same code, in which `rd` and `np` mean JAX's functions.
"""

from __future__ import annotations

import functools
import os
import types

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import redraft as rd

jax.config.update("jax_enable_x64", True)

COLLECTIVES = (
    "psum", "pmean", "pmax", "pmin", "all_gather", "psum_scatter", "ppermute", "all_to_all",
    "axis_index", "axis_size",
)  # fmt: skip
JAX = types.SimpleNamespace(
    vmap=jax.vmap, grad=jax.grad, value_and_grad=jax.value_and_grad, jvp=jax.jvp, vjp=jax.vjp,
    jacrev=jax.jacrev, jacfwd=jax.jacfwd, hessian=jax.hessian, jit=jax.jit,
    **{name: getattr(jax.lax, name) for name in COLLECTIVES},
)  # fmt: skip
S = np.array([1.0, 2.0, 4.0])
X = np.array([[0.3, -0.7], [0.9, 0.4], [-1.1, 0.2]])
SQUARE = np.arange(9.0).reshape(3, 3) / 4 - 1
DEEP = np.sin(np.arange(36.0)).reshape(3, 6, 2)
TURN = [(0, 1), (1, 2), (2, 0)]


@functools.cache
def twin(function):
    """The same code for JAX, with the functions of this module that it calls."""
    cells = tuple(
        types.CellType(twin(c.cell_contents))
        if isinstance(c.cell_contents, types.FunctionType)
        else c
        for c in function.__closure__ or ()
    )
    made = types.FunctionType(function.__code__, FOR_JAX, None, function.__defaults__, cells)
    made.__kwdefaults__ = function.__kwdefaults__
    return made


class ForJax(dict):
    """The names of this module, as the twins read them."""

    def __missing__(self, name):
        value = globals()[name]
        return twin(value) if isinstance(value, types.FunctionType) else value


FOR_JAX = ForJax(rd=JAX, np=jnp)


def leaves(tree):
    if isinstance(tree, (list, tuple)):
        return [leaf for part in tree for leaf in leaves(part)]
    if isinstance(tree, dict):
        return [leaf for key in sorted(tree) for leaf in leaves(tree[key])]
    return [tree]


def assert_same(got, want):
    got, want = leaves(got), leaves(want)
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def check(fun, *args, **options):
    """A batch of `fun` is JAX's; returns the source."""
    options = {"axis_name": "i", **options}
    batched = rd.vmap(fun, **options)
    assert_same(batched(*args), jax.vmap(twin(fun), **options)(*args))
    return rd.source(batched)


# --- one axis, values


VALUES = {
    "psum": (lambda x: rd.psum(x, "i") * x, X),
    "psum of numbers": (lambda x: x / rd.psum(x, "i"), S),
    "psum of a constant": (lambda x: x * rd.psum(1, "i") + rd.psum(2.5, "i"), S),
    "psum of booleans": (lambda x: rd.psum(x > 1, "i"), S),
    "pmean": (lambda x: x - rd.pmean(x, axis_name="i"), X),
    "pmean of integers": (lambda x: rd.pmean(x, "i"), np.arange(3)),
    "pmax": (lambda x: np.exp(x - rd.pmax(x, "i")), X),
    "pmin": (lambda x: rd.pmin(x, "i") + x, S),
    "index": (lambda x: x * rd.axis_index("i"), X),
    "size": (lambda x: x / rd.axis_size("i"), X),
    "gather": (lambda x: rd.all_gather(x, "i") @ x, X),
    "gather numbers": (lambda x: rd.all_gather(x, "i") * x, S),
    "gather last": (lambda x: rd.all_gather(x, "i", axis=-1), X),
    "gather beside itself": (lambda x: np.where(rd.all_gather(x, "i") > x, x, 1.0) - x, S),
    "gather at its place": (lambda x: rd.all_gather(x, "i")[rd.axis_index("i")] - x, X),
    "gather middle": (lambda x: rd.all_gather(x, "i", axis=1), DEEP),
    "gather tiled": (lambda x: rd.all_gather(x, "i", tiled=True), X),
    "gather tiled inside": (lambda x: rd.all_gather(x, "i", axis=1, tiled=True), DEEP),
    "scatter": (lambda x: rd.psum_scatter(x, "i"), SQUARE),
    "scatter along": (lambda x: rd.psum_scatter(x, "i", scatter_dimension=1), DEEP[:, :2, [0, 1, 0]]),
    "scatter tiled": (lambda x: rd.psum_scatter(x, "i", tiled=True), DEEP),
    "permute": (lambda x: x - rd.ppermute(x, "i", [(0, 1), (1, 2), (2, 0)]), X),
    "permute a list": (lambda x: rd.ppermute(x, "i", perm=[(i, (i + 1) % 3) for i in range(3)]), S),
    "exchange": (lambda x: rd.all_to_all(x, "i", 0, 0), SQUARE),
    "exchange to the back": (lambda x: rd.all_to_all(x, "i", 0, 1), DEEP[:, :3]),
    "exchange to the front": (lambda x: rd.all_to_all(x, "i", 1, 0), DEEP[:, :, [0, 1, 0]]),
    "exchange tiled": (lambda x: rd.all_to_all(x, "i", 0, 1, tiled=True), DEEP),
    "exchange tiled, same": (lambda x: rd.all_to_all(x, "i", 0, 0, tiled=True), DEEP),
    "a tree": (lambda x: rd.psum({"a": x, "b": (x[0], 1.0, None)}, "i")["b"][0], X),
    "a list": (lambda x: rd.all_gather([x[0], x], "i", axis=0), X),
}  # fmt: skip


def named(cases):
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())


@named(VALUES)
def test_values(case):
    fun, x = case
    check(fun, x)


SHARED = {
    "psum": lambda w, x: rd.psum(w, "i") + x,
    "pmean": lambda w, x: rd.pmean(w, "i") * x,
    "pmax": lambda w, x: rd.pmax(w, "i") * x,
    "gather": lambda w, x: rd.all_gather(w, "i") * x,
    "gather last": lambda w, x: rd.all_gather(w, "i", axis=1) * x,
    "gather tiled": lambda w, x: rd.all_gather(w, "i", tiled=True) * x,
    "scatter": lambda w, x: rd.psum_scatter(w, "i") * x,
    "permute": lambda w, x: rd.ppermute(w, "i", [(0, 1), (1, 2), (2, 0)]) * x,
}  # fmt: skip


@named(SHARED)
def test_values_that_all_examples_share(case):
    """A sum of `w` is a multiple of it: there is a copy for each example."""
    check(case, np.array([0.5, -1.5, 2.0]), S, in_axes=(None, 0))


def test_an_exchange_of_what_all_examples_share():
    """The shape is the documented one, not that of JAX for values without the axis."""

    def own(w, x):
        return rd.all_to_all(w, "i", 0, 0) * x

    w = np.array([0.5, -1.5, 2.0])
    got = rd.vmap(own, in_axes=(None, 0), axis_name="i")(w, S)
    assert_same(got, jax.vmap(twin(own), axis_name="i")(np.stack([w, w, w]), S))


def test_integers_that_all_examples_share_have_a_mean_of_floats():
    got = rd.vmap(lambda n, x: rd.pmean(n, "i"), in_axes=(None, 0), axis_name="i")(3, S)
    assert got.dtype == float
    np.testing.assert_array_equal(got, np.full(3, 3.0))


def test_a_sum_is_the_same_for_all_examples():
    """It may leave the function without an axis."""
    for fun in (
        lambda x: rd.psum(x, "i"),
        lambda x: rd.all_gather(x, "i", axis=1),
        lambda x: (rd.psum(1, "i"), rd.axis_size("i")),
        lambda x: rd.pmax({"a": x}, "i"),
    ):
        check(fun, X, out_axes=None)
    with pytest.raises(ValueError, match="out_axes is None"):
        rd.vmap(lambda x: x * rd.axis_index("i"), out_axes=None, axis_name="i")(X)


def test_no_argument_with_an_axis():
    check(lambda: rd.axis_index("i") * rd.axis_size("i"), axis_size=4)


def test_an_axis_elsewhere():
    check(lambda x: x - rd.pmean(x, "i"), X, in_axes=1, out_axes=1)


# --- the source


def test_source_is_plain_numpy():
    def normalized(x):
        return (x - rd.pmean(x, "i")) / rd.pmax(x, "i")

    def places(x):
        return x + rd.axis_index("i") * rd.psum(1, "i")

    def all_of_them(x):
        return rd.all_gather(x, "i") @ x

    source = check(normalized, np.abs(X))
    assert "return (x - np.mean(x, axis=0)) / np.max(x, axis=0)" in source
    source = check(places, X)
    assert "batch = len(x)" in source
    assert "return x + (np.arange(batch) * batch)[:, None]" in source
    assert "return x @ x.T" in check(all_of_them, X)


def test_derivatives_are_plain_numpy():
    def spread_of(x):
        return np.sum((x - rd.pmean(x, "i")) ** 2)

    batched = rd.vmap(rd.grad(spread_of), axis_name="i")
    assert_same(batched(X), jax.vmap(jax.grad(twin(spread_of)), axis_name="i")(X))
    assert "np.mean(-t0_bar, axis=0)" in rd.source(batched)


# --- derivatives


LOSSES = {
    "psum": (lambda x: np.sum(np.sin(x) * rd.psum(x**2, "i")), X),
    "psum of a scalar": (lambda x: rd.psum(x**2, "i"), S),
    "psum twice": (lambda x: rd.psum(rd.psum(np.sum(x), "i") * np.sum(x), "i"), X),
    "psum of a constant": (lambda x: np.sum(x**2) * rd.psum(1, "i"), X),
    "pmean": (lambda x: np.sum((x - rd.pmean(x, "i")) ** 2), X),
    "index": (lambda x: np.sum(x**2) * rd.axis_index("i"), X),
    "gather": (lambda x: np.sum(np.sin(rd.all_gather(x, "i")) @ x), X),
    "gather last": (lambda x: np.sum(np.sin(rd.all_gather(x, "i", axis=1)) * x[:, None]), X),
    "gather tiled": (lambda x: np.sum(np.sin(rd.all_gather(x, "i", tiled=True)) * x[0]), X),
    "scatter": (lambda x: np.sin(rd.psum_scatter(x**2, "i")) * x[0], SQUARE),
    "scatter tiled": (lambda x: np.sum(np.sin(rd.psum_scatter(x**2, "i", tiled=True))), DEEP),
    "permute": (lambda x: np.sum(rd.ppermute(np.sin(x), "i", [(0, 1), (1, 2), (2, 0)]) * x), X),
    "permute by a list": (lambda x: np.sum(rd.ppermute(x**2, "i", TURN) * x), X),
    "exchange": (lambda x: np.sum(rd.all_to_all(x**2, "i", 0, 0) * x), SQUARE),
    "exchange to the back": (lambda x: np.sum(np.sin(rd.all_to_all(x, "i", 0, 1)) * x.T), DEEP[:, :3]),
    "exchange tiled": (
        lambda x: np.sum(np.sin(rd.all_to_all(x, "i", 0, 1, tiled=True)) * x[0, 0]), DEEP,
    ),
    "a tree": (lambda x: rd.psum({"a": x[0] ** 2, "b": x}, "i")["a"] * x[1], X),
}  # fmt: skip


@named(LOSSES)
def test_gradients(case):
    """The gradient of an example is that of the sum of all results."""
    fun, x = case
    other = twin(fun)

    def whole(x):
        return jnp.sum(jax.vmap(other, axis_name="i")(x))

    assert_same(rd.vmap(rd.grad(fun), axis_name="i")(x), jax.grad(whole)(x))


@pytest.mark.parametrize(
    "name", ["psum", "psum twice", "pmean", "gather last", "scatter", "permute"]
)
def test_gradients_are_those_of_jax(name):
    fun, x = LOSSES[name]
    got = rd.vmap(rd.grad(fun), axis_name="i")(x)
    assert_same(got, jax.vmap(jax.grad(twin(fun)), axis_name="i")(x))


FEW = ("psum", "gather last", "gather tiled", "scatter", "permute", "exchange")


@pytest.mark.parametrize(
    "case",
    [pytest.param(LOSSES[n], id=n, marks=() if n in FEW else pytest.mark.slow) for n in LOSSES],
)
def test_tangents(case):
    fun, x = case
    other = twin(fun)

    def whole(x):
        return jax.vmap(other, axis_name="i")(x)

    columns = jax.jacfwd(whole)(x)  # by results, then by what moves: all examples move at once
    want = np.sum(columns, axis=np.ndim(whole(x)))
    assert_same(rd.vmap(rd.jacfwd(fun), axis_name="i")(x), want)


@pytest.mark.slow
@named(LOSSES)
def test_gradients_of_batches(case):
    fun, x = case
    other = twin(fun)

    def whole(x):
        return np.sum(np.sin(rd.vmap(fun, axis_name="i")(x)))

    def whole_jax(x):
        return jnp.sum(jnp.sin(jax.vmap(other, axis_name="i")(x)))

    assert_same(rd.grad(whole)(x), jax.grad(whole_jax)(x))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["psum", "gather tiled", "scatter", "permute", "exchange"])
def test_second_derivatives(name):
    fun, x = LOSSES[name]
    other = twin(fun)

    def slope(x):
        return np.sum(np.cos(rd.grad(fun)(x)))

    def slope_jax(x):
        return jnp.sum(jnp.cos(jax.grad(other)(x)))

    got = rd.vmap(rd.grad(slope), axis_name="i")(x)
    assert_same(got, jax.vmap(jax.grad(slope_jax), axis_name="i")(x))


@pytest.mark.parametrize("name", ["pmean", pytest.param("permute", marks=pytest.mark.slow)])
def test_jacobians(name):
    """Of a function of one example: the other examples' values do not move with it."""
    fun, x = LOSSES[name]
    other = twin(fun)
    got = rd.vmap(rd.hessian(fun), axis_name="i")(x)
    assert_same(got, jax.vmap(jax.hessian(other), axis_name="i")(x))


SHARED_LOSSES = {
    "psum": lambda w, x: np.sum(rd.psum(w * x, "i") ** 2),
    "psum of what is shared": lambda w, x: np.sum(x) * np.sum(rd.psum(w**2, "i")),
    "pmean": lambda w, x: np.sum((rd.pmean(w * x, "i") - x) ** 2),
    "gather": lambda w, x: np.sum(rd.all_gather(w * x, "i") @ w),
    "gather what is shared": lambda w, x: np.sum(rd.all_gather(w**2, "i") @ x),
}  # fmt: skip


@named(SHARED_LOSSES)
def test_gradients_by_what_all_examples_share(case):
    w = np.array([0.5, -1.5])
    got = rd.vmap(rd.grad(case, (0, 1)), in_axes=(None, 0), axis_name="i")(w, X)
    assert_same(got, jax.vmap(jax.grad(twin(case), (0, 1)), in_axes=(None, 0), axis_name="i")(w, X))


@pytest.mark.parametrize("extreme", [rd.pmax, rd.pmin])
def test_derivatives_of_extremes(extreme):
    """JAX has none: they are those of the batch's maximum, where the axis is written out."""
    name = extreme.__name__
    rows = np.array([[0.5, 2.0], [1.5, 2.0], [-1.0, 0.5]])  # with a tie

    def fun(x):
        y = rd.pmax(x, "i") if name == "pmax" else rd.pmin(x, "i")
        return np.sum(np.sin(y) * x)

    def whole(x):
        y = np.max(x, axis=0) if name == "pmax" else np.min(x, axis=0)
        return np.sum(np.sin(y) * x)

    np.testing.assert_allclose(rd.vmap(rd.grad(fun), axis_name="i")(rows), rd.grad(whole)(rows))
    dots = np.cos(rows)
    _, got = rd.jvp(lambda x: np.sum(rd.vmap(fun, axis_name="i")(x)), (rows,), (dots,))
    np.testing.assert_allclose(got, rd.jvp(whole, (rows,), (dots,))[1])
    along = rd.vmap(rd.jacfwd(fun), axis_name="i")(rows)
    assert along.shape == rows.shape


# --- several axes


GRID = np.sin(np.arange(24.0)).reshape(3, 4, 2)
TWO = {
    "both": lambda x: x - rd.psum(x, ("i", "j")),
    "inner": lambda x: x / (1 + rd.pmean(x, "j") ** 2),
    "outer": lambda x: x / (1 + rd.pmean(x, "i") ** 2),
    "one after the other": lambda x: rd.pmean(rd.psum(np.sin(x), "i"), "j") * x,
    "extreme of both": lambda x: x - rd.pmin(x, ("j", "i")),
    "mean of both": lambda x: x - rd.pmean(x, ("j", "i")),
    "index": lambda x: x * rd.axis_index("i") + rd.axis_index("j"),
    "index of both": lambda x: x * rd.axis_index(("i", "j")) + rd.axis_size(("j", "i")),
    "a constant": lambda x: x * rd.psum(1, ("i", "j")) + rd.psum(2.0, "i"),
    "gather over the outer": lambda x: rd.all_gather(x, "i") @ x,
    "gather last": lambda x: rd.all_gather(x, "i", axis=-1),
    "gather over both": lambda x: rd.all_gather(rd.all_gather(x, "i"), "j", axis=2),
    "gather tiled": lambda x: rd.all_gather(x, "i", tiled=True),
    "permute": lambda x: rd.ppermute(x, "i", [(0, 2), (1, 0), (2, 1)]) - x,
    "scatter": lambda x: rd.psum_scatter(np.concatenate([x, x, x]), "i", tiled=True),
    "exchange": lambda x: rd.all_to_all(np.stack([x, x**2, -x]), "i", 0, 1),
    "a tree": lambda x: rd.psum((x, {"a": x[0]}), "i")[1]["a"] * x,
}  # fmt: skip


@named(TWO)
def test_nested_batches(case):
    got = rd.vmap(rd.vmap(case, axis_name="j"), axis_name="i")(GRID)
    assert_same(got, jax.vmap(jax.vmap(twin(case), axis_name="j"), axis_name="i")(GRID))


@pytest.mark.slow
@named({name: TWO[name] for name in TWO if "extreme" not in name and "tree" not in name})
def test_nested_batches_of_gradients(case):
    """JAX differentiates the whole batch: it refuses some of the cases one by one."""
    other = twin(case)

    def whole(x):
        return jnp.sum(jnp.sin(jax.vmap(jax.vmap(other, axis_name="j"), axis_name="i")(x)))

    got = rd.vmap(rd.vmap(rd.grad(lambda x: np.sum(np.sin(case(x)))), axis_name="j"), axis_name="i")
    assert_same(got(GRID), jax.grad(whole)(GRID))


MIXED = {
    "shared by the inner": ((None, 0), (0, 0), lambda w, x: rd.psum(w, "i") * x + rd.psum(w, "j")),
    "shared by the outer": ((0, 0), (None, 0), lambda w, x: rd.psum(w, "i") * x + rd.psum(w, "j")),
    "index of the other": ((None, 0), (0, 0), lambda w, x: w[rd.axis_index("j") % 2] * x),
}  # fmt: skip


@named(MIXED)
def test_nested_batches_that_share(case):
    inner, outer, fun = case
    w = {(None, 0): X, (0, 0): np.sin(np.arange(8.0)).reshape(4, 2)}[inner]
    got = rd.vmap(rd.vmap(fun, inner, axis_name="j"), outer, axis_name="i")(w, GRID)
    want = jax.vmap(jax.vmap(twin(fun), inner, axis_name="j"), outer, axis_name="i")(w, GRID)
    assert_same(got, want)


def test_a_batch_without_a_name_inside_and_outside():
    def fun(x):
        return x - rd.pmean(x, "i") + rd.all_gather(x, "i", axis=1)[:, 0]

    for names in ((None, "i"), ("i", None)):
        got = rd.vmap(rd.vmap(fun, axis_name=names[0]), axis_name=names[1])(GRID)
        want = jax.vmap(jax.vmap(twin(fun), axis_name=names[0]), axis_name=names[1])(GRID)
        assert_same(got, want)


def test_the_inner_of_two_axes_of_one_name():
    def fun(x):
        return rd.psum(x, "i")

    got = rd.vmap(rd.vmap(fun, axis_name="i"), axis_name="i")(GRID)
    assert_same(got, jax.vmap(jax.vmap(twin(fun), axis_name="i"), axis_name="i")(GRID))


def test_a_batch_within_the_function():
    def inner(y, x):
        return rd.psum(y * x, "j") + rd.psum(y, "i")

    def fun(x):
        return np.sum(rd.vmap(inner, in_axes=(0, None), axis_name="j")(np.sin(x), x))

    def slope(x):
        return rd.grad(fun)(x)

    check(fun, X)
    check(slope, X)


# --- the program around


def centred(x):
    return x - rd.pmean(x, "i")


def centred_along(x, name):
    return x - rd.pmean(x, axis_name=name)


def place():
    return rd.axis_index("i")


def weight(w):
    return np.sum(w) * rd.axis_size("i")


def total_of(x, names=("i",)):
    return rd.psum(x, names)


def depth(x, n):
    return x if n == 0 else rd.psum(depth(x, n - 1), "i") / 3


AXIS = "i"


def in_functions(x):
    return centred(x) + centred_along(x, "i") + centred_along(x, AXIS)


def in_functions_without_batched_arguments(x):
    return x * place() + weight(np.ones(2))


def in_nested_functions(x):
    def scaled(y):
        return y / rd.psum(y, "i")

    first = lambda: rd.axis_index("i")  # noqa: E731
    return scaled(np.exp(x)) + first()


def in_a_recursion(x):
    return depth(x, 2) + x


def in_a_shared_branch(x, n=2):
    if n > 1:
        x = x - rd.pmean(x, "i")
        x = np.sin(x)
    else:
        x = rd.psum(x, "i")
    return x


def in_a_shared_loop(x):
    for k in range(3):
        x = np.sin(x - rd.pmean(x, "i")) * (k + 1)
    return x


def in_a_loop_on_a_sum(x):
    while rd.psum(np.sum(x**2), "i") > 0.1:
        x = x * 0.5
    return x


def in_a_branch_on_a_sum(x):
    if rd.psum(np.sum(x), "i") > 0:
        return x - rd.pmean(x, "i")
    return x


def before_a_branch(x):
    mean = rd.pmean(np.sum(x), "i")
    if np.sum(x) > mean:
        return x * 2
    return x - mean


def in_a_comprehension(x):
    return np.stack([rd.psum(x * k, "i") for k in range(3)])


def of_a_growing_list(x):
    rows = []
    for k in range(3):
        rows.append(x * k)
    return np.stack(rd.psum(rows, "i")) * x


def of_names(x):
    return total_of(x) + total_of(x, ("i",))


PROGRAMS = [
    in_functions, in_functions_without_batched_arguments, in_nested_functions, in_a_shared_branch,
    in_a_shared_loop, in_a_comprehension, of_names, in_a_recursion, of_a_growing_list,
]  # fmt: skip
BRANCHING = [in_a_loop_on_a_sum, in_a_branch_on_a_sum, before_a_branch]


@pytest.mark.parametrize("fun", PROGRAMS, ids=lambda f: f.__name__)
def test_programs(fun):
    check(fun, X)


@pytest.mark.slow
@pytest.mark.parametrize("fun", PROGRAMS[:7], ids=lambda f: f.__name__)
def test_gradients_of_programs(fun):
    def loss(x):
        return np.sum(np.cos(fun(x)))

    got = rd.vmap(rd.grad(loss), axis_name="i")(X)
    assert_same(got, jax.vmap(jax.grad(twin(loss)), axis_name="i")(X))


def step(w, x):
    """A training step: gradients of a function that is defined here, averaged over the axis."""

    def loss(w):
        return np.sum((x * w - 1.0) ** 2)

    value, gradient = rd.value_and_grad(loss)(w)
    return w - 0.1 * rd.pmean(gradient, "i"), rd.pmean(value, "i")


def derivatives_within(w, x):
    """Of functions that use the axis, also where no batched value comes in."""
    shared = rd.grad(lambda w: np.sum(rd.psum(w**2, "i")))(w)
    value, along = rd.jvp(lambda x: x * rd.psum(np.sin(x), "i"), (x,), (w,))
    return shared + value + along


def pullback_within(w, x):
    value, pull = rd.vjp(lambda x: x * rd.psum(np.sin(x), "i"), x)
    return value + pull(w)[0]


@pytest.mark.parametrize("fun", [step, derivatives_within, pullback_within])
def test_derivatives_within(fun):
    check(fun, np.array([0.5, -1.5]), X, in_axes=(None, 0))


# --- where only some examples come by


def in_a_branch(x, w):
    if x > 1:
        return rd.psum(x, "i")
    return x


def after_an_early_exit(x, w):
    if x > 1:
        return x
    return rd.pmean(w, "i")


def in_a_loop(x, w):
    while x < 5:
        x = x + 1 + rd.pmean(x, "i")
    return x


def in_the_condition_of_a_loop(x, w):
    while x < rd.psum(w, "i"):
        x = x + 1
    return x


def after_a_break(x, w):
    for k in range(3):
        if x > k:
            break
        x = x + rd.psum(w, "i")
    return x


def mean_of(w):
    return rd.pmean(w, "i")


def in_a_function_in_a_branch(x, w):
    y = x
    if x > 1:
        y = mean_of(w)
    return y


def in_a_conditional_expression(x, w):
    return mean_of(w) if x > 1 else x


def behind_and(x, w):
    if x > 1 and mean_of(w) > 2:
        x = x + 1
    return x


def behind_a_comparison(x, w):
    return np.where(0 < x < mean_of(w), x, 0.0)


def in_a_nested_function_behind_or(x, w):
    def mean():
        return rd.pmean(w, "i")

    if x > 1 or mean() > 2:
        x = x + 1
    return x


FOR_SOME = [
    in_a_branch, after_an_early_exit, in_a_loop, in_the_condition_of_a_loop, after_a_break,
    in_a_function_in_a_branch, in_a_conditional_expression, behind_and, behind_a_comparison,
    in_a_nested_function_behind_or,
]  # fmt: skip


@pytest.mark.parametrize("fun", FOR_SOME, ids=lambda f: f.__name__)
@pytest.mark.parametrize("of_inner", [True, False], ids=["own axis", "axis around"])
def test_refused_for_some_examples(fun, of_inner):
    """Also if the axis is another one: along it, too, only some examples would come by."""
    with pytest.raises(rd.TransformError, match=r"a collective (under|in) a.*condition") as error:
        if of_inner:
            rd.vmap(fun, in_axes=(0, None), axis_name="i")(S, 2.0)
        else:
            rd.vmap(rd.vmap(fun, in_axes=(0, None), axis_name="j"), axis_name="i")(X, S)
    assert "rd." in error.value.text or "_of(" in error.value.text or "mean()" in error.value.text
    assert error.value.hint.startswith("call it before")


@pytest.mark.parametrize("fun", BRANCHING, ids=lambda f: f.__name__)
def test_conditions_that_all_examples_share(fun):
    """A sum is the same for all; a branch of one example may use it."""
    batch = rd.vmap(fun, axis_name="i")
    size = len(X)
    means = X.mean(axis=0) if fun is in_a_branch_on_a_sum else None
    if fun is in_a_loop_on_a_sum:
        want = X.copy()
        while np.sum(want**2) > 0.1:
            want = want * 0.5
    elif fun is in_a_branch_on_a_sum:
        want = X - means if np.sum(X) > 0 else X
    else:
        mean = np.sum(X) / size
        want = np.where((X.sum(axis=1) > mean)[:, None], X * 2, X - mean)
    np.testing.assert_allclose(batch(X), want)


def index_in_a_branch(x):
    if x > 1:
        x = x * rd.axis_index("i") + rd.axis_size("i") + rd.psum(1, "i")
    return x


def test_what_needs_no_other_example_may_stand_in_a_branch():
    np.testing.assert_array_equal(rd.vmap(index_in_a_branch, axis_name="i")(S), [1.0, 8.0, 14.0])


# --- changes in place


def first_of_all_changed(x):
    rows = rd.all_gather(x, "i")
    rows[0] = 5.0
    return np.sum(rows) * x


def all_increased(x):
    rows = rd.all_gather(x, "i")
    rows += 5.0
    return np.sum(rows) * x


def cleared(rows):
    rows[:] = 0.0


def all_changed_by_a_function(x):
    rows = rd.all_gather(x, "i")
    cleared(rows)
    return np.sum(rows) + x


@pytest.mark.parametrize(
    ("fun", "want"),
    [(first_of_all_changed, 11 * S), (all_increased, 22 * S), (all_changed_by_a_function, S)],
)
def test_what_was_gathered_is_a_new_array(fun, want):
    x = S.copy()
    np.testing.assert_allclose(rd.vmap(fun, axis_name="i")(x), want)
    np.testing.assert_array_equal(x, S)


def test_what_was_gathered_does_not_see_changes():
    def fun(x):
        rows = rd.all_gather(x, "i")
        x[0] = 9.0
        return rows[0, 0] * x

    want = X.copy()
    want[:, 0] = 9.0
    np.testing.assert_allclose(rd.vmap(fun, axis_name="i")(X.copy()), want * X[0, 0])


def test_an_extreme_of_what_all_share_is_a_new_array():
    def fun(x, w):
        largest = rd.pmax(w, "i")
        largest[0] = 7.0
        return largest[0] * x + w[0]

    w = np.ones(2)
    np.testing.assert_allclose(rd.vmap(fun, (0, None), axis_name="i")(S, w), 7 * S + 1)
    np.testing.assert_array_equal(w, np.ones(2))


# --- errors


def test_unbound_names():
    """Outside of every transformation, under another name, in derivatives, under `jit`."""

    def normalized(x):
        return x / rd.psum(x, "i")

    def loss(x):
        return np.sum(normalized(x))

    calls = (
        lambda: rd.psum(1, "i"),
        lambda: rd.axis_index("i"),
        lambda: rd.all_gather(S, axis_name="i"),
        lambda: normalized(S),
        lambda: rd.vmap(normalized)(X),
        lambda: rd.vmap(normalized, axis_name="j")(X),
        lambda: rd.grad(loss)(S),
        lambda: rd.vmap(rd.grad(loss))(X),
        lambda: rd.vmap_by_loop(normalized)(X),
    )
    for call in calls:
        with pytest.raises(
            NameError, match=r"unbound axis name: i .*test_collectives\.py:"
        ) as error:
            call()
        assert "rd.vmap" in error.value.__notes__[0]
    with pytest.raises(NameError, match="unbound axis name: i, j"):
        rd.psum(S, ("i", "j"))


@pytest.mark.parametrize("jit", [lambda f: rd.jit(f), lambda f: rd.jit(rd.vmap(f))])
def test_unbound_names_under_jit(jit):
    def normalized(x):
        return x / rd.psum(x, "i") + rd.axis_size("i")

    with pytest.raises(NameError, match=r"unbound axis name: i .*test_collectives\.py:"):
        jit(normalized)(X)


def repeated_source(x):
    return rd.ppermute(x, "i", [(0, 1), (0, 2)])


def repeated_destination(x):
    return rd.ppermute(x, "i", [(0, 1), (2, 1)])


def no_such_example(x):
    return rd.ppermute(x, "i", [(0, 1), (1, 3)])


def wrong_size(x):
    return rd.all_to_all(x, "i", 0, 0)


def wrong_chunks(x):
    return rd.all_to_all(x, "i", 0, 0, tiled=True)


def wrong_parts(x):
    return rd.psum_scatter(x, "i")


def wrong_tiles(x):
    return rd.psum_scatter(x, "i", tiled=True)


@pytest.mark.parametrize(
    ("fun", "error", "message"),
    [
        (repeated_source, ValueError, "sources and destinations must be unique"),
        (repeated_destination, ValueError, "sources and destinations must be unique"),
        (no_such_example, IndexError, "out of bounds for an axis of size 3"),
        (wrong_size, ValueError, "they are 3 and 2 respectively"),
        (wrong_chunks, ValueError, r"split_axis \(2\) has to be divisible"),
        (wrong_parts, ValueError, "size 2 must match the size 3"),
        (wrong_tiles, ValueError, "size 2 must be divisible by the size 3"),
    ],
)
def test_arguments_that_do_not_fit(fun, error, message):
    with pytest.raises(error, match=message):
        rd.vmap(fun, axis_name="i")(X)


def test_no_value_comes_from_nowhere():
    """An example that receives nothing has zeros, and its cotangent goes nowhere."""

    def shifted(x):
        return rd.ppermute(x, "i", [(0, 1), (1, 2)])

    np.testing.assert_array_equal(rd.vmap(shifted, axis_name="i")(S), [0.0, 1.0, 2.0])
    got = rd.vmap(rd.grad(lambda x: x * shifted(x)), axis_name="i")(S)
    np.testing.assert_array_equal(got, [2.0, 5.0, 2.0])


def groups(x):
    return rd.psum(x, "i", axis_index_groups=[[0, 1], [2]])  #! `axis_index_groups` is not supported


def unknown_name(x):
    return rd.psum(x, "ijk"[0:1])  #! the name of the axis is not known


def twice(x):
    return rd.psum(x, ("i", "i"))  #! duplicate value


def gathered_over_two(x):
    return rd.all_gather(x, ("i", "j"))  #! over several axes is not supported


def without_permutation(x):
    return rd.ppermute(x, "i")  #! `perm` is missing


def batched_permutation(x):
    return rd.ppermute(x, "i", x)  #! a batched `perm`


def unknown_axis(x):
    return rd.all_gather(x, "i", axis=len(x))  #! `axis` must be a number in the program


@pytest.mark.parametrize(
    "fun",
    [
        unknown_axis,
        groups,
        unknown_name,
        twice,
        gathered_over_two,
        without_permutation,
        batched_permutation,
    ],
    ids=lambda f: f.__name__,
)
def test_refused_arguments(fun):
    with pytest.raises(rd.TransformError) as error:
        rd.vmap(fun, axis_name="i")(X)
    code, _, message = error.value.text.partition("  #! ")
    assert message.strip() in error.value.msg and code.strip().startswith("return")


def test_names_are_strings():
    with pytest.raises(TypeError, match="axis_name must be a string"):
        rd.vmap(lambda x: x, axis_name=0)


def test_a_name_may_be_an_argument():
    def total(x, name):
        return rd.psum(x, name)

    got = rd.vmap(total, in_axes=(0, None), axis_name="i")
    np.testing.assert_array_equal(got(S, "i"), np.full(3, 7.0))
    with pytest.raises(NameError, match="unbound axis name: j"):
        got(S, "j")


# --- under jit


COMPILED = ["psum", "gather tiled", "scatter", "permute", "exchange tiled"]


@pytest.mark.parametrize("name", COMPILED)
def test_jit(name):
    fun, x = LOSSES[name]
    batched = rd.vmap(rd.value_and_grad(fun), axis_name="i")
    for got, want in zip(rd.jit(batched)(x), batched(x), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-10)
        assert got.dtype == want.dtype


def test_jit_inside():
    def normalized(x):
        return x - rd.pmean(x, "i")

    got = rd.vmap(rd.jit(normalized), axis_name="i")(X)
    np.testing.assert_allclose(got, X - X.mean(axis=0))
