"""The functions of `redraft.random` for a key, or for a batch of keys: generated code calls them.

Keys have the shape ``(*batch, 2)``, and results ``(*batch, *shape)``: a sample of `shape` for each key.
Parameters broadcast to that, so those of single examples have as many axes as it takes.
"""

from __future__ import annotations

import numpy as np

from redraft.runtime.random_checks import number_of
from redraft.runtime.random_choices import (
    categorical,
    choice,
    chosen,
    order,
    permutation,
    randint,
    shared,
    shared_like,
    taken,
    unshared,
    untaken,
)
from redraft.runtime.random_gamma import beta, chisquare, dirichlet, gamma, loggamma, t
from redraft.runtime.random_keys import (
    PRNGKey,
    bits,
    fold_in,
    key,
    key_data,
    split,
    wrap_key_data,
)
from redraft.runtime.random_normal import (
    erf,
    erf_inv,
    inside,
    multivariate_normal,
    normal,
    refuse_spectral,
    spectral_factor,
    truncated_normal,
)
from redraft.runtime.random_poisson import poisson
from redraft.runtime.random_slopes import gamma_slope
from redraft.runtime.random_uniform import (
    bernoulli,
    cauchy,
    exponential,
    geometric,
    gumbel,
    laplace,
    logistic,
    pareto,
    rademacher,
    rayleigh,
    uniform,
    unit,
    weibull_min,
)

__all__ = [
    "PRNGKey", "bernoulli", "beta", "bits", "categorical", "cauchy", "chisquare", "choice", "chosen",
    "dirichlet", "erf", "erf_inv", "exponential", "fold_in", "gamma", "gamma_slope", "geometric", "gumbel", "inside",
    "key", "key_data", "laplace", "loggamma", "logistic", "multivariate_normal", "normal", "number_of", "order", "pareto",
    "permutation", "poisson", "rademacher", "randint", "rayleigh", "refuse_spectral", "shape_of", "shared",
    "shared_like", "spectral_factor", "split", "t", "taken", "truncated_normal",
    "uniform", "unit", "unshared", "untaken", "weibull_min", "wrap_key_data",
]  # fmt: skip


def shape_of(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape to which the parameters of a sample broadcast."""
    return np.broadcast_shapes(*shapes)
