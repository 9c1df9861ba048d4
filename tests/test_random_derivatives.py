"""Derivatives of samples with respect to their parameters, against JAX's and differences."""

from __future__ import annotations

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import numpy as np
import pytest

import redraft as rd
from redraft import random
from redraft.runtime import each_key

KEY = random.PRNGKey(5)
KEYS = random.split(KEY, 3)
F = np.float64
A = np.array([0.3, 2.0, 50.0])
COV = np.array([[2.0, 0.3, 0.1], [0.3, 1.0, 0.2], [0.1, 0.2, 0.7]])


def uniform(k, a, b):
    return np.sum(np.sin(random.uniform(k, (4, 3), F, a, b)))


def truncated_normal(k, a, b):
    return np.sum(np.sin(random.truncated_normal(k, a, b, dtype=F)))


def multivariate_normal(k, a, b):
    return np.sum(np.sin(random.multivariate_normal(k, a, b, (4,))))


def gamma(k, a):
    return np.sum(np.sin(random.gamma(k, a, (4, 3), F)))


def loggamma(k, a):
    return np.sum(np.sin(random.loggamma(k, a, (4, 3), F)))


def beta(k, a, b):
    return np.sum(np.sin(random.beta(k, a, b, (4, 3), F)))


def dirichlet(k, a):
    return np.sum(np.sin(random.dirichlet(k, a, (4,), F) * 3))


def chisquare(k, a):
    return np.sum(np.sin(random.chisquare(k, a, (4, 3), F)))


def t(k, a):
    return np.sum(np.sin(random.t(k, a, (4, 3), F)))


def pareto(k, a):
    return np.sum(np.sin(random.pareto(k, a, (4, 3), F)))


def rayleigh(k, a):
    return np.sum(np.sin(random.rayleigh(k, a, (4, 3), F)))


def weibull_min(k, a, b):
    return np.sum(np.sin(random.weibull_min(k, a, b, (4, 3), F)))


def permutation(k, a):
    return np.sum(np.sin(random.permutation(k, a)) * np.arange(9.0).reshape(3, 3))


def independent(k, a):
    shuffled = random.permutation(k, a, axis=1, independent=True)
    return np.sum(np.sin(shuffled) * np.arange(9.0).reshape(3, 3))


def choice(k, a):
    return np.sum(np.sin(random.choice(k, a, (2,), False, axis=1)) * np.arange(6.0).reshape(3, 2))


CASES = {
    uniform: (A, 60.0), truncated_normal: (np.array([-1.0, 0.2, 0.3]), 2.0),
    multivariate_normal: (A, COV), gamma: (A,), loggamma: (A,), beta: (A, 1.5), dirichlet: (A,),
    chisquare: (A,), t: (A + 1,), pareto: (A + 1,), rayleigh: (A,), weibull_min: (A, 2.0),
    permutation: (COV,), independent: (COV,), choice: (COV,),
}  # fmt: skip
TWICE = (
    uniform,
    truncated_normal,
    multivariate_normal,
    pareto,
    rayleigh,
    weibull_min,
    permutation,
    choice,
)
QUICK = (gamma, choice)


def in_jax(function):
    """The same function of `jax.random` and `jax.numpy`."""
    import types

    names = {**function.__globals__, "np": jax.numpy, "random": jax.random, "F": jax.numpy.float64}
    return types.FunctionType(function.__code__, names)


def each(functions):
    return pytest.mark.parametrize("function", [
        f if f in QUICK else pytest.param(f, marks=pytest.mark.slow) for f in functions
    ], ids=lambda f: getattr(f, "__name__", None))  # fmt: skip


@each(CASES)
def test_gradient_equals_jax(function):
    arguments = CASES[function]
    places = tuple(range(1, 1 + len(arguments)))
    with jax.enable_x64(True):
        wanted = jax.grad(in_jax(function), argnums=places)(jax.random.PRNGKey(5), *arguments)
    got = rd.grad(function, argnums=places)(KEY, *arguments)
    for x_bar, expected in zip(got, wanted, strict=True):
        np.testing.assert_allclose(x_bar, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
def test_forward_mode_and_batches(function):
    arguments = CASES[function]
    places = tuple(range(1, 1 + len(arguments)))
    gradient = rd.grad(function, argnums=places)
    forward = rd.jacfwd(function, argnums=places)(KEY, *arguments)
    for x_bar, other in zip(gradient(KEY, *arguments), forward, strict=True):
        np.testing.assert_allclose(other, x_bar, rtol=1e-10, atol=1e-12)
    batches = tuple(np.stack([a, np.multiply(a, 1.1), np.multiply(a, 1.2)]) for a in arguments)
    for got, wanted in zip(
        rd.vmap(gradient)(KEYS, *batches),
        zip(*(gradient(k, *each) for k, *each in zip(KEYS, *batches, strict=True)), strict=True),
        strict=True,
    ):
        np.testing.assert_allclose(got, np.stack(wanted), rtol=1e-12, atol=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
def test_compiled(function):
    arguments = CASES[function]
    places = tuple(range(1, 1 + len(arguments)))
    gradient = rd.grad(function, argnums=places)
    for got, wanted in zip(
        rd.jit(gradient)(KEY, *arguments), gradient(KEY, *arguments), strict=True
    ):
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-12)


@each(TWICE)
def test_second_derivatives_equal_jax(function):
    arguments = CASES[function]
    with jax.enable_x64(True):
        wanted = jax.hessian(in_jax(function), argnums=1)(jax.random.PRNGKey(5), *arguments)
    got = rd.hessian(function, argnums=1)(KEY, *arguments)
    np.testing.assert_allclose(got, wanted, rtol=1e-7, atol=1e-9)


def test_second_derivatives_of_gamma_are_refused():
    with pytest.raises(rd.TransformError, match="second derivatives of its samples are not known"):
        rd.hessian(gamma, argnums=1)(KEY, A)


@pytest.mark.parametrize("a", [1e-3, 0.05, 0.5, 1.0, 2.0, 20.0, 500.0, 999.0, 1001.0, 1e5])
def test_slopes_of_gamma_numbers(a):
    """They are those of the number at which the distribution function has a given value."""
    import scipy.special

    p = np.linspace(0.02, 0.98, 49)

    def quantile(b):
        low, high = scipy.special.gammaincinv(b, p), scipy.special.gammainccinv(b, 1 - p)
        return np.where(p < 0.5, low, high)

    h = 1e-4 * a
    wanted = (
        8 * (quantile(a + h) - quantile(a - h)) - (quantile(a + 2 * h) - quantile(a - 2 * h))
    ) / (12 * h)
    z = quantile(a)
    kept = z > 1e-250
    np.testing.assert_allclose(each_key.gamma_slope(z, a, False)[kept], wanted[kept], rtol=2e-6)
    log_slope = each_key.gamma_slope(np.log(z[kept]), a, True)
    np.testing.assert_allclose(log_slope, wanted[kept] / z[kept], rtol=2e-6)


def test_slopes_at_the_ends():
    assert each_key.gamma_slope(np.array(0.0), 0.1, False) == 0.0
    assert np.isnan(each_key.gamma_slope(np.array(np.nan), 1.0, False))
    assert each_key.gamma_slope(np.float32(1.0), np.float32(2.0), False).dtype == np.float32


def test_what_is_drawn_is_constant():
    def total(p):
        return np.sum(random.bernoulli(KEY, p, (10,)) * p) + random.poisson(KEY, p * 9, (3,))[0] * p

    p = 0.4
    wanted = np.sum(random.bernoulli(KEY, p, (10,))) + random.poisson(KEY, p * 9, (3,))[0]
    np.testing.assert_allclose(rd.grad(total)(p), wanted)


def test_float32_parameters_keep_their_dtype():
    a = A.astype(np.float32)

    def total(a):
        return np.sum(random.gamma(KEY, a, (4, 3)))

    assert rd.grad(total)(a).dtype == np.float32 and rd.grad(total)(A).dtype == np.float64
