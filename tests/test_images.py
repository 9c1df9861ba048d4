"""Definitions for `scipy.ndimage` and `scipy.signal`: SciPy's values for all ways to continue an array."""

import numpy as np
import pytest

import redraft as rd
from redraft.runtime.definitions import images, signals

ndimage = pytest.importorskip("scipy.ndimage")
signal = pytest.importorskip("scipy.signal")


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("mode", images.MODES)
def test_map_coordinates(mode, order):
    """Far outside, on elements, between them, at ties; on lines of one element; rounded for integers."""
    rng = np.random.default_rng(0)
    for shape in ((4,), (1,), (3, 2), (1, 3, 2)):
        at = rng.uniform(-9.0, 12.0, (len(shape), 60))
        at[:, 20:] = np.round(2 * at[:, 20:]) / 2
        for dtype in (float, np.float32, complex, np.int64, np.uint8):
            x = (10 * rng.uniform(0.0, 9.0, shape)).astype(dtype)
            options = {"order": order, "mode": mode, "cval": -1.3}
            wanted = ndimage.map_coordinates(x, at, **options)
            got = images.map_coordinates(x, at, **options)
            assert got.dtype == wanted.dtype
            np.testing.assert_allclose(got, wanted, 1e-5 if dtype == np.float32 else 1e-12, 1e-9)


@pytest.mark.parametrize("mode", images.MODES)
def test_filters(mode):
    rng = np.random.default_rng(1)
    for shape, size in (((5,), 3), ((2,), 6), ((1, 4), 4)):
        x, w = rng.normal(size=shape), rng.normal(size=size)
        options = {"axis": 0, "mode": mode, "cval": 1.5, "origin": -1}
        for name, other in (("correlate1d", w), ("convolve1d", w + 1j), ("uniform_filter1d", size)):
            wanted = getattr(ndimage, name)(x, other, **options)
            np.testing.assert_allclose(
                getattr(images, name)(x, other, **options), wanted, 1e-9, 1e-9
            )
        for order in range(4):
            wanted = ndimage.gaussian_filter(x, 0.8, order, mode=mode, cval=1.5)
            got = images.gaussian_filter(x, 0.8, order, mode=mode, cval=1.5)
            np.testing.assert_allclose(got, wanted, 1e-9, 1e-9)


@pytest.mark.parametrize("mode", signals.MODES)
def test_convolutions(mode):
    """Of real and complex arrays of all shapes, the larger one first and last."""
    rng = np.random.default_rng(2)
    for _ in range(40):
        rows, columns = rng.integers(1, 5, 2), rng.integers(1, 5, 2)
        rows = np.sort(rows) if mode == "valid" else rows
        columns = np.sort(columns) if mode == "valid" else columns
        a, b = (rng.normal(size=shape) + 1j for shape in zip(rows, columns, strict=True))
        for method in ("direct", "fft"):
            for name in ("convolve", "correlate"):
                wanted = getattr(signal, name)(a, b.real, mode, method)
                np.testing.assert_allclose(
                    getattr(signals, name)(a, b.real, mode, method), wanted, 1e-9, 1e-9
                )
        for boundary in signals.BORDERS:
            for name in ("convolve2d", "correlate2d"):
                wanted = getattr(signal, name)(a, b, mode, boundary, 1.5)
                got = getattr(signals, name)(a, b, mode, boundary, 1.5)
                np.testing.assert_allclose(got, wanted, 1e-9, 1e-9)


def test_large_arrays_are_convolved_by_fourier_transforms():
    """`method='auto'` gives SciPy's values and the gradient of a direct convolution."""
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=(60, 50)), rng.normal(size=(12, 11))
    assert x.size * w.size > signals.CHEAP
    bar = rng.normal(size=(60, 50))

    def f(w):
        return np.sum(bar * signal.convolve(x, w, mode="same"))

    step = rng.normal(size=w.shape)
    np.testing.assert_allclose(np.sum(rd.grad(f)(w) * step), f(w + step) - f(w), 1e-9)


def test_places_may_be_a_list():
    image, rows = np.arange(12.0).reshape(3, 4), np.array([0.5, 1.5])

    def f(columns):
        return np.sum(ndimage.map_coordinates(image, [rows, columns], order=1) ** 2)

    columns = np.array([1.5, 2.5])
    np.testing.assert_allclose(rd.grad(f)(columns), 2 * np.array([3.5, 8.5]))


def test_what_has_no_derivative_is_refused():
    image, at = np.ones((3, 4)), np.ones((2, 5))
    with pytest.raises(ValueError, match="order=3"):
        rd.grad(lambda at: np.sum(ndimage.map_coordinates(image, at)))(at)
    with pytest.raises(ValueError, match="feeds back"):
        rd.grad(lambda x: np.sum(signal.lfilter([1.0], [1.0, 0.5], x)))(np.ones(3))
