"""Helpers of generated code for Fourier transforms."""

from __future__ import annotations

from typing import Any

import numpy as np

from redraft.runtime.shapes import cast_like

OTHER_NORM = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}


def fit_like(z_bar: Any, x: Any, axis: int = -1) -> Any:
    """Cut along an axis, or continued with zeros, to the length of `x`; and in its dtype."""
    count, wanted = np.shape(z_bar)[axis], np.shape(x)[axis]
    if count > wanted:
        z_bar = np.moveaxis(np.moveaxis(z_bar, axis, -1)[..., :wanted], -1, axis)
    elif count < wanted:
        widths = [(0, 0)] * np.ndim(z_bar)
        widths[axis] = (0, wanted - count)
        z_bar = np.pad(z_bar, widths)
    return cast_like(z_bar, x)


def half_weights(n: int, dtype: Any) -> np.ndarray:
    """How often each frequency of half a spectrum stands in the whole one of `n`."""
    weights = np.full(n // 2 + 1, 2, dtype)
    weights[0] = 1
    if n % 2 == 0:
        weights[-1] = 1
    return weights


def twice_inside(z: Any, y: Any, axis: int = -1) -> Any:
    """Half a spectrum, with those frequencies doubled that the real signal `y` has twice."""
    weights = half_weights(np.shape(y)[axis], np.real(z).dtype)
    return np.moveaxis(np.moveaxis(z, axis, -1) * weights, -1, axis)
