"""Interpolation and linear filters of `scipy.ndimage`, computed in double precision as there."""

from __future__ import annotations

from typing import Any

import numpy as np

MODES = (
    "constant", "grid-constant", "nearest", "reflect", "grid-mirror", "mirror", "wrap", "grid-wrap",
)  # fmt: skip


def map_coordinates(
    input: Any, coordinates: Any, output: Any = None, order: int = 3, mode: str = "constant",
    cval: Any = 0.0, prefilter: bool = True,
) -> Any:  # fmt: skip
    """`scipy.ndimage.map_coordinates`: the nearest element, or straight lines between elements."""
    if order not in (0, 1):
        raise ValueError(
            f"map_coordinates is transformed for order=0 and order=1, got order={order}"
        )
    _check(mode, output)
    x, places = np.asarray(input), np.asarray(coordinates, float)
    if len(np.shape(x)) == 0 or len(np.shape(places)) < 2:
        raise ValueError("input and output rank must be > 0")
    if np.shape(places)[0] != len(np.shape(x)):
        raise ValueError("coordinates must have one row for each axis of input")
    # of each corner of a cell: its position in the flat array, and its weight
    index, weight, inside = np.zeros((1, 1), int), np.ones((1, 1)), np.ones((1, 1), bool)
    for axis in range(len(np.shape(x))):
        n = np.shape(x)[axis]
        at = np.ravel(places[axis])
        corners, parts = _nearest(at, n, mode) if order == 0 else _cell(at, n, mode)
        known = _between(at[None, :] if mode == "constant" else corners, n)
        known = np.broadcast_to(known, np.shape(corners))
        along = np.clip(corners, 0, n - 1).astype(int)
        index = _joined(index[:, None] * n + along[None])
        weight = _joined(weight[:, None] * parts[None])
        inside = _joined(np.logical_and(inside[:, None], known[None]))
    values = np.where(inside, np.take(np.ravel(x), index), cval)
    y = np.reshape(np.sum(weight * values, axis=0), np.shape(places)[1:])
    if x.dtype.kind in "iu":
        limits = np.iinfo(x.dtype)
        y = np.clip(np.where(y > 0, np.floor(y + 0.5), np.ceil(y - 0.5)), limits.min, limits.max)
    return y.astype(x.dtype)


def _check(mode: str, output: Any) -> None:
    """Options that all functions have."""
    if output is not None:
        raise ValueError("output= is not for functions that are transformed: take the result")
    if mode not in MODES:
        raise ValueError(f"boundary mode not supported, got {mode!r}")


def _cell(at: Any, n: int, mode: str) -> tuple[Any, Any]:
    """The two elements between which each place is, and their weights."""
    if mode in ("constant", "nearest"):
        at = np.where(at > n - 1, n - 1.0, np.where(at < 0, 0.0, at))
    elif mode == "wrap":
        at = _element(at, n, mode)
    low = np.floor(at)
    part = at - low
    corners = np.stack([_element(low, n, mode), _element(low + 1, n, mode)])
    return corners, np.stack([1 - part, part])


def _nearest(at: Any, n: int, mode: str) -> tuple[Any, Any]:
    """The element next to each place, and its weight."""
    corners = _element(np.floor(_element(at, n, mode) + 0.5), n, mode)[None]
    return corners, np.ones(np.shape(corners))


def _element(k: Any, n: int, mode: str) -> Any:
    """What stands behind the ends of a line of `n` elements: a place in the line."""
    if mode == "grid-constant":
        return k
    if mode in ("constant", "nearest") or n <= 1:
        return np.clip(k, 0, n - 1)
    if mode == "grid-wrap":
        return np.mod(k, n)
    if mode == "mirror":
        once = np.mod(k, 2 * n - 2)  # which side a tie of order 0 falls to is SciPy's choice
        beyond = np.where(once >= n, 2 * n - 2 - once, once)
        return np.where(k < 0, np.abs(np.mod(k + n - 1, 2 * n - 2) - (n - 1)), beyond)
    if mode == "wrap":  # the last element stands where the first one does
        again = np.where(k < 0, n - 1 - np.mod(-k, n - 1), np.mod(k, n - 1))
        return np.where(_between(k, n), k, again)
    once = np.mod(k, 2 * n)
    return np.where(once < n, once, 2 * n - 1 - once)


def _between(k: Any, n: int) -> Any:
    """Is a place in the array?"""
    return np.logical_and(k >= 0, k <= n - 1)


def _joined(pairs: Any) -> Any:
    """Corners along the axes so far, with those along one more, as one axis."""
    return np.reshape(pairs, (np.shape(pairs)[0] * np.shape(pairs)[1], np.shape(pairs)[2]))


# Filters along an axis


def correlate1d(
    input: Any, weights: Any, axis: int = -1, output: Any = None, mode: str = "reflect",
    cval: Any = 0.0, origin: int = 0,
) -> Any:  # fmt: skip
    """`scipy.ndimage.correlate1d`: the weights times what they cover."""
    _check(mode, output)
    x, weights = np.asarray(input), np.asarray(weights)
    if x.dtype.kind not in "fc":
        raise ValueError("input must be of floating-point numbers: write input.astype(float)")
    if len(np.shape(weights)) != 1 or np.shape(weights)[0] < 1:
        raise ValueError("no filter weights given")
    k, n = np.shape(weights)[0], np.shape(x)[axis]
    if not 0 <= k // 2 + origin < k:
        raise ValueError(f"invalid origin, got {origin}")
    complex_type = np.result_type(x, np.complex64)
    given = complex_type if np.result_type(x, weights).kind == "c" else x.dtype
    places = np.arange(n)[:, None] + np.arange(k) - (k // 2 + origin)
    among = _element(places, n, "grid-wrap" if mode == "wrap" else mode)
    windows = np.take(np.moveaxis(x, axis, -1), np.clip(among, 0, n - 1), axis=-1)
    if mode in ("constant", "grid-constant"):
        windows = np.where(_between(places, n), windows, cval)
    y = np.sum(windows * (np.float64(1.0) * np.conj(weights)), axis=-1)
    return np.moveaxis(y.astype(given), -1, axis)


def convolve1d(
    input: Any, weights: Any, axis: int = -1, output: Any = None, mode: str = "reflect",
    cval: Any = 0.0, origin: int = 0,
) -> Any:  # fmt: skip
    """`scipy.ndimage.convolve1d`: the weights in reverse."""
    weights = np.conj(np.asarray(weights)[::-1])
    shift = -origin if np.shape(weights)[0] % 2 else -origin - 1
    return correlate1d(input, weights, axis, output, mode, cval, shift)


def uniform_filter1d(
    input: Any, size: int, axis: int = -1, output: Any = None, mode: str = "reflect",
    cval: Any = 0.0, origin: int = 0,
) -> Any:  # fmt: skip
    """`scipy.ndimage.uniform_filter1d`: means."""
    if size < 1:
        raise ValueError(f"incorrect filter size, got {size}")
    return correlate1d(input, np.ones(size) / size, axis, output, mode, cval, origin)


def gaussian_filter1d(
    input: Any, sigma: float, axis: int = -1, order: int = 0, output: Any = None,
    mode: str = "reflect", cval: Any = 0.0, truncate: float = 4.0, *, radius: Any = None,
) -> Any:  # fmt: skip
    """`scipy.ndimage.gaussian_filter1d`: with the Gaussian, or a derivative of it."""
    reach = int(truncate * float(sigma) + 0.5) if radius is None else radius
    weights = _gaussian(float(sigma), order, reach)[::-1]
    return correlate1d(input, weights, axis, output, mode, cval, 0)


def _gaussian(sigma: float, order: int, reach: int) -> Any:
    """The weights at whole numbers: Hermite's polynomials times those of the Gaussian."""
    if order < 0 or reach < 0:
        raise ValueError("order and radius must be non-negative")
    x = np.arange(-reach, reach + 1) / sigma
    weights = np.exp(-0.5 * x**2)
    weights = weights / np.sum(weights)
    before, hermite = np.zeros(len(x)), np.ones(len(x))
    for i in range(order):
        before, hermite = hermite, x * hermite - i * before
    return weights * hermite / (-sigma) ** order


def gaussian_filter(
    input: Any, sigma: Any, order: Any = 0, output: Any = None, mode: Any = "reflect",
    cval: Any = 0.0, truncate: float = 4.0, *, radius: Any = None, axes: Any = None,
) -> Any:  # fmt: skip
    """`scipy.ndimage.gaussian_filter`: along one axis after the other."""
    x = np.asarray(input)
    rank = len(np.shape(x))
    axes = tuple(range(rank)) if axes is None else (axes,) if isinstance(axes, int) else tuple(axes)
    for i in range(len(axes)):
        width = _of(sigma, i, len(axes))
        if width > 1e-15:
            x = gaussian_filter1d(
                x, width, axes[i], _of(order, i, len(axes)), output, _of(mode, i, len(axes)), cval,
                truncate, radius=_of(radius, i, len(axes)),
            )  # fmt: skip
    return x


def _of(option: Any, i: int, number: int) -> Any:
    """An option for the axis `i` of some."""
    if option is None or isinstance(option, str) or np.ndim(option) == 0:
        return option
    if len(option) != number:
        raise ValueError(f"sequences must have length {number}, got {len(option)}")
    return option[i]
