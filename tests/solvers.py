"""What the tests of SciPy's solvers share: every transformation of a function of one number."""

import numpy as np

import redraft as rd

STEP = 1e-4


def central(f, a):
    """The derivative by differences of fourth order."""
    steps = ((1, 8.0), (2, -1.0))
    return sum(w * (f(a + k * STEP) - f(a - k * STEP)) for k, w in steps) / (12 * STEP)


def check(f, a, rtol=1e-6, second=1e-5, batched=True, jit=False, order=1):
    """Compare both modes, second order, batches and compiled forms of `f` with differences."""
    value, slope = f(a), central(f, a)
    first, tangent = rd.jvp(f, (a,), (1.0,))
    np.testing.assert_allclose(first, value, rtol=1e-6)
    np.testing.assert_allclose(tangent, slope, rtol=rtol)
    np.testing.assert_allclose(rd.grad(f)(a), slope, rtol=rtol)
    if order > 1:
        check_second_order(f, a, second)
    if batched:
        check_batches(f, a, rtol)
    if jit:
        np.testing.assert_allclose(rd.jit(f)(a), value, rtol=1e-6)
        np.testing.assert_allclose(rd.jit(rd.grad(f))(a), slope, rtol=rtol)


def check_second_order(f, a, second):
    """Every way of taking a derivative twice gives the difference of first ones."""
    curve = central(rd.grad(f), a)
    np.testing.assert_allclose(rd.grad(rd.grad(f))(a), curve, rtol=second)
    np.testing.assert_allclose(rd.jvp(rd.grad(f), (a,), (1.0,))[1], curve, rtol=second)
    forward = rd.jvp(lambda b: rd.jvp(f, (b,), (1.0,))[1], (a,), (1.0,))[1]
    np.testing.assert_allclose(forward, curve, rtol=second)


def check_batches(f, a, rtol):
    """One call per example gives what calls of the function give."""
    several = np.array([a, a + 0.05])
    one_by_one = np.array([f(x) for x in several]), np.array([rd.grad(f)(x) for x in several])
    np.testing.assert_allclose(rd.vmap(f)(several), one_by_one[0], rtol=1e-6)
    np.testing.assert_allclose(rd.vmap(rd.grad(f))(several), one_by_one[1], rtol=rtol)
    total = rd.grad(lambda xs: np.sum(rd.vmap(f)(xs)))
    np.testing.assert_allclose(total(several), one_by_one[1], rtol=rtol)
