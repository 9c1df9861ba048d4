"""Special functions that derivatives need; SciPy is imported at the first use."""

from __future__ import annotations

from typing import Any


def digamma(x: Any) -> Any:
    """Derivative of the logarithm of the gamma function."""
    import scipy.special

    return scipy.special.digamma(x)


def polygamma(n: int, x: Any) -> Any:
    """Derivative of order `n` of `digamma`, in the precision of `x`."""
    import numpy as np
    import scipy.special

    return scipy.special.polygamma(n, x).astype(np.result_type(x, 1.0))[()]


def zeta(x: Any, q: Any = 1.0) -> Any:
    """The zeta function of Riemann and Hurwitz."""
    import scipy.special

    return scipy.special.zeta(x, q)


def expit(x: Any) -> Any:
    """The logistic function."""
    import scipy.special

    return scipy.special.expit(x)


def erf(x: Any) -> Any:
    """The error function."""
    import scipy.special

    return scipy.special.erf(x)


def erfcx(x: Any) -> Any:
    """``exp(x**2) erfc(x)``."""
    import scipy.special

    return scipy.special.erfcx(x)


def expn(n: Any, x: Any) -> Any:
    """The generalised exponential integral of any whole order; SciPy's have none below 0."""
    import numpy as np
    import scipy.special

    n, x = np.asarray(n), np.asarray(x)
    value = scipy.special.expn(np.maximum(n, 0), x)
    for order in range(0, min(int(np.min(n, initial=0)), 0), -1):
        lower = (np.exp(-x) + (1 - order) * value) / x
        value = np.where(n < order, lower, value)
    return value.astype(np.result_type(x, 1.0))[()]


def j0(x: Any) -> Any:
    """Bessel function of the first kind and order 0."""
    import scipy.special

    return scipy.special.j0(x)


def j1(x: Any) -> Any:
    """Bessel function of the first kind and order 1."""
    import scipy.special

    return scipy.special.j1(x)


def jv(v: Any, x: Any) -> Any:
    """Bessel function of the first kind and order `v`."""
    import scipy.special

    return scipy.special.jv(v, x)


def y1(x: Any) -> Any:
    """Bessel function of the second kind and order 1."""
    import scipy.special

    return scipy.special.y1(x)


def yv(v: Any, x: Any) -> Any:
    """Bessel function of the second kind and order `v`."""
    import scipy.special

    return scipy.special.yv(v, x)


def i0(x: Any) -> Any:
    """Modified Bessel function of the first kind and order 0."""
    import scipy.special

    return scipy.special.i0(x)


def i1(x: Any) -> Any:
    """Modified Bessel function of the first kind and order 1."""
    import scipy.special

    return scipy.special.i1(x)


def iv(v: Any, x: Any) -> Any:
    """Modified Bessel function of the first kind and order `v`."""
    import scipy.special

    return scipy.special.iv(v, x)


def i0e(x: Any) -> Any:
    """``exp(-abs(x)) i0(x)``."""
    import scipy.special

    return scipy.special.i0e(x)


def i1e(x: Any) -> Any:
    """``exp(-abs(x)) i1(x)``."""
    import scipy.special

    return scipy.special.i1e(x)


def ive(v: Any, x: Any) -> Any:
    """``exp(-abs(x)) iv(v, x)``."""
    import scipy.special

    return scipy.special.ive(v, x)


def k0(x: Any) -> Any:
    """Modified Bessel function of the second kind and order 0."""
    import scipy.special

    return scipy.special.k0(x)


def k1(x: Any) -> Any:
    """Modified Bessel function of the second kind and order 1."""
    import scipy.special

    return scipy.special.k1(x)


def kv(v: Any, x: Any) -> Any:
    """Modified Bessel function of the second kind and order `v`."""
    import scipy.special

    return scipy.special.kv(v, x)


def k0e(x: Any) -> Any:
    """``exp(x) k0(x)``."""
    import scipy.special

    return scipy.special.k0e(x)


def k1e(x: Any) -> Any:
    """``exp(x) k1(x)``."""
    import scipy.special

    return scipy.special.k1e(x)


def kve(v: Any, x: Any) -> Any:
    """``exp(x) kv(v, x)``."""
    import scipy.special

    return scipy.special.kve(v, x)


def spherical_jn(n: Any, z: Any) -> Any:
    """Spherical Bessel function of the first kind."""
    import scipy.special

    return scipy.special.spherical_jn(n, z)


def spherical_yn(n: Any, z: Any) -> Any:
    """Spherical Bessel function of the second kind."""
    import scipy.special

    return scipy.special.spherical_yn(n, z)


def spherical_in(n: Any, z: Any) -> Any:
    """Modified spherical Bessel function of the first kind."""
    import scipy.special

    return scipy.special.spherical_in(n, z)


def spherical_kn(n: Any, z: Any) -> Any:
    """Modified spherical Bessel function of the second kind."""
    import scipy.special

    return scipy.special.spherical_kn(n, z)


def hyp0f1(v: Any, z: Any) -> Any:
    """Confluent hypergeometric limit function."""
    import scipy.special

    return scipy.special.hyp0f1(v, z)


def hyp1f1(a: Any, b: Any, x: Any) -> Any:
    """Confluent hypergeometric function."""
    import scipy.special

    return scipy.special.hyp1f1(a, b, x)


def hyp2f1(a: Any, b: Any, c: Any, z: Any) -> Any:
    """Gauss's hypergeometric function, in the precision of its arguments (SciPy's widens)."""
    import numpy as np
    import scipy.special

    return scipy.special.hyp2f1(a, b, c, z).astype(np.result_type(a, b, c, z, 1.0))[()]


def gamma_density(a: Any, x: Any) -> Any:
    """``x**(a - 1) exp(-x) / gamma(a)``."""
    import numpy as np
    from scipy import special

    value = np.exp(special.xlogy(a - 1, x) - x - special.gammaln(a))
    return value.astype(np.result_type(a, x, 1.0))[()]


def beta_density(a: Any, b: Any, x: Any) -> Any:
    """``x**(a - 1) (1 - x)**(b - 1) / beta(a, b)``."""
    import numpy as np
    from scipy import special

    value = np.exp(special.xlogy(a - 1, x) + special.xlog1py(b - 1, -x) - special.betaln(a, b))
    return value.astype(np.result_type(a, b, x, 1.0))[()]


def t_density(df: Any, t: Any) -> Any:
    """The density of Student's distribution."""
    import numpy as np
    from scipy import special

    height = special.betaln(df / 2, 0.5) + 0.5 * np.log(df)
    value = np.exp(-(df + 1) / 2 * np.log1p(t * t / df) - height)
    return value.astype(np.result_type(df, t, 1.0))[()]


def real_factors(b: Any) -> Any:
    """The factors of a sum of exponentials, if they are real: the logarithm of SciPy's has no rule otherwise."""
    import numpy as np

    if np.iscomplexobj(b):
        raise TypeError("logsumexp: complex factors have no rule")
    return b
