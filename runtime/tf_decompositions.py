"""Eigenvalues, singular values and QR on tensors, and the helpers of their derivatives.

XLA's own accuracy is asked for where it has a choice: with the default, singular vectors are good
to seven digits. Its eigenvalues of complex Hermitian matrices are wrong on CPU, and it has no
complex singular values, so both are refused there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from redraft.runtime import numpy as rnp
from redraft.runtime import spectral
from redraft.runtime.refusals import refusal
from redraft.runtime.tensors import TensorError
from redraft.runtime.tf_arrays import dtype_of, is_complex, shape
from redraft.runtime.tf_indexing import compiles_with_xla
from redraft.runtime.tf_linalg import matrices

EighResult = type(np.linalg.eigh(np.eye(1)))
SVDResult = type(np.linalg.svd(np.eye(1)))
QRResult = type(np.linalg.qr(np.eye(1)))


def one_triangle(a: Any, triangle: Any) -> Any:
    """The Hermitian matrix of which a triangle is given, as NumPy reads it."""
    if triangle not in ("L", "U", "l", "u"):
        raise ValueError("UPLO argument must be 'L' or 'U'")
    half = tf.linalg.band_part(a, *((-1, 0) if triangle in "Ll" else (0, -1)))
    diagonal = tf.linalg.diag_part(a)
    if is_complex(a):
        diagonal = tf.cast(tf.math.real(diagonal), a.dtype)
    return half + tf.linalg.adjoint(half) - tf.linalg.diag(tf.linalg.diag_part(half)) * 2 + (
        tf.linalg.diag(diagonal)
    )  # fmt: skip


def eigh(a: Any, triangle: Any) -> Any:
    """``np.linalg.eigh``."""
    (a,) = matrices(a)
    return EighResult(*hermitian_parts(one_triangle(a, triangle)))


def eigvalsh(a: Any, triangle: Any) -> Any:
    """``np.linalg.eigvalsh``."""
    (a,) = matrices(a)
    return hermitian_parts(one_triangle(a, triangle))[0]


def hermitian_parts(a: Any) -> tuple[Any, Any]:
    """Eigenvalues in ascending order, and vectors.

    Under XLA they are the singular values of the matrix moved to the positive side, since XLA's
    eigenvectors are good to seven digits whatever accuracy it is asked for.
    """
    if not compiles_with_xla():
        values, vectors = tf.linalg.eigh(a)
        return tf.math.real(values), vectors
    if is_complex(a):
        raise TensorError("np.linalg.eigh of complex matrices has no lowering for XLA")
    size = tf.sqrt(tf.reduce_sum(tf.square(a), [-2, -1], keepdims=True))
    size = tf.where(tf.equal(size, 0), tf.ones_like(size), 2 * size)
    identity = tf.eye(shape(a)[-1], dtype=a.dtype)
    values, vectors, _ = singular_parts(a + size * identity)
    return tf.reverse(values - size[..., 0], [-1]), tf.reverse(vectors, [-1])


def singular_parts(a: Any) -> tuple[Any, Any, Any]:
    """Singular values and all vectors that the library gives: at least the thin ones."""
    if not compiles_with_xla() or 0 in shape(a)[-2:]:
        return tf.linalg.svd(a, full_matrices=True)
    if is_complex(a):
        raise TensorError("np.linalg.svd of complex matrices has no lowering for XLA")
    from tensorflow.compiler.tf2xla.python import xla

    return xla.svd(
        a, max_iter=100, epsilon=float(np.finfo(dtype_of(a)).eps) * 4, precision_config=""
    )


def svd(a: Any, full_matrices: Any, compute_uv: Any, hermitian: Any) -> Any:
    """``np.linalg.svd``."""
    (a,) = matrices(a)
    if hermitian:
        return svd_of_hermitian(one_triangle(a, "L"), compute_uv)
    values, u, v = singular_parts(a)
    if not compute_uv:
        return values
    if not full_matrices:
        count = min(shape(a)[-2:])
        u, v = u[..., :count], v[..., :count]
    return SVDResult(u, values, tf.linalg.adjoint(v))


def svd_of_hermitian(a: Any, compute_uv: Any) -> Any:
    """The same by eigenvalues, largest first; their signs go into the second vectors."""
    values, vectors = hermitian_parts(a)
    order = tf.argsort(tf.abs(values), direction="DESCENDING", stable=True)
    values = tf.gather(values, order, batch_dims=len(shape(values)) - 1)
    if not compute_uv:
        return tf.abs(values)
    vectors = tf.gather(vectors, order, axis=-1, batch_dims=len(shape(values)) - 1)
    signs = tf.cast(tf.where(values < 0, -tf.ones_like(values), tf.ones_like(values)), a.dtype)
    return SVDResult(vectors, tf.abs(values), tf.linalg.adjoint(vectors * signs[..., None, :]))


def qr(x: Any, mode: Any) -> Any:
    """``np.linalg.qr``."""
    (x,) = matrices(x)
    if mode not in ("reduced", "complete", "r"):
        raise TensorError(f"np.linalg.qr: mode={mode!r} has no lowering for tensors")
    q, r = tf.linalg.qr(x, full_matrices=mode == "complete")
    r = tf.linalg.band_part(r, 0, -1)
    return r if mode == "r" else QRResult(q, r)


def pinv(x: Any, rcond: Any, hermitian: Any, rtol: Any) -> Any:
    """``np.linalg.pinv``: singular values below a part of the largest count as zero."""
    (x,) = matrices(x)
    if rcond is None and rtol is None:
        cut = 1e-15
    elif rcond is None:
        cut = rtol
    else:
        cut = rcond
    u, values, vh = svd(x, False, True, hermitian)
    limit = rnp.multiply(
        tf.cast(cut, values.dtype)[..., None], rnp.max(values, axis=-1, keepdims=True)
    )
    kept = values > limit
    inverse = tf.where(
        kept, 1 / tf.where(kept, values, tf.ones_like(values)), tf.zeros_like(values)
    )
    scaled = tf.cast(inverse, x.dtype)[..., :, None] * tf.linalg.adjoint(u)
    return tf.matmul(vh, scaled, adjoint_a=True)


# Helpers of derivatives


def quotient(m: Any, d: Any) -> Any:
    """As `redraft.runtime.spectral.quotient`."""
    skip = rnp.equal(m, 0)
    ratio = rnp.divide(m, rnp.where(skip, rnp.ones_like(d), d))
    return rnp.where(skip, rnp.zeros_like(ratio), ratio)


def over_gaps(m: Any, w: Any) -> Any:
    """As `redraft.runtime.spectral.over_gaps`."""
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


def unless_square(m: Any, q: Any) -> Any:
    """What lies outside the span of the columns of `q`."""
    return m if shape(q)[-1] < shape(q)[-2] else rnp.zeros_like(m)


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
