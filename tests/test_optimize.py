"""scipy.optimize: derivatives given to it, and derivatives of its solutions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize
from solvers import central, check, check_second_order

import redraft as rd

jax.config.update("jax_enable_x64", True)

X0 = np.array([0.3, 0.4])
W = np.array([1.0, 2.0])


def rosenbrock(x, a=1.0, b=100.0):
    return np.sum(b * (x[1:] - x[:-1] ** 2) ** 2 + (a - x[:-1]) ** 2)


# --- derivatives as arguments

PRODUCT = lambda x, p: rd.jvp(rd.grad(rosenbrock), (x,), (p,))[1]  # noqa: E731
GIVEN = {
    "jac": (rosenbrock, {"jac": rd.grad(rosenbrock)}),
    "value and gradient": (rd.value_and_grad(rosenbrock), {"jac": True}),
    "hess": (rosenbrock, {"jac": rd.grad(rosenbrock), "hess": rd.hessian(rosenbrock)}),
    "hessp": (rosenbrock, {"jac": rd.grad(rosenbrock), "hessp": PRODUCT}),
}
METHODS = [
    *(("jac", m) for m in ("BFGS", "L-BFGS-B", "SLSQP", "CG", "TNC", "Newton-CG", "trust-constr")),
    *(("value and gradient", m) for m in ("BFGS", "L-BFGS-B", "SLSQP")),
    *(("hess", m) for m in ("Newton-CG", "trust-ncg", "trust-exact", "trust-krylov", "trust-constr")),
    *(("hessp", m) for m in ("Newton-CG", "trust-ncg", "trust-krylov")),
]  # fmt: skip


@pytest.mark.parametrize("given, method", METHODS, ids=lambda v: str(v).replace(" ", "_"))
def test_minimize_takes_derivatives(given, method):
    fun, options = GIVEN[given]
    start = np.full(5, 0.5)
    result = optimize.minimize(fun, start, method=method, **options)
    assert result.success
    np.testing.assert_allclose(result.x, 1.0, atol=2e-2)
    assert result.x.dtype == np.float64
    np.testing.assert_array_equal(start, 0.5)


def test_a_gradient_with_arguments():
    slope = rd.grad(rosenbrock)
    result = optimize.minimize(rosenbrock, np.zeros(2), args=(2.0, 10.0), jac=slope)
    np.testing.assert_allclose(result.x, [2.0, 4.0], atol=1e-4)


def test_a_compiled_gradient():
    gradient = rd.jit(rd.grad(rosenbrock))
    result = optimize.minimize(rosenbrock, np.zeros(3), jac=gradient)
    np.testing.assert_allclose(result.x, 1.0, atol=1e-4)
    assert gradient.compiled == 1


def test_jacobians_of_systems_and_fits():
    def curve(t, a, b):
        return a * np.exp(-b * t)

    t = np.linspace(0.0, 2.0, 9)
    y = curve(t, 2.0, 1.5)
    fit = optimize.least_squares(
        lambda p: curve(t, p[0], p[1]) - y, [1.0, 1.0],
        jac=rd.jacrev(lambda p: curve(t, p[0], p[1]) - y),
    )  # fmt: skip
    np.testing.assert_allclose(fit.x, [2.0, 1.5], rtol=1e-6)
    jac = rd.jacfwd(curve, argnums=(1, 2))
    found, _ = optimize.curve_fit(
        curve, t, y, p0=[1.0, 1.0], jac=lambda t, a, b: np.stack(jac(t, a, b), -1)
    )
    np.testing.assert_allclose(found, [2.0, 1.5], rtol=1e-6)
    root = optimize.root(equation, X0, (1.0,), jac=rd.jacfwd(equation))
    np.testing.assert_allclose(equation(root.x, 1.0), 0.0, atol=1e-9)


def test_a_gradient_that_is_made_anew_is_not_written_anew():
    """In `PRODUCT`: each call makes an object of its own, for the same source."""
    from redraft.transpile import api

    x = np.ones(4)
    PRODUCT(x, x)
    known = len(api._transformed)
    PRODUCT(x, 2.0 * x)
    assert len(api._transformed) == known


# --- derivatives of solutions


def equation(z, a):
    return z**3 + np.sin(a * z) - 1.0


def bowl(x, a):
    return np.sum((x - a) ** 2 * W) + x[0] * x[1] * np.sin(a) * 0.3 + np.sum(x**4)


def valley(x, a):
    return (x - a) ** 2 + x**4


def residuals(x, a):
    return np.concatenate([x**2 - a, x[:1] * a])


def settled(x, a):
    return np.cos(a * x) * 0.5


BOUNDS = [(0.0, 0.1), (None, None)]
LIMITS = ((0.0, 0.0), (0.5, 9.0))
SOLUTIONS = {
    "root": lambda a: optimize.root(equation, X0, (a,), tol=1e-13).x @ W,
    "root with jac": lambda a: optimize.root(equation, X0, (a,), jac=rd.jacfwd(equation), tol=1e-13).x @ W,
    "root lm": lambda a: optimize.root(equation, X0, a, method="lm", tol=1e-13).x @ W,
    "fsolve": lambda a: optimize.fsolve(equation, X0, args=(a,), xtol=1e-13) @ W,
    "brentq": lambda a: optimize.brentq(equation, 0.0, 1.0, args=(a,)),
    "root_scalar": lambda a: optimize.root_scalar(equation, args=(a,), bracket=(0.0, 1.0)).root,
    "root_scalar newton": lambda a: optimize.root_scalar(
        equation, args=(a,), x0=0.4, fprime=rd.grad(equation)).root,
    "newton": lambda a: optimize.newton(equation, 0.4, args=(a,), tol=1e-13),
    "newton of arrays": lambda a: optimize.newton(equation, X0, args=(a,), tol=1e-13) @ W,
    "fixed_point": lambda a: optimize.fixed_point(settled, X0, args=(a,), xtol=1e-13) @ W,
    "minimize": lambda a: optimize.minimize(bowl, X0, (a,), tol=1e-10, jac=rd.grad(bowl)).x @ W,
    "value and gradient": lambda a: optimize.minimize(
        rd.value_and_grad(bowl), X0, (a,), tol=1e-10, jac=True).x @ W,
    "trust-exact": lambda a: optimize.minimize(
        bowl, X0, (a,), method="trust-exact", jac=rd.grad(bowl), hess=rd.hessian(bowl), tol=1e-12).x @ W,
    "minimum": lambda a: optimize.minimize(bowl, X0, (a,), tol=1e-10, jac=rd.grad(bowl)).fun,
    "bounds": lambda a: optimize.minimize(
        bowl, X0, (a,), method="L-BFGS-B", jac=rd.grad(bowl), bounds=BOUNDS, tol=1e-14,
        options={"gtol": 1e-12}).x @ W,
    "minimize_scalar": lambda a: optimize.minimize_scalar(valley, args=(a,), tol=1e-12).x,
    "least_squares": lambda a: optimize.least_squares(residuals, X0, args=(a,), jac="3-point", xtol=1e-15, ftol=1e-15, gtol=1e-15).x @ W,
    "least_squares bounds": lambda a: optimize.least_squares(
        residuals, X0, bounds=LIMITS, args=(a,), jac="3-point", xtol=1e-15, ftol=1e-15, gtol=1e-15).x @ W,
}  # fmt: skip
LOOSE = {"minimize_scalar": 1e-3, "bounds": 1e-4, "least_squares bounds": 1e-4}
COMPILED = ("root", "minimize", "brentq")
TWICE = ("root", "brentq", "fixed_point")


HEAVY = (
    "value and gradient",
    "trust-exact",
    "least_squares bounds",
    "minimum",
    "root lm",
    "root_scalar newton",
)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in HEAVY else n for n in SOLUTIONS]
)
def test_solutions_have_derivatives(name):
    """The lambdas name global functions, which capture nothing, so that they can be batched."""
    check(SOLUTIONS[name], 1.0, rtol=LOOSE.get(name, 1e-5), jit=name in COMPILED)


@pytest.mark.parametrize("name", TWICE)
def test_second_derivatives(name):
    check_second_order(SOLUTIONS[name], 1.0, 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in SOLUTIONS if n not in (*TWICE, "minimize_scalar")])
def test_more_second_derivatives(name):
    check_second_order(SOLUTIONS[name], 1.0, 1e-4)


def test_hessians():
    hessian = rd.hessian(SOLUTIONS["root"])(1.0)
    np.testing.assert_allclose(hessian, central(rd.grad(SOLUTIONS["root"]), 1.0), rtol=1e-6)


def test_against_jax():
    """The implicit function theorem, written out."""

    def condition(x, a):
        return x**3 + jnp.sin(a * x) - 1.0

    x = optimize.root(equation, X0, (1.0,), tol=1e-14).x
    matrix = jax.jacobian(condition)(x, 1.0)
    want = -jnp.linalg.solve(matrix, jax.jacobian(condition, 1)(x, 1.0))
    got = rd.jacrev(lambda a: optimize.root(equation, X0, (a,), tol=1e-14).x)(1.0)
    np.testing.assert_allclose(got, want, rtol=1e-9)
    got = rd.jacfwd(lambda a: optimize.root(equation, X0, (a,), tol=1e-14).x)(1.0)
    np.testing.assert_allclose(got, want, rtol=1e-9)


def test_captured_variables_are_differentiated():
    def solved(a):
        return optimize.root(lambda z: equation(z, a), X0, tol=1e-13).x @ W

    def by_function(a):
        scale = a * 2.0

        def inner(z):
            return equation(z, 0.5 * scale)

        return optimize.fsolve(inner, X0, xtol=1e-13) @ W

    for f in (solved, by_function):
        check(f, 1.0, batched=False, jit=True)


def test_both_captured_and_given():
    def f(p):
        return (
            optimize.root(lambda z, b: b * equation(z, p[0]) - p[1], X0, (p[2],), tol=1e-13).x @ W
        )

    p = np.array([1.0, 0.2, 1.5])
    want = [central(lambda v, i=i: f(np.where(np.arange(3) == i, v, p)), p[i]) for i in range(3)]
    np.testing.assert_allclose(rd.grad(f)(p), want, rtol=1e-6)


def test_a_gradient_of_a_closure_is_solved():
    slope = rd.grad(bowl)

    def f(a):
        return optimize.root(lambda x: slope(x, a), X0, tol=1e-12).x @ W

    check(f, 1.0, batched=False, rtol=1e-5)


def test_matrices_among_the_arguments():
    rng = np.random.default_rng(0)
    matrix, b = np.eye(3) * 3.0 + rng.normal(size=(3, 3)), rng.normal(size=3)

    def linear(x, m, b):
        return m @ x - b

    def f(m, b):
        return np.sum(optimize.root(linear, np.zeros(3), (m, b)).x ** 2)

    def plain(m, b):
        return np.sum(np.linalg.solve(m, b) ** 2)

    for got, want in zip(
        rd.grad(f, (0, 1))(matrix, b), rd.grad(plain, (0, 1))(matrix, b), strict=True
    ):
        np.testing.assert_allclose(got, want, rtol=1e-6)
    single = rd.grad(f, (0, 1))(matrix.astype(np.float32), b)
    assert single[0].dtype == np.float32 and single[1].dtype == np.float64
    batch = np.stack([b, 2.0 * b])
    got = rd.vmap(rd.grad(f, 1), in_axes=(None, 0))(matrix, batch)
    np.testing.assert_allclose(got[1], rd.grad(plain, 1)(matrix, 2.0 * b), rtol=1e-6)


def test_where_the_search_begins_does_not_matter():
    gradient = rd.grad(lambda x0: optimize.root(equation, x0, (1.0,)).x @ W)(X0)
    np.testing.assert_array_equal(gradient, 0.0)


def test_bounds_hold_variables():
    """The first variable stands at its bound, whatever the parameter is."""
    slope = rd.grad(bowl)

    def solve(a):
        options = {"gtol": 1e-12}
        return optimize.minimize(
            bowl, X0, (a,), method="L-BFGS-B", jac=slope, bounds=BOUNDS, options=options
        ).x

    slope = rd.jacfwd(solve)(1.0)
    assert slope[0] == 0.0
    assert abs(slope[1]) > 0.1


def squares(x, a):
    return np.sum((x - a) ** 2)


def test_options_that_differ_are_told_apart():
    """Though long arrays look alike when they are printed."""
    long, slope = np.zeros(2000), rd.grad(squares)

    def f(a, top):
        upper = np.where(np.arange(2000) == 1000, top, 9.0)
        bounds = optimize.Bounds(long - 9.0, upper)
        return optimize.minimize(
            squares, long, (a,), method="L-BFGS-B", jac=slope, bounds=bounds
        ).fun

    low, high = (rd.value_and_grad(f)(1.0, top) for top in (0.5, 5.0))
    np.testing.assert_allclose(low, (0.25, 1.0), rtol=1e-5)
    np.testing.assert_allclose(high, 0.0, atol=1e-5)


@pytest.mark.parametrize(
    "f, error, words",
    [
        (lambda a: optimize.root(lambda z: z**2 + a, X0).x[0], RuntimeError, "did not converge"),
        (lambda a: optimize.minimize(bowl, X0, (a,), constraints=[{"type": "eq", "fun": np.sum}]).x[0],
         ValueError, "constraints"),
        (lambda a: optimize.minimize(bowl, X0, (a,), bounds=[(0.0, a), (0.0, a)]).x[0],
         rd.TransformError, "derivative with respect to .*bounds"),
        (lambda a: optimize.root(equation, X0, (a,)).nfev * a, AttributeError, "nfev"),
        (lambda a: optimize.least_squares(residuals, X0, args=(a,), loss="huber").x[0], ValueError, "loss"),
        (lambda a: optimize.root(lambda z, b: z - np.real(b), X0, (a * 1j,)).x[0], TypeError, "real"),
    ],
    ids=["fails", "constraints", "moving bounds", "unknown field", "loss", "complex"],
)  # fmt: skip
def test_what_has_no_derivative_is_refused(f, error, words):
    with pytest.raises(error, match=words):
        rd.grad(f)(1.0)


def test_a_function_defined_inside_a_batch_is_refused():
    with pytest.raises(rd.TransformError) as error:
        rd.vmap(lambda a: optimize.fsolve(lambda z: equation(z, a), X0))(np.ones(2))
    assert "lambda" in str(error.value)
