"""Names of scopes in TensorFlow's graphs and profiles."""

from __future__ import annotations

import re
import sys
from typing import Any

import tensorflow as tf


def scope(path: tuple[str, ...], is_tracing: bool) -> Any:
    """What puts the names of scopes on operations, or on a span of a profile; None if nobody looks."""
    if is_tracing:
        # with a slash at its end a name is taken as it is: it gets no number when it is used again
        return tf.name_scope("/".join(map(valid, path)) + "/")
    if is_profiling():
        return tf.profiler.experimental.Trace("/".join(path))
    return None


def valid(name: str) -> str:
    """A name with the characters that TensorFlow takes; the text of an f-string stands for its value."""
    parts = [re.sub(r"[^A-Za-z0-9_.\\>-]+", "_", part) for part in re.split(r"/+", name)]
    parts = [re.sub(r"^f_(?=.*_$)", "", part).strip("_") or "scope" for part in parts]
    return "/".join(parts)


def is_profiling() -> bool:
    """Is TensorFlow taking a profile?"""
    profiler = sys.modules.get("tensorflow.python.profiler.profiler_v2")
    return getattr(profiler, "_profiler", None) is not None
