"""Lengths of convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np

from redraft.runtime.definitions import convolutions


def margins(a: Any, v: Any, mode: str) -> tuple[int, int]:
    """How many elements of the full convolution of two arrays a mode leaves out at either end."""
    return convolutions.margins(np.size(a), np.size(v), mode)
