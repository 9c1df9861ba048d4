"""`jacfwd`, `jacrev` and `hessian` beside JAX's: values, structure, dtypes, errors."""

import dataclasses
import types
from typing import NamedTuple

import numpy as np
import pytest

import redraft as rd

jax = pytest.importorskip("jax")
jax.config.update("jax_enable_x64", True)

W, B, X = np.arange(6.0).reshape(3, 2) / 7, np.full(3, 0.1), np.array([0.3, 0.5])
KINDS = ("jacfwd", "jacrev", "hessian")


class Layer(NamedTuple):
    w: object
    b: object


@dataclasses.dataclass
class Block:
    w: object
    b: object


class Outcome(NamedTuple):
    h: object
    total: object


def stacked(x):
    return np.stack([x[0] * x[1], np.sin(x[0]), x[1] ** 2])


def outer(x):
    return np.outer(x, x * 2)


def scalar(x):
    return np.sum(np.sin(x) * x**2)


def same(x):
    return x


def structured(p, x):
    h = np.tanh(p["w"] @ x + p["b"])
    return {"h": h, "s": np.sum(h * h), "pair": (h[0], [x * h[1]])}


def in_order(p, x):
    return np.tanh(p[0] @ x + p[1]), p[1] * 2


def layer(p, x):
    return np.tanh(p.w @ x + p.b)


def layer_loss(p, x):
    return np.sum(layer(p, x) ** 2)


def layer_outcome(p, x):
    h = layer(p, x)
    return Outcome(h, np.sum(h))


def product(w, x):
    return np.tanh(w @ x)


def of_number(a):
    return np.stack([np.sin(a), a * a]), a * 3.0


def of_numbers(p):
    return p[0] * p[1], p[1] ** 2


def of_helper(p, x):
    return in_order(p, x)


def partly_constant(p, x):
    return p[0] * 0 + 1.0, x * 2


def looped(x):
    y = x
    for _ in range(3):
        y = y * 2.0 + x[0]
        if np.sum(y) > 0.5:
            y = np.sin(y) * x
    return y


def affine_sum(p, x):
    return np.sum(np.tanh(p["w"] @ x + p["b"]) ** 2)


def with_aux(x):
    return np.sin(x) * x[0], {"n": x * 2, "k": 3}


def scalar_with_aux(x):
    return np.sum(np.sin(x) * x[0]), (x * 2, 1.5)


def projected(x):
    return np.dot(W @ x, W) * x[0] + x @ np.array([1.0, 2.0])


P = {"w": W, "b": B}
CASES = [
    (stacked, (X,), 0), (outer, (X,), 0), (outer, (W,), 0), (scalar, (X,), 0), (scalar, (W,), 0),
    (same, (X,), 0), (same, (W,), 0), (same, (np.float32(2.0),), 0), (scalar, (0.7,), 0),
    (structured, (P, X), 0), (structured, (P, X), (0, 1)), (structured, (P, X), "x"),
    (in_order, ([W, B], X), 0), (in_order, ((W, B), X), ("x", "p")),
    (layer, (Layer(W, B), X), 0), (layer, (Layer(W, B), X), (0, 1)),
    (layer_loss, (Layer(W, B), X), 0), (layer_outcome, (Layer(W, B), X), 0),
    (product, (W, X), (1, 0)), (product, (W, X), -1), (product, (W, X), (0,)),
    (of_number, (0.7,), 0), (of_numbers, ((0.3, 0.5),), 0),
    (of_numbers, ([np.float64(0.3), np.array(0.5)],), 0), (of_helper, ((W, B), X), 0),
    (partly_constant, ((W, B), X), (0, 1)), (looped, (X,), 0), (affine_sum, (P, X), 0),
    (affine_sum, (P, X), (0, 1)), (projected, (X,), 0),
    (scalar, (X.astype("f"),), 0), (stacked, (X.astype("f"),), 0), (outer, (np.zeros(0),), 0),
    (scalar, (np.zeros((0, 2)),), 0),
]  # fmt: skip


def for_jax(function):
    """The function, and what it calls, over JAX's NumPy."""
    names = dict(function.__globals__, np=jax.numpy)
    for name in ("in_order", "layer"):
        names[name] = types.FunctionType(names[name].__code__, names)
    return types.FunctionType(function.__code__, names)


def by_jax(kind, function, args, argnums=0, **options):
    def place(argnum):
        return function.__code__.co_varnames.index(argnum) if isinstance(argnum, str) else argnum

    argnums = tuple(map(place, argnums)) if isinstance(argnums, tuple) else place(argnums)
    args = jax.tree_util.tree_map(jax.numpy.asarray, args)
    return getattr(jax, kind)(for_jax(function), argnums, **options)(*args)


def assert_same(got, want):
    """Structure, shapes, dtypes and numbers are equal."""
    leaves, structure = jax.tree_util.tree_flatten(got)
    wanted, same_structure = jax.tree_util.tree_flatten(want)
    assert structure == same_structure
    for a, b in zip(leaves, wanted, strict=True):
        assert (np.shape(a), np.asarray(a).dtype) == (np.shape(b), np.asarray(b).dtype)
        np.testing.assert_allclose(a, b, rtol=2e-6 if b.dtype == "f4" else 1e-9, atol=1e-12)


def forms():
    """Every case in some mode; in the others it is slow, since JAX compiles each of its operations."""
    found = []
    for number, (function, args, argnums) in enumerate(CASES):
        for kind in KINDS:
            small = function in (scalar, same, stacked, affine_sum) and number % 2 == 0
            usual = kind == KINDS[number % 2] or (kind == "hessian" and small)
            marks = [] if usual else [pytest.mark.slow]
            name = f"{kind}-{function.__name__}-{number}"
            found.append(pytest.param(kind, function, args, argnums, marks=marks, id=name))
    return found


@pytest.mark.parametrize("kind, function, args, argnums", forms())
def test_equals_jax(kind, function, args, argnums):
    got = getattr(rd, kind)(function, argnums)(*args)
    assert_same(got, by_jax(kind, function, args, argnums))


COMPILED = [
    pytest.param(structured, (P, X), (0, 1), "jacrev", marks=pytest.mark.slow),
    (outer, (W,), 0, "jacfwd"),
    pytest.param(affine_sum, (P, X), 0, "hessian", marks=pytest.mark.slow),
    (layer_outcome, (Layer(W, B), X), 0, "jacrev"),
    (projected, (X.astype("f"),), 0, "hessian"), (partly_constant, ((W, B), X), 0, "jacfwd"),
    (scalar, (X,), 0, "hessian"),
]  # fmt: skip


@pytest.mark.parametrize("function, args, argnums, kind", COMPILED)
def test_compiled(function, args, argnums, kind):
    pytest.importorskip("tensorflow")
    got = rd.jit(getattr(rd, kind)(function, argnums))(*args)
    want = getattr(rd, kind)(function, argnums)(*args)
    assert_same(got, jax.tree_util.tree_map(np.asarray, want))


def test_dataclasses():
    for function in (layer, layer_loss, layer_outcome):
        want = by_jax("hessian", function, (Layer(W, B), X))
        got = rd.hessian(function)(Block(W, B), X)
        h = got.h if function is layer_outcome else got
        assert type(h) is type(h.w) is Block
        for name in ("w", "b"):
            wanted = want.h if function is layer_outcome else want
            np.testing.assert_allclose(getattr(h.w, name), getattr(wanted.w, name), atol=1e-12)


@pytest.mark.parametrize("function", [with_aux, scalar_with_aux])
@pytest.mark.parametrize("kind", KINDS)
def test_auxiliary_data(kind, function):
    got, aux = getattr(rd, kind)(function, has_aux=True)(X)
    want, _ = by_jax(kind, function, (X,), has_aux=True)
    assert_same(got, want)
    np.testing.assert_equal(aux, function(X)[1])


def squares(z):
    return z * z * (1.0 + 2.0j)


def test_holomorphic():
    z = np.array([1.0 + 2.0j, -0.5j])
    for kind in ("jacfwd", "jacrev"):
        got = getattr(rd, kind)(squares, holomorphic=True)(z)
        assert_same(got, by_jax(kind, squares, (z,), holomorphic=True))


def scaled(n, x):
    return x * n


def test_integers():
    got = rd.jacrev(scaled, argnums=(0, 1), allow_int=True)(3, X)
    np.testing.assert_array_equal(got[0], np.zeros(2))
    np.testing.assert_allclose(got[1], 3 * np.eye(2))


def cast(x, w):
    return w @ x


def test_dtypes_of_rows_and_columns():
    x = X.astype("f")
    for kind in ("jacfwd", "jacrev"):
        assert_same(getattr(rd, kind)(cast, (0, 1))(x, W), by_jax(kind, cast, (x, W), (0, 1)))


def floored(x):
    return np.floor(x).astype(int)


def turned(x):
    return x * 1j


def test_errors_name_the_parameter():
    for kind in KINDS:
        with pytest.raises(
            TypeError, match=f"{kind} requires floating-point arguments; `x` is int"
        ):
            getattr(rd, kind)(scalar)(np.arange(3))
        with pytest.raises(TypeError, match="holomorphic=True requires complex arguments; `x`"):
            getattr(rd, kind)(scalar, holomorphic=True)(X)
        with pytest.raises(TypeError, match="`p` holds a str"):
            getattr(rd, kind)(in_order)(["w", B], X)
        with pytest.raises(ValueError, match="has no parameter `y`"):
            getattr(rd, kind)(scalar, "y")
        with pytest.raises(ValueError, match="out of range"):
            getattr(rd, kind)(scalar, 1)
        with pytest.raises((TypeError, rd.TransformError), match="returns a pair"):
            getattr(rd, kind)(scalar, has_aux=True)(X)
    with pytest.raises(TypeError, match="jacfwd requires real arguments; `x` is complex"):
        rd.jacfwd(scalar)(X + 0j)
    for function in (floored, turned):
        with pytest.raises(TypeError, match="a Jacobian requires"):
            rd.jacrev(function)(X)


def outer_sum(x):
    return np.tanh(W @ x) * np.sum(x)


SECOND = [(rd.jacfwd, rd.jacrev), (rd.jacrev, rd.jacfwd), (rd.jacfwd, rd.jacfwd), (rd.jacrev, rd.jacrev)]  # fmt: skip


@pytest.mark.parametrize("outside, inside", SECOND)
@pytest.mark.parametrize("function", [outer_sum, scalar, looped])
def test_twice(outside, inside, function):
    if function is looped and outside is inside is rd.jacrev:
        with pytest.raises(rd.TransformError, match="a container with batched parts"):
            outside(inside(function))(X)
        return
    got = outside(inside(function))(X)
    np.testing.assert_allclose(got, by_jax("hessian", function, (X,)), atol=1e-12)


def curvature(x):
    return np.sum(rd.hessian(scalar)(x) * np.outer(x, x))


def test_inside_other_transformations():
    xs = np.stack([X, -X, 2 * X])
    batch = rd.vmap(rd.hessian(scalar))(xs)
    np.testing.assert_allclose(batch, [rd.hessian(scalar)(x) for x in xs])
    for function in (rd.jacrev(stacked), rd.jacfwd(outer)):
        np.testing.assert_allclose(rd.vmap(function)(xs), [function(x) for x in xs])

    def by_jax_itself(x):
        hessian = jax.hessian(for_jax(scalar))(x)
        return jax.numpy.sum(hessian * jax.numpy.outer(x, x))

    np.testing.assert_allclose(rd.grad(curvature)(X), jax.grad(by_jax_itself)(X))


def test_source_is_plain():
    hessian = rd.hessian(projected)
    hessian(X)
    assert "projected_hessian" in hessian.source
    text = rd.jacfwd(layer_matrix)
    text(X)
    assert "W @ x_dot" not in text.source  # a row of the matrix for each unit vector
    gradient = rd.jacrev(scalar)
    gradient(X)
    assert "rt.basis" not in gradient.source and "_vmap" not in gradient.source


def layer_matrix(x):
    return np.tanh(W @ x)


def test_integers_times_the_basis_are_floats():
    matrix = np.arange(6).reshape(3, 2)
    assert (
        rd.jacfwd(lambda x: matrix @ x)(X).dtype == rd.jacfwd(np.matmul, 1)(matrix, X).dtype == "f8"
    )
    batch = rd.vmap(rd.jacfwd(np.matmul, 1), in_axes=(None, 0))(matrix, X[None])
    assert batch.dtype == "f8"


def test_results_are_the_callers():
    matrix = np.arange(4.0).reshape(2, 2)
    for kind in ("jacfwd", "jacrev"):
        found = getattr(rd, kind)(lambda x: matrix @ x)(X)
        found[:] = 7.0
        np.testing.assert_array_equal(matrix, np.arange(4.0).reshape(2, 2))


# --- changes in place


def stored_number(x):
    y = np.sin(x)
    y[1] = x[0] * x[2]
    return np.sum(y * y)


def stored_sum(x):
    y = np.sin(x)
    s = np.sum(y * x)
    y[1] = np.sin(s)
    return np.sum(y * y)


def stored_after_stacking(x):
    y = np.sin(x)
    y[1] = np.sum(np.stack([y, x]) ** 2)
    return np.sum(y * y)


def stored_in_a_loop(x):
    y = x * 1.0
    for i in range(2):
        y[i + 1] = y[i] * np.sin(y[i + 1])
    return np.sum(y**2)


def stacked_values(x):
    y = np.sin(x)
    return np.sum(y * y) * np.sum(np.stack([y, y[[2, 0, 0]], x]) ** 2)


CHANGED = [stored_number, stored_sum, stored_after_stacking, stored_in_a_loop, stacked_values]


@pytest.mark.parametrize("function", CHANGED, ids=lambda f: f.__name__)
def test_second_derivatives_of_arrays_that_change(function):
    x = np.array([0.3, 0.7, -0.4])
    gradient = rd.grad(function)
    want = np.stack([rd.jvp(gradient, (x,), (e,))[1] for e in np.eye(3)], axis=-1)
    for second in (rd.hessian(function), rd.jacfwd(gradient)):
        np.testing.assert_allclose(second(x), want, rtol=1e-9, atol=1e-12)
    if function in (stored_number, stored_sum):
        np.testing.assert_allclose(rd.jacrev(gradient)(x), want, rtol=1e-9, atol=1e-12)
