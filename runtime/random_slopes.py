"""Derivatives of gamma numbers with respect to their parameter.

A number `z` of the gamma distribution, drawn by rejection, is no differentiable function of its parameter
`a`. The number at a fixed value of the distribution function ``P(a, z)`` is: its derivative is ``-(dP/da) /
(dP/dz)`` (M. Figurnov et al., "Implicit reparameterization gradients", 2018). Here that is found in three
regions, as the derivative of the logarithm of `z`:

- ``z <= a + 1``: the power series of ``P``, and its derivative term by term;
- ``z > a + 1``: the continued fraction of ``1 - P``, and its derivative step by step;
- ``a`` of 1000 and more: the expansion of E. A. Cornish and R. A. Fisher, whose variable is normal.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from redraft.runtime.random_checks import quiet

LARGE = 1000.0
NEWTON_STEPS = 12
DOUBLE = np.dtype(np.float64)
MOST_STEPS = 2000.0  # rounding may keep the steps from vanishing
SHIFT = 10  # from where on the digamma function is its asymptotic series


@quiet
def gamma_slope(sample: Any, a: Any, log: bool) -> Any:
    """The derivative of a gamma number, or of its logarithm, with respect to its parameter.

    Args:
        sample: the numbers, or their logarithms.
        a: the parameters; they broadcast with `sample`.
        log: which of the two?

    Returns:
        An array of the dtype of `sample`.
    """
    given, wide = np.asarray(sample), np.asarray(a).astype(DOUBLE)
    known = given.astype(DOUBLE)
    wide = wide + np.zeros_like(known)
    if log:
        return relative_slope(known, np.exp(known), wide).astype(given.dtype)
    positive = np.where(known > 0, known, 1.0)
    slope = np.where(known > 0, known * relative_slope(np.log(positive), positive, wide), known)
    return slope.astype(given.dtype)


def relative_slope(log_z: Any, z: Any, a: Any) -> Any:
    """The derivative of ``log(z)``, of arrays of float64."""
    is_large = a >= LARGE
    is_low = (z <= a + 1) & ~is_large
    is_high = (z > a + 1) & ~is_large
    low = by_series(
        np.where(is_low, log_z, 0.0), np.where(is_low, z, 1.0), np.where(is_low, a, 1.0)
    )
    high = by_fraction(np.where(is_high, z, 3.0), np.where(is_high, a, 1.0))
    large = by_expansion(np.where(is_large, z, LARGE), np.where(is_large, a, LARGE))
    known = np.where(is_low, low, np.where(is_high, high, large))
    return np.where(is_low | is_high | is_large, known, np.nan)


def by_series(log_z: Any, z: Any, a: Any) -> Any:
    """``P = z**a exp(-z) / gamma(a + 1) * sum``, where a term of the sum is the one before times z / (a + n)."""
    term, total = np.ones_like(z), np.ones_like(z)
    harmonic, slope = np.zeros_like(z), np.zeros_like(z)
    n = np.zeros(())
    while np.any(term * (1.0 + harmonic) > 1e-17 * total):
        n = n + 1.0
        term = term * (z / (a + n))
        harmonic = harmonic + 1.0 / (a + n)
        total = total + term
        slope = slope - term * harmonic
    return -(total * (log_z - digamma(a + 1.0)) + slope) / a


def by_fraction(z: Any, a: Any) -> Any:
    """``1 - P = z**a exp(-z) / gamma(a) * fraction``, by the method of W. J. Lentz, and its derivative."""
    b = z + 1.0 - a
    d = 1.0 / b
    d_dot = d * d
    fraction, log_dot = d, d
    numerator, b = a - 1.0, b + 2.0  # the first step, before which `c` is infinite
    d_dot = (1.0 - d - numerator * d_dot) / (b + numerator * d) ** 2
    d = 1.0 / (b + numerator * d)
    c, c_dot = b, -np.ones_like(z)
    step = c_dot / c + d_dot / d
    fraction, log_dot = fraction * (c * d), log_dot + step
    n = np.ones(())
    change = np.ones_like(z)
    while np.any(change > 1e-15) & (n < MOST_STEPS):
        n = n + 1.0
        numerator, b = n * (a - n), b + 2.0
        d_dot = 1.0 - n * d - numerator * d_dot
        d = 1.0 / (b + numerator * d)
        d_dot = d_dot * d * d
        c_dot = n / c - numerator * c_dot / (c * c) - 1.0
        c = b + numerator / c
        step = c_dot / c + d_dot / d
        change = np.abs(c * d - 1.0) + np.abs(step)
        fraction, log_dot = fraction * (c * d), log_dot + step
    return fraction * (np.log(z) - digamma(a) + log_dot)


def by_expansion(z: Any, a: Any) -> Any:
    """``z`` as a function of `a` and of a normal number `x`, which is found from `z` first."""
    root = np.sqrt(a)
    x = (z - a) / root
    for _ in range(NEWTON_STEPS):
        two, four = quadratic(x), quartic(x)
        x = (z - a - two - cubic(x) / root - four / a - quintic(x) / (a * root)) / root
    slope = 1.0 + 0.5 * x / root - 0.5 * cubic(x) / (a * root) - quartic(x) / (a * a)
    return (slope - 1.5 * quintic(x) / (a * a * root)) / z


def quadratic(x: Any) -> Any:
    """The coefficient of 1."""
    return (x * x - 1.0) / 3.0


def cubic(x: Any) -> Any:
    """The coefficient of ``a ** -0.5``."""
    return x * (x * x - 7.0) / 36.0


def quartic(x: Any) -> Any:
    """The coefficient of ``1 / a``."""
    return -((6.0 * x * x + 14.0) * x * x - 32.0) / 1620.0


def quintic(x: Any) -> Any:
    """The coefficient of ``a ** -1.5``."""
    return x * ((9.0 * x * x + 256.0) * x * x - 433.0) / 38880.0


def digamma(a: Any) -> Any:
    """The derivative of the logarithm of the gamma function, for positive numbers."""
    below = np.zeros_like(a)
    for i in range(SHIFT):
        below = below + 1.0 / (a + i)
    x = a + SHIFT
    y = 1.0 / (x * x)
    series = y * (1 / 12 - y * (1 / 120 - y * (1 / 252 - y * (1 / 240 - y * (1 / 132)))))
    return np.log(x) - 0.5 / x - series - below
