"""What the functions of `rd.random` refuse: the argument is named, and what was got."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import redraft as rd
from redraft import random

KEY = random.PRNGKey(0)
REFUSED = [
    (lambda: random.normal(0, (3,)), TypeError, "`key` must be a key.*got int"),
    (lambda: random.normal(None), TypeError, "`key` is missing"),
    (lambda: random.normal(), TypeError, "`key` is missing"),
    (lambda: random.normal(np.zeros(2)), TypeError, "got float64 of shape"),
    (lambda: random.normal(np.zeros(2, int)), TypeError, "got int64"),
    (lambda: random.normal(np.zeros(3, np.uint32)), TypeError, r"shape \(3,\)"),
    (lambda: random.normal(random.split(KEY, 3)), ValueError, r"must be a single key.*rd\.vmap"),
    (lambda: random.split(random.split(KEY)), ValueError, "must be a single key"),
    (lambda: random.normal(KEY, (-1,)), ValueError, "`shape` must not be negative"),
    (lambda: random.normal(KEY, (2.0,)), TypeError, "`shape` must be a tuple of integers"),
    (lambda: random.split(KEY, -2), ValueError, "`num` must not be negative"),
    (lambda: random.split(KEY, 2.0), TypeError, "`num` must be a tuple of integers"),
    (lambda: random.normal(KEY, (), int), ValueError, "`dtype` must be a float"),
    (lambda: random.normal(KEY, (), "nothing"), ValueError, "`dtype` must be a float"),
    (lambda: random.uniform(KEY, (), np.longdouble), ValueError, "`dtype` must be a float"),
    (lambda: random.bits(KEY, (), np.int32), ValueError, "`dtype` must be an unsigned"),
    (lambda: random.randint(KEY, (), 0, 5, float), ValueError, "`dtype` must be an integer"),
    (lambda: random.uniform(KEY, (3,), minval=np.zeros(2)), ValueError, "`minval` of shape"),
    (lambda: random.randint(KEY, (3,), 0, np.ones(2, int)), ValueError, "`maxval` of shape"),
    (lambda: random.gamma(KEY, np.ones(2), (3,)), ValueError, "`a` of shape"),
    (lambda: random.beta(KEY, np.ones(2), np.ones(3)), ValueError, "do not broadcast"),
    (lambda: random.bernoulli(KEY, 1), TypeError, "`p` must be a float"),
    (lambda: random.bernoulli(KEY, 0.5, mode="x"), ValueError, "`mode` must be 'low' or 'high'"),
    (lambda: random.gumbel(KEY, mode="x"), ValueError, "`mode` must be"),
    (lambda: random.categorical(KEY, np.zeros(3, int)), TypeError, "`logits` must be a float"),
    (lambda: random.categorical(KEY, np.zeros(3), axis=2), ValueError, "`axis` 2 is out of bounds"),
    (lambda: random.categorical(KEY, np.zeros(3), shape=(4,), replace=False), ValueError, "4 of 3"),
    (lambda: random.choice(KEY, 2, (3,), False), ValueError, "3 of 2 without replacement"),
    (lambda: random.choice(KEY, 0, (3,)), ValueError, "nothing to choose from"),
    (lambda: random.choice(KEY, 5, (3,), p=np.ones(4)), ValueError, "5 probabilities"),
    (lambda: random.choice(KEY, 5, (3,), p=0.5), ValueError, "5 probabilities"),
    (lambda: random.choice(KEY, 2.5), TypeError, "`a` must be an array"),
    (lambda: random.permutation(KEY, 2.5), TypeError, "`x` must be an array"),
    (lambda: random.permutation(KEY, np.ones(3), axis=1), ValueError, "`axis` 1 is out of bounds"),
    (lambda: random.dirichlet(KEY, 1.0), ValueError, "`alpha` must have one axis"),
    (lambda: random.multivariate_normal(KEY, np.zeros(2), np.eye(3)), ValueError, "`cov` must have"),
    (lambda: random.multivariate_normal(KEY, 0.0, np.eye(3)), ValueError, "`mean` must have"),
    (lambda: random.multivariate_normal(KEY, np.zeros(2), np.eye(2), method="qr"), ValueError, "`method`"),
    (lambda: random.PRNGKey(1.5), TypeError, "`seed` must be an integer"),
    (lambda: random.PRNGKey(np.arange(2)), TypeError, "`seed` must be an integer, got an array"),
    (lambda: random.PRNGKey(2**64), OverflowError, "`seed` must fit into 64 bits"),
    (lambda: random.key(0, impl="rbg"), ValueError, "`impl` must be None or 'threefry2x32'"),
    (lambda: random.fold_in(KEY, -1), OverflowError, "`data` must fit into 32 bits"),
    (lambda: random.fold_in(KEY, 1.5), TypeError, "`data` must be an integer"),
    (lambda: random.fold_in(KEY, np.arange(3)), TypeError, "`data` must be an integer, got an array"),
    (lambda: random.wrap_key_data(np.zeros(2)), TypeError, "must be a key"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_refused(case):
    call, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        call()


def test_refused_while_tracing_too():
    with pytest.raises(ValueError, match="must be a single key"):
        rd.jit(lambda keys: random.normal(keys, (3,)))(random.split(KEY, 3))
    with pytest.raises((TypeError, rd.TransformError), match="known when the function is traced"):
        rd.jit(lambda n: random.normal(KEY, (n,)))(3)


def test_spectral_factors_have_no_derivative():
    def total(cov):
        return np.sum(random.multivariate_normal(KEY, np.zeros(2), cov, method="eigh"))

    with pytest.raises(ValueError, match="use 'cholesky'"):
        rd.grad(total)(np.eye(2))


def test_functions_can_be_pickled_and_say_what_they_take():
    assert pickle.loads(pickle.dumps(random.normal)) is random.normal
    assert rd.random is random and "shape" in random.normal.__doc__


def test_numpys_settings_are_left_alone():
    with np.errstate(all="raise"):
        random.truncated_normal(KEY, -np.inf, np.inf, (100,))
        random.gamma(KEY, 1e-3, (100,))
        random.randint(KEY, (5,), -(2**31), 2**31 - 1)
        assert np.geterr()["over"] == "raise"
