"""Barriers for XLA: a second run of a computation stays apart from the first one."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from redraft.runtime.tf_indexing import compiles_with_xla


def barrier(tensors: list[Any]) -> list[Any]:
    """The tensors, none of which XLA takes for known before all are."""
    if not tensors:
        return []
    if not compiles_with_xla():
        return list(map(tf.identity, tensors))
    from tensorflow.compiler.tf2xla.python import xla

    return list(xla.optimization_barrier(*tensors))
