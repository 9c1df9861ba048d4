"""Methods of the distributions in scipy.stats, as far as they have a closed form; definitions say what they are.

SciPy's methods are bound to objects that it makes when it is imported, so each is a function of its own, like
``scipy.stats.norm.logpdf``. Derivatives are those by all parameters; where a distribution is one of whole numbers,
those by its parameters alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.table import definition, missing

DENSITY, BELOW, ABOVE = "logpdf pdf", "cdf logcdf", "sf logsf"
ALL = f"{DENSITY} {BELOW} {ABOVE} ppf isf"
between, positive = s.between, s.positive

# module -> distribution -> methods, where samples of x lie, shape parameters and where theirs lie
CONTINUOUS = {
    "densities_line": {
        "norm": (ALL, between(-2.0, 2.0), {}),
        "skewnorm": (DENSITY, between(-2.0, 2.0), {"a": between(-2.0, 2.0)}),
        "cauchy": (ALL, between(-2.0, 2.0), {}),
        "laplace": (ALL, s.apart(), {}),
        "logistic": (ALL, between(-2.0, 2.0), {}),
        "gumbel_r": (ALL, between(-1.0, 2.0), {}),
        "gumbel_l": (ALL, between(-2.0, 1.0), {}),
        "t": (f"{DENSITY} {BELOW} {ABOVE}", s.apart(), {"df": between(1.5, 6.0)}),
        "gennorm": (f"{DENSITY} cdf sf", s.apart(), {"beta": between(1.2, 2.5)}),
        "vonmises": (DENSITY, between(-2.0, 2.0), {"kappa": positive}),
    },
    "densities_half": {
        "expon": (ALL, positive, {}),
        "lognorm": (ALL, positive, {"s": positive}),
        "pareto": (ALL, between(1.2, 3.0), {"b": positive}),
        "weibull_min": (ALL, positive, {"c": between(1.2, 2.5)}),
        "halfnorm": (ALL, positive, {}),
        "halfcauchy": (f"{DENSITY} cdf sf", positive, {}),
        "rayleigh": (ALL, positive, {}),
    },
    "densities_gamma": {
        "gamma": (ALL, positive, {"a": positive}),
        "chi2": (ALL, positive, {"df": between(1.5, 6.0)}),
        "invgamma": (f"{DENSITY} {BELOW} {ABOVE}", positive, {"a": positive}),
        "f": (f"{DENSITY} {BELOW} {ABOVE}", positive, {"dfn": between(1.5, 6.0), "dfd": between(1.5, 6.0)}),
    },
    "densities_interval": {
        "uniform": (ALL, between(0.1, 0.9), {}),
        "beta": (ALL, between(0.1, 0.9), {"a": positive, "b": positive}),
        "powerlaw": (f"{DENSITY} {BELOW} ppf", between(0.1, 0.9), {"a": positive}),
        "loguniform": (f"{DENSITY} cdf sf ppf", between(1.1, 1.9), {"a": between(0.2, 1.0), "b": between(2.0, 4.0)}),
        "truncnorm": (f"{DENSITY} {BELOW} {ABOVE}", between(-0.4, 0.9), {"a": between(-2.0, -0.5), "b": between(1.0, 2.0)}),
        "wrapcauchy": (DENSITY, between(0.5, 5.0), {"c": between(0.2, 0.8)}),
    },
}  # fmt: skip
CHANCE = between(0.1, 0.9)


def counts(low: int, high: int) -> Callable:
    """Whole numbers, as floats."""
    return lambda rng, shape: rng.integers(low, high, shape).astype(float)[()]


def fixed(number: float) -> Callable:
    """The same number everywhere."""
    return lambda rng, shape: number


MASS, EXTENDED = "logpmf pmf", "logpmf pmf cdf logcdf"
DISCRETE: dict[str, Any] = {
    "bernoulli": (MASS, lambda rng, shape: rng.integers(0, 2, shape), {"p": CHANCE}, "p"),
    "binom": (EXTENDED, lambda rng, shape: rng.integers(0, 6, shape), {"n": fixed(6), "p": CHANCE}, "p"),
    "poisson": (f"{EXTENDED} {ABOVE}", lambda rng, shape: rng.integers(0, 6, shape), {"mu": positive}, "mu"),
    "nbinom": (EXTENDED, lambda rng, shape: rng.integers(0, 6, shape), {"n": positive, "p": CHANCE}, ("n", "p")),
    "geom": (f"{EXTENDED} {ABOVE}", lambda rng, shape: rng.integers(1, 6, shape), {"p": CHANCE}, "p"),
    "betabinom": (
        MASS, lambda rng, shape: rng.integers(0, 6, shape), {"n": fixed(6), "a": positive, "b": positive}, ("a", "b"),
    ),
}  # fmt: skip


def samples_of(first: Callable, shapes: dict[str, Callable], rest: tuple[str, ...]) -> Callable:
    """Calls with arrays of several shapes, and without `loc` and `scale`."""

    def samples(rng: Any) -> list:
        ends = {"loc": lambda: rng.uniform(-0.05, 0.0), "scale": lambda: rng.uniform(0.95, 1.05)}
        whole = (first(rng, (2, 3)), *(make(rng, (3,)) for make in shapes.values()))
        return [
            (*whole, *(ends[name]() for name in rest)),
            (first(rng, ()), *(make(rng, ()) for make in shapes.values())),
        ]

    return samples


for module, distributions in CONTINUOUS.items():
    for name, (methods, where, shapes) in distributions.items():
        for method in methods.split():
            inverse = method in ("ppf", "isf")
            first = "q" if inverse else "x"
            definition(
                f"scipy.stats.{name}.{method}({', '.join((first, *shapes))}, loc=0, scale=1)",
                f"{module}.{name}_{method}", wrt=(first, *shapes, "loc", "scale"),
                samples=samples_of(CHANCE if inverse else where, shapes, ("loc", "scale")),
            )  # fmt: skip
for name, (methods, where, shapes, wrt) in DISCRETE.items():
    for method in methods.split():
        definition(
            f"scipy.stats.{name}.{method}({', '.join(('k', *shapes))}, loc=0)",
            f"probabilities.{name}_{method}", wrt=wrt, samples=samples_of(where, shapes, ()),
        )  # fmt: skip
for name in (*(n for family in CONTINUOUS.values() for n in family), *DISCRETE, "multivariate_normal",
             "multivariate_t", "dirichlet", "multinomial"):  # fmt: skip
    missing(
        f"scipy.stats.{name}(*args)",
        "a frozen distribution is followed only where methods of it are called at once; "
        f"write `scipy.stats.{name}.method(x, …)`",
    )

# Distributions of vectors


def vectors(rng: Any) -> list:
    """Points, mean and covariance in some of the shapes that SciPy takes."""
    cov = s.definite(rng, (3, 3))
    return [
        (rng.normal(size=3), rng.normal(size=3), cov),
        (rng.normal(size=(2, 3)), rng.normal(size=3), cov),
        (rng.normal(size=(2, 2)), rng.normal(size=2), positive(rng, (2,))),
        (rng.normal(size=4), rng.normal(), positive(rng, ())),
    ]


definition(
    "scipy.stats.multivariate_normal.entropy(mean=None, cov=1)",
    "multivariate.multivariate_normal_entropy", wrt=("mean", "cov"),
    samples=lambda rng: [(mean, cov) for _, mean, cov in vectors(rng)],
)  # fmt: skip
for method in DENSITY.split():
    definition(
        f"scipy.stats.multivariate_normal.{method}(x, mean=None, cov=1)",
        f"multivariate.multivariate_normal_{method}", wrt=("x", "mean", "cov"), samples=vectors,
    )  # fmt: skip
    definition(
        f"scipy.stats.multivariate_t.{method}(x, loc=None, shape=1, df=1)",
        f"multivariate.multivariate_t_{method}", wrt=("x", "loc", "shape", "df"),
        samples=lambda rng: [(*sample, between(1.5, 6.0)(rng, ())) for sample in vectors(rng)[:2]],
    )  # fmt: skip
    definition(  # of components that are left out: those that are given may be any
        f"scipy.stats.dirichlet.{method}(x, alpha)",
        f"multivariate.dirichlet_{method}", wrt=("x", "alpha"),
        samples=lambda rng: [(between(0.1, 0.4)(rng, (2, *n)), positive(rng, (3,))) for n in ((), (4,))],
    )  # fmt: skip
for method in MASS.split():
    definition(
        f"scipy.stats.multinomial.{method}(x, n, p)", f"multivariate.multinomial_{method}", wrt="p",
        samples=lambda rng: [(np.array([1, 0, 2]), 3, between(0.1, 0.4)(rng, (3,)))],
    )  # fmt: skip

# Summaries of a sample

ALONG = (((4,),), ((2, 3),), (((2, 3),), {"axis": 1}), (((2, 3),), {"axis": None}))
for name in ("gmean", "hmean", "skew"):
    definition(
        f"scipy.stats.{name}(a, axis=0)", f"summaries.{name}", wrt="a", samples=s.arrays(*ALONG, make=positive),
    )  # fmt: skip
definition(
    "scipy.stats.zscore(a, axis=0, ddof=0)", "summaries.zscore", wrt="a", samples=s.arrays(*ALONG),
)  # fmt: skip
definition("scipy.stats.sem(a, axis=0, ddof=1)", "summaries.sem", wrt="a", samples=s.arrays(*ALONG))
definition(
    "scipy.stats.kurtosis(a, axis=0, fisher=True)", "summaries.kurtosis", wrt="a",
    samples=s.arrays(*ALONG, (((4,),), {"fisher": False})),
)  # fmt: skip
definition(
    "scipy.stats.entropy(pk, qk=None, base=None, axis=0)", "summaries.entropy", wrt=("pk", "qk"),
    samples=s.arrays(((3,),), ((2, 3), (2, 3)), (((2, 3),), {"axis": 1, "base": 2}), make=positive),
)  # fmt: skip
