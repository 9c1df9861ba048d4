"""Barriers for XLA: a second run of a computation stays apart from the first one."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from redraft.runtime.tf_indexing import compiles_with_xla

INTEGERS = {2: tf.int16, 4: tf.int32, 8: tf.int64}  # by the bytes of a floating-point number


def barrier(saved: list[Any], bars: list[Any]) -> tuple[list[Any], list[Any]]:
    """Tensors that are not merged with equal ones, and not used before those of `bars` are known.

    XLA honours its own barrier while it optimises, but not when it puts the operations in an order. What
    follows from the result must not be computed early, since it would only take memory: so the
    arrays depend on the cotangents, by a condition of which XLA cannot see that it always holds.
    """
    if not compiles_with_xla():
        return list(map(tf.identity, saved)), list(map(tf.identity, bars))
    from tensorflow.compiler.tf2xla.python import xla

    computed = [not is_argument(x) for x in saved]
    kept = list(xla.optimization_barrier(*saved, *bars)) if saved or bars else []
    saved, bars = kept[: len(saved)], kept[len(saved) :]
    known = is_known(bars)
    if known is None:
        return saved, bars
    late = computed if any(computed) else [True] * len(saved)
    pairs = zip(saved, late, strict=True)
    return [after(known, x) if is_late else x for x, is_late in pairs], bars


def is_argument(x: Any) -> bool:
    """Is it an argument of the function that is being traced?"""
    return x.op.type == "Placeholder"


def is_known(bars: list[Any]) -> Any:
    """A truth value that holds, and that is known when the first of the cotangents is."""
    for bar in bars:
        if bar.dtype.is_floating and bar.shape.num_elements():
            bits = tf.bitcast(tf.reshape(bar, [-1])[0], INTEGERS[bar.dtype.size])
            return tf.bitwise.bitwise_and(bits, tf.ones_like(bits)) < 2
    return None


def after(known: Any, x: Any) -> Any:
    """A floating-point array once `known` is known."""
    return tf.where(known, x, tf.zeros_like(x)) if x.dtype.is_floating else x
