"""`rd.random` against `jax.random`: the same numbers for the same keys, shapes and dtypes."""

from __future__ import annotations

import functools
import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import numpy as np
import pytest

import redraft as rd

SHAPES = [
    (), (1,), (7,), (64,), (1000,), (3, 5), (5, 3), (1, 1), (2, 3, 4), (0,), (4, 0, 2), (17, 2), (2, 17),
    (1, 2, 1, 3), (128, 3), (3, 128), (11, 11), (2, 2, 2, 2, 2), (255,), (257,),
]  # fmt: skip
WEIGHTS = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
LOGITS = np.log(WEIGHTS)

# what is drawn without a formula of real numbers: equal to the last bit
EXACT = {
    "bits uint8": ("bits", lambda r, k, s: r.bits(k, s, np.uint8)),
    "bits uint16": ("bits", lambda r, k, s: r.bits(k, s, np.uint16)),
    "bits uint32": ("bits", lambda r, k, s: r.bits(k, s, np.uint32)),
    "bits uint64": ("x64", lambda r, k, s: r.bits(k, s, np.uint64)),
    "uniform": ("bits", lambda r, k, s: r.uniform(k, s)),
    "uniform float16": ("bits", lambda r, k, s: r.uniform(k, s, np.float16)),
    "uniform float64": ("x64", lambda r, k, s: r.uniform(k, s, np.float64)),
    "uniform in bounds": ("bits", lambda r, k, s: r.uniform(k, s, None, -1.3, 2.7)),
    "randint": ("bits", lambda r, k, s: r.randint(k, s, -7, 1000)),
    "randint wide": ("bits", lambda r, k, s: r.randint(k, s, -(2**31), 2**31 - 1)),
    "randint int8": ("bits", lambda r, k, s: r.randint(k, s, -100, 100, np.int8)),
    "randint uint8": ("bits", lambda r, k, s: r.randint(k, s, 0, 256, np.uint8)),
    "randint uint32": ("x64", lambda r, k, s: r.randint(k, s, 0, 2**32, np.uint32)),
    "randint int64": ("x64", lambda r, k, s: r.randint(k, s, -(2**63), 2**40, np.int64)),
    "bernoulli": ("bits", lambda r, k, s: r.bernoulli(k, 0.3, s)),
    "bernoulli high": ("bits", lambda r, k, s: r.bernoulli(k, 0.3, s, mode="high")),
    "rademacher": ("bits", lambda r, k, s: r.rademacher(k, s)),
    "choice": ("bits", lambda r, k, s: r.choice(k, 12, s)),
    "split": ("bits", lambda r, k, s: r.split(k, s)),
    "fold_in": ("bits", lambda r, k, s: r.fold_in(k, 7)),
}
# to some rounding of the logarithm and its like
CLOSE = {
    "normal": ("bits", lambda r, k, s: r.normal(k, s), 2e-6),
    "normal float64": ("x64", lambda r, k, s: r.normal(k, s, np.float64), 1e-13),
    "normal complex": ("bits", lambda r, k, s: r.normal(k, s, np.complex64), 2e-6),
    "normal float16": ("bits", lambda r, k, s: r.normal(k, s, np.float16), 2e-3),
    "truncated_normal": ("bits", lambda r, k, s: r.truncated_normal(k, -1.0, 2.0, s), 2e-6),
    "exponential": ("bits", lambda r, k, s: r.exponential(k, s), 1e-6),
    "gumbel": ("bits", lambda r, k, s: r.gumbel(k, s), 1e-5),
    "gumbel high": ("bits", lambda r, k, s: r.gumbel(k, s, mode="high"), 1e-5),
    "laplace": ("bits", lambda r, k, s: r.laplace(k, s), 1e-6),
    "logistic": ("bits", lambda r, k, s: r.logistic(k, s), 1e-5),
    "cauchy": ("bits", lambda r, k, s: r.cauchy(k, s), 1e-5),
    "pareto": ("bits", lambda r, k, s: r.pareto(k, 3.0, s), 1e-5),
    "rayleigh": ("bits", lambda r, k, s: r.rayleigh(k, np.float32(2.0), s), 1e-5),
    "weibull_min": ("bits", lambda r, k, s: r.weibull_min(k, 2.0, 3.0, s), 1e-5),
}


def of_both(name, case, shape, keys):
    """The samples of all keys: ours, and JAX's."""
    kind, function = case[:2]
    with jax.enable_x64(kind == "x64"):
        wanted = jax.vmap(lambda k: function(jax.random, k, shape))(keys)
        wanted = jax.tree.map(np.asarray, wanted)
    got = np.stack([function(rd.random, k, shape) for k in keys]) if len(keys) else None
    assert got.shape == wanted.shape and got.dtype == wanted.dtype, name
    return got, wanted


def keys_of(first, count):
    return np.stack([rd.random.PRNGKey(seed) for seed in range(first, first + count)])


def check_exact(name, shape, keys):
    got, wanted = of_both(name, EXACT[name], shape, keys)
    np.testing.assert_array_equal(got, wanted)
    return got.size


def check_close(name, shape, keys):
    got, wanted = of_both(name, CLOSE[name], shape, keys)
    tolerance = CLOSE[name][2]
    np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance)
    return got.size


# (compiling JAX's functions takes the time of these tests: the others run with the slow ones)
QUICK = {
    "bits uint64", "uniform", "randint", "bernoulli", "split", "normal", "truncated_normal", "independent",
    "choice", "categorical", "poisson", "loggamma",
}  # fmt: skip


def each(names):
    return pytest.mark.parametrize("name", [
        name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in names
    ])  # fmt: skip


@each(EXACT)
def test_equal_to_the_last_bit(name):
    check_exact(name, (3, 5), keys_of(40, 25))


@each(CLOSE)
def test_equal_to_rounding(name):
    check_close(name, (3, 5), keys_of(40, 25))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*EXACT, *CLOSE])
def test_a_thousand_keys_and_shapes(name):
    """Fifty keys for each of twenty shapes."""
    check = check_exact if name in EXACT else check_close
    seeds = np.random.default_rng(0).integers(0, 2**31, 1000)
    keys = np.stack([rd.random.PRNGKey(int(seed)) for seed in seeds])
    for i, shape in enumerate(SHAPES):
        check(name, shape if name not in ("split",) else max(1, len(shape)), keys[i::20])


@pytest.mark.parametrize(
    "seed", [0, 1, 42, 2**31 - 1, 2**31, 2**32 - 1, -1, -5, True, np.int32(-1), np.uint8(7)]
)
def test_keys_of_seeds_are_those_of_jax(seed):
    with jax.enable_x64(False):
        wanted = np.asarray(jax.random.PRNGKey(seed))
    for function in (rd.random.PRNGKey, rd.random.key):
        np.testing.assert_array_equal(function(seed), wanted)


@pytest.mark.parametrize("seed", [2**32, 2**40 + 3, 2**63 - 1, -(2**40)])
def test_longer_seeds_lose_no_bits(seed):
    """JAX without x64 drops the upper half of such a seed; with x64 it keeps it."""
    with jax.enable_x64(True):
        np.testing.assert_array_equal(rd.random.PRNGKey(seed), jax.random.PRNGKey(seed))


X = np.arange(20, dtype=np.float32).reshape(4, 5)
CHOICES = {
    "permutation of numbers": lambda r, k: r.permutation(k, 1000),
    "of a vector": lambda r, k: r.permutation(k, X[:, 0]),
    "of rows": lambda r, k: r.permutation(k, X),
    "of columns": lambda r, k: r.permutation(k, X, axis=-1),
    "independent": lambda r, k: r.permutation(k, X, axis=1, independent=True),
    "choice": lambda r, k: r.choice(k, X, (3, 2), axis=1),
    "without replacement": lambda r, k: r.choice(k, 50, (4, 5), replace=False),
    "rows without replacement": lambda r, k: r.choice(k, X, (3,), replace=False),
    "with probabilities": lambda r, k: r.choice(k, X, (3, 2), p=WEIGHTS),
    "without, with probabilities": lambda r, k: r.choice(k, X, (3,), replace=False, p=WEIGHTS),
    "categorical": lambda r, k: r.categorical(k, X / 7),
    "categorical shape": lambda r, k: r.categorical(k, LOGITS, shape=(6, 2)),
    "categorical axis": lambda r, k: r.categorical(k, X / 7, axis=0, shape=(3, 5)),
    "categorical without": lambda r, k: r.categorical(k, X / 7, axis=0, shape=(3, 5), replace=False),
    "randint of arrays": lambda r, k: r.randint(k, (4, 5), np.arange(5), np.arange(5) * 3),
    "empty range": lambda r, k: r.randint(k, (5,), 5, 2),
    "bernoulli of arrays": lambda r, k: r.bernoulli(k, WEIGHTS),
    "split shape": lambda r, k: r.split(k, (2, 3)),
    "poisson": lambda r, k: r.poisson(k, np.array([0.5, 3.0, 20.0, 0.0, 9.9, 100.0], np.float32)),
    "poisson small": lambda r, k: r.poisson(k, 3.0, (40,)),
    "poisson of no number": lambda r, k: r.poisson(k, np.array([np.nan, -1.0], np.float32)),
    "geometric": lambda r, k: r.geometric(k, np.float32(0.3), (40,)),
}  # fmt: skip


@each(CHOICES)
def test_integers_and_choices(name):
    for seed in (0, 5):
        with jax.enable_x64(False):
            wanted = np.asarray(CHOICES[name](jax.random, jax.random.PRNGKey(seed)))
        got = CHOICES[name](rd.random, rd.random.PRNGKey(seed))
        assert got.dtype == wanted.dtype
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.slow
def test_bounds_that_are_arrays():
    """XLA may round the product and the sum at once."""
    with jax.enable_x64(False):
        wanted = np.asarray(jax.random.uniform(jax.random.PRNGKey(0), (4, 5), None, X[0], X + 1))
    got = rd.random.uniform(rd.random.PRNGKey(0), (4, 5), None, X[0], X + 1)
    np.testing.assert_array_max_ulp(got, wanted, 1)


A = np.array([0.05, 0.5, 1.0, 3.0, 200.0], np.float32)
REJECTION = {
    "gamma": lambda r, k: r.gamma(k, A, (30, 5)),
    "loggamma": lambda r, k: r.loggamma(k, A, (30, 5)),
    "beta": lambda r, k: r.beta(k, A, 0.7, (30, 5)),
    "dirichlet": lambda r, k: r.dirichlet(k, A, (30,)),
    "chisquare": lambda r, k: r.chisquare(k, A, (30, 5)),
    "t": lambda r, k: r.t(k, A + 1, (30, 5)),
    "multivariate_normal": lambda r, k: r.multivariate_normal(k, A[:3], np.eye(3, dtype=np.float32) + 0.3, (9,)),
}  # fmt: skip


@each(REJECTION)
def test_rejection_takes_the_same_proposals(name):
    with jax.enable_x64(False):
        wanted = np.asarray(REJECTION[name](jax.random, jax.random.PRNGKey(3)))
    got = REJECTION[name](rd.random, rd.random.PRNGKey(3))
    assert got.dtype == wanted.dtype
    np.testing.assert_allclose(got, wanted, rtol=2e-4, atol=2e-5)


@pytest.mark.slow
def test_gamma_float64():
    with jax.enable_x64(True):
        wanted = np.asarray(jax.random.gamma(jax.random.PRNGKey(3), A.astype(float), (30, 5)))
    got = rd.random.gamma(rd.random.PRNGKey(3), A, (30, 5), np.float64)
    np.testing.assert_allclose(got, wanted, rtol=1e-11)


# Without JAX: distributions, and samples of more than a block


def distance(sample, cdf):
    """The largest distance of a sample's distribution function from what it should be."""
    sorted_sample = np.sort(sample, axis=None)
    steps = np.arange(1, len(sorted_sample) + 1) / len(sorted_sample)
    return np.max(np.abs(cdf(sorted_sample) - steps))


def of_scipy(name, *args):
    import scipy.stats

    return functools.partial(getattr(scipy.stats, name).cdf, **dict(args))


DISTRIBUTIONS = {
    "uniform": (lambda k: rd.random.uniform(k, (20000,)), "uniform", {}),
    "normal": (lambda k: rd.random.normal(k, (20000,)), "norm", {}),
    "gamma": (lambda k: rd.random.gamma(k, 0.4, (20000,)), "gamma", {"a": 0.4}),
    "gamma large": (lambda k: rd.random.gamma(k, 40.0, (20000,)), "gamma", {"a": 40.0}),
    "beta": (lambda k: rd.random.beta(k, 0.5, 2.0, (20000,)), "beta", {"a": 0.5, "b": 2.0}),
    "t": (lambda k: rd.random.t(k, 4.0, (20000,)), "t", {"df": 4.0}),
    "truncated": (lambda k: rd.random.truncated_normal(k, -1.0, 2.0, (20000,)), "truncnorm", {"a": -1.0, "b": 2.0}),
    "pareto": (lambda k: rd.random.pareto(k, 3.0, (20000,)), "pareto", {"b": 3.0}),
}  # fmt: skip


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_distribution(name):
    draw, scipy_name, parameters = DISTRIBUTIONS[name]
    sample = draw(rd.random.PRNGKey(9))
    assert distance(sample, of_scipy(scipy_name, *parameters.items())) < 1.63 / np.sqrt(20000)


@pytest.mark.parametrize("lam", [0.7, 8.0, 30.0])
def test_poisson_distribution(lam):
    import scipy.stats

    sample = rd.random.poisson(rd.random.PRNGKey(2), lam, (20000,))
    for k in range(int(lam + 6 * np.sqrt(lam))):
        assert abs(np.mean(sample <= k) - scipy.stats.poisson.cdf(k, lam)) < 0.012


def test_a_sample_of_many_blocks_is_that_of_each_element():
    key = rd.random.PRNGKey(1)
    words = rd.random.bits(key, (100003,))
    assert words[70000] == rd.random.bits(key, (70001,))[-1]
    np.testing.assert_array_equal(
        rd.random.bits(key, (7, 14286))[-1, :3], rd.random.bits(key, 100002)[-14286:][:3]
    )
    keys = rd.random.split(key, 50)
    many = rd.vmap(lambda k: rd.random.normal(k, (5000,)))(keys)
    np.testing.assert_array_equal(many[41], rd.random.normal(keys[41], (5000,)))


def test_the_error_functions():
    import scipy.special

    from redraft.runtime import each_key

    x = np.linspace(-0.999, 0.999, 4001)
    np.testing.assert_allclose(each_key.erf_inv(x), scipy.special.erfinv(x), rtol=1e-13, atol=1e-18)
    single = x.astype(np.float32)
    np.testing.assert_allclose(each_key.erf_inv(single), scipy.special.erfinv(single), rtol=2e-6)
    np.testing.assert_array_equal(each_key.erf_inv(np.array([-1.0, 1.0])), [-np.inf, np.inf])
    np.testing.assert_allclose(each_key.erf(x), scipy.special.erf(x), rtol=1e-15)
