"""Arguments, results and errors of `vmap`, beside JAX's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import redraft as rd

X, Y = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


# name -> the batched function, by a module of transformations; and its arguments
WORKS = {
    "negative_axes": (lambda m: m.vmap(lambda x: x * x[0], in_axes=-1, out_axes=-1), (X,), {}),
    "size_alone": (lambda m: m.vmap(lambda x: x * 2, in_axes=None, axis_size=3), (X,), {}),
    "size_alone_one_result": (
        lambda m: m.vmap(lambda x: x * 2, in_axes=None, out_axes=None, axis_size=3), (X,), {},
    ),
    "dict_of_axes": (
        lambda m: m.vmap(lambda d: d["a"] * d["b"], in_axes=({"a": 0, "b": None},)),
        ({"a": X, "b": 2.0},), {},
    ),
    "list_of_axes": (lambda m: m.vmap(lambda v: v[0] + v[1], in_axes=([0, 1],)), ([X, X.T],), {}),
    "prefix_of_a_tree": (lambda m: m.vmap(lambda v: v[0] + v[1], in_axes=(0,)), ([X, X],), {}),
    "keyword": (lambda m: m.vmap(lambda x, y: x + y), (X,), {"y": X}),
    "keyword_beside_none": (lambda m: m.vmap(lambda x, y: x + y, in_axes=(None,)), (1.0,), {"y": X}),
    "tuple_of_results": (lambda m: m.vmap(lambda x: (x, x.sum()), out_axes=(1, 0)), (X,), {}),
    "dict_of_results": (
        lambda m: m.vmap(lambda x: {"a": x, "b": x.sum()}, out_axes={"a": -1, "b": 0}), (X,), {},
    ),
    "one_result_for_all": (lambda m: m.vmap(lambda x: (x, 3.0), out_axes=(0, None)), (X,), {}),
    "constant_result": (lambda m: m.vmap(lambda x: 3.0), (X,), {}),
    "no_result": (lambda m: m.vmap(lambda x: None), (X,), {}),
    "none_in_a_tree": (lambda m: m.vmap(lambda d: d[0]), ((X, None),), {}),
    "default": (lambda m: m.vmap(lambda x, y=2.0: x * y), (X,), {}),
    "nested_crosswise": (
        lambda m: m.vmap(m.vmap(lambda a, b: a @ b, (None, 1), 0), (0, None), 0), (X, Y), {},
    ),
    "nested_other_way": (
        lambda m: m.vmap(m.vmap(lambda a, b: a * b, (0, None), 0), (None, 0), 1), (X[0], Y[0]), {},
    ),
    "no_examples": (lambda m: m.vmap(lambda x: x.sum()), (np.zeros((0, 3)),), {}),
    "star": (lambda m: m.vmap(lambda *xs: xs[0] + xs[1]), (X, X), {}),
    "star_of_keywords": (lambda m: m.vmap(lambda x, **k: x + k["y"]), (X,), {"y": X}),
}  # fmt: skip


@pytest.mark.parametrize("name", WORKS)
def test_results(name):
    make, args, kwargs = WORKS[name]
    want = jax.tree_util.tree_leaves(make(jax)(*args, **kwargs))
    got = jax.tree_util.tree_leaves(make(rd)(*args, **kwargs))
    assert [np.shape(v) for v in got] == [np.shape(v) for v in want]
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b)


ERRORS = {
    "axis_out_of_range": (lambda m: m.vmap(lambda x: x, in_axes=3), (X,), r"`x`.*axis 3.*\(2, 3\)"),
    "negative_axis_out_of_range": (
        lambda m: m.vmap(lambda x: x, in_axes=-3), (X,), r"`x`.*axis -3.*\(2, 3\)",
    ),
    "number": (lambda m: m.vmap(lambda x: x), (1.0,), r"`x` along axis 0"),
    "sizes": (lambda m: m.vmap(lambda x, y: x + y), (X, Y), r"(?s)`x` has shape \(2, 3\).*`y` has"),
    "no_batch": (lambda m: m.vmap(lambda x: x, in_axes=None), (X,), "at least one"),
    "other_size": (lambda m: m.vmap(lambda x: x * 2, axis_size=3), (X,), "axis_size is 3"),
    "other_tree": (
        lambda m: m.vmap(lambda d: d["a"], in_axes=({"a": 0, "c": None},)), ({"a": X, "b": 2.0},),
        "tree prefix.*`d`",
    ),
    "too_few_axes": (
        lambda m: m.vmap(lambda x, y: x + y, in_axes=(0,)), (X, X),
        r"len\(in_axes\)=1, len\(args\)=2",
    ),
    "batched_result_without_axis": (
        lambda m: m.vmap(lambda x: x, out_axes=None), (X,), "out_axes is None",
    ),
    "other_tree_of_results": (
        lambda m: m.vmap(lambda x: (x, x), out_axes=(0, 0, 0)), (X,), "tree prefix",
    ),
    "result_axis_out_of_range": (lambda m: m.vmap(lambda x: x, out_axes=3), (X,), "axis 3"),
    "axes_of_a_wrong_type": (lambda m: m.vmap(lambda x: x, in_axes="a"), (X,), "'a'"),
    "axes_of_floats": (lambda m: m.vmap(lambda x: x, in_axes=1.5), (X,), "1.5"),
    "no_function": (lambda m: m.vmap(3), (X,), "int"),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_of_the_same_kind_and_name_the_argument(name):
    make, args, words = ERRORS[name]
    with pytest.raises((TypeError, ValueError)) as of_jax:
        make(jax)(*args)
    with pytest.raises(of_jax.type, match=words):
        make(rd)(*args)


def test_axes_by_name():
    by_name = rd.vmap(lambda x, w: x * w, in_axes={"x": 0})
    np.testing.assert_allclose(by_name(X, 2.0), X * 2.0)
    with pytest.raises(ValueError, match="`z`, which is no parameter"):
        rd.vmap(lambda x, w: x * w, in_axes={"z": 0})(X, 2.0)


def test_decorator():
    @rd.vmap
    def total(x):
        return x.sum()

    np.testing.assert_allclose(total(X), X.sum(axis=1))
    assert jnp.allclose(total(X), jax.vmap(lambda x: x.sum())(X))
