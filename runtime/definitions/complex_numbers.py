"""Derivatives that only complex numbers have."""

from __future__ import annotations

from typing import Any

import numpy as np

from redraft.runtime.elementwise import sign, unimag
from redraft.runtime.spectral import quotient


def sign_turn(t: Any, x: Any) -> Any:
    """What becomes of `sign` along `t`, and its own transpose: a complex number turns."""
    if not np.iscomplexobj(x):
        return np.zeros_like(x)
    direction = sign(x)
    return unimag(np.imag(direction * t), x) * quotient(direction, np.abs(x))
