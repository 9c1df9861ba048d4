"""QR on tensors, and the helpers of the derivatives of eigenvalues and singular values.

The values themselves come from the host (docs/decisions/0034-decompositions.md).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from redraft.runtime import numpy as rnp
from redraft.runtime import spectral
from redraft.runtime.refusals import refusal
from redraft.runtime.tensors import TensorError
from redraft.runtime.tf_arrays import cast, dtype_of, shape
from redraft.runtime.tf_linalg import matrices

QRResult = type(np.linalg.qr(np.eye(1)))


def qr(x: Any, mode: Any) -> Any:
    """``np.linalg.qr``."""
    (x,) = matrices(x)
    if mode not in ("reduced", "complete", "r"):
        raise TensorError(f"np.linalg.qr: mode={mode!r} has no lowering for tensors")
    q, r = tf.linalg.qr(x, full_matrices=mode == "complete")
    r = tf.linalg.band_part(r, 0, -1)
    return r if mode == "r" else QRResult(q, r)


# Helpers of derivatives, as in redraft.runtime.spectral


def quotient(m: Any, d: Any) -> Any:
    """``m / d``, but 0 wherever `m` is 0."""
    skip = rnp.equal(m, 0)
    ratio = rnp.divide(m, rnp.where(skip, rnp.ones_like(d), d))
    return rnp.where(skip, rnp.zeros_like(ratio), ratio)


def over_gaps(m: Any, w: Any) -> Any:
    """``m[i, j] / (w[j] - w[i])``; 0 on the diagonal, and wherever `m` is 0."""
    gaps = rnp.subtract(rnp.expand_dims(w, -2), rnp.expand_dims(w, -1))
    off = ~np.eye(shape(w)[-1], dtype=bool)
    m = rnp.where(off, m, rnp.zeros_like(m))
    return quotient(m, rnp.where(off, gaps, rnp.ones_like(gaps)))


def on_diagonal(m: Any) -> Any:
    """The matrix without what stands beside its diagonal."""
    return rnp.where(np.eye(shape(m)[-1], dtype=bool), m, rnp.zeros_like(m))


def upper_half(m: Any) -> Any:
    """Upper triangle with half of the diagonal."""
    weights = np.tri(shape(m)[-1]).T - 0.5 * np.eye(shape(m)[-1])
    return rnp.multiply(m, weights.astype(dtype_of(m)))


def thin(u: Any, s: Any) -> Any:
    """Return the singular vectors `u` if there are as many of them as singular values."""
    if shape(u)[-1] != shape(s)[-1]:
        raise refusal(spectral.MORE_VECTORS, "write full_matrices=False, or compute_uv=False")
    return u


def reduced(q: Any, r: Any) -> Any:
    """Return `q` if it has no more columns than the triangle has, else refuse."""
    if shape(q)[-1] > shape(r)[-1]:
        raise refusal(spectral.MORE_COLUMNS, 'write mode="reduced"')
    return q


def pivots(v: Any) -> Any:
    """1 at the largest element of each column, and 0 elsewhere."""
    first = tf.argmax(rnp.abs(v), axis=-2)
    rows = np.arange(shape(v)[-2])
    return cast(rnp.equal(rows[:, None], rnp.expand_dims(first, -2)), dtype_of(rnp.real(v)))


def count_above(values: Any, a: Any, rcond: Any) -> Any:
    """How many of the singular values of `a` count."""
    limit = spectral.cutoff(np.empty(shape(a)[-2:], dtype_of(a)), rcond)
    above = rnp.greater(values, rnp.multiply(limit, values[..., :1]))
    return tf.reduce_sum(tf.cast(above, tf.int32), -1)
