"""scipy.special: compiled values over wide ranges, derivatives by parameters, edges.

test_table.py and test_registry.py hold every row against the laws at ordinary arguments.
"""

from __future__ import annotations

import linecache
import math
import os
import warnings

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import jax
import numpy as np
import pytest
import scipy.integrate
import scipy.special

import redraft as rd
import redraft.runtime as rt
from redraft.transpile.primitives import lowering, table

jax.config.update("jax_enable_x64", True)


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


# --- compiled values

POSITIVE = np.r_[
    np.linspace(0.013, 30, 97), 1e-300, 1e-20, 1e-8, 1e-3, 50, 100.3, 170.2, 690, 1e3, 1e5
]
LINE = np.r_[POSITIVE, -POSITIVE, -np.arange(5.0), 0.0, -0.0, np.inf, -np.inf, np.nan]
UNIT = np.r_[
    np.linspace(0.001, 0.999, 83),
    1e-300,
    1e-100,
    1e-20,
    1e-8,
    1 - 1e-8,
    1 - 1e-15,
    0,
    1,
    -0.5,
    1.5,
    np.nan,
]
EDGES = np.array([0, 1e-10, 0.01, 0.3, 1, 2, 2.5, 10, 50, 200, 1e4, np.inf, np.nan, -0.5])
PAIRS = [v.ravel() for v in np.meshgrid(EDGES, EDGES)]
INSIDE = [v.ravel() for v in np.meshgrid(EDGES[1:11], EDGES[1:11])]
SHAPES = np.array([0.01, 0.3, 1, 2.5, 10, 50, 200, 1e3])
TRIPLES = [
    v.ravel()
    for v in np.meshgrid(
        SHAPES, SHAPES, [0, 1e-10, 1e-4, 0.1, 0.5, 0.7, 0.95, 1, 1.5, -0.1, np.nan]
    )
]
ARGUMENTS = {
    "ndtri": [UNIT], "erfcinv": [2 * UNIT], "erfinv": [2 * UNIT - 1], "logit": [UNIT],
    "betainc": TRIPLES, "betaincc": TRIPLES, "polygamma": [2, LINE[np.abs(LINE) < 700]],
    # SciPy gives infinity at some poles of the beta function, and NaN at others
    "beta": INSIDE, "betaln": INSIDE,
    "stdtr": [v.ravel() for v in np.meshgrid(EDGES[2:11], [-1e3, -3.0, -0.1, 0.0, 1e-3, 0.5, 20.0, np.nan])],
    # SciPy's i0 and i1 overflow before their values do
    "i0": [LINE[~(np.abs(LINE) > 700)]], "i1": [LINE[~(np.abs(LINE) > 700)]],
    "pseudo_huber": INSIDE,
}  # fmt: skip
OWN = [
    "erfcx",
    "dawsn",
    "ndtri",
    "log_ndtr",
    "gamma",
    "polygamma",
    "betaln",
    "j0",
    "k1e",
]  # written here
COMPILED = [
    row.name.removeprefix("scipy.special.")
    for row in table.all_rows()
    if row.name.startswith("scipy.special.")
    and row.kind in ("elementwise", "no_derivative")
    and not lowering.runs_on_host(row)
    and table.resolve(row.name, load=True) is not None
]


def arguments(name):
    row = next(r for r in table.all_rows() if r.name == f"scipy.special.{name}")
    default = [LINE] if len(row.parameters) == 1 or name == "zeta" else PAIRS
    return ARGUMENTS.get(name, default)


def compare_compiled(names):
    tf = pytest.importorskip("tensorflow")
    from redraft import numpy as rnp

    def all_of_them(values):
        return [
            getattr(rnp.scipy.special, name)(
                *(v if isinstance(a, np.ndarray) else a for a, v in zip(arguments(name), given, strict=True))
            )
            for name, given in zip(names, values, strict=True)
        ]  # fmt: skip

    tensors = [[tf.constant(a) for a in arguments(name)] for name in names]
    compiled = tf.function(all_of_them, jit_compile=True, autograph=False)(tensors)
    for name, got in zip(names, compiled, strict=True):
        wanted = getattr(scipy.special, name)(*arguments(name))
        assert got.dtype.as_numpy_dtype == wanted.dtype, name
        np.testing.assert_allclose(got.numpy(), wanted, 1e-10, 1e-290, err_msg=name)


def test_compiled_values_of_own_functions():
    """To ten digits, at infinities, NaN and poles too."""
    compare_compiled(OWN)


@pytest.mark.slow
def test_compiled_values_of_all_functions():
    compare_compiled(sorted(set(COMPILED) - set(OWN)))


# --- derivatives by parameters


def test_gammainc_by_its_parameter():
    """Against the series and continued fractions of JAX, from tiny to large parameters."""
    a, x = np.meshgrid(
        [1e-3, 0.01, 0.3, 1, 2.5, 10, 50, 200, 1e3], [1e-12, 1e-5, 1e-3, 0.3, 1, 9.8, 60, 250]
    )
    np.testing.assert_allclose(rt.gammainc_da(a, x), jax.lax.igamma_grad_a(a, x), 1e-11, 1e-290)


def slope_of_betainc(a, b, x, factor):
    """A derivative as an integral over ``log(t / (1 - t))``, on the side of `x` that is the smaller."""
    end, height = scipy.special.logit(x), scipy.special.betaln(a, b)

    def integrand(u):
        log_t, log_r = scipy.special.log_expit(u), scipy.special.log_expit(-u)
        return math.exp(a * log_t + b * log_r - height) * factor(log_t, log_r)

    options = {"epsabs": 0, "epsrel": 1e-11, "limit": 500}
    below = scipy.integrate.quad(integrand, -np.inf, end, **options)[0]
    above = -scipy.integrate.quad(integrand, end, np.inf, **options)[0]
    return below if x < a / (a + b) else above


@pytest.mark.parametrize(
    "a, b, x",
    [(0.3, 1.0, 0.1), (2.5, 1.0, 0.7), (10.0, 30.0, 0.2), (0.01, 10.0, 0.7), (200.0, 200.0, 0.45)],
)
def test_betainc_by_its_parameters(a, b, x):
    psi, psi1 = scipy.special.digamma, lambda v: scipy.special.polygamma(1, v)
    of_a, of_b, total = psi(a) - psi(a + b), psi(b) - psi(a + b), psi1(a + b)
    cases = {
        rt.betainc_da: lambda t, r: t - of_a,
        rt.betainc_db: lambda t, r: r - of_b,
        rt.betainc_daa: lambda t, r: (t - of_a) ** 2 - psi1(a) + total,
        rt.betainc_dab: lambda t, r: (t - of_a) * (r - of_b) + total,
        rt.betainc_dbb: lambda t, r: (r - of_b) ** 2 - psi1(b) + total,
    }
    for function, factor in cases.items():
        np.testing.assert_allclose(function(a, b, x), slope_of_betainc(a, b, x, factor), 1e-8)


def test_parameters_outside_of_the_domain():
    assert rt.gammainc_da(2.0, 0.0) == rt.gammainc_da(2.0, np.inf) == 0
    assert np.isnan(
        [rt.gammainc_da(-1.0, 2.0), rt.gammainc_da(2.0, np.nan), rt.betainc_da(1.0, -1.0, 0.5)]
    ).all()
    assert rt.betainc_da(1.0, 2.0, 0.0) == rt.betainc_db(1.0, 2.0, 1.0) == 0


def test_derivatives_by_parameters_of_large_arrays():
    """They are computed by parts, so that memory does not grow with the points of the rule."""
    x = np.linspace(0.1, 5.0, 70_000)
    got = rt.gammainc_da(2.5, x)
    np.testing.assert_allclose(got[::10_000], rt.gammainc_da(2.5, x[::10_000]), 1e-13)


def test_third_derivatives_by_a_parameter_are_refused():
    def f(a):
        return scipy.special.gammainc(a, 1.5)

    with pytest.raises(rd.TransformError, match="gammainc_daa"):
        rd.grad(rd.grad(rd.grad(f)))(2.0)


@pytest.mark.parametrize("text", ["jv(v, 1.5)", "zeta(v, 2.5)", "hyp1f1(v, 2.0, 0.5)"])
def test_parameters_without_a_rule_are_refused(text):
    line = f"f = lambda v: scipy.special.{text}\n"
    linecache.cache["<special>"] = (len(line), None, [line], "<special>")
    namespace = {"scipy": scipy}
    exec(compile(line, "<special>", "exec"), namespace)
    with pytest.raises(rd.TransformError, match=text.partition("(")[0]):
        rd.grad(namespace["f"])(2.0)


# --- edges of definitions: the values and first derivatives of SciPy and JAX


@pytest.mark.parametrize(
    "x", [0.0, 1e-9, 1e-4, 0.049, 0.051, 0.499, 0.501, 3.0, -0.499, -0.501, -40.0]
)
def test_transformations_near_zero(x):
    """Series and closed forms meet; the derivative is that of the limit."""
    x = np.float64(x)
    close = np.testing.assert_allclose
    close(rd.value_and_grad(scipy.special.exprel)(x)[0], scipy.special.exprel(x), 1e-14)
    close(rd.grad(scipy.special.exprel)(x), 0.5 * scipy.special.hyp1f1(2, 3, x), 1e-12)
    for name in ("boxcox", "boxcox1p"):
        f = getattr(scipy.special, name)
        value, slope = rd.value_and_grad(f, argnums=1)(np.float64(1.7), x)
        close(value, f(1.7, x), 1e-13)
        plus, minus = f(1.7, x + 1e-5), f(1.7, x - 1e-5)
        close(slope, (plus - minus) / 2e-5, 1e-4)
    y = np.float64(0.9)
    if x > -1:
        close(
            rd.value_and_grad(scipy.special.inv_boxcox)(y, x)[0],
            scipy.special.inv_boxcox(y, x),
            1e-13,
        )


def test_box_cox_of_zero():
    for lmbda in (0.5, 0.0, -1.0):
        for name, x in (("boxcox", 0.0), ("boxcox1p", -1.0)):
            f = getattr(scipy.special, name)
            assert rd.value_and_grad(f)(np.float64(x), lmbda)[0] == f(x, lmbda)


def test_sums_of_exponentials_with_factors():
    """Factors may broadcast."""
    a, b = np.array([[0.5, -1.0, 2.0], [1.0, 0.0, -3.0]]), np.array([2.0, 0.3, 1.0])

    def f(a, b):
        return np.sum(scipy.special.logsumexp(a, axis=1, b=b) ** 2)

    expected = jax.grad(
        lambda a, b: (jax.scipy.special.logsumexp(a, axis=1, b=b) ** 2).sum(), (0, 1)
    )(a, b)
    for got in (rd.grad(f, (0, 1))(a, b), rd.jit(rd.grad(f, (0, 1)))(a, b)):
        for g, e in zip(got, expected, strict=True):
            np.testing.assert_allclose(g, e, 1e-12)


def test_a_factor_of_zero():
    """It adds nothing, and has a derivative (JAX says 0)."""
    slope = rd.grad(lambda a, b: scipy.special.logsumexp(a, b=b), 1)(
        np.zeros(2), np.array([2.0, 0.0])
    )
    np.testing.assert_allclose(slope, [0.5, 0.5])


def test_float32_stays_float32():
    x = np.array([0.3, 1.7], np.float32)
    for name in (
        "erfcx",
        "log_ndtr",
        "i0e",
        "k1",
        "j1",
        "dawsn",
        "digamma",
        "spence",
        "exp1",
        "ellipk",
    ):
        f = getattr(scipy.special, name)
        source = x * np.float32(0.5)
        assert rd.grad(lambda v, f=f: np.sum(f(v)))(source).dtype == np.float32, name
