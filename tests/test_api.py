"""The public functions have JAX's arguments, semantics and structure of results."""

import dataclasses
import functools
import inspect
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest
from oracle import assert_close, in_jax, jax_modules, tree_map

import redraft as rd

X = np.array([0.3, -0.7, 1.2])
Y = np.array([0.9, 0.4, -0.5])
W = np.array([[1.5, 0.2, -0.3], [0.1, 1.2, 0.4]])


def loss(w, x, scale=2.0, *, power=2):
    """Return a loss.

    With a docstring of several lines.
    """
    return np.sum(np.tanh(w @ x) ** power) * scale


def pair(x, s):
    return np.sum(x * x) * s, {"sin": np.sin(x), "s": s}


def tree_loss(params, x):
    total = 0.0
    for w, b in params["layers"]:
        total = total + np.sum(np.tanh(w * x + b))
    return total * params["scale"][0]


PARAMS = {"layers": [(X, 0.5), (Y, 1.5)], "scale": (2.0,)}


def through_jax(transform, function, *args, call=None, **options):
    """Return what JAX's transformation of the same name gives, with NumPy arrays."""
    jax, jnp = jax_modules()
    made = getattr(jax, transform)(in_jax(function), **options)
    result = made(*tree_map(jnp.asarray, args), **(call or {}))
    return jax.tree_util.tree_map(np.asarray, result)


def same_as_jax(transform, function, *args, call=None, **options):
    """Check that redraft and JAX agree in numbers and structure; return redraft's result."""
    got = getattr(rd, transform)(function, **options)(*args, **(call or {}))
    want = through_jax(transform, function, *args, call=call, **options)
    assert_close(got, want, transform, rtol=1e-9, atol=1e-11)
    return got


# Signatures ------------------------------------------------------------------------------------


def parameters(function, leave_out=()):
    found = inspect.signature(function).parameters.values()
    return [(p.name, p.default, p.kind) for p in found if p.name not in leave_out]


@pytest.mark.parametrize("name", ["grad", "value_and_grad"])
def test_signature_of_grad(name):
    jax, _ = jax_modules()
    ours, theirs = parameters(getattr(rd, name)), parameters(getattr(jax, name))
    names = [n for n, _, _ in ours]
    assert names == ["fun", "argnums", "has_aux", "holomorphic", "allow_int", "reduce_axes"]
    defaults = {n: d for n, d, _ in theirs}
    assert all(defaults.get(n, d) == d for n, d, _ in ours)


def test_signature_of_jvp_and_vjp():
    assert [n for n, _, _ in parameters(rd.jvp)][:4] == ["fun", "primals", "tangents", "has_aux"]
    kinds = {n: kind for n, _, kind in parameters(rd.vjp)}
    assert kinds["primals"] is inspect.Parameter.VAR_POSITIONAL
    assert kinds["has_aux"] is inspect.Parameter.KEYWORD_ONLY


def test_reduce_axes_is_accepted_when_empty():
    assert rd.grad(lambda x: x * x, reduce_axes=())(3.0) == 6.0


# argnums ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("argnums", [0, 1, 2, (0,), (1,), (0, 1), (1, 0), (2, 0, 1)], ids=repr)
@pytest.mark.parametrize("transform", ["grad", "value_and_grad"])
def test_argnums(transform, argnums):
    same_as_jax(transform, loss, W, X, 1.5, argnums=argnums)


@pytest.mark.parametrize("argnums", [-1, -3, (0, -1), (-1, 1)], ids=repr)
def test_negative_argnums(argnums):
    """Negative positions count from the end of the positional arguments of the call."""
    same_as_jax("grad", loss, W, X, 1.5, argnums=argnums)


def test_negative_argnums_count_the_arguments_of_the_call():
    got = rd.grad(loss, argnums=-1)(W, X)
    assert_close(got, rd.grad(loss, argnums=1)(W, X), "last argument that is passed")


@pytest.mark.parametrize(
    ("argnames", "argnums"),
    [("w", 0), ("x", 1), ("scale", 2), (("x", "w"), (1, 0)), (("w", 1), (0, 1)), (("x",), (1,))],
    ids=repr,
)
def test_argnums_by_name(argnames, argnums):
    got = rd.grad(loss, argnums=argnames)(W, X, 1.5)
    assert_close(got, rd.grad(loss, argnums=argnums)(W, X, 1.5), "by name")


def test_argnums_by_name_reaches_keyword_arguments():
    """A name finds its argument however it is passed: by position, keyword, or default."""
    want = rd.grad(loss, argnums=(1, 2))(W, X, 1.5)
    assert_close(rd.grad(loss, argnums=("x", "scale"))(W, X, scale=1.5), want, "keyword")
    assert_close(rd.grad(loss, argnums=("x", "scale"))(W, x=X, scale=1.5), want, "keywords")
    assert_close(rd.grad(loss, argnums="x")(scale=1.5, x=X, w=W), want[0], "all keywords")


def test_argnums_list_is_treated_as_jax_does():
    got = rd.grad(loss, argnums=[0, 1])(W, X, 1.5)
    assert_close(list(got), list(rd.grad(loss, argnums=(0, 1))(W, X, 1.5)), "list of argnums")


def test_numpy_integer_as_argnums():
    got = rd.grad(loss, argnums=np.int64(1))(W, X, 1.5)
    assert_close(got, rd.grad(loss, 1)(W, X, 1.5), "np.int64")


def test_tuple_of_one_gives_a_tuple_of_one():
    got = rd.grad(loss, argnums=(1,))(W, X)
    assert isinstance(got, tuple)
    assert len(got) == 1


def test_same_array_in_two_places():
    """One array passed twice has one gradient per place."""
    a, b = rd.grad(lambda x, y: np.sum(x * y * y), argnums=(0, 1))(X, X)
    assert_close((a, b), (X * X, 2 * X * X), "one array twice")


def test_arguments_that_are_not_differentiated_may_be_anything():
    def f(x, name, options, n, g):
        return np.sum(g(x)) * n if name == "a" and options["b"] is None else 0.0

    got = rd.grad(f)(X, "a", {"b": None, 1: object()}, 3, np.sin)
    assert_close(got, 3 * np.cos(X), "static arguments")


# Keywords --------------------------------------------------------------------------------------


def test_keywords_are_passed_through():
    same_as_jax("grad", loss, W, X, call={"scale": 3.0, "power": 3})
    same_as_jax("value_and_grad", loss, W, X, call={"power": 3}, argnums=(0, 1))


def test_defaults_are_used():
    assert_close(rd.grad(loss)(W, X), rd.grad(loss)(W, X, 2.0, power=2), "defaults")


def test_keyword_value_may_be_a_tree():
    def f(x, *, options):
        return np.sum(x * options["w"]) * options["s"][0]

    assert_close(rd.grad(f)(X, options={"w": Y, "s": [2.0]}), 2 * Y, "tree of keywords")


def test_mutable_default_is_the_functions_own():
    calls = []

    def f(x, seen=calls):
        seen.append(1)
        return x * x

    assert rd.grad(f)(3.0) == 6.0
    assert rd.grad(f)(3.0) == 6.0
    assert calls == [1, 1]


# value_and_grad and has_aux --------------------------------------------------------------------


def test_value_and_grad():
    value, grad = same_as_jax("value_and_grad", loss, W, X)
    assert value == pytest.approx(loss(W, X), rel=1e-14)
    assert_close(grad, rd.grad(loss)(W, X), "grad of value_and_grad", rtol=1e-14)
    result = rd.value_and_grad(loss)(W, X)
    assert isinstance(result, tuple)
    assert len(result) == 2


@pytest.mark.parametrize("argnums", [0, (0, 1), (1,)], ids=repr)
@pytest.mark.parametrize("transform", ["grad", "value_and_grad"])
def test_has_aux(transform, argnums):
    same_as_jax(transform, pair, X, 1.5, argnums=argnums, has_aux=True)


def test_aux_is_what_the_function_returned():
    """The auxiliary output is not touched: strings, objects and integers come through."""
    token = object()

    def f(x):
        y = np.sin(x)
        return np.sum(y), ("text", 3, token, y, [None])

    grad, aux = rd.grad(f, has_aux=True)(X)
    assert_close(grad, np.cos(X), "grad beside aux")
    assert aux[:2] == ("text", 3)
    assert aux[2] is token
    assert aux[4] == [None]
    assert_close(aux[3], np.sin(X), "aux", rtol=1e-14)
    (value, aux), grad = rd.value_and_grad(f, has_aux=True)(X)
    assert value == pytest.approx(np.sum(np.sin(X)))
    assert aux[2] is token


def test_aux_may_depend_on_a_branch():
    def f(x):
        if x > 0:
            return x * x, "positive"
        return -x, "negative"

    assert rd.grad(f, has_aux=True)(2.0) == (4.0, "positive")
    assert rd.grad(f, has_aux=True)(-2.0) == (-1.0, "negative")


# jvp -------------------------------------------------------------------------------------------


def test_jvp_against_jax():
    jax, jnp = jax_modules()
    v = np.full_like(W, 0.5)
    got = rd.jvp(loss, (W, X), (v, Y))
    want = jax.jvp(in_jax(loss), (jnp.asarray(W), jnp.asarray(X)), (v, Y))
    assert isinstance(got, tuple)
    assert_close(got, jax.tree_util.tree_map(np.asarray, want), "jvp", rtol=1e-10)


def test_jvp_takes_lists():
    assert rd.jvp(lambda x, y: x * y, [2.0, 3.0], [1.0, 0.5]) == (6.0, 4.0)


def test_jvp_of_trees():
    direction = {"layers": [(Y, 1.0), (X, 0.5)], "scale": (1.0,)}
    y, y_dot = rd.jvp(tree_loss, (PARAMS, X), (direction, Y))
    g, gx = rd.grad(tree_loss, (0, 1))(PARAMS, X)
    want = np.sum(gx * Y) + g["scale"][0] + g["layers"][0][1] + 0.5 * g["layers"][1][1]
    want += np.sum(g["layers"][0][0] * Y) + np.sum(g["layers"][1][0] * X)
    assert y_dot == pytest.approx(want)
    assert y == pytest.approx(tree_loss(PARAMS, X))


def test_jvp_has_aux():
    jax, jnp = jax_modules()
    got = rd.jvp(pair, (X, 1.5), (Y, 0.5), has_aux=True)
    want = jax.jvp(in_jax(pair), (jnp.asarray(X), 1.5), (jnp.asarray(Y), 0.5), has_aux=True)
    assert len(got) == 3
    assert_close(got, jax.tree_util.tree_map(np.asarray, want), "jvp with aux", rtol=1e-10)


def test_jvp_of_constant_result_is_zero():
    y, y_dot = rd.jvp(lambda x: (np.ones(2), 3.0, x), (X,), (Y,))
    assert_close(y_dot, (np.zeros(2), 0.0, Y), "tangent of constants")
    assert_close(y, (np.ones(2), 3.0, X), "value")


def test_jvp_result_does_not_share_memory_with_tangents():
    """Writing into a result changes neither primals nor tangents of the caller."""
    x, v = X.copy(), Y.copy()
    _, y_dot = rd.jvp(lambda a: a * 1.0, (x,), (v,))
    y_dot += 1.0
    assert_close((x, v), (X, Y), "the caller's arrays")


def test_jvp_of_a_partial_function():
    f = functools.partial(loss, W)
    _, y_dot = rd.jvp(f, (X,), (Y,))
    assert y_dot == pytest.approx(np.sum(rd.grad(loss, 1)(W, X) * Y))


# vjp -------------------------------------------------------------------------------------------


def test_vjp_against_jax():
    jax, jnp = jax_modules()

    def f(w, x):
        return {"a": w @ x, "b": (np.sum(x),)}

    bar = {"a": np.array([0.5, 2.0]), "b": (1.5,)}
    y, pullback = rd.vjp(f, W, X)
    want_y, want = jax.vjp(in_jax_closure(f), jnp.asarray(W), jnp.asarray(X))
    assert_close(y, jax.tree_util.tree_map(np.asarray, want_y), "value")
    got = pullback(bar)
    assert isinstance(got, tuple)
    assert_close(got, jax.tree_util.tree_map(np.asarray, want(tree_map(jnp.asarray, bar))), "vjp")


def in_jax_closure(function):
    return in_jax(function)


def test_vjp_has_aux():
    y, pullback, aux = rd.vjp(pair, X, 1.5, has_aux=True)
    assert y == pytest.approx(np.sum(X * X) * 1.5)
    assert_close(pullback(2.0), (6.0 * X, 2.0 * np.sum(X * X)), "vjp with aux")
    assert_close(aux["sin"], np.sin(X), "aux")


def test_pullback_may_be_called_often_and_out_of_order():
    """Residuals are not used up, and calls of two pullbacks do not mix."""

    def f(x):
        for _ in range(3):
            x = np.sin(x) * 2.0
        return x

    _, first = rd.vjp(f, X)
    _, second = rd.vjp(f, Y)
    want = [first(np.ones(3))[0], second(np.ones(3))[0]]
    assert_close(second(np.ones(3))[0], want[1], "second", rtol=0, atol=0)
    assert_close(first(np.ones(3))[0], want[0], "first", rtol=0, atol=0)
    assert_close(first(2 * np.ones(3))[0], 2 * want[0], "twice")


def test_pullback_does_not_change_its_cotangent():
    bar = np.ones(3)
    _, pullback = rd.vjp(lambda x: x * 1.0, X)
    (x_bar,) = pullback(bar)
    x_bar += 1.0
    assert_close(bar, np.ones(3), "the caller's cotangent", rtol=0, atol=0)
    assert_close(pullback(bar)[0], np.ones(3), "second call", rtol=0, atol=0)


def test_pullback_remembers_the_point():
    """The pullback belongs to the point at which it was made, even if the array changes."""
    x = X.copy()
    _, pullback = rd.vjp(lambda v: np.sum(v * v * v), x * 1.0)
    x[:] = 0.0
    assert_close(pullback(1.0)[0], 3 * X * X, "pullback after a change elsewhere")


def test_vjp_without_arguments():
    y, pullback = rd.vjp(lambda: 3.0)
    assert y == 3.0
    assert pullback(1.0) == ()


def test_gradients_do_not_share_memory():
    """Writing into one gradient changes no other gradient and no argument."""
    x, y = X.copy(), Y.copy()
    gx, gy = rd.grad(lambda a, b: np.sum(a + b), argnums=(0, 1))(x, y)
    gx += 5.0
    assert_close(gy, np.ones(3), "gradient with respect to b")
    assert_close((x, y), (X, Y), "arguments")
    g = rd.grad(lambda a: np.sum(a["p"] + a["q"]))({"p": x, "q": y})
    g["p"] *= 2.0
    assert_close(g["q"], np.ones(3), "gradient with respect to q")


def test_gradient_does_not_share_memory_with_data():
    data = Y.copy()
    g = rd.grad(lambda a: np.sum(a * data))(X)
    g += 1.0
    assert_close(data, Y, "captured data")
    g = rd.grad(lambda a: np.dot(a, data))(X)
    g[0] = 100.0
    assert_close(data, Y, "captured data")


# Structures ------------------------------------------------------------------------------------


class Point(NamedTuple):
    x: float
    y: np.ndarray


@dataclasses.dataclass
class Model:
    w: np.ndarray
    points: list


def test_gradient_has_the_structure_of_the_argument():
    g = same_as_jax("grad", tree_loss, PARAMS, X)
    assert isinstance(g["layers"], list)
    assert isinstance(g["layers"][0], tuple)
    assert isinstance(g["scale"], tuple)


def test_gradient_of_unused_leaves_is_zero():
    g = rd.grad(lambda p: np.sum(p["a"]))({"a": X, "b": Y, "c": [1.5, {"d": W}], "e": ()})
    want = {"a": np.ones(3), "b": np.zeros(3), "c": [0.0, {"d": np.zeros_like(W)}], "e": ()}
    assert_close(g, want, "unused leaves")


def test_gradient_of_namedtuple():
    def f(p):
        return p.x * np.sum(p.y)

    g = same_as_jax("grad", f, Point(0.5, X))
    assert type(g) is Point


def test_gradient_of_dataclass():
    g = rd.grad(lambda m: np.sum(m.w) * m.points[0])(Model(X, [0.5, 2.0]))
    assert type(g) is Model
    assert_close(g.w, np.full(3, 0.5), "w")
    assert_close(g.points, [np.sum(X), 0.0], "points")


@dataclasses.dataclass
class NamedModel:
    w: np.ndarray
    name: str = "model"


def test_text_in_a_tree_is_refused_by_name():
    """What is no number has no gradient: the error names the parameter (JAX: TypeError)."""
    with pytest.raises(TypeError, match="str") as caught:
        rd.grad(lambda model: np.sum(model.w))(NamedModel(X))
    assert "model" in str(caught.value)


def test_none_in_a_tree_is_an_empty_subtree():
    g = rd.grad(lambda p: np.sum(p[0]) if p[1] is None else 0.0)([X, None, (None,)])
    assert_close(g[0], np.ones(3), "leaf beside None")
    assert g[1] is None
    assert g[2] == (None,)


def test_dict_keys_of_any_type():
    p = {1: X, (2, "b"): 0.5}
    g = rd.grad(lambda q: np.sum(q[1]) * q[2, "b"])(p)
    assert_close(g, {1: np.full(3, 0.5), (2, "b"): np.sum(X)}, "keys")


def test_empty_containers():
    assert rd.grad(lambda a, b: b * b, argnums=(0, 1))((), 3.0) == ((), 6.0)
    g = rd.grad(lambda a: np.sum(a))(np.zeros((0, 3)))
    assert g.shape == (0, 3)


# Types of numbers ------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtype_of_array_gradient(dtype):
    def f(x):
        y = np.sin(x) * 2.0 + x.mean() - np.array(1.5, dtype=np.float64)
        return np.sum(y * y)

    g = rd.grad(f)(X.astype(dtype))
    assert g.dtype == dtype
    assert isinstance(g, np.ndarray)


def test_dtype_with_mixed_arguments():
    """Each gradient has the dtype of its own argument."""
    a, b = rd.grad(lambda x, y: np.sum(x * y), argnums=(0, 1))(X.astype(np.float32), Y)
    assert (a.dtype, b.dtype) == (np.float32, np.float64)


def test_python_float_gives_a_float():
    g = rd.grad(lambda x: x * x)(3.0)
    assert isinstance(g, float)
    assert g == 6.0
    g = rd.grad(lambda x: np.sum(np.sin(x) * X))(3.0)
    assert isinstance(g, float)
    assert np.shape(g) == ()


def test_python_float_stays_weak_beside_float32():
    g = rd.grad(lambda x, s: np.sum(x * s), argnums=1)(X.astype(np.float32), 2.0)
    assert np.shape(g) == ()
    assert g == pytest.approx(0.8, rel=1e-6)


def test_zero_dimensional_array():
    g = rd.grad(lambda x: x * x)(np.array(3.0))
    assert np.shape(g) == ()
    assert g == 6.0
    assert rd.grad(lambda x: x * x)(np.float32(3.0)).dtype == np.float32


def test_value_of_one_element_array_is_refused_like_jax():
    with pytest.raises(TypeError, match="scalar"):
        rd.grad(lambda x: x * x)(np.array([3.0]))


def test_integer_arguments_that_are_not_differentiated():
    assert_close(rd.grad(lambda x, n: np.sum(x**n))(X, 3), 3 * X**2, "integer power")
    i = np.array([0, 2])
    assert_close(rd.grad(lambda x, i: np.sum(x[i]))(X, i), np.array([1.0, 0, 1]), "index")


def test_allow_int():
    """An integer leaf is accepted; its gradient is zero, of floating-point type (JAX: float0)."""
    g = rd.grad(lambda x: 1.0 * x["n"] * np.sum(x["w"]), allow_int=True)({"w": X, "n": 3})
    assert_close(g["w"], np.full(3, 3.0), "beside an integer")
    assert type(g["n"]) is float
    assert g["n"] == 0.0


INTEGERS = [
    3, True, np.int64(3), np.bool_(True), np.arange(3), np.array(3), np.array([True, False]),
    np.arange(3, dtype=np.uint8),
]  # fmt: skip


@pytest.mark.parametrize("n", INTEGERS, ids=repr)
def test_allow_int_gives_zeros(n):
    """For numbers and arrays, alone, in a tuple of arguments, and in a tree; used or not."""

    def check(gradient):
        assert np.asarray(gradient).dtype == float
        assert np.shape(gradient) == np.shape(n)
        assert not np.any(gradient)
        assert isinstance(gradient, (float, np.ndarray))

    def loss(n, x):
        return np.sum(n * x[0] * 1.5)

    check(rd.grad(loss, allow_int=True)(n, X))
    check(rd.grad(lambda n, x: np.sum(x), allow_int=True)(n, X))
    value, gradient = rd.value_and_grad(loss, allow_int=True)(n, X)
    check(gradient)
    assert value == loss(n, X)
    of_n, of_x = rd.grad(loss, argnums=(0, 1), allow_int=True)(n, X)
    check(of_n)
    assert_close(of_x, np.array([1.5 * np.sum(n), 0.0, 0.0]), "beside an integer")
    tree = rd.grad(lambda tree: loss(tree["n"][0], tree["x"]), allow_int=True)({"n": [n], "x": X})
    check(tree["n"][0])
    assert_close(tree["x"], of_x, "in a tree")
    check(rd.vjp(loss, n, X)[1](1.0)[0])


def test_bool_and_int_results_of_helpers():
    assert rd.grad(lambda x: x * (x > 0) * 3)(2.0) == 3.0


# Complex ---------------------------------------------------------------------------------------


def test_holomorphic_against_jax():
    def f(z):
        return np.sin(z) * z * z

    z = 0.5 + 0.25j
    got = rd.grad(f, holomorphic=True)(z)
    want = through_jax("grad", f, z, holomorphic=True)
    assert_close(got, np.asarray(want), "holomorphic", rtol=1e-10)
    assert got == pytest.approx(np.cos(z) * z * z + 2 * z * np.sin(z))


def test_holomorphic_of_arrays():
    z = X + 1j * Y
    got = rd.grad(lambda v: np.sum(np.exp(v) * v), holomorphic=True)(z)
    assert_close(got, np.exp(z) * (z + 1), "holomorphic array")


def test_real_function_through_complex_numbers():
    def f(x):
        z = x + 1j * x * x
        return np.sum(np.real(z * np.conj(z)))

    same_as_jax("grad", f, X)


# The functions themselves ----------------------------------------------------------------------


def test_metadata_is_kept():
    d = rd.grad(loss)
    assert d.__wrapped__ is loss or d.__name__
    assert "Return a loss." in d.__doc__ or "loss" in d.__doc__
    assert d.__module__ == loss.__module__
    assert callable(d)


def test_transformed_function_has_the_signature_of_the_function():
    names = list(inspect.signature(rd.grad(loss)).parameters)
    assert names == ["w", "x", "scale", "power"]


def test_as_decorator():
    @rd.grad
    def d(x):
        return x * x * x

    @functools.partial(rd.value_and_grad, argnums=1)
    def e(x, y):
        return x * y * y

    assert d(2.0) == 12.0
    assert e(3.0, 2.0) == (12.0, 12.0)


def test_transformations_compose():
    f = lambda x: np.sin(x) * x  # noqa: E731
    assert rd.grad(rd.grad(f))(0.5) == pytest.approx(2 * np.cos(0.5) - 0.5 * np.sin(0.5))
    third = -3 * np.sin(0.5) - 0.5 * np.cos(0.5)
    assert rd.grad(rd.grad(rd.grad(f)))(0.5) == pytest.approx(third)
    assert rd.grad(lambda x: rd.jvp(f, (x,), (1.0,))[1])(0.5) == pytest.approx(
        2 * np.cos(0.5) - 0.5 * np.sin(0.5)
    )
    value, slope = rd.value_and_grad(lambda x: rd.value_and_grad(f)(x)[1])(0.5)
    assert value == pytest.approx(np.sin(0.5) + 0.5 * np.cos(0.5))
    assert slope == pytest.approx(2 * np.cos(0.5) - 0.5 * np.sin(0.5))


def test_grad_of_value_and_grad_with_aux():
    def outer(x):
        value, grad = rd.value_and_grad(lambda y: np.sum(y**3))(x)
        return value * np.sum(grad), grad

    g, aux = rd.grad(outer, has_aux=True)(X)
    value, slope, total = np.sum(X**3), 3 * X**2, np.sum(3 * X**2)
    assert_close(g, slope * total + value * 6 * X, "second order with aux")
    assert_close(aux, slope, "aux")


def test_one_function_many_transformations():
    """Derivatives of one function in several arguments and modes do not mix."""
    a, b = rd.grad(loss, 0), rd.grad(loss, 1)
    c = rd.grad(loss, (0, 1))
    assert a(W, X).shape == W.shape
    assert b(W, X).shape == X.shape
    got = c(W, X)
    assert_close((a(W, X), b(W, X)), got, "one by one", rtol=1e-12)


def test_import_leaves_tensorflow_and_jax_alone():
    """A fresh process that takes a gradient has loaded neither TensorFlow nor JAX."""
    code = (
        "import sys, redraft as rd, numpy as np\n"
        "assert np.allclose(rd.grad(np.sum)(np.ones(3)), 1)\n"
        "bad = {'tensorflow', 'jax', 'scipy', 'autograd'} & set(sys.modules)\n"
        "assert not bad, bad\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


def test_insert_grad_of_is_called_with_the_cotangent():
    """User's code runs in the backward part, and may change the cotangent."""
    seen = []

    def f(x):
        y = x * x
        with rd.insert_grad_of(y) as dy:
            seen.append(np.array(dy))
            dy = np.clip(dy, -1.0, 1.0)
        return np.sum(y * np.array([5.0, 0.5, -3.0]))

    g = rd.grad(f)(X)
    assert_close(g, 2 * X * np.array([1.0, 0.5, -1.0]), "clipped cotangent")
    assert len(seen) == 1, "the body runs once per gradient"
    assert_close(seen, [np.array([5.0, 0.5, -3.0])], "seen cotangent")
    _, pullback = rd.vjp(f, X)
    assert len(seen) == 1, "the forward part does not run the body"
    pullback(2.0)
    assert len(seen) == 2
    assert_close(seen[1], np.array([10.0, 1.0, -6.0]), "cotangent of the pullback")
    assert f(X) == pytest.approx(np.sum(X * X * np.array([5.0, 0.5, -3.0])))  # on zeros here


def test_a_cotangent_that_is_absent_is_zero():
    from redraft.runtime import like

    x = [np.ones(2), (1.5, np.ones((1, 2), np.float32))]
    zero = like(None, x)
    assert np.array_equal(zero[0], [0.0, 0.0]) and zero[1][0] == 0.0
    assert zero[1][1].shape == (1, 2) and zero[1][1].dtype == np.float32
    assert np.array_equal(like([None, (None, None)], x)[0], [0.0, 0.0])
