# redraft: gradient of principal_axis (original.py:8) with respect to a, for a batch of a and x.
# Generated, do not edit. Regenerate: redraft golden update principal_axis

import numpy as np
from redraft import runtime as rt


def eigh_bar_vmap(w, v, w_bar, v_bar):
    """eigh_bar (decompositions.py:54) for a batch of w, v, w_bar and v_bar."""
    inner = rt.over_gaps(np.matrix_transpose(v) @ v_bar, w) + rt.diagonal_matrix(np.real(w_bar))
    return rt.symmetric(rt.conj(v) @ inner @ np.matrix_transpose(v))


def principal_axis_grad_vmap(a, x):
    """Gradient of principal_axis (original.py:8) with respect to a, for a batch of a and x."""
    t0 = np.linalg.eigh(a + a.mT)
    w, v = t0
    t1 = np.einsum('ni,ni->n', x, v[:, :, -1])
    t2 = t1 ** 2
    t0_bar = rt.seed_each(w[:, -1] * t2)
    v_bar = rt.zeros_like(v)
    rt.add_at(v_bar, (slice(None), slice(None), -1), rt.align(rt.each_product_bar_y('dot', 2 * t0_bar * w[:, -1] * t1, x, v[:, :, -1], 1, 1, 1), np.ndim(v_bar[slice(None), slice(None), -1])))
    w_bar = rt.zeros_like(w)
    w_bar[:, -1] += t0_bar * t2
    t0_bar = w_bar, v_bar
    t0_bar = eigh_bar_vmap(t0[0], t0[1], t0_bar[0], t0_bar[1])
    return rt.unbroadcast(t0_bar, a) + rt.unbroadcast(t0_bar, a.mT).mT
