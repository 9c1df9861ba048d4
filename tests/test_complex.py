"""Complex numbers: JAX's convention in every mode, and `holomorphic=True`."""

from __future__ import annotations

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracle import in_jax

import redraft as rd

jax.config.update("jax_enable_x64", True)

Z = np.array([0.6 + 0.7j, -0.4 + 0.3j, 0.5 - 0.8j])
W = np.array([1.1 - 0.2j, 0.3 + 0.9j, -0.7 - 0.4j])
X = np.array([0.3, -0.7, 1.2])
UNARY = {
    "exp": np.exp, "log": np.log, "sin": np.sin, "cos": np.cos, "tan": np.tan, "sinh": np.sinh,
    "cosh": np.cosh, "tanh": np.tanh, "arcsin": np.arcsin, "arccos": np.arccos,
    "arctan": np.arctan, "arcsinh": np.arcsinh, "arccosh": np.arccosh, "arctanh": np.arctanh,
    "sqrt": np.sqrt, "square": np.square, "reciprocal": np.reciprocal, "expm1": np.expm1,
    "log1p": np.log1p, "negative": np.negative, "positive": np.positive, "exp2": np.exp2,
    "log2": np.log2, "log10": np.log10, "sum": np.sum, "mean": np.mean, "prod": np.prod,
    "cumsum": np.cumsum, "cumprod": np.cumprod, "diff": np.diff, "flip": np.flip, "sinc": np.sinc,
    "float_power": lambda z: z**1.5, "cube": lambda z: z**3, "inverse": lambda z: 1.0 / z,
    "fft": np.fft.fft, "outer": lambda z: np.outer(z, z), "einsum": lambda z: np.einsum("i,i->", z, z),
}  # fmt: skip
BINARY = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide,
    "power": np.power, "dot": np.dot, "matmul": np.matmul, "inner": np.inner, "kron": np.kron,
    "where": lambda z, w: np.where(np.array([True, False, True]), z, w),
    "solve": lambda z, w: np.linalg.solve(np.outer(z, w) + np.eye(3), w),
}  # fmt: skip
NOT_HOLOMORPHIC = {
    "abs": np.abs, "real": np.real, "imag": np.imag, "angle": np.angle, "conj": np.conj,
    "vdot": lambda z: np.vdot(z, z), "norm": np.linalg.norm, "var": np.var, "std": np.std,
    "norm_1": lambda z: np.linalg.norm(z, 1), "norm_inf": lambda z: np.linalg.norm(z, np.inf),
    "abs_times": lambda z: np.abs(z) * z, "real_times": lambda z: z.real * z,
    "angle_times": lambda z: np.angle(z) * z, "imag_times": lambda z: z.imag * z,
    "norm_times": lambda z: np.linalg.norm(z) * z, "var_times": lambda z: np.var(z) * z,
    "rounds": lambda z: np.abs(np.abs(z) * z - 1j) * z, "square": lambda z: np.abs(z) ** 2 * 1j,
}  # fmt: skip


USUAL = {"exp", "float_power", "divide", "abs_times", "norm_times", "angle", "arccosh"}


def named(table, all_of_them=False):
    return pytest.mark.parametrize(
        "function",
        [pytest.param(f, id=name, marks=() if all_of_them or name in USUAL else pytest.mark.slow)
         for name, f in table.items()],
    )  # fmt: skip


def jax_twin(function):
    return getattr(jnp, function.__name__) if isinstance(function, np.ufunc) else twin(function)


def twin(function):
    if getattr(function, "__module__", "").startswith("numpy"):
        parts = "fft." if "fft" in function.__module__ else ""
        parts = "linalg." if "linalg" in function.__module__ else parts
        owner = {"": jnp, "fft.": jnp.fft, "linalg.": jnp.linalg}[parts]
        return getattr(owner, function.__name__)
    return in_jax(function)


def agree(got, want, what=""):
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-10, err_msg=what)


def check_both_modes(function, *args):
    """Value, tangent and cotangents are JAX's."""
    own = jax_twin(function)
    rng = np.random.default_rng(3)
    dots = tuple(rng.normal(size=a.shape) + 1j * rng.normal(size=a.shape) for a in args)
    ans, tangent = rd.jvp(lambda *a: function(*a), args, dots)
    want, want_dot = jax.jvp(own, tuple(map(jnp.asarray, args)), tuple(map(jnp.asarray, dots)))
    agree(ans, want, "value")
    agree(tangent, want_dot, "tangent")
    bar = rng.normal(size=np.shape(ans)) * (1.0 + (0.5j if np.iscomplexobj(ans) else 0.0))
    _, pull = rd.vjp(lambda *a: function(*a), *args)
    _, jax_pull = jax.vjp(own, *map(jnp.asarray, args))
    for got, wanted in zip(pull(bar), jax_pull(jnp.asarray(bar)), strict=True):
        agree(got, wanted, "cotangent")


@named(UNARY)
def test_holomorphic_functions(function):
    z = Z if function is not np.arccosh else np.array([0.6 + 0.7j])  # JAX errs on the other side
    check_both_modes(function, z)


@named(BINARY)
def test_holomorphic_functions_of_two(function):
    check_both_modes(function, Z, W)


@named(NOT_HOLOMORPHIC)
def test_functions_that_are_not_holomorphic(function):
    """A real value that meets a complex one keeps a real cotangent."""
    check_both_modes(function, Z)


@named(UNARY, all_of_them=True)
def test_holomorphic_gradients(function):
    """`grad` with `holomorphic=True` is the complex derivative: a quotient of differences."""

    def total(z):
        return np.sum(function(z))

    got = rd.grad(total, holomorphic=True)(Z)
    for i, step in enumerate(np.eye(3)):
        for direction in (1.0, 1j):
            h = 1e-6 * direction
            quotient = (total(Z + h * step) - total(Z - h * step)) / (2 * h)
            np.testing.assert_allclose(got[i], quotient, rtol=1e-6, atol=1e-7)


def test_compiled_and_batched():
    pytest.importorskip("tensorflow")

    def total(z):
        turned = np.exp(1j * z) * np.tanh(z) + np.abs(z) * np.conj(z) / (1.0 + z**2)
        return np.sum(np.abs(turned) ** 2) + np.sum(np.real(z) * np.angle(z))

    batch = np.stack([Z, W, Z * W])
    want = [rd.grad(total)(z) for z in batch]
    agree(want[0], jax.grad(in_jax(total))(Z))
    agree(rd.vmap(rd.grad(total))(batch), want)
    agree(rd.jit(rd.grad(total))(Z), want[0])
    agree(rd.jit(rd.vmap(rd.grad(total)))(batch), want)


def test_second_derivatives_of_the_absolute_value():
    def total(z):
        return np.sum(np.abs(z) ** 3 + np.abs(z))

    want = jax.jvp(jax.grad(in_jax(total)), (jnp.asarray(Z),), (jnp.asarray(W),))[1]
    agree(rd.jvp(rd.grad(total), (Z,), (W,))[1], want)
    _, pull = rd.vjp(rd.grad(total), Z)
    _, jax_pull = jax.vjp(jax.grad(in_jax(total)), jnp.asarray(Z))
    agree(pull(W)[0], jax_pull(jnp.asarray(W))[0])


def test_real_and_complex_arguments_together():
    def total(z, x):
        return np.sum(np.abs(np.abs(z) * z * x) ** 2)

    got = rd.grad(total, (0, 1))(Z, X)
    want = jax.grad(in_jax(total), (0, 1))(Z, X)
    for one, other in zip(got, want, strict=True):
        agree(one, other)
    assert got[1].dtype == np.float64


def test_jacobians():
    def powers(z):
        return z**2 * z[::-1]

    agree(rd.jacfwd(powers, holomorphic=True)(Z), jax.jacfwd(powers, holomorphic=True)(Z))
    agree(rd.jacrev(powers, holomorphic=True)(Z), jax.jacrev(powers, holomorphic=True)(Z))
    total = lambda z: (z**3).sum()  # noqa: E731
    agree(rd.hessian(total, holomorphic=True)(Z), jax.hessian(total, holomorphic=True)(Z))
    sizes = lambda z: (z * z.conj()).real  # noqa: E731
    agree(rd.jacrev(sizes)(Z), jax.jacrev(sizes)(Z))


def test_value_beside_the_gradient():
    value, gradient = rd.value_and_grad(lambda z: np.sum(np.abs(z) ** 2))(Z)
    agree(value, np.sum(np.abs(Z) ** 2))
    agree(gradient, 2 * np.conj(Z))
    (value, aux), gradient = rd.value_and_grad(lambda z: (np.sum(z.real), z), has_aux=True)(Z)
    agree(aux, Z)
    gradient, aux = rd.grad(lambda z: (np.sum(z.real), z), has_aux=True)(Z)
    agree(gradient, np.ones(3))


def complex_total(z):
    return np.sum(z**2)


@pytest.mark.parametrize(
    ("transform", "options", "function", "argument", "message"),
    [
        (rd.grad, {}, complex_total, Z, "requires a real result"),
        (rd.value_and_grad, {}, complex_total, Z, "requires a real result"),
        (rd.jacrev, {}, complex_total, Z, "requires real results"),
        (rd.jacrev, {}, np.square, Z, "requires real"),
        (rd.jacfwd, {}, complex_total, Z, "requires real arguments"),
        (rd.hessian, {}, complex_total, Z, "requires real arguments"),
        (rd.grad, {"holomorphic": True}, complex_total, X, "requires a complex scalar result"),
        (rd.jacfwd, {"holomorphic": True}, complex_total, X, "requires complex arguments"),
        (rd.grad, {"holomorphic": True}, lambda z: np.sum(np.abs(z)), Z, "a complex scalar result"),
    ],
)
def test_refused_as_in_jax(transform, options, function, argument, message):
    with pytest.raises(TypeError, match=message):
        transform(function, **options)(argument)
    name = transform.__name__
    with pytest.raises(TypeError):
        getattr(jax, name)(jax_twin(function), **options)(argument)
