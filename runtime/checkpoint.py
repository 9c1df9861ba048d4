"""What stands between generated code and the parts of a program that run twice."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np

from redraft.runtime.refusals import refusal


def barrier(values: Any) -> Any:
    """The values, once all of them are there.

    What is computed from the result is not merged with equal computations on the values themselves,
    and does not begin before the last of them is known. Arrays are computed when Python gets there:
    nothing is to be done for them.
    """
    return values


def segment_length(count: int, segments: int | None) -> int:
    """How many rounds of a loop of `count` rounds a segment has.

    Raises:
        ValueError: `segments` is no positive number.
    """
    if segments is None:
        segments = math.isqrt(max(count - 1, 0)) + 1
    if isinstance(segments, bool) or not hasattr(type(segments), "__index__") or segments < 1:
        raise ValueError(f"checkpoint_loop takes a positive number of segments, got {segments!r}")
    return max(-(-count // int(segments)), 1)


def sequence(x: Any) -> Any:
    """Something to loop over as what has a length and can be indexed."""
    indexed = isinstance(x, (list, tuple, range, np.ndarray)) or hasattr(x, "dtype")
    return x if indexed else list(x)


def checkpoint_name(x: Any, name: str) -> Any:
    """The value itself, with a name by which the policy of a `checkpoint` may keep it.

    Args:
        x: a value.
        name: the name.
    """
    return x


def refuse_once(x: Any) -> None:
    """Refuse an argument of a checkpointed function that is another one when the function runs again.

    Raises:
        TransformError: it is a random generator, or an iterator.
    """
    if isinstance(x, (list, tuple, dict, np.ndarray, range, str)):
        return
    draws = isinstance(x, (np.random.Generator, np.random.RandomState, random.Random))
    if draws or hasattr(type(x), "__next__"):
        what = "a random generator" if draws else "an iterator"
        raise refusal(
            f"{what} as an argument of a checkpointed function, which runs again",
            "draw the numbers outside of it" if draws else "pass a list",
        )
