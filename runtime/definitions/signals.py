"""Convolutions and filters of `scipy.signal`, in any number of dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

CHEAP = 2**18  # products up to which `method='auto'` multiplies, as it does for all integers
MODES = ("full", "same", "valid")
BORDERS = {"fill": "constant", "wrap": "wrap", "symm": "symmetric"}
# lengths without prime factors but 2, 3 and 5
FAST = np.sort([2**i * 3**j * 5**k for i in range(25) for j in range(16) for k in range(11)])
FAST = FAST[FAST <= 2**24]


def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """`scipy.signal.convolve`."""
    in1, in2 = _checked(in1, in2, mode)
    if method not in ("auto", "direct", "fft"):
        raise ValueError("Acceptable method flags are 'auto', 'direct', or 'fft'.")
    if np.ndim(in1) == 0:
        return in1 * in2
    _is_exchanged(np.shape(in1), np.shape(in2), mode, range(np.ndim(in1)))  # or raises
    kind = np.result_type(in1, in2).kind
    few = np.size(in1) * np.size(in2) <= CHEAP or kind not in "fc"
    if method == "direct" or (method == "auto" and few):
        return _direct(in1, in2, mode)
    out = fftconvolve(in1, in2, mode)
    out = np.round(out) if kind in "iu" else out
    return out.astype(np.result_type(in1, in2))


def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """`scipy.signal.correlate`: the convolution with the conjugate in reverse."""
    return convolve(in1, np.conj(np.flip(np.asarray(in2))), mode, method)


def _checked(in1: Any, in2: Any, mode: str) -> tuple[Any, Any]:
    """Two arrays of the same number of dimensions."""
    in1, in2 = np.asarray(in1), np.asarray(in2)
    if mode not in MODES:
        raise ValueError(f"mode must be 'full', 'same' or 'valid', got {mode!r}")
    rank1, rank2 = len(np.shape(in1)), len(np.shape(in2))
    if rank1 != rank2:
        raise ValueError(
            f"in1 and in2 should have the same dimensionality, got {rank1} and {rank2}"
        )
    return in1, in2


def _direct(in1: Any, in2: Any, mode: str) -> Any:
    """Windows of the larger array times the other one."""
    axes = tuple(range(np.ndim(in1)))
    if _is_exchanged(np.shape(in1), np.shape(in2), mode, axes):
        in1, in2 = in2, in1
    parts = _parts(np.shape(in1), np.shape(in2), mode, axes)
    if np.ndim(in1) == 1:
        return np.convolve(in1, in2, "full")[parts]
    wide, window = (in2, in1) if np.size(in2) > np.size(in1) else (in1, in2)
    margins = tuple((m - 1, m - 1) for m in np.shape(window))
    wide = np.pad(wide, margins)
    needed = tuple(
        slice(part.start, part.stop + m - 1)
        for part, m in zip(parts, np.shape(window), strict=True)
    )
    return _slide(wide[needed], np.flip(window))


def _is_exchanged(shape1: Any, shape2: Any, mode: str, axes: Any) -> bool:
    """Is the second array the one in which the first one moves?"""
    if mode != "valid":
        return False
    first = all(shape1[a] >= shape2[a] for a in axes)
    if not first and not all(shape2[a] >= shape1[a] for a in axes):
        raise ValueError(
            "For 'valid' mode, one must be at least as large as the other in every dimension, "
            f"got shapes {tuple(shape1)} and {tuple(shape2)}"
        )
    return not first


def _parts(shape1: Any, shape2: Any, mode: str, axes: Any) -> Any:
    """Which part of the full convolution a mode keeps, along each axis."""
    return tuple(_part(shape1[a], shape2[a], mode, a in axes) for a in range(len(shape1)))


def _part(n: int, m: int, mode: str, moves: bool) -> slice:
    """That along one axis; where nothing moves, two lengths are broadcast together."""
    full = n + m - 1 if moves else max(n, m)
    if mode == "same":
        start = (full - n) // 2
        return slice(start, start + n)
    if mode == "valid" and moves:
        return slice(m - 1, n)
    return slice(0, full)


def _slide(wide: Any, window: Any) -> Any:
    """Sums of products of an array with a window, at all places where it lies inside."""
    places = np.reshape(np.arange(np.size(wide)), np.shape(wide))
    shape = tuple(n - m + 1 for n, m in zip(np.shape(wide), np.shape(window), strict=True))
    starts = np.ravel(places[tuple(slice(0, n) for n in shape)])
    steps = np.ravel(places[tuple(slice(0, m) for m in np.shape(window))])
    windows = np.take(np.ravel(wide), starts[:, None] + steps)
    return np.reshape(np.matmul(windows, np.ravel(window)), shape)


# By Fourier transforms


def fftconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    """`scipy.signal.fftconvolve`: the product of two spectra, with zeros around the arrays."""
    in1, in2 = _checked(in1, in2, mode)
    if np.ndim(in1) == 0:
        return in1 * in2
    if np.size(in1) == 0 or np.size(in2) == 0:
        return np.zeros(0)
    moved = _moved(np.shape(in1), np.shape(in2), axes)
    if _is_exchanged(np.shape(in1), np.shape(in2), mode, moved):
        in1, in2 = in2, in1
    parts = _parts(np.shape(in1), np.shape(in2), mode, moved)
    if not moved:
        return (in1 * in2)[parts]
    lengths = tuple(_fast(np.shape(in1)[a] + np.shape(in2)[a] - 1) for a in moved)
    if np.result_type(in1, in2).kind == "c":
        spectrum = np.fft.fftn(in1, lengths, moved) * np.fft.fftn(in2, lengths, moved)
        return np.fft.ifftn(spectrum, lengths, moved)[parts]
    spectrum = np.fft.rfftn(in1, lengths, moved) * np.fft.rfftn(in2, lengths, moved)
    return np.fft.irfftn(spectrum, lengths, moved)[parts]


def oaconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    """`scipy.signal.oaconvolve`: the same numbers as by one transform."""
    return fftconvolve(in1, in2, mode, axes)


def _moved(shape1: Any, shape2: Any, axes: Any) -> tuple[int, ...]:
    """The axes along which an array moves; what is of length 1 is broadcast."""
    rank = len(shape1)
    if axes is None:
        axes = tuple(range(rank))
    elif isinstance(axes, int):
        axes = (axes,)
    if len(axes) == 0:
        raise ValueError("when provided, axes cannot be empty")
    axes = tuple(a + rank if a < 0 else a for a in axes)
    if len(set(axes)) < len(axes):
        raise ValueError("all axes must be unique")
    moved = tuple(a for a in axes if shape1[a] != 1 and shape2[a] != 1)
    for a in range(rank):
        if a not in moved and shape1[a] != shape2[a] and 1 not in (shape1[a], shape2[a]):
            raise ValueError(f"incompatible shapes for in1 and in2: {shape1} and {shape2}")
    return moved


def _fast(n: int) -> int:
    """The next length for which transforms are fast."""
    return int(FAST[np.searchsorted(FAST, n)]) if n <= FAST[-1] else n


def lfilter(b: Any, a: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    """`scipy.signal.lfilter` without feedback: each element is a sum of those up to it."""
    b, a, x = np.asarray(b), np.asarray(a), np.asarray(x)
    if np.size(a) != 1 or zi is not None:
        raise ValueError(
            "lfilter is transformed for a of one element, without zi: a filter that feeds back "
            "is a loop"
        )
    b = np.ravel(b) / np.reshape(a, ())
    k, n = np.shape(b)[0], np.shape(x)[axis]
    places = np.arange(n)[:, None] - np.arange(k)
    windows = np.take(np.moveaxis(x, axis, -1), np.maximum(places, 0), axis=-1)
    y = np.sum(np.where(places >= 0, windows, 0) * b, axis=-1)
    return np.moveaxis(y, -1, axis)


# Images with borders


def convolve2d(
    in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0
) -> Any:
    """`scipy.signal.convolve2d`."""
    in1, in2 = _images(in1, in2, mode, boundary)
    if _is_exchanged(np.shape(in1), np.shape(in2), mode, (0, 1)):
        in1, in2 = in2, in1
    before = tuple(m // 2 if mode == "same" else m - 1 for m in np.shape(in2))
    wide = _bordered(in1, np.shape(in2), before, mode, boundary, fillvalue)
    return _slide(wide, np.flip(in2))


def correlate2d(
    in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0
) -> Any:
    """`scipy.signal.correlate2d`: of the array that moves the conjugate, whichever it is."""
    in1, in2 = _images(in1, in2, mode, boundary)
    if _is_exchanged(np.shape(in1), np.shape(in2), mode, (0, 1)):
        return np.flip(_slide(in2, np.conj(in1)))
    before = tuple((m - 1) // 2 if mode == "same" else m - 1 for m in np.shape(in2))
    wide = _bordered(in1, np.shape(in2), before, mode, boundary, fillvalue)
    return _slide(wide, np.conj(in2))


def _images(in1: Any, in2: Any, mode: str, boundary: str) -> tuple[Any, Any]:
    """Two matrices."""
    in1, in2 = _checked(in1, in2, mode)
    if np.ndim(in1) != 2:
        raise ValueError("in1 and in2 must both be 2-D arrays")
    if boundary not in BORDERS:
        raise ValueError(f"boundary must be 'fill', 'wrap' or 'symm', got {boundary!r}")
    return in1, in2


def _bordered(x: Any, window: Any, before: Any, mode: str, boundary: str, fillvalue: Any) -> Any:
    """An image with what a window of a shape needs around it, `before` of that at the beginning."""
    if mode == "valid":
        return x
    widths = tuple(
        (b, m - 1 - b if mode == "same" else m - 1) for b, m in zip(before, window, strict=True)
    )
    if boundary == "fill":
        return np.pad(x, widths, constant_values=fillvalue)
    for axis in (0, 1):
        places = np.pad(np.arange(np.shape(x)[axis]), widths[axis], BORDERS[boundary])
        x = np.take(x, places, axis=axis)
    return x
