"""`rd.random` under `jit`, `vmap` and `pmap`: the numbers of the plain calls, and calls that can be read."""

from __future__ import annotations

import numpy as np
import pytest

import redraft as rd
from redraft import random

KEY = random.PRNGKey(5)
KEYS = random.split(KEY, 3)
X = np.arange(20, dtype=np.float32).reshape(4, 5) / 7
WEIGHTS = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
S = (4, 5)

SAMPLERS = {
    "bits": lambda k: random.bits(k, S, np.uint8),
    "bits64": lambda k: random.bits(k, S, np.uint64),
    "split": lambda k: random.split(k, (2, 3)),
    "fold_in": lambda k: random.fold_in(k, 7),
    "uniform": lambda k: random.uniform(k, S, np.float64, -1, np.arange(5.0)),
    "normal": lambda k: random.normal(k, S),
    "normal64": lambda k: random.normal(k, S, np.float64),
    "complex": lambda k: random.normal(k, S, np.complex64),
    "exponential": lambda k: random.exponential(k, S),
    "gumbel": lambda k: random.gumbel(k, S, mode="high"),
    "laplace": lambda k: random.laplace(k, S),
    "logistic": lambda k: random.logistic(k, S),
    "cauchy": lambda k: random.cauchy(k, S),
    "randint": lambda k: random.randint(k, S, np.arange(5), 2**31 - 1),
    "randint64": lambda k: random.randint(k, S, -(2**63), 2**63 - 1, np.int64),
    "bernoulli": lambda k: random.bernoulli(k, WEIGHTS, mode="high"),
    "rademacher": lambda k: random.rademacher(k, S),
    "permutation": lambda k: random.permutation(k, 50),
    "of rows": lambda k: random.permutation(k, X),
    "independent": lambda k: random.permutation(k, X, axis=1, independent=True),
    "choice": lambda k: random.choice(k, X, (3, 2), axis=1),
    "probabilities": lambda k: random.choice(k, X, (3, 2), p=WEIGHTS),
    "without": lambda k: random.choice(k, X, (3,), replace=False, p=WEIGHTS),
    "categorical": lambda k: random.categorical(k, X, axis=0, shape=(7, 5)),
    "without replacement": lambda k: random.categorical(k, X, shape=(3, 4), replace=False),
    "poisson": lambda k: random.poisson(k, np.array([0.5, 3.0, 20.0, 100.0, 0.0]), S),
    "gamma": lambda k: random.gamma(k, 0.7, S),
    "loggamma": lambda k: random.loggamma(k, np.array([0.1, 1, 5, 20, 2000]), S, np.float64),
    "beta": lambda k: random.beta(k, 0.5, 2.0, S),
    "dirichlet": lambda k: random.dirichlet(k, np.ones(3), S),
    "chisquare": lambda k: random.chisquare(k, 3.0, S),
    "t": lambda k: random.t(k, 3.0, S),
    "pareto": lambda k: random.pareto(k, 3.0, S),
    "rayleigh": lambda k: random.rayleigh(k, 2.0, S),
    "weibull_min": lambda k: random.weibull_min(k, 2.0, 3.0, S),
    "geometric": lambda k: random.geometric(k, 0.3, S),
    "truncated_normal": lambda k: random.truncated_normal(k, -1.0, np.arange(5.0), S),
    "multivariate_normal": lambda k: random.multivariate_normal(k, np.arange(3.0), np.eye(3) + 0.3, S),
}  # fmt: skip
QUICK = ("fold_in", "normal", "randint", "choice")


def same(got, wanted):
    """Equal, to some rounding of the logarithm and its like."""
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert got.shape == wanted.shape and got.dtype == wanted.dtype
    if wanted.dtype.kind in "fc":
        scale = 1e-12 if wanted.dtype.itemsize // (1 + (wanted.dtype.kind == "c")) == 8 else 1e-5
        np.testing.assert_allclose(got, wanted, rtol=scale, atol=scale)
    else:
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("name", SAMPLERS)
def test_vmap_over_keys(name):
    wanted = np.stack([SAMPLERS[name](k) for k in KEYS])
    np.testing.assert_array_equal(rd.vmap(SAMPLERS[name])(KEYS), wanted)


@pytest.mark.parametrize(
    "name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in SAMPLERS]
)
def test_jit(name):
    function = SAMPLERS[name]
    same(rd.jit(function)(KEY), function(KEY))
    same(rd.jit(rd.vmap(function))(KEYS), rd.vmap(function)(KEYS))


def test_vmap_over_keys_and_parameters():
    def uniform(key, low, high):
        return random.uniform(key, (2, 3), np.float64, low, high)

    def gamma(key, a):
        return random.gamma(key, a)

    def beta(key, a, b):
        return random.beta(key, a, b)

    def picked(key, logits):
        return random.categorical(key, logits, shape=(5, 2))

    def folded(key, data):
        return random.fold_in(key, data)

    rng = np.random.default_rng(0)
    low, high = rng.normal(size=(3, 3)), rng.normal(size=(3, 2, 1)) + 9
    a, b, logits = (
        rng.gamma(3.0, size=(3, 2, 2)),
        rng.gamma(3.0, size=(3, 2)),
        rng.normal(size=(3, 2, 4)),
    )
    cases = [
        (uniform, (low, high)), (gamma, (a,)), (beta, (a, b)), (picked, (logits,)),
        (folded, (np.arange(3),)),
    ]  # fmt: skip
    for function, arguments in cases:
        wanted = np.stack([function(k, *each) for k, *each in zip(KEYS, *arguments, strict=True)])
        np.testing.assert_array_equal(rd.vmap(function)(KEYS, *arguments), wanted)
        one_key = np.stack([function(KEY, *each) for each in zip(*arguments, strict=True)])
        axes = (None, *(0 for _ in arguments))
        np.testing.assert_array_equal(rd.vmap(function, in_axes=axes)(KEY, *arguments), one_key)


def test_nested_vmap():
    def sample(key, low):
        return random.uniform(key, (2,), np.float64, low, low + 1)

    low = np.arange(4.0)
    grid = rd.vmap(rd.vmap(sample, in_axes=(None, 0)), in_axes=(0, None))(KEYS, low)
    np.testing.assert_array_equal(grid, [[sample(k, x) for x in low] for k in KEYS])
    grid = rd.vmap(rd.vmap(sample, in_axes=(0, None)), in_axes=(None, 0))(KEYS, low)
    np.testing.assert_array_equal(grid, [[sample(k, x) for k in KEYS] for x in low])


def noisy(key, x):
    return np.sum((x + random.normal(key, (3,), np.float64)) ** 2)


def test_calls_keep_their_names():
    """Nothing of the generator is written into generated code."""
    gradient = rd.source(rd.grad(noisy, argnums=1))
    assert "random.normal(key, (3,), np.float64)" in gradient and "<<" not in gradient
    staged = rd.source(rd.jit(noisy))
    assert "random.normal(key, (3,), np.float64)" in staged and "<<" not in staged
    batched = rd.source(rd.vmap(noisy, in_axes=(0, None)))
    assert batched.count("rt.each_key.normal(key") == 1 and "for " not in batched.split('"""')[2]


def test_keys_are_made_within_compiled_functions():
    def walk(seed, n):
        key, x = random.PRNGKey(seed), np.zeros(2)
        for _ in range(n):
            key, now = random.split(key)
            x = x + random.normal(now, (2,), np.float64)
        return x

    same(rd.jit(walk, static_argnames="n")(3, n=12), walk(3, 12))


def test_pmap_over_keys():
    devices = rd.local_device_count()
    keys = random.split(KEY, devices)

    def sample(key):
        return random.normal(key, (50, 60))

    same(rd.pmap(sample)(keys), np.stack([sample(k) for k in keys]))
