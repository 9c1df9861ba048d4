"""scipy.integrate: derivatives of solutions of differential equations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.ode import odeint as jax_odeint
from scipy import integrate, linalg
from solvers import central, check, check_second_order

import redraft as rd

jax.config.update("jax_enable_x64", True)

TIMES = np.linspace(0.0, 2.0, 5)
W = np.arange(10.0).reshape(5, 2)


def spring(y, t, k):
    return np.stack([y[1], -k * y[0] - 0.1 * y[1] + 0.3 * np.sin(t)])


def spring_first(t, y, k):
    return spring(y, t, k)


def start(k):
    return np.stack([1.0 + 0.0 * k, k])


CASES = {
    "odeint": lambda k: np.sum(W * integrate.odeint(spring, start(k), TIMES, args=(k,), rtol=1e-10, atol=1e-10)),
    "tfirst": lambda k: np.sum(
        W * integrate.odeint(spring_first, start(k), TIMES, (k,), tfirst=True, rtol=1e-10, atol=1e-10)),
    "end of odeint": lambda k: np.sum(
        integrate.odeint(spring, start(k), np.linspace(0.0, 1.0, 3) * k, args=(k,), rtol=1e-10, atol=1e-10)[-1]),
    "solve_ivp": lambda k: np.sum(
        W.T * integrate.solve_ivp(spring_first, (0.0, 2.0), start(k), t_eval=TIMES, args=(k,), rtol=1e-10, atol=1e-10).y),
    "stiff": lambda k: np.sum(W.T * integrate.solve_ivp(
        spring_first, (0.0, 2.0), start(k), method="LSODA", t_eval=TIMES, args=(k,), rtol=1e-10, atol=1e-10).y),
    "times that move": lambda k: np.sum(W.T * integrate.solve_ivp(
        spring_first, (0.0, 3.0), start(k), t_eval=TIMES * k, args=(k,), method="DOP853", rtol=1e-10, atol=1e-10).y),
    "start that moves": lambda k: np.sum(W.T * integrate.solve_ivp(
        spring_first, (-0.1 * k, 3.0), start(k), t_eval=TIMES, args=(k,), method="DOP853", rtol=1e-10, atol=1e-10).y),
}  # fmt: skip


UNBATCHED = (
    "start that moves",
    "end of odeint",
)  # refused: parts of arrays whose ranks are not known


@pytest.mark.parametrize("name", CASES)
def test_solutions_have_derivatives(name):
    check(CASES[name], 1.2, jit=name in ("odeint", "solve_ivp"), batched=name not in UNBATCHED)


def decay(y, t, k):
    return -k * y


def test_second_derivatives_against_the_solution():
    def f(k):
        return integrate.odeint(decay, np.array([2.0]), TIMES[:2], (k,), rtol=1e-10, atol=1e-10)[
            1, 0
        ]

    want = 2.0 * 0.25 * np.exp(-0.7 * 0.5)
    assert rd.grad(rd.grad(f))(0.7) == pytest.approx(want, rel=1e-6)
    assert rd.jvp(rd.grad(f), (0.7,), (1.0,))[1] == pytest.approx(want, rel=1e-6)
    assert rd.hessian(f)(0.7) == pytest.approx(want, rel=1e-6)
    forward = rd.jvp(lambda k: rd.jvp(f, (k,), (1.0,))[1], (0.7,), (1.0,))[1]
    assert forward == pytest.approx(want, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_second_derivatives(name):
    check_second_order(CASES[name], 1.2, 1e-4)


def test_steps_of_the_solver():
    """Without `t_eval` the last column is at the end, wherever that is."""

    def f(k):
        s = integrate.solve_ivp(
            spring_first, (0.0, 2.0 * k), start(k), args=(k,), rtol=1e-10, atol=1e-10
        )
        return np.sum(s.y[:, -1]) + s.t[-1]

    check(f, 1.2, batched=False)


def test_captured_variables_are_differentiated():
    def f(k):
        return np.sum(
            W
            * integrate.odeint(
                lambda y, t: spring(y, t, k), start(k), TIMES, rtol=1e-10, atol=1e-10
            )
        )

    def g(k):
        def rhs(t, y):
            return -k * y

        s = integrate.solve_ivp(
            rhs, (0.0, 1.0), np.array([2.0]), t_eval=np.array([0.5, 1.0]), rtol=1e-10, atol=1e-10
        )
        return s.y[0, -1]

    check(f, 1.2, batched=False)
    check(g, 0.7, batched=False, jit=True)
    assert rd.grad(g)(0.7) == pytest.approx(-2.0 * np.exp(-0.7), rel=1e-8)


def test_linear_systems_against_the_matrix_exponential():
    rng = np.random.default_rng(1)
    matrix, y0 = rng.normal(size=(3, 3)), rng.normal(size=3)

    def solved(m, y):
        return np.sum(
            integrate.odeint(
                lambda y, t, m: m @ y, y, np.array([0.0, 0.8]), (m,), rtol=1e-10, atol=1e-10
            )[-1]
        )

    def exact(m, y):
        return jnp.sum(jax.scipy.linalg.expm(0.8 * m) @ y)

    for got, want in zip(
        rd.grad(solved, (0, 1))(matrix, y0), jax.grad(exact, (0, 1))(matrix, y0), strict=True
    ):
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-8)
    jacobian = rd.jacfwd(lambda y: ends(y, matrix))
    np.testing.assert_allclose(jacobian(y0), linalg.expm(0.8 * matrix), rtol=1e-6)


def linear(y, t, m):
    return m @ y


def ends(y, m):
    return integrate.odeint(linear, y, np.array([0.0, 0.8]), (m,), rtol=1e-10, atol=1e-10)[-1]


def test_against_jax():
    def ours(y0, t, k):
        return np.sum(W * integrate.odeint(spring, y0, t, args=(k,), rtol=1e-10, atol=1e-10))

    def of_jax(y0, t, k):
        def rhs(y, t, k):
            return jnp.stack([y[1], -k * y[0] - 0.1 * y[1] + 0.3 * jnp.sin(t)])

        return jnp.sum(W * jax_odeint(rhs, y0, t, k, rtol=1e-10, atol=1e-10))

    args = (np.array([1.0, -0.5]), TIMES, 1.3)
    ours_all, theirs = rd.grad(ours, (0, 1, 2))(*args), jax.grad(of_jax, (0, 1, 2))(*args)
    for got, want in zip(ours_all, theirs, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-7)


def test_values_are_those_of_scipy():
    def f(k):
        return integrate.odeint(spring, np.array([1.0, 0.0]), TIMES, args=(k,))

    value, tangent = rd.jvp(f, (1.2,), (1.0,))
    np.testing.assert_array_equal(value, f(1.2))
    np.testing.assert_allclose(tangent, central(f, 1.2), atol=1e-5)
    assert tangent.shape == (5, 2)


def test_a_batch_of_starts():
    def f(y0):
        return integrate.odeint(
            linear, y0, np.array([0.0, 0.8]), (np.eye(2),), rtol=1e-10, atol=1e-10
        )[-1]

    batch = np.arange(6.0).reshape(3, 2)
    np.testing.assert_allclose(rd.vmap(f)(batch), batch * np.exp(0.8), rtol=1e-8)
    slopes = np.tile(np.eye(2) * np.exp(0.8), (3, 1, 1))
    np.testing.assert_allclose(rd.vmap(rd.jacfwd(f))(batch), slopes, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    "f, error, words",
    [
        (lambda k: integrate.solve_ivp(spring_first, (0.0, 1.0), start(k), args=(k,), dense_output=True).y[0, 0],
         ValueError, "t_eval"),
        (lambda k: integrate.odeint(spring, start(k), TIMES, args=(k,), full_output=1)[0][0, 0],
         ValueError, "full_output"),
        (lambda k: integrate.odeint(spring, start(k), TIMES, args=(k,), rtol=np.ones(2))[0, 0],
         ValueError, "rtol"),
        (lambda k: integrate.solve_ivp(lambda t, y: k * y**2, (0.0, 5.0), np.array([1.0])).y[0, -1],
         RuntimeError, "step size"),
        (lambda k: integrate.solve_ivp(spring_first, (0.0, 1.0), start(k), args=(k,)).nfev * k,
         AttributeError, "nfev"),
    ],
    ids=["dense_output", "full_output", "tolerances", "fails", "unknown field"],
)  # fmt: skip
def test_what_has_no_derivative_is_refused(f, error, words):
    with pytest.raises(error, match=words):
        rd.grad(f)(1.0)


def test_steps_cannot_be_compiled():
    def f(k):
        return integrate.solve_ivp(spring_first, (0.0, 1.0), start(k), args=(k,)).y[0, -1]

    with pytest.raises(rd.TransformError, match="number of steps"):
        rd.jit(f)(1.0)
    with pytest.raises(ValueError, match="t_eval"):
        rd.vmap(f)(np.ones(2))
