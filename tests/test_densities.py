"""scipy.stats: values in and outside of the support, gradients against JAX, many methods compiled together, frozen distributions.

test_registry.py holds each method against all laws with `-m slow`; there is one method after the other.
"""

from __future__ import annotations

import functools
import inspect
import linecache
import os
import warnings

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import jax
import jax.scipy.stats
import numpy as np
import pytest
import scipy.stats
from scipy import stats

import redraft as rd
from redraft.transpile.primitives import distributions, table

jax.config.update("jax_enable_x64", True)


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


UNIVARIATE = {
    row.name.removeprefix("scipy.stats."): row
    for row in table.all_rows()
    if row.kind == "definition" and row.by.partition(".")[0] in (*distributions.CONTINUOUS, "probabilities")
}  # fmt: skip


def shapes_of(name):
    """The shape parameters of a distribution, with samples of them."""
    distribution = name.partition(".")[0]
    for family in distributions.CONTINUOUS.values():
        if distribution in family:
            return family[distribution][2]
    return distributions.DISCRETE[distribution][2]


POINTS = np.array(
    [-np.inf, -2.5, -1.0, -0.3, 0.0, 0.2, 0.5, 1.0, 1.3, 2.0, 3.0, 5.0, 7.3, np.inf, np.nan]
)
CHANCES = np.array([-0.1, 0.0, 1e-9, 0.2, 0.5, 0.9, 1.0, 1.1, np.nan])


def arguments(name):
    """Points inside and outside, at the edges and at infinity, and shape parameters."""
    rng = np.random.default_rng(3)
    shapes = [make(rng, ()) for make in shapes_of(name).values()]
    return [CHANCES if name.endswith(("ppf", "isf")) else POINTS, *shapes]


@pytest.mark.parametrize("name", UNIVARIATE)
def test_values_everywhere(name):
    """SciPy's own, also outside of the support, at NaN, and of parameters that make no sense."""
    original, own = table.resolve(f"scipy.stats.{name}"), table.defining(UNIVARIATE[name])
    points, *shapes = arguments(name)
    if name.partition(".")[0] in ("vonmises", "wrapcauchy"):
        points = np.array([0.0, 0.2, 1.0, 2.0, 3.0, np.nan])
    is_discrete = name.partition(".")[0] in distributions.DISCRETE
    ends = [(0,), (1,)] if is_discrete else [(0, 1), (0.4, 2.0)]
    for end in ends:
        wanted, got = original(points, *shapes, *end), own(points, *shapes, *end)
        np.testing.assert_allclose(got, wanted, 1e-9, 1e-14, err_msg=f"{shapes} {end}")
    if not is_discrete:
        for scale in (0.0, -1.0, np.nan):
            assert np.isnan(own(points, *shapes, 0.0, scale)).all()
            assert np.isnan(original(points, *shapes, 0.0, scale)).all()
    for i in range(len(shapes)):
        wrong = [*shapes[:i], np.nan, *shapes[i + 1 :]]
        assert np.isnan(own(points[3:5], *wrong)).all()


# --- gradients against JAX

IN_JAX = [
    name
    for name in UNIVARIATE
    if hasattr(getattr(jax.scipy.stats, name.partition(".")[0], None), name.rpartition(".")[2])
    and name.partition(".")[0] not in ("gumbel_r", "gumbel_l")  # whose derivatives raise in JAX
]
QUICK = ("norm.logcdf", "truncnorm.logpdf", "beta.cdf", "gamma.cdf", "vonmises.pdf")


def is_quick(name):
    return name in QUICK or name.endswith(("logpdf", "logpmf"))


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if is_quick(n) else [pytest.mark.slow]) for n in IN_JAX])  # fmt: skip
def test_gradients_are_those_of_jax(name):
    """And no NaN where JAX has none: in and outside of the support, in both modes."""
    distribution, _, method = name.partition(".")
    of_jax = getattr(getattr(jax.scipy.stats, distribution), method)
    row, function = UNIVARIATE[name], table.resolve(f"scipy.stats.{name}")
    points, *shapes = arguments(name)
    points = points[np.isfinite(points)]
    if method in ("ppf", "isf"):
        points = points[(points > 1e-6) & (points < 1)]  # JAX loses digits beyond
    is_discrete = distribution in distributions.DISCRETE
    if is_discrete:  # JAX's probabilities of fractions are those of a formula
        points = points[points == np.floor(points)]
    known = list(inspect.signature(of_jax).parameters)
    values = [
        points,
        *map(float, shapes),
        *([] if is_discrete or "scale" not in known else [0.3, 1.2]),
    ]
    for i, parameter in enumerate(list(row.parameters)[: len(values)]):
        if parameter not in row.wrt or (method in ("cdf", "sf", "logcdf", "logsf") and parameter in "ab" and distribution == "beta"):  # fmt: skip
            continue  # JAX has no derivative by the parameters of betainc

        def of_one(v, function, i=i):
            return function(*values[:i], v, *values[i + 1 :])

        value = np.asarray(values[i], float)[()]
        dot = np.ones(np.shape(value))[()]
        _, wanted = jax.jvp(lambda v: of_one(v, of_jax), (value,), (dot,))
        _, got = rd.jvp(functools.partial(of_one, function=function), (value,), (dot,))
        usable = np.isfinite(np.asarray(wanted))
        got, wanted = np.broadcast_to(got, points.shape), np.asarray(wanted)
        np.testing.assert_allclose(
            got[usable], wanted[usable], 1e-7, 1e-12, err_msg=f"by {parameter} at {points}"
        )
        _, pull = rd.vjp(functools.partial(of_one, function=function), value)
        np.testing.assert_allclose(
            np.sum(pull(np.where(usable, 1.0, 0.0))[0]), np.sum(got[usable]), 1e-9, 1e-12
        )


# --- compiled


def compare_compiled(names):
    def all_of_them(given):
        return [
            table.resolve(f"scipy.stats.{name}")(*values)
            for name, values in zip(names, given, strict=True)
        ]

    text = "def f(given):\n    return [\n"
    for i, name in enumerate(names):
        text += f"        stats.{name}(*given[{i}]),\n"
    filename = f"<densities {names[0]}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True) + ["    ]\n"], filename)
    namespace = {"stats": stats}
    exec(compile(text + "    ]\n", filename, "exec"), namespace)
    given = [tuple(map(np.asarray, arguments(name))) for name in names]
    for name, got, wanted in zip(
        names, rd.jit(namespace["f"])(given), all_of_them(given), strict=True
    ):
        assert got.dtype == wanted.dtype, name
        if name.partition(".")[0] not in ("vonmises", "wrapcauchy"):
            np.testing.assert_allclose(got, wanted, 1e-8, 1e-290, err_msg=name)


def test_compiled_densities():
    pytest.importorskip("tensorflow")
    compare_compiled(
        [
            "norm.logpdf",
            "gamma.logpdf",
            "t.logcdf",
            "truncnorm.logsf",
            "poisson.logpmf",
            "binom.cdf",
        ]
    )


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, len(UNIVARIATE), 40))
def test_compiled_methods(start):
    pytest.importorskip("tensorflow")
    compare_compiled(
        [n for n in UNIVARIATE if not n.endswith(("ppf", "isf"))][start : start + 40]
        or ["norm.pdf"]
    )


# --- frozen distributions

X = np.array([0.2, 0.5, 0.9])


def at_once(mu, x):
    return stats.norm(loc=np.exp(mu)).logpdf(np.sin(x)).sum()


def in_a_variable(mu, x):
    frozen = stats.gamma(2.0, scale=np.exp(mu))
    mu = mu * 100.0
    return np.sum(frozen.logpdf(x)) + frozen.logcdf(2.0)


def of_vectors(mu, x):
    return stats.multivariate_normal(mu * np.ones(3), np.eye(3)).logpdf(x)


def of_counts(mu, x):
    from scipy import stats as library

    frozen = library.poisson(np.exp(mu))
    return sum(frozen.logpmf(k) for k in range(3)) + x[0]


def in_a_nested_function(mu, x):
    prior = stats.norm(0.0, np.exp(mu))

    def total(y):
        return prior.logpdf(y) + prior.cdf(mu)

    return total(x[0]) + total(x[1])


@pytest.mark.parametrize("f", [at_once, in_a_variable, of_vectors, of_counts, in_a_nested_function])
def test_frozen_distributions(f):
    value, slope = rd.value_and_grad(f)(0.3, X)
    np.testing.assert_allclose(value, f(0.3, X), 1e-12)
    np.testing.assert_allclose(slope, (f(0.3 + 1e-6, X) - f(0.3 - 1e-6, X)) / 2e-6, 1e-6)
    batch = rd.vmap(f, in_axes=(0, None))(np.array([0.3, 0.4]), X)
    np.testing.assert_allclose(batch, [f(0.3, X), f(0.4, X)], 1e-12)


def test_frozen_distributions_are_compiled():
    pytest.importorskip("tensorflow")
    for f in (at_once, in_a_variable):
        np.testing.assert_allclose(rd.jit(rd.grad(f))(0.3, X), rd.grad(f)(0.3, X), 1e-10)


def under_two_names(mu, x):
    frozen = stats.norm(mu, 1.0)
    other = frozen
    return np.sum(other.logpdf(x))


def assigned_twice(mu, x):
    frozen = stats.norm(mu, 1.0)
    if mu > 0:
        frozen = stats.norm(0.0, 1.0)
    return np.sum(frozen.logpdf(x))


def of_another_method(mu, x):
    frozen = stats.norm(mu, 1.0)
    return frozen.mean() + np.sum(frozen.logpdf(x))


@pytest.mark.parametrize("f", [under_two_names, assigned_twice, of_another_method])
def test_other_frozen_distributions_are_refused(f):
    for transform in (rd.grad, lambda f: rd.vmap(f, in_axes=(0, None))):
        with pytest.raises(rd.TransformError, match=r"write `scipy.stats.norm.method\(x, …\)`"):
            transform(f)(np.array([0.3]), X)


def test_other_frozen_distributions_are_not_traced():
    pytest.importorskip("tensorflow")
    with pytest.raises(rd.TransformError, match="a frozen distribution cannot be traced"):
        rd.jit(under_two_names)(0.3, X)


# --- vectors


def test_shapes_of_the_multivariate_normal():
    """A covariance may be a number or a vector; axes of length one vanish, as in SciPy."""
    rng = np.random.default_rng(0)
    cov = np.array([[2.0, 0.3], [0.3, 1.0]])
    for x, mean, c in [
        (rng.normal(size=2), None, cov),
        (rng.normal(size=(1, 2)), np.zeros(2), cov),
        (rng.normal(size=(3, 4, 2)), np.ones(2), cov),
        (rng.normal(size=(5, 2)), np.ones(2), 2.5),
        (rng.normal(size=5), 0.5, 2.0),
        (0.3, None, 1),
    ]:  # fmt: skip
        own = table.defined(stats.multivariate_normal.logpdf)
        got, wanted = own(x, mean, c), stats.multivariate_normal.logpdf(x, mean, c)
        np.testing.assert_allclose(got, wanted, 1e-12)
        assert np.shape(got) == np.shape(wanted)


def test_a_gaussian_posterior_to_second_order():
    """The Hessian of a log posterior is the negative precision."""
    y = np.array([0.3, 1.2, -0.4, 0.9])

    def log_posterior(mu):
        return stats.norm(0.0, 2.0).logpdf(mu) + np.sum(stats.norm.logpdf(y, mu, 0.5))

    np.testing.assert_allclose(rd.hessian(log_posterior)(0.1), -(1 / 4 + 4 / 0.25), 1e-12)


def test_jax_agrees_on_vectors():
    rng = np.random.default_rng(1)
    x, mean = rng.normal(size=(4, 3)), rng.normal(size=3)
    a = rng.normal(size=(3, 3))
    cov = a @ a.T + np.eye(3)

    def total(x, mean, cov):
        return np.sum(scipy.stats.multivariate_normal.logpdf(x, mean, cov))

    got = rd.grad(total, (0, 1, 2))(x, mean, cov)
    wanted = jax.grad(lambda *v: jax.scipy.stats.multivariate_normal.logpdf(*v).sum(), (0, 1, 2))(
        x, mean, cov
    )
    np.testing.assert_allclose(got[0], wanted[0], 1e-9)
    np.testing.assert_allclose(got[1], wanted[1], 1e-9)
    np.testing.assert_allclose(got[2] + got[2].T, wanted[2] + wanted[2].T, 1e-9)
    p = np.array([0.2, 0.3, 0.5])
    alpha = np.array([1.5, 2.0, 0.7])
    np.testing.assert_allclose(
        rd.grad(lambda v: scipy.stats.dirichlet.logpdf(p, v))(alpha),
        jax.grad(lambda v: jax.scipy.stats.dirichlet.logpdf(p, v))(alpha), 1e-10,
    )  # fmt: skip
