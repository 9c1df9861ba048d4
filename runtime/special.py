"""Special functions that derivatives need; SciPy is imported at the first use."""

from __future__ import annotations

from typing import Any


def digamma(x: Any) -> Any:
    """Derivative of the logarithm of the gamma function."""
    from scipy.special import digamma as psi

    return psi(x)


def polygamma(n: int, x: Any) -> Any:
    """Derivative of order `n` of `digamma`, in the precision of `x`."""
    import numpy as np
    from scipy.special import polygamma as psi

    return psi(n, x).astype(np.result_type(x, 1.0))[()]


def jv(v: Any, x: Any) -> Any:
    """Bessel function of the first kind and order `v`."""
    from scipy.special import jv as bessel

    return bessel(v, x)
