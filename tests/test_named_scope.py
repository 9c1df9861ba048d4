"""`named_scope` and `named_call`: nothing changes but names, and the names are where they are looked for."""

import glob
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracle import assert_close

import redraft as rd

RNG = np.random.default_rng(0)
W, X, XS = RNG.normal(size=(3, 3)), RNG.normal(size=3), RNG.normal(size=(4, 3))
NAME = "head"


def plain(w, x):
    h = x * 1.0
    for _ in range(3):
        h = np.tanh(w @ h)
        h = h + x
    h = h / np.sum(h * h)
    r = h - x
    if r[0] > 0:
        r = r * 2.0
    return np.sum(r * r)


def scoped(w, x):
    h = x * 1.0
    with rd.named_scope("encoder"):
        for i in range(3):
            with rd.named_scope(f"layer{i}"):
                h = np.tanh(w @ h)
            h = h + x
        with rd.named_scope("norm"), np.errstate(all="ignore"):
            h = h / np.sum(h * h)
    r = h - x
    with rd.named_scope(NAME) as nothing:
        assert nothing is None
        if r[0] > 0:
            r = r * 2.0
        return np.sum(r * r)


def changes_in_place(w, x):
    with rd.named_scope("fill"):
        y = np.zeros(3)
        y[0] = x[0]
        with rd.named_scope("rest"):
            for i in range(1, 3):
                if x[i] > 5.0:
                    break
                y[i] = x[i] * y[i - 1] + w[i, 0]
    return np.sum(y * y)


def plain_in_place(w, x):
    y = np.zeros(3)
    y[0] = x[0]
    for i in range(1, 3):
        if x[i] > 5.0:
            break
        y[i] = x[i] * y[i - 1] + w[i, 0]
    return np.sum(y * y)


def leaves_early(w, x):
    for i in range(3):
        with rd.named_scope("try"):
            if x[i] > 0.1:
                return x[i] * np.sum(w @ x)
            continue
    with rd.named_scope("none"):
        return np.sum(x)


def plain_early(w, x):
    for i in range(3):
        if x[i] > 0.1:
            return x[i] * np.sum(w @ x)
    return np.sum(x)


def dense(w, x):
    return np.tanh(w @ x)


@rd.named_scope("second")
def second(w, x):
    y = w @ x
    return np.tanh(y) + y


first = rd.named_call(dense, name="first")


def network(w, x):
    with rd.named_scope("outer"):
        return np.sum(second(w, first(w, x)) ** 2)


def plain_network(w, x):
    h = np.tanh(w @ x)
    y = w @ h
    return np.sum((np.tanh(y) + y) ** 2)


PAIRS = [
    (scoped, plain), (changes_in_place, plain_in_place), (leaves_early, plain_early),
    (network, plain_network), (rd.named_call(plain), plain), (rd.named_scope("all")(scoped), plain),
]  # fmt: skip
COMPOSITIONS = {
    "value": lambda f: f(W, X),
    "grad": lambda f: rd.grad(f, argnums=(0, 1))(W, X),
    "jvp": lambda f: rd.jvp(f, (W, X), (W, X)),
    "vjp": lambda f: rd.vjp(f, W, X)[1](1.5),
    "vmap": lambda f: rd.vmap(f, in_axes=(None, 0))(W, XS),
    "grad_of_sum_of_grad": lambda f: rd.grad(lambda w: np.sum(rd.grad(f, 1)(w, X)))(W),
}


@pytest.mark.parametrize("name", COMPOSITIONS)
@pytest.mark.parametrize(("named", "without"), PAIRS, ids=lambda f: f.__name__)
def test_nothing_changes(named, without, name):
    compose = COMPOSITIONS[name]
    assert_close(compose(named), compose(without), name, rtol=1e-12)


def test_vmap_of_grad_and_hessian():
    def rows(f):
        return rd.vmap(rd.grad(f, argnums=1), in_axes=(None, 0))(W, XS)

    assert_close(rows(network), rows(plain_network), "vmap of grad", rtol=1e-12)
    assert_close(
        rd.hessian(network, 1)(W, X), rd.hessian(plain_network, 1)(W, X), "hessian", rtol=1e-12
    )


@pytest.mark.parametrize("named", [first, second], ids=lambda f: f.__name__)
def test_a_named_function_as_a_value(named):
    def apply(f, x):
        return np.sum(f(W, x) ** 2)

    inner = named.called
    got = rd.grad(lambda x: apply(named, x))(X)
    assert_close(got, rd.grad(lambda x: apply(inner, x))(X), "passed", rtol=1e-12)
    assert named.__name__ == inner.__name__
    assert_close(named(W, X), inner(W, X), "value", rtol=0)


def test_methods_and_partials():
    import functools

    class Layer:
        def __init__(self, w):
            self.w = w

        @rd.named_scope("apply")
        def apply(self, x):
            return np.sum(np.tanh(self.w @ x))

    layer = Layer(W)
    want = rd.grad(lambda x: np.sum(np.tanh(W @ x)))(X)
    assert_close(rd.grad(layer.apply)(X), want, "method", rtol=1e-12)
    bound = rd.named_call(functools.partial(dense, W), name="bound")
    gradient = rd.grad(lambda x: np.sum(bound(x)))
    assert_close(gradient(X), want, "partial", rtol=1e-12)
    of_gradient = rd.named_call(rd.grad(lambda x: np.sum(bound(x))), name="slope")
    assert_close(of_gradient(X), want, "of a gradient", rtol=1e-12)


# Names in the source


def comments(function):
    lines = (line.strip() for line in rd.source(function).splitlines())
    return [line for line in lines if line.startswith("# ")]


def test_names_in_the_source():
    assert comments(rd.grad(scoped)) == [
        "# forward", "# encoder", '# encoder/f"layer{i}"', "# encoder", "# encoder/norm", "# head",
        "# backward", "# head, backward", "# encoder/norm, backward", "# encoder, backward",
        '# encoder/f"layer{i}", backward',
    ]  # fmt: skip


def test_names_of_called_functions():
    found = comments(rd.grad(network))
    assert {"# first", "# first, backward", "# second", "# second, backward", "# outer"} <= {*found}
    assert "# dense" in comments(rd.grad(rd.named_call(dense)))


def test_names_in_forward_mode_and_batches():
    transformed = (rd.vmap(scoped, in_axes=(None, 0)), rd.jacfwd(network, 1))
    for function, expected in zip(transformed, ("# encoder/norm", "# outer"), strict=True):
        assert expected in comments(function)


def test_names_of_the_derivative_of_a_derivative():
    twice = comments(rd.grad(lambda w: np.sum(rd.grad(scoped, 1)(w, X))))
    assert "# encoder/norm, backward" in twice
    assert "# encoder/norm, backward, backward" in twice
    assert "# head, backward" in twice


def test_the_same_function_with_and_without_a_name():
    def both(w, x):
        return np.sum(dense(w, first(w, x)))

    text = rd.source(rd.grad(both))
    assert text.count("# first\n") == 1
    assert_close(rd.grad(both)(W, X), rd.grad(lambda w, x: np.sum(dense(w, dense(w, x))))(W, X), "")


# Errors


@pytest.mark.parametrize("name", [3, None, b"x", 1.5])
def test_a_name_is_a_string(name):
    for library in (rd, jax):
        with pytest.raises(TypeError, match="must be a string"):
            library.named_scope(name)
    with pytest.raises(TypeError, match="expects a function"):
        rd.named_call(3, name="x")


def test_a_constant_that_is_no_name_is_refused_when_the_source_is_written():
    def f(x):
        with rd.named_scope(3):
            return x * x

    with pytest.raises(TypeError, match="must be a string"):
        rd.grad(f)(1.0)


def test_named_call_takes_its_name_by_keyword_as_in_jax():
    for library in (rd, jax):
        with pytest.raises(TypeError):
            library.named_call(dense, "name")


def test_state_is_left_behind_an_error():
    from redraft.runtime.scopes import STATE

    def fails():
        with rd.named_scope("a"), rd.named_scope("b"):
            assert STATE.path == ("a", "b")
            raise ValueError

    with pytest.raises(ValueError):
        fails()
    assert STATE.path == ()


# Names in what is compiled


def op_names(function, *args):
    text = rd.jit(function).lower(*args).as_text("hlo", debug_info=True)
    return set(re.findall(r'op_name="([^"]*)"', text))


def begins(names, path):
    return any(name.startswith(path) for name in names)


def test_names_in_hlo():
    names = op_names(scoped, W, X)
    for path in ("encoder/Add", "encoder/layer_i/Tanh", "encoder/norm/", "head/Greater"):
        assert begins(names, path), path
    want = {n.split("/")[0] for n in jax_names()} & {"first", "second", "outer"}
    assert want <= {part for name in op_names(network, W, X) for part in name.split("/")}


def jax_names():
    def dense(w, x):
        return jnp.tanh(w @ x)

    first = jax.named_call(dense, name="first")
    text = jax.jit(lambda w, x: first(w, x).sum()).lower(W, X).compile().as_text()
    return {part for n in re.findall(r'op_name="([^"]*)"', text) for part in n.split("/")}


def test_names_in_hlo_of_a_gradient():
    names = op_names(rd.grad(scoped), W, X)
    for path in (
        "encoder/layer_i/Tanh", "encoder/layer_i/backward/", "encoder/norm/backward/", "head/backward/",
    ):  # fmt: skip
        assert begins(names, path), path
    assert_close(rd.jit(rd.grad(scoped))(W, X), rd.grad(plain)(W, X), "jit of grad", rtol=1e-9)
    names = op_names(rd.grad(network), W, X)
    assert begins(names, "outer/first/Tanh")
    assert begins(names, "outer/backward/first/backward/")


def test_names_in_a_rolled_loop():
    def f(x):
        with rd.named_scope("settle"):
            for _ in range(200):
                with rd.named_scope("step"):
                    x = np.sin(x) * 1.01
        return np.sum(x)

    text = rd.jit(rd.grad(f)).lower(X).as_text("hlo", debug_info=True)
    names = set(re.findall(r'op_name="([^"]*)"', text))
    assert any("settle/step/Sin" in name for name in names)
    assert any("settle/step/backward/" in name for name in names)
    assert text.count(" sine(") == 1  # it is rolled
    assert_close(rd.jit(f)(X), f(X), "value", rtol=1e-9)


def test_spans_in_a_profile(tmp_path):
    import tensorflow as tf

    tf.profiler.experimental.start(str(tmp_path))
    try:
        network(W, X)
    finally:
        tf.profiler.experimental.stop()
    (file,) = glob.glob(f"{tmp_path}/**/*.xplane.pb", recursive=True)
    with open(file, "rb") as opened:
        content = opened.read()
    assert b"outer/first" in content
    assert b"outer/second" in content
