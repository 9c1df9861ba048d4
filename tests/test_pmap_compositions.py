"""Transformations around functions that run on several devices: the numbers of `vmap` on one device."""

import numpy as np
import pytest
from on_devices import on_devices

import redraft as rd

pytest.importorskip("tensorflow", reason="TensorFlow is not installed: pip install redraft[jit]")


def coupled(x, w):
    h = np.sin(x * w)
    return h * rd.psum(np.sum(h), "i")


def agreed(x, w):
    return rd.psum(np.sin(x * w), "i")


def unnamed(x, w):
    return np.tanh(x) @ w


def looped(x, w):
    for _ in range(3):
        x = np.sin(x * w) + rd.pmean(x, "i")
    return x


def until_agreed(x, w):
    while rd.pmax(np.max(np.abs(x)), "i") > 0.5:
        x = x * 0.5 * w
    return x


def exchanged(x, w):
    left = rd.ppermute(x, "i", [(0, 1), (1, 2), (2, 3), (3, 0)])
    return np.tanh(left * w) + rd.all_gather(x, "i")[0] * rd.axis_index("i")


def with_tree(x, w):
    return {"h": coupled(x, w), "s": (rd.pmean(x, "i"), np.sum(x))}


CASES = {
    "coupled": (coupled, {"axis_name": "i"}),
    "unnamed": (unnamed, {}),
    "looped": (looped, {"axis_name": "i"}),
    "exchanged": (exchanged, {"axis_name": "i"}),
    "tree": (with_tree, {"axis_name": "i"}),
    "agreed": (agreed, {"axis_name": "i", "out_axes": None}),
    "until agreed": (until_agreed, {"axis_name": "i"}),
}


def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(4, 5)), rng.uniform(0.5, 1.0, size=5)


def squares(f):
    """The sum of the squares of all results."""

    def total(*args):
        found = 0.0
        for leaf in rd.tree_util.tree_leaves(f(*args)):
            found = found + np.sum(leaf**2)
        return found

    return total


WAYS = {
    "value": lambda f, x, w: f(x, w),
    "grad": lambda f, x, w: rd.grad(squares(f), (0, 1))(x, w),
    "jvp": lambda f, x, w: rd.jvp(f, (x, w), (np.cos(x), np.sin(w)))[1],
    "vjp": lambda f, x, w: rd.vjp(squares(f), x, w)[1](2.0),
    "jit": lambda f, x, w: rd.jit(f)(x, w),
    "jit of grad": lambda f, x, w: rd.jit(rd.grad(squares(f), (0, 1)))(x, w),
    "grad of jit": lambda f, x, w: rd.grad(lambda x, w: squares(rd.jit(f))(x, w))(x, w),
    "jvp of grad": lambda f, x, w: rd.jvp(rd.grad(squares(f), 1), (x, w), (x, w))[1],
    "grad of grad": lambda f, x, w: rd.grad(lambda w: np.sum(rd.grad(squares(f))(x, w) ** 2))(w),
    "vmap": lambda f, x, w: rd.vmap(f, in_axes=(0, None))(np.stack([x, 2 * x]), w),
    "vmap elsewhere": lambda f, x, w: rd.vmap(f, (1, None), 1)(np.stack([x, 2 * x], 1), w),
    "grad of vmap": lambda f, x, w: rd.grad(squares(rd.vmap(f, (0, None))), 1)(x[None] * 2.0, w),
}
SLOW = {"jit of grad", "grad of jit", "grad of grad", "jvp of grad", "vmap elsewhere", "vjp"}
WITHOUT_BOUND = {"value", "jvp", "jit"}  # reverse mode of a `while` needs `rd.while_bound`


def cases():
    for way in WAYS:
        for name in CASES:
            if name == "until agreed" and way not in WITHOUT_BOUND:
                continue
            slow = way in SLOW or (way != "value" and name in ("tree", "until agreed", "exchanged"))
            yield pytest.param(way, name, marks=[pytest.mark.slow] if slow else [])


@pytest.mark.parametrize(("way", "name"), list(cases()))
@on_devices(4)
def test_as_on_one_device(way, name):
    function, options = CASES[name]
    axes = {"in_axes": (0, None), **options}
    if way in ("vmap", "vmap elsewhere", "grad of vmap") and name == "agreed":
        axes["out_axes"] = 0
    x, w = data()
    want = WAYS[way](rd.vmap(function, **axes), x, w)
    got = WAYS[way](rd.pmap(function, **axes), x, w)
    found, expected = rd.tree_util.tree_leaves(got), rd.tree_util.tree_leaves(want)
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-9, atol=1e-12)


@on_devices(4)
def test_in_a_function_that_is_compiled():
    on_devices_ = rd.pmap(coupled, axis_name="i", in_axes=(0, None))
    on_one = rd.vmap(coupled, axis_name="i", in_axes=(0, None))

    @rd.jit
    def step(x, w):
        for _ in range(3):
            x = x + 0.1 * on_devices_(x, w)
        return np.sum(x), w * 2.0

    x, w = data()
    got = step(x, w)
    for _ in range(3):
        x = x + 0.1 * on_one(x, w)
    np.testing.assert_allclose(got[0], np.sum(x))
    np.testing.assert_allclose(got[1], w * 2.0)


@on_devices(4)
def test_batches_inside():
    @rd.grad
    def loss(x, w):
        return np.sum(np.sin(x * w)) * rd.pmean(np.sum(x), "i")

    x = np.random.default_rng(1).normal(size=(4, 3, 5))
    w = np.linspace(0.5, 1.0, 5)
    got = rd.pmap(rd.vmap(loss, (0, None)), "i", (0, None))(x, w)
    want = rd.vmap(rd.vmap(loss, (0, None)), (0, None), axis_name="i")(x, w)
    np.testing.assert_allclose(got, want)
    np.testing.assert_allclose(rd.pmap(rd.jit(coupled), "i", (0, None))(x[:, 0], w),
                               rd.vmap(coupled, (0, None), axis_name="i")(x[:, 0], w))  # fmt: skip


@on_devices(4)
def test_what_is_refused():
    x, w = data()
    f = rd.pmap(coupled, axis_name="i", in_axes=(0, None))
    with pytest.raises(rd.TransformError, match="does not split it"):
        rd.linearize(f, x, w)
    with pytest.raises(rd.TransformError, match="runs on several devices, within a function"):
        rd.vmap(lambda x: f(x, w) + 1.0)(x[None])
    with pytest.raises(ValueError, match="count axes from the front"):
        rd.vmap(f, in_axes=(-1, None))(x[..., None], w)


@on_devices(4)
def test_axes_that_mix_none_with_others():
    def f(args):
        a, (b, c) = args["a"], args["rest"]
        return {"own": a * b + c, "agreed": (rd.psum(np.sin(a * b), "i"), a)}

    axes = {"in_axes": ({"a": 0, "rest": (None, 0)},), "out_axes": {"own": 0, "agreed": (None, 0)}}
    x, w = data()
    args = {"a": x, "rest": (w, x * 2.0)}
    got = rd.grad(squares(rd.pmap(f, axis_name="i", **axes)))(args)
    want = rd.grad(squares(rd.vmap(f, axis_name="i", **axes)))(args)
    found, expected = rd.tree_util.tree_leaves(got), rd.tree_util.tree_leaves(want)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
