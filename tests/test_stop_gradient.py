"""`stop_gradient`: JAX's derivatives, on every kind of value, and what happens to shared memory."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracle import assert_close

import redraft as rd

X = np.array([0.4, -1.2, 0.8])
XS = np.stack([X, X[::-1], X * X])


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def product(n, stop):
    return lambda x: n.sum(x**3 * stop(n.sin(x)))


def helper(n, stop):
    def weigh(x, by):
        return x * stop(by)

    return lambda x: n.sum(weigh(x, n.exp(x)) * weigh(x**2, x))


def loop(n, stop):
    def f(x):
        s = x
        for i in range(4):
            s = s * n.cos(stop(s)) if i % 2 else s * s + stop(x) * x
        return n.sum(s)

    return f


def branch(n, stop):
    def f(x):
        total = 0.0
        for v in (x[0], x[1], x[2]):
            total = total + n.where(stop(v) > 0.0, v * stop(v), n.exp(v))
        return total

    return f


def passed_as_value(n, stop):
    def apply(g, x):
        return g(x) * x

    return lambda x: n.sum(apply(stop, x**2) + apply(n.sin, x))


def captured(n, stop):
    def f(x):
        fixed = stop(x * 2.0)
        scale = lambda y: n.sum(fixed * y) * y  # noqa: E731
        return n.sum(scale(x) * stop(scale(x)))

    return f


def tree(n, stop):
    def f(x):
        held = stop({"a": x, "b": [(x[0], None), 3]})
        return n.sum(held["a"] * x) * held["b"][0][0] * held["b"][1] + x[1] ** 2

    return f


def straight_through(n, stop):
    return lambda x: n.sum((x + stop(n.round(x) - x)) ** 2 * n.arange(3.0))


PROGRAMS = (
    product, helper, loop, branch, passed_as_value, captured, tree, straight_through,
)  # fmt: skip
COMPOSITIONS = {
    "grad": (lambda m, f: m.grad(f), (X,)),
    "jvp": (lambda m, f: lambda x, v: m.jvp(f, (x,), (v,)), (X, X)),
    "vjp": (lambda m, f: lambda x: m.vjp(f, x)[1](1.5), (X,)),
    "vmap": (lambda m, f: m.vmap(f), (XS,)),
    "grad_vmap": (lambda m, f: m.grad(lambda x: m.vmap(f)(x).sum()), (XS,)),
    "grad_grad": (lambda m, f: m.grad(lambda x: m.grad(f)(x).sum()), (X,)),
    "grad_of_grad_of_grad": (
        lambda m, f: m.grad(lambda x: m.grad(lambda y: m.grad(f)(y)[0])(x)[1]),
        (X,),
    ),
    "vmap_grad": (lambda m, f: m.vmap(m.grad(f)), (XS,)),
    "hessian": (lambda m, f: m.hessian(f), (X,)),
    "jacfwd_jacfwd": (lambda m, f: m.jacfwd(m.jacfwd(f)), (X,)),
    "vmap_hessian": (lambda m, f: m.vmap(m.hessian(f)), (XS,)),
}


SLOW = ("grad_vmap", "grad_grad", "jacfwd_jacfwd", "vmap_hessian", "grad_of_grad_of_grad")
FEW = ("grad", "jvp", "vjp", "vmap")  # of functions that are known only when they are called


def cases():
    for program in PROGRAMS:
        for name in FEW if program is passed_as_value else COMPOSITIONS:
            marks = [pytest.mark.slow] if name in SLOW else []
            yield pytest.param(program, name, marks=marks, id=f"{program.__name__}-{name}")


@pytest.mark.parametrize(("program", "name"), list(cases()))
def test_same_as_jax(program, name):
    compose, args = COMPOSITIONS[name]
    want = compose(jax, program(jnp, jax.lax.stop_gradient))(*args)
    got = compose(rd, program(np, rd.stop_gradient))(*args)
    assert_close(got, jax.tree_util.tree_map(np.asarray, want), name, rtol=1e-9)


def plain_loop(x):
    s = x
    for i in range(4):
        s = s * np.cos(rd.stop_gradient(s)) if i % 2 else s * s + rd.stop_gradient(x) * x
    return np.sum(s)


def plain_tree(x):
    held = rd.stop_gradient({"a": x, "b": [(x[0], None), 3]})
    return np.sum(held["a"] * x) * held["b"][0][0] * held["b"][1] + x[1] ** 2


@pytest.mark.parametrize("f", (plain_loop, plain_tree))
def test_compiled(f):
    assert_close(rd.jit(f)(X), f(X), "jit", rtol=1e-9)
    assert_close(rd.jit(rd.grad(f))(X), rd.grad(f)(X), "jit of grad", rtol=1e-9)
    assert_close(rd.grad(rd.jit(f))(X), rd.grad(f)(X), "grad of jit", rtol=1e-9)
    per_row = rd.jit(rd.vmap(rd.grad(f)))(XS)
    assert_close(per_row, np.stack([rd.grad(f)(x) for x in XS]), "jit of vmap", rtol=1e-9)


# Values


@dataclass
class Layer:
    weight: Any
    count: int
    name: Any = None


class Pair(NamedTuple):
    first: Any
    second: Any


class Registered:
    def __init__(self, value):
        self.value = value


rd.register_pytree_node(Registered, lambda r: ((r.value,), None), lambda _, c: Registered(*c))

VALUES = (
    1.5, 3, True, None, "name", np.float32(2.0), 1j, np.arange(3), [1.0, (2.0, None)], {"a": 1.0}, (), {},
    Pair(1.0, 2),
)  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_value_is_unchanged(value):
    got = rd.stop_gradient(value)
    assert type(got) is type(value)
    assert np.all(got == value) if isinstance(value, np.ndarray) else got == value


def test_objects_are_new_and_equal():
    layer = Layer(X, 3)
    got = rd.stop_gradient(layer)
    assert got is not layer
    assert type(got) is Layer
    assert np.shares_memory(got.weight, X)
    assert (got.count, got.name) == (3, None)
    registered = rd.stop_gradient(Registered([X]))
    assert type(registered) is Registered
    assert np.array_equal(registered.value[0], X)


@pytest.mark.parametrize("make", [lambda x: Layer(x, 2), Registered, lambda x: Pair(x, x)])
def test_objects_have_no_derivative(make):
    def part(held):
        return held[0] if isinstance(held, tuple) else getattr(held, "weight", None)

    def of_layer(p):
        return np.sum(p.weight**2 * rd.stop_gradient(p).weight)

    def of_registered(p):
        return np.sum(p.value**2 * rd.stop_gradient(p).value)

    def of_pair(p):
        return np.sum(p.first**2 * rd.stop_gradient(p).second)

    value = make(X)
    f = {Layer: of_layer, Registered: of_registered, Pair: of_pair}[type(value)]
    got = rd.grad(f, allow_int=True)(value)
    found = got.value if isinstance(got, Registered) else part(got)
    assert_close(found, 2 * X * X, "gradient", rtol=1e-12)


# Memory


def test_no_copy_is_made():
    big = np.zeros(1000)
    assert np.shares_memory(rd.stop_gradient(big), big)


def by_index(x):
    y = x * 2.0
    z = rd.stop_gradient(y)
    z[0] = 3.0
    return np.sum(y * z)


def in_a_tuple(x):
    y = x * 2.0
    z = (rd.stop_gradient(y), 2)
    z[0][0] = 3.0
    return np.sum(y * z[0])


def in_a_loop(x):
    y = x * 2.0
    z = rd.stop_gradient(y)
    for part in (z,):
        part[0] = 3.0
    return np.sum(y * z)


def through_a_view(x):
    y = x * 2.0
    z = np.asarray(rd.stop_gradient(y[1:]))
    z += 1.0
    return np.sum(y) * np.sum(z)


def with_fill(x):
    y = x * 2.0
    rd.stop_gradient(y).fill(3.0)
    return np.sum(y * y)


def overwrite(z):
    z[0] = 3.0


def in_a_helper(x):
    y = x * 2.0
    z = rd.stop_gradient([y])
    overwrite(z[0])
    return np.sum(y * z[0])


@pytest.mark.parametrize(
    "f", [by_index, in_a_tuple, in_a_loop, through_a_view, with_fill, in_a_helper]
)
def test_changes_in_place_are_refused(f):
    """The change would reach what has a derivative, without one of its own."""
    for transform in (lambda f: f, rd.grad, rd.jacfwd):
        with pytest.raises(ValueError, match="read-only"):
            transform(f)(X)


def through_a_name(x):
    y = x * 2.0
    stop = rd.stop_gradient
    z = stop(y)
    z[0] = 3.0
    return np.sum(y * z)


@pytest.mark.parametrize("f", [by_index, in_a_tuple, in_a_loop, in_a_helper, through_a_name])
def test_changes_in_place_are_refused_under_jit(f):
    with pytest.raises(rd.TransformError, match="into what `stop_gradient` gave"):
        rd.jit(f)(X)


def test_a_copy_may_change():
    def f(x):
        y = x * 2.0
        z = rd.stop_gradient(y).copy()
        z[0] = 1.0
        return np.sum(y * z)

    assert_close(rd.grad(f)(X), 2.0 * np.array([1.0, *2 * X[1:]]), "grad", rtol=1e-12)


def test_a_later_change_of_the_array_itself():
    def used_before(x):
        y = x * 2.0
        held = rd.stop_gradient(y)
        total = np.sum(y * held)
        y[0] = 5.0
        return total + np.sum(y)

    want = 4.0 * X + np.array([0.0, 2.0, 2.0])
    assert_close(rd.grad(used_before)(X), want, "grad", rtol=1e-12)

    def used_after(x):
        y = x * 2.0
        held = rd.stop_gradient(y)
        y[0] = 5.0
        return np.sum(y * held)

    with pytest.raises(rd.TransformError, match="may share memory with `held`"):
        rd.grad(used_after)(X)


def test_gradients_are_in_memory_of_their_own():
    def f(x):
        return np.sum(x * rd.stop_gradient(x))

    x = X.copy()
    gradient = rd.grad(f)(x)
    gradient[0] = 100.0
    assert np.array_equal(x, X)


def test_source_names_it():
    assert "rd.stop_gradient(x)" in rd.source(rd.grad(lambda x: np.sum(x * rd.stop_gradient(x))))
