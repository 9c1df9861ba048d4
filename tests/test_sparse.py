"""Products with constant sparse matrices."""

import numpy as np
import pytest
from scipy import sparse

import redraft as rd

DENSE = np.where(
    np.random.default_rng(0).random((4, 3)) < 0.6, np.arange(1.0, 13.0).reshape(4, 3), 0.0
)
X = np.array([0.5, -1.0, 2.0])
FORMATS = [
    sparse.csr_array, sparse.csc_array, sparse.coo_array, sparse.csr_matrix, sparse.lil_array,
    sparse.bsr_array,
]  # fmt: skip
each_format = pytest.mark.parametrize("form", FORMATS, ids=lambda f: f.__name__)
PRODUCTS = {
    "right": lambda a: lambda x: np.sum(np.sin(a @ x)),
    "both": lambda a: lambda x: np.sum(np.sin(a.T @ (a @ x))),
    "left": lambda a: lambda x: np.sum(np.sin(x[:1] * (x @ a.T))),
    "matrix": lambda a: lambda x: np.sum(np.sin(a @ np.outer(x, x[:2]))),
    "matrix from left": lambda a: lambda x: np.sum(np.sin(np.outer(x[:2], x) @ a.T)),
}


@each_format
@pytest.mark.parametrize("name", PRODUCTS)
def test_derivatives_are_those_of_the_dense_matrix(form, name):
    ours, dense = PRODUCTS[name](form(DENSE)), PRODUCTS[name](DENSE)
    assert ours(X) == pytest.approx(dense(X))
    np.testing.assert_allclose(rd.grad(ours)(X), rd.grad(dense)(X))
    np.testing.assert_allclose(rd.jvp(ours, (X,), (X,))[1], rd.jvp(dense, (X,), (X,))[1])


@pytest.mark.parametrize("name", PRODUCTS)
def test_second_order_batches_and_compiled_forms(name):
    ours, dense = PRODUCTS[name](sparse.csr_array(DENSE)), PRODUCTS[name](DENSE)
    if name in ("right", "both"):  # the others take parts of `x`, whose rank is not known
        np.testing.assert_allclose(rd.hessian(ours)(X), rd.hessian(dense)(X), atol=1e-10)
    along = [rd.jvp(rd.grad(g), (X,), (X,))[1] for g in (ours, dense)]
    np.testing.assert_allclose(*along)
    batch = np.stack([X, 2.0 * X])
    np.testing.assert_allclose(rd.vmap(ours)(batch), rd.vmap(dense)(batch))
    np.testing.assert_allclose(rd.vmap(rd.grad(ours))(batch), rd.vmap(rd.grad(dense))(batch))
    total = [rd.grad(lambda xs, g=g: np.sum(rd.vmap(g)(xs)))(batch) for g in (ours, dense)]
    np.testing.assert_allclose(*total)
    np.testing.assert_allclose(rd.jit(ours)(X), dense(X))
    np.testing.assert_allclose(rd.jit(rd.grad(ours))(X), rd.grad(dense)(X))
    np.testing.assert_allclose(
        rd.jit(rd.vmap(rd.grad(ours)))(batch), rd.vmap(rd.grad(dense))(batch)
    )


def test_single_precision_stays():
    a = sparse.csr_array(DENSE.astype(np.float32))
    x = X.astype(np.float32)
    f = lambda x: np.sum((a @ x) ** 2)  # noqa: E731
    assert rd.grad(f)(x).dtype == np.float32
    assert rd.jit(rd.grad(f))(x).dtype == np.float32
    np.testing.assert_allclose(rd.grad(f)(x), 2.0 * DENSE.T @ (DENSE @ X), rtol=1e-5)


def test_nothing_is_stored():
    a = sparse.csr_array((4, 3))
    f = lambda x: np.sum((a @ x + 1.0) ** 2)  # noqa: E731
    np.testing.assert_array_equal(rd.grad(f)(X), 0.0)
    np.testing.assert_array_equal(rd.jit(rd.grad(f))(X), 0.0)


def test_the_text_is_that_of_dense_matrices():
    def f(a, x):
        return np.sum(np.sin(a @ x))

    a = sparse.csr_array(DENSE)
    np.testing.assert_allclose(rd.grad(f, 1)(a, X), rd.grad(f, 1)(DENSE, X))
    assert "rt.matmul_bar_y(np.cos(a @ x), a, x)" in rd.source(rd.grad(f, 1))


def test_a_sparse_matrix_is_constant():
    a = sparse.csr_array(DENSE)
    with pytest.raises(TypeError):
        rd.grad(lambda a: np.sum(a @ X))(a)


def test_methods_of_sparse_matrices_are_refused():
    a = sparse.csr_array(DENSE)
    with pytest.raises(rd.TransformError):
        rd.grad(lambda x: np.sum(a.multiply(x)))(X)
