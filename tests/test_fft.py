"""Fourier transforms: what the table-driven tests do not reach."""

from __future__ import annotations

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.fft
from oracle import check_all, in_jax

import redraft as rd

jax.config.update("jax_enable_x64", True)

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=7), RNG.normal(size=(4, 6))
Z, ZZ = X + 1j * RNG.normal(size=7), Y + 1j * RNG.normal(size=(4, 6))


def weighted(ans):
    weights = np.arange(1.0, ans.size + 1.0).reshape(ans.shape)
    return np.sum(np.real(ans) * weights) + np.sum(np.imag(ans) * weights**2)


CASES = {
    "fft odd": (lambda x: np.fft.fft(x), X), "fft complex": (lambda z: np.fft.fft(z), Z),
    "fft longer": (lambda z: np.fft.fft(z, 9), Z), "fft shorter": (lambda z: np.fft.fft(z, 4), Z),
    "ifft ortho": (lambda z: np.fft.ifft(z, norm="ortho"), Z), "rfft": (lambda x: np.fft.rfft(x), X),
    "rfft longer": (lambda x: np.fft.rfft(x, 10, norm="forward"), X),
    "rfft first axis": (lambda y: np.fft.rfft(y, axis=0), Y),
    "irfft even": (lambda z: np.fft.irfft(z), Z), "irfft odd": (lambda z: np.fft.irfft(z, 13), Z),
    "irfft shorter": (lambda z: np.fft.irfft(z, 6, norm="ortho"), Z),
    "hfft": (lambda z: np.fft.hfft(z, 11), Z), "ihfft": (lambda x: np.fft.ihfft(x), X),
    "fft2": (lambda z: np.fft.fft2(z), ZZ), "ifftn": (lambda z: np.fft.ifftn(z, norm="forward"), ZZ),
    "rfft2": (lambda y: np.fft.rfft2(y), Y), "irfft2": (lambda z: np.fft.irfft2(z, (4, 9)), ZZ),
    "rfftn": (lambda y: np.fft.rfftn(y, axes=(1, 0)), Y),
    "irfftn": (lambda z: np.fft.irfftn(z, norm="ortho"), ZZ),
    "shift": (lambda y: np.fft.ifftshift(np.fft.fftshift(y) ** 2, axes=1), Y),
}  # fmt: skip
USUAL = {"rfft longer", "irfft odd", "irfft2"}
each_case = pytest.mark.parametrize(
    ("transform", "x"),
    [pytest.param(*case, id=name, marks=() if name in USUAL else pytest.mark.slow)
     for name, case in CASES.items()],
)  # fmt: skip


@each_case
def test_gradients_are_those_of_jax(transform, x):
    def total(x):
        return weighted(transform(x))

    def jax_total(x):
        ans = in_jax(transform)(x)
        weights = jnp.arange(1.0, ans.size + 1.0).reshape(ans.shape)
        return jnp.sum(jnp.real(ans) * weights) + jnp.sum(jnp.imag(ans) * weights**2)

    np.testing.assert_allclose(total(x), jax_total(x))
    np.testing.assert_allclose(rd.grad(total)(x), jax.grad(jax_total)(x), rtol=1e-9, atol=1e-9)


@each_case
def test_compiled(transform, x):
    """Any length, in double precision."""
    pytest.importorskip("tensorflow")
    np.testing.assert_allclose(rd.jit(transform)(x), transform(x), rtol=1e-12, atol=1e-12)
    gradient = rd.grad(lambda x: weighted(transform(x)))
    np.testing.assert_allclose(rd.jit(gradient)(x), gradient(x), rtol=1e-11, atol=1e-11)


@each_case
def test_batches(transform, x):
    batch = np.stack([x, 2.0 * x, x[::-1]])
    gradient = rd.grad(lambda x: weighted(transform(x)))
    np.testing.assert_allclose(rd.vmap(transform)(batch), [transform(x) for x in batch])
    np.testing.assert_allclose(rd.vmap(gradient)(batch), [gradient(x) for x in batch])


def spectral_energy(x):
    spectrum = np.fft.rfft(x) * np.exp(1j * np.fft.rfftfreq(7))
    return np.sum(np.fft.irfft(spectrum, 7) ** 4) + np.sum(np.abs(spectrum) ** 3)


def test_every_order():
    check_all(spectral_energy, (X,), order=2)


def by_scipy(x):
    return np.sum(np.abs(scipy.fft.fft(scipy.fft.irfft(scipy.fft.rfft(x) ** 2, 7))) ** 2)


def by_numpy(x):
    return np.sum(np.abs(np.fft.fft(np.fft.irfft(np.fft.rfft(x) ** 2, 7))) ** 2)


def test_scipy_has_the_same_rules():
    np.testing.assert_allclose(rd.grad(by_scipy)(X), rd.grad(by_numpy)(X))


def test_single_precision_stays_single():
    x = X.astype(np.float32)
    _, pull = rd.vjp(np.fft.rfft, x)
    assert pull(np.ones(4, np.complex64))[0].dtype == np.float32
    pytest.importorskip("tensorflow")
    assert rd.jit(np.fft.rfft)(x).dtype == np.fft.rfft(x).dtype == np.complex64
    with pytest.raises(ValueError, match="Invalid number of FFT data points"):
        rd.jit(lambda x: np.fft.fft(x, 0))(x)
