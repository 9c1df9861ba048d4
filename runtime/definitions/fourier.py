"""Fourier transforms that are made of those along one axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from redraft.runtime.fft import OTHER_NORM, fit_like


def hfft(x: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    """`numpy.fft.hfft`: the real spectrum of a signal of which half is given."""
    return np.fft.irfft(np.conj(x), n, axis, OTHER_NORM[norm])


def ihfft(x: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    """`numpy.fft.ihfft`."""
    return np.conj(np.fft.rfft(x, n, axis, OTHER_NORM[norm]))


def rfft_bar(y_bar: Any, x: Any, n: Any, axis: int, norm: Any) -> Any:
    """Cotangent of a real signal from that of half its spectrum."""
    n = np.shape(x)[axis] if n is None else n
    return fit_like(np.fft.fft(y_bar, n, axis, norm), x, axis)


# Several axes


def places(x: Any, s: Any, axes: Any) -> Any:
    """The axes of a transform, and its length along each, None for that of the array."""
    if axes is None:
        axes = list(range(np.ndim(x))) if s is None else list(range(-len(s), 0))
    lengths = [None] * len(axes) if s is None else list(s)
    return axes, [None if n == -1 else n for n in lengths]


def fftn(x: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    """`numpy.fft.fftn`."""
    axes, lengths = places(x, s, axes)
    for i in reversed(range(len(axes))):
        x = np.fft.fft(x, lengths[i], axes[i], norm)
    return x


def ifftn(x: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    """`numpy.fft.ifftn`."""
    axes, lengths = places(x, s, axes)
    for i in reversed(range(len(axes))):
        x = np.fft.ifft(x, lengths[i], axes[i], norm)
    return x


def rfftn(x: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    """`numpy.fft.rfftn`: half a spectrum along the last axis."""
    axes, lengths = places(x, s, axes)
    x = np.fft.rfft(x, lengths[-1], axes[-1], norm)
    for i in reversed(range(len(axes) - 1)):
        x = np.fft.fft(x, lengths[i], axes[i], norm)
    return x


def irfftn(x: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    """`numpy.fft.irfftn`."""
    axes, lengths = places(x, s, axes)
    for i in range(len(axes) - 1):
        x = np.fft.ifft(x, lengths[i], axes[i], norm)
    return np.fft.irfft(x, lengths[-1], axes[-1], norm)


def fft2(x: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    """`numpy.fft.fft2`."""
    return fftn(x, s, axes, norm)


def ifft2(x: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    """`numpy.fft.ifft2`."""
    return ifftn(x, s, axes, norm)


def rfft2(x: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    """`numpy.fft.rfft2`."""
    return rfftn(x, s, axes, norm)


def irfft2(x: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    """`numpy.fft.irfft2`."""
    return irfftn(x, s, axes, norm)


# Order and values of frequencies


def fftshift(x: Any, axes: Any = None) -> Any:
    """`numpy.fft.fftshift`: the frequency zero goes to the middle."""
    axes = shifted_axes(x, axes)
    return np.roll(x, [np.shape(x)[a] // 2 for a in axes], axes)


def ifftshift(x: Any, axes: Any = None) -> Any:
    """`numpy.fft.ifftshift`."""
    axes = shifted_axes(x, axes)
    return np.roll(x, [-(np.shape(x)[a] // 2) for a in axes], axes)


def shifted_axes(x: Any, axes: Any) -> Any:
    """All axes, or those that are named, as a tuple."""
    if axes is None:
        return tuple(range(np.ndim(x)))
    return (axes,) if isinstance(axes, int) else tuple(axes)


def fftfreq(n: int, d: Any = 1.0) -> Any:
    """`numpy.fft.fftfreq`."""
    positive = (n - 1) // 2 + 1
    return np.concatenate([np.arange(positive), np.arange(-(n // 2), 0)]) / (n * d)


def rfftfreq(n: int, d: Any = 1.0) -> Any:
    """`numpy.fft.rfftfreq`."""
    return np.arange(n // 2 + 1) / (n * d)
