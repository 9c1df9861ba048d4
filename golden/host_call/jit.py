# redraft: jit of `host_call` (original.py), staged. Regenerate: redraft golden update host_call

import redraft as rd
from redraft.transpile.staged import array, helper as rt, op, staged_numpy as np


def host_call_island_1(x, weights):
    """Part of `host_call` (original.py:12), compiled by XLA."""
    phase = np.cumsum(op.mul(np.tanh(op.matmul(x, weights)), 4.0))
    return phase


def host_call_island_2(phase, x):
    """Part of `host_call` (original.py:12), compiled by XLA."""
    phase = op.add(op.mul(phase, 1.1), op.mul(np.sin(phase), np.cos(x)))
    return phase


def host_call(x, weights):
    """`host_call` (original.py:12), staged in parts."""
    phase = host_call_island_1(x, weights)
    def body(_, phase):
        phase = host_call_island_2(phase, x)
        wrapped = rd.pure_callback(np.unwrap, rd.ShapeDtypeStruct(array.shape(x), array.dtype(x)), phase, vmap_method='sequential')
        phase = op.mul(0.5, op.add(phase, wrapped))
        return phase
    phase = rt.for_each(range(10), body, phase)
    return np.sum(op.pow(op.sub(phase, x), 2))
