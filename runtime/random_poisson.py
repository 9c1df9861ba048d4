"""Poisson numbers.

Small rates are counted by products of uniform numbers (D. Knuth); others are found by rejection (W.
Hörmann, "The transformed rejection method for generating Poisson random variables", 1993). All elements
of a sample share the keys of the rounds, and all are drawn until the last one is accepted, as in JAX.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from redraft.runtime.random_checks import as_dtype, as_shape, check_fits, quiet
from redraft.runtime.random_places import split_keys
from redraft.runtime.random_uniform import unit

SINGLE = np.dtype(np.float32)
SMALL = 10  # rates below are counted
LANCZOS = 7.0
LANCZOS_SUM = (
    676.520368121885098567009190444019, -1259.13921672240287047156078755283,
    771.3234287776530788486528258894, -176.61502916214059906584551354,
    12.507343278686904814458936853, -0.13857109526572011689554707,
    9.984369578019570859563e-6, 1.50563273514931155834e-7,
)  # fmt: skip


@quiet
def poisson(key: Any, lam: Any, shape: Any = None, dtype: Any = None) -> Any:
    """Poisson distributed integers.

    Args:
        key: a key.
        lam: the mean, a number or an array that broadcasts to `shape`.
        shape: of the result; the shape of `lam` if None.
        dtype: an integer dtype; int32 if None.

    Returns:
        Integers; -1 where `lam` is negative or not a number, as in JAX.

    Raises:
        ValueError: another dtype, or shapes that do not broadcast.
    """
    dtype = as_dtype("poisson", dtype, "int32", "iu")
    shape = np.shape(lam) if shape is None else as_shape("poisson", shape)
    whole = np.shape(key)[:-1] + shape
    check_fits("poisson", whole, lam=np.shape(lam))
    keys, size = np.reshape(key, (-1, 2)), math.prod(shape)
    lam = np.reshape(np.broadcast_to(np.asarray(lam).astype(SINGLE), whole), (len(keys), size))
    is_small = np.isnan(lam) | (lam < SMALL)
    counts = counted(keys, np.where(is_small, lam, SINGLE.type(0)))
    if np.any(~is_small):
        counts = np.where(
            is_small, counts, rejected(keys, np.where(is_small, SINGLE.type(1e5), lam))
        )
    return np.reshape(np.where(lam == 0, SINGLE.type(0), counts), whole).astype(dtype)


def counted(keys: Any, lam: Any) -> Any:
    """How many uniform numbers it takes for their product to fall below ``exp(-lam)``, less one."""
    count, log_product = np.zeros_like(lam), np.zeros_like(lam)
    while np.any(log_product > -lam):
        pairs = split_keys(keys, 2)
        keys = pairs[:, 0]
        count = np.where(log_product > -lam, count + SINGLE.type(1), count)
        log_product = log_product + np.log(unit(pairs[:, 1], (np.shape(lam)[1],), SINGLE))
    return count - SINGLE.type(1)


def rejected(keys: Any, lam: Any) -> Any:
    """Proposals until one is accepted for every element of a sample."""
    number = SINGLE.type
    log_lam, root = np.log(lam), np.sqrt(lam)
    b = number(0.931) + number(2.53) * root
    a = number(-0.059) + number(0.02483) * b
    inverse_alpha = number(1.1239) + number(1.1328) / (b - number(3.4))
    limit = number(0.9277) - number(3.6224) / (b - number(2))
    size = np.shape(lam)[1]
    values, done = np.full_like(lam, -1), np.zeros_like(lam) > 0
    while not np.all(done):
        triples = split_keys(keys, 3)
        u = unit(triples[:, 1], (size,), SINGLE) - number(0.5)
        v = unit(triples[:, 2], (size,), SINGLE)
        near = number(0.5) - np.abs(u)
        k = np.floor((number(2) * a / near + b) * u + lam + number(0.43))
        s = np.log(v * inverse_alpha / (a / (near * near) + b))
        inside = s <= -lam + k * log_lam - log_gamma(k + number(1))
        refused = (k < 0) | ((near < number(0.013)) & (v > near))
        now = ((near >= number(0.07)) & (v <= limit)) | (~refused & inside)
        pending = ~np.all(done, axis=1, keepdims=True)  # a finished sample keeps its values
        values, done = np.where(now & pending, k, values), done | now
        keys = triples[:, 0]
    return values


def log_gamma(x: Any) -> Any:
    """The logarithm of the gamma function, by C. Lanczos, in the rounding of XLA's for float32."""
    number = x.dtype.type
    z = x - number(1)
    total = np.full_like(z, 0.99999999999980993227684700473478)
    for i, c in enumerate(LANCZOS_SUM):
        total = total + number(c) / (z + number(i + 1))
    t = number(LANCZOS + 0.5) + z
    log_t = number(math.log(LANCZOS + 0.5)) + np.log1p(z / number(LANCZOS + 0.5))
    log_root = number(0.5 * math.log(2 * math.pi))
    return log_root + (z + number(0.5) - t / log_t) * log_t + np.log(total)
