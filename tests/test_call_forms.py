"""Calls in an unusual form: lists of labels, functions that write into an array, `np.vectorize`."""

from __future__ import annotations

import math

import numpy as np
import pytest

import redraft as rd
from redraft.transpile.errors import TransformError

PLACES = np.array([[0, 2, 1], [1, 0, 0], [2, 2, 1]])
RUN_TIME = "...i,ij->...j"


def einsum_lists(a):
    return np.sum(np.sin(np.einsum(a, [0, 1], a * 2, [1, 2], [0, 2])))


def einsum_lists_implicit(a):
    return np.sum(np.einsum(a, [30, 1], a**2, [1, 4])[0] * a[1])


def einsum_lists_dots(a):
    return np.sum(np.sin(np.einsum(a, [..., 1], a[0], [1], [...])))


def einsum_lists_trace(a):
    return np.sin(np.einsum(a, [0, 0], optimize=True))


def einsum_constant(a):
    return np.sum(np.sin(np.einsum(RUN_TIME, a, a**2)))


def einsum_variable(a):
    subscripts = "i...j->j..."
    return np.sum(np.sin(np.einsum(subscripts, a) * a))


def put_along_sorted(a):
    x = np.cos(a)
    np.put_along_axis(x, np.argsort(a, axis=1)[:, :2], a[:, :2] ** 2, 1)
    return np.sum(np.sin(x) * a)


def put_along_repeated(a):
    x = np.cos(a)
    np.put_along_axis(x, PLACES, a**2, axis=1)
    return np.sum(np.sin(x) * a)


def put_along_flat(a):
    x = np.cos(a)
    np.put_along_axis(x, np.array([1, 4, -1]), a[0] ** 2, None)
    return np.sum(np.sin(x) * a)


def put_along_rows(a):
    x = np.cos(a)
    np.put_along_axis(x, PLACES[:1], 2.0, -2)
    return np.sum(np.sin(x) * a)


def put(a):
    x = np.cos(a)
    np.put(x, [[1, -1], [1, 3]], a[0, :2] ** 2)
    return np.sum(np.sin(x) * a)


def putmask(a):
    x = np.cos(a)
    np.putmask(x, a > 0, a[0, :2] ** 2)
    return np.sum(np.sin(x) * a)


def fill_diagonal(a):
    x = np.cos(a)
    np.fill_diagonal(x, a[0] ** 2)
    return np.sum(np.sin(x) * a)


def fill_diagonal_wide(a):
    x, y = np.cos(a[:2]), np.cos(a[:, :2])
    np.fill_diagonal(x, 0.5)
    np.fill_diagonal(y, a[0] ** 2)
    return np.sum(np.sin(x) * a[1:]) + np.sum(np.sin(y) * a[:, 1:])


def copyto(a):
    x = np.cos(a)
    np.copyto(x, a[0] ** 2)
    return np.sum(np.sin(x) * a)


def branching(u, v):
    return u * v if u > v else u * u * v


@np.vectorize
def decorated(u, v=2.0):
    return np.sin(u) * v


def last(u, v, w):
    return u * v + w


typed = np.vectorize(branching, otypes=[float])


def vectorized_here(a):
    return np.sum(np.sin(np.vectorize(branching)(a, 0.3)))


def vectorized_by_decorator(a):
    return np.sum(np.sin(decorated(a, a[0]))) + np.sum(decorated(a[1]))


def vectorized_with_types(a):
    return np.sum(np.sin(typed(a, a[0]))) + np.sum(np.vectorize(last, otypes="d")(a, a[0], 2.0))


def vectorized_variable(a):
    g = np.vectorize(lambda u: u**3 * a[0, 0])
    return np.sum(g(a) * a)


def vectorized_lambda(a):
    return np.sum(np.vectorize(lambda u: math.sin(u) * u)(a))


FORMS = [
    einsum_lists, einsum_lists_implicit, einsum_lists_dots, einsum_lists_trace, einsum_constant,
    einsum_variable, put_along_sorted, put_along_repeated, put_along_flat, put_along_rows, put, putmask,
    fill_diagonal, fill_diagonal_wide, copyto, vectorized_here, vectorized_by_decorator,
    vectorized_with_types, vectorized_variable, vectorized_lambda,
]  # fmt: skip
forms = pytest.mark.parametrize("f", FORMS, ids=lambda f: f.__name__)
X = np.random.default_rng(0).normal(size=(3, 3))
D = np.random.default_rng(1).normal(size=(3, 3))


def slopes(f, x, h=1e-6):
    """Central differences."""
    steps = np.eye(x.size).reshape(-1, *x.shape) * h
    return np.reshape([(f(x + s) - f(x - s)) / (2 * h) for s in steps], x.shape)


@forms
def test_both_modes_and_the_second_order_agree_with_differences(f):
    want = slopes(f, X)
    np.testing.assert_allclose(rd.grad(f)(X), want, atol=1e-7, rtol=1e-6)
    value, slope = rd.jvp(f, (X,), (D,))
    np.testing.assert_allclose([value, slope], [f(X), np.sum(want * D)], rtol=1e-6)

    def along(x):
        return np.sum(rd.grad(f)(x) * D)

    np.testing.assert_allclose(rd.grad(along)(X), slopes(along, X), atol=1e-6, rtol=1e-5)


@forms
def test_a_batch_is_its_examples(f):
    batch = np.stack([X, X[::-1] * 1.5])
    np.testing.assert_allclose(rd.vmap(f)(batch), [f(x) for x in batch], rtol=1e-12)
    want = [rd.grad(f)(x) for x in batch]
    np.testing.assert_allclose(rd.vmap(rd.grad(f))(batch), want, rtol=1e-10, atol=1e-12)


@forms
def test_compiled_it_is_the_same(f):
    pytest.importorskip("tensorflow")
    np.testing.assert_allclose(rd.jit(f)(X), f(X), rtol=1e-12)
    np.testing.assert_allclose(rd.jit(rd.grad(f))(X), rd.grad(f)(X), rtol=1e-10, atol=1e-12)


def test_a_vectorized_function_with_a_signature_is_refused():
    g = np.vectorize(np.sum, signature="(n)->()")
    with pytest.raises((TransformError, TypeError)):
        rd.grad(lambda x: np.sum(g(x)))(X)


def test_a_vectorized_function_of_nothing_is_refused_as_by_numpy():
    with pytest.raises(ValueError, match="size 0"):
        rd.grad(lambda x: np.sum(np.vectorize(np.sin)(x)))(X[:0])


def test_labels_that_are_no_string_are_refused():
    labels = [0, 1]
    with pytest.raises((TransformError, TypeError)):
        rd.grad(lambda x: np.sum(np.einsum(x, labels)))(X)
